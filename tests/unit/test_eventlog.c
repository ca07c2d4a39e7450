#include "unit.h"

#include "core/eventlog.h"
#include "logmaker.h"

static const char *const vectors[] = {
    "arm64-aavmf-direct-kernel", "arm64-aavmf-uki",          "arm64-uboot-uki",
    "direct-kernel-cloud",       "ovmf-uki-cloud",           "ovmf2M-direct-kernel-cloud",
    "ovmf2M-uki-cloud-allbanks", "ovmf2M-uki-cloud-espcred", "ovmf2M-uki-cloud-sha256only",
    "ovmf2M-uki-cloud-tis",      "ovmf4M-uki-full",          "ovmf4Msecboot-signed-uki",
};

static const uint8_t zeros[CRYPTO_HASH_MAX];

static void assert_fault(struct bs_span bytes, const char *what)
{
    struct eventlog log;
    struct eventlog_fault fault;
    assert_err(eventlog_open(bytes, &log, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, what);
    assert_true(fault.offset <= bytes.size);
    assert_err(eventlog_open(bytes, &log, NULL), BS_ERR_INPUT);
}

static void open_log(const struct bs_buf *bytes, struct eventlog *ret_log)
{
    struct eventlog_fault fault = { .what = "" };
    enum bs_err err = eventlog_open(bs_buf_span(bytes), ret_log, &fault);
    assert_string_equal(fault.what, "");
    assert_ok(err);
}

/* "12 A300DF..." a line: what the TPM held after this boot. */
static void read_pcrs(const char *name, uint8_t ret_pcrs[EVENTLOG_PCRS][32])
{
    char file[100], hex[65];
    unsigned pcr;
    int used;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(10000);
    snprintf(file, sizeof(file), "%s.pcrs.sha256", name);
    read_vector(file, &text);
    put_bytes(&text, "", 1);

    const char *at = (const char *)text.data;
    for (unsigned i = 0; i < EVENTLOG_PCRS; i++, at += used) {
        size_t size;
        assert_int_equal(sscanf(at, "%u %64[0-9A-F] %n", &pcr, hex, &used), 2);
        assert_int_equal(pcr, i);
        assert_ok(bs_unhex(hex, ret_pcrs[i], 32, &size));
        assert_int_equal(size, 32);
    }
}

static void real_logs_lead_to_the_values_that_the_tpm_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char file[100];
        uint8_t pcrs[EVENTLOG_PCRS][32];
        struct eventlog log;
        struct eventlog_replay replay;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);

        snprintf(file, sizeof(file), "%s.bin", vectors[i]);
        read_vector(file, &bytes);
        read_pcrs(vectors[i], pcrs);
        open_log(&bytes, &log);
        assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
        assert_int_equal(replay.size, 32);
        for (unsigned pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
            if (replay.mask & 1u << pcr)
                assert_memory_equal(replay.values[pcr], pcrs[pcr], 32);
            else if (pcr < 16 && pcr != 10) /* IMA extends 10 and has a log of its own */
                assert_memory_equal(zeros, pcrs[pcr], 32);
        }
    }
}

static void all_banks_of_a_log_are_replayed(void **state)
{
    (void)state;
    static const uint16_t banks[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512 };
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf2M-uki-cloud-allbanks.bin", &bytes);
    open_log(&bytes, &log);
    assert_int_equal(log.format, EVENTLOG_CRYPTO_AGILE);
    assert_int_equal(log.bank_count, 4);
    assert_int_equal(log.event_count, 36);
    for (size_t i = 0; i < COUNT(banks); i++) {
        assert_ok(eventlog_replay(&log, banks[i], &replay));
        assert_int_equal(replay.size, crypto_hash_size(banks[i]));
        assert_int_equal(replay.mask, 0xaff);
    }
    assert_err(eventlog_replay(&log, 0x0071, &replay), BS_ERR_NOT_FOUND);
}

