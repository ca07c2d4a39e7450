#include "core/crypto_generated.h"

#include "core/crypto_internal.h"

#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ed25519.h>

#include <string.h>

#define SIZE 32

enum bs_err crypto_x25519_public(const uint8_t scalar[32], uint8_t ret_public[32])
{
    uint8_t made[SIZE];
    if ((scalar[0] & 7) != 0 || (scalar[SIZE - 1] & 0xC0) != 0x40)
        return BS_ERR_INPUT;
    int code = wc_curve25519_make_pub(SIZE, made, SIZE, scalar);
    if (code != 0)
        return crypto_failed("x25519 public key", code);
    memcpy(ret_public, made, SIZE);
    return BS_OK;
}

static void release_ed25519(ed25519_key *key)
{
    wc_ed25519_free(key);
    bs_wipe(key, sizeof(*key));
}

enum bs_err crypto_ed25519_public(const uint8_t seed[32], uint8_t ret_public[32])
{
    __attribute__((cleanup(release_ed25519))) ed25519_key key = { 0 };
    uint8_t made[SIZE];
    int code = wc_ed25519_init(&key);
    if (code == 0)
        code = wc_ed25519_import_private_only(seed, SIZE, &key);
    if (code == 0)
        code = wc_ed25519_make_public(&key, made, SIZE);
    if (code != 0)
        return crypto_failed("ed25519 public key", code);
    memcpy(ret_public, made, SIZE);
    return BS_OK;
}

enum bs_err crypto_secp256k1_make(uint8_t ret_scalar[32])
{
    WC_RNG *rng;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    CRYPTO_SCOPED_ECC ecc_key key = { 0 };
    word32 size = SIZE;
    int code = wc_ecc_init(&key);
    if (code == 0)
        code = wc_ecc_make_key_ex(rng, SIZE, &key, ECC_SECP256K1);
    if (code == 0)
        code = wc_ecc_export_private_only(&key, ret_scalar, &size);
    return code == 0 ? BS_OK : crypto_failed("secp256k1 key", code);
}

/* The order of the group, SEC 2 §2.4.1. */
static bool is_scalar(const uint8_t scalar[SIZE])
{
    static const uint8_t order[SIZE] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
        0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    };
    uint8_t any = 0;
    for (size_t i = 0; i < SIZE; i++)
        any |= scalar[i];
    return any != 0 && memcmp(scalar, order, SIZE) < 0;
}

enum bs_err crypto_secp256k1_public(const uint8_t scalar[32], uint8_t ret_public[CRYPTO_SECP256K1_PUBLIC])
{
    WC_RNG *rng;
    if (!is_scalar(scalar))
        return BS_ERR_INPUT;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    CRYPTO_SCOPED_ECC ecc_key key = { 0 };
    uint8_t made[CRYPTO_SECP256K1_PUBLIC];
    word32 size = sizeof(made);
    int code = wc_ecc_init(&key);
    if (code == 0)
        code = wc_ecc_import_private_key_ex(scalar, SIZE, NULL, 0, &key, ECC_SECP256K1);
    if (code == 0)
        code = wc_ecc_make_pub_ex(&key, NULL, rng);
    if (code == 0)
        code = wc_ecc_export_x963(&key, made, &size);
    if (code != 0 || size != sizeof(made))
        return crypto_failed("secp256k1 public key", code);
    memcpy(ret_public, made, sizeof(made));
    return BS_OK;
}
