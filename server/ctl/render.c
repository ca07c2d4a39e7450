#include "server/ctl/render.h"
#include "core/json.h"
#include "server/document.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX 65536
#define TAG_EPOCH 1
/* Ids and hashes: as many hex digits as a person compares; the JSON has all of them. */
#define SHORT_HEX 16

enum value_type { VALUE_NULL, VALUE_TEXT, VALUE_UINT, VALUE_BOOL, VALUE_BYTES, VALUE_TIME };

struct value {
    enum value_type type;
    struct bs_span span;
    uint64_t number;
};

/* The major type of the next item (RFC 8949 §3.1): the document is a sequence, and values are of several types. */
static struct value read_value(struct cbor_reader *reader)
{
    struct value value = { .type = VALUE_NULL };
    uint8_t first = reader->in.left > 0 ? *reader->in.at : 0xff;

    switch (first >> 5) {
    case 0:
        return (struct value){ .type = VALUE_UINT, .number = cbor_read_uint(reader, UINT64_MAX) };
    case 2:
        return (struct value){ .type = VALUE_BYTES, .span = cbor_read_bytes(reader, 0, TEXT_MAX) };
    case 3:
        return (struct value){ .type = VALUE_TEXT, .span = cbor_read_text(reader, TEXT_MAX) };
    case 6:
        cbor_read_tag(reader, TAG_EPOCH);
        return (struct value){ .type = VALUE_TIME, .number = cbor_read_uint(reader, INT64_MAX) };
    default:
        break;
    }
    if (first == 0xf6) { /* null */
        reader->in.at++;
        reader->in.left--;
        return value;
    }
    return (struct value){ .type = VALUE_BOOL, .number = cbor_read_bool(reader) ? 1 : 0 };
}

static void format_time(uint64_t seconds, char *text, size_t size)
{
    time_t time = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&time, &parts) == NULL || strftime(text, size, "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
        (void)snprintf(text, size, "%llu", (unsigned long long)seconds);
}

/* A value as text of a cell. Hex is shortened in tables, where it has a column to itself. */
static void format_value(const struct value *value, bool is_cell, char *text, size_t size)
{
    text[0] = '\0';
    switch (value->type) {
    case VALUE_NULL:
        (void)snprintf(text, size, "-");
        break;
    case VALUE_TEXT:
        (void)snprintf(text, size, "%.*s", (int)value->span.size, (const char *)value->span.data);
        break;
    case VALUE_UINT:
        (void)snprintf(text, size, "%llu", (unsigned long long)value->number);
        break;
    case VALUE_BOOL:
        (void)snprintf(text, size, "%s", value->number != 0 ? "yes" : "no");
        break;
    case VALUE_BYTES:
        if (2 * value->span.size + 1 > size)
            break;
        bs_hex(value->span, text);
        if (is_cell && value->span.size >= 16 && strlen(text) > SHORT_HEX)
            text[SHORT_HEX] = '\0';
        break;
    case VALUE_TIME:
        format_time(value->number, text, size);
        break;
    }
}

static void json_value(struct bs_json *json, const char *key, const struct value *value)
{
    switch (value->type) {
    case VALUE_NULL:
        bs_json_null(json, key);
        break;
    case VALUE_TEXT:
        bs_json_text(json, key, value->span);
        break;
    case VALUE_UINT:
    case VALUE_TIME:
        bs_json_u64(json, key, value->number);
        break;
    case VALUE_BOOL:
        bs_json_bool(json, key, value->number != 0);
        break;
    case VALUE_BYTES:
        bs_json_hex(json, key, value->span);
        break;
    }
}

struct table {
    char key[64];
    struct bs_span keys[DOCUMENT_COLUMNS_MAX];
    struct bs_span labels[DOCUMENT_COLUMNS_MAX];
    size_t widths[DOCUMENT_COLUMNS_MAX];
    size_t columns;
};

