/* What the files of cert share: the parts of a certificate as they lie in its DER. */
#pragma once

#include "core/cert.h"
#include "core/der.h"

/* The next block of a type; moves past it. NOT_FOUND when there is none left, INPUT when it is malformed. */
enum bs_err cert_pem_next(struct bs_reader *r, const char *type, struct bs_buf *out) BS_MUST_USE;
