/* The worked examples of docs/operations.md: real boots, judged by policies that were made of the approved one; every word. */
#include "unit/unit.h"

#include "server/policy/explain.h"
#include "unit/server/policy_text.h"
#include "unit/server/snapshot.h"

struct example {
    const char *name;
    const char *policy;
};

static const struct example examples[] = {
    { "command-line", "gateway-signed" }, { "initrd", "gateway-signed" }, { "kernel", "gateway-signed" },
    { "secure-boot-off", "gateway" },     { "own-key", "gateway" },       { "older-firmware", "gateway" },
    { "extra-application", "gateway" },   { "other-disk", "gateway" },
};

/* The approved boot is the only reference. */
static enum bs_err each(void *context, policy_reference_fn row, void *row_context)
{
    return row(row_context, context);
}

static enum bs_err find(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    const struct policy_reference *reference = context;
    return strcmp(name, reference->name) == 0 ? row(row_context, reference) : BS_ERR_NOT_FOUND;
}

static void read_policy(const char *name, struct policy_file *ret_policy)
{
    char file_name[128];
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(64 * 1024);
    snprintf(file_name, sizeof(file_name), "%s.conf", name);
    read_boots_file(file_name, &text);
    policy_must_parse(bs_buf_span(&text), ret_policy);
}

/* Appends the explanation; nothing for a boot that is good. */
static void judge(const struct example *example, struct bs_buf *out)
{
    struct evidence_file found, approved;
    struct policy_file policy;
    struct policy_verdict verdict;
    struct boot_diff diff = { .rows = NULL };
    bool has_diff = false;
    read_policy(example->policy, &policy);
    read_example(example->name, &found);
    read_example("approved", &approved);
    struct policy_subject subject = { .boot = boot_of_example(&found), .cap_pcr = found.cap_pcr };
    struct policy_reference reference = { .name = "approved", .id = 1, .boot = boot_of_example(&approved) };
    struct policy_references references = { &reference, find, each };
    assert_ok(policy_judge_boot(&policy, &subject, &references, &verdict));
    if (!verdict.is_good) {
        assert_ok(explain_compare(&policy, &subject, &references, &verdict, &diff, &has_diff));
        assert_true(has_diff);
        assert_ok(explain_lines(&(struct explanation){ &verdict, &diff }, out));
        boot_diff_free(&diff);
    }
    policy_free(&policy);
    evidence_file_free(&found);
    evidence_file_free(&approved);
}

static void both_policies_approve_the_boot_that_they_were_made_of(void **state)
{
    (void)state;
    static const struct example good[] = { { "approved", "gateway" }, { "approved", "gateway-signed" } };
    for (size_t i = 0; i < COUNT(good); i++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(EXPLAIN_MAX);
        judge(&good[i], &text);
        if (text.size > 0)
            fail_msg("%s: %.*s", good[i].policy, (int)text.size, (const char *)text.data);
    }
}

static void every_refusal_has_its_words(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(COUNT(examples) * (EXPLAIN_MAX + 64));
    for (size_t i = 0; i < COUNT(examples); i++) {
        size_t before = text.size;
        assert_ok(bs_buf_printf(&text, "%s%s\n", i > 0 ? "\n" : "", examples[i].name));
        size_t head = text.size;
        judge(&examples[i], &text);
        if (text.size == head)
            fail_msg("%s is good", (const char *)text.data + before);
    }
    assert_snapshot("refusals.txt", bs_buf_span(&text));
}

static void read_manual(struct bs_buf *out)
{
    char bytes[4096];
    FILE *file = fopen(BS_DOCS "/operations.md", "rb");
    assert_non_null(file);
    for (size_t size; (size = fread(bytes, 1, sizeof(bytes), file)) > 0;)
        assert_ok(bs_buf_append(out, bytes, size));
    fclose(file);
    assert_ok(bs_buf_append(out, "", 1));
}

/* An operator who searches the manual for what the rule says finds what to do. */
static void every_refusal_is_in_the_manual(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf manual = BS_BUF(1024 * 1024);
    read_manual(&manual);
    for (size_t i = 0; i < COUNT(examples); i++) {
        static const char label[] = "  Rule       ";
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(EXPLAIN_MAX);
        judge(&examples[i], &text);
        assert_memory_equal(text.data, label, strlen(label));
        char *rule = (char *)text.data + strlen(label);
        rule[strcspn(rule, "\n")] = '\0';
        if (!strstr((const char *)manual.data, rule))
            fail_msg("docs/operations.md does not say: %s", rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_policies_approve_the_boot_that_they_were_made_of),
        cmocka_unit_test(every_refusal_has_its_words),
        cmocka_unit_test(every_refusal_is_in_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
