/* bootsealctl backup FILE: asks bootseald for a copy of its database, step by step, and takes it out of the server's folder. */
#pragma once

#include "core/buf.h"

/* Returns an exit code; says on stderr what went wrong, and on stdout what it is. */
int ctl_backup(const char *dir, const char *to);
