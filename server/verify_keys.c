/*
 * The device's keys: the AK is one that signs nothing but what its TPM made, and it has certified, for this connection, the SRK
 * and the device key. Attributes are compared with our own templates as a whole: there is one way to be right.
 */
#include "server/evidence.h"

#include <string.h>

static const uint8_t endorsement_handle[4] = { 0x40, 0x00, 0x00, 0x0b }; /* TPM_RH_ENDORSEMENT */
static const uint8_t owner_handle[4] = { 0x40, 0x00, 0x00, 0x01 };       /* TPM_RH_OWNER */

#define HANDLE(bytes) BS_SPAN(bytes, sizeof(bytes))

/* TCG TPM 2.0 Library Part 2 §7.4, where owners may define indices (TCG Registry of Reserved Handles §2.2.2). */
#define NV_OWNER_FIRST 0x01800000u
#define NV_OWNER_LAST 0x01bfffffu

static enum bs_err verify_ak(struct evidence *evidence, struct refusal *refusal)
{
    TPMT_PUBLIC expected;
    struct crypto_point point;
    wire_template_ak(&expected);
    if (wire_public_decode(evidence->statement.ak_public, &evidence->ak) != BS_OK ||
        !wire_matches(&evidence->ak, &expected) || wire_public_point(&evidence->ak, &point) != BS_OK)
        return refuse(refusal, BS_REASON_AK_ATTRIBUTES,
                      "the attestation key is not a restricted P-256 signing key fixed to its TPM");
    enum bs_err err = wire_public_name(&evidence->ak, &evidence->ak_name);
    if (err == BS_OK)
        err = verify_qualified_name(HANDLE(endorsement_handle), &evidence->ak_name, &evidence->ak_qualified);
    return err;
}

/* What a TPM2_Certify by our AK, for this connection, must say. */
struct certify {
    const char *what;
    const char *label;
    const struct message_certified *certified;
    const struct wire_name *name;
    const struct wire_name *qualified;
};

static bool equals(const TPM2B_NAME *found, const struct wire_name *expected)
{
    return bs_span_equal(BS_SPAN(found->name, found->size), wire_name_span(expected));
}

static bool is_by_ak(const struct evidence *evidence, const struct message_certified *certified)
{
    TPMT_SIGNATURE signature;
    return wire_signature_decode(certified->signature, &signature) == BS_OK &&
           wire_attest_verify(&evidence->ak, certified->attest, &signature) == BS_OK;
}

/* Part 3 §18.2, Part 2 §10.12.12: each line of it was left out by somebody once. */
static enum bs_err verify_certify(const struct evidence *evidence, const struct certify *certify,
                                  struct refusal *refusal)
{
    uint8_t extra[CRYPTO_SHA256_SIZE];
    enum bs_err err = crypto_labelled(certify->label, &evidence->statement.channel, 1, extra);
    if (err != BS_OK)
        return err;
    TPMS_ATTEST attest;
    const char *fault = NULL;
    if (!is_by_ak(evidence, certify->certified))
        fault = "it is not signed by the AK";
    else if (wire_attest_decode(certify->certified->attest, &attest) != BS_OK) /* TPM_GENERATED_VALUE as well */
        fault = "no TPM made it";
    else if (attest.type != TPM2_ST_ATTEST_CERTIFY)
        fault = "it is no certification";
    else if (!bs_span_equal(BS_SPAN(attest.extraData.buffer, attest.extraData.size), BS_SPAN(extra, sizeof(extra))))
        fault = "it was not made for this connection";
    else if (!equals(&attest.qualifiedSigner, &evidence->ak_qualified))
        fault = "its signer is not in the endorsement hierarchy";
    else if (!equals(&attest.attested.certify.name, certify->name))
        fault = "it is about another key";
    else if (!equals(&attest.attested.certify.qualifiedName, certify->qualified))
        fault = "the key is under another parent";
    return fault ? refuse(refusal, BS_REASON_CERTIFY_MISMATCH, "the AK's certification of the %s does not hold: %s",
                          certify->what, fault)
                 : BS_OK;
}

