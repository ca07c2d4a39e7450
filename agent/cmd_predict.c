/* bootseal predict FILE: whether the vault opens in the boot of a unified kernel image on this machine, before it ran. */
#include "agent/boot.h"
#include "agent/cmd.h"
#include "agent/machine.h"
#include "agent/vault/foresee.h"
#include "bootseal/exit.h"
#include "bootseal/phase.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pcrsig.h"
#include "core/uki.h"

#include <stdio.h>
#include <string.h>

#define IMAGE_MAX (512u * 1024 * 1024)
#define PRINT_MAX (16 * 1024)
#define PCR_KERNEL 9

struct prediction {
    const struct agent_config *config;
    const char *root;
    const char *path;
    struct bs_buf image, firmware, log; /* the image; the log of this boot, and the one that it would have */
    struct bs_buf approvals;
    struct vault_policy policy;
    struct tpm_pcrs now, next;
    enum bs_err verdict;
    bool is_phase; /* it opens with the initrd's phase in PCR 11, not without */
};

static void prediction_free(struct prediction *p)
{
    bs_buf_free(&p->image);
    bs_buf_free(&p->firmware);
    bs_buf_free(&p->log);
    bs_buf_free(&p->approvals);
}

static int complain(const struct prediction *p, int code, const char *what, const char *why)
{
    fprintf(stderr, "bootseal: %s: %s%s%s\n", p->path, what, why ? ": " : "", why ? why : "");
    return code;
}

/* What the log leads to, and of PCRs that it says nothing of what a reset leaves. */
static enum bs_err values_of(const struct prediction *p, struct bs_span bytes, struct tpm_pcrs *ret_pcrs)
{
    struct eventlog log;
    struct eventlog_replay replay;
    enum bs_err err = eventlog_open_plain(bytes, &log, NULL);
    if (err == BS_OK)
        err = eventlog_replay(&log, p->policy.bank, &replay);
    if (err != BS_OK)
        return err;
    *ret_pcrs = (struct tpm_pcrs){ .bank = p->policy.bank,
                                   .mask = p->policy.boot_mask | UINT32_C(1) << p->policy.cap_pcr,
                                   .digest_size = crypto_hash_size(p->policy.bank) };
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        eventlog_replay_quoted(&replay, pcr, ret_pcrs->values[pcr]);
    return BS_OK;
}

static int splice(struct prediction *p, const struct uki *uki)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(UKI_EVENTS_SIZE_MAX);
    struct eventlog firmware, events;
    const char *why = NULL;
    if (eventlog_open_plain(bs_buf_span(&p->firmware), &firmware, NULL) != BS_OK)
        return complain(p, BS_EXIT_INPUT, "the event log of this boot cannot be read; see bootseal eventlog", NULL);
    enum bs_err err = uki_write_events(uki, &p->policy.bank, 1, &bytes);
    if (err == BS_OK)
        err = eventlog_open_plain(bs_buf_span(&bytes), &events, NULL);
    if (err == BS_OK)
        err = uki_splice(&firmware, &events, &p->log, &why);
    if (err == BS_OK)
        err = values_of(p, bs_buf_span(&p->firmware), &p->now);
    if (err == BS_OK)
        err = values_of(p, bs_buf_span(&p->log), &p->next);
    if (err != BS_OK)
        return complain(p, BS_EXIT_INPUT, "its boot cannot be foretold", why ? why : bs_err_name(err));
    return BS_EXIT_DONE;
}

/* Those that would lie beside it: its own PCR signatures, or the file that the configuration names. */
static void find_approvals(struct prediction *p, const struct uki *uki)
{
    BS_OWN(string) path = NULL;
    if (p->policy.kind == VAULT_SIGNED_UKI && uki->has[UKI_PCRSIG]) {
        const struct bs_span section = uki->sections[UKI_PCRSIG].data;
        if (bs_buf_append(&p->approvals, section.data, section.size) != BS_OK)
            bs_buf_reset(&p->approvals);
    } else if (p->policy.kind == VAULT_SIGNED && *p->config->seal.approvals != '\0' &&
               (bs_path_under(p->root, p->config->seal.approvals, &path) != BS_OK ||
                bs_file_read(path, &p->approvals) != BS_OK)) {
        bs_buf_reset(&p->approvals);
    }
}

static enum bs_err enter_phase(struct tpm_pcrs *pcrs)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    enum bs_err err = crypto_hash(pcrs->bank, bs_span_of_string(BS_PHASE_INITRD), digest);
    return err == BS_OK ? eventlog_extend(pcrs->bank, BS_SPAN(digest, pcrs->digest_size), pcrs->values[BS_PHASE_PCR])
                        : err;
}

static enum bs_err judge(struct prediction *p)
{
    BS_OWN(string) vault = NULL;
    struct tpm_pcrs initrd = p->next;
    struct foresee_request request = { NULL, &p->policy, &p->next, bs_buf_span(&p->approvals) };
    enum bs_err err = machine_vault(p->config, p->root, 0, &vault);
    if (err != BS_OK)
        return err;
    request.dir = vault;
    err = foresee_open(&request);
    if (err != BS_ERR_BOOT)
        return err;
    /* Where systemd runs in the initramfs it measures that before anything of ours runs. */
    err = enter_phase(&initrd);
    request.pcrs = &initrd;
    if (err == BS_OK)
        err = foresee_open(&request);
    p->is_phase = err == BS_OK;
    return err;
}

