/* Signals and what the kernel may show of this process. */
#pragma once

#include <stdbool.h>

/* SIGTERM and SIGINT ask for an end, with the cap; SIGPIPE is ignored. No core dumps, no ptrace by the user. */
void signals_setup(void);

/* SIGTERM or SIGINT came. */
bool signals_stop_requested(void);
