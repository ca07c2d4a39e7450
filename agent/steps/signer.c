#include "agent/steps/signer.h"

#include "agent/steps/steps.h"
#include "core/file.h"

#include <string.h>

#define STATE BS_STATE_SEAL
#define KEY_FILE_MAX (16 * 1024)

static enum bs_err take(struct boot *boot, struct bs_buf *approvals, struct signer *signer)
{
    const struct bundle *bundle = &boot->fresh.bundle;
    struct approvals list = { .count = bundle->policy.approval_count };
    memcpy(list.list, bundle->policy.approvals, sizeof(list.list));
    enum bs_err err = approval_key(bundle->policy.cert, boot->roots, &signer->vault.key);
    if (err == BS_OK)
        err = approval_ref(bundle->device, bundle->policy.epoch, signer->ref);
    if (err == BS_OK)
        err = approvals_encode(&list, approvals);
    signer->vault.policy_ref = BS_SPAN(signer->ref, sizeof(signer->ref));
    signer->vault.approvals = bs_buf_span(approvals);
    return err;
}

static enum bs_err take_bundle(struct boot *boot, struct bs_buf *approvals, struct signer *signer)
{
    if (!boot->fresh.bundle.has_policy || boot->fresh.bundle.policy.approval_count == 0)
        return boot_fail(boot, BS_ERR_PROTOCOL, STATE,
                         "the server approves no boots, so nothing can be sealed; bring bootseald up to date, or set "
                         "seal.policy = \"pcr\"");
    enum bs_err err = take(boot, approvals, signer);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the approvals of the server cannot be used (%s)", bs_err_name(err));
    return BS_OK;
}

static enum bs_err read_under(const struct boot *boot, const char *name, struct bs_buf *out)
{
    BS_OWN(string) path = NULL;
    enum bs_err err = bs_path_under(boot->root, name, &path);
    return err == BS_OK ? bs_file_read(path, out) : err;
}

/* The key comes out of the image, which the server has just found good. */
static enum bs_err take_image(struct boot *boot, struct bs_buf *approvals, struct signer *signer)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(KEY_FILE_MAX);
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(KEY_FILE_MAX);
    const char *key = boot->config->seal.uki_key, *signature = boot->config->seal.uki_signature;
    enum bs_err err = read_under(boot, key, &pem);
    if (err == BS_OK)
        err = cert_pem_decode(bs_buf_span(&pem), "PUBLIC KEY", &spki);
    if (err == BS_OK)
        err = cert_policy_key(bs_buf_span(&spki), &signer->vault.key);
    if (err == BS_OK && signer->vault.key.type != TPM2_ALG_RSA)
        err = BS_ERR_INPUT;
    if (err != BS_OK)
        return boot_fail(boot, BS_ERR_CONFIG, STATE,
                         "seal.uki_key: %s is no public RSA key of 2048 to 4096 bits in PEM (%s); was the image made "
                         "with .pcrpkey?",
                         key, bs_err_name(err));
    err = read_under(boot, signature, approvals);
    if (err != BS_OK || approvals->size == 0)
        return boot_fail(boot, BS_ERR_CONFIG, STATE,
                         "seal.uki_signature: %s cannot be read (%s); was the image signed with systemd-measure?",
                         signature, bs_err_name(err));
    signer->vault.approvals = bs_buf_span(approvals);
    return BS_OK;
}

enum bs_err signer_find(struct boot *boot, const struct vault_policy *policy, struct bs_buf *approvals,
                        struct signer *ret_signer)
{
    const bool is_image = policy->kind == VAULT_SIGNED_UKI;
    enum bs_err err = is_image ? take_image(boot, approvals, ret_signer) : take_bundle(boot, approvals, ret_signer);
    if (err != BS_OK)
        return err;
    err = vault_is_approved(boot->tpm, policy, &ret_signer->vault);
    if (err == BS_ERR_NOT_FOUND && is_image)
        return boot_fail(boot, BS_ERR_CONFIG, STATE,
                         "%s signs no boot like this one in the %s bank: it is for another image, or for another phase "
                         "than the one in which bootseal runs (systemd-measure sign --phase=)",
                         boot->config->seal.uki_signature, crypto_hash_name(policy->bank));
    if (err == BS_ERR_NOT_FOUND)
        return boot_fail(boot, BS_ERR_PROTOCOL, STATE,
                         "the server did not approve the boot that it was shown, so the vault would not open again; "
                         "does something extend a PCR of measure.pcrs while bootseal runs?");
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the approval of this boot does not hold (%s)", bs_err_name(err));
    return BS_OK;
}
