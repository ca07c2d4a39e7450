/*
 * Keys that a device makes itself: how they are made, and what a server may know of them. The private half never leaves the
 * device; its public half is enrolled, of random bytes a commitment (HMAC-SHA-256 under them, over device and name).
 */
#pragma once

#include "bootseal/protocol.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/secret.h"

#include <stdbool.h>
#include <stdint.h>

/* Largest public half: an uncompressed point (SEC 1 §2.3.3). */
#define GENERATED_PUBLIC_MAX 65

/* Such a key as bundles, statements and confirmations speak of it. */
struct generated_public {
    struct bs_span name; /* spelled as an item's */
    enum bs_generated_kind kind;
    uint64_t generation;        /* from 1; a key that an operator orders anew has the next one */
    struct bs_span public_half; /* as generated_public_half() gives it */
};

/* As a vault keeps it. */
struct generated_private {
    struct bs_span name;
    enum bs_generated_kind kind;
    uint64_t generation;
    struct bs_span private_half; /* random bytes; else 32: scalar or seed, as RFC 7748, RFC 8032, SEC 1 have it */
};

/* "random", "x25519", "ed25519", "secp256k1". */
const char *generated_kind_name(enum bs_generated_kind kind);

/* Bytes of a private half and of a public half; `size` counts for random bytes alone. */
size_t generated_private_size(enum bs_generated_kind kind, size_t size);
size_t generated_public_size(enum bs_generated_kind kind);

/* Whether a key of this kind can be written down in this form; `size` counts for random bytes alone. */
bool generated_has_form(enum bs_generated_kind kind, size_t size, enum bs_generated_form form);

/* "raw", "pem", "wireguard", "openssh". */
const char *generated_form_name(enum bs_generated_form form);

/* Appends the key as the form wants it; the same key gives the same bytes. INPUT when it has no such form. */
enum bs_err generated_write(const struct generated_private *key, enum bs_generated_form form,
                            struct bs_buf *out) BS_MUST_USE;

/* Appends what others need to know of it: base64 for WireGuard, a line of authorized_keys for OpenSSH, else hex. No newline. */
enum bs_err generated_write_public(const struct generated_public *key, enum bs_generated_form form,
                                   struct bs_buf *out) BS_MUST_USE;

enum bs_err generated_make(enum bs_generated_kind kind, size_t size, struct bs_secret **ret_private) BS_MUST_USE;

/* INPUT when the private half is none of its kind. */
enum bs_err generated_public_half(const struct generated_private *key, struct bs_span device,
                                  uint8_t ret_public[GENERATED_PUBLIC_MAX], size_t *ret_size) BS_MUST_USE;
