/*
 * The logs of a boot: what userspace measured, and the checks that no configuration switches off. Each is refused with its own reason, and
 * would be a whole boot if the check were taken out of server/verify_log*.c.
 */
#include "unit/server/lab.h"

#include "bootseal/cap.h"
#include "bootseal/report.h"
#include "core/userlog.h"
#include "unit/cbor_edit.h"
#include "unit/logmaker.h"

#include <string.h>

static struct softtpm tpm;
static struct softtpm_request request;

/* What the statement says besides. */
static char userspace[BS_USERSPACE_LOG_MAX + 1];
static size_t userspace_size;
static const char *command_line;
static const char *note;

static void bend_logs(struct message_attest *m)
{
    m->userspace_log = BS_SPAN(userspace, userspace_size);
}

static void bend(struct message_statement *s)
{
    s->command_line = command_line ? bs_span_of_string(command_line) : BS_SPAN_NONE;
    if (note)
        s->notes[s->note_count++] = bs_span_of_string(note);
}

static int setup(void **state)
{
    if (lab_setup(state) != 0)
        return -1;
    lab_approved_device(*state, &tpm);
    request = (struct softtpm_request){ .bend = { .logs = bend_logs, .statement = bend } };
    userspace_size = 0;
    command_line = note = NULL;
    return 0;
}

static int teardown(void **state)
{
    softtpm_free(&tpm);
    return lab_teardown(state);
}

/* A record of userspace's log. `digest` NULL: the hash of the text; `pcr` below 0: of an NV index. */
static void put_record(int pcr, const char *digest, const char *text)
{
    BS_SCOPED_BUF struct bs_buf record = BS_BUF(BS_USERSPACE_LOG_MAX);
    put_userspace_record(&record, pcr, bs_span_of_string(digest ? digest : text), text);
    assert_true(record.size <= sizeof(userspace) - userspace_size);
    memcpy(userspace + userspace_size, record.data, record.size);
    userspace_size += record.size;
}

/* The record, and the extend that it tells of. */
static void measure(uint32_t pcr, const char *text)
{
    put_record((int)pcr, NULL, text);
    assert_ok(softtpm_extend(&tpm, pcr, bs_span_of_string(text)));
}

static void extend(uint32_t pcr, const char *text)
{
    assert_ok(softtpm_extend(&tpm, pcr, bs_span_of_string(text)));
}

/* Whole, but another boot than the reference. */
static void expect_whole(void **state)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
}

static void expect_approved(void **state)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_kind(&talk, MESSAGE_APPROVED);
}

/* The sentence, or a finding, has these words. */
static bool says(const struct message_answer *answer, const char *words)
{
    bool has = memmem(answer->text.data, answer->text.size, words, strlen(words)) != NULL;
    for (size_t i = 0; i < answer->finding_count; i++)
        has |= memmem(answer->findings[i].text.data, answer->findings[i].text.size, words, strlen(words)) != NULL;
    return has;
}

static void expect(void **state, const char *reason, const char *words)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_reason(&talk, MESSAGE_REFUSED, reason);
    assert_int_equal(talk.result.status, 403);
    if (!says(&talk.answer, words))
        fail_msg("\"%.*s\" does not say \"%s\"", (int)talk.answer.text.size, (const char *)talk.answer.text.data,
                 words);
}

/* Userspace's log */

static void what_userspace_measured_is_explained_by_its_log(void **state)
{
    measure(11, "enter-initrd");
    measure(9, "something more");
    measure(15, "a PCR that is not quoted");
    put_record(-1, NULL, "an NV index");
    expect_whole(state);
    lab_approve(*state, &tpm, true);
    expect_approved(state);
}

static void a_record_that_is_left_out_is_missed(void **state)
{
    measure(11, "enter-initrd");
    size_t first = userspace_size;
    measure(11, "leave-initrd");
    userspace_size = first;
    expect(state, BS_REASON_LOG_MISMATCH, "firmware and userspace");
}

static void records_in_another_order_do_not_lead_there(void **state)
{
    extend(11, "one");
    extend(11, "two");
    put_record(11, NULL, "two");
    put_record(11, NULL, "one");
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 11");
}

