#include "core/json_read.h"

#include <string.h>

static void fail(struct json_reader *r)
{
    r->err = BS_ERR_INPUT;
    r->text.left = 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next byte that is no white space; 0 at the end. */
static uint8_t peek(struct json_reader *r)
{
    while (r->text.left > 0 && is_blank(*r->text.at)) {
        r->text.at++;
        r->text.left--;
    }
    return r->text.left > 0 ? *r->text.at : 0;
}

static bool take(struct json_reader *r, uint8_t c)
{
    if (peek(r) != c || r->text.left == 0)
        return false;
    r->text.at++;
    r->text.left--;
    return true;
}

static void enter(struct json_reader *r, uint8_t opening)
{
    if (!take(r, opening) || ++r->depth > JSON_READ_DEPTH_MAX)
        fail(r);
    r->is_first = true;
}

/* False when the object or array ends here. */
static bool goes_on(struct json_reader *r, uint8_t closing)
{
    if (r->err != BS_OK)
        return false;
    if (take(r, closing)) {
        r->depth--;
        r->is_first = false;
        return false;
    }
    if (!r->is_first && !take(r, ','))
        fail(r);
    r->is_first = false;
    return r->err == BS_OK;
}

void json_read_begin(struct json_reader *r, struct bs_span text)
{
    *r = (struct json_reader){ .text = BS_READER(text) };
}

void json_read_object(struct json_reader *r)
{
    enter(r, '{');
}

bool json_read_key(struct json_reader *r, struct bs_span *ret_key)
{
    if (!goes_on(r, '}'))
        return false;
    *ret_key = json_read_string(r);
    if (!take(r, ':'))
        fail(r);
    return r->err == BS_OK;
}

void json_read_array(struct json_reader *r)
{
    enter(r, '[');
}

bool json_read_element(struct json_reader *r)
{
    return goes_on(r, ']');
}

/* To the closing quote; whether there was an escape on the way. */
static struct bs_span string(struct json_reader *r, bool *ret_escaped)
{
    *ret_escaped = false;
    if (!take(r, '"'))
        fail(r);
    const uint8_t *start = r->text.at;
    for (; r->text.left > 0 && *r->text.at != '"'; r->text.at++, r->text.left--) {
        if (*r->text.at < 0x20)
            break;
        if (*r->text.at != '\\')
            continue;
        *ret_escaped = true;
        if (r->text.left < 2)
            break;
        r->text.at++;
        r->text.left--;
    }
    const struct bs_span inside = BS_SPAN(start, (size_t)(r->text.at - start));
    if (r->text.left == 0 || *r->text.at != '"') {
        fail(r);
        return BS_SPAN_NONE;
    }
    r->text.at++;
    r->text.left--;
    return inside;
}

struct bs_span json_read_string(struct json_reader *r)
{
    bool is_escaped;
    const struct bs_span inside = string(r, &is_escaped);
    if (is_escaped)
        fail(r);
    return r->err == BS_OK ? inside : BS_SPAN_NONE;
}

struct bs_span json_read_raw_string(struct json_reader *r)
{
    bool is_escaped;
    const struct bs_span inside = string(r, &is_escaped);
    return r->err == BS_OK ? inside : BS_SPAN_NONE;
}

bool json_read_is_string(struct json_reader *r)
{
    return peek(r) == '"';
}

bool json_read_is_object(struct json_reader *r)
{
    return peek(r) == '{';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

uint64_t json_read_uint(struct json_reader *r, uint64_t max)
{
    uint64_t value = 0;
    bool is_zero = peek(r) == '0';
    size_t digits = 0;
    for (; r->text.left > 0 && is_digit(*r->text.at); r->text.at++, r->text.left--, digits++) {
        unsigned digit = *r->text.at - '0';
        if (value > (max - digit) / 10 || digit > max)
            break;
        value = value * 10 + digit;
    }
    bool is_more = r->text.left > 0 && (is_digit(*r->text.at) || strchr(".eE", *r->text.at));
    if (digits == 0 || (is_zero && digits > 1) || is_more)
        fail(r);
    return r->err == BS_OK ? value : 0;
}

/* true, false and null; of numbers only that they consist of what numbers consist of. */
static void skip_word(struct json_reader *r)
{
    static const char *const words[] = { "true", "false", "null" };
    const uint8_t *start = r->text.at;
    for (; r->text.left > 0 && !is_blank(*r->text.at) && !strchr(",]}", *r->text.at); r->text.at++)
        r->text.left--;
    const struct bs_span word = BS_SPAN(start, (size_t)(r->text.at - start));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (bs_span_equal(word, bs_span_of_string(words[i])))
            return;
    if (word.size == 0 || !(is_digit(word.data[0]) || word.data[0] == '-'))
        fail(r);
    for (size_t i = 1; i < word.size; i++)
        if (word.data[i] == '\0' || !strchr("0123456789+-.eE", word.data[i]))
            fail(r);
}

void json_read_skip(struct json_reader *r)
{
    bool is_escaped;
    switch (peek(r)) {
    case '{':
        json_read_object(r);
        while (goes_on(r, '}')) {
            (void)string(r, &is_escaped);
            if (!take(r, ':'))
                fail(r);
            json_read_skip(r);
        }
        break;
    case '[':
        json_read_array(r);
        while (json_read_element(r))
            json_read_skip(r);
        break;
    case '"':
        (void)string(r, &is_escaped);
        break;
    default:
        skip_word(r);
    }
}

enum bs_err json_read_end(struct json_reader *r)
{
    if (r->err == BS_OK && (peek(r) != 0 || r->text.left > 0 || r->depth > 0))
        r->err = BS_ERR_INPUT;
    return r->err;
}
