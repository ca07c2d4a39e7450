#include "core/cbor.h"

#include "core/text.h"

#include <assert.h>
#include <cbor.h>
#include <string.h>

/* RFC 8949 §3.1: the three high bits of an item's first byte. */
enum major { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };

#define SIMPLE_FALSE 20
#define SIMPLE_TRUE 21
#define SIMPLE_NULL 22

void cbor_write_begin(struct cbor_writer *w, struct bs_buf *out)
{
    *w = (struct cbor_writer){ .out = out, .err = BS_OK, .depth = 0 };
    w->levels[0].left = 1;
}

static void leave_full_levels(struct cbor_writer *w)
{
    while (w->depth > 0 && w->levels[w->depth].left == 0)
        w->depth--;
}

/* Counts an item and, where a key is due, compares it with the one before (RFC 8949 §4.2.1: bytewise, so by value here). */
static void count_item(struct cbor_writer *w, bool is_uint, uint64_t value)
{
    leave_full_levels(w);
    struct cbor_level *level = &w->levels[w->depth];
    assert(level->left > 0);
    if (level->is_map && level->left % 2 == 0) {
        assert(is_uint && (!level->has_key || value > level->key));
        (void)is_uint;
        level->has_key = true;
        level->key = value;
    }
    level->left--;
}

static void enter(struct cbor_writer *w, bool is_map, size_t items)
{
    assert(w->depth < CBOR_DEPTH_MAX);
    w->levels[++w->depth] = (struct cbor_level){ .is_map = is_map, .left = items };
}

/* Where tinycbor's encoder leaves its bytes. */
static CborError append(void *context, const void *data, size_t size, CborEncoderAppendType type)
{
    (void)type;
    struct cbor_writer *w = context;
    w->err = bs_buf_append(w->out, data, size);
    return w->err == BS_OK ? CborNoError : CborErrorIO;
}

static CborError append_head(void *context, const void *data, size_t size, CborEncoderAppendType type)
{
    return type == CborEncoderAppendCborData ? append(context, data, size, type) : CborNoError;
}

/* An encoder for one item. Only append() can fail, and it says so in w->err: the encoder's own results are not looked at. */
static CborEncoder encoder(struct cbor_writer *w)
{
    CborEncoder e;
    cbor_encoder_init_writer(&e, append, w);
    return e;
}

void cbor_write_map(struct cbor_writer *w, size_t pairs)
{
    if (w->err != BS_OK)
        return;
    count_item(w, false, 0);
    enter(w, true, pairs * 2);
    CborEncoder e = encoder(w), inner;
    (void)cbor_encoder_create_map(&e, &inner, pairs);
}

void cbor_write_array(struct cbor_writer *w, size_t items)
{
    if (w->err != BS_OK)
        return;
    count_item(w, false, 0);
    enter(w, false, items);
    CborEncoder e = encoder(w), inner;
    (void)cbor_encoder_create_array(&e, &inner, items);
}

void cbor_write_uint(struct cbor_writer *w, uint64_t value)
{
    if (w->err != BS_OK)
        return;
    count_item(w, true, value);
    CborEncoder e = encoder(w);
    (void)cbor_encode_uint(&e, value);
}

void cbor_write_int(struct cbor_writer *w, int64_t value)
{
    if (w->err != BS_OK)
        return;
    count_item(w, value >= 0, (uint64_t)value);
    CborEncoder e = encoder(w);
    (void)cbor_encode_int(&e, value);
}

void cbor_write_bytes(struct cbor_writer *w, struct bs_span bytes)
{
    if (w->err != BS_OK)
        return;
    count_item(w, false, 0);
    CborEncoder e = encoder(w);
    (void)cbor_encode_byte_string(&e, bytes.data, bytes.size);
}

void cbor_write_bytes_head(struct cbor_writer *w, size_t size)
{
    if (w->err != BS_OK)
        return;
    count_item(w, false, 0);
    CborEncoder e;
    cbor_encoder_init_writer(&e, append_head, w);
    (void)cbor_encode_byte_string(&e, NULL, size);
}