static void a_record_of_another_pcr_or_digest_does_not_explain(void **state)
{
    extend(11, "a phase");
    put_record(4, NULL, "a phase");
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 4");
    userspace_size = 0;
    put_record(11, "another", "a phase");
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 11");
}

static void a_record_of_what_never_was_is_found_out(void **state)
{
    put_record(9, NULL, "never");
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 9");
}

/* Text is a claim: it changes what the operator is asked, and not what the boot is. */
static void the_text_of_a_record_decides_nothing(void **state)
{
    extend(11, "enter-initrd");
    put_record(11, "enter-initrd", "enter-initrd");
    expect_whole(state);
    lab_approve(*state, &tpm, true);
    userspace_size = 0;
    put_record(11, "enter-initrd", "something nice");
    expect_approved(state);
}

static void the_phase_of_the_initrd_needs_its_record_where_there_is_a_log(void **state)
{
    extend(11, "enter-initrd");
    expect_whole(state);
    measure(15, "a PCR that is not quoted");
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 11");
}

static void the_phase_of_the_initrd_excuses_no_other_pcr(void **state)
{
    extend(11, "enter-initrd");
    extend(9, "hidden");
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 9");
}

static void a_log_of_userspace_that_cannot_be_read_is_refused(void **state)
{
    measure(11, "enter-initrd");
    userspace_size -= 4;
    expect(state, BS_REASON_LOG_MALFORMED, "log of userspace");
    userspace_size = (size_t)snprintf(userspace, sizeof(userspace),
                                      "{\"pcr\":9,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"%040d\"}]}\n", 0);
    expect(state, BS_REASON_LOG_MALFORMED, "sha256");
}

static void a_log_of_userspace_with_too_many_records_is_refused(void **state)
{
    char *end = userspace;
    for (size_t i = 0; i <= USERLOG_RECORDS_MAX; i++)
        end += sprintf(end, "{\"pcr\":9,\"digests\":[]}\n");
    userspace_size = (size_t)(end - userspace);
    expect(state, BS_REASON_LOG_TOO_LARGE, "log of userspace");
}

static void a_log_of_userspace_that_was_left_out_is_named(void **state)
{
    note = BS_NOTE_USERSPACE_LOG_TOO_LARGE;
    expect_approved(state); /* nothing needed it */
    extend(9, "something");
    expect(state, BS_REASON_LOG_TOO_LARGE, "too large to be sent");
    measure(11, "enter-initrd");
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 9"); /* it was sent */
}

static void userspace_does_not_stand_in_for_the_firmware(void **state)
{
    bs_buf_reset(&tpm.log);
    measure(11, "enter-initrd");
    expect(state, BS_REASON_LOG_MISSING, "PCR 0");
}

/* The cap */

static void a_cap_in_the_log_of_userspace_is_a_cap(void **state)
{
    measure(BS_CAP_PCR_DEFAULT, BS_CAP_EVENT);
    measure(BS_CAP_PCR_DEFAULT, "more");
    expect(state, BS_REASON_CAPPED, "reboot");
}

static void a_cap_after_what_userspace_measured_is_a_cap(void **state)
{
    measure(BS_CAP_PCR_DEFAULT, "a credential");
    extend(BS_CAP_PCR_DEFAULT, BS_CAP_EVENT);
    expect(state, BS_REASON_CAPPED, "reboot");
}

static void an_explained_pcr_of_the_cap_is_no_cap(void **state)
{
    measure(BS_CAP_PCR_DEFAULT, "a credential");
    expect_whole(state);
}

/* Values */

static void a_pcr_at_its_reset_value_has_no_events(void **state)
{
    memset(tpm.pcrs[9], 0, 32);
    expect(state, BS_REASON_LOG_MISMATCH, "at its reset value, and the log has events");
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
    expect(state, BS_REASON_LOG_MISMATCH, "PCR 17");
}

static void the_pcr_of_ima_is_told_by_name(void **state)
{
    demand(*state, 10);
    extend(10, "a file");
    expect(state, BS_REASON_LOG_MISMATCH, "IMA");
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
    expect(state, BS_REASON_LOG_SEPARATOR, "second separator");
    BOOT_WITH("\0\0\0\0", "\xff\xff\xff\xff");
    expect(state, BS_REASON_LOG_SEPARATOR, "second separator");
}

