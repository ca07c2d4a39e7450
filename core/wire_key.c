/* Public keys of a TPM outside of it: points, SubjectPublicKeyInfo, the device's identity, signatures. */
#include "core/der.h"
#include "core/wire.h"

#include <string.h>

/* A coordinate, left-padded to the field's size. TPMs of older revisions leave leading zeros out (Part 1 §C.8). */
static bool pad(const TPM2B_ECC_PARAMETER *number, size_t size, uint8_t *ret_padded)
{
    if (number->size == 0 || number->size > size)
        return false;
    memset(ret_padded, 0, size - number->size);
    memcpy(ret_padded + size - number->size, number->buffer, number->size);
    return true;
}

enum bs_err wire_public_point(const TPMT_PUBLIC *public_area, struct crypto_point *ret_point)
{
    if (public_area->type != TPM2_ALG_ECC)
        return BS_ERR_PROTOCOL;

    struct crypto_point point = { .curve = public_area->parameters.eccDetail.curveID };
    size_t size = crypto_ecc_size(point.curve);
    const TPMS_ECC_POINT *unique = &public_area->unique.ecc;
    if (size == 0 || !pad(&unique->x, size, point.x) || !pad(&unique->y, size, point.y))
        return BS_ERR_PROTOCOL;
    *ret_point = point;
    return BS_OK;
}

/* RFC 5480 §2. */
enum bs_err wire_point_spki(const struct crypto_point *point, struct bs_buf *out)
{
    size_t size = crypto_ecc_size(point->curve);
    uint8_t bytes[1 + 2 * CRYPTO_ECC_MAX] = { 0x04 };
    memcpy(bytes + 1, point->x, size);
    memcpy(bytes + 1 + size, point->y, size);

    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, DER_OID_EC_PUBLIC_KEY);
    der_write_oid(&w, point->curve == CRYPTO_P256 ? DER_OID_P256 : DER_OID_P384);
    der_close(&w);
    der_write_bits(&w, BS_SPAN(bytes, 1 + 2 * size));
    der_close(&w);
    return der_write_end(&w);
}

static enum bs_err write_rsa_key(const TPMT_PUBLIC *public_area, struct bs_buf *out)
{
    const TPM2B_PUBLIC_KEY_RSA *modulus = &public_area->unique.rsa;
    uint32_t exponent = public_area->parameters.rsaDetail.exponent;
    if (exponent == 0)
        exponent = 65537; /* Part 2 §12.2.3.5 */
    const uint8_t e[4] = { (uint8_t)(exponent >> 24), (uint8_t)(exponent >> 16), (uint8_t)(exponent >> 8),
                           (uint8_t)exponent };

    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_write_unsigned(&w, BS_SPAN(modulus->buffer, modulus->size));
    der_write_unsigned(&w, BS_SPAN(e, sizeof(e)));
    der_close(&w);
    return der_write_end(&w);
}

/* RFC 3279 §2.3.1. */
static enum bs_err write_rsa_spki(const TPMT_PUBLIC *public_area, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf key = BS_BUF(CRYPTO_RSA_MAX + 32);
    enum bs_err err = write_rsa_key(public_area, &key);
    if (err != BS_OK)
        return err;

    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, DER_OID_RSA);
    der_write(&w, DER_NULL, BS_SPAN_NONE);
    der_close(&w);
    der_write_bits(&w, bs_buf_span(&key));
    der_close(&w);
    return der_write_end(&w);
}

enum bs_err wire_public_spki(const TPMT_PUBLIC *public_area, struct bs_buf *out)
{
    if (public_area->type == TPM2_ALG_RSA)
        return public_area->unique.rsa.size > 0 ? write_rsa_spki(public_area, out) : BS_ERR_PROTOCOL;

    struct crypto_point point;
    enum bs_err err = wire_public_point(public_area, &point);
    return err == BS_OK ? wire_point_spki(&point, out) : err;
}

enum bs_err wire_device_id(const TPMT_PUBLIC *ek, uint8_t ret_id[WIRE_ID_SIZE])
{
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(CRYPTO_RSA_MAX + 64);
    enum bs_err err = wire_public_spki(ek, &spki);
    return err == BS_OK ? crypto_hash(CRYPTO_SHA256, bs_buf_span(&spki), ret_id) : err;
}

/* The hash of an ECDSA signature that the key may make; 0: none. */
static uint16_t ecdsa_hash(const TPMT_PUBLIC *key, const TPMT_SIGNATURE *signature)
{
    if (key->type != TPM2_ALG_ECC || signature->sigAlg != TPM2_ALG_ECDSA)
        return 0;
    uint16_t hash = signature->signature.ecdsa.hash;
    if (hash != CRYPTO_SHA256 && hash != CRYPTO_SHA384)
        return 0;

    const TPMT_ECC_SCHEME *scheme = &key->parameters.eccDetail.scheme;
    if (scheme->scheme == TPM2_ALG_NULL)
        return hash;
    return scheme->scheme == TPM2_ALG_ECDSA && scheme->details.ecdsa.hashAlg == hash ? hash : 0;
}

enum bs_err wire_attest_verify(const TPMT_PUBLIC *key, struct bs_span attest, const TPMT_SIGNATURE *signature)
{
    uint16_t hash = ecdsa_hash(key, signature);
    if (hash == 0)
        return BS_ERR_PROTOCOL;

    struct crypto_point point;
    uint8_t digest[CRYPTO_HASH_MAX];
    enum bs_err err = wire_public_point(key, &point);
    if (err == BS_OK)
        err = crypto_hash(hash, attest, digest);
    if (err != BS_OK)
        return err;

    const TPMS_SIGNATURE_ECC *numbers = &signature->signature.ecdsa;
    return crypto_ecdsa_verify(&point, BS_SPAN(digest, crypto_hash_size(hash)),
                               BS_SPAN(numbers->signatureR.buffer, numbers->signatureR.size),
                               BS_SPAN(numbers->signatureS.buffer, numbers->signatureS.size));
}

enum bs_err wire_pcr_digest(uint16_t hash, const struct bs_span *values, size_t count, uint8_t *ret_digest)
{
    BS_OWN(digest) digest = NULL;
    enum bs_err err = crypto_digest_hash(hash, &digest);
    for (size_t i = 0; i < count && err == BS_OK; i++)
        err = crypto_digest_update(digest, values[i]);
    return err == BS_OK ? crypto_digest_final(digest, ret_digest, NULL) : err;
}
