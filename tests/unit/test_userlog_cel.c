/* CEL-JSON of whole boots, as systemd-pcrlock and others write it: the firmware's events among the records, and how hashes are named. */
#include "unit.h"

#include "core/bootlog.h"
#include "core/eventlog_hash.h"
#include "core/eventlog_more.h"
#include "core/userlog_firmware.h"
#include "logmaker.h"

#define ZEROS_SHA256 "df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119" /* of four zeros */

static void open_one(const char *text, struct userlog *ret_log, struct userlog_record *ret_record)
{
    struct userlog_fault fault = { .what = "" };
    if (userlog_open(bs_span_of_string(text), ret_log, &fault) != BS_OK)
        fail_msg("%s: %s", text, fault.what);
    struct userlog_cursor c = userlog_first(ret_log);
    assert_true(userlog_next(&c, ret_record));
}

static void hashes_have_names_of_several_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t alg;
    } names[] = {
        { "\"sha256\"", CRYPTO_SHA256 },
        { "\"SHA256\"", CRYPTO_SHA256 },
        { "\"TPM2_ALG_SHA256\"", CRYPTO_SHA256 },
        { "\"TPM_ALG_SHA256\"", CRYPTO_SHA256 },
        { "\"0x000B\"", CRYPTO_SHA256 },
        { "\"0xb\"", CRYPTO_SHA256 },
        { "11", CRYPTO_SHA256 },
        { "\"sha3-256\"", EVENTLOG_SHA3_256 },
        { "\"TPM_ALG_SHA3_256\"", EVENTLOG_SHA3_256 },
        { "39", EVENTLOG_SHA3_256 },
        { "\"sm3_256\"", EVENTLOG_SM3_256 },
        { "\"0x0012\"", EVENTLOG_SM3_256 },
        { "18", EVENTLOG_SM3_256 },
        { "\"whirlpool\"", 0 },
        { "\"0x0071\"", 0 },
        { "113", 0 },
        { "65536", 0 },
        { "null", 0 },
        { "\"0x10000b\"", 0 },
        { "\"tpm_alg_\"", 0 },
        { "\"0x\"", 0 },
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct userlog log;
        struct userlog_record record;
        char text[200];
        snprintf(text, sizeof(text), "{\"pcr\":1,\"digests\":[{\"hashAlg\":%s,\"digest\":\"" ZEROS_SHA256 "\"}]}",
                 names[i].name);
        open_one(text, &log, &record);
        if (record.digest_count != (names[i].alg != 0) ||
            (names[i].alg != 0 && userlog_digest(&record, names[i].alg).size != 32))
            fail_msg("%s", names[i].name);
    }
}

static void a_hash_without_a_name_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "\"\"", "x", "[" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct userlog log;
        struct userlog_fault fault = { .what = "" };
        char text[200];
        snprintf(text, sizeof(text), "{\"pcr\":1,\"digests\":[{\"hashAlg\":%s,\"digest\":\"" ZEROS_SHA256 "\"}]}",
                 wrong[i]);
        assert_err(userlog_open(bs_span_of_string(text), &log, &fault), BS_ERR_INPUT);
        assert_string_equal(fault.what, "a digest of the record is not whole");
    }
}

static void types_have_names_of_several_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t type;
    } names[] = {
        { "EV_SEPARATOR", EVENTLOG_SEPARATOR },
        { "ev_separator", EVENTLOG_SEPARATOR },
        { "EV_S-CRTM-VERSION", EVENTLOG_CRTM_VERSION },
        { "ev_efi_spdm_device_authority", EVENTLOG_SPDM_DEVICE_AUTHORITY },
        { "EV_EFI_HCRTM_EVENT", EVENTLOG_HCRTM },
        { "EV_PREBOOT_CERT", 0 },
        { "2147483655", EVENTLOG_EFI_ACTION },
        { "4294967296", UINT32_MAX },
        { "EV_SEPARATORS", UINT32_MAX },
        { "EV_SEPARATO", UINT32_MAX },
        { "", UINT32_MAX },
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (userlog_event_type(bs_span_of_string(names[i].name)) != names[i].type)
            fail_msg("%s", names[i].name);
}