static void a_pcr_without_a_separator_is_refused(void **state)
{
    const uint32_t types[] = { EVENTLOG_IPL, EVENTLOG_SEPARATOR, EVENTLOG_IPL };
    BOOT_WITH("what");
    expect(state, BS_REASON_LOG_SEPARATOR, "no separator");
    BOOT_WITH("what", "ever"); /* its type says nothing */
    expect(state, BS_REASON_LOG_SEPARATOR, "no separator");
}

static void the_separator_of_an_error_is_refused_as_such(void **state)
{
    const uint32_t types[] = { EVENTLOG_SEPARATOR, EVENTLOG_IPL, EVENTLOG_IPL };
    BOOT_WITH("\1\0\0\0");
    expect(state, BS_REASON_LOG_SEPARATOR, "error");
    BOOT_WITH("\0\0\0\0", "\1\0\0\0");
    expect(state, BS_REASON_LOG_SEPARATOR, "error");
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

/* Part of the firmware's events in the place of userspace's, which leads to the same values. */
static void a_separator_in_the_log_of_userspace_is_refused(void **state)
{
    const uint32_t types[] = { EVENTLOG_IPL, EVENTLOG_SEPARATOR, EVENTLOG_IPL };
    BOOT_WITH("what");
    assert_ok(softtpm_extend(&tpm, 4, BS_SPAN("\0\0\0\0", 4)));
    put_separator_record("pcr");
    expect(state, BS_REASON_LOG_SEPARATOR, "userspace");
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
        expect(state, BS_REASON_LOG_MISMATCH, "PCR 4");
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
        expect(state, BS_REASON_CAPPED, "reboot");
    }
}

/* Kinds and sizes of logs */

