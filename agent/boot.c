#include "agent/boot.h"

#include <stdarg.h>
#include <string.h>

#define PEM_MAX (16 * 1024)
#define CSR_MAX 4096

void boot_begin(struct boot *boot, const struct agent_config *config, const char *root)
{
    *boot = (struct boot){
        .config = config,
        .root = root,
        .server_url = config->server.url,
        .deadline = bs_deadline_in(config->boot.wait_s * 1000),
        .eventlog = BS_BUF(BS_EVENTLOG_MAX),
        .device_public = BS_BUF(sizeof(TPM2B_PUBLIC)),
        .device_private = BS_BUF(sizeof(TPM2B_PRIVATE)),
        .device_pem = BS_BUF(PEM_MAX),
        .identity = { .csr = BS_BUF(CSR_MAX) },
        .exchange = { .statement = BS_BUF(BS_REQUEST_MAX), .answer_bytes = BS_BUF(BS_ANSWER_MAX) },
    };
    report_begin(&boot->report);
}

void boot_hang_up(struct boot *boot)
{
    struct boot_exchange *exchange = &boot->exchange;
    net_close(exchange->connection);
    exchange->connection = NULL;
    exchange->is_open = false;
    exchange->answer = (struct message_answer){ 0 };
    bs_buf_free(&exchange->answer_bytes);
    bs_buf_free(&exchange->statement);
    bs_wipe(exchange->confirm_key, sizeof(exchange->confirm_key));
}

void boot_end(struct boot *boot)
{
    boot_hang_up(boot);
    vault_opened_clear(&boot->held);
    vault_opened_clear(&boot->fresh);
    boot->is_held = false;
    bs_buf_free(&boot->eventlog);
    bs_buf_free(&boot->device_public);
    bs_buf_free(&boot->device_private);
    bs_buf_free(&boot->device_pem);
    bs_buf_free(&boot->identity.csr);
    bs_wipe(&boot->identity.device_key, sizeof(boot->identity.device_key));
    cert_roots_free(boot->roots);
    boot->roots = NULL;
    tpm_close(boot->tpm);
    boot->tpm = NULL;
}

struct vault_policy boot_policy_of(const struct agent_config *config)
{
    static const enum vault_kind kinds[] = { VAULT_PCR, VAULT_SIGNED, VAULT_SIGNED_UKI };
    const enum vault_kind kind = kinds[config->seal.policy];
    return (struct vault_policy){
        .kind = kind,
        .bank = config->measure.bank,
        .boot_mask = kind == VAULT_SIGNED_UKI ? CONFIG_UKI_PCRS : config->measure.pcrs,
        .cap_pcr = (uint32_t)config->cap.pcr,
    };
}

struct vault_policy boot_policy(const struct boot *boot)
{
    return boot_policy_of(boot->config);
}

enum bs_err boot_make_device_pem(struct boot *boot, const struct vault_contents *contents)
{
    bs_buf_reset(&boot->device_pem);
    if (*boot->config->handover.device_key.key == '\0')
        return BS_OK;

    struct tpm_key_blob key;
    enum bs_err err = wire_public2b_decode(contents->device_public, &key.public_area);
    if (err == BS_OK)
        err = wire_private_decode(contents->device_private, &key.private_area);
    if (err == BS_OK)
        err = tpm_device_key_pem(boot->tpm, &key, &boot->device_pem);
    bs_wipe(&key, sizeof(key));
    return err;
}

enum bs_err boot_fail(struct boot *boot, enum bs_err err, const char *state, const char *format, ...)
{
    char text[REPORT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    bs_error(state, "%s", text);
    report_reason(&boot->report, bs_span_of_string(bs_err_name(err)), bs_span_of_string(text));
    return err;
}

enum bs_err boot_not_now(struct boot *boot, enum bs_err err, const char *state, const char *format, ...)
{
    char text[REPORT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    if (boot->is_renewing)
        bs_notice(state, "%s; the renewal waits for another boot", text);
    else if (boot->waiting.last != err)
        bs_warning(state, "%s; trying again for up to %d s", text, bs_deadline_left_ms(boot->deadline) / 1000);
    boot->waiting.last = err;
    boot->waiting.failures++;
    report_reason(&boot->report, bs_span_of_string(bs_err_name(err)), bs_span_of_string(text));
    return err;
}
