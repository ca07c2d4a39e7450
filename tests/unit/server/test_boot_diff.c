/* How two boots differ: alignment of made-up lists, and real boots of QEMU. */
#include "unit/unit.h"

#include "fakes/softtpm.h"
#include "server/policy/boot_diff.h"
#include "unit/logmaker.h"
#include "unit/server/snapshot.h"

#define ALL UINT32_C(0xFFFFFF)

/* Lists of one-letter events; two letters are the same thing when only their case differs. */
struct letters {
    const char *found;
    const char *expected;
};

static bool is_same_letter(void *context, size_t found, size_t expected)
{
    const struct letters *letters = context;
    return (letters->found[found] | 0x20) == (letters->expected[expected] | 0x20);
}

/* "+X" added, "-X" removed, "~Xx" changed. */
static void assert_rows(const char *found, const char *expected, const char *rows)
{
    struct bs_span a[64], b[64];
    struct align_result result[64];
    struct letters letters = { found, expected };
    char text[256] = "";
    size_t total;
    for (size_t i = 0; found[i]; i++)
        a[i] = BS_SPAN(found + i, 1);
    for (size_t i = 0; expected[i]; i++)
        b[i] = BS_SPAN(expected + i, 1);
    struct align_lists lists = { a, strlen(found), b, strlen(expected), is_same_letter, &letters };
    assert_ok(align_all(&lists, result, COUNT(result), &total));
    for (size_t i = 0; i < total; i++) {
        char row[8];
        bool has_found = result[i].change != ALIGN_REMOVED, has_expected = result[i].change != ALIGN_ADDED;
        snprintf(row, sizeof(row), "%s%.*s%.*s",
                 !has_expected ? "+"
                 : !has_found  ? "-"
                               : "~",
                 has_found, found + result[i].found, has_expected, expected + result[i].expected);
        strcat(text, row);
    }
    if (strcmp(text, rows) != 0)
        fail_msg("%s against %s: %s, not %s", found, expected, text, rows);
}

static void every_difference_is_found_by_alignment(void **state)
{
    (void)state;
    assert_rows("", "", "");
    assert_rows("abc", "abc", "");
    assert_rows("aXbYc", "abc", "+X+Y");
    assert_rows("abc", "aXbYc", "-X-Y");
    assert_rows("XabcY", "abc", "+X+Y");
    assert_rows("", "ab", "-a-b");
    assert_rows("ab", "", "+a+b");
    assert_rows("aBc", "abc", "~Bb");
    assert_rows("abcZd", "aXbcd", "-X+Z");
}

static void what_is_the_same_thing_is_changed_and_all_else_came_or_went(void **state)
{
    (void)state;
    assert_rows("aXBc", "abc", "+X~Bb");
    assert_rows("aBXc", "abc", "~Bb+X");
    assert_rows("aBc", "aXbc", "-X~Bb");
    assert_rows("aXc", "aYc", "+X-Y");
    assert_rows("aBQc", "aqbc", "-q~Bb+Q");
}

static void what_it_was_changed_into_is_not_looked_for_far_away(void **state)
{
    (void)state;
    assert_rows("A", "bcda", "-b-c-d~Aa");
    assert_rows("A", "bcdefghijklmnopqrstuvwxyz0123456789a",
                "+A-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s-t-u-v-w-x-y-z-0-1-2-3-4-5-6-7-8-9-a");
}

static void rows_without_room_are_counted(void **state)
{
    (void)state;
    struct bs_span a[3] = { BS_SPAN("x", 1), BS_SPAN("y", 1), BS_SPAN("z", 1) };
    struct align_lists lists = { .found = a, .found_count = 3 };
    struct align_result rows[2] = { { .found = 9 }, { .found = 9 } };
    size_t total;
    assert_ok(align_all(&lists, rows, 1, &total));
    assert_int_equal(total, 3);
    assert_int_equal(rows[0].change, ALIGN_ADDED);
    assert_int_equal(rows[1].found, 9);
}

static void lists_too_long_for_a_table_are_compared_by_position(void **state)
{
    (void)state;
    static struct bs_span a[2000], b[1990];
    static struct align_result rows[4000];
    size_t total;
    for (size_t i = 0; i < COUNT(a); i++)
        a[i] = BS_SPAN(i % 2 ? "x" : "y", 1);
    for (size_t i = 0; i < COUNT(b); i++)
        b[i] = BS_SPAN(i % 2 ? "x" : "z", 1);
    b[0] = a[1];
    b[1989] = a[0];
    struct align_lists lists = { .found = a, .found_count = COUNT(a), .expected = b, .expected_count = COUNT(b) };
    assert_ok(align_all(&lists, rows, COUNT(rows), &total));
    assert_int_equal(rows[0].change, ALIGN_CHANGED);
    assert_int_equal(total, 995 + 1 + 10);
    assert_int_equal(rows[total - 1].change, ALIGN_ADDED);
}

/* Boots */

