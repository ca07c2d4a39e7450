/* Rules that could never match, that would be without effect, and policies that do not say what may be started: refused when applied. */
#include "policy_text.h"

#include "core/crypto.h"
#include "server/policy/policy_check.h"
#include "server/policy/policy_quoted.h"

#define D1 "\"sha256:1111111111111111111111111111111111111111111111111111111111111111\""
#define D2 "\"sha256:2222222222222222222222222222222222222222222222222222222222222222\""
#define D3 "\"sha256:3333333333333333333333333333333333333333333333333333333333333333\""
#define SEPARATOR "\"sha256:df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119\""
#define SEPARATOR_384                                               \
    "\"sha384:394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573" \
    "ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0\""
/* "Exit Boot Services Invocation" */
#define EXIT "\"sha256:d8043d6b7b85ad358eb3b6ae6a873ab7ef23a26352c5dc4faa5aeedacf5eb41b\""
#define SECURE_BOOT_IS_ON "\"sha256:ccfc4bb32888a345bc8aeadaba552b627d99348c767681ab3141f5b01e40a40e\""

static void assert_parsed(const char *text)
{
    struct policy_file policy;
    rules_must_parse(bs_span_of_string(text), &policy);
    policy_free(&policy);
}

/* With this place and these words in the complaint. */
static void assert_refused(const char *text, const char *place, const char *words)
{
    struct policy_file policy = { 0 };
    struct conf_problem problem = { "" };
    char key[64];
    snprintf(key, sizeof(key), ": %s: ", place);
    if (policy_parse_rules(bs_span_of_string(text), &policy, &problem) != BS_ERR_CONFIG)
        fail_msg("%s: is taken", text);
    if (!strstr(problem.text, key) || !strstr(problem.text, words))
        fail_msg("%s: \"%s\" and \"%s\" are not in \"%s\"", text, key, words, problem.text);
    assert_null(policy.conf);
}

/* Each of its rules is right by itself; where place is empty, so is the whole. */
static void assert_started(const char *text, const char *place, const char *words)
{
    struct policy_file policy = { 0 };
    struct conf_problem problem = { "" };
    char key[64];
    assert_parsed(text);
    snprintf(key, sizeof(key), ": %s: ", place);
    enum bs_err err = policy_parse(bs_span_of_string(text), &policy, &problem);
    if (err != (*place ? BS_ERR_CONFIG : BS_OK))
        fail_msg("%s: %s", text, problem.text);
    if (*place && (!strstr(problem.text, key) || !strstr(problem.text, words)))
        fail_msg("%s: \"%s\" and \"%s\" are not in \"%s\"", text, key, words, problem.text);
    assert_true(*place ? !policy.conf : policy.conf != NULL);
    policy_free(&policy);
}

#define FOUR "name = \"p\"; pcrs: { events = [4, 9]; ignore = [7]; };"
#define SEVEN "name = \"p\"; pcrs: { events = [7, 9]; ignore = [4]; };"
#define VALUE(pcr) "values = ( { pcr = " pcr "; digests = [" D1 "]; } );"

