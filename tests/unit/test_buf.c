#include "unit.h"

/*
 * Linked with --wrap=free: the memory of the buffer under test is looked at when it is given back. `watched` is its
 * address and size.
 */
static uint8_t *watched;
static size_t watched_size, watched_nonzero;
static unsigned watched_frees;

void __real_free(void *data);
void __wrap_free(void *data);

void __wrap_free(void *data)
{
    if (data && data == watched) {
        watched_frees++;
        for (size_t i = 0; i < watched_size; i++)
            watched_nonzero += watched[i] != 0;
        watched = NULL;
    }
    __real_free(data);
}

static void watch(const struct bs_buf *buf)
{
    watched = buf->data;
    watched_size = buf->capacity;
    watched_nonzero = 0;
    watched_frees = 0;
}

static void a_buffer_collects_bytes_text_and_formats(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(100);
    assert_ok(bs_buf_append(&buf, "ab", 2));
    assert_ok(bs_buf_append_string(&buf, "cd"));
    assert_ok(bs_buf_printf(&buf, "-%d-%s", 42, "x"));
    assert_span_text(bs_buf_span(&buf), "abcd-42-x");
}

static void a_buffer_may_be_filled_to_its_limit_and_no_further(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(4);
    assert_err(bs_buf_append(&buf, "12345", 5), BS_ERR_NOMEM);
    assert_int_equal(buf.size, 0);
    assert_ok(bs_buf_printf(&buf, "%s", "1234"));
    assert_err(bs_buf_append(&buf, "5", 1), BS_ERR_NOMEM);
    assert_err(bs_buf_printf(&buf, "5"), BS_ERR_NOMEM);
    assert_err(bs_buf_append_string(&buf, "5"), BS_ERR_NOMEM);
    assert_ok(bs_buf_append(&buf, "", 0));
    assert_span_text(bs_buf_span(&buf), "1234");
}

static void a_buffer_takes_what_comes_at_once_and_never_more_than_its_limit(void **state)
{
    (void)state;
    static const char text[256] = "";
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(250);
    assert_ok(bs_buf_append(&buf, text, 100));
    assert_int_equal(buf.capacity, 100);
    assert_ok(bs_buf_append(&buf, text, 1));
    assert_int_equal(buf.capacity, 200);
    assert_ok(bs_buf_append(&buf, text, 100));
    assert_int_equal(buf.capacity, 250);
    assert_ok(bs_buf_append(&buf, text, 49));
    assert_int_equal(buf.capacity, 250);
    BS_SCOPED_BUF struct bs_buf small = BS_BUF(2);
    assert_ok(bs_buf_append(&small, "a", 1));
    assert_int_equal(small.capacity, 2);
    assert_ok(bs_buf_printf(&small, "b")); /* its zero has room */
    assert_int_equal(small.capacity, 3);
    assert_span_text(bs_buf_span(&small), "ab");
}

static void reserving_changes_nothing_until_grown(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(1000);
    uint8_t *tail;
    assert_ok(bs_buf_append(&buf, "a", 1));
    assert_ok(bs_buf_reserve(&buf, 999, &tail));
    memset(tail, 'b', 999);
    assert_int_equal(buf.size, 1);
    bs_buf_grown(&buf, 2);
    assert_span_text(bs_buf_span(&buf), "abb");
    assert_err(bs_buf_reserve(&buf, 998, &tail), BS_ERR_NOMEM);
    assert_err(bs_buf_reserve(&buf, SIZE_MAX, &tail), BS_ERR_NOMEM);
}

static void growing_wipes_the_memory_it_leaves(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(4096);
    assert_ok(bs_buf_append(&buf, "secret", 6));
    watch(&buf);
    while (watched_frees == 0)
        assert_ok(bs_buf_append(&buf, "secret", 6));
    assert_int_equal(watched_nonzero, 0);
    assert_memory_equal(buf.data, "secretsecret", 12);
}

static void freeing_wipes_also_what_was_reserved_and_written_beyond_the_size(void **state)
{
    (void)state;
    struct bs_buf buf = BS_BUF(64);
    uint8_t *tail;
    assert_ok(bs_buf_reserve(&buf, 64, &tail));
    memset(tail, 0xaa, 64);
    bs_buf_grown(&buf, 8);
    watch(&buf);
    bs_buf_free(&buf);
    assert_int_equal(watched_frees, 1);
    assert_int_equal(watched_nonzero, 0);
    assert_int_equal(buf.size, 0);
    assert_ok(bs_buf_append(&buf, "again", 5));
    bs_buf_free(&buf);
}

static void resetting_empties_and_wipes_and_keeps_the_limit(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(6);
    assert_ok(bs_buf_append(&buf, "secret", 6));
    bs_buf_reset(&buf);
    assert_int_equal(buf.size, 0);
    assert_memory_equal(buf.data, "\0\0\0\0\0\0", 6);
    assert_err(bs_buf_append(&buf, "1234567", 7), BS_ERR_NOMEM);
}

static void spans_are_equal_when_their_bytes_are(void **state)
{
    (void)state;
    assert_true(bs_span_equal(BS_SPAN("abc", 3), bs_span_of_string("abc")));
    assert_true(bs_span_equal(BS_SPAN_NONE, BS_SPAN("x", 0)));
    assert_false(bs_span_equal(BS_SPAN("abc", 3), BS_SPAN("abd", 3)));
    assert_false(bs_span_equal(BS_SPAN("abc", 3), BS_SPAN("abc", 2)));
}

