/* What differs between two policies, as lines. */
#include "unit/unit.h"

#include "server/policy/policy_lines.h"
#include "unit/server/policy_text.h"

struct counted {
    size_t added, removed;
    char first[200];
};

static enum bs_err count(void *context, bool is_added, struct bs_span line)
{
    struct counted *counted = context;
    counted->added += is_added;
    counted->removed += !is_added;
    if (counted->added + counted->removed == 1)
        snprintf(counted->first, sizeof(counted->first), "%.*s", (int)line.size, (const char *)line.data);
    return BS_OK;
}

static void lines_of(const char *text, struct bs_buf *out)
{
    struct policy_file policy;
    rules_must_parse(bs_span_of_string(text), &policy);
    assert_ok(policy_lines(&policy, out));
    policy_free(&policy);
}

static struct counted compare(const char *before, const char *after)
{
    BS_SCOPED_BUF struct bs_buf a = BS_BUF(POLICY_LINES_MAX), b = BS_BUF(POLICY_LINES_MAX);
    struct counted counted = { 0 };
    lines_of(before, &a);
    lines_of(after, &b);
    assert_ok(policy_lines_compare(bs_buf_span(&a), bs_buf_span(&b), count, &counted));
    return counted;
}

#define DIGEST_A "\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
#define DIGEST_B "\"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\""
#define HEAD "name = \"p\"; pcrs: { events = [0, 4, 7, 9, 11]; whole = [2]; };\n"

/* Each key of the file, so that a change of any is a line: of one that says nothing policy_lines() knows nothing. */
static void a_change_of_any_rule_is_a_line(void **state)
{
    (void)state;
    static const char *const values = "values = ( { pcr = 2; digests = [" DIGEST_A "]; } );\n";
    static const char *const rules[] = {
        "description = \"d\";",
        "secure_boot = \"on\";",
        "signers = ( { variable = \"db\"; subject = \"CN=a\"; } );",
        "signers = ( { variable = \"db\"; fingerprint = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"; } );",
        "variables = ( { name = \"dbx\"; digests = [" DIGEST_A "]; } );",
        "variables = ( { name = \"dbx\"; digests = [" DIGEST_A "]; optional = true; } );",
        "variables = ( { name = \"Other\"; pcr = 7; digests = [" DIGEST_A "]; } );",
        "applications = ( { name = \"a\"; digests = [" DIGEST_A "]; } );",
        "applications = ( { name = \"a\"; digests = [" DIGEST_A "]; optional = true; } );",
        "applications = ( { release = \"a\"; } );",
        "sections = ( { name = \".linux\"; digests = [" DIGEST_A "]; } );",
        "sections = ( { name = \".linux\"; digests = [" DIGEST_A "]; optional = true; } );",
        "command_line: { exact = [\"ro\"]; };",
        "command_line: { required = [\"ro\"]; };",
        "command_line: { forbidden = [\"ro\"]; };",
        "initrd = [" DIGEST_A "];",
        "measured = ( { pcr = 9; digests = [" DIGEST_A "]; } );",
        "measured = ( { pcr = 9; digests = [" DIGEST_A "]; note = \"n\"; } );",
        "measured = ( { pcr = 9; digests = [" DIGEST_A "]; optional = true; } );",
        "firmware: { known = ( { version = \"1\"; values = [" DIGEST_A "]; } ); };",
        "firmware: { known = ( { vendor = \"v\"; version = \"1\"; values = [" DIGEST_A "]; } ); };",
        "values = ( { pcr = 2; reference = \"golden\"; } );",
        "values = ( { pcr = 2; digests = [" DIGEST_B "]; } );",
        "tpm = ( { manufacturer = \"IFX\"; } );",
        "tpm = ( { minimum = \"7.85.0.0\"; } );",
        "tpm = ( { maximum = \"7.85.0.0\"; } );",
    };
    char texts[COUNT(rules)][600];
    for (size_t i = 0; i < COUNT(rules); i++)
        snprintf(texts[i], sizeof(texts[i]), HEAD "%s%s", strstr(rules[i], "values = ( { pcr") ? "" : values, rules[i]);
    for (size_t i = 0; i < COUNT(rules); i++)
        for (size_t k = 0; k < COUNT(rules); k++) {
            struct counted counted = compare(texts[i], texts[k]);
            if ((counted.added + counted.removed == 0) != (i == k))
                fail_msg("%s against %s: %zu added, %zu removed", rules[i], rules[k], counted.added, counted.removed);
        }
}

