/* A boot that was foretold without systemd in its initrd, with it (bootseal/phase.h). */
#pragma once

#include "bootseal/phase.h"
#include "server/store/store.h"

/* The same boot in that phase: PCR 11 extended once more, and a record of the userspace log that says by what. */
enum bs_err phase_enter(struct store_boot *boot) BS_MUST_USE;
