#include "core/der.h"

#include <assert.h>
#include <string.h>

/* X.690 §8.1.3 and §10.1: definite, and in as few bytes as possible. */
static bool read_length(struct bs_reader *r, size_t *ret_length)
{
    uint8_t first;
    if (!bs_read_u8(r, &first))
        return false;
    if (first < 0x80) {
        *ret_length = first;
        return true;
    }

    uint8_t one;
    uint16_t two;
    if (first == 0x81 && bs_read_u8(r, &one) && one >= 0x80) {
        *ret_length = one;
        return true;
    }
    if (first == 0x82 && bs_read_be16(r, &two) && two >= 0x100) {
        *ret_length = two;
        return true;
    }
    return false;
}

bool der_read(struct bs_reader *r, uint8_t *ret_tag, struct bs_span *ret_content)
{
    struct bs_reader at = *r;
    uint8_t tag;
    size_t length;
    if (!bs_read_u8(&at, &tag) || (tag & 0x1f) == 0x1f)
        return false;
    if (!read_length(&at, &length) || !bs_read_bytes(&at, length, ret_content))
        return false;
    *ret_tag = tag;
    *r = at;
    return true;
}

bool der_peek(const struct bs_reader *r, uint8_t tag)
{
    return r->left > 0 && r->at[0] == tag;
}

bool der_take(struct bs_reader *r, uint8_t tag, struct bs_span *ret_content)
{
    uint8_t found;
    return der_peek(r, tag) && der_read(r, &found, ret_content);
}

bool der_enter(struct bs_reader *r, uint8_t tag, struct bs_reader *ret_inside)
{
    struct bs_span content;
    if (!der_take(r, tag, &content))
        return false;
    *ret_inside = BS_READER(content);
    return true;
}

bool der_take_whole(struct bs_reader *r, uint8_t tag, struct bs_span *ret_element)
{
    const uint8_t *start = r->at;
    struct bs_span content;
    if (!der_take(r, tag, &content))
        return false;
    *ret_element = BS_SPAN(start, (size_t)(r->at - start));
    return true;
}

bool der_take_unsigned(struct bs_reader *r, struct bs_span *ret_value)
{
    struct bs_reader at = *r;
    struct bs_span value;
    if (!der_take(&at, DER_INTEGER, &value) || value.size == 0 || value.data[0] >= 0x80)
        return false;
    if (value.size > 1 && value.data[0] == 0) {
        if (value.data[1] < 0x80)
            return false;
        value = BS_SPAN(value.data + 1, value.size - 1);
    }
    *ret_value = value;
    *r = at;
    return true;
}

bool der_take_small(struct bs_reader *r, uint32_t *ret_value)
{
    struct bs_reader at = *r;
    struct bs_span value;
    if (!der_take_unsigned(&at, &value) || value.size > sizeof(*ret_value))
        return false;

    uint32_t number = 0;
    for (size_t i = 0; i < value.size; i++)
        number = number << 8 | value.data[i];
    *ret_value = number;
    *r = at;
    return true;
}

bool der_take_bits(struct bs_reader *r, struct bs_span *ret_bytes)
{
    struct bs_reader at = *r;
    struct bs_span bits;
    if (!der_take(&at, DER_BIT_STRING, &bits) || bits.size < 1 || bits.data[0] != 0)
        return false;
    *ret_bytes = BS_SPAN(bits.data + 1, bits.size - 1);
    *r = at;
    return true;
}

bool der_take_bool(struct bs_reader *r, bool *ret_value)
{
    struct bs_reader at = *r;
    struct bs_span value;
    if (!der_take(&at, DER_BOOLEAN, &value) || value.size != 1 || (value.data[0] != 0 && value.data[0] != 0xff))
        return false;
    *ret_value = value.data[0] != 0;
    *r = at;
    return true;
}

/* One arc in base 128, X.690 §8.19.2. */
static bool read_arc(struct bs_reader *r, uint64_t *ret_arc)
{
    uint64_t arc = 0;
    uint8_t byte = 0x80;
    for (bool is_first = true; byte & 0x80; is_first = false) {
        if (!bs_read_u8(r, &byte) || (is_first && byte == 0x80) || arc > UINT64_MAX >> 7)
            return false;
        arc = arc << 7 | (byte & 0x7f);
    }
    *ret_arc = arc;
    return true;
}

/* Not snprintf: names are compared all the time while a certificate is read, and it was most of that. */
static bool put_arc(char **at, size_t *left, uint64_t arc, bool is_first)
{
    char digits[20];
    size_t count = 0;
    for (; count == 0 || arc > 0; arc /= 10)
        digits[count++] = (char)('0' + arc % 10);
    if (*left < count + (is_first ? 1 : 2))
        return false;
    *left -= count + (is_first ? 0 : 1);
    if (!is_first)
        *(*at)++ = '.';
    while (count > 0)
        *(*at)++ = digits[--count];
    **at = '\0';
    return true;
}

bool der_oid_text(struct bs_span oid, char *ret_text, size_t size)
{
    struct bs_reader r = BS_READER(oid);
    uint64_t arc;
    if (!read_arc(&r, &arc))
        return false;

    /* The first two arcs share a number: 40 * first + second, where the second may exceed 39 only below 2. */
    unsigned first = arc < 40 ? 0 : arc < 80 ? 1 : 2;
    if (!put_arc(&ret_text, &size, first, true) || !put_arc(&ret_text, &size, arc - 40 * first, false))
        return false;
    while (r.left > 0)
        if (!read_arc(&r, &arc) || !put_arc(&ret_text, &size, arc, false))
            return false;
    return true;
}

