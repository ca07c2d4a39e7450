/*
 * The boot: the log must lead to the quoted values, every PCR that it does not mention must be untouched, and the cap must not
 * have been extended. Nothing that a log says of itself is believed: type and data are not measured, digests are.
 */
#include "server/evidence.h"

#include "bootseal/cap.h"

#include <stdio.h>
#include <string.h>

/* Those that firmware extends before anything of ours runs (PFP 1.06 §3.3.4). */
#define FIRMWARE_PCRS 0xffu

/* What systemd-pcrphase(8) measures when an initrd begins, behind everything that the firmware has a log of. */
#define PHASE_PCR 11
#define PHASE_INITRD "enter-initrd"

/* So often may one boot have been capped and the server still says the right thing. */
#define CAPS_MAX 16

static bool is_reset(struct bs_span value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] != 0)
            return false;
    return true;
}

static enum bs_err extend(uint16_t bank, uint8_t *value, size_t size, struct bs_span digest)
{
    uint8_t both[2 * CRYPTO_HASH_MAX];
    memcpy(both, value, size);
    memcpy(both + size, digest.data, size);
    return crypto_hash(bank, BS_SPAN(both, 2 * size), value);
}

static enum bs_err refuse_capped(struct refusal *refusal, uint32_t pcr)
{
    struct evidence_finding *finding = refusal_finding(refusal);
    finding->has_pcr = true;
    finding->pcr = pcr;
    snprintf(finding->text, sizeof(finding->text), "it was closed by the cap of this boot");
    return refuse(refusal, BS_REASON_CAPPED, "this boot is over: reboot to provision");
}

/* In the log, whatever type or data the event claims to have; and as the last thing that happened to the PCR. */
static enum bs_err verify_uncapped(const struct config *config, const struct message_pcrs *pcrs,
                                   const struct eventlog *log, const struct eventlog_replay *replay,
                                   struct refusal *refusal)
{
    uint16_t bank = pcrs->bank;
    uint32_t cap_pcr = config->measure_cap_pcr;
    uint8_t bytes[CRYPTO_HASH_MAX], value[CRYPTO_HASH_MAX] = { 0 };
    size_t size = crypto_hash_size(bank);
    struct bs_span cap = BS_SPAN(bytes, size);
    enum bs_err err = crypto_hash(bank, bs_span_of_string(BS_CAP_EVENT), bytes);
    if (err != BS_OK)
        return err;
    struct eventlog_event event;
    if (log)
        for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);)
            if (event.pcr == cap_pcr && bs_span_equal(eventlog_digest(&event, bank), cap))
                return refuse_capped(refusal, cap_pcr);
    if (replay && (replay->mask & (1u << cap_pcr)))
        memcpy(value, replay->values[cap_pcr], size);
    for (unsigned i = 0; i < CAPS_MAX; i++) {
        err = extend(bank, value, size, cap);
        if (err != BS_OK)
            return err;
        if (bs_span_equal(BS_SPAN(value, size), pcrs->values[cap_pcr]))
            return refuse_capped(refusal, cap_pcr);
    }
    return BS_OK;
}

static enum bs_err verify_measured(const struct config *config, const struct message_pcrs *pcrs,
                                   struct refusal *refusal)
{
    if (!config->measure_boot_required)
        return BS_OK;
    /* Measured firmware leaves a separator in each of them at least (PFP §3.3.4), so that one untouched is too many. */
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if ((pcrs->mask & FIRMWARE_PCRS & (1u << pcr)) && is_reset(pcrs->values[pcr]))
            return refuse(
                refusal, BS_REASON_UNMEASURED,
                "no firmware measured this boot: PCR %u is at its reset value; switch the TPM on in the firmware setup",
                pcr);
    return BS_OK;
}

