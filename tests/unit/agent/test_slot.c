#include "unit/unit.h"

#include "agent/vault/slot.h"

static struct bs_secret *key;
static struct bs_buf slot_bytes = BS_BUF(SLOT_MAX);
static struct slot_header header;

static void fill(TPM2B_PUBLIC *area)
{
    wire_template_device(&area->publicArea);
    memset(area->publicArea.unique.ecc.x.buffer, 1, 32);
    memset(area->publicArea.unique.ecc.y.buffer, 2, 32);
    area->publicArea.unique.ecc.x.size = area->publicArea.unique.ecc.y.size = 32;
}

static const struct vault_contents contents = {
    .sign1 = { (const uint8_t *)"bundle", 6 },
    .device_public = { (const uint8_t *)"public", 6 },
    .device_private = { (const uint8_t *)"private", 7 },
    .time_floor = 1795000000,
};

static int setup(void **state)
{
    (void)state;
    TPMT_PUBLIC named;
    header = (struct slot_header){ .generation = 0x0102030405060708,
                                   .policy = { CRYPTO_SHA256, 0x295, 12 },
                                   .counter_index = 0x0180B001 };
    wire_template_ak(&named);
    fill(&header.sealed.public_area);
    header.sealed.private_area.size = 20;
    memset(header.nonce, 0xAB, sizeof(header.nonce));
    if (wire_public_name(&named, &header.counter_name) != BS_OK || bs_secret_new(32, &key) != BS_OK)
        return -1;
    bs_buf_reset(&slot_bytes);
    return slot_encode(&header, key, &contents, &slot_bytes) == BS_OK ? 0 : -1;
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
}

static void the_header_lies_as_docs_vault_format_draws_it(void **state)
{
    (void)state;
    static const uint8_t start[] = { 'B', 'S', 'V', 'A', 'U', 'L', 'T', '1', 0, 0, 0, 1 };
    static const uint8_t policy[] = { 1, 2, 3, 4, 5,    6,    7,    8,    0,    0x0B, 12,
                                      0, 0, 0, 2, 0x95, 0x01, 0x80, 0xB0, 0x01, 0,    34 };
    assert_memory_equal(slot_bytes.data, start, sizeof(start));
    assert_memory_equal(slot_bytes.data + 16, policy, sizeof(policy));
    size_t header_size = (size_t)slot_bytes.data[14] << 8 | slot_bytes.data[15];
    size_t sealed_size = (size_t)slot_bytes.data[header_size - 2] << 8 | slot_bytes.data[header_size - 1];
    assert_int_equal(header_size + sealed_size, slot_bytes.size);
    assert_memory_equal(slot_bytes.data + header_size - 16, header.nonce, 12);
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

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    /* Offsets of 16-bit sizes: counter Name, and the two TPM2B behind it. */
    size_t sizes[3] = { 36, 36 + 2 + 34, 0 };
    sizes[2] = sizes[1] + 2 + ((size_t)slot_bytes.data[sizes[1]] << 8 | slot_bytes.data[sizes[1] + 1]);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        static const uint8_t values[][2] = { { 0, 0 }, { 0, 1 }, { 0xff, 0xff }, { 0x7f, 0xff } };
        for (size_t k = 0; k < COUNT(values); k++) {
            struct slot slot;
            uint8_t old[2];
            memcpy(old, slot_bytes.data + sizes[i], 2);
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
        slot_test(the_key_of_another_generation_does_not_open),
        slot_test(contents_that_are_no_map_of_ours_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
