/*
 * Certificates (RFC 5280): pinned roots, chains, what stands in them, and making them. The clock rule is core/clock.h's:
 * notAfter is checked against bs_clock_now(), notBefore only while the clock is known.
 */
#pragma once

#include "core/buf.h"
#include "core/crypto.h"
#include "core/err.h"
#include "core/wire.h"

#define CERT_CHAIN_MAX 6
#define CERT_EKU_MAX 8
#define CERT_TEXT_MAX 256

/* Pinned roots. PEM with one or several certificates (rollover); each must be a CA. INPUT when there is none. */
struct cert_roots;
enum bs_err cert_roots_from_pem(struct bs_span pem, struct cert_roots **ret_roots) BS_MUST_USE;
void cert_roots_free(struct cert_roots *roots);
size_t cert_roots_count(const struct cert_roots *roots);
struct bs_span cert_roots_der(const struct cert_roots *roots, size_t index);
BS_DEFINE_OWN(roots, struct cert_roots, cert_roots_free)

/* PEM to DER and back, one block of the given type ("CERTIFICATE", "EC PRIVATE KEY", ...). */
enum bs_err cert_pem_decode(struct bs_span pem, const char *type, struct bs_buf *out) BS_MUST_USE;
enum bs_err cert_pem_encode(struct bs_span der, const char *type, struct bs_buf *out) BS_MUST_USE;
/* The base64 of it alone (RFC 4648 §4), in one line without its end. */
enum bs_err cert_base64_encode(struct bs_span bytes, struct bs_buf *out) BS_MUST_USE;

/* Appends what such text says; ends of lines in it are passed over. INPUT for anything else that is not base64, whole and padded. */
enum bs_err cert_base64_decode(struct bs_span text, struct bs_buf *out) BS_MUST_USE;

/* What stands in a certificate, as far as anybody here asks. Spans point into the DER. */
struct cert_info {
    char subject[CERT_TEXT_MAX];
    char issuer[CERT_TEXT_MAX];
    uint8_t serial[20];
    size_t serial_size;
    int64_t not_before; /* seconds since 1970; the year 9999 is INT64_MAX */
    int64_t not_after;
    struct bs_span spki;
    bool is_ca;
    char eku[CERT_EKU_MAX][32]; /* dotted */
    size_t eku_count;
    char tpm_manufacturer[16]; /* of an EK certificate's SAN directoryName, e.g. "id:00001014"; empty: none */
    char tpm_model[64];
    char tpm_version[16];
    char profile[64]; /* of our device certificates */
    uint8_t device[WIRE_ID_SIZE];
    bool has_device;
};
enum bs_err cert_parse(struct bs_span der, struct cert_info *ret_info) BS_MUST_USE;
bool cert_has_eku(const struct cert_info *info, const char *oid);

/*
 * Verifies leaf first chain up to one of the roots: signatures, CA flags, path length, key usage, unknown critical extensions
 * (a critical directoryName SAN is known), dates by the clock rule, and that the leaf has the EKU `eku` (dotted).
 * Roots that share a subject are all tried. UNTRUSTED with *ret_why (static text, may be NULL pointer) when it does not hold.
 */
enum bs_err cert_chain_verify(const struct bs_span *chain, size_t count, const struct cert_roots *roots,
                              const char *eku, const char **ret_why) BS_MUST_USE;

/* The public key of the certificate equals the TPM key. */
bool cert_key_equals(const struct cert_info *info, const TPMT_PUBLIC *public_area);

/*
 * The public key of a SubjectPublicKeyInfo as a TPM loads it to verify the signatures of policies: P-256 for ECDSA, RSA of 2048 to 4096
 * bits for PKCS #1 v1.5, both with SHA-256. INPUT for others.
 */
enum bs_err cert_policy_key(struct bs_span spki, TPMT_PUBLIC *ret_public) BS_MUST_USE;

/*
 * PKCS#10 (RFC 2986) for a key that somebody else holds: `sign` gets the digest to sign and gives r ‖ s (64 bytes).
 * P-256 with SHA-256.
 */
typedef enum bs_err (*cert_sign_fn)(void *context, const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64]);
enum bs_err cert_csr_make(const TPMT_PUBLIC *key, const char *common_name, cert_sign_fn sign, void *context,
                          struct bs_buf *out) BS_MUST_USE;
/* Checks a CSR's own signature and that its key is `key`. UNTRUSTED otherwise. */
enum bs_err cert_csr_verify(struct bs_span csr, const TPMT_PUBLIC *key) BS_MUST_USE;

/* Making certificates: the server's CAs, its own certificate, bundle certificate, device certificates. P-256, SHA-256. */
struct cert_request {
    const char *common_name;
    bool is_ca;
    int path_length;              /* of a CA; -1: none */
    const char *eku;              /* dotted, or NULL */
    const char *const *dns_names; /* server: dNSName or iPAddress entries, told apart by their form */
    size_t dns_name_count;
    const uint8_t
        *device; /* device certificate: permanentIdentifier (hex of the id, assigner BS_OID_EK_PERMANENT_ID) ... */
    const char *profile; /* ... and otherName BS_OID_SAN_PROFILE, UTF8String */
    int64_t not_before;
    int64_t not_after;
    uint8_t serial[16]; /* random, first bit cleared; not all zero */
};
/* `issuer_cert` empty: self-signed with `issuer_key`. */
enum bs_err cert_make(const struct cert_request *request, const struct crypto_point *key, struct crypto_key *issuer_key,
                      struct bs_span issuer_cert, struct bs_buf *out) BS_MUST_USE;

/* Revocation lists (RFC 5280 §5), version 2: entries one by one, then the list around them, signed by the CA of the certificates. */
enum bs_err cert_crl_add(const uint8_t serial[16], int64_t revoked, struct bs_buf *entries) BS_MUST_USE;
struct cert_crl {
    struct bs_span entries;
    int64_t this_update;
    int64_t next_update;
    uint64_t number; /* rises from list to list */
};
enum bs_err cert_crl_make(const struct cert_crl *crl, struct crypto_key *issuer_key, struct bs_span issuer_cert,
                          struct bs_buf *out) BS_MUST_USE;

/*
 * The certificate names this host: a dNSName equal to it (without case, RFC 6125 §6.4; no wildcards, for our own CA issues none), or,
 * when `host` is an IP address, an iPAddress of the same bytes. The common name does not count.
 */
bool cert_matches_host(struct bs_span der, const char *host);
