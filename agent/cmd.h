/* The verbs of bootseal, one file each. Each returns an exit code of include/bootseal/exit.h. */
#pragma once

#include "agent/config.h"
#include "agent/options.h"

int cmd_boot(const struct options *options);
int cmd_status(const struct options *options);
int cmd_identity(const struct options *options);
int cmd_eventlog(const struct options *options);
int cmd_predict(const struct options *options);
int cmd_forget(const struct options *options);

/*
 * The configuration for verbs that are no boot: the defaults where none is named and none is there. False, with the complaint on stderr and
 * *ret_exit set, when there is one that is wrong.
 */
bool cmd_config(const struct options *options, struct agent_config *ret_config, struct conf **ret_conf, int *ret_exit);

/* Writes to stdout; BS_EXIT_DONE, or BS_EXIT_LOCAL when that failed. */
int cmd_print(struct bs_span text);
