/* A limit for log lines that strangers can cause: so many in a second, and how many more there were. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limit {
    _Atomic int64_t second;
    atomic_uint count;
    atomic_uint missed;
};

/* False when there were too many in this second; *ret_missed: how many were left out before this one. */
bool limit_allows(struct limit *limit, unsigned a_second, int64_t now, unsigned *ret_missed);