static void events_come_in_order_with_their_parts(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&bytes);
    put_event(&bytes, 7, EVENTLOG_VARIABLE_BOOT, 0xab, BS_SPAN("data", 4));
    put_event(&bytes, 4, EVENTLOG_SEPARATOR, 0xcd, BS_SPAN_NONE);
    open_log(&bytes, &log);

    struct eventlog_cursor c = eventlog_first(&log);
    assert_true(eventlog_next(&c, &event));
    assert_int_equal(event.index, 0);
    assert_false(eventlog_extends(&event));
    assert_true(eventlog_next(&c, &event));
    assert_int_equal(event.index, 1);
    assert_int_equal(event.pcr, 7);
    assert_int_equal(event.type, 0x80000002);
    assert_span_text(event.data, "data");
    assert_int_equal(event.digest_count, 1);
    assert_int_equal(eventlog_digest(&event, CRYPTO_SHA256).size, 32);
    assert_int_equal(eventlog_digest(&event, CRYPTO_SHA256).data[31], 0xab);
    assert_int_equal(eventlog_digest(&event, CRYPTO_SHA384).size, 0);
    assert_true(eventlog_next(&c, &event));
    assert_int_equal(event.index, 2);
    assert_int_equal(event.data.size, 0);
    assert_false(eventlog_next(&c, &event));
    assert_false(eventlog_next(&c, &event));
}

static void the_old_format_is_replayed_in_sha1(void **state)
{
    (void)state;
    /* SHA-1(0{20} ‖ 01{20}), by another implementation */
    static const uint8_t expected[20] = { 0xc3, 0xad, 0x7f, 0x64, 0xb8, 0xd9, 0x76, 0xaa, 0xf2, 0xb3,
                                          0xa9, 0xc9, 0x8f, 0x7e, 0xe5, 0x63, 0x1c, 0xde, 0x71, 0x25 };
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_sha1_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN("Spec ID Event00", 16));
    put_sha1_event(&bytes, 5, EVENTLOG_ACTION, 1, BS_SPAN("x", 1));
    open_log(&bytes, &log);
    assert_int_equal(log.format, EVENTLOG_SHA1);
    assert_int_equal(log.event_count, 2);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA1, &replay));
    assert_int_equal(replay.mask, 1 << 5);
    assert_memory_equal(replay.values[5], expected, 20);
    assert_err(eventlog_replay(&log, CRYPTO_SHA256, &replay), BS_ERR_NOT_FOUND);
}

static void no_action_extends_nothing_and_may_name_any_pcr(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&bytes);
    put_event(&bytes, 0xffffffff, EVENTLOG_NO_ACTION, 0, BS_SPAN("SP800-155 Event3", 16));
    put_event(&bytes, 3, EVENTLOG_NO_ACTION, 0xaa, BS_SPAN_NONE);
    open_log(&bytes, &log);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    assert_int_equal(replay.mask, 0);
    assert_memory_equal(replay.values[3], zeros, 32);
}

static void pcr_0_begins_with_the_startup_locality(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_replay with, without;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&bytes);
    put_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN("StartupLocality\0\3", 17));
    open_log(&bytes, &log);
    assert_int_equal(log.locality, 3);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &with));
    assert_int_equal(with.values[0][31], 3);
    assert_int_equal(with.values[1][31], 0);

    put_event(&bytes, 0, EVENTLOG_SEPARATOR, 1, BS_SPAN_NONE);
    open_log(&bytes, &log);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &with));
    log.locality = 0;
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &without));
    assert_int_equal(with.mask, 1);
    assert_memory_not_equal(with.values[0], without.values[0], 32);
}

