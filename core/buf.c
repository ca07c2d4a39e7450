#include "core/buf.h"

#include "core/secret.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t bs_zeros[BS_ZEROS_SIZE];

bool bs_span_equal(struct bs_span a, struct bs_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

struct bs_span bs_span_of_string(const char *s)
{
    return BS_SPAN(s, strlen(s));
}

/* Not realloc: it may leave the old copy in the heap, unwiped. */
static enum bs_err grow(struct bs_buf *buf, size_t needed)
{
    if (needed <= buf->capacity)
        return BS_OK;

    /* What comes at once gets what it needs: nothing is wiped that was not used. */
    size_t capacity = buf->capacity > 0 ? buf->capacity : needed < 64 ? 64 : needed;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    /* No more than may be filled, and a zero behind it: limits are counted with (limits.memory of the server). */
    if (capacity > buf->limit)
        capacity = buf->limit > needed ? buf->limit : needed;

    uint8_t *data = malloc(capacity);
    if (!data)
        return BS_ERR_NOMEM;
    if (buf->size > 0)
        memcpy(data, buf->data, buf->size);
    bs_wipe(buf->data, buf->capacity);
    free(buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return BS_OK;
}

enum bs_err bs_buf_reserve(struct bs_buf *buf, size_t size, uint8_t **ret_tail)
{
    if (size > buf->limit - buf->size)
        return BS_ERR_NOMEM;

    /* One byte at least, so that the tail is a valid pointer even for nothing. */
    enum bs_err err = grow(buf, buf->size + (size > 0 ? size : 1));
    if (err != BS_OK)
        return err;
    *ret_tail = buf->data + buf->size;
    return BS_OK;
}

void bs_buf_grown(struct bs_buf *buf, size_t size)
{
    assert(size <= buf->capacity - buf->size && size <= buf->limit - buf->size);
    buf->size += size;
}

enum bs_err bs_buf_append(struct bs_buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return BS_OK;

    uint8_t *tail;
    enum bs_err err = bs_buf_reserve(buf, size, &tail);
    if (err != BS_OK)
        return err;
    memcpy(tail, data, size);
    bs_buf_grown(buf, size);
    return BS_OK;
}

enum bs_err bs_buf_append_string(struct bs_buf *buf, const char *s)
{
    return bs_buf_append(buf, s, strlen(s));
}

enum bs_err bs_buf_printf(struct bs_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    if ((size_t)length > buf->limit - buf->size)
        return BS_ERR_NOMEM;

    /* The terminating zero that vsnprintf writes does not count against the limit. */
    enum bs_err err = grow(buf, buf->size + (size_t)length + 1);
    if (err != BS_OK)
        return err;
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->size, (size_t)length + 1, format, args);
    va_end(args);
    bs_buf_grown(buf, (size_t)length);
    return BS_OK;
}

struct bs_span bs_buf_span(const struct bs_buf *buf)
{
    return BS_SPAN(buf->data, buf->size);
}

void bs_buf_reset(struct bs_buf *buf)
{
    bs_wipe(buf->data, buf->capacity);
    buf->size = 0;
}

void bs_buf_free(struct bs_buf *buf)
{
    bs_wipe(buf->data, buf->capacity);
    free(buf->data);
    *buf = BS_BUF(buf->limit);
}

bool bs_read_bytes(struct bs_reader *r, size_t size, struct bs_span *ret_span)
{
    if (size > r->left)
        return false;

    *ret_span = BS_SPAN(r->at, size);
    if (size > 0)
        r->at += size;
    r->left -= size;
    return true;
}

/* These three are what event logs and certificates are made of: without the loop. */

bool bs_read_u8(struct bs_reader *r, uint8_t *ret_value)
{
    if (r->left < 1)
        return false;
    *ret_value = *r->at++;
    r->left--;
    return true;
}

bool bs_read_le16(struct bs_reader *r, uint16_t *ret_value)
{
    if (r->left < 2)
        return false;
    *ret_value = (uint16_t)(r->at[0] | r->at[1] << 8);
    r->at += 2;
    r->left -= 2;
    return true;
}

bool bs_read_le32(struct bs_reader *r, uint32_t *ret_value)
{
    if (r->left < 4)
        return false;
    *ret_value = r->at[0] | (uint32_t)r->at[1] << 8 | (uint32_t)r->at[2] << 16 | (uint32_t)r->at[3] << 24;
    r->at += 4;
    r->left -= 4;
    return true;
}

static bool read_le(struct bs_reader *r, size_t size, uint64_t *ret_value)
{
    struct bs_span bytes;
    if (!bs_read_bytes(r, size, &bytes))
        return false;

    uint64_t value = 0;
    for (size_t i = size; i > 0; i--)
        value = value << 8 | bytes.data[i - 1];
    *ret_value = value;
    return true;
}

static bool read_be(struct bs_reader *r, size_t size, uint64_t *ret_value)
{
    struct bs_span bytes;
    if (!bs_read_bytes(r, size, &bytes))
        return false;

    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes.data[i];
    *ret_value = value;
    return true;
}

bool bs_read_le64(struct bs_reader *r, uint64_t *ret_value)
{
    return read_le(r, 8, ret_value);
}

bool bs_read_be16(struct bs_reader *r, uint16_t *ret_value)
{
    uint64_t value;
    if (!read_be(r, 2, &value))
        return false;
    *ret_value = (uint16_t)value;
    return true;
}

bool bs_read_be32(struct bs_reader *r, uint32_t *ret_value)
{
    uint64_t value;
    if (!read_be(r, 4, &value))
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

bool bs_read_be64(struct bs_reader *r, uint64_t *ret_value)
{
    return read_be(r, 8, ret_value);
}

void bs_hex(struct bs_span span, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < span.size; i++) {
        ret_text[2 * i] = digits[span.data[i] >> 4];
        ret_text[2 * i + 1] = digits[span.data[i] & 15];
    }
    ret_text[2 * span.size] = '\0';
}

/* Not isxdigit: it asks the locale. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum bs_err bs_unhex(const char *text, uint8_t *ret_data, size_t max, size_t *ret_size)
{
    size_t length = strlen(text);
    if (length % 2 != 0 || length / 2 > max)
        return BS_ERR_INPUT;
    for (size_t i = 0; i < length; i++)
        if (digit_value(text[i]) < 0)
            return BS_ERR_INPUT;

    for (size_t i = 0; i < length / 2; i++)
        ret_data[i] = (uint8_t)(digit_value(text[2 * i]) * 16 + digit_value(text[2 * i + 1]));
    *ret_size = length / 2;
    return BS_OK;
}

enum bs_err bs_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
    unsigned base = 10;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    } else if (text[0] == '0' && text[1] != '\0') {
        return BS_ERR_INPUT;
    }
    if (*text == '\0')
        return BS_ERR_INPUT;

    uint64_t value = 0;
    for (; *text != '\0'; text++) {
        int digit = digit_value(*text);
        if (digit < 0 || (unsigned)digit >= base)
            return BS_ERR_INPUT;
        if (value > (UINT64_MAX - (unsigned)digit) / base)
            return BS_ERR_INPUT;
        value = value * base + (unsigned)digit;
    }
    if (value > max)
        return BS_ERR_INPUT;
    *ret_value = value;
    return BS_OK;
}
