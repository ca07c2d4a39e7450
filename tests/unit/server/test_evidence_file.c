/* Evidence files: what a server writes is read again, and what is not whole or not known is refused by name. */
#include "unit/unit.h"

#include "core/eventlog.h"
#include "server/policy/evidence_file.h"
#include "unit/logmaker.h"

static void fill(struct evidence_file *file, const char *command_line)
{
    *file = EVIDENCE_FILE_INIT;
    file->boot.bank = CRYPTO_SHA256;
    file->boot.mask = 1u << 0 | 1u << 12 | 1u << 23;
    memset(file->boot.pcrs[0], 0x10, 32);
    memset(file->boot.pcrs[23], 0x23, 32);
    file->cap_pcr = 12;
    file->firmware_version = UINT64_C(0x000700551234fffe);
    strcpy(file->manufacturer, "id:49465800");
    assert_ok(bs_buf_append(&file->boot.log, "a\0log", 5));
    assert_ok(bs_buf_append_string(&file->boot.userspace_log, "\x1e{}\n"));
    assert_ok(bs_buf_append_string(&file->boot.command_line, command_line));
}

static void assert_same(const struct evidence_file *a, const struct evidence_file *b)
{
    assert_int_equal(a->boot.bank, b->boot.bank);
    assert_int_equal(a->boot.mask, b->boot.mask);
    assert_memory_equal(a->boot.pcrs, b->boot.pcrs, sizeof(a->boot.pcrs));
    assert_true(bs_span_equal(bs_buf_span(&a->boot.log), bs_buf_span(&b->boot.log)));
    assert_true(bs_span_equal(bs_buf_span(&a->boot.userspace_log), bs_buf_span(&b->boot.userspace_log)));
    assert_true(bs_span_equal(bs_buf_span(&a->boot.command_line), bs_buf_span(&b->boot.command_line)));
    assert_int_equal(a->cap_pcr, b->cap_pcr);
    assert_true(a->firmware_version == b->firmware_version);
    assert_string_equal(a->manufacturer, b->manufacturer);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    /* The last one is no UTF-8: a kernel takes any bytes. */
    static const char *const lines[] = { "", "ro quiet", "dm-mod.create=\"root,,0,ro, 0 1\" x=\\ \xc3\xa4",
                                         "a=\xff b" };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct evidence_file file, found = EVIDENCE_FILE_INIT;
        struct evidence_file_fault fault;
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVIDENCE_FILE_SIZE_MAX);
        fill(&file, lines[i]);
        assert_ok(evidence_file_write(&file, &text));
        if (evidence_file_read(bs_buf_span(&text), &found, &fault) != BS_OK)
            fail_msg("%s", fault.text);
        assert_true(found.is_quoted);
        assert_same(&file, &found);
        evidence_file_free(&file);
        evidence_file_free(&found);
    }
}

static void assert_refused(const char *text, const char *because)
{
    struct evidence_file file = EVIDENCE_FILE_INIT;
    struct evidence_file_fault fault;
    assert_err(evidence_file_read(bs_span_of_string(text), &file, &fault), BS_ERR_INPUT);
    if (!strstr(fault.text, because))
        fail_msg("\"%s\" does not say \"%s\" (%s)", fault.text, because, text);
    evidence_file_free(&file);
}

#define HEAD "{\"format\":\"bootseal-evidence-1\",\"bank\":\"sha1\",\"cap_pcr\":12,\"firmware_log\":\"\""
#define PCRS "\"pcrs\":{\"4\":\"00112233445566778899aabbccddeeff00112233\"}"