static void a_locality_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *what;
    } wrong[] = {
        { "StartupLocality\0\1", 17, "a StartupLocality event with a locality that cannot start a TPM" },
        { "StartupLocality\0\xff", 17, "a StartupLocality event with a locality that cannot start a TPM" },
        { "StartupLocality\0", 16, "a StartupLocality event of a wrong size" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        put_sha256_header(&bytes);
        put_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN(wrong[i].data, wrong[i].size));
        assert_fault(bs_buf_span(&bytes), wrong[i].what);
    }

    BS_SCOPED_BUF struct bs_buf twice = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&twice);
    put_event(&twice, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN("StartupLocality\0\3", 17));
    put_event(&twice, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN("StartupLocality\0\3", 17));
    assert_fault(bs_buf_span(&twice), "a second StartupLocality event");
}

static void padding_after_the_last_event_is_not_part_of_the_log(void **state)
{
    (void)state;
    static const uint8_t fills[] = { 0x00, 0xff };
    for (size_t f = 0; f < COUNT(fills); f++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        put_sha256_header(&bytes);
        put_event(&bytes, 1, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0\0", 4));
        size_t size = bytes.size;
        for (size_t i = 0; i < 100; i++) {
            struct eventlog log;
            open_log(&bytes, &log);
            assert_int_equal(log.event_count, 2);
            assert_int_equal(log.bytes.size, size);
            put_bytes(&bytes, &fills[f], 1);
        }
        put_bytes(&bytes, "x", 1);
        struct eventlog log;
        assert_err(eventlog_open(bs_buf_span(&bytes), &log, NULL), BS_ERR_INPUT);
    }
}

static void what_is_no_log_is_called_so(void **state)
{
    (void)state;
    static const uint8_t nothing[4096];
    assert_fault(BS_SPAN_NONE, "the log is empty");
    assert_fault(BS_SPAN(nothing, sizeof(nothing)), "the log is empty");
    assert_fault(bs_span_of_string("#!/bin/sh\necho this is a script and no log at all\n"),
                 "this is no event log of a TPM");
    assert_fault(bs_span_of_string("x"), "this is no event log of a TPM");
    assert_fault(bs_span_of_string("CCEL8\0\0\0"),
                 "this is the event log of a confidential virtual machine (CCEL), not of a TPM");
}

static void headers_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const uint16_t wrong_size[] = { CRYPTO_SHA256, 20, 0 }, too_large[] = { 0x7777, 65, 0 },
                          no_size[] = { 0x7777, 0, 0 }, twice[] = { CRYPTO_SHA256, 32, CRYPTO_SHA256, 32, 0 },
                          none[] = { 0 }, many[] = { 0x71, 20, 0x72, 20, 0x73, 20, 0x74, 20, 0x75, 20,
                                                     0x76, 20, 0x77, 20, 0x78, 20, 0x79, 20, 0 };
    static const struct {
        const uint16_t *banks;
        const char *what;
    } wrong[] = {
        { wrong_size, "the log's header gives a hash a size that it does not have" },
        { too_large, "the log's header gives a hash a size that it does not have" },
        { no_size, "the log's header gives a hash a size that it does not have" },
        { twice, "the log's header names a hash twice" },
        { none, "the log's header names no hash, or too many" },
        { many, "the log's header names no hash, or too many" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        put_header(&bytes, wrong[i].banks);
        assert_fault(bs_buf_span(&bytes), wrong[i].what);
    }
    BS_SCOPED_BUF struct bs_buf count = BS_BUF(LOGMAKER_MAX);
    put_sha1_event(&count, 0, EVENTLOG_NO_ACTION, 0,
                   BS_SPAN("Spec ID Event03\0\0\0\0\0\0\2\0\2\2\0\0\0\x0b\0\x20\0\0", 33));
    assert_fault(bs_buf_span(&count), "the log's header ends within its table of hashes");
}

static void a_bank_of_an_unknown_hash_is_carried_but_not_replayed(void **state)
{
    (void)state;
    static const uint16_t banks[] = { CRYPTO_SHA256, 32, 0x0071, 32, 0 };
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_header(&bytes, banks);
    put_event(&bytes, 1, EVENTLOG_SEPARATOR, 1, BS_SPAN_NONE);
    open_log(&bytes, &log);
    assert_true(eventlog_has_bank(&log, 0x0071));
    assert_err(eventlog_replay(&log, 0x0071, &replay), BS_ERR_NOT_FOUND);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
}

static void a_bank_that_an_event_left_out_is_not_replayed(void **state)
{
    (void)state;
    static const uint16_t banks[] = { CRYPTO_SHA256, 32, CRYPTO_SHA384, 48, 0 };
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_header(&bytes, banks);
    put_event(&bytes, 1, EVENTLOG_SEPARATOR, 1, BS_SPAN_NONE);
    open_log(&bytes, &log);
    assert_err(eventlog_replay(&log, CRYPTO_SHA384, &replay), BS_ERR_INPUT);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
}

/* Header, then the given bytes as the beginning of event 1. */
static void assert_event_fault(const void *event, size_t size, const char *what)
{
    struct eventlog log;
    struct eventlog_fault fault;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&bytes);
    size_t offset = bytes.size;
    put_bytes(&bytes, event, size);
    assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, what);
    assert_int_equal(fault.event, 1);
    assert_int_equal(fault.offset, offset);
}

