/* Approvals in bundles: for whom, of what, in which epoch; and that a device which boots what was approved is taken. */
#include "unit/server/approving.h"

#include "core/clock.h"
#include "core/log.h"
#include "server/approve.h"
#include "server/policy/policy_reference.h"

#include <stdio.h>

static void revoke(struct lab *lab, uint64_t id)
{
    assert_ok(operator_reference_revoke(&lab->call, id, &(size_t){ 0 }));
}

static void a_release_is_approved_on_the_firmware_of_each_device(void **state)
{
    struct lab *lab = *state;
    struct softtpm a, b;
    GIVEN(given);
    approving_learn(lab, &a, "firmware A", "1.0");
    approving_release(lab, approving_learn(lab, &b, "firmware B", "2.0"), "2.0");

    approving_contact(lab, &a, &given);
    assert_int_equal(given.bundle.policy.approval_count, 2);
    const struct approval *approval = approving_named(&given, "2.0");
    assert_non_null(approval);
    assert_int_equal(approval->pcrs.bank, CRYPTO_SHA256);
    assert_int_equal(approval->pcrs.mask, APPROVING_SEALED);
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++) {
        const struct softtpm *whose = POLICY_RELEASE_PCRS >> pcr & 1 ? &b : &a;
        if (APPROVING_SEALED >> pcr & 1)
            assert_memory_equal(approval->pcrs.values[pcr].data, whose->pcrs[pcr], 32);
    }
    approving_assert_signed_for(&a, &given, approval);
    approval = approving_named(&given, "present");
    assert_non_null(approval);
    assert_memory_equal(approval->pcrs.values[9].data, a.pcrs[9], 32);
    approving_assert_signed_for(&a, &given, approval);
    softtpm_free(&a);
    softtpm_free(&b);
}

static void a_device_that_runs_a_release_needs_no_other_approval(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    approving_release(lab, approving_learn(lab, &tpm, "firmware", "1.0"), "1.0");
    approving_contact(lab, &tpm, &given);
    assert_int_equal(given.bundle.policy.approval_count, 1);
    assert_non_null(approving_named(&given, "1.0"));
    softtpm_free(&tpm);
}

/* The vault opens in it, so the server has to take it as well. */
static void a_release_is_good_on_every_firmware_that_is_known_and_on_no_other(void **state)
{
    struct lab *lab = *state;
    struct softtpm a, b;
    GIVEN(given);
    approving_learn(lab, &a, "firmware A", "1.0");
    uint64_t id = approving_learn(lab, &b, "firmware B", "2.0");
    approving_boot(&a, "firmware A", "2.0");
    {
        TALK(talk, lab);
        talk_enroll(&talk, &a, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
    }
    approving_release(lab, id, "2.0");
    approving_contact(lab, &a, &given);
    approving_boot(&b, "firmware B", "1.0"); /* no release: on its own firmware alone */
    {
        TALK(talk, lab);
        talk_enroll(&talk, &b, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
    }
    approving_boot(&a, "firmware C", "2.0");
    TALK(talk, lab);
    talk_enroll(&talk, &a, NULL);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
    softtpm_free(&a);
    softtpm_free(&b);
}

static void a_revoked_release_is_left_behind_in_an_older_epoch(void **state)
{
    struct lab *lab = *state;
    struct softtpm a, b;
    GIVEN(before);
    GIVEN(after);
    approving_learn(lab, &a, "firmware A", "1.0");
    uint64_t id = approving_learn(lab, &b, "firmware B", "0.9");
    approving_release(lab, id, "0.9");
    approving_contact(lab, &a, &before);
    assert_non_null(approving_named(&before, "0.9"));
    revoke(lab, id);
    approving_contact(lab, &a, &after);
    assert_null(approving_named(&after, "0.9"));
    assert_true(after.bundle.policy.epoch > before.bundle.policy.epoch);
    assert_false(
        bs_span_equal(approving_named(&after, "present")->policy_ref, approving_named(&before, "present")->policy_ref));
    approving_boot(&a, "firmware A", "0.9");
    TALK(talk, lab);
    talk_enroll(&talk, &a, NULL);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
    /* Good again as a reference, which an operator may say, it is no release until that is said, too. */
    lab_approve(lab, &a, true);
    approving_boot(&b, "firmware B", "0.9");
    lab_approve(lab, &b, true);
    approving_contact(lab, &a, &after);
    assert_null(approving_named(&after, "0.9"));
    softtpm_free(&a);
    softtpm_free(&b);
}

static void no_two_profiles_are_ever_in_the_same_epoch(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_profile applied;
    GIVEN(given);
    uint64_t id = approving_learn(lab, &tpm, "firmware", "1.0");
    approving_contact(lab, &tpm, &given);
    uint64_t first = given.bundle.policy.epoch;
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string("name = \"other\"; items = ();"), &applied));
    const struct operator_approve request = { .device = lab_id(&tpm), .profile = "other", .learn = true };
    assert_ok(operator_device_approve(&lab->call, &request, &(struct operator_approved){ 0 }));
    approving_contact(lab, &tpm, &given);
    uint64_t second = given.bundle.policy.epoch;
    assert_true(second > first);
    revoke(lab, id);
    lab_approve(lab, &tpm, true);
    approving_contact(lab, &tpm, &given);
    assert_true(given.bundle.policy.epoch > second);
    softtpm_free(&tpm);
}

