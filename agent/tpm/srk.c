/* The storage root key (TCG TPM v2.0 Provisioning Guidance §7.5.1). */
#include "agent/tpm/internal.h"

#include "core/log.h"

enum bs_err tpm_srk_open(struct tpm *tpm, struct tpm_loaded *ret_loaded)
{
    TPMT_PUBLIC template;
    wire_template_srk(&template);

    enum bs_err err = tpm_key_open(tpm, &template, &tpm->srk, ret_loaded);
    if (err != BS_ERR_REFUSED)
        return err;

    /*
     * The owner has set a password. A primary of the endorsement hierarchy with the same template serves as well: it
     * needs no owner, and comes out the same after each reset.
     */
    bs_debug("tpm", "the owner hierarchy has a password; the storage root key is made in the endorsement hierarchy");
    tpm->srk.hierarchy = TPM2_RH_ENDORSEMENT;
    err = tpm_key_open(tpm, &template, &tpm->srk, ret_loaded);
    return err == BS_ERR_REFUSED ? BS_ERR_TPM : err;
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
