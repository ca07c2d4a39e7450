#include "server/limit.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define ROW_SECONDS 3600

bool limit_allows(struct limit *limit, unsigned a_second, int64_t now, unsigned *ret_missed)
{
    if (atomic_exchange(&limit->second, now) != now)
        atomic_store(&limit->count, 0);
    if (atomic_fetch_add(&limit->count, 1) >= a_second) {
        atomic_fetch_add(&limit->missed, 1);
        return false;
    }
    *ret_missed = atomic_exchange(&limit->missed, 0);
    return true;
}

void limit_rows_init(struct limit_rows *limit)
{
    *limit = (struct limit_rows){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

static bool rows_allow(struct limit_rows *limit, const char *reason, int64_t now, uint64_t *ret_missed)
{
    for (size_t i = 0; i < LIMIT_REASONS_MAX; i++) {
        if (limit->slots[i].reason && strcmp(limit->slots[i].reason, reason) != 0)
            continue;
        limit->slots[i].reason = reason;
        if (now < limit->slots[i].until) {
            limit->slots[i].missed++;
            return false;
        }
        *ret_missed = limit->slots[i].missed;
        limit->slots[i].missed = 0;
        limit->slots[i].until = now + ROW_SECONDS;
        return true;
    }
    return false;
}

bool limit_rows_allow(struct limit_rows *limit, const char *reason, int64_t now, uint64_t *ret_missed)
{
    pthread_mutex_lock(&limit->lock);
    bool allows = rows_allow(limit, reason, now, ret_missed);
    pthread_mutex_unlock(&limit->lock);
    return allows;
}

bool limit_memory_take(struct limit_memory *memory, uint64_t size, uint64_t most)
{
    uint64_t held = atomic_load(&memory->held);
    do {
        if (size > most || held > most - size)
            return false;
    } while (!atomic_compare_exchange_weak(&memory->held, &held, held + size));
    return true;
}

void limit_memory_give(struct limit_memory *memory, uint64_t size)
{
    uint64_t held = atomic_fetch_sub(&memory->held, size);
    assert(held >= size);
    (void)held;
}