static enum bs_err verify_srk(struct evidence *evidence, struct wire_name *ret_qualified, struct refusal *refusal)
{
    TPMT_PUBLIC expected, srk;
    struct crypto_point point;
    wire_template_srk(&expected);
    if (wire_public_decode(evidence->statement.srk.public_area, &srk) != BS_OK || !wire_matches(&srk, &expected) ||
        wire_public_point(&srk, &point) != BS_OK)
        return refuse(refusal, BS_REASON_SRK_ATTRIBUTES, "the storage root key is not of the TCG's P-256 template");
    enum bs_err err = wire_public_name(&srk, &evidence->srk_name);
    if (err == BS_OK)
        err = verify_qualified_name(HANDLE(owner_handle), &evidence->srk_name, ret_qualified);
    if (err != BS_OK)
        return err;
    struct certify certify = { "storage root key", BS_LABEL_CERTIFY_SRK, &evidence->statement.srk, &evidence->srk_name,
                               ret_qualified };
    return verify_certify(evidence, &certify, refusal);
}

static enum bs_err keep_device_key(struct evidence *evidence)
{
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(512);
    enum bs_err err = wire_public_spki(&evidence->device_key, &spki);
    return err == BS_OK ? crypto_hash(CRYPTO_SHA256, bs_buf_span(&spki), evidence->device_key_sha256) : err;
}

static enum bs_err verify_device_key(struct evidence *evidence, const struct wire_name *parent, struct refusal *refusal)
{
    TPMT_PUBLIC expected;
    struct wire_name name, qualified;
    wire_template_device(&expected);
    if (wire_public_decode(evidence->statement.device_key.public_area, &evidence->device_key) != BS_OK ||
        !wire_matches(&evidence->device_key, &expected) ||
        wire_public_point(&evidence->device_key, &evidence->device_point) != BS_OK)
        return refuse(refusal, BS_REASON_DEVICE_KEY_ATTRIBUTES,
                      "the device key is not a P-256 signing key made by and fixed to its TPM");
    enum bs_err err = wire_public_name(&evidence->device_key, &name);
    if (err == BS_OK)
        err = verify_qualified_name(wire_name_span(parent), &name, &qualified);
    if (err == BS_OK)
        err = keep_device_key(evidence);
    if (err != BS_OK)
        return err;
    struct certify certify = { "device key", BS_LABEL_CERTIFY_DEVICE, &evidence->statement.device_key, &name,
                               &qualified };
    err = verify_certify(evidence, &certify, refusal);
    if (err != BS_OK)
        return err;
    err = cert_csr_verify(evidence->statement.device_csr, &evidence->device_key);
    if (err == BS_ERR_UNTRUSTED)
        return refuse(refusal, BS_REASON_CSR_MISMATCH,
                      "the CSR is not signed by the device key, or is for another one");
    return err;
}

/*
 * Never ORDERLY (it jumps when the power goes) or OWNERWRITE; WRITTEN because it was incremented once. TPMA_NV: Part 2 §13.4.
 */
static enum bs_err verify_counter(const struct evidence *evidence, struct refusal *refusal)
{
    const TPMA_NV expected = (TPMA_NV)(TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_AUTHREAD |
                             TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA | TPMA_NV_WRITTEN;
    TPMS_NV_PUBLIC counter;
    if (wire_nv_public_decode(evidence->statement.counter_public, &counter) != BS_OK ||
        counter.attributes != expected || counter.nameAlg != TPM2_ALG_SHA256 || counter.authPolicy.size != 0 ||
        counter.dataSize != 8 || counter.nvIndex < NV_OWNER_FIRST || counter.nvIndex > NV_OWNER_LAST)
        return refuse(refusal, BS_REASON_COUNTER_ATTRIBUTES,
                      "the NV index is not a counter with exactly the attributes that the vault needs");
    return BS_OK;
}

enum bs_err verify_keys(struct evidence *evidence, struct refusal *refusal)
{
    struct wire_name srk_qualified;
    enum bs_err err = verify_ak(evidence, refusal);
    if (err == BS_OK)
        err = verify_srk(evidence, &srk_qualified, refusal);
    if (err == BS_OK)
        err = verify_device_key(evidence, &srk_qualified, refusal);
    return err == BS_OK ? verify_counter(evidence, refusal) : err;
}
