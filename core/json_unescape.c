/* What the escapes of a JSON string stand for (RFC 8259 §7). */
#include "core/json_read.h"
#include "core/text.h"

#include <string.h>

static bool take_unit(struct bs_reader *r, uint32_t *ret_unit)
{
    struct bs_span digits;
    char hex[5];
    uint8_t bytes[2];
    size_t size = 0;
    if (!bs_read_bytes(r, 4, &digits))
        return false;
    memcpy(hex, digits.data, 4);
    hex[4] = '\0';
    if (bs_unhex(hex, bytes, sizeof(bytes), &size) != BS_OK)
        return false;
    *ret_unit = (uint32_t)(bytes[0] << 8 | bytes[1]);
    return true;
}

/* \uXXXX, or two of them for what lies beyond 16 bits. */
static bool take_character(struct bs_reader *r, uint32_t *ret_character)
{
    struct bs_span escape;
    uint32_t high, low;
    if (!take_unit(r, &high))
        return false;
    *ret_character = high;
    if (high < 0xd800 || high > 0xdfff)
        return true;
    if (high > 0xdbff || !bs_read_bytes(r, 2, &escape) || memcmp(escape.data, "\\u", 2) != 0 || !take_unit(r, &low) ||
        low < 0xdc00 || low > 0xdfff)
        return false;
    *ret_character = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool take_escape(struct bs_reader *r, uint32_t *ret_character)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint8_t name;
    if (!bs_read_u8(r, &name) || name == 0)
        return false;
    if (name == 'u')
        return take_character(r, ret_character);
    const char *at = strchr(names, name);
    if (at)
        *ret_character = (uint8_t)values[at - names];
    return at != NULL;
}

enum bs_err json_unescape(struct bs_span raw, struct bs_buf *out)
{
    struct bs_reader r = BS_READER(raw);
    enum bs_err err = BS_OK;
    while (err == BS_OK && r.left > 0) {
        uint8_t bytes[4] = { *r.at };
        size_t size = 1;
        uint32_t character = 0;
        r.at++;
        r.left--;
        if (bytes[0] == '\\') {
            if (!take_escape(&r, &character))
                return BS_ERR_INPUT;
            size = bs_utf8_encode(character, bytes);
        }
        err = bs_buf_append(out, bytes, size);
    }
    return err;
}
