/* bootsealctl eventlog: any boot's logs, shown and replayed. No bootseald is asked, and no TPM. */
#pragma once

#include <stdbool.h>

/* Paths as they were typed; "-" is the standard input. */
struct ctl_eventlog {
    const char *path;
    const char *userspace_path; /* NULL: none */
    const char *bank;           /* replay: NULL: sha256 where there is one, else the first; in JSON all of them */
    bool is_json;
};

/* Write to the standard output, complaints to the standard error. Return an exit code. */
int ctl_eventlog_show(const struct ctl_eventlog *request);
int ctl_eventlog_replay(const struct ctl_eventlog *request);
