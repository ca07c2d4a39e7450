#include "core/crypto.h"

#include "core/crypto_internal.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include <assert.h>

/* The key schedule is as secret as the key. */
static void release_aes(Aes *aes)
{
    wc_AesFree(aes);
    bs_wipe(aes, sizeof(*aes));
}

#define SCOPED_AES __attribute__((cleanup(release_aes)))

enum bs_err crypto_aead_seal(const uint8_t key[CRYPTO_AEAD_KEY], const uint8_t nonce[CRYPTO_AEAD_NONCE],
                             struct bs_span aad, struct bs_span plain, struct bs_buf *out)
{
    assert(plain.size > 0);

    uint8_t *sealed;
    enum bs_err err = bs_buf_reserve(out, plain.size + CRYPTO_AEAD_TAG, &sealed);
    if (err != BS_OK)
        return err;

    SCOPED_AES Aes aes = { 0 };
    int code = wc_AesInit(&aes, NULL, INVALID_DEVID);
    if (code == 0)
        code = wc_AesGcmSetKey(&aes, key, CRYPTO_AEAD_KEY);
    if (code == 0)
        code = wc_AesGcmEncrypt(&aes, sealed, plain.data, (word32)plain.size, nonce, CRYPTO_AEAD_NONCE,
                                sealed + plain.size, CRYPTO_AEAD_TAG, aad.data, (word32)aad.size);
    if (code != 0)
        return crypto_failed("aes-gcm encrypt", code);
    bs_buf_grown(out, plain.size + CRYPTO_AEAD_TAG);
    return BS_OK;
}

enum bs_err crypto_aead_open(const uint8_t key[CRYPTO_AEAD_KEY], const uint8_t nonce[CRYPTO_AEAD_NONCE],
                             struct bs_span aad, struct bs_span sealed, struct bs_secret **ret_plain)
{
    if (sealed.size <= CRYPTO_AEAD_TAG || sealed.size - CRYPTO_AEAD_TAG > BS_SECRET_MAX)
        return BS_ERR_UNTRUSTED;

    size_t size = sealed.size - CRYPTO_AEAD_TAG;
    BS_OWN(secret) plain = NULL;
    enum bs_err err = bs_secret_new(size, &plain);
    if (err != BS_OK)
        return err;

    SCOPED_AES Aes aes = { 0 };
    int code = wc_AesInit(&aes, NULL, INVALID_DEVID);
    if (code == 0)
        code = wc_AesGcmSetKey(&aes, key, CRYPTO_AEAD_KEY);
    if (code == 0)
        code = wc_AesGcmDecrypt(&aes, bs_secret_data(plain), sealed.data, (word32)size, nonce, CRYPTO_AEAD_NONCE,
                                sealed.data + size, CRYPTO_AEAD_TAG, aad.data, (word32)aad.size);
    if (code == AES_GCM_AUTH_E)
        return BS_ERR_UNTRUSTED;
    if (code != 0)
        return crypto_failed("aes-gcm decrypt", code);
    *ret_plain = BS_TAKE(plain);
    return BS_OK;
}

enum bs_err crypto_aes_cfb(bool encrypt, struct bs_span key, const uint8_t iv[16], uint8_t *data, size_t size)
{
    if (key.size != 16 && key.size != 32)
        return BS_ERR_CRYPTO;
    if (size == 0)
        return BS_OK;

    SCOPED_AES Aes aes = { 0 };
    int code = wc_AesInit(&aes, NULL, INVALID_DEVID);
    /* CFB runs the block cipher forward in both directions. */
    if (code == 0)
        code = wc_AesSetKey(&aes, key.data, (word32)key.size, iv, AES_ENCRYPTION);
    if (code == 0)
        code = encrypt ? wc_AesCfbEncrypt(&aes, data, data, (word32)size)
                       : wc_AesCfbDecrypt(&aes, data, data, (word32)size);
    return code == 0 ? BS_OK : crypto_failed("aes-cfb", code);
}
