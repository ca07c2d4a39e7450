/*
 * What the server's bundle key signs for devices: a COSE_Sign1 (RFC 9052, ES256) with the signer's certificate in the protected
 * header (x5chain, RFC 9360). A label keeps each use apart from all others.
 */
#pragma once

#include "bootseal/protocol.h"
#include "core/buf.h"
#include "core/cert.h"
#include "core/crypto.h"
#include "core/err.h"

/* Of the protected header: a certificate and what stands around it. */
#define SIGN1_PROTECTED_MAX (BS_CERT_MAX + 16)
/* What is there besides the payload, at most. */
#define SIGN1_OVERHEAD (SIGN1_PROTECTED_MAX + 64 + 32)

struct sign1_use {
    const char *label; /* external_aad, with its terminating zero byte */
    const char *eku;   /* that the signer's certificate must have */
    size_t max;        /* bytes of the whole */
};

/* Appends to `out`. INPUT when `cert` is not for `key`. What is half written after an error is to be thrown away. */
enum bs_err sign1_make(const struct sign1_use *use, struct bs_span payload, struct crypto_key *key, struct bs_span cert,
                       struct bs_buf *out) BS_MUST_USE;

/* *ret_payload points into `sign1`. UNTRUSTED when it is not signed as it must be by a key under `roots`. */
enum bs_err sign1_verify(const struct sign1_use *use, struct bs_span sign1, const struct cert_roots *roots,
                         struct bs_span *ret_payload) BS_MUST_USE;
