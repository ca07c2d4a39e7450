/* Variables of the firmware by their digests: each once, and before the separator of its PCR. */
#include "core/eventlog_decode.h"
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>

#define FIRMWARE_PCRS 8

/* The name in ASCII is that of the variable, in UTF-16. */
static bool is_name(struct bs_span wide, const char *name)
{
    if (wide.size != 2 * strlen(name))
        return false;
    for (size_t i = 0; i < wide.size; i += 2)
        if (wide.data[i] != (uint8_t)name[i / 2] || wide.data[i + 1] != 0)
            return false;
    return true;
}

/*
 * Measured data that say this name: as a whole, or (EV_EFI_VARIABLE_BOOT of older firmware) the contents alone, where the name is a claim.
 * Behind the separator it is no variable, but an entry of one that admitted an image.
 */
static bool claims(const struct judge *judge, const struct judge_event *event, const char *name)
{
    struct eventlog_variable variable;
    return (event->is_before || event->event.pcr >= FIRMWARE_PCRS) &&
           eventlog_decode_variable(event->event.data, &variable) == BS_OK && is_name(variable.name, name) &&
           (event->is_of_data || judge_is_digest_of(judge, event->digest, variable.data));
}

struct place {
    const struct policy_variable *variable;
    size_t index;
    const struct judge_event *event;
};

static void refuse(struct judge *judge, const struct place *place, const char *text, const char *advice)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_VARIABLES, "variables.[%zu]", place->index);
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = (uint32_t)place->variable->pcr;
    if (place->event)
        judge_name_event(judge, fault, place->event);
    JUDGE_SAY(fault->text, "the variable %s %s", place->variable->name, text);
    digest_list_text(&place->variable->digests, judge->bank, fault->expected, sizeof(fault->expected));
    JUDGE_SAY(fault->advice, "%s", advice);
}

static void check(struct judge *judge, const struct policy_variable *variable, size_t index)
{
    static const char *const look =
        "No firmware measures it so: find out what was started on the device before this boot is trusted.";
    struct place place = { variable, index, NULL };
    size_t count = 0;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, (uint32_t)variable->pcr));) {
        bool is_good = digest_list_has(&variable->digests, judge->bank, e->digest);
        if (e->is_taken || (!is_good && !claims(judge, e, variable->name)))
            continue;
        place.event = e;
        if (count++ > 0)
            refuse(judge, &place, "was measured twice", look);
        else if (is_good && variable->pcr < FIRMWARE_PCRS && !e->is_before)
            refuse(judge, &place, "was measured behind the firmware's own part", look);
        else if (!is_good)
            refuse(
                judge, &place, "has another value",
                "If it was changed on purpose (firmware setup, an update of dbx), add this digest to the variable's digests and apply "
                "the policy; else set it back in the firmware setup.");
        else
            judge_take(e, JUDGE_VARIABLES);
    }
    place.event = NULL;
    if (count == 0 && !variable->is_optional)
        refuse(
            judge, &place, "was not measured",
            "If the boot is good without it, write optional = true in its group of variables; else look at the firmware setup.");
}

void rule_variables(struct judge *judge)
{
    const struct policy_variable *variables = judge->policy->variables.items;
    for (size_t i = 0; i < judge->policy->variables.count; i++)
        check(judge, &variables[i], i);
}
