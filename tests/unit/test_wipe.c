#include "unit.h"

#include "cbor_edit.h"
#include "signer.h"

#include "core/bundle.h"
#include "core/message.h"
#include "core/wipe.h"

#define ORDER_MAX 8192

/* What every test needs; made once. */
static struct bs_buf golden = BS_BUF(ORDER_MAX);
static uint8_t ak_name[34], statement_sha256[32];

static int setup(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
    signer_begin();
    vector_read("messages/wipe-sign1.cbor", &golden);
    vector_read("messages/statement-full.cbor", &statement);
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_buf_span(&statement), statement_sha256));
    memcpy(ak_name, "\0\x0b", 2);
    memcpy(ak_name + 2, fill(1, 32).data, 32);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    signer_end();
    bs_buf_free(&golden);
    return 0;
}

/* The values of tests/vectors/make_messages.py. */
static struct wipe_order order_of_the_vector(void)
{
    return (struct wipe_order){ .device = fill(0xd0, 32),
                                .ak_name = BS_SPAN(ak_name, sizeof(ak_name)),
                                .statement_sha256 = BS_SPAN(statement_sha256, 32),
                                .serial = 43 };
}

static void assert_is_order_of_the_vector(const struct wipe_order *order)
{
    struct wipe_order expected = order_of_the_vector();
    assert_true(bs_span_equal(order->device, expected.device));
    assert_true(bs_span_equal(order->ak_name, expected.ak_name));
    assert_true(bs_span_equal(order->statement_sha256, expected.statement_sha256));
    assert_int_equal(order->serial, expected.serial);
}

static void the_golden_order_verifies_and_says_what_was_signed(void **state)
{
    (void)state;
    struct wipe_order order;
    assert_ok(wipe_verify(bs_buf_span(&golden), signer_roots, &order));
    assert_is_order_of_the_vector(&order);
}

static void an_order_is_signed_with_the_golden_payload(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf made = BS_BUF(ORDER_MAX);
    BS_SCOPED_BUF struct bs_buf payload = BS_BUF(ORDER_MAX);
    struct wipe_order order = order_of_the_vector();
    assert_ok(wipe_sign(&order, signer_key, bs_buf_span(&signer_cert), &made));
    vector_read("messages/wipe-payload.cbor", &payload);
    assert_non_null(memmem(made.data, made.size, payload.data, payload.size));
    assert_ok(wipe_verify(bs_buf_span(&made), signer_roots, &order));
    assert_is_order_of_the_vector(&order);
}

/* The same key signs both, so the labels alone keep them apart. */
static void a_bundle_is_no_order_and_an_order_no_bundle(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    struct wipe_order order;
    struct bundle bundle;
    vector_read("messages/bundle-sign1.cbor", &sign1);
    assert_ok(bundle_verify(bs_buf_span(&sign1), signer_roots, &bundle));
    assert_err(wipe_verify(bs_buf_span(&sign1), signer_roots, &order), BS_ERR_UNTRUSTED);
    assert_err(bundle_verify(bs_buf_span(&golden), signer_roots, &bundle), BS_ERR_UNTRUSTED);
}

static void signers_of_others_or_for_other_ends_are_untrusted(void **state)
{
    (void)state;
    static const char *const certs[] = { "messages/bundle-cert-wrong-eku.der", "messages/bundle-cert-expired.der" };
    struct wipe_order order = order_of_the_vector(), back;
    struct cert_roots *others = signer_roots_of("messages/other-ca.pem");
    assert_err(wipe_verify(bs_buf_span(&golden), others, &back), BS_ERR_UNTRUSTED);
    cert_roots_free(others);
    for (size_t i = 0; i < COUNT(certs); i++) {
        BS_SCOPED_BUF struct bs_buf made = BS_BUF(ORDER_MAX);
        BS_SCOPED_BUF struct bs_buf other = BS_BUF(BS_CERT_MAX);
        vector_read(certs[i], &other);
        assert_ok(wipe_sign(&order, signer_key, bs_buf_span(&other), &made));
        assert_err(wipe_verify(bs_buf_span(&made), signer_roots, &back), BS_ERR_UNTRUSTED);
    }
}

