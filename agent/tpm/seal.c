/* Sealing the vault's key to this boot, this side of the cap and one value of the counter. */
#include "agent/tpm/internal.h"

#include "core/log.h"

#include <string.h>

#define SEALED_SIZE 32

/* A PCR may be extended between policy and use by anybody, above all by IMA; so often is the policy made anew. */
#define UNSEAL_TRIES 8

/*
 * Policy alone opens it (userWithAuth clear) and alone could change it (adminWithPolicy set, fixed); noDA because it
 * carries no guessable authorization, and a power cut in mid-use must not count as a failed attempt.
 */
static enum bs_err template_of(const struct tpm_policy *policy, TPM2B_PUBLIC *ret_public)
{
    TPM2B_PUBLIC area = { .publicArea = {
                              .type = TPM2_ALG_KEYEDHASH,
                              .nameAlg = TPM2_ALG_SHA256,
                              .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA |
                                                  TPMA_OBJECT_ADMINWITHPOLICY,
                              .authPolicy.size = CRYPTO_SHA256_SIZE,
                              .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
                          } };
    enum bs_err err = tpm_policy_digest(policy, area.publicArea.authPolicy.buffer);
    if (err == BS_OK)
        *ret_public = area;
    return err;
}

/* A session salted to the EK: at the first boot the EK alone has been checked by somebody, namely the server. */
static enum bs_err ek_session(struct tpm *tpm, struct tpm_loaded *ret_session)
{
    TPM_LOADED struct tpm_loaded ek = TPM_LOADED_NONE;
    enum bs_err err = tpm_ek_open(tpm, &ek);
    return err == BS_OK ? tpm_session(tpm, &ek, TPM2_SE_HMAC, TPM2_ALG_SHA256, ret_session) : err;
}

/*
 * The session authorizes the SRK too: so its HMAC covers the SRK's Name as we know it, and the response's HMAC what
 * comes back (Part 1 §18.7).
 */
static enum bs_err create_sealed(struct tpm *tpm, const struct tpm_loaded *srk, struct tpm_loaded *session,
                                 const TPM2B_PUBLIC *area, const struct bs_secret *secret,
                                 struct tpm_key_blob *ret_sealed)
{
    const TPM2B_DATA outside = { .size = 0 };
    const TPML_PCR_SELECTION pcrs = { .count = 0 };
    TPM_ESYS TPM2B_PRIVATE *private_area = NULL;
    TPM_ESYS TPM2B_PUBLIC *public_area = NULL;

    enum bs_err err = tpm_session_last(session, TPMA_SESSION_DECRYPT);
    if (err != BS_OK)
        return err;
    TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.data.size = SEALED_SIZE };
    memcpy(sensitive.sensitive.data.buffer, bs_secret_view(secret), SEALED_SIZE);
    TSS2_RC rc = Esys_Create(tpm->esys, srk->tr, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, area, &outside,
                             &pcrs, &private_area, &public_area, NULL, NULL, NULL);
    bs_wipe(&sensitive, sizeof(sensitive));
    err = tpm_check(tpm, rc, "TPM2_Create");
    if (err != BS_OK)
        return err;
    tpm_forget(session);

    if (!wire_matches(&public_area->publicArea, &area->publicArea))
        return BS_ERR_TPM;
    *ret_sealed = (struct tpm_key_blob){ .public_area = *public_area, .private_area = *private_area };
    return BS_OK;
}

enum bs_err tpm_seal(struct tpm *tpm, const struct tpm_policy *policy, const struct bs_secret *secret,
                     struct tpm_key_blob *ret_sealed)
{
    TPM_LOADED struct tpm_loaded session = TPM_LOADED_NONE;
    TPM_LOADED struct tpm_loaded srk = TPM_LOADED_NONE;
    TPM2B_PUBLIC area;

    if (bs_secret_size(secret) != SEALED_SIZE)
        return BS_ERR_INPUT;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = template_of(policy, &area);
    if (err == BS_OK)
        err = ek_session(tpm, &session);
    if (err == BS_OK)
        err = tpm_srk_open(tpm, &srk);
    if (err != BS_OK)
        return err;
    err = create_sealed(tpm, &srk, &session, &area, secret, ret_sealed);
    tpm_scrub(tpm, secret);
    return err;
}

static enum bs_err take_secret(TPM2B_SENSITIVE_DATA *data, struct bs_secret **ret_secret)
{
    enum bs_err err = BS_ERR_TAMPERED; /* the vault seals nothing of another size */
    if (data->size == SEALED_SIZE)
        err = bs_secret_copy(data->buffer, data->size, ret_secret);
    bs_wipe(data, sizeof(*data));
    return err;
}

/* What every try needs. */
struct unsealing {
    struct tpm *tpm;
    const struct tpm_loaded *srk;
    const struct tpm_loaded *sealed;
    const struct tpm_unseal_request *request;
    TPMT_TK_VERIFIED ticket; /* of the approval, if there is one */
};

