/*
 * The order to forget: what a server signs for one device as the answer to one statement, and nobody can show again. Signed by the
 * bundle key under a label of its own (docs/bootseal.cddl: wipe-sign1).
 */
#pragma once

#include "bootseal/protocol.h"
#include "core/buf.h"
#include "core/cert.h"
#include "core/crypto.h"
#include "core/err.h"

struct wipe_order {
    struct bs_span device; /* 32 bytes */
    struct bs_span ak_name;
    struct bs_span statement_sha256; /* 32 bytes: it was asked so */
    uint64_t serial;                 /* counted with those of the device's bundles; from 1 */
};

/* Appends the COSE_Sign1 to `out`. INPUT for what wipe_verify would refuse, and when `cert` is not for `key`. */
enum bs_err wipe_sign(const struct wipe_order *order, struct crypto_key *key, struct bs_span cert,
                      struct bs_buf *out) BS_MUST_USE;

/*
 * Verifies signature and certificate under `roots`, as bundle_verify. Spans point into `sign1`. UNTRUSTED when it is not the server's,
 * PROTOCOL when it is but makes no sense. Whether it is for this device and this statement is the caller's to see.
 */
enum bs_err wipe_verify(struct bs_span sign1, const struct cert_roots *roots, struct wipe_order *ret_order) BS_MUST_USE;

/* Key of the confirmation that the device has forgotten: HKDF(secret, salt = channel, BS_LABEL_WIPED_KEY); the caller wipes it. */
enum bs_err wipe_confirm_key(struct bs_span secret, struct bs_span channel, uint8_t ret_key[32]) BS_MUST_USE;
