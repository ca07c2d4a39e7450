/* Limits for what strangers can cause: lines in the log, rows in the audit log, memory. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Log lines: so many in a second, and how many more there were. */
struct limit {
    _Atomic int64_t second;
    atomic_uint count;
    atomic_uint missed;
};

/* Rows in the audit log that strangers can cause: one an hour for each reason. Reasons are static texts. */
#define LIMIT_REASONS_MAX 64
struct limit_rows {
    pthread_mutex_t lock;
    struct {
        const char *reason;
        int64_t until;
        uint64_t missed;
    } slots[LIMIT_REASONS_MAX];
};

void limit_rows_init(struct limit_rows *limit);

/* False when there was one for this reason within the hour; *ret_missed: how many were left out since it. */
bool limit_rows_allow(struct limit_rows *limit, const char *reason, int64_t now, uint64_t *ret_missed);

/* False when there were too many in this second; *ret_missed: how many were left out before this one. */
bool limit_allows(struct limit *limit, unsigned a_second, int64_t now, unsigned *ret_missed);

/* Bytes that are held for those who have proven nothing yet, all together. */
struct limit_memory {
    _Atomic uint64_t held;
};

/* False, and nothing taken, when there would be more than `most`. What was taken has to be given back. */
bool limit_memory_take(struct limit_memory *memory, uint64_t size, uint64_t most);
void limit_memory_give(struct limit_memory *memory, uint64_t size);

/* What one connection takes of it: counted with all others, and with those from its address. */
struct limit_purse {
    struct limit_memory *all;
    struct limit_memory *address; /* NULL: not counted */
    uint64_t most;
    uint64_t most_address;
    uint64_t held;
};

/* False, and nothing taken, when either would have too much. Of an empty purse. */
bool limit_purse_take(struct limit_purse *purse, uint64_t size);
/* Gives back what it holds, which may be nothing. */
void limit_purse_give(struct limit_purse *purse);