static bool is_in_initrd(const struct message_pcrs *pcrs, const struct eventlog_replay *replay)
{
    uint8_t value[CRYPTO_HASH_MAX], digest[CRYPTO_HASH_MAX];
    memcpy(value, replay->values[PHASE_PCR], replay->size);
    return crypto_hash(pcrs->bank, bs_span_of_string(PHASE_INITRD), digest) == BS_OK &&
           extend(pcrs->bank, value, replay->size, BS_SPAN(digest, replay->size)) == BS_OK &&
           bs_span_equal(pcrs->values[PHASE_PCR], BS_SPAN(value, replay->size));
}

/* `replay` NULL: there is no log, and every PCR must be untouched. */
static enum bs_err verify_values(const struct message_pcrs *pcrs, const struct eventlog_replay *replay,
                                 struct refusal *refusal)
{
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++) {
        if (!(pcrs->mask & (1u << pcr)))
            continue;
        bool has_events = replay && (replay->mask & (1u << pcr));
        bool is_right = has_events ? bs_span_equal(pcrs->values[pcr], BS_SPAN(replay->values[pcr], replay->size))
                                   : is_reset(pcrs->values[pcr]);
        if (is_right || (has_events && pcr == PHASE_PCR && is_in_initrd(pcrs, replay)))
            continue;
        struct evidence_finding *finding = refusal_finding(refusal);
        finding->has_pcr = true;
        finding->pcr = pcr;
        snprintf(finding->text, sizeof(finding->text), "%s",
                 has_events ? "the events of the log lead to another value"
                            : "it was extended, but the log has no event for it");
    }
    if (refusal->finding_total == 0)
        return BS_OK;
    return replay
               ? refuse(
                     refusal, BS_REASON_LOG_MISMATCH,
                     "the event log does not lead to the quoted PCR values, first in PCR %u; something was measured that the "
                     "log does not tell, or the log was changed",
                     refusal->findings[0].pcr)
               : refuse(
                     refusal, BS_REASON_LOG_MISSING,
                     "PCR %u was extended, but the device sent no event log; securityfs must be mounted in the initramfs",
                     refusal->findings[0].pcr);
}

static enum bs_err verify_without_log(const struct config *config, const struct message_pcrs *pcrs,
                                      struct refusal *refusal)
{
    enum bs_err err = verify_uncapped(config, pcrs, NULL, NULL, refusal);
    if (err == BS_OK)
        err = verify_measured(config, pcrs, refusal);
    return err == BS_OK ? verify_values(pcrs, NULL, refusal) : err;
}

enum bs_err verify_log(const struct config *config, struct evidence *evidence, struct refusal *refusal)
{
    const struct message_pcrs *pcrs = &evidence->statement.pcrs;
    if (evidence->statement.firmware_log.size == 0)
        return verify_without_log(config, pcrs, refusal);

    struct eventlog log;
    struct eventlog_fault fault = { 0 };
    if (eventlog_open(evidence->statement.firmware_log, &log, &fault) != BS_OK)
        return refuse(refusal, BS_REASON_LOG_MALFORMED, "the event log cannot be read: event %zu at byte %zu: %s",
                      fault.event, fault.offset, fault.what ? fault.what : "it is no log");
    struct eventlog_replay replay;
    enum bs_err err = eventlog_replay(&log, pcrs->bank, &replay);
    if (err == BS_ERR_NOT_FOUND)
        return refuse(refusal, BS_REASON_LOG_MISMATCH, "the event log has no digests of the %s bank",
                      crypto_hash_name(pcrs->bank));
    if (err == BS_ERR_INPUT)
        return refuse(refusal, BS_REASON_LOG_MALFORMED, "an event of the log has no digest of the %s bank",
                      crypto_hash_name(pcrs->bank));
    if (err == BS_OK)
        err = verify_uncapped(config, pcrs, &log, &replay, refusal);
    if (err == BS_OK)
        err = verify_measured(config, pcrs, refusal);
    return err == BS_OK ? verify_values(pcrs, &replay, refusal) : err;
}
