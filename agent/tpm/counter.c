/* The counter that says which generation of the vault is the valid one (Part 3 §31.7, NV_Increment). */
#include "agent/tpm/internal.h"

#include <string.h>

/*
 * Exactly these. Not ORDERLY: such a counter jumps when power is lost. Not OWNERWRITE or OWNERREAD: one authorization,
 * always empty. NO_DA: it works in lockout, and a power cut in mid-use is no failed attempt.
 */
#define COUNTER_ATTRIBUTES \
    (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA)

static TPMS_NV_PUBLIC counter_template(TPM2_HANDLE index)
{
    return (TPMS_NV_PUBLIC){
        .nvIndex = index,
        .nameAlg = TPM2_ALG_SHA256,
        .attributes = COUNTER_ATTRIBUTES,
        .dataSize = 8,
    };
}

enum bs_err tpm_counter_expect(const struct tpm *tpm, uint64_t value, struct tpm_counter *ret_counter)
{
    struct tpm_counter counter = { .public_area = counter_template(tpm->options.counter_index), .value = value };
    counter.public_area.attributes |= TPMA_NV_WRITTEN;
    enum bs_err err = wire_nv_name(&counter.public_area, &counter.name);
    if (err == BS_OK)
        *ret_counter = counter;
    return err;
}

/* What the index is but for the bit that says that it was written. */
static bool is_our_counter(const TPMS_NV_PUBLIC *area, TPM2_HANDLE index)
{
    const TPMS_NV_PUBLIC expected = counter_template(index);
    return area->nvIndex == index && area->nameAlg == expected.nameAlg &&
           (area->attributes & ~(TPMA_NV)TPMA_NV_WRITTEN) == expected.attributes && area->authPolicy.size == 0 &&
           area->dataSize == expected.dataSize;
}

static enum bs_err read_value(struct tpm *tpm, struct tpm_counter *counter)
{
    TPM_LOADED struct tpm_loaded index = TPM_LOADED_NONE;
    TPM_ESYS TPM2B_MAX_NV_BUFFER *data = NULL;
    enum bs_err err = tpm_view_nv(tpm, &counter->public_area, &counter->name, &index);
    if (err != BS_OK)
        return err;

    TSS2_RC rc = Esys_NV_Read(tpm->esys, index.tr, index.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, 8, 0, &data);
    err = tpm_check(tpm, rc, "TPM2_NV_Read");
    if (err != BS_OK)
        return err;
    struct bs_reader reader = BS_READER(BS_SPAN(data->buffer, data->size));
    uint64_t value;
    if (!bs_read_be64(&reader, &value) || reader.left != 0)
        return BS_ERR_TPM;
    counter->value = value;
    return BS_OK;
}

/* The first increment writes the index: its attributes, and so its Name, change. */
static enum bs_err increment(struct tpm *tpm, struct tpm_counter *counter)
{
    TPM_LOADED struct tpm_loaded index = TPM_LOADED_NONE;
    enum bs_err err = tpm_view_nv(tpm, &counter->public_area, &counter->name, &index);
    if (err != BS_OK)
        return err;
    TSS2_RC rc = Esys_NV_Increment(tpm->esys, index.tr, index.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
    err = tpm_check(tpm, rc, "TPM2_NV_Increment");
    if (err != BS_OK)
        return err;
    counter->public_area.attributes |= TPMA_NV_WRITTEN;
    return wire_nv_name(&counter->public_area, &counter->name);
}

/* Public area and Name; NOT_FOUND or TAMPERED. Asked for once: while we hold the TPM nobody else defines anything. */
static enum bs_err find(struct tpm *tpm, struct tpm_counter *ret_counter)
{
    struct tpm_counter counter = { 0 };
    enum bs_err err = tpm_nv_public(tpm, tpm->options.counter_index, &counter.public_area);
    if (err != BS_OK)
        return err;
    if (!is_our_counter(&counter.public_area, tpm->options.counter_index))
        return BS_ERR_TAMPERED;
    err = wire_nv_name(&counter.public_area, &counter.name);
    if (err == BS_OK)
        *ret_counter = counter;
    return err;
}

/* The power was cut between the definition and the first increment. */
static enum bs_err finish_definition(struct tpm *tpm, struct tpm_counter *counter)
{
    if (counter->public_area.attributes & TPMA_NV_WRITTEN)
        return BS_OK;
    return increment(tpm, counter);
}

enum bs_err tpm_counter_read(struct tpm *tpm, struct tpm_counter *ret_counter)
{
    struct tpm_counter counter;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = find(tpm, &counter);
    if (err == BS_OK)
        err = finish_definition(tpm, &counter);
    if (err == BS_OK)
        err = read_value(tpm, &counter);
    if (err == BS_OK)
        *ret_counter = counter;
    return err;
}

static enum bs_err define(struct tpm *tpm)
{
    const TPM2B_AUTH empty = { .size = 0 };
    const TPM2B_NV_PUBLIC area = { .nvPublic = counter_template(tpm->options.counter_index) };
    ESYS_TR tr = ESYS_TR_NONE;

    TSS2_RC rc = Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &empty,
                                     &area, &tr);
    if (rc == TSS2_RC_SUCCESS)
        (void)Esys_TR_Close(tpm->esys, &tr);
    return tpm_check(tpm, rc, "TPM2_NV_DefineSpace");
}

enum bs_err tpm_counter_make(struct tpm *tpm, struct tpm_counter *ret_counter)
{
    enum bs_err err = tpm_counter_read(tpm, ret_counter);
    if (err != BS_ERR_NOT_FOUND)
        return err;
    err = define(tpm);
    return err == BS_OK ? tpm_counter_read(tpm, ret_counter) : err;
}

enum bs_err tpm_counter_increment(struct tpm *tpm, struct tpm_counter *counter)
{
    struct tpm_counter next = *counter;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = increment(tpm, &next);
    if (err == BS_OK)
        err = read_value(tpm, &next);
    if (err != BS_OK)
        return err;
    if (next.value <= counter->value)
        return BS_ERR_TPM; /* it said that it counted, and it did not */
    *counter = next;
    return BS_OK;
}
