#include "agent/vault/slot.h"

#include "core/shape.h"

#include <string.h>

#define MAGIC "BSVAULT2"
#define MAGIC_SIZE 8
#define VERSION 2

#define REF_MAX CRYPTO_HASH_MAX
#define PUBLIC_MAX sizeof(TPMT_PUBLIC)

/* Contents, before encryption: a deterministic CBOR map. */
static const struct shape_field key_fields[] = {
    { 1, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_MEMBER(struct generated_private, name), SHAPE_SIZE(1, BS_ITEM_NAME_MAX) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(struct generated_private, kind),
      SHAPE_SIZE(BS_GENERATED_RANDOM, BS_GENERATED_SECP256K1) },
    { 3, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(struct generated_private, generation), SHAPE_SIZE(1, INT64_MAX) },
    { 4, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(struct generated_private, private_half),
      SHAPE_SIZE(1, BS_GENERATED_RANDOM_MAX) },
};
static const struct shape key_shape = SHAPE_OF(key_fields, NULL);

static const struct shape_field contents_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(struct vault_contents, sign1), SHAPE_SIZE(1, BS_BUNDLE_MAX) },
    { 2, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(struct vault_contents, device_public),
      SHAPE_SIZE(1, sizeof(TPM2B_PUBLIC)) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(struct vault_contents, device_private),
      SHAPE_SIZE(1, sizeof(TPM2B_PRIVATE)) },
    { 4, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(struct vault_contents, time_floor), SHAPE_SIZE(0, INT64_MAX) },
    { 5, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(struct vault_contents, keys, key_count), .shape = &key_shape },
};
static const struct shape contents_shape = SHAPE_OF(contents_fields, NULL);

static enum bs_err put_be(struct bs_buf *out, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    return bs_buf_append(out, bytes, size);
}

static enum bs_err put_sized(struct bs_span bytes, size_t width, struct bs_buf *out)
{
    enum bs_err err = put_be(out, bytes.size, width);
    return err == BS_OK ? bs_buf_append(out, bytes.data, bytes.size) : err;
}

static bool is_no_key(const TPMT_PUBLIC *area)
{
    return area->type == 0;
}

static enum bs_err put_public(const TPMT_PUBLIC *area, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(PUBLIC_MAX);
    enum bs_err err = is_no_key(area) ? BS_OK : wire_public_encode(area, &bytes);
    return err == BS_OK ? put_sized(bs_buf_span(&bytes), 2, out) : err;
}

