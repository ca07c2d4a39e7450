#include "unit/unit.h"

#include "agent/vault/slot.h"

static struct bs_secret *key;
static struct bs_buf slot_bytes = BS_BUF(SLOT_MAX);
static struct slot_header header;

static void fill_unique(TPMT_PUBLIC *area)
{
    memset(area->unique.ecc.x.buffer, 1, 32);
    memset(area->unique.ecc.y.buffer, 2, 32);
    area->unique.ecc.x.size = area->unique.ecc.y.size = 32;
}

static void fill(TPM2B_PUBLIC *area)
{
    wire_template_device(&area->publicArea);
    fill_unique(&area->publicArea);
}

static const struct vault_contents contents = {
    .sign1 = { (const uint8_t *)"bundle", 6 },
    .device_public = { (const uint8_t *)"public", 6 },
    .device_private = { (const uint8_t *)"private", 7 },
    .time_floor = 1795000000,
    .keys = { { { (const uint8_t *)"wg", 2 },
                BS_GENERATED_X25519,
                3,
                { (const uint8_t *)"private half of a scalar, really", 32 } },
              { { (const uint8_t *)"disk", 4 }, BS_GENERATED_RANDOM, 1, { (const uint8_t *)"sixteen bytes...", 16 } } },
    .key_count = 2,
};

static uint8_t share_bytes[BS_SHARE_SIZE] = { 5, 6, 7 };
static uint8_t device_bytes[32] = { 0xD0, 1 };
static struct vault_share share = { 9, { share_bytes, sizeof(share_bytes) }, { device_bytes, sizeof(device_bytes) } };

static struct slot_keys keys(bool is_shared)
{
    return (struct slot_keys){ key, is_shared ? &share : NULL };
}

static int setup(void **state)
{
    (void)state;
    TPMT_PUBLIC named;
    header = (struct slot_header){ .generation = 0x0102030405060708,
                                   .policy = { VAULT_PCR, CRYPTO_SHA256, 0x295, 12 },
                                   .counter_index = 0x0180B001 };
    wire_template_ak(&named);
    wire_template_srk(&header.srk);
    fill_unique(&header.srk);
    fill(&header.sealed.public_area);
    header.sealed.private_area.size = 20;
    memset(header.nonce, 0xAB, sizeof(header.nonce));
    if (wire_public_name(&named, &header.counter_name) != BS_OK || bs_secret_new(32, &key) != BS_OK)
        return -1;
    bs_buf_reset(&slot_bytes);
    struct slot_keys with = keys(false);
    return slot_encode(&header, &with, &contents, &slot_bytes) == BS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    bs_secret_free(key);
    bs_buf_free(&slot_bytes);
    return 0;
}

static void a_slot_comes_back_as_it_went_in(void **state)
{
    (void)state;
    struct slot slot;
    struct vault_contents back;
    BS_OWN(secret) plain = NULL;
    assert_ok(slot_decode(bs_buf_span(&slot_bytes), &slot));
    assert_int_equal(slot.header.generation, header.generation);
    assert_int_equal(slot.header.policy.boot_mask, 0x295);
    assert_int_equal(slot.header.policy.cap_pcr, 12);
    assert_true(wire_name_equal(&slot.header.counter_name, &header.counter_name));
    assert_ok(slot_open(&slot, key, &plain));
    assert_ok(slot_contents(plain, &back));
    assert_span_text(back.sign1, "bundle");
    assert_span_text(back.device_public, "public");
    assert_span_text(back.device_private, "private");
    assert_int_equal(back.time_floor, contents.time_floor);
    assert_int_equal(back.key_count, 2);
    for (size_t i = 0; i < back.key_count; i++) {
        assert_true(bs_span_equal(back.keys[i].name, contents.keys[i].name));
        assert_int_equal(back.keys[i].kind, contents.keys[i].kind);
        assert_int_equal(back.keys[i].generation, contents.keys[i].generation);
        assert_true(bs_span_equal(back.keys[i].private_half, contents.keys[i].private_half));
    }
}

