/*
 * A release: a reference whose events in PCRs 4, 9 and 11 are all in the boot, in their order. What every firmware measures is none of them,
 * so a reference that has nothing else there is no release: it would fit every boot.
 */
#include "bootseal/phase.h"
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RELEASE_PCRS (JUDGE_BIT(4) | JUDGE_BIT(9) | JUDGE_BIT(11))

struct attempt {
    struct judge *judge;
    const char *name;
    size_t events;   /* that the release has */
    bool *is_fit;    /* by event of the judge: the release would take it */
    bool is_refused; /* and why: */
    char text[POLICY_WORDS_SIZE];
    uint32_t pcr; /* POLICY_NO_PCR: of none */
    char expected[POLICY_FOUND_SIZE];
};

static uint32_t pcrs_of(const struct judge *judge)
{
    return RELEASE_PCRS & judge->policy->events;
}

__attribute__((format(printf, 2, 3))) static void refuse(struct attempt *attempt, const char *format, ...)
{
    va_list args;
    if (attempt->is_refused)
        return;
    attempt->is_refused = true;
    attempt->pcr = POLICY_NO_PCR;
    va_start(args, format);
    vsnprintf(attempt->text, sizeof(attempt->text), format, args);
    va_end(args);
}

static bool replay_all(const struct policy_boot *boot, const struct eventlog *log, struct eventlog_replay *ret_replay)
{
    struct userlog userlog;
    if (eventlog_replay(log, boot->bank, ret_replay) != BS_OK)
        return false;
    return boot->userspace_log.size == 0 || (userlog_open(boot->userspace_log, &userlog, NULL) == BS_OK &&
                                             userlog_replay(&userlog, ret_replay) == BS_OK);
}

/* Only what a TPM has quoted of the reference is one: its log must lead to its values, in each PCR that is used. */
static bool is_sound(struct attempt *attempt, const struct policy_boot *boot, struct eventlog *ret_log)
{
    const struct judge *judge = attempt->judge;
    struct eventlog_replay replay;
    uint32_t pcrs = pcrs_of(judge);
    if (boot->bank != judge->bank)
        refuse(attempt, "the release %s is of another PCR bank", attempt->name);
    else if (pcrs & ~boot->mask)
        refuse(attempt, "the release %s says nothing about PCR %d", attempt->name, __builtin_ctz(pcrs & ~boot->mask));
    else if (boot->firmware_log.size == 0 || eventlog_open(boot->firmware_log, ret_log, NULL) != BS_OK ||
             !replay_all(boot, ret_log, &replay))
        refuse(attempt, "the release %s has no event log", attempt->name);
    for (uint32_t pcr = 0; pcr < POLICY_PCRS && !attempt->is_refused; pcr++)
        if ((pcrs & JUDGE_BIT(pcr)) && memcmp(replay.values[pcr], boot->pcrs[pcr], judge->size) != 0 &&
            (pcr != BS_PHASE_PCR || !judge_is_in_initrd(boot, &replay)))
            refuse(attempt, "the log of the release %s does not lead to its PCR %u", attempt->name, pcr);
    return !attempt->is_refused;
}

/* The next event of the PCR behind `after` that nobody took and that has the digest. */
static struct judge_event *find(struct judge *judge, struct judge_event *after, uint32_t pcr, struct bs_span digest)
{
    for (struct judge_event *e = after; (e = judge_next(judge, e, pcr));)
        if (!e->is_taken && bs_span_equal(e->digest, digest))
            return e;
    return NULL;
}

static void fit(struct attempt *attempt, const struct eventlog *log)
{
    struct judge *judge = attempt->judge;
    struct judge_event *last[POLICY_PCRS] = { NULL };
    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event) && !attempt->is_refused;) {
        if (!eventlog_extends(&event) || !(pcrs_of(judge) & JUDGE_BIT(event.pcr)))
            continue;
        struct bs_span digest = eventlog_digest(&event, judge->bank);
        if (judge_is_built_in(judge, event.pcr, digest))
            continue;
        attempt->events++;
        last[event.pcr] = find(judge, last[event.pcr], event.pcr, digest);
        if (last[event.pcr]) {
            attempt->is_fit[last[event.pcr] - judge->events] = true;
            continue;
        }
        refuse(attempt, "the boot is not the release %s: an event of it is missing", attempt->name);
        attempt->pcr = event.pcr;
        judge_describe(judge->bank, &event, attempt->expected, sizeof(attempt->expected));
    }
    if (attempt->events == 0)
        refuse(attempt, "the release %s has no events of an image of its own", attempt->name);
}