static void what_may_be_started_is_said(void **state)
{
    (void)state;
    static const char *const demand = "must name what has to be started", *const on =
                                                                              "must be \"on\" where PCR 4 is not";
    assert_started("name = \"p\"; pcrs: { events = [8, 9, 11]; whole = [3]; ignore = [4, 7]; };" VALUE("3"), "pcrs",
                   "put PCR 4, or PCR 7 with Secure Boot on, into pcrs.events or pcrs.whole");
    /* By values: who gives one knows what was started then; that Secure Boot was on, if that is all, the judge asks the log. */
    assert_started("name = \"p\"; pcrs: { events = [9]; whole = [7]; };" VALUE("7"), "", "");
    assert_started("name = \"p\"; pcrs: { events = [9]; whole = [4]; };" VALUE("4"), "", "");
    /* By what is in PCR 4. Without a demand a boot would be good of which it tells nothing (direct-kernel-cloud.bin). */
    assert_started(FOUR, "applications", demand);
    assert_started(FOUR "applications = ( { name = \"a\"; digests = [" D1 "]; optional = true; } );"
                        "measured = ( { pcr = 4; digests = [" D2 "]; optional = true; }, { pcr = 9; digests = [" D1
                        "]; } );",
                   "applications", demand);
    assert_started(FOUR "applications = ( { name = \"a\"; digests = [" D1
                        "]; optional = true; }, { name = \"b\"; digests = [" D2 "]; } );",
                   "", "");
    assert_started(FOUR "applications = ( { release = \"r\"; } );", "", "");
    assert_started(FOUR "measured = ( { pcr = 4; digests = [" D1 "]; } );", "", "");
    /* By Secure Boot. */
    assert_started(SEVEN "secure_boot = \"on\";", "", "");
    assert_started(SEVEN "secure_boot = \"off\";", "secure_boot", on);
    assert_started(SEVEN, "secure_boot", on);
    assert_started("name = \"p\"; pcrs: { events = [4, 7]; }; secure_boot = \"on\";", "", "");
    assert_started("name = \"p\"; pcrs: { events = [4, 7]; }; secure_boot = \"off\";", "applications", demand);
    /* A release without PCR 4 in it says nothing of what was started. */
    assert_started(SEVEN "applications = ( { release = \"r\"; } );", "secure_boot", on);
}

#define HEAD                                                                       \
    "name = \"p\"; pcrs: { events = [0, 1, 4, 5, 7, 9, 11, 14]; whole = [2]; };\n" \
    "values = ( { pcr = 2; digests = [" D1 "]; } );\n"

static void what_every_firmware_measures_no_rule_gets(void **state)
{
    (void)state;
    static const char *const words = "every firmware measures it";
    assert_refused(HEAD "measured = ( { pcr = 5; digests = [" D1 ", " EXIT "]; } );", "measured.[0].digests.[1]",
                   words);
    assert_refused(HEAD "measured = ( { pcr = 0; digests = [" SEPARATOR "]; } );", "measured.[0].digests.[0]", words);
    assert_refused(HEAD "measured = ( { pcr = 0; digests = [" D1 ", " SEPARATOR_384 "]; } );",
                   "measured.[0].digests.[1]", words);
    assert_refused(HEAD "variables = ( { name = \"BootOrder\"; digests = [" SEPARATOR "]; } );",
                   "variables.[0].digests.[0]", words);
    assert_refused(HEAD "applications = ( { name = \"a\"; digests = [" D1 "]; }, { name = \"b\"; digests = [" SEPARATOR
                        "]; } );",
                   "applications.[1].digests.[0]", words);
    /* Elsewhere it is an event like any other. */
    assert_parsed(HEAD "measured = ( { pcr = 9; digests = [" SEPARATOR "]; }, { pcr = 4; digests = [" EXIT "]; } );");
    assert_parsed(HEAD "initrd = [" SEPARATOR "];");
}

static void what_secure_boot_takes_no_other_rule_gets(void **state)
{
    (void)state;
    static const char *const on = "secure_boot = \"on\";";
    char text[600];
    snprintf(text, sizeof(text), HEAD "%s measured = ( { pcr = 7; digests = [" SECURE_BOOT_IS_ON "]; } );", on);
    assert_refused(text, "measured.[0].digests.[0]", "which secure_boot takes");
    assert_parsed(HEAD "measured = ( { pcr = 7; digests = [" SECURE_BOOT_IS_ON "]; } );");
    snprintf(text, sizeof(text), HEAD "%s measured = ( { pcr = 1; digests = [" SECURE_BOOT_IS_ON "]; } );", on);
    assert_parsed(text);
}

