#include "unit.h"

#include "core/clock.h"

#include <limits.h>
#include <time.h>

/* Linked with --wrap=clock_gettime: the test sets the time. */
static int64_t wall_seconds = 2000000000, boot_ms = 5000;

int __wrap_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    if (id == CLOCK_REALTIME)
        *now = (struct timespec){ .tv_sec = wall_seconds };
    else
        *now = (struct timespec){ .tv_sec = boot_ms / 1000, .tv_nsec = boot_ms % 1000 * 1000000 };
    return 0;
}

static void the_floor_begins_at_the_time_of_the_build(void **state)
{
    (void)state;
    assert_true(bs_clock_floor() > 1600000000);
    wall_seconds = bs_clock_floor();
    assert_true(bs_clock_is_known());
}

static void a_clock_below_the_floor_is_unknown_and_reads_as_the_floor(void **state)
{
    (void)state;
    wall_seconds = 0;
    assert_false(bs_clock_is_known());
    assert_int_equal(bs_clock_now(), bs_clock_floor());
    wall_seconds = bs_clock_floor() - 1;
    assert_false(bs_clock_is_known());
    wall_seconds = bs_clock_floor() + 1;
    assert_true(bs_clock_is_known());
    assert_int_equal(bs_clock_now(), wall_seconds);
}

static void a_clock_far_beyond_the_floor_is_unknown_too(void **state)
{
    (void)state;
    wall_seconds = bs_clock_floor() + BS_CLOCK_REACH - 1;
    assert_true(bs_clock_is_known());
    assert_int_equal(bs_clock_now(), wall_seconds);
    wall_seconds = bs_clock_floor() + BS_CLOCK_REACH;
    assert_false(bs_clock_is_known());
    assert_int_equal(bs_clock_now(), bs_clock_floor());
    wall_seconds = INT64_MAX;
    assert_false(bs_clock_is_known());
}

static void the_floor_rises_and_never_falls(void **state)
{
    (void)state;
    int64_t before = bs_clock_floor();
    bs_clock_raise_floor(before - 100);
    assert_int_equal(bs_clock_floor(), before);
    bs_clock_raise_floor(before + 100);
    assert_int_equal(bs_clock_floor(), before + 100);
    wall_seconds = before + 99;
    assert_false(bs_clock_is_known());
}

static void a_deadline_passes_when_its_time_has_come(void **state)
{
    (void)state;
    boot_ms = 5000;
    struct bs_deadline deadline = bs_deadline_in(250);
    assert_int_equal(bs_deadline_left_ms(deadline), 250);
    boot_ms = 5249;
    assert_false(bs_deadline_passed(deadline));
    assert_int_equal(bs_deadline_left_ms(deadline), 1);
    boot_ms = 5250;
    assert_true(bs_deadline_passed(deadline));
    assert_int_equal(bs_deadline_left_ms(deadline), 0);
    boot_ms = 9000;
    assert_int_equal(bs_deadline_left_ms(deadline), 0);
}

static void forever_never_passes_and_fits_poll(void **state)
{
    (void)state;
    assert_false(bs_deadline_passed(BS_FOREVER));
    assert_int_equal(bs_deadline_left_ms(BS_FOREVER), INT_MAX);
    assert_int_equal(bs_deadline_in(INT64_MAX).at_ms, INT64_MAX);
    assert_true(bs_deadline_passed(bs_deadline_in(-1)));
    struct bs_deadline soon = bs_deadline_in(10);
    assert_int_equal(bs_deadline_earlier(soon, BS_FOREVER).at_ms, soon.at_ms);
    assert_int_equal(bs_deadline_earlier(BS_FOREVER, soon).at_ms, soon.at_ms);
}

static void jitter_is_from_zero_to_its_maximum(void **state)
{
    (void)state;
    unsigned seen = 0;
    assert_int_equal(bs_jitter_ms(0), 0);
    assert_int_equal(bs_jitter_ms(-5), 0);
    for (int i = 0; i < 1000; i++) {
        int64_t ms = bs_jitter_ms(3);
        assert_true(ms >= 0 && ms <= 3);
        seen |= 1u << ms;
    }
    assert_int_equal(seen, 15);
    assert_true(bs_jitter_ms(INT64_MAX) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_floor_begins_at_the_time_of_the_build),
        cmocka_unit_test(a_clock_below_the_floor_is_unknown_and_reads_as_the_floor),
        cmocka_unit_test(a_clock_far_beyond_the_floor_is_unknown_too),
        cmocka_unit_test(the_floor_rises_and_never_falls),
        cmocka_unit_test(a_deadline_passes_when_its_time_has_come),
        cmocka_unit_test(forever_never_passes_and_fits_poll),
        cmocka_unit_test(jitter_is_from_zero_to_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
