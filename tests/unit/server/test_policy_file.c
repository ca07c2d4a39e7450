/* What is a policy, and what is refused when it is applied. */
#include "unit.h"

#include "server/policy/command_line.h"
#include "server/policy/policy_file.h"
#include "server/policy/version.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define F1 "1111111111111111111111111111111111111111111111111111111111111111"

static void assert_parsed(const char *text)
{
    struct policy_file policy;
    struct conf_problem problem;
    if (policy_parse(bs_span_of_string(text), &policy, &problem) != BS_OK)
        fail_msg("%s: %s", text, problem.text);
    policy_free(&policy);
}

/* Refused, with these words in the complaint. */
static void assert_refused(const char *text, const char *words)
{
    struct policy_file policy;
    struct conf_problem problem = { "" };
    assert_err(policy_parse(bs_span_of_string(text), &policy, &problem), BS_ERR_CONFIG);
    if (!strstr(problem.text, words))
        fail_msg("%s: \"%s\" is not in \"%s\"", text, words, problem.text);
}

#define HEAD "name = \"p\"; pcrs: { events = [0, 1, 4, 5, 7, 9, 11, 12]; whole = [2]; ignore = [3, 6]; };\n"
#define TWO "values = ( { pcr = 2; digests = [\"" D1 "\"]; } );\n"

static void every_rule_is_read(void **state)
{
    (void)state;
    static const char text[] = HEAD TWO
        "description = \"all of them\"; secure_boot = \"on\";\n"
        "signers = ( { variable = \"db\"; fingerprint = \"" F1 "\"; }, { variable = \"KEK\"; subject = \"CN=x\"; } );\n"
        "variables = ( { name = \"dbx\"; digests = [\"" D1 "\", \"" D2
        "\"]; }, { name = \"BootOrder\"; digests = [\"" D1 "\"]; optional = true; } );\n"
        "applications = ( { name = \"shim\"; digests = [\"" D1 "\"]; }, { release = \"gw-1.4\"; } );\n"
        "command_line: { exact = [\"ro quiet\"]; required = [\"ro\"]; forbidden = [\"init=\"]; };\n"
        "initrd = [\"" D1 "\"]; sections = ( { name = \".linux\"; digests = [\"" D1 "\"]; } );\n"
        "measured = ( { pcr = 9; digests = [\"" D2 "\"]; note = \"grub.cfg\"; } );\n"
        "firmware: { known = ( { vendor = \"V\"; version = \"1.4\"; values = [\"" D1 "\"]; } );\n"
        "  allow = ( { vendor = \"V\"; minimum = \"1.2\"; } ); deny = ( { maximum = \"1.1\"; } ); };\n"
        "tpm = ( { manufacturer = \"IFX\"; minimum = \"7.85.0.0\"; } );\n";
    struct policy_file policy;
    struct conf_problem problem;
    if (policy_parse(bs_span_of_string(text), &policy, &problem) != BS_OK)
        fail_msg("%s", problem.text);
    assert_string_equal(policy.name, "p");
    assert_int_equal(policy.events, 0x1ab3);
    assert_int_equal(policy.whole, 4);
    assert_int_equal(policy.ignore, 0x48);
    assert_int_equal(policy.secure_boot, POLICY_SECURE_BOOT_ON);
    const struct policy_signer *signers = policy.signers.items;
    assert_int_equal(policy.signers.count, 2);
    assert_string_equal(signers[0].fingerprint, F1);
    assert_string_equal(signers[1].subject, "CN=x");
    const struct policy_variable *variables = policy.variables.items;
    assert_int_equal(variables[0].pcr, 7);
    assert_int_equal(variables[0].digests.count, 2);
    assert_false(variables[0].is_optional);
    assert_int_equal(variables[1].pcr, 1);
    assert_true(variables[1].is_optional);
    assert_string_equal(((const struct policy_application *)policy.applications.items)[1].release, "gw-1.4");
    assert_string_equal(policy.forbidden.items[0], "init=");
    assert_int_equal(policy.initrd.count, 1);
    assert_string_equal(((const struct policy_section *)policy.sections.items)[0].name, ".linux");
    assert_string_equal(((const struct policy_measured *)policy.measured.items)[0].note, "grub.cfg");
    assert_string_equal(((const struct policy_build *)policy.known.items)[0].version, "1.4");
    assert_string_equal(((const struct policy_range *)policy.allow.items)[0].who, "V");
    assert_string_equal(((const struct policy_range *)policy.deny.items)[0].maximum, "1.1");
    assert_string_equal(((const struct policy_range *)policy.tpm.items)[0].minimum, "7.85.0.0");
    policy_free(&policy);
}

