/* Views of bytes, and a growing buffer with a hard limit that wipes itself. */
#pragma once

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns. */
struct bs_span {
    const uint8_t *data;
    size_t size;
};

#define BS_SPAN(d, n) ((struct bs_span){ (const uint8_t *)(d), (n) })
#define BS_SPAN_NONE ((struct bs_span){ NULL, 0 })

/* What a digest is filled up with. It lies in the program as it is here, so it is short. */
#define BS_ZEROS_SIZE 512
extern const uint8_t bs_zeros[BS_ZEROS_SIZE];

bool bs_span_equal(struct bs_span a, struct bs_span b);
struct bs_span bs_span_of_string(const char *s);

/* Growing buffer: BS_SCOPED_BUF struct bs_buf b = BS_BUF(limit); */
struct bs_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit; /* appending beyond it is BS_ERR_NOMEM */
};

#define BS_BUF(max) ((struct bs_buf){ NULL, 0, 0, (max) })
#define BS_SCOPED_BUF __attribute__((cleanup(bs_buf_free)))

enum bs_err bs_buf_append(struct bs_buf *buf, const void *data, size_t size) BS_MUST_USE;
enum bs_err bs_buf_append_string(struct bs_buf *buf, const char *s) BS_MUST_USE;
enum bs_err bs_buf_printf(struct bs_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3))) BS_MUST_USE;

/*
 * Makes room for `size` more bytes without changing the contents; *ret_tail points at them until the next call.
 * Follow with bs_buf_grown.
 */
enum bs_err bs_buf_reserve(struct bs_buf *buf, size_t size, uint8_t **ret_tail) BS_MUST_USE;
void bs_buf_grown(struct bs_buf *buf, size_t size);

struct bs_span bs_buf_span(const struct bs_buf *buf);

/* Empties, keeps the limit. */
void bs_buf_reset(struct bs_buf *buf);

/* Wipes and releases; the buffer is empty and usable after it. */
void bs_buf_free(struct bs_buf *buf);

/* Reader over a span: takes from the front, never reads beyond the end. */
struct bs_reader {
    const uint8_t *at;
    size_t left;
};

#define BS_READER(span) ((struct bs_reader){ (span).data, (span).size })

/* False, and nothing taken, when fewer bytes are left. le: little endian, be: big endian. */
bool bs_read_bytes(struct bs_reader *r, size_t size, struct bs_span *ret_span);
bool bs_read_u8(struct bs_reader *r, uint8_t *ret_value);
bool bs_read_le16(struct bs_reader *r, uint16_t *ret_value);
bool bs_read_le32(struct bs_reader *r, uint32_t *ret_value);
bool bs_read_le64(struct bs_reader *r, uint64_t *ret_value);
bool bs_read_be16(struct bs_reader *r, uint16_t *ret_value);
bool bs_read_be32(struct bs_reader *r, uint32_t *ret_value);
bool bs_read_be64(struct bs_reader *r, uint64_t *ret_value);

/* Lower-case hex with a terminating zero; `ret_text` holds 2 * size + 1 characters. */
void bs_hex(struct bs_span span, char *ret_text);

/* Strict: an even number of hex digits, nothing else; *ret_size at most `max`. */
enum bs_err bs_unhex(const char *text, uint8_t *ret_data, size_t max, size_t *ret_size) BS_MUST_USE;

/*
 * The one number parser: decimal digits (or 0x and hex digits), no sign, no blanks, no leading zero (it could mean
 * octal), at most `max`.
 */
enum bs_err bs_parse_u64(const char *text, uint64_t max, uint64_t *ret_value) BS_MUST_USE;
