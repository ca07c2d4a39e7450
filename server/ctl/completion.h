/* bootsealctl completion SHELL: the table of commands as a script for a shell. */
#pragma once

/* Returns an exit code. */
int ctl_completion(const char *shell);
