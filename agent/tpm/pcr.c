/* Platform configuration registers: reading, and the cap. */
#include "agent/tpm/internal.h"

#include "core/log.h"

#include <bootseal/cap.h>

#include <string.h>

/* Reads of more than one command are begun again when a PCR was extended in between (IMA); so often at most. */
#define READ_TRIES 5

void tpm_selection(uint16_t bank, uint32_t mask, TPML_PCR_SELECTION *ret_selection)
{
    *ret_selection = (TPML_PCR_SELECTION){ .count = 1 };
    TPMS_PCR_SELECTION *selection = &ret_selection->pcrSelections[0];
    selection->hash = bank;
    selection->sizeofSelect = TPM_PCRS / 8;
    for (unsigned i = 0; i < TPM_PCRS / 8; i++)
        selection->pcrSelect[i] = (BYTE)(mask >> 8 * i);
}

uint32_t tpm_selection_mask(const TPMS_PCR_SELECTION *selection)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < selection->sizeofSelect && i < TPM_PCRS / 8; i++)
        mask |= (uint32_t)selection->pcrSelect[i] << 8 * i;
    return mask;
}

/*
 * Takes one response of PCR_Read: which PCRs it says it holds, all of them asked for, and as many digests of the right
 * size (Part 3 §22.4). *mask loses what was read.
 */
static enum bs_err take_values(const TPML_PCR_SELECTION *selection, const TPML_DIGEST *digests, struct tpm_pcrs *pcrs,
                               uint32_t *mask)
{
    if (selection->count != 1 || selection->pcrSelections[0].hash != pcrs->bank)
        return BS_ERR_TPM;

    uint32_t read = tpm_selection_mask(&selection->pcrSelections[0]);
    if (read == 0 || (read & ~*mask) != 0 || digests->count != (uint32_t)__builtin_popcount(read))
        return BS_ERR_TPM;

    const TPM2B_DIGEST *digest = digests->digests;
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
        if (!(read >> pcr & 1))
            continue;
        if (digest->size != pcrs->digest_size)
            return BS_ERR_TPM;
        memcpy(pcrs->values[pcr], digest->buffer, digest->size);
        digest++;
    }
    *mask &= ~read;
    return BS_OK;
}

/* *ret_again is set when the PCRs changed between two commands. */
static enum bs_err read_once(struct tpm *tpm, struct tpm_pcrs *pcrs, bool *ret_again)
{
    UINT32 first_update = 0;

    for (uint32_t left = pcrs->mask; left != 0;) {
        TPM_ESYS TPML_PCR_SELECTION *out = NULL;
        TPM_ESYS TPML_DIGEST *digests = NULL;
        TPML_PCR_SELECTION in;
        UINT32 update;

        tpm_selection(pcrs->bank, left, &in);
        TSS2_RC rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &in, &update, &out, &digests);
        enum bs_err err = tpm_check(tpm, rc, "TPM2_PCR_Read");
        if (err != BS_OK)
            return err;
        *ret_again = left != pcrs->mask && update != first_update;
        if (*ret_again)
            return BS_OK;
        first_update = update;
        err = take_values(out, digests, pcrs, &left);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

enum bs_err tpm_pcr_read(struct tpm *tpm, uint16_t bank, uint32_t mask, struct tpm_pcrs *ret_pcrs)
{
    struct tpm_pcrs pcrs = { .bank = bank, .mask = mask, .digest_size = crypto_hash_size(bank) };
    if (pcrs.digest_size == 0 || mask == 0 || mask >> TPM_PCRS != 0)
        return BS_ERR_TPM;

    enum bs_err err = tpm_begin(tpm);
    bool again = true;
    for (int tries = 0; err == BS_OK && again; tries++) {
        if (tries == READ_TRIES)
            return BS_ERR_TPM;
        err = read_once(tpm, &pcrs, &again);
    }
    if (err != BS_OK)
        return err;
    *ret_pcrs = tpm->pcrs = pcrs;
    tpm->has_pcrs = true;
    return BS_OK;
}

/* One PCR in all banks that have it; a response of PCR_Read holds eight digests, and there are no more banks. */
static enum bs_err read_banks(struct tpm *tpm, uint32_t pcr, TPML_DIGEST *ret_digests)
{
    TPM_ESYS TPML_PCR_SELECTION *out = NULL;
    TPM_ESYS TPML_DIGEST *digests = NULL;
    TPML_PCR_SELECTION in = { .count = 0 };
    UINT32 update;

    for (size_t i = 0; i < tpm->state.bank_count; i++) {
        TPML_PCR_SELECTION one;
        tpm_selection(tpm->state.banks[i], tpm->bank_masks[i] & 1u << pcr, &one);
        if (tpm->bank_masks[i] >> pcr & 1)
            in.pcrSelections[in.count++] = one.pcrSelections[0];
    }
    if (in.count == 0)
        return BS_ERR_TPM;
    TSS2_RC rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &in, &update, &out, &digests);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_PCR_Read");
    if (err == BS_OK && digests->count != in.count)
        err = BS_ERR_TPM;
    if (err == BS_OK)
        *ret_digests = *digests;
    return err;
}

