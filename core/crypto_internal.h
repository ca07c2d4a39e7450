/* What the files of crypto share and nobody else sees: wolfCrypt's headers and the ways in and out of its types. */
#pragma once

#include "core/crypto.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/random.h>

/* Logs wolfCrypt's code at debug; NOMEM or CRYPTO. */
enum bs_err crypto_failed(const char *what, int code) BS_MUST_USE;

/* WC_HASH_TYPE_NONE when unknown. */
enum wc_HashType crypto_wc_hash(uint16_t alg);

/* This thread's generator; it lives as long as the thread. */
enum bs_err crypto_rng(WC_RNG **ret_rng) BS_MUST_USE;

/* wolfCrypt's number of a curve; ECC_CURVE_INVALID when unknown. */
int crypto_wc_curve(uint16_t curve);

/* The point as wolfCrypt's key. UNTRUSTED when it is not on its curve. */
enum bs_err crypto_import_point(const struct crypto_point *point, ecc_key *key) BS_MUST_USE;

/* CRYPTO_SCOPED_ECC ecc_key key = { 0 }; wipes and frees on every path. */
void crypto_release_ecc(ecc_key *key);
#define CRYPTO_SCOPED_ECC __attribute__((cleanup(crypto_release_ecc)))
