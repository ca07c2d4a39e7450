#include "core/generated.h"

#include "core/crypto.h"
#include "core/crypto_generated.h"

#include <string.h>

#define PRIVATE_SIZE 32

const char *generated_kind_name(enum bs_generated_kind kind)
{
    switch (kind) {
    case BS_GENERATED_RANDOM:
        return "random";
    case BS_GENERATED_X25519:
        return "x25519";
    case BS_GENERATED_ED25519:
        return "ed25519";
    case BS_GENERATED_SECP256K1:
        return "secp256k1";
    }
    return "?";
}

size_t generated_private_size(enum bs_generated_kind kind, size_t size)
{
    return kind == BS_GENERATED_RANDOM ? size : PRIVATE_SIZE;
}

size_t generated_public_size(enum bs_generated_kind kind)
{
    return kind == BS_GENERATED_SECP256K1 ? CRYPTO_SECP256K1_PUBLIC : CRYPTO_SHA256_SIZE;
}

enum bs_err generated_make(enum bs_generated_kind kind, size_t size, struct bs_secret **ret_private)
{
    BS_OWN(secret) secret = NULL;
    enum bs_err err = bs_secret_new(generated_private_size(kind, size), &secret);
    if (err != BS_OK)
        return err;
    uint8_t *data = bs_secret_data(secret);
    switch (kind) {
    case BS_GENERATED_RANDOM:
    case BS_GENERATED_ED25519: /* a seed (RFC 8032 §5.1.5) */
        err = crypto_random(data, bs_secret_size(secret));
        break;
    case BS_GENERATED_X25519: /* clamped, as wg(8) writes it, so that it has one form (RFC 7748 §5) */
        err = crypto_random(data, bs_secret_size(secret));
        data[0] &= 248;
        data[31] = (uint8_t)((data[31] & 127) | 64);
        break;
    case BS_GENERATED_SECP256K1:
        err = crypto_secp256k1_make(data);
        break;
    }
    if (err == BS_OK)
        *ret_private = BS_TAKE(secret);
    return err;
}

/* The name may have any length, and is the last piece. */
static enum bs_err commit_to(const struct generated_private *key, struct bs_span device, uint8_t *ret_public)
{
    const struct bs_span pieces[] = { BS_SPAN(BS_LABEL_COMMITMENT, sizeof(BS_LABEL_COMMITMENT)), device, key->name };
    BS_OWN(digest) mac = NULL;
    enum bs_err err = crypto_digest_hmac(CRYPTO_SHA256, key->private_half, &mac);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]) && err == BS_OK; i++)
        err = crypto_digest_update(mac, pieces[i]);
    return err == BS_OK ? crypto_digest_final(mac, ret_public, NULL) : err;
}

enum bs_err generated_public_half(const struct generated_private *key, struct bs_span device,
                                  uint8_t ret_public[GENERATED_PUBLIC_MAX], size_t *ret_size)
{
    enum bs_err err = BS_ERR_INPUT;
    if (key->private_half.size != generated_private_size(key->kind, key->private_half.size))
        return err;
    switch (key->kind) {
    case BS_GENERATED_RANDOM:
        err = key->private_half.size >= BS_GENERATED_RANDOM_MIN ? commit_to(key, device, ret_public) : BS_ERR_INPUT;
        break;
    case BS_GENERATED_X25519:
        err = crypto_x25519_public(key->private_half.data, ret_public);
        break;
    case BS_GENERATED_ED25519:
        err = crypto_ed25519_public(key->private_half.data, ret_public);
        break;
    case BS_GENERATED_SECP256K1:
        err = crypto_secp256k1_public(key->private_half.data, ret_public);
        break;
    }
    if (err == BS_OK)
        *ret_size = generated_public_size(key->kind);
    return err;
}
