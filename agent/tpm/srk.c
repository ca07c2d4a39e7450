/* The storage root key (TCG TPM v2.0 Provisioning Guidance §7.5.1). */
#include "agent/tpm/internal.h"

/*
 * A primary of the owner hierarchy and of no other, for the server takes no other. Where the owner has a password it must have
 * been made persistent before, and that is no loss: without him there would be no counter either.
 */
enum bs_err tpm_srk_open(struct tpm *tpm, struct tpm_loaded *ret_loaded)
{
    TPMT_PUBLIC template;
    wire_template_srk(&template);
    enum bs_err err = tpm_key_open(tpm, &template, &tpm->srk, ret_loaded);
    return err == BS_ERR_REFUSED ? BS_ERR_TPM : err;
}

void tpm_srk_adopt(struct tpm *tpm, struct bs_span name)
{
    if (!tpm->srk.is_known && tpm->srk_proven.is_known && bs_span_equal(wire_name_span(&tpm->srk_proven.name), name))
        tpm->srk = tpm->srk_proven;
}

enum bs_err tpm_srk(struct tpm *tpm, const TPMT_PUBLIC **ret_public, const struct wire_name **ret_name)
{
    enum bs_err err = BS_OK;
    if (!tpm->srk.is_known) {
        TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
        err = tpm_begin(tpm);
        if (err == BS_OK)
            err = tpm_srk_open(tpm, &loaded);
    }
    if (err == BS_OK) {
        *ret_public = &tpm->srk.public_area;
        *ret_name = &tpm->srk.name;
    }
    return err;
}