/* Part 1 §11.4.6.2: extended is H(old ‖ H(event)). Of a hash that we do not have only that it changed can be seen. */
static bool is_extended(uint16_t bank, const TPM2B_DIGEST *before, const TPM2B_DIGEST *after)
{
    uint8_t data[2 * CRYPTO_HASH_MAX], expected[CRYPTO_HASH_MAX];
    size_t size = crypto_hash_size(bank);

    if (size == 0)
        return after->size == before->size && memcmp(after->buffer, before->buffer, after->size) != 0;
    if (before->size != size || after->size != size)
        return false;
    memcpy(data, before->buffer, size);
    if (crypto_hash(bank, BS_SPAN(BS_CAP_EVENT, strlen(BS_CAP_EVENT)), data + size) != BS_OK ||
        crypto_hash(bank, BS_SPAN(data, 2 * size), expected) != BS_OK)
        return false;
    return memcmp(after->buffer, expected, size) == 0;
}

static enum bs_err extend_cap(struct tpm *tpm, uint32_t pcr)
{
    TPM_ESYS TPML_DIGEST_VALUES *digests = NULL;
    TPM2B_EVENT event = { .size = sizeof(BS_CAP_EVENT) - 1 };
    memcpy(event.buffer, BS_CAP_EVENT, event.size);

    TSS2_RC rc =
        Esys_PCR_Event(tpm->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &event, &digests);
    return tpm_check(tpm, rc, "TPM2_PCR_Event");
}

/*
 * What the boot has read at its beginning saves a command. It read one bank; where that PCR was at its reset value the
 * others are taken to be so, too.
 */
static bool is_known(const struct tpm *tpm, uint32_t pcr, TPML_DIGEST *ret_digests)
{
    static const uint8_t reset[CRYPTO_HASH_MAX];
    const struct tpm_pcrs *pcrs = &tpm->pcrs;
    TPML_DIGEST known = { .count = 0 };

    if (!tpm->has_pcrs || !(pcrs->mask >> pcr & 1))
        return false;
    bool is_reset = memcmp(pcrs->values[pcr], reset, pcrs->digest_size) == 0;
    for (size_t i = 0; i < tpm->state.bank_count; i++) {
        TPM2B_DIGEST *digest = &known.digests[known.count];
        if (!(tpm->bank_masks[i] >> pcr & 1))
            continue;
        digest->size = (UINT16)crypto_hash_size(tpm->state.banks[i]);
        if (tpm->state.banks[i] == pcrs->bank)
            memcpy(digest->buffer, pcrs->values[pcr], pcrs->digest_size);
        else if (!is_reset || digest->size == 0)
            return false;
        known.count++;
    }
    *ret_digests = known;
    return known.count > 0;
}

static enum bs_err extend_and_read(struct tpm *tpm, uint32_t pcr, TPML_DIGEST *ret_after)
{
    enum bs_err err = extend_cap(tpm, pcr);
    return err == BS_OK ? read_banks(tpm, pcr, ret_after) : err;
}

static bool is_capped(const struct tpm *tpm, uint32_t pcr, const TPML_DIGEST *before, const TPML_DIGEST *after)
{
    for (size_t i = 0, at = 0; i < tpm->state.bank_count; i++) {
        if (!(tpm->bank_masks[i] >> pcr & 1))
            continue;
        if (!is_extended(tpm->state.banks[i], &before->digests[at], &after->digests[at])) {
            bs_debug("cap", "PCR %u of bank 0x%04x is not what the cap makes of it", pcr, tpm->state.banks[i]);
            return false;
        }
        at++;
    }
    return true;
}

enum bs_err tpm_cap(struct tpm *tpm, uint32_t pcr)
{
    struct tpm_state state;
    TPML_DIGEST before, after;

    if (pcr >= TPM_PCRS)
        return BS_ERR_CONFIG;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = tpm_state(tpm, &state);
    bool is_old = err == BS_OK && is_known(tpm, pcr, &before);
    tpm->has_pcrs = false;
    if (err == BS_OK && !is_old)
        err = read_banks(tpm, pcr, &before);
    if (err == BS_OK)
        err = extend_and_read(tpm, pcr, &after);
    if (err == BS_OK && is_old && !is_capped(tpm, pcr, &before, &after)) {
        /* Somebody else has extended it, since or in another bank: once more, from what it is now. */
        before = after;
        err = extend_and_read(tpm, pcr, &after);
    }
    if (err == BS_OK && !is_capped(tpm, pcr, &before, &after))
        err = BS_ERR_TPM;
    return err;
}
