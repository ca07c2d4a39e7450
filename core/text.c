#include "core/text.h"

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Length of the well-formed sequence at the front, 0 when there is none; Unicode table 3-7. */
static size_t utf8_sequence(const uint8_t *at, size_t left, uint32_t *ret_character)
{
    if (at[0] < 0x80) {
        *ret_character = at[0];
        return 1;
    }

    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || left < length)
        return 0;
    uint32_t character = at[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(at[i]))
            return 0;
        character = character << 6 | (at[i] & 0x3f);
    }

    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (character < smallest[length] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return length;
}

bool bs_utf8_take(struct bs_reader *r, uint32_t *ret_character, bool *ret_valid)
{
    if (r->left == 0)
        return false;

    uint32_t character = BS_TEXT_REPLACEMENT;
    size_t length = utf8_sequence(r->at, r->left, &character);
    *ret_valid = length > 0;
    *ret_character = character;
    length = length > 0 ? length : 1;
    r->at += length;
    r->left -= length;
    return true;
}

bool bs_utf16_take(struct bs_reader *r, uint32_t *ret_character, bool *ret_valid)
{
    if (r->left == 0)
        return false;

    *ret_valid = false;
    *ret_character = BS_TEXT_REPLACEMENT;
    uint16_t unit, second;
    if (!bs_read_le16(r, &unit)) {
        *r = (struct bs_reader){ r->at + r->left, 0 };
        return true;
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        *ret_character = unit;
        *ret_valid = true;
        return true;
    }

    struct bs_reader ahead = *r;
    if (unit > 0xdbff || !bs_read_le16(&ahead, &second) || second < 0xdc00 || second > 0xdfff)
        return true;
    *r = ahead;
    *ret_character = 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
    *ret_valid = true;
    return true;
}

size_t bs_utf8_encode(uint32_t character, uint8_t ret_bytes[4])
{
    if (character < 0x80) {
        ret_bytes[0] = (uint8_t)character;
        return 1;
    }
    if (character < 0x800) {
        ret_bytes[0] = (uint8_t)(0xc0 | character >> 6);
        ret_bytes[1] = (uint8_t)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        ret_bytes[0] = (uint8_t)(0xe0 | character >> 12);
        ret_bytes[1] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
        ret_bytes[2] = (uint8_t)(0x80 | (character & 0x3f));
        return 3;
    }
    ret_bytes[0] = (uint8_t)(0xf0 | (character >> 18 & 0x07));
    ret_bytes[1] = (uint8_t)(0x80 | (character >> 12 & 0x3f));
    ret_bytes[2] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
    ret_bytes[3] = (uint8_t)(0x80 | (character & 0x3f));
    return 4;
}

bool bs_utf8_is_valid(struct bs_span text)
{
    struct bs_reader r = BS_READER(text);
    uint32_t character;
    bool valid;

    while (bs_utf8_take(&r, &character, &valid))
        if (!valid)
            return false;
    return true;
}

bool bs_is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || /* C0, DEL, C1 */
           character == 0x061c || (character >= 0x200b && character <= 0x200f) ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2060 && character <= 0x2069) ||
           character == 0xfeff;
}