void cbor_write_text(struct cbor_writer *w, struct bs_span text)
{
    if (w->err != BS_OK)
        return;
    count_item(w, false, 0);
    CborEncoder e = encoder(w);
    (void)cbor_encode_text_string(&e, (const char *)text.data, text.size);
}

void cbor_write_string(struct cbor_writer *w, const char *text)
{
    cbor_write_text(w, bs_span_of_string(text));
}

void cbor_write_bool(struct cbor_writer *w, bool value)
{
    if (w->err != BS_OK)
        return;
    count_item(w, false, 0);
    CborEncoder e = encoder(w);
    (void)cbor_encode_boolean(&e, value);
}

void cbor_write_null(struct cbor_writer *w)
{
    if (w->err != BS_OK)
        return;
    count_item(w, false, 0);
    CborEncoder e = encoder(w);
    (void)cbor_encode_null(&e);
}

/* A tag is not an item of its own: what it stands before is counted. */
void cbor_write_tag(struct cbor_writer *w, uint64_t tag)
{
    if (w->err != BS_OK)
        return;
    CborEncoder e = encoder(w);
    (void)cbor_encode_tag(&e, tag);
}

enum bs_err cbor_write_end(struct cbor_writer *w)
{
    if (w->err != BS_OK)
        return w->err;
    leave_full_levels(w);
    assert(w->depth == 0 && w->levels[0].left == 0);
    return BS_OK;
}

void cbor_read_begin(struct cbor_reader *r, struct bs_span in)
{
    *r = (struct cbor_reader){ .in = BS_READER(in), .err = BS_OK };
}

void cbor_read_fail(struct cbor_reader *r)
{
    r->err = BS_ERR_PROTOCOL;
}

/*
 * The argument of an item's first byte (RFC 8949 §3). tinycbor's parser accepts longer forms than needed, and its validator
 * recurses as deep as the sender says, so heads are read here. A longer form must hold what does not fit a shorter one;
 * 28 to 30 are reserved, 31 is an indefinite length.
 */
static bool take_argument(struct bs_reader *in, unsigned info, uint64_t *ret_value)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;

    if (info < 24) {
        *ret_value = info;
        return true;
    }
    switch (info) {
    case 24:
        if (!bs_read_u8(in, &u8))
            return false;
        *ret_value = u8;
        return u8 >= 24;
    case 25:
        if (!bs_read_be16(in, &u16))
            return false;
        *ret_value = u16;
        return u16 > UINT8_MAX;
    case 26:
        if (!bs_read_be32(in, &u32))
            return false;
        *ret_value = u32;
        return u32 > UINT16_MAX;
    case 27:
        return bs_read_be64(in, ret_value) && *ret_value > UINT32_MAX;
    }
    return false;
}

static bool take_head(struct cbor_reader *r, enum major *ret_major, uint64_t *ret_value)
{
    uint8_t first;
    if (r->err == BS_OK && (!bs_read_u8(&r->in, &first) || !take_argument(&r->in, first & 0x1f, ret_value)))
        cbor_read_fail(r);
    if (r->err != BS_OK)
        return false;
    *ret_major = first >> 5;
    return true;
}

/* Argument of an item that must be of one type and not above `max`; 0 when it is not. */
static uint64_t take(struct cbor_reader *r, enum major wanted, uint64_t max)
{
    enum major major;
    uint64_t value;
    if (!take_head(r, &major, &value))
        return 0;
    if (major != wanted || value > max) {
        cbor_read_fail(r);
        return 0;
    }
    return value;
}

size_t cbor_read_map(struct cbor_reader *r, size_t max_pairs)
{
    return (size_t)take(r, MAJOR_MAP, max_pairs);
}

size_t cbor_read_array(struct cbor_reader *r, size_t max_items)
{
    return (size_t)take(r, MAJOR_ARRAY, max_items);
}

