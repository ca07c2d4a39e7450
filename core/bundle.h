/*
 * The bundle: what a device is provisioned with. A COSE_Sign1 (RFC 9052, ES256) by the server's bundle key, which carries
 * its certificate in the protected header (x5chain, RFC 9360), inside a COSE_Encrypt0 (A256GCM) under a key that only the
 * device's TPM can recover. It is verified when it is received and again whenever the vault is opened.
 */
#pragma once

#include "bootseal/protocol.h"
#include "core/approval.h"
#include "core/buf.h"
#include "core/cert.h"
#include "core/crypto.h"
#include "core/err.h"
#include "core/generated.h"
#include "core/wire.h"

struct bundle_item {
    struct bs_span name; /* [A-Za-z0-9._-]{1,64}, not beginning with a dot; unique in a bundle */
    enum bs_item_kind kind;
    struct bs_span data; /* may be empty in a file, not in a secret or certificate */
};

/* A key that the device keeps, or has to make where nothing is recorded of it yet. */
struct bundle_generated {
    struct generated_public key; /* public half empty: none was ever enrolled */
    uint32_t size;               /* of random bytes; else 0 */
    enum bs_generated_form form; /* in which it is handed over */
};

struct bundle_share {
    uint64_t serial;      /* of the bundle that brought it first */
    struct bs_span value; /* BS_SHARE_SIZE bytes */
};

#define BUNDLE_CHAIN_MAX 4

/* For vaults under a signed policy: who approves boots, and the approvals of now. All are for this device in this epoch. */
struct bundle_policy {
    struct bs_span cert; /* of the policy key (DER), see approval_key() */
    uint64_t epoch;      /* rises when a boot is revoked, and leaves all approvals before it behind */
    struct approval approvals[APPROVALS_MAX];
    size_t approval_count; /* may be 0 */
};

struct bundle {
    struct bs_span device; /* 32 bytes */
    struct bs_span ak_name;
    struct bs_span srk_name;
    uint64_t serial;        /* rises with every bundle of this device; from 1 */
    uint64_t issued;        /* seconds since 1970 */
    uint64_t renew_after;   /* seconds since 1970: from then on the device asks for a new one when it boots; 0: never */
    struct bs_span profile; /* name, spelled as an item's, at most BS_PROFILE_NAME_MAX */
    struct bs_span chain[BUNDLE_CHAIN_MAX]; /* device certificate (DER) and its issuers, leaf first; at least one */
    size_t chain_count;
    struct bundle_item items[BS_ITEMS_MAX];
    size_t item_count;
    bool has_policy;
    struct bundle_policy policy;
    struct bundle_generated keys[BS_GENERATED_MAX]; /* names are not those of items */
    size_t key_count;
    struct bs_span share;                      /* recovery share of this serial; empty: none */
    struct bundle_share shares[BS_SHARES_MAX]; /* older ones, for slots that did not open */
    size_t share_count;
};

/*
 * Encodes and signs; appends the COSE_Sign1 to `out`. INPUT for what bundle_verify would refuse, and when `cert` is not
 * for `key`; NOMEM for what does not fit into BS_BUNDLE_MAX. What is half written then is to be thrown away.
 */
enum bs_err bundle_sign(const struct bundle *bundle, struct crypto_key *key, struct bs_span cert,
                        struct bs_buf *out) BS_MUST_USE;

/*
 * Verifies signature and certificate (under `roots`, EKU BS_OID_EKU_BUNDLE, dates by the clock rule), then decodes whole.
 * Spans point into `sign1`. UNTRUSTED when it is not the server's, PROTOCOL when it is but makes no sense.
 */
enum bs_err bundle_verify(struct bs_span sign1, const struct cert_roots *roots, struct bundle *ret_bundle) BS_MUST_USE;

/*
 * Content key = HKDF(secret, salt = channel, BS_LABEL_BUNDLE_KEY); external_aad = SHA-256(statement). The secret has 32 bytes
 * (else PROTOCOL). Decrypting says UNTRUSTED when key, statement or bytes are not those it was encrypted with.
 */
enum bs_err bundle_encrypt(struct bs_span secret, struct bs_span channel, struct bs_span statement,
                           struct bs_span sign1, struct bs_buf *out) BS_MUST_USE;
enum bs_err bundle_decrypt(struct bs_span secret, struct bs_span channel, struct bs_span statement,
                           struct bs_span encrypt0, struct bs_secret **ret_sign1) BS_MUST_USE;

/* Confirm key = HKDF(secret, salt = channel, BS_LABEL_CONFIRM_KEY); the caller wipes it. */
enum bs_err bundle_confirm_key(struct bs_span secret, struct bs_span channel, uint8_t ret_key[32]) BS_MUST_USE;

bool bundle_item_name_is_valid(struct bs_span name);
