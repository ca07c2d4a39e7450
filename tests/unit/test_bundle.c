#include "unit.h"

#include "cbor_edit.h"
#include "core/bundle.h"
#include "core/cbor.h"
#include "signer.h"

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
static struct bs_buf golden_sign1 = BS_BUF(BS_BUNDLE_MAX);

static int setup(void **state)
{
    (void)state;
    signer_begin();
    vector_read("messages/bundle-sign1.cbor", &golden_sign1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    signer_end();
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
    assert_ok(bundle_verify(bs_buf_span(&golden_sign1), signer_roots, &b));
    assert_bundles_equal(&b, &expected);
}

static void assert_signs_as_policy(const struct bundle *bundle, struct bs_span payload)
{
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    struct bundle back;
    assert_ok(bundle_sign(bundle, signer_key, bs_buf_span(&signer_cert), &sign1));
    const size_t tail = 2 + 64 + payload.size;
    assert_true(sign1.size > tail);
    assert_memory_equal(sign1.data + sign1.size - tail, payload.data, payload.size);
    assert_ok(bundle_verify(bs_buf_span(&sign1), signer_roots, &back));
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
    assert_ok(bundle_sign(bundle, signer_key, bs_buf_span(&signer_cert), &sign1));
    /* the signature is the end of it, the payload stands before it */
    const size_t tail = 2 + 64 + payload.size;
    assert_true(sign1.size > tail);
    assert_memory_equal(sign1.data + sign1.size - tail, payload.data, payload.size);
    assert_ok(bundle_verify(bs_buf_span(&sign1), signer_roots, &back));
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
    assert_ok(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &sign1));
    assert_ok(bundle_verify(bs_buf_span(&sign1), signer_roots, &back));
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
        assert_err(bundle_sign(&wrong[i], signer_key, bs_buf_span(&signer_cert), &out), BS_ERR_INPUT);
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
    assert_err(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &sign1), BS_ERR_INPUT);
    b.policy.epoch = 3;
    b.device = fill(0xd1, 32);
    assert_err(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &sign1), BS_ERR_INPUT);
    b.policy.approval_count = 0; /* a profile without a release */
    assert_ok(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &sign1));
}

static void signing_with_the_certificate_of_another_key_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_BUNDLE_MAX);
    struct crypto_key *other;
    const struct bundle b = bundle_minimal();
    assert_ok(crypto_key_make(&other));
    assert_err(bundle_sign(&b, other, bs_buf_span(&signer_cert), &out), BS_ERR_INPUT);
    crypto_key_free(other);
}

static void what_a_device_would_refuse_is_not_signed(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_REQUEST_MAX);
    struct bundle b = bundle_full();
    b.items[1].name = b.items[0].name;
    assert_err(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &out), BS_ERR_INPUT);
    b = bundle_full();
    b.items[0].data = BS_SPAN_NONE;
    assert_err(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &out), BS_ERR_INPUT);
    b = bundle_full();
    b.serial = 0;
    assert_err(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &out), BS_ERR_INPUT);
    b = bundle_full();
    b.chain_count = 0;
    assert_err(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &out), BS_ERR_INPUT);

    static uint8_t big[BS_ITEM_DATA_MAX];
    b = bundle_full();
    b.items[0].data = BS_SPAN(big, sizeof(big));
    assert_ok(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &out));
    bs_buf_reset(&out);
    b.items[1].data = BS_SPAN(big, sizeof(big));
    assert_err(bundle_sign(&b, signer_key, bs_buf_span(&signer_cert), &out), BS_ERR_NOMEM);
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
        cmocka_unit_test(signing_with_the_certificate_of_another_key_is_refused),
        cmocka_unit_test(what_a_device_would_refuse_is_not_signed),
        cmocka_unit_test(names_of_items_are_plain_file_names),
        cmocka_unit_test(the_golden_answer_opens_with_its_secret_channel_and_statement_only),
        cmocka_unit_test(what_is_encrypted_opens_again_and_never_looks_the_same),
        cmocka_unit_test(the_confirm_key_is_another_than_the_content_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
