/* Public keys out of certificates and requests, and the signatures that they make. */
#include "core/cert_internal.h"

#include <string.h>

/* RFC 4055 §4.1: some EK certificates say by this that the key only encrypts. */
#define OID_RSAES_OAEP "1.2.840.113549.1.1.7"

static struct bs_span without_zeros(struct bs_span number)
{
    while (number.size > 0 && number.data[0] == 0)
        number = BS_SPAN(number.data + 1, number.size - 1);
    return number;
}

/* RSAPublicKey (RFC 8017 A.1.1). */
static bool read_rsa(struct bs_span bits, struct cert_key *key)
{
    struct bs_reader in = BS_READER(bits), r;
    key->is_rsa = true;
    return der_enter(&in, DER_SEQUENCE, &r) && in.left == 0 && der_take_unsigned(&r, &key->modulus) &&
           der_take_small(&r, &key->exponent) && r.left == 0;
}

/* An uncompressed point (RFC 5480 §2.2). */
static bool read_ecc(struct bs_reader *parameters, struct bs_span bits, struct cert_key *key)
{
    struct bs_span curve;
    if (!der_take(parameters, DER_OID, &curve) || parameters->left > 0)
        return false;
    key->point.curve = der_oid_is(curve, DER_OID_P256)   ? CRYPTO_P256
                       : der_oid_is(curve, DER_OID_P384) ? CRYPTO_P384
                                                         : 0;
    size_t size = crypto_ecc_size(key->point.curve);
    if (size == 0 || bits.size != 1 + 2 * size || bits.data[0] != 0x04)
        return false;
    memcpy(key->point.x, bits.data + 1, size);
    memcpy(key->point.y, bits.data + 1 + size, size);
    return true;
}

bool cert_key_read(struct bs_span spki, struct cert_key *ret_key)
{
    struct bs_reader in = BS_READER(spki), r, algorithm;
    struct bs_span oid, bits;
    struct cert_key key = { 0 };
    if (!der_enter(&in, DER_SEQUENCE, &r) || in.left > 0 || !der_enter(&r, DER_SEQUENCE, &algorithm) ||
        !der_take_bits(&r, &bits) || r.left > 0 || !der_take(&algorithm, DER_OID, &oid))
        return false;

    bool is_good = false;
    if (der_oid_is(oid, DER_OID_EC_PUBLIC_KEY))
        is_good = read_ecc(&algorithm, bits, &key);
    else if (der_oid_is(oid, DER_OID_RSA) || der_oid_is(oid, OID_RSAES_OAEP))
        is_good = read_rsa(bits, &key);
    if (is_good)
        *ret_key = key;
    return is_good;
}

bool cert_key_matches(const struct cert_key *key, const TPMT_PUBLIC *public_area)
{
    if (key->is_rsa) {
        const TPM2B_PUBLIC_KEY_RSA *modulus = &public_area->unique.rsa;
        uint32_t exponent = public_area->parameters.rsaDetail.exponent;
        return public_area->type == TPM2_ALG_RSA && key->exponent == (exponent == 0 ? 65537 : exponent) &&
               bs_span_equal(key->modulus, without_zeros(BS_SPAN(modulus->buffer, modulus->size)));
    }
    struct crypto_point point;
    size_t size = crypto_ecc_size(key->point.curve);
    return wire_public_point(public_area, &point) == BS_OK && point.curve == key->point.curve &&
           memcmp(point.x, key->point.x, size) == 0 && memcmp(point.y, key->point.y, size) == 0;
}

/* RFC 5758 §3.2 and RFC 4055 §5. Nothing with SHA-1: certificates by it can be forged. */
static const struct {
    const char *oid;
    bool is_rsa;
    uint16_t hash;
} algorithms[] = {
    { CERT_OID_ECDSA_SHA256, false, CRYPTO_SHA256 },  { "1.2.840.10045.4.3.3", false, CRYPTO_SHA384 },
    { "1.2.840.10045.4.3.4", false, CRYPTO_SHA512 },  { "1.2.840.113549.1.1.11", true, CRYPTO_SHA256 },
    { "1.2.840.113549.1.1.12", true, CRYPTO_SHA384 }, { "1.2.840.113549.1.1.13", true, CRYPTO_SHA512 },
};

#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

/* The hash of an AlgorithmIdentifier that such a key can have signed with; 0: none. */
static uint16_t hash_of(struct bs_span algorithm, bool is_rsa)
{
    struct bs_reader in = BS_READER(algorithm), r;
    struct bs_span oid, null;
    if (!der_enter(&in, DER_SEQUENCE, &r) || in.left > 0 || !der_take(&r, DER_OID, &oid))
        return 0;
    if (is_rsa && der_peek(&r, DER_NULL) && !der_take(&r, DER_NULL, &null))
        return 0;
    if (r.left > 0)
        return 0;
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (algorithms[i].is_rsa == is_rsa && der_oid_is(oid, algorithms[i].oid))
            return algorithms[i].hash;
    return 0;
}

enum bs_err cert_signature_verify(const struct cert_key *key, struct bs_span signed_part, struct bs_span algorithm,
                                  struct bs_span signature)
{
    uint16_t hash = hash_of(algorithm, key->is_rsa);
    if (hash == 0)
        return BS_ERR_UNTRUSTED;

    uint8_t bytes[CRYPTO_HASH_MAX];
    enum bs_err err = crypto_hash(hash, signed_part, bytes);
    if (err != BS_OK)
        return err;
    struct bs_span digest = BS_SPAN(bytes, crypto_hash_size(hash));
    if (key->is_rsa)
        return crypto_rsa_verify(key->modulus, key->exponent, hash, digest, signature);

    /* ECDSA-Sig-Value (RFC 3279 §2.2.3) */
    struct bs_reader in = BS_READER(signature), numbers;
    struct bs_span r, s;
    if (!der_enter(&in, DER_SEQUENCE, &numbers) || in.left > 0 || !der_take_unsigned(&numbers, &r) ||
        !der_take_unsigned(&numbers, &s) || numbers.left > 0)
        return BS_ERR_UNTRUSTED;
    return crypto_ecdsa_verify(&key->point, digest, r, s);
}

bool cert_key_equals(const struct cert_info *info, const TPMT_PUBLIC *public_area)
{
    struct cert_key key;
    return cert_key_read(info->spki, &key) && cert_key_matches(&key, public_area);
}

enum bs_err cert_policy_key(struct bs_span spki, TPMT_PUBLIC *ret_public)
{
    struct cert_key key;
    if (!cert_key_read(spki, &key))
        return BS_ERR_INPUT;
    if (key.is_rsa)
        return wire_policy_key_rsa(key.modulus, key.exponent, ret_public);
    return key.point.curve == CRYPTO_P256 ? wire_policy_key_ecc(&key.point, ret_public) : BS_ERR_INPUT;
}

enum bs_err cert_wrap_signed(struct bs_span signed_part, const uint8_t signature[64], struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf value = BS_BUF(80);
    struct der_writer w;
    der_write_begin(&w, &value);
    der_open(&w, DER_SEQUENCE);
    der_write_unsigned(&w, BS_SPAN(signature, 32));
    der_write_unsigned(&w, BS_SPAN(signature + 32, 32));
    der_close(&w);
    enum bs_err err = der_write_end(&w);
    if (err != BS_OK)
        return err;

    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_write_raw(&w, signed_part);
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, CERT_OID_ECDSA_SHA256);
    der_close(&w);
    der_write_bits(&w, bs_buf_span(&value));
    der_close(&w);
    return der_write_end(&w);
}