#define RECORD(type, data)                                                                    \
    "{\"recnum\":0,\"pcr\":0,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"" ZEROS_SHA256 \
    "\"}],\"content_type\":\"pcclient_std\",\"content\":{\"event_type\":" type ",\"event_data\":\"" data "\"}}"

#define SMALL "{\"digests\":[],\"pcr\":3}"

static void an_event_of_the_firmware_comes_back(void **state)
{
    (void)state;
    struct userlog log;
    struct userlog_record record;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(100);
    open_one(RECORD("\"EV_SEPARATOR\"", "00000000"), &log, &record);
    assert_true(record.has_pcr);
    assert_true(userlog_firmware_event(&record, &data, &event));
    assert_int_equal(event.type, EVENTLOG_SEPARATOR);
    assert_true(bs_span_equal(event.data, BS_SPAN("\0\0\0\0", 4)));
    assert_int_equal(eventlog_measured(&event, CRYPTO_SHA256, NULL), EVENTLOG_DATA_MEASURED);

    open_one(RECORD("4", "00000000"), &log, &record);
    assert_true(userlog_firmware_event(&record, &data, &event));
    assert_int_equal(event.type, EVENTLOG_SEPARATOR);

    static const char *const none[] = { RECORD("4", "0000000"), RECORD("4", "0000000x"), RECORD("\"EV_WHAT\"", ""),
                                        "{\"pcr\":1,\"digests\":[],\"content\":{\"string\":\"x\"}}" };
    for (size_t i = 0; i < COUNT(none); i++) {
        open_one(none[i], &log, &record);
        assert_false(userlog_firmware_event(&record, &data, &event));
        assert_true(record.has_pcr);
    }
}

/* PCR 0 after a start at locality 3 and one separator. */
static void what_extends_nothing_is_not_replayed_but_believed(void **state)
{
    (void)state;
    static const char text[] =
        "[" RECORD("\"EV_NO_ACTION\"", "537461727475704c6f63616c6974790003") "," RECORD("4", "00000000") "]";
    struct bootlog log;
    struct bootlog_missing missing;
    struct eventlog_replay replay;
    uint8_t joined[64] = { 0 }, expected[32];
    char why[BOOTLOG_WHY_MAX] = "";
    joined[31] = 3;
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN("\0\0\0\0", 4), joined + 32));
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(joined, 64), expected));
    assert_ok(bootlog_open(bs_span_of_string(text), NULL, &log, why));
    assert_ok(bootlog_replay(&log, CRYPTO_SHA256, &replay, &missing));
    assert_memory_equal(replay.values[0], expected, 32);
    assert_int_equal(replay.mask, 1);

    static const char *const none[] = { RECORD("\"EV_NO_ACTION\"", ""), RECORD("\"ev_no_action\"", ""),
                                        RECORD("3", "") };
    for (size_t i = 0; i < COUNT(none); i++) {
        struct userlog other;
        struct userlog_record record;
        open_one(none[i], &other, &record);
        assert_false(record.has_pcr);
    }
}

static void records_of_the_firmware_are_shown_in_words(void **state)
{
    (void)state;
    static const char text[] = " \t\r\n[" RECORD("\"EV_NO_ACTION\"", "537461727475704c6f63616c6974790003") "," RECORD(
        "4", "00000000") "," RECORD("\"EV_S_CRTM_VERSION\"", "31") ",\n{\"pcr\":1,\"digests\":[],\"content_type\":5}]";
    struct bootlog log;
    char why[BOOTLOG_WHY_MAX] = "";
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(10000), json = BS_BUF(10000);
    assert_ok(bootlog_open(bs_span_of_string(text), NULL, &log, why));
    assert_ok(bootlog_show(&log, &out));
    assert_ok(bs_buf_append(&out, "", 1));
    static const char expected[] =
        "of the whole boot, in CEL-JSON\n"
        "    0   -  EV_NO_ACTION                        the TPM was started at locality 3\n"
        "    1   0  EV_SEPARATOR                      = separator: end of the firmware's own part\n"
        "    2   0  EV_S_CRTM_VERSION                 ! firmware version \"1\"\n"
        "                                              sha256 " ZEROS_SHA256 "\n"
        "    3   1  5                                 ? \n";
    out.data[sizeof(expected) - 1] = '\0';
    assert_string_equal((const char *)out.data, expected);

    assert_ok(bootlog_show_json(&log, &json));
    assert_ok(bs_buf_append(&json, "", 1));
    assert_non_null(strstr((const char *)json.data,
                           "{\"index\":0,\"pcr\":null,\"content_type\":\"pcclient_std\",\"type\":\"EV_NO_ACTION\","));
    assert_non_null(strstr((const char *)json.data,
                           "\"data\":\"wrong\",\"description\":\"firmware version \\\"1\\\"\",\"digests\":"));
}

