/*
 * What is shown of an event besides its line: the digest, such as admits an image, and what the variables of Secure Boot hold. Claims, all
 * of it, where the event's mark does not say otherwise.
 */
#pragma once

#include "core/eventlog.h"
#include "core/json.h"

/* A line with the digest, of SHA-256 where there is one: for events whose words do not prove what was measured. */
enum bs_err eventlog_detail_digest(const struct eventlog_event *event, struct bs_buf *out) BS_MUST_USE;

/* Lines below the event's; most events have none. */
enum bs_err eventlog_detail(const struct eventlog_event *event, struct bs_buf *out) BS_MUST_USE;

/* "variable":{...} in the event's object, as in docs/json.md; nothing for other events. */
void eventlog_detail_json(const struct eventlog_event *event, struct bs_json *json);
