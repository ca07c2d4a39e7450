/*
 * Reads JSON (RFC 8259) that another program wrote, member by member as the caller asks for it. After the first failure every call
 * does nothing and gives nothing; json_read_end() tells. Numbers that are not plain unsigned integers can only be skipped, and
 * escapes are decoded where the caller asks for it.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_READ_DEPTH_MAX 16

struct json_reader {
    struct bs_reader text;
    enum bs_err err;
    unsigned depth;
    bool is_first; /* nothing was read yet of the object or array that was entered last */
};

void json_read_begin(struct json_reader *r, struct bs_span text);

/* Enters an object; then each member's key (a text without escapes), until false: it was left, or something is wrong. */
void json_read_object(struct json_reader *r);
bool json_read_key(struct json_reader *r, struct bs_span *ret_key);

/* Enters an array; then true for each element that is to be read, until false. */
void json_read_array(struct json_reader *r);
bool json_read_element(struct json_reader *r);

/* A string without escapes, empty on failure; a number from 0 to `max`, 0 on failure. */
struct bs_span json_read_string(struct json_reader *r);
uint64_t json_read_uint(struct json_reader *r, uint64_t max);

/* A string as it stands there, escapes and all; and what it says, appended as UTF-8. INPUT for an escape that is none (RFC 8259 §7). */
struct bs_span json_read_raw_string(struct json_reader *r);
enum bs_err json_unescape(struct bs_span raw, struct bs_buf *out) BS_MUST_USE;

/* What comes next begins like a string, or like an object. */
bool json_read_is_string(struct json_reader *r);
bool json_read_is_object(struct json_reader *r);

/* Whatever comes next, whole. */
void json_read_skip(struct json_reader *r);

/* INPUT when anything was wrong, or something follows. */
enum bs_err json_read_end(struct json_reader *r) BS_MUST_USE;
