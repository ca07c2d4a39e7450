/* The userspace's log: systemd's records, alone and as CEL-JSON, what they extend, and what is refused. */
#include "unit.h"

#include "core/userlog.h"

static void hash_text(uint16_t alg, const char *text, char *ret_hex)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    assert_ok(crypto_hash(alg, bs_span_of_string(text), digest));
    bs_hex(BS_SPAN(digest, crypto_hash_size(alg)), ret_hex);
}

/* A record as systemd writes it, digest of `measured`, with `string` as JSON. */
static void put_record(struct bs_buf *log, unsigned pcr, const char *measured, const char *string, const char *type)
{
    char hex[2 * CRYPTO_HASH_MAX + 1];
    hash_text(CRYPTO_SHA256, measured, hex);
    assert_ok(bs_buf_printf(log,
                            "\x1e{\"pcr\":%u,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],\"content_type\":"
                            "\"systemd\",\"content\":{\"string\":\"%s\",\"bootId\":\"0b\",\"timestamp\":17,"
                            "\"eventType\":\"%s\"}}\n",
                            pcr, hex, string, type));
}

static void assert_fault(const char *text, size_t size, enum userlog_fault_kind kind, const char *what)
{
    struct userlog log;
    struct userlog_fault fault = { .what = "none" };
    assert_err(userlog_open(BS_SPAN(text, size), &log, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, what);
    assert_int_equal(fault.kind, kind);
    assert_err(userlog_open(BS_SPAN(text, size), &log, NULL), BS_ERR_INPUT);
}

static void records_come_in_order_with_their_parts(void **state)
{
    (void)state;
    struct userlog log;
    struct userlog_record record;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(10000);
    put_record(&text, 11, "enter-initrd", "enter-initrd", "phase");
    put_record(&text, 15, "file-system:/:a\\x3ab\xc3\xa9", "file-system:/:a\\\\x3ab\\u00e9", "filesystem");
    assert_ok(userlog_open(bs_buf_span(&text), &log, NULL));
    assert_int_equal(log.record_count, 2);

    struct userlog_cursor c = userlog_first(&log);
    assert_true(userlog_next(&c, &record));
    assert_int_equal(record.index, 0);
    assert_true(record.has_pcr);
    assert_int_equal(record.pcr, 11);
    assert_int_equal(record.digest_count, 1);
    assert_int_equal(userlog_digest(&record, CRYPTO_SHA256).size, 32);
    assert_int_equal(userlog_digest(&record, CRYPTO_SHA384).size, 0);
    assert_span_text(record.content_type, "systemd");
    assert_span_text(record.type, "phase");
    assert_span_text(userlog_text(&record), "enter-initrd");
    assert_true(userlog_next(&c, &record));
    assert_int_equal(record.index, 1);
    assert_int_equal(record.pcr, 15);
    assert_span_text(userlog_text(&record), "file-system:/:a\\x3ab\xc3\xa9");
    assert_int_equal(userlog_measured(&record, CRYPTO_SHA256), EVENTLOG_DATA_MEASURED);
    assert_false(userlog_next(&c, &record));
    assert_false(userlog_next(&c, &record));
}

static void a_text_that_is_not_what_was_measured_is_told_from_one_that_never_is(void **state)
{
    (void)state;
    struct userlog log;
    struct userlog_record record;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(10000);
    put_record(&text, 11, "enter-initrd", "enter-initrd", "phase");
    put_record(&text, 11, "leave-initrd", "enter-initrd", "phase");
    put_record(&text, 15, "a secret", "cryptsetup:root:0b", "volume-key");
    assert_ok(userlog_open(bs_buf_span(&text), &log, NULL));
    struct userlog_cursor c = userlog_first(&log);
    assert_true(userlog_next(&c, &record));
    assert_int_equal(userlog_measured(&record, CRYPTO_SHA256), EVENTLOG_DATA_MEASURED);
    assert_int_equal(userlog_measured(&record, CRYPTO_SHA384), EVENTLOG_DATA_NOT_MEASURED);
    assert_true(userlog_next(&c, &record));
    assert_int_equal(userlog_measured(&record, CRYPTO_SHA256), EVENTLOG_DATA_WRONG);
    assert_true(userlog_next(&c, &record));
    assert_int_equal(userlog_measured(&record, CRYPTO_SHA256), EVENTLOG_DATA_NOT_MEASURED);
}

static void a_replay_goes_on_where_the_firmware_ended(void **state)
{
    (void)state;
    uint8_t expected[32], digest[32], joined[64];
    struct userlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(10000);
    put_record(&text, 11, "enter-initrd", "enter-initrd", "phase");
    assert_ok(userlog_open(bs_buf_span(&text), &log, NULL));
    assert_ok(eventlog_replay_begin(CRYPTO_SHA256, 0, &replay));
    memset(replay.values[11], 7, 32);
    replay.mask = 1;
    assert_ok(userlog_replay(&log, &replay));
    assert_int_equal(replay.mask, 1 | 1 << 11);
    memset(joined, 7, 32);
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("enter-initrd"), digest));
    memcpy(joined + 32, digest, 32);
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(joined, 64), expected));
    assert_memory_equal(replay.values[11], expected, 32);

    assert_ok(eventlog_replay_begin(CRYPTO_SHA384, 0, &replay));
    assert_err(userlog_replay(&log, &replay), BS_ERR_INPUT);
}

