/* What several tests of certificates use: an issuer's and a leaf's key, made anew for each program, and files of the vectors. */
#pragma once

#include "core/crypto.h"
#include "core/wire.h"

extern struct crypto_key *ca_key, *leaf_key;
extern struct crypto_point ca_point, leaf_point;

/* For cmocka_run_group_tests. */
int make_keys(void **state);
int free_keys(void **state);

/* The public area that a TPM would have of such a key. */
TPMT_PUBLIC tpm_key(const struct crypto_point *point);

/* A file of tests/vectors. */
void vector(const char *name, struct bs_buf *out);
