/* Events by their digests alone: `measured`, and `initrd`, which is one of PCR 9 with a name. */
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdio.h>

#define INITRD_PCR 9

struct wanted {
    enum judge_rule rule;
    uint32_t pcr;
    const struct conf_strings *digests;
};

/* An initrd is of the firmware's log; anything else may be of userspace's. */
static struct judge_event *next(struct judge *judge, struct judge_event *previous, const struct wanted *wanted)
{
    return wanted->rule == JUDGE_INITRD ? judge_next(judge, previous, wanted->pcr)
                                        : judge_next_any(judge, previous, wanted->pcr);
}

/* Takes what is there; also true for an event that an earlier group of this rule took. */
static bool take_all(struct judge *judge, const struct wanted *wanted)
{
    bool is_there = false;
    for (struct judge_event *e = NULL; (e = next(judge, e, wanted));) {
        if ((e->is_taken && e->taken_by != wanted->rule) || !digest_list_has(wanted->digests, judge->bank, e->digest))
            continue;
        judge_take(e, wanted->rule);
        is_there = true;
    }
    return is_there;
}

void rule_initrd(struct judge *judge)
{
    const struct conf_strings *digests = &judge->policy->initrd;
    struct wanted wanted = { JUDGE_INITRD, INITRD_PCR, digests };
    if (digests->count == 0 || take_all(judge, &wanted))
        return;
    struct policy_verdict *fault = judge_fault(judge, JUDGE_INITRD, "initrd");
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = INITRD_PCR;
    JUDGE_SAY(fault->text, "the boot had none of the initrds that the policy names");
    digest_list_text(digests, judge->bank, fault->expected, sizeof(fault->expected));
    JUDGE_SAY(
        fault->advice,
        "If the initrd was rebuilt on purpose, add its digest to initrd and apply the policy; else put the approved "
        "one back.");
}

void rule_measured(struct judge *judge)
{
    const struct policy_measured *groups = judge->policy->measured.items;
    for (size_t i = 0; i < judge->policy->measured.count; i++) {
        struct wanted wanted = { JUDGE_MEASURED, (uint32_t)groups[i].pcr, &groups[i].digests };
        if (take_all(judge, &wanted) || groups[i].is_optional)
            continue;
        struct policy_verdict *fault = judge_fault(judge, JUDGE_MEASURED, "measured.[%zu]", i);
        if (!fault)
            continue;
        fault->has_pcr = true;
        fault->pcr = wanted.pcr;
        JUDGE_SAY(fault->text, "an event that the policy demands is missing%s%s", groups[i].note ? ": " : "",
                  groups[i].note ? groups[i].note : "");
        digest_list_text(wanted.digests, judge->bank, fault->expected, sizeof(fault->expected));
        JUDGE_SAY(
            fault->advice,
            "If what is there instead is good, add its digest to this group of measured and apply the policy (or write optional = true "
            "where a good boot can do without it); else look at what changed on the device.");
    }
}
