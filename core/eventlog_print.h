/* A whole event log for `bootseal eventlog` and `bootsealctl eventlog`: a table for a person, or JSON. */
#pragma once

#include "core/eventlog.h"

/*
 * Appends a line for every event (number, PCR, type, what it is) and the PCR values that the events lead to, of every
 * bank whose hash is known here. Every event is at most 2 KiB of JSON.
 */
enum bs_err eventlog_print(const struct eventlog *log, struct bs_buf *out) BS_MUST_USE;

/*
 * {"format":"crypto-agile","startup_locality":0,"banks":["sha256"],
 *  "events":[{"index":0,"pcr":0,"type":3,"type_name":"EV_NO_ACTION","digests":{"sha256":"..."},"size":33,
 *             "description":"..."}],
 *  "pcrs":{"sha256":{"0":"..."}}}
 * A bank that cannot be replayed is null in "pcrs"; a hash that is unknown here is named by its number ("0x0012").
 */
enum bs_err eventlog_print_json(const struct eventlog *log, struct bs_buf *out) BS_MUST_USE;
