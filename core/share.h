/*
 * Recovery shares that a server cannot use: locked to a key on P-256 that an operator keeps offline. Ephemeral ECDH, HKDF-SHA-256,
 * AES-256-GCM; device and serial are authenticated, so that a share opens as what it is alone.
 */
#pragma once

#include "bootseal/protocol.h"
#include "core/buf.h"
#include "core/crypto.h"
#include "core/err.h"

/* Version (1), point x and y (64), nonce (12), ciphertext (32), tag (16). */
#define SHARE_LOCKED_SIZE (1 + 64 + CRYPTO_AEAD_NONCE + BS_SHARE_SIZE + CRYPTO_AEAD_TAG)

#define SHARE_DEVICE_SIZE 32

/* Whose share it is. */
struct share_label {
    uint8_t device[SHARE_DEVICE_SIZE];
    uint64_t serial;
};

/* SubjectPublicKeyInfo in PEM ("PUBLIC KEY"). INPUT when it is not a key on P-256. */
enum bs_err share_key_from_pem(struct bs_span pem, struct crypto_point *ret_key) BS_MUST_USE;

enum bs_err share_lock(const struct crypto_point *key, const struct share_label *label,
                       const uint8_t share[BS_SHARE_SIZE], uint8_t ret_locked[SHARE_LOCKED_SIZE]) BS_MUST_USE;

/* INPUT when it is no locked share; UNTRUSTED when it is not for this key and label. */
enum bs_err share_unlock(struct crypto_key *key, const struct share_label *label, struct bs_span locked,
                         struct bs_secret **ret_share) BS_MUST_USE;

/*
 * The forms in which operators carry them: PEM blocks, locked or open, each with the device and the serial before the bytes. A file may
 * have several.
 */
enum bs_err share_write(const struct share_label *label, bool is_locked, struct bs_span bytes,
                        struct bs_buf *out) BS_MUST_USE;

struct share_block {
    struct share_label label;
    struct bs_span bytes; /* points into the buffer */
};
/* The next block; NOT_FOUND after the last. `room` is emptied and filled. INPUT when a block is none of that kind. */
enum bs_err share_read(struct bs_reader *in, bool is_locked, struct bs_buf *room,
                       struct share_block *ret_block) BS_MUST_USE;
