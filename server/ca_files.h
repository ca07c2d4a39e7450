/* Keys and certificates of the CAs: making them, and their files. For server/ca.c alone. */
#pragma once

#include "server/ca.h"

#define CA_PEM_MAX 8192
#define CA_OID_SERVER_AUTH "1.3.6.1.5.5.7.3.1"
#define CA_OID_CLIENT_AUTH "1.3.6.1.5.5.7.3.2"

/* A certificate with its key. */
struct ca_pair {
    enum ca_which which;
    struct crypto_key *key;
    struct bs_buf der;
};

/* Random, positive, 16 bytes. */
enum bs_err ca_serial(uint8_t ret_serial[16]) BS_MUST_USE;

/*
 * A certificate; `root` signs all but the two roots themselves, for which it is NULL. For `key` (its PEM) where that is given, else
 * for a new one.
 */
struct ca_pair_request {
    enum ca_which which;
    const struct config *config;
    int64_t now;
    const struct ca_pair *root;
    const struct crypto_key *key;
};
enum bs_err ca_pair_make(const struct ca_pair_request *make, struct ca_pair *ret_pair) BS_MUST_USE;

/* The key in the file must be that of the certificate beside it: INPUT otherwise. NOT_FOUND when there is no file. */
enum bs_err ca_pair_read(const char *dir, enum ca_which which, struct ca_pair *ret_pair) BS_MUST_USE;

/* Writes keys/NAME.pem, or replaces it in one step. */
enum bs_err ca_pair_write(const char *dir, const struct ca_pair *pair) BS_MUST_USE;

void ca_pair_free(struct ca_pair *pair);
