/*
 * Logs that are good and look strange, as firmware of other makers is known to write them; and files that are no log of a TPM, each
 * called by its name.
 */
#include "unit.h"

#include "core/bootlog.h"
#include "core/eventlog.h"
#include "logmaker.h"

#define GLOBAL_GUID "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define TEXT(t) BS_SPAN(t, sizeof(t) - 1)

static void open_log(const struct bs_buf *bytes, struct eventlog *ret_log)
{
    struct eventlog_fault fault = { .what = "" };
    enum bs_err err = eventlog_open(bs_buf_span(bytes), ret_log, &fault);
    assert_string_equal(fault.what, "");
    assert_ok(err);
}

/* PCR 0 of the log's sha256 bank is what one measurement leads to after a start at this locality. */
static void assert_pcr0(const struct bs_buf *bytes, uint8_t locality, struct bs_span measured)
{
    struct eventlog log;
    struct eventlog_replay replay;
    uint8_t joined[64] = { 0 }, expected[32];
    joined[31] = locality;
    assert_ok(crypto_hash(CRYPTO_SHA256, measured, joined + 32));
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(joined, 64), expected));
    open_log(bytes, &log);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    assert_memory_equal(replay.values[0], expected, 32);
}

static void the_hardwares_root_of_trust_is_measured_at_locality_4(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf told = BS_BUF(1000), untold = BS_BUF(1000), later = BS_BUF(1000), other = BS_BUF(1000);
    put_sha256_header(&told);
    put_event(&told, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN("StartupLocality\0\4", 17));
    put_measured(&told, 0, EVENTLOG_HCRTM, TEXT("HCRTM"));
    assert_pcr0(&told, 4, TEXT("HCRTM"));

    put_sha256_header(&untold);
    put_measured(&untold, 0, EVENTLOG_HCRTM, TEXT("HCRTM"));
    assert_pcr0(&untold, 4, TEXT("HCRTM"));

    /* What is told counts, wherever it stands. */
    put_sha256_header(&later);
    put_measured(&later, 0, EVENTLOG_HCRTM, TEXT("HCRTM"));
    put_event(&later, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN("StartupLocality\0\3", 17));
    assert_pcr0(&later, 3, TEXT("HCRTM"));

    /* Not the first event of PCR 0, or not of PCR 0: measured by somebody who ran already. */
    struct eventlog log;
    put_sha256_header(&other);
    put_measured(&other, 1, EVENTLOG_HCRTM, TEXT("HCRTM"));
    put_measured(&other, 0, EVENTLOG_CRTM_VERSION, TEXT("1"));
    put_measured(&other, 0, EVENTLOG_HCRTM, TEXT("HCRTM"));
    open_log(&other, &log);
    assert_int_equal(log.locality, 0);
}

/* coreboot's entries have room for 50 bytes each (src/security/tpm/tpm2_log_serialized.h), and older ones say so. */
static void the_locality_may_have_zeros_behind(void **state)
{
    (void)state;
    static const uint8_t data[50] = "StartupLocality\0\3";
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(1000), text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    put_sha256_header(&bytes);
    put_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN(data, sizeof(data)));
    put_measured(&bytes, 0, EVENTLOG_CRTM_VERSION, TEXT("1"));
    assert_pcr0(&bytes, 3, TEXT("1"));

    struct eventlog_event event = { .type = EVENTLOG_NO_ACTION, .data = BS_SPAN(data, sizeof(data)) };
    assert_ok(eventlog_describe(&event, &text));
    assert_span_text(bs_buf_span(&text), "the TPM was started at locality 3");
}

/* The log of a dynamic launch (Intel TXT and Linux' Secure Launch): its marks stand between the events, one of them in PCR 255. */
static void the_marks_of_a_dynamic_launch_extend_nothing(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_replay replay;
    uint8_t joined[64] = { 0 }, expected[32];
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(1000);
    put_sha256_header(&bytes);
    put_event(&bytes, 255, EVENTLOG_TXT_PCR_MAPPING, 0, TEXT("\1\0\0\0"));
    put_measured(&bytes, 17, EVENTLOG_TXT_SLAUNCH_START, BS_SPAN_NONE);
    put_measured(&bytes, 17, 0x502, TEXT("Measured Kernel command line"));
    put_measured(&bytes, 17, EVENTLOG_TXT_SLAUNCH_END, BS_SPAN_NONE);
    open_log(&bytes, &log);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    assert_int_equal(replay.mask, UINT32_C(1) << 17);
    assert_ok(crypto_hash(CRYPTO_SHA256, TEXT("Measured Kernel command line"), joined + 32));
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(joined, 64), expected));
    assert_memory_equal(replay.values[17], expected, 32);

    put_measured(&bytes, 255, 0x502, TEXT("no mark"));
    assert_err(eventlog_open(bs_buf_span(&bytes), &log, NULL), BS_ERR_INPUT);
}

