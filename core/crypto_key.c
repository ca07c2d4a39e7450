/* Signing keys in software: the server's alone (and the tests'); the agent's keys live in its TPM. */
#include "core/cert.h"
#include "core/crypto.h"
#include "core/crypto_internal.h"
#include "core/der.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SCALAR_SIZE 32
#define PEM_TYPE "PRIVATE KEY"

struct crypto_key {
    struct bs_secret *scalar;
    struct crypto_point point;
};

void crypto_key_free(struct crypto_key *key)
{
    if (!key)
        return;
    bs_secret_free(key->scalar);
    free(key);
}

/* Takes what wolfCrypt holds: the private number to locked memory, the public point beside it. */
static enum bs_err key_from_wc(ecc_key *wc, struct crypto_key **ret_key)
{
    BS_OWN(key) key = calloc(1, sizeof(*key));
    if (!key)
        return BS_ERR_NOMEM;
    enum bs_err err = bs_secret_new(SCALAR_SIZE, &key->scalar);
    if (err != BS_OK)
        return err;

    key->point.curve = CRYPTO_P256;
    word32 d = SCALAR_SIZE, x = sizeof(key->point.x), y = sizeof(key->point.y);
    int code = wc_ecc_export_private_only(wc, bs_secret_data(key->scalar), &d);
    if (code == 0)
        code = wc_ecc_export_public_raw(wc, key->point.x, &x, key->point.y, &y);
    if (code != 0)
        return crypto_failed("signing key", code);
    assert(d == SCALAR_SIZE && x == SCALAR_SIZE && y == SCALAR_SIZE);
    *ret_key = BS_TAKE(key);
    return BS_OK;
}

enum bs_err crypto_key_make(struct crypto_key **ret_key)
{
    WC_RNG *rng;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    CRYPTO_SCOPED_ECC ecc_key wc = { 0 };
    int code = wc_ecc_init(&wc);
    if (code == 0)
        code = wc_ecc_make_key_ex(rng, SCALAR_SIZE, &wc, ECC_SECP256R1);
    if (code != 0)
        return crypto_failed("signing key", code);
    return key_from_wc(&wc, ret_key);
}

/* The private number as wolfCrypt's key; its public half is computed, never believed. */
static enum bs_err import_scalar(struct bs_span scalar, ecc_key *wc)
{
    WC_RNG *rng;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    int code = wc_ecc_init(wc);
    if (code == 0)
        code = wc_ecc_import_private_key_ex(scalar.data, (word32)scalar.size, NULL, 0, wc, ECC_SECP256R1);
    if (code == 0)
        code = wc_ecc_make_pub_ex(wc, NULL, rng);
    return code == 0 ? BS_OK : crypto_failed("signing key", code);
}

/* PKCS #8 (RFC 5958 §2) around ECPrivateKey (RFC 5915 §3) on P-256. */
static bool read_pkcs8(struct bs_span der, struct bs_span *ret_scalar)
{
    struct bs_reader in = BS_READER(der), info, algorithm, octets, key;
    struct bs_span oid, curve;
    uint32_t version;

    if (!der_enter(&in, DER_SEQUENCE, &info) || in.left > 0 || !der_take_small(&info, &version) || version != 0)
        return false;
    if (!der_enter(&info, DER_SEQUENCE, &algorithm) || !der_take(&algorithm, DER_OID, &oid) ||
        !der_take(&algorithm, DER_OID, &curve) || algorithm.left > 0)
        return false;
    if (!der_oid_is(oid, DER_OID_EC_PUBLIC_KEY) || !der_oid_is(curve, DER_OID_P256))
        return false;
    if (!der_enter(&info, DER_OCTET_STRING, &octets) || !der_enter(&octets, DER_SEQUENCE, &key) || octets.left > 0)
        return false;
    return der_take_small(&key, &version) && version == 1 && der_take(&key, DER_OCTET_STRING, ret_scalar) &&
           ret_scalar->size == SCALAR_SIZE;
}

enum bs_err crypto_key_from_pem(struct bs_span pem, struct crypto_key **ret_key)
{
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(512);
    enum bs_err err = cert_pem_decode(pem, PEM_TYPE, &der);
    if (err != BS_OK)
        return err;

    struct bs_span scalar;
    if (!read_pkcs8(bs_buf_span(&der), &scalar))
        return BS_ERR_INPUT;
    CRYPTO_SCOPED_ECC ecc_key wc = { 0 };
    err = import_scalar(scalar, &wc);
    if (err != BS_OK)
        return err == BS_ERR_CRYPTO ? BS_ERR_INPUT : err;
    return key_from_wc(&wc, ret_key);
}

