/* Whether a policy can ever be good where devices quote these PCRs, in this bank: what the policy alone does not say. */
#pragma once

#include "server/policy/policy_file.h"

struct policy_quoted {
    uint32_t mask;    /* of all PCRs that are quoted, the cap's too */
    uint32_t cap_pcr; /* which a policy need not name */
    uint16_t bank;
};

/* CONFIG with *problem, which names the key: a PCR of it is not quoted, it leaves one out that is, or a list has no digest of the bank. */
enum bs_err policy_check_quoted(const struct policy_file *policy, const struct policy_quoted *quoted,
                                struct conf_problem *problem) BS_MUST_USE;
