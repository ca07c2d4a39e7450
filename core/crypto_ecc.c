#include "core/crypto.h"

#include "core/crypto_internal.h"
#include "core/log.h"

#include <assert.h>
#include <string.h>

static const struct {
    uint16_t curve;
    size_t size;
    int wc;
} curves[] = {
    { CRYPTO_P256, 32, ECC_SECP256R1 },
    { CRYPTO_P384, 48, ECC_SECP384R1 },
};

#define CURVE_COUNT (sizeof(curves) / sizeof(curves[0]))

size_t crypto_ecc_size(uint16_t curve)
{
    for (size_t i = 0; i < CURVE_COUNT; i++)
        if (curves[i].curve == curve)
            return curves[i].size;
    return 0;
}

int crypto_wc_curve(uint16_t curve)
{
    for (size_t i = 0; i < CURVE_COUNT; i++)
        if (curves[i].curve == curve)
            return curves[i].wc;
    return ECC_CURVE_INVALID;
}

void crypto_release_ecc(ecc_key *key)
{
    wc_ecc_free(key);
    bs_wipe(key, sizeof(*key));
}

/*
 * The import does not look whether it is on the curve in every build of wolfCrypt; this
 * does (SP 800-56A §5.6.2.3.4: range, curve equation, and zero is not on the curve). On curves of cofactor 1, which ours
 * are, every such point has the right order: wc_ecc_check_key would compute that too, for the price of a verification.
 */
enum bs_err crypto_import_point(const struct crypto_point *point, ecc_key *key)
{
    if (crypto_ecc_size(point->curve) == 0)
        return BS_ERR_CRYPTO;

    int code = wc_ecc_init(key);
    if (code != 0)
        return crypto_failed("ecc key", code);
    code = wc_ecc_import_unsigned(key, point->x, point->y, NULL, crypto_wc_curve(point->curve));
    if (code == 0)
        code = wc_ecc_point_is_on_curve(&key->pubkey, key->idx);
    if (code != 0) {
        enum bs_err err = crypto_failed("ecc point", code);
        return err == BS_ERR_CRYPTO ? BS_ERR_UNTRUSTED : err;
    }
    return BS_OK;
}

static enum bs_err make_pair(uint16_t curve, WC_RNG *rng, ecc_key *key, struct crypto_point *ret_public)
{
    int code = wc_ecc_init(key);
    if (code == 0)
        code = wc_ecc_make_key_ex(rng, (int)crypto_ecc_size(curve), key, crypto_wc_curve(curve));
    if (code == 0)
        code = wc_ecc_set_rng(key, rng); /* blinds the shared secret's computation */
    if (code != 0)
        return crypto_failed("ecc key pair", code);

    struct crypto_point made = { .curve = curve };
    word32 x = sizeof(made.x), y = sizeof(made.y);
    code = wc_ecc_export_public_raw(key, made.x, &x, made.y, &y);
    if (code != 0)
        return crypto_failed("ecc public key", code);
    assert(x == crypto_ecc_size(curve) && y == x);
    *ret_public = made;
    return BS_OK;
}

enum bs_err crypto_ecdh_ephemeral(const struct crypto_point *point, struct crypto_point *ret_public,
                                  uint8_t ret_z[CRYPTO_ECC_MAX])
{
    WC_RNG *rng;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    CRYPTO_SCOPED_ECC ecc_key theirs = { 0 };
    CRYPTO_SCOPED_ECC ecc_key ours = { 0 };
    struct crypto_point made;
    err = crypto_import_point(point, &theirs);
    if (err == BS_OK)
        err = make_pair(point->curve, rng, &ours, &made);
    if (err != BS_OK)
        return err;

    word32 size = CRYPTO_ECC_MAX;
    int code = wc_ecc_shared_secret(&ours, &theirs, ret_z, &size);
    if (code != 0)
        return crypto_failed("ecdh", code);
    assert(size == crypto_ecc_size(point->curve)); /* padded: Part 1 §C.8 wants the field's size */
    *ret_public = made;
    return BS_OK;
}

static struct bs_span without_zeros(struct bs_span number)
{
    while (number.size > 0 && number.data[0] == 0)
        number = BS_SPAN(number.data + 1, number.size - 1);
    return number;
}

enum bs_err crypto_ecdsa_verify(const struct crypto_point *key, struct bs_span digest, struct bs_span r,
                                struct bs_span s)
{
    CRYPTO_SCOPED_ECC ecc_key public_key = { 0 };
    enum bs_err err = crypto_import_point(key, &public_key);
    if (err != BS_OK)
        return err;

    /* 1 <= r, s < n (SEC 1 §4.1.4): zero and what cannot be a number of the field go here, the rest wolfCrypt refuses. */
    r = without_zeros(r);
    s = without_zeros(s);
    size_t size = crypto_ecc_size(key->curve);
    if (r.size < 1 || r.size > size || s.size < 1 || s.size > size)
        return BS_ERR_UNTRUSTED;

    uint8_t der[2 * CRYPTO_ECC_MAX + 16];
    word32 length = sizeof(der);
    int code = wc_ecc_rs_raw_to_sig(r.data, (word32)r.size, s.data, (word32)s.size, der, &length);
    int is_good = 0;
    if (code == 0)
        code = wc_ecc_verify_hash(der, length, digest.data, (word32)digest.size, &is_good, &public_key);
    if (code != 0) {
        err = crypto_failed("ecdsa verify", code);
        return err == BS_ERR_CRYPTO ? BS_ERR_UNTRUSTED : err;
    }
    return is_good == 1 ? BS_OK : BS_ERR_UNTRUSTED;
}
