/* The firmware's events that CEL-JSON repeats (CEL 1.0 §5.3, "pcclient_std"). */
#pragma once

#include "core/userlog.h"

/*
 * With the event's data in *data, which the event points into. False: the record repeats none, of a type that is not known, or with data
 * that are not hexadecimal.
 */
bool userlog_firmware_event(const struct userlog_record *record, struct bs_buf *data, struct eventlog_event *ret_event);

/* Type by its name, "EV_SEPARATOR", "ev_separator", "EV_EFI-ACTION", or its number, "4"; 0xffffffff: unknown. */
uint32_t userlog_event_type(struct bs_span name);