static void what_an_earlier_rule_takes_a_later_one_does_not_get(void **state)
{
    (void)state;
    assert_refused(HEAD "variables = ( { name = \"dbx\"; digests = [" D1 "]; } );"
                        "measured = ( { pcr = 7; digests = [" D2 ", " D1 "]; } );",
                   "measured.[0].digests.[1]", "the variable dbx takes it first");
    assert_refused(HEAD "variables = ( { name = \"Boot0000\"; digests = [" D1
                        "]; }, { name = \"Boot0001\"; digests = [" D2 ", " D1 "]; } );",
                   "variables.[1].digests.[1]", "the variable Boot0000 takes it first");
    assert_refused(HEAD "applications = ( { name = \"shim\"; digests = [" D1 "]; } );"
                        "measured = ( { pcr = 4; digests = [" D1 "]; } );",
                   "measured.[0].digests.[0]", "applications take it first, as shim");
    assert_refused(HEAD "initrd = [" D1 "]; measured = ( { pcr = 9; digests = [" D1 "]; } );",
                   "measured.[0].digests.[0]", "initrd takes it first");
    assert_refused(HEAD "variables = ( { name = \"x\"; pcr = 9; digests = [" D1 "]; } ); initrd = [" D1 "];",
                   "initrd.[0]", "the variable x takes it first");
    assert_refused(HEAD "variables = ( { name = \"x\"; pcr = 4; digests = [" D1 "]; } );"
                        "applications = ( { name = \"a\"; digests = [" D1 "]; } );",
                   "applications.[0].digests.[0]", "the variable x takes it first");
    /* In another PCR it is another event. */
    assert_parsed(HEAD "variables = ( { name = \"dbx\"; digests = [" D1 "]; }, { name = \"BootOrder\"; digests = [" D1
                       "]; } ); applications = ( { name = \"a\"; digests = [" D1 "]; } ); initrd = [" D1 "];"
                       "measured = ( { pcr = 0; digests = [" D1 "]; }, { pcr = 5; digests = [" D1 "]; } );");
    /* What several groups of one rule name is there for each of them. */
    assert_parsed(HEAD "applications = ( { name = \"a\"; digests = [" D1 ", " D2 "]; }, { name = \"b\"; digests = [" D2
                       ", " D3 "]; } );");
    assert_parsed(HEAD "measured = ( { pcr = 9; digests = [" D1 ", " D2 "]; }, { pcr = 9; digests = [" D2 "]; } );");
}

static void twice_the_same_is_no_demand_for_two(void **state)
{
    (void)state;
    static const char *const words = "is there twice, which demands no more than once";
    assert_refused(HEAD "applications = ( { name = \"a\"; digests = [" D1 ", " D2 "]; }, { name = \"b\"; digests = [" D2
                        ", " D1 "]; } );",
                   "applications.[1]", words);
    assert_refused(HEAD "applications = ( { release = \"r\"; }, { name = \"a\"; digests = [" D1
                        "]; }, { release = \"r\"; } );",
                   "applications.[2]", words);
    assert_refused(HEAD "measured = ( { pcr = 9; digests = [" D1 "]; }, { pcr = 0; digests = [" D2
                        "]; }, { pcr = 9; digests = [" D1 "]; optional = true; } );",
                   "measured.[2]", words);
    assert_parsed(HEAD "measured = ( { pcr = 9; digests = [" D1 "]; }, { pcr = 0; digests = [" D1 "]; } );");
    assert_parsed(HEAD "applications = ( { release = \"r\"; }, { release = \"s\"; }, { name = \"r\"; digests = [" D1
                       "]; } );");
}

#define SIGNER(variable) "signers = ( { variable = \"" variable "\"; subject = \"CN=x\"; } );"

