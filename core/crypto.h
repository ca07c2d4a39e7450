/*
 * wolfCrypt behind our own types. Algorithms are named by their TPM_ALG_ID (TCG Algorithm Registry), so that a hash
 * that a TPM names needs no table elsewhere. core/crypto*.c alone includes wolfCrypt's headers.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/secret.h"

#include <stdint.h>

#define CRYPTO_SHA1 0x0004
#define CRYPTO_SHA256 0x000B
#define CRYPTO_SHA384 0x000C
#define CRYPTO_SHA512 0x000D

#define CRYPTO_SHA256_SIZE 32
#define CRYPTO_HASH_MAX 64

/* Digest size of a hash, 0 when it is unknown here. */
size_t crypto_hash_size(uint16_t alg);

/* "sha256" and back; NULL or 0 when unknown. */
const char *crypto_hash_name(uint16_t alg);
uint16_t crypto_hash_by_name(const char *name);

/* Random bytes from the operating system's generator through wolfCrypt's DRBG. */
enum bs_err crypto_random(void *ret_data, size_t size) BS_MUST_USE;

/* One shot; `ret_digest` holds crypto_hash_size(alg) bytes. CRYPTO when the algorithm is unknown. */
enum bs_err crypto_hash(uint16_t alg, struct bs_span data, uint8_t *ret_digest) BS_MUST_USE;

/*
 * SHA-3 (FIPS 202) with a digest of 32, 48 or 64 bytes; CRYPTO for another size. For event logs alone (core/eventlog_hash.h): it is in none of
 * the tables above, so that nothing that asks them takes it from a device.
 */
enum bs_err crypto_sha3(size_t size, struct bs_span data, uint8_t *ret_digest) BS_MUST_USE;

/* SHA-256 over several pieces in turn. */
enum bs_err crypto_sha256(const struct bs_span *pieces, size_t count,
                          uint8_t ret_digest[CRYPTO_SHA256_SIZE]) BS_MUST_USE;

/* SHA-256(label ‖ 0 ‖ pieces...): every hash of the protocol that needs a domain of its own. */
enum bs_err crypto_labelled(const char *label, const struct bs_span *pieces, size_t count,
                            uint8_t ret_digest[CRYPTO_SHA256_SIZE]) BS_MUST_USE;

/* Incremental hash and HMAC. */
struct crypto_digest;
enum bs_err crypto_digest_hash(uint16_t alg, struct crypto_digest **ret_digest) BS_MUST_USE;
enum bs_err crypto_digest_hmac(uint16_t alg, struct bs_span key, struct crypto_digest **ret_digest) BS_MUST_USE;
enum bs_err crypto_digest_update(struct crypto_digest *digest, struct bs_span data) BS_MUST_USE;
enum bs_err crypto_digest_final(struct crypto_digest *digest, uint8_t *ret_value, size_t *ret_size) BS_MUST_USE;
void crypto_digest_free(struct crypto_digest *digest); /* wipes; NULL allowed */
BS_DEFINE_OWN(digest, struct crypto_digest, crypto_digest_free)

enum bs_err crypto_hmac(uint16_t alg, struct bs_span key, struct bs_span data, uint8_t *ret_mac) BS_MUST_USE;

/* RFC 5869 with SHA-256. `salt` may be empty. */
enum bs_err crypto_hkdf(struct bs_span key, struct bs_span salt, const char *info, uint8_t *ret_key,
                        size_t size) BS_MUST_USE;

/* The same with several pieces as info, at most 128 bytes together. */
enum bs_err crypto_hkdf_info(struct bs_span key, struct bs_span salt, const struct bs_span *pieces, size_t count,
                             uint8_t *ret_key, size_t size) BS_MUST_USE;

/* KDFa and KDFe of TPM 2.0 Library Part 1 §11.4.10; label without its zero, which is added. */
enum bs_err crypto_kdfa(uint16_t alg, struct bs_span key, const char *label, struct bs_span context_u,
                        struct bs_span context_v, uint8_t *ret_key, size_t size) BS_MUST_USE;
enum bs_err crypto_kdfe(uint16_t alg, struct bs_span z, const char *label, struct bs_span party_u,
                        struct bs_span party_v, uint8_t *ret_key, size_t size) BS_MUST_USE;

#define CRYPTO_AEAD_KEY 32
#define CRYPTO_AEAD_NONCE 12
#define CRYPTO_AEAD_TAG 16

