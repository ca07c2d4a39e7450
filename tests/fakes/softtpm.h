/*
 * A TPM in software that makes complete evidence: EK with a certificate of a vendor of its own, AK, SRK, device key, certifications,
 * quote, and the answer to a challenge. Everything about it can be made wrong on purpose: that is what it is for. Its
 * structures are written byte by byte, so that no encoder of ours checks itself.
 */
#pragma once

#include "core/cert.h"
#include "core/eventlog.h"
#include "core/message.h"
#include "core/wire.h"

#define SOFTTPM_LOG_MAX (256 * 1024)

/* Who makes TPMs. */
struct softtpm_vendor {
    struct crypto_key *key;
    struct bs_buf root; /* DER */
};
enum bs_err softtpm_vendor_make(struct softtpm_vendor *ret_vendor) BS_MUST_USE;
void softtpm_vendor_free(struct softtpm_vendor *vendor);
enum bs_err softtpm_vendor_pem(const struct softtpm_vendor *vendor, struct bs_buf *out) BS_MUST_USE;

struct softtpm_ek; /* a P-256 key that can agree on secrets */

/* A signing key and what a TPM would say of it. */
struct softtpm_key {
    struct crypto_key *key;
    TPMT_PUBLIC public_area;
    struct wire_name name;
    struct wire_name qualified;
};

struct softtpm {
    struct softtpm_ek *ek;
    TPMT_PUBLIC ek_public;
    uint8_t id[WIRE_ID_SIZE];
    struct bs_buf ek_cert;
    struct softtpm_key ak, srk, device;
    TPMS_NV_PUBLIC counter;
    uint32_t reset_count;
    uint64_t firmware_version;
    uint16_t bank;
    uint32_t mask; /* PCRs that it quotes */
    uint8_t pcrs[MESSAGE_PCRS][CRYPTO_HASH_MAX];
    struct bs_buf log;
};

/* `eku` of its certificate; NULL: the right one. */
enum bs_err softtpm_make(const struct softtpm_vendor *vendor, const char *eku, struct softtpm *ret_tpm) BS_MUST_USE;
void softtpm_free(struct softtpm *tpm);

/* Public area, Name and qualified Name follow the key and the template; after a change of the area call softtpm_key_rename. */
enum bs_err softtpm_device_key_new(struct softtpm *tpm) BS_MUST_USE;
enum bs_err softtpm_key_rename(struct softtpm_key *key, struct bs_span parent) BS_MUST_USE;
extern const uint8_t softtpm_endorsement[4], softtpm_owner[4], softtpm_platform[4];

/* Power on: PCRs become what this log leads to. Then more may be extended, which no log tells. */
enum bs_err softtpm_boot(struct softtpm *tpm, struct bs_span log) BS_MUST_USE;
enum bs_err softtpm_extend(struct softtpm *tpm, uint32_t pcr, struct bs_span event) BS_MUST_USE;

/* TPMS_ATTEST, before it is signed. */
struct softtpm_attest {
    uint32_t magic;
    uint16_t type;
    struct wire_name signer;
    uint8_t extra[CRYPTO_SHA256_SIZE];
    uint32_t reset_count;
    uint16_t banks[2]; /* of a quote: one selection each, 0 ends */
    uint32_t masks[2];
    uint8_t digest[CRYPTO_SHA256_SIZE];
    struct wire_name name; /* of a certification */
    struct wire_name qualified;
};

/* Everything that may be bent on the way; NULL: as it should be. */
struct softtpm_bend {
    void (*certify_device)(struct softtpm_attest *attest);
    void (*certify_srk)(struct softtpm_attest *attest);
    void (*logs)(struct message_attest *request); /* before their hashes stand in the statement */
    void (*statement)(struct message_statement *statement);
    void (*quote)(struct softtpm_attest *attest);
    struct crypto_key *certify_key; /* signs the certifications instead of the AK */
    struct crypto_key *quote_key;
    struct crypto_key *csr_key;
    /* The bytes themselves: of the statement before it is quoted, of what is signed before it is, of the quote's signature. */
    void (*statement_bytes)(struct bs_buf *statement);
    void (*device_bytes)(struct bs_buf *attest);
    void (*quote_bytes)(struct bs_buf *attest);
    void (*quote_signature)(struct bs_buf *signature);
    void (*request)(struct message_attest *request); /* when everything is signed */
};

struct softtpm_request {
    const uint8_t *channel;     /* 32 bytes */
    const uint8_t *server_cert; /* 32 bytes */
    const char *token;          /* or NULL */
    uint64_t held_serial;
    struct softtpm_bend bend;
};

/* Body of POST /v1/attest; `ret_statement` is the statement alone, for what comes after. */
enum bs_err softtpm_attest(struct softtpm *tpm, const struct softtpm_request *request, struct bs_buf *out,
                           struct bs_buf *ret_statement) BS_MUST_USE;

/* TPM2_ActivateCredential with the EK and the present AK. UNTRUSTED when the credential is not for them. */
enum bs_err softtpm_activate(struct softtpm *tpm, struct bs_span id_object, struct bs_span encrypted_secret,
                             uint8_t ret_secret[32]) BS_MUST_USE;

/* Bodies of POST /v1/prove and /v1/confirm. */
enum bs_err softtpm_prove(const uint8_t secret[32], const uint8_t channel[32], struct bs_span statement,
                          struct bs_buf *out) BS_MUST_USE;
enum bs_err softtpm_confirm(struct softtpm *tpm, const uint8_t secret[32], const uint8_t channel[32], uint64_t serial,
                            struct bs_buf *out) BS_MUST_USE;
