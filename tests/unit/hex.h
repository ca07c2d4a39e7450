/* Vectors as they are printed: hex to bytes, in memory that the whole test program keeps. */
#pragma once

#include "unit.h"

static inline struct bs_span hex(const char *text)
{
    static uint8_t arena[256 * 1024];
    static size_t used;
    size_t size;

    assert_ok(bs_unhex(text, arena + used, sizeof(arena) - used, &size));
    struct bs_span span = BS_SPAN(arena + used, size);
    used += size;
    return span;
}

#define assert_hex(bytes, text)                                       \
    do {                                                              \
        struct bs_span expected_ = hex(text);                         \
        assert_memory_equal((bytes), expected_.data, expected_.size); \
    } while (0)
