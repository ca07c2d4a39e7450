#include "unit.h"

#include "core/cbor.h"
#include "hex.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Examples of RFC 8949, appendix A, that the protocol's kinds of items can make. */
static void the_writer_makes_the_examples_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *hex;
    } numbers[] = {
        { 0, "00" },
        { 23, "17" },
        { 24, "1818" },
        { 100, "1864" },
        { 255, "18ff" },
        { 256, "190100" },
        { 1000, "1903e8" },
        { 65535, "19ffff" },
        { 65536, "1a00010000" },
        { 1000000, "1a000f4240" },
        { 4294967295, "1affffffff" },
        { 4294967296, "1b0000000100000000" },
        { 1000000000000, "1b000000e8d4a51000" },
        { -1, "20" },
        { -7, "26" },
        { -10, "29" },
        { -24, "37" },
        { -25, "3818" },
        { -100, "3863" },
        { -1000, "3903e7" },
        { INT64_MIN, "3b7fffffffffffffff" },
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(64);
        struct cbor_writer w;
        char hex[32];
        cbor_write_begin(&w, &out);
        cbor_write_int(&w, numbers[i].value);
        assert_ok(cbor_write_end(&w));
        bs_hex(bs_buf_span(&out), hex);
        assert_string_equal(hex, numbers[i].hex);

        struct cbor_reader r;
        cbor_read_begin(&r, bs_buf_span(&out));
        assert_true(cbor_read_int(&r) == numbers[i].value);
        assert_ok(cbor_read_end(&r));
    }
}

static void everything_written_is_read_back(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(256);
    struct cbor_writer w;
    cbor_write_begin(&w, &out);
    cbor_write_tag(&w, 18);
    cbor_write_array(&w, 7);
    cbor_write_map(&w, 2);
    cbor_write_uint(&w, 1);
    cbor_write_int(&w, -7);
    cbor_write_uint(&w, 33);
    cbor_write_bytes(&w, BS_SPAN("\1\2\3", 3));
    cbor_write_map(&w, 0);
    cbor_write_string(&w, "h\xc3\xa9\n");
    cbor_write_text(&w, BS_SPAN_NONE);
    cbor_write_bool(&w, true);
    cbor_write_bool(&w, false);
    cbor_write_uint(&w, UINT64_MAX);
    assert_ok(cbor_write_end(&w));

    char hex[128];
    bs_hex(bs_buf_span(&out), hex);
    assert_string_equal(hex, "d287a20126182143010203a06468c3a90a60f5f41bffffffffffffffff");

    struct cbor_reader r;
    uint64_t last = UINT64_MAX;
    cbor_read_begin(&r, bs_buf_span(&out));
    cbor_read_tag(&r, 18);
    assert_int_equal(cbor_read_array(&r, 7), 7);
    assert_int_equal(cbor_read_map(&r, 2), 2);
    assert_int_equal(cbor_read_key(&r, &last), 1);
    assert_int_equal(cbor_read_int(&r), -7);
    assert_int_equal(cbor_read_key(&r, &last), 33);
    assert_true(bs_span_equal(cbor_read_bytes(&r, 3, 3), BS_SPAN("\1\2\3", 3)));
    assert_int_equal(cbor_read_map(&r, 2), 0);
    assert_span_text(cbor_read_text(&r, 4), "h\xc3\xa9\n");
    assert_int_equal(cbor_read_text(&r, 4).size, 0);
    assert_true(cbor_read_bool(&r));
    assert_false(cbor_read_bool(&r));
    assert_true(cbor_read_uint(&r, UINT64_MAX) == UINT64_MAX);
    assert_ok(cbor_read_end(&r));
}

static void the_head_of_bytes_that_follow_elsewhere_is_the_same(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf whole = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf head = BS_BUF(1024);
    uint8_t bytes[300] = { 0 };
    struct cbor_writer w;
    cbor_write_begin(&w, &whole);
    cbor_write_bytes(&w, BS_SPAN(bytes, sizeof(bytes)));
    assert_ok(cbor_write_end(&w));
    cbor_write_begin(&w, &head);
    cbor_write_bytes_head(&w, sizeof(bytes));
    assert_ok(cbor_write_end(&w));
    assert_int_equal(head.size, 3);
    assert_int_equal(whole.size, 3 + sizeof(bytes));
    assert_memory_equal(whole.data, head.data, 3);
}

static void a_full_buffer_is_the_writers_sticky_error(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(4);
    struct cbor_writer w;
    cbor_write_begin(&w, &out);
    cbor_write_array(&w, 2);
    cbor_write_bytes(&w, BS_SPAN("12345", 5));
    cbor_write_bytes(&w, BS_SPAN("", 0));
    assert_err(cbor_write_end(&w), BS_ERR_NOMEM);
}

