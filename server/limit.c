#include "server/limit.h"

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