static void what_is_not_said_is_not_on(void **state)
{
    (void)state;
    struct policy_file policy;
    struct conf_problem problem;
    assert_ok(policy_parse(bs_span_of_string(HEAD TWO), &policy, &problem));
    assert_int_equal(policy.secure_boot, POLICY_SECURE_BOOT_ANY);
    assert_false(policy_has_command_line(&policy));
    assert_false(policy_has_firmware(&policy));
    policy_free(&policy);
}

static void what_is_unknown_or_empty_is_refused(void **state)
{
    (void)state;
    assert_refused("", "name");
    assert_refused("name = \"p\";", "approves nothing");
    assert_refused("name = \"p\"; pcrs: { ignore = [0, 7]; };", "approves nothing");
    assert_refused("name = \"p\"; pcrs: { events = [4, 16]; };", "PCR 16 says nothing");
    assert_refused("name = \"p\"; pcrs: { events = [4]; whole = [23]; };", "PCR 23 says nothing");
    assert_refused("name = \"a b\"; pcrs: { events = [4]; };", "must be letters");
    assert_refused(HEAD TWO "secureboot = \"on\";", "unknown key");
    assert_refused(HEAD TWO "secure_boot = \"maybe\";", "one of");
    assert_refused(HEAD TWO "firmware: { allow = (); };", "1 to");
    assert_refused(HEAD TWO "tpm = ();", "1 to");
    assert_refused(HEAD TWO "command_line: { required = []; };", "1 to");
    assert_refused(HEAD TWO "initrd = [];", "1 to");
    assert_refused(HEAD TWO "measured = ( { pcr = 9; digests = []; } );", "1 to");
    assert_refused(HEAD TWO "measured = ( { pcr = 24; digests = [\"" D1 "\"]; } );", "0 to 23");
}

static void digests_are_written_in_one_way(void **state)
{
    (void)state;
    assert_parsed(HEAD TWO "initrd = [\"sha1:0123456789abcdef0123456789ABCDEF01234567\"];");
    assert_refused(HEAD TWO "initrd = [\"" F1 "\"];", "initrd.[0]");
    assert_refused(HEAD TWO "initrd = [\"sha256:1111\"];", "is no digest");
    assert_refused(HEAD TWO "initrd = [\"sha384:" F1 "\"];", "is no digest");
    assert_refused(HEAD TWO "initrd = [\"md5:" F1 "\"];", "is no digest");
    assert_refused(HEAD TWO "initrd = [\"sha256:" F1 "00\"];", "is no digest");
    assert_refused(HEAD TWO "initrd = [\"" D1 "\", \"" D1 "\"];", "twice");
    assert_refused(HEAD TWO "variables = ( { name = \"db\"; digests = [\"x\"]; } );", "variables.[0].digests.[0]");
    assert_refused(HEAD TWO "applications = ( { name = \"a\"; digests = [\"x\"]; } );", "is no digest");
    assert_refused(HEAD TWO "sections = ( { name = \".a\"; digests = [\"x\"]; } );", "is no digest");
    assert_refused(HEAD TWO "measured = ( { pcr = 9; digests = [\"x\"]; } );", "is no digest");
    assert_refused(HEAD "values = ( { pcr = 2; digests = [\"x\"]; } );", "is no digest");
    assert_refused(HEAD TWO "firmware: { known = ( { version = \"1\"; values = [\"x\"]; } ); };", "is no digest");
}

#define FEW "name = \"p\"; pcrs: { events = [3]; };\n"

