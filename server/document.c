#include "server/document.h"

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
        cbor_write_string(&document->writer, value);
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
    cbor_write_text(&document->writer, text);
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
    cbor_write_string(&document->writer, text);
    node_end(document);
}

void document_table(struct document *document, const char *key, const struct document_column *columns, size_t count)
{
    node(document, DOCUMENT_TABLE, 2);
    cbor_write_string(&document->writer, key);
    cbor_write_array(&document->writer, count);
    for (size_t i = 0; i < count; i++) {
        cbor_write_array(&document->writer, 2);
        cbor_write_string(&document->writer, columns[i].key);
        cbor_write_string(&document->writer, columns[i].label);
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
    cbor_write_string(&document->writer, why);
    node_end(document);
    return document->err;
}
