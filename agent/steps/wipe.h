/* The server's order to forget (core/wipe.h), part of the step attest. */
#pragma once

#include "agent/boot.h"

/*
 * The answer of the exchange is `wipe`: verifies the order, forgets, and confirms. WIPED when this device has nothing any more;
 * UNTRUSTED when the order is not this server's, for this device and this statement: then nothing was touched.
 */
enum bs_err wipe_obey(struct boot *boot) BS_MUST_USE;
