#include "core/bundle.h"

#include "core/approval_shape.h"
#include "core/cbor.h"
#include "core/credential.h"
#include "core/log.h"
#include "core/shape.h"
#include "core/sign1.h"

#include <string.h>

/* Registered numbers (IANA COSE; RFC 9052 §3.1 and table 2, RFC 9053 table 5). */
#define COSE_TAG_ENCRYPT0 16
#define COSE_HEADER_ALG 1
#define COSE_HEADER_IV 5
#define COSE_ALG_A256GCM 3

/* What COSE_Encrypt0 adds is 41 bytes. */
#define SIGN1_MAX (BS_BUNDLE_MAX - 64)

#define ITEM struct bundle_item
static const struct shape_field item_fields[] = {
    { 1, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_MEMBER(ITEM, name), SHAPE_SIZE(1, BS_ITEM_NAME_MAX) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(ITEM, kind), SHAPE_SIZE(BS_ITEM_SECRET, BS_ITEM_CERTIFICATE) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(ITEM, data), SHAPE_SIZE(0, BS_ITEM_DATA_MAX) },
};

/* A file may be empty. A secret may not: it would be the key that everybody has. */
static bool item_is_sound(const void *from)
{
    const struct bundle_item *item = from;
    return bundle_item_name_is_valid(item->name) && (item->data.size > 0 || item->kind == BS_ITEM_FILE);
}

static const struct shape item_shape = SHAPE_OF(item_fields, item_is_sound);

#define POLICY struct bundle_policy
static const struct shape_field policy_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(POLICY, cert), SHAPE_SIZE(1, BS_CERT_MAX) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(POLICY, epoch), SHAPE_SIZE(1, UINT64_MAX) },
    { 3, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(POLICY, approvals, approval_count), .shape = &approval_shape },
};
static const struct shape policy_shape = SHAPE_OF(policy_fields, NULL);

/* An approval for another device or epoch is of no use, and no server of ours sends one. */
static bool policy_is_sound(const struct bundle *b)
{
    uint8_t ref[APPROVAL_REF_SIZE];
    if (b->policy.approval_count > 0 && approval_ref(b->device, b->policy.epoch, ref) != BS_OK)
        return false;
    for (size_t i = 0; i < b->policy.approval_count; i++)
        if (!bs_span_equal(b->policy.approvals[i].policy_ref, BS_SPAN(ref, sizeof(ref))))
            return false;
    return true;
}

#define GENERATED struct bundle_generated
static const struct shape_field generated_fields[] = {
    { 1, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, key.name), SHAPE_SIZE(1, BS_ITEM_NAME_MAX) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, key.kind),
      SHAPE_SIZE(BS_GENERATED_RANDOM, BS_GENERATED_SECP256K1) },
    { 3, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, key.generation), SHAPE_SIZE(1, INT64_MAX) },
    { 4, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(GENERATED, key.public_half), SHAPE_SIZE(1, GENERATED_PUBLIC_MAX) },
    { 5, SHAPE_UINT, SHAPE_OPTIONAL, SHAPE_MEMBER(GENERATED, size),
      SHAPE_SIZE(BS_GENERATED_RANDOM_MIN, BS_GENERATED_RANDOM_MAX) },
    { 6, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(GENERATED, form), SHAPE_SIZE(BS_FORM_RAW, BS_FORM_OPENSSH) },
};

static bool generated_is_sound(const void *from)
{
    const struct bundle_generated *g = from;
    return bundle_item_name_is_valid(g->key.name) && (g->size > 0) == (g->key.kind == BS_GENERATED_RANDOM) &&
           generated_has_form(g->key.kind, g->size, g->form) &&
           (g->key.public_half.size == 0 || g->key.public_half.size == generated_public_size(g->key.kind));
}

static const struct shape generated_shape = SHAPE_OF(generated_fields, generated_is_sound);

#define SHARE struct bundle_share
static const struct shape_field share_fields[] = {
    { 1, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(SHARE, serial), SHAPE_SIZE(1, UINT64_MAX) },
    { 2, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(SHARE, value), SHAPE_SIZE(BS_SHARE_SIZE, BS_SHARE_SIZE) },
};
static const struct shape share_shape = SHAPE_OF(share_fields, NULL);

/* Items and keys stand side by side when they are handed over. */
static struct bs_span name_at(const struct bundle *b, size_t index)
{
    return index < b->item_count ? b->items[index].name : b->keys[index - b->item_count].key.name;
}

