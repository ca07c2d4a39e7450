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

static void say_missing(struct judge *judge, size_t index)
{
    const struct policy_application *group =
        (const struct policy_application *)judge->policy->applications.items + index;
    struct policy_verdict *fault = judge_fault(judge, JUDGE_APPLICATIONS, "applications.[%zu]", index);
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = APPLICATION_PCR;
    JUDGE_SAY(fault->text, "the application %s of the policy was not started", group->name);
    digest_list_text(&group->digests, judge->bank, fault->expected, sizeof(fault->expected));
    JUDGE_SAY(
        fault->advice,
        "If it was updated on purpose, add the new digest to the group %s of applications and apply the policy (or optional = true "
        "where a good boot can do without it); else put the approved one back.",
        group->name);
}

/* What a policy demands, at one place of its order: a group, or the release that fits. */
struct place {
    const char *name;
    const struct judge_event *first; /* of its events in PCR 4; NULL: it has none there */
};

static const struct judge_event *find_first(struct judge *judge, const struct conf_strings *digests)
{
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, APPLICATION_PCR));)
        if (e->is_taken && e->taken_by == JUDGE_APPLICATIONS && digest_list_has(digests, judge->bank, e->digest))
            return e;
    return NULL;
}

static bool is_named_before_releases(const struct judge *judge, struct bs_span digest)
{
    const struct policy_application *groups = judge->policy->applications.items;
    for (size_t i = 0; i < judge->policy->applications.count && !groups[i].release; i++)
        if (digest_list_has(&groups[i].digests, judge->bank, digest))
            return true;
    return false;
}

/* A reference of a whole boot has the boot loaders, too: where the policy names them before it, its place is that of what it adds to them. */
static const struct judge_event *find_release(struct judge *judge)
{
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, APPLICATION_PCR));)
        if (e->is_taken && e->taken_by == JUDGE_APPLICATIONS && !is_named_before_releases(judge, e->digest))
            return e;
    return NULL;
}

static void say_early(struct judge *judge, size_t index, const struct place *early, const struct place *place)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_APPLICATIONS, "applications.[%zu]", index);
    if (!fault)
        return;
    judge_name_event(judge, fault, early->first);
    JUDGE_SAY(fault->text, "%s was started before %s, and the policy names it behind", early->name, place->name);
    judge_describe(judge->bank, &place->first->event, fault->expected, sizeof(fault->expected));
    JUDGE_SAY(
        fault->advice,
        "Groups of applications stand in the order in which a good boot starts them: put %s before %s if this boot is one; else "
        "look at what the firmware is told to start first.",
        early->name, place->name);
}

/*
 * Whatever runs can extend PCR 4 by what it left out, but only behind what was started before. So the order says who could pass on what: a
 * kernel that is started in the place of the boot loader that a policy demands before it does not become good by measuring that one later.
 */
static void check_order(struct judge *judge, const struct judge_event *release)
{
    const struct policy_application *groups = judge->policy->applications.items;
    struct place last = { NULL, NULL };
    for (size_t i = 0; i < judge->policy->applications.count; i++) {
        const struct place place = { groups[i].release ? "the release" : groups[i].name,
                                     groups[i].release ? release : find_first(judge, &groups[i].digests) };
        if (groups[i].is_optional || !place.first)
            continue;
        if (last.first && place.first < last.first) {
            say_early(judge, i, &place, &last);
            return;
        }
        last = place;
        if (groups[i].release)
            release = NULL; /* of alternatives the first one's place is that of all */
    }
}

/* Releases first: what else was started is then one of the other groups' or nobody's. */
void rule_applications(struct judge *judge)
{
    const struct policy_application *groups = judge->policy->applications.items;
    rule_release(judge);
    const struct judge_event *release = find_release(judge); /* as long as nobody else took any */
    for (size_t i = 0; i < judge->policy->applications.count; i++)
        if (!groups[i].release && !take_group(judge, &groups[i]) && !groups[i].is_optional)
            say_missing(judge, i);
    check_order(judge, release);
}
