/*
 * What bootseald tells an operator: fields, tables and sentences with their types, so that bootsealctl can show them to a person
 * or as JSON. A CBOR sequence (RFC 8742) of nodes, each an array that begins with its kind:
 *
 *   [1, key, label, value]              a field
 *   [2, key, [[key, label, rank] ...]]  a table begins; where the terminal is narrow the highest ranks are cut first, 0 never
 *   [3, [value ...]]                    a row of it
 *   [4, text]                           a sentence for a person; not in the JSON
 *   [5, key, bytes]                     as it is, to the standard output; in the JSON text
 *   [0, exit code, text]                the end: always there, always last; the text says what to do when it failed
 *
 * A label that is empty: only for programs; a key that is empty: only for people.
 *
 * Values: text, unsigned, bool, bytes (shown in hex), null, and tag 1 for seconds since 1970.
 */
#pragma once

#include "core/buf.h"
#include "core/cbor.h"
#include "core/err.h"

#define DOCUMENT_MAX (8 * 1024 * 1024)
#define DOCUMENT_COLUMNS_MAX 12

enum document_kind { DOCUMENT_END, DOCUMENT_FIELD, DOCUMENT_TABLE, DOCUMENT_ROW, DOCUMENT_SENTENCE, DOCUMENT_RAW };

struct document_column {
    const char *key;
    const char *label;
    uint8_t rank;
};

/* Writer. The first failure sticks and is what document_end() returns. */
struct document {
    struct bs_buf *out;
    enum bs_err err;
    struct cbor_writer writer; /* of the node that is being written */
};

void document_begin(struct document *document, struct bs_buf *out);
void document_text(struct document *document, const char *key, const char *label, const char *value);
void document_span(struct document *document, const char *key, const char *label, struct bs_span text);
void document_uint(struct document *document, const char *key, const char *label, uint64_t value);
void document_bool(struct document *document, const char *key, const char *label, bool value);
void document_hex(struct document *document, const char *key, const char *label, struct bs_span value);
void document_time(struct document *document, const char *key, const char *label, int64_t seconds); /* 0: never */
void document_say(struct document *document, const char *format, ...) __attribute__((format(printf, 2, 3)));

void document_format(struct document *document, const char *key, const char *label, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void document_raw(struct document *document, const char *key, struct bs_span bytes);

/* document_row() is followed by exactly as many cells as there are columns. */
void document_table(struct document *document, const char *key, const struct document_column *columns, size_t count);
void document_row(struct document *document, size_t cells);
void document_cell_text(struct document *document, const char *value);
void document_cell_uint(struct document *document, uint64_t value);
void document_cell_bool(struct document *document, bool value);
void document_cell_hex(struct document *document, struct bs_span value);
void document_cell_time(struct document *document, int64_t seconds);
void document_row_end(struct document *document);

enum bs_err document_end(struct document *document, int exit_code, const char *why) BS_MUST_USE;
