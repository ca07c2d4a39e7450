/*
 * The phase of the initrd: what systemd-pcrphase(8) extends a PCR by when an initrd begins, behind everything that the firmware has a log of.
 * The digest extended into a bank is that bank's hash of the word. It is the one phase that can have begun when a device asks: the next one
 * begins when bootseal has closed the boot.
 */
#pragma once

#define BS_PHASE_PCR 11
#define BS_PHASE_INITRD "enter-initrd"
