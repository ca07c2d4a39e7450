/* A whole event log for `bootseal eventlog` and `bootsealctl eventlog`: a table for a person, or JSON. */
#pragma once

#include "core/eventlog.h"

#include "core/json.h"

/* How much is said of an event. */
struct eventlog_style {
    enum bs_err (*describe)(const struct eventlog_event *event, struct bs_buf *out);
    bool (*mark)(const struct eventlog_event *event,
                 enum eventlog_measured *ret_measured); /* NULL: events get no marks */
    enum bs_err (*add_lines)(const struct eventlog_event *event, struct bs_buf *out);
    void (*add_members)(const struct eventlog_event *event, struct bs_json *json);
};

/*
 * Appends a line for every event (number, PCR, type, what it is) and the PCR values that the events lead to, of every
 * bank whose hash is known here. Every event is at most 2 KiB of JSON. In the plain style, for the agent; core/eventlog_show.h has the
 * full one.
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

/* The parts of it. */
struct eventlog_bank_name {
    char text[16];
};
struct eventlog_bank_name eventlog_bank_name(uint16_t alg);
enum bs_err eventlog_print_events(const struct eventlog *log, const struct eventlog_style *style,
                                  struct bs_buf *out) BS_MUST_USE;
/* `replay` NULL: the bank cannot be replayed, for this reason. */
enum bs_err eventlog_print_pcrs(uint16_t alg, const struct eventlog_replay *replay, const char *why,
                                struct bs_buf *out) BS_MUST_USE;
void eventlog_json_log(struct bs_json *json, const struct eventlog *log, const struct eventlog_style *style);
void eventlog_json_pcrs(struct bs_json *json, uint16_t alg, const struct eventlog_replay *replay);
