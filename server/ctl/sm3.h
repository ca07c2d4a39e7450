/* SM3 (GB/T 32905) for banks of event logs that are replayed here: wolfSSL comes without it, and no device is judged by it. */
#pragma once

#include "core/buf.h"

/* Writes 32 bytes. */
void sm3(struct bs_span data, uint8_t *ret_digest);