struct pair {
    struct evidence_file found;
    struct evidence_file expected;
    struct boot_diff diff;
};

static void compare_examples(const char *name, uint32_t mask, struct pair *ret_pair)
{
    read_example(name, &ret_pair->found);
    read_example("approved", &ret_pair->expected);
    struct policy_boot found = boot_of_example(&ret_pair->found), expected = boot_of_example(&ret_pair->expected);
    assert_ok(boot_diff(&found, &expected, mask, &ret_pair->diff));
}

static void pair_free(struct pair *pair)
{
    boot_diff_free(&pair->diff);
    evidence_file_free(&pair->found);
    evidence_file_free(&pair->expected);
}

static void assert_row(const struct boot_diff *diff, size_t at, enum align_change change, uint32_t pcr,
                       const char *words)
{
    assert_true(at < diff->count);
    const struct boot_diff_row *row = &diff->rows[at];
    const struct boot_diff_event *event = change == ALIGN_REMOVED ? &row->expected : &row->found;
    assert_int_equal(row->change, change);
    assert_int_equal(row->pcr, pcr);
    assert_int_equal(row->found.is_there, change != ALIGN_REMOVED);
    assert_int_equal(row->expected.is_there, change != ALIGN_ADDED);
    assert_string_not_equal(row->found.digest, row->expected.digest);
    if (!strstr(event->words, words))
        fail_msg("\"%s\" does not say \"%s\"", event->words, words);
}

static void a_boot_does_not_differ_from_itself(void **state)
{
    (void)state;
    struct pair pair;
    compare_examples("approved", ALL, &pair);
    assert_int_equal(pair.diff.total, 0);
    assert_string_equal(pair.diff.command_line, "");
    pair_free(&pair);
}

static void one_program_more_is_one_event_more(void **state)
{
    (void)state;
    struct pair pair;
    compare_examples("extra-application", 1u << 4, &pair);
    assert_int_equal(pair.diff.total, 1);
    assert_row(&pair.diff, 0, ALIGN_ADDED, 4, "BOOTX64.EFI");
    pair_free(&pair);
}

static void a_changed_variable_is_named_with_its_signers(void **state)
{
    (void)state;
    struct pair pair;
    compare_examples("own-key", ALL, &pair);
    assert_row(&pair.diff, 0, ALIGN_CHANGED, 7, "CN=Key of somebody else");
    assert_non_null(strstr(pair.diff.rows[0].expected.words, "CN=Gateway image signing"));
    assert_null(strstr(pair.diff.rows[0].expected.words, "CN=Key of somebody else"));
    pair_free(&pair);
}

static void words_of_the_command_lines_are_compared(void **state)
{
    (void)state;
    struct pair pair;
    compare_examples("command-line", ALL, &pair);
    assert_string_equal(pair.diff.command_line, "with init=/bin/sh");
    pair_free(&pair);
}

static void only_the_pcrs_that_are_asked_for_are_compared(void **state)
{
    (void)state;
    struct pair pair;
    compare_examples("other-disk", ALL & ~(1u << 5), &pair);
    assert_int_equal(pair.diff.total, 0);
    pair_free(&pair);
    compare_examples("other-disk", ALL, &pair);
    assert_int_equal(pair.diff.total, 1);
    assert_row(&pair.diff, 0, ALIGN_CHANGED, 5, "99999999-8888-4777-8666-555555555555");
    pair_free(&pair);
}

static void without_a_log_the_values_are_told(void **state)
{
    (void)state;
    struct pair pair;
    read_example("older-firmware", &pair.found);
    read_example("approved", &pair.expected);
    struct policy_boot found = boot_of_example(&pair.found), expected = boot_of_example(&pair.expected);
    found.firmware_log = BS_SPAN("no log", 6);
    assert_ok(boot_diff(&found, &expected, ALL, &pair.diff));
    assert_int_equal(pair.diff.total, 1);
    assert_int_equal(pair.diff.rows[0].pcr, 0);
    assert_false(pair.diff.rows[0].found.is_there);
    assert_memory_equal(pair.diff.rows[0].found.digest, "sha256:", 7);
    assert_int_equal(strlen(pair.diff.rows[0].found.digest), 7 + 64);
    boot_diff_free(&pair.diff);
    found.mask &= ~1u;
    assert_ok(boot_diff(&found, &expected, ALL, &pair.diff));
    assert_string_equal(pair.diff.rows[0].found.digest, "not quoted");
    boot_diff_free(&pair.diff);
    found.bank = CRYPTO_SHA384;
    assert_ok(boot_diff(&found, &expected, ALL, &pair.diff));
    assert_int_equal(pair.diff.total, 0);
    pair_free(&pair);
}

#define RECORD(digest, text)                                                                                         \
    "\x1e{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"" digest "\"}],\"content_type\":\"systemd\"," \
    "\"content\":{\"string\":\"" text "\",\"eventType\":\"phase\"}}\n"