static void headers_of_tpm_1_2_begin_a_log_of_sha1(void **state)
{
    (void)state;
    static const char *const headers[] = { "Spec ID Event00", "Spec ID Event02", NULL };
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct eventlog log;
        struct eventlog_replay replay;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
        if (headers[i])
            put_sha1_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN(headers[i], 16));
        for (uint32_t pcr = 0; pcr < 8; pcr++)
            put_sha1_measured(&bytes, pcr, EVENTLOG_SEPARATOR, TEXT("\xff\xff\xff\xff"));
        put_bytes(&bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 36);
        open_log(&bytes, &log);
        assert_int_equal(log.format, EVENTLOG_SHA1);
        assert_int_equal(log.event_count, headers[i] ? 9 : 8);
        assert_ok(eventlog_replay(&log, CRYPTO_SHA1, &replay));
        assert_int_equal(replay.mask, 0xff);
        assert_err(eventlog_replay(&log, CRYPTO_SHA256, &replay), BS_ERR_NOT_FOUND);
    }
}

static void headers_of_other_forms_are_said_to_be_such(void **state)
{
    (void)state;
    static const char *const headers[] = { "Spec ID Event01", "Spec ID Event04", "Spec ID Event13", "Spec ID EventXY" };
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct eventlog log;
        struct eventlog_fault fault = { .what = "it was read" };
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
        put_sha1_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN(headers[i], 16));
        /* What would be read as one of SHA-1, or as nothing at all. */
        if (i % 2 == 0)
            put_sha1_measured(&bytes, 0, EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"));
        else
            put_measured(&bytes, 0, EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"));
        assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
        assert_string_equal(
            fault.what,
            "the log's header names another form than Spec ID Event00, Event02 and Event03, which are read");
        assert_int_equal(fault.kind, EVENTLOG_FAULT_MALFORMED);
        assert_int_equal(fault.event, 0);
    }
}

static void other_first_events_name_no_form(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *text;
    } firsts[] = { { EVENTLOG_ACTION, "Spec ID Event04" },
                   { EVENTLOG_NO_ACTION, "Spec ID Event" },
                   { EVENTLOG_NO_ACTION, "words of the maker" } };
    for (size_t i = 0; i < COUNT(firsts); i++) {
        struct eventlog log;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
        put_sha1_event(&bytes, 0, firsts[i].type, 0, bs_span_of_string(firsts[i].text));
        put_sha1_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, TEXT("Spec ID Event04"));
        open_log(&bytes, &log);
        assert_int_equal(log.format, EVENTLOG_SHA1);
        assert_int_equal(log.event_count, 2);
    }
}

static void digests_may_come_in_another_order_than_the_header(void **state)
{
    (void)state;
    static const uint16_t banks[] = { CRYPTO_SHA1, 20, CRYPTO_SHA256, 32, 0 },
                          order[] = { CRYPTO_SHA256, CRYPTO_SHA1, 0 };
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
    put_header(&bytes, banks);
    put_with_hashes(&bytes, 0, EVENTLOG_SEPARATOR, order, TEXT("\0\0\0\0"));
    assert_pcr0(&bytes, 0, TEXT("\0\0\0\0"));
    open_log(&bytes, &log);
    assert_ok(eventlog_replay(&log, CRYPTO_SHA1, &replay));
}

static void a_hash_that_the_header_forgot_is_a_bank(void **state)
{
    (void)state;
    static const uint16_t banks[] = { CRYPTO_SHA256, 32, 0 }, more[] = { CRYPTO_SHA256, CRYPTO_SHA384, 0x0012, 0 };
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
    put_header(&bytes, banks);
    put_with_hashes(&bytes, 0, EVENTLOG_SEPARATOR, more, TEXT("\0\0\0\0"));
    open_log(&bytes, &log);
    assert_int_equal(log.bank_count, 3);
    assert_true(eventlog_has_bank(&log, 0x0012));
    assert_pcr0(&bytes, 0, TEXT("\0\0\0\0"));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA384, &replay));
    assert_err(eventlog_replay(&log, 0x0012, &replay), BS_ERR_NOT_FOUND);
}