static void what_can_never_match_is_refused(void **state)
{
    (void)state;
    assert_refused(FEW "secure_boot = \"off\";", "PCR 7 is not in pcrs.events");
    assert_refused(FEW "signers = ( { variable = \"db\"; subject = \"CN=x\"; } );", "PCR 7 is not");
    assert_refused(FEW "variables = ( { name = \"BootOrder\"; digests = [\"" D1 "\"]; } );", "PCR 1 is not");
    assert_refused(FEW "applications = ( { name = \"a\"; digests = [\"" D1 "\"]; } );", "PCR 4 is not");
    assert_refused(FEW "applications = ( { release = \"a\"; } );", "PCR 4, 9 or 11 is not");
    assert_refused(FEW "sections = ( { name = \".linux\"; digests = [\"" D1 "\"]; } );", "PCR 11 is not");
    assert_refused(FEW "command_line: { required = [\"ro\"]; };", "PCR 8, 9, 11 or 12 is not");
    assert_refused(FEW "initrd = [\"" D1 "\"];", "PCR 9 is not");
    assert_refused(FEW "measured = ( { pcr = 4; digests = [\"" D1 "\"]; } );", "PCR 4 is not");
    assert_refused(FEW "values = ( { pcr = 3; digests = [\"" D1 "\"]; } );", "PCR 3 is not in pcrs.whole");
    assert_refused(FEW "firmware: { known = ( { version = \"1\"; values = [\"" D1 "\"]; } ); };", "PCR 0 is neither");
    assert_refused("name = \"p\"; pcrs: { whole = [3]; };", "PCR 3 can never be good");
    assert_refused(HEAD TWO "command_line: { required = [\"ro\", \"init=/x\"]; forbidden = [\"init=\"]; };",
                   "can never match");
    assert_refused(HEAD TWO "command_line: { exact = [\"rw\"]; required = [\"ro\"]; };", "can never match");
    assert_refused(HEAD TWO "command_line: { exact = [\"ro\"]; forbidden = [\"ro\"]; };", "can never match");
    assert_refused(HEAD TWO "command_line: { exact = [\"\"]; };", "is not measured");
    assert_refused(HEAD TWO "firmware: { deny = ( { minimum = \"1\"; } ); };", "approves nothing");
    assert_refused(HEAD TWO "firmware: { allow = ( { minimum = \"2\"; maximum = \"1\"; } ); };", "can never match");
    assert_refused(HEAD TWO "firmware: { allow = ( { minimum = \"2\"; maximum = \"b\"; } ); };", "can never match");
    assert_refused(HEAD TWO "firmware: { allow = ( { vendor = \"V\"; } ); };", "no build of V");
    assert_refused("name = \"p\"; pcrs: { whole = [0]; }; values = ( { pcr = 0; reference = \"r\"; } );"
                   "firmware: { allow = ( { minimum = \"2\"; } ); };",
                   "only builds of firmware.known");
    assert_refused(HEAD TWO "tpm = ( { minimum = \"2.0.0.0\"; maximum = \"1.0.0.0\"; } );", "can never match");
}

static void what_can_match_is_not_refused(void **state)
{
    (void)state;
    assert_parsed(HEAD TWO "variables = ( { name = \"SecureBoot\"; digests = [\"" D1
                           "\"]; }, { name = \"PK\"; digests = [\"" D1
                           "\"]; }, { name = \"PK\"; pcr = 1; digests = [\"" D1 "\"]; } );");
    assert_parsed("name = \"p\"; pcrs: { whole = [0]; }; firmware: { known = ( { version = \"1\"; values = [\"" D1
                  "\"]; } ); allow = ( { minimum = \"1\"; } ); };");
    assert_parsed(HEAD TWO "firmware: { allow = ( { minimum = \"1\"; } ); };");
    assert_parsed(HEAD TWO "firmware: { known = ( { version = \"1\"; values = [\"" D1
                           "\"]; } ); deny = ( { vendor = \"V\"; } ); };");
    assert_refused(HEAD TWO "firmware: { known = ( { version = \"1\"; values = [\"" D1
                            "\"]; }, { vendor = \"W\"; version = \"1\"; values = [\"" D1
                            "\"]; } ); allow = ( { vendor = \"V\"; } ); };",
                   "no build of V");
    assert_refused(
        "name = \"p\"; pcrs: { events = [0]; whole = [2]; }; firmware: { known = ( { version = \"1\"; values = [\"" D1
        "\"]; } ); };",
        "PCR 2 can never be good");
    assert_refused("name = \"p\"; pcrs: { whole = [0]; };", "PCR 0 can never be good");
    assert_refused(HEAD TWO "command_line: { exact = [\"ro\"]; required = [\"\"]; };", "one word");
}

