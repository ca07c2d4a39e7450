#include "server/policy/policy_reference.h"

#include "server/align.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The events of one PCR and one bank. */
struct pcr_events {
    struct eventlog log;
    struct eventlog_event *events; /* NULL without a log */
    struct bs_span *digests;
    size_t count;
};

static void events_free(struct pcr_events *list)
{
    free(list->events);
    free(list->digests);
}

/* A log that was stored was read before; one that cannot be read any more gives no events, and the finding names the PCR alone. */
static enum bs_err events_of(const struct store_boot *boot, uint32_t pcr, struct pcr_events *ret_list)
{
    *ret_list = (struct pcr_events){ .count = 0 };
    if (boot->log.size == 0 || eventlog_open(bs_buf_span(&boot->log), &ret_list->log, NULL) != BS_OK)
        return BS_OK;
    ret_list->events = calloc(ret_list->log.event_count + 1, sizeof(*ret_list->events));
    ret_list->digests = calloc(ret_list->log.event_count + 1, sizeof(*ret_list->digests));
    if (!ret_list->events || !ret_list->digests)
        return BS_ERR_NOMEM;
    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(&ret_list->log); eventlog_next(&c, &event);) {
        if (event.pcr != pcr || !eventlog_extends(&event))
            continue;
        ret_list->digests[ret_list->count] = eventlog_digest(&event, boot->bank);
        ret_list->events[ret_list->count++] = event;
    }
    return BS_OK;
}

/* "sha256:0123456789abcdef EV_IPL grub_cmd ...": the digest first, for it is what was measured. */
static void describe(const struct eventlog_event *event, uint16_t bank, char *ret_text, size_t size)
{
    struct bs_span digest = eventlog_digest(event, bank);
    char hex[17] = "";
    BS_SCOPED_BUF struct bs_buf words = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    bs_hex(BS_SPAN(digest.data, digest.size < 8 ? digest.size : 8), hex);
    if (eventlog_describe(event, &words) != BS_OK)
        bs_buf_reset(&words);
    const char *type = eventlog_type_name(event->type);
    char text[EVENTLOG_DESCRIPTION_MAX + 128];
    int length = snprintf(text, sizeof(text), "%s:%s %s%s%.*s", crypto_hash_name(bank), hex,
                          type ? type : "event of unknown type", words.size > 0 ? " " : "", (int)words.size,
                          words.size > 0 ? (const char *)words.data : "");
    uint8_t clean[256];
    struct bs_span cleaned = message_text_clean(BS_SPAN(text, length > 0 ? (size_t)length : 0), clean,
                                                size - 1 < sizeof(clean) ? size - 1 : sizeof(clean));
    memcpy(ret_text, cleaned.data, cleaned.size);
    ret_text[cleaned.size] = '\0';
}

static void describe_values(const struct store_boot *boot, const struct store_boot *reference, uint32_t pcr,
                            struct evidence_finding *finding)
{
    size_t size = crypto_hash_size(boot->bank);
    bs_hex(BS_SPAN(boot->pcrs[pcr], size), finding->found);
    bs_hex(BS_SPAN(reference->pcrs[pcr], size), finding->expected);
    snprintf(finding->text, sizeof(finding->text), "the value is not that of the reference");
}

static void describe_change(const struct align_result *align, const struct pcr_events *found,
                            const struct pcr_events *expected, uint16_t bank, struct evidence_finding *finding)
{
    finding->found[0] = finding->expected[0] = '\0';
    if (align->change != ALIGN_REMOVED) {
        const struct eventlog_event *event = &found->events[align->found];
        finding->has_event = true;
        finding->event = (uint32_t)event->index;
        describe(event, bank, finding->found, sizeof(finding->found));
    }
    if (align->change != ALIGN_ADDED)
        describe(&expected->events[align->expected], bank, finding->expected, sizeof(finding->expected));
    const char *text = align->change == ALIGN_ADDED     ? "this event is new; the reference has nothing like it there"
                       : align->change == ALIGN_REMOVED ? "an event of the reference is missing"
                                                        : "this event is another one than in the reference";
    snprintf(finding->text, sizeof(finding->text), "%s", text);
}

static enum bs_err compare_pcr(const struct store_boot *boot, const struct store_boot *reference, uint32_t pcr,
                               struct evidence_finding *ret_finding)
{
    struct pcr_events found, expected = { .count = 0 };
    struct align_result align = { .change = ALIGN_SAME };
    *ret_finding = (struct evidence_finding){ .has_pcr = true, .pcr = pcr };
    describe_values(boot, reference, pcr, ret_finding);
    enum bs_err err = events_of(boot, pcr, &found);
    if (err == BS_OK)
        err = events_of(reference, pcr, &expected);
    /* Without both logs, or with logs that are alike, the values are all there is to say. */
    if (err == BS_OK && found.events && expected.events)
        err = align_first(found.digests, found.count, expected.digests, expected.count, &align);
    if (err == BS_OK && align.change != ALIGN_SAME)
        describe_change(&align, &found, &expected, boot->bank, ret_finding);
    events_free(&found);
    events_free(&expected);
    return err;
}

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

enum bs_err policy_compare(const struct store_boot *boot, const struct store_boot *reference, policy_finding_fn row,
                           void *context)
{
    struct evidence_finding finding = { 0 };
    if (boot->bank != reference->bank) {
        snprintf(finding.text, sizeof(finding.text), "the reference is of another PCR bank");
        snprintf(finding.found, sizeof(finding.found), "%s", crypto_hash_name(boot->bank));
        snprintf(finding.expected, sizeof(finding.expected), "%s", crypto_hash_name(reference->bank));
        return row(context, &finding);
    }
    for (uint32_t pcr = 0; pcr < 24; pcr++) {
        if (pcr_is_equal(boot, reference, pcr))
            continue;
        enum bs_err err = compare_pcr(boot, reference, pcr, &finding);
        if (err == BS_OK)
            err = row(context, &finding);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
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

static enum bs_err explain(struct store *store, const struct search *search, struct refusal *refusal)
{
    struct store_reference reference;
    struct store_boot boot = STORE_BOOT_INIT;
    enum bs_err err = store_reference_get(store, search->result.reference, &reference, &boot);
    if (err == BS_OK)
        err = policy_compare(search->boot, &boot, keep_finding, refusal);
    store_boot_free(&boot);
    if (err != BS_OK)
        return err;
    char place[64];
    const struct evidence_finding *first = &refusal->findings[0];
    refusal_place(first, place, sizeof(place));
    refuse(refusal, BS_REASON_BOOT_NOT_APPROVED,
           "this boot is not approved; against the nearest of %zu references: %s: %s", search->result.reference_count,
           place, first->text);
    return BS_OK;
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
