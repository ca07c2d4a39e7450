/*
 * Where the two slots of the vault lie: files of a folder, or two regions of a block device (docs/design.md draws them). Bytes and no
 * more; what they mean says slot.h, and nothing of them is to be believed. A write is whole and durable when it returns; one that was
 * cut off leaves the old slot in a folder, and an empty or damaged one on a device.
 */
#pragma once

#include "agent/vault/vault.h"

struct slots {
    int dir_fd; /* of a folder, else -1 */
    int raw_fd; /* of a device, else -1 */
};
#define SLOTS_NONE ((struct slots){ .dir_fd = -1, .raw_fd = -1 })

/* `path` is a folder or a block device. NOT_FOUND when there is nothing, INPUT when it is neither, or too small. */
enum bs_err slots_open(const char *path, struct slots *ret_slots) BS_MUST_USE;
/* As slots_open, and makes a folder where nothing is. */
enum bs_err slots_make(const char *path, struct slots *ret_slots) BS_MUST_USE;
/* A device, or for tests a file in its place. */
enum bs_err slots_open_raw(const char *path, struct slots *ret_slots) BS_MUST_USE;
void slots_close(struct slots *slots);
#define SCOPED_SLOTS __attribute__((cleanup(slots_close))) struct slots

bool slots_are_open(const struct slots *slots);
const char *slots_name(size_t index);

/* Appends at most SLOT_MAX bytes. NOT_FOUND: an empty slot, or slots that were not opened. INPUT: not what slots_write leaves. */
enum bs_err slots_read(const struct slots *slots, size_t index, struct bs_buf *out) BS_MUST_USE;
/* INPUT, and nothing is written, when a device holds what is not ours. */
enum bs_err slots_write(const struct slots *slots, size_t index, struct bs_span bytes) BS_MUST_USE;

/* Overwritten as far as the medium lets us, then empty. What is not ours is left alone. */
enum bs_err slots_erase(const struct slots *slots, size_t index) BS_MUST_USE;
