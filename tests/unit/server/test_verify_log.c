/*
 * The logs of a boot: what userspace measured, and the checks that no configuration switches off. Each is refused with its own reason, and
 * would be a whole boot if the check were taken out of server/verify_log*.c.
 */
#include "log_scene.h"

#include <string.h>

#include "bootseal/cap.h"
#include "unit/cbor_edit.h"
#include "unit/logmaker.h"

/* Values */

static void a_pcr_at_its_reset_value_has_no_events(void **state)
{
    memset(tpm.pcrs[9], 0, 32);
    expect_words(state, BS_REASON_LOG_MISMATCH, "at its reset value, and the log has events");
}

static void demand(struct lab *lab, uint32_t pcr)
{
    lab->server->config.measure_mask |= UINT32_C(1) << pcr;
    tpm.mask |= UINT32_C(1) << pcr;
}

static void a_pcr_of_the_dynamic_launch_is_untouched_while_it_holds_ones(void **state)
{
    demand(*state, 17);
    memset(tpm.pcrs[17], 0xff, 32);
    expect_whole(state);
    memset(tpm.pcrs[17], 0, 32);
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 17");
}

static void the_pcr_of_ima_is_told_by_name(void **state)
{
    demand(*state, 10);
    extend(10, "a file");
    expect_words(state, BS_REASON_LOG_MISMATCH, "IMA");
}

/* Separators */

/* As lab_log(), but for the events of PCR 4: four bytes each. */
static void boot_with(const uint32_t *types, const char *const *events, size_t count)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    put_sha256_header(&log);
    for (uint32_t pcr = 0; pcr < 8; pcr += pcr == 0 || pcr == 2 ? 2 : 3) /* 0, 2, 4, 7 */
        if (pcr != 4)
            put_measured(&log, pcr, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
    for (size_t i = 0; i < count; i++)
        put_measured(&log, 4, types[i], BS_SPAN(events[i], 4));
    put_measured(&log, 9, EVENTLOG_IPL, bs_span_of_string("initrd"));
    put_measured(&log, 11, EVENTLOG_IPL, bs_span_of_string("a section"));
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
}
#define BOOT_WITH(...) \
    boot_with(types, (const char *const[]){ __VA_ARGS__ }, COUNT(((const char *const[]){ __VA_ARGS__ })))

/* Of PCR 4, or of an NV index of that number. */
static void put_separator_record(const char *what)
{
    uint8_t hash[32];
    char hex[65];
    assert_ok(crypto_sha256(&BS_SPAN("\0\0\0\0", 4), 1, hash));
    bs_hex(BS_SPAN(hash, 32), hex);
    userspace_size =
        (size_t)snprintf(userspace, sizeof(userspace),
                         "{\"%s\":4,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}]}\n", what, hex);
}

static void one_separator_of_either_kind_ends_the_firmwares_part(void **state)
{
    const uint32_t types[] = { EVENTLOG_SEPARATOR, EVENTLOG_IPL, EVENTLOG_IPL };
    BOOT_WITH("\0\0\0\0", "next");
    expect_whole(state);
    BOOT_WITH("\xff\xff\xff\xff", "next");
    expect_whole(state);
}

static void a_second_separator_is_refused_whatever_it_is_called(void **state)
{
    const uint32_t types[] = { EVENTLOG_SEPARATOR, EVENTLOG_IPL, EVENTLOG_IPL };
    BOOT_WITH("\0\0\0\0", "next", "\0\0\0\0");
    expect_words(state, BS_REASON_LOG_SEPARATOR, "second separator");
    BOOT_WITH("\0\0\0\0", "\xff\xff\xff\xff");
    expect_words(state, BS_REASON_LOG_SEPARATOR, "second separator");
}

static void a_pcr_without_a_separator_is_refused(void **state)
{
    const uint32_t types[] = { EVENTLOG_IPL, EVENTLOG_SEPARATOR, EVENTLOG_IPL };
    BOOT_WITH("what");
    expect_words(state, BS_REASON_LOG_SEPARATOR, "no separator");
    BOOT_WITH("what", "ever"); /* its type says nothing */
    expect_words(state, BS_REASON_LOG_SEPARATOR, "no separator");
}

static void the_separator_of_an_error_is_refused_as_such(void **state)
{
    const uint32_t types[] = { EVENTLOG_SEPARATOR, EVENTLOG_IPL, EVENTLOG_IPL };
    BOOT_WITH("\1\0\0\0");
    expect_words(state, BS_REASON_LOG_SEPARATOR, "error");
    BOOT_WITH("\0\0\0\0", "\1\0\0\0");
    expect_words(state, BS_REASON_LOG_SEPARATOR, "error");
}

