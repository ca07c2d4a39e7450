#include "core/share.h"

#include "core/cert_internal.h"

#include <string.h>

#define VERSION 1
#define POINT_SIZE 64
#define LOCKED_TYPE "BOOTSEAL LOCKED SHARE"
#define OPEN_TYPE "BOOTSEAL RECOVERY SHARE"
#define KEY_MAX 256
#define LABEL_SIZE (SHARE_DEVICE_SIZE + 8)

enum bs_err share_key_from_pem(struct bs_span pem, struct crypto_point *ret_key)
{
    /* SubjectPublicKeyInfo on P-256, uncompressed, has one form (RFC 5480 §2). */
    static const uint8_t head[] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    };
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(KEY_MAX);
    enum bs_err err = cert_pem_decode(pem, "PUBLIC KEY", &der);
    if (err != BS_OK || der.size != sizeof(head) + POINT_SIZE || memcmp(der.data, head, sizeof(head)) != 0)
        return err == BS_ERR_NOMEM || err == BS_OK ? BS_ERR_INPUT : err;

    struct crypto_point point = { .curve = CRYPTO_P256 }, unused;
    uint8_t z[CRYPTO_ECC_MAX];
    memcpy(point.x, der.data + sizeof(head), POINT_SIZE / 2);
    memcpy(point.y, der.data + sizeof(head) + POINT_SIZE / 2, POINT_SIZE / 2);
    err = crypto_ecdh_ephemeral(&point, &unused, z); /* finds out whether it is on the curve */
    bs_wipe(z, sizeof(z));
    if (err == BS_OK)
        *ret_key = point;
    return err == BS_ERR_UNTRUSTED ? BS_ERR_INPUT : err;
}

struct lock_key {
    uint8_t bytes[CRYPTO_AEAD_KEY];
};

static void wipe_lock_key(struct lock_key *key)
{
    bs_wipe(key, sizeof(*key));
}
#define SCOPED_LOCK_KEY __attribute__((cleanup(wipe_lock_key))) struct lock_key

/* Both points are in the info, so that the key belongs to this exchange alone (NIST SP 800-56A §5.8.2). */
static enum bs_err derive(const uint8_t z[32], const uint8_t ephemeral[POINT_SIZE], const struct crypto_point *key,
                          struct lock_key *ret_key)
{
    const struct bs_span info[] = { bs_span_of_string(BS_LABEL_SHARE_LOCK), BS_SPAN(key->x, POINT_SIZE / 2),
                                    BS_SPAN(key->y, POINT_SIZE / 2) };
    return crypto_hkdf_info(BS_SPAN(z, 32), BS_SPAN(ephemeral, POINT_SIZE), info, 3, ret_key->bytes,
                            sizeof(ret_key->bytes));
}

static void put_label(const struct share_label *label, uint8_t ret_bytes[LABEL_SIZE])
{
    memcpy(ret_bytes, label->device, SHARE_DEVICE_SIZE);
    for (size_t i = 0; i < 8; i++)
        ret_bytes[SHARE_DEVICE_SIZE + i] = (uint8_t)(label->serial >> (56 - 8 * i));
}

enum bs_err share_lock(const struct crypto_point *key, const struct share_label *label,
                       const uint8_t share[BS_SHARE_SIZE], uint8_t ret_locked[SHARE_LOCKED_SIZE])
{
    SCOPED_LOCK_KEY lock;
    struct crypto_point ephemeral;
    uint8_t z[CRYPTO_ECC_MAX], aad[LABEL_SIZE], made[1 + POINT_SIZE + CRYPTO_AEAD_NONCE] = { VERSION };
    uint8_t *nonce = made + 1 + POINT_SIZE;
    BS_SCOPED_BUF struct bs_buf sealed = BS_BUF(BS_SHARE_SIZE + CRYPTO_AEAD_TAG);
    put_label(label, aad);
    enum bs_err err = crypto_ecdh_ephemeral(key, &ephemeral, z);
    if (err != BS_OK)
        return err;
    memcpy(made + 1, ephemeral.x, POINT_SIZE / 2);
    memcpy(made + 1 + POINT_SIZE / 2, ephemeral.y, POINT_SIZE / 2);
    err = derive(z, made + 1, key, &lock);
    bs_wipe(z, sizeof(z));
    if (err == BS_OK)
        err = crypto_random(nonce, CRYPTO_AEAD_NONCE);
    if (err == BS_OK)
        err = crypto_aead_seal(lock.bytes, nonce, BS_SPAN(aad, sizeof(aad)), BS_SPAN(share, BS_SHARE_SIZE), &sealed);
    if (err != BS_OK)
        return err;
    memcpy(ret_locked, made, sizeof(made));
    memcpy(ret_locked + sizeof(made), sealed.data, sealed.size);
    return BS_OK;
}