static enum bs_err write_pkcs8(const struct crypto_key *key, struct bs_buf *out)
{
    uint8_t point[1 + 2 * SCALAR_SIZE] = { 0x04 };
    memcpy(point + 1, key->point.x, SCALAR_SIZE);
    memcpy(point + 1 + SCALAR_SIZE, key->point.y, SCALAR_SIZE);

    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_write_small(&w, 0);
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, DER_OID_EC_PUBLIC_KEY);
    der_write_oid(&w, DER_OID_P256);
    der_close(&w);
    der_open(&w, DER_OCTET_STRING);
    der_open(&w, DER_SEQUENCE);
    der_write_small(&w, 1);
    der_write(&w, DER_OCTET_STRING, BS_SPAN(bs_secret_view(key->scalar), SCALAR_SIZE));
    der_open(&w, DER_CONSTRUCTED(1));
    der_write_bits(&w, BS_SPAN(point, sizeof(point)));
    der_close(&w);
    der_close(&w);
    der_close(&w);
    der_close(&w);
    return der_write_end(&w);
}

enum bs_err crypto_key_to_pem(const struct crypto_key *key, struct bs_secret **ret_pem)
{
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(512);
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(1024);
    enum bs_err err = write_pkcs8(key, &der);
    if (err == BS_OK)
        err = cert_pem_encode(bs_buf_span(&der), PEM_TYPE, &pem);
    return err == BS_OK ? bs_secret_copy(pem.data, pem.size, ret_pem) : err;
}

enum bs_err crypto_key_public(const struct crypto_key *key, struct crypto_point *ret_point)
{
    *ret_point = key->point;
    return BS_OK;
}

enum bs_err crypto_key_ecdh(struct crypto_key *key, const struct crypto_point *point, uint8_t ret_z[SCALAR_SIZE])
{
    WC_RNG *rng;
    CRYPTO_SCOPED_ECC ecc_key ours = { 0 };
    CRYPTO_SCOPED_ECC ecc_key theirs = { 0 };
    if (point->curve != CRYPTO_P256)
        return BS_ERR_UNTRUSTED;
    enum bs_err err = crypto_rng(&rng);
    if (err == BS_OK)
        err = crypto_import_point(point, &theirs);
    if (err != BS_OK)
        return err;
    int code = wc_ecc_init(&ours);
    if (code == 0)
        code = wc_ecc_import_unsigned(&ours, key->point.x, key->point.y, bs_secret_view(key->scalar), ECC_SECP256R1);
    if (code == 0)
        code = wc_ecc_set_rng(&ours, rng);
    word32 size = SCALAR_SIZE;
    if (code == 0)
        code = wc_ecc_shared_secret(&ours, &theirs, ret_z, &size);
    if (code != 0)
        return crypto_failed("ecdh", code);
    assert(size == SCALAR_SIZE);
    return BS_OK;
}

enum bs_err crypto_key_sign(struct crypto_key *key, const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    WC_RNG *rng;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    /* A key of this call's own: wolfCrypt writes to its keys while it signs, and several loops sign with this one. */
    CRYPTO_SCOPED_ECC ecc_key wc = { 0 };
    int code = wc_ecc_init(&wc);
    if (code == 0)
        code = wc_ecc_import_unsigned(&wc, key->point.x, key->point.y, bs_secret_view(key->scalar), ECC_SECP256R1);
    uint8_t der[80], signature[64] = { 0 };
    word32 length = sizeof(der);
    if (code == 0)
        code = wc_ecc_sign_hash(digest, CRYPTO_SHA256_SIZE, der, &length, rng, &wc);
    if (code != 0)
        return crypto_failed("ecdsa sign", code);

    uint8_t r[SCALAR_SIZE], s[SCALAR_SIZE];
    word32 r_size = sizeof(r), s_size = sizeof(s);
    code = wc_ecc_sig_to_rs(der, length, r, &r_size, s, &s_size);
    if (code != 0)
        return crypto_failed("ecdsa signature", code);
    memcpy(signature + SCALAR_SIZE - r_size, r, r_size);
    memcpy(signature + 2 * SCALAR_SIZE - s_size, s, s_size);
    memcpy(ret_signature, signature, sizeof(signature));
    return BS_OK;
}
