/* PEM (RFC 7468), read strictly and written in lines of 64. */
#include "core/cert_internal.h"

#include <stdio.h>
#include <string.h>

#define PEM_TYPE_MAX 32
#define LINE_MAX_SIZE 64

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to one, two or three bytes; the bits that padding leaves over must be zero (RFC 4648 §3.5). */
static bool decode_group(const uint8_t group[4], uint8_t ret_bytes[3], size_t *ret_size)
{
    size_t padding = group[3] != '=' ? 0 : group[2] != '=' ? 1 : 2;
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? base64_value(group[i]) : 0;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
    }
    if (bits & ((1u << (8 * padding)) - 1))
        return false;
    for (size_t i = 0; i < 3; i++)
        ret_bytes[i] = (uint8_t)(bits >> (16 - 8 * i));
    *ret_size = 3 - padding;
    return true;
}

enum bs_err cert_base64_decode(struct bs_span text, struct bs_buf *out)
{
    uint8_t group[4], bytes[3];
    size_t filled = 0, size = sizeof(bytes);
    enum bs_err err = BS_OK;

    for (size_t i = 0; i < text.size && err == BS_OK; i++) {
        uint8_t c = text.data[i];
        if (c == '\n' || c == '\r')
            continue;
        group[filled++] = c;
        if (filled < sizeof(group))
            continue;
        /* A group after a padded one: there is something behind the end. */
        if (size != sizeof(bytes) || !decode_group(group, bytes, &size))
            err = BS_ERR_INPUT;
        else
            err = bs_buf_append(out, bytes, size);
        filled = 0;
    }
    bs_wipe(group, sizeof(group));
    bs_wipe(bytes, sizeof(bytes));
    return err == BS_OK && filled > 0 ? BS_ERR_INPUT : err;
}

static bool find(struct bs_reader *r, const char *what, struct bs_span *ret_before)
{
    size_t size = strlen(what);
    const uint8_t *at = r->left > 0 ? memmem(r->at, r->left, what, size) : NULL;
    if (!at)
        return false;
    *ret_before = BS_SPAN(r->at, (size_t)(at - r->at));
    r->left -= ret_before->size + size;
    r->at = at + size;
    return true;
}

enum bs_err cert_pem_next(struct bs_reader *r, const char *type, struct bs_buf *out)
{
    char begin[PEM_TYPE_MAX + 20], end[PEM_TYPE_MAX + 20];
    snprintf(begin, sizeof(begin), "-----BEGIN %s-----", type);
    snprintf(end, sizeof(end), "-----END %s-----", type);

    struct bs_span before, body;
    if (!find(r, begin, &before))
        return BS_ERR_NOT_FOUND;
    if (!find(r, end, &body))
        return BS_ERR_INPUT;
    size_t already = out->size;
    enum bs_err err = cert_base64_decode(body, out);
    if (err == BS_OK && out->size == already)
        err = BS_ERR_INPUT;
    return err;
}

enum bs_err cert_pem_decode(struct bs_span pem, const char *type, struct bs_buf *out)
{
    struct bs_reader r = BS_READER(pem);
    enum bs_err err = cert_pem_next(&r, type, out);
    return err == BS_ERR_NOT_FOUND ? BS_ERR_INPUT : err;
}

static void encode_group(struct bs_span bytes, char ret_group[4])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; i++)
        bits = bits << 8 | (i < bytes.size ? bytes.data[i] : 0);
    for (size_t i = 0; i < 4; i++)
        ret_group[i] = (char)(i <= bytes.size ? digits[bits >> (18 - 6 * i) & 63] : '=');
}

static enum bs_err encode_line(struct bs_span bytes, struct bs_buf *out)
{
    char line[LINE_MAX_SIZE + 1];
    size_t length = 0;
    for (size_t i = 0; i < bytes.size; i += 3, length += 4)
        encode_group(BS_SPAN(bytes.data + i, bytes.size - i < 3 ? bytes.size - i : 3), line + length);
    line[length++] = '\n';
    enum bs_err err = bs_buf_append(out, line, length);
    bs_wipe(line, sizeof(line));
    return err;
}

enum bs_err cert_base64_encode(struct bs_span bytes, struct bs_buf *out)
{
    char group[4];
    enum bs_err err = BS_OK;
    for (size_t i = 0; i < bytes.size && err == BS_OK; i += 3) {
        encode_group(BS_SPAN(bytes.data + i, bytes.size - i < 3 ? bytes.size - i : 3), group);
        err = bs_buf_append(out, group, sizeof(group));
    }
    bs_wipe(group, sizeof(group));
    return err;
}

enum bs_err cert_pem_encode(struct bs_span der, const char *type, struct bs_buf *out)
{
    const size_t step = LINE_MAX_SIZE / 4 * 3;
    enum bs_err err = bs_buf_printf(out, "-----BEGIN %s-----\n", type);
    for (size_t i = 0; i < der.size && err == BS_OK; i += step)
        err = encode_line(BS_SPAN(der.data + i, der.size - i < step ? der.size - i : step), out);
    return err == BS_OK ? bs_buf_printf(out, "-----END %s-----\n", type) : err;
}
