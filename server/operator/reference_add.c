/* bootsealctl reference add: the boot of an image that nobody has booted yet. */
#include "server/operator/operator.h"

#include "core/uki.h"
#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/policy/phase.h"
#include "server/policy/policy_reference.h"
#include "server/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PCR_KERNEL 9

struct adding {
    struct operator_call *call;
    const struct operator_prediction *prediction;
    struct store_reference reference;
    struct store_boot boot; /* bank and mask first, then what is foretold */
    struct bs_buf firmware;
};

/* One that came from a device, and not from an image: its firmware is there. */
static enum bs_err note_learned(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    static const uint8_t nobody[WIRE_ID_SIZE];
    struct adding *a = context;
    if (reference->is_revoked || boot->log.size == 0 || memcmp(reference->device, nobody, sizeof(nobody)) == 0)
        return BS_OK;
    a->boot.bank = boot->bank;
    a->boot.mask = boot->mask;
    bs_buf_reset(&a->firmware);
    return bs_buf_append(&a->firmware, boot->log.data, boot->log.size);
}

static enum bs_err find_firmware(struct adding *a)
{
    const struct config *config = &a->call->server->config;
    struct bs_span given = a->prediction->firmware;
    a->boot.bank = config->measure_bank;
    a->boot.mask = config_quote_mask(config);
    if (given.size > STORE_LOG_MAX)
        return operator_fail(a->call, BS_ERR_INPUT, "the firmware's event log is larger than %d KiB",
                             STORE_LOG_MAX / 1024);
    if (given.size > 0)
        return bs_buf_append(&a->firmware, given.data, given.size);
    enum bs_err err = store_reference_each(a->call->server->store, a->reference.profile, true, note_learned, a);
    if (err == BS_OK && a->firmware.size == 0)
        return operator_fail(
            a->call, BS_ERR_INPUT,
            "the profile %s knows no machine yet: --firmware=LOG gives the event log of one "
            "(/sys/kernel/security/tpm0/binary_bios_measurements), or bootsealctl device approve ID --learn",
            a->reference.profile);
    return err;
}

static enum bs_err open_log(struct adding *a, const char *what, struct bs_span bytes, struct eventlog *ret_log)
{
    struct eventlog_fault fault = { .what = "" };
    enum bs_err err = eventlog_open(bytes, ret_log, &fault);
    if (err != BS_OK)
        operator_fail(a->call, err, "%s cannot be read: event %zu at byte %zu: %s", what, fault.event, fault.offset,
                      fault.what);
    return err;
}

static enum bs_err join(struct adding *a)
{
    struct eventlog firmware, events;
    const char *why = NULL;
    enum bs_err err = open_log(a, "the firmware's event log", bs_buf_span(&a->firmware), &firmware);
    if (err == BS_OK)
        err = open_log(a, "what bootsealctl made of the image", a->prediction->events, &events);
    if (err != BS_OK)
        return err;
    err = uki_splice(&firmware, &events, &a->boot.log, &why);
    return why ? operator_fail(a->call, err, "%s", why) : err;
}