#define STARTED(first, second) "name = \"p\"; pcrs: { events = [4]; }; applications = ( " first ", " second " );"
#define ONE(name, digest, more) "{ name = \"" name "\"; digests = [" digest "]; " more "}"

static void assert_changes(const char *before, const char *after, size_t changes)
{
    struct counted counted = compare(before, after);
    if (counted.added != changes || counted.removed != changes)
        fail_msg("%s against %s: %zu added, %zu removed", before, after, counted.added, counted.removed);
}

/* It is a rule, but for what need not be there, and among releases. */
static void the_order_of_what_is_started_is_told(void **state)
{
    (void)state;
    assert_changes(STARTED(ONE("a", DIGEST_A, ""), ONE("b", DIGEST_B, "")),
                   STARTED(ONE("b", DIGEST_B, ""), ONE("a", DIGEST_A, "")), 1);
    assert_changes(STARTED(ONE("a", DIGEST_A, ""), ONE("a", DIGEST_B, "")),
                   STARTED(ONE("a", DIGEST_B, ""), ONE("a", DIGEST_A, "")), 1);
    assert_changes(STARTED(ONE("a", DIGEST_A, ""), "{ release = \"r\"; }, { release = \"s\"; }"),
                   STARTED("{ release = \"r\"; }, { release = \"s\"; }", ONE("a", DIGEST_A, "")), 1);
    assert_changes(STARTED(ONE("a", DIGEST_A, ""), ONE("b", DIGEST_B, "optional = true; ")),
                   STARTED(ONE("b", DIGEST_B, "optional = true; "), ONE("a", DIGEST_A, "")), 0);
    assert_changes(STARTED("{ release = \"r\"; }", "{ release = \"s\"; }"),
                   STARTED("{ release = \"s\"; }", "{ release = \"r\"; }"), 0);
    struct counted told = compare(STARTED(ONE("b", DIGEST_B, ""), ONE("a", DIGEST_A, "")),
                                  STARTED(ONE("a", DIGEST_A, ""), ONE("b", DIGEST_B, "")));
    assert_string_equal(told.first, "applications: \"b\", then \"a\"");
}