static void no_changed_byte_and_no_cut_is_obeyed(void **state)
{
    (void)state;
    struct wipe_order order;
    for (size_t i = 0; i < golden.size; i++) {
        golden.data[i] ^= 1;
        assert_err(wipe_verify(bs_buf_span(&golden), signer_roots, &order), BS_ERR_UNTRUSTED);
        golden.data[i] ^= 1;
        assert_err(wipe_verify(BS_SPAN(golden.data, i), signer_roots, &order), BS_ERR_UNTRUSTED);
    }
    assert_ok(bs_buf_append(&golden, "", 1));
    assert_err(wipe_verify(bs_buf_span(&golden), signer_roots, &order), BS_ERR_UNTRUSTED);
    golden.size--;
}

static void what_a_device_would_refuse_is_not_signed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        BS_SCOPED_BUF struct bs_buf made = BS_BUF(ORDER_MAX);
        struct wipe_order order = order_of_the_vector();
        if (i == 0)
            order.device.size = 31;
        else if (i == 1)
            order.ak_name.size = 1;
        else if (i == 2)
            order.statement_sha256 = BS_SPAN_NONE;
        else
            order.serial = 0;
        assert_err(wipe_sign(&order, signer_key, bs_buf_span(&signer_cert), &made), BS_ERR_INPUT);
    }
}

static void the_key_that_confirms_a_wipe_confirms_no_bundle(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(4096);
    char hex[65];
    uint8_t wiped[32], confirm[32];
    assert_ok(wipe_confirm_key(fill(0xa0, 32), fill(0x10, 32), wiped));
    assert_ok(bundle_confirm_key(fill(0xa0, 32), fill(0x10, 32), confirm));
    assert_memory_not_equal(wiped, confirm, 32);
    vector_read("messages/bindings.json", &json);
    assert_ok(bs_buf_append(&json, "", 1));
    bs_hex(BS_SPAN(wiped, 32), hex);
    const char *at = strstr((const char *)json.data, "\"wiped_key\": \"");
    assert_non_null(at);
    assert_memory_equal(at + strlen("\"wiped_key\": \""), hex, 64);
    assert_err(wipe_confirm_key(fill(0xa0, 31), fill(0x10, 32), wiped), BS_ERR_PROTOCOL);
}

/* The order stands in an answer of its kind and in no other, and that kind has all of its members. */
static void an_answer_that_wipes_has_all_of_it_and_no_other_has_an_order(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf vector = BS_BUF(BS_ANSWER_MAX);
    BS_SCOPED_BUF struct bs_buf made = BS_BUF(BS_ANSWER_MAX);
    struct message_answer m;
    struct wipe_order order;
    vector_read("messages/answer-wipe.cbor", &vector);
    assert_ok(message_answer_decode(bs_buf_span(&vector), &m));
    assert_int_equal(m.kind, MESSAGE_WIPE);
    assert_span_text(m.reason, "wiped");
    assert_ok(wipe_verify(m.order, signer_roots, &order));
    assert_is_order_of_the_vector(&order);
    assert_ok(message_answer_encode(&m, &made));
    assert_true(bs_span_equal(bs_buf_span(&made), bs_buf_span(&vector)));

    for (enum message_kind kind = MESSAGE_PROVE; kind <= MESSAGE_WIPE; kind++) {
        struct message_answer other = m;
        other.kind = kind;
        bs_buf_reset(&made);
        assert_err(message_answer_encode(&other, &made), kind == MESSAGE_WIPE ? BS_OK : BS_ERR_INPUT);
    }
    struct bs_span *const members[] = { &m.order, &m.reason, &m.id_object };
    for (size_t i = 0; i < COUNT(members); i++) {
        struct bs_span kept = *members[i];
        *members[i] = BS_SPAN_NONE;
        assert_err(message_answer_encode(&m, &made), BS_ERR_INPUT);
        *members[i] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_order_verifies_and_says_what_was_signed),
        cmocka_unit_test(an_order_is_signed_with_the_golden_payload),
        cmocka_unit_test(a_bundle_is_no_order_and_an_order_no_bundle),
        cmocka_unit_test(signers_of_others_or_for_other_ends_are_untrusted),
        cmocka_unit_test(no_changed_byte_and_no_cut_is_obeyed),
        cmocka_unit_test(what_a_device_would_refuse_is_not_signed),
        cmocka_unit_test(the_key_that_confirms_a_wipe_confirms_no_bundle),
        cmocka_unit_test(an_answer_that_wipes_has_all_of_it_and_no_other_has_an_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
