/*
 * What is known of event logs beyond the common: words for events that few machines have, CEL-JSON that repeats the firmware's events, and
 * other files that people take for a log.
 * A program with room for it calls eventlog_know_more() once, at its start and before any thread; the agent, where every page counts,
 * does not, and nothing of it is linked.
 */
#pragma once

#include "core/eventlog.h"
#include "core/userlog.h"

struct eventlog_more {
    /* Words for an event; false, and nothing said: none. Asked first. */
    bool (*describe)(struct bs_buf *out, const struct eventlog_event *event);
    /* The firmware's event that a record repeats, with its data in *data, which the event points into; false: none. */
    bool (*read_record)(const struct userlog_record *record, struct bs_buf *data, struct eventlog_event *ret_event);
    /* What a file is that is no event log, as a clause; NULL: not known. */
    const char *(*name)(struct bs_span bytes);
};

/* NULL until it is called. */
extern const struct eventlog_more *eventlog_more;
void eventlog_know_more(void);
