#include "unit.h"

#include "cbor_edit.h"
#include "core/bundle.h"
#include "core/cbor.h"

/* The values of tests/vectors/make_messages.py. */
#define TIME 1790000000

static uint8_t ak_name[34], srk_name[34];

static struct bundle bundle_minimal(void)
{
    memcpy(ak_name, "\0\x0b", 2);
    memcpy(ak_name + 2, fill(1, 32).data, 32);
    memcpy(srk_name, "\0\x0b", 2);
    memcpy(srk_name + 2, fill(2, 32).data, 32);
    return (struct bundle){
        .device = fill(0xd0, 32),
        .ak_name = BS_SPAN(ak_name, sizeof(ak_name)),
        .srk_name = BS_SPAN(srk_name, sizeof(srk_name)),
        .serial = 1,
        .profile = bs_span_of_string("gateway"),
        .chain = { fill(0xc0, 20) },
        .chain_count = 1,
    };
}

static struct bundle bundle_full(void)
{
    struct bundle b = bundle_minimal();
    b.serial = 42;
    b.issued = TIME;
    b.renew_after = TIME + 86400;
    b.chain[0] = fill(0xc0, 300);
    b.chain[1] = fill(0xc1, 260);
    b.chain_count = 2;
    b.items[0] = (struct bundle_item){ bs_span_of_string("app.key"), BS_ITEM_SECRET, fill(0xe0, 48) };
    b.items[1] = (struct bundle_item){ bs_span_of_string("10-wired.network"), BS_ITEM_FILE,
                                       bs_span_of_string("[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n") };
    b.items[2] = (struct bundle_item){ bs_span_of_string("empty"), BS_ITEM_FILE, BS_SPAN_NONE };
    b.items[3] = (struct bundle_item){ bs_span_of_string("ca.pem"), BS_ITEM_CERTIFICATE,
                                       bs_span_of_string("-----BEGIN CERTIFICATE-----\n") };
    b.item_count = 4;
    return b;
}

/* What every test needs; made once. */
static struct cert_roots *roots;
static struct crypto_key *key;
static struct bs_buf cert = BS_BUF(BS_CERT_MAX);
static struct bs_buf golden_sign1 = BS_BUF(BS_BUNDLE_MAX);

static struct cert_roots *roots_of(const char *name)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(4096);
    struct cert_roots *made;
    vector_read(name, &pem);
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &made));
    return made;
}

