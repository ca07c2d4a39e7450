/*
 * What ESYS needs of cryptography, on core/crypto.h; tpm2-tss is built without a library of its own. The contracts are
 * those of tss2_esys.h (ESYS_CRYPTO_CALLBACKS).
 */
#include "agent/tpm/internal.h"

#include <string.h>

/* ESYS declares its context opaque; ours is struct crypto_digest, for hash and HMAC alike. */
static struct crypto_digest *digest_of(ESYS_CRYPTO_CONTEXT_BLOB *context)
{
    return (struct crypto_digest *)context;
}

static TSS2_RC rc_of(enum bs_err err)
{
    if (err == BS_OK)
        return TSS2_RC_SUCCESS;
    return err == BS_ERR_NOMEM ? TSS2_ESYS_RC_MEMORY : TSS2_ESYS_RC_GENERAL_FAILURE;
}

static TSS2_RC hash_start(ESYS_CRYPTO_CONTEXT_BLOB **context, TPM2_ALG_ID alg, void *userdata)
{
    (void)userdata;
    struct crypto_digest *digest = NULL;
    enum bs_err err = crypto_digest_hash(alg, &digest);
    if (err == BS_OK)
        *context = (ESYS_CRYPTO_CONTEXT_BLOB *)digest;
    return rc_of(err);
}

static TSS2_RC hmac_start(ESYS_CRYPTO_CONTEXT_BLOB **context, TPM2_ALG_ID alg, const uint8_t *key, size_t size,
                          void *userdata)
{
    (void)userdata;
    struct crypto_digest *digest = NULL;
    enum bs_err err = crypto_digest_hmac(alg, BS_SPAN(key, size), &digest);
    if (err == BS_OK)
        *context = (ESYS_CRYPTO_CONTEXT_BLOB *)digest;
    return rc_of(err);
}

static TSS2_RC digest_update(ESYS_CRYPTO_CONTEXT_BLOB *context, const uint8_t *data, size_t size, void *userdata)
{
    (void)userdata;
    return rc_of(crypto_digest_update(digest_of(context), BS_SPAN(data, size)));
}

static void digest_abort(ESYS_CRYPTO_CONTEXT_BLOB **context, void *userdata)
{
    (void)userdata;
    if (!context)
        return;
    crypto_digest_free(digest_of(*context));
    *context = NULL;
}

/* `size` is the room on entry. */
static TSS2_RC digest_finish(ESYS_CRYPTO_CONTEXT_BLOB **context, uint8_t *buffer, size_t *size, void *userdata)
{
    uint8_t value[CRYPTO_HASH_MAX];
    size_t length = 0;
    TSS2_RC rc = rc_of(crypto_digest_final(digest_of(*context), value, &length));

    digest_abort(context, userdata);
    if (rc == TSS2_RC_SUCCESS && length > *size)
        rc = TSS2_ESYS_RC_BAD_SIZE;
    if (rc == TSS2_RC_SUCCESS) {
        memcpy(buffer, value, length);
        *size = length;
    }
    bs_wipe(value, sizeof(value));
    return rc;
}

static TSS2_RC get_random(TPM2B_NONCE *nonce, size_t size, void *userdata)
{
    (void)userdata;
    if (size == 0)
        size = sizeof(TPMU_HA);
    if (size > sizeof(nonce->buffer))
        return TSS2_ESYS_RC_BAD_SIZE;
    nonce->size = (UINT16)size;
    return rc_of(crypto_random(nonce->buffer, size));
}

/* A TPM2B of one coordinate, at `out`; its end. */
static BYTE *put_coordinate(BYTE *out, const uint8_t *coordinate, UINT16 size)
{
    out[0] = (BYTE)(size >> 8);
    out[1] = (BYTE)size;
    memcpy(out + 2, coordinate, size);
    return out + 2 + size;
}

/*
 * Part 1 §C.6.1: Z = the x coordinate of (ephemeral private · TPM public), Q = the ephemeral public point, marshalled
 * to `out`.
 */
