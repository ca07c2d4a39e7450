/*
 * A policy as a list of lines, one for each thing that it demands or allows: "applications: shim: sha256:01ab...". Two policies that say
 * the same have the same lines, whatever the layout of their files; what they say otherwise is a difference of lines.
 */
#pragma once

#include "server/policy/policy_file.h"

/* A name of 1023 bytes stands in the line of each digest of its group: 64 KiB of a file are 1.3 MB of lines. */
#define POLICY_LINES_MAX (2 * 1024 * 1024)

/* Appends the lines, each with its newline. */
enum bs_err policy_lines(const struct policy_file *policy, struct bs_buf *out) BS_MUST_USE;

/*
 * Calls `row` for each line that is only in one of the two: those that went away first, then those that came. A line that stands in a
 * text twice counts twice.
 */
typedef enum bs_err (*policy_lines_fn)(void *context, bool is_added, struct bs_span line);
enum bs_err policy_lines_compare(struct bs_span before, struct bs_span after, policy_lines_fn row,
                                 void *context) BS_MUST_USE;
