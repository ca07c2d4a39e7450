/*
 * Sessions that hide a parameter from the bus: salted to a key of the TPM, so that somebody who listens does not learn
 * the session key (Part 1 §19.6.8), and AES-CFB for the first parameter (§21). A public key that somebody on the bus
 * put in the place of the TPM's gets him the secret: who calls has to know whose key it is.
 */
#include "agent/tpm/internal.h"

static const TPMT_SYM_DEF aes128cfb = {
    .algorithm = TPM2_ALG_AES,
    .keyBits.aes = 128,
    .mode.aes = TPM2_ALG_CFB,
};

enum bs_err tpm_session(struct tpm *tpm, const struct tpm_loaded *key, TPM2_SE type, uint16_t hash,
                        struct tpm_loaded *ret_session)
{
    ESYS_TR tr;
    TSS2_RC rc = Esys_StartAuthSession(tpm->esys, key->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                       type, &aes128cfb, hash, &tr);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_StartAuthSession");
    if (err == BS_OK)
        tpm_hold(tpm, tr, true, ret_session);
    return err;
}

/* continueSession clear: the TPM flushes the session with a command that succeeds (Part 1 §18.6.3), which saves one. */
enum bs_err tpm_session_last(struct tpm_loaded *session, TPMA_SESSION encryption)
{
    const TPMA_SESSION all = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
    TSS2_RC rc = Esys_TRSess_SetAttributes(session->tpm->esys, session->tr, encryption, all);
    return tpm_check(session->tpm, rc, "Esys_TRSess_SetAttributes");
}
