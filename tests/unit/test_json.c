#include "unit.h"

#include "core/json.h"

static void a_document_has_its_commas_and_keys_right(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(1000);
    struct bs_json json;
    bs_json_begin(&json, &out);
    bs_json_object(&json, NULL);
    bs_json_string(&json, "s", "x");
    bs_json_u64(&json, "u", UINT64_MAX);
    bs_json_i64(&json, "i", -1);
    bs_json_array(&json, "a");
    bs_json_bool(&json, NULL, true);
    bs_json_object(&json, NULL);
    bs_json_close_object(&json);
    bs_json_array(&json, NULL);
    bs_json_close_array(&json);
    bs_json_null(&json, NULL);
    bs_json_close_array(&json);
    bs_json_hex(&json, "h", BS_SPAN("\x00\xff", 2));
    bs_json_string(&json, "n", NULL);
    bs_json_bool(&json, "b", false);
    bs_json_close_object(&json);
    assert_ok(bs_json_end(&json));
    assert_span_text(bs_buf_span(&out), "{\"s\":\"x\",\"u\":18446744073709551615,\"i\":-1,\"a\":[true,{},[],null],"
                                        "\"h\":\"00ff\",\"n\":null,\"b\":false}\n");
}

static void assert_written(struct bs_span text, const char *expected)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(1000);
    struct bs_json json;
    bs_json_begin(&json, &out);
    bs_json_text(&json, NULL, text);
    assert_ok(bs_json_end(&json));
    assert_span_text(bs_buf_span(&out), expected);
}

static void quotes_backslashes_and_controls_are_escaped(void **state)
{
    (void)state;
    assert_written(BS_SPAN("\"\\/\b\n\0\x1f\x7f", 8), "\"\\\"\\\\/\\u0008\\u000a\\u0000\\u001f\\u007f\"\n");
    assert_written(bs_span_of_string("\xe2\x80\xae"), "\"\\u202e\"\n");
    assert_written(bs_span_of_string("\xc3\xa9\xf0\x9f\x94\x92"), "\"\xc3\xa9\xf0\x9f\x94\x92\"\n");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    (void)state;
    assert_written(BS_SPAN("a\xff"
                           "b\xc3",
                           4),
                   "\"a\xef\xbf\xbd"
                   "b\xef\xbf\xbd\"\n");
}

static void keys_are_escaped_too(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(100);
    struct bs_json json;
    bs_json_begin(&json, &out);
    bs_json_object(&json, NULL);
    bs_json_null(&json, "a\"b");
    bs_json_close_object(&json);
    assert_ok(bs_json_end(&json));
    assert_span_text(bs_buf_span(&out), "{\"a\\\"b\":null}\n");
}

static void running_out_of_room_is_told_at_the_end(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 15; limit++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(limit);
        struct bs_json json;
        bs_json_begin(&json, &out);
        bs_json_object(&json, NULL);
        bs_json_string(&json, "key", "\n");
        bs_json_close_object(&json);
        assert_err(bs_json_end(&json), BS_ERR_NOMEM);
    }
}

static void nesting_too_deep_is_an_error_not_an_overflow(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(1000);
    struct bs_json json;
    bs_json_begin(&json, &out);
    for (int i = 0; i < 2 * BS_JSON_DEPTH_MAX; i++)
        bs_json_array(&json, NULL);
    for (int i = 0; i < 2 * BS_JSON_DEPTH_MAX; i++)
        bs_json_close_array(&json);
    assert_err(bs_json_end(&json), BS_ERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_has_its_commas_and_keys_right),
        cmocka_unit_test(quotes_backslashes_and_controls_are_escaped),
        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(keys_are_escaped_too),
        cmocka_unit_test(running_out_of_room_is_told_at_the_end),
        cmocka_unit_test(nesting_too_deep_is_an_error_not_an_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