static void a_reader_takes_numbers_of_both_byte_orders(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct bs_span span = BS_SPAN(bytes, sizeof(bytes));
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    struct bs_reader r = BS_READER(span);
    assert_true(bs_read_u8(&r, &u8) && u8 == 1);
    assert_true(bs_read_le16(&r, &u16) && u16 == 0x0302);
    assert_true(bs_read_le32(&r, &u32) && u32 == 0x07060504);
    assert_int_equal(r.left, 1);
    r = BS_READER(span);
    assert_true(bs_read_be16(&r, &u16) && u16 == 0x0102);
    assert_true(bs_read_be32(&r, &u32) && u32 == 0x03040506);
    r = BS_READER(span);
    assert_true(bs_read_le64(&r, &u64) && u64 == 0x0807060504030201);
    r = BS_READER(span);
    assert_true(bs_read_be64(&r, &u64) && u64 == 0x0102030405060708);
    assert_int_equal(r.left, 0);
}

static void a_reader_takes_nothing_when_too_little_is_left(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
    struct bs_reader r = { bytes, 7 };
    struct bs_span span;
    uint8_t u8 = 99;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    assert_false(bs_read_le64(&r, &u64));
    assert_false(bs_read_be64(&r, &u64));
    assert_false(bs_read_bytes(&r, 8, &span));
    assert_false(bs_read_bytes(&r, SIZE_MAX, &span));
    assert_true(bs_read_bytes(&r, 4, &span));
    assert_false(bs_read_le32(&r, &u32));
    assert_false(bs_read_be32(&r, &u32));
    assert_true(bs_read_bytes(&r, 2, &span));
    assert_false(bs_read_le16(&r, &u16));
    assert_false(bs_read_be16(&r, &u16));
    assert_int_equal(r.left, 1);
    assert_true(bs_read_u8(&r, &u8) && u8 == 7);
    assert_false(bs_read_u8(&r, &u8));
    assert_int_equal(u8, 7);
    assert_true(bs_read_bytes(&r, 0, &span));
}

static void hex_goes_there_and_back(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0x00, 0x9f, 0xff, 0x0a };
    char text[9];
    uint8_t back[4];
    size_t size;
    bs_hex(BS_SPAN(bytes, 4), text);
    assert_string_equal(text, "009fff0a");
    assert_ok(bs_unhex("009FfF0a", back, sizeof(back), &size));
    assert_int_equal(size, 4);
    assert_memory_equal(back, bytes, 4);
    assert_ok(bs_unhex("", back, 0, &size));
    assert_int_equal(size, 0);
}

static void hex_that_is_not_strict_is_refused_and_nothing_written(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "0", "0g", "0x00", " 00", "00 ", "00\n", "+1", "-1", "0001020304", "0:", "@0"
    };
    uint8_t out[4] = { 7, 7, 7, 7 };
    size_t size = 99;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_err(bs_unhex(wrong[i], out, sizeof(out), &size), BS_ERR_INPUT);
    assert_int_equal(size, 99);
    assert_memory_equal(out, "\7\7\7\7", 4);
}

static void numbers_are_parsed_up_to_their_maximum(void **state)
{
    (void)state;
    uint64_t value;
    assert_ok(bs_parse_u64("0", 0, &value));
    assert_int_equal(value, 0);
    assert_ok(bs_parse_u64("65535", 65535, &value));
    assert_int_equal(value, 65535);
    assert_ok(bs_parse_u64("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_ok(bs_parse_u64("0x81000001", UINT32_MAX, &value));
    assert_int_equal(value, 0x81000001);
    assert_ok(bs_parse_u64("0xffffffffffffffff", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
}

static void numbers_that_are_not_strict_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        " 1",
        "1 ",
        "+1",
        "-1",
        "-0",
        "1.0",
        "1e3",
        "0x",
        "0X10",
        "0x 1",
        "00",
        "010",
        "1a",
        "0xg",
        "256",
        "0x100",
        "18446744073709551616",
        "99999999999999999999",
        "0x10000000000000000",
    };
    uint64_t value = 99;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_err(bs_parse_u64(wrong[i], 255, &value), BS_ERR_INPUT);
    assert_err(bs_parse_u64("18446744073709551616", UINT64_MAX, &value), BS_ERR_INPUT);
    assert_err(bs_parse_u64("0x10000000000000000", UINT64_MAX, &value), BS_ERR_INPUT);
    assert_int_equal(value, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_collects_bytes_text_and_formats),
        cmocka_unit_test(a_buffer_may_be_filled_to_its_limit_and_no_further),
        cmocka_unit_test(a_buffer_takes_what_comes_at_once_and_never_more_than_its_limit),
        cmocka_unit_test(reserving_changes_nothing_until_grown),
        cmocka_unit_test(growing_wipes_the_memory_it_leaves),
        cmocka_unit_test(freeing_wipes_also_what_was_reserved_and_written_beyond_the_size),
        cmocka_unit_test(resetting_empties_and_wipes_and_keeps_the_limit),
        cmocka_unit_test(spans_are_equal_when_their_bytes_are),
        cmocka_unit_test(a_reader_takes_numbers_of_both_byte_orders),
        cmocka_unit_test(a_reader_takes_nothing_when_too_little_is_left),
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(hex_that_is_not_strict_is_refused_and_nothing_written),
        cmocka_unit_test(numbers_are_parsed_up_to_their_maximum),
        cmocka_unit_test(numbers_that_are_not_strict_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
