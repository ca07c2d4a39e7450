/* The slots as two regions of a block device; for slots.c. Format: docs/design.md. */
#pragma once

#include "agent/vault/slot.h"

#define RAW_BLOCK 4096
#define RAW_REGION (RAW_BLOCK + SLOT_MAX)

/* Takes the descriptor of a device, or of a file in its place. INPUT when it is too small for both regions. */
enum bs_err raw_check(int fd) BS_MUST_USE;

/* As slots_read, slots_write, slots_erase. */
enum bs_err raw_read(int fd, size_t index, struct bs_buf *out) BS_MUST_USE;
enum bs_err raw_write(int fd, size_t index, struct bs_span bytes) BS_MUST_USE;
enum bs_err raw_erase(int fd, size_t index) BS_MUST_USE;
