/* What a statement says besides quote and firmware log: userspace's log, and the command line of the kernel. */
#pragma once

#include "agent/boot.h"

/*
 * As they lie where the configuration says, below --root. What is not there, or too large to send, is left out: the server decides
 * whether it can do without. The latter is logged, and noted in the report and so in the statement.
 */
void userspace_read(struct boot *boot, struct bs_buf *log, struct bs_buf *command_line);
