/* A document (server/admin/document.h) as text for a terminal or as JSON. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The end node: what the act came to. `why` is zero-terminated. */
struct render_end {
    int exit_code;
    char why[512];
};

struct render_options {
    size_t width; /* columns of the terminal; 0: it is none, nothing is cut */
    bool is_color;
};

/* PROTOCOL when it is no whole document. */
enum bs_err render_text(struct bs_span document, const struct render_options *options, struct bs_buf *out,
                        struct render_end *ret_end) BS_MUST_USE;
enum bs_err render_json(struct bs_span document, struct bs_buf *out, struct render_end *ret_end) BS_MUST_USE;