static void what_would_match_all_or_twice_is_refused(void **state)
{
    (void)state;
    assert_refused(HEAD TWO "tpm = ( { } );", "would fit every TPM");
    assert_refused(HEAD TWO "tpm = ( { minimum = \"7.85\"; } );", "four numbers");
    assert_refused(HEAD TWO "tpm = ( { maximum = \"7.85.0.70000\"; } );", "four numbers");
    assert_refused(HEAD TWO "tpm = ( { manufacturer = \"Infineon\"; } );", "id:49465800");
    assert_refused(HEAD TWO "tpm = ( { manufacturer = \"id:4946580\"; } );", "id:49465800");
    assert_refused(HEAD TWO "firmware: { allow = ( { } ); };", "would fit everything");
    assert_refused(HEAD TWO "firmware: { allow = ( { minimum = \"1\"; } ); deny = ( { } ); };", "would fit everything");
    assert_refused(HEAD TWO "signers = ( { variable = \"dbx\"; subject = \"CN=x\"; } );", "must be one of");
    assert_refused(HEAD TWO "signers = ( { variable = \"db\"; } );", "either fingerprint or subject");
    assert_refused(HEAD TWO "signers = ( { variable = \"db\"; subject = \"x\"; fingerprint = \"" F1 "\"; } );",
                   "either");
    assert_refused(HEAD TWO "signers = ( { variable = \"db\"; fingerprint = \"11\"; } );", "64 hexadecimal");
    assert_refused(HEAD TWO "variables = ( { name = \"Foo\"; digests = [\"" D1 "\"]; } );", "is not known here");
    assert_refused(HEAD TWO "variables = ( { name = \"db\"; digests = [\"" D1
                            "\"]; }, { name = \"db\"; digests = [\"" D2 "\"]; } );",
                   "twice");
    assert_refused(HEAD TWO "secure_boot = \"on\"; variables = ( { name = \"SecureBoot\"; digests = [\"" D1 "\"]; } );",
                   "secure_boot already");
    assert_refused(HEAD TWO "signers = ( { variable = \"db\"; subject = \"x\"; } );"
                            "variables = ( { name = \"db\"; digests = [\"" D1 "\"]; } );",
                   "signers already");
    assert_refused(HEAD TWO "applications = ( { name = \"a\"; } );", "either digests or release");
    assert_refused(HEAD TWO "applications = ( { digests = [\"" D1 "\"]; } );", "needs a name");
    assert_refused(HEAD TWO "applications = ( { release = \"a\"; digests = [\"" D1 "\"]; } );", "either");
    assert_refused(HEAD TWO "applications = ( { release = \"a\"; optional = true; } );", "cannot be optional");
    assert_refused(HEAD TWO "sections = ( { name = \"linux\"; digests = [\"" D1 "\"]; } );", "begin with a dot");
    assert_refused(HEAD TWO "sections = ( { name = \".a\"; digests = [\"" D1 "\"]; }, { name = \".a\"; digests = [\"" D2
                            "\"]; } );",
                   "twice");
    assert_refused(HEAD TWO "command_line: { required = [\"a b\"]; };", "one word");
    assert_refused(HEAD TWO "command_line: { forbidden = [\"\"]; };", "one word");
    assert_refused(HEAD TWO "command_line: { forbidden = [\"'a\"]; };", "one word");
    assert_refused(HEAD "values = ( { pcr = 2; } );", "either digests or reference");
    assert_refused("name = \"p\"; pcrs: { events = [4]; whole = [4]; };", "two of the lists");
    assert_refused("name = \"p\"; pcrs: { events = [4]; ignore = [4]; };", "two of the lists");
    assert_refused("name = \"p\"; pcrs: { whole = [4]; ignore = [4]; };", "two of the lists");
}

