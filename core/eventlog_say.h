/*
 * Words for what is in an event, shared by the plain description and what stands before it. A description is collected in a buffer of
 * EVENTLOG_DESCRIPTION_MAX; running out of room ends it quietly with what fits.
 */
#pragma once

#include "core/eventlog.h"
#include "core/eventlog_decode.h"
#include "core/text.h"

#define say(out, ...) ((void)!bs_buf_printf(out, __VA_ARGS__))

/* bs_utf8_take or bs_utf16_take. */
typedef bool say_take(struct bs_reader *r, uint32_t *ret_character, bool *ret_valid);

/* The text up to a zero, cut after 200 characters, with ? for what is none or moves a cursor. */
void say_text(struct bs_buf *out, struct bs_span text, say_take *take);

/* All of it, up to a terminator, is printable, and it is not empty. */
bool say_is_text(struct bs_span data, say_take *take);

/* Text in quotes, else the first bytes and the size. */
void say_data(struct bs_buf *out, struct bs_span data);

/* "variable NAME", with the vendor's GUID where it is none of those whose names everybody knows. */
void say_variable_name(struct bs_buf *out, const struct eventlog_variable *variable);

/* What any event is by its type alone, and its data as text or bytes. */
void say_plain(struct bs_buf *out, const struct eventlog_event *event);

/* The nodes of a device path that a person recognizes, each behind a space. */
void say_path(struct bs_buf *out, struct bs_span path);

/* Words for events that few machines have, for core/eventlog_more.h. False, and nothing said: it has none. */
bool say_other(struct bs_buf *out, const struct eventlog_event *event);