static int setup(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(4096);
    roots = roots_of("messages/bundle-ca.pem");
    vector_read("messages/bundle-key.pem", &pem);
    assert_ok(crypto_key_from_pem(bs_buf_span(&pem), &key));
    vector_read("messages/bundle-cert.der", &cert);
    vector_read("messages/bundle-sign1.cbor", &golden_sign1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cert_roots_free(roots);
    crypto_key_free(key);
    bs_buf_free(&cert);
    bs_buf_free(&golden_sign1);
    return 0;
}

static void assert_bundles_equal(const struct bundle *a, const struct bundle *b)
{
    assert_true(bs_span_equal(a->device, b->device));
    assert_true(bs_span_equal(a->ak_name, b->ak_name));
    assert_true(bs_span_equal(a->srk_name, b->srk_name));
    assert_int_equal(a->serial, b->serial);
    assert_int_equal(a->issued, b->issued);
    assert_int_equal(a->renew_after, b->renew_after);
    assert_true(bs_span_equal(a->profile, b->profile));
    assert_int_equal(a->chain_count, b->chain_count);
    for (size_t i = 0; i < a->chain_count; i++)
        assert_true(bs_span_equal(a->chain[i], b->chain[i]));
    assert_int_equal(a->item_count, b->item_count);
    for (size_t i = 0; i < a->item_count; i++) {
        assert_true(bs_span_equal(a->items[i].name, b->items[i].name));
        assert_int_equal(a->items[i].kind, b->items[i].kind);
        assert_true(bs_span_equal(a->items[i].data, b->items[i].data));
    }
}

static void the_golden_bundle_verifies_and_says_what_was_signed(void **state)
{
    (void)state;
    struct bundle b;
    const struct bundle expected = bundle_full();
    assert_ok(bundle_verify(bs_buf_span(&golden_sign1), roots, &b));
    assert_bundles_equal(&b, &expected);
}

static void assert_signs_as_policy(const struct bundle *bundle, struct bs_span payload)
{
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    struct bundle back;
    assert_ok(bundle_sign(bundle, key, bs_buf_span(&cert), &sign1));
    const size_t tail = 2 + 64 + payload.size;
    assert_true(sign1.size > tail);
    assert_memory_equal(sign1.data + sign1.size - tail, payload.data, payload.size);
    assert_ok(bundle_verify(bs_buf_span(&sign1), roots, &back));
    assert_bundles_equal(&back, bundle);
    assert_true(back.has_policy);
    assert_true(bs_span_equal(back.policy.cert, bundle->policy.cert));
    assert_int_equal(back.policy.epoch, bundle->policy.epoch);
    assert_int_equal(back.policy.approval_count, bundle->policy.approval_count);
}

static void assert_signs_as(const struct bundle *bundle, const char *payload_name)
{
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf payload = BS_BUF(BS_BUNDLE_MAX);
    struct bundle back;
    vector_read(payload_name, &payload);
    assert_ok(bundle_sign(bundle, key, bs_buf_span(&cert), &sign1));
    /* the signature is the end of it, the payload stands before it */
    const size_t tail = 2 + 64 + payload.size;
    assert_true(sign1.size > tail);
    assert_memory_equal(sign1.data + sign1.size - tail, payload.data, payload.size);
    assert_ok(bundle_verify(bs_buf_span(&sign1), roots, &back));
    assert_bundles_equal(&back, bundle);
}

static void a_bundle_is_signed_with_the_golden_payload(void **state)
{
    (void)state;
    const struct bundle full = bundle_full(), minimal = bundle_minimal();
    assert_signs_as(&full, "messages/bundle-payload.cbor");
    assert_signs_as(&minimal, "messages/bundle-payload-minimal.cbor");
}

static struct bundle bundle_keys(void)
{
    struct bundle b = bundle_minimal();
    b.keys[0] = (struct bundle_generated){ { bs_span_of_string("wg0.key"), BS_GENERATED_X25519, 1, fill(0xa1, 32) },
                                           0,
                                           BS_FORM_WIREGUARD };
    b.keys[1] = (struct bundle_generated){ { bs_span_of_string("disk"), BS_GENERATED_RANDOM, 3, fill(0xa2, 32) },
                                           64,
                                           BS_FORM_RAW };
    b.keys[2] = (struct bundle_generated){ { bs_span_of_string("wallet"), BS_GENERATED_SECP256K1, 1, fill(0x04, 65) },
                                           0,
                                           BS_FORM_PEM };
    b.keys[3] = (struct bundle_generated){ { bs_span_of_string("host"), BS_GENERATED_ED25519, 2, BS_SPAN_NONE },
                                           0,
                                           BS_FORM_OPENSSH };
    b.key_count = 4;
    b.share = fill(0x55, 32);
    b.shares[0] = (struct bundle_share){ 41, fill(0x56, 32) };
    b.share_count = 1;
    return b;
}

static void a_bundle_orders_keys_and_brings_shares(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    const struct bundle b = bundle_keys();
    struct bundle back;
    assert_signs_as(&b, "messages/bundle-payload-keys.cbor");
    assert_ok(bundle_sign(&b, key, bs_buf_span(&cert), &sign1));
    assert_ok(bundle_verify(bs_buf_span(&sign1), roots, &back));
    assert_int_equal(back.key_count, b.key_count);
    for (size_t i = 0; i < b.key_count; i++) {
        assert_true(bs_span_equal(back.keys[i].key.name, b.keys[i].key.name));
        assert_int_equal(back.keys[i].key.kind, b.keys[i].key.kind);
        assert_int_equal(back.keys[i].key.generation, b.keys[i].key.generation);
        assert_true(bs_span_equal(back.keys[i].key.public_half, b.keys[i].key.public_half));
        assert_int_equal(back.keys[i].size, b.keys[i].size);
        assert_int_equal(back.keys[i].form, b.keys[i].form);
    }
    assert_true(bs_span_equal(back.share, b.share));
    assert_int_equal(back.share_count, 1);
    assert_int_equal(back.shares[0].serial, 41);
    assert_true(bs_span_equal(back.shares[0].value, b.shares[0].value));
}

static void keys_that_make_no_sense_are_not_signed(void **state)
{
    (void)state;
    struct bundle wrong[9];
    for (size_t i = 0; i < COUNT(wrong); i++)
        wrong[i] = bundle_keys();
    wrong[0].keys[1].key.name = wrong[0].keys[0].key.name;
    wrong[1].items[0] = (struct bundle_item){ wrong[1].keys[2].key.name, BS_ITEM_SECRET, fill(1, 1) };
    wrong[1].item_count = 1;
    wrong[2].keys[0].key.public_half.size = 31;
    wrong[3].keys[0].size = 32;
    wrong[4].keys[1].size = 0;
    wrong[5].keys[0].form = BS_FORM_OPENSSH;
    wrong[6].keys[0].key.generation = 0;
    wrong[7].share.size = 31;
    wrong[8].shares[0].serial = 0;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_BUNDLE_MAX);
        assert_err(bundle_sign(&wrong[i], key, bs_buf_span(&cert), &out), BS_ERR_INPUT);
        assert_int_equal(out.size, 0);
    }
}