enum bs_err share_unlock(struct crypto_key *key, const struct share_label *label, struct bs_span locked,
                         struct bs_secret **ret_share)
{
    SCOPED_LOCK_KEY lock;
    struct crypto_point ours, ephemeral = { .curve = CRYPTO_P256 };
    uint8_t z[32], aad[LABEL_SIZE];
    if (locked.size != SHARE_LOCKED_SIZE || locked.data[0] != VERSION)
        return BS_ERR_INPUT;
    const uint8_t *point = locked.data + 1, *nonce = point + POINT_SIZE, *sealed = nonce + CRYPTO_AEAD_NONCE;
    put_label(label, aad);
    memcpy(ephemeral.x, point, POINT_SIZE / 2);
    memcpy(ephemeral.y, point + POINT_SIZE / 2, POINT_SIZE / 2);
    enum bs_err err = crypto_key_public(key, &ours);
    if (err == BS_OK)
        err = crypto_key_ecdh(key, &ephemeral, z);
    if (err == BS_OK)
        err = derive(z, point, &ours, &lock);
    bs_wipe(z, sizeof(z));
    if (err == BS_OK)
        err = crypto_aead_open(lock.bytes, nonce, BS_SPAN(aad, sizeof(aad)),
                               BS_SPAN(sealed, BS_SHARE_SIZE + CRYPTO_AEAD_TAG), ret_share);
    return err;
}

static const char *type_of(bool is_locked)
{
    return is_locked ? LOCKED_TYPE : OPEN_TYPE;
}

static size_t size_of(bool is_locked)
{
    return is_locked ? SHARE_LOCKED_SIZE : BS_SHARE_SIZE;
}

enum bs_err share_write(const struct share_label *label, bool is_locked, struct bs_span bytes, struct bs_buf *out)
{
    uint8_t head[LABEL_SIZE];
    BS_SCOPED_BUF struct bs_buf block = BS_BUF(LABEL_SIZE + SHARE_LOCKED_SIZE);
    if (bytes.size != size_of(is_locked))
        return BS_ERR_INPUT;
    put_label(label, head);
    enum bs_err err = bs_buf_append(&block, head, sizeof(head));
    if (err == BS_OK)
        err = bs_buf_append(&block, bytes.data, bytes.size);
    return err == BS_OK ? cert_pem_encode(bs_buf_span(&block), type_of(is_locked), out) : err;
}

enum bs_err share_read(struct bs_reader *in, bool is_locked, struct bs_buf *room, struct share_block *ret_block)
{
    struct share_block block;
    struct bs_span device;
    bs_buf_reset(room);
    enum bs_err err = cert_pem_next(in, type_of(is_locked), room);
    if (err != BS_OK)
        return err == BS_ERR_NOMEM ? BS_ERR_INPUT : err;
    struct bs_reader r = BS_READER(bs_buf_span(room));
    if (!bs_read_bytes(&r, SHARE_DEVICE_SIZE, &device) || !bs_read_be64(&r, &block.label.serial) ||
        r.left != size_of(is_locked))
        return BS_ERR_INPUT;
    memcpy(block.label.device, device.data, SHARE_DEVICE_SIZE);
    block.bytes = BS_SPAN(r.at, r.left);
    *ret_block = block;
    return BS_OK;
}
