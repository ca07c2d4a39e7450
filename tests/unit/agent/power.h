/*
 * The power of the machine that the fakes are: it goes right before an effect of that number, and from then on nothing has one. What the agent
 * still does in its memory is lost with it. Effects are commands to the fake TPM, requests to the server of the scene, and what is done
 * to files below /var of the scene's root: openat that creates, write, pwrite, fsync, fchmod, renameat, unlinkat, mkdir.
 *
 * Right after an effect is right before the next one.
 */
#pragma once

#include <stdbool.h>

/* A file below it that the agent takes for a block device; NULL: none. */
extern const char *power_device;

/* From here on effects are counted, and the disk as it is is durable. `at` 0: the power stays. */
void power_on(unsigned at);

/* How many effects there were. The power is back; with `is_lost` the disk has lost what was not synchronized. */
unsigned power_off(bool is_lost);
