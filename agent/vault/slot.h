/*
 * One slot of the vault as bytes: a header that names what the key is sealed to and holds the sealed key, then AES-256-GCM
 * of the contents with the whole header as additional data. Drawn in docs/design.md. No I/O here, no TPM.
 */
#pragma once

#include "agent/vault/vault.h"

#define SLOT_MAX (256 * 1024)
#define SLOT_KEY_SIZE CRYPTO_AEAD_KEY

/* The vault's key a second time, wrapped for the recovery share of a bundle; all zero when there is none. */
struct slot_share {
    uint64_t
        serial; /* of the bundle that brought the share, or without one ordered keys that lie in the slot; 0: neither */
    uint8_t nonce[CRYPTO_AEAD_NONCE];
    uint8_t wrapped[SLOT_KEY_SIZE + CRYPTO_AEAD_TAG];
};

/* What stands before the ciphertext. Nothing of it is to be believed before slot_open() said BS_OK. */
struct slot_header {
    uint64_t generation; /* value of the counter that the key is sealed to */
    struct vault_policy policy;
    uint32_t counter_index;
    struct wire_name counter_name;
    TPMT_PUBLIC srk;
    struct vault_signer signer; /* all empty for VAULT_PCR */
    struct tpm_key_blob sealed;
    struct slot_share share;
    uint8_t nonce[CRYPTO_AEAD_NONCE];
};

/* A decoded slot; spans, those of the header too, point into the file's bytes. */
struct slot {
    struct slot_header header;
    struct bs_span header_bytes; /* the additional data */
    struct bs_span front;        /* that of the wrapped key: the header up to the share's serial */
    struct bs_span sealed;       /* ciphertext ‖ tag */
};

/* INPUT when it is not a slot of a version that is known here, whole and without anything after it. */
enum bs_err slot_decode(struct bs_span file, struct slot *ret_slot) BS_MUST_USE;

struct slot_keys {
    const struct bs_secret *key;
    const struct vault_share *recovery; /* NULL: none */
};

/*
 * Encodes the contents, encrypts them under the key, wraps that for the recovery share, and appends the whole slot to `out`. Both nonces
 * of the header must be new; of its share nothing else is taken.
 */
enum bs_err slot_encode(const struct slot_header *header, const struct slot_keys *keys,
                        const struct vault_contents *contents, struct bs_buf *out) BS_MUST_USE;

/* A key is wrapped in it, whatever it is. */
bool slot_has_share(const struct slot *slot);

/* The slot's key by its recovery share. NOT_FOUND when the share is that of another serial, INPUT when it does not fit. */
enum bs_err slot_unwrap(const struct slot *slot, const struct vault_share *recovery,
                        struct bs_secret **ret_key) BS_MUST_USE;

/* INPUT when the slot was damaged or is not under this key. */
enum bs_err slot_open(const struct slot *slot, const struct bs_secret *key, struct bs_secret **ret_plain) BS_MUST_USE;

/* Spans point into `plain`. INPUT when it is not what slot_encode writes. */
enum bs_err slot_contents(const struct bs_secret *plain, struct vault_contents *ret_contents) BS_MUST_USE;
