#include "agent/steps/signer.h"

#include "agent/steps/steps.h"

#include <string.h>

#define STATE BS_STATE_SEAL

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

enum bs_err signer_find(struct boot *boot, const struct vault_policy *policy, struct bs_buf *approvals,
                        struct signer *ret_signer)
{
    if (!boot->fresh.bundle.has_policy || boot->fresh.bundle.policy.approval_count == 0)
        return boot_fail(boot, BS_ERR_PROTOCOL, STATE,
                         "the server approves no boots, so nothing can be sealed; bring bootseald up to date, or set "
                         "seal.policy = \"pcr\"");
    enum bs_err err = take(boot, approvals, ret_signer);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the approvals of the server cannot be used (%s)", bs_err_name(err));
    err = vault_is_approved(boot->tpm, policy, &ret_signer->vault);
    if (err == BS_ERR_NOT_FOUND)
        return boot_fail(boot, BS_ERR_PROTOCOL, STATE,
                         "the server did not approve the boot that it was shown, so the vault would not open again; "
                         "does something extend a PCR of measure.pcrs while bootseal runs?");
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the server's approval of this boot does not hold (%s)", bs_err_name(err));
    return BS_OK;
}
