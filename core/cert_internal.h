/* What the files of cert share: a certificate in its parts, as they lie in the DER, and public keys out of certificates. */
#pragma once

#include "core/cert.h"
#include "core/der.h"

#define CERT_OID_COMMON_NAME "2.5.4.3"
#define CERT_OID_KEY_USAGE "2.5.29.15"
#define CERT_OID_SUBJECT_KEY_ID "2.5.29.14"
#define CERT_OID_SUBJECT_ALT_NAME "2.5.29.17"
#define CERT_OID_BASIC_CONSTRAINTS "2.5.29.19"
#define CERT_OID_CRL_NUMBER "2.5.29.20"
#define CERT_OID_AUTHORITY_KEY_ID "2.5.29.35"
#define CERT_OID_EXT_KEY_USAGE "2.5.29.37"
#define CERT_OID_PERMANENT_ID "1.3.6.1.5.5.7.8.3" /* RFC 4043 */
#define CERT_OID_ECDSA_SHA256 "1.2.840.10045.4.3.2"

/* GeneralName (RFC 5280 §4.2.1.6) */
#define CERT_NAME_OTHER DER_CONSTRUCTED(0)
#define CERT_NAME_DNS DER_CONTEXT(2)
#define CERT_NAME_DIRECTORY DER_CONSTRUCTED(4)
#define CERT_NAME_IP DER_CONTEXT(7)

/* First byte of KeyUsage (§4.2.1.3) */
#define CERT_USAGE_SIGNATURE 0x80
#define CERT_USAGE_CERT_SIGN 0x04
#define CERT_USAGE_CRL_SIGN 0x02

/* A certificate of version 3. Spans point into the DER; those of absent extensions have no data. */
struct cert_x509 {
    struct bs_span tbs; /* what is signed */
    struct bs_span algorithm;
    struct bs_span signature;
    struct bs_span serial;
    struct bs_span issuer;  /* Name, whole */
    struct bs_span subject; /* Name, whole */
    int64_t not_before;
    int64_t not_after;
    struct bs_span spki;        /* whole */
    struct bs_span alt_names;   /* GeneralNames, content */
    struct bs_span eku;         /* ExtKeyUsageSyntax, content */
    struct bs_span subject_key; /* SubjectKeyIdentifier */
    bool is_ca;
    bool has_path_length;
    uint32_t path_length;
    bool has_key_usage;
    uint8_t key_usage;
    bool has_unknown_critical;
};

/* PROTOCOL when it is not DER, not version 3, or larger than BS_CERT_MAX. */
enum bs_err cert_x509_read(struct bs_span der, struct cert_x509 *ret_cert) BS_MUST_USE;

/* The public key in a SubjectPublicKeyInfo: RSA, or ECC on a curve that crypto knows. */
struct cert_key {
    bool is_rsa;
    struct bs_span modulus;
    uint32_t exponent;
    struct crypto_point point;
};
bool cert_key_read(struct bs_span spki, struct cert_key *ret_key);
bool cert_key_matches(const struct cert_key *key, const TPMT_PUBLIC *public_area);

/* UNTRUSTED when the signature (of `algorithm`, an AlgorithmIdentifier) is not the key's or not of a kind that is accepted. */
enum bs_err cert_signature_verify(const struct cert_key *key, struct bs_span signed_part, struct bs_span algorithm,
                                  struct bs_span signature) BS_MUST_USE;

/* SEQUENCE { signed part, ecdsa-with-SHA256, signature }: what a certificate and a request have in common. */
enum bs_err cert_wrap_signed(struct bs_span signed_part, const uint8_t signature[64], struct bs_buf *out) BS_MUST_USE;

/* Name with a common name and nothing else; INPUT unless that is UTF-8 of 1 to 64 bytes. */
void cert_write_name(struct der_writer *w, const char *common_name);

/* Reads the certificate that a key is about to sign under: INPUT when it is no CA's, or not that key's. */
enum bs_err cert_issuer_check(struct bs_span der, const struct crypto_key *issuer_key,
                              struct cert_x509 *ret_issuer) BS_MUST_USE;

/* UTCTime to the end of 2049, GeneralizedTime after it. */
void cert_write_time(struct der_writer *w, int64_t seconds);

/* A Name for people ("CN=x, O=y"); whatever is no text becomes '?', what is too long is cut. */
void cert_name_text(struct bs_span name, char *ret_text, size_t size);

/* The next certificate (or other block of a type) in a PEM file; moves past it. NOT_FOUND when there is none left, INPUT when it is malformed. */
enum bs_err cert_pem_next(struct bs_reader *r, const char *type, struct bs_buf *out) BS_MUST_USE;