static void a_bundle_brings_approvals_for_its_device_and_epoch_alone(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf payload = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf file = BS_BUF(APPROVALS_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    struct bundle b = bundle_minimal();
    struct approvals approvals;
    struct edit_item policy_cert;
    vector_read("messages/bundle-payload-policy.cbor", &payload);
    vector_read("messages/approvals.cbor", &file);
    assert_ok(approvals_decode(bs_buf_span(&file), &approvals));
    policy_cert = edit_find(bs_buf_span(&payload), EDIT_PATH(10, 1));
    b.has_policy = true;
    b.policy.cert = BS_SPAN(payload.data + policy_cert.start + 3, policy_cert.end - policy_cert.start - 3);
    b.policy.epoch = 3;
    b.policy.approval_count = approvals.count;
    memcpy(b.policy.approvals, approvals.list, sizeof(approvals.list));
    assert_signs_as_policy(&b, bs_buf_span(&payload));

    b.policy.epoch = 2;
    assert_err(bundle_sign(&b, key, bs_buf_span(&cert), &sign1), BS_ERR_INPUT);
    b.policy.epoch = 3;
    b.device = fill(0xd1, 32);
    assert_err(bundle_sign(&b, key, bs_buf_span(&cert), &sign1), BS_ERR_INPUT);
    b.policy.approval_count = 0; /* a profile without a release */
    assert_ok(bundle_sign(&b, key, bs_buf_span(&cert), &sign1));
}

/* A COSE_Sign1 by the right key around whatever is wanted. */
struct raw {
    struct bs_span protected; /* empty: the right one */
    struct bs_span cert;
    struct bs_span payload;
    const char *context, *label;
    uint64_t tag;
    bool has_unprotected;
};

static void put_protected(struct bs_buf *out, int64_t alg, struct bs_span chain)
{
    struct cbor_writer w;
    cbor_write_begin(&w, out);
    cbor_write_map(&w, 2);
    cbor_write_uint(&w, 1);
    cbor_write_int(&w, alg);
    cbor_write_uint(&w, 33);
    cbor_write_bytes(&w, chain);
    assert_ok(cbor_write_end(&w));
}

static void put_sign1(struct bs_buf *out, struct raw raw)
{
    BS_SCOPED_BUF struct bs_buf to_sign = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf usual = BS_BUF(BS_REQUEST_MAX);
    put_protected(&usual, -7, raw.cert);
    const struct bs_span protected = raw.protected.size > 0 ? raw.protected : bs_buf_span(&usual);
    const char *label = raw.label ? raw.label : "bootseal bundle v1";

    struct cbor_writer w;
    cbor_write_begin(&w, &to_sign);
    cbor_write_array(&w, 4);
    cbor_write_string(&w, raw.context ? raw.context : "Signature1");
    cbor_write_bytes(&w, protected);
    cbor_write_bytes(&w, BS_SPAN(label, strlen(label) + 1));
    cbor_write_bytes(&w, raw.payload);
    assert_ok(cbor_write_end(&w));
    uint8_t digest[32], signature[64];
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_buf_span(&to_sign), digest));
    assert_ok(crypto_key_sign(key, digest, signature));

    cbor_write_begin(&w, out);
    cbor_write_tag(&w, raw.tag > 0 ? raw.tag : 18);
    cbor_write_array(&w, 4);
    cbor_write_bytes(&w, protected);
    cbor_write_map(&w, raw.has_unprotected ? 1 : 0);
    if (raw.has_unprotected) {
        cbor_write_uint(&w, 4);
        cbor_write_bytes(&w, BS_SPAN("k", 1));
    }
    cbor_write_bytes(&w, raw.payload);
    cbor_write_bytes(&w, BS_SPAN(signature, sizeof(signature)));
    assert_ok(cbor_write_end(&w));
}

