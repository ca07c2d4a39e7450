/*
 * Parts of a unified kernel image, as systemd-stub measures them into PCR 11: the name of a section in ASCII with its zero, and next the
 * contents. Both by their digests; each name once, so that contents that look like a name bring nothing.
 */
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>

#define SECTION_PCR 11

struct place {
    const struct policy_section *section;
    size_t index;
};

static struct policy_verdict *refuse(struct judge *judge, const struct place *place, const char *text)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_SECTIONS, "sections.[%zu]", place->index);
    if (!fault)
        return NULL;
    fault->has_pcr = true;
    fault->pcr = SECTION_PCR;
    JUDGE_SAY(fault->text, "the section %s %s", place->section->name, text);
    digest_list_text(&place->section->digests, judge->bank, fault->expected, sizeof(fault->expected));
    return fault;
}

static void check_contents(struct judge *judge, const struct place *place, struct judge_event *name)
{
    struct judge_event *contents = judge_next(judge, name, SECTION_PCR);
    if (contents && !contents->is_taken && digest_list_has(&place->section->digests, judge->bank, contents->digest)) {
        judge_take(name, JUDGE_SECTIONS);
        judge_take(contents, JUDGE_SECTIONS);
        return;
    }
    struct policy_verdict *fault = refuse(judge, place, "of the kernel image has other contents");
    if (!fault)
        return;
    judge_name_event(judge, fault, contents ? contents : name);
    JUDGE_SAY(
        fault->advice,
        "If the image was updated on purpose, add this digest to the section's digests and apply the policy; else install the approved "
        "image again.");
}

static void check(struct judge *judge, const struct place *place)
{
    struct judge_event *name = NULL;
    struct policy_verdict *fault = NULL;
    uint8_t digest[CRYPTO_HASH_MAX];
    /* The zero behind the name is measured, too. */
    judge->err = crypto_hash(judge->bank, BS_SPAN(place->section->name, strlen(place->section->name) + 1), digest);
    if (judge->err != BS_OK)
        return;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, SECTION_PCR));) {
        if (e->is_taken || !bs_span_equal(e->digest, BS_SPAN(digest, judge->size)))
            continue;
        if (name && (fault = refuse(judge, place, "was measured twice"))) {
            judge_name_event(judge, fault, e);
            JUDGE_SAY(
                fault->advice,
                "No systemd-stub measures it so: find out what was started on the device before this boot is trusted.");
        }
        name = e;
    }
    if (name) {
        check_contents(judge, place, name);
    } else if (!place->section->is_optional && (fault = refuse(judge, place, "was not measured"))) {
        JUDGE_SAY(
            fault->advice,
            "If the image is meant to be without it, write optional = true in its group of sections; else install the "
            "approved image again.");
    }
}

void rule_sections(struct judge *judge)
{
    const struct policy_section *sections = judge->policy->sections.items;
    for (size_t i = 0; i < judge->policy->sections.count; i++)
        check(judge, &(struct place){ &sections[i], i });
}
