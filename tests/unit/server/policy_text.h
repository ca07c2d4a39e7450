/* A text that must be a policy; else the test fails with what is said against it. */
#pragma once

#include "unit/unit.h"

#include "server/policy/policy_file.h"

static inline void policy_must_parse(struct bs_span text, struct policy_file *ret_policy)
{
    struct conf_problem problem = { "" };
    if (policy_parse(text, ret_policy, &problem) != BS_OK)
        fail_msg("%s\n%.*s", problem.text, (int)text.size, (const char *)text.data);
}

/* The same of rules by themselves, in a policy that need not say what may be started. */
static inline void rules_must_parse(struct bs_span text, struct policy_file *ret_policy)
{
    struct conf_problem problem = { "" };
    if (policy_parse_rules(text, ret_policy, &problem) != BS_OK)
        fail_msg("%s\n%.*s", problem.text, (int)text.size, (const char *)text.data);
}
