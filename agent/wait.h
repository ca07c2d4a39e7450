/* Waiting between tries, with an eye on the watchdog, the deadline and whoever wants us to stop. */
#pragma once

#include "agent/boot.h"

/* Sleeps `ms`, but never beyond boot.wait, nor after a request to stop. */
void wait_for(struct boot *boot, int64_t ms);

/* How long to wait before the next try: what the server told, with a little jitter on top so that a fleet does not come back as one; else full jitter
 * below a bound that doubles with every failure. */
int64_t wait_before_retry(const struct boot_waiting *waiting);
