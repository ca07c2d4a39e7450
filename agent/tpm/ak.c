/*
 * The attestation key: a primary of the endorsement hierarchy. No blob to keep, the same after TPM2_Clear, and its
 * quotes carry the true resetCount and firmwareVersion (for other hierarchies they are obfuscated: Part 1 §36.7).
 */
#include "agent/tpm/internal.h"

enum bs_err tpm_ak_open(struct tpm *tpm, struct tpm_loaded *ret_loaded)
{
    TPMT_PUBLIC template;
    wire_template_ak(&template);
    enum bs_err err = tpm_key_open(tpm, &template, &tpm->ak, ret_loaded);
    return err == BS_ERR_REFUSED ? BS_ERR_TPM : err;
}

enum bs_err tpm_ak(struct tpm *tpm, const TPMT_PUBLIC **ret_public, const struct wire_name **ret_name)
{
    enum bs_err err = BS_OK;
    if (!tpm->ak.is_known) {
        TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
        err = tpm_begin(tpm);
        if (err == BS_OK)
            err = tpm_ak_open(tpm, &loaded);
    }
    if (err == BS_OK) {
        *ret_public = &tpm->ak.public_area;
        *ret_name = &tpm->ak.name;
    }
    return err;
}
