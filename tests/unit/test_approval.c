#include "unit.h"

#include "cbor_edit.h"
#include "core/approval.h"
#include "core/bundle.h"
#include "core/policy_digest.h"
#include "hex.h"
#include "signer.h"

static struct bs_buf golden = BS_BUF(APPROVALS_SIZE_MAX);
static struct approvals approvals;
static struct bs_buf cert = BS_BUF(BS_CERT_MAX);

static int setup(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf payload = BS_BUF(BS_BUNDLE_MAX);
    vector_read("messages/approvals.cbor", &golden);
    assert_ok(approvals_decode(bs_buf_span(&golden), &approvals));
    vector_read("messages/bundle-payload-policy.cbor", &payload);
    struct edit_item item = edit_find(bs_buf_span(&payload), EDIT_PATH(10, 1));
    assert_ok(bs_buf_append(&cert, payload.data + item.start + 3, item.end - item.start - 3));
    signer_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bs_buf_free(&golden);
    bs_buf_free(&cert);
    signer_end();
    return 0;
}

static void the_golden_approvals_say_what_was_signed(void **state)
{
    (void)state;
    assert_int_equal(approvals.count, 2);
    assert_span_text(approvals.list[0].release, "v1.0");
    assert_span_text(approvals.list[1].release, "v1.1");
    assert_int_equal(approvals.list[1].pcrs.bank, CRYPTO_SHA256);
    assert_int_equal(approvals.list[1].pcrs.mask, 1u | 1u << 2 | 1u << 4 | 1u << 7 | 1u << 9 | 1u << 11);
    assert_true(bs_span_equal(approvals.list[1].pcrs.values[9], fill(0x29, 32)));

    BS_SCOPED_BUF struct bs_buf back = BS_BUF(APPROVALS_SIZE_MAX);
    assert_ok(approvals_encode(&approvals, &back));
    assert_true(bs_span_equal(bs_buf_span(&back), bs_buf_span(&golden)));
}

/* What Python signed is what our arithmetic says, so each piece of it is the same in both. */
static void the_golden_signatures_are_those_of_the_policy_key(void **state)
{
    (void)state;
    TPMT_PUBLIC key;
    struct crypto_point point;
    uint8_t ref[APPROVAL_REF_SIZE], policy[32], hash[32], digest[32];
    assert_ok(approval_key(bs_buf_span(&cert), signer_roots, &key));
    assert_ok(wire_public_point(&key, &point));
    assert_ok(approval_ref(fill(0xd0, 32), 3, ref));
    for (size_t i = 0; i < approvals.count; i++) {
        const struct approval *a = &approvals.list[i];
        assert_true(bs_span_equal(a->policy_ref, BS_SPAN(ref, sizeof(ref))));
        assert_ok(approval_policy(&a->pcrs, policy));
        assert_ok(approval_hash(policy, a->policy_ref, hash));
        assert_ok(crypto_ecdsa_verify(&point, BS_SPAN(hash, 32), BS_SPAN(a->signature.data, 32),
                                      BS_SPAN(a->signature.data + 32, 32)));
    }
    /* The reference is another one for each device and each epoch. */
    assert_ok(approval_ref(fill(0xd0, 32), 4, digest));
    assert_memory_not_equal(digest, ref, 32);
    assert_ok(approval_ref(fill(0xd1, 32), 3, digest));
    assert_memory_not_equal(digest, ref, 32);
}

static void a_key_without_its_certificate_approves_nothing(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf other = BS_BUF(BS_CERT_MAX);
    struct cert_roots *strangers = signer_roots_of("messages/other-ca.pem");
    TPMT_PUBLIC key = { .type = 0x77 };
    assert_err(approval_key(bs_buf_span(&cert), strangers, &key), BS_ERR_UNTRUSTED);
    cert_roots_free(strangers);
    vector_read("messages/bundle-cert.der", &other); /* of the same CA, for bundles */
    assert_err(approval_key(bs_buf_span(&other), signer_roots, &key), BS_ERR_UNTRUSTED);
    assert_err(approval_key(BS_SPAN("\x30\0", 2), signer_roots, &key), BS_ERR_UNTRUSTED);
    assert_int_equal(key.type, 0x77);
}