#define ONE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TWO "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void events_of_the_userspace_log_are_compared(void **state)
{
    (void)state;
    struct pair pair;
    read_example("approved", &pair.found);
    read_example("approved", &pair.expected);
    struct policy_boot found = boot_of_example(&pair.found), expected = boot_of_example(&pair.expected);
    found.userspace_log = bs_span_of_string(RECORD(ONE, "enter-initrd") RECORD(TWO, "leave-initrd"));
    expected.userspace_log = bs_span_of_string(RECORD(ONE, "enter-initrd"));
    pair.found.boot.pcrs[11][0] ^= 1;
    assert_ok(boot_diff(&found, &expected, ALL, &pair.diff));
    assert_int_equal(pair.diff.total, 1);
    assert_row(&pair.diff, 0, ALIGN_ADDED, 11, "leave-initrd");
    assert_true(pair.diff.rows[0].found.is_userspace);
    assert_int_equal(pair.diff.rows[0].found.index, 1);
    assert_string_equal(pair.diff.rows[0].found.digest, "sha256:" TWO);
    pair_free(&pair);
}

/* The digest of a sentence that the data do not hold. */
static void data_that_were_not_measured_are_told_so(void **state)
{
    (void)state;
    static uint8_t pcrs[2][24][CRYPTO_HASH_MAX] = { { { 1 } }, { { 2 } } };
    struct bs_buf logs[2] = { BS_BUF(LOGMAKER_MAX), BS_BUF(LOGMAKER_MAX) };
    struct policy_boot boots[2];
    struct boot_diff diff;
    for (size_t i = 0; i < 2; i++) {
        put_sha256_header(&logs[i]);
        if (i == 0)
            put_event(&logs[i], 0, EVENTLOG_EFI_ACTION, 0x11, BS_SPAN("all is well", 11));
        else
            put_measured(&logs[i], 0, EVENTLOG_EFI_ACTION, BS_SPAN("all is well", 11));
        boots[i] = (struct policy_boot){
            .bank = CRYPTO_SHA256, .mask = 1, .pcrs = pcrs[i], .firmware_log = bs_buf_span(&logs[i])
        };
    }
    assert_ok(boot_diff(&boots[0], &boots[1], ALL, &diff));
    assert_row(&diff, 0, ALIGN_CHANGED, 0, "; not what was measured");
    assert_null(strstr(diff.rows[0].expected.words, "not what was measured"));
    boot_diff_free(&diff);
    bs_buf_free(&logs[0]);
    bs_buf_free(&logs[1]);
}

/* Two boots of which each has hundreds of events that the other has not. */
static void a_diff_is_bounded(void **state)
{
    (void)state;
    static uint8_t pcrs[2][24][CRYPTO_HASH_MAX] = { { { 1 } }, { { 2 } } };
    struct bs_buf logs[2] = { BS_BUF(LOGMAKER_MAX), BS_BUF(LOGMAKER_MAX) };
    struct policy_boot boots[2];
    struct boot_diff diff;
    for (size_t i = 0; i < 2; i++) {
        put_sha256_header(&logs[i]);
        for (unsigned n = 0; n < 700; n++) {
            uint8_t data[3] = { (uint8_t)i, (uint8_t)n, (uint8_t)(n >> 8) };
            put_measured(&logs[i], 0, EVENTLOG_ACTION, BS_SPAN(data, 3));
        }
        boots[i] = (struct policy_boot){
            .bank = CRYPTO_SHA256, .mask = 1, .pcrs = pcrs[i], .firmware_log = bs_buf_span(&logs[i])
        };
    }
    assert_ok(boot_diff(&boots[0], &boots[1], ALL, &diff));
    assert_int_equal(diff.count, BOOT_DIFF_PCR_ROWS_MAX);
    assert_int_equal(diff.total, 700);
    boot_diff_free(&diff);
    bs_buf_free(&logs[0]);
    bs_buf_free(&logs[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_difference_is_found_by_alignment),
        cmocka_unit_test(what_is_the_same_thing_is_changed_and_all_else_came_or_went),
        cmocka_unit_test(what_it_was_changed_into_is_not_looked_for_far_away),
        cmocka_unit_test(rows_without_room_are_counted),
        cmocka_unit_test(lists_too_long_for_a_table_are_compared_by_position),
        cmocka_unit_test(a_boot_does_not_differ_from_itself),
        cmocka_unit_test(one_program_more_is_one_event_more),
        cmocka_unit_test(a_changed_variable_is_named_with_its_signers),
        cmocka_unit_test(words_of_the_command_lines_are_compared),
        cmocka_unit_test(only_the_pcrs_that_are_asked_for_are_compared),
        cmocka_unit_test(without_a_log_the_values_are_told),
        cmocka_unit_test(events_of_the_userspace_log_are_compared),
        cmocka_unit_test(data_that_were_not_measured_are_told_so),
        cmocka_unit_test(a_diff_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