static void the_header_lies_as_docs_vault_format_draws_it(void **state)
{
    (void)state;
    static const uint8_t start[] = { 'B', 'S', 'V', 'A', 'U', 'L', 'T', '2', 0, 0, 0, 2 };
    static const uint8_t policy[] = { 1, 2, 3, 4, 5,    6,    7,    8,    0,    0x0B, 12,
                                      0, 0, 0, 2, 0x95, 0x01, 0x80, 0xB0, 0x01, 0,    34 };
    assert_memory_equal(slot_bytes.data, start, sizeof(start));
    assert_memory_equal(slot_bytes.data + 16, policy, sizeof(policy));
    size_t header_size = (size_t)slot_bytes.data[14] << 8 | slot_bytes.data[15];
    size_t sealed_size = (size_t)slot_bytes.data[header_size - 2] << 8 | slot_bytes.data[header_size - 1];
    assert_int_equal(header_size + sealed_size, slot_bytes.size);
    assert_memory_equal(slot_bytes.data + header_size - 16, header.nonce, 12);

    static const uint8_t nothing[2 + 2 + 4 + 8 + 12 + 48];
    size_t srk = 72, srk_size = (size_t)slot_bytes.data[srk] << 8 | slot_bytes.data[srk + 1];
    BS_SCOPED_BUF struct bs_buf area = BS_BUF(1024);
    assert_ok(wire_public_encode(&header.srk, &area));
    assert_true(bs_span_equal(BS_SPAN(slot_bytes.data + srk + 2, srk_size), bs_buf_span(&area)));
    assert_memory_equal(slot_bytes.data + srk + 2 + srk_size, nothing, 8);     /* no signed policy */
    assert_memory_equal(slot_bytes.data + header_size - 16 - 68, nothing, 68); /* no share */
}

static void a_slot_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct slot slot;
    for (size_t size = 0; size < slot_bytes.size; size++)
        assert_err(slot_decode(BS_SPAN(slot_bytes.data, size), &slot), BS_ERR_INPUT);
}

static void anything_after_the_tag_is_refused(void **state)
{
    (void)state;
    struct slot slot;
    assert_ok(bs_buf_append(&slot_bytes, "", 1));
    assert_err(slot_decode(bs_buf_span(&slot_bytes), &slot), BS_ERR_INPUT);
}

/* Whatever byte is changed: refused when it is read, or not opened. */
static void no_byte_of_a_slot_can_be_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < slot_bytes.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct slot slot;
            BS_OWN(secret) plain = NULL;
            slot_bytes.data[i] ^= (uint8_t)(1u << bit);
            if (slot_decode(bs_buf_span(&slot_bytes), &slot) == BS_OK)
                assert_err(slot_open(&slot, key, &plain), BS_ERR_INPUT);
            slot_bytes.data[i] ^= (uint8_t)(1u << bit);
        }
    }
}

/* The slot as it is decoded after `header` was encoded again. */
static enum bs_err encode_again(struct slot *ret_slot)
{
    struct slot_keys with = keys(false);
    bs_buf_reset(&slot_bytes);
    assert_ok(slot_encode(&header, &with, &contents, &slot_bytes));
    return slot_decode(bs_buf_span(&slot_bytes), ret_slot);
}

static void what_a_signed_policy_needs_comes_back(void **state)
{
    (void)state;
    struct slot slot;
    static const uint8_t ref[32] = { 7 };
    header.policy.kind = VAULT_SIGNED;
    header.signer.policy_ref = BS_SPAN(ref, sizeof(ref));
    wire_template_device(&header.signer.key);
    fill_unique(&header.signer.key);
    header.signer.approvals = bs_span_of_string("approvals");
    assert_ok(encode_again(&slot));
    assert_int_equal(slot.header.policy.kind, VAULT_SIGNED);
    assert_true(bs_span_equal(slot.header.signer.policy_ref, header.signer.policy_ref));
    assert_span_text(slot.header.signer.approvals, "approvals");
    struct wire_name in, out;
    assert_ok(wire_public_name(&header.signer.key, &in));
    assert_ok(wire_public_name(&slot.header.signer.key, &out));
    assert_true(wire_name_equal(&in, &out));

    BS_OWN(secret) plain = NULL;
    assert_ok(slot_open(&slot, key, &plain));
    no_byte_of_a_slot_can_be_changed(state);
}

