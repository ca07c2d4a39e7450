/*
 * Writes the policy that approves what one boot measured: a list of rules with comments, for a person to review and to loosen. Each event
 * becomes a demand. What the rules do not hold is the order of events, and how often one came: where that matters, take the PCR whole.
 */
#pragma once

#include "server/policy/policy_judge.h"

/*
 * Appends the text of a policy `name`. It was parsed and judged before it is returned: it approves this boot. INPUT when there is no such
 * policy, with a sentence in `why`: the log does not lead to the values, or there are too many events for a file.
 */
enum bs_err policy_learn(const char *name, const struct policy_subject *subject, struct bs_buf *out,
                         char why[POLICY_WORDS_SIZE]) BS_MUST_USE;
