#include "core/wipe.h"

#include "core/credential.h"
#include "core/shape.h"
#include "core/sign1.h"
#include "core/wire.h"

#define ORDER struct wipe_order
static const struct shape_field order_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(ORDER, device), SHAPE_SIZE(WIRE_ID_SIZE, WIRE_ID_SIZE) },
    { 2, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(ORDER, ak_name), SHAPE_SIZE(2, WIRE_NAME_MAX) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(ORDER, statement_sha256), SHAPE_SIZE(32, 32) },
    { 4, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(ORDER, serial), SHAPE_SIZE(1, UINT64_MAX) },
};
static const struct shape order_shape = SHAPE_OF(order_fields, NULL);

#define PAYLOAD_MAX 256
static const struct sign1_use order_use = { BS_LABEL_WIPE_SIGNED, BS_OID_EKU_BUNDLE, BS_ORDER_MAX };

enum bs_err wipe_sign(const struct wipe_order *order, struct crypto_key *key, struct bs_span cert, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf payload = BS_BUF(PAYLOAD_MAX);
    struct wipe_order scratch = { 0 };
    enum bs_err err = shape_encode(&order_shape, order, PAYLOAD_MAX, &payload, &scratch);
    return err == BS_OK ? sign1_make(&order_use, bs_buf_span(&payload), key, cert, out) : err;
}

enum bs_err wipe_verify(struct bs_span sign1, const struct cert_roots *roots, struct wipe_order *ret_order)
{
    struct bs_span payload;
    struct wipe_order order = { 0 };
    enum bs_err err = sign1_verify(&order_use, sign1, roots, &payload);
    if (err == BS_OK)
        err = shape_decode(&order_shape, payload, PAYLOAD_MAX, &order);
    if (err == BS_OK)
        *ret_order = order;
    return err;
}

enum bs_err wipe_confirm_key(struct bs_span secret, struct bs_span channel, uint8_t ret_key[32])
{
    /* The other side chose its length: a key from nothing would be everybody's key. */
    if (secret.size != CREDENTIAL_SIZE)
        return BS_ERR_PROTOCOL;
    return crypto_hkdf(secret, channel, BS_LABEL_WIPED_KEY, ret_key, 32);
}