/* A kind whose fields stand there in part, or beside those of another kind, or that is not known. */
static void fields_that_are_not_of_the_kind_are_refused(void **state)
{
    (void)state;
    static const uint8_t ref[32] = { 7 };
    static const struct {
        unsigned kind;
        size_t ref_size;
        bool has_key;
        const char *approvals;
    } wrong[] = {
        { VAULT_PCR, 32, false, "" },
        { VAULT_PCR, 0, true, "" },
        { VAULT_PCR, 0, false, "a" },
        { VAULT_SIGNED, 0, true, "a" },
        { VAULT_SIGNED, 31, true, "a" },
        { VAULT_SIGNED, 32, false, "a" },
        { VAULT_SIGNED, 32, true, "" },
        { VAULT_SIGNED_UKI, 32, true, "a" },
        { VAULT_SIGNED_UKI, 0, false, "a" },
        { VAULT_SIGNED_UKI, 0, true, "" },
        { 3, 0, false, "" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct slot slot;
        header.policy.kind = wrong[i].kind;
        header.signer = (struct vault_signer){ .policy_ref = BS_SPAN(ref, wrong[i].ref_size),
                                               .approvals = bs_span_of_string(wrong[i].approvals) };
        if (wrong[i].has_key) {
            wire_template_device(&header.signer.key);
            fill_unique(&header.signer.key);
        }
        assert_err(encode_again(&slot), BS_ERR_INPUT);
    }
    header.policy.kind = VAULT_PCR;
    header.signer = (struct vault_signer){ 0 };
    struct slot slot;
    assert_ok(encode_again(&slot));
}

static void a_slot_without_an_srk_is_refused(void **state)
{
    (void)state;
    struct slot slot;
    header.srk = (TPMT_PUBLIC){ 0 };
    assert_err(encode_again(&slot), BS_ERR_INPUT);
}

/* Where the share lies: before nonce and size. */
#define SHARE_SIZE (8 + 12 + 48)

static uint8_t *share_at(void)
{
    size_t header_size = (size_t)slot_bytes.data[14] << 8 | slot_bytes.data[15];
    return slot_bytes.data + header_size - 16 - SHARE_SIZE;
}

static void without_a_share_its_place_is_all_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHARE_SIZE; i++) {
        struct slot slot;
        share_at()[i] = 1;
        assert_err(slot_decode(bs_buf_span(&slot_bytes), &slot), i < 8 ? BS_OK : BS_ERR_INPUT);
        share_at()[i] = 0;
    }
}

static void encode_shared(struct slot *ret_slot)
{
    struct slot_keys with = keys(true);
    memset(header.share.nonce, 3, sizeof(header.share.nonce));
    bs_buf_reset(&slot_bytes);
    assert_ok(slot_encode(&header, &with, &contents, &slot_bytes));
    assert_ok(slot_decode(bs_buf_span(&slot_bytes), ret_slot));
}

static void the_share_opens_a_slot(void **state)
{
    (void)state;
    struct slot slot;
    BS_OWN(secret) found = NULL;
    BS_OWN(secret) plain = NULL;
    encode_shared(&slot);
    assert_int_equal(slot.header.share.serial, 9);
    assert_true(slot_has_share(&slot));
    assert_ok(slot_unwrap(&slot, &share, &found));
    assert_int_equal(bs_secret_size(found), SLOT_KEY_SIZE);
    assert_memory_equal(bs_secret_view(found), bs_secret_view(key), SLOT_KEY_SIZE);
    assert_ok(slot_open(&slot, found, &plain));
    no_byte_of_a_slot_can_be_changed(state);
}

static void another_share_device_or_serial_opens_nothing(void **state)
{
    (void)state;
    struct slot slot;
    BS_OWN(secret) found = NULL;
    encode_shared(&slot);

    struct vault_share other = share;
    other.serial = 10;
    assert_err(slot_unwrap(&slot, &other, &found), BS_ERR_NOT_FOUND);
    other = share;
    other.share.size--;
    assert_err(slot_unwrap(&slot, &other, &found), BS_ERR_NOT_FOUND);
    share_bytes[31] ^= 1;
    assert_err(slot_unwrap(&slot, &share, &found), BS_ERR_INPUT);
    share_bytes[31] ^= 1;
    device_bytes[0] ^= 1;
    assert_err(slot_unwrap(&slot, &share, &found), BS_ERR_INPUT);
    device_bytes[0] ^= 1;

    /* The serial is in the key as well as in the header, so the share of one bundle does not become that of another. */
    share_at()[7] = 10;
    other = share;
    other.serial = 10;
    assert_ok(slot_decode(bs_buf_span(&slot_bytes), &slot));
    assert_err(slot_unwrap(&slot, &other, &found), BS_ERR_INPUT);
    assert_null(found);
}

/* Same key and share, another generation: the wrapped key of one slot says nothing in the other. */
static void a_wrapped_key_does_not_open_another_slot(void **state)
{
    (void)state;
    struct slot slot;
    uint8_t wrapped[SHARE_SIZE];
    BS_OWN(secret) found = NULL;
    encode_shared(&slot);
    memcpy(wrapped, share_at(), sizeof(wrapped));
    header.generation++;
    encode_shared(&slot);
    assert_memory_not_equal(wrapped, share_at(), sizeof(wrapped));
    memcpy(share_at(), wrapped, sizeof(wrapped));
    assert_ok(slot_decode(bs_buf_span(&slot_bytes), &slot));
    assert_err(slot_unwrap(&slot, &share, &found), BS_ERR_INPUT);
    assert_null(found);
}