static int predict(struct prediction *p)
{
    struct pe_fault fault = { .what = "" };
    struct uki uki;
    enum bs_err err = bs_file_read(p->path, &p->image);
    if (err != BS_OK)
        return complain(p, BS_EXIT_INPUT, "cannot be read", bs_err_name(err));
    if (uki_open(bs_buf_span(&p->image), &uki, &fault) != BS_OK)
        return complain(p, BS_EXIT_INPUT, "is no image whose boot can be foretold", fault.what);
    err = machine_eventlog(p->config, p->root, &p->firmware);
    if (err != BS_OK)
        return complain(p, BS_EXIT_INPUT, "there is no event log of this boot to go by (is securityfs mounted?)",
                        bs_err_name(err));
    if (uki_pcr9_problem(&uki) && (p->policy.boot_mask >> PCR_KERNEL & 1))
        return complain(p, BS_EXIT_INPUT, "PCR 9 cannot be foretold, and the vault depends on it",
                        uki_pcr9_problem(&uki));
    int code = splice(p, &uki);
    if (code != BS_EXIT_DONE)
        return code;
    find_approvals(p, &uki);
    p->verdict = judge(p);
    if (p->verdict == BS_ERR_NOT_FOUND)
        return complain(p, BS_EXIT_INPUT, "there is no vault that could open", NULL);
    if (p->verdict == BS_ERR_CONFIG)
        return complain(p, BS_EXIT_CONFIG,
                        "the vault is sealed to other PCRs, or under another policy, than the configuration says",
                        NULL);
    if (p->verdict != BS_OK && p->verdict != BS_ERR_BOOT)
        return complain(p, bs_err_exit(p->verdict), "cannot be judged", bs_err_name(p->verdict));
    return p->verdict == BS_OK ? BS_EXIT_DONE : BS_EXIT_REFUSED;
}

static bool is_changed(const struct prediction *p, unsigned pcr)
{
    return memcmp(p->now.values[pcr], p->next.values[pcr], p->now.digest_size) != 0;
}

static enum bs_err print_text(const struct prediction *p, struct bs_buf *out)
{
    enum bs_err err = bs_buf_append_string(out, p->verdict == BS_OK ? "The vault opens in the boot of this image"
                                                                    : "The vault stays shut in the boot of this image");
    if (err == BS_OK)
        err = bs_buf_append_string(out, p->is_phase           ? ", in the phase enter-initrd.\n"
                                        : p->verdict == BS_OK ? ".\n"
                                                              : ", and the server will be asked.\n");
    for (unsigned pcr = 0; err == BS_OK && pcr < TPM_PCRS; pcr++) {
        char hex[2 * CRYPTO_HASH_MAX + 1];
        if (!(p->policy.boot_mask >> pcr & 1))
            continue;
        bs_hex(BS_SPAN(p->next.values[pcr], p->next.digest_size), hex);
        err = bs_buf_printf(out, "PCR %-2u %s%s\n", pcr, hex, is_changed(p, pcr) ? "  other than in this boot" : "");
    }
    return err;
}

static enum bs_err print_json(const struct prediction *p, struct bs_buf *out)
{
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    bs_json_bool(&json, "opens", p->verdict == BS_OK);
    bs_json_string(&json, "phase", p->is_phase ? BS_PHASE_INITRD : NULL);
    bs_json_string(&json, "bank", crypto_hash_name(p->policy.bank));
    bs_json_array(&json, "pcrs");
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
        if (!(p->policy.boot_mask >> pcr & 1))
            continue;
        bs_json_object(&json, NULL);
        bs_json_u64(&json, "pcr", pcr);
        bs_json_hex(&json, "value", BS_SPAN(p->next.values[pcr], p->next.digest_size));
        bs_json_bool(&json, "changes", is_changed(p, pcr));
        bs_json_close_object(&json);
    }
    bs_json_close_array(&json);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

int cmd_predict(const struct options *options)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    int code;
    if (!options->argument) {
        fprintf(stderr, "bootseal: predict wants the FILE of a unified kernel image; see bootseal --help\n");
        return BS_EXIT_USAGE;
    }
    if (!cmd_config(options, &config, &conf, &code))
        return code;
    bs_log_set_level(BS_LOG_INFO); /* which approval is the nearest */
    struct prediction p = { .config = &config,
                            .root = options->root,
                            .path = options->argument,
                            .image = BS_BUF(IMAGE_MAX),
                            .firmware = BS_BUF(EVENTLOG_SIZE_MAX),
                            .log = BS_BUF(EVENTLOG_SIZE_MAX),
                            .approvals = BS_BUF(PCRSIG_SIZE_MAX),
                            .policy = boot_policy_of(&config) };
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(PRINT_MAX);
    code = predict(&p);
    enum bs_err err = BS_OK;
    if (code == BS_EXIT_DONE || code == BS_EXIT_REFUSED)
        err = options->json ? print_json(&p, &text) : print_text(&p, &text);
    prediction_free(&p);
    if (err != BS_OK)
        return bs_err_exit(err);
    int printed = cmd_print(bs_buf_span(&text));
    return printed == BS_EXIT_DONE ? code : printed;
}
