#include "unit.h"

#include "core/text.h"

static void utf8_is_taken_character_by_character(void **state)
{
    (void)state;
    static const uint32_t expected[] = { 'a', 0xe9, 0x20ac, 0x1f512 };
    struct bs_reader r = BS_READER(bs_span_of_string("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x92"));
    uint32_t character;
    bool valid;
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(bs_utf8_take(&r, &character, &valid));
        assert_true(valid);
        assert_int_equal(character, expected[i]);
    }
    assert_false(bs_utf8_take(&r, &character, &valid));
}

static void what_is_not_wellformed_utf8_is_not_valid(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x80",
        "\xc0\xaf",
        "\xc1\x81",
        "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "a\xc3",
        "\xe2\x82",
        "\xf0\x9f\x94",
        "\xc3(",
        "\xe2\x82z",
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(bs_utf8_is_valid(bs_span_of_string(wrong[i])));
    assert_true(bs_utf8_is_valid(bs_span_of_string("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf")));
    assert_true(bs_utf8_is_valid(BS_SPAN_NONE));
}

static void an_invalid_byte_is_taken_alone(void **state)
{
    (void)state;
    struct bs_reader r = BS_READER(bs_span_of_string("\xe2\x82z"));
    uint32_t character;
    bool valid;
    assert_true(bs_utf8_take(&r, &character, &valid) && !valid && character == BS_TEXT_REPLACEMENT);
    assert_true(bs_utf8_take(&r, &character, &valid) && !valid);
    assert_true(bs_utf8_take(&r, &character, &valid) && valid && character == 'z');
}

static void utf16_joins_pairs_and_finds_lone_surrogates(void **state)
{
    (void)state;
    /* 'A', U+1F512, lone high before 'B', lone low, half a unit */
    static const uint8_t bytes[] = { 'A', 0, 0x3d, 0xd8, 0x12, 0xdd, 0x3d, 0xd8, 'B', 0, 0x12, 0xdd, 'C' };
    static const uint32_t expected[] = { 'A', 0x1f512, 0, 'B', 0, 0 };
    struct bs_reader r = { bytes, sizeof(bytes) };
    uint32_t character;
    bool valid;
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(bs_utf16_take(&r, &character, &valid));
        assert_int_equal(valid, expected[i] != 0);
        assert_int_equal(character, expected[i] != 0 ? expected[i] : BS_TEXT_REPLACEMENT);
    }
    assert_false(bs_utf16_take(&r, &character, &valid));
}

static void encoding_is_the_inverse_of_decoding(void **state)
{
    (void)state;
    static const uint32_t characters[] = { 0, 0x7f, 0x80, 0x7ff, 0x800, 0xfffd, 0xffff, 0x10000, 0x10ffff };
    for (size_t i = 0; i < COUNT(characters); i++) {
        uint8_t bytes[4];
        struct bs_reader r = { bytes, bs_utf8_encode(characters[i], bytes) };
        uint32_t character;
        bool valid;
        assert_true(bs_utf8_take(&r, &character, &valid) && valid);
        assert_int_equal(character, characters[i]);
        assert_int_equal(r.left, 0);
    }
}

static void escapes_and_bidirectional_marks_are_control_characters(void **state)
{
    (void)state;
    assert_true(bs_is_control(0x1b));
    assert_true(bs_is_control(0x7f));
    assert_true(bs_is_control(0x9b));
    assert_true(bs_is_control(0x202e));
    assert_true(bs_is_control(0x2066));
    assert_true(bs_is_control(0x200b));
    assert_false(bs_is_control(' '));
    assert_false(bs_is_control('~'));
    assert_false(bs_is_control(0xa0));
    assert_false(bs_is_control(0x20ac));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_taken_character_by_character),
        cmocka_unit_test(what_is_not_wellformed_utf8_is_not_valid),
        cmocka_unit_test(an_invalid_byte_is_taken_alone),
        cmocka_unit_test(utf16_joins_pairs_and_finds_lone_surrogates),
        cmocka_unit_test(encoding_is_the_inverse_of_decoding),
        cmocka_unit_test(escapes_and_bidirectional_marks_are_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
