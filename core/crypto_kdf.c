#include "core/crypto.h"

#include "core/crypto_internal.h"

#include <wolfssl/wolfcrypt/hmac.h>

#include <assert.h>
#include <string.h>

#define INFO_MAX 128

enum bs_err crypto_hkdf_info(struct bs_span key, struct bs_span salt, const struct bs_span *pieces, size_t count,
                             uint8_t *ret_key, size_t size)
{
    assert(size > 0 && size <= 255 * CRYPTO_SHA256_SIZE); /* RFC 5869 §2.3 */

    uint8_t info[INFO_MAX];
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        assert(pieces[i].size <= sizeof(info) - length);
        memcpy(info + length, pieces[i].data, pieces[i].size);
        length += pieces[i].size;
    }
    int code = wc_HKDF(WC_SHA256, key.data, (word32)key.size, salt.data, (word32)salt.size, info, (word32)length,
                       ret_key, (word32)size);
    return code == 0 ? BS_OK : crypto_failed("hkdf", code);
}

enum bs_err crypto_hkdf(struct bs_span key, struct bs_span salt, const char *info, uint8_t *ret_key, size_t size)
{
    const struct bs_span piece = bs_span_of_string(info);
    return crypto_hkdf_info(key, salt, &piece, 1, ret_key, size);
}

static void put_be32(uint32_t value, uint8_t ret_bytes[4])
{
    for (int i = 0; i < 4; i++)
        ret_bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

struct block {
    uint8_t bytes[CRYPTO_HASH_MAX];
};

static void block_wipe(struct block *block)
{
    bs_wipe(block, sizeof(*block));
}

/* One round of either function; takes the pieces in turn. */
static enum bs_err kdf_round(struct crypto_digest *digest, const struct bs_span *pieces, size_t count, uint8_t *ret_key,
                             size_t size)
{
    enum bs_err err = BS_OK;
    for (size_t i = 0; i < count && err == BS_OK; i++)
        err = crypto_digest_update(digest, pieces[i]);

    __attribute__((cleanup(block_wipe))) struct block block;
    if (err == BS_OK)
        err = crypto_digest_final(digest, block.bytes, NULL);
    if (err == BS_OK)
        memcpy(ret_key, block.bytes, size);
    return err;
}

/* §11.4.10.2: HMAC(key, counter ‖ label ‖ 0 ‖ contextU ‖ contextV ‖ bits) for counter = 1, 2, ... */
enum bs_err crypto_kdfa(uint16_t alg, struct bs_span key, const char *label, struct bs_span context_u,
                        struct bs_span context_v, uint8_t *ret_key, size_t size)
{
    size_t step = crypto_hash_size(alg);
    if (step == 0)
        return BS_ERR_CRYPTO;

    uint8_t counter[4], bits[4];
    put_be32((uint32_t)(8 * size), bits);
    const struct bs_span pieces[] = {
        BS_SPAN(counter, 4), BS_SPAN(label, strlen(label) + 1), context_u, context_v, BS_SPAN(bits, 4),
    };
    for (size_t done = 0, round = 1; done < size; done += step, round++) {
        BS_OWN(digest) digest = NULL;
        enum bs_err err = crypto_digest_hmac(alg, key, &digest);
        put_be32((uint32_t)round, counter);
        if (err == BS_OK)
            err = kdf_round(digest, pieces, 5, ret_key + done, size - done < step ? size - done : step);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

/* §11.4.10.3: H(counter ‖ Z ‖ label ‖ 0 ‖ partyU ‖ partyV) for counter = 1, 2, ... */
enum bs_err crypto_kdfe(uint16_t alg, struct bs_span z, const char *label, struct bs_span party_u,
                        struct bs_span party_v, uint8_t *ret_key, size_t size)
{
    size_t step = crypto_hash_size(alg);
    if (step == 0)
        return BS_ERR_CRYPTO;

    uint8_t counter[4];
    const struct bs_span pieces[] = {
        BS_SPAN(counter, 4), z, BS_SPAN(label, strlen(label) + 1), party_u, party_v,
    };
    for (size_t done = 0, round = 1; done < size; done += step, round++) {
        BS_OWN(digest) digest = NULL;
        enum bs_err err = crypto_digest_hash(alg, &digest);
        put_be32((uint32_t)round, counter);
        if (err == BS_OK)
            err = kdf_round(digest, pieces, 5, ret_key + done, size - done < step ? size - done : step);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}