uint64_t cbor_read_uint(struct cbor_reader *r, uint64_t max)
{
    return take(r, MAJOR_UINT, max);
}

int64_t cbor_read_int(struct cbor_reader *r)
{
    enum major major;
    uint64_t value;
    if (!take_head(r, &major, &value))
        return 0;
    if ((major != MAJOR_UINT && major != MAJOR_NEGATIVE) || value > INT64_MAX) {
        cbor_read_fail(r);
        return 0;
    }
    return major == MAJOR_UINT ? (int64_t)value : -1 - (int64_t)value;
}

static struct bs_span take_string(struct cbor_reader *r, enum major major, size_t min, size_t max)
{
    struct bs_span span = BS_SPAN_NONE;
    uint64_t size = take(r, major, max);
    if (r->err == BS_OK && (size < min || !bs_read_bytes(&r->in, (size_t)size, &span)))
        cbor_read_fail(r);
    return r->err == BS_OK ? span : BS_SPAN_NONE;
}

struct bs_span cbor_read_bytes(struct cbor_reader *r, size_t min, size_t max)
{
    return take_string(r, MAJOR_BYTES, min, max);
}

struct bs_span cbor_read_text(struct cbor_reader *r, size_t max)
{
    struct bs_span text = take_string(r, MAJOR_TEXT, 0, max);
    struct bs_reader in = BS_READER(text);
    uint32_t character;
    bool is_valid;
    while (bs_utf8_take(&in, &character, &is_valid)) {
        if (!is_valid || (character != '\n' && bs_is_control(character))) {
            cbor_read_fail(r);
            return BS_SPAN_NONE;
        }
    }
    return text;
}

bool cbor_read_bool(struct cbor_reader *r)
{
    uint64_t value = take(r, MAJOR_SIMPLE, SIMPLE_TRUE);
    if (r->err == BS_OK && value < SIMPLE_FALSE)
        cbor_read_fail(r);
    return value == SIMPLE_TRUE;
}

/* How many items follow as the contents of this one. */
static uint64_t contents(struct cbor_reader *r, enum major major, uint64_t value)
{
    struct bs_span skipped;
    switch (major) {
    case MAJOR_UINT:
    case MAJOR_NEGATIVE:
        return 0;
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        if (value > r->in.left || !bs_read_bytes(&r->in, (size_t)value, &skipped))
            cbor_read_fail(r);
        return 0;
    case MAJOR_ARRAY:
    case MAJOR_MAP:
        if (value > r->in.left) /* each has a byte at least */
            cbor_read_fail(r);
        return major == MAJOR_MAP ? 2 * value : value;
    case MAJOR_TAG:
        return 1;
    case MAJOR_SIMPLE:
        if (value > SIMPLE_NULL)
            cbor_read_fail(r);
        return 0;
    }
    return 0;
}

void cbor_read_skip(struct cbor_reader *r)
{
    enum major major;
    uint64_t value;
    for (uint64_t items = 1; items > 0 && take_head(r, &major, &value); items--)
        items += contents(r, major, value);
}

void cbor_read_tag(struct cbor_reader *r, uint64_t tag)
{
    uint64_t value = take(r, MAJOR_TAG, UINT64_MAX);
    if (r->err == BS_OK && value != tag)
        cbor_read_fail(r);
}

uint64_t cbor_read_key(struct cbor_reader *r, uint64_t *last)
{
    uint64_t key = take(r, MAJOR_UINT, UINT64_MAX - 1);
    if (r->err != BS_OK)
        return 0;
    if (*last != UINT64_MAX && key <= *last) {
        cbor_read_fail(r);
        return 0;
    }
    *last = key;
    return key;
}

enum bs_err cbor_read_end(struct cbor_reader *r)
{
    if (r->err == BS_OK && r->in.left > 0)
        cbor_read_fail(r);
    return r->err;
}
