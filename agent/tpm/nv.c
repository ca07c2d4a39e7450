/* NV indices that others wrote: EK certificates and their chain. */
#include "agent/tpm/internal.h"

#include "core/log.h"

enum bs_err tpm_nv_public(struct tpm *tpm, TPM2_HANDLE index, TPMS_NV_PUBLIC *ret_public)
{
    TPM2B_NV_PUBLIC found = { 0 };
    TPM2B_NAME name = { 0 };

    /* The Sys layer: ESYS would read it once to have a view of the index, and once more to give it to us. */
    TSS2_RC rc = Tss2_Sys_NV_ReadPublic(tpm->sys, index, NULL, &found, &name, NULL);
    if (tpm_rc_base(rc) == TPM2_RC_HANDLE)
        return BS_ERR_NOT_FOUND;
    enum bs_err err = tpm_check(tpm, rc, "TPM2_NV_ReadPublic");
    if (err != BS_OK)
        return err;
    if (found.nvPublic.nvIndex != index)
        return BS_ERR_TPM;
    *ret_public = found.nvPublic;
    return BS_OK;
}

static enum bs_err read_chunk(struct tpm *tpm, const struct tpm_loaded *index, ESYS_TR authority, uint16_t size,
                              uint16_t offset, struct bs_buf *out)
{
    TPM_ESYS TPM2B_MAX_NV_BUFFER *data = NULL;
    TSS2_RC rc = Esys_NV_Read(tpm->esys, authority, index->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, size,
                              offset, &data);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_NV_Read");
    if (err != BS_OK)
        return err;
    return data->size == size ? bs_buf_append(out, data->buffer, size) : BS_ERR_TPM;
}

enum bs_err tpm_nv_read(struct tpm *tpm, TPM2_HANDLE index, TPMA_NV needed, struct bs_buf *out)
{
    TPM_LOADED struct tpm_loaded view = TPM_LOADED_NONE;
    TPMS_NV_PUBLIC area;
    struct wire_name name;
    struct tpm_maker maker;

    enum bs_err err = tpm_nv_public(tpm, index, &area);
    if (err != BS_OK)
        return err;
    if ((area.attributes & needed) != needed || !(area.attributes & TPMA_NV_WRITTEN) ||
        !(area.attributes & (TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD)))
        return BS_ERR_NOT_FOUND;
    err = tpm_maker(tpm, &maker); /* for nv_chunk */
    if (err == BS_OK)
        err = wire_nv_name(&area, &name);
    if (err == BS_OK)
        err = tpm_view_nv(tpm, &area, &name, &view);

    ESYS_TR authority = area.attributes & TPMA_NV_AUTHREAD ? view.tr : ESYS_TR_RH_OWNER;
    for (uint16_t offset = 0; err == BS_OK && offset < area.dataSize;) {
        uint16_t left = (uint16_t)(area.dataSize - offset);
        uint16_t size = left < tpm->nv_chunk ? left : tpm->nv_chunk;
        err = read_chunk(tpm, &view, authority, size, offset, out);
        offset = (uint16_t)(offset + size);
    }
    return err;
}