/* The number that `at` begins with; `at` is left behind it and the dot that follows. */
static uint64_t take_number(const char **at)
{
    uint64_t number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        number = number * 10 + (uint64_t)(**at - '0');
    if (**at == '.')
        (*at)++;
    return number;
}

/* Arc by arc, without making a text of it: reading a certificate is mostly this. */
bool der_oid_is(struct bs_span oid, const char *dotted)
{
    struct bs_reader r = BS_READER(oid);
    uint64_t arc, wanted = 40 * take_number(&dotted);
    wanted += take_number(&dotted);
    while (read_arc(&r, &arc) && arc == wanted) {
        if (r.left == 0 || *dotted == '\0')
            return r.left == 0 && *dotted == '\0';
        wanted = take_number(&dotted);
    }
    return false;
}

void der_write_begin(struct der_writer *w, struct bs_buf *out)
{
    *w = (struct der_writer){ .out = out };
}

void der_write_raw(struct der_writer *w, struct bs_span der)
{
    if (w->err == BS_OK)
        w->err = bs_buf_append(w->out, der.data, der.size);
}

/* A tag and a length of up to three bytes. */
#define HEADER_MAX 5
#define WRITE_MAX 0xffffff

static size_t make_header(uint8_t tag, size_t length, uint8_t ret_header[HEADER_MAX])
{
    ret_header[0] = tag;
    if (length < 0x80) {
        ret_header[1] = (uint8_t)length;
        return 2;
    }
    if (length < 0x100) {
        ret_header[1] = 0x81;
        ret_header[2] = (uint8_t)length;
        return 3;
    }
    size_t bytes = length < 0x10000 ? 2 : 3;
    ret_header[1] = (uint8_t)(0x80 | bytes);
    for (size_t i = 0; i < bytes; i++)
        ret_header[2 + i] = (uint8_t)(length >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

void der_open(struct der_writer *w, uint8_t tag)
{
    assert(w->depth < DER_DEPTH_MAX);
    w->open[w->depth].at = w->out->size;
    w->open[w->depth].tag = tag;
    w->depth++;
}

/* The length is known only now: make room in front of what was written since. */
void der_close(struct der_writer *w)
{
    assert(w->depth > 0);
    w->depth--;
    if (w->err != BS_OK)
        return;

    size_t at = w->open[w->depth].at;
    size_t length = w->out->size - at;
    if (length > WRITE_MAX) {
        w->err = BS_ERR_NOMEM;
        return;
    }
    uint8_t header[HEADER_MAX], *tail;
    size_t size = make_header(w->open[w->depth].tag, length, header);
    w->err = bs_buf_reserve(w->out, size, &tail);
    if (w->err != BS_OK)
        return;
    memmove(w->out->data + at + size, w->out->data + at, length);
    memcpy(w->out->data + at, header, size);
    bs_buf_grown(w->out, size);
}

void der_write(struct der_writer *w, uint8_t tag, struct bs_span content)
{
    der_open(w, tag);
    der_write_raw(w, content);
    der_close(w);
}

void der_write_string(struct der_writer *w, uint8_t tag, const char *text)
{
    der_write(w, tag, bs_span_of_string(text));
}

static void write_arc(struct der_writer *w, uint64_t arc)
{
    uint8_t bytes[10];
    size_t at = sizeof(bytes);

    bytes[--at] = arc & 0x7f;
    while (arc >>= 7)
        bytes[--at] = 0x80 | (arc & 0x7f);
    der_write_raw(w, BS_SPAN(bytes + at, sizeof(bytes) - at));
}

/* One arc of a dotted OID that stands in our own source: a wrong one is a programming error. */
static uint64_t next_arc(const char **text)
{
    uint64_t arc = 0;
    assert(**text >= '0' && **text <= '9');
    for (; **text >= '0' && **text <= '9'; (*text)++)
        arc = arc * 10 + (uint64_t)(**text - '0');
    assert(**text == '.' || **text == '\0');
    if (**text == '.')
        (*text)++;
    return arc;
}

void der_write_oid_as(struct der_writer *w, uint8_t tag, const char *dotted)
{
    der_open(w, tag);
    uint64_t first = next_arc(&dotted);
    write_arc(w, 40 * first + next_arc(&dotted));
    while (*dotted)
        write_arc(w, next_arc(&dotted));
    der_close(w);
}

void der_write_oid(struct der_writer *w, const char *dotted)
{
    der_write_oid_as(w, DER_OID, dotted);
}

void der_write_unsigned(struct der_writer *w, struct bs_span number)
{
    while (number.size > 1 && number.data[0] == 0)
        number = BS_SPAN(number.data + 1, number.size - 1);
    der_open(w, DER_INTEGER);
    if (number.size == 0 || number.data[0] >= 0x80)
        der_write_raw(w, BS_SPAN("", 1));
    der_write_raw(w, number);
    der_close(w);
}

void der_write_small(struct der_writer *w, uint8_t value)
{
    der_write_unsigned(w, BS_SPAN(&value, 1));
}

void der_write_bits(struct der_writer *w, struct bs_span bytes)
{
    der_open(w, DER_BIT_STRING);
    der_write_raw(w, BS_SPAN("", 1)); /* no unused bits */
    der_write_raw(w, bytes);
    der_close(w);
}

void der_write_true(struct der_writer *w)
{
    der_write(w, DER_BOOLEAN, BS_SPAN("\xff", 1));
}

enum bs_err der_write_end(struct der_writer *w)
{
    assert(w->depth == 0);
    return w->err;
}
