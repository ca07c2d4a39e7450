#include "agent/tpm/internal.h"

#include "core/log.h"

#include <string.h>

/*
 * What an NV_Read may ask for where the TPM does not say: Part 2 table "PT_NV_BUFFER_MAX" has no minimum, all known
 * TPMs give 512.
 */
#define NV_CHUNK_DEFAULT 512

static enum bs_err capability(struct tpm *tpm, TPM2_CAP what, uint32_t from, uint32_t count, TPMI_YES_NO *ret_more,
                              TPMS_CAPABILITY_DATA **ret_data)
{
    TSS2_RC rc =
        Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, what, from, count, ret_more, ret_data);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_GetCapability");
    if (err == BS_OK && (*ret_data)->capability != what)
        return BS_ERR_TPM;
    return err;
}

/* A bank without a single PCR is not active: that is how a TPM names banks that it could have. */
static enum bs_err read_banks(struct tpm *tpm)
{
    TPM_ESYS TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    enum bs_err err = capability(tpm, TPM2_CAP_PCRS, 0, 1, &more, &data);
    if (err != BS_OK)
        return err;

    const TPML_PCR_SELECTION *banks = &data->data.assignedPCR;
    tpm->state.bank_count = 0;
    for (uint32_t i = 0; i < banks->count; i++) {
        uint32_t mask = tpm_selection_mask(&banks->pcrSelections[i]);
        if (mask == 0)
            continue;
        if (tpm->state.bank_count == TPM_BANKS_MAX)
            return BS_ERR_TPM;
        tpm->bank_masks[tpm->state.bank_count] = mask;
        tpm->state.banks[tpm->state.bank_count++] = banks->pcrSelections[i].hash;
    }
    return BS_OK;
}

/* Four characters in a number, as Part 2 §6.13 packs them; what is not printable ends the text. */
static void unpack_text(uint32_t value, char ret_text[5])
{
    size_t length = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        char c = (char)(value >> shift & 0xff);
        if (c < '!' || c > '~')
            break;
        ret_text[length++] = c;
    }
    ret_text[length] = '\0';
}

static void take_fixed(struct tpm *tpm, const TPMS_TAGGED_PROPERTY *property)
{
    struct tpm_maker *maker = &tpm->maker;

    switch (property->property) {
    case TPM2_PT_MANUFACTURER:
        unpack_text(property->value, maker->manufacturer);
        break;
    case TPM2_PT_FIRMWARE_VERSION_1:
        maker->firmware_version = (maker->firmware_version & UINT32_MAX) | (uint64_t)property->value << 32;
        break;
    case TPM2_PT_FIRMWARE_VERSION_2:
        maker->firmware_version = (maker->firmware_version & ~(uint64_t)UINT32_MAX) | property->value;
        break;
    case TPM2_PT_NV_BUFFER_MAX:
        if (property->value >= 64 && property->value <= TPM2_MAX_NV_BUFFER_SIZE)
            tpm->nv_chunk = (uint16_t)property->value;
        break;
    default:
        break;
    }
}

static enum bs_err read_fixed(struct tpm *tpm)
{
    TPM_ESYS TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    enum bs_err err =
        capability(tpm, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_MANUFACTURER, TPM2_MAX_TPM_PROPERTIES, &more, &data);
    if (err != BS_OK)
        return err;
    for (uint32_t i = 0; i < data->data.tpmProperties.count; i++)
        take_fixed(tpm, &data->data.tpmProperties.tpmProperty[i]);
    return BS_OK;
}

/* Of the variable properties the first alone: a TPM gives them apart from the fixed ones (Part 3 §30.2.1), so that is a command. */
static enum bs_err read_permanent(struct tpm *tpm)
{
    TPM_ESYS TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    enum bs_err err = capability(tpm, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT, 1, &more, &data);
    if (err != BS_OK)
        return err;
    const TPMS_TAGGED_PROPERTY *property = &data->data.tpmProperties.tpmProperty[0];
    if (data->data.tpmProperties.count == 0 || property->property != TPM2_PT_PERMANENT)
        return BS_ERR_TPM;
    tpm->state.owner_auth_set = property->value & TPMA_PERMANENT_OWNERAUTHSET;
    tpm->state.in_lockout = property->value & TPMA_PERMANENT_INLOCKOUT;
    return BS_OK;
}

enum bs_err tpm_state(struct tpm *tpm, struct tpm_state *ret_state)
{
    if (!tpm->has_state) {
        enum bs_err err = tpm_begin(tpm);
        if (err == BS_OK)
            err = read_banks(tpm);
        if (err == BS_OK)
            err = read_permanent(tpm);
        if (err != BS_OK)
            return err;
        tpm->has_state = true;
    }
    *ret_state = tpm->state;
    return BS_OK;
}

enum bs_err tpm_maker(struct tpm *tpm, struct tpm_maker *ret_maker)
{
    if (!tpm->has_maker) {
        enum bs_err err = tpm_begin(tpm);
        tpm->nv_chunk = NV_CHUNK_DEFAULT;
        if (err == BS_OK)
            err = read_fixed(tpm);
        if (err != BS_OK)
            return err;
        tpm->has_maker = true;
    }
    *ret_maker = tpm->maker;
    return BS_OK;
}
