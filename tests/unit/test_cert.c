/* Certificates and requests: read, made, and as PEM. */
#include "cert_keys.h"
#include "cert_maker.h"
#include "hex.h"

#include "bootseal/protocol.h"

#define SERVER_AUTH "1.3.6.1.5.5.7.3.1"

static const struct cert_request ca_request = {
    .common_name = "Device CA",
    .is_ca = true,
    .path_length = 0,
    .not_before = 1800000000,
    .not_after = INT64_MAX,
    .serial = { 0, 1 },
};

static struct cert_request leaf_request(void)
{
    return (struct cert_request){ .common_name = "leaf",
                                  .path_length = -1,
                                  .eku = SERVER_AUTH,
                                  .not_before = 1800000000,
                                  .not_after = 1900000000,
                                  .serial = { 0x7f, 2, 3 } };
}

/* A CA, and a certificate of its own making. */
static void make(const struct cert_request *request, struct bs_buf *ret_ca, struct bs_buf *ret_cert)
{
    assert_ok(cert_make(&ca_request, &ca_point, ca_key, BS_SPAN_NONE, ret_ca));
    assert_ok(cert_make(request, &leaf_point, ca_key, bs_buf_span(ret_ca), ret_cert));
}

static void a_certificate_reads_as_it_was_requested(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    struct cert_request request = leaf_request();
    struct cert_info info;
    make(&request, &ca, &leaf);

    assert_ok(cert_parse(bs_buf_span(&ca), &info));
    assert_string_equal(info.subject, "CN=Device CA");
    assert_string_equal(info.issuer, "CN=Device CA");
    assert_true(info.is_ca);
    assert_int_equal(info.not_before, 1800000000);
    assert_true(info.not_after == INT64_MAX);
    assert_int_equal(info.serial_size, 15); /* without its leading zero */

    assert_ok(cert_parse(bs_buf_span(&leaf), &info));
    assert_string_equal(info.subject, "CN=leaf");
    assert_string_equal(info.issuer, "CN=Device CA");
    assert_false(info.is_ca);
    assert_int_equal(info.not_after, 1900000000);
    assert_int_equal(info.serial_size, 16);
    assert_memory_equal(info.serial, request.serial, 16);
    assert_true(cert_has_eku(&info, SERVER_AUTH));
    assert_false(cert_has_eku(&info, "1.3.6.1.5.5.7.3.2"));
    assert_false(info.has_device);
    assert_string_equal(info.profile, "");

    TPMT_PUBLIC key = tpm_key(&leaf_point), other = tpm_key(&ca_point);
    assert_true(cert_key_equals(&info, &key));
    assert_false(cert_key_equals(&info, &other));
}

