/* A UKI's events behind those of a machine's firmware. */
#include "unit.h"

#include "core/text.h"
#include "core/uki.h"
#include "logmaker.h"
#include "ukimaker.h"

/* From a real log the events that came of the UKI, as a log of its own. */
static void cut_uki(const struct eventlog *log, struct bs_buf *out)
{
    struct eventlog_event event;
    uint16_t header[2 * EVENTLOG_BANKS_MAX + 1] = { 0 };
    bool is_over = false;
    for (size_t i = 0; i < log->bank_count; i++) {
        header[2 * i] = log->banks[i].alg;
        header[2 * i + 1] = log->banks[i].size;
    }
    put_header(out, header);
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);) {
        is_over = is_over || (event.pcr == 4 && event.type == EVENTLOG_BOOT_APPLICATION);
        if (!is_over || (event.pcr != 4 && event.pcr != 9 && event.pcr != 11))
            continue;
        put_le32(out, event.pcr);
        put_le32(out, event.type);
        put_le32(out, (uint32_t)event.digest_count);
        for (size_t i = 0; i < event.digest_count; i++) {
            put_le16(out, event.digests[i].alg);
            put_bytes(out, event.digests[i].value.data, event.digests[i].value.size);
        }
        put_le32(out, (uint32_t)event.data.size);
        put_bytes(out, event.data.data, event.data.size);
    }
}

static void splice(const struct eventlog *firmware, const struct eventlog *events, struct bs_buf *out,
                   struct eventlog *ret_log)
{
    const char *why = "";
    enum bs_err err = uki_splice(firmware, events, out, &why);
    assert_string_equal(why, "");
    assert_ok(err);
    assert_ok(eventlog_open(bs_buf_span(out), ret_log, NULL));
}

static void assert_same_pcrs(const struct eventlog *a, const struct eventlog *b, uint16_t alg, uint32_t mask)
{
    struct eventlog_replay of_a, of_b;
    assert_ok(eventlog_replay(a, alg, &of_a));
    assert_ok(eventlog_replay(b, alg, &of_b));
    assert_int_equal(of_a.mask & mask, of_b.mask & mask);
    for (size_t i = 0; i < EVENTLOG_PCRS; i++)
        if (mask >> i & 1)
            assert_memory_equal(of_a.values[i], of_b.values[i], of_a.size);
}

static const char *const with_uki[] = { "arm64-aavmf-uki",           "ovmf-uki-cloud",
                                        "ovmf2M-uki-cloud-allbanks", "ovmf2M-uki-cloud-sha256only",
                                        "ovmf2M-uki-cloud-tis",      "ovmf4M-uki-full",
                                        "ovmf4Msecboot-signed-uki" };

static void a_real_log_taken_apart_and_joined_leads_to_the_same_pcrs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(with_uki); i++) {
        char file[100];
        struct eventlog log, events, joined;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        BS_SCOPED_BUF struct bs_buf cut = BS_BUF(LOGMAKER_MAX);
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
        snprintf(file, sizeof(file), "%s.bin", with_uki[i]);
        read_vector(file, &bytes);
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
        cut_uki(&log, &cut);
        assert_ok(eventlog_open(bs_buf_span(&cut), &events, NULL));
        splice(&log, &events, &out, &joined);
        assert_int_equal(joined.event_count, log.event_count);
        for (size_t b = 0; b < log.bank_count; b++)
            assert_same_pcrs(&joined, &log, log.banks[b].alg, 0xffffff);
    }
}

/* The same, in a log that has seen another boot; and OVMF is a machine that adds nothing. */
static void a_uki_behind_other_logs_leads_to_its_pcrs(void **state)
{
    (void)state;
    struct eventlog log, other, events, joined, plain;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf other_bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf least = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf simple = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf2M-uki-cloud-allbanks.bin", &bytes);
    read_vector("ovmf4M-uki-full.bin", &other_bytes);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    assert_ok(eventlog_open(bs_buf_span(&other_bytes), &other, NULL));
    cut_uki(&log, &cut);
    assert_ok(eventlog_open(bs_buf_span(&cut), &events, NULL));
    splice(&other, &events, &out, &joined);
    assert_same_pcrs(&joined, &log, CRYPTO_SHA256, 1u << 4 | 1u << 9 | 1u << 11);
    assert_same_pcrs(&joined, &other, CRYPTO_SHA256, ~(1u << 4 | 1u << 9 | 1u << 11));

    static const uint16_t sha384[] = { CRYPTO_SHA256, CRYPTO_SHA384 };
    assert_ok(uki_write_plain_firmware(sha384, 2, &least));
    assert_ok(eventlog_open(bs_buf_span(&least), &plain, NULL));
    splice(&plain, &events, &simple, &joined);
    assert_same_pcrs(&joined, &log, CRYPTO_SHA256, 1u << 4 | 1u << 9 | 1u << 11);
    assert_same_pcrs(&joined, &log, CRYPTO_SHA384, 1u << 4 | 1u << 9 | 1u << 11);
}

