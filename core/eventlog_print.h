/* The parts of what core/bootlog.h shows: of a firmware's log, and of the PCR values that events lead to. */
#pragma once

#include "core/eventlog.h"

#include "core/json.h"

/* "sha256", and "0x0071" of a hash without a name here. */
struct eventlog_bank_name {
    char text[16];
};
struct eventlog_bank_name eventlog_bank_name(uint16_t alg);

/* How a table and JSON say what an event's data are worth. */
struct eventlog_mark {
    char sign;
    const char *name;
};
struct eventlog_mark eventlog_mark(enum eventlog_measured measured);

/* A line for each event (number, PCR, type, mark, what it is) and what core/eventlog_detail.h has below it. */
enum bs_err eventlog_print_events(const struct eventlog *log, struct bs_buf *out) BS_MUST_USE;

/* One of these lines; and the words of an event as members of an object: "data", "description". */
enum bs_err eventlog_print_event(const struct eventlog_event *event, struct bs_buf *out) BS_MUST_USE;
void eventlog_json_words(struct bs_json *json, const struct eventlog_event *event);

/* `replay` NULL: the bank cannot be replayed, for this reason. */
enum bs_err eventlog_print_pcrs(uint16_t alg, const struct eventlog_replay *replay, const char *why,
                                struct bs_buf *out) BS_MUST_USE;

/* Members of an object, as in docs/json.md: "format" to "events", and "BANK", null where `replay` is NULL. */
void eventlog_json_log(struct bs_json *json, const struct eventlog *log);
void eventlog_json_pcrs(struct bs_json *json, uint16_t alg, const struct eventlog_replay *replay);