static enum bs_err verify_raw(struct raw raw)
{
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf payload = BS_BUF(BS_BUNDLE_MAX);
    struct bundle b;
    if (raw.payload.size == 0) {
        vector_read("messages/bundle-payload.cbor", &payload);
        raw.payload = bs_buf_span(&payload);
    }
    if (raw.cert.size == 0)
        raw.cert = bs_buf_span(&cert);
    put_sign1(&sign1, raw);
    return bundle_verify(bs_buf_span(&sign1), roots, &b);
}

static void other_headers_contexts_and_labels_are_untrusted(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf protected = BS_BUF(BS_REQUEST_MAX);
    assert_ok(verify_raw((struct raw){ .tag = 18 }));
    assert_err(verify_raw((struct raw){ .tag = 98 }), BS_ERR_UNTRUSTED);
    assert_err(verify_raw((struct raw){ .has_unprotected = true }), BS_ERR_UNTRUSTED);
    assert_err(verify_raw((struct raw){ .label = "bootseal policy v1" }), BS_ERR_UNTRUSTED);
    assert_err(verify_raw((struct raw){ .context = "Signature" }), BS_ERR_UNTRUSTED);

    put_protected(&protected, -35, bs_buf_span(&cert));
    assert_err(verify_raw((struct raw){ .protected = bs_buf_span(&protected) }), BS_ERR_UNTRUSTED);
    bs_buf_reset(&protected);
    put_protected(&protected, -7, bs_buf_span(&cert));
    assert_ok(verify_raw((struct raw){ .protected = bs_buf_span(&protected) }));
    assert_ok(bs_buf_append(&protected, "", 1));
    assert_err(verify_raw((struct raw){ .protected = bs_buf_span(&protected) }), BS_ERR_UNTRUSTED);
    assert_err(verify_raw((struct raw){ .protected = BS_SPAN("\xa1\x01\x26", 3) }), BS_ERR_UNTRUSTED);
}

static void certificates_of_others_for_other_ends_or_out_of_date_are_untrusted(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf other = BS_BUF(BS_CERT_MAX);
    struct bundle b = { .serial = 77 };
    struct cert_roots *other_roots = roots_of("messages/other-ca.pem");
    assert_err(bundle_verify(bs_buf_span(&golden_sign1), other_roots, &b), BS_ERR_UNTRUSTED);
    assert_int_equal(b.serial, 77);
    cert_roots_free(other_roots);

    vector_read("messages/bundle-cert-wrong-eku.der", &other);
    assert_err(verify_raw((struct raw){ .cert = bs_buf_span(&other) }), BS_ERR_UNTRUSTED);
    vector_read("messages/bundle-cert-expired.der", &other);
    assert_err(verify_raw((struct raw){ .cert = bs_buf_span(&other) }), BS_ERR_UNTRUSTED);
    assert_err(verify_raw((struct raw){ .cert = BS_SPAN("\x30\0", 2) }), BS_ERR_UNTRUSTED);
}

static void signing_with_the_certificate_of_another_key_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_BUNDLE_MAX);
    struct crypto_key *other;
    const struct bundle b = bundle_minimal();
    assert_ok(crypto_key_make(&other));
    assert_err(bundle_sign(&b, other, bs_buf_span(&cert), &out), BS_ERR_INPUT);
    crypto_key_free(other);
}

