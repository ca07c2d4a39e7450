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

static void take_property(struct tpm *tpm, const TPMS_TAGGED_PROPERTY *property)
{
    struct tpm_state *state = &tpm->state;

    switch (property->property) {
    case TPM2_PT_MANUFACTURER:
        unpack_text(property->value, state->manufacturer);
        break;
    case TPM2_PT_FIRMWARE_VERSION_1:
        state->firmware_version = (state->firmware_version & UINT32_MAX) | (uint64_t)property->value << 32;
        break;
    case TPM2_PT_FIRMWARE_VERSION_2:
        state->firmware_version = (state->firmware_version & ~(uint64_t)UINT32_MAX) | property->value;
        break;
    case TPM2_PT_NV_BUFFER_MAX:
        if (property->value >= 64 && property->value <= TPM2_MAX_NV_BUFFER_SIZE)
            tpm->nv_chunk = (uint16_t)property->value;
        break;
    case TPM2_PT_PERMANENT:
        state->owner_auth_set = property->value & TPMA_PERMANENT_OWNERAUTHSET;
        state->in_lockout = property->value & TPMA_PERMANENT_INLOCKOUT;
        break;
    default:
        break;
    }
}

/*
 * Fixed and variable properties follow each other; a TPM that does not give them all at once is asked again for the
 * latter.
 */
static enum bs_err read_properties(struct tpm *tpm)
{
    uint32_t from = TPM2_PT_MANUFACTURER;
    bool has_permanent = false;

    for (int tries = 0; tries < 2 && !has_permanent; tries++, from = TPM2_PT_PERMANENT) {
        TPM_ESYS TPMS_CAPABILITY_DATA *data = NULL;
        TPMI_YES_NO more;
        enum bs_err err = capability(tpm, TPM2_CAP_TPM_PROPERTIES, from, TPM2_MAX_TPM_PROPERTIES, &more, &data);
        if (err != BS_OK)
            return err;
        for (uint32_t i = 0; i < data->data.tpmProperties.count; i++) {
            take_property(tpm, &data->data.tpmProperties.tpmProperty[i]);
            has_permanent |= data->data.tpmProperties.tpmProperty[i].property == TPM2_PT_PERMANENT;
        }
    }
    return has_permanent ? BS_OK : BS_ERR_TPM;
}

enum bs_err tpm_state(struct tpm *tpm, struct tpm_state *ret_state)
{
    if (!tpm->has_state) {
        enum bs_err err = tpm_begin(tpm);
        if (err != BS_OK)
            return err;
        tpm->nv_chunk = NV_CHUNK_DEFAULT;
        err = read_banks(tpm);
        if (err == BS_OK)
            err = read_properties(tpm);
        if (err != BS_OK)
            return err;
        tpm->has_state = true;
    }
    *ret_state = tpm->state;
    return BS_OK;
}