/* One policy session. *ret_again: a PCR was extended while it was made. */
static enum bs_err unseal_once(const struct unsealing *u, bool *ret_again, struct bs_secret **ret_secret)
{
    struct tpm *tpm = u->tpm;
    TPM_LOADED struct tpm_loaded session = TPM_LOADED_NONE;
    TPM_ESYS TPM2B_SENSITIVE_DATA *data = NULL;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    *ret_again = false;
    enum bs_err err = tpm_session(tpm, u->srk, TPM2_SE_POLICY, TPM2_ALG_SHA256, &session);
    if (err == BS_OK)
        err = tpm_policy_fulfil(tpm, &session, u->request, &u->ticket, &rc);
    if (err == BS_OK)
        err = tpm_session_last(&session, TPMA_SESSION_ENCRYPT);
    if (err == BS_OK) {
        rc = Esys_Unseal(tpm->esys, u->sealed->tr, session.tr, ESYS_TR_NONE, ESYS_TR_NONE, &data);
        err = tpm_check(tpm, rc, "TPM2_Unseal");
    }
    if (err == BS_OK) {
        tpm_forget(&session);
        return take_secret(data, ret_secret);
    }
    *ret_again = tpm_rc_base(rc) == TPM2_RC_PCR_CHANGED;
    return tpm_rc_base(rc) == TPM2_RC_POLICY_FAIL ? BS_ERR_BOOT : err;
}

static enum bs_err unseal_under(struct tpm *tpm, const struct tpm_loaded *srk, const struct tpm_unseal_request *request,
                                struct bs_secret **ret_secret)
{
    TPM_LOADED struct tpm_loaded object = TPM_LOADED_NONE;
    struct unsealing u = { .tpm = tpm, .srk = srk, .sealed = &object, .request = request };
    enum bs_err err = request->approval ? tpm_approval_check(tpm, request->approval, &u.ticket) : BS_OK;
    if (err == BS_OK)
        err = tpm_load(tpm, srk, request->sealed, &object);

    bool again = err == BS_OK;
    for (int tries = 0; again && tries < UNSEAL_TRIES; tries++)
        err = unseal_once(&u, &again, ret_secret);
    if (err == BS_OK)
        tpm_scrub(tpm, *ret_secret);
    return err;
}

/* At the persistent handle, and with the public area that somebody named. Proven when a session salted to it has unsealed. */
static enum bs_err unseal_under_named(struct tpm *tpm, const struct tpm_key *named,
                                      const struct tpm_unseal_request *request, struct bs_secret **ret_secret)
{
    TPM_LOADED struct tpm_loaded srk = TPM_LOADED_NONE;
    enum bs_err err = tpm_view_key(tpm, named->handle, &named->public_area, &named->name, &srk);
    if (err == BS_OK)
        err = unseal_under(tpm, &srk, request, ret_secret);
    if (err == BS_OK)
        tpm->srk_proven = *named;
    return err;
}

static enum bs_err unseal_under_own(struct tpm *tpm, const struct wire_name *named,
                                    const struct tpm_unseal_request *request, struct bs_secret **ret_secret)
{
    TPM_LOADED struct tpm_loaded srk = TPM_LOADED_NONE;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = tpm_srk_open(tpm, &srk);
    if (err != BS_OK)
        return err;
    return wire_name_equal(&tpm->srk.name, named) ? unseal_under(tpm, &srk, request, ret_secret) : BS_ERR_BOOT;
}

/* A blob that is not this parent's is the TPM's own word; a changed response is somebody's on the bus. */
static bool is_changed(const struct tpm *tpm, enum bs_err err)
{
    return err == BS_ERR_TAMPERED && tpm->is_stale;
}

enum bs_err tpm_unseal(struct tpm *tpm, const struct tpm_unseal_request *request, struct bs_secret **ret_secret)
{
    struct tpm_key named = {
        .is_known = true,
        .is_persistent = true,
        .handle = tpm->srk.handle,
        .hierarchy = tpm->srk.hierarchy,
        .public_area = *request->srk,
    };
    TPMT_PUBLIC template;

    wire_template_srk(&template);
    if (!wire_matches(request->srk, &template))
        return BS_ERR_INPUT;
    enum bs_err err = wire_public_name(request->srk, &named.name);
    if (err == BS_OK)
        err = tpm_begin(tpm);
    if (err != BS_OK)
        return err;
    if (!tpm->srk.is_known) {
        err = unseal_under_named(tpm, &named, request, ret_secret);
        if (err == BS_OK || err == BS_ERR_BOOT || err == BS_ERR_TPM_TIMEOUT || err == BS_ERR_UNTRUSTED ||
            is_changed(tpm, err))
            return err;
    }
    err = unseal_under_own(tpm, &named.name, request, ret_secret);
    return err == BS_ERR_TAMPERED && !is_changed(tpm, err) ? BS_ERR_INPUT : err;
}
