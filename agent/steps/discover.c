/* discover: the TPM, the firmware's event log, and whether this boot may go on at all. */
#include "agent/machine.h"
#include "agent/steps/steps.h"
#include "bootseal/cap.h"
#include "core/eventlog.h"
#include "core/file.h"

#include <string.h>

#define STATE BS_STATE_DISCOVER
#define CA_MAX (64 * 1024)
#define FIRMWARE_PCRS 0xFFu /* PCRs 0 to 7 are the firmware's (TCG PC Client PFP 1.06 §3.3.4) */

/* The vault's bundle is verified under the server's CA, so even a boot without network needs it. */
static enum bs_err load_roots(struct boot *boot)
{
    if (boot->roots)
        return BS_OK;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(CA_MAX);
    BS_OWN(string) path = NULL;
    enum bs_err err = bs_path_under(boot->root, boot->config->server.ca, &path);
    if (err == BS_OK)
        err = bs_file_read(path, &pem);
    if (err == BS_OK)
        err = cert_roots_from_pem(bs_buf_span(&pem), &boot->roots);
    if (err == BS_OK)
        return BS_OK;
    return boot_fail(
        boot, BS_ERR_CONFIG, STATE,
        "server.ca: no CA certificate can be read from %s (%s); put the server-ca.pem of the server into the image",
        boot->config->server.ca, bs_err_name(err));
}

static enum bs_err open_tpm(struct boot *boot, struct tpm_state *ret_state)
{
    BS_OWN(string) path = NULL;
    enum bs_err err = machine_open_tpm(boot->config, MACHINE_BOOT, &boot->tpm, &path);
    /* Only where nothing announces a TPM is there nothing to cap; one that does not open is another matter. */
    boot->has_no_tpm = err == BS_ERR_NO_TPM && !path;
    if (err == BS_OK)
        err = tpm_state(boot->tpm, ret_state);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "TPM %s: %s", path ? path : boot->config->tpm.device,
                         machine_tpm_advice(err));

    bs_info(STATE, "TPM %s", path);
    if (ret_state->in_lockout) {
        report_note(&boot->report, BS_NOTE_LOCKOUT);
        bs_warning(STATE, "the TPM is in dictionary-attack lockout; nothing here depends on it, so the boot goes on");
    }
    return BS_OK;
}

static enum bs_err check_bank(struct boot *boot, const struct tpm_state *state)
{
    uint16_t bank = boot->config->measure.bank;
    for (size_t i = 0; i < state->bank_count; i++) {
        if (state->banks[i] == bank)
            return BS_OK;
    }
    return boot_fail(
        boot, BS_ERR_TPM, STATE,
        "the TPM has no active %s bank; enable it in the firmware setup or set measure.bank to one that is active",
        crypto_hash_name(bank));
}

static enum bs_err read_log(struct boot *boot)
{
    bs_buf_reset(&boot->eventlog);
    enum bs_err err = machine_eventlog(boot->config, boot->root, &boot->eventlog);
    if (err == BS_OK)
        return BS_OK;
    if (err == BS_ERR_NOT_FOUND) {
        bs_info(STATE, "there is no event log (is securityfs mounted?); the server may ask for one");
        return BS_OK;
    }
    if (err == BS_ERR_INPUT)
        return boot_fail(
            boot, err, STATE,
            "the firmware's event log is larger than %d bytes, or no file, and cannot be sent; see tpm.eventlog",
            BS_EVENTLOG_MAX);
    return boot_fail(boot, err, STATE, "the firmware's event log cannot be read (%s); see tpm.eventlog",
                     bs_err_name(err));
}

static bool is_all(const uint8_t *value, size_t size, uint8_t byte)
{
    for (size_t i = 0; i < size; i++) {
        if (value[i] != byte)
            return false;
    }
    return true;
}

/* A PCR of the selection at its reset value would be met by any boot that leaves it alone. */
static enum bs_err check_measured(struct boot *boot, const struct tpm_pcrs *pcrs)
{
    if (boot->config->measure.boot != CONFIG_MEASURE_REQUIRED)
        return BS_OK;
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        if (!(boot->config->measure.pcrs & (UINT32_C(1) << i)))
            continue;
        if (!is_all(pcrs->values[i], pcrs->digest_size, 0) && !is_all(pcrs->values[i], pcrs->digest_size, 0xFF))
            continue;
        if (FIRMWARE_PCRS & (1u << i))
            return boot_fail(boot, BS_ERR_BOOT, STATE,
                             "PCR %u is at its reset value: the firmware did not measure this boot; "
                             "enable measured boot, or set measure.boot = \"optional\" to do without a vault",
                             i);
        return boot_fail(boot, BS_ERR_BOOT, STATE,
                         "PCR %u is at its reset value: nothing was measured into it; leave it out of measure.pcrs", i);
    }
    return BS_OK;
}

