/* The short messages (docs/bootseal.cddl: prove, confirm), and the hashes and MACs that bind messages together. */
#include "core/message.h"

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

#define CONFIRM struct message_confirm
static const struct shape_field confirm_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(CONFIRM, device), SHAPE_SIZE(32, 32) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(CONFIRM, serial), SHAPE_SIZE(1, UINT64_MAX) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(CONFIRM, mac), SHAPE_SIZE(32, 32) },
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

enum bs_err message_confirm_mac(struct bs_span confirm_key, struct bs_span channel, struct bs_span device,
                                uint64_t serial, uint8_t ret_mac[32])
{
    uint8_t number[8];
    for (unsigned i = 0; i < sizeof(number); i++)
        number[i] = (uint8_t)(serial >> (56 - 8 * i));

    const struct bs_span pieces[] = { channel, device, BS_SPAN(number, sizeof(number)) };
    return mac_pieces(confirm_key, pieces, 3, ret_mac);
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
