/* Logs of confidential machines, which have a TPM's form and are none: told where it is certain, and no TPM's log for one. */
#include "unit.h"

#include "core/eventlog.h"
#include "logmaker.h"

#define GLOBAL_GUID "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define TEXT(t) BS_SPAN(t, sizeof(t) - 1)

static const uint16_t sha384[] = { CRYPTO_SHA384, 0 }, bank384[] = { CRYPTO_SHA384, 48, 0 };

static void put_secure_boot(struct bs_buf *log, uint32_t pcr, const uint16_t *hashes)
{
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(200);
    put_variable_data(&data, GLOBAL_GUID, "SecureBoot", TEXT("\1"));
    put_with_hashes(log, pcr, EVENTLOG_VARIABLE_DRIVER_CONFIG, hashes, bs_buf_span(&data));
}

static void registers_of_a_confidential_machine_are_no_pcrs(void **state)
{
    (void)state;
    static const uint16_t sha256[] = { CRYPTO_SHA256, 0 }, bank256[] = { CRYPTO_SHA256, 32, 0 };
    static const struct {
        uint32_t secure_boot, last;
        bool is_sha384, is_ccel;
    } logs[] = {
        { 1, 2, true, true }, { 1, 4, true, true }, { 1, 5, true, false }, { 7, 1, true, false }, { 1, 2, false, false }
    };
    for (size_t i = 0; i < COUNT(logs); i++) {
        struct eventlog log;
        struct eventlog_fault fault = { .kind = EVENTLOG_FAULT_EMPTY };
        const uint16_t *hashes = logs[i].is_sha384 ? sha384 : sha256;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
        put_header(&bytes, logs[i].is_sha384 ? bank384 : bank256);
        put_with_hashes(&bytes, 0xffffffff, EVENTLOG_NO_ACTION, hashes, TEXT("SP800-155 Event"));
        put_with_hashes(&bytes, 1, 0xa, hashes, TEXT("td_hob"));
        put_secure_boot(&bytes, logs[i].secure_boot, hashes);
        put_with_hashes(&bytes, logs[i].last, EVENTLOG_SEPARATOR, hashes, TEXT("\0\0\0\0"));
        assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), logs[i].is_ccel ? BS_ERR_INPUT : BS_OK);
        assert_int_equal(fault.kind, logs[i].is_ccel ? EVENTLOG_FAULT_CCEL : EVENTLOG_FAULT_EMPTY);
    }
    static const struct {
        uint32_t pcr, type;
    } telling[] = { { 2, EVENTLOG_EFI_ACTION }, { 3, EVENTLOG_IPL } };
    for (size_t i = 0; i < COUNT(telling); i++) {
        struct eventlog log;
        struct eventlog_fault fault;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(2000);
        put_header(&bytes, bank384);
        put_with_hashes(&bytes, telling[i].pcr, telling[i].type, sha384, TEXT("x"));
        assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
        assert_int_equal(fault.kind, EVENTLOG_FAULT_CCEL);
    }
}

/* TD_SHIM_PLATFORM_CONFIG_INFO: the name in 16 bytes, the size of the rest. */
static void put_config_info(struct bs_buf *data, const char name[16], uint32_t size, struct bs_span info)
{
    put_bytes(data, name, 16);
    put_le32(data, size);
    put_bytes(data, info.data, info.size);
}

/* As td-shim writes it: HOB, payload, its parameters, and two separators. */
static void put_td_shim(struct bs_buf *log, uint32_t hob_type, struct bs_span hob)
{
    BS_SCOPED_BUF struct bs_buf parameter = BS_BUF(200);
    put_config_info(&parameter, "td_payload_info", 5, TEXT("quiet"));
    put_with_hashes(log, 1, hob_type, sha384, hob);
    put_with_hashes(log, 2, EVENTLOG_FIRMWARE_BLOB2, sha384, TEXT("\x0btd_payload\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"));
    put_with_hashes(log, 2, EVENTLOG_PLATFORM_CONFIG_FLAGS, sha384, bs_buf_span(&parameter));
    put_with_hashes(log, 1, EVENTLOG_SEPARATOR, sha384, TEXT("\0\0\0\0"));
    put_with_hashes(log, 2, EVENTLOG_SEPARATOR, sha384, TEXT("\0\0\0\0"));
}

static void td_shims_log_is_told_by_what_it_measures_first(void **state)
{
    (void)state;
    static const char descriptor[16] = "td_hob", other[16] = "td_hob2";
    static const struct {
        const char *name;
        uint32_t size, type, more;
        bool is_ccel;
    } logs[] = {
        { descriptor, 4, EVENTLOG_PLATFORM_CONFIG_FLAGS, 1, true },
        { descriptor, 4, EVENTLOG_PLATFORM_CONFIG_FLAGS, 4, true },
        { descriptor, 4, EVENTLOG_PLATFORM_CONFIG_FLAGS, 5, false }, /* there is no such register */
        { descriptor, 5, EVENTLOG_PLATFORM_CONFIG_FLAGS, 1, false },
        { descriptor, 3, EVENTLOG_PLATFORM_CONFIG_FLAGS, 1, false },
        { other, 4, EVENTLOG_PLATFORM_CONFIG_FLAGS, 1, false },
        { descriptor, 4, EVENTLOG_NONHOST_INFO, 1, false },
    };
    for (size_t i = 0; i < COUNT(logs); i++) {
        struct eventlog log;
        struct eventlog_fault fault = { .kind = EVENTLOG_FAULT_EMPTY };
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(4000), hob = BS_BUF(200);
        put_config_info(&hob, logs[i].name, logs[i].size, TEXT("list"));
        put_header(&bytes, bank384);
        put_td_shim(&bytes, logs[i].type, bs_buf_span(&hob));
        put_with_hashes(&bytes, logs[i].more, EVENTLOG_NONHOST_INFO, sha384, TEXT("x"));
        assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), logs[i].is_ccel ? BS_ERR_INPUT : BS_OK);
        assert_int_equal(fault.kind, logs[i].is_ccel ? EVENTLOG_FAULT_CCEL : EVENTLOG_FAULT_EMPTY);
    }
}

static void the_same_words_elsewhere_tell_nothing(void **state)
{
    (void)state;
    static const char descriptor[16] = "td_hob";
    static const uint16_t both[] = { CRYPTO_SHA384, CRYPTO_SHA256, 0 };
    static const uint16_t banks[] = { CRYPTO_SHA384, 48, CRYPTO_SHA256, 32, 0 };
    for (uint32_t pcr = 0; pcr < 3; pcr++) {
        struct eventlog log;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(4000), hob = BS_BUF(200);
        put_config_info(&hob, descriptor, 4, TEXT("list"));
        /* In another register, or where there is a second bank: a TD has one. */
        put_header(&bytes, pcr == 1 ? banks : bank384);
        put_with_hashes(&bytes, pcr, EVENTLOG_PLATFORM_CONFIG_FLAGS, pcr == 1 ? both : sha384, bs_buf_span(&hob));
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
        /* Nor is it read beyond what is there. */
        bs_buf_reset(&bytes);
        put_header(&bytes, bank384);
        put_with_hashes(&bytes, 1, EVENTLOG_PLATFORM_CONFIG_FLAGS, sha384, BS_SPAN(hob.data, 16 + pcr));
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_of_a_confidential_machine_are_no_pcrs),
        cmocka_unit_test(td_shims_log_is_told_by_what_it_measures_first),
        cmocka_unit_test(the_same_words_elsewhere_tell_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
