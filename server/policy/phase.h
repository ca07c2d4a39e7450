/* systemd in the initrd (bootseal/phase.h): foretold, and known by the one measurement that needs no log. */
#pragma once

#include "bootseal/phase.h"
#include "core/eventlog.h"
#include "server/store/store.h"

/* The same boot in that phase: PCR 11 extended once more, and a record of the userspace log that says by what. */
enum bs_err phase_enter(struct store_boot *boot) BS_MUST_USE;

/*
 * Whether a value of PCR 11 is what the firmware's log leads to, which has events of it, and the word behind. Older systemd keeps no log that
 * tells it; where there is one of userspace, who verifies a boot demands the word there.
 */
bool phase_is_entered(const struct eventlog_replay *firmware, struct bs_span value);
