/* The curves of keys that a device makes, which no TPM and no protocol of ours uses. */
#pragma once

#include "core/err.h"

#include <stdint.h>

#define CRYPTO_SECP256K1_PUBLIC 65 /* uncompressed point (SEC 1 §2.3.3) */

/* The scalar must be clamped (RFC 7748 §5), else INPUT. */
enum bs_err crypto_x25519_public(const uint8_t scalar[32], uint8_t ret_public[32]) BS_MUST_USE;
enum bs_err crypto_ed25519_public(const uint8_t seed[32], uint8_t ret_public[32]) BS_MUST_USE;

/* INPUT when the scalar is 0 or not below the order. */
enum bs_err crypto_secp256k1_make(uint8_t ret_scalar[32]) BS_MUST_USE;
enum bs_err crypto_secp256k1_public(const uint8_t scalar[32], uint8_t ret_public[CRYPTO_SECP256K1_PUBLIC]) BS_MUST_USE;
