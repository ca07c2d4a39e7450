#include "core/clock.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

#ifndef BOOTSEAL_BUILD_EPOCH
#error "define BOOTSEAL_BUILD_EPOCH, seconds since 1970 of this build's sources (core/CMakeLists.txt does)"
#endif

/* Atomic, because the server's loops share it. */
static _Atomic int64_t clock_floor = BOOTSEAL_BUILD_EPOCH;

void bs_clock_raise_floor(int64_t seconds)
{
    int64_t now = atomic_load(&clock_floor);
    while (seconds > now && !atomic_compare_exchange_weak(&clock_floor, &now, seconds))
        ;
}

int64_t bs_clock_floor(void)
{
    return atomic_load(&clock_floor);
}

static int64_t system_seconds(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return 0;
    return now.tv_sec;
}

/*
 * What comes long after the floor is no better than what comes before it: an RTC that lost its battery may read 2070 as well
 * as 1970 (EDK2 makes the one of the other), and whoever can set it to either gains the same.
 */
static bool is_credible(int64_t seconds, int64_t floor)
{
    return seconds >= floor && seconds - floor < BS_CLOCK_REACH;
}

int64_t bs_clock_now(void)
{
    int64_t now = system_seconds();
    int64_t floor = bs_clock_floor();
    return is_credible(now, floor) ? now : floor;
}

bool bs_clock_is_known(void)
{
    return is_credible(system_seconds(), bs_clock_floor());
}

int64_t bs_clock_monotonic_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct bs_deadline bs_deadline_in(int64_t ms)
{
    int64_t now = bs_clock_monotonic_ms();
    if (ms < 0)
        ms = 0;
    return ms > INT64_MAX - now ? BS_FOREVER : (struct bs_deadline){ now + ms };
}

struct bs_deadline bs_deadline_earlier(struct bs_deadline a, struct bs_deadline b)
{
    return a.at_ms < b.at_ms ? a : b;
}

int bs_deadline_left_ms(struct bs_deadline deadline)
{
    int64_t now = bs_clock_monotonic_ms();
    if (deadline.at_ms <= now)
        return 0;
    int64_t left = deadline.at_ms - now;
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool bs_deadline_passed(struct bs_deadline deadline)
{
    return deadline.at_ms != INT64_MAX && deadline.at_ms <= bs_clock_monotonic_ms();
}

int64_t bs_jitter_ms(int64_t max_ms)
{
    if (max_ms <= 0)
        return 0;

    /* Early in a boot the pool may not be ready, and to wait for it would be for nothing: jitter is no secret. */
    uint64_t random;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        random = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u >> 16;
    }
    return (int64_t)(random % ((uint64_t)max_ms + 1));
}