static void a_log_of_tpm_1_2_is_told_as_one(void **state)
{
    bs_buf_reset(&tpm.log);
    put_sha1_event(&tpm.log, 0, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0\0", 4));
    expect(state, BS_REASON_LOG_KIND, "TPM 1.2");
}

static void the_log_of_a_confidential_machine_is_told_as_one(void **state)
{
    bs_buf_reset(&tpm.log);
    put_bytes(&tpm.log, "CCEL8\0\0\0\1", 9);
    expect(state, BS_REASON_LOG_KIND, "CCEL");
}

static void other_logs_are_told_by_what_they_are(void **state)
{
    bs_buf_reset(&tpm.log);
    put_bytes(&tpm.log, "{\"pcr\":9}", 9);
    expect(state, BS_REASON_LOG_KIND, "JSON");
    bs_buf_reset(&tpm.log); /* big endian: PCR 4, type 13 */
    put_bytes(&tpm.log, "\0\0\0\4\0\0\0\15", 8);
    for (int i = 0; i < 6; i++)
        put_bytes(&tpm.log, i == 5 ? "\0\0\0\0" : "\1\1\1\1", 4);
    put_bytes(&tpm.log, "\0\0\0\0", 4);
    expect(state, BS_REASON_LOG_KIND, "big-endian");
}

static void a_log_with_too_many_events_is_refused(void **state)
{
    bs_buf_reset(&tpm.log);
    put_sha256_header(&tpm.log);
    for (int i = 0; i <= EVENTLOG_EVENTS_MAX; i++)
        put_bytes(&tpm.log, "\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_true(tpm.log.size < BS_EVENTLOG_MAX);
    expect(state, BS_REASON_LOG_TOO_LARGE, "too many events");
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
        expect(state, BS_REASON_LOG_HASH, i < 2 ? "the firmware's" : "userspace's");
    }
    request.bend.request = NULL;
    request.bend.statement = a_log_that_is_not_stated;
    expect(state, BS_REASON_LOG_HASH, "the firmware's");
    request.bend.statement = a_userspace_log_that_is_not_stated;
    expect(state, BS_REASON_LOG_HASH, "userspace's");
}

/* What is kept, and asked */

static void shown_of(struct lab *lab, uint8_t ret_question[STORE_DIGEST], struct store_boot *boot)
{
    int64_t time;
    TALK(talk, lab);
    talk_enroll(&talk, &tpm, &request);
    assert_int_not_equal(talk.answer.kind, MESSAGE_REFUSED);
    assert_ok(store_evidence_get(lab->server->store, tpm.id, ret_question, &time, boot));
}

static void logs_and_command_line_are_kept_as_sent(void **state)
{
    uint8_t question[STORE_DIGEST];
    struct store_boot boot = STORE_BOOT_INIT;
    measure(11, "enter-initrd");
    command_line = "root=/dev/vda ro";
    shown_of(*state, question, &boot);
    assert_true(bs_span_equal(bs_buf_span(&boot.userspace_log), BS_SPAN(userspace, userspace_size)));
    assert_true(bs_span_equal(bs_buf_span(&boot.command_line), bs_span_of_string(command_line)));
    store_boot_free(&boot);
}

static void the_question_has_what_is_proven_of_userspace_and_the_command_line(void **state)
{
    uint8_t first[STORE_DIGEST], again[STORE_DIGEST];
    struct store_boot boot = STORE_BOOT_INIT;
    measure(11, "enter-initrd");
    command_line = "quiet";
    shown_of(*state, first, &boot);
    char *boot_id = strstr(userspace, "\"bootId\":\"1\"");
    boot_id[10] = '2'; /* another boot of the same, and more that the quote does not prove */
    put_record(15, NULL, "not quoted");
    put_record(-1, NULL, "no PCR");
    shown_of(*state, again, &boot);
    assert_memory_equal(first, again, STORE_DIGEST);
    command_line = "quiet init=/bin/sh";
    shown_of(*state, again, &boot);
    assert_memory_not_equal(first, again, STORE_DIGEST);
    command_line = "quiet";
    userspace_size = 0;
    put_record(11, "enter-initrd", "another text");
    shown_of(*state, again, &boot);
    assert_memory_not_equal(first, again, STORE_DIGEST);
    userspace_size = 0; /* the phase needs no record then */
    shown_of(*state, again, &boot);
    assert_memory_not_equal(first, again, STORE_DIGEST);
    store_boot_free(&boot);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_userspace_measured_is_explained_by_its_log),
        TEST(a_record_that_is_left_out_is_missed),
        TEST(records_in_another_order_do_not_lead_there),
        TEST(a_record_of_another_pcr_or_digest_does_not_explain),
        TEST(a_record_of_what_never_was_is_found_out),
        TEST(the_text_of_a_record_decides_nothing),
        TEST(the_phase_of_the_initrd_needs_its_record_where_there_is_a_log),
        TEST(the_phase_of_the_initrd_excuses_no_other_pcr),
        TEST(a_log_of_userspace_that_cannot_be_read_is_refused),
        TEST(a_log_of_userspace_with_too_many_records_is_refused),
        TEST(a_log_of_userspace_that_was_left_out_is_named),
        TEST(userspace_does_not_stand_in_for_the_firmware),
        TEST(a_cap_in_the_log_of_userspace_is_a_cap),
        TEST(a_cap_after_what_userspace_measured_is_a_cap),
        TEST(an_explained_pcr_of_the_cap_is_no_cap),
        TEST(a_pcr_at_its_reset_value_has_no_events),
        TEST(a_pcr_of_the_dynamic_launch_is_untouched_while_it_holds_ones),
        TEST(the_pcr_of_ima_is_told_by_name),
        TEST(one_separator_of_either_kind_ends_the_firmwares_part),
        TEST(a_second_separator_is_refused_whatever_it_is_called),
        TEST(a_pcr_without_a_separator_is_refused),
        TEST(the_separator_of_an_error_is_refused_as_such),
        TEST(separators_of_what_is_not_quoted_are_not_counted),
        TEST(a_separator_in_the_log_of_userspace_is_refused),
        TEST(what_userspace_adds_behind_the_separator_is_explained),
        TEST(where_no_measured_boot_is_required_an_untouched_pcr_needs_no_separator),
        TEST(boots_of_real_firmware_are_whole),
        TEST(every_bank_is_held_against_its_digests),
        TEST(a_log_of_tpm_1_2_is_told_as_one),
        TEST(the_log_of_a_confidential_machine_is_told_as_one),
        TEST(other_logs_are_told_by_what_they_are),
        TEST(a_log_with_too_many_events_is_refused),
        TEST(a_log_over_its_limit_is_told_as_one),
        TEST(a_log_other_than_the_quoted_one_is_refused),
        TEST(logs_and_command_line_are_kept_as_sent),
        TEST(the_question_has_what_is_proven_of_userspace_and_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
