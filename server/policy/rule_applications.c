/* What the firmware started, by Authenticode digest. Where it lay, the device path, is in no digest and decides nothing. */
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdio.h>

#define APPLICATION_PCR 4

static bool take_group(struct judge *judge, const struct policy_application *group)
{
    bool is_there = false;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, APPLICATION_PCR));) {
        if ((e->is_taken && e->taken_by != JUDGE_APPLICATIONS) ||
            !digest_list_has(&group->digests, judge->bank, e->digest))
            continue;
        judge_take(e, JUDGE_APPLICATIONS);
        is_there = true;
    }
    return is_there;
}

/* Releases first: what else was started is then one of the other groups' or nobody's. */
void rule_applications(struct judge *judge)
{
    const struct policy_application *groups = judge->policy->applications.items;
    rule_release(judge);
    for (size_t i = 0; i < judge->policy->applications.count; i++) {
        if (groups[i].release || take_group(judge, &groups[i]) || groups[i].is_optional)
            continue;
        struct policy_verdict *fault = judge_fault(judge, JUDGE_APPLICATIONS, "applications.[%zu]", i);
        if (!fault)
            continue;
        fault->has_pcr = true;
        fault->pcr = APPLICATION_PCR;
        JUDGE_SAY(fault->text, "the application %s of the policy was not started", groups[i].name);
        digest_list_text(&groups[i].digests, judge->bank, fault->expected, sizeof(fault->expected));
        JUDGE_SAY(
            fault->advice,
            "If it was updated on purpose, add the new digest to the group %s of applications and apply the policy (or optional = true "
            "where a good boot can do without it); else put the approved one back.",
            groups[i].name);
    }
}
