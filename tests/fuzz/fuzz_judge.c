/*
 * Boots judged by a policy: four bytes size of the first part, that part, and a firmware's log. The first part is a policy, or a log that
 * one is learned from; the boot then has that one as its nearest reference. PCRs are what the logs lead to.
 */
#include "fuzz/fuzz.h"
#include "server/policy/explain.h"
#include "server/policy/policy_learn.h"

#include <string.h>

#define CAP_PCR 12

struct boot {
    struct policy_subject subject;
    struct eventlog_replay replay;
};

static bool make_boot(struct bs_span bytes, struct boot *ret_boot)
{
    struct eventlog log;
    memset(ret_boot, 0, sizeof(*ret_boot));
    if (eventlog_open(bytes, &log, NULL) != BS_OK || eventlog_replay(&log, CRYPTO_SHA256, &ret_boot->replay) != BS_OK)
        return false;
    ret_boot->subject = (struct policy_subject){
        .boot = { .bank = CRYPTO_SHA256,
                  .mask = ret_boot->replay.mask | UINT32_C(1) << CAP_PCR,
                  .pcrs = (const uint8_t(*)[CRYPTO_HASH_MAX])ret_boot->replay.values,
                  .firmware_log = bytes },
        .cap_pcr = CAP_PCR,
        .tpm_manufacturer = "id:49465800",
        .tpm_firmware = UINT64_C(0x0007005511cb0000),
    };
    return true;
}

/* One reference, or none. */
static enum bs_err find(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    const struct policy_reference *reference = context;
    return reference && strcmp(reference->name, name) == 0 ? row(row_context, reference) : BS_ERR_NOT_FOUND;
}

static enum bs_err each(void *context, policy_reference_fn row, void *row_context)
{
    const struct policy_reference *reference = context;
    return reference ? row(row_context, reference) : BS_OK;
}

static void explain(const struct policy_file *policy, const struct policy_subject *subject,
                    const struct policy_references *references, const struct policy_verdict *verdict)
{
    BS_SCOPED_BUF struct bs_buf lines = BS_BUF(EXPLAIN_MAX);
    BS_SCOPED_BUF struct bs_buf sentence = BS_BUF(EXPLAIN_MAX);
    struct boot_diff diff = { 0 };
    bool has_diff = false;
    FUZZ_CLAIM(explain_compare(policy, subject, references, verdict, &diff, &has_diff) == BS_OK);
    FUZZ_CLAIM(diff.count <= BOOT_DIFF_ROWS_MAX && diff.count <= diff.total);
    const struct explanation explanation = { verdict, has_diff ? &diff : NULL };
    FUZZ_CLAIM(explain_lines(&explanation, &lines) == BS_OK);
    FUZZ_CLAIM_TEXT(bs_buf_span(&lines));
    FUZZ_CLAIM(explain_sentence(&explanation, 1000, &sentence) == BS_OK);
    FUZZ_CLAIM(sentence.size <= 1000);
    FUZZ_CLAIM_TEXT(bs_buf_span(&sentence));
    if (has_diff)
        boot_diff_free(&diff);
}

static bool judge(struct bs_span text, const struct policy_subject *subject, const struct policy_reference *reference)
{
    static struct policy_verdict first, second;
    const struct policy_references references = { (void *)(uintptr_t)reference, find, each };
    struct policy_file policy;
    struct conf_problem problem;
    if (policy_parse_rules(text, &policy, &problem) != BS_OK)
        return false;
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    FUZZ_CLAIM(policy_judge_boot(&policy, subject, &references, &first) == BS_OK);
    FUZZ_CLAIM(policy_judge_boot(&policy, subject, &references, &second) == BS_OK);
    FUZZ_CLAIM(first.is_good == second.is_good && strcmp(first.text, second.text) == 0 &&
               strcmp(first.rule, second.rule) == 0);
    if (!first.is_good) {
        FUZZ_CLAIM(first.rule[0] != '\0' && first.text[0] != '\0' && first.advice[0] != '\0');
        explain(&policy, subject, &references, &first);
    }
    policy_free(&policy);
    return first.is_good;
}

/* What was learned from a boot approves it, and no boot whose PCRs lack an event that it has. */
static void learn(const struct boot *known, const struct boot *other)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
    char why[POLICY_WORDS_SIZE] = "";
    enum bs_err err = policy_learn("learned", &known->subject, &text, why);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_INPUT && why[0] != '\0');
        FUZZ_CLAIM_TEXT(bs_span_of_string(why));
        return;
    }
    FUZZ_CLAIM_TEXT(bs_buf_span(&text));
    const struct policy_reference reference = { "golden", 1, known->subject.boot };
    FUZZ_CLAIM(judge(bs_buf_span(&text), &known->subject, NULL));
    if (judge(bs_buf_span(&text), &other->subject, &reference))
        FUZZ_CLAIM((known->replay.mask & ~other->replay.mask) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boot known, boot;
    struct bs_reader reader = BS_READER(BS_SPAN(data, size));
    struct bs_span first;
    uint32_t first_size;
    if (!bs_read_le32(&reader, &first_size) || !bs_read_bytes(&reader, first_size, &first) ||
        !make_boot(BS_SPAN(reader.at, reader.left), &boot))
        return 0;
    if (make_boot(first, &known))
        learn(&known, &boot);
    else
        (void)judge(first, &boot.subject, NULL);
    return 0;
}
