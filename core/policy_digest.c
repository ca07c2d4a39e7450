#include "core/policy_digest.h"

#include <string.h>

/* policyDigest' = H(policyDigest ‖ command code ‖ arguments), Part 1 §19.7.5. */
static enum bs_err extend(uint8_t digest[CRYPTO_SHA256_SIZE], uint32_t command, struct bs_span first,
                          struct bs_span second)
{
    const uint8_t code[4] = { (uint8_t)(command >> 24), (uint8_t)(command >> 16), (uint8_t)(command >> 8),
                              (uint8_t)command };
    const struct bs_span pieces[] = { BS_SPAN(digest, CRYPTO_SHA256_SIZE), BS_SPAN(code, 4), first, second };
    uint8_t extended[CRYPTO_SHA256_SIZE];

    enum bs_err err = crypto_sha256(pieces, sizeof(pieces) / sizeof(pieces[0]), extended);
    if (err == BS_OK)
        memcpy(digest, extended, sizeof(extended));
    return err;
}

enum bs_err policy_digest_pcr(uint8_t digest[CRYPTO_SHA256_SIZE], uint16_t bank, uint32_t mask,
                              const uint8_t values[CRYPTO_SHA256_SIZE])
{
    /* TPML_PCR_SELECTION: count, then hash, size of the bitmap, bitmap. */
    const uint8_t selection[] = {
        0, 0, 0, 1, (uint8_t)(bank >> 8), (uint8_t)bank, 3, (uint8_t)mask, (uint8_t)(mask >> 8), (uint8_t)(mask >> 16),
    };
    return extend(digest, TPM2_CC_PolicyPCR, BS_SPAN(selection, sizeof(selection)), BS_SPAN(values, 32));
}

/* PolicyUpdate of Part 3 §23.2.4: the reference is hashed in a second round, also an empty one. */
enum bs_err policy_digest_authorize(uint8_t digest[CRYPTO_SHA256_SIZE], const struct wire_name *key,
                                    struct bs_span policy_ref)
{
    uint8_t named[CRYPTO_SHA256_SIZE] = { 0 }, updated[CRYPTO_SHA256_SIZE];
    enum bs_err err = extend(named, TPM2_CC_PolicyAuthorize, wire_name_span(key), BS_SPAN_NONE);
    const struct bs_span pieces[] = { BS_SPAN(named, sizeof(named)), policy_ref };
    if (err == BS_OK)
        err = crypto_sha256(pieces, 2, updated);
    if (err == BS_OK)
        memcpy(digest, updated, sizeof(updated));
    return err;
}

void policy_counter_operand(uint64_t value, uint8_t ret_operand[8])
{
    for (int i = 0; i < 8; i++)
        ret_operand[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* The arguments are H(operandB ‖ offset ‖ operation) and the index's Name. */
enum bs_err policy_digest_counter(uint8_t digest[CRYPTO_SHA256_SIZE], const struct wire_name *index, uint64_t value)
{
    uint8_t operands[8 + 2 + 2] = { 0 }, hashed[CRYPTO_SHA256_SIZE];
    policy_counter_operand(value, operands);
    operands[11] = TPM2_EO_EQ;

    const struct bs_span piece = BS_SPAN(operands, sizeof(operands));
    enum bs_err err = crypto_sha256(&piece, 1, hashed);
    return err == BS_OK ? extend(digest, TPM2_CC_PolicyNV, BS_SPAN(hashed, sizeof(hashed)), wire_name_span(index))
                        : err;
}