/* What no event extended stays as it was reset: what the server demands of a quote, too. */
static enum bs_err replay(struct adding *a)
{
    struct eventlog log;
    struct eventlog_replay replay;
    enum bs_err err = open_log(a, "what was foretold", bs_buf_span(&a->boot.log), &log);
    if (err == BS_OK)
        err = eventlog_replay(&log, a->boot.bank, &replay);
    if (err == BS_ERR_NOT_FOUND || err == BS_ERR_INPUT)
        return operator_fail(a->call, BS_ERR_INPUT, "the firmware's event log is not for the %s bank",
                             crypto_hash_name(a->boot.bank));
    if (err != BS_OK)
        return err;
    if (a->prediction->unknown && (a->boot.mask >> PCR_KERNEL & 1))
        return operator_fail(a->call, BS_ERR_INPUT,
                             "PCR %d cannot be foretold, and it is quoted: %s; boot one device with the image and "
                             "use bootsealctl reference release",
                             PCR_KERNEL, a->prediction->unknown);
    for (unsigned pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
        if (a->boot.mask >> pcr & 1)
            eventlog_replay_quoted(&replay, pcr, a->boot.pcrs[pcr]);
    return BS_OK;
}

/* Behind what the image measures: in an initrd of systemd the device asks after it. */
static enum bs_err enter_phase(struct adding *a)
{
    const char *phase = a->prediction->phase;
    if (!phase)
        return BS_OK;
    if (strcmp(phase, BS_PHASE_INITRD) != 0)
        return operator_fail(a->call, BS_ERR_INPUT,
                             "%.32s is no phase in which a device asks: it is " BS_PHASE_INITRD
                             " where systemd runs in the initrd, and none elsewhere",
                             phase);
    if (!(a->boot.mask >> BS_PHASE_PCR & 1))
        return operator_fail(a->call, BS_ERR_INPUT,
                             "a phase is measured into PCR %d, which is not quoted; leave it out", BS_PHASE_PCR);
    return phase_enter(&a->boot);
}

static enum bs_err check_name(struct adding *a)
{
    struct store_reference other;
    enum bs_err err = store_reference_named(a->call->server->store, a->reference.profile, a->reference.name, &other);
    if (err == BS_ERR_NOT_FOUND)
        return BS_OK;
    if (err == BS_OK && other.is_revoked)
        return operator_fail(a->call, BS_ERR_REFUSED, "reference %" PRIu64 " of this name is revoked", other.id);
    if (err == BS_OK && memcmp(other.digest, a->reference.digest, sizeof(other.digest)) != 0)
        return operator_fail(a->call, BS_ERR_REFUSED, "reference %" PRIu64 " has the name %s; names are given once",
                             other.id, other.name);
    return err;
}

static enum bs_err add(struct adding *a)
{
    enum bs_err err = operator_choose_profile(a->call, a->prediction->profile, "", a->reference.profile);
    if (err == BS_OK)
        err = find_firmware(a);
    if (err == BS_OK)
        err = join(a);
    if (err == BS_OK)
        err = replay(a);
    if (err == BS_OK)
        err = enter_phase(a);
    if (err == BS_OK)
        err = policy_boot_digest(&a->boot, a->reference.digest);
    if (err == BS_OK)
        err = check_name(a);
    if (err == BS_OK)
        err = operator_check_renamed(a->call, &a->reference);
    if (err == BS_OK)
        err = store_reference_add(a->call->server->store, &a->reference, &a->boot, &a->reference.id);
    if (err != BS_OK)
        return err;
    return OPERATOR_AUDIT(a->call, "reference.add", NULL, "reference %" PRIu64 " of profile %s, foretold, as %s%s",
                          a->reference.id, a->reference.profile, a->reference.name,
                          a->reference.is_release ? ", release" : "");
}

enum bs_err operator_reference_add(struct operator_call *call, const struct operator_prediction *prediction,
                                   struct store_reference *ret_reference, struct store_boot *ret_boot)
{
    struct adding a = { .call = call,
                        .prediction = prediction,
                        .reference = { .created = call->server->now(), .is_release = prediction->is_release },
                        .boot = STORE_BOOT_INIT,
                        .firmware = BS_BUF(STORE_LOG_MAX) };
    call->why[0] = '\0';
    if (!profile_name_is_valid(prediction->name))
        return operator_fail(call, BS_ERR_INPUT, OPERATOR_NAME_RULE, PROFILE_NAME_MAX);
    snprintf(a.reference.name, sizeof(a.reference.name), "%s", prediction->name);
    snprintf(a.reference.created_by, sizeof(a.reference.created_by), "%s", call->actor);
    enum bs_err err = store_begin(call->server->store);
    err = err == BS_OK ? operator_end(call, add(&a)) : operator_store(call, err);
    bs_buf_free(&a.firmware);
    if (err != BS_OK) {
        store_boot_free(&a.boot);
        return err;
    }
    *ret_reference = a.reference;
    *ret_boot = a.boot;
    return BS_OK;
}
