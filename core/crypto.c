#include "core/crypto.h"

#include "core/crypto_internal.h"
#include "core/log.h"

#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/hmac.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    uint16_t alg;
    enum wc_HashType type;
    size_t size;
    const char *name;
} hashes[] = {
    { CRYPTO_SHA1, WC_HASH_TYPE_SHA, 20, "sha1" },
    { CRYPTO_SHA256, WC_HASH_TYPE_SHA256, 32, "sha256" },
    { CRYPTO_SHA384, WC_HASH_TYPE_SHA384, 48, "sha384" },
    { CRYPTO_SHA512, WC_HASH_TYPE_SHA512, 64, "sha512" },
};

#define HASH_COUNT (sizeof(hashes) / sizeof(hashes[0]))

const char *crypto_error_text(int code)
{
    (void)code; /* without NO_ERROR_STRINGS this is a function, with it a macro that looks at nothing */
    return wc_GetErrorString(code);
}

enum bs_err crypto_failed(const char *what, int code)
{
    bs_debug("crypto", "%s: wolfCrypt error %d (%s)", what, code, crypto_error_text(code));
    return code == MEMORY_E ? BS_ERR_NOMEM : BS_ERR_CRYPTO;
}

size_t crypto_hash_size(uint16_t alg)
{
    for (size_t i = 0; i < HASH_COUNT; i++)
        if (hashes[i].alg == alg)
            return hashes[i].size;
    return 0;
}

const char *crypto_hash_name(uint16_t alg)
{
    for (size_t i = 0; i < HASH_COUNT; i++)
        if (hashes[i].alg == alg)
            return hashes[i].name;
    return NULL;
}

uint16_t crypto_hash_by_name(const char *name)
{
    for (size_t i = 0; i < HASH_COUNT; i++)
        if (strcmp(hashes[i].name, name) == 0)
            return hashes[i].alg;
    return 0;
}

enum wc_HashType crypto_wc_hash(uint16_t alg)
{
    for (size_t i = 0; i < HASH_COUNT; i++)
        if (hashes[i].alg == alg)
            return hashes[i].type;
    return WC_HASH_TYPE_NONE;
}

/*
 * One generator a thread: wolfCrypt's DRBG has no lock of its own, and bootseald signs on several loops at a time.
 */
static pthread_key_t rng_key;
static pthread_once_t rng_once = PTHREAD_ONCE_INIT;
static int rng_key_error;

static void rng_release(void *rng)
{
    wc_FreeRng(rng);
    free(rng);
}

static void rng_make_key(void)
{
    rng_key_error = pthread_key_create(&rng_key, rng_release);
}

enum bs_err crypto_rng(WC_RNG **ret_rng)
{
    if (pthread_once(&rng_once, rng_make_key) != 0 || rng_key_error != 0)
        return BS_ERR_NOMEM;

    WC_RNG *known = pthread_getspecific(rng_key);
    if (known) {
        *ret_rng = known;
        return BS_OK;
    }

    BS_OWN(memory) memory = calloc(1, sizeof(WC_RNG));
    if (!memory)
        return BS_ERR_NOMEM;
    int code = wc_InitRng(memory);
    if (code != 0)
        return crypto_failed("random generator", code);
    if (pthread_setspecific(rng_key, memory) != 0) {
        wc_FreeRng(memory);
        return BS_ERR_NOMEM;
    }
    *ret_rng = BS_TAKE(memory);
    return BS_OK;
}

enum bs_err crypto_random(void *ret_data, size_t size)
{
    WC_RNG *rng;
    enum bs_err err = crypto_rng(&rng);
    if (err != BS_OK)
        return err;

    /* RNG_MAX_BLOCK_LEN: the DRBG gives at most 64 KiB at a time. */
    uint8_t *at = ret_data;
    while (size > 0) {
        size_t chunk = size < RNG_MAX_BLOCK_LEN ? size : RNG_MAX_BLOCK_LEN;
        int code = wc_RNG_GenerateBlock(rng, at, (word32)chunk);
        if (code != 0)
            return crypto_failed("random bytes", code);
        at += chunk;
        size -= chunk;
    }
    return BS_OK;
}

/* `state` may be uninitialized: wolfCrypt's are large, logs are made of hundreds of short hashes, and clearing would cost more than they do. */
struct crypto_digest {
    uint16_t alg; /* 0: not begun */
    bool is_hmac;
    union {
        wc_HashAlg hash;
        Hmac hmac;
    } state;
};

static enum bs_err begin_hash(uint16_t alg, struct crypto_digest *digest)
{
    digest->alg = 0;
    if (crypto_hash_size(alg) == 0)
        return BS_ERR_CRYPTO;
    digest->alg = alg;
    digest->is_hmac = false;
    int code = wc_HashInit(&digest->state.hash, crypto_wc_hash(alg));
    return code == 0 ? BS_OK : crypto_failed("hash", code);
}