static void signers_without_secure_boot_admit_nothing(void **state)
{
    (void)state;
    static const char *const words = "with Secure Boot off nothing asks";
    assert_refused(HEAD "secure_boot = \"off\";" SIGNER("MokList"), "signers.[0].variable", words);
    assert_refused(HEAD "secure_boot = \"off\";" SIGNER("Shim"), "signers.[0].variable", words);
    assert_parsed(HEAD "secure_boot = \"off\";" SIGNER("db")); /* which is measured whether it is on or not */
    assert_parsed(HEAD "secure_boot = \"on\";" SIGNER("MokList"));
    assert_parsed(HEAD SIGNER("Shim"));
    /* Whose signer is in MokList says nothing of what is in it, which is measured elsewhere. */
    assert_parsed(HEAD SIGNER("MokList") "variables = ( { name = \"MokList\"; digests = [" D1 "]; } );");
    assert_refused(HEAD SIGNER("KEK") "variables = ( { name = \"KEK\"; digests = [" D1 "]; } );", "variables.[0].name",
                   "signers already say");
}

static void names_that_nothing_has_are_refused(void **state)
{
    (void)state;
    assert_refused(HEAD "applications = ( { release = \"gw 1.4\"; } );", "applications.[0].release",
                   "no reference has such a name");
    assert_refused("name = \"p\"; pcrs: { events = [4]; whole = [2]; }; values = ( { pcr = 2; reference = \".a\"; } );",
                   "values.[0].reference", "no reference has such a name");
    assert_refused(HEAD "sections = ( { name = \".initramfs\"; digests = [" D1 "]; } );", "sections.[0].name",
                   "measures no section .initramfs");
    assert_refused(HEAD "sections = ( { name = \".pcrsig\"; digests = [" D1 "]; } );", "sections.[0].name",
                   "measures no section .pcrsig");
    assert_parsed(HEAD "sections = ( { name = \".dtbauto\"; digests = [" D1
                       "]; }, { name = \".pcrpkey\"; digests = [" D1 "]; } );");
    assert_refused(HEAD "tpm = ( { manufacturer = \"STM \"; } );", "tpm.[0].manufacturer", "without blanks");
    assert_refused(HEAD "tpm = ( { manufacturer = \"ifx\"; } );", "tpm.[0].manufacturer", "in capitals");
    assert_refused(HEAD "tpm = ( { manufacturer = \"INTEL\"; } );", "tpm.[0].manufacturer", "its letters");
    assert_parsed(HEAD "tpm = ( { manufacturer = \"STM\"; }, { manufacturer = \"id:0000abCD\"; } );");
}

#define LINE(rules) HEAD "command_line: { " rules " };"

static void words_that_say_nothing_are_refused(void **state)
{
    (void)state;
    assert_refused(LINE("required = [\"ro\", \"--\"];"), "command_line.required.[1]", "the kernel's words end");
    assert_refused(LINE("required = [\"root=/dev/sda\", \"root=\"];"), "command_line.required.[1]",
                   "would allow other");
    assert_refused(LINE("required = [\"root=\", \"root=/dev/sda\"];"), "command_line.required.[0]",
                   "would allow other");
    assert_parsed(LINE("required = [\"root=\", \"rootfstype=ext4\", \"ro\"]; forbidden = [\"--\", \"init=\"];"));
    assert_parsed(LINE("required = [\"console=ttyS0\", \"console=tty0\"];"));
    assert_refused(LINE("required = [\"ro\", \"ro\"];"), "command_line.required.[1]", "is there twice");
    assert_refused(LINE("forbidden = [\"ro\", \"rw\", \"ro\"];"), "command_line.forbidden.[2]", "is there twice");
    assert_refused(LINE("exact = [\"ro\", \"ro\"];"), "command_line.exact.[1]", "is there twice");
}

#define FIRMWARE(pcrs, rules) "name = \"p\"; pcrs: { " pcrs " }; firmware: { " rules " };"
#define WHOLE "events = [4]; whole = [0];"
#define EVENTS "events = [0, 4];"
#define KNOWN                                                    \
    "known = ( { vendor = \"V\"; version = \"1\"; values = [" D1 \
    "]; }, { vendor = \"W\"; version = \"2\"; values = [" D2 "]; } );"

