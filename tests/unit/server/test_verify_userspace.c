/* What userspace measured, beside the log that it is told by, and what is kept of both. As in test_verify_log.c. */
#include "log_scene.h"

#include <string.h>

#include "bootseal/cap.h"
#include "bootseal/report.h"
#include "core/userlog.h"

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
    expect_words(state, BS_REASON_LOG_MISMATCH, "firmware and userspace");
}

static void records_in_another_order_do_not_lead_there(void **state)
{
    extend(11, "one");
    extend(11, "two");
    put_record(11, NULL, "two");
    put_record(11, NULL, "one");
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 11");
}

static void a_record_of_another_pcr_or_digest_does_not_explain(void **state)
{
    extend(11, "a phase");
    put_record(4, NULL, "a phase");
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 4");
    userspace_size = 0;
    put_record(11, "another", "a phase");
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 11");
}

static void a_record_of_what_never_was_is_found_out(void **state)
{
    put_record(9, NULL, "never");
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 9");
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
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 11");
}

static void the_phase_of_the_initrd_excuses_no_other_pcr(void **state)
{
    extend(11, "enter-initrd");
    extend(9, "hidden");
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 9");
}

static void a_log_of_userspace_that_cannot_be_read_is_refused(void **state)
{
    measure(11, "enter-initrd");
    userspace_size -= 4;
    expect_words(state, BS_REASON_LOG_MALFORMED, "log of userspace");
    userspace_size = (size_t)snprintf(userspace, sizeof(userspace),
                                      "{\"pcr\":9,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"%040d\"}]}\n", 0);
    expect_words(state, BS_REASON_LOG_MALFORMED, "sha256");
}

static void a_log_of_userspace_with_too_many_records_is_refused(void **state)
{
    char *end = userspace;
    for (size_t i = 0; i <= USERLOG_RECORDS_MAX; i++)
        end += sprintf(end, "{\"pcr\":9,\"digests\":[]}\n");
    userspace_size = (size_t)(end - userspace);
    expect_words(state, BS_REASON_LOG_TOO_LARGE, "log of userspace");
}

static void a_log_of_userspace_that_was_left_out_is_named(void **state)
{
    note = BS_NOTE_USERSPACE_LOG_TOO_LARGE;
    expect_approved(state); /* nothing needed it */
    extend(9, "something");
    expect_words(state, BS_REASON_LOG_TOO_LARGE, "too large to be sent");
    measure(11, "enter-initrd");
    expect_words(state, BS_REASON_LOG_MISMATCH, "PCR 9"); /* it was sent */
}

static void userspace_does_not_stand_in_for_the_firmware(void **state)
{
    bs_buf_reset(&tpm.log);
    measure(11, "enter-initrd");
    expect_words(state, BS_REASON_LOG_MISSING, "PCR 0");
}

/* The cap */

static void a_cap_in_the_log_of_userspace_is_a_cap(void **state)
{
    measure(BS_CAP_PCR_DEFAULT, BS_CAP_EVENT);
    measure(BS_CAP_PCR_DEFAULT, "more");
    expect_words(state, BS_REASON_CAPPED, "reboot");
}

static void a_cap_after_what_userspace_measured_is_a_cap(void **state)
{
    measure(BS_CAP_PCR_DEFAULT, "a credential");
    extend(BS_CAP_PCR_DEFAULT, BS_CAP_EVENT);
    expect_words(state, BS_REASON_CAPPED, "reboot");
}

