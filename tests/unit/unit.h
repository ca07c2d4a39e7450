/* What every unit test includes: cmocka with the headers that it wants before it, and short helpers. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define assert_ok(expression) assert_string_equal(bs_err_name(expression), "ok")
#define assert_err(expression, expected) assert_string_equal(bs_err_name(expression), bs_err_name(expected))

/* The whole span is this text. */
static inline void assert_span_text(struct bs_span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    if (span.size > 0)
        assert_memory_equal(span.data, text, span.size);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