static void what_extended_no_pcr_is_left_out_of_a_replay(void **state)
{
    (void)state;
    struct userlog log;
    struct userlog_record record;
    struct eventlog_replay replay;
    const struct bs_span text = bs_span_of_string("{\"nv_index\":30474242,\"digests\":[]}");
    assert_ok(userlog_open(text, &log, NULL));
    struct userlog_cursor c = userlog_first(&log);
    assert_true(userlog_next(&c, &record));
    assert_false(record.has_pcr);
    assert_ok(eventlog_replay_begin(CRYPTO_SHA256, 0, &replay));
    assert_ok(userlog_replay(&log, &replay));
    assert_int_equal(replay.mask, 0);
}

#define RECORD "{\"digests\":[],\"pcr\":3}"

static void the_forms_of_the_file_are_all_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t records;
    } files[] = {
        { "", 0 },
        { "\n", 0 },
        { "\x1e" RECORD "\n\x1e" RECORD "\n", 2 },
        { RECORD "\n" RECORD, 2 },
        { RECORD RECORD " \x1e\x1e " RECORD, 3 },
        { "[]", 0 },
        { " [ ] \n", 0 },
        { "[{\"recnum\":0,\"pcr\":1,\"digests\":[],\"content_type\":\"pcclient_std\",\"content\":{\"event_type\":1}}]",
          1 },
        { "[" RECORD ",\n" RECORD "\n]\n", 2 },
        { "{\"pcr\":3,\"digests\":[{\"hashAlg\":\"a_hash_with_a_name_that_is_longer_than_any_that_is_known_here\","
          "\"digest\":\"00\"}]}",
          1 },
        { "{\"pcr\":3,\"digests\":[{\"hashAlg\":\"whirlpool\",\"digest\":\"00\"}],\"content\":\"text\"}", 1 },
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        struct userlog log;
        struct userlog_record record;
        struct userlog_fault fault = { .what = "" };
        size_t count = 0;
        if (userlog_open(bs_span_of_string(files[i].text), &log, &fault) != BS_OK)
            fail_msg("%s: %s", files[i].text, fault.what);
        for (struct userlog_cursor c = userlog_first(&log); userlog_next(&c, &record); count++)
            assert_int_equal(record.digest_count, 0);
        assert_int_equal(count, files[i].records);
    }
}

#define SHA1_ABCD "{\"hashAlg\":\"sha1\",\"digest\":\"ABCDABCDABCDABCDABCDABCDABCDABCDABCDABCD\"}"

static void what_is_no_userspace_log_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
        enum userlog_fault_kind kind;
    } wrong[] = {
        { "hello", "this is no event log of the userspace: it is not JSON", USERLOG_FAULT_NO_LOG },
        { "{}", "the record does not say what it extended, and with which digests", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1}", "the record does not say what it extended, and with which digests", USERLOG_FAULT_MALFORMED },
        { "{\"digests\":[]}", "the record does not say what it extended, and with which digests",
          USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"nv_index\":2,\"digests\":[]}", "the record extended two things", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"pcr\":2,\"digests\":[]}", "the record says something twice", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"digests\":[],\"digests\":[]}", "the record says something twice", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":24,\"digests\":[]}", "the record names a PCR that does not exist", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":-1,\"digests\":[]}", "the record names a PCR that does not exist", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":\"1\",\"digests\":[]}", "the record names a PCR that does not exist", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\"}]}", "a digest of the record is not whole",
          USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"digests\":[{\"digest\":\"00\"}]}", "a digest of the record is not whole",
          USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"00\"}]}",
          "a digest of the record has not the size of its hash", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"ABCDABCDABCDABCDABCDABCDABCDABCDABCDABCx\"}]}",
          "a digest of the record has not the size of its hash", USERLOG_FAULT_MALFORMED },
        { "{\"pcr\":1,\"digests\":[" SHA1_ABCD "," SHA1_ABCD "]}", "the record has two digests of one hash",
          USERLOG_FAULT_MALFORMED },
        { RECORD "x", "the record is no JSON object", USERLOG_FAULT_MALFORMED },
        { RECORD "," RECORD, "the record is no JSON object", USERLOG_FAULT_MALFORMED },
        { "\x1e{\"pcr\":1,\"digests\":[]", "the record is no JSON object", USERLOG_FAULT_MALFORMED },
        { "[" RECORD, "the log ends within its array", USERLOG_FAULT_MALFORMED },
        { "[" RECORD RECORD "]", "the log ends within its array", USERLOG_FAULT_MALFORMED },
        { "[" RECORD ",]", "the record is no JSON object", USERLOG_FAULT_MALFORMED },
        { "[" RECORD "]x", "something follows the log's array", USERLOG_FAULT_MALFORMED },
        { "[", "the record is no JSON object", USERLOG_FAULT_MALFORMED },
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_fault(wrong[i].text, strlen(wrong[i].text), wrong[i].kind, wrong[i].what);
    assert_fault(RECORD "\0", sizeof(RECORD), USERLOG_FAULT_MALFORMED, "the record is no JSON object");
}

