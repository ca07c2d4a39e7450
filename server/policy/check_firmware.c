/* What is wrong with `firmware`: builds and ranges that decide nothing, or that leave nothing good; and what may be. */
#include "server/policy/check.h"
#include "server/policy/firmware_range.h"
#include "server/policy/version.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether a build can be good that is not known: where its version is read from an event, and some `allow` says which ones are. */
static bool is_known_only(const struct policy_file *policy)
{
    return policy->allow.count == 0 || !(policy->events & CHECK_BIT(0));
}

static bool has_value(const struct conf_strings *list, const char *value)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->items[i], value) == 0)
            return true;
    return false;
}

/* Of two builds with one value the first is what runs, whatever version the other one says. */
static void check_builds(struct check *c)
{
    const struct policy_build *known = c->policy->known.items;
    char path[CHECK_PATH];
    for (size_t i = 0; i < c->policy->known.count; i++) {
        check_path(path, "firmware.known", i, "values");
        check_digests(c, path, &known[i].values);
        for (size_t k = 0; k < i; k++)
            for (size_t n = 0; n < known[i].values.count; n++)
                if (has_value(&known[k].values, known[i].values.items[n]))
                    CHECK_REFUSE(c, path, "can never match: an earlier build of firmware.known has the same PCR 0");
    }
}

static bool is_known_vendor(const struct policy_file *policy, const char *vendor)
{
    const struct policy_build *known = policy->known.items;
    for (size_t i = 0; i < policy->known.count; i++)
        if (known[i].vendor && strcmp(known[i].vendor, vendor) == 0)
            return true;
    return false;
}

static bool fits_known(const struct policy_file *policy, const struct policy_range *range, bool is_deny)
{
    const struct policy_build *known = policy->known.items;
    for (size_t i = 0; i < policy->known.count; i++)
        if (firmware_range_fits(range, known[i].vendor, known[i].version, is_deny))
            return true;
    return false;
}

static bool is_below(const char *a, const char *b)
{
    enum version_order order = version_compare(a, b);
    return order == VERSION_LESS || order == VERSION_EQUAL;
}

/* Every version within `inner` is within `outer`, whoever made it. */
static bool is_within(const struct policy_range *inner, const struct policy_range *outer)
{
    if (outer->minimum && (!inner->minimum || !is_below(outer->minimum, inner->minimum)))
        return false;
    return !outer->maximum || (inner->maximum && is_below(inner->maximum, outer->maximum));
}

static bool is_same_maker(const struct policy_range *inner, const struct policy_range *outer)
{
    return !outer->who || (inner->who && strcmp(inner->who, outer->who) == 0);
}

static void check_range(struct check *c, const char *path, const struct policy_range *range)
{
    if (!range->who && !range->minimum && !range->maximum)
        CHECK_REFUSE(c, path, "would fit everything; name a maker, minimum or maximum");
    if (!range->minimum || !range->maximum)
        return;
    enum version_order order = version_compare(range->minimum, range->maximum);
    if (order == VERSION_GREATER || order == VERSION_INCOMPARABLE)
        CHECK_REFUSE(c, path, "can never match: minimum is not below maximum, or the two cannot be compared");
}

static void check_allow(struct check *c, const struct policy_range *allow, size_t index)
{
    const struct policy_file *p = c->policy;
    const struct policy_range *deny = p->deny.items;
    char path[CHECK_PATH];
    check_range(c, check_path(path, "firmware.allow", index, ""), allow);
    if (allow->who && !is_known_vendor(p, allow->who))
        CHECK_REFUSE(c, check_path(path, "firmware.allow", index, "vendor"),
                     "can never match: no build of %s is in firmware.known, and only these have a vendor", allow->who);
    check_path(path, "firmware.allow", index, "");
    if (p->known.count > 0 && (allow->who || is_known_only(p)) && !fits_known(p, allow, false))
        CHECK_REFUSE(c, path, "can never match: no build of firmware.known is within it");
    for (size_t i = 0; i < p->deny.count; i++)
        if (is_same_maker(allow, &deny[i]) && is_within(allow, &deny[i]))
            CHECK_REFUSE(c, path, "can never match: firmware.deny refuses all of it");
}

static bool is_known_good(const struct policy_file *p)
{
    const struct policy_build *known = p->known.items;
    for (size_t i = 0; i < p->known.count; i++)
        if (!firmware_range_find(&p->deny, known[i].vendor, known[i].version, true) &&
            (p->allow.count == 0 || firmware_range_find(&p->allow, known[i].vendor, known[i].version, false)))
            return true;
    return false;
}

/* Of a version that was measured the maker is unknown: any that is denied may be its. */
static bool is_measured_good(const struct policy_file *p)
{
    const struct policy_range *allow = p->allow.items, *deny = p->deny.items;
    for (size_t i = 0; i < p->allow.count && !is_known_only(p); i++) {
        bool is_denied = allow[i].who != NULL;
        for (size_t k = 0; k < p->deny.count; k++)
            is_denied = is_denied || is_within(&allow[i], &deny[k]);
        if (!is_denied)
            return true;
    }
    return false;
}

void check_firmware(struct check *c)
{
    const struct policy_file *p = c->policy;
    const struct policy_range *allow = p->allow.items, *deny = p->deny.items;
    char path[CHECK_PATH];
    if (!policy_has_firmware(p))
        return;
    if (!((p->events | p->whole) & CHECK_BIT(0)))
        CHECK_REFUSE(c, "firmware", "can never match: PCR 0 is neither in pcrs.events nor in pcrs.whole");
    check_builds(c);
    for (size_t i = 0; i < p->deny.count; i++)
        check_range(c, check_path(path, "firmware.deny", i, ""), &deny[i]);
    for (size_t i = 0; i < p->allow.count; i++)
        check_allow(c, &allow[i], i);
    if (p->known.count + p->allow.count == 0)
        CHECK_REFUSE(c, "firmware.deny", "approves nothing by itself; add firmware.known or firmware.allow");
    if (p->known.count == 0 && !(p->events & CHECK_BIT(0)))
        CHECK_REFUSE(c, "firmware.allow",
                     "can never match: with PCR 0 in pcrs.whole only builds of firmware.known have a version");
    if (!is_known_good(p) && !is_measured_good(p))
        CHECK_REFUSE(c, "firmware", "approves nothing: no build is allowed and not denied");
}

/* Kept ahead of time it is no fault: the build that it is about may come into firmware.known later, or come back. */
void policy_note(const struct policy_file *policy, char ret_text[POLICY_NOTE_SIZE])
{
    const struct policy_range *deny = policy->deny.items;
    size_t idle = 0, first = 0;
    ret_text[0] = '\0';
    for (size_t i = policy->deny.count; i > 0 && is_known_only(policy); i--)
        if (!fits_known(policy, &deny[i - 1], true)) {
            idle++;
            first = i - 1;
        }
    if (idle > 0)
        snprintf(
            ret_text, POLICY_NOTE_SIZE,
            "firmware.deny: %zu of %zu ranges, first [%zu], fit no build of firmware.known, and no other build is good: they deny "
            "nothing before one is added. See whether vendor and versions are spelled as there.",
            idle, policy->deny.count, first);
}
