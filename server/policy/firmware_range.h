/* Whether a build of firmware is within a range of a policy's `firmware.allow` or `firmware.deny`. */
#pragma once

#include "server/policy/policy_file.h"

/*
 * For an `allow` what cannot be compared is outside, for a `deny` inside; so is a build of an unknown vendor (NULL) where the range names
 * one.
 */
bool firmware_range_fits(const struct policy_range *range, const char *vendor, const char *version, bool is_deny);

/* The first of the list that fits; NULL when none does. */
const struct policy_range *firmware_range_find(const struct conf_list *ranges, const char *vendor, const char *version,
                                               bool is_deny);
