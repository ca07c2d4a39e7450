/* How two lists differ, when they are laid beside each other so that as much as possible is equal: a diff. */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/own.h"

#include <stdbool.h>

enum align_change { ALIGN_SAME, ALIGN_ADDED, ALIGN_REMOVED, ALIGN_CHANGED };

struct align_result {
    enum align_change change;
    size_t found;    /* index into the first list: added, changed; removed: where it is missing */
    size_t expected; /* index into the second list: removed, changed; added: what it stands before */
};

/* Elements are compared as bytes. */
struct align_lists {
    const struct bs_span *found;
    size_t found_count;
    const struct bs_span *expected;
    size_t expected_count;
    /* Whether two that differ are the same thing, changed; NULL: whatever stands in the other's place is. */
    bool (*is_like)(void *context, size_t found, size_t expected);
    void *context;
};

/*
 * All differences in the order of the lists, none of them ALIGN_SAME: the first `max` into ret_rows, their number into *ret_total. Lists that
 * differ over a longer stretch than is worth a table are compared position by position there. NOMEM alone can fail.
 */
enum bs_err align_all(const struct align_lists *lists, struct align_result *ret_rows, size_t max,
                      size_t *ret_total) BS_MUST_USE;
