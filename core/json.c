#include "core/json.h"

#include "core/text.h"

#include <assert.h>
#include <inttypes.h>

static void put(struct bs_json *json, const void *data, size_t size)
{
    if (json->err == BS_OK)
        json->err = bs_buf_append(json->out, data, size);
}

static void put_string(struct bs_json *json, struct bs_span text)
{
    struct bs_reader r = BS_READER(text);
    uint32_t character;
    bool valid;

    put(json, "\"", 1);
    while (json->err == BS_OK && bs_utf8_take(&r, &character, &valid)) {
        uint8_t bytes[5] = "\\";
        if (character == '"' || character == '\\') {
            bytes[1] = (uint8_t)character;
            put(json, bytes, 2);
        } else if (bs_is_control(character) && character < 0x10000) {
            /* RFC 8259 §7 asks for this below U+0020 only; the others would deceive whoever reads it on a terminal. */
            json->err = bs_buf_printf(json->out, "\\u%04" PRIx32, character);
        } else {
            put(json, bytes + 1, bs_utf8_encode(character, bytes + 1));
        }
    }
    put(json, "\"", 1);
}

/* Comma and key: what stands before any value. */
static void begin_value(struct bs_json *json, const char *key)
{
    assert((key != NULL) == (json->depth > 0 && json->is_object[json->depth]));
    assert(json->depth > 0 || !json->has_member[0]);

    if (json->has_member[json->depth])
        put(json, ",", 1);
    json->has_member[json->depth] = true;
    if (key) {
        put_string(json, bs_span_of_string(key));
        put(json, ":", 1);
    }
}

static void open_value(struct bs_json *json, const char *key, bool is_object)
{
    if (json->err != BS_OK)
        return;
    if (json->depth + 1 == BS_JSON_DEPTH_MAX) {
        json->err = BS_ERR_NOMEM;
        return;
    }
    begin_value(json, key);
    put(json, is_object ? "{" : "[", 1);
    json->depth++;
    json->has_member[json->depth] = false;
    json->is_object[json->depth] = is_object;
}

static void close_value(struct bs_json *json, bool is_object)
{
    if (json->err != BS_OK)
        return;
    assert(json->depth > 0 && json->is_object[json->depth] == is_object);
    put(json, is_object ? "}" : "]", 1);
    json->depth--;
}

void bs_json_begin(struct bs_json *json, struct bs_buf *out)
{
    *json = (struct bs_json){ .out = out, .err = BS_OK };
}

void bs_json_object(struct bs_json *json, const char *key)
{
    open_value(json, key, true);
}

void bs_json_array(struct bs_json *json, const char *key)
{
    open_value(json, key, false);
}

void bs_json_close_object(struct bs_json *json)
{
    close_value(json, true);
}

void bs_json_close_array(struct bs_json *json)
{
    close_value(json, false);
}

static void put_word(struct bs_json *json, const char *key, const char *word)
{
    if (json->err != BS_OK)
        return;
    begin_value(json, key);
    if (json->err == BS_OK)
        json->err = bs_buf_append_string(json->out, word);
}

void bs_json_string(struct bs_json *json, const char *key, const char *value)
{
    if (value)
        bs_json_text(json, key, bs_span_of_string(value));
    else
        bs_json_null(json, key);
}

void bs_json_text(struct bs_json *json, const char *key, struct bs_span value)
{
    if (json->err != BS_OK)
        return;
    begin_value(json, key);
    put_string(json, value);
}

void bs_json_hex(struct bs_json *json, const char *key, struct bs_span value)
{
    put_word(json, key, "\"");
    for (size_t i = 0; i < value.size; i++) {
        char digits[3];
        bs_hex(BS_SPAN(value.data + i, 1), digits);
        put(json, digits, 2);
    }
    put(json, "\"", 1);
}

void bs_json_u64(struct bs_json *json, const char *key, uint64_t value)
{
    put_word(json, key, "");
    if (json->err == BS_OK)
        json->err = bs_buf_printf(json->out, "%" PRIu64, value);
}

void bs_json_i64(struct bs_json *json, const char *key, int64_t value)
{
    put_word(json, key, "");
    if (json->err == BS_OK)
        json->err = bs_buf_printf(json->out, "%" PRId64, value);
}

void bs_json_bool(struct bs_json *json, const char *key, bool value)
{
    put_word(json, key, value ? "true" : "false");
}

void bs_json_null(struct bs_json *json, const char *key)
{
    put_word(json, key, "null");
}

enum bs_err bs_json_end(struct bs_json *json)
{
    assert(json->err != BS_OK || (json->depth == 0 && json->has_member[0]));
    put(json, "\n", 1);
    return json->err;
}
