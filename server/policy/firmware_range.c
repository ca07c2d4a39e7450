#include "server/policy/firmware_range.h"

#include "server/policy/version.h"

#include <string.h>

bool firmware_range_fits(const struct policy_range *range, const char *vendor, const char *version, bool is_deny)
{
    if (range->who && (vendor ? strcmp(range->who, vendor) != 0 : !is_deny))
        return false;
    if (range->minimum) {
        enum version_order order = version_compare(version, range->minimum);
        if (order == VERSION_LESS || (order == VERSION_INCOMPARABLE && !is_deny))
            return false;
    }
    if (range->maximum) {
        enum version_order order = version_compare(version, range->maximum);
        if (order == VERSION_GREATER || (order == VERSION_INCOMPARABLE && !is_deny))
            return false;
    }
    return true;
}

const struct policy_range *firmware_range_find(const struct conf_list *ranges, const char *vendor, const char *version,
                                               bool is_deny)
{
    const struct policy_range *items = ranges->items;
    for (size_t i = 0; i < ranges->count; i++)
        if (firmware_range_fits(&items[i], vendor, version, is_deny))
            return &items[i];
    return NULL;
}
