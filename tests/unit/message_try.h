/*
 * Messages that must be refused or be the only encoding of what they say: decodes, and what is accepted must encode to the very same
 * bytes. OK or PROTOCOL. Exactly as large a copy, so that overreads are seen.
 */
#pragma once

#include "unit.h"

typedef enum bs_err (*try_fn)(struct bs_span document);

enum bs_err try_statement(struct bs_span document);
enum bs_err try_attest(struct bs_span document);
enum bs_err try_prove(struct bs_span document);
enum bs_err try_confirm(struct bs_span document);
enum bs_err try_answer(struct bs_span document);