static void no_changed_byte_and_no_cut_is_accepted(void **state)
{
    (void)state;
    struct bundle b;
    for (size_t i = 0; i < golden_sign1.size; i++) {
        golden_sign1.data[i] ^= (uint8_t)(1u << (i % 8));
        assert_err(bundle_verify(bs_buf_span(&golden_sign1), roots, &b), BS_ERR_UNTRUSTED);
        golden_sign1.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t size = 0; size < golden_sign1.size; size++) {
        uint8_t *copy = malloc(size + (size == 0));
        memcpy(copy, golden_sign1.data, size);
        assert_err(bundle_verify(BS_SPAN(copy, size), roots, &b), BS_ERR_UNTRUSTED);
        free(copy);
    }
    assert_ok(bundle_verify(bs_buf_span(&golden_sign1), roots, &b));
}

static enum bs_err verify_payload(struct bs_span payload)
{
    return verify_raw((struct raw){ .payload = payload });
}

static void a_signed_payload_that_makes_no_sense_is_a_protocol_error(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf changed = BS_BUF(BS_BUNDLE_MAX);
    vector_read("messages/bundle-payload.cbor", &in);
    const struct bs_span payload = bs_buf_span(&in);
    for (int k = 1; k <= 9; k++) {
        bs_buf_reset(&changed);
        edit_remove(payload, EDIT_PATH(k), &changed);
        assert_err(verify_payload(bs_buf_span(&changed)), k == 6 || k == 9 ? BS_OK : BS_ERR_PROTOCOL);
        bs_buf_reset(&changed);
        edit_repeat(payload, EDIT_PATH(k), &changed);
        assert_err(verify_payload(bs_buf_span(&changed)), BS_ERR_PROTOCOL);
    }
    for (uint64_t k = 10; k <= 14; k++) { /* of another type, and one that is not known */
        bs_buf_reset(&changed);
        edit_add(payload, EDIT_TOP, k, BS_SPAN("\x41\1", 2), &changed);
        assert_err(verify_payload(bs_buf_span(&changed)), BS_ERR_PROTOCOL);
    }
    for (int k = 1; k <= 3; k++) {
        bs_buf_reset(&changed);
        edit_remove(payload, EDIT_PATH(9, 0, k), &changed);
        assert_err(verify_payload(bs_buf_span(&changed)), BS_ERR_PROTOCOL);
    }
    assert_ok(bs_buf_append(&in, "", 1));
    assert_err(verify_payload(bs_buf_span(&in)), BS_ERR_PROTOCOL);
    assert_err(verify_payload(BS_SPAN(in.data, in.size - 2)), BS_ERR_PROTOCOL);
}

static void values_of_a_signed_payload_outside_their_range_are_protocol_errors(void **state)
{
    (void)state;
    static const struct {
        int path[4];
        const char *good, *wrong;
    } values[] = {
        { { 1, EDIT_END }, NULL, "4101" },
        { { 2, EDIT_END }, "420102", "4101" },
        { { 4, EDIT_END }, "01", "00" },
        { { 5, EDIT_END }, "00", "1b0000003afff44180" },
        { { 6, EDIT_END }, "01", "00" },
        { { 7, EDIT_END }, "6161", "60" },
        { { 7, EDIT_END }, "6161", "622e61" },
        { { 7, EDIT_END }, "6161", "63612f62" },
        { { 8, EDIT_END },
          "8441014101410141"
          "01",
          "85410141014101410141"
          "01" },
        { { 8, EDIT_END }, "814101", "80" },
        { { 9, EDIT_END }, "81a30161610201034101", "80" },
        { { 9, 0, EDIT_END },
          "a3016361"
          "2d5f0201034101",
          "a3016361"
          "20620201034101" },                                 /* a space in a name */
        { { 9, 0, EDIT_END }, "a301622e2e0201034101", NULL }, /* a name that begins with a dot */
        { { 9, 0, EDIT_END }, "a30161610202034101", "a30161610200034101" },
        { { 9, 0, EDIT_END }, "a30161610203034101", "a30161610204034101" },
        { { 9, 0, EDIT_END }, "a301616102020340", "a301616102010340" }, /* an empty secret */
        { { 9, 0, EDIT_END }, "a301616102020340", "a301616102030340" },
        { { 9, 0, 1, EDIT_END }, "6161", "65656d707479" }, /* "empty" is there already */
    };
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_BUNDLE_MAX);
    vector_read("messages/bundle-payload.cbor", &in);
    for (size_t i = 0; i < COUNT(values); i++) {
        const bool is_only_wrong = !values[i].wrong;
        const char *const tries[] = { is_only_wrong ? NULL : values[i].good,
                                      is_only_wrong ? values[i].good : values[i].wrong };
        for (size_t k = 0; k < 2; k++) {
            BS_SCOPED_BUF struct bs_buf changed = BS_BUF(BS_BUNDLE_MAX);
            uint8_t bytes[64];
            size_t size;
            if (!tries[k])
                continue;
            assert_ok(bs_unhex(tries[k], bytes, sizeof(bytes), &size));
            edit_replace(bs_buf_span(&in), values[i].path, BS_SPAN(bytes, size), &changed);
            assert_err(verify_payload(bs_buf_span(&changed)), k == 0 ? BS_OK : BS_ERR_PROTOCOL);
        }
    }
}

