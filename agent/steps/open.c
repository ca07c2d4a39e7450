/* open: the vault, if this is the boot that it was sealed in and what is in it is the server's. */
#include "agent/machine.h"
#include "agent/steps/steps.h"
#include "agent/unconfirmed.h"
#include "core/file.h"

#include <inttypes.h>

#define STATE BS_STATE_OPEN

static void note_findings(struct boot *boot, const struct vault_findings *findings)
{
    struct report *report = &boot->report;
    if (findings->is_tampered) {
        report_note(report, BS_NOTE_VAULT_TAMPERED);
        bs_warning(STATE,
                   "a slot of the vault opened but holds what the server did not sign for this TPM: it is not used; "
                   "somebody who had this disk and this TPM made it");
    }
    if (findings->is_corrupt) {
        report_note(report, BS_NOTE_VAULT_CORRUPT);
        bs_warning(STATE, "a slot of the vault in %s is damaged", machine_vault_name(boot->config));
    }
    if (findings->is_answer_changed) {
        report_note(report, BS_NOTE_TPM_ANSWER_CHANGED);
        bs_warning(STATE, "an answer of the TPM was changed on its way, or is an older one: it is not used; "
                          "look for something between processor and TPM");
    }
    if (findings->is_forgotten) {
        report_note(report, BS_NOTE_VAULT_FORGOTTEN);
        bs_warning(STATE, "the vault in %s was being forgotten when the power was cut: nothing of it is opened",
                   machine_vault_name(boot->config));
    }
    if (findings->is_boot_changed)
        report_note(report, BS_NOTE_VAULT_BOOT_CHANGED);
}

/* Why the server is asked, in a sentence; that is no failure. */
static void say_why(enum bs_err err)
{
    if (err == BS_ERR_NOT_FOUND)
        bs_notice(STATE, "there is no vault yet: asking the server");
    else if (err == BS_ERR_BOOT)
        bs_notice(STATE, "the vault is sealed to another boot: asking the server");
    else
        bs_notice(STATE, "the vault does not open (%s): asking the server", bs_err_name(err));
}

/* With an unknown clock nothing is ever due: the network may be out of reach for the same reason. */
static bool is_due(const struct bundle *bundle)
{
    return bundle->renew_after > 0 && bs_clock_is_known() && (uint64_t)bs_clock_now() >= bundle->renew_after;
}

/* Why the server is asked although the vault is open; empty: it is not. */
static const char *why_renew(const char *dir, const struct bundle *bundle)
{
    if (is_due(bundle))
        return ", due for renewal";
    return unconfirmed_is_set(dir) ? ", of which the server has not heard yet" : "";
}

/* That there is no such file is no fault: it lies beside some images and not beside others. */
static void read_approvals(const struct boot *boot, struct bs_buf *out)
{
    BS_OWN(string) path = NULL;
    const bool is_uki = boot->config->seal.policy == CONFIG_SEAL_SIGNED_UKI;
    const char *name = is_uki ? boot->config->seal.uki_signature : boot->config->seal.approvals;
    if (*name == '\0' || boot->config->seal.policy == CONFIG_SEAL_PCR)
        return;
    enum bs_err err = bs_path_under(boot->root, name, &path);
    if (err == BS_OK)
        err = bs_file_read(path, out);
    if (err != BS_OK && err != BS_ERR_NOT_FOUND)
        bs_warning(STATE, "%s: %s cannot be read (%s); it is not used",
                   is_uki ? "seal.uki_signature" : "seal.approvals", name, bs_err_name(err));
    if (err != BS_OK)
        bs_buf_reset(out);
}

/* As vault_open() does it with a mark beside the slots. */
static enum bs_err finish_forgetting(struct boot *boot)
{
    struct vault_findings findings = { 0 };
    enum bs_err err = machine_forget_finish(boot->config, boot->root, boot->tpm, &findings.is_forgotten);
    if (!findings.is_forgotten) /* that vault.dir cannot be used is said by who needs it */
        return BS_OK;
    note_findings(boot, &findings);
    err = err == BS_OK ? BS_ERR_NOT_FOUND : err;
    say_why(err);
    return err;
}

/* A partition that is not there is no vault: what holds the device's credentials may be a disk that is slow, or gone. */
static enum bs_err find_vault(struct boot *boot, char **ret_dir, char **ret_place)
{
    const struct agent_config *config = boot->config;
    enum bs_err err = bs_path_under(boot->root, config->vault.dir, ret_dir);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "vault.dir cannot be used (%s)", bs_err_name(err));
    err = machine_vault(config, boot->root, config->vault.deadline_s * 1000, ret_place);
    if (err == BS_ERR_INPUT)
        bs_warning(STATE, "several partitions are named %s (vault.partition): none of them is used",
                   config->vault.partition);
    else if (err != BS_OK)
        bs_warning(STATE, "no partition named %s (vault.partition) came in %lld s (%s)", config->vault.partition,
                   (long long)config->vault.deadline_s, bs_err_name(err));
    return err;
}

enum bs_err step_open(struct boot *boot)
{
    BS_OWN(string) dir = NULL;
    BS_OWN(string) place = NULL;
    enum bs_err err = finish_forgetting(boot);
    if (err == BS_OK)
        err = find_vault(boot, &dir, &place);
    if (err != BS_OK)
        return err;

    struct vault_policy policy = boot_policy(boot);
    struct vault_findings findings;
    BS_SCOPED_BUF struct bs_buf approvals = BS_BUF(APPROVALS_SIZE_MAX);
    read_approvals(boot, &approvals);
    const struct vault_open_request request = { place, &policy, boot->roots, &boot->pcrs, bs_buf_span(&approvals) };
    err = vault_open(boot->tpm, &request, &boot->held, &findings);
    note_findings(boot, &findings);
    if (err == BS_OK) {
        bs_clock_raise_floor((int64_t)boot->held.contents.time_floor);
        err = boot_make_device_pem(boot, &boot->held.contents);
    }
    if (err != BS_OK) {
        say_why(err);
        vault_opened_clear(&boot->held);
        return err;
    }

    const char *why = why_renew(dir, &boot->held.bundle);
    boot->is_held = true;
    boot->is_renewing = *why != '\0';
    boot->report.source = "vault";
    bs_hex(boot->held.bundle.device, boot->report.device);
    bs_notice(STATE, "the vault is open: generation %" PRIu64 ", bundle %" PRIu64 "%s", boot->held.generation,
              boot->held.bundle.serial, why);
    return BS_OK;
}
