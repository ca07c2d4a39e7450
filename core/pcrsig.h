/*
 * The PCR signature file that systemd-measure(1) and ukify(1) write: JSON, for each bank a list of {"pcrs", "pkfp", "pol", "sig"}. Each is
 * an approval of one policyDigest after TPM2_PolicyPCR, signed for TPM2_PolicyAuthorize with an empty policyRef, so by whomever the key
 * belongs to for every machine that trusts it. Nothing of it is to be believed but the signatures, which the TPM checks.
 */
#pragma once

#include "core/crypto.h"
#include "core/err.h"
#include "core/wire.h"

#define PCRSIG_SIZE_MAX (64 * 1024)

struct pcrsig {
    uint16_t bank;
    uint32_t mask;                           /* bit n: PCR n */
    uint8_t fingerprint[CRYPTO_SHA256_SIZE]; /* of the key: pcrsig_fingerprint() */
    uint8_t policy[CRYPTO_SHA256_SIZE];
    uint8_t signature[CRYPTO_RSA_MAX]; /* PKCS #1 v1.5 with SHA-256 */
    size_t signature_size;
};

/*
 * Calls `each` for every entry of a bank that is known here, in their order. INPUT when it is no such file; `each` may have been called
 * before that shows.
 */
typedef void (*pcrsig_fn)(void *context, const struct pcrsig *entry);
enum bs_err pcrsig_read(struct bs_span json, pcrsig_fn each, void *context) BS_MUST_USE;

/* SHA-256 of the key as SubjectPublicKeyInfo holds it: for RSA the RSAPublicKey in DER (RFC 8017 A.1.1). */
enum bs_err pcrsig_fingerprint(const TPMT_PUBLIC *key, uint8_t ret_fingerprint[CRYPTO_SHA256_SIZE]) BS_MUST_USE;