static void layout_and_comments_are_no_change(void **state)
{
    (void)state;
    struct counted same = compare(HEAD "values = ( { pcr = 2; digests = [" DIGEST_A "]; } );",
                                  "# words\nvalues = ({ digests = [" DIGEST_A "];\n pcr = 2; });\n" HEAD);
    assert_int_equal(same.added + same.removed, 0);
    struct counted one = compare(HEAD "values = ( { pcr = 2; digests = [" DIGEST_A "]; } );",
                                 HEAD "values = ( { pcr = 2; digests = [" DIGEST_A ", " DIGEST_B "]; } );");
    assert_int_equal(one.added, 1);
    assert_int_equal(one.removed, 0);
    assert_string_equal(one.first,
                        "values: PCR 2: sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    struct counted other =
        compare("name = \"p\"; pcrs: { events = [4]; };", "name = \"p\"; pcrs: { events = [4]; ignore = [1]; };");
    assert_int_equal(other.added, 1);
}

#define TWO_GROUPS(list, head) \
    list " = ( { " head "; digests = [" DIGEST_A "]; }, { " head "; digests = [" DIGEST_B "]; } );"
#define ONE_GROUP(list, head) list " = ( { " head "; digests = [" DIGEST_A ", " DIGEST_B "]; } );"

/* Both of two groups are demanded, and one of one group's digests. */
static void to_demand_less_is_a_change(void **state)
{
    (void)state;
    static const char *const head = "name = \"p\"; pcrs: { events = [4, 9]; };";
    static const char *const pairs[][2] = {
        { TWO_GROUPS("measured", "pcr = 9"), ONE_GROUP("measured", "pcr = 9") },
        { TWO_GROUPS("applications", "name = \"a\""), ONE_GROUP("applications", "name = \"a\"") },
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        char before[600], after[600];
        snprintf(before, sizeof(before), "%s%s", head, pairs[i][0]);
        snprintf(after, sizeof(after), "%s%s", head, pairs[i][1]);
        struct counted counted = compare(before, after);
        assert_true(counted.added > 0 && counted.removed > 0);
    }
}

#define DIGEST_C "\"sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\""
#define DIGEST_D "\"sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\""
#define PAIRS(list, head, a, b, c, d) \
    list " = ( { " head "; digests = [" a ", " b "]; }, { " head "; digests = [" c ", " d "]; } );"

/* $1 and $2 stand for words. */
static void fill(char *ret_text, size_t size, const char *format, const char *const words[2])
{
    size_t used = 0;
    for (const char *at = format; *at; at++)
        if (*at == '$')
            used += (size_t)snprintf(ret_text + used, size - used, "%s", words[*++at - '1']);
        else
            used += (size_t)snprintf(ret_text + used, size - used, "%c", *at);
    assert_true(used < size);
}

/* One of each pair is demanded, so which ones are a pair is a rule: also where their names, or notes, are the same. */
static void digests_that_change_groups_are_a_change(void **state)
{
    (void)state;
    static const char *const head = "name = \"p\"; pcrs: { events = [4, 9]; };";
    static const char *const heads[][2] = { { "applications", "name = \"a\"" },
                                            { "applications", "name = \"a\"; optional = true" },
                                            { "measured", "pcr = 9" },
                                            { "measured", "pcr = 9; note = \"n\"" } };
    static const char *const pairs[][2] = {
        { PAIRS("$1", "$2", DIGEST_A, DIGEST_B, DIGEST_C, DIGEST_D),
          PAIRS("$1", "$2", DIGEST_A, DIGEST_D, DIGEST_C, DIGEST_B) },
        { PAIRS("$1", "$2", DIGEST_A, DIGEST_B, DIGEST_A, DIGEST_C),
          PAIRS("$1", "$2", DIGEST_A, DIGEST_B, DIGEST_B, DIGEST_C) },
    };
    for (size_t i = 0; i < COUNT(heads); i++)
        for (size_t k = 0; k < COUNT(pairs); k++) {
            char texts[2][800];
            for (size_t n = 0; n < 2; n++) {
                size_t used = (size_t)snprintf(texts[n], sizeof(texts[n]), "%s", head);
                fill(texts[n] + used, sizeof(texts[n]) - used, pairs[k][n], heads[i]);
            }
            struct counted counted = compare(texts[0], texts[1]);
            if (counted.added == 0 || counted.removed == 0)
                fail_msg("%s: %zu added, %zu removed", texts[0], counted.added, counted.removed);
            struct counted same = compare(texts[0], texts[0]);
            assert_int_equal(same.added + same.removed, 0);
        }
}

/* What is said in words of the line must not be told by a string of the policy. */
static void no_string_looks_like_another_rule(void **state)
{
    (void)state;
    static const char *const head =
        "name = \"p\"; pcrs: { events = [0, 4]; }; measured = ( { pcr = 0; digests = [" DIGEST_C "]; } );";
    static const char *const pairs[][2] = {
        { "deny = ( { maximum = \"1\"; } );", "deny = ( { vendor = \"any\"; maximum = \"1\"; } );" },
        { "deny = ( { vendor = \"V\"; maximum = \"zzz\"; } );",
          "deny = ( { vendor = \"V\"; minimum = \"the first\"; maximum = \"zzz\"; } );" },
        { "deny = ( { minimum = \"1 to 2\"; } );", "deny = ( { minimum = \"1\"; maximum = \"2 to the last\"; } );" },
        { "known = ( { vendor = \"A, version 1\"; version = \"2\"; values = [" DIGEST_A "]; } );",
          "known = ( { vendor = \"A\"; version = \"1, version 2\"; values = [" DIGEST_A "]; } );" },
        { "known = ( { vendor = \"A\\\", version \\\"1\"; version = \"2\"; values = [" DIGEST_A "]; } );",
          "known = ( { vendor = \"A\"; version = \"1\\\", version \\\"2\"; values = [" DIGEST_A "]; } );" },
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        char before[600], after[600];
        const char *allow = strstr(pairs[i][0], "known") ? "" : "allow = ( { minimum = \"0\"; } );";
        snprintf(before, sizeof(before), "%s firmware: { %s %s };", head, allow, pairs[i][0]);
        snprintf(after, sizeof(after), "%s firmware: { %s %s };", head, allow, pairs[i][1]);
        struct counted counted = compare(before, after);
        if (counted.added == 0 || counted.removed == 0)
            fail_msg("%s and %s have the same lines", pairs[i][0], pairs[i][1]);
    }
}

/* The last character of the longest strings, and the digest behind them. */
static void a_long_line_is_not_cut(void **state)
{
    (void)state;
    static const char *const formats[] = {
        "name = \"p\"; pcrs: { events = [4]; }; applications = ( { name = \"$1\"; digests = [$2]; } );",
        "name = \"p\"; pcrs: { events = [4]; }; measured = ( { pcr = 4; note = \"$1\"; digests = [$2]; } );",
        "name = \"p\"; pcrs: { events = [4]; whole = [0]; }; firmware: { known = ( { vendor = \"$1\"; version = \"1\"; "
        "values = [$2]; } ); };",
        "name = \"p\"; pcrs: { events = [0, 4]; }; firmware: { allow = ( { minimum = \"0$1\"; } ); };",
        "name = \"p\"; pcrs: { events = [0, 4]; }; firmware: { allow = ( { maximum = \"0$1\"; } ); };",
        "name = \"p\"; pcrs: { events = [0, 4]; }; firmware: { allow = ( { minimum = \"0\"; } ); deny = ( { vendor = \"$1\"; "
        "maximum = \"0\"; } ); };",
    };
    char names[2][2 * 1022 + 1] = { "", "" };
    for (size_t i = 0; i < 1021; i++)
        memcpy(names[0] + 2 * i, "\\\"", 2);
    memcpy(names[1], names[0], sizeof(names[1]));
    names[0][2 * 1021] = 'a';
    names[1][2 * 1021] = 'b';
    for (size_t i = 0; i < COUNT(formats); i++) {
        char texts[3][3 * 1023];
        for (size_t n = 0; n < 2; n++)
            fill(texts[n], sizeof(texts[n]), formats[i], (const char *const[2]){ names[n], DIGEST_A });
        fill(texts[2], sizeof(texts[2]), formats[i], (const char *const[2]){ names[1], DIGEST_B });
        struct counted counted = compare(texts[0], texts[1]);
        assert_true(counted.added == 1 && counted.removed == 1);
        counted = compare(texts[1], texts[2]);
        assert_int_equal(counted.added, strstr(formats[i], "$2") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_of_any_rule_is_a_line),
        cmocka_unit_test(the_order_of_what_is_started_is_told),
        cmocka_unit_test(layout_and_comments_are_no_change),
        cmocka_unit_test(to_demand_less_is_a_change),
        cmocka_unit_test(digests_that_change_groups_are_a_change),
        cmocka_unit_test(no_string_looks_like_another_rule),
        cmocka_unit_test(a_long_line_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
