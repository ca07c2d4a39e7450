/* Revocation lists, read back element by element. That openssl verifies them is tests/integration/test_operator.py's. */
#include "unit/unit.h"

#include "bootseal/protocol.h"
#include "core/cert.h"
#include "core/der.h"

#define CRL_MAX (1024 * 1024)

static struct crypto_key *ca_key;
static struct bs_buf ca = BS_BUF(BS_CERT_MAX);

static int make_ca(void **state)
{
    (void)state;
    struct crypto_point point;
    static const struct cert_request request = {
        .common_name = "Device CA", .is_ca = true, .not_before = 1, .not_after = INT64_MAX, .serial = { 0, 1 }
    };
    assert_ok(crypto_key_make(&ca_key));
    assert_ok(crypto_key_public(ca_key, &point));
    assert_ok(cert_make(&request, &point, ca_key, BS_SPAN_NONE, &ca));
    return 0;
}

static int free_ca(void **state)
{
    (void)state;
    crypto_key_free(ca_key);
    bs_buf_free(&ca);
    return 0;
}

/* Makes a list of so many certificates and enters its TBSCertList behind nextUpdate. */
static void make(size_t count, struct bs_buf *crl, struct bs_reader *ret_rest)
{
    BS_SCOPED_BUF struct bs_buf entries = BS_BUF(CRL_MAX);
    struct bs_reader whole, list;
    struct bs_span skipped;
    uint32_t version;
    for (size_t i = 0; i < count; i++) {
        uint8_t serial[16] = { 0x40, (uint8_t)(i >> 8), (uint8_t)i };
        assert_ok(cert_crl_add(serial, 1800000000, &entries));
    }
    struct cert_crl request = { bs_buf_span(&entries), 1800000000, 1800604800, 0x0102030405060708 };
    assert_ok(cert_crl_make(&request, ca_key, bs_buf_span(&ca), crl));
    if (count > 1000) /* beyond what the strict reader takes */
        return;
    whole = BS_READER(bs_buf_span(crl));
    assert_true(der_enter(&whole, DER_SEQUENCE, &list) && whole.left == 0);
    assert_true(der_enter(&list, DER_SEQUENCE, ret_rest));
    assert_true(der_take_small(ret_rest, &version));
    assert_int_equal(version, 1);
    assert_true(der_take(ret_rest, DER_SEQUENCE, &skipped)); /* algorithm */
    assert_true(der_take(ret_rest, DER_SEQUENCE, &skipped)); /* issuer */
    assert_true(der_take(ret_rest, DER_UTC_TIME, &skipped));
    assert_span_text(skipped, "270115080000Z");
    assert_true(der_take(ret_rest, DER_UTC_TIME, &skipped));
    assert_span_text(skipped, "270122080000Z");
}

static void a_list_names_each_certificate(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf crl = BS_BUF(CRL_MAX);
    struct bs_reader rest, entries, entry;
    struct bs_span serial, time, extensions;
    size_t count = 0;
    make(3, &crl, &rest);
    assert_true(der_enter(&rest, DER_SEQUENCE, &entries));
    for (; der_enter(&entries, DER_SEQUENCE, &entry); count++) {
        assert_true(der_take_unsigned(&entry, &serial) && der_take(&entry, DER_UTC_TIME, &time) && entry.left == 0);
        assert_int_equal(serial.size, 16);
        assert_int_equal(serial.data[2], count);
    }
    assert_int_equal(count, 3);
    assert_true(der_take(&rest, DER_CONSTRUCTED(0), &extensions) && rest.left == 0);
    static const uint8_t number[] = { 0x55, 0x1d, 0x14, 0x04, 0x0a, 0x02, 0x08, 1, 2, 3, 4, 5, 6, 7, 8 };
    assert_non_null(memmem(extensions.data, extensions.size, number, sizeof(number)));
}

static void an_empty_list_has_no_entries_at_all(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf crl = BS_BUF(CRL_MAX);
    struct bs_reader rest;
    make(0, &crl, &rest);
    assert_true(der_peek(&rest, DER_CONSTRUCTED(0)));
}

static void a_list_may_be_long(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf crl = BS_BUF(CRL_MAX);
    struct bs_reader rest;
    make(3000, &crl, &rest);
    assert_true(crl.size > 100000);
    assert_memory_equal(crl.data, "\x30\x83", 2);
}

static void only_the_key_of_the_ca_signs(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf crl = BS_BUF(CRL_MAX);
    struct crypto_key *other;
    struct cert_crl request = { BS_SPAN_NONE, 1, 2, 3 };
    assert_ok(crypto_key_make(&other));
    assert_err(cert_crl_make(&request, other, bs_buf_span(&ca), &crl), BS_ERR_INPUT);
    crypto_key_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_names_each_certificate),
        cmocka_unit_test(an_empty_list_has_no_entries_at_all),
        cmocka_unit_test(a_list_may_be_long),
        cmocka_unit_test(only_the_key_of_the_ca_signs),
    };
    return cmocka_run_group_tests(tests, make_ca, free_ca);
}
