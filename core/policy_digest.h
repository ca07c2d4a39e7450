/*
 * What policyDigest becomes, computed without a TPM (TCG TPM 2.0 Library Part 1 §19.7): for sealing without a trial session, and
 * for signing what a TPM will arrive at. Sessions are SHA-256; a digest begins as 32 zero bytes.
 */
#pragma once

#include "core/crypto.h"
#include "core/wire.h"

/* TPM2_PolicyPCR (Part 3 §23.7); `values` is SHA-256 of the selected PCRs' values in ascending order. */
enum bs_err policy_digest_pcr(uint8_t digest[CRYPTO_SHA256_SIZE], uint16_t bank, uint32_t mask,
                              const uint8_t values[CRYPTO_SHA256_SIZE]) BS_MUST_USE;

/* TPM2_PolicyAuthorize (§23.16): begins anew from what key and reference say; what was approved is no part of it. */
enum bs_err policy_digest_authorize(uint8_t digest[CRYPTO_SHA256_SIZE], const struct wire_name *key,
                                    struct bs_span policy_ref) BS_MUST_USE;

/* TPM2_PolicyNV (§23.9) that compares all 8 bytes of a counter for equality. */
enum bs_err policy_digest_counter(uint8_t digest[CRYPTO_SHA256_SIZE], const struct wire_name *index,
                                  uint64_t value) BS_MUST_USE;

/* operandB of that comparison. */
void policy_counter_operand(uint64_t value, uint8_t ret_operand[8]);