static void the_same_approvals_come_as_a_file(void **state)
{
    struct lab *lab = *state;
    struct softtpm a, b;
    struct operator_approvals made;
    struct approvals list = { .count = 0 };
    GIVEN(given);
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(APPROVALS_SIZE_MAX);
    approving_learn(lab, &a, "firmware A", "1.0");
    approving_release(lab, approving_learn(lab, &b, "firmware B", "2.0"), "2.0");
    approving_contact(lab, &a, &given);
    assert_ok(operator_device_approvals(&lab->call, lab_id(&a), &bytes, &made));
    assert_int_equal(made.epoch, given.bundle.policy.epoch);
    assert_ok(approvals_decode(bs_buf_span(&bytes), &list));
    assert_int_equal(list.count, given.bundle.policy.approval_count);
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(approval_differences(&list.list[i].pcrs, &given.bundle.policy.approvals[i].pcrs), 0);
        approving_assert_signed_for(&a, &given, &list.list[i]);
    }
    approving_boot(&a, "firmware A", "evil");
    {
        TALK(talk, lab);
        talk_enroll(&talk, &a, NULL);
        assert_kind(&talk, MESSAGE_PENDING);
    }
    assert_err(operator_device_approvals(&lab->call, lab_id(&a), &bytes, &made), BS_ERR_REFUSED);
    assert_ok(operator_device_refuse(&lab->call, lab_id(&b), NULL));
    assert_err(operator_device_approvals(&lab->call, lab_id(&b), &bytes, &made), BS_ERR_REFUSED);
    softtpm_free(&a);
    softtpm_free(&b);
}

/* What was put back from a backup has forgotten the epochs since then: they must not be given out again. */
static void an_epoch_follows_the_clock(void **state)
{
    struct lab *lab = *state;
    struct store *store = lab->server->store;
    uint64_t epoch = 0;
    assert_err(store_epoch_get(store, "sensor", &epoch), BS_ERR_NOT_FOUND);
    assert_ok(store_begin(store));
    assert_ok(store_epoch_raise(store, "sensor", 1000, &epoch));
    assert_int_equal(epoch, 1000);
    assert_ok(store_epoch_raise(store, "other", 1000, &epoch));
    assert_int_equal(epoch, 1001);
    assert_ok(store_epoch_raise(store, "sensor", 900, &epoch));
    assert_int_equal(epoch, 1002);
    assert_ok(store_commit(store));
    assert_ok(store_epoch_get(store, "other", &epoch));
    assert_int_equal(epoch, 1001);
}

static void a_name_is_given_to_one_reference_of_a_profile(void **state)
{
    struct lab *lab = *state;
    struct softtpm a, b;
    struct store_reference reference;
    uint64_t first = approving_learn(lab, &a, "firmware", "1.0"), second = approving_learn(lab, &b, "firmware", "2.0");
    approving_release(lab, first, "stable");
    approving_release(lab, first, "stable");
    assert_err(operator_reference_release(&lab->call, second, "stable", &reference), BS_ERR_REFUSED);
    revoke(lab, second);
    assert_err(operator_reference_release(&lab->call, second, "beta", &reference), BS_ERR_REFUSED);
    softtpm_free(&a);
    softtpm_free(&b);
}

