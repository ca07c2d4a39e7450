/* What is a policy, and what is refused when it is applied. */
#include "policy_text.h"

#include "server/policy/command_line.h"
#include "server/policy/version.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define F1 "1111111111111111111111111111111111111111111111111111111111111111"

#define HEAD "name = \"p\"; pcrs: { events = [0, 1, 4, 5, 7, 9, 11, 12]; whole = [2]; ignore = [3, 6]; };\n"
#define TWO "values = ( { pcr = 2; digests = [\"" D1 "\"]; } );\n"
#define FEW "name = \"p\"; pcrs: { events = [3]; };\n"

/* A policy, or what is to stand behind a good beginning of one, and words of the complaint. */
struct wrong {
    const char *text, *words;
};

static void assert_refused(const char *beginning, const struct wrong *wrong, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[2048];
        struct policy_file policy;
        struct conf_problem problem = { "" };
        assert_true((size_t)snprintf(text, sizeof(text), "%s%s", beginning, wrong[i].text) < sizeof(text));
        if (policy_parse_rules(bs_span_of_string(text), &policy, &problem) != BS_ERR_CONFIG)
            fail_msg("this is a policy: %s", text);
        if (!strstr(problem.text, wrong[i].words))
            fail_msg("%s: \"%s\" is not in \"%s\"", text, wrong[i].words, problem.text);
    }
}

static void assert_parsed(const char *text)
{
    struct policy_file policy;
    rules_must_parse(bs_span_of_string(text), &policy);
    policy_free(&policy);
}

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
    rules_must_parse(bs_span_of_string(text), &policy);
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
    rules_must_parse(bs_span_of_string(HEAD TWO), &policy);
    assert_int_equal(policy.secure_boot, POLICY_SECURE_BOOT_ANY);
    assert_false(policy_has_command_line(&policy));
    assert_false(policy_has_firmware(&policy));
    policy_free(&policy);
}

static void what_is_unknown_or_empty_is_refused(void **state)
{
    (void)state;
    static const struct wrong rules[] = {
        { "secureboot = \"on\";", "unknown key" },
        { "secure_boot = \"maybe\";", "one of" },
        { "firmware: { allow = (); };", "1 to" },
        { "tpm = ();", "1 to" },
        { "command_line: { required = []; };", "1 to" },
        { "initrd = [];", "1 to" },
        { "measured = ( { pcr = 9; digests = []; } );", "1 to" },
        { "measured = ( { pcr = 24; digests = [\"" D1 "\"]; } );", "0 to 23" },
    };
    static const struct wrong files[] = {
        { "", "name" },
        { "name = \"p\";", "approves nothing" },
        { "name = \"p\"; pcrs: { ignore = [0, 7]; };", "approves nothing" },
        { "name = \"p\"; pcrs: { events = [4, 16]; };", "PCR 16 says nothing" },
        { "name = \"p\"; pcrs: { events = [4]; whole = [23]; };", "PCR 23 says nothing" },
        { "name = \"a b\"; pcrs: { events = [4]; };", "must be up to 63 letters" },
    };
    assert_refused(HEAD TWO, rules, COUNT(rules));
    assert_refused("", files, COUNT(files));
}

static void digests_are_written_in_one_way(void **state)
{
    (void)state;
    static const struct wrong rules[] = {
        { "initrd = [\"" F1 "\"];", "initrd.[0]" },
        { "initrd = [\"sha256:1111\"];", "is no digest" },
        { "initrd = [\"sha384:" F1 "\"];", "is no digest" },
        { "initrd = [\"md5:" F1 "\"];", "is no digest" },
        { "initrd = [\"sha256:" F1 "00\"];", "is no digest" },
        { "initrd = [\"" D1 "\", \"" D1 "\"];", "twice" },
        { "variables = ( { name = \"db\"; digests = [\"x\"]; } );", "variables.[0].digests.[0]" },
        { "applications = ( { name = \"a\"; digests = [\"x\"]; } );", "is no digest" },
        { "sections = ( { name = \".a\"; digests = [\"x\"]; } );", "is no digest" },
        { "measured = ( { pcr = 9; digests = [\"x\"]; } );", "is no digest" },
        { "firmware: { known = ( { version = \"1\"; values = [\"x\"]; } ); };", "is no digest" },
    };
    static const struct wrong values[] = {
        { "values = ( { pcr = 2; digests = [\"x\"]; } );", "is no digest" },
    };
    assert_refused(HEAD TWO, rules, COUNT(rules));
    assert_refused(HEAD, values, COUNT(values));
    assert_parsed(HEAD TWO "initrd = [\"sha1:0123456789abcdef0123456789ABCDEF01234567\"];");
}