static void builds_and_ranges_that_decide_nothing_are_refused(void **state)
{
    (void)state;
    assert_refused(FIRMWARE(WHOLE, "known = ( { version = \"1\"; values = [" D1 "]; }, { version = \"2\"; values = [" D2
                                   ", " D1 "]; } );"),
                   "firmware.known.[1].values", "an earlier build");
    assert_refused(FIRMWARE(WHOLE, KNOWN "allow = ( { minimum = \"1\"; }, { minimum = \"3\"; } );"),
                   "firmware.allow.[1]", "no build of firmware.known is within it");
    assert_refused(FIRMWARE(EVENTS, KNOWN "allow = ( { vendor = \"V\"; minimum = \"2\"; } );"), "firmware.allow.[0]",
                   "no build of firmware.known is within it");
    assert_parsed(FIRMWARE(EVENTS, KNOWN "allow = ( { minimum = \"3\"; } );")); /* which may be measured */
}

static void assert_note(const char *text, const char *words)
{
    struct policy_file policy;
    char note[POLICY_NOTE_SIZE];
    rules_must_parse(bs_span_of_string(text), &policy);
    policy_note(&policy, note);
    if (words ? strstr(note, words) == NULL : note[0] != '\0')
        fail_msg("\"%s\" of %s", note, text);
    policy_free(&policy);
}

/* A list of bad versions is kept for builds that may come; one that denies nothing may be a slip of the pen, too. */
static void a_range_that_denies_nothing_yet_is_taken_and_told(void **state)
{
    (void)state;
    assert_note(FIRMWARE(WHOLE, KNOWN "deny = ( { vendor = \"v\"; maximum = \"1\"; } );"), "1 of 1 ranges, first [0]");
    assert_note(FIRMWARE(EVENTS, KNOWN "deny = ( { maximum = \"1\"; }, { minimum = \"3\"; }, { vendor = \"X\"; } );"),
                "2 of 3 ranges, first [1]");
    assert_note(FIRMWARE(WHOLE, KNOWN "allow = ( { vendor = \"V\"; } ); deny = ( { minimum = \"3\"; } );"),
                "1 of 1 ranges");
    assert_note(FIRMWARE(EVENTS, KNOWN "allow = ( { minimum = \"1\"; } ); deny = ( { minimum = \"3\"; } );"), NULL);
    assert_note(FIRMWARE(WHOLE, KNOWN "deny = ( { vendor = \"V\"; maximum = \"1\"; } );"), NULL);
    assert_note(FIRMWARE(WHOLE, KNOWN), NULL);
}

