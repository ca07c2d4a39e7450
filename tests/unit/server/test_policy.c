#include "unit/server/lab.h"

#include "server/audit.h"
#include "server/policy/policy_reference.h"

static void boot_of(struct store_boot *boot, const char *cmdline, bool has_extra)
{
    struct softtpm tpm = { .bank = CRYPTO_SHA256, .log = BS_BUF(SOFTTPM_LOG_MAX) };
    bs_buf_reset(&boot->log);
    lab_log(&boot->log, cmdline, has_extra);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&boot->log)));
    boot->bank = CRYPTO_SHA256;
    boot->mask = 0x1a95;
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (boot->mask & (1u << pcr))
            memcpy(boot->pcrs[pcr], tpm.pcrs[pcr], 32);
    bs_buf_free(&tpm.log);
}

static void add_reference(struct lab *lab, const struct store_boot *boot, uint64_t *ret_id)
{
    struct store_reference reference = { .profile = "sensor", .created_by = "test" };
    assert_ok(policy_boot_digest(boot, reference.digest));
    assert_ok(store_begin(lab->server->store));
    assert_ok(store_reference_add(lab->server->store, &reference, boot, ret_id));
    assert_ok(store_commit(lab->server->store));
}

static struct policy_result judge(struct lab *lab, const struct store_boot *boot, struct refusal *ret_refusal)
{
    struct policy_result result;
    *ret_refusal = (struct refusal){ 0 };
    assert_ok(policy_judge(lab->server->store, "sensor", boot, &result, ret_refusal));
    return result;
}

static void a_boot_is_good_when_it_equals_a_living_reference(void **state)
{
    struct lab *lab = *state;
    struct store_boot boot = STORE_BOOT_INIT, other = STORE_BOOT_INIT;
    struct refusal refusal;
    uint64_t id, again;
    boot_of(&boot, "good", false);
    boot_of(&other, "other", true);
    assert_int_equal(judge(lab, &boot, &refusal).verdict, POLICY_NO_REFERENCE);
    add_reference(lab, &other, &id);
    add_reference(lab, &boot, &id);
    add_reference(lab, &boot, &again);
    assert_int_equal(id, again);
    assert_int_equal(judge(lab, &boot, &refusal).verdict, POLICY_GOOD);
    assert_null(refusal.reason);
    assert_ok(operator_reference_revoke(&lab->call, id, &(size_t){ 0 }));
    assert_int_equal(judge(lab, &boot, &refusal).verdict, POLICY_DIFFERS);
    store_boot_free(&boot);
    store_boot_free(&other);
}

static void every_pcr_that_differs_is_a_finding_with_its_first_event(void **state)
{
    struct lab *lab = *state;
    struct store_boot good = STORE_BOOT_INIT, boot = STORE_BOOT_INIT;
    struct refusal refusal;
    uint64_t id;
    boot_of(&good, "good", false);
    boot_of(&boot, "evil", true);
    add_reference(lab, &good, &id);
    assert_int_equal(judge(lab, &boot, &refusal).verdict, POLICY_DIFFERS);
    assert_string_equal(refusal.reason, BS_REASON_BOOT_NOT_APPROVED);
    assert_int_equal(refusal.finding_count, 2);
    assert_int_equal(refusal.findings[0].pcr, 4);
    assert_int_equal(refusal.findings[0].event, 10); /* header, 8 separators, the first application */
    assert_non_null(strstr(refusal.findings[0].found, "one application more"));
    assert_string_equal(refusal.findings[0].expected, "");
    assert_int_equal(refusal.findings[1].pcr, 9);
    assert_non_null(strstr(refusal.findings[1].found, "evil"));
    assert_non_null(strstr(refusal.findings[1].expected, "good"));
    assert_non_null(strstr(refusal.text, "PCR 4, event 10"));
    assert_non_null(strstr(refusal.explanation,
                           "; Nearest: reference 1; this boot differs from it in 2 events; PCR 4, event 10 added: "));
    store_boot_free(&good);
    store_boot_free(&boot);
}

static void the_nearest_reference_is_compared_with(void **state)
{
    struct lab *lab = *state;
    struct store_boot far = STORE_BOOT_INIT, near = STORE_BOOT_INIT, boot = STORE_BOOT_INIT;
    struct refusal refusal;
    uint64_t near_id, far_id;
    boot_of(&near, "good", true);
    boot_of(&far, "good", false);
    boot_of(&boot, "evil", true);
    add_reference(lab, &near, &near_id);
    add_reference(lab, &far, &far_id);
    assert_int_equal(judge(lab, &boot, &refusal).reference, near_id);
    assert_int_equal(refusal.finding_count, 1);
    assert_int_equal(refusal.findings[0].pcr, 9);
    store_boot_free(&far);
    store_boot_free(&near);
    store_boot_free(&boot);
}

