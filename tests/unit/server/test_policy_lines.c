/* Policies as texts: what is learned from the worked examples, what differs between two, and that the manual's are good ones. */
#include "unit/unit.h"

#include "core/file.h"
#include "server/policy/policy_learn.h"
#include "server/policy/policy_lines.h"
#include "unit/logmaker.h"
#include "unit/server/policy_text.h"
#include "unit/server/snapshot.h"

static const char *const examples[] = { "approved",        "command-line",   "initrd",
                                        "kernel",          "older-firmware", "extra-application",
                                        "secure-boot-off", "own-key",        "other-disk" };

static enum bs_err find_none(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    (void)context, (void)name, (void)row, (void)row_context;
    return BS_ERR_NOT_FOUND;
}

static enum bs_err show_none(void *context, policy_reference_fn row, void *row_context)
{
    (void)context, (void)row, (void)row_context;
    return BS_OK;
}

static struct policy_subject subject_of(const struct evidence_file *file)
{
    return (struct policy_subject){ .boot = boot_of_example(file),
                                    .cap_pcr = file->cap_pcr,
                                    .tpm_manufacturer = file->manufacturer,
                                    .tpm_firmware = file->firmware_version };
}

static void learn(const struct policy_subject *subject, struct bs_buf *out)
{
    char why[POLICY_WORDS_SIZE];
    if (policy_learn("golden", subject, out, why) != BS_OK)
        fail_msg("%s", why);
}

static bool is_good(struct bs_span text, const struct policy_subject *subject)
{
    const struct policy_references none = { NULL, find_none, show_none };
    struct policy_file policy;
    struct policy_verdict verdict;
    policy_must_parse(text, &policy);
    assert_ok(policy_judge_boot(&policy, subject, &none, &verdict));
    policy_free(&policy);
    return verdict.is_good;
}

static void it_approves_its_boot_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
        struct evidence_file file;
        read_example(examples[i], &file);
        struct policy_subject subject = subject_of(&file);
        learn(&subject, &text);
        for (size_t k = 0; k < COUNT(examples); k++) {
            struct evidence_file other;
            read_example(examples[k], &other);
            struct policy_subject judged = subject_of(&other);
            if (is_good(bs_buf_span(&text), &judged) != (i == k))
                fail_msg("learned from %s, asked about %s:\n%.*s", examples[i], examples[k], (int)text.size,
                         (const char *)text.data);
            evidence_file_free(&other);
        }
        evidence_file_free(&file);
    }
}

static void assert_says(const struct bs_buf *text, const char *words)
{
    if (!memmem(text->data, text->size, words, strlen(words)))
        fail_msg("no \"%s\" in:\n%.*s", words, (int)text->size, (const char *)text->data);
}

static void it_is_written_in_the_rules_that_say_most(void **state)
{
    (void)state;
    static const char *const said[] = {
        "name = \"golden\";",
        "secure_boot = \"on\";",
        "fingerprint a9dab875972c29fb4b436db1b5a045c62e020ef1b0c383bc7d545fd6124d88af",
        "{ name = \"dbx\"; pcr = 7; digests = [\"sha256:",
        "applications = (\n",
        "{ name = \".linux\"; digests = [\"sha256:",
        "exact = [\"console=ttyS0 quiet panic=-1 root=LABEL=root rootfstype=ext4 ro\"];",
        "initrd = [\"sha256:",
    };
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
    struct evidence_file file;
    read_example("approved", &file);
    struct policy_subject subject = subject_of(&file);
    learn(&subject, &text);
    for (size_t i = 0; i < COUNT(said); i++)
        assert_says(&text, said[i]);
    evidence_file_free(&file);
}

