/* The short messages (docs/bootseal.cddl: prove, confirm), and the hashes and MACs that bind messages together. */
#include "core/message.h"

#include "core/bundle.h"
#include "core/crypto.h"
#include "core/shape.h"
#include "core/text.h"

#include <string.h>

#define PROVE struct message_prove
static const struct shape_field prove_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(PROVE, mac), SHAPE_SIZE(32, 32) },
};
static const struct shape prove_shape = SHAPE_OF(prove_fields, NULL);

enum bs_err message_prove_encode(const struct message_prove *m, struct bs_buf *out)
{
    struct message_prove scratch = { 0 };
    return shape_encode(&prove_shape, m, BS_REQUEST_MAX, out, &scratch);
}

enum bs_err message_prove_decode(struct bs_span in, struct message_prove *ret_m)
{
    struct message_prove m = { 0 };
    enum bs_err err = shape_decode(&prove_shape, in, BS_REQUEST_MAX, &m);
    if (err == BS_OK)
        *ret_m = m;
    return err;
}

#define GENERATED struct generated_public
static const struct shape_field generated_fields[] = {
    { 1, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, name), SHAPE_SIZE(1, BS_ITEM_NAME_MAX) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, kind),
      SHAPE_SIZE(BS_GENERATED_RANDOM, BS_GENERATED_SECP256K1) },
    { 3, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, generation), SHAPE_SIZE(1, INT64_MAX) },
    { 4, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, public_half), SHAPE_SIZE(1, GENERATED_PUBLIC_MAX) },
};

static bool generated_is_sound(const void *from)
{
    const struct generated_public *key = from;
    return bundle_item_name_is_valid(key->name) && key->public_half.size == generated_public_size(key->kind);
}

const struct shape message_generated_shape = SHAPE_OF(generated_fields, generated_is_sound);

#define CONFIRM struct message_confirm
static const struct shape_field confirm_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(CONFIRM, device), SHAPE_SIZE(32, 32) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(CONFIRM, serial), SHAPE_SIZE(1, UINT64_MAX) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(CONFIRM, mac), SHAPE_SIZE(32, 32) },
    { 4, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(CONFIRM, keys, key_count), .shape = &message_generated_shape },
};
static const struct shape confirm_shape = SHAPE_OF(confirm_fields, NULL);

enum bs_err message_confirm_encode(const struct message_confirm *m, struct bs_buf *out)
{
    struct message_confirm scratch = { 0 };
    return shape_encode(&confirm_shape, m, BS_REQUEST_MAX, out, &scratch);
}

enum bs_err message_confirm_decode(struct bs_span in, struct message_confirm *ret_m)
{
    struct message_confirm m = { 0 };
    enum bs_err err = shape_decode(&confirm_shape, in, BS_REQUEST_MAX, &m);
    if (err == BS_OK)
        *ret_m = m;
    return err;
}

static enum bs_err mac_pieces(struct bs_span key, const struct bs_span *pieces, size_t count, uint8_t ret_mac[32])
{
    BS_OWN(digest) mac = NULL;
    enum bs_err err = crypto_digest_hmac(CRYPTO_SHA256, key, &mac);
    for (size_t i = 0; i < count && err == BS_OK; i++)
        err = crypto_digest_update(mac, pieces[i]);

    uint8_t value[CRYPTO_HASH_MAX];
    size_t size = 0;
    if (err == BS_OK)
        err = crypto_digest_final(mac, value, &size);
    if (err == BS_OK)
        memcpy(ret_mac, value, 32);
    bs_wipe(value, sizeof(value));
    return err;
}

enum bs_err message_prove_mac(struct bs_span activation_secret, struct bs_span channel, struct bs_span statement,
                              uint8_t ret_mac[32])
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    enum bs_err err = crypto_hash(CRYPTO_SHA256, statement, hash);
    if (err != BS_OK)
        return err;

    const struct bs_span pieces[] = {
        BS_SPAN(BS_LABEL_PROVE, sizeof(BS_LABEL_PROVE)),
        channel,
        BS_SPAN(hash, sizeof(hash)),
    };
    return mac_pieces(activation_secret, pieces, 3, ret_mac);
}

static void put_be64(uint64_t value, uint8_t ret_bytes[8])
{
    for (unsigned i = 0; i < 8; i++)
        ret_bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* Every piece has its length before it, so that no two lists read alike. */
static enum bs_err hash_keys(const struct message_confirm *m, uint8_t ret_hash[CRYPTO_SHA256_SIZE])
{
    BS_OWN(digest) digest = NULL;
    enum bs_err err = crypto_digest_hash(CRYPTO_SHA256, &digest);
    for (size_t i = 0; i < m->key_count && err == BS_OK; i++) {
        const struct generated_public *key = &m->keys[i];
        const uint8_t name_size = (uint8_t)key->name.size;
        uint8_t middle[1 + 8 + 1] = { (uint8_t)key->kind };
        put_be64(key->generation, middle + 1);
        middle[9] = (uint8_t)key->public_half.size;
        const struct bs_span pieces[] = { BS_SPAN(&name_size, 1), key->name, BS_SPAN(middle, sizeof(middle)),
                                          key->public_half };
        for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]) && err == BS_OK; k++)
            err = crypto_digest_update(digest, pieces[k]);
    }
    return err == BS_OK ? crypto_digest_final(digest, ret_hash, NULL) : err;
}

enum bs_err message_confirm_mac(struct bs_span confirm_key, struct bs_span channel, const struct message_confirm *m,
                                uint8_t ret_mac[32])
{
    uint8_t number[8], hash[CRYPTO_SHA256_SIZE];
    put_be64(m->serial, number);
    enum bs_err err = hash_keys(m, hash);
    if (err != BS_OK)
        return err;
    const struct bs_span pieces[] = { channel, m->device, BS_SPAN(number, sizeof(number)),
                                      BS_SPAN(hash, sizeof(hash)) };
    return mac_pieces(confirm_key, pieces, m->key_count > 0 ? 4 : 3, ret_mac);
}

enum bs_err message_quote_data(struct bs_span statement, uint8_t ret_data[32])
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    enum bs_err err = crypto_hash(CRYPTO_SHA256, statement, hash);
    if (err != BS_OK)
        return err;
    return crypto_labelled(BS_LABEL_QUOTE, &BS_SPAN(hash, sizeof(hash)), 1, ret_data);
}

struct bs_span message_text_clean(struct bs_span text, uint8_t *room, size_t max)
{
    struct bs_reader in = BS_READER(text);
    uint32_t character;
    bool is_valid;
    size_t size = 0;

    while (bs_utf8_take(&in, &character, &is_valid)) {
        uint8_t bytes[4];
        if (!is_valid || bs_is_control(character))
            character = '?';
        const size_t more = bs_utf8_encode(character, bytes);
        if (more > max - size)
            break;
        memcpy(room + size, bytes, more);
        size += more;
    }
    return BS_SPAN(room, size);
}
