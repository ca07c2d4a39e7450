/* The mark of a forget that is under way, for vault.c and agent/machine.c: while it lies in a slot nothing is opened and nothing is written. */
#pragma once

#include "agent/vault/slots.h"

/* These bytes, and nothing else, are the mark. */
bool forget_is_mark(struct bs_span bytes);

/* Where a mark lies the forget is done to its end first. *ret_was_marked is always set. BS_OK: there is none any more. */
enum bs_err forget_finish(const char *dir, struct tpm *tpm, bool *ret_was_marked) BS_MUST_USE;
