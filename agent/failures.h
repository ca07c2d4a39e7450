/*
 * How many boots in a row failed, kept in the vault's folder, so that a device that cannot be helped by restarting
 * stops restarting; and what the initramfs shall do after a failure.
 */
#pragma once

#include "core/err.h"

#include <stdint.h>

#define FAILURES_NAME "failures"
#define FAILURES_ACTION_PATH "/run/bootseal/action"

/* The count of a folder without one, or with a damaged one, is 0. */
uint64_t failures_read(const char *dir);

/* Counts one more and makes it durable; *ret_count is always set, to what it would be where it cannot be written. */
enum bs_err failures_add(const char *dir, uint64_t *ret_count) BS_MUST_USE;

/* After a good boot. Writes nothing when nothing was counted. */
enum bs_err failures_forget(const char *dir) BS_MUST_USE;

/* Leaves the word for the integration in FAILURES_ACTION_PATH below `root`: "reboot" or "halt"; NULL takes it away. */
enum bs_err failures_action(const char *root, const char *word) BS_MUST_USE;
