/*
 * Wall clock with a floor, deadlines, jitter.
 *
 * A clock below the floor (the build's time, or the last time that the server told and the vault sealed), or more than
 * BS_CLOCK_REACH after it, counts as unknown: bs_clock_now() is then the floor, and notBefore of certificates is not checked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Twenty years: no build is used for longer without hearing from its server. */
#define BS_CLOCK_REACH (INT64_C(20) * 366 * 86400)

/* Raises the floor (seconds since 1970); never lowers it. It begins at the time of the build. */
void bs_clock_raise_floor(int64_t seconds);
int64_t bs_clock_floor(void);

/* Seconds since 1970, at least the floor. */
int64_t bs_clock_now(void);

/* False when the system's clock is below the floor or far beyond it. */
bool bs_clock_is_known(void);

/* Milliseconds of CLOCK_BOOTTIME (it goes on while suspended). */
int64_t bs_clock_monotonic_ms(void);

/* A point in time on the monotonic clock; BS_FOREVER never passes. */
struct bs_deadline {
    int64_t at_ms;
};

#define BS_FOREVER ((struct bs_deadline){ INT64_MAX })

struct bs_deadline bs_deadline_in(int64_t ms);
struct bs_deadline bs_deadline_earlier(struct bs_deadline a, struct bs_deadline b);

/* Milliseconds left, 0 when it has passed; at most INT_MAX, so that it fits poll(2). */
int bs_deadline_left_ms(struct bs_deadline deadline);
bool bs_deadline_passed(struct bs_deadline deadline);

/* Full jitter: a random number from 0 to `max_ms`, from getrandom(2). */
int64_t bs_jitter_ms(int64_t max_ms);