static void what_can_never_match_is_refused(void **state)
{
    (void)state;
    static const struct wrong rules[] = {
        { "command_line: { required = [\"ro\", \"init=/x\"]; forbidden = [\"init=\"]; };", "can never match" },
        { "command_line: { exact = [\"rw\"]; required = [\"ro\"]; };", "can never match" },
        { "command_line: { exact = [\"ro\"]; forbidden = [\"ro\"]; };", "can never match" },
        { "command_line: { exact = [\"\"]; };", "is not measured" },
        { "firmware: { deny = ( { minimum = \"1\"; } ); };", "approves nothing by itself" },
        { "firmware: { allow = ( { minimum = \"2\"; maximum = \"1\"; } ); };", "can never match" },
        { "firmware: { allow = ( { minimum = \"2\"; maximum = \"b\"; } ); };", "can never match" },
        { "firmware: { allow = ( { vendor = \"V\"; } ); };", "no build of V" },
        { "tpm = ( { minimum = \"2.0.0.0\"; maximum = \"1.0.0.0\"; } );", "can never match" },
    };
    static const struct wrong few[] = {
        { "secure_boot = \"off\";", "PCR 7 is not in pcrs.events" },
        { "signers = ( { variable = \"db\"; subject = \"CN=x\"; } );", "PCR 7 is not" },
        { "variables = ( { name = \"BootOrder\"; digests = [\"" D1 "\"]; } );", "PCR 1 is not" },
        { "applications = ( { name = \"a\"; digests = [\"" D1 "\"]; } );", "PCR 4 is not" },
        { "applications = ( { release = \"a\"; } );", "PCR 4, 9 or 11 is not" },
        { "sections = ( { name = \".linux\"; digests = [\"" D1 "\"]; } );", "PCR 11 is not" },
        { "command_line: { required = [\"ro\"]; };", "PCR 8, 9, 11 or 12 is not" },
        { "initrd = [\"" D1 "\"];", "PCR 9 is not" },
        { "measured = ( { pcr = 4; digests = [\"" D1 "\"]; } );", "PCR 4 is not" },
        { "values = ( { pcr = 3; digests = [\"" D1 "\"]; } );", "PCR 3 is not in pcrs.whole" },
        { "firmware: { known = ( { version = \"1\"; values = [\"" D1 "\"]; } ); };", "PCR 0 is neither" },
    };
    static const struct wrong files[] = {
        { "name = \"p\"; pcrs: { whole = [3]; };", "PCR 3 can never be good" },
        { "name = \"p\"; pcrs: { whole = [0]; }; values = ( { pcr = 0; reference = \"r\"; } );"
          "firmware: { allow = ( { minimum = \"2\"; } ); };",
          "only builds of firmware.known" },
    };
    assert_refused(HEAD TWO, rules, COUNT(rules));
    assert_refused(FEW, few, COUNT(few));
    assert_refused("", files, COUNT(files));
}

static void what_can_match_is_not_refused(void **state)
{
    (void)state;
    static const struct wrong rules[] = {
        { "firmware: { known = ( { version = \"1\"; values = [\"" D1
          "\"]; }, { vendor = \"W\"; version = \"1\"; values = [\"" D2 "\"]; } ); allow = ( { vendor = \"V\"; } ); };",
          "no build of V" },
        { "command_line: { exact = [\"ro\"]; required = [\"\"]; };", "one word" },
    };
    static const struct wrong files[] = {
        { "name = \"p\"; pcrs: { events = [0]; whole = [2]; }; firmware: { known = ( { version = \"1\"; values = [\"" D1
          "\"]; } ); };",
          "PCR 2 can never be good" },
        { "name = \"p\"; pcrs: { whole = [0]; };", "PCR 0 can never be good" },
    };
    assert_refused(HEAD TWO, rules, COUNT(rules));
    assert_refused("", files, COUNT(files));
    assert_parsed(HEAD TWO "variables = ( { name = \"SecureBoot\"; digests = [\"" D1
                           "\"]; }, { name = \"PK\"; digests = [\"" D2
                           "\"]; }, { name = \"PK\"; pcr = 1; digests = [\"" D1 "\"]; } );");
    assert_parsed("name = \"p\"; pcrs: { whole = [0]; }; firmware: { known = ( { version = \"1\"; values = [\"" D1
                  "\"]; } ); allow = ( { minimum = \"1\"; } ); };");
    assert_parsed(HEAD TWO "firmware: { allow = ( { minimum = \"1\"; } ); };");
    assert_parsed(HEAD TWO "firmware: { known = ( { version = \"1\"; values = [\"" D1
                           "\"]; }, { version = \"2.1\"; values = [\"" D2
                           "\"]; } ); deny = ( { vendor = \"V\"; minimum = \"2\"; } ); };");
}