static void more_events_than_a_file_has_room_for_are_a_value(void **state)
{
    (void)state;
    static const int counts[] = { 100, 300, 2000 };
    for (size_t i = 0; i < COUNT(counts); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
        struct evidence_file file = EVIDENCE_FILE_INIT;
        struct evidence_file_fault fault;
        put_sha256_header(&bytes);
        put_measured(&bytes, 4, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
        for (int n = 0; n < counts[i]; n++) {
            char command[80];
            snprintf(command, sizeof(command), "grub_cmd: menuentry number %d --class os --class gnu", n);
            put_measured(&bytes, 8, EVENTLOG_IPL, bs_span_of_string(command));
        }
        put_measured(&bytes, 9, EVENTLOG_IPL, bs_span_of_string("/boot/vmlinuz"));
        assert_ok(evidence_file_read(bs_buf_span(&bytes), &file, &fault));
        struct policy_subject subject = subject_of(&file);
        learn(&subject, &text);
        assert_true(is_good(bs_buf_span(&text), &subject));
        bool is_whole = memmem(text.data, text.size, "whole = [8]", 11) != NULL;
        assert_int_equal(is_whole, counts[i] > 100);
        assert_says(&text, "/boot/vmlinuz"); /* which PCR 9 is told by, still */
        evidence_file_free(&file);
    }
}

static void a_boot_whose_log_leads_elsewhere_cannot_be_learned(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
    struct evidence_file file;
    char why[POLICY_WORDS_SIZE] = "";
    read_example("approved", &file);
    file.boot.pcrs[4][0] ^= 1;
    struct policy_subject subject = subject_of(&file);
    assert_err(policy_learn("golden", &subject, &text, why), BS_ERR_INPUT);
    assert_non_null(strstr(why, "lead to another value"));
    assert_int_equal(text.size, 0);
    evidence_file_free(&file);
}

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
    policy_must_parse(bs_span_of_string(text), &policy);
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
#define HEAD "name = \"p\"; pcrs: { events = [4, 7, 9, 11]; whole = [0]; };\n"

/* Each key of the file, so that a change of any is a line: of one that says nothing policy_lines() knows nothing. */
static void a_change_of_any_rule_is_a_line(void **state)
{
    (void)state;
    static const char *const values = "values = ( { pcr = 0; digests = [" DIGEST_A "]; } );\n";
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
        "values = ( { pcr = 0; reference = \"golden\"; } );",
        "values = ( { pcr = 0; digests = [" DIGEST_B "]; } );",
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

static void layout_and_comments_are_no_change(void **state)
{
    (void)state;
    struct counted same = compare(HEAD "values = ( { pcr = 0; digests = [" DIGEST_A "]; } );",
                                  "# words\nvalues = ({ digests = [" DIGEST_A "];\n pcr = 0; });\n" HEAD);
    assert_int_equal(same.added + same.removed, 0);
    struct counted one = compare(HEAD "values = ( { pcr = 0; digests = [" DIGEST_A "]; } );",
                                 HEAD "values = ( { pcr = 0; digests = [" DIGEST_A ", " DIGEST_B "]; } );");
    assert_int_equal(one.added, 1);
    assert_int_equal(one.removed, 0);
    assert_string_equal(one.first,
                        "values: PCR 0: sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
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

/* Between .Bd and .Ed, where nothing but backslashes is escaped. */
static size_t parse_examples(const char *page)
{
    size_t count = 0;
    const char *begin = strstr(page, ".Sh EXAMPLES");
    while (begin && (begin = strstr(begin, ".Bd -literal\n"))) {
        char text[4096] = "";
        struct policy_file policy;
        begin += strlen(".Bd -literal\n");
        const char *end = strstr(begin, ".Ed");
        assert_true(end && (size_t)(end - begin) < sizeof(text));
        memcpy(text, begin, (size_t)(end - begin));
        policy_must_parse(bs_span_of_string(text), &policy);
        policy_free(&policy);
        count++;
    }
    return count;
}

static void the_manual_s_examples_are_good_policies(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf page = BS_BUF(64 * 1024);
    assert_ok(bs_file_read(BS_MANUALS "/bootseal-policy.5", &page));
    assert_ok(bs_buf_append(&page, "", 1));
    assert_int_equal(parse_examples((const char *)page.data), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_approves_its_boot_and_no_other),
        cmocka_unit_test(it_is_written_in_the_rules_that_say_most),
        cmocka_unit_test(more_events_than_a_file_has_room_for_are_a_value),
        cmocka_unit_test(a_boot_whose_log_leads_elsewhere_cannot_be_learned),
        cmocka_unit_test(a_change_of_any_rule_is_a_line),
        cmocka_unit_test(layout_and_comments_are_no_change),
        cmocka_unit_test(to_demand_less_is_a_change),
        cmocka_unit_test(the_manual_s_examples_are_good_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
