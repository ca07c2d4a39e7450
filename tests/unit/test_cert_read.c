/* Certificates of others: what is read of them, and which are not read at all. */
#include "cert_keys.h"
#include "cert_maker.h"

#include "bootseal/protocol.h"

static void an_ek_certificate_says_whose_tpm_it_is(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(BS_CERT_MAX);
    struct cert_info info;
    vector("ek/p384.der", &der);
    assert_ok(cert_parse(bs_buf_span(&der), &info));
    assert_string_equal(info.tpm_manufacturer, "id:00001014");
    assert_string_equal(info.tpm_model, "swtpm");
    assert_string_equal(info.tpm_version, "id:20191023");
    assert_string_equal(info.subject, "CN=dev-1");
    assert_true(info.not_after == INT64_MAX);
    assert_true(cert_has_eku(&info, BS_OID_EKU_EK));
    assert_int_equal(info.serial_size, 1);
}

/* The public areas of test_wire.c, put together again from the certificates' own keys. */
static void an_ek_certificate_is_for_its_ek_and_no_other(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(BS_CERT_MAX);
    struct cert_info info;
    struct cert_key key;
    vector("ek/rsa2048.der", &der);
    assert_ok(cert_parse(bs_buf_span(&der), &info));
    assert_true(cert_key_read(info.spki, &key));
    assert_true(key.is_rsa);
    TPMT_PUBLIC ek = wire_ek_template(WIRE_EK_RSA2048)->public_area;
    memcpy(ek.unique.rsa.buffer, key.modulus.data, 256);
    assert_true(cert_key_equals(&info, &ek));
    ek.parameters.rsaDetail.exponent = 3;
    assert_false(cert_key_equals(&info, &ek));
    ek.parameters.rsaDetail.exponent = 65537;
    assert_true(cert_key_equals(&info, &ek));
    ek.unique.rsa.buffer[255] ^= 2;
    assert_false(cert_key_equals(&info, &ek));

    bs_buf_reset(&der);
    vector("ek/p384.der", &der);
    assert_ok(cert_parse(bs_buf_span(&der), &info));
    assert_true(cert_key_read(info.spki, &key));
    assert_false(cert_key_equals(&info, &ek));
    ek = wire_ek_template(WIRE_EK_P384)->public_area;
    ek.unique.ecc.x.size = ek.unique.ecc.y.size = 48;
    memcpy(ek.unique.ecc.x.buffer, key.point.x, 48);
    memcpy(ek.unique.ecc.y.buffer, key.point.y, 48);
    assert_true(cert_key_equals(&info, &ek));
    ek.unique.ecc.y.buffer[0] ^= 1;
    assert_false(cert_key_equals(&info, &ek));
}

static void certificates_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(BS_CERT_MAX + 1);
    struct cert_info info;
    vector("ek/rsa2048.der", &der);
    size_t size = der.size;
    for (size_t n = 0; n < size; n++)
        assert_err(cert_parse(BS_SPAN(der.data, n), &info), BS_ERR_PROTOCOL);
    assert_ok(bs_buf_append(&der, "", 1));
    assert_err(cert_parse(bs_buf_span(&der), &info), BS_ERR_PROTOCOL);
    assert_ok(cert_parse(BS_SPAN(der.data, size), &info));
}

static void malformed_certificates_are_refused(void **state)
{
    (void)state;
    const struct maker good = { .subject = "x", .key = leaf_key, .extensions = { MAKER_NO_CA } };
    struct cert_info info;
    struct maker maker = good;
    assert_ok(cert_parse(maker_make(&maker), &info));

    maker.version = 1; /* version 2 */
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker.version = 0xff; /* version 1 */
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker = good;
    maker.outer_algorithm = "1.2.840.10045.4.3.3";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker = good;
    maker.extensions[1] = (struct maker_extension)MAKER_CA; /* once more */
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker = good;
    maker.extensions[0].value = "30000500"; /* something behind the value */
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker = good;
    for (size_t i = 0; i < 33; i++)
        maker.extensions[i] = (struct maker_extension){ "1.2.3.4", false, "0500" };
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker.extensions[32].oid = NULL;
    assert_ok(cert_parse(maker_make(&maker), &info));
}

static void names_are_text_that_cannot_pretend(void **state)
{
    (void)state;
    struct maker maker = { .subject = "a,CN=b\x1b[2J\"", .key = leaf_key };
    struct cert_info info;
    assert_ok(cert_parse(maker_make(&maker), &info));
    assert_string_equal(info.subject, "CN=a\\,CN\\=b?[2J\\\"");

    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(BS_CERT_MAX);
    vector("cert/root.pem", &pem);
    assert_ok(cert_pem_decode(bs_buf_span(&pem), "CERTIFICATE", &der));
    assert_ok(cert_parse(bs_buf_span(&der), &info));
    assert_string_equal(info.subject, "C=DE, O=Maker\\, of things, CN=Root 384");

    /* cut before the character that does not fit */
    struct cert_x509 parts;
    char small[12];
    assert_ok(cert_x509_read(bs_buf_span(&der), &parts));
    cert_name_text(parts.subject, small, sizeof(small));
    assert_string_equal(small, "C=DE, O=Mak");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ek_certificate_says_whose_tpm_it_is),
        cmocka_unit_test(an_ek_certificate_is_for_its_ek_and_no_other),
        cmocka_unit_test(certificates_are_read_whole_or_not_at_all),
        cmocka_unit_test(malformed_certificates_are_refused),
        cmocka_unit_test(names_are_text_that_cannot_pretend),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
