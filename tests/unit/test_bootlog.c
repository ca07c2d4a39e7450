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

static void assert_marked(const char *hash, const char *mark)
{
    struct bootlog log;
    char text[400], sha256[65], why[BOOTLOG_WHY_MAX];
    uint8_t digest[CRYPTO_HASH_MAX];
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("enter-initrd"), digest));
    bs_hex(BS_SPAN(digest, 32), sha256);
    snprintf(
        text, sizeof(text),
        "{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"},{\"hashAlg\":\"%s\",\"digest\":\"%064d\"}],"
        "\"content\":{\"eventType\":\"other\",\"string\":\"enter-initrd\"}}",
        sha256, hash, 0);
    assert_ok(bootlog_open(bs_span_of_string(text), NULL, &log, why));
    assert_ok(bootlog_show(&log, &out));
    assert_ok(bs_buf_append(&out, "", 1));
    if (!strstr((const char *)out.data, mark))
        fail_msg("%s: %s", hash, (const char *)out.data);
}

static void a_digest_that_is_not_computed_is_not_compared(void **state)
{
    (void)state;
    assert_marked("sm3_256", "= \"enter-initrd\"");
    assert_marked("sha3_256", "! \"enter-initrd\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_behind_a_log_is_no_part_of_it),
        cmocka_unit_test(what_stands_behind_the_room_is_not_lost),
        cmocka_unit_test(the_last_event_keeps_its_zeros),
        cmocka_unit_test(room_alone_is_an_empty_log),
        cmocka_unit_test(a_digest_that_is_not_computed_is_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
