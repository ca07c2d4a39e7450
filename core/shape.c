#include "core/shape.h"

#include "bootseal/protocol.h"

#include <assert.h>
#include <string.h>

static const void *at(const void *base, size_t offset)
{
    return (const uint8_t *)base + offset;
}

static void *at_mutable(void *base, size_t offset)
{
    return (uint8_t *)base + offset;
}

static uint64_t load_uint(const void *member, size_t size)
{
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    switch (size) {
    case 1:
        return *(const uint8_t *)member;
    case 2:
        return *(const uint16_t *)member;
    case 4:
        return *(const uint32_t *)member;
    }
    return *(const uint64_t *)member;
}

static void store_uint(void *member, size_t size, uint64_t value)
{
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    switch (size) {
    case 1:
        *(uint8_t *)member = (uint8_t)value;
        return;
    case 2:
        *(uint16_t *)member = (uint16_t)value;
        return;
    case 4:
        *(uint32_t *)member = (uint32_t)value;
        return;
    }
    *(uint64_t *)member = value;
}

static size_t count_of(const struct shape_field *field, const void *from)
{
    size_t count = *(const size_t *)at(from, field->count_offset);
    assert(count <= field->list_max);
    return count;
}

static bool is_present(const struct shape_field *field, const void *from)
{
    const void *member = at(from, field->offset);

    if (field->is_required)
        return true;
    if (field->has_flag)
        return *(const bool *)at(from, field->flag_offset);
    if (field->list_max > 0)
        return count_of(field, from) > 0;
    switch (field->kind) {
    case SHAPE_UINT:
        return load_uint(member, field->size) != 0;
    case SHAPE_BYTES:
    case SHAPE_TEXT:
    case SHAPE_NAME:
        return ((const struct bs_span *)member)->size > 0;
    case SHAPE_WORD:
    case SHAPE_MAP:
    case SHAPE_OWN:
        break;
    }
    assert(field->is_required); /* these kinds have no empty value */
    return true;
}

static void write_map(struct cbor_writer *w, const struct shape *shape, const void *from);

static void write_value(struct cbor_writer *w, const struct shape_field *field, const void *member)
{
    switch (field->kind) {
    case SHAPE_UINT:
        cbor_write_uint(w, field->size > 0 ? load_uint(member, field->size) : field->min);
        return;
    case SHAPE_BYTES:
        cbor_write_bytes(w, *(const struct bs_span *)member);
        return;
    case SHAPE_TEXT:
    case SHAPE_NAME:
        cbor_write_text(w, *(const struct bs_span *)member);
        return;
    case SHAPE_WORD:
        cbor_write_string(w, field->words[field->size > 0 ? load_uint(member, field->size) : 0]);
        return;
    case SHAPE_MAP:
        write_map(w, field->shape, member);
        return;
    case SHAPE_OWN:
        field->write(w, member);
        return;
    }
}

static void write_field(struct cbor_writer *w, const struct shape_field *field, const void *from)
{
    cbor_write_uint(w, field->key);
    if (field->list_max == 0) {
        write_value(w, field, at(from, field->offset));
        return;
    }

    size_t count = count_of(field, from);
    cbor_write_array(w, count);
    for (size_t i = 0; i < count; i++)
        write_value(w, field, at(from, field->offset + i * field->size));
}

static void write_map(struct cbor_writer *w, const struct shape *shape, const void *from)
{
    size_t pairs = 0;
    for (size_t i = 0; i < shape->field_count; i++)
        pairs += is_present(&shape->fields[i], from);

    cbor_write_map(w, pairs);
    for (size_t i = 0; i < shape->field_count; i++) {
        if (is_present(&shape->fields[i], from))
            write_field(w, &shape->fields[i], from);
    }
}

enum bs_err shape_encode(const struct shape *shape, const void *from, size_t max, struct bs_buf *out, void *scratch)
{
    const size_t start = out->size;
    struct cbor_writer w;
    cbor_write_begin(&w, out);
    write_map(&w, shape, from);
    enum bs_err err = cbor_write_end(&w);

