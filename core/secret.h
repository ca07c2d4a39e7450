/*
 * Bytes that must not leave this process: on pages of their own, locked, kept out of core dumps and of
 * children, wiped before they are unmapped. There is no way from a secret to a string.
 */
#pragma once

#include "core/err.h"
#include "core/own.h"

#include <stddef.h>
#include <stdint.h>

#define BS_SECRET_MAX (256 * 1024)

struct bs_secret;

/*
 * A zeroed secret of `size` bytes, 1 to BS_SECRET_MAX (else NOMEM). A refused mlock is logged once at debug, not an
 * error.
 */
enum bs_err bs_secret_new(size_t size, struct bs_secret **ret_secret) BS_MUST_USE;

/* Copies `size` bytes; the caller wipes the source. */
enum bs_err bs_secret_copy(const void *data, size_t size, struct bs_secret **ret_secret) BS_MUST_USE;

uint8_t *bs_secret_data(struct bs_secret *secret);
const uint8_t *bs_secret_view(const struct bs_secret *secret);
size_t bs_secret_size(const struct bs_secret *secret);

/* Shortens the secret; what is cut off is wiped. `size` must be 1 to the present size. */
void bs_secret_truncate(struct bs_secret *secret, size_t size);

/* Wipes, unlocks, unmaps. NULL is allowed. */
void bs_secret_free(struct bs_secret *secret);

/*
 * For programs that make and free secrets all the time: up to `most` pages of freed secrets stay mapped and locked, wiped, for the next
 * ones. 0, the beginning, gives back all of them. Threads may make and free secrets at the same time.
 */
#define BS_SECRET_SPARES_MAX 64
void bs_secret_keep_pages(unsigned most);

/* A memset that the compiler keeps. */
void bs_wipe(void *data, size_t size);

/* Compares in constant time: true when equal. */
_Bool bs_equal_ct(const void *a, const void *b, size_t size);

BS_DEFINE_OWN(secret, struct bs_secret, bs_secret_free)
