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

/* Rows in the audit log that strangers can cause: one an hour for each reason. Reasons are static texts. */
#define LIMIT_REASONS_MAX 64
struct limit_rows {
    struct {
        const char *reason;
        int64_t until;
        uint64_t missed;
    } slots[LIMIT_REASONS_MAX];
};

/* False when there was one for this reason within the hour; *ret_missed: how many were left out since it. */
bool limit_rows_allow(struct limit_rows *limit, const char *reason, int64_t now, uint64_t *ret_missed);

/* False when there were too many in this second; *ret_missed: how many were left out before this one. */
bool limit_allows(struct limit *limit, unsigned a_second, int64_t now, unsigned *ret_missed);
