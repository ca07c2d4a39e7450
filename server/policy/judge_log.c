/* Before any rule: the selection is what the policy needs, and the logs lead to the values. The events of the PCRs are put into a list. */
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"
#include "server/policy/phase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse_pcr(struct judge *judge, enum judge_rule rule, const char *path, unsigned pcr, const char *text,
                       const char *advice)
{
    struct policy_verdict *fault = judge_fault(judge, rule, "%s", path);
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = pcr;
    digest_text(judge->bank, BS_SPAN(judge->subject->boot.pcrs[pcr], judge->size), fault->found, sizeof(fault->found));
    JUDGE_SAY(fault->text, "%s", text);
    JUDGE_SAY(fault->advice, "%s", advice);
}

static void refuse_missing(struct judge *judge, uint32_t missing)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_PCRS, "pcrs");
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = (uint32_t)__builtin_ctz(missing);
    JUDGE_SAY(fault->text, "the policy looks at a PCR that was not quoted");
    JUDGE_SAY(fault->advice,
              "Add PCR %u to measure.pcrs of the server and of its devices, or take it out of the policy.", fault->pcr);
}

/* The cap's PCR is closed by ourselves: the policy need not know it, as long as nothing else was measured there. */
static void check_selection(struct judge *judge)
{
    const struct policy_file *policy = judge->policy;
    const struct policy_boot *boot = &judge->subject->boot;
    uint32_t named = policy->events | policy->whole | policy->ignore;
    uint32_t missing = (policy->events | policy->whole) & ~boot->mask;
    if (!(policy->events | policy->whole)) {
        struct policy_verdict *fault = judge_fault(judge, JUDGE_PCRS, "pcrs");
        if (fault) {
            JUDGE_SAY(fault->text, "the policy looks at no PCR, so it approves nothing");
            JUDGE_SAY(fault->advice, "Name the PCRs that are to be judged in pcrs.events or pcrs.whole.");
        }
        return;
    }
    if (missing)
        refuse_missing(judge, missing);
    for (unsigned pcr = 0; pcr < POLICY_PCRS; pcr++) {
        bool is_cap = pcr == judge->subject->cap_pcr && eventlog_is_reset(pcr, BS_SPAN(boot->pcrs[pcr], judge->size));
        if ((boot->mask & ~named & JUDGE_BIT(pcr)) && !is_cap)
            refuse_pcr(judge, JUDGE_PCRS, "pcrs", pcr, "the policy says nothing about a PCR that was quoted",
                       "Put the PCR into pcrs.events, pcrs.whole or pcrs.ignore.");
    }
}

static bool refuse_log(struct judge *judge, const char *text, const char *found, size_t event)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_LOG, "pcrs");
    if (!fault)
        return false;
    JUDGE_SAY(fault->text, "%s", text);
    if (found)
        JUDGE_SAY(fault->found, "event %zu: %s", event, found);
    JUDGE_SAY(fault->advice,
              "Look at the log with bootsealctl eventlog show; a log that was not changed leads to the values "
              "that the TPM quotes.");
    return false;
}

static bool replay_log(struct judge *judge)
{
    struct eventlog_fault fault = { .what = NULL };
    struct bs_span bytes = judge->subject->boot.firmware_log;
    if (bytes.size == 0) {
        judge->err = eventlog_replay_begin(judge->bank, 0, &judge->replay);
        return judge->err == BS_OK;
    }
    if (eventlog_open(bytes, &judge->log, &fault) != BS_OK)
        return refuse_log(judge, "the event log cannot be read", fault.what, fault.event);
    enum bs_err err = eventlog_replay(&judge->log, judge->bank, &judge->replay);
    if (err == BS_ERR_NOT_FOUND)
        return refuse_log(judge, "the event log has no digests of the quoted bank", NULL, 0);
    if (err == BS_ERR_INPUT)
        return refuse_log(judge, "an event of the log has no digest of the quoted bank", NULL, 0);
    judge->err = err;
    return err == BS_OK;
}

static bool replay_userlog(struct judge *judge)
{
    struct userlog_fault fault = { .what = NULL };
    struct bs_span bytes = judge->subject->boot.userspace_log;
    if (bytes.size == 0)
        return true;
    if (userlog_open(bytes, &judge->userlog, &fault) != BS_OK)
        return refuse_log(judge, "the userspace log cannot be read", fault.what, fault.record);
    enum bs_err err = userlog_replay(&judge->userlog, &judge->replay);
    if (err == BS_ERR_INPUT)
        return refuse_log(judge, "a record of the userspace log has no digest of the quoted bank", NULL, 0);
    judge->err = err;
    return err == BS_OK;
}

