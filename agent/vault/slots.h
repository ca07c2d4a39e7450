/*
 * Where the two slots of the vault lie: files of a folder. Bytes and no more; what they mean says slot.h, and nothing of them is to be
 * believed. A write is whole and durable when it returns.
 */
#pragma once

#include "agent/vault/vault.h"

struct slots {
    int dir_fd;
};
#define SLOTS_NONE ((struct slots){ .dir_fd = -1 })

/* NOT_FOUND when there is no such folder, INPUT when it is none. */
enum bs_err slots_open(const char *dir, struct slots *ret_slots) BS_MUST_USE;
/* As slots_open, and makes the folder where it is missing. */
enum bs_err slots_make(const char *dir, struct slots *ret_slots) BS_MUST_USE;
void slots_close(struct slots *slots);
#define SCOPED_SLOTS __attribute__((cleanup(slots_close))) struct slots

const char *slots_name(size_t index);

/* Appends at most SLOT_MAX bytes. NOT_FOUND: an empty slot, or slots that were not opened. */
enum bs_err slots_read(const struct slots *slots, size_t index, struct bs_buf *out) BS_MUST_USE;
enum bs_err slots_write(const struct slots *slots, size_t index, struct bs_span bytes) BS_MUST_USE;

/* Overwritten as far as the medium lets us, then empty. */
enum bs_err slots_erase(const struct slots *slots, size_t index) BS_MUST_USE;
