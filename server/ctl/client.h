/* Speaks to bootseald's admin socket. */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "server/admin/admin_request.h"

/* Sends the request to DIR/admin.sock and appends the answer's document. UNREACHABLE when nobody serves the folder, after saying so. */
enum bs_err client_call(const char *dir, const struct admin_request *request, struct bs_buf *ret_document) BS_MUST_USE;