static void what_is_made_verifies(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(2 * BS_CERT_MAX);
    BS_OWN(roots) roots = NULL;
    struct cert_request request = leaf_request();
    request.eku = BS_OID_EKU_BUNDLE;
    request.not_before = 1500000000;
    request.not_after = 4000000000;
    struct cert_request root = ca_request;
    root.not_before = 1500000000;
    assert_ok(cert_make(&root, &ca_point, ca_key, BS_SPAN_NONE, &ca));
    assert_ok(cert_make(&request, &leaf_point, ca_key, bs_buf_span(&ca), &leaf));
    assert_ok(cert_pem_encode(bs_buf_span(&ca), "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &roots));
    const struct bs_span chain[] = { bs_buf_span(&leaf) };
    const char *why = NULL;
    assert_ok(cert_chain_verify(chain, 1, roots, BS_OID_EKU_BUNDLE, &why));
    assert_err(cert_chain_verify(chain, 1, roots, BS_OID_EKU_POLICY, &why), BS_ERR_UNTRUSTED);
}

static bool contains(struct bs_span whole, const char *text)
{
    struct bs_span part = hex(text);
    return memmem(whole.data, whole.size, part.data, part.size) != NULL;
}

static void extensions_are_encoded_as_rfc_5280_wants_them(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    struct cert_request request = leaf_request();
    request.eku = BS_OID_EKU_BUNDLE;
    make(&request, &ca, &leaf);
    struct bs_span c = bs_buf_span(&ca), l = bs_buf_span(&leaf);

    assert_true(contains(c, "30120603551d130101ff040830060101ff020100"));
    assert_true(contains(c, "300e0603551d0f0101ff040403020106"));
    assert_true(contains(l, "300c0603551d130101ff04023000"));
    assert_true(contains(l, "300e0603551d0f0101ff040403020780"));
    assert_true(contains(l, "0603551d25040b30090607"
                            "6987a184c95501"));

    /* The authority's key identifier is the issuer's own. */
    struct cert_x509 ca_parts, leaf_parts;
    assert_ok(cert_x509_read(c, &ca_parts));
    assert_ok(cert_x509_read(l, &leaf_parts));
    assert_int_equal(ca_parts.subject_key.size, 20);
    uint8_t authority[9 + 20] = { 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16 };
    assert_non_null(memmem(l.data, l.size, authority, 9));
    const uint8_t *at = memmem(l.data, l.size, authority, 9);
    assert_memory_equal(at + 9, "\x80\x14", 2);
    assert_memory_equal(at + 11, ca_parts.subject_key.data, 20);
    assert_memory_not_equal(leaf_parts.subject_key.data, ca_parts.subject_key.data, 20);
}

static void a_server_certificate_names_its_hosts(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    const char *const names[] = { "Boot.example.org", "vm", "192.0.2.7", "2001:db8::7" };
    struct cert_request request = leaf_request();
    request.common_name = "common.example.org";
    request.dns_names = names;
    request.dns_name_count = COUNT(names);
    make(&request, &ca, &leaf);
    struct bs_span der = bs_buf_span(&leaf);

    assert_true(cert_matches_host(der, "boot.EXAMPLE.org"));
    assert_true(cert_matches_host(der, "vm"));
    assert_true(cert_matches_host(der, "192.0.2.7"));
    assert_true(cert_matches_host(der, "2001:DB8:0::7"));
    const char *const others[] = { "example.org",
                                   "boot.example.or",
                                   "boot.example.org.",
                                   "192.0.2.8",
                                   "2001:db8::8",
                                   "::ffff:192.0.2.7",
                                   "common.example.org",
                                   "",
                                   "v" };
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(cert_matches_host(der, others[i]));
    assert_false(cert_matches_host(BS_SPAN(der.data, der.size - 1), "vm"));
    assert_true(contains(der, "8704c0000207")); /* an iPAddress, no name */
}

/* A name with a zero byte, a wildcard, and an address spelled as a dNSName. */
static void names_that_only_look_like_the_host_do_not_match(void **state)
{
    (void)state;
    struct maker maker = { .subject = "x", .key = leaf_key };
    maker.extensions[0] = (struct maker_extension){ CERT_OID_SUBJECT_ALT_NAME, false,
                                                    "3009"
                                                    "8207"
                                                    "766d002e6f7267" };
    assert_false(cert_matches_host(maker_make(&maker), "vm"));
    maker.extensions[0].value = "3007"
                                "8205"
                                "2a2e6f7267"; /* *.org */
    assert_false(cert_matches_host(maker_make(&maker), "a.org"));
    maker.extensions[0].value = "300b"
                                "8209"
                                "3139322e302e322e37"; /* dNSName 192.0.2.7 */
    assert_false(cert_matches_host(maker_make(&maker), "192.0.2.7"));
    maker.extensions[0].value = "3006"
                                "8704"
                                "c0000207";
    assert_true(cert_matches_host(maker_make(&maker), "192.0.2.7"));
}

static void a_device_certificate_carries_identity_and_profile(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    uint8_t device[WIRE_ID_SIZE];
    struct cert_request request = leaf_request();
    struct cert_info info;
    for (size_t i = 0; i < sizeof(device); i++)
        device[i] = (uint8_t)(0xf0 + i);
    request.device = device;
    request.profile = "sensors";
    make(&request, &ca, &leaf);

    assert_ok(cert_parse(bs_buf_span(&leaf), &info));
    assert_true(info.has_device);
    assert_memory_equal(info.device, device, sizeof(device));
    assert_string_equal(info.profile, "sensors");
    /* otherName 2.25.1948329173.3, [0] UTF8String */
    assert_true(contains(bs_buf_span(&leaf), "a014"
                                             "0607"
                                             "6987a184c95503"
                                             "a009"
                                             "0c07"
                                             "73656e736f7273"));
    /* permanentIdentifier: ends with the last of 64 digits and the assigner 2.23.133.12.1 */
    assert_true(contains(bs_buf_span(&leaf), "3066"
                                             "0605"
                                             "6781050c01"));
}

static void identities_that_are_not_ours_are_left_alone_and_broken_ones_refused(void **state)
{
    (void)state;
    struct maker maker = { .subject = "x", .key = leaf_key };
    struct cert_info info;
    maker.extensions[0] = (struct maker_extension){ CERT_OID_SUBJECT_ALT_NAME, false, NULL };

    /* permanentIdentifier "node" of another assigner */
    maker.extensions[0].value = "301a"
                                "a018"
                                "0608"
                                "2b06010505070803"
                                "a00c"
                                "300a"
                                "0c04"
                                "6e6f6465"
                                "0602"
                                "2a03";
    assert_ok(cert_parse(maker_make(&maker), &info));
    assert_false(info.has_device);
    /* ours, but no SHA-256 */
    maker.extensions[0].value = "301e"
                                "a01c"
                                "0608"
                                "2b06010505070803"
                                "a010"
                                "300e"
                                "0c04"
                                "6e6f6465"
                                "0606"
                                "6781050c0101";
    assert_ok(cert_parse(maker_make(&maker), &info));
    maker.extensions[0].value = "301d"
                                "a01b"
                                "0608"
                                "2b06010505070803"
                                "a00f"
                                "300d"
                                "0c04"
                                "6e6f6465"
                                "0605"
                                "6781050c01";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    /* one identity, and two of them */
    maker.extensions[0].value =
        "3059a05706082b06010505070803a04b30490c4030313031303130313031303130313031303130313031303130313031"
        "30313031303130313031303130313031303130313031303130313031303130313031303106056781050c01";
    assert_ok(cert_parse(maker_make(&maker), &info));
    assert_true(info.has_device);
    maker.extensions[0].value =
        "3081b2a05706082b06010505070803a04b30490c40303130313031303130313031303130313031303130313031303130"
        "3130313031303130313031303130313031303130313031303130313031303130313031303106056781050c01a0570608"
        "2b06010505070803a04b30490c4030313031303130313031303130313031303130313031303130313031303130313031"
        "30313031303130313031303130313031303130313031303130313031303106056781050c01";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
}

static void a_profile_is_one_and_text(void **state)
{
    (void)state;
    struct maker maker = { .subject = "x", .key = leaf_key };
    struct cert_info info;
    maker.extensions[0] = (struct maker_extension){ CERT_OID_SUBJECT_ALT_NAME, false, NULL };

    /* two profiles */
    maker.extensions[0].value = "3024"
                                "a010"
                                "0607"
                                "6987a184c95503"
                                "a005"
                                "0c03"
                                "616263"
                                "a010"
                                "0607"
                                "6987a184c95503"
                                "a005"
                                "0c03"
                                "616264";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    /* a profile that is no UTF-8, one that is empty */
    maker.extensions[0].value = "3012"
                                "a010"
                                "0607"
                                "6987a184c95503"
                                "a005"
                                "0c03"
                                "61ff63";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker.extensions[0].value = "300f"
                                "a00d"
                                "0607"
                                "6987a184c95503"
                                "a002"
                                "0c00";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
}

static void more_uses_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct maker maker = { .subject = "x", .key = leaf_key };
    struct cert_info info;
    maker.extensions[0] = (struct maker_extension){ CERT_OID_EXT_KEY_USAGE, false,
                                                    "3020"
                                                    "06022a01"
                                                    "06022a02"
                                                    "06022a03"
                                                    "06022a04"
                                                    "06022a05"
                                                    "06022a06"
                                                    "06022a07"
                                                    "06022a08" };
    assert_ok(cert_parse(maker_make(&maker), &info));
    assert_int_equal(info.eku_count, CERT_EKU_MAX);
    assert_true(cert_has_eku(&info, "1.2.8"));
    maker.extensions[0].value = "3024"
                                "06022a01"
                                "06022a02"
                                "06022a03"
                                "06022a04"
                                "06022a05"
                                "06022a06"
                                "06022a07"
                                "06022a08"
                                "06022a09";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
    maker.extensions[0].value = "3000";
    assert_err(cert_parse(maker_make(&maker), &info), BS_ERR_PROTOCOL);
}

static void dates_are_read_by_the_calendar(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint8_t tag;
        int64_t seconds; /* -1: refused */
    } dates[] = {
        { "20200101000000Z", 0, 1577836800 },
        { "20240229235959Z", 0, 1709251199 },
        { "20230229000000Z", 0, -1 }, /* no leap year */
        { "20201301000000Z", 0, -1 },
        { "20200100000000Z", 0, -1 },
        { "20200101240000Z", 0, -1 },
        { "20200101006000Z", 0, -1 },
        { "20200101000000", 0, -1 },
        { "2020010100000+Z", 0, -1 },
        { "20200101000000.5Z", 0, -1 },
        { "20200101000000+0100", 0, -1 },
        { "490101000000Z", DER_UTC_TIME, 2493072000 },
        { "700101000000Z", DER_UTC_TIME, 0 },
        { "4901010000Z", DER_UTC_TIME, -1 },
        { "99991231235959Z", 0, INT64_MAX },
        { "99981231235959Z", 0, 253370764799 },
    };
    for (size_t i = 0; i < COUNT(dates); i++) {
        struct maker maker = { .subject = "x",
                               .key = leaf_key,
                               .not_before = dates[i].text,
                               .not_after = dates[i].text,
                               .time_tag = dates[i].tag };
        struct cert_info info;
        enum bs_err err = cert_parse(maker_make(&maker), &info);
        if (dates[i].seconds < 0) {
            assert_err(err, BS_ERR_PROTOCOL);
            continue;
        }
        assert_ok(err);
        assert_true(info.not_after == dates[i].seconds);
    }
}

