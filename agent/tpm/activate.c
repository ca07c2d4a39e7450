/* TPM2_ActivateCredential (Part 3 §12.5): what a server encrypted for this EK together with this AK. */
#include "agent/tpm/internal.h"

#include <string.h>

/*
 * TCG EK Credential Profile 2.5 §B.6: the EKs of the high range have PolicyB = PolicyOR(PolicyA, PolicyC); A is
 * PolicySecret(endorsement), C a policy in NV. With SHA-384, H-3's hash.
 */
static const TPML_DIGEST high_range_branches = {
    .count = 2,
    .digests = {
        { .size = 48, .buffer = "\x8b\xbf\x22\x66\x53\x7c\x17\x1c\xb5\x6e\x40\x3c\x4d\xc1\xd4\xb6"
                                "\x4f\x43\x26\x11\xdc\x38\x6e\x6f\x53\x20\x50\xc3\x27\x8c\x93\x0e"
                                "\x14\x3e\x8b\xb1\x13\x38\x24\xcc\xb4\x31\x05\x38\x71\xc6\xdb\x53" },
        { .size = 48, .buffer = "\xd6\x03\x2c\xe6\x1f\x2f\xb3\xc2\x40\xeb\x3c\xf6\xa3\x32\x37\xef"
                                "\x2b\x6a\x16\xf4\x29\x3c\x22\xb4\x55\xe2\x61\xcf\xfd\x21\x7a\xd5"
                                "\xb4\x94\x7c\x2d\x73\xe6\x30\x05\xee\xd2\xdc\x2b\x35\x93\xd1\x65" },
    },
};

/*
 * By policy in both ranges. An EK of the high range would also take its empty auth (userWithAuth), but it is not noDA:
 * that fails in lockout, and a power cut in mid-use would count as a failed attempt. The policy asks for no auth value
 * of the EK.
 */
static enum bs_err authorize_ek(struct tpm *tpm, const struct tpm_loaded *session, bool is_low_range)
{
    TSS2_RC rc = Esys_PolicySecret(tpm->esys, ESYS_TR_RH_ENDORSEMENT, session->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                   ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_PolicySecret");
    if (err != BS_OK || is_low_range)
        return err;
    rc = Esys_PolicyOR(tpm->esys, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &high_range_branches);
    return tpm_check(tpm, rc, "TPM2_PolicyOR");
}

static enum bs_err take_secret(TPM2B_DIGEST *data, struct bs_secret **ret_secret)
{
    enum bs_err err = BS_ERR_UNTRUSTED;
    if (data->size > 0 && data->size <= sizeof(data->buffer))
        err = bs_secret_copy(data->buffer, data->size, ret_secret);
    bs_wipe(data, sizeof(*data));
    return err;
}

/* The session that authorizes the EK is salted to it too and encrypts the response: one session does it all. */
static enum bs_err activate(struct tpm *tpm, const struct tpm_loaded *ek, const struct tpm_loaded *ak,
                            const TPM2B_ID_OBJECT *id_object, const TPM2B_ENCRYPTED_SECRET *encrypted,
                            struct bs_secret **ret_secret)
{
    TPM_LOADED struct tpm_loaded session = TPM_LOADED_NONE;
    TPM_ESYS TPM2B_DIGEST *data = NULL;

    enum bs_err err = tpm_session(tpm, ek, TPM2_SE_POLICY, tpm->ek.public_area.nameAlg, &session);
    if (err == BS_OK)
        err = authorize_ek(tpm, &session, wire_ek_template(tpm->ek.kind)->is_low_range);
    if (err == BS_OK)
        err = tpm_session_last(&session, TPMA_SESSION_ENCRYPT);
    if (err != BS_OK)
        return err;

    TSS2_RC rc = Esys_ActivateCredential(tpm->esys, ak->tr, ek->tr, ESYS_TR_PASSWORD, session.tr, ESYS_TR_NONE,
                                         id_object, encrypted, &data);
    err = tpm_check(tpm, rc, "TPM2_ActivateCredential");
    if (err != BS_OK)
        return tpm_rc_is_parameter(rc) ? BS_ERR_UNTRUSTED : err;
    tpm_forget(&session);
    err = take_secret(data, ret_secret);
    if (err == BS_OK)
        tpm_scrub(tpm, *ret_secret);
    return err;
}

enum bs_err tpm_activate(struct tpm *tpm, struct bs_span id_object, struct bs_span encrypted_secret,
                         struct bs_secret **ret_secret)
{
    TPM_LOADED struct tpm_loaded ek = TPM_LOADED_NONE;
    TPM_LOADED struct tpm_loaded ak = TPM_LOADED_NONE;
    TPM2B_ID_OBJECT object;
    TPM2B_ENCRYPTED_SECRET encrypted;

    if (wire_id_object_decode(id_object, &object) != BS_OK ||
        wire_encrypted_secret_decode(encrypted_secret, &encrypted) != BS_OK)
        return BS_ERR_UNTRUSTED;
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = tpm_ek_open(tpm, &ek);
    if (err == BS_OK)
        err = tpm_ak_open(tpm, &ak);
    return err == BS_OK ? activate(tpm, &ek, &ak, &object, &encrypted, ret_secret) : err;
}
