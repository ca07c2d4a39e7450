/* The device key (LDevID): made under the SRK, certified by the AK, never persistent. */
#include "agent/tpm/internal.h"

#include <string.h>

enum bs_err tpm_device_key_make(struct tpm *tpm, struct tpm_key_blob *ret_key)
{
    TPM_LOADED struct tpm_loaded srk = TPM_LOADED_NONE;
    TPM_ESYS TPM2B_PRIVATE *private_area = NULL;
    TPM_ESYS TPM2B_PUBLIC *public_area = NULL;
    const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
    const TPM2B_DATA outside = { .size = 0 };
    const TPML_PCR_SELECTION pcrs = { .count = 0 };
    TPM2B_PUBLIC template = { .size = 0 };

    wire_template_device(&template.publicArea);
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = tpm_srk_open(tpm, &srk);
    if (err != BS_OK)
        return err;
    TSS2_RC rc = Esys_Create(tpm->esys, srk.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template,
                             &outside, &pcrs, &private_area, &public_area, NULL, NULL, NULL);
    err = tpm_check(tpm, rc, "TPM2_Create");
    if (err != BS_OK)
        return err;
    if (!wire_matches(&public_area->publicArea, &template.publicArea))
        return BS_ERR_TPM;
    *ret_key = (struct tpm_key_blob){ .public_area = *public_area, .private_area = *private_area };
    return BS_OK;
}

/* The SRK is let go before the key is used: a transient one would take the place of what the next command needs. */
static enum bs_err open_key(struct tpm *tpm, const struct tpm_key_blob *key, struct tpm_loaded *ret_loaded)
{
    TPM_LOADED struct tpm_loaded srk = TPM_LOADED_NONE;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = tpm_srk_open(tpm, &srk);
    return err == BS_OK ? tpm_load(tpm, &srk, key, ret_loaded) : err;
}

enum bs_err tpm_device_key_certify(struct tpm *tpm, const struct tpm_key_blob *key, const uint8_t qualifying[32],
                                   struct bs_buf *ret_attest, struct bs_buf *ret_signature)
{
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
    enum bs_err err = open_key(tpm, key, &loaded);
    return err == BS_OK ? tpm_certify(tpm, &loaded, qualifying, ret_attest, ret_signature) : err;
}

/* TPMs differ in whether they cut leading zeros off. */
static bool put_padded(const TPM2B_ECC_PARAMETER *number, uint8_t ret_bytes[32])
{
    if (number->size > 32)
        return false;
    memset(ret_bytes, 0, 32);
    memcpy(ret_bytes + 32 - number->size, number->buffer, number->size);
    return true;
}

enum bs_err tpm_device_key_sign(struct tpm *tpm, const struct tpm_key_blob *key,
                                const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
    TPM_ESYS TPMT_SIGNATURE *signature = NULL;
    const TPMT_SIG_SCHEME own_scheme = { .scheme = TPM2_ALG_NULL };
    /* No ticket: the key is not restricted (Part 3 §20.2.1). */
    const TPMT_TK_HASHCHECK ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
    TPM2B_DIGEST data = { .size = CRYPTO_SHA256_SIZE };
    memcpy(data.buffer, digest, CRYPTO_SHA256_SIZE);

    enum bs_err err = open_key(tpm, key, &loaded);
    if (err != BS_OK)
        return err;
    TSS2_RC rc = Esys_Sign(tpm->esys, loaded.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &own_scheme,
                           &ticket, &signature);
    err = tpm_check(tpm, rc, "TPM2_Sign");
    if (err != BS_OK)
        return err;
    uint8_t bytes[64];
    if (signature->sigAlg != TPM2_ALG_ECDSA || !put_padded(&signature->signature.ecdsa.signatureR, bytes) ||
        !put_padded(&signature->signature.ecdsa.signatureS, bytes + 32))
        return BS_ERR_TPM;
    memcpy(ret_signature, bytes, sizeof(bytes));
    return BS_OK;
}