static enum bs_err put_policy(const struct slot_header *header, struct bs_buf *out)
{
    const struct {
        uint64_t value;
        size_t width;
    } numbers[] = {
        { header->generation, 8 },  { header->policy.bank, 2 },      { header->policy.cap_pcr, 1 },
        { header->policy.kind, 1 }, { header->policy.boot_mask, 4 }, { header->counter_index, 4 },
    };
    enum bs_err err = BS_OK;
    for (size_t i = 0; err == BS_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        err = put_be(out, numbers[i].value, numbers[i].width);
    if (err == BS_OK)
        err = put_sized(wire_name_span(&header->counter_name), 2, out);
    if (err == BS_OK)
        err = put_public(&header->srk, out);
    if (err == BS_OK)
        err = put_sized(header->signer.policy_ref, 2, out);
    if (err == BS_OK)
        err = put_public(&header->signer.key, out);
    if (err == BS_OK)
        err = put_sized(header->signer.approvals, 4, out);
    return err;
}

/*
 * Up to the serial of the share: that much is the additional data of the wrapped key, so that it belongs to this slot alone. `size` is
 * that of the whole header.
 */
static enum bs_err put_front(const struct slot_header *header, size_t size, struct bs_buf *out)
{
    enum bs_err err = bs_buf_append(out, MAGIC, MAGIC_SIZE);
    if (err == BS_OK)
        err = put_be(out, VERSION, 4);
    if (err == BS_OK)
        err = put_be(out, size, 4);
    if (err == BS_OK)
        err = put_policy(header, out);
    if (err == BS_OK)
        err = wire_public2b_encode(&header->sealed.public_area, out);
    if (err == BS_OK)
        err = wire_private_encode(&header->sealed.private_area, out);
    if (err == BS_OK)
        err = put_be(out, header->share.serial, 8);
    return err;
}

/* After the front: wrapped key, nonce, size of the ciphertext. */
#define WRAPPED_SIZE (SLOT_KEY_SIZE + CRYPTO_AEAD_TAG)
#define BACK_SIZE (CRYPTO_AEAD_NONCE + WRAPPED_SIZE + CRYPTO_AEAD_NONCE + 4)

struct wrapping_key {
    uint8_t bytes[CRYPTO_AEAD_KEY];
};

static void wipe_wrapping_key(struct wrapping_key *key)
{
    bs_wipe(key, sizeof(*key));
}
#define SCOPED_WRAPPING_KEY __attribute__((cleanup(wipe_wrapping_key))) struct wrapping_key

static enum bs_err derive_wrapping_key(const struct vault_share *recovery, struct wrapping_key *ret_key)
{
    uint8_t serial[8];
    for (size_t i = 0; i < sizeof(serial); i++)
        serial[i] = (uint8_t)(recovery->serial >> (56 - 8 * i));
    const struct bs_span info[] = { bs_span_of_string(BS_LABEL_SHARE_KEY), BS_SPAN(serial, sizeof(serial)) };
    return crypto_hkdf_info(recovery->share, recovery->device, info, 2, ret_key->bytes, sizeof(ret_key->bytes));
}

static enum bs_err put_wrapped(const struct slot_header *header, const struct vault_share *recovery,
                               const struct bs_secret *key, struct bs_buf *out)
{
    static const uint8_t none[CRYPTO_AEAD_NONCE + WRAPPED_SIZE];
    if (header->share.serial == 0 || recovery->share.size == 0)
        return bs_buf_append(out, none, sizeof(none));

    SCOPED_WRAPPING_KEY wrapping;
    BS_SCOPED_BUF struct bs_buf wrapped = BS_BUF(WRAPPED_SIZE);
    enum bs_err err = derive_wrapping_key(recovery, &wrapping);
    if (err == BS_OK)
        err = crypto_aead_seal(wrapping.bytes, header->share.nonce, bs_buf_span(out),
                               BS_SPAN(bs_secret_view(key), SLOT_KEY_SIZE), &wrapped);
    if (err == BS_OK)
        err = bs_buf_append(out, header->share.nonce, sizeof(header->share.nonce));
    return err == BS_OK ? bs_buf_append(out, wrapped.data, wrapped.size) : err;
}

static enum bs_err put_header(const struct slot_header *header, const struct vault_share *recovery,
                              const struct bs_secret *key, size_t sealed_size, struct bs_buf *out)
{
    enum bs_err err = put_front(header, 0, out);
    if (err != BS_OK)
        return err;
    size_t size = out->size + BACK_SIZE;
    bs_buf_reset(out);
    err = put_front(header, size, out);
    if (err == BS_OK)
        err = put_wrapped(header, recovery, key, out);
    if (err == BS_OK)
        err = bs_buf_append(out, header->nonce, sizeof(header->nonce));
    return err == BS_OK ? put_be(out, sealed_size, 4) : err;
}

enum bs_err slot_encode(const struct slot_header *header, const struct slot_keys *keys,
                        const struct vault_contents *contents, struct bs_buf *out)
{
    static const struct vault_share none;
    const struct vault_share *recovery = keys->recovery ? keys->recovery : &none;
    BS_SCOPED_BUF struct bs_buf plain = BS_BUF(SLOT_MAX);
    struct vault_contents scratch = { 0 };
    enum bs_err err = shape_encode(&contents_shape, contents, SLOT_MAX, &plain, &scratch);
    if (err != BS_OK)
        return err;

    struct slot_header whole = *header;
    whole.share.serial = recovery->serial;
    BS_SCOPED_BUF struct bs_buf head = BS_BUF(SLOT_MAX);
    err = put_header(&whole, recovery, keys->key, plain.size + CRYPTO_AEAD_TAG, &head);
    if (err == BS_OK)
        err = bs_buf_append(out, head.data, head.size);
    if (err != BS_OK)
        return err;
    return crypto_aead_seal(bs_secret_view(keys->key), header->nonce, bs_buf_span(&head), bs_buf_span(&plain), out);
}

/* Its size, then so many bytes. */
static bool take_sized(struct bs_reader *r, size_t width, size_t max, struct bs_span *ret_inside)
{
    uint16_t narrow;
    uint32_t size;
    if (width == 4 ? !bs_read_be32(r, &size) : !bs_read_be16(r, &narrow))
        return false;
    size = width == 4 ? size : narrow;
    return size <= max && bs_read_bytes(r, size, ret_inside);
}

/* A TPM2B: the span holds its size, too. */
static bool take_2b(struct bs_reader *r, size_t max, struct bs_span *ret_whole)
{
    const uint8_t *start = r->at;
    struct bs_span inside;
    if (!take_sized(r, 2, max, &inside))
        return false;
    *ret_whole = BS_SPAN(start, 2 + inside.size);
    return true;
}

/* Nothing at all, or a public area. */
static bool take_public(struct bs_reader *r, TPMT_PUBLIC *ret_area)
{
    struct bs_span bytes;
    return take_sized(r, 2, PUBLIC_MAX, &bytes) && (bytes.size == 0 || wire_public_decode(bytes, ret_area) == BS_OK);
}

/* Nothing of what another kind needs may stand there; what this one needs must. */
static bool is_as_its_kind_needs(const struct slot_header *header)
{
    const struct vault_signer *signer = &header->signer;
    bool has_key = !is_no_key(&signer->key) && signer->approvals.size > 0;
    switch (header->policy.kind) {
    case VAULT_PCR:
        return is_no_key(&signer->key) && signer->approvals.size == 0 && signer->policy_ref.size == 0;
    case VAULT_SIGNED:
        return has_key && signer->policy_ref.size == CRYPTO_SHA256_SIZE;
    case VAULT_SIGNED_UKI:
        return has_key && signer->policy_ref.size == 0;
    }
    return false;
}

static bool take_numbers(struct bs_reader *r, struct slot_header *header)
{
    uint8_t cap_pcr, kind;
    if (!bs_read_be64(r, &header->generation) || !bs_read_be16(r, &header->policy.bank) || !bs_read_u8(r, &cap_pcr) ||
        !bs_read_u8(r, &kind) || kind > VAULT_SIGNED_UKI || !bs_read_be32(r, &header->policy.boot_mask) ||
        !bs_read_be32(r, &header->counter_index))
        return false;
    header->policy.cap_pcr = cap_pcr;
    header->policy.kind = (enum vault_kind)kind;
    return true;
}

static bool take_policy(struct bs_reader *r, struct slot_header *header)
{
    struct bs_span name;
    return take_numbers(r, header) && take_sized(r, 2, WIRE_NAME_MAX, &name) &&
           wire_name_from_span(name, &header->counter_name) == BS_OK && take_public(r, &header->srk) &&
           !is_no_key(&header->srk) && take_sized(r, 2, REF_MAX, &header->signer.policy_ref) &&
           take_public(r, &header->signer.key) && take_sized(r, 4, SLOT_MAX, &header->signer.approvals) &&
           is_as_its_kind_needs(header);
}

static bool take_share(struct bs_reader *r, struct slot_share *share, size_t *ret_front_left)
{
    static const struct slot_share none;
    struct bs_span nonce, wrapped;
    if (!bs_read_be64(r, &share->serial))
        return false;
    *ret_front_left = r->left;
    if (!bs_read_bytes(r, sizeof(share->nonce), &nonce) || !bs_read_bytes(r, sizeof(share->wrapped), &wrapped))
        return false;
    memcpy(share->nonce, nonce.data, nonce.size);
    memcpy(share->wrapped, wrapped.data, wrapped.size);
    return share->serial != 0 || (memcmp(share->nonce, none.nonce, sizeof(none.nonce)) == 0 &&
                                  memcmp(share->wrapped, none.wrapped, sizeof(none.wrapped)) == 0);
}

static bool take_sealed_key(struct bs_reader *r, struct tpm_key_blob *key)
{
    struct bs_span public_area, private_area;
    return take_2b(r, sizeof(key->public_area), &public_area) && take_2b(r, sizeof(key->private_area), &private_area) &&
           wire_public2b_decode(public_area, &key->public_area) == BS_OK &&
           wire_private_decode(private_area, &key->private_area) == BS_OK;
}

static bool take_start(struct bs_reader *r, uint32_t *ret_header_size)
{
    struct bs_span magic;
    uint32_t version;
    return bs_read_bytes(r, MAGIC_SIZE, &magic) && memcmp(magic.data, MAGIC, MAGIC_SIZE) == 0 &&
           bs_read_be32(r, &version) && version == VERSION && bs_read_be32(r, ret_header_size);
}

enum bs_err slot_decode(struct bs_span file, struct slot *ret_slot)
{
    struct slot slot = { 0 };
    struct bs_reader r = BS_READER(file);
    uint32_t header_size, sealed_size;
    size_t front_left = 0;
    struct bs_span nonce;
    if (file.size > SLOT_MAX || !take_start(&r, &header_size) || !take_policy(&r, &slot.header) ||
        !take_sealed_key(&r, &slot.header.sealed) || !take_share(&r, &slot.header.share, &front_left) ||
        !bs_read_bytes(&r, sizeof(slot.header.nonce), &nonce) || !bs_read_be32(&r, &sealed_size))
        return BS_ERR_INPUT;
    if (header_size != file.size - r.left || sealed_size != r.left || sealed_size <= CRYPTO_AEAD_TAG)
        return BS_ERR_INPUT;