static bool bundle_is_sound(const void *from)
{
    const struct bundle *b = from;
    if (!policy_is_sound(b))
        return false;
    for (size_t i = 0; i < b->item_count + b->key_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (bs_span_equal(name_at(b, i), name_at(b, k)))
                return false;
        }
    }
    return bundle_item_name_is_valid(b->profile);
}

#define BUNDLE struct bundle
static const struct shape_field bundle_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(BUNDLE, device), SHAPE_SIZE(WIRE_ID_SIZE, WIRE_ID_SIZE) },
    { 2, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(BUNDLE, ak_name), SHAPE_SIZE(2, WIRE_NAME_MAX) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(BUNDLE, srk_name), SHAPE_SIZE(2, WIRE_NAME_MAX) },
    { 4, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(BUNDLE, serial), SHAPE_SIZE(1, UINT64_MAX) },
    { 5, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(BUNDLE, issued), SHAPE_SIZE(0, BS_TIME_MAX) },
    { 6, SHAPE_UINT, SHAPE_OPTIONAL, SHAPE_MEMBER(BUNDLE, renew_after), SHAPE_SIZE(1, BS_TIME_MAX) },
    { 7, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_MEMBER(BUNDLE, profile), SHAPE_SIZE(1, BS_PROFILE_NAME_MAX) },
    { 8, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_LIST(BUNDLE, chain, chain_count), SHAPE_SIZE(1, BS_CERT_MAX) },
    { 9, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(BUNDLE, items, item_count), .shape = &item_shape },
    { 10, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_MEMBER(BUNDLE, policy), SHAPE_FLAG(BUNDLE, has_policy),
      .shape = &policy_shape },
    { 11, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(BUNDLE, keys, key_count), .shape = &generated_shape },
    { 12, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(BUNDLE, share), SHAPE_SIZE(BS_SHARE_SIZE, BS_SHARE_SIZE) },
    { 13, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(BUNDLE, shares, share_count), .shape = &share_shape },
};
static const struct shape bundle_shape = SHAPE_OF(bundle_fields, bundle_is_sound);

bool bundle_item_name_is_valid(struct bs_span name)
{
    if (name.size == 0 || name.size > BS_ITEM_NAME_MAX || name.data[0] == '.')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = name.data[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
            c != '-')
            return false;
    }
    return true;
}

static const struct sign1_use bundle_use = { BS_LABEL_BUNDLE_SIGNED, BS_OID_EKU_BUNDLE, SIGN1_MAX };

enum bs_err bundle_sign(const struct bundle *bundle, struct crypto_key *key, struct bs_span cert, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf payload = BS_BUF(SIGN1_MAX - SIGN1_OVERHEAD);
    struct bundle scratch = { 0 };
    enum bs_err err = shape_encode(&bundle_shape, bundle, SIGN1_MAX, &payload, &scratch);
    return err == BS_OK ? sign1_make(&bundle_use, bs_buf_span(&payload), key, cert, out) : err;
}

enum bs_err bundle_verify(struct bs_span sign1, const struct cert_roots *roots, struct bundle *ret_bundle)
{
    struct bs_span payload;
    struct bundle bundle = { 0 };
    enum bs_err err = sign1_verify(&bundle_use, sign1, roots, &payload);
    if (err == BS_OK)
        err = shape_decode(&bundle_shape, payload, SIGN1_MAX, &bundle);
    if (err == BS_OK)
        *ret_bundle = bundle;
    return err;
}

struct bundle_key {
    uint8_t bytes[CRYPTO_AEAD_KEY];
};

static void wipe_key(struct bundle_key *key)
{
    bs_wipe(key, sizeof(*key));
}

#define SCOPED_KEY __attribute__((cleanup(wipe_key)))

static enum bs_err derive(struct bs_span secret, struct bs_span channel, const char *label, uint8_t *ret_key)
{
    /* The other side chose its length: a key from nothing would be everybody's key. */
    if (secret.size != CREDENTIAL_SIZE)
        return BS_ERR_PROTOCOL;
    return crypto_hkdf(secret, channel, label, ret_key, CRYPTO_AEAD_KEY);
}

/* The protected header is the same in every bundle: A256GCM. */
static const uint8_t encrypt0_protected[] = { 0xa1, COSE_HEADER_ALG, COSE_ALG_A256GCM };

/* Enc_structure of RFC 9052 §5.3; the statement's hash ties the answer to what was asked. */
static enum bs_err write_aad(struct bs_span statement, struct bs_buf *out)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    enum bs_err err = crypto_hash(CRYPTO_SHA256, statement, hash);
    if (err != BS_OK)
        return err;

    struct cbor_writer w;
    cbor_write_begin(&w, out);
    cbor_write_array(&w, 3);
    cbor_write_string(&w, "Encrypt0");
    cbor_write_bytes(&w, BS_SPAN(encrypt0_protected, sizeof(encrypt0_protected)));
    cbor_write_bytes(&w, BS_SPAN(hash, sizeof(hash)));
    return cbor_write_end(&w);
}

