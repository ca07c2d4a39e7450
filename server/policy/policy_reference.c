#include "server/policy/policy_reference.h"

#include "server/policy/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool pcr_is_equal(const struct store_boot *a, const struct store_boot *b, uint32_t pcr)
{
    uint32_t bit = 1u << pcr;
    if ((a->mask & bit) != (b->mask & bit))
        return false;
    return !(a->mask & bit) || memcmp(a->pcrs[pcr], b->pcrs[pcr], crypto_hash_size(a->bank)) == 0;
}

static uint32_t differences_of(const struct store_boot *a, const struct store_boot *b)
{
    uint32_t different = 0;
    if (a->bank != b->bank)
        return UINT32_C(0xFFFFFF);
    for (uint32_t pcr = 0; pcr < 24; pcr++)
        different |= (uint32_t)!pcr_is_equal(a, b, pcr) << pcr;
    return different;
}

static unsigned count_bits(uint32_t mask)
{
    unsigned count = 0;
    for (; mask; mask &= mask - 1)
        count++;
    return count;
}

static struct policy_boot view(const struct store_boot *boot)
{
    return (struct policy_boot){ .bank = boot->bank,
                                 .mask = boot->mask,
                                 .pcrs = boot->pcrs,
                                 .firmware_log = bs_buf_span(&boot->log),
                                 .userspace_log = bs_buf_span(&boot->userspace_log),
                                 .command_line = bs_buf_span(&boot->command_line) };
}

/* "sha256:0123456789abcdef EV_IPL grub_cmd: ...": the digest first, for it is what was measured. */
static void describe(const struct boot_diff_event *event, char *ret_text, size_t size)
{
    enum { DIGEST_SHOWN = 23 };
    const char *type = event->is_userspace ? "of the userspace log" : eventlog_type_name(event->type);
    char text[BOOT_DIFF_TEXT + 128];
    snprintf(text, sizeof(text), "%.*s %s%s%s", DIGEST_SHOWN, event->digest, type ? type : "event of unknown type",
             event->words[0] ? " " : "", event->words);
    explain_cut(event->is_there ? text : event->digest, ret_text, size);
}

static void describe_row(const struct boot_diff_row *row, struct evidence_finding *ret_finding)
{
    *ret_finding = (struct evidence_finding){ .has_pcr = true, .pcr = row->pcr };
    ret_finding->has_event = row->found.is_there && !row->found.is_userspace;
    ret_finding->event = ret_finding->has_event ? (uint32_t)row->found.index : 0;
    describe(&row->found, ret_finding->found, sizeof(ret_finding->found));
    describe(&row->expected, ret_finding->expected, sizeof(ret_finding->expected));
    snprintf(ret_finding->text, sizeof(ret_finding->text), "%s", explain_change(row));
}

