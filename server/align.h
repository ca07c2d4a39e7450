/* Where two lists first differ, when they are laid beside each other so that as much as possible is equal. */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/own.h"

enum align_change { ALIGN_SAME, ALIGN_ADDED, ALIGN_REMOVED, ALIGN_CHANGED };

struct align_result {
    enum align_change change;
    size_t found;    /* index into the first list: added, changed; removed: where it is missing */
    size_t expected; /* index into the second list: removed, changed */
};

/* Elements are compared as bytes. NOMEM alone can fail. */
enum bs_err align_first(const struct bs_span *found, size_t found_count, const struct bs_span *expected,
                        size_t expected_count, struct align_result *ret_result) BS_MUST_USE;