static void hostile_lengths_are_refused(void **state)
{
    (void)state;
    static const uint8_t digest[32] = { 1 };
    static const uint32_t sizes[] = { 5, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        BS_SCOPED_BUF struct bs_buf event = BS_BUF(1000);
        put_bytes(&event, "\1\0\0\0\4\0\0\0\1\0\0\0\x0b\0", 14);
        put_bytes(&event, digest, 32);
        put_le32(&event, sizes[i]);
        put_bytes(&event, "data", 4);
        assert_event_fault(event.data, event.size, "the log ends within the event's data: it was cut or damaged");
    }
    assert_event_fault("\1\0\0\0\4\0\0\0\x09\0\0\0\x0b\0xxxx", 18, "the event has more digests than any log has banks");
    assert_event_fault("\1\0\0\0\4\0\0\0\xff\xff\xff\xff\x0b\0xxxx", 18,
                       "the event has more digests than any log has banks");
    assert_event_fault("\1\0\0\0\4\0\0\0\1\0\0\0\x05\0xxxx", 18,
                       "the event has a digest of a hash that the log's header does not name");
    assert_event_fault("\1\0\0\0\4\0\0\0\1\0\0\0\x0b\0xxxx", 18, "the log ends within an event: it was cut or damaged");
}

static void a_pcr_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    static const uint32_t pcrs[] = { 24, 32, 0x80000000, 0xffffffff };
    for (size_t i = 0; i < COUNT(pcrs); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        put_sha256_header(&bytes);
        put_event(&bytes, pcrs[i], EVENTLOG_SEPARATOR, 1, BS_SPAN("1234", 4));
        assert_fault(bs_buf_span(&bytes), "the event names a PCR that does not exist");
    }
}

static void two_digests_of_one_hash_are_refused(void **state)
{
    (void)state;
    static const uint16_t banks[] = { CRYPTO_SHA256, 32, CRYPTO_SHA384, 48, 0 };
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_header(&bytes, banks);
    put_bytes(&bytes, "\1\0\0\0\4\0\0\0\2\0\0\0", 12);
    for (int i = 0; i < 2; i++) {
        put_le16(&bytes, CRYPTO_SHA256);
        put_bytes(&bytes, zeros, 32);
    }
    put_le32(&bytes, 1);
    put_bytes(&bytes, "x", 1);
    assert_fault(bs_buf_span(&bytes), "the event has two digests of one hash");
}

