/* Policies as texts: what is learned from the worked examples, and that the manual's are good ones. */
#include "unit/unit.h"

#include "core/file.h"
#include "server/policy/policy_learn.h"
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
        put_measured(&bytes, 4, EVENTLOG_BOOT_APPLICATION, bs_span_of_string("grub"));
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
        cmocka_unit_test(the_manual_s_examples_are_good_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
