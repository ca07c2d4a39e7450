/*
 * Deterministic CBOR (RFC 8949 §4.2.1). The writer is tinycbor's with a sticky error and with assertions on the order of
 * keys. The reader is our own and takes only what the writer would have written: it refuses indefinite lengths,
 * non-shortest forms, duplicate or unsorted keys, tags that it did not ask for, floats and trailing bytes.
 * core/cbor.c alone includes tinycbor.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CBOR_DEPTH_MAX 8

/* An array or map that is being written. */
struct cbor_level {
    bool is_map;
    bool has_key;  /* a key was written: the next one must be larger */
    uint64_t key;  /* the last one */
    uint64_t left; /* items to come; of a map, keys and values */
};

/*
 * Writer. Programming errors are asserted: keys of a map that are not unsigned or not in ascending order, more items
 * than were announced, or fewer when it ends, more than one item at the top.
 */
struct cbor_writer {
    struct bs_buf *out;
    enum bs_err err;
    unsigned depth;
    struct cbor_level levels[CBOR_DEPTH_MAX + 1]; /* the first: the top, an array of one */
};

void cbor_write_begin(struct cbor_writer *w, struct bs_buf *out);
void cbor_write_map(struct cbor_writer *w, size_t pairs);
void cbor_write_array(struct cbor_writer *w, size_t items);
void cbor_write_uint(struct cbor_writer *w, uint64_t value);
void cbor_write_int(struct cbor_writer *w, int64_t value);
void cbor_write_bytes(struct cbor_writer *w, struct bs_span bytes);
void cbor_write_bytes_head(struct cbor_writer *w, size_t size); /* the bytes themselves follow elsewhere */
void cbor_write_text(struct cbor_writer *w, struct bs_span text);
void cbor_write_string(struct cbor_writer *w, const char *text);
void cbor_write_bool(struct cbor_writer *w, bool value);
void cbor_write_null(struct cbor_writer *w);
void cbor_write_tag(struct cbor_writer *w, uint64_t tag);
enum bs_err cbor_write_end(struct cbor_writer *w) BS_MUST_USE;

/*
 * Reader. Sticky error: after the first wrong thing every call returns zero values, and cbor_read_end() says PROTOCOL.
 * Spans point into the input. Nothing recurses: the depth is what the caller asks for.
 */
struct cbor_reader {
    struct bs_reader in;
    enum bs_err err;
};

void cbor_read_begin(struct cbor_reader *r, struct bs_span in);
size_t cbor_read_map(struct cbor_reader *r, size_t max_pairs);
size_t cbor_read_array(struct cbor_reader *r, size_t max_items);
uint64_t cbor_read_uint(struct cbor_reader *r, uint64_t max);
int64_t cbor_read_int(struct cbor_reader *r);
struct bs_span cbor_read_bytes(struct cbor_reader *r, size_t min, size_t max);
/* Valid UTF-8 without what bs_is_control() finds, but newlines; may be empty. */
struct bs_span cbor_read_text(struct cbor_reader *r, size_t max);
bool cbor_read_bool(struct cbor_reader *r);
void cbor_read_tag(struct cbor_reader *r, uint64_t tag);
/* Next key of a map with unsigned keys; checks that it is larger than *last (start with UINT64_MAX for none). */
uint64_t cbor_read_key(struct cbor_reader *r, uint64_t *last);
/* Passes over one item, whatever is in it; no floats. */
void cbor_read_skip(struct cbor_reader *r);
void cbor_read_fail(struct cbor_reader *r);
enum bs_err cbor_read_end(struct cbor_reader *r) BS_MUST_USE;