static void what_a_device_would_refuse_is_not_signed(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_REQUEST_MAX);
    struct bundle b = bundle_full();
    b.items[1].name = b.items[0].name;
    assert_err(bundle_sign(&b, key, bs_buf_span(&cert), &out), BS_ERR_INPUT);
    b = bundle_full();
    b.items[0].data = BS_SPAN_NONE;
    assert_err(bundle_sign(&b, key, bs_buf_span(&cert), &out), BS_ERR_INPUT);
    b = bundle_full();
    b.serial = 0;
    assert_err(bundle_sign(&b, key, bs_buf_span(&cert), &out), BS_ERR_INPUT);
    b = bundle_full();
    b.chain_count = 0;
    assert_err(bundle_sign(&b, key, bs_buf_span(&cert), &out), BS_ERR_INPUT);

    static uint8_t big[BS_ITEM_DATA_MAX];
    b = bundle_full();
    b.items[0].data = BS_SPAN(big, sizeof(big));
    assert_ok(bundle_sign(&b, key, bs_buf_span(&cert), &out));
    bs_buf_reset(&out);
    b.items[1].data = BS_SPAN(big, sizeof(big));
    assert_err(bundle_sign(&b, key, bs_buf_span(&cert), &out), BS_ERR_NOMEM);
}

static void names_of_items_are_plain_file_names(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a", "A.b-c_9", "-", "_.", "10-eth0.network", "0123456789012345678901234567890123456789012345678901234567890123"
    };
    static const char *const wrong[] = {
        "",         ".",
        "..",       ".a",
        "a/b",      "/",
        "a b",      "a\n",
        "\xc3\xa4", "a\x7f",
        "~",        "a:b",
        "%",        "01234567890123456789012345678901234567890123456789012345678901234"
    };
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(bundle_item_name_is_valid(bs_span_of_string(good[i])));
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(bundle_item_name_is_valid(bs_span_of_string(wrong[i])));
    assert_false(bundle_item_name_is_valid(BS_SPAN("a\0b", 3)));
}

static enum bs_err decrypt(struct bs_span secret, struct bs_span channel, struct bs_span statement,
                           struct bs_span encrypt0)
{
    BS_OWN(secret) sign1 = NULL;
    enum bs_err err = bundle_decrypt(secret, channel, statement, encrypt0, &sign1);
    assert_true((err == BS_OK) == (sign1 != NULL));
    if (sign1)
        assert_true(bs_span_equal(bs_buf_span(&golden_sign1), BS_SPAN(bs_secret_view(sign1), bs_secret_size(sign1))));
    return err;
}