/* As an event of another register, or of a PCR that nobody demands. */
static void separators_of_what_is_not_quoted_are_not_counted(void **state)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, "good", false);
    put_measured(&log, 1, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    put_separator_record("nv_index");
    expect_approved(state);
}

static void the_caps_digest_in_another_pcr_is_an_event_as_any_other(void **state)
{
    measure(9, BS_CAP_EVENT);
    measure(9, "more");
    expect_whole(state);
}

/* Four zeros may be measured by whoever likes into a PCR that is not the firmware's. */
static void a_separators_digest_in_a_later_pcr_is_an_event_as_any_other(void **state)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, "good", false);
    for (int i = 0; i < 2; i++)
        put_measured(&log, 9, EVENTLOG_IPL, BS_SPAN("\0\0\0\0", 4));
    put_measured(&log, 9, EVENTLOG_IPL, BS_SPAN("\1\0\0\0", 4));
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    expect_whole(state);
}

/* Of PCR 4; `event` below 0: of no event of the firmware's log. */
static void expect_separator(void **state, int event)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_LOG_SEPARATOR);
    assert_int_equal(talk.answer.finding_count, 1);
    const struct message_finding *finding = &talk.answer.findings[0];
    assert_true(finding->has_pcr && finding->pcr == 4);
    assert_true(finding->has_event == (event >= 0));
    assert_int_equal(finding->event, event >= 0 ? event : 0);
}

/* Whatever else happened to its PCR, and wherever there is another one. */
static void the_first_wrong_separator_is_named_by_its_event(void **state)
{
    const uint32_t types[] = { EVENTLOG_SEPARATOR, EVENTLOG_IPL, EVENTLOG_SEPARATOR, EVENTLOG_IPL };
    BOOT_WITH("\0\0\0\0", "next", "\0\0\0\0", "last"); /* events 4 to 7 */
    expect_separator(state, 6);
    BOOT_WITH("what");
    expect_separator(state, -1);
    put_separator_record("pcr");
    assert_ok(softtpm_extend(&tpm, 4, BS_SPAN("\0\0\0\0", 4)));
    expect_separator(state, -1);
}

/* Part of the firmware's events in the place of userspace's, which leads to the same values. */
static void a_separator_in_the_log_of_userspace_is_refused(void **state)
{
    const uint32_t types[] = { EVENTLOG_IPL, EVENTLOG_SEPARATOR, EVENTLOG_IPL };
    BOOT_WITH("what");
    assert_ok(softtpm_extend(&tpm, 4, BS_SPAN("\0\0\0\0", 4)));
    put_separator_record("pcr");
    expect_words(state, BS_REASON_LOG_SEPARATOR, "userspace");
}

static void what_userspace_adds_behind_the_separator_is_explained(void **state)
{
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        measure(pcr, "os-separator");
    expect_whole(state);
}

static void where_no_measured_boot_is_required_an_untouched_pcr_needs_no_separator(void **state)
{
    struct lab *lab = *state;
    lab->server->config.measure_boot_required = false;
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    put_sha256_header(&log);
    put_measured(&log, 9, EVENTLOG_IPL, bs_span_of_string("initrd"));
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    expect_whole(state);
}

static void boot_vector(const char *name)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    read_vector(name, &log);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
}

/* Whatever wrote them: none of the checks is too narrow for firmware as it is. */
static void boots_of_real_firmware_are_whole(void **state)
{
    static const char *const names[] = {
        "arm64-aavmf-direct-kernel.bin", "arm64-aavmf-uki.bin",          "arm64-uboot-uki.bin",
        "direct-kernel-cloud.bin",       "ovmf-uki-cloud.bin",           "ovmf2M-direct-kernel-cloud.bin",
        "ovmf2M-uki-cloud-allbanks.bin", "ovmf2M-uki-cloud-espcred.bin", "ovmf2M-uki-cloud-sha256only.bin",
        "ovmf2M-uki-cloud-tis.bin",      "ovmf4M-uki-full.bin",          "ovmf4Msecboot-signed-uki.bin"
    };
    for (uint32_t pcr = 0; pcr < 16; pcr++)
        if (pcr != BS_CAP_PCR_DEFAULT)
            demand(*state, pcr);
    for (size_t i = 0; i < COUNT(names); i++) {
        boot_vector(names[i]);
        expect_whole(state);
        extend(4, "hidden");
        expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 4");
    }
}

