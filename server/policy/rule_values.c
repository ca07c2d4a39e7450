/* PCRs that are taken whole: their value is given, or that of a reference. */
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>

struct comparison {
    const struct judge *judge;
    unsigned pcr;
    bool is_equal;
};

static enum bs_err compare(void *context, const struct policy_reference *reference)
{
    struct comparison *c = context;
    const struct policy_boot *a = &c->judge->subject->boot, *b = &reference->boot;
    c->is_equal = a->bank == b->bank && (b->mask & JUDGE_BIT(c->pcr)) &&
                  memcmp(a->pcrs[c->pcr], b->pcrs[c->pcr], c->judge->size) == 0;
    return BS_OK;
}

static bool is_reference(struct judge *judge, unsigned pcr, const char *name)
{
    struct comparison comparison = { judge, pcr, false };
    enum bs_err err = judge->references->find(judge->references->context, name, compare, &comparison);
    if (err != BS_OK && err != BS_ERR_NOT_FOUND)
        judge->err = err;
    return err == BS_OK && comparison.is_equal;
}

/* The builds of the firmware rule are values of PCR 0, too; whether they are allowed, that rule says. */
static bool is_known_build(const struct judge *judge, struct bs_span value)
{
    const struct policy_build *known = judge->policy->known.items;
    for (size_t i = 0; i < judge->policy->known.count; i++)
        if (digest_list_has(&known[i].values, judge->bank, value))
            return true;
    return false;
}

static void expect(const struct judge *judge, unsigned pcr, struct policy_verdict *fault)
{
    const struct policy_value *values = judge->policy->values.items;
    for (size_t i = 0; i < judge->policy->values.count; i++) {
        if (values[i].pcr != (int64_t)pcr)
            continue;
        if (values[i].reference)
            JUDGE_SAY(fault->expected, "the value of reference %s", values[i].reference);
        else
            digest_list_text(&values[i].digests, judge->bank, fault->expected, sizeof(fault->expected));
        return;
    }
    JUDGE_SAY(fault->expected, "PCR 0 of a build in firmware.known");
}

static void check(struct judge *judge, unsigned pcr)
{
    const struct policy_value *values = judge->policy->values.items;
    struct bs_span value = BS_SPAN(judge->subject->boot.pcrs[pcr], judge->size);
    for (size_t i = 0; i < judge->policy->values.count; i++)
        if (values[i].pcr == (int64_t)pcr &&
            (values[i].reference ? is_reference(judge, pcr, values[i].reference)
                                 : digest_list_has(&values[i].digests, judge->bank, value)))
            return;
    if (pcr == 0 && is_known_build(judge, value))
        return;
    struct policy_verdict *fault = judge_fault(judge, JUDGE_VALUES, "values");
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = pcr;
    JUDGE_SAY(fault->text, "the PCR, taken whole, has a value that the policy does not name");
    digest_text(judge->bank, value, fault->found, sizeof(fault->found));
    expect(judge, pcr, fault);
    JUDGE_SAY(
        fault->advice,
        "If the change was made on purpose (an update of the firmware, another card), add the value to values or put "
        "PCR %u into pcrs.events; else look at the device.",
        pcr);
}

void rule_values(struct judge *judge)
{
    for (unsigned pcr = 0; pcr < POLICY_PCRS; pcr++)
        if (judge->policy->whole & JUDGE_BIT(pcr))
            check(judge, pcr);
}
