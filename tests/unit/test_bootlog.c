/* Files that hold a log: what stands in them besides. */
#include "unit.h"

#include "core/bootlog.h"
#include "logmaker.h"

static void put_log(struct bs_buf *file)
{
    put_sha256_header(file);
    put_measured(file, 0, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
}

static void fill_up(struct bs_buf *file, const char *byte, size_t size)
{
    static uint8_t block[65536];
    memset(block, (uint8_t)*byte, sizeof(block));
    while (file->size < size)
        assert_ok(bs_buf_append(file, block, size - file->size < sizeof(block) ? size - file->size : sizeof(block)));
}

static void room_behind_a_log_is_no_part_of_it(void **state)
{
    (void)state;
    static const char *const paddings[] = { "\0", "\xff" };
    for (size_t i = 0; i < COUNT(paddings); i++) {
        struct bootlog log;
        char why[BOOTLOG_WHY_MAX];
        BS_SCOPED_BUF struct bs_buf file = BS_BUF(2 * LOGMAKER_MAX);
        put_log(&file);
        size_t size = file.size;
        fill_up(&file, paddings[i], 2 * EVENTLOG_SIZE_MAX + 1);
        assert_ok(bootlog_open(bs_buf_span(&file), NULL, &log, why));
        assert_int_equal(log.firmware.event_count, 2);
        assert_int_equal(log.firmware.bytes.size, size);
        /* Where a device sends it, it is too large. */
        assert_err(eventlog_open(bs_buf_span(&file), &log.firmware, NULL), BS_ERR_INPUT);
    }
}

static void what_stands_behind_the_room_is_not_lost(void **state)
{
    (void)state;
    struct bootlog log;
    char why[BOOTLOG_WHY_MAX];
    BS_SCOPED_BUF struct bs_buf file = BS_BUF(2 * LOGMAKER_MAX);
    put_log(&file);
    fill_up(&file, "\0", EVENTLOG_SIZE_MAX);
    fill_up(&file, "\1", EVENTLOG_SIZE_MAX + 1);
    fill_up(&file, "\0", 2 * EVENTLOG_SIZE_MAX);
    assert_err(bootlog_open(bs_buf_span(&file), NULL, &log, why), BS_ERR_INPUT);
    assert_string_equal(why, "the log is larger than 1 MiB");

    bs_buf_reset(&file);
    put_log(&file);
    fill_up(&file, "\0", EVENTLOG_SIZE_MAX - 1);
    fill_up(&file, "\1", EVENTLOG_SIZE_MAX);
    fill_up(&file, "\0", 2 * EVENTLOG_SIZE_MAX);
    assert_err(bootlog_open(bs_buf_span(&file), NULL, &log, why), BS_ERR_INPUT);
    assert_non_null(strstr(why, " at byte "));
}

/* An event's own zeros are no padding, as long as there is no more than a log may be. */
static void the_last_event_keeps_its_zeros(void **state)
{
    (void)state;
    struct bootlog log;
    char why[BOOTLOG_WHY_MAX];
    BS_SCOPED_BUF struct bs_buf file = BS_BUF(2 * LOGMAKER_MAX), zeros = BS_BUF(EVENTLOG_SIZE_MAX);
    put_log(&file);
    fill_up(&zeros, "\0", EVENTLOG_SIZE_MAX / 2);
    put_measured(&file, 1, EVENTLOG_ACTION, bs_buf_span(&zeros));
    size_t size = file.size;
    fill_up(&file, "\xff", 2 * EVENTLOG_SIZE_MAX);
    assert_ok(bootlog_open(bs_buf_span(&file), NULL, &log, why));
    assert_int_equal(log.firmware.event_count, 3);
    assert_int_equal(log.firmware.bytes.size, size);
}

static void room_alone_is_an_empty_log(void **state)
{
    (void)state;
    struct bootlog log;
    char why[BOOTLOG_WHY_MAX];
    BS_SCOPED_BUF struct bs_buf file = BS_BUF(2 * LOGMAKER_MAX);
    fill_up(&file, "\xff", 2 * EVENTLOG_SIZE_MAX);
    assert_err(bootlog_open(bs_buf_span(&file), NULL, &log, why), BS_ERR_INPUT);
    assert_string_equal(why, "the log is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_behind_a_log_is_no_part_of_it),
        cmocka_unit_test(what_stands_behind_the_room_is_not_lost),
        cmocka_unit_test(the_last_event_keeps_its_zeros),
        cmocka_unit_test(room_alone_is_an_empty_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
