/* A document (server/document.h) as text for a terminal or as JSON. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

/* The end node: what the act came to. `why` is zero-terminated. */
struct render_end {
    int exit_code;
    char why[512];
};

/* PROTOCOL when it is no whole document. */
enum bs_err render_text(struct bs_span document, struct bs_buf *out, struct render_end *ret_end) BS_MUST_USE;
enum bs_err render_json(struct bs_span document, struct bs_buf *out, struct render_end *ret_end) BS_MUST_USE;
