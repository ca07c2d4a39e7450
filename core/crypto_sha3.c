#include "core/crypto_internal.h"

static enum wc_HashType type_of(size_t size)
{
    switch (size) {
    case 32:
        return WC_HASH_TYPE_SHA3_256;
    case 48:
        return WC_HASH_TYPE_SHA3_384;
    case 64:
        return WC_HASH_TYPE_SHA3_512;
    default:
        return WC_HASH_TYPE_NONE;
    }
}

enum bs_err crypto_sha3(size_t size, struct bs_span data, uint8_t *ret_digest)
{
    enum wc_HashType type = type_of(size);
    wc_HashAlg state;

    int code = wc_HashInit(&state, type);
    if (code != 0)
        return crypto_failed("hash", code);
    if (data.size > 0)
        code = wc_HashUpdate(&state, type, data.data, (word32)data.size);
    if (code == 0)
        code = wc_HashFinal(&state, type, ret_digest);
    (void)wc_HashFree(&state, type);
    return code == 0 ? BS_OK : crypto_failed("hash", code);
}
