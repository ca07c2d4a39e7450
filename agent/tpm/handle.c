/* Objects and sessions bound to a scope, and ESYS's views of what is persistent. */
#include "agent/tpm/internal.h"

#include "core/log.h"

#include <string.h>

void tpm_forget(struct tpm_loaded *loaded)
{
    if (loaded->tr != ESYS_TR_NONE)
        (void)Esys_TR_Close(loaded->tpm->esys, &loaded->tr);
    loaded->tr = ESYS_TR_NONE;
    loaded->is_transient = false;
}

/* By the Sys layer: it works also when ESYS has given up after a response that did not verify. */
void tpm_unload(struct tpm_loaded *loaded)
{
    if (loaded->tr == ESYS_TR_NONE)
        return;
    if (loaded->is_transient) {
        TSS2_RC rc = Tss2_Sys_FlushContext(loaded->tpm->sys, loaded->handle);
        if (rc != TSS2_RC_SUCCESS)
            bs_debug("tpm", "TPM2_FlushContext of 0x%08x: 0x%08x", loaded->handle, rc);
    }
    tpm_forget(loaded);
}

void tpm_hold(struct tpm *tpm, ESYS_TR tr, bool is_transient, struct tpm_loaded *ret_loaded)
{
    *ret_loaded = (struct tpm_loaded){ .tpm = tpm, .tr = tr, .is_transient = is_transient };
    (void)Esys_TR_GetTpmHandle(tpm->esys, tr, &ret_loaded->handle);
}

static enum bs_err put_be(struct bs_buf *buf, uint32_t value, size_t size)
{
    uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };
    return bs_buf_append(buf, bytes + sizeof(bytes) - size, size);
}

/* Which kind of object a view is of; ESYS's own numbers (IESYSC_*), part of what Esys_TR_Serialize writes. */
enum view_kind { VIEW_KEY = 1, VIEW_NV = 2 };

/*
 * Esys_TR_FromTPMPublic would ask the TPM again for what was just read, and does not give it to us. So the view is
 * built from what is known, in the form that Esys_TR_Serialize writes: handle, TPM2B_NAME, kind, TPM2B of the public
 * area.
 */
static enum bs_err view(struct tpm *tpm, TPM2_HANDLE handle, const struct wire_name *name, enum view_kind kind,
                        struct bs_span public_area, struct tpm_loaded *ret_loaded)
{
    BS_SCOPED_BUF struct bs_buf blob = BS_BUF(2048);
    enum bs_err err = put_be(&blob, handle, 4);
    if (err == BS_OK)
        err = put_be(&blob, name->size, 2);
    if (err == BS_OK)
        err = bs_buf_append(&blob, name->name, name->size);
    if (err == BS_OK)
        err = put_be(&blob, kind, 4);
    if (err == BS_OK)
        err = put_be(&blob, (uint32_t)public_area.size, 2);
    if (err == BS_OK)
        err = bs_buf_append(&blob, public_area.data, public_area.size);
    if (err != BS_OK)
        return err;

    ESYS_TR tr;
    err = tpm_check(tpm, Esys_TR_Deserialize(tpm->esys, blob.data, blob.size, &tr), "Esys_TR_Deserialize");
    if (err != BS_OK)
        return err;
    tpm_hold(tpm, tr, false, ret_loaded);
    return BS_OK;
}

enum bs_err tpm_view_key(struct tpm *tpm, TPM2_HANDLE handle, const TPMT_PUBLIC *public_area,
                         const struct wire_name *name, struct tpm_loaded *ret_loaded)
{
    BS_SCOPED_BUF struct bs_buf area = BS_BUF(1024);
    enum bs_err err = wire_public_encode(public_area, &area);
    if (err != BS_OK)
        return err;
    return view(tpm, handle, name, VIEW_KEY, bs_buf_span(&area), ret_loaded);
}

enum bs_err tpm_view_nv(struct tpm *tpm, const TPMS_NV_PUBLIC *public_area, const struct wire_name *name,
                        struct tpm_loaded *ret_loaded)
{
    BS_SCOPED_BUF struct bs_buf area = BS_BUF(256);
    enum bs_err err = wire_nv_public_encode(public_area, &area);
    if (err != BS_OK)
        return err;
    return view(tpm, public_area->nvIndex, name, VIEW_NV, bs_buf_span(&area), ret_loaded);
}

enum bs_err tpm_load(struct tpm *tpm, const struct tpm_loaded *srk, const struct tpm_key_blob *blob,
                     struct tpm_loaded *ret_loaded)
{
    ESYS_TR tr;
    TSS2_RC rc = Esys_Load(tpm->esys, srk->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &blob->private_area,
                           &blob->public_area, &tr);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_Load");
    if (err == BS_OK) {
        tpm_hold(tpm, tr, true, ret_loaded);
        return BS_OK;
    }
    /*
     * The blob is not this parent's (Part 3 §12.2.1), or ESYS found that the Name in the response is not that of the
     * public area.
     */
    if (tpm_rc_is_parameter(rc) || rc == TSS2_ESYS_RC_MALFORMED_RESPONSE)
        return BS_ERR_TAMPERED;
    return err;
}