static void versions_are_compared_by_their_parts(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        enum version_order order;
    } pairs[] = {
        { "1.2", "1.2", VERSION_EQUAL },
        { "1.9", "1.10", VERSION_LESS },
        { "1.10", "1.9", VERSION_GREATER },
        { "1.2", "1.2.1", VERSION_LESS },
        { "01.2", "1.2", VERSION_EQUAL },
        { "18446744073709551616", "2", VERSION_GREATER },
        { "F12a", "F12b", VERSION_LESS },
        { "F9", "F12", VERSION_LESS },
        { "1.2", "1-2", VERSION_INCOMPARABLE },
        { "1.2", "1.b", VERSION_INCOMPARABLE },
        { "1.2", "v1.2", VERSION_INCOMPARABLE },
        { "U-Boot 2023.01+dfsg-2 (Jun)", "U-Boot 2024.01", VERSION_LESS },
        { "", "", VERSION_EQUAL },
        { "", "1", VERSION_LESS },
    };
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (version_compare(pairs[i].a, pairs[i].b) != pairs[i].order)
            fail_msg("%s against %s", pairs[i].a, pairs[i].b);
}

static bool finds(const char *(*find)(const char *, const struct conf_strings *), const char *line, const char *word)
{
    struct conf_strings words = { &word, 1 };
    return find(line, &words) != NULL;
}

static void a_word_is_forbidden_however_it_is_written(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "init=/bin/sh",           "ro init=/bin/sh quiet", "ro\tinit=/x",   "ro \"init=/bin/sh\"",
        "x=\"a init=/bin/sh b\"", "x=\"a init=/bin/sh",    "x='a init=/x'", "ro -- init=/x",
        "in\"it=/bin/sh\"",       "ro\xc2\xa0init=/x",     "ro\ninit=/x",   "init=",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        if (!finds(command_line_find_forbidden, lines[i], "init="))
            fail_msg("%s", lines[i]);
    assert_true(finds(command_line_find_forbidden, "rd-break", "rd_break"));
    assert_true(finds(command_line_find_forbidden, "a ro b", "ro"));
    assert_false(finds(command_line_find_forbidden, "rdinit=/x xinit=/y root init", "init="));
    assert_false(finds(command_line_find_forbidden, "root ro=1", "ro"));
    assert_false(finds(command_line_find_forbidden, "", "ro"));
}

static void a_word_is_there_only_where_everybody_reads_it(void **state)
{
    (void)state;
    assert_false(finds(command_line_find_missing, "quiet ro", "ro"));
    assert_false(finds(command_line_find_missing, "root=/dev/sda ro", "root="));
    assert_false(finds(command_line_find_missing, "lockdown=integrity lockdown=integrity", "lockdown=integrity"));
    static const char *const lines[] = {
        "",
        "quiet",
        "-- lockdown=integrity",
        "x=\"a lockdown=integrity b\"",
        "\"lockdown=integrity\"",
        "lockdown=integrity2",
        "lockdown=integrity lockdown=none",
        "lockdown=none lockdown=integrity",
        "lockdown=integrity \"lockdown=none\"",
        "ro\nlockdown=integrity",
        "ro 'a lockdown=integrity b'",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        if (!finds(command_line_find_missing, lines[i], "lockdown=integrity"))
            fail_msg("%s", lines[i]);
    /* the kernel keeps 2047 characters */
    char large[2100];
    snprintf(large, sizeof(large), "%*s", 2047, "lockdown=integrity");
    assert_false(finds(command_line_find_missing, large, "lockdown=integrity"));
    snprintf(large, sizeof(large), "%*s", 2048, "lockdown=integrity");
    assert_true(finds(command_line_find_missing, large, "lockdown=integrity"));
    static const char *const both[] = { "console=ttyS0", "console=tty0" };
    assert_null(command_line_find_missing("console=ttyS0 console=tty0", &(struct conf_strings){ both, 2 }));
    assert_string_equal(
        command_line_find_missing("console=ttyS0 console=tty1 console=tty0", &(struct conf_strings){ both, 2 }),
        "console=ttyS0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_read),
        cmocka_unit_test(what_is_not_said_is_not_on),
        cmocka_unit_test(what_is_unknown_or_empty_is_refused),
        cmocka_unit_test(digests_are_written_in_one_way),
        cmocka_unit_test(what_can_never_match_is_refused),
        cmocka_unit_test(what_can_match_is_not_refused),
        cmocka_unit_test(what_would_match_all_or_twice_is_refused),
        cmocka_unit_test(versions_are_compared_by_their_parts),
        cmocka_unit_test(a_word_is_forbidden_however_it_is_written),
        cmocka_unit_test(a_word_is_there_only_where_everybody_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
