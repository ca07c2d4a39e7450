#include "agent/vault/unseal.h"

#include "agent/vault/approved.h"
#include "core/log.h"

#include <string.h>

struct unsealing {
    struct tpm *tpm;
    const struct vault_open_request *open;
    const struct slot_header *header;
};

static enum bs_err unseal_by(const struct unsealing *u, const struct tpm_approval *approval, struct bs_secret **ret_key)
{
    const struct tpm_unseal_request request = {
        .srk = &u->header->srk,
        .bank = u->open->policy->bank,
        .boot_mask = u->open->policy->boot_mask,
        .cap_pcr = u->open->policy->cap_pcr,
        .counter_value = u->header->generation,
        .sealed = &u->header->sealed,
        .approval = approval,
    };
    return tpm_unseal(u->tpm, &request, ret_key);
}

/* BOOT also when all that are for this boot turn out to be signed by somebody else: then nobody approved it. */
static enum bs_err unseal_approved(const struct unsealing *u, const struct tpm_pcrs *pcrs, struct bs_secret **ret_key)
{
    struct approved approved;
    const struct approved_request request = { u->open->policy, &u->header->signer, u->open->approvals, pcrs };
    enum bs_err err = approved_find(&request, &approved);
    if (err != BS_OK)
        return err == BS_ERR_NOT_FOUND ? BS_ERR_BOOT : err;
    for (size_t i = 0; i < approved.count; i++) {
        err = unseal_by(u, &approved.list[i], ret_key);
        if (err != BS_ERR_UNTRUSTED)
            return err;
        bs_warning("vault", "an approval of this boot is not signed by the key that the vault is sealed to");
    }
    return BS_ERR_BOOT;
}

static bool is_same(const struct tpm_pcrs *a, const struct tpm_pcrs *b, uint32_t mask)
{
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        if ((mask >> pcr & 1) && memcmp(a->values[pcr], b->values[pcr], b->digest_size) != 0)
            return false;
    return true;
}

enum bs_err unseal_slot(struct tpm *tpm, const struct vault_open_request *open, const struct slot_header *header,
                        struct bs_secret **ret_key)
{
    const struct unsealing u = { tpm, open, header };
    const struct vault_policy *policy = open->policy;
    if (policy->kind == VAULT_PCR)
        return unseal_by(&u, NULL, ret_key);
    enum bs_err err = open->pcrs ? unseal_approved(&u, open->pcrs, ret_key) : BS_ERR_BOOT;
    if (err != BS_ERR_BOOT)
        return err;

    /* What was read before is a guess: since then somebody may have extended a PCR, into an approved state too. */
    struct tpm_pcrs now;
    err = tpm_pcr_read(tpm, policy->bank, policy->boot_mask, &now);
    if (err != BS_OK)
        return err;
    bool is_known = open->pcrs && is_same(open->pcrs, &now, policy->boot_mask);
    return is_known ? BS_ERR_BOOT : unseal_approved(&u, &now, ret_key);
}

enum bs_err vault_is_approved(struct tpm *tpm, const struct vault_policy *policy, const struct vault_signer *signer)
{
    struct tpm_pcrs now;
    struct approved approved;
    enum bs_err err = tpm_pcr_read(tpm, policy->bank, policy->boot_mask, &now);
    const struct approved_request request = { policy, signer, BS_SPAN_NONE, &now };
    if (err == BS_OK)
        err = approved_find(&request, &approved);
    if (err != BS_OK)
        return err;
    for (size_t i = 0; i < approved.count; i++)
        if ((err = approved_verify(&approved.list[i])) == BS_OK)
            return BS_OK;
    return BS_ERR_UNTRUSTED;
}