static void the_golden_answer_opens_with_its_secret_channel_and_statement_only(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
    const struct bs_span secret = fill(0xa0, 32), channel = fill(0x10, 32);
    vector_read("messages/bundle-encrypt0.cbor", &in);
    vector_read("messages/statement-full.cbor", &statement);
    const struct bs_span asked = bs_buf_span(&statement), encrypt0 = bs_buf_span(&in);

    assert_ok(decrypt(secret, channel, asked, encrypt0));
    assert_err(decrypt(fill(0xa1, 32), channel, asked, encrypt0), BS_ERR_UNTRUSTED);
    assert_err(decrypt(secret, fill(0x11, 32), asked, encrypt0), BS_ERR_UNTRUSTED);
    assert_err(decrypt(secret, channel, BS_SPAN(asked.data, asked.size - 1), encrypt0), BS_ERR_UNTRUSTED);
    assert_err(decrypt(BS_SPAN_NONE, channel, asked, encrypt0), BS_ERR_PROTOCOL);
    assert_err(decrypt(fill(0xa0, 31), channel, asked, encrypt0), BS_ERR_PROTOCOL);

    for (size_t i = 0; i < in.size; i++) {
        in.data[i] ^= 0x10;
        enum bs_err err = decrypt(secret, channel, asked, encrypt0);
        assert_true(err == BS_ERR_UNTRUSTED || err == BS_ERR_PROTOCOL);
        in.data[i] ^= 0x10;
        assert_err(decrypt(secret, channel, asked, BS_SPAN(in.data, i)), BS_ERR_PROTOCOL);
    }
}

static void what_is_encrypted_opens_again_and_never_looks_the_same(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf one = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf two = BS_BUF(BS_BUNDLE_MAX);
    const struct bs_span secret = fill(9, 32), channel = fill(8, 32), statement = fill(7, 100);
    assert_ok(bundle_encrypt(secret, channel, statement, bs_buf_span(&golden_sign1), &one));
    assert_ok(bundle_encrypt(secret, channel, statement, bs_buf_span(&golden_sign1), &two));
    assert_false(bs_span_equal(bs_buf_span(&one), bs_buf_span(&two)));
    assert_ok(decrypt(secret, channel, statement, bs_buf_span(&one)));
    assert_ok(decrypt(secret, channel, statement, bs_buf_span(&two)));

    static uint8_t big[BS_BUNDLE_MAX];
    BS_SCOPED_BUF struct bs_buf large = BS_BUF(2 * BS_BUNDLE_MAX);
    assert_err(bundle_encrypt(secret, channel, statement, BS_SPAN(big, sizeof(big)), &large), BS_ERR_NOMEM);
    assert_ok(bundle_encrypt(secret, channel, statement, BS_SPAN(big, sizeof(big) - 64), &large));
    assert_true(large.size <= BS_BUNDLE_MAX);
}

static void the_confirm_key_is_another_than_the_content_key(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(4096);
    char hex[65];
    uint8_t confirm[32];
    vector_read("messages/bindings.json", &json);
    assert_ok(bs_buf_append(&json, "", 1));
    assert_ok(bundle_confirm_key(fill(0xa0, 32), fill(0x10, 32), confirm));
    bs_hex(BS_SPAN(confirm, 32), hex);
    const char *at = strstr((const char *)json.data, "\"confirm_key\": \"");
    assert_non_null(at);
    assert_memory_equal(at + strlen("\"confirm_key\": \""), hex, 64);
    vector_read("messages/bundle-encrypt0.json", &json);
    assert_ok(bs_buf_append(&json, "", 1));
    assert_null(strstr((const char *)json.data, hex));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_bundle_verifies_and_says_what_was_signed),
        cmocka_unit_test(a_bundle_is_signed_with_the_golden_payload),
        cmocka_unit_test(a_bundle_orders_keys_and_brings_shares),
        cmocka_unit_test(keys_that_make_no_sense_are_not_signed),
        cmocka_unit_test(a_bundle_brings_approvals_for_its_device_and_epoch_alone),
        cmocka_unit_test(other_headers_contexts_and_labels_are_untrusted),
        cmocka_unit_test(certificates_of_others_for_other_ends_or_out_of_date_are_untrusted),
        cmocka_unit_test(signing_with_the_certificate_of_another_key_is_refused),
        cmocka_unit_test(no_changed_byte_and_no_cut_is_accepted),
        cmocka_unit_test(a_signed_payload_that_makes_no_sense_is_a_protocol_error),
        cmocka_unit_test(values_of_a_signed_payload_outside_their_range_are_protocol_errors),
        cmocka_unit_test(what_a_device_would_refuse_is_not_signed),
        cmocka_unit_test(names_of_items_are_plain_file_names),
        cmocka_unit_test(the_golden_answer_opens_with_its_secret_channel_and_statement_only),
        cmocka_unit_test(what_is_encrypted_opens_again_and_never_looks_the_same),
        cmocka_unit_test(the_confirm_key_is_another_than_the_content_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