/* AES-256-GCM of at least one byte. Sealed form: ciphertext followed by the tag. */
enum bs_err crypto_aead_seal(const uint8_t key[CRYPTO_AEAD_KEY], const uint8_t nonce[CRYPTO_AEAD_NONCE],
                             struct bs_span aad, struct bs_span plain, struct bs_buf *out) BS_MUST_USE;
/* UNTRUSTED when the tag does not fit. */
enum bs_err crypto_aead_open(const uint8_t key[CRYPTO_AEAD_KEY], const uint8_t nonce[CRYPTO_AEAD_NONCE],
                             struct bs_span aad, struct bs_span sealed, struct bs_secret **ret_plain) BS_MUST_USE;

/* AES-CFB in place, as a TPM does it (128-bit feedback); key of 16 or 32 bytes, iv of 16. */
enum bs_err crypto_aes_cfb(bool encrypt, struct bs_span key, const uint8_t iv[16], uint8_t *data,
                           size_t size) BS_MUST_USE;

/* Elliptic curves by TPM_ECC_CURVE: 0x0003 P-256, 0x0004 P-384. Coordinates are left-padded to the field size. */
#define CRYPTO_P256 0x0003
#define CRYPTO_P384 0x0004
#define CRYPTO_ECC_MAX 48

size_t crypto_ecc_size(uint16_t curve); /* 0 when unknown */

struct crypto_point {
    uint16_t curve;
    uint8_t x[CRYPTO_ECC_MAX];
    uint8_t y[CRYPTO_ECC_MAX];
};

/* Ephemeral ECDH: a new key pair, its public point, and Z.x with `point`. UNTRUSTED when the point is not on the curve. */
enum bs_err crypto_ecdh_ephemeral(const struct crypto_point *point, struct crypto_point *ret_public,
                                  uint8_t ret_z[CRYPTO_ECC_MAX]) BS_MUST_USE;

/* ECDSA over a digest, r and s unpadded or padded big endian. UNTRUSTED when it does not verify. */
enum bs_err crypto_ecdsa_verify(const struct crypto_point *key, struct bs_span digest, struct bs_span r,
                                struct bs_span s) BS_MUST_USE;

/*
 * RSA public operations; `modulus` big endian, 2048 to 4096 bits, exponent 0 means 65537. OAEP with `alg` for label and MGF1;
 * the label's zero is part of it, as TPMs want it. `ret_cipher` holds as many bytes as the modulus.
 */
#define CRYPTO_RSA_MAX 512
enum bs_err crypto_rsa_oaep(struct bs_span modulus, uint32_t exponent, uint16_t alg, const char *label,
                            struct bs_span plain, uint8_t *ret_cipher, size_t *ret_size) BS_MUST_USE;
/* PKCS #1 v1.5 signature over a digest, as certificates have it. UNTRUSTED when it does not verify. */
enum bs_err crypto_rsa_verify(struct bs_span modulus, uint32_t exponent, uint16_t alg, struct bs_span digest,
                              struct bs_span signature) BS_MUST_USE;

/* A signing key in software (P-256), for the server's CA and bundle key; and a file form (PKCS#8 PEM). */
struct crypto_key;
enum bs_err crypto_key_make(struct crypto_key **ret_key) BS_MUST_USE;
enum bs_err crypto_key_from_pem(struct bs_span pem, struct crypto_key **ret_key) BS_MUST_USE;
enum bs_err crypto_key_to_pem(const struct crypto_key *key, struct bs_secret **ret_pem) BS_MUST_USE;
enum bs_err crypto_key_public(const struct crypto_key *key, struct crypto_point *ret_point) BS_MUST_USE;
/* ES256: `ret_signature` is r ‖ s, 64 bytes (RFC 9053 §2.1). */
enum bs_err crypto_key_sign(struct crypto_key *key, const uint8_t digest[CRYPTO_SHA256_SIZE],
                            uint8_t ret_signature[64]) BS_MUST_USE;
/* ECDH with another's point: Z.x, 32 bytes, which the caller wipes. UNTRUSTED when the point is not on the curve. */
enum bs_err crypto_key_ecdh(struct crypto_key *key, const struct crypto_point *point, uint8_t ret_z[32]) BS_MUST_USE;
void crypto_key_free(struct crypto_key *key);
BS_DEFINE_OWN(key, struct crypto_key, crypto_key_free)

/* wolfSSL's numeric error in words, for debug logs. */
const char *crypto_error_text(int code);
