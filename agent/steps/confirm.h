/* The word to the server that what it sent was done, on the connection that it came on. */
#pragma once

#include "agent/boot.h"

/*
 * Makes the MAC with the exchange's confirm key, and posts it, within a few seconds: a boot is not held up. Everything but `confirm->mac` is the caller's to set.
 * The exchange's answer is gone after it.
 */
enum bs_err confirm_send(struct boot *boot, struct message_confirm *confirm) BS_MUST_USE;
