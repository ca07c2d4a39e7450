#include "server/admin/document.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TAG_EPOCH 1 /* RFC 8949 §3.4.2 */
#define SENTENCE_MAX 1024

void document_begin(struct document *document, struct bs_buf *out)
{
    *document = (struct document){ .out = out };
}

static void node(struct document *document, enum document_kind kind, size_t rest)
{
    cbor_write_begin(&document->writer, document->out);
    cbor_write_array(&document->writer, 1 + rest);
    cbor_write_uint(&document->writer, kind);
}

static void node_end(struct document *document)
{
    enum bs_err err = cbor_write_end(&document->writer);

    if (document->err == BS_OK)
        document->err = err;
}

/* A text of a device or a file that was cut in the middle of a character must not make the whole document unreadable. */
static void write_text(struct document *document, struct bs_span text)
{
    BS_SCOPED_BUF struct bs_buf clean = BS_BUF(DOCUMENT_MAX);
    struct bs_reader reader = BS_READER(text);
    enum bs_err err = BS_OK;
    uint32_t character;
    bool is_valid;

    while (err == BS_OK && bs_utf8_take(&reader, &character, &is_valid)) {
        uint8_t bytes[4];

        if (character == '\t')
            character = ' ';
        else if (!is_valid || (character != '\n' && bs_is_control(character)))
            character = '?';
        err = bs_buf_append(&clean, bytes, bs_utf8_encode(character, bytes));
    }
    if (document->err == BS_OK)
        document->err = err;
    cbor_write_text(&document->writer, bs_buf_span(&clean));
}

static void field(struct document *document, const char *key, const char *label)
{
    node(document, DOCUMENT_FIELD, 3);
    cbor_write_string(&document->writer, key);
    cbor_write_string(&document->writer, label);
}

void document_cell_text(struct document *document, const char *value)
{
    if (value == NULL || value[0] == '\0')
        cbor_write_null(&document->writer);
    else
        write_text(document, bs_span_of_string(value));
}

void document_cell_uint(struct document *document, uint64_t value)
{
    cbor_write_uint(&document->writer, value);
}

void document_cell_bool(struct document *document, bool value)
{
    cbor_write_bool(&document->writer, value);
}

void document_cell_hex(struct document *document, struct bs_span value)
{
    if (value.size == 0)
        cbor_write_null(&document->writer);
    else
        cbor_write_bytes(&document->writer, value);
}

void document_cell_time(struct document *document, int64_t seconds)
{
    if (seconds <= 0) {
        cbor_write_null(&document->writer);
        return;
    }
    cbor_write_tag(&document->writer, TAG_EPOCH);
    cbor_write_uint(&document->writer, (uint64_t)seconds);
}

void document_text(struct document *document, const char *key, const char *label, const char *value)
{
    field(document, key, label);
    document_cell_text(document, value);
    node_end(document);
}

void document_span(struct document *document, const char *key, const char *label, struct bs_span text)
{
    field(document, key, label);
    write_text(document, text);
    node_end(document);
}

void document_uint(struct document *document, const char *key, const char *label, uint64_t value)
{
    field(document, key, label);
    document_cell_uint(document, value);
    node_end(document);
}

void document_bool(struct document *document, const char *key, const char *label, bool value)
{
    field(document, key, label);
    document_cell_bool(document, value);
    node_end(document);
}

void document_hex(struct document *document, const char *key, const char *label, struct bs_span value)
{
    field(document, key, label);
    document_cell_hex(document, value);
    node_end(document);
}

void document_time(struct document *document, const char *key, const char *label, int64_t seconds)
{
    field(document, key, label);
    document_cell_time(document, seconds);
    node_end(document);
}

void document_say(struct document *document, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    node(document, DOCUMENT_SENTENCE, 1);
    write_text(document, bs_span_of_string(text));
    node_end(document);
}

void document_format(struct document *document, const char *key, const char *label, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    document_text(document, key, label, text);
}

void document_raw(struct document *document, const char *key, struct bs_span bytes)
{
    node(document, DOCUMENT_RAW, 2);
    cbor_write_string(&document->writer, key);
    cbor_write_bytes(&document->writer, bytes);
    node_end(document);
}

void document_table(struct document *document, const char *key, const struct document_column *columns, size_t count)
{
    node(document, DOCUMENT_TABLE, 2);
    cbor_write_string(&document->writer, key);
    cbor_write_array(&document->writer, count);
    for (size_t i = 0; i < count; i++) {
        cbor_write_array(&document->writer, 3);
        cbor_write_string(&document->writer, columns[i].key);
        cbor_write_string(&document->writer, columns[i].label);
        cbor_write_uint(&document->writer, columns[i].rank);
    }
    node_end(document);
}

void document_row(struct document *document, size_t cells)
{
    node(document, DOCUMENT_ROW, 1);
    cbor_write_array(&document->writer, cells);
}

void document_row_end(struct document *document)
{
    node_end(document);
}

enum bs_err document_end(struct document *document, int exit_code, const char *why)
{
    node(document, DOCUMENT_END, 2);
    cbor_write_uint(&document->writer, (uint64_t)exit_code);
    write_text(document, bs_span_of_string(why));
    node_end(document);
    return document->err;
}