static void what_is_wrong_is_refused_by_name(void **state)
{
    (void)state;
    struct evidence_file file = EVIDENCE_FILE_INIT;
    struct evidence_file_fault fault;
    assert_ok(evidence_file_read(bs_span_of_string(" " HEAD "," PCRS "}\n"), &file, &fault));
    assert_int_equal(file.boot.mask, 1u << 4);
    evidence_file_free(&file);
    assert_refused("", "neither an evidence file nor an event log");
    assert_refused("{}", "format is missing");
    assert_refused("{\"format\":\"bootseal-evidence-2\"}", "bootseal-evidence-2");
    assert_refused("{\"format\":\"a\x7f\xff\xe2\x80\xae\"}", "its format is 'a?"
                                                             "?"
                                                             "?'");
    assert_refused(HEAD "," PCRS ",\"tpm\":{\"manufacturer\":\"id:\x7f\"}}", "tpm.manufacturer");
    assert_refused(HEAD "," PCRS ",\"tpm\":{\"manufacturer\":\"id:\xff\"}}", "tpm.manufacturer");
    assert_refused(HEAD "}", "pcrs is missing");
    assert_refused(HEAD ",\"pcrs\":{}}", "pcrs is empty");
    assert_refused("{\"bank\":\"sha256\",\"cap_pcr\":12," PCRS "}", "format is missing");
    assert_refused("{\"format\":\"bootseal-evidence-1\",\"bank\":\"sha256\",\"cap_pcr\":12,\"firmware_log\":\"\"," PCRS
                   "}",
                   "PCR 4 has 20 bytes");
    assert_refused("{\"format\":\"bootseal-evidence-1\",\"bank\":\"sha256\",\"cap_pcr\":12," PCRS "}",
                   "firmware_log is missing");
    assert_refused("{\"format\":\"bootseal-evidence-1\",\"bank\":\"sha1\",\"firmware_log\":\"\"," PCRS "}",
                   "cap_pcr is missing");
    assert_refused("{\"bank\":\"md5\"}", "sha1, sha256, sha384 and sha512");
    assert_refused("{\"cap_pcr\":24}", "cap_pcr");
    assert_refused("{\"pcrs\":{\"24\":\"00\"}}", "'24' is no number of a PCR");
    assert_refused("{\"pcrs\":{\"04\":\"00\"}}", "'04' is no number of a PCR");
    assert_refused("{\"pcrs\":{\"4\":\"00\",\"4\":\"00\"}}", "twice");
    assert_refused("{\"pcrs\":{\"4\":\"0g\"}}", "not hexadecimal");
    assert_refused("{\"firmware_log\":\"a\"}", "firmware_log is not base64");
    assert_refused("{\"userspace_log\":7}", "userspace_log is not base64");
    assert_refused("{\"command_line\":\"\\x\"}", "command_line is no JSON string");
    assert_refused("{\"tpm\":{\"firmware_version\":\"1.2.3\"}}", "four numbers");
    assert_refused("{\"tpm\":{\"manufacturer\":\"id:494658000000000\"}}", "longer than any");
    assert_refused("{\"tpm\":{\"maker\":\"IFX\"}}", "each once");
    assert_refused("{\"tpm\":{\"manufacturer\":\"a\",\"manufacturer\":\"b\"}}", "each once");
    assert_refused("{\"userspace_logs\":\"\"}", "'userspace_logs' is no member");
    assert_refused(HEAD "," PCRS ",\"bank\":\"sha1\"}", "bank stands there twice");
    assert_refused(HEAD "," PCRS ",\"command_line\":\"a\",\"command_line_base64\":\"YQ==\"}", "one or the other");
    assert_refused(HEAD "," PCRS, "not whole");
    assert_refused(HEAD "," PCRS "}}", "not whole");
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVIDENCE_FILE_SIZE_MAX);
    assert_ok(bs_buf_append_string(&text, "{\"command_line\":\""));
    for (int i = 0; i <= STORE_COMMAND_LINE_MAX; i++)
        assert_ok(bs_buf_append_string(&text, "x"));
    assert_ok(bs_buf_append(&text, "\"}", 3));
    assert_refused((const char *)text.data, "larger than 4096 bytes");
    bs_buf_reset(&text);
    assert_ok(bs_buf_append_string(&text, "{\"userspace_log\":\""));
    for (int i = 0; i <= STORE_USERSPACE_LOG_MAX / 3; i++)
        assert_ok(bs_buf_append_string(&text, "AAAA"));
    assert_ok(bs_buf_append(&text, "\"}", 3));
    assert_refused((const char *)text.data, "userspace_log is larger than 65536 bytes");
}

static void a_log_by_itself_is_replayed_and_quoted_by_nobody(void **state)
{
    (void)state;
    struct evidence_file file = EVIDENCE_FILE_INIT;
    struct evidence_file_fault fault;
    struct eventlog log;
    struct eventlog_replay replay;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&bytes);
    put_event(&bytes, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN("StartupLocality\0\3", 17));
    put_measured(&bytes, 4, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
    put_event(&bytes, 9, EVENTLOG_IPL, 0x5a, bs_span_of_string("x"));
    if (evidence_file_read(bs_buf_span(&bytes), &file, &fault) != BS_OK)
        fail_msg("%s", fault.text);
    assert_false(file.is_quoted);
    assert_int_equal(file.boot.bank, CRYPTO_SHA256);
    assert_int_equal(file.boot.mask, 1u << 4 | 1u << 9);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    assert_memory_equal(file.boot.pcrs[9], replay.values[9], 32);
    assert_memory_equal(file.boot.pcrs[0], bs_zeros, 32); /* no event is its, whatever its beginning */
    assert_true(bs_span_equal(bs_buf_span(&file.boot.log), bs_buf_span(&bytes)));
    evidence_file_free(&file);
    put_event(&bytes, 99, EVENTLOG_IPL, 0x5a, bs_span_of_string("x"));
    file = EVIDENCE_FILE_INIT;
    assert_err(evidence_file_read(bs_buf_span(&bytes), &file, &fault), BS_ERR_INPUT);
    assert_non_null(strstr(fault.text, "event 4 at byte"));
    evidence_file_free(&file);
}

static void versions_are_four_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = { "",       "1",         "1.2.3",    "1.2.3.",  "1.2.3.4.5", "65536.0.0.0",
                                       "1..2.3", "0x1.0.0.0", "01.2.3.4", " 1.2.3.4" };
    char text[EVIDENCE_VERSION_SIZE];
    uint64_t version = 0;
    assert_ok(evidence_version_parse(bs_span_of_string("7.85.4660.65534"), &version));
    assert_true(version == UINT64_C(0x000700551234fffe));
    evidence_version_format(version, text);
    assert_string_equal(text, "7.85.4660.65534");
    for (size_t i = 0; i < COUNT(bad); i++)
        if (evidence_version_parse(bs_span_of_string(bad[i]), &version) != BS_ERR_INPUT)
            fail_msg("%s", bad[i]);
    assert_err(evidence_version_parse(BS_SPAN("1.2.3\0x.4", 9), &version), BS_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_is_wrong_is_refused_by_name),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(a_log_by_itself_is_replayed_and_quoted_by_nobody),
        cmocka_unit_test(versions_are_four_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