enum bs_err policy_findings(const struct policy_verdict *verdict, const struct boot_diff *diff, policy_finding_fn row,
                            void *context)
{
    struct evidence_finding finding = { 0 };
    if (diff->count == 0) {
        snprintf(finding.text, sizeof(finding.text), "%s", verdict->text);
        explain_cut(verdict->found, finding.found, sizeof(finding.found));
        explain_cut(verdict->expected, finding.expected, sizeof(finding.expected));
        return row(context, &finding);
    }
    for (size_t i = 0; i < diff->count; i++) {
        if (i > 0 && diff->rows[i].pcr == diff->rows[i - 1].pcr)
            continue;
        describe_row(&diff->rows[i], &finding);
        enum bs_err err = row(context, &finding);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

enum bs_err policy_compare(const struct store_boot *boot, const struct store_reference *reference,
                           const struct store_boot *expected, struct policy_verdict *ret_verdict,
                           struct boot_diff *ret_diff)
{
    struct policy_boot found = view(boot);
    struct policy_reference nearest = { .name = reference->name, .id = reference->id, .boot = view(expected) };
    return explain_reference(&found, &nearest, ret_verdict, ret_diff);
}

enum bs_err policy_boot_digest(const struct store_boot *boot, uint8_t ret_digest[STORE_DIGEST])
{
    uint8_t head[6] = { (uint8_t)(boot->bank >> 8),  (uint8_t)boot->bank,        (uint8_t)(boot->mask >> 24),
                        (uint8_t)(boot->mask >> 16), (uint8_t)(boot->mask >> 8), (uint8_t)boot->mask };
    struct bs_span pieces[1 + 24] = { BS_SPAN(head, sizeof(head)) };
    size_t count = 1, size = crypto_hash_size(boot->bank);
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (boot->mask & (1u << pcr))
            pieces[count++] = BS_SPAN(boot->pcrs[pcr], size);
    return crypto_labelled("bootseal boot v1", pieces, count, ret_digest);
}

struct search {
    const struct store_boot *boot;
    struct policy_result result;
    unsigned differences; /* of the nearest one */
    bool has_firmware;    /* all but POLICY_RELEASE_PCRS are those of a reference */
    uint64_t release;     /* of whose are these; 0: of none */
};

/* The newest of those that are equally near: what was approved last is what the boot most likely should have been. */
static enum bs_err consider(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    struct search *search = context;
    if (reference->is_revoked)
        return BS_OK;
    const uint32_t different = differences_of(search->boot, boot);
    const unsigned differences = count_bits(different);
    if (search->result.reference_count++ == 0 || differences <= search->differences) {
        search->differences = differences;
        search->result.reference = reference->id;
    }
    if (!(different & ~POLICY_RELEASE_PCRS))
        search->has_firmware = true;
    if (reference->is_release && !(different & POLICY_RELEASE_PCRS))
        search->release = reference->id;
    return BS_OK;
}

static enum bs_err keep_finding(void *context, const struct evidence_finding *finding)
{
    *refusal_finding(context) = *finding;
    return BS_OK;
}

static enum bs_err tell(const struct search *search, const struct policy_verdict *verdict, const struct boot_diff *diff,
                        struct refusal *refusal)
{
    char place[64];
    struct evidence_finding first = { .has_pcr = verdict->has_pcr,
                                      .pcr = verdict->pcr,
                                      .has_event = verdict->has_event && !verdict->is_userspace,
                                      .event = (uint32_t)verdict->event };
    refusal_place(&first, place, sizeof(place));
    refuse(refusal, BS_REASON_BOOT_NOT_APPROVED,
           "this boot is not approved; against the nearest of %zu references: %s: %s", search->result.reference_count,
           place, verdict->text);
    enum bs_err err = policy_findings(verdict, diff, keep_finding, refusal);
    return err == BS_OK ? explain_at_length(&(struct explanation){ verdict, diff }, refusal) : err;
}

static enum bs_err explain(struct store *store, const struct search *search, struct refusal *refusal)
{
    struct store_reference reference;
    struct store_boot boot = STORE_BOOT_INIT;
    struct policy_verdict verdict;
    struct boot_diff diff = { .rows = NULL };
    enum bs_err err = store_reference_get(store, search->result.reference, &reference, &boot);
    if (err == BS_OK)
        err = policy_compare(search->boot, &reference, &boot, &verdict, &diff);
    if (err == BS_OK)
        err = tell(search, &verdict, &diff, refusal);
    boot_diff_free(&diff);
    store_boot_free(&boot);
    return err;
}

enum bs_err policy_judge(struct store *store, const char *profile, const struct store_boot *boot,
                         struct policy_result *ret_result, struct refusal *refusal)
{
    struct search search = { .boot = boot };
    enum bs_err err = store_reference_each(store, profile, true, consider, &search);
    if (err != BS_OK)
        return err;
    if (search.result.reference_count == 0) {
        search.result.verdict = POLICY_NO_REFERENCE;
        refuse(refusal, BS_REASON_NO_REFERENCE,
               "the profile %s knows no good boot yet; bootsealctl device approve --learn "
               "makes the boot of a device you trust its first",
               profile);
    } else if (search.differences == 0) {
        search.result.verdict = POLICY_GOOD;
    } else if (search.has_firmware && search.release) {
        search.result.verdict = POLICY_GOOD;
        search.result.reference = search.release;
    } else {
        search.result.verdict = POLICY_DIFFERS;
        err = explain(store, &search, refusal);
    }
    if (err == BS_OK)
        *ret_result = search.result;
    return err;
}
