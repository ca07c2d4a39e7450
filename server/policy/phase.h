/*
 * What systemd-pcrphase(8) extends PCR 11 by when the initrd begins, behind everything that the firmware has a log of. It is the one phase that
 * can be over when a device asks: the next one begins when bootseal has closed the boot.
 */
#pragma once

#include "server/store/store.h"

#define PHASE_PCR 11
#define PHASE_INITRD "enter-initrd"

/* The same boot in that phase: PCR 11 extended once more, and a record of the userspace log that says by what. */
enum bs_err phase_enter(struct store_boot *boot) BS_MUST_USE;