static void an_explained_pcr_of_the_cap_is_no_cap(void **state)
{
    measure(BS_CAP_PCR_DEFAULT, "a credential");
    expect_whole(state);
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

/* What the boot alone does not tell. */
static void the_question_is_about_this_tpm_this_ak_and_these_pcrs(void **state)
{
    struct lab *lab = *state;
    const uint32_t mask = lab->server->config.measure_mask, tpm_mask = tpm.mask;
    uint8_t questions[4][STORE_DIGEST];
    struct store_boot boot = STORE_BOOT_INIT;
    for (uint32_t i = 0; i < 2; i++) { /* neither was extended */
        lab->server->config.measure_mask = mask | 1u << (13 + i);
        tpm.mask = other.mask = tpm_mask | 1u << (13 + i);
        shown_of(lab, questions[i], &boot);
    }
    /* Another AK of this TPM, and then another TPM with this one's former AK. */
    const struct softtpm_key ak = tpm.ak;
    tpm.ak = other.ak;
    other.ak = ak;
    shown_of(lab, questions[2], &boot);
    const struct softtpm kept = tpm;
    tpm = other;
    other = kept;
    shown_of(lab, questions[3], &boot);
    for (size_t i = 0; i < COUNT(questions); i++)
        for (size_t k = i + 1; k < COUNT(questions); k++)
            assert_memory_not_equal(questions[i], questions[k], STORE_DIGEST);
    store_boot_free(&boot);
}

/* Data that nothing measured are what an operator is shown all the same. */
static void the_question_has_the_firmwares_log_as_sent(void **state)
{
    uint8_t first[STORE_DIGEST], again[STORE_DIGEST];
    struct store_boot boot = STORE_BOOT_INIT;
    shown_of(*state, first, &boot);
    tpm.log.data[tpm.log.size - 1] ^= 1;
    shown_of(*state, again, &boot);
    assert_memory_not_equal(first, again, STORE_DIGEST);
    assert_true(bs_span_equal(bs_buf_span(&boot.log), bs_buf_span(&tpm.log)));
    store_boot_free(&boot);
}

/* A record whose digest is text, too: extends are of any 32 bytes. */
static void put_letters(int pcr, const char *text)
{
    const int size = snprintf(userspace + userspace_size, sizeof(userspace) - userspace_size,
                              "{\"pcr\":%d,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"41414141414141414141414141"
                              "41414141414141414141414141414141414141\"}],\"content\":{\"string\":\"%s\"}}\n",
                              pcr, text);
    userspace_size += (size_t)size;
}

static void extend_letters(uint32_t pcr)
{
    const struct bs_span pieces[] = { BS_SPAN(tpm.pcrs[pcr], CRYPTO_SHA256_SIZE),
                                      bs_span_of_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") };
    uint8_t value[CRYPTO_SHA256_SIZE];
    assert_ok(crypto_sha256(pieces, 2, value));
    memcpy(tpm.pcrs[pcr], value, sizeof(value));
}

static void ask(void **state, int pcr, const char *text, int next_pcr, const char *next_text,
                uint8_t ret_question[STORE_DIGEST])
{
    struct store_boot boot = STORE_BOOT_INIT;
    userspace_size = 0;
    put_letters(pcr, text);
    put_letters(next_pcr, next_text);
    shown_of(*state, ret_question, &boot);
    store_boot_free(&boot);
}

static void the_question_tells_of_which_pcr_a_text_is(void **state)
{
    uint8_t first[STORE_DIGEST], again[STORE_DIGEST];
    extend_letters(9);
    extend_letters(11);
    ask(state, 9, "one", 11, "two", first);
    ask(state, 11, "one", 9, "two", again);
    assert_memory_not_equal(first, again, STORE_DIGEST);
}

/* A text that looks like the head and the digest of the next record (server/evidence_question.c), of PCR 11 and an empty text. */
#define ZEROS "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000"
#define A_RECORD ZEROS "\\u000b" ZEROS "\\u0000AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void the_question_tells_where_a_text_ends(void **state)
{
    uint8_t first[STORE_DIGEST], again[STORE_DIGEST];
    extend_letters(11);
    extend_letters(11);
    ask(state, 11, "", 11, A_RECORD, first);
    ask(state, 11, A_RECORD, 11, "", again);
    assert_memory_not_equal(first, again, STORE_DIGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(what_userspace_measured_is_explained_by_its_log),
        LOG_TEST(a_record_that_is_left_out_is_missed),
        LOG_TEST(records_in_another_order_do_not_lead_there),
        LOG_TEST(a_record_of_another_pcr_or_digest_does_not_explain),
        LOG_TEST(a_record_of_what_never_was_is_found_out),
        LOG_TEST(the_text_of_a_record_decides_nothing),
        LOG_TEST(the_phase_of_the_initrd_needs_its_record_where_there_is_a_log),
        LOG_TEST(the_phase_of_the_initrd_excuses_no_other_pcr),
        LOG_TEST(a_log_of_userspace_that_cannot_be_read_is_refused),
        LOG_TEST(a_log_of_userspace_with_too_many_records_is_refused),
        LOG_TEST(a_log_of_userspace_that_was_left_out_is_named),
        LOG_TEST(userspace_does_not_stand_in_for_the_firmware),
        LOG_TEST(a_cap_in_the_log_of_userspace_is_a_cap),
        LOG_TEST(a_cap_after_what_userspace_measured_is_a_cap),
        LOG_TEST(an_explained_pcr_of_the_cap_is_no_cap),
        LOG_TEST(logs_and_command_line_are_kept_as_sent),
        LOG_TEST(the_question_has_what_is_proven_of_userspace_and_the_command_line),
        LOG_TEST(the_question_is_about_this_tpm_this_ak_and_these_pcrs),
        LOG_TEST(the_question_has_the_firmwares_log_as_sent),
        LOG_TEST(the_question_tells_of_which_pcr_a_text_is),
        LOG_TEST(the_question_tells_where_a_text_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