static void dates_are_written_in_the_form_of_their_century(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    struct cert_request request = leaf_request();
    request.not_before = 2524607999; /* the last second of 2049 */
    request.not_after = 2524608000;
    make(&request, &ca, &leaf);
    assert_true(contains(bs_buf_span(&leaf), "170d"
                                             "3439313233313233353935395a"
                                             "180f"
                                             "32303530303130313030303030305a"));
    assert_true(contains(bs_buf_span(&ca), "180f"
                                           "39393939313233313233353935395a"));
}

static void a_request_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_CERT_MAX);
    struct cert_request request = leaf_request();
    make(&request, &ca, &leaf);

    /* an issuer that is no CA, an issuer that the key is not of */
    assert_err(cert_make(&request, &leaf_point, leaf_key, bs_buf_span(&leaf), &out), BS_ERR_INPUT);
    assert_err(cert_make(&request, &leaf_point, leaf_key, bs_buf_span(&ca), &out), BS_ERR_INPUT);
    assert_err(cert_make(&request, &leaf_point, ca_key, BS_SPAN(ca.data, ca.size - 1), &out), BS_ERR_INPUT);

    const char *const wrong[] = { "a b", "", "*.example.org", ".org", "-x", "a\nb", "192.0.2.7/24" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        request.dns_names = &wrong[i];
        request.dns_name_count = 1;
        assert_err(cert_make(&request, &leaf_point, ca_key, bs_buf_span(&ca), &out), BS_ERR_INPUT);
    }
    request = leaf_request();
    request.profile = "a-profile-with-a-name-of-sixty-four-characters-which-is-one-more.";
    assert_err(cert_make(&request, &leaf_point, ca_key, bs_buf_span(&ca), &out), BS_ERR_INPUT);
    request = leaf_request();
    request.common_name = "a common name of sixty-five characters, one more than X.520 allows";
    assert_err(cert_make(&request, &leaf_point, ca_key, bs_buf_span(&ca), &out), BS_ERR_INPUT);
    request.common_name = "";
    assert_err(cert_make(&request, &leaf_point, ca_key, bs_buf_span(&ca), &out), BS_ERR_INPUT);
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_reads_as_it_was_requested),
        cmocka_unit_test(what_is_made_verifies),
        cmocka_unit_test(extensions_are_encoded_as_rfc_5280_wants_them),
        cmocka_unit_test(a_server_certificate_names_its_hosts),
        cmocka_unit_test(names_that_only_look_like_the_host_do_not_match),
        cmocka_unit_test(a_device_certificate_carries_identity_and_profile),
        cmocka_unit_test(identities_that_are_not_ours_are_left_alone_and_broken_ones_refused),
        cmocka_unit_test(a_profile_is_one_and_text),
        cmocka_unit_test(more_uses_than_there_is_room_for_are_refused),
        cmocka_unit_test(dates_are_read_by_the_calendar),
        cmocka_unit_test(dates_are_written_in_the_form_of_their_century),
        cmocka_unit_test(a_request_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
