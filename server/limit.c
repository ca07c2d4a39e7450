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

bool limit_purse_take(struct limit_purse *purse, uint64_t size)
{
    assert(purse->held == 0);
    if (purse->address && !limit_memory_take(purse->address, size, purse->most_address))
        return false;
    if (!limit_memory_take(purse->all, size, purse->most)) {
        if (purse->address)
            limit_memory_give(purse->address, size);
        return false;
    }
    purse->held = size;
    return true;
}

void limit_purse_give(struct limit_purse *purse)
{
    if (purse->held == 0)
        return;
    limit_memory_give(purse->all, purse->held);
    if (purse->address)
        limit_memory_give(purse->address, purse->held);
    purse->held = 0;
}
