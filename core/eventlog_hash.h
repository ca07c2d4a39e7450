/*
 * The hashes that an event log can have banks of: those of core/crypto.h, and of the TCG Algorithm Registry SHA-3 and SM3, which TPMs have
 * banks of, too.
 *
 * That a hash is known here opens nothing: what a device quotes, signs, seals or is configured with asks crypto_hash_size(), and that
 * knows none of them.
 */
#pragma once

#include "core/buf.h"
#include "core/crypto.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define EVENTLOG_HASHES 8 /* that have a name here */

enum {
    EVENTLOG_SM3_256 = 0x0012,
    EVENTLOG_SHA3_256 = 0x0027,
    EVENTLOG_SHA3_384 = 0x0028,
    EVENTLOG_SHA3_512 = 0x0029,
};

/* Of a digest; 0 of a hash without a name here. */
size_t eventlog_hash_size(uint16_t alg);

/* "sha256", "sha3_256", as tpm2-tools writes them; NULL when unknown. Back in any letters, with '-' or '_', "sm3" too; 0 when unknown. */
const char *eventlog_hash_name(uint16_t alg);
uint16_t eventlog_hash_by_name(const char *name);

/*
 * SM3 is computed by this function, which writes 32 bytes, in the program that has one: bootsealctl. To be called once, at its start and
 * before any thread.
 */
void eventlog_hash_know_sm3(void (*sm3)(struct bs_span data, uint8_t *ret_digest));

/* Whether this program can compute it. */
bool eventlog_hash_is_computed(uint16_t alg);

/* Writes eventlog_hash_size() bytes. NOT_FOUND when it cannot be computed. */
enum bs_err eventlog_hash(uint16_t alg, struct bs_span data, uint8_t *ret_digest) BS_MUST_USE;
