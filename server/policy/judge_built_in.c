/* What every firmware measures and no policy has to name: separators, and sentences about its own course. By their digests alone. */
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>

#define FIRMWARE_PCRS 8

/* PFP 1.06 §10.4.1: zeros or ones. The third one, 1, tells that measuring failed, and is none. */
static const uint8_t separators[][4] = { { 0, 0, 0, 0 }, { 0xff, 0xff, 0xff, 0xff } };

/* PFP 1.06 §10.4.4. Those that tell of a weaker machine are left out: they must be named. */
static const struct {
    uint32_t pcr;
    const char *words;
} sentences[] = {
    { 4, "Calling EFI Application from Boot Option" },
    { 4, "Returning from EFI Application from Boot Option" },
    { 4, "Calling INT 19h" },
    { 5, "Exit Boot Services Invocation" },
    { 5, "Exit Boot Services Returned with Failure" },
    { 5, "Exit Boot Services Returned with Success" },
};

static bool is_separator(const struct judge *judge, struct bs_span digest)
{
    return judge_is_digest_of(judge, digest, BS_SPAN(separators[0], 4)) ||
           judge_is_digest_of(judge, digest, BS_SPAN(separators[1], 4));
}

static bool is_sentence(const struct judge *judge, uint32_t pcr, struct bs_span digest)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (sentences[i].pcr == pcr && judge_is_digest_of(judge, digest, bs_span_of_string(sentences[i].words)))
            return true;
    return false;
}

bool judge_is_built_in(const struct judge *judge, uint32_t pcr, struct bs_span digest)
{
    return (pcr < FIRMWARE_PCRS && is_separator(judge, digest)) || is_sentence(judge, pcr, digest);
}

static void refuse_separator(struct judge *judge, uint32_t pcr, const struct judge_event *second)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_BUILT_IN, "pcrs.events");
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = pcr;
    if (second)
        judge_name_event(judge, fault, second);
    JUDGE_SAY(fault->text, second ? "a second separator" : "the PCR has no separator");
    JUDGE_SAY(fault->expected, "exactly one separator, at the end of the firmware's own part");
    JUDGE_SAY(
        fault->advice,
        second
            ? "Something measured a separator of its own behind the firmware's: look at what was started on the device."
            : "The firmware did not end its measurements properly: update it, or put the PCR into pcrs.whole or "
              "pcrs.ignore.");
}

static void take_separator(struct judge *judge, uint32_t pcr)
{
    struct judge_event *separator = NULL;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, pcr));) {
        if (!is_separator(judge, e->digest))
            continue;
        if (separator)
            refuse_separator(judge, pcr, e);
        else
            separator = e;
        judge_take(e, JUDGE_BUILT_IN);
    }
    if (!separator)
        refuse_separator(judge, pcr, NULL);
    for (struct judge_event *e = NULL; separator && (e = judge_next(judge, e, pcr)) && e < separator;)
        e->is_before = true;
}

/* The phase counts only as the last thing that happened: whatever comes behind it is the running system's. */
static void take_phase(struct judge *judge)
{
    struct judge_event *last = NULL;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, 11));)
        last = e;
    if (last && judge_is_digest_of(judge, last->digest, bs_span_of_string("enter-initrd")))
        judge_take(last, JUDGE_BUILT_IN);
}

void judge_built_in(struct judge *judge)
{
    for (uint32_t pcr = 0; pcr < FIRMWARE_PCRS; pcr++)
        if (judge->policy->events & JUDGE_BIT(pcr))
            take_separator(judge, pcr);
    for (size_t i = 0; i < judge->count; i++)
        if (is_sentence(judge, judge->events[i].event.pcr, judge->events[i].digest))
            judge_take(&judge->events[i], JUDGE_BUILT_IN);
    take_phase(judge);
}