static void too_many_events_and_too_many_bytes_are_refused(void **state)
{
    (void)state;
    struct eventlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&bytes);
    while (bytes.size < EVENTLOG_SIZE_MAX / 2)
        put_bytes(&bytes, "\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0\0x", 17);
    assert_fault(bs_buf_span(&bytes), "the log has too many events");
    assert_err(eventlog_open(BS_SPAN(bytes.data, 65 + 17 * EVENTLOG_EVENTS_MAX), &log, NULL), BS_ERR_INPUT);
    assert_ok(eventlog_open(BS_SPAN(bytes.data, 65 + 17 * (EVENTLOG_EVENTS_MAX - 1)), &log, NULL));
    assert_int_equal(log.event_count, EVENTLOG_EVENTS_MAX);

    while (bytes.size <= EVENTLOG_SIZE_MAX)
        put_bytes(&bytes, zeros, sizeof(zeros));
    assert_fault(bs_buf_span(&bytes), "the log is larger than 1 MiB");
}

static void use_all_of(const struct eventlog *log)
{
    struct eventlog_event event;
    size_t count = 0;
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event); count++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
        assert_ok(eventlog_describe(&event, &text));
    }
    assert_int_equal(count, log->event_count);
    for (size_t i = 0; i < log->bank_count; i++) {
        struct eventlog_replay replay;
        (void)!eventlog_replay(log, log->banks[i].alg, &replay);
    }
}

/* Each piece is a copy of exactly its size on the heap, so that the sanitizer sees a read beyond it. */
static bool try_bytes(const uint8_t *data, size_t size)
{
    struct eventlog log;
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    bool is_log = eventlog_open(BS_SPAN(copy, size), &log, NULL) == BS_OK;
    if (is_log)
        use_all_of(&log);
    free(copy);
    return is_log;
}

static void a_log_cut_anywhere_is_refused_except_between_two_events(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    struct eventlog log;
    read_vector("ovmf2M-uki-cloud-espcred.bin", &bytes);
    open_log(&bytes, &log);
    size_t opened = 0;
    for (size_t size = 0; size <= bytes.size; size++)
        opened += try_bytes(bytes.data, size);
    /* Cut within the zeros that an event happens to begin with, the log looks padded: PCR 0 and 1 begin so. */
    assert_true(opened >= log.event_count);
    assert_true(opened <= log.event_count * 5);
}

static void a_log_with_any_byte_changed_does_no_harm(void **state)
{
    (void)state;
    static const uint8_t values[] = { 0x00, 0xff };
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf2M-uki-cloud-espcred.bin", &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t before = bytes.data[i];
        for (size_t v = 0; v < COUNT(values); v++) {
            bytes.data[i] = values[v];
            (void)try_bytes(bytes.data, bytes.size);
        }
        bytes.data[i] = before;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_logs_lead_to_the_values_that_the_tpm_held),
        cmocka_unit_test(all_banks_of_a_log_are_replayed),
        cmocka_unit_test(events_come_in_order_with_their_parts),
        cmocka_unit_test(the_old_format_is_replayed_in_sha1),
        cmocka_unit_test(no_action_extends_nothing_and_may_name_any_pcr),
        cmocka_unit_test(pcr_0_begins_with_the_startup_locality),
        cmocka_unit_test(a_locality_that_cannot_be_is_refused),
        cmocka_unit_test(padding_after_the_last_event_is_not_part_of_the_log),
        cmocka_unit_test(what_is_no_log_is_called_so),
        cmocka_unit_test(headers_that_cannot_be_are_refused),
        cmocka_unit_test(a_bank_of_an_unknown_hash_is_carried_but_not_replayed),
        cmocka_unit_test(a_bank_that_an_event_left_out_is_not_replayed),
        cmocka_unit_test(hostile_lengths_are_refused),
        cmocka_unit_test(a_pcr_that_does_not_exist_is_refused),
        cmocka_unit_test(two_digests_of_one_hash_are_refused),
        cmocka_unit_test(too_many_events_and_too_many_bytes_are_refused),
        cmocka_unit_test(a_log_cut_anywhere_is_refused_except_between_two_events),
        cmocka_unit_test(a_log_with_any_byte_changed_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
