/* TPM2_PolicyAuthorize: boots that somebody approved by a signature (TCG TPM 2.0 Library Part 3 §23.16). */
#include "agent/tpm/internal.h"

#include "core/approval.h"

#include <string.h>

/* The key is of no use without its private part, so whoever could see it in the TPM may. */
static enum bs_err load_key(struct tpm *tpm, const TPMT_PUBLIC *key, struct tpm_loaded *ret_loaded)
{
    const TPM2B_PUBLIC area = { .publicArea = *key };
    ESYS_TR tr;
    /* A hierarchy has to be named, for a ticket of none is worth nothing. */
    TSS2_RC rc =
        Esys_LoadExternal(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &area, ESYS_TR_RH_OWNER, &tr);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_LoadExternal");
    if (err == BS_OK)
        tpm_hold(tpm, tr, true, ret_loaded);
    return tpm_rc_is_parameter(rc) ? BS_ERR_UNTRUSTED : err;
}

enum bs_err tpm_approval_check(struct tpm *tpm, const struct tpm_approval *approval, TPMT_TK_VERIFIED *ret_ticket)
{
    TPM_LOADED struct tpm_loaded key = TPM_LOADED_NONE;
    TPM_ESYS TPMT_TK_VERIFIED *ticket = NULL;
    TPM2B_DIGEST hash = { .size = CRYPTO_SHA256_SIZE };
    enum bs_err err = approval_hash(approval->policy, approval->by.policy_ref, hash.buffer);
    if (err == BS_OK)
        err = load_key(tpm, approval->by.key, &key);
    if (err != BS_OK)
        return err;
    TSS2_RC rc = Esys_VerifySignature(tpm->esys, key.tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &hash,
                                      &approval->signature, &ticket);
    err = tpm_check(tpm, rc, "TPM2_VerifySignature");
    if (err == BS_OK)
        *ret_ticket = *ticket;
    return tpm_rc_is_parameter(rc) ? BS_ERR_UNTRUSTED : err;
}

enum bs_err tpm_approval_use(struct tpm *tpm, const struct tpm_loaded *session, const struct tpm_approval *approval,
                             const TPMT_TK_VERIFIED *ticket, TSS2_RC *ret_rc)
{
    struct wire_name name;
    TPM2B_DIGEST policy = { .size = CRYPTO_SHA256_SIZE };
    TPM2B_NONCE ref = { .size = (uint16_t)approval->by.policy_ref.size };
    TPM2B_NAME key;
    if (approval->by.policy_ref.size > sizeof(ref.buffer))
        return BS_ERR_INPUT;
    enum bs_err err = wire_public_name(approval->by.key, &name);
    if (err != BS_OK)
        return err;
    memcpy(policy.buffer, approval->policy, sizeof(approval->policy));
    if (ref.size > 0)
        memcpy(ref.buffer, approval->by.policy_ref.data, ref.size);
    key.size = name.size;
    memcpy(key.name, name.name, name.size);
    *ret_rc = Esys_PolicyAuthorize(tpm->esys, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &policy, &ref,
                                   &key, ticket);
    err = tpm_check(tpm, *ret_rc, "TPM2_PolicyAuthorize");
    return tpm_rc_is_parameter(*ret_rc) ? BS_ERR_BOOT : err;
}
