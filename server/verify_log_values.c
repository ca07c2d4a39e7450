/*
 * What the quoted PCRs must hold: what both logs lead to, and where these have no events what a reset leaves; not the cap of this boot;
 * and the firmware's own part of its PCRs ends once.
 */
#include "server/verify_log.h"

#include "bootseal/cap.h"
#include "server/policy/phase.h"

#include <stdio.h>
#include <string.h>

#define FIRMWARE_PCRS ((1u << VERIFY_FIRMWARE_PCRS) - 1)

/* The kernel's list of what it measures while it runs (IMA) is in no log that is read here. */
#define IMA_PCR 10

/* So often may one boot have been capped and the server still says the right thing. */
#define CAPS_MAX 16

static enum bs_err refuse_capped(struct refusal *refusal, uint32_t pcr)
{
    struct evidence_finding *finding = refusal_finding(refusal);
    finding->has_pcr = true;
    finding->pcr = pcr;
    snprintf(finding->text, sizeof(finding->text), "it was closed by the cap of this boot");
    return refuse(refusal, BS_REASON_CAPPED, "this boot is over: reboot to provision");
}

enum bs_err verify_marks_begin(uint16_t bank, struct verify_marks *ret_marks)
{
    *ret_marks = (struct verify_marks){ .is_capped = false };
    enum bs_err err = crypto_hash(bank, bs_span_of_string(BS_CAP_EVENT), ret_marks->cap);
    /* PFP 1.06 §10.4.1, EV_SEPARATOR: four bytes, little endian; 1 says that the firmware failed. */
    if (err == BS_OK)
        err = crypto_hash(bank, BS_SPAN("\0\0\0\0", 4), ret_marks->zeros);
    if (err == BS_OK)
        err = crypto_hash(bank, BS_SPAN("\xff\xff\xff\xff", 4), ret_marks->ones);
    return err == BS_OK ? crypto_hash(bank, BS_SPAN("\1\0\0\0", 4), ret_marks->failed) : err;
}

/* A step of one of the firmware's PCRs: counted where it is a separator, and what is wrong with it as one. */
static void take_separator(const struct verify_step *step, struct verify_marks *marks)
{
    const size_t size = step->digest.size;
    const bool is_separator = bs_span_equal(step->digest, BS_SPAN(marks->zeros, size)) ||
                              bs_span_equal(step->digest, BS_SPAN(marks->ones, size));
    if (bs_span_equal(step->digest, BS_SPAN(marks->failed, size)))
        marks->fault = "the firmware closed it with the separator of an error: it could not measure";
    else if (is_separator && step->is_userspace)
        marks->fault = "a separator stands in userspace's log; only firmware may close its own part";
    else if (is_separator && marks->separators[step->pcr]++ > 0)
        marks->fault = "a second separator; the firmware's own part ends once";
    marks->fault_step = *step;
}

void verify_mark(const struct config *config, const struct message_pcrs *pcrs, const struct verify_step *step,
                 struct verify_marks *marks)
{
    if (step->pcr == config->measure_cap_pcr && bs_span_equal(step->digest, BS_SPAN(marks->cap, step->digest.size)))
        marks->is_capped = true;
    if (marks->fault || step->pcr >= VERIFY_FIRMWARE_PCRS || !(pcrs->mask & (1u << step->pcr)))
        return;
    take_separator(step, marks);
}

/* In a log, whatever type or data the event claims to have; and as the last thing that happened to the PCR. */
enum bs_err verify_uncapped(const struct config *config, const struct message_pcrs *pcrs,
                            const struct verify_logs *logs, struct refusal *refusal)
{
    uint32_t cap_pcr = config->measure_cap_pcr;
    struct eventlog_replay replay = logs->replay;
    if (logs->marks.is_capped)
        return refuse_capped(refusal, cap_pcr);
    for (unsigned i = 0; i < CAPS_MAX; i++) {
        enum bs_err err = eventlog_replay_extend(&replay, cap_pcr, BS_SPAN(logs->marks.cap, replay.size));
        if (err != BS_OK)
            return err;
        if (bs_span_equal(BS_SPAN(replay.values[cap_pcr], replay.size), pcrs->values[cap_pcr]))
            return refuse_capped(refusal, cap_pcr);
    }
    return BS_OK;
}