static void what_is_no_list_of_approvals_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf changed = BS_BUF(APPROVALS_SIZE_MAX);
    struct approvals list = { .count = 99 };
    for (size_t size = 0; size < golden.size; size++)
        assert_err(approvals_decode(BS_SPAN(golden.data, size), &list), BS_ERR_PROTOCOL);
    for (int k = 1; k <= 4; k++) {
        bs_buf_reset(&changed);
        edit_remove(bs_buf_span(&golden), EDIT_PATH(1, 0, k), &changed);
        assert_err(approvals_decode(bs_buf_span(&changed), &list), BS_ERR_PROTOCOL);
    }
    static const struct {
        int path[6];
        const char *hex;
    } wrong[] = {
        { { 1, 0, 1, EDIT_END }, "632e2e2f" },     /* a name with a slash and a dot before it */
        { { 1, 0, 2, 1, EDIT_END }, "01" },        /* no bank */
        { { 1, 0, 2, 2, 4, EDIT_END }, "420102" }, /* a value that is too short */
        { { 1, 0, 2, 2, EDIT_END }, "a0" },        /* no PCR at all */
        { { 1, 0, 3, EDIT_END }, "420102" },       /* a reference that is too short */
        { { 1, 0, 4, EDIT_END }, "420102" },       /* a signature that is too short */
        { { 1, EDIT_END }, "80" },                 /* no approval */
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        uint8_t bytes[8];
        size_t size;
        assert_ok(bs_unhex(wrong[i].hex, bytes, sizeof(bytes), &size));
        bs_buf_reset(&changed);
        edit_replace(bs_buf_span(&golden), wrong[i].path, BS_SPAN(bytes, size), &changed);
        assert_err(approvals_decode(bs_buf_span(&changed), &list), BS_ERR_PROTOCOL);
    }
    assert_int_equal(list.count, 99);
}

static void one_more_than_the_most_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(APPROVALS_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf changed = BS_BUF(APPROVALS_SIZE_MAX);
    struct approvals list = { .count = APPROVALS_MAX };
    for (size_t i = 0; i < APPROVALS_MAX; i++)
        list.list[i] = approvals.list[0];
    assert_ok(approvals_encode(&list, &bytes));
    struct edit_item one = edit_find(bs_buf_span(&bytes), EDIT_PATH(1, 0));
    assert_int_equal(bytes.data[2], 0x90); /* an array of 16 */
    assert_ok(bs_buf_append(&changed, bytes.data, bytes.size));
    changed.data[2] = 0x91;
    assert_ok(bs_buf_append(&changed, bytes.data + one.start, one.end - one.start));
    assert_err(approvals_decode(bs_buf_span(&changed), &list), BS_ERR_PROTOCOL);
}

/* In a block of exactly its size, so that a sanitizer sees a byte read too many. */
static enum bs_err decode_alone(struct bs_span bytes, struct bs_buf *out)
{
    struct approvals read;
    uint8_t *alone = test_malloc(bytes.size > 0 ? bytes.size : 1);
    memcpy(alone, bytes.data, bytes.size);
    enum bs_err err = approvals_decode(BS_SPAN(alone, bytes.size), &read);
    if (err == BS_OK)
        assert_ok(approvals_encode(&read, out));
    test_free(alone);
    return err;
}