    if (err == BS_OK && shape_decode(shape, BS_SPAN(out->data + start, out->size - start), max, scratch) != BS_OK)
        err = BS_ERR_INPUT;
    if (err != BS_OK)
        out->size = start;
    return err;
}

static struct bs_span read_text(struct cbor_reader *r, const struct shape_field *field)
{
    struct bs_span text = cbor_read_text(r, (size_t)field->max);
    if (text.size < field->min)
        cbor_read_fail(r);
    return text;
}

static struct bs_span read_name(struct cbor_reader *r, const struct shape_field *field)
{
    struct bs_span name = read_text(r, field);
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = name.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            cbor_read_fail(r);
    }
    return name;
}

static uint64_t read_uint(struct cbor_reader *r, const struct shape_field *field)
{
    uint64_t value = cbor_read_uint(r, field->max);
    if (value < field->min)
        cbor_read_fail(r);
    return value;
}

static uint64_t read_word(struct cbor_reader *r, const struct shape_field *field)
{
    struct bs_span text = cbor_read_text(r, BS_NAME_MAX);
    for (uint64_t i = 0; field->words[i]; i++) {
        if (bs_span_equal(text, bs_span_of_string(field->words[i])))
            return i;
    }
    cbor_read_fail(r);
    return 0;
}

static void read_map(struct cbor_reader *r, const struct shape *shape, void *to);

static void read_value(struct cbor_reader *r, const struct shape_field *field, void *member)
{
    uint64_t value = 0;

    switch (field->kind) {
    case SHAPE_BYTES:
        *(struct bs_span *)member = cbor_read_bytes(r, (size_t)field->min, (size_t)field->max);
        return;
    case SHAPE_TEXT:
        *(struct bs_span *)member = read_text(r, field);
        return;
    case SHAPE_NAME:
        *(struct bs_span *)member = read_name(r, field);
        return;
    case SHAPE_MAP:
        read_map(r, field->shape, member);
        return;
    case SHAPE_OWN:
        field->read(r, member);
        return;
    case SHAPE_UINT:
        value = read_uint(r, field);
        break;
    case SHAPE_WORD:
        value = read_word(r, field);
        break;
    }
    if (field->size > 0)
        store_uint(member, field->size, value);
}

static void read_field(struct cbor_reader *r, const struct shape_field *field, void *to)
{
    if (field->has_flag)
        *(bool *)at_mutable(to, field->flag_offset) = true;
    if (field->list_max == 0) {
        read_value(r, field, at_mutable(to, field->offset));
        return;
    }

    size_t count = cbor_read_array(r, field->list_max);
    if (count == 0)
        cbor_read_fail(r);
    for (size_t i = 0; i < count && r->err == BS_OK; i++)
        read_value(r, field, at_mutable(to, field->offset + i * field->size));
    *(size_t *)at_mutable(to, field->count_offset) = count;
}

/* Keys ascend on both sides, so that one walk finds unknown, missing and repeated ones. */
static void read_map(struct cbor_reader *r, const struct shape *shape, void *to)
{
    const struct shape_field *field = shape->fields, *end = field + shape->field_count;
    size_t pairs = cbor_read_map(r, shape->field_count);
    uint64_t last = UINT64_MAX;

    for (size_t i = 0; i < pairs && r->err == BS_OK; i++, field++) {
        uint64_t key = cbor_read_key(r, &last);
        while (field < end && field->key < key && !field->is_required)
            field++;
        if (field == end || field->key != key) {
            cbor_read_fail(r);
            return;
        }
        read_field(r, field, to);
    }
    for (; field < end; field++) {
        if (field->is_required)
            cbor_read_fail(r);
    }
    if (r->err == BS_OK && shape->is_sound && !shape->is_sound(to))
        cbor_read_fail(r);
}

enum bs_err shape_decode(const struct shape *shape, struct bs_span in, size_t max, void *to)
{
    if (in.size > max)
        return BS_ERR_PROTOCOL;
    struct cbor_reader r;
    cbor_read_begin(&r, in);
    read_map(&r, shape, to);
    return cbor_read_end(&r);
}