static enum bs_err write_encrypt0_head(const uint8_t nonce[CRYPTO_AEAD_NONCE], size_t sealed_size, struct bs_buf *out)
{
    struct cbor_writer w;
    cbor_write_begin(&w, out);
    cbor_write_tag(&w, COSE_TAG_ENCRYPT0);
    cbor_write_array(&w, 3);
    cbor_write_bytes(&w, BS_SPAN(encrypt0_protected, sizeof(encrypt0_protected)));
    cbor_write_map(&w, 1);
    cbor_write_uint(&w, COSE_HEADER_IV);
    cbor_write_bytes(&w, BS_SPAN(nonce, CRYPTO_AEAD_NONCE));
    cbor_write_bytes_head(&w, sealed_size);
    return cbor_write_end(&w);
}

enum bs_err bundle_encrypt(struct bs_span secret, struct bs_span channel, struct bs_span statement,
                           struct bs_span sign1, struct bs_buf *out)
{
    SCOPED_KEY struct bundle_key key;
    BS_SCOPED_BUF struct bs_buf aad = BS_BUF(128);
    uint8_t nonce[CRYPTO_AEAD_NONCE];

    if (sign1.size > SIGN1_MAX)
        return BS_ERR_NOMEM;
    enum bs_err err = derive(secret, channel, BS_LABEL_BUNDLE_KEY, key.bytes);
    if (err == BS_OK)
        err = write_aad(statement, &aad);
    /* One key for one bundle: a random nonce cannot repeat (SP 800-38D §8). */
    if (err == BS_OK)
        err = crypto_random(nonce, sizeof(nonce));
    if (err == BS_OK)
        err = write_encrypt0_head(nonce, sign1.size + CRYPTO_AEAD_TAG, out);
    if (err == BS_OK)
        err = crypto_aead_seal(key.bytes, nonce, bs_buf_span(&aad), sign1, out);
    return err;
}

static enum bs_err read_encrypt0(struct bs_span in, struct bs_span *ret_nonce, struct bs_span *ret_sealed)
{
    struct cbor_reader r;
    uint64_t last = UINT64_MAX;
    cbor_read_begin(&r, in);
    cbor_read_tag(&r, COSE_TAG_ENCRYPT0);
    if (cbor_read_array(&r, 3) != 3)
        cbor_read_fail(&r);
    const struct bs_span protected = cbor_read_bytes(&r, 1, sizeof(encrypt0_protected));
    if (!bs_span_equal(protected, BS_SPAN(encrypt0_protected, sizeof(encrypt0_protected))))
        cbor_read_fail(&r);
    if (cbor_read_map(&r, 1) != 1 || cbor_read_key(&r, &last) != COSE_HEADER_IV)
        cbor_read_fail(&r);
    const struct bs_span nonce = cbor_read_bytes(&r, CRYPTO_AEAD_NONCE, CRYPTO_AEAD_NONCE);
    const struct bs_span sealed = cbor_read_bytes(&r, CRYPTO_AEAD_TAG + 1, BS_BUNDLE_MAX);
    enum bs_err err = cbor_read_end(&r);
    if (err == BS_OK) {
        *ret_nonce = nonce;
        *ret_sealed = sealed;
    }
    return err;
}

enum bs_err bundle_decrypt(struct bs_span secret, struct bs_span channel, struct bs_span statement,
                           struct bs_span encrypt0, struct bs_secret **ret_sign1)
{
    SCOPED_KEY struct bundle_key key;
    BS_SCOPED_BUF struct bs_buf aad = BS_BUF(128);
    struct bs_span nonce, sealed;

    if (encrypt0.size > BS_BUNDLE_MAX)
        return BS_ERR_PROTOCOL;
    enum bs_err err = read_encrypt0(encrypt0, &nonce, &sealed);
    if (err == BS_OK)
        err = derive(secret, channel, BS_LABEL_BUNDLE_KEY, key.bytes);
    if (err == BS_OK)
        err = write_aad(statement, &aad);
    if (err == BS_OK)
        err = crypto_aead_open(key.bytes, nonce.data, bs_buf_span(&aad), sealed, ret_sign1);
    return err;
}

enum bs_err bundle_confirm_key(struct bs_span secret, struct bs_span channel, uint8_t ret_key[32])
{
    return derive(secret, channel, BS_LABEL_CONFIRM_KEY, ret_key);
}