enum bs_err verify_measured(const struct config *config, const struct message_pcrs *pcrs, struct refusal *refusal)
{
    if (!config->measure_boot_required)
        return BS_OK;
    /* Measured firmware leaves a separator in each of them at least (PFP §3.3.4), so that one untouched is too many. */
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if ((pcrs->mask & FIRMWARE_PCRS & (1u << pcr)) && eventlog_is_reset(pcr, pcrs->values[pcr]))
            return refuse(
                refusal, BS_REASON_UNMEASURED,
                "no firmware measured this boot: PCR %u is at its reset value; switch the TPM on in the firmware setup",
                pcr);
    return BS_OK;
}

/* What is wrong with a PCR; NULL: nothing. */
static const char *fault_of(const struct message_pcrs *pcrs, const struct verify_logs *logs, uint32_t pcr)
{
    const struct eventlog_replay *replay = &logs->replay;
    struct bs_span value = pcrs->values[pcr];
    if (!(replay->mask & (1u << pcr))) {
        if (eventlog_is_reset(pcr, value))
            return NULL;
        return pcr == IMA_PCR ? "the kernel's IMA extends it, and its list is not read; leave it out of measure.pcrs"
                              : "it was extended, but no log has an event for it";
    }
    if (bs_span_equal(value, BS_SPAN(replay->values[pcr], replay->size)) ||
        (pcr == BS_PHASE_PCR && !logs->has_userspace && phase_is_entered(replay, pcrs->values[BS_PHASE_PCR])))
        return NULL;
    return eventlog_is_reset(pcr, value) ? "it is at its reset value, and the log has events for it"
                                         : "the events of the log lead to another value";
}

static enum bs_err refuse_values(const struct verify_logs *logs, uint32_t pcr, struct refusal *refusal)
{
    if (!logs->has_firmware)
        return refuse(
            refusal, BS_REASON_LOG_MISSING,
            "PCR %u was extended, but the device sent no event log; securityfs must be mounted in the initramfs", pcr);
    if (logs->is_left_out && !logs->has_userspace)
        return refuse(
            refusal, BS_REASON_LOG_TOO_LARGE,
            "PCR %u cannot be explained: the log of userspace is too large to be sent; leave PCRs that userspace extends "
            "out of measure.pcrs, or measure less before bootseal runs",
            pcr);
    return refuse(
        refusal, BS_REASON_LOG_MISMATCH,
        "the event log%s to the quoted PCR values, first in PCR %u; something was measured that %s, or the log was changed",
        logs->has_userspace ? "s of firmware and userspace do not lead" : " does not lead", pcr,
        logs->has_userspace ? "they do not tell" : "the log does not tell");
}

enum bs_err verify_values(const struct message_pcrs *pcrs, const struct verify_logs *logs, struct refusal *refusal)
{
    for (uint32_t pcr = 0; pcr < MESSAGE_PCRS; pcr++) {
        if (!(pcrs->mask & (1u << pcr)))
            continue;
        const char *fault = fault_of(pcrs, logs, pcr);
        if (!fault)
            continue;
        struct evidence_finding *finding = refusal_finding(refusal);
        finding->has_pcr = true;
        finding->pcr = pcr;
        snprintf(finding->text, sizeof(finding->text), "%s", fault);
    }
    return refusal->finding_total == 0 ? BS_OK : refuse_values(logs, refusal->findings[0].pcr, refusal);
}

static enum bs_err refuse_separator(const struct verify_step *step, const char *fault, struct refusal *refusal)
{
    struct evidence_finding *finding = refusal_finding(refusal);
    finding->has_pcr = true;
    finding->pcr = step->pcr;
    finding->has_event = !step->is_userspace;
    finding->event = (uint32_t)step->index;
    snprintf(finding->text, sizeof(finding->text), "%s", fault);
    return refuse(refusal, BS_REASON_LOG_SEPARATOR, "PCR %u: %s", step->pcr, fault);
}

enum bs_err verify_separators(const struct message_pcrs *pcrs, const struct verify_logs *logs, struct refusal *refusal)
{
    const struct verify_marks *marks = &logs->marks;
    const uint32_t mask = pcrs->mask & FIRMWARE_PCRS & logs->replay.mask;
    if (marks->fault)
        return refuse_separator(&marks->fault_step, marks->fault, refusal);
    for (uint32_t pcr = 0; pcr < VERIFY_FIRMWARE_PCRS; pcr++) {
        const struct verify_step none = { .pcr = pcr, .is_userspace = true };
        if ((mask & (1u << pcr)) && marks->separators[pcr] == 0)
            return refuse_separator(&none, "no separator ends the firmware's own part", refusal);
    }
    return BS_OK;
}