/* The value that the cap leaves where `before` was: extend(before, H(event)). */
static enum bs_err capped_value(uint16_t bank, const uint8_t *before, size_t size, uint8_t *ret_value)
{
    uint8_t joined[2 * CRYPTO_HASH_MAX];
    memcpy(joined, before, size);
    enum bs_err err = crypto_hash(bank, bs_span_of_string(BS_CAP_EVENT), joined + size);
    return err == BS_OK ? crypto_hash(bank, BS_SPAN(joined, 2 * size), ret_value) : err;
}

/* What the firmware's log leaves in the cap PCR; zero where it says nothing of it. */
static void replayed_value(const struct boot *boot, const struct tpm_pcrs *pcrs, uint32_t cap_pcr, uint8_t *ret_value)
{
    memset(ret_value, 0, CRYPTO_HASH_MAX);
    struct eventlog log;
    struct eventlog_replay replay;
    if (boot->eventlog.size > 0 && eventlog_open_plain(bs_buf_span(&boot->eventlog), &log, NULL) == BS_OK &&
        eventlog_replay(&log, pcrs->bank, &replay) == BS_OK)
        memcpy(ret_value, replay.values[cap_pcr], pcrs->digest_size);
}

static enum bs_err check_capped(struct boot *boot, const struct tpm_pcrs *pcrs)
{
    uint32_t cap_pcr = (uint32_t)boot->config->cap.pcr;
    uint8_t before[CRYPTO_HASH_MAX], zero[CRYPTO_HASH_MAX] = { 0 };
    uint8_t capped[CRYPTO_HASH_MAX], capped_from_zero[CRYPTO_HASH_MAX];
    replayed_value(boot, pcrs, cap_pcr, before);
    enum bs_err err = capped_value(pcrs->bank, before, pcrs->digest_size, capped);
    if (err == BS_OK)
        err = capped_value(pcrs->bank, zero, pcrs->digest_size, capped_from_zero);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the cap's value cannot be computed (%s)", bs_err_name(err));

    const uint8_t *now = pcrs->values[cap_pcr];
    if (memcmp(now, capped, pcrs->digest_size) != 0 && memcmp(now, capped_from_zero, pcrs->digest_size) != 0)
        return BS_OK;
    boot->is_over = boot->is_capped = boot->report.is_capped = true;
    return boot_fail(boot, BS_ERR_CAPPED, STATE, "this boot is over: reboot to provision (PCR %u is capped)", cap_pcr);
}

static enum bs_err discover(struct boot *boot)
{
    struct tpm_state state = { 0 };
    enum bs_err err = open_tpm(boot, &state);
    if (err == BS_OK && boot->is_off)
        return BS_OK;
    if (err == BS_OK)
        err = check_bank(boot, &state);
    if (err == BS_OK)
        err = read_log(boot);
    if (err != BS_OK)
        return err;

    struct tpm_pcrs pcrs;
    uint32_t mask = boot->config->measure.pcrs | (UINT32_C(1) << boot->config->cap.pcr);
    err = tpm_pcr_read(boot->tpm, boot->config->measure.bank, mask, &pcrs);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the PCRs cannot be read (%s)", bs_err_name(err));
    err = check_capped(boot, &pcrs);
    if (err != BS_OK || boot->problem)
        return err;
    boot->pcrs = pcrs;
    err = check_measured(boot, &pcrs);
    if (err == BS_OK)
        err = load_roots(boot);
    if (err == BS_OK)
        bs_notice(STATE, "TPM 2.0 with a %s bank, event log of %zu bytes", crypto_hash_name(pcrs.bank),
                  boot->eventlog.size);
    return err;
}

enum bs_err step_discover(struct boot *boot)
{
    enum bs_err err = discover(boot);
    if (boot->problem && err != BS_ERR_CAPPED)
        return boot_fail(boot, BS_ERR_CONFIG, STATE, "%s", boot->problem);
    return err;
}
