/* Bundles that no device takes: what of COSE, of the certificate or of the payload is not as it must be. */
#include "unit.h"

#include "cbor_edit.h"
#include "core/bundle.h"
#include "core/cbor.h"
#include "signer.h"

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
    assert_ok(crypto_key_sign(signer_key, digest, signature));

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
        raw.cert = bs_buf_span(&signer_cert);
    put_sign1(&sign1, raw);
    return bundle_verify(bs_buf_span(&sign1), signer_roots, &b);
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

    put_protected(&protected, -35, bs_buf_span(&signer_cert));
    assert_err(verify_raw((struct raw){ .protected = bs_buf_span(&protected) }), BS_ERR_UNTRUSTED);
    bs_buf_reset(&protected);
    put_protected(&protected, -7, bs_buf_span(&signer_cert));
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
    struct cert_roots *other_roots = signer_roots_of("messages/other-ca.pem");
    assert_err(bundle_verify(bs_buf_span(&golden_sign1), other_roots, &b), BS_ERR_UNTRUSTED);
    assert_int_equal(b.serial, 77);
    cert_roots_free(other_roots);

    vector_read("messages/bundle-cert-wrong-eku.der", &other);
    assert_err(verify_raw((struct raw){ .cert = bs_buf_span(&other) }), BS_ERR_UNTRUSTED);
    vector_read("messages/bundle-cert-expired.der", &other);
    assert_err(verify_raw((struct raw){ .cert = bs_buf_span(&other) }), BS_ERR_UNTRUSTED);
    assert_err(verify_raw((struct raw){ .cert = BS_SPAN("\x30\0", 2) }), BS_ERR_UNTRUSTED);
}

static void no_changed_byte_and_no_cut_is_accepted(void **state)
{
    (void)state;
    struct bundle b;
    for (size_t i = 0; i < golden_sign1.size; i++) {
        golden_sign1.data[i] ^= (uint8_t)(1u << (i % 8));
        assert_err(bundle_verify(bs_buf_span(&golden_sign1), signer_roots, &b), BS_ERR_UNTRUSTED);
        golden_sign1.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t size = 0; size < golden_sign1.size; size++) {
        uint8_t *copy = malloc(size + (size == 0));
        memcpy(copy, golden_sign1.data, size);
        assert_err(bundle_verify(BS_SPAN(copy, size), signer_roots, &b), BS_ERR_UNTRUSTED);
        free(copy);
    }
    assert_ok(bundle_verify(bs_buf_span(&golden_sign1), signer_roots, &b));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_headers_contexts_and_labels_are_untrusted),
        cmocka_unit_test(certificates_of_others_for_other_ends_or_out_of_date_are_untrusted),
        cmocka_unit_test(no_changed_byte_and_no_cut_is_accepted),
        cmocka_unit_test(a_signed_payload_that_makes_no_sense_is_a_protocol_error),
        cmocka_unit_test(values_of_a_signed_payload_outside_their_range_are_protocol_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