static enum bs_err begin_hmac(uint16_t alg, struct bs_span key, struct crypto_digest *digest)
{
    digest->alg = 0;
    if (crypto_hash_size(alg) == 0)
        return BS_ERR_CRYPTO;
    *digest = (struct crypto_digest){ .alg = alg, .is_hmac = true };
    Hmac *hmac = &digest->state.hmac;
    int code = wc_HmacInit(hmac, NULL, INVALID_DEVID);
    if (code == 0)
        code = wc_HmacSetKey(hmac, (int)crypto_wc_hash(alg), key.data, (word32)key.size);
    return code == 0 ? BS_OK : crypto_failed("hmac", code);
}

/* Also of one that could not be begun. */
static void end(struct crypto_digest *digest)
{
    if (digest->alg == 0)
        return;
    if (digest->is_hmac)
        wc_HmacFree(&digest->state.hmac);
    else
        (void)wc_HashFree(&digest->state.hash, crypto_wc_hash(digest->alg));
    bs_wipe(digest,
            digest->is_hmac ? sizeof(*digest) : offsetof(struct crypto_digest, state) + sizeof(digest->state.hash));
}
/* What is hashed in one go needs no memory of its own: there are dozens in a boot. */
#define SCOPED_DIGEST __attribute__((cleanup(end))) struct crypto_digest

enum bs_err crypto_digest_hash(uint16_t alg, struct crypto_digest **ret_digest)
{
    BS_OWN(digest) digest = calloc(1, sizeof(*digest));
    enum bs_err err = digest ? begin_hash(alg, digest) : BS_ERR_NOMEM;
    if (err == BS_OK)
        *ret_digest = BS_TAKE(digest);
    return err;
}

enum bs_err crypto_digest_hmac(uint16_t alg, struct bs_span key, struct crypto_digest **ret_digest)
{
    BS_OWN(digest) digest = calloc(1, sizeof(*digest));
    enum bs_err err = digest ? begin_hmac(alg, key, digest) : BS_ERR_NOMEM;
    if (err == BS_OK)
        *ret_digest = BS_TAKE(digest);
    return err;
}

enum bs_err crypto_digest_update(struct crypto_digest *digest, struct bs_span data)
{
    if (data.size == 0)
        return BS_OK;

    int code = digest->is_hmac
                   ? wc_HmacUpdate(&digest->state.hmac, data.data, (word32)data.size)
                   : wc_HashUpdate(&digest->state.hash, crypto_wc_hash(digest->alg), data.data, (word32)data.size);
    return code == 0 ? BS_OK : crypto_failed("hash update", code);
}

enum bs_err crypto_digest_final(struct crypto_digest *digest, uint8_t *ret_value, size_t *ret_size)
{
    int code = digest->is_hmac ? wc_HmacFinal(&digest->state.hmac, ret_value)
                               : wc_HashFinal(&digest->state.hash, crypto_wc_hash(digest->alg), ret_value);
    if (code != 0)
        return crypto_failed("hash final", code);
    if (ret_size)
        *ret_size = crypto_hash_size(digest->alg);
    return BS_OK;
}

void crypto_digest_free(struct crypto_digest *digest)
{
    if (!digest)
        return;
    end(digest);
    free(digest);
}

static enum bs_err finish(struct crypto_digest *digest, const struct bs_span *pieces, size_t count, uint8_t *ret_value)
{
    for (size_t i = 0; i < count; i++) {
        enum bs_err err = crypto_digest_update(digest, pieces[i]);
        if (err != BS_OK)
            return err;
    }
    return crypto_digest_final(digest, ret_value, NULL);
}

enum bs_err crypto_hash(uint16_t alg, struct bs_span data, uint8_t *ret_digest)
{
    SCOPED_DIGEST digest;
    enum bs_err err = begin_hash(alg, &digest);
    return err == BS_OK ? finish(&digest, &data, 1, ret_digest) : err;
}

enum bs_err crypto_sha256(const struct bs_span *pieces, size_t count, uint8_t ret_digest[CRYPTO_SHA256_SIZE])
{
    SCOPED_DIGEST digest;
    enum bs_err err = begin_hash(CRYPTO_SHA256, &digest);
    return err == BS_OK ? finish(&digest, pieces, count, ret_digest) : err;
}

enum bs_err crypto_labelled(const char *label, const struct bs_span *pieces, size_t count,
                            uint8_t ret_digest[CRYPTO_SHA256_SIZE])
{
    SCOPED_DIGEST digest;
    enum bs_err err = begin_hash(CRYPTO_SHA256, &digest);
    if (err == BS_OK)
        err = crypto_digest_update(&digest, BS_SPAN(label, strlen(label) + 1));
    return err == BS_OK ? finish(&digest, pieces, count, ret_digest) : err;
}

enum bs_err crypto_hmac(uint16_t alg, struct bs_span key, struct bs_span data, uint8_t *ret_mac)
{
    SCOPED_DIGEST digest;
    enum bs_err err = begin_hmac(alg, key, &digest);
    return err == BS_OK ? finish(&digest, &data, 1, ret_mac) : err;
}