    memcpy(slot.header.nonce, nonce.data, sizeof(slot.header.nonce));
    slot.header_bytes = BS_SPAN(file.data, header_size);
    slot.front = BS_SPAN(file.data, file.size - front_left);
    slot.sealed = BS_SPAN(r.at, r.left);
    *ret_slot = slot;
    return BS_OK;
}

enum bs_err slot_open(const struct slot *slot, const struct bs_secret *key, struct bs_secret **ret_plain)
{
    if (bs_secret_size(key) != SLOT_KEY_SIZE)
        return BS_ERR_INPUT;
    enum bs_err err =
        crypto_aead_open(bs_secret_view(key), slot->header.nonce, slot->header_bytes, slot->sealed, ret_plain);
    return err == BS_ERR_UNTRUSTED ? BS_ERR_INPUT : err;
}

bool slot_has_share(const struct slot *slot)
{
    static const uint8_t none[WRAPPED_SIZE];
    return memcmp(slot->header.share.wrapped, none, sizeof(none)) != 0;
}

enum bs_err slot_unwrap(const struct slot *slot, const struct vault_share *recovery, struct bs_secret **ret_key)
{
    const struct slot_share *share = &slot->header.share;
    if (share->serial == 0 || share->serial != recovery->serial || recovery->share.size != BS_SHARE_SIZE)
        return BS_ERR_NOT_FOUND;
    SCOPED_WRAPPING_KEY wrapping;
    enum bs_err err = derive_wrapping_key(recovery, &wrapping);
    if (err == BS_OK)
        err = crypto_aead_open(wrapping.bytes, share->nonce, slot->front,
                               BS_SPAN(share->wrapped, sizeof(share->wrapped)), ret_key);
    return err == BS_ERR_UNTRUSTED ? BS_ERR_INPUT : err;
}

enum bs_err slot_contents(const struct bs_secret *plain, struct vault_contents *ret_contents)
{
    struct vault_contents contents = { 0 };
    enum bs_err err =
        shape_decode(&contents_shape, BS_SPAN(bs_secret_view(plain), bs_secret_size(plain)), SLOT_MAX, &contents);
    if (err == BS_ERR_PROTOCOL)
        return BS_ERR_INPUT;
    if (err == BS_OK)
        *ret_contents = contents;
    return err;
}
