/*
 * Keys that a template and a seed determine (Part 3 §24.1): found at their persistent handle if they are what they
 * should be, else made, and persisted where that is allowed. The same key comes out each time, so nothing has to be
 * kept.
 */
#include "agent/tpm/internal.h"

#include "core/log.h"

#include <string.h>

static ESYS_TR hierarchy_tr(TPM2_HANDLE hierarchy)
{
    return hierarchy == TPM2_RH_OWNER ? ESYS_TR_RH_OWNER : ESYS_TR_RH_ENDORSEMENT;
}

/*
 * True for a primary of that hierarchy: only then is its qualified Name H(handle of the hierarchy ‖ Name) (Part 1
 * §16.3). A key of the same template elsewhere would be another one after a clear, or not the TPM's endorsement.
 */
static bool is_primary_of(TPM2_HANDLE hierarchy, uint16_t alg, const struct wire_name *name,
                          const TPM2B_NAME *qualified)
{
    uint8_t data[4 + WIRE_NAME_MAX] = { (uint8_t)(hierarchy >> 24), (uint8_t)(hierarchy >> 16),
                                        (uint8_t)(hierarchy >> 8), (uint8_t)hierarchy };
    uint8_t expected[2 + CRYPTO_HASH_MAX] = { (uint8_t)(alg >> 8), (uint8_t)alg };

    memcpy(data + 4, name->name, name->size);
    if (crypto_hash(alg, BS_SPAN(data, 4u + name->size), expected + 2) != BS_OK)
        return false;
    return bs_span_equal(BS_SPAN(qualified->name, qualified->size), BS_SPAN(expected, 2 + crypto_hash_size(alg)));
}

/* NOT_FOUND when nothing is there, TAMPERED when it is something else. */
static enum bs_err find_persistent(struct tpm *tpm, const TPMT_PUBLIC *template, struct tpm_key *key)
{
    TPM2B_PUBLIC found = { 0 };
    TPM2B_NAME name = { 0 }, qualified = { 0 };

    TSS2_RC rc = Tss2_Sys_ReadPublic(tpm->sys, key->handle, NULL, &found, &name, &qualified, NULL);
    if (tpm_rc_base(rc) == TPM2_RC_HANDLE)
        return BS_ERR_NOT_FOUND;
    enum bs_err err = tpm_check(tpm, rc, "TPM2_ReadPublic");
    if (err != BS_OK)
        return err;

    struct wire_name computed;
    if (!wire_matches(&found.publicArea, template) || wire_public_name(&found.publicArea, &computed) != BS_OK ||
        !is_primary_of(key->hierarchy, template->nameAlg, &computed, &qualified))
        return BS_ERR_TAMPERED;
    key->public_area = found.publicArea;
    key->name = computed;
    key->is_persistent = true;
    key->is_known = true;
    return BS_OK;
}

static enum bs_err make(struct tpm *tpm, const TPMT_PUBLIC *template, TPM2_HANDLE hierarchy, TPMT_PUBLIC *ret_public,
                        struct tpm_loaded *ret_loaded)
{
    const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
    const TPM2B_PUBLIC in = { .publicArea = *template };
    const TPM2B_DATA outside = { .size = 0 };
    const TPML_PCR_SELECTION pcrs = { .count = 0 };
    TPM_ESYS TPM2B_PUBLIC *out = NULL;
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
    ESYS_TR tr;

    TSS2_RC rc = Esys_CreatePrimary(tpm->esys, hierarchy_tr(hierarchy), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                    &sensitive, &in, &outside, &pcrs, &tr, &out, NULL, NULL, NULL);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_CreatePrimary");
    if (err != BS_OK)
        return tpm_rc_base(rc) == TPM2_RC_BAD_AUTH ? BS_ERR_REFUSED : err;
    tpm_hold(tpm, tr, true, &loaded);

    if (!wire_matches(&out->publicArea, template))
        return BS_ERR_TPM;
    *ret_public = out->publicArea;
    *ret_loaded = loaded;
    loaded = TPM_LOADED_NONE;
    return BS_OK;
}

/* Needs owner authorization; a device whose owner has set it goes on with a transient key. */
static enum bs_err persist(struct tpm *tpm, struct tpm_key *key, struct tpm_loaded *loaded)
{
    ESYS_TR tr = ESYS_TR_NONE;
    TSS2_RC rc = Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, loaded->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                   ESYS_TR_NONE, key->handle, &tr);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_EvictControl");
    if (err != BS_OK)
        return tpm_rc_base(rc) != 0 ? BS_OK : err;

    tpm_unload(loaded);
    tpm_hold(tpm, tr, false, loaded);
    key->is_persistent = true;
    return BS_OK;
}

/* Known and transient: made again; it must be the same. */
static enum bs_err make_known(struct tpm *tpm, const TPMT_PUBLIC *template, const struct tpm_key *key,
                              struct tpm_loaded *ret_loaded)
{
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
    TPMT_PUBLIC made;
    struct wire_name name;
    enum bs_err err = make(tpm, template, key->hierarchy, &made, &loaded);
    if (err == BS_OK)
        err = wire_public_name(&made, &name);
    if (err != BS_OK)
        return err;
    if (!wire_name_equal(&name, &key->name))
        return BS_ERR_TAMPERED;
    *ret_loaded = loaded;
    loaded = TPM_LOADED_NONE;
    return BS_OK;
}

static enum bs_err make_new(struct tpm *tpm, const TPMT_PUBLIC *template, bool may_persist, struct tpm_key *key,
                            struct tpm_loaded *ret_loaded)
{
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
    struct tpm_key made = *key;

    enum bs_err err = make(tpm, template, made.hierarchy, &made.public_area, &loaded);
    if (err == BS_OK)
        err = wire_public_name(&made.public_area, &made.name);
    if (err == BS_OK && may_persist)
        err = persist(tpm, &made, &loaded);
    if (err != BS_OK)
        return err;
    made.is_known = true;
    *key = made;
    *ret_loaded = loaded;
    loaded = TPM_LOADED_NONE;
    return BS_OK;
}

enum bs_err tpm_key_open(struct tpm *tpm, const TPMT_PUBLIC *template, struct tpm_key *key,
                         struct tpm_loaded *ret_loaded)
{
    if (key->is_known && !key->is_persistent)
        return make_known(tpm, template, key, ret_loaded);
    if (key->is_known)
        return tpm_view_key(tpm, key->handle, &key->public_area, &key->name, ret_loaded);

    enum bs_err err = find_persistent(tpm, template, key);
    if (err == BS_OK)
        return tpm_view_key(tpm, key->handle, &key->public_area, &key->name, ret_loaded);
    if (err == BS_ERR_TAMPERED)
        bs_debug("tpm", "0x%08x holds another key; ours stays transient", key->handle);
    else if (err != BS_ERR_NOT_FOUND)
        return err;
    return make_new(tpm, template, tpm->options.persist && err == BS_ERR_NOT_FOUND, key, ret_loaded);
}
