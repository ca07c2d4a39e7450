/* What the AK signs: keys of this TPM (TPM2_Certify, Part 3 §18.2) and the boot (TPM2_Quote, §18.4). */
#include "agent/tpm/internal.h"

#include <string.h>

static const TPMT_SIG_SCHEME own_scheme = { .scheme = TPM2_ALG_NULL };

static TPM2B_DATA qualifying_data(const uint8_t qualifying[32])
{
    TPM2B_DATA data = { .size = 32 };
    memcpy(data.buffer, qualifying, 32);
    return data;
}

static enum bs_err append(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature, struct bs_buf *ret_attest,
                          struct bs_buf *ret_signature)
{
    enum bs_err err = bs_buf_append(ret_attest, attest->attestationData, attest->size);
    return err == BS_OK ? wire_signature_encode(signature, ret_signature) : err;
}

enum bs_err tpm_certify(struct tpm *tpm, const struct tpm_loaded *object, const uint8_t qualifying[32],
                        struct bs_buf *ret_attest, struct bs_buf *ret_signature)
{
    TPM_LOADED struct tpm_loaded ak = TPM_LOADED_NONE;
    TPM_ESYS TPM2B_ATTEST *attest = NULL;
    TPM_ESYS TPMT_SIGNATURE *signature = NULL;
    const TPM2B_DATA data = qualifying_data(qualifying);

    enum bs_err err = tpm_ak_open(tpm, &ak);
    if (err != BS_OK)
        return err;
    TSS2_RC rc = Esys_Certify(tpm->esys, object->tr, ak.tr, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE, &data,
                              &own_scheme, &attest, &signature);
    err = tpm_check(tpm, rc, "TPM2_Certify");
    return err == BS_OK ? append(attest, signature, ret_attest, ret_signature) : err;
}

enum bs_err tpm_certify_srk(struct tpm *tpm, const uint8_t qualifying[32], struct bs_buf *ret_attest,
                            struct bs_buf *ret_signature)
{
    TPM_LOADED struct tpm_loaded srk = TPM_LOADED_NONE;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = tpm_srk_open(tpm, &srk);
    return err == BS_OK ? tpm_certify(tpm, &srk, qualifying, ret_attest, ret_signature) : err;
}

/* Part 3 §18.4.1: an inactive bank is signed as an empty selection and the digest of nothing, without an error. */
static bool is_quote_of(const TPM2B_ATTEST *attest, uint16_t bank, uint32_t mask)
{
    TPMS_ATTEST decoded;
    if (wire_attest_decode(BS_SPAN(attest->attestationData, attest->size), &decoded) != BS_OK ||
        decoded.type != TPM2_ST_ATTEST_QUOTE)
        return false;
    const TPML_PCR_SELECTION *pcrs = &decoded.attested.quote.pcrSelect;
    return pcrs->count == 1 && pcrs->pcrSelections[0].hash == bank &&
           tpm_selection_mask(&pcrs->pcrSelections[0]) == mask;
}

enum bs_err tpm_quote(struct tpm *tpm, const uint8_t qualifying[32], uint16_t bank, uint32_t mask,
                      struct bs_buf *ret_attest, struct bs_buf *ret_signature)
{
    TPM_LOADED struct tpm_loaded ak = TPM_LOADED_NONE;
    TPM_ESYS TPM2B_ATTEST *attest = NULL;
    TPM_ESYS TPMT_SIGNATURE *signature = NULL;
    const TPM2B_DATA data = qualifying_data(qualifying);
    TPML_PCR_SELECTION pcrs;

    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = tpm_ak_open(tpm, &ak);
    if (err != BS_OK)
        return err;
    tpm_selection(bank, mask, &pcrs);
    TSS2_RC rc = Esys_Quote(tpm->esys, ak.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &own_scheme, &pcrs,
                            &attest, &signature);
    err = tpm_check(tpm, rc, "TPM2_Quote");
    if (err == BS_OK && !is_quote_of(attest, bank, mask))
        err = BS_ERR_TPM;
    return err == BS_OK ? append(attest, signature, ret_attest, ret_signature) : err;
}
