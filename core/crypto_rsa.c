#include "core/crypto.h"

#include "core/crypto_internal.h"

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/rsa.h>

#include <string.h>

static void release_rsa(RsaKey *key)
{
    (void)wc_FreeRsaKey(key);
}

#define SCOPED_RSA __attribute__((cleanup(release_rsa)))

static int mgf1_of(uint16_t alg)
{
    switch (alg) {
    case CRYPTO_SHA1:
        return WC_MGF1SHA1;
    case CRYPTO_SHA256:
        return WC_MGF1SHA256;
    case CRYPTO_SHA384:
        return WC_MGF1SHA384;
    case CRYPTO_SHA512:
        return WC_MGF1SHA512;
    default:
        return WC_MGF1NONE;
    }
}

/* 2048 to 4096 bits; an odd modulus and an odd exponent above 1, or there is no such key. */
static enum bs_err import_key(struct bs_span modulus, uint32_t exponent, RsaKey *key)
{
    if (exponent == 0)
        exponent = 65537; /* Part 2 §12.2.3.5 */
    if (modulus.size < 256 || modulus.size > CRYPTO_RSA_MAX || modulus.data[0] == 0)
        return BS_ERR_UNTRUSTED;
    if (modulus.data[modulus.size - 1] % 2 == 0 || exponent % 2 == 0 || exponent < 3)
        return BS_ERR_UNTRUSTED;

    const uint8_t e[4] = { (uint8_t)(exponent >> 24), (uint8_t)(exponent >> 16), (uint8_t)(exponent >> 8),
                           (uint8_t)exponent };
    int code = wc_InitRsaKey(key, NULL);
    if (code == 0)
        code = wc_RsaPublicKeyDecodeRaw(modulus.data, (word32)modulus.size, e, sizeof(e), key);
    return code == 0 ? BS_OK : crypto_failed("rsa key", code);
}

enum bs_err crypto_rsa_oaep(struct bs_span modulus, uint32_t exponent, uint16_t alg, const char *label,
                            struct bs_span plain, uint8_t *ret_cipher, size_t *ret_size)
{
    WC_RNG *rng;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    SCOPED_RSA RsaKey key = { 0 };
    err = import_key(modulus, exponent, &key);
    if (err != BS_OK)
        return err;

    /* Part 1 §B.4: the label of a TPM ends with its zero, which is hashed. */
    int size = wc_RsaPublicEncrypt_ex(plain.data, (word32)plain.size, ret_cipher, (word32)modulus.size, &key, rng,
                                      WC_RSA_OAEP_PAD, crypto_wc_hash(alg), mgf1_of(alg), (byte *)label,
                                      (word32)strlen(label) + 1);
    if (size < 0)
        return crypto_failed("rsa oaep", size);
    *ret_size = (size_t)size;
    return BS_OK;
}

/* What a PKCS #1 v1.5 signature holds: DigestInfo (RFC 8017 §9.2), encoded in one way only. */
static size_t digest_info(uint16_t alg, struct bs_span digest, uint8_t *ret_info)
{
    int oid = wc_HashGetOID(crypto_wc_hash(alg));
    return oid > 0 ? wc_EncodeSignature(ret_info, digest.data, (word32)digest.size, oid) : 0;
}

enum bs_err crypto_rsa_verify(struct bs_span modulus, uint32_t exponent, uint16_t alg, struct bs_span digest,
                              struct bs_span signature)
{
    if (digest.size == 0 || digest.size != crypto_hash_size(alg))
        return BS_ERR_UNTRUSTED;

    SCOPED_RSA RsaKey key = { 0 };
    enum bs_err err = import_key(modulus, exponent, &key);
    if (err != BS_OK)
        return err;

    uint8_t found[CRYPTO_RSA_MAX], expected[CRYPTO_HASH_MAX + 32];
    int size = wc_RsaSSL_Verify(signature.data, (word32)signature.size, found, sizeof(found), &key);
    if (size < 0) {
        err = crypto_failed("rsa verify", size);
        return err == BS_ERR_CRYPTO ? BS_ERR_UNTRUSTED : err;
    }
    size_t expected_size = digest_info(alg, digest, expected);
    if (expected_size == 0 || !bs_span_equal(BS_SPAN(found, size), BS_SPAN(expected, expected_size)))
        return BS_ERR_UNTRUSTED;
    return BS_OK;
}
