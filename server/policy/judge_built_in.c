/* What every firmware measures and no policy has to name: separators, and sentences about its own course. By their digests alone. */
#include "bootseal/phase.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>

#define FIRMWARE_PCRS 8

/* PFP 1.06 §10.4.1: zeros or ones. The third one, 1, tells that measuring failed, and is none. */
static const uint8_t separators[][4] = { { 0, 0, 0, 0 }, { 0xff, 0xff, 0xff, 0xff } };

/* PFP 1.06 §10.4.4. Those that tell of a weaker machine are left out: they must be named. */
static const struct {
    enum judge_known known;
    uint32_t pcr;
    const char *words;
} sentences[] = {
    { JUDGE_CALLING, 4, "Calling EFI Application from Boot Option" },
    { JUDGE_RETURNING, 4, "Returning from EFI Application from Boot Option" },
    { JUDGE_INT_19, 4, "Calling INT 19h" },
    { JUDGE_EXIT, 5, "Exit Boot Services Invocation" },
    { JUDGE_EXIT_FAILED, 5, "Exit Boot Services Returned with Failure" },
    { JUDGE_EXIT_DONE, 5, "Exit Boot Services Returned with Success" },
};

static enum bs_err know(struct judge *judge, enum judge_known known, struct bs_span bytes)
{
    return crypto_hash(judge->bank, bytes, judge->known[known]);
}

enum bs_err judge_know(struct judge *judge)
{
    uint8_t bytes[53];
    enum bs_err err = know(judge, JUDGE_ZEROS, BS_SPAN(separators[0], 4));
    if (err == BS_OK)
        err = know(judge, JUDGE_ONES, BS_SPAN(separators[1], 4));
    if (err == BS_OK)
        err = know(judge, JUDGE_PHASE, bs_span_of_string(BS_PHASE_INITRD));
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]) && err == BS_OK; i++)
        err = know(judge, sentences[i].known, bs_span_of_string(sentences[i].words));
    for (uint8_t value = 0; value < 3 && err == BS_OK; value++)
        err = know(judge, JUDGE_SECURE_BOOT_OFF + value, rule_secure_boot_write(value, bytes));
    return err;
}

static bool is_separator(const struct judge *judge, struct bs_span digest)
{
    return judge_is_known(judge, digest, JUDGE_ZEROS) || judge_is_known(judge, digest, JUDGE_ONES);
}

static bool is_sentence(const struct judge *judge, uint32_t pcr, struct bs_span digest)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (sentences[i].pcr == pcr && judge_is_known(judge, digest, sentences[i].known))
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
            : "The firmware did not end its measurements properly: update it; a device that shows no separator is refused whatever the "
              "policy says.");
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
    for (struct judge_event *e = NULL; (e = judge_next_any(judge, e, BS_PHASE_PCR));)
        last = e;
    if (last && judge_is_known(judge, last->digest, JUDGE_PHASE))
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
