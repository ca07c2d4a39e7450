/* Dates of a chain, by a clock that is right and by one that says 1970. */
#include "chain_maker.h"

#include "core/clock.h"

#include <time.h>

#define DAY 86400

/* Seconds as GeneralizedTime, in memory that the whole test program keeps. */
static const char *time_text(int64_t seconds)
{
    static char texts[16][24];
    static unsigned next;
    char *text = texts[next++ % 16];
    time_t time = (time_t)seconds;
    struct tm tm;
    assert_non_null(gmtime_r(&time, &tm));
    assert_int_equal(strftime(text, 24, "%Y%m%d%H%M%SZ", &tm), 15);
    return text;
}

static void a_known_clock_decides_by_both_dates(void **state)
{
    (void)state;
    for (int where = 0; where < 3; where++) {
        struct maker makers[] = { good_leaf(), good_middle(), good_root() };
        makers[where].not_before = time_text(YEAR_2033 + 1);
        assert_err(verify_made(&makers[0], &makers[1], &makers[2]), BS_ERR_UNTRUSTED);
        makers[where].not_before = time_text(YEAR_2033);
        makers[where].not_after = time_text(YEAR_2033);
        assert_ok(verify_made(&makers[0], &makers[1], &makers[2]));
        makers[where].not_after = time_text(YEAR_2033 - 1);
        assert_err(verify_made(&makers[0], &makers[1], &makers[2]), BS_ERR_UNTRUSTED);
    }
}

static void at_1970_a_certificate_younger_than_the_floor_is_accepted(void **state)
{
    (void)state;
    wall_seconds = 0;
    for (int where = 0; where < 3; where++) {
        struct maker makers[] = { good_leaf(), good_middle(), good_root() };
        makers[where].not_before = time_text(bs_clock_floor() + 30 * DAY);
        makers[where].not_after = time_text(bs_clock_floor() + 90 * DAY);
        assert_ok(verify_made(&makers[0], &makers[1], &makers[2]));
    }
}

static void at_1970_a_certificate_that_expired_before_the_floor_is_refused(void **state)
{
    (void)state;
    wall_seconds = 0;
    for (int where = 0; where < 3; where++) {
        struct maker makers[] = { good_leaf(), good_middle(), good_root() };
        makers[where].not_after = time_text(bs_clock_floor() - 1);
        assert_err(verify_made(&makers[0], &makers[1], &makers[2]), BS_ERR_UNTRUSTED);
        makers[where].not_after = time_text(bs_clock_floor());
        assert_ok(verify_made(&makers[0], &makers[1], &makers[2]));
    }
}

static void at_1970_everything_else_is_checked_as_ever(void **state)
{
    (void)state;
    wall_seconds = 0;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    leaf.not_before = time_text(bs_clock_floor() + DAY);
    leaf.issuer_key = root_key;
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf.issuer_key = middle_key;
    leaf.extensions[2].value = "300a06082b06010505070302";
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    assert_every_bit_counts();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_TEST(a_known_clock_decides_by_both_dates),
        CHAIN_TEST(at_1970_a_certificate_younger_than_the_floor_is_accepted),
        CHAIN_TEST(at_1970_a_certificate_that_expired_before_the_floor_is_refused),
        CHAIN_TEST(at_1970_everything_else_is_checked_as_ever),
    };
    return CHAIN_RUN(tests);
}