static void a_hash_that_nobody_knows_has_the_headers_size(void **state)
{
    (void)state;
    static const uint16_t banks[] = { 0x0071, 32, CRYPTO_SHA256, 32, 0 }, hashes[] = { 0x0071, CRYPTO_SHA256, 0 };
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
    put_header(&bytes, banks);
    put_with_hashes(&bytes, 0, EVENTLOG_SEPARATOR, hashes, TEXT("\0\0\0\0"));
    assert_pcr0(&bytes, 0, TEXT("\0\0\0\0"));
}

static void not_more_hashes_than_there_is_room_for(void **state)
{
    (void)state;
    static const uint16_t banks[] = {
        0x71, 32, 0x72, 32, 0x73, 32, 0x74, 32, 0x75, 32, 0x76, 32, 0x77, 32, 0x78, 32, 0
    };
    static const uint16_t one[] = { CRYPTO_SHA256, 0 };
    struct eventlog log;
    struct eventlog_fault fault;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
    put_header(&bytes, banks);
    put_with_hashes(&bytes, 0, EVENTLOG_SEPARATOR, one, TEXT("\0\0\0\0"));
    assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, "the log has digests of too many hashes");
    assert_int_equal(fault.kind, EVENTLOG_FAULT_MALFORMED);
}