static void ranges_that_leave_nothing_are_refused(void **state)
{
    (void)state;
    static const char *const all = "firmware.deny refuses all of it", *const nothing = "approves nothing";
    assert_refused(FIRMWARE(EVENTS,
                            "allow = ( { minimum = \"1.2\"; maximum = \"1.9\"; } ); deny = ( { minimum = \"1.2\"; "
                            "maximum = \"2\"; } );"),
                   "firmware.allow.[0]", all);
    assert_refused(FIRMWARE(EVENTS, "allow = ( { maximum = \"1\"; } ); deny = ( { maximum = \"1\"; } );"),
                   "firmware.allow.[0]", all);
    assert_refused(FIRMWARE(EVENTS, KNOWN "allow = ( { vendor = \"V\"; maximum = \"1\"; }, { minimum = \"2\"; } );"
                                          "deny = ( { vendor = \"V\"; maximum = \"1\"; } );"),
                   "firmware.allow.[0]", all);
    assert_parsed(
        FIRMWARE(EVENTS, "allow = ( { minimum = \"1.2\"; maximum = \"1.9\"; } ); deny = ( { minimum = \"1.3\"; } );"));
    assert_parsed(
        FIRMWARE(EVENTS, "allow = ( { minimum = \"1.2\"; } ); deny = ( { minimum = \"1.2\"; maximum = \"1.3\"; } );"));
    assert_parsed(
        FIRMWARE(EVENTS, "allow = ( { maximum = \"1.2\"; } ); deny = ( { minimum = \"1.0\"; maximum = \"1.2\"; } );"));
    assert_parsed(FIRMWARE(EVENTS, "allow = ( { maximum = \"1.9\"; } ); deny = ( { maximum = \"1.2\"; } );"));
    /* A range of a maker is none of what is measured. */
    assert_refused(
        FIRMWARE(EVENTS, KNOWN "allow = ( { vendor = \"V\"; } ); deny = ( { minimum = \"1\"; maximum = \"1\"; } );"),
        "firmware", nothing);
    /* What is measured has no maker, so that any who is denied may be it. */
    assert_refused(FIRMWARE(EVENTS, "allow = ( { minimum = \"1\"; } ); deny = ( { vendor = \"V\"; } );"), "firmware",
                   nothing);
    assert_parsed(FIRMWARE(EVENTS, KNOWN "allow = ( { minimum = \"1\"; } ); deny = ( { vendor = \"V\"; } );"));
    assert_refused(FIRMWARE(WHOLE, KNOWN "deny = ( { vendor = \"V\"; }, { minimum = \"2\"; } );"), "firmware", nothing);
    assert_refused(FIRMWARE(WHOLE, KNOWN "allow = ( { vendor = \"V\"; } ); deny = ( { maximum = \"1\"; } );"),
                   "firmware", nothing);
}

/* With `firmware` the value alone is not enough, so that it would only look like a permission. */
static void values_beside_firmware_are_refused(void **state)
{
    (void)state;
    assert_refused("name = \"p\"; pcrs: { events = [4]; whole = [0]; }; firmware: { " KNOWN " };"
                   "values = ( { pcr = 0; digests = [" D3 "]; } );",
                   "values.[0]", "has no effect");
    assert_parsed("name = \"p\"; pcrs: { events = [4]; whole = [0, 2]; }; firmware: { " KNOWN " };"
                  "values = ( { pcr = 2; digests = [" D3 "]; } );");
}

/* More of a version than is compared would be cut from it. */
static void a_version_is_compared_whole(void **state)
{
    (void)state;
    char text[600], version[122];
    memset(version, '1', sizeof(version) - 1);
    version[121] = '\0';
    for (int length = 121; length >= 120; length--) {
        version[length] = '\0';
        snprintf(text, sizeof(text), FIRMWARE(WHOLE, "known = ( { version = \"%s\"; values = [" D1 "]; } );"), version);
        if (length > 120)
            assert_refused(text, "firmware.known.[0].version", "120");
        else
            assert_parsed(text);
    }
}

static void assert_quoted(const char *text, const char *place, const char *words)
{
    static const struct policy_quoted quoted = { 0x1295, 12, CRYPTO_SHA256 }; /* 0, 2, 4, 7, 9, 12 */
    struct policy_file policy;
    struct conf_problem problem = { "" };
    char key[64];
    rules_must_parse(bs_span_of_string(text), &policy);
    enum bs_err err = policy_check_quoted(&policy, &quoted, &problem);
    snprintf(key, sizeof(key), ": %s: ", place);
    if (err != (*place ? BS_ERR_CONFIG : BS_OK) ||
        (*place && (!strstr(problem.text, key) || !strstr(problem.text, words))))
        fail_msg("%s: \"%s\" and \"%s\" are not in \"%s\"", text, key, words, problem.text);
    policy_free(&policy);
}

#define PCRS(pcrs) "name = \"p\"; pcrs: { " pcrs " };"
#define OTHER "\"sha1:1111111111111111111111111111111111111111\""