static void every_bank_is_held_against_its_digests(void **state)
{
    static const uint16_t banks[] = { CRYPTO_SHA384, CRYPTO_SHA512 };
    struct lab *lab = *state;
    for (size_t i = 0; i < COUNT(banks); i++) {
        lab->server->config.measure_bank = tpm.bank = banks[i];
        boot_vector("ovmf2M-uki-cloud-allbanks.bin");
        expect_whole(state);
        extend(BS_CAP_PCR_DEFAULT, BS_CAP_EVENT);
        expect_words(state, BS_REASON_CAPPED, "reboot");
    }
}

/* Kinds and sizes of logs */

static void a_log_of_tpm_1_2_is_told_as_one(void **state)
{
    bs_buf_reset(&tpm.log);
    put_sha1_event(&tpm.log, 0, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0\0", 4));
    expect_words(state, BS_REASON_LOG_KIND, "TPM 1.2");
}

static void the_log_of_a_confidential_machine_is_told_as_one(void **state)
{
    bs_buf_reset(&tpm.log);
    put_bytes(&tpm.log, "CCEL8\0\0\0\1", 9);
    expect_words(state, BS_REASON_LOG_KIND, "CCEL");
}

static void other_logs_are_told_by_what_they_are(void **state)
{
    bs_buf_reset(&tpm.log);
    put_bytes(&tpm.log, "{\"pcr\":9}", 9);
    expect_words(state, BS_REASON_LOG_KIND, "JSON");
    bs_buf_reset(&tpm.log); /* big endian: PCR 4, type 13 */
    put_bytes(&tpm.log, "\0\0\0\4\0\0\0\15", 8);
    for (int i = 0; i < 6; i++)
        put_bytes(&tpm.log, i == 5 ? "\0\0\0\0" : "\1\1\1\1", 4);
    put_bytes(&tpm.log, "\0\0\0\0", 4);
    expect_words(state, BS_REASON_LOG_KIND, "big-endian");
}

static void a_log_with_too_many_events_is_refused(void **state)
{
    bs_buf_reset(&tpm.log);
    put_sha256_header(&tpm.log);
    for (int i = 0; i <= EVENTLOG_EVENTS_MAX; i++)
        put_bytes(&tpm.log, "\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_true(tpm.log.size < BS_EVENTLOG_MAX);
    expect_words(state, BS_REASON_LOG_TOO_LARGE, "too many events");
}

/* A request with so many bytes as its member `key`, zeros, which are not the log that was quoted. */
static void expect_member(void **state, int key, size_t size, const char *reason)
{
    static uint8_t zeros[BS_EVENTLOG_MAX + 1];
    BS_SCOPED_BUF struct bs_buf sent = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf member = BS_BUF(BS_REQUEST_MAX);
    TALK(talk, *state);
    request.channel = talk.channel;
    request.server_cert = talk.server_cert;
    assert_ok(softtpm_attest(&tpm, &request, &sent, &talk.statement));
    edit_put_head(&member, 2, size, size > UINT16_MAX ? 4 : 2);
    put_bytes(&member, zeros, size);
    edit_replace(bs_buf_span(&sent), EDIT_PATH(key), bs_buf_span(&member), &talk.body);
    talk_send_attest(&talk);
    assert_reason(&talk, MESSAGE_REFUSED, reason);
}

static void a_log_over_its_limit_is_told_as_one(void **state)
{
    put_record(9, NULL, "a record");
    expect_member(state, 4, BS_EVENTLOG_MAX, BS_REASON_LOG_HASH);
    expect_member(state, 4, BS_EVENTLOG_MAX + 1, BS_REASON_LOG_TOO_LARGE);
    expect_member(state, 5, BS_USERSPACE_LOG_MAX - 1, BS_REASON_LOG_HASH);
    expect_member(state, 5, BS_USERSPACE_LOG_MAX + 1, BS_REASON_LOG_TOO_LARGE);
    expect_member(state, 3, BS_TPM_MAX + 1, BS_REASON_MALFORMED);
}

/* With logs of just these limits, and something else that is wrong with the request. */
static void another_fault_beside_large_logs_is_not_told_as_theirs(void **state)
{
    static uint8_t zeros[BS_EVENTLOG_MAX];
    BS_SCOPED_BUF struct bs_buf sent = BS_BUF(BS_REQUEST_MAX);
    static const struct message_attest largest[] = {
        { .firmware_log = { zeros, BS_EVENTLOG_MAX } },
        { .userspace_log = { zeros, BS_USERSPACE_LOG_MAX } },
    };
    for (size_t i = 0; i < COUNT(largest); i++) {
        TALK(talk, *state);
        struct message_attest message = largest[i];
        message.statement = message.quote = message.signature = BS_SPAN("x", 1);
        bs_buf_reset(&sent);
        assert_ok(message_attest_encode(&message, &sent));
        edit_add(bs_buf_span(&sent), EDIT_TOP, 9, BS_SPAN("\0", 1), &talk.body);
        talk_send_attest(&talk);
        assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_MALFORMED);
    }
}

/* The logs lie beside the statement: it has their hashes, and the quote has its own. */

static void another_firmware_log(struct message_attest *m)
{
    static uint8_t changed[SOFTTPM_LOG_MAX];
    memcpy(changed, m->firmware_log.data, m->firmware_log.size);
    changed[m->firmware_log.size - 1] ^= 1;
    m->firmware_log.data = changed;
}

static void no_firmware_log(struct message_attest *m)
{
    m->firmware_log = BS_SPAN_NONE;
}

static void another_userspace_log(struct message_attest *m)
{
    m->userspace_log.size--;
}

static void no_userspace_log(struct message_attest *m)
{
    m->userspace_log = BS_SPAN_NONE;
}

static void a_log_that_is_not_stated(struct message_statement *s)
{
    s->firmware_log_sha256 = BS_SPAN_NONE;
}

static void a_userspace_log_that_is_not_stated(struct message_statement *s)
{
    s->userspace_log_sha256 = BS_SPAN_NONE;
}

static void a_log_other_than_the_quoted_one_is_refused(void **state)
{
    put_record(-1, NULL, "of no PCR"); /* changes nothing that a replay could see */
    static void (*const requests[])(struct message_attest * m) = { another_firmware_log, no_firmware_log,
                                                                   another_userspace_log, no_userspace_log };
    for (size_t i = 0; i < COUNT(requests); i++) {
        request.bend.request = requests[i];
        expect_words(state, BS_REASON_LOG_HASH, i < 2 ? "the firmware's" : "userspace's");
    }
    request.bend.request = NULL;
    request.bend.statement = a_log_that_is_not_stated;
    expect_words(state, BS_REASON_LOG_HASH, "the firmware's");
    request.bend.statement = a_userspace_log_that_is_not_stated;
    expect_words(state, BS_REASON_LOG_HASH, "userspace's");
}

/* One bit of each: nothing in a request, beside the statement or in it, is there without being held against something. */
static void no_byte_of_a_request_may_be_another(void **state)
{
    put_record(15, NULL, "of no quoted PCR");
    for (size_t at = 0, size = 1; at < size; at++) {
        TALK(talk, *state);
        request.channel = talk.channel;
        request.server_cert = talk.server_cert;
        assert_ok(softtpm_attest(&tpm, &request, &talk.body, &talk.statement));
        size = talk.body.size;
        if (at >= size) /* signatures are not all of one length */
            return;
        talk.body.data[at] ^= (uint8_t)(1u << at % 8);
        talk_send_attest(&talk);
        if (talk.answer.kind != MESSAGE_REFUSED)
            fail_msg("byte %zu of %zu: kind %d", at, size, talk.answer.kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_pcr_at_its_reset_value_has_no_events),
        LOG_TEST(a_pcr_of_the_dynamic_launch_is_untouched_while_it_holds_ones),
        LOG_TEST(the_pcr_of_ima_is_told_by_name),
        LOG_TEST(one_separator_of_either_kind_ends_the_firmwares_part),
        LOG_TEST(a_second_separator_is_refused_whatever_it_is_called),
        LOG_TEST(a_pcr_without_a_separator_is_refused),
        LOG_TEST(the_separator_of_an_error_is_refused_as_such),
        LOG_TEST(separators_of_what_is_not_quoted_are_not_counted),
        LOG_TEST(the_caps_digest_in_another_pcr_is_an_event_as_any_other),
        LOG_TEST(a_separators_digest_in_a_later_pcr_is_an_event_as_any_other),
        LOG_TEST(the_first_wrong_separator_is_named_by_its_event),
        LOG_TEST(a_separator_in_the_log_of_userspace_is_refused),
        LOG_TEST(what_userspace_adds_behind_the_separator_is_explained),
        LOG_TEST(where_no_measured_boot_is_required_an_untouched_pcr_needs_no_separator),
        LOG_TEST(boots_of_real_firmware_are_whole),
        LOG_TEST(every_bank_is_held_against_its_digests),
        LOG_TEST(a_log_of_tpm_1_2_is_told_as_one),
        LOG_TEST(the_log_of_a_confidential_machine_is_told_as_one),
        LOG_TEST(other_logs_are_told_by_what_they_are),
        LOG_TEST(a_log_with_too_many_events_is_refused),
        LOG_TEST(a_log_over_its_limit_is_told_as_one),
        LOG_TEST(another_fault_beside_large_logs_is_not_told_as_theirs),
        LOG_TEST(a_log_other_than_the_quoted_one_is_refused),
        LOG_TEST(no_byte_of_a_request_may_be_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