/* Programming errors must stop the program, in the child that runs `write`. */
static bool aborts(void (*write)(struct cbor_writer *w))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(64);
        struct cbor_writer w;
        signal(SIGABRT, SIG_DFL);
        cbor_write_begin(&w, &out);
        write(&w);
        _exit(cbor_write_end(&w) == BS_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void map_with_keys(struct cbor_writer *w, uint64_t first, uint64_t second)
{
    cbor_write_map(w, 2);
    cbor_write_uint(w, first);
    cbor_write_uint(w, 0);
    cbor_write_uint(w, second);
    cbor_write_uint(w, 0);
}

static void ascending(struct cbor_writer *w)
{
    map_with_keys(w, 1, 2);
}

static void descending(struct cbor_writer *w)
{
    map_with_keys(w, 2, 1);
}

static void repeated(struct cbor_writer *w)
{
    map_with_keys(w, 1, 1);
}

static void text_key(struct cbor_writer *w)
{
    cbor_write_map(w, 1);
    cbor_write_string(w, "a");
    cbor_write_uint(w, 0);
}

static void too_few(struct cbor_writer *w)
{
    cbor_write_array(w, 2);
    cbor_write_uint(w, 0);
}

static void too_many(struct cbor_writer *w)
{
    cbor_write_array(w, 0);
    cbor_write_uint(w, 0);
}

static void key_without_value(struct cbor_writer *w)
{
    cbor_write_map(w, 1);
    cbor_write_uint(w, 0);
}

static void the_writer_asserts_that_keys_ascend_and_counts_are_right(void **state)
{
    (void)state;
#ifdef NDEBUG
    skip();
#endif
    assert_false(aborts(ascending));
    assert_true(aborts(descending));
    assert_true(aborts(repeated));
    assert_true(aborts(text_key));
    assert_true(aborts(too_few));
    assert_true(aborts(too_many));
    assert_true(aborts(key_without_value));
}

enum want { UINT, INT, BYTES, TEXT, ARRAY, MAP, TAG18, BOOL, KEY };

static enum bs_err read_one(enum want want, const char *hex)
{
    uint8_t bytes[64];
    size_t size;
    struct cbor_reader r;
    uint64_t last = UINT64_MAX;
    assert_ok(bs_unhex(hex, bytes, sizeof(bytes), &size));
    cbor_read_begin(&r, BS_SPAN(bytes, size));
    switch (want) {
    case UINT:
        (void)cbor_read_uint(&r, UINT64_MAX);
        break;
    case INT:
        (void)cbor_read_int(&r);
        break;
    case BYTES:
        (void)cbor_read_bytes(&r, 0, SIZE_MAX);
        break;
    case TEXT:
        (void)cbor_read_text(&r, SIZE_MAX);
        break;
    case ARRAY:
        (void)cbor_read_array(&r, SIZE_MAX);
        break;
    case MAP:
        (void)cbor_read_map(&r, SIZE_MAX);
        break;
    case TAG18:
        cbor_read_tag(&r, 18);
        break;
    case BOOL:
        (void)cbor_read_bool(&r);
        break;
    case KEY:
        (void)cbor_read_key(&r, &last);
        break;
    }
    return cbor_read_end(&r);
}

static void what_is_not_deterministic_or_of_another_type_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum want want;
        const char *good;
        const char *wrong[16];
    } cases[] = {
        { UINT,
          "17",
          { "", "20", "1817", "18", "190018", "1900ff", "19ff", "1a0000ffff", "1a00", "1b00000000ffffffff", "1b", "1c",
            "1f", "f90000", "0000", "c100" } },
        { INT, "26", { "", "3806", "1bffffffffffffffff", "3bffffffffffffffff", "3f", "40", "f6", "f7", "fa00000000" } },
        { BYTES, "4101", { "", "41", "4102ff", "5801ff", "5f4101ff", "6101", "590000", "5bffffffffffffffff", "5c" } },
        { TEXT,
          "6161",
          { "61", "4161", "7f6161ff", "780161", "61ff", "62c328", "63eda080", "6100", "6109", "610d", "617f", "62c285",
            "63e280ae", "7bffffffffffffffff" } },
        { ARRAY, "80", { "9f", "9fff", "9800", "a0", "8000", "98", "40" } },
        { MAP, "a0", { "bf", "bfff", "b800", "80", "a000", "b8", "f6" } },
        { TAG18, "d2", { "d1", "d81b", "c0", "12", "d80c", "d812", "d2d2" } },
        { BOOL, "f4", { "f3", "f6", "f7", "f814", "f815", "f8ff", "00", "fb0000000000000000", "ff" } },
        { KEY, "01", { "20", "6161", "4101", "1bffffffffffffffff", "1801", "f5" } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_ok(read_one(cases[i].want, cases[i].good));
        for (size_t k = 0; k < COUNT(cases[i].wrong) && cases[i].wrong[k]; k++)
            assert_err(read_one(cases[i].want, cases[i].wrong[k]), BS_ERR_PROTOCOL);
    }
}

