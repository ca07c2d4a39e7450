/* JSON of other programs: what is read, what is skipped, and that anything else is refused. */
#include "unit/unit.h"

#include "core/json_read.h"

#include <stdio.h>

static struct json_reader reader_of(const char *text)
{
    struct json_reader r;
    json_read_begin(&r, bs_span_of_string(text));
    return r;
}

static void members_and_elements_come_in_their_order(void **state)
{
    (void)state;
    struct json_reader r = reader_of(" { \"a\" : [ 1 , 23,0 ] ,\"b\":\"text\", \"c\": {} , \"d\":[] }\n");
    struct bs_span key;
    uint64_t sum = 0;
    json_read_object(&r);
    assert_true(json_read_key(&r, &key));
    assert_span_text(key, "a");
    json_read_array(&r);
    while (json_read_element(&r))
        sum = sum * 100 + json_read_uint(&r, 23);
    assert_int_equal(sum, 12300);
    assert_true(json_read_key(&r, &key));
    assert_span_text(json_read_string(&r), "text");
    assert_true(json_read_key(&r, &key));
    json_read_object(&r);
    assert_false(json_read_key(&r, &key));
    assert_true(json_read_key(&r, &key));
    json_read_array(&r);
    assert_false(json_read_element(&r));
    assert_false(json_read_key(&r, &key));
    assert_ok(json_read_end(&r));
}

static enum bs_err pass_over(const char *text)
{
    struct json_reader r = reader_of(text);
    json_read_skip(&r);
    return json_read_end(&r);
}

static void what_nobody_asks_for_is_skipped_whole(void **state)
{
    (void)state;
    static const char *const good[] = {
        "1", "-1.5e+3", "true", "null", " \"a\\\"b\\\\\" ", "[]", "[1,[2,{\"a\":3}]]", "{\"a\\u0041\":[false],\"b\":{}}"
    };
    for (size_t i = 0; i < COUNT(good); i++)
        if (pass_over(good[i]) != BS_OK)
            fail_msg("%s", good[i]);
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",           "[",          "{",     "[1",      "[1,",      "[1,]",
                                       "[,1]",       "[1 2]",      "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\":1",
                                       "{\"a\":1,}", "{,\"a\":1}", "\"a",   "\"a\\",   "\"\n\"",   "tru",
                                       "[1]]",       "1 2",        "+1",    "[}",      "{]",       "nul\1" };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (pass_over(bad[i]) == BS_OK)
            fail_msg("%s", bad[i]);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * JSON_READ_DEPTH_MAX + 3] = "";
    for (size_t depth = JSON_READ_DEPTH_MAX; depth <= JSON_READ_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth < sizeof(text) ? 2 * depth : sizeof(text) - 1] = '\0';
        assert_int_equal(pass_over(text) == BS_OK, depth <= JSON_READ_DEPTH_MAX);
    }
}

static void numbers_are_whole_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool is_good;
    } numbers[] = { { "0", 0, true },
                    { "23", 23, true },
                    { "24", 23, false },
                    { "01", 23, false },
                    { "1.0", 23, false },
                    { "1e1", 23, false },
                    { "-1", 23, false },
                    { "x", 23, false },
                    { "18446744073709551615", UINT64_MAX, true },
                    { "18446744073709551616", UINT64_MAX, false } };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct json_reader r = reader_of(numbers[i].text);
        (void)json_read_uint(&r, numbers[i].max);
        if ((json_read_end(&r) == BS_OK) != numbers[i].is_good)
            fail_msg("%s", numbers[i].text);
    }
}

/* Half of a string may be what somebody compares. */
static void a_string_that_is_read_has_no_escapes(void **state)
{
    (void)state;
    struct json_reader r = reader_of("\"a\\u0000b\"");
    assert_int_equal(json_read_string(&r).size, 0);
    assert_err(json_read_end(&r), BS_ERR_INPUT);
}

static void escapes_are_decoded_where_they_are_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *text;
    } good[] = { { "", "" },
                 { "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
                 { "x\\u0041\\u00e9\\u20AC", "xA\xc3\xa9\xe2\x82\xac" },
                 { "\\ud83d\\ude00.", "\xf0\x9f\x98\x80." } };
    static const char *const bad[] = { "\\",      "\\x", "\\u12", "\\u12g4", "\\ud800", "\\ud800x", "\\ud800\\u0041",
                                       "\\udc00", "\\u" };
    for (size_t i = 0; i < COUNT(good); i++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(100);
        assert_ok(json_unescape(bs_span_of_string(good[i].raw), &out));
        assert_span_text(bs_buf_span(&out), good[i].text);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(100);
        assert_err(json_unescape(bs_span_of_string(bad[i]), &out), BS_ERR_INPUT);
    }
    BS_SCOPED_BUF struct bs_buf small = BS_BUF(2);
    assert_err(json_unescape(bs_span_of_string("abc"), &small), BS_ERR_NOMEM);
    struct json_reader r = reader_of("[\"a\\n\",7]");
    json_read_array(&r);
    assert_true(json_read_element(&r));
    assert_true(json_read_is_string(&r));
    assert_span_text(json_read_raw_string(&r), "a\\n");
    assert_true(json_read_element(&r));
    assert_false(json_read_is_string(&r));
    assert_false(json_read_is_object(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded_where_they_are_asked_for),
        cmocka_unit_test(members_and_elements_come_in_their_order),
        cmocka_unit_test(what_nobody_asks_for_is_skipped_whole),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(numbers_are_whole_and_bounded),
        cmocka_unit_test(a_string_that_is_read_has_no_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
