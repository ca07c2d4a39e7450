/*
 * TPM structures in TPM wire format (TCG TPM 2.0 Library Part 2), marshalled by tss2-mu. core/wire*.c alone includes
 * tss2_mu.h; tss2_tpm2_types.h (plain structures) may be included wherever TPM types are spoken of.
 */
#pragma once

#include "core/buf.h"
#include "core/crypto.h"
#include "core/err.h"

#include <tss2/tss2_tpm2_types.h>

/* Largest Name: algorithm and SHA-512. */
#define WIRE_NAME_MAX 66

struct wire_name {
    uint16_t size;
    uint8_t name[WIRE_NAME_MAX];
};

/* Decoders refuse trailing bytes (PROTOCOL). TPMT_PUBLIC travels without its TPM2B size. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): one macro defines them all, here each says what it takes */
enum bs_err wire_public_decode(struct bs_span in, TPMT_PUBLIC *ret_public) BS_MUST_USE;
enum bs_err wire_public_encode(const TPMT_PUBLIC *public_area, struct bs_buf *out) BS_MUST_USE;
enum bs_err wire_attest_decode(struct bs_span in, TPMS_ATTEST *ret_attest) BS_MUST_USE;
enum bs_err wire_signature_decode(struct bs_span in, TPMT_SIGNATURE *ret_signature) BS_MUST_USE;
enum bs_err wire_signature_encode(const TPMT_SIGNATURE *signature, struct bs_buf *out) BS_MUST_USE;
enum bs_err wire_nv_public_decode(struct bs_span in, TPMS_NV_PUBLIC *ret_public) BS_MUST_USE;
enum bs_err wire_nv_public_encode(const TPMS_NV_PUBLIC *nv_public, struct bs_buf *out) BS_MUST_USE;
enum bs_err wire_id_object_decode(struct bs_span in, TPM2B_ID_OBJECT *ret_object) BS_MUST_USE;
enum bs_err wire_encrypted_secret_decode(struct bs_span in, TPM2B_ENCRYPTED_SECRET *ret_secret) BS_MUST_USE;
enum bs_err wire_private_decode(struct bs_span in, TPM2B_PRIVATE *ret_private) BS_MUST_USE; /* with its TPM2B size */
enum bs_err wire_private_encode(const TPM2B_PRIVATE *private_area, struct bs_buf *out) BS_MUST_USE;
enum bs_err wire_public2b_decode(struct bs_span in, TPM2B_PUBLIC *ret_public) BS_MUST_USE; /* with its TPM2B size */
enum bs_err wire_public2b_encode(const TPM2B_PUBLIC *public_area, struct bs_buf *out) BS_MUST_USE;
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* Name = nameAlg ‖ H_nameAlg(area), Part 1 §16. */
enum bs_err wire_public_name(const TPMT_PUBLIC *public_area, struct wire_name *ret_name) BS_MUST_USE;
enum bs_err wire_nv_name(const TPMS_NV_PUBLIC *nv_public, struct wire_name *ret_name) BS_MUST_USE;
bool wire_name_equal(const struct wire_name *a, const struct wire_name *b);
struct bs_span wire_name_span(const struct wire_name *name);
/* INPUT unless it is an algorithm known here and a digest of its size. */
enum bs_err wire_name_from_span(struct bs_span span, struct wire_name *ret_name) BS_MUST_USE;

/* The public point of an ECC key. PROTOCOL for other keys and curves. */
enum bs_err wire_public_point(const TPMT_PUBLIC *public_area, struct crypto_point *ret_point) BS_MUST_USE;

/* Canonical SubjectPublicKeyInfo (RFC 5280; RSA with NULL parameters, ECC with a named curve and an uncompressed point). */
enum bs_err wire_public_spki(const TPMT_PUBLIC *public_area, struct bs_buf *out) BS_MUST_USE;
enum bs_err wire_point_spki(const struct crypto_point *point, struct bs_buf *out) BS_MUST_USE;

/* SHA-256 of that: the device's identity when the key is an EK. */
#define WIRE_ID_SIZE 32
enum bs_err wire_device_id(const TPMT_PUBLIC *ek, uint8_t ret_id[WIRE_ID_SIZE]) BS_MUST_USE;

/*
 * Verifies a signature of a TPM over `attest` (a marshalled TPMS_ATTEST): ECDSA with SHA-256 or SHA-384 by an ECC key.
 * UNTRUSTED when it does not fit, PROTOCOL for other schemes. s above half the order is allowed (TPMs make them).
 */
enum bs_err wire_attest_verify(const TPMT_PUBLIC *key, struct bs_span attest,
                               const TPMT_SIGNATURE *signature) BS_MUST_USE;

/* Digest of the PCR values of a quote (Part 3 §18.4): H(values in ascending order). */
enum bs_err wire_pcr_digest(uint16_t hash, const struct bs_span *values, size_t count, uint8_t *ret_digest) BS_MUST_USE;

/* The TCG EK templates that the agent uses and the server expects (TCG EK Credential Profile 2.5, B.3.3, B.3.4, B.4.5 ...). */
enum wire_ek { WIRE_EK_RSA2048, WIRE_EK_P256, WIRE_EK_P384, WIRE_EK_COUNT };
struct wire_ek_template {
    enum wire_ek kind;
    const char *name;        /* "rsa2048", "p256", "p384" */
    uint32_t handle;         /* where a persistent one is looked for */
    uint32_t cert_index;     /* NV index of the certificate */
    bool is_low_range;       /* authorized by PolicySecret(endorsement); else by its empty auth */
    TPMT_PUBLIC public_area; /* unique is zero-filled or empty as the profile says */
};
const struct wire_ek_template *wire_ek_template(enum wire_ek kind);

/* True if `public_area` is the template but for its unique field: an EK of that kind. */
bool wire_is_ek(const TPMT_PUBLIC *public_area, enum wire_ek *ret_kind);

/* The templates of the other keys; unique of the AK holds our own label. */
void wire_template_srk(TPMT_PUBLIC *ret_public);    /* TCG ECC P-256 storage root key, as systemd makes it */
void wire_template_ak(TPMT_PUBLIC *ret_public);     /* restricted ECDSA P-256/SHA-256 signing primary, noDA */
void wire_template_device(TPMT_PUBLIC *ret_public); /* ECDSA P-256 signing key, noDA, not restricted */

/*
 * Keys that are loaded to verify signatures only (TPM2_LoadExternal): P-256 for ECDSA, RSA for PKCS #1 v1.5, with SHA-256. Their Names
 * stand in policies, so every attribute counts. INPUT for other curves, and for a modulus that is not 2048, 3072 or 4096 bits long.
 */
enum bs_err wire_policy_key_ecc(const struct crypto_point *point, TPMT_PUBLIC *ret_public) BS_MUST_USE;
enum bs_err wire_policy_key_rsa(struct bs_span modulus, uint32_t exponent, TPMT_PUBLIC *ret_public) BS_MUST_USE;

/* Equal but for unique. */
bool wire_matches(const TPMT_PUBLIC *public_area, const TPMT_PUBLIC *template);
