/* Files that people take for an event log, beyond those that core/eventlog_kind.c tells: for core/eventlog_more.h. */
#pragma once

#include "core/buf.h"

/* What it is and what to do, as a clause; NULL when that is not known. */
const char *eventlog_foreign(struct bs_span bytes);
