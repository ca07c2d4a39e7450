#include "hex.h"

#include "core/der.h"

static void lengths_are_shortest_definite_and_within_the_input(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",     /* nothing */
        "30",   /* no length */
        "3001", /* longer than there is */
        "3080", /* indefinite */
        "308102"
        "0500", /* not the shortest form */
        "30820002"
        "0500",       /* the same */
        "3083010000", /* larger than anything here */
        "1f8101",     /* a tag of several bytes */
        "30ff",       /* reserved */
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct bs_span in = hex(wrong[i]), content;
        struct bs_reader r = BS_READER(in);
        uint8_t tag;
        assert_false(der_read(&r, &tag, &content));
        assert_int_equal(r.left, in.size);
    }
}

static void elements_are_read_one_after_another(void **state)
{
    (void)state;
    struct bs_span in = hex("0203010203"
                            "0500"
                            "0401aa"),
                   content;
    struct bs_reader r = BS_READER(in);
    assert_false(der_take(&r, DER_NULL, &content));
    assert_true(der_take_whole(&r, DER_INTEGER, &content));
    assert_true(bs_span_equal(content, BS_SPAN(in.data, 5)));
    assert_true(der_peek(&r, DER_NULL));
    assert_true(der_take(&r, DER_NULL, &content));
    assert_int_equal(content.size, 0);
    assert_true(der_take(&r, DER_OCTET_STRING, &content));
    assert_true(bs_span_equal(content, hex("aa")));
    assert_false(der_peek(&r, DER_NULL));
}

static void integers_are_positive_and_not_padded(void **state)
{
    (void)state;
    const char *const wrong[] = { "0200", "020180", "02020001", "0202ff00", "0201", "0401aa" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct bs_span in = hex(wrong[i]), value;
        struct bs_reader r = BS_READER(in);
        assert_false(der_take_unsigned(&r, &value));
        assert_int_equal(r.left, in.size);
    }
    struct bs_span in = hex("02020080"
                            "020100"
                            "02050100000000"),
                   value;
    struct bs_reader r = BS_READER(in);
    uint32_t number;
    assert_true(der_take_unsigned(&r, &value));
    assert_true(bs_span_equal(value, hex("80")));
    assert_true(der_take_small(&r, &number));
    assert_int_equal(number, 0);
    assert_false(der_take_small(&r, &number)); /* 2^32 */
}

static void booleans_and_bit_strings_are_strict(void **state)
{
    (void)state;
    const char *const wrong[] = { "010101", "0100", "01020000", "0300", "030101", "030204f0" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct bs_span in = hex(wrong[i]), bytes;
        struct bs_reader r = BS_READER(in);
        bool value;
        assert_false(der_take_bool(&r, &value));
        assert_false(der_take_bits(&r, &bytes));
    }
    struct bs_span in = hex("0101ff"
                            "010100"
                            "030300abcd"),
                   bytes;
    struct bs_reader r = BS_READER(in);
    bool value;
    assert_true(der_take_bool(&r, &value) && value);
    assert_true(der_take_bool(&r, &value) && !value);
    assert_true(der_take_bits(&r, &bytes));
    assert_true(bs_span_equal(bytes, hex("abcd")));
}

static const struct {
    const char *dotted, *der;
} oids[] = {
    { "1.2.840.113549.1.1.1", "06092a864886f70d010101" },
    { "2.25.1948329173.1", "0607"
                           "69"
                           "87a184c955"
                           "01" },
    { "2.999.3", "0603"
                 "8837"
                 "03" },
    { "0.9.2342", "0603"
                  "09"
                  "9226" },
    { "2.5.29.15", "0603551d0f" },
    { "1.3.18446744073709551615", "060b2b81ffffffffffffffff7f" },
};

static void oids_are_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(oids); i++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(64);
        struct der_writer w;
        der_write_begin(&w, &out);
        der_write_oid(&w, oids[i].dotted);
        assert_ok(der_write_end(&w));
        assert_true(bs_span_equal(bs_buf_span(&out), hex(oids[i].der)));

        char text[64];
        struct bs_span content = BS_SPAN(out.data + 2, out.size - 2);
        assert_true(der_oid_text(content, text, sizeof(text)));
        assert_string_equal(text, oids[i].dotted);
        assert_true(der_oid_is(content, oids[i].dotted));
        assert_false(der_oid_is(content, "1.2"));
        assert_false(der_oid_text(content, text, strlen(oids[i].dotted))); /* no room for the zero */
        assert_true(der_oid_text(content, text, strlen(oids[i].dotted) + 1));
    }
}