static void a_slot_without_a_share_has_no_second_key(void **state)
{
    (void)state;
    struct slot slot;
    BS_OWN(secret) found = NULL;
    struct vault_share none = share;
    none.serial = 0;
    assert_ok(slot_decode(bs_buf_span(&slot_bytes), &slot));
    assert_err(slot_unwrap(&slot, &none, &found), BS_ERR_NOT_FOUND);
}

/* Whose keys lie in it stands there all the same, and nothing wraps the key. */
static void a_serial_without_a_share_is_no_second_key(void **state)
{
    (void)state;
    static const uint8_t nothing[SHARE_SIZE - 8];
    const struct vault_share unshared = { share.serial, BS_SPAN_NONE, share.device };
    struct slot_keys with = { key, &unshared };
    struct slot slot;
    BS_OWN(secret) found = NULL;
    memset(header.share.nonce, 3, sizeof(header.share.nonce));
    bs_buf_reset(&slot_bytes);
    assert_ok(slot_encode(&header, &with, &contents, &slot_bytes));
    assert_ok(slot_decode(bs_buf_span(&slot_bytes), &slot));
    assert_int_equal(slot.header.share.serial, share.serial);
    assert_false(slot_has_share(&slot));
    assert_memory_equal(share_at() + 8, nothing, sizeof(nothing));
    assert_err(slot_unwrap(&slot, &share, &found), BS_ERR_INPUT);
    assert_ok(slot_open(&slot, key, &found));
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    /* Where the sizes lie: Name of the counter, SRK, policyRef, policy key, approvals (its lower half), sealed key. */
    size_t sizes[7] = { 36 };
    for (size_t i = 1; i < COUNT(sizes); i++) {
        const uint8_t *before = slot_bytes.data + sizes[i - 1];
        sizes[i] = sizes[i - 1] + 2 + ((size_t)before[0] << 8 | before[1]) + (i == 4 ? 2 : 0);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        static const uint8_t values[][2] = { { 0, 0 }, { 0, 1 }, { 0xff, 0xff }, { 0x7f, 0xff } };
        for (size_t k = 0; k < COUNT(values); k++) {
            struct slot slot;
            uint8_t old[2];
            memcpy(old, slot_bytes.data + sizes[i], 2);
            if (memcmp(old, values[k], 2) == 0)
                continue;
            memcpy(slot_bytes.data + sizes[i], values[k], 2);
            assert_err(slot_decode(bs_buf_span(&slot_bytes), &slot), BS_ERR_INPUT);
            memcpy(slot_bytes.data + sizes[i], old, 2);
        }
    }
}

static void the_key_of_another_generation_does_not_open(void **state)
{
    (void)state;
    struct slot slot;
    BS_OWN(secret) other = NULL;
    BS_OWN(secret) shorter = NULL;
    BS_OWN(secret) plain = NULL;
    assert_ok(bs_secret_new(32, &other));
    assert_ok(bs_secret_new(16, &shorter));
    bs_secret_data(other)[0] = 1;
    assert_ok(slot_decode(bs_buf_span(&slot_bytes), &slot));
    assert_err(slot_open(&slot, other, &plain), BS_ERR_INPUT);
    assert_err(slot_open(&slot, shorter, &plain), BS_ERR_INPUT);
}

static void contents_that_are_no_map_of_ours_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "\xa0", "\xa1\x01\x41x", "text",
                                         "\xa4\x01\x41x\x02\x41x\x03\x41x\x04\x01\x00" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct vault_contents back;
        BS_OWN(secret) plain = NULL;
        assert_ok(bs_secret_copy(texts[i], strlen(texts[i]) + (i == 3), &plain));
        assert_err(slot_contents(plain, &back), BS_ERR_INPUT);
    }
}

#define slot_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        slot_test(a_slot_comes_back_as_it_went_in),
        slot_test(the_header_lies_as_docs_vault_format_draws_it),
        slot_test(a_slot_that_is_cut_anywhere_is_refused),
        slot_test(anything_after_the_tag_is_refused),
        slot_test(no_byte_of_a_slot_can_be_changed),
        slot_test(sizes_that_do_not_fit_are_refused),
        slot_test(what_a_signed_policy_needs_comes_back),
        slot_test(fields_that_are_not_of_the_kind_are_refused),
        slot_test(a_slot_without_an_srk_is_refused),
        slot_test(without_a_share_its_place_is_all_zero),
        slot_test(the_share_opens_a_slot),
        slot_test(another_share_device_or_serial_opens_nothing),
        slot_test(a_wrapped_key_does_not_open_another_slot),
        slot_test(a_slot_without_a_share_has_no_second_key),
        slot_test(a_serial_without_a_share_is_no_second_key),
        slot_test(the_key_of_another_generation_does_not_open),
        slot_test(contents_that_are_no_map_of_ours_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
