/* bootsealctl policy check: what a policy says about a boot, without a server. */
#pragma once

#include "core/buf.h"

struct policy_check {
    const char *policy;     /* path of the file; "-": standard input */
    const char *evidence;   /* path: of an evidence file, or a firmware's event log */
    const char *references; /* a folder with evidence files NAME.json; NULL: there are none */
};

/*
 * Appends a document (server/admin/document.h) for the standard output. Returns an exit code, after saying why on the standard error where
 * there is no document: 0, good; 20, not good.
 */
int ctl_policy_check(const struct policy_check *check, struct bs_buf *document);