static void what_would_match_all_or_twice_is_refused(void **state)
{
    (void)state;
    static const struct wrong rules[] = {
        { "tpm = ( { } );", "would fit every TPM" },
        { "tpm = ( { minimum = \"7.85\"; } );", "four numbers" },
        { "tpm = ( { maximum = \"7.85.0.70000\"; } );", "four numbers" },
        { "tpm = ( { manufacturer = \"Infineon\"; } );", "id:49465800" },
        { "tpm = ( { manufacturer = \"id:4946580\"; } );", "id:49465800" },
        { "firmware: { allow = ( { } ); };", "would fit everything" },
        { "firmware: { allow = ( { minimum = \"1\"; } ); deny = ( { } ); };", "would fit everything" },
        { "signers = ( { variable = \"dbx\"; subject = \"CN=x\"; } );", "must be one of" },
        { "signers = ( { variable = \"db\"; } );", "either fingerprint or subject" },
        { "signers = ( { variable = \"db\"; subject = \"x\"; fingerprint = \"" F1 "\"; } );", "either" },
        { "signers = ( { variable = \"db\"; fingerprint = \"11\"; } );", "64 hexadecimal" },
        { "variables = ( { name = \"Foo\"; digests = [\"" D1 "\"]; } );",
          ":3: variables.[0]: pcr is missing: the PCR of the variable Foo is not known here" },
        { "variables = ( { name = \"db\"; digests = [\"" D1 "\"]; }, { name = \"db\"; digests = [\"" D2 "\"]; } );",
          "twice" },
        { "secure_boot = \"on\"; variables = ( { name = \"SecureBoot\"; digests = [\"" D1 "\"]; } );",
          "secure_boot already" },
        { "signers = ( { variable = \"db\"; subject = \"x\"; } );"
          "variables = ( { name = \"db\"; digests = [\"" D1 "\"]; } );",
          "signers already" },
        { "applications = ( { name = \"a\"; } );", "either digests or release" },
        { "applications = ( { digests = [\"" D1 "\"]; } );", "needs a name" },
        { "applications = ( { release = \"a\"; digests = [\"" D1 "\"]; } );", "either" },
        { "applications = ( { release = \"a\"; optional = true; } );", "cannot be optional" },
        { "sections = ( { name = \"linux\"; digests = [\"" D1 "\"]; } );", "begin with a dot" },
        { "sections = ( { name = \".a\"; digests = [\"" D1 "\"]; }, { name = \".a\"; digests = [\"" D2 "\"]; } );",
          "twice" },
        { "command_line: { required = [\"a b\"]; };", "one word" },
        { "command_line: { forbidden = [\"\"]; };", "one word" },
        { "command_line: { forbidden = [\"'a\"]; };", "one word" },
    };
    static const struct wrong values[] = {
        { "values = ( { pcr = 2; } );", "either digests or reference" },
    };
    static const struct wrong files[] = {
        { "name = \"p\"; pcrs: { events = [4]; whole = [4]; };", "two of the lists" },
        { "name = \"p\"; pcrs: { events = [4]; ignore = [4]; };", "two of the lists" },
        { "name = \"p\"; pcrs: { whole = [4]; ignore = [4]; };", "two of the lists" },
    };
    assert_refused(HEAD TWO, rules, COUNT(rules));
    assert_refused(HEAD, values, COUNT(values));
    assert_refused("", files, COUNT(files));
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
