/* The boot and its log: as in test_evidence.c. */
#include "evidence_scene.h"

#include "bootseal/cap.h"
#include "unit/logmaker.h"

/* Boot */

static void put_log(void (*write)(struct bs_buf *log))
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, "good", false);
    write(&log);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
}

static void a_capped_boot_is_refused(void **state)
{
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

static void a_boot_capped_twice_is_refused_as_capped(void **state)
{
    for (int i = 0; i < 2; i++)
        assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

/* Under a name that means nothing, then something more: the log leads to the value, the profile would have learned it. */
static void write_cap(struct bs_buf *log)
{
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string(BS_CAP_EVENT));
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string("more"));
}

static void a_log_with_the_cap_in_it_is_refused(void **state)
{
    put_log(write_cap);
    expect(state, BS_REASON_CAPPED);
}

static void write_credential(struct bs_buf *log)
{
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string("a credential of systemd-stub"));
}

static void the_cap_after_other_events_of_its_pcr_is_refused(void **state)
{
    put_log(write_credential);
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

static void a_pcr_that_the_log_does_not_lead_to_is_refused(void **state)
{
    assert_ok(softtpm_extend(&tpm, 9, bs_span_of_string("hidden")));
    expect(state, BS_REASON_LOG_MISMATCH);
}

/* systemd measures it into PCR 11 before anything of ours runs, and no log of the firmware tells. */
static void the_phase_of_the_initrd_needs_no_event_and_no_other_does_without(void **state)
{
    assert_ok(softtpm_extend(&tpm, 11, bs_span_of_string("enter-initrd")));
    {
        TALK(talk, *state);
        talk_enroll(&talk, &tpm, &request);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED); /* it is another boot, and a whole one */
    }
    assert_ok(softtpm_extend(&tpm, 11, bs_span_of_string("leave-initrd")));
    expect(state, BS_REASON_LOG_MISMATCH);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, "good", false);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    assert_ok(softtpm_extend(&tpm, 9, bs_span_of_string("enter-initrd")));
    expect(state, BS_REASON_LOG_MISMATCH);
}

static void a_pcr_without_events_must_be_untouched(void **state)
{
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string("hidden")));
    expect(state, BS_REASON_LOG_MISMATCH);
}

static void a_missing_log_is_refused(void **state)
{
    bs_buf_reset(&tpm.log);
    expect(state, BS_REASON_LOG_MISSING);
}

static void a_boot_that_nobody_measured_is_refused(void **state)
{
    assert_ok(softtpm_boot(&tpm, BS_SPAN_NONE));
    expect(state, BS_REASON_UNMEASURED);
}

static void a_capped_boot_without_a_log_is_refused_as_capped(void **state)
{
    assert_ok(softtpm_boot(&tpm, BS_SPAN_NONE));
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

/* Software that is in no firmware PCR measures what it likes, and its log is a good one. */
static void a_boot_that_only_software_measured_is_refused(void **state)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    put_sha256_header(&log);
    put_measured(&log, 9, EVENTLOG_IPL, bs_span_of_string("initrd"));
    put_measured(&log, 11, EVENTLOG_IPL, bs_span_of_string("a section"));
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    expect(state, BS_REASON_UNMEASURED);
}

static void a_log_without_the_quoted_bank_is_refused(void **state)
{
    static const uint16_t banks[] = { CRYPTO_SHA1, 20, 0 };
    bs_buf_reset(&tpm.log);
    put_header(&tpm.log, banks);
    expect(state, BS_REASON_LOG_MISMATCH);
}

/* The header names both banks, and the event has a digest of the other one alone. */
static void an_event_without_a_digest_of_the_quoted_bank_is_refused(void **state)
{
    static const uint16_t banks[] = { CRYPTO_SHA1, 20, CRYPTO_SHA256, 32, 0 };
    bs_buf_reset(&tpm.log);
    put_header(&tpm.log, banks);
    put_le32(&tpm.log, 4);
    put_le32(&tpm.log, EVENTLOG_IPL);
    put_le32(&tpm.log, 1);
    put_le16(&tpm.log, CRYPTO_SHA1);
    put_bytes(&tpm.log, "01234567890123456789", 20);
    put_le32(&tpm.log, 1);
    put_bytes(&tpm.log, "x", 1);
    expect(state, BS_REASON_LOG_MALFORMED);
}

static void a_log_that_cannot_be_read_is_refused(void **state)
{
    tpm.log.size -= 3;
    expect(state, BS_REASON_LOG_MALFORMED);
}

static void a_refused_boot_of_a_known_device_is_a_row_of_the_audit_log(void **state)
{
    struct lab *lab = *state;
    struct store_device device;
    uint64_t rows = lab_audit_rows(lab);
    a_capped_boot_is_refused(state);
    assert_int_equal(lab_audit_rows(lab), rows + 1);
    assert_true(lab_has_device(lab, &tpm, &device));
    assert_string_equal(device.verdict, "refused");
    assert_string_equal(device.reason, BS_REASON_CAPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVIDENCE_TEST(a_capped_boot_is_refused),
        EVIDENCE_TEST(a_boot_capped_twice_is_refused_as_capped),
        EVIDENCE_TEST(a_log_with_the_cap_in_it_is_refused),
        EVIDENCE_TEST(the_cap_after_other_events_of_its_pcr_is_refused),
        EVIDENCE_TEST(a_pcr_that_the_log_does_not_lead_to_is_refused),
        EVIDENCE_TEST(the_phase_of_the_initrd_needs_no_event_and_no_other_does_without),
        EVIDENCE_TEST(a_pcr_without_events_must_be_untouched),
        EVIDENCE_TEST(a_missing_log_is_refused),
        EVIDENCE_TEST(a_boot_that_nobody_measured_is_refused),
        EVIDENCE_TEST(a_capped_boot_without_a_log_is_refused_as_capped),
        EVIDENCE_TEST(a_boot_that_only_software_measured_is_refused),
        EVIDENCE_TEST(a_log_without_the_quoted_bank_is_refused),
        EVIDENCE_TEST(an_event_without_a_digest_of_the_quoted_bank_is_refused),
        EVIDENCE_TEST(a_log_that_cannot_be_read_is_refused),
        EVIDENCE_TEST(a_refused_boot_of_a_known_device_is_a_row_of_the_audit_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