static TSS2_RC get_ecdh_point(TPM2B_PUBLIC *key, size_t room, TPM2B_ECC_PARAMETER *z, TPMS_ECC_POINT *q, BYTE *out,
                              size_t *out_size, void *userdata)
{
    (void)userdata;
    struct crypto_point point, ephemeral;
    uint8_t shared[CRYPTO_ECC_MAX];

    if (wire_public_point(&key->publicArea, &point) != BS_OK)
        return TSS2_ESYS_RC_NOT_IMPLEMENTED;
    enum bs_err err = crypto_ecdh_ephemeral(&point, &ephemeral, shared);
    if (err != BS_OK)
        return rc_of(err);

    UINT16 size = (UINT16)crypto_ecc_size(point.curve);
    if (room < 2u * (2u + size))
        return TSS2_ESYS_RC_BAD_SIZE;
    z->size = q->x.size = q->y.size = size;
    memcpy(z->buffer, shared, size);
    memcpy(q->x.buffer, ephemeral.x, size);
    memcpy(q->y.buffer, ephemeral.y, size);
    bs_wipe(shared, sizeof(shared));

    BYTE *end = put_coordinate(out, ephemeral.x, size);
    *out_size = (size_t)(put_coordinate(end, ephemeral.y, size) - out);
    return TSS2_RC_SUCCESS;
}

/* Parameter encryption: AES-CFB alone; ESYS puts the key and the iv one after the other (Part 1 §21.3). */
static TSS2_RC aes(bool encrypt, const uint8_t *key, TPM2_ALG_ID alg, TPMI_AES_KEY_BITS bits, TPM2_ALG_ID mode,
                   uint8_t *buffer, size_t size, const uint8_t *iv)
{
    if (alg != TPM2_ALG_AES || mode != TPM2_ALG_CFB)
        return TSS2_ESYS_RC_BAD_VALUE;
    return rc_of(crypto_aes_cfb(encrypt, BS_SPAN(key, bits / 8), iv, buffer, size));
}

static TSS2_RC aes_encrypt(uint8_t *key, TPM2_ALG_ID alg, TPMI_AES_KEY_BITS bits, TPM2_ALG_ID mode, uint8_t *buffer,
                           size_t size, uint8_t *iv, void *userdata)
{
    (void)userdata;
    return aes(true, key, alg, bits, mode, buffer, size, iv);
}

static TSS2_RC aes_decrypt(uint8_t *key, TPM2_ALG_ID alg, TPMI_AES_KEY_BITS bits, TPM2_ALG_ID mode, uint8_t *buffer,
                           size_t size, uint8_t *iv, void *userdata)
{
    (void)userdata;
    return aes(false, key, alg, bits, mode, buffer, size, iv);
}

/* Part 1 §B.4: OAEP with the key's nameAlg; the label's zero is part of it, and crypto_rsa_oaep adds it. */
static TSS2_RC rsa_encrypt(TPM2B_PUBLIC *key, size_t size, BYTE *in, size_t room, BYTE *out, size_t *out_size,
                           const char *label, void *userdata)
{
    (void)userdata;
    const TPMT_PUBLIC *area = &key->publicArea;
    if (room < area->unique.rsa.size)
        return TSS2_ESYS_RC_BAD_SIZE;
    return rc_of(crypto_rsa_oaep(BS_SPAN(area->unique.rsa.buffer, area->unique.rsa.size),
                                 area->parameters.rsaDetail.exponent, area->nameAlg, label, BS_SPAN(in, size), out,
                                 out_size));
}

TSS2_RC crypto_callbacks_set(ESYS_CONTEXT *esys)
{
    static ESYS_CRYPTO_CALLBACKS callbacks = {
        .rsa_pk_encrypt = rsa_encrypt,
        .hash_start = hash_start,
        .hash_update = digest_update,
        .hash_finish = digest_finish,
        .hash_abort = digest_abort,
        .hmac_start = hmac_start,
        .hmac_update = digest_update,
        .hmac_finish = digest_finish,
        .hmac_abort = digest_abort,
        .get_random2b = get_random,
        .get_ecdh_point = get_ecdh_point,
        .aes_encrypt = aes_encrypt,
        .aes_decrypt = aes_decrypt,
    };
    return Esys_SetCryptoCallbacks(esys, &callbacks);
}