static void with_secure_boot_the_kernel_is_not_measured_into_pcr_4(void **state)
{
    (void)state;
    char text[1000];
    struct eventlog log, events, joined;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    const struct ukimaker parts = { .stub = STUB_252, .more = { { ".initrd", "i" } } };
    read_vector("ovmf4Msecboot-signed-uki.bin", &bytes);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    ukimaker_events(&parts, &cut, &events);
    splice(&log, &events, &out, &joined);
    ukimaker_describe(&joined, text, sizeof(text));
    assert_string_equal(strstr(text, "4 11:"), "4 11:.linux 11:.linux 11:.initrd 11:.initrd 9 5 5");
}

/* Two applications one after the other, and what the second one starts. */
static void put_boot(struct bs_buf *log, bool is_uki)
{
    put_event(log, 4, EVENTLOG_BOOT_APPLICATION, 0xb1, BS_SPAN_NONE);
    put_event(log, 4, EVENTLOG_BOOT_APPLICATION, 0xb2, BS_SPAN_NONE);
    if (is_uki)
        put_event(log, 11, EVENTLOG_IPL, 0xcc, BS_SPAN("x", 1));
    put_event(log, 9, EVENTLOG_IPL, 0xcc, BS_SPAN("x", 1));
    put_event(log, 4, EVENTLOG_BOOT_APPLICATION, 0xcc, BS_SPAN_NONE);
    put_event(log, 5, EVENTLOG_EFI_ACTION, 0xcc, BS_SPAN("x", 1));
}

static void a_boot_loader_before_the_stub_stays(void **state)
{
    (void)state;
    char text[1000];
    struct eventlog events;
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    ukimaker_events(&(struct ukimaker){ .stub = STUB_252 }, &cut, &events);
    for (int is_uki = 0; is_uki < 2; is_uki++) {
        static const uint16_t sha256[] = { CRYPTO_SHA256 };
        struct eventlog log, joined;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
        assert_ok(uki_write_plain_firmware(sha256, 1, &bytes));
        put_boot(&bytes, is_uki);
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
        splice(&log, &events, &out, &joined);
        ukimaker_describe(&joined, text, sizeof(text));
        assert_string_equal(text, is_uki ? "7 4 4 4 4 11:.linux 11:.linux 4 5" : "7 4 4 4 11:.linux 11:.linux 4 5");
    }
}

static void assert_no_splice(struct bs_span firmware, const char *why)
{
    const char *said = "";
    struct eventlog log, events;
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    ukimaker_events(&(struct ukimaker){ .stub = STUB_252 }, &cut, &events);
    assert_ok(eventlog_open(firmware, &log, NULL));
    assert_err(uki_splice(&log, &events, &out, &said), BS_ERR_INPUT);
    assert_string_equal(said, why);
    assert_int_equal(out.size, 0);
}

static void logs_that_do_not_tell_enough_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *why;
    } wrong[] = {
        { "ovmf2M-uki-cloud-espcred.bin",
          "that boot had a command line, credentials or extensions from outside of the image (PCR 12 or 13), and what "
          "they do to PCR 9 cannot be foretold" },
        { "arm64-uboot-uki.bin", "that firmware measured an application before its own part was over, and what it does "
                                 "with another image is not known" },
        { "ovmf2M-direct-kernel-cloud.bin", "that firmware measured an application before its own part was over, and "
                                            "what it does with another image is not known" },
        { "direct-kernel-cloud.bin", "the firmware's event log does not say whether Secure Boot is on" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        read_vector(wrong[i].file, &bytes);
        assert_no_splice(bs_buf_span(&bytes), wrong[i].why);
    }
    BS_SCOPED_BUF struct bs_buf old = BS_BUF(LOGMAKER_MAX);
    put_sha1_event(&old, 4, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0", 4));
    assert_no_splice(bs_buf_span(&old), "the firmware's event log is of the old format, for SHA-1 alone");
    BS_SCOPED_BUF struct bs_buf endless = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&endless);
    assert_no_splice(bs_buf_span(&endless),
                     "the firmware's event log does not tell where its own part ends: PCR 4 has no separator");
}