static void limits_are_inclusive(void **state)
{
    (void)state;
    struct cbor_reader r;
    cbor_read_begin(&r, BS_SPAN("\x19\x01\x00", 3));
    assert_int_equal(cbor_read_uint(&r, 256), 256);
    assert_ok(cbor_read_end(&r));
    cbor_read_begin(&r, BS_SPAN("\x19\x01\x00", 3));
    assert_int_equal(cbor_read_uint(&r, 255), 0);
    assert_err(cbor_read_end(&r), BS_ERR_PROTOCOL);

    static const struct {
        size_t min, max;
        enum bs_err expected;
    } bytes[] = { { 0, 3, BS_OK }, { 3, 3, BS_OK }, { 4, 4, BS_ERR_PROTOCOL }, { 0, 2, BS_ERR_PROTOCOL } };
    for (size_t i = 0; i < COUNT(bytes); i++) {
        cbor_read_begin(&r, BS_SPAN("\x43\1\2\3", 4));
        assert_int_equal(cbor_read_bytes(&r, bytes[i].min, bytes[i].max).size, bytes[i].expected == BS_OK ? 3 : 0);
        assert_err(cbor_read_end(&r), bytes[i].expected);
    }
    cbor_read_begin(&r, BS_SPAN("\x82\0\0", 3));
    assert_int_equal(cbor_read_array(&r, 1), 0);
    assert_err(cbor_read_end(&r), BS_ERR_PROTOCOL);
}

static enum bs_err skip_one(const char *text)
{
    struct cbor_reader r;
    cbor_read_begin(&r, hex(text));
    cbor_read_skip(&r);
    return cbor_read_end(&r);
}

static void one_item_of_any_form_is_skipped_and_no_more(void **state)
{
    (void)state;
    static const char *const whole[] = { "00", "1903e8",          "3863", "40",         "43616263", "626162",
                                         "80", "83010203",        "a0",   "a201020304", "d28100",   "f4",
                                         "f6", "a1018181828081a0" };
    static const char *const wrong[] = { "",
                                         "18",
                                         "1f",
                                         "9f00ff",
                                         "43616200000001",
                                         "5bffffffffffffffff",
                                         "82",
                                         "8201",
                                         "a201",
                                         "a1",
                                         "bbffffffffffffffff",
                                         "9bffffffffffffffff",
                                         "f7",
                                         "f93c",
                                         "fa3c00",
                                         "d2",
                                         "0000",
                                         "81810000" };
    for (size_t i = 0; i < COUNT(whole); i++)
        assert_ok(skip_one(whole[i]));
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_err(skip_one(wrong[i]), BS_ERR_PROTOCOL);

    /* A tag before an array, and what comes after it. */
    struct cbor_reader r;
    cbor_read_begin(&r, hex("d28241010217"));
    cbor_read_skip(&r);
    assert_int_equal(cbor_read_uint(&r, 99), 23);
    assert_ok(cbor_read_end(&r));
}

static void keys_must_ascend(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum bs_err expected;
    } cases[] = {
        { "\0\1\2", BS_OK }, { "\0\2\1", BS_ERR_PROTOCOL }, { "\1\1\2", BS_ERR_PROTOCOL }, { "\0\0\1", BS_ERR_PROTOCOL }
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cbor_reader r;
        uint64_t last = UINT64_MAX;
        cbor_read_begin(&r, BS_SPAN(cases[i].bytes, 3));
        for (size_t k = 0; k < 3; k++)
            (void)cbor_read_key(&r, &last);
        assert_err(cbor_read_end(&r), cases[i].expected);
    }
}

static void the_first_error_sticks_and_zero_values_follow(void **state)
{
    (void)state;
    struct cbor_reader r;
    uint64_t last = UINT64_MAX;
    cbor_read_begin(&r, BS_SPAN("\x61\x01\x01\x01", 4));
    assert_int_equal(cbor_read_uint(&r, 9), 0);
    assert_int_equal(cbor_read_uint(&r, 9), 0);
    assert_int_equal(cbor_read_int(&r), 0);
    assert_int_equal(cbor_read_key(&r, &last), 0);
    assert_int_equal(cbor_read_map(&r, 9), 0);
    assert_int_equal(cbor_read_array(&r, 9), 0);
    assert_null(cbor_read_bytes(&r, 0, 9).data);
    assert_null(cbor_read_text(&r, 9).data);
    assert_false(cbor_read_bool(&r));
    cbor_read_tag(&r, 1);
    assert_err(cbor_read_end(&r), BS_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_makes_the_examples_of_the_standard),
        cmocka_unit_test(everything_written_is_read_back),
        cmocka_unit_test(the_head_of_bytes_that_follow_elsewhere_is_the_same),
        cmocka_unit_test(a_full_buffer_is_the_writers_sticky_error),
        cmocka_unit_test(the_writer_asserts_that_keys_ascend_and_counts_are_right),
        cmocka_unit_test(what_is_not_deterministic_or_of_another_type_is_refused),
        cmocka_unit_test(limits_are_inclusive),
        cmocka_unit_test(one_item_of_any_form_is_skipped_and_no_more),
        cmocka_unit_test(keys_must_ascend),
        cmocka_unit_test(the_first_error_sticks_and_zero_values_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
