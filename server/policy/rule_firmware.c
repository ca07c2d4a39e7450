/* The firmware's version: that of a known build, or the text that the firmware itself measured as its version. */
#include "core/text.h"
#include "server/policy/digest_list.h"
#include "server/policy/firmware_range.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>

#define FIRMWARE_PCR 0
#define VERSION_SIZE 128

struct build {
    const char *vendor; /* NULL: not known */
    char version[VERSION_SIZE];
    const struct judge_event *event; /* that said it; NULL: the value of PCR 0 did */
};

static bool is_known(const struct judge *judge, struct build *ret_build)
{
    const struct policy_build *known = judge->policy->known.items;
    struct bs_span value = BS_SPAN(judge->subject->boot.pcrs[FIRMWARE_PCR], judge->size);
    for (size_t i = 0; i < judge->policy->known.count; i++) {
        if (!digest_list_has(&known[i].values, judge->bank, value))
            continue;
        *ret_build = (struct build){ .vendor = known[i].vendor };
        JUDGE_SAY(ret_build->version, "%s", known[i].version);
        return true;
    }
    return false;
}

/* The whole of it, in UTF-16 or UTF-8, with or without a zero at its end; false when it is no text, or a long one. */
static bool read_version(struct bs_span data, char ret_text[VERSION_SIZE])
{
    bool is_wide = data.size >= 2 && data.size % 2 == 0 && data.data[1] == 0;
    struct bs_reader r = BS_READER(data);
    uint32_t character;
    bool is_valid;
    size_t used = 0;
    while (is_wide ? bs_utf16_take(&r, &character, &is_valid) : bs_utf8_take(&r, &character, &is_valid)) {
        uint8_t bytes[4];
        if (character == 0 && r.left == 0)
            break;
        if (!is_valid || character == 0 || bs_is_control(character))
            return false;
        size_t count = bs_utf8_encode(character, bytes);
        if (used + count >= VERSION_SIZE)
            return false;
        memcpy(ret_text + used, bytes, count);
        used += count;
    }
    ret_text[used] = '\0';
    return used > 0;
}

/*
 * The one event of that type. The type is the device's word, so another measured text could be shown as the version; but then the true
 * version's event is left over, and some rule would have to name its digest.
 */
static bool find_version(struct judge *judge, struct build *ret_build)
{
    struct judge_event *found = NULL;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, FIRMWARE_PCR));) {
        if (e->event.type != EVENTLOG_CRTM_VERSION || !e->is_before)
            continue;
        if (found)
            return false;
        found = e;
    }
    if (!found || !found->is_of_data || !read_version(found->event.data, ret_build->version))
        return false;
    ret_build->vendor = NULL;
    ret_build->event = found;
    return true;
}

struct refusal_text {
    const char *path;
    const char *text;
    const char *advice;
};

static struct policy_verdict *refuse(struct judge *judge, const struct build *build, const struct refusal_text *why)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_FIRMWARE, "%s", why->path);
    if (!fault)
        return NULL;
    fault->has_pcr = true;
    fault->pcr = FIRMWARE_PCR;
    if (build && build->event)
        judge_name_event(judge, fault, build->event);
    JUDGE_SAY(fault->text, "%s", why->text);
    JUDGE_SAY(fault->advice, "%s", why->advice);
    if (build)
        JUDGE_SAY(fault->found, "%s%sversion %s", build->vendor ? build->vendor : "", build->vendor ? ", " : "",
                  build->version);
    else
        digest_text(judge->bank, BS_SPAN(judge->subject->boot.pcrs[FIRMWARE_PCR], judge->size), fault->found,
                    sizeof(fault->found));
    return fault;
}

static void decide(struct judge *judge, const struct build *build)
{
    static const struct refusal_text denied = {
        "firmware.deny", "the firmware is one that the policy denies",
        "Update the firmware of the device to a version that firmware.deny does not name."
    };
    static const struct refusal_text other = {
        "firmware.allow", "the firmware's version is out of what the policy allows",
        "Update the firmware of the device, or, if this version is to be good, widen firmware.allow and apply the policy."
    };
    const struct policy_file *policy = judge->policy;
    const struct policy_range *range = firmware_range_find(&policy->deny, build->vendor, build->version, true);
    struct policy_verdict *fault;
    if (range) {
        if ((fault = refuse(judge, build, &denied)))
            JUDGE_SAY(fault->expected, "none of the denied ones");
    } else if (policy->allow.count > 0 && !firmware_range_find(&policy->allow, build->vendor, build->version, false)) {
        if ((fault = refuse(judge, build, &other)))
            judge_say_ranges(&policy->allow, "", "version", fault->expected, sizeof(fault->expected));
    }
}

void rule_firmware(struct judge *judge)
{
    static const struct refusal_text unknown = {
        "firmware", "the firmware is no known build, and it measured no version that can be read",
        "If this firmware is to be good, add it to firmware.known with its PCR 0 and apply the policy; else flash an approved build."
    };
    struct build build = { .vendor = NULL };
    struct policy_verdict *fault;
    if (!policy_has_firmware(judge->policy))
        return;
    if (is_known(judge, &build)) {
        /* The value is that of all events together. */
        for (struct judge_event *e = NULL; (e = judge_next(judge, e, FIRMWARE_PCR));)
            judge_take(e, JUDGE_FIRMWARE);
        decide(judge, &build);
    } else if (judge->policy->allow.count > 0 && find_version(judge, &build)) {
        judge_take((struct judge_event *)(uintptr_t)build.event, JUDGE_FIRMWARE);
        decide(judge, &build);
    } else if ((fault = refuse(judge, NULL, &unknown))) {
        JUDGE_SAY(fault->expected,
                  judge->policy->known.count > 0 ? "PCR 0 of a build in firmware.known" : "a measured version");
    }
}