static void a_policy_is_about_what_is_quoted(void **state)
{
    (void)state;
    assert_quoted(PCRS("events = [4]; ignore = [0, 2, 7, 9];"), "", "");
    assert_quoted(PCRS("events = [4, 12]; ignore = [0, 2, 5, 7, 9];"), "", "");
    assert_quoted(PCRS("events = [4, 5]; ignore = [0, 2, 7, 9];"), "pcrs", "PCR 5 is not quoted");
    assert_quoted(
        PCRS("events = [4]; whole = [5]; ignore = [0, 2, 7, 9];") "values = ( { pcr = 5; reference = \"r\"; } );",
        "pcrs", "PCR 5 is not quoted");
    assert_quoted(PCRS("events = [4]; ignore = [0, 2, 7];"), "pcrs", "says nothing about PCR 9");
}

static void a_list_has_a_digest_of_the_bank_that_is_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *format, *place;
    } lists[] = {
        { "variables = ( { name = \"dbx\"; digests = [%s]; } );", "variables.[0].digests" },
        { "applications = ( { release = \"r\"; }, { name = \"a\"; digests = [%s]; } );", "applications.[1].digests" },
        { "initrd = [%s];", "initrd" },
        { "measured = ( { pcr = 9; digests = [%s]; optional = true; } );", "measured.[0].digests" },
        { "firmware: { known = ( { version = \"1\"; values = [%s]; } ); };", "firmware.known.[0].values" },
        { "values = ( { pcr = 2; reference = \"r\"; }, { pcr = 2; digests = [%s]; } );", "values.[1].digests" },
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        char text[600], *rest = strstr(lists[i].format, "%s") + 2;
        static const char *const digests[] = { OTHER, OTHER ", " D1, D1 };
        for (size_t k = 0; k < COUNT(digests); k++) {
            const char *values =
                strncmp(lists[i].format, "values", 6) == 0 ? "" : "values = ( { pcr = 2; reference = \"r\"; } );";
            snprintf(text, sizeof(text), PCRS("events = [0, 4, 7, 9]; whole = [2];") "%s %.*s%s%s", values,
                     (int)(rest - 2 - lists[i].format), lists[i].format, digests[k], rest);
            assert_quoted(text, k == 0 ? lists[i].place : "", "devices quote the sha256 bank");
        }
    }
    struct policy_file policy;
    struct conf_problem problem;
    static const struct policy_quoted quoted = { 0x810, 12, CRYPTO_SHA384 };
    static const char *const sections =
        PCRS("events = [4, 11];") "sections = ( { name = \".linux\"; digests = [" D1 "]; } );";
    rules_must_parse(bs_span_of_string(sections), &policy);
    assert_err(policy_check_quoted(&policy, &quoted, &problem), BS_ERR_CONFIG);
    assert_non_null(strstr(problem.text, "sections.[0].digests: can never match: devices quote the sha384 bank"));
    policy_free(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_be_started_is_said),
        cmocka_unit_test(what_every_firmware_measures_no_rule_gets),
        cmocka_unit_test(what_secure_boot_takes_no_other_rule_gets),
        cmocka_unit_test(what_an_earlier_rule_takes_a_later_one_does_not_get),
        cmocka_unit_test(twice_the_same_is_no_demand_for_two),
        cmocka_unit_test(signers_without_secure_boot_admit_nothing),
        cmocka_unit_test(names_that_nothing_has_are_refused),
        cmocka_unit_test(words_that_say_nothing_are_refused),
        cmocka_unit_test(builds_and_ranges_that_decide_nothing_are_refused),
        cmocka_unit_test(a_range_that_denies_nothing_yet_is_taken_and_told),
        cmocka_unit_test(ranges_that_leave_nothing_are_refused),
        cmocka_unit_test(values_beside_firmware_are_refused),
        cmocka_unit_test(a_version_is_compared_whole),
        cmocka_unit_test(a_policy_is_about_what_is_quoted),
        cmocka_unit_test(a_list_has_a_digest_of_the_bank_that_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