static enum bs_err try_reference(void *context, const struct policy_reference *reference)
{
    struct attempt *attempt = context;
    struct eventlog log;
    if (is_sound(attempt, &reference->boot, &log))
        fit(attempt, &log);
    return BS_OK;
}

/* How far the best one came, for the sentence. */
static size_t count_fits(const struct attempt *attempt)
{
    size_t count = 0;
    for (size_t i = 0; i < attempt->judge->count; i++)
        count += attempt->is_fit[i];
    return count;
}

static void say(struct judge *judge, size_t index, const struct attempt *attempt)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_APPLICATIONS, "applications.[%zu]", index);
    if (!fault)
        return;
    fault->has_pcr = attempt->pcr != POLICY_NO_PCR;
    fault->pcr = fault->has_pcr ? attempt->pcr : 0;
    JUDGE_SAY(fault->text, "%s", attempt->text);
    JUDGE_SAY(fault->expected, "%s", attempt->expected[0] ? attempt->expected : "the events of the release");
    JUDGE_SAY(
        fault->advice,
        "If another release is meant to run, add its reference (bootsealctl reference add) and name it in applications; else "
        "install %s on the device again.",
        attempt->name);
}

/* One group's; it is fit where it was not refused. The caller frees is_fit. */
static void try_group(struct judge *judge, const struct policy_application *group, struct attempt *attempt)
{
    *attempt = (struct attempt){ .judge = judge, .name = group->release, .pcr = POLICY_NO_PCR };
    attempt->is_fit = calloc(judge->count + 1, sizeof(*attempt->is_fit));
    if (!attempt->is_fit) {
        judge->err = BS_ERR_NOMEM;
        return;
    }
    enum bs_err err = judge->references->find(judge->references->context, group->release, try_reference, attempt);
    if (err == BS_ERR_NOT_FOUND)
        refuse(attempt, "there is no reference %s, or it is revoked", group->release);
    else if (err != BS_OK)
        judge->err = err;
}

/*
 * One that fits before one that does not, and of two that do the one that explains more: the other may be a part of it. Of two alike the
 * name decides, for in which order a policy names them must not be a rule.
 */
static bool is_better(const struct attempt *attempt, const struct attempt *best)
{
    if (!best->name || attempt->is_refused != best->is_refused)
        return !best->name || best->is_refused;
    size_t fits = count_fits(attempt), best_fits = count_fits(best);
    if (fits != best_fits || attempt->is_refused)
        return fits > best_fits;
    return strcmp(attempt->name, best->name) < 0;
}

static void take(struct judge *judge, const struct attempt *attempt)
{
    for (size_t i = 0; i < judge->count; i++)
        if (attempt->is_fit[i])
            judge_take(&judge->events[i], JUDGE_APPLICATIONS);
}

void rule_release(struct judge *judge)
{
    const struct policy_application *groups = judge->policy->applications.items;
    struct attempt best = { .name = NULL };
    size_t index = 0;
    for (size_t i = 0; i < judge->policy->applications.count && judge->err == BS_OK; i++) {
        struct attempt attempt;
        if (!groups[i].release)
            continue;
        try_group(judge, &groups[i], &attempt);
        if (judge->err == BS_OK && is_better(&attempt, &best)) {
            free(best.is_fit);
            best = attempt;
            index = i;
        } else {
            free(attempt.is_fit);
        }
    }
    if (judge->err == BS_OK && best.name && !best.is_refused)
        take(judge, &best);
    else if (judge->err == BS_OK && best.name)
        say(judge, index, &best);
    free(best.is_fit);
}