static void read_table(struct cbor_reader *reader, struct table *table)
{
    struct bs_span key = cbor_read_text(reader, sizeof(table->key) - 1);

    (void)snprintf(table->key, sizeof(table->key), "%.*s", (int)key.size, key.size > 0 ? (const char *)key.data : "");
    table->columns = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX);
    for (size_t i = 0; i < table->columns; i++) {
        if (cbor_read_array(reader, 2) != 2)
            cbor_read_fail(reader);
        table->keys[i] = cbor_read_text(reader, 64);
        table->labels[i] = cbor_read_text(reader, 64);
        table->widths[i] = table->labels[i].size;
    }
}

static void read_end(struct cbor_reader *reader, struct render_end *end)
{
    struct bs_span why;

    end->exit_code = (int)cbor_read_uint(reader, 255);
    why = cbor_read_text(reader, sizeof(end->why) - 1);
    (void)snprintf(end->why, sizeof(end->why), "%.*s", (int)why.size, why.size > 0 ? (const char *)why.data : "");
}

/* The kind of the next node; its members follow in the reader. */
static enum document_kind next_node(struct cbor_reader *reader, size_t *ret_members)
{
    size_t count = cbor_read_array(reader, 4);

    if (count == 0)
        cbor_read_fail(reader);
    *ret_members = count - 1;
    return (enum document_kind)cbor_read_uint(reader, DOCUMENT_SENTENCE);
}

static enum bs_err skip_row(struct cbor_reader *reader, struct table *table)
{
    size_t cells = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX);

    if (cells != table->columns)
        return BS_ERR_PROTOCOL;
    for (size_t i = 0; i < cells; i++) {
        struct value value = read_value(reader);
        char text[TEXT_MAX / 64];

        format_value(&value, true, text, sizeof(text));
        if (strlen(text) > table->widths[i])
            table->widths[i] = strlen(text);
    }
    return reader->err;
}

/* Columns are as wide as their widest cell: the rows that follow are read once ahead. */
static void measure(const struct cbor_reader *reader, struct table *table)
{
    struct cbor_reader ahead = *reader;
    size_t members;

    while (ahead.err == BS_OK && ahead.in.left > 0 && next_node(&ahead, &members) == DOCUMENT_ROW)
        if (skip_row(&ahead, table) != BS_OK)
            return;
}

static enum bs_err put_cell(struct bs_buf *out, const struct table *table, size_t column, const char *text)
{
    bool is_last = column + 1 == table->columns;

    return bs_buf_printf(out, "%-*s%s", is_last ? 0 : (int)table->widths[column], text, is_last ? "\n" : "  ");
}

static enum bs_err text_table(struct cbor_reader *reader, struct table *table, struct bs_buf *out)
{
    enum bs_err err = BS_OK;

    read_table(reader, table);
    if (reader->err != BS_OK)
        return reader->err;
    measure(reader, table);
    if (out->size > 0)
        err = bs_buf_append_string(out, "\n");
    for (size_t i = 0; i < table->columns && err == BS_OK; i++) {
        char label[65];

        (void)snprintf(label, sizeof(label), "%.*s", (int)table->labels[i].size, (const char *)table->labels[i].data);
        err = put_cell(out, table, i, label);
    }
    return err;
}

static enum bs_err text_row(struct cbor_reader *reader, const struct table *table, struct bs_buf *out)
{
    size_t cells = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX);
    enum bs_err err = cells == table->columns ? BS_OK : BS_ERR_PROTOCOL;

    for (size_t i = 0; i < cells && err == BS_OK; i++) {
        struct value value = read_value(reader);
        char text[TEXT_MAX / 64];

        format_value(&value, true, text, sizeof(text));
        err = put_cell(out, table, i, text);
    }
    return err;
}

static enum bs_err text_field(struct cbor_reader *reader, struct bs_buf *out)
{
    char text[TEXT_MAX / 64];
    struct bs_span label;
    struct value value;