static bool open_logs(struct judge *judge)
{
    if (judge->size == 0)
        return refuse_log(judge, "the PCR bank is of a hash that is not known here", NULL, 0);
    judge->err = judge_know(judge);
    return judge->err == BS_OK && replay_log(judge) && replay_userlog(judge);
}

bool judge_is_in_initrd(const struct policy_boot *boot, const struct eventlog_replay *replay)
{
    return boot->userspace_log.size == 0 && phase_is_entered(replay, BS_SPAN(boot->pcrs[BS_PHASE_PCR], replay->size));
}

static void check_values(struct judge *judge)
{
    static const char *const advice =
        "Something was measured that the log does not tell, or the log was changed: look at what "
        "started on the device, and have it send its userspace log too.";
    const struct policy_boot *boot = &judge->subject->boot;
    for (unsigned pcr = 0; pcr < POLICY_PCRS; pcr++) {
        if (!(boot->mask & (judge->policy->events | judge->policy->whole) & JUDGE_BIT(pcr)))
            continue;
        const uint8_t *quoted = boot->pcrs[pcr];
        bool has_events = judge->replay.mask & JUDGE_BIT(pcr);
        if (has_events ? memcmp(quoted, judge->replay.values[pcr], judge->size) == 0
                       : eventlog_is_reset(pcr, BS_SPAN(quoted, judge->size)))
            continue;
        if (pcr == BS_PHASE_PCR && judge_is_in_initrd(boot, &judge->replay))
            judge->has_phase = true;
        else
            refuse_pcr(judge, JUDGE_LOG, "pcrs", pcr,
                       has_events ? "the events of the log lead to another value"
                                  : "it was extended, but the log has no event for it",
                       advice);
    }
}

static void add(struct judge *judge, const struct eventlog_event *event, struct bs_span digest, bool is_userspace)
{
    struct judge_event *e = &judge->events[judge->count++];
    *e = (struct judge_event){ .event = *event, .digest = digest, .is_userspace = is_userspace };
    e->is_of_data = judge_is_digest_of(judge, digest, event->data);
}

/* As an event of the firmware's log, so that the rules see one kind alone. */
static void add_record(struct judge *judge, size_t index, uint32_t pcr, struct bs_span digest, struct bs_span text)
{
    struct judge_record *record = &judge->records[judge->record_count++];
    struct eventlog_event event = { .index = index, .pcr = pcr, .type = EVENTLOG_IPL, .digest_count = 1 };
    memcpy(record->digest, digest.data, judge->size);
    if (text.size > 0)
        memcpy(record->text, text.data, text.size);
    event.data = BS_SPAN(record->text, text.size);
    event.digests[0] = (struct eventlog_digest){ judge->bank, BS_SPAN(record->digest, judge->size) };
    add(judge, &event, event.digests[0].value, true);
}

static void list_records(struct judge *judge)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    struct userlog_record record;
    if (judge->subject->boot.userspace_log.size > 0)
        for (struct userlog_cursor c = userlog_first(&judge->userlog); userlog_next(&c, &record);)
            if (record.has_pcr && (judge->policy->events & JUDGE_BIT(record.pcr)))
                add_record(judge, record.index, record.pcr, userlog_digest(&record, judge->bank),
                           userlog_text(&record));
    if (!judge->has_phase || !(judge->policy->events & JUDGE_BIT(BS_PHASE_PCR)))
        return;
    judge->err = crypto_hash(judge->bank, bs_span_of_string(BS_PHASE_INITRD), digest);
    if (judge->err == BS_OK)
        add_record(judge, 0, BS_PHASE_PCR, BS_SPAN(digest, judge->size), bs_span_of_string(BS_PHASE_INITRD));
}

static bool list_events(struct judge *judge)
{
    struct eventlog_event event;
    judge->events = calloc(judge->log.event_count + judge->userlog.record_count + 1, sizeof(*judge->events));
    judge->records = calloc(judge->userlog.record_count + 1, sizeof(*judge->records));
    if (!judge->events || !judge->records) {
        judge->err = BS_ERR_NOMEM;
        return false;
    }
    if (judge->subject->boot.firmware_log.size > 0)
        for (struct eventlog_cursor c = eventlog_first(&judge->log); eventlog_next(&c, &event);)
            if (eventlog_extends(&event) && (judge->policy->events & JUDGE_BIT(event.pcr)))
                add(judge, &event, eventlog_digest(&event, judge->bank), false);
    list_records(judge);
    return judge->err == BS_OK;
}

bool judge_read(struct judge *judge)
{
    check_selection(judge);
    if (judge->faults[JUDGE_PCRS] || !open_logs(judge))
        return false;
    check_values(judge);
    return !judge->faults[JUDGE_LOG] && list_events(judge);
}