static void size_and_number_are_bounded(void **state)
{
    (void)state;
    struct userlog log;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000);
    for (size_t i = 0; i < USERLOG_RECORDS_MAX; i++)
        assert_ok(bs_buf_append_string(&text, RECORD "\n"));
    assert_ok(userlog_open(bs_buf_span(&text), &log, NULL));
    assert_int_equal(log.record_count, USERLOG_RECORDS_MAX);
    assert_ok(bs_buf_append_string(&text, RECORD "\n"));
    assert_fault((char *)text.data, text.size, USERLOG_FAULT_TOO_LARGE, "the log has too many records");

    bs_buf_reset(&text);
    assert_ok(bs_buf_append_string(&text, "[" RECORD));
    for (size_t i = 0; i < USERLOG_RECORDS_MAX; i++)
        assert_ok(bs_buf_append_string(&text, "," RECORD));
    assert_ok(bs_buf_append_string(&text, "]"));
    assert_fault((char *)text.data, text.size, USERLOG_FAULT_TOO_LARGE, "the log has too many records");

    bs_buf_reset(&text);
    assert_ok(bs_buf_append_string(&text, "{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\""));
    for (size_t i = 0; i < 1000; i++)
        assert_ok(bs_buf_append_string(&text, "ab"));
    assert_ok(bs_buf_append_string(&text, "\"}]}"));
    assert_fault((char *)text.data, text.size, USERLOG_FAULT_MALFORMED,
                 "a digest of the record has not the size of its hash");

    bs_buf_reset(&text);
    for (size_t i = 0; i < USERLOG_SIZE_MAX; i++)
        assert_ok(bs_buf_append(&text, " ", 1));
    assert_ok(userlog_open(bs_buf_span(&text), &log, NULL));
    assert_ok(bs_buf_append(&text, " ", 1));
    assert_fault((char *)text.data, text.size, USERLOG_FAULT_TOO_LARGE, "the log is larger than 64 KiB");
}

static void a_log_cut_anywhere_is_refused_or_shorter(void **state)
{
    (void)state;
    struct userlog log;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(10000);
    put_record(&text, 11, "enter-initrd", "enter-initrd", "phase");
    size_t one = text.size;
    put_record(&text, 11, "leave-initrd", "leave-initrd", "phase");
    for (size_t size = 0; size < text.size; size++) {
        bool is_whole = size < 2 || size == one || size == one - 1 || size == one + 1 || size == text.size - 1;
        enum bs_err err = userlog_open(BS_SPAN(text.data, size), &log, NULL);
        if (err != (is_whole ? BS_OK : BS_ERR_INPUT))
            fail_msg("%zu bytes", size);
    }
}

static void a_text_that_is_too_long_or_broken_is_none(void **state)
{
    (void)state;
    struct userlog log;
    struct userlog_record record;
    char string[USERLOG_TEXT_MAX + 2];
    memset(string, 'a', sizeof(string));
    for (size_t size = USERLOG_TEXT_MAX; size <= USERLOG_TEXT_MAX + 1; size++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(10000);
        string[size] = '\0';
        put_record(&text, 11, "x", string, "phase");
        string[size] = 'a';
        assert_ok(userlog_open(bs_buf_span(&text), &log, NULL));
        struct userlog_cursor c = userlog_first(&log);
        assert_true(userlog_next(&c, &record));
        assert_int_equal(record.has_text, size == USERLOG_TEXT_MAX);
        assert_int_equal(userlog_text(&record).size, size == USERLOG_TEXT_MAX ? size : 0);
    }
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(10000);
    put_record(&text, 11, "x", "\\ud800", "phase");
    assert_ok(userlog_open(bs_buf_span(&text), &log, NULL));
    struct userlog_cursor c = userlog_first(&log);
    assert_true(userlog_next(&c, &record));
    assert_false(record.has_text);
    assert_int_equal(userlog_measured(&record, CRYPTO_SHA256), EVENTLOG_DATA_NOT_MEASURED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_in_order_with_their_parts),
        cmocka_unit_test(a_text_that_is_not_what_was_measured_is_told_from_one_that_never_is),
        cmocka_unit_test(a_replay_goes_on_where_the_firmware_ended),
        cmocka_unit_test(what_extended_no_pcr_is_left_out_of_a_replay),
        cmocka_unit_test(the_forms_of_the_file_are_all_read),
        cmocka_unit_test(what_is_no_userspace_log_is_refused),
        cmocka_unit_test(size_and_number_are_bounded),
        cmocka_unit_test(a_log_cut_anywhere_is_refused_or_shorter),
        cmocka_unit_test(a_text_that_is_too_long_or_broken_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
