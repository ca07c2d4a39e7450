#include "server/ctl/cell.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SHORT_HEX 16
#define ELLIPSIS "\xe2\x80\xa6"

static void format_time(uint64_t seconds, char *text, size_t size)
{
    time_t time = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&time, &parts) == NULL || strftime(text, size, "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
        (void)snprintf(text, size, "%llu", (unsigned long long)seconds);
}

/* Devices and files say what they like: control characters and marks that reorder text become '?'. */
static void format_text(struct bs_span text, char *ret_text, size_t size)
{
    struct bs_reader reader = BS_READER(text);
    size_t at = 0;
    uint32_t character;
    bool is_valid;

    while (at + 5 < size && bs_utf8_take(&reader, &character, &is_valid)) {
        if (!is_valid || bs_is_control(character))
            character = '?';
        at += bs_utf8_encode(character, (uint8_t *)ret_text + at);
    }
    ret_text[at] = '\0';
}

static void format_bytes(struct bs_span bytes, bool is_short, char *text, size_t size)
{
    size_t fits = bytes.size * 2 < size ? bytes.size : (size - 1) / 2;

    bs_hex(BS_SPAN(bytes.data, fits), text);
    if (is_short && bytes.size >= 16 && strlen(text) > SHORT_HEX)
        text[SHORT_HEX] = '\0';
}

void cell_format(const struct node_value *value, bool is_short, char ret_text[CELL_SIZE])
{
    switch (value->type) {
    case NODE_NULL:
        (void)snprintf(ret_text, CELL_SIZE, "-");
        break;
    case NODE_TEXT:
        format_text(value->span, ret_text, CELL_SIZE);
        break;
    case NODE_UINT:
        (void)snprintf(ret_text, CELL_SIZE, "%llu", (unsigned long long)value->number);
        break;
    case NODE_BOOL:
        (void)snprintf(ret_text, CELL_SIZE, "%s", value->number != 0 ? "yes" : "no");
        break;
    case NODE_BYTES:
        format_bytes(value->span, is_short, ret_text, CELL_SIZE);
        break;
    case NODE_TIME:
        format_time(value->number, ret_text, CELL_SIZE);
        break;
    }
}

static bool is_start(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t cell_width(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += is_start(*text);
    return width;
}

/* Bytes of the first `width` characters. */
static size_t prefix(const char *text, size_t width)
{
    size_t at = 0;

    while (text[at] != '\0' && (!is_start(text[at]) || width-- > 0))
        at++;
    return at;
}

enum bs_err cell_put(struct bs_buf *out, const char *text, size_t width, bool is_padded)
{
    size_t own = cell_width(text);
    enum bs_err err;

    if (own > width)
        err = bs_buf_printf(out, "%.*s" ELLIPSIS, (int)prefix(text, width - 1), text);
    else
        err = bs_buf_printf(out, "%s%*s", text, is_padded ? (int)(width - own) : 0, "");
    return err;
}

const char *cell_color(const char *text)
{
    static const struct {
        const char *word, *color;
    } words[] = {
        { "approved", "\033[32m" }, { "living", "\033[32m" }, { "pending", "\033[33m" },
        { "new", "\033[33m" },      { "issued", "\033[33m" }, { "refused", "\033[31m" },
        { "revoked", "\033[31m" },  { "wiping", "\033[33m" }, { "wiped", "\033[31m" },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i].word) == 0)
            return words[i].color;
    return NULL;
}