/* The event says "SecureBoot = 0", and its digest is of something else: nobody knows what was measured. */
static void a_variable_whose_digest_is_another_one_says_nothing(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf4M-uki-full.bin", &bytes);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);)
        if (event.index == 4)
            bytes.data[event.digests[0].value.data - bytes.data] ^= 1;
    assert_no_splice(bs_buf_span(&bytes), "the firmware's event log does not say whether Secure Boot is on");
}

/* UEFI_VARIABLE_DATA of a variable with a name of 10 characters. */
static void put_variable(struct bs_buf *log, uint32_t pcr, uint32_t type, const char *name, struct bs_span value)
{
    static const uint8_t guid[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                      0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(100);
    put_bytes(&data, guid, sizeof(guid));
    put_le64(&data, 10);
    put_le64(&data, value.size);
    for (size_t i = 0; i < 10; i++)
        put_le16(&data, (uint8_t)name[i]);
    put_bytes(&data, value.data, value.size);
    put_measured(log, pcr, type, bs_buf_span(&data));
}

static void only_the_measured_variable_says_whether_secure_boot_is_on(void **state)
{
    (void)state;
    static const char unknown[] = "the firmware's event log does not say whether Secure Boot is on";
    static const struct {
        uint32_t pcr, type;
        const char *name;
        struct bs_span value;
    } wrong[] = {
        { 6, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBoot", { (const uint8_t *)"", 1 } },
        { 7, EVENTLOG_VARIABLE_AUTHORITY, "SecureBoot", { (const uint8_t *)"", 1 } },
        { 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBook", { (const uint8_t *)"", 1 } },
        { 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBoot", { (const uint8_t *)"", 0 } },
        { 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBoot", { (const uint8_t *)"\0", 2 } },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        put_sha256_header(&bytes);
        put_variable(&bytes, wrong[i].pcr, wrong[i].type, wrong[i].name, wrong[i].value);
        put_event(&bytes, 4, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0", 4));
        assert_no_splice(bs_buf_span(&bytes), unknown);
    }
    BS_SCOPED_BUF struct bs_buf short_data = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&short_data);
    put_measured(&short_data, 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, BS_SPAN("short", 5));
    put_event(&short_data, 4, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0", 4));
    assert_no_splice(bs_buf_span(&short_data), unknown);
}

/* EV_NO_ACTION may name any PCR and was never measured: here one pretends to be the separator, and one the stub. */
static void events_that_were_not_measured_decide_nothing(void **state)
{
    (void)state;
    static const uint16_t sha256[] = { CRYPTO_SHA256 };
    char text[1000];
    struct eventlog log, events, joined;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    ukimaker_events(&(struct ukimaker){ .stub = STUB_252 }, &cut, &events);
    assert_ok(uki_write_plain_firmware(sha256, 1, &bytes));
    put_event(&bytes, 11, EVENTLOG_NO_ACTION, 0, BS_SPAN_NONE);
    put_event(&bytes, 4, EVENTLOG_BOOT_APPLICATION, 0xb1, BS_SPAN_NONE);
    put_event(&bytes, 12, EVENTLOG_NO_ACTION, 0, BS_SPAN_NONE);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    splice(&log, &events, &out, &joined);
    ukimaker_describe(&joined, text, sizeof(text));
    assert_string_equal(text, "7 4 4 4 11:.linux 11:.linux 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_log_taken_apart_and_joined_leads_to_the_same_pcrs),
        cmocka_unit_test(a_uki_behind_other_logs_leads_to_its_pcrs),
        cmocka_unit_test(with_secure_boot_the_kernel_is_not_measured_into_pcr_4),
        cmocka_unit_test(a_boot_loader_before_the_stub_stays),
        cmocka_unit_test(logs_that_do_not_tell_enough_are_refused),
        cmocka_unit_test(a_variable_whose_digest_is_another_one_says_nothing),
        cmocka_unit_test(only_the_measured_variable_says_whether_secure_boot_is_on),
        cmocka_unit_test(events_that_were_not_measured_decide_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