static void a_reference_of_another_mask_or_bank_is_not_equal(void **state)
{
    struct lab *lab = *state;
    struct store_boot good = STORE_BOOT_INIT, boot = STORE_BOOT_INIT;
    struct refusal refusal;
    uint64_t id;
    boot_of(&good, "good", false);
    boot_of(&boot, "good", false);
    add_reference(lab, &good, &id);
    boot.mask &= ~(1u << 7);
    assert_int_equal(judge(lab, &boot, &refusal).verdict, POLICY_DIFFERS);
    boot.mask = good.mask;
    boot.bank = CRYPTO_SHA384;
    assert_int_equal(judge(lab, &boot, &refusal).verdict, POLICY_DIFFERS);
    store_boot_free(&good);
    store_boot_free(&boot);
}

/* An empty log is not a log without events: "an event is missing" would send the operator looking for what nobody recorded. */
static void a_boot_without_a_log_is_compared_by_its_values(void **state)
{
    struct lab *lab = *state;
    struct store_boot good = STORE_BOOT_INIT, boot = STORE_BOOT_INIT;
    struct refusal refusal;
    uint64_t id;
    boot_of(&good, "good", false);
    boot_of(&boot, "evil", true);
    bs_buf_reset(&boot.log);
    add_reference(lab, &good, &id);
    assert_int_equal(judge(lab, &boot, &refusal).verdict, POLICY_DIFFERS);
    assert_int_equal(refusal.finding_count, 2);
    assert_false(refusal.findings[0].has_event);
    assert_int_equal(strlen(refusal.findings[0].found), strlen("sha256:") + 64);
    assert_int_equal(strlen(refusal.findings[0].expected), strlen("sha256:") + 64);
    assert_string_equal(refusal.findings[0].text, "the value is not that of the reference");
    assert_ok(operator_reference_revoke(&lab->call, id, &(size_t){ 0 }));

    add_reference(lab, &boot, &id);
    assert_int_equal(judge(lab, &good, &refusal).verdict, POLICY_DIFFERS);
    assert_false(refusal.findings[0].has_event);
    assert_int_equal(strlen(refusal.findings[0].found), strlen("sha256:") + 64);
    store_boot_free(&good);
    store_boot_free(&boot);
}

struct explained {
    size_t verdicts;
    size_t explanations;
};

static enum bs_err count_explanation(void *context, const struct store_audit *row)
{
    struct explained *explained = context;
    bool has_event = strstr(row->detail, "; PCR 9, event 12 changed: EV_IPL ") != NULL;
    explained->verdicts += strcmp(row->act, "verdict.pending") == 0;
    explained->explanations += has_event && strstr(row->detail, AUDIT_EXPLANATION "Rule: references: ") != NULL;
    return BS_OK;
}

/* The audit log has it at length, once; the operator is shown it as lines, and the sentence without it. */
static void an_explanation_is_in_the_audit_log_and_shown(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct explained explained = { 0 };
    struct operator_device shown = OPERATOR_DEVICE_INIT;
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_approved_device(lab, &tpm);
    assert_ok(operator_device_show(&lab->call, lab_id(&tpm), &shown));
    assert_int_equal(shown.explanation.size, 0);
    operator_device_free(&shown);
    lab_log(&log, "good init=/bin/sh", false);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    for (int i = 0; i < 3; i++) {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
        lab_set_clock(100 * (i + 1));
    }
    assert_ok(store_audit_each(lab->server->store, 0, 0, NULL, count_explanation, &explained));
    assert_int_equal(explained.explanations, 1);
    shown = OPERATOR_DEVICE_INIT;
    assert_ok(operator_device_show(&lab->call, lab_id(&tpm), &shown));
    assert_ok(bs_buf_append(&shown.explanation, "", 1));
    assert_non_null(strstr((const char *)shown.explanation.data, "  Rule       references: "));
    assert_non_null(strstr((const char *)shown.explanation.data, "\n             PCR 9, event 12 changed: EV_IPL "));
    assert_non_null(strstr((const char *)shown.explanation.data, "\n  Advice     "));
    assert_string_equal(shown.why, "this boot is not approved; against the nearest of 1 references: PCR 9, event 12: "
                                   "this event is another one than in the reference");
    operator_device_free(&shown);
    softtpm_free(&tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_boot_is_good_when_it_equals_a_living_reference),
        LAB_TEST(every_pcr_that_differs_is_a_finding_with_its_first_event),
        LAB_TEST(the_nearest_reference_is_compared_with),
        LAB_TEST(a_reference_of_another_mask_or_bank_is_not_equal),
        LAB_TEST(an_explanation_is_in_the_audit_log_and_shown),
        LAB_TEST(a_boot_without_a_log_is_compared_by_its_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