static void the_firmwares_events_are_extended_once(void **state)
{
    (void)state;
    struct bootlog log;
    char why[BOOTLOG_WHY_MAX] = "";
    const struct bs_span whole = bs_span_of_string("[" SMALL "," RECORD("4", "00000000") "]"),
                         rest = bs_span_of_string("[" SMALL "]");
    BS_SCOPED_BUF struct bs_buf firmware = BS_BUF(1000);
    put_sha256_header(&firmware);
    assert_ok(bootlog_open(bs_buf_span(&firmware), &rest, &log, why));
    assert_ok(bootlog_open(whole, NULL, &log, why));
    assert_err(bootlog_open(bs_buf_span(&firmware), &whole, &log, why), BS_ERR_INPUT);
    assert_string_equal(why,
                        "the userspace's log repeats the firmware's events: give it alone, it is of the whole boot");
    /* Also by a program that knows no more, as the agent. */
    const struct eventlog_more *more = eventlog_more;
    eventlog_more = NULL;
    enum bs_err err = bootlog_open(bs_buf_span(&firmware), &whole, &log, why);
    eventlog_more = more;
    assert_err(err, BS_ERR_INPUT);
}

static void a_register_of_a_confidential_machine_is_named(void **state)
{
    (void)state;
    struct userlog log;
    struct userlog_fault fault = { .what = "" };
    static const char text[] = "{\"rtmr\":2,\"mapped_pcr\":11,\"digests\":[]}";
    assert_err(userlog_open(bs_span_of_string(text), &log, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what,
                        "the record is of a register of a confidential virtual machine (RTMR), and not of a PCR");
}

static void a_persons_file_may_be_longer_than_a_devices(void **state)
{
    (void)state;
    struct userlog log;
    struct userlog_fault fault = { .what = "" };
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(2 * USERLOG_FILE_SIZE_MAX);
    for (size_t i = 0; i < USERLOG_FILE_RECORDS_MAX; i++)
        assert_ok(bs_buf_append_string(&text, SMALL "\n"));
    assert_err(userlog_open(bs_buf_span(&text), &log, NULL), BS_ERR_INPUT);
    assert_ok(userlog_open_file(bs_buf_span(&text), &log, NULL));
    assert_int_equal(log.record_count, USERLOG_FILE_RECORDS_MAX);
    assert_ok(bs_buf_append_string(&text, SMALL));
    assert_err(userlog_open_file(bs_buf_span(&text), &log, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, "the log has too many records");

    bs_buf_reset(&text);
    while (text.size <= USERLOG_FILE_SIZE_MAX)
        assert_ok(bs_buf_append_string(&text, "                "));
    assert_err(userlog_open_file(bs_buf_span(&text), &log, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, "the log is larger than 4 MiB");

    struct bootlog boot;
    char why[BOOTLOG_WHY_MAX];
    bs_buf_reset(&text);
    for (size_t i = 0; i <= USERLOG_RECORDS_MAX; i++)
        assert_ok(bs_buf_append_string(&text, SMALL));
    assert_ok(bootlog_open(bs_buf_span(&text), NULL, &boot, why));
    assert_int_equal(boot.userspace.record_count, USERLOG_RECORDS_MAX + 1);
}

int main(void)
{
    eventlog_know_more();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_have_names_of_several_kinds),
        cmocka_unit_test(a_hash_without_a_name_is_refused),
        cmocka_unit_test(types_have_names_of_several_kinds),
        cmocka_unit_test(an_event_of_the_firmware_comes_back),
        cmocka_unit_test(what_extends_nothing_is_not_replayed_but_believed),
        cmocka_unit_test(records_of_the_firmware_are_shown_in_words),
        cmocka_unit_test(the_firmwares_events_are_extended_once),
        cmocka_unit_test(a_register_of_a_confidential_machine_is_named),
        cmocka_unit_test(a_persons_file_may_be_longer_than_a_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