    (void)cbor_read_text(reader, 64);
    label = cbor_read_text(reader, 64);
    value = read_value(reader);
    if (reader->err != BS_OK || value.type == VALUE_NULL)
        return reader->err; /* what is not known is not shown to a person */
    format_value(&value, false, text, sizeof(text));
    return bs_buf_printf(out, "%*.*s  %s\n", 20, (int)label.size, (const char *)label.data, text);
}

static enum bs_err text_sentence(struct cbor_reader *reader, struct bs_buf *out)
{
    struct bs_span text = cbor_read_text(reader, TEXT_MAX);

    return reader->err == BS_OK ? bs_buf_printf(out, "%.*s\n", (int)text.size, (const char *)text.data) : reader->err;
}

enum bs_err render_text(struct bs_span document, struct bs_buf *out, struct render_end *ret_end)
{
    struct cbor_reader reader;
    struct table table = { 0 };
    enum bs_err err = BS_OK;
    bool is_ended = false;

    cbor_read_begin(&reader, document);
    while (err == BS_OK && reader.err == BS_OK && !is_ended) {
        size_t members;

        switch (next_node(&reader, &members)) {
        case DOCUMENT_END:
            read_end(&reader, ret_end);
            is_ended = true;
            break;
        case DOCUMENT_FIELD:
            err = text_field(&reader, out);
            break;
        case DOCUMENT_TABLE:
            err = text_table(&reader, &table, out);
            break;
        case DOCUMENT_ROW:
            err = text_row(&reader, &table, out);
            break;
        case DOCUMENT_SENTENCE:
            err = text_sentence(&reader, out);
            break;
        }
    }
    return err == BS_OK ? cbor_read_end(&reader) : err;
}

static void json_row(struct cbor_reader *reader, const struct table *table, struct bs_json *json)
{
    size_t cells = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX);

    if (cells != table->columns) {
        cbor_read_fail(reader);
        return;
    }
    bs_json_object(json, NULL);
    for (size_t i = 0; i < cells; i++) {
        char key[65];
        struct value value = read_value(reader);

        (void)snprintf(key, sizeof(key), "%.*s", (int)table->keys[i].size, (const char *)table->keys[i].data);
        json_value(json, key, &value);
    }
    bs_json_close_object(json);
}

static void json_field(struct cbor_reader *reader, struct bs_json *json)
{
    struct bs_span name = cbor_read_text(reader, 64);
    char key[65];
    struct value value;

    (void)cbor_read_text(reader, 64);
    value = read_value(reader);
    (void)snprintf(key, sizeof(key), "%.*s", (int)name.size, name.size > 0 ? (const char *)name.data : "");
    if (reader->err == BS_OK)
        json_value(json, key, &value);
}

enum bs_err render_json(struct bs_span document, struct bs_buf *out, struct render_end *ret_end)
{
    struct cbor_reader reader;
    struct bs_json json;
    struct table table = { 0 };
    bool is_table_open = false;
    bool is_ended = false;
    enum bs_err err;

    cbor_read_begin(&reader, document);
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    while (reader.err == BS_OK && !is_ended) {
        size_t members;
        enum document_kind kind = next_node(&reader, &members);

        if (is_table_open && kind != DOCUMENT_ROW) {
            bs_json_close_array(&json);
            is_table_open = false;
        }
        switch (kind) {
        case DOCUMENT_END:
            read_end(&reader, ret_end);
            is_ended = true;
            break;
        case DOCUMENT_FIELD:
            json_field(&reader, &json);
            break;
        case DOCUMENT_TABLE:
            read_table(&reader, &table);
            bs_json_array(&json, table.key);
            is_table_open = true;
            break;
        case DOCUMENT_ROW:
            json_row(&reader, &table, &json);
            break;
        case DOCUMENT_SENTENCE:
            (void)cbor_read_text(&reader, TEXT_MAX);
            break;
        }
    }
    bs_json_close_object(&json);
    err = bs_json_end(&json);
    return err == BS_OK ? cbor_read_end(&reader) : err;
}
