/* Writes JSON (RFC 8259) into a buffer: enough for reports and --json, with escapes and commas right. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#define BS_JSON_DEPTH_MAX 16

/*
 * After the first failure every call does nothing; bs_json_end() tells. A NULL key means: element of an array, or the
 * top value.
 */
struct bs_json {
    struct bs_buf *out;
    enum bs_err err;
    unsigned depth;
    bool has_member[BS_JSON_DEPTH_MAX];
    bool is_object[BS_JSON_DEPTH_MAX];
};

void bs_json_begin(struct bs_json *json, struct bs_buf *out);
void bs_json_object(struct bs_json *json, const char *key);
void bs_json_array(struct bs_json *json, const char *key);
void bs_json_close_object(struct bs_json *json);
void bs_json_close_array(struct bs_json *json);
/* A NULL value is null; bytes that are not UTF-8 become U+FFFD. */
void bs_json_string(struct bs_json *json, const char *key, const char *value);
void bs_json_text(struct bs_json *json, const char *key, struct bs_span value);
void bs_json_hex(struct bs_json *json, const char *key, struct bs_span value);
void bs_json_u64(struct bs_json *json, const char *key, uint64_t value);
void bs_json_i64(struct bs_json *json, const char *key, int64_t value);
void bs_json_bool(struct bs_json *json, const char *key, bool value);
void bs_json_null(struct bs_json *json, const char *key);
enum bs_err bs_json_end(struct bs_json *json) BS_MUST_USE; /* adds a newline; all must be closed */