static void padding_may_be_of_both_kinds(void **state)
{
    (void)state;
    struct eventlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(10000);
    put_sha256_header(&bytes);
    put_measured(&bytes, 0, EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"));
    size_t size = bytes.size;
    for (size_t i = 0; i < 200; i++)
        put_bytes(&bytes, i < 100 ? "\0" : "\xff", 1);
    open_log(&bytes, &log);
    assert_int_equal(log.event_count, 2);
    assert_int_equal(log.bytes.size, size);
}

static void the_headers_maker_may_add_what_he_likes(void **state)
{
    (void)state;
    struct eventlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(1000);
    put_sha1_event(&bytes, 0xffffffff, EVENTLOG_NO_ACTION, 0x77,
                   TEXT("Spec ID Event03\0\1\0\0\0\0\2\151\1\1\0\0\0\x0b\0\x20\0\x09"
                        "and more"));
    put_measured(&bytes, 0, EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"));
    open_log(&bytes, &log);
    assert_int_equal(log.format, EVENTLOG_CRYPTO_AGILE);
    assert_int_equal(log.event_count, 2);
    assert_pcr0(&bytes, 0, TEXT("\0\0\0\0"));
}

static void assert_foreign(const void *data, size_t size, enum eventlog_fault_kind kind, const char *what)
{
    struct eventlog log;
    struct eventlog_fault fault = { .what = "it was read" };
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(1000);
    put_bytes(&bytes, data, size);
    while (bytes.size < 100)
        put_bytes(&bytes, "z", 1);
    assert_int_equal(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
    if (fault.kind != kind || !strstr(fault.what, what))
        fail_msg("%s: %s", what, fault.what);
    assert_err(eventlog_open_plain(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
    assert_int_equal(fault.kind, EVENTLOG_FAULT_NO_LOG);
}

static void other_files_are_called_by_their_name(void **state)
{
    (void)state;
    static const char zeros[20];
    BS_SCOPED_BUF struct bs_buf sml = BS_BUF(100), ima = BS_BUF(100);
    put_bytes(&sml, "\0\0\0\1\0\0\0\x08", 8);
    put_bytes(&sml, zeros, 20);
    put_bytes(&sml, "\0\0\0\x05hello", 9);
    put_bytes(&ima, "\n\0\0\0", 4);
    put_bytes(&ima, "01234567890123456789", 20);
    put_bytes(&ima, "\6\0\0\0ima-ng", 10);
    assert_foreign("CCEL8\0\0\0", 8, EVENTLOG_FAULT_CCEL, "CCEL");
    assert_foreign("TPM2\x4c\0\0\0", 8, EVENTLOG_FAULT_FOREIGN_FORM, "the ACPI table");
    assert_foreign("TCPA\x32\0\0\0", 8, EVENTLOG_FAULT_FOREIGN_FORM, "the ACPI table");
    assert_foreign("---\nversion: 1\n", 15, EVENTLOG_FAULT_FOREIGN_FORM, "tpm2_eventlog");
    assert_foreign("version: 1\nevents:\n", 19, EVENTLOG_FAULT_FOREIGN_FORM, "tpm2_eventlog");
    assert_foreign("\x1e{\"pcr\":1}", 10, EVENTLOG_FAULT_FOREIGN_FORM, "userspace");
    assert_foreign("{\"pcr\":1}", 9, EVENTLOG_FAULT_FOREIGN_FORM, "JSON");
    assert_foreign("[{}]", 4, EVENTLOG_FAULT_FOREIGN_FORM, "JSON");
    assert_foreign(ima.data, ima.size, EVENTLOG_FAULT_FOREIGN_FORM, "IMA");
    assert_foreign("\x20\0\4\0\2\0\0\0SHA256\0\0\0\0", 18, EVENTLOG_FAULT_FOREIGN_FORM, "coreboot");
    assert_foreign("\x20\0\4\0\2\0\0\0SHA1\0\0\0\0\0\0", 18, EVENTLOG_FAULT_FOREIGN_FORM, "coreboot");
    assert_foreign(sml.data, sml.size, EVENTLOG_FAULT_BIG_ENDIAN, "big-endian");
    assert_foreign("#!/bin/sh\n", 10, EVENTLOG_FAULT_NO_LOG, "no event log of a TPM");
}

static void faults_have_their_kind(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_fault fault;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    assert_err(eventlog_open(BS_SPAN_NONE, &log, &fault), BS_ERR_INPUT);
    assert_int_equal(fault.kind, EVENTLOG_FAULT_EMPTY);
    put_sha256_header(&bytes);
    put_bytes(&bytes, "x", 1);
    assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
    assert_int_equal(fault.kind, EVENTLOG_FAULT_MALFORMED);
    assert_int_equal(fault.event, 1);
    while (bytes.size <= EVENTLOG_SIZE_MAX)
        put_bytes(&bytes, GLOBAL_GUID, 16);
    assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
    assert_int_equal(fault.kind, EVENTLOG_FAULT_TOO_LARGE);
    bs_buf_reset(&bytes);
    put_sha256_header(&bytes);
    for (size_t i = 0; i < EVENTLOG_EVENTS_MAX; i++)
        put_event(&bytes, 1, EVENTLOG_ACTION, 1, TEXT("x"));
    assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
    assert_int_equal(fault.kind, EVENTLOG_FAULT_TOO_LARGE);
}

static void a_log_cut_at_any_byte_is_refused_or_ends_with_an_event(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf4Msecboot-signed-uki.bin", &bytes);
    size_t good = 0;
    for (size_t size = 1; size < bytes.size; size++) {
        struct eventlog log;
        struct eventlog_event event;
        size_t count = 0;
        if (eventlog_open(BS_SPAN(bytes.data, size), &log, NULL) != BS_OK)
            continue;
        for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);)
            count++;
        assert_int_equal(count, log.event_count);
        good++;
    }
    /* 36 events; a few cuts within the last number of an event leave nothing but zeros of it */
    assert_true(good >= 35 && good < 35 * 5);
}

static void what_is_missing_in_a_bank_did_not_extend_it(void **state)
{
    (void)state;
    static const uint16_t banks[] = { CRYPTO_SHA1, 20, CRYPTO_SHA256, 32, 0x0012, 32, 0 };
    static const uint16_t both[] = { CRYPTO_SHA1, CRYPTO_SHA256, 0 }, one[] = { CRYPTO_SHA256, 0 };
    char why[BOOTLOG_WHY_MAX];
    struct bootlog log;
    struct bootlog_missing missing;
    struct eventlog_replay replay, strict;
    uint16_t found[BOOTLOG_BANKS_MAX];
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
    put_header(&bytes, banks);
    put_with_hashes(&bytes, 0, EVENTLOG_SEPARATOR, both, TEXT("\0\0\0\0"));
    put_with_hashes(&bytes, 1, EVENTLOG_SEPARATOR, one, TEXT("\0\0\0\0"));
    assert_ok(bootlog_open(bs_buf_span(&bytes), NULL, &log, why));
    assert_int_equal(bootlog_banks(&log, found), 3);
    assert_int_equal(bootlog_main_bank(&log), CRYPTO_SHA256);
    assert_ok(bootlog_replay(&log, CRYPTO_SHA1, &replay, &missing));
    assert_int_equal(replay.mask, 1);
    assert_int_equal(missing.events, 1);
    assert_ok(bootlog_replay(&log, CRYPTO_SHA256, &replay, &missing));
    assert_int_equal(missing.events, 0);
    assert_err(bootlog_replay(&log, CRYPTO_SHA384, &replay, &missing), BS_ERR_NOT_FOUND);
    assert_err(bootlog_replay(&log, 0x0012, &replay, &missing), BS_ERR_NOT_FOUND);
    static const uint16_t unused[] = { CRYPTO_SHA256, 32, CRYPTO_SHA1, 20, 0 }, sha1[] = { CRYPTO_SHA1, 0 };
    struct bootlog other;
    BS_SCOPED_BUF struct bs_buf header = BS_BUF(2000);
    put_header(&header, unused);
    assert_ok(bootlog_open(bs_buf_span(&header), NULL, &other, why));
    assert_ok(bootlog_replay(&other, CRYPTO_SHA1, &replay, &missing));
    assert_int_equal(replay.mask, 0);
    assert_err(bootlog_replay(&other, CRYPTO_SHA384, &replay, &missing), BS_ERR_NOT_FOUND);
    put_with_hashes(&header, 1, EVENTLOG_SEPARATOR, sha1, TEXT("\0\0\0\0"));
    assert_ok(bootlog_open(bs_buf_span(&header), NULL, &other, why));
    assert_err(bootlog_replay(&other, CRYPTO_SHA256, &replay, &missing), BS_ERR_NOT_FOUND);
    assert_int_equal(bootlog_main_bank(&other), CRYPTO_SHA1);
    /* Who decides about a device is not that kind. */
    assert_err(eventlog_replay(&log.firmware, CRYPTO_SHA1, &strict), BS_ERR_INPUT);
}

static void banks_of_userspace_are_each_named_once(void **state)
{
    (void)state;
    char why[BOOTLOG_WHY_MAX];
    struct bootlog log;
    uint16_t found[BOOTLOG_BANKS_MAX];
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(2000);
    put_userspace_record(&text, 11, TEXT("x"), "x");
    put_userspace_record(&text, 12, TEXT("y"), "y");
    assert_ok(bootlog_open(bs_buf_span(&text), NULL, &log, why));
    assert_int_equal(bootlog_banks(&log, found), 1);
    assert_int_equal(found[0], CRYPTO_SHA256);
}

/* EV_NO_ACTION may name any PCR, also one whose number reads as the beginning of a userspace's log. */
static void a_header_of_a_pcr_like_json_is_a_firmwares(void **state)
{
    (void)state;
    static const char *const beginnings[] = { "\x1e{", "{", "[", " {", "\n\t[" };
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        struct bootlog log;
        char why[BOOTLOG_WHY_MAX];
        put_sha256_header(&bytes);
        put_measured(&bytes, 0, EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"));
        memcpy(bytes.data, beginnings[i], strlen(beginnings[i]));
        assert_ok(bootlog_open(bs_buf_span(&bytes), NULL, &log, why));
        assert_true(log.has_firmware && !log.has_userspace);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hardwares_root_of_trust_is_measured_at_locality_4),
        cmocka_unit_test(the_locality_may_have_zeros_behind),
        cmocka_unit_test(the_marks_of_a_dynamic_launch_extend_nothing),
        cmocka_unit_test(headers_of_tpm_1_2_begin_a_log_of_sha1),
        cmocka_unit_test(headers_of_other_forms_are_said_to_be_such),
        cmocka_unit_test(other_first_events_name_no_form),
        cmocka_unit_test(digests_may_come_in_another_order_than_the_header),
        cmocka_unit_test(a_hash_that_the_header_forgot_is_a_bank),
        cmocka_unit_test(a_hash_that_nobody_knows_has_the_headers_size),
        cmocka_unit_test(not_more_hashes_than_there_is_room_for),
        cmocka_unit_test(padding_may_be_of_both_kinds),
        cmocka_unit_test(the_headers_maker_may_add_what_he_likes),
        cmocka_unit_test(other_files_are_called_by_their_name),
        cmocka_unit_test(faults_have_their_kind),
        cmocka_unit_test(a_log_cut_at_any_byte_is_refused_or_ends_with_an_event),
        cmocka_unit_test(what_is_missing_in_a_bank_did_not_extend_it),
        cmocka_unit_test(banks_of_userspace_are_each_named_once),
        cmocka_unit_test(a_header_of_a_pcr_like_json_is_a_firmwares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