static void malformed_oids_are_none(void **state)
{
    (void)state;
    char text[64];
    const char *const wrong[] = { "", "80", "2a80", "2a8001", "2a83ffffffffffffffff7f" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(der_oid_text(hex(wrong[i]), text, sizeof(text)));
}

/* Neighbours: an arc less, an arc more, another arc, and what a number that wraps or is padded would be. */
static void an_oid_is_itself_and_no_other(void **state)
{
    static const struct {
        const char *der, *dotted;
        bool is;
    } pairs[] = {
        { "6987a184c95501", "2.25.1948329173.1", true },
        { "6987a184c95501", "2.25.1948329173", false },
        { "6987a184c955", "2.25.1948329173.1", false },
        { "6987a184c955", "2.25.1948329173.0", false },
        { "6987a184c95502", "2.25.1948329173.1", false },
        { "6987a184c9550101", "2.25.1948329173.1", false },
        { "6987a184c9558001", "2.25.1948329173.1", false },
        { "6987a184c95581", "2.25.1948329173.1", false },
        { "6987a184c9550180", "2.25.1948329173.1", false },
        { "2a83ffffffffffffffff7f", "1.2.18446744073709551615", false }, /* its lowest 64 bits are */
        { "806987a184c95501", "2.25.1948329173.1", false },
        { "27", "0.39", true },
        { "28", "1.0", true },
        { "4f", "1.39", true },
        { "50", "2.0", true },
        { "50", "1.39", false },
        { "", "0.0", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (der_oid_is(hex(pairs[i].der), pairs[i].dotted) != pairs[i].is)
            fail_msg("%s and %s", pairs[i].der, pairs[i].dotted);
}

static void containers_get_their_lengths_when_they_are_closed(void **state)
{
    (void)state;
    const size_t sizes[] = { 0, 125, 126, 127, 128, 250, 253, 254, 255, 256, 300, 65000 };
    static uint8_t data[65000];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(70000);
        struct der_writer w;
        der_write_begin(&w, &out);
        der_open(&w, DER_SEQUENCE);
        der_open(&w, DER_CONSTRUCTED(3));
        der_write(&w, DER_OCTET_STRING, BS_SPAN(data, sizes[i]));
        der_close(&w);
        der_write_small(&w, 7);
        der_close(&w);
        assert_ok(der_write_end(&w));

        struct bs_span whole = bs_buf_span(&out), content;
        struct bs_reader r = BS_READER(whole), a, b;
        uint32_t number;
        assert_true(der_enter(&r, DER_SEQUENCE, &a) && r.left == 0);
        assert_true(der_enter(&a, DER_CONSTRUCTED(3), &b));
        assert_true(der_take(&b, DER_OCTET_STRING, &content) && b.left == 0);
        assert_int_equal(content.size, sizes[i]);
        assert_true(der_take_small(&a, &number) && number == 7 && a.left == 0);
    }
}

static void a_writer_says_in_the_end_that_there_was_no_room(void **state)
{
    (void)state;
    static uint8_t data[65536];
    BS_SCOPED_BUF struct bs_buf small = BS_BUF(10);
    BS_SCOPED_BUF struct bs_buf large = BS_BUF(80000);
    struct der_writer w;
    der_write_begin(&w, &small);
    der_open(&w, DER_SEQUENCE);
    der_write(&w, DER_OCTET_STRING, BS_SPAN(data, 9));
    der_write_small(&w, 1);
    der_close(&w);
    assert_err(der_write_end(&w), BS_ERR_NOMEM);
    der_write_begin(&w, &large);
    der_write(&w, DER_OCTET_STRING, BS_SPAN(data, 65536));
    assert_ok(der_write_end(&w));
    assert_int_equal(large.size, 5 + 65536);
    assert_memory_equal(large.data, "\x04\x83\x01\x00\x00", 5);
    large.limit = 20 * 1024 * 1024;
    bs_buf_reset(&large);
    der_write_begin(&w, &large);
    der_open(&w, DER_OCTET_STRING);
    for (size_t i = 0; i < 256; i++)
        der_write_raw(&w, BS_SPAN(data, 65536));
    der_close(&w);
    assert_err(der_write_end(&w), BS_ERR_NOMEM);
}

static void unsigned_numbers_are_written_shortest(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(64);
    struct der_writer w;
    der_write_begin(&w, &out);
    der_write_unsigned(&w, hex("000080"));
    der_write_unsigned(&w, hex("0000"));
    der_write_unsigned(&w, hex("7f01"));
    der_write_small(&w, 200);
    der_write_true(&w);
    der_write_bits(&w, hex("ab"));
    assert_ok(der_write_end(&w));
    assert_true(bs_span_equal(bs_buf_span(&out), hex("02020080"
                                                     "020100"
                                                     "02027f01"
                                                     "020200c8"
                                                     "0101ff"
                                                     "030200ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_shortest_definite_and_within_the_input),
        cmocka_unit_test(elements_are_read_one_after_another),
        cmocka_unit_test(integers_are_positive_and_not_padded),
        cmocka_unit_test(booleans_and_bit_strings_are_strict),
        cmocka_unit_test(oids_are_written_and_read),
        cmocka_unit_test(malformed_oids_are_none),
        cmocka_unit_test(an_oid_is_itself_and_no_other),
        cmocka_unit_test(containers_get_their_lengths_when_they_are_closed),
        cmocka_unit_test(a_writer_says_in_the_end_that_there_was_no_room),
        cmocka_unit_test(unsigned_numbers_are_written_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