static void no_list_is_read_cut_or_with_more_behind_it(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf longer = BS_BUF(APPROVALS_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf back = BS_BUF(APPROVALS_SIZE_MAX);
    for (size_t size = 0; size < golden.size; size++)
        assert_int_not_equal(decode_alone(BS_SPAN(golden.data, size), &back), BS_OK);
    assert_ok(bs_buf_append(&longer, golden.data, golden.size));
    assert_ok(bs_buf_append(&longer, "", 1));
    assert_int_not_equal(decode_alone(bs_buf_span(&longer), &back), BS_OK);
}

/* Whatever is read has one spelling: what was flipped is refused, or is another list that is written just so. */
static void a_flipped_bit_is_refused_or_another_list(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf bent = BS_BUF(APPROVALS_SIZE_MAX);
    assert_ok(bs_buf_append(&bent, golden.data, golden.size));
    for (size_t bit = 0; bit < 8 * bent.size; bit++) {
        BS_SCOPED_BUF struct bs_buf back = BS_BUF(APPROVALS_SIZE_MAX);
        bent.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (decode_alone(bs_buf_span(&bent), &back) == BS_OK)
            assert_true(bs_span_equal(bs_buf_span(&back), bs_buf_span(&bent)));
        bent.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void differences_are_told_by_pcr(void **state)
{
    (void)state;
    struct message_pcrs a = approvals.list[0].pcrs, b = a;
    assert_int_equal(approval_differences(&a, &b), 0);
    b.values[9] = fill(1, 32);
    b.values[11] = fill(2, 32);
    assert_int_equal(approval_differences(&a, &b), 1u << 9 | 1u << 11);
    b.mask &= ~1u;
    assert_int_equal(approval_differences(&a, &b), 1u | 1u << 9 | 1u << 11);
    b.bank = CRYPTO_SHA384;
    assert_int_equal(approval_differences(&a, &b), a.mask);
}

static void values_that_do_not_fit_their_bank_are_no_policy(void **state)
{
    (void)state;
    uint8_t policy[32];
    struct message_pcrs pcrs = approvals.list[0].pcrs;
    pcrs.values[7].size = 20;
    assert_err(approval_policy(&pcrs, policy), BS_ERR_INPUT);
    pcrs = (struct message_pcrs){ .bank = CRYPTO_SHA256 };
    assert_err(approval_policy(&pcrs, policy), BS_ERR_INPUT);
    pcrs = (struct message_pcrs){ .bank = 0x99, .mask = 1 };
    assert_err(approval_policy(&pcrs, policy), BS_ERR_INPUT);
}

/* The key alone decides its Name, which policies are made of: another point, another Name. */
static void a_policy_key_is_for_verifying_alone(void **state)
{
    (void)state;
    TPMT_PUBLIC key;
    struct cert_info info;
    assert_ok(cert_parse(bs_buf_span(&cert), &info));
    assert_ok(cert_policy_key(info.spki, &key));
    assert_int_equal(key.objectAttributes & (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_RESTRICTED),
                     0);
    assert_int_equal(key.parameters.eccDetail.scheme.scheme, TPM2_ALG_ECDSA);
    assert_err(cert_policy_key(BS_SPAN(info.spki.data, info.spki.size - 1), &key), BS_ERR_INPUT);

    uint8_t modulus[512] = { 0xc0 };
    modulus[255] = 1;
    assert_ok(wire_policy_key_rsa(BS_SPAN(modulus, 256), 65537, &key));
    assert_int_equal(key.parameters.rsaDetail.exponent, 0);
    assert_int_equal(key.parameters.rsaDetail.scheme.scheme, TPM2_ALG_RSASSA);
    assert_ok(wire_policy_key_rsa(BS_SPAN(modulus, 512), 3, &key));
    assert_int_equal(key.parameters.rsaDetail.exponent, 3);
    assert_err(wire_policy_key_rsa(BS_SPAN(modulus, 128), 65537, &key), BS_ERR_INPUT);
    modulus[0] = 0x40;
    assert_err(wire_policy_key_rsa(BS_SPAN(modulus, 256), 65537, &key), BS_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_approvals_say_what_was_signed),
        cmocka_unit_test(the_golden_signatures_are_those_of_the_policy_key),
        cmocka_unit_test(a_key_without_its_certificate_approves_nothing),
        cmocka_unit_test(what_is_no_list_of_approvals_is_refused),
        cmocka_unit_test(one_more_than_the_most_is_refused),
        cmocka_unit_test(no_list_is_read_cut_or_with_more_behind_it),
        cmocka_unit_test(a_flipped_bit_is_refused_or_another_list),
        cmocka_unit_test(differences_are_told_by_pcr),
        cmocka_unit_test(values_that_do_not_fit_their_bank_are_no_policy),
        cmocka_unit_test(a_policy_key_is_for_verifying_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
