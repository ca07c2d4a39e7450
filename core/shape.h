/*
 * A CBOR map with small unsigned keys, described by a table: encoder and decoder both follow it, so that they cannot
 * disagree. What a decoder accepts has exactly one encoding: an optional member that is absent is not written, and one
 * that is written is not empty.
 */
#pragma once

#include "core/buf.h"
#include "core/cbor.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum shape_kind {
    SHAPE_UINT,  /* unsigned integer, min to max; member: any unsigned type or enum */
    SHAPE_BYTES, /* byte string, min to max bytes; member: struct bs_span */
    SHAPE_TEXT,  /* text, min to max bytes; member: struct bs_span */
    SHAPE_NAME,  /* text of [a-z0-9-], min to max bytes; member: struct bs_span */
    SHAPE_WORD,  /* text, one of `words`; member: enum, or none (size 0) for a constant */
    SHAPE_MAP,   /* a map of another shape; member: its struct */
    SHAPE_OWN,   /* whatever `write` and `read` make of it */
};

struct shape;

struct shape_field {
    uint8_t key;
    enum shape_kind kind;
    bool is_required;
    bool has_flag;       /* whether an optional member is there says a bool, not its value */
    size_t offset;       /* of the member */
    size_t size;         /* of the member; of a list, of one element */
    size_t flag_offset;  /* of the bool */
    size_t list_max;     /* 0: not a list */
    size_t count_offset; /* list: of the size_t that counts */
    uint64_t min, max;
    const char *const *words; /* ends with NULL */
    const struct shape *shape;
    void (*write)(struct cbor_writer *w, const void *member);
    void (*read)(struct cbor_reader *r, void *member);
};

struct shape {
    const struct shape_field *fields; /* keys ascending */
    size_t field_count;
    bool (*is_sound)(const void *from); /* what no single field can say; NULL: nothing */
};

#define SHAPE_REQUIRED .is_required = true
#define SHAPE_OPTIONAL .is_required = false
#define SHAPE_MEMBER(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define SHAPE_FLAG(type, member) .has_flag = true, .flag_offset = offsetof(type, member)
#define SHAPE_LIST(type, member, count)                                       \
    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member[0]), \
    .list_max = sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]), .count_offset = offsetof(type, count)
#define SHAPE_SIZE(lo, hi) .min = (lo), .max = (hi)
#define SHAPE_OF(table, check)                                                                    \
    {                                                                                             \
        .fields = (table), .field_count = sizeof(table) / sizeof((table)[0]), .is_sound = (check) \
    }

/*
 * Appends the encoding of `from`, at most `max` bytes, then decodes it into `scratch` (a zeroed struct of the same type): nothing is sent that
 * the other side would refuse. INPUT, and nothing appended, when that is so; NOMEM when it does not fit.
 */
enum bs_err shape_encode(const struct shape *shape, const void *from, size_t max, struct bs_buf *out,
                         void *scratch) BS_MUST_USE;

/* Decodes all of `in`, at most `max` bytes, into a zeroed struct; after an error that is to be thrown away. */
enum bs_err shape_decode(const struct shape *shape, struct bs_span in, size_t max, void *to) BS_MUST_USE;