static void add_release(struct lab *lab, const struct softtpm *like, uint16_t bank, uint32_t mask, unsigned number)
{
    struct store_boot made = STORE_BOOT_INIT;
    char name[8];
    made.bank = bank;
    made.mask = mask;
    memcpy(made.pcrs, like->pcrs, sizeof(made.pcrs));
    made.pcrs[11][0] = (uint8_t)number;
    snprintf(name, sizeof(name), "r%u", number);
    approving_add(lab, name, &made);
}

static void the_newest_releases_are_approved_and_always_the_boot_of_now(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    approving_learn(lab, &tpm, "firmware", "1.0");
    for (unsigned i = 0; i < APPROVALS_MAX + 4; i++)
        add_release(lab, &tpm, CRYPTO_SHA256, POLICY_RELEASE_PCRS, i);
    approving_contact(lab, &tpm, &given);
    assert_int_equal(given.bundle.policy.approval_count, APPROVALS_MAX);
    assert_non_null(approving_named(&given, "r19"));
    assert_non_null(approving_named(&given, "r5"));
    assert_null(approving_named(&given, "r4"));
    assert_non_null(approving_named(&given, "present"));
    softtpm_free(&tpm);
}

/* What a release does not say cannot be approved: the device's own value would be that of another kernel. */
static void a_release_of_another_bank_or_without_a_pcr_is_not_approved(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    approving_learn(lab, &tpm, "firmware", "1.0");
    add_release(lab, &tpm, CRYPTO_SHA384, POLICY_RELEASE_PCRS, 1);
    add_release(lab, &tpm, CRYPTO_SHA256, 1u << 4 | 1u << 11, 2);
    add_release(lab, &tpm, CRYPTO_SHA256, POLICY_RELEASE_PCRS, 3);
    approving_contact(lab, &tpm, &given);
    assert_int_equal(given.bundle.policy.approval_count, 2);
    assert_non_null(approving_named(&given, "r3"));
    softtpm_free(&tpm);
}

/* The first loop renews certificates while others make bundles: what is approved does not point at what is replaced. */
static void approvals_keep_their_certificate_while_it_is_renewed(void **state)
{
    struct lab *lab = *state;
    struct server *server = lab->server;
    struct softtpm tpm;
    struct store_boot boot = STORE_BOOT_INIT;
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(BS_CERT_MAX);
    BS_OWN(approved) approved = NULL;
    bool is_new = false;
    approving_learn(lab, &tpm, "firmware", "1.0");
    boot.bank = CRYPTO_SHA256;
    boot.mask = APPROVING_QUOTED;
    memcpy(boot.pcrs, tpm.pcrs, sizeof(boot.pcrs));
    assert_ok(ca_policy_cert(server->ca, &before));
    const struct approve_request request = { .device = tpm.id, .profile = "sensor", .boot = &boot };
    assert_ok(store_begin(server->store));
    assert_ok(approve_make(server, &request, &approved));
    store_rollback(server->store);
    bs_log_set_level(BS_LOG_ERROR);
    assert_ok(ca_renew(server->ca, &server->config, bs_clock_now() + INT64_C(7) * 366 * 86400, &is_new));
    assert_true(is_new);
    assert_false(bs_span_equal(ca_cert(server->ca, CA_POLICY), bs_buf_span(&before)));
    assert_true(bs_span_equal(bs_buf_span(&approved->cert), bs_buf_span(&before)));
    softtpm_free(&tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_release_is_approved_on_the_firmware_of_each_device),
        LAB_TEST(a_device_that_runs_a_release_needs_no_other_approval),
        LAB_TEST(a_release_is_good_on_every_firmware_that_is_known_and_on_no_other),
        LAB_TEST(a_revoked_release_is_left_behind_in_an_older_epoch),
        LAB_TEST(no_two_profiles_are_ever_in_the_same_epoch),
        LAB_TEST(the_same_approvals_come_as_a_file),
        LAB_TEST(an_epoch_follows_the_clock),
        LAB_TEST(a_name_is_given_to_one_reference_of_a_profile),
        LAB_TEST(the_newest_releases_are_approved_and_always_the_boot_of_now),
        LAB_TEST(a_release_of_another_bank_or_without_a_pcr_is_not_approved),
        LAB_TEST(approvals_keep_their_certificate_while_it_is_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
