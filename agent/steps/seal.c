/* seal: what was received goes into the vault, for the boots to come; then the server hears that it is durable. */
#include "agent/machine.h"
#include "agent/steps/confirm.h"
#include "agent/steps/signer.h"
#include "agent/steps/steps.h"
#include "agent/unconfirmed.h"
#include "agent/vault/keys.h"
#include "core/file.h"

#include <inttypes.h>
#include <string.h>

#define STATE BS_STATE_SEAL

static enum bs_err send_confirm(struct boot *boot)
{
    const struct bundle *bundle = &boot->held.bundle;
    struct vault_key_list list;
    enum bs_err err = vault_keys_list(&boot->held.contents, bundle->device, &list);
    if (err != BS_OK)
        return err;
    struct message_confirm m = { .device = bundle->device, .serial = bundle->serial, .key_count = list.count };
    memcpy(m.keys, list.keys, list.count * sizeof(list.keys[0]));
    return confirm_send(boot, &m);
}

/* Best effort: the credentials are good whether or not the server knows that they are kept. It hears it at the next boot else. */
static void confirm(struct boot *boot, const char *dir)
{
    enum bs_err err = send_confirm(boot);
    if (err == BS_OK)
        err = unconfirmed_clear(dir);
    if (err != BS_OK)
        bs_info(STATE, "the server could not be told that the vault is sealed (%s): the next boot tells it",
                bs_err_name(err));
}

/* What was received is what the boot goes on with. */
static enum bs_err hold(struct boot *boot)
{
    vault_opened_clear(&boot->held);
    boot->held = boot->fresh;
    boot->fresh = (struct vault_opened){ 0 };
    boot->is_held = true;
    boot->is_renewing = false;
    boot->report.source = "server";
    enum bs_err err = boot_make_device_pem(boot, &boot->held.contents);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the device key cannot be prepared for the real root (%s)",
                         bs_err_name(err));
    return BS_OK;
}

/* A new generation, and before it the word that the server has not heard of it: the power may be cut right after it. */
static enum bs_err commit(struct boot *boot, const char *dir, const struct vault_policy *policy,
                          const struct vault_signer *signer, uint64_t *ret_generation)
{
    BS_OWN(string) place = NULL;
    bool was_marked;
    enum bs_err err = machine_forget_finish(boot->config, boot->root, boot->tpm, &was_marked);
    if (err != BS_OK)
        return err;
    if (machine_vault(boot->config, boot->root, 0, &place) != BS_OK)
        return BS_ERR_IO; /* which partition it is, or that it is not there, was said by the step that looked for the vault */

    const struct bundle *bundle = &boot->fresh.bundle;
    const struct vault_share share = { bundle->serial, bundle->share, bundle->device };
    /* Keys in it are a reason to name the bundle, also where no share opens it: should it stay shut, the server knows what may be in it. */
    bool is_named = bundle->share.size > 0 || bundle->key_count > 0;
    const struct vault_request request = { place, policy, &boot->fresh.contents, is_named ? &share : NULL,
                                           policy->kind == VAULT_PCR ? NULL : signer };
    if (unconfirmed_set(dir) != BS_OK) /* where nothing can be written, the commit says so */
        bs_debug(STATE, "%s/%s cannot be written", boot->config->vault.dir, UNCONFIRMED_NAME);
    return vault_commit(boot->tpm, &request, ret_generation);
}

/* Where nothing measures the boot there is nothing to seal to: the credentials then hold for this boot, and the next one asks again. */
static bool can_do_without(const struct boot *boot, enum bs_err err)
{
    return err == BS_ERR_BOOT && boot->config->measure.boot == CONFIG_MEASURE_OPTIONAL;
}

/* A renewal that fails: the boot goes on with what was opened, and with the key of that, or with neither. */
static void go_back(struct boot *boot)
{
    if (!boot->is_held || boot_make_device_pem(boot, &boot->held.contents) == BS_OK)
        return;
    vault_opened_clear(&boot->held);
    boot->is_held = boot->is_renewing = false;
}

/* Not told yet, and so perhaps just made: in a boot that seals nothing they would be gone with it, and what they encrypted with them. */
static bool has_unheard_keys(const struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->key_count; i++)
        if (bundle->keys[i].key.public_half.size == 0)
            return true;
    return false;
}

static enum bs_err do_without(struct boot *boot)
{
    if (has_unheard_keys(&boot->fresh.bundle)) {
        go_back(boot);
        return boot_fail(boot, BS_ERR_BOOT, STATE,
                         "this boot is not measured, so nothing can be sealed, and keys that this device makes would "
                         "be lost with it; switch measured boot on in the firmware setup, or take them out of the "
                         "profile");
    }
    bs_warning(STATE, "this boot is not measured: nothing is sealed, and every boot will ask the server");
    return hold(boot);
}

static const char *what_to_look_at(const struct agent_config *config)
{
    return *config->vault.partition ? "is its partition there, writable, and empty before bootseal had it?"
                                    : "is its file system mounted and writable?";
}

enum bs_err step_seal(struct boot *boot)
{
    BS_OWN(string) dir = NULL;
    enum bs_err err = bs_path_under(boot->root, boot->config->vault.dir, &dir);
    if (err == BS_OK)
        err = boot_make_device_pem(boot, &boot->fresh.contents);
    if (err != BS_OK) {
        go_back(boot);
        return boot_fail(boot, err, STATE, "the device key cannot be prepared for the real root (%s)",
                         bs_err_name(err));
    }

    struct vault_policy policy = boot_policy(boot);
    BS_SCOPED_BUF struct bs_buf approvals = BS_BUF(APPROVALS_SIZE_MAX);
    struct signer signer = { .vault = { .policy_ref = BS_SPAN_NONE } };
    if (policy.kind != VAULT_PCR) {
        err = signer_find(boot, &policy, &approvals, &signer);
        if (err != BS_OK) {
            go_back(boot);
            return err;
        }
    }
    uint64_t generation = 0;
    err = commit(boot, dir, &policy, &signer.vault, &generation);
    if (can_do_without(boot, err))
        return do_without(boot);
    if (err != BS_OK) {
        go_back(boot);
        return boot_fail(boot, err, STATE, "the vault in %s cannot be sealed (%s); %s",
                         machine_vault_name(boot->config), bs_err_name(err),
                         machine_tpm_hint(err, what_to_look_at(boot->config)));
    }
    bs_notice(STATE, "sealed for the next boots as generation %" PRIu64, generation);
    err = hold(boot);
    if (err == BS_OK)
        confirm(boot, dir);
    return err;
}
