/* Approvals under a policy: of the releases that it finds good, as the device would boot them. */
#include "unit/server/approving.h"

#include "server/policy/phase.h"

#include <stdio.h>

static void apply_policy(struct lab *lab, const char *first, const char *second)
{
    struct operator_policy applied;
    char text[400];
    snprintf(text, sizeof(text),
             "name = \"images\"; pcrs: { events = [9]; whole = [4]; ignore = [0, 2, 7, 11]; };\n"
             "values = ( { pcr = 4; reference = \"1.0\"; } );\n"
             "applications = ( { release = \"%s\"; }, { release = \"%s\"; } );",
             first, second);
    if (operator_policy_apply(&lab->call, bs_span_of_string(text), &applied) != BS_OK)
        fail_msg("%s", lab->call.why);
}

static void assert_pending(struct lab *lab, struct softtpm *tpm)
{
    TALK(talk, lab);
    talk_enroll(&talk, tpm, NULL);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
}

/* A vault that opens offline in a boot that the server would refuse would make the policy a thing of first contacts. */
static void releases_are_approved_as_the_policy_says(void **state)
{
    static const char profile[] = "name = \"sensor\"; policy = \"images\"; items = ();";
    struct lab *lab = *state;
    struct softtpm tpms[3];
    struct store_profile applied;
    static const char *const names[] = { "1.0", "2.0", "3.0" };
    GIVEN(before);
    GIVEN(after);
    for (size_t i = 0; i < COUNT(tpms); i++)
        approving_release(lab, approving_learn(lab, &tpms[i], names[i], names[i]), names[i]);
    approving_contact(lab, &tpms[0], &before);
    assert_int_equal(before.bundle.policy.approval_count, 3);
    apply_policy(lab, "1.0", "2.0");
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string(profile), &applied));
    approving_contact(lab, &tpms[0], &after);
    assert_int_equal(after.bundle.policy.approval_count, 2);
    assert_non_null(approving_named(&after, "1.0"));
    assert_non_null(approving_named(&after, "2.0"));
    /* What was approved under the references alone ends with them. */
    assert_true(after.bundle.policy.epoch > before.bundle.policy.epoch);
    assert_memory_equal(approving_named(&after, "2.0")->pcrs.values[0].data, tpms[0].pcrs[0], 32);
    uint64_t epoch = after.bundle.policy.epoch;
    apply_policy(lab, "1.0", "2.0");
    approving_contact(lab, &tpms[0], &after);
    assert_true(after.bundle.policy.epoch == epoch);
    apply_policy(lab, "1.0", "3.0");
    approving_contact(lab, &tpms[0], &after);
    assert_true(after.bundle.policy.epoch > epoch);
    assert_int_equal(after.bundle.policy.approval_count, 2);
    assert_null(approving_named(&after, "2.0"));
    assert_non_null(approving_named(&after, "3.0"));
    approving_boot(&tpms[0], "1.0", "3.0");
    approving_contact(lab, &tpms[0], &after);
    approving_boot(&tpms[0], "1.0", "2.0");
    assert_pending(lab, &tpms[0]);
    for (size_t i = 0; i < COUNT(tpms); i++)
        softtpm_free(&tpms[i]);
}

/* A release of an image that nobody has booted, and that does not say whether systemd runs in its initrd; an operator may have. */
static void foretell(struct lab *lab, const char *name, bool has_phase)
{
    struct store_boot made = STORE_BOOT_INIT;
    struct eventlog log;
    struct eventlog_replay replay;
    lab_log(&made.log, name, false);
    assert_ok(eventlog_open(bs_buf_span(&made.log), &log, NULL));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    made.bank = CRYPTO_SHA256;
    made.mask = APPROVING_QUOTED;
    memcpy(made.pcrs, replay.values, sizeof(made.pcrs));
    if (has_phase)
        assert_ok(phase_enter(&made));
    approving_add(lab, name, &made);
    store_boot_free(&made);
}

/* "1.0" and f0, f1 and so on are good, `foretold` of them; the rest of the policy is `rules`. */
static void follow_images(struct lab *lab, const char *rules, unsigned foretold)
{
    char text[1000];
    int at = snprintf(text, sizeof(text), "name = \"images\"; %s applications = ( { release = \"1.0\"; }", rules);
    for (unsigned i = 0; i < foretold; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, ", { release = \"f%u\"; }", i);
    snprintf(text + at, sizeof(text) - (size_t)at, " );");
    struct operator_policy applied;
    if (operator_policy_apply(&lab->call, bs_span_of_string(text), &applied) != BS_OK)
        fail_msg("%s", lab->call.why);
    assert_ok(operator_profile_apply(&lab->call,
                                     bs_span_of_string("name = \"sensor\"; policy = \"images\"; items = ();"),
                                     &(struct store_profile){ .policy = "" }));
}

/* PCR 11 of an approval is that of lab_log(), perhaps with the word of systemd's first phase. */
static bool is_in_initrd(const struct approval *approval)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SOFTTPM_LOG_MAX);
    struct eventlog log;
    struct eventlog_replay replay;
    uint8_t digest[32];
    lab_log(&bytes, "any", false);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    if (memcmp(approval->pcrs.values[11].data, replay.values[11], 32) == 0)
        return false;
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("enter-initrd"), digest));
    assert_ok(eventlog_replay_extend(&replay, 11, BS_SPAN(digest, 32)));
    assert_memory_equal(approval->pcrs.values[11].data, replay.values[11], 32);
    return true;
}

/* The approvals in their order: "f0+ 1.0 f0", with a sign where it is with the word. */
static void assert_approved(const struct given *given, const char *expected)
{
    char list[400] = "";
    size_t at = 0;
    for (size_t i = 0; i < given->bundle.policy.approval_count; i++) {
        const struct approval *approval = &given->bundle.policy.approvals[i];
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%.*s%s", i > 0 ? " " : "", (int)approval->release.size,
                               (const char *)approval->release.data, is_in_initrd(approval) ? "+" : "");
    }
    assert_string_equal(list, expected);
}

static const struct approval *find_boot(const struct given *given, const struct softtpm *tpm)
{
    for (size_t i = 0; i < given->bundle.policy.approval_count; i++) {
        const struct approval *approval = &given->bundle.policy.approvals[i];
        bool is_same = true;
        for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
            if (APPROVING_SEALED >> pcr & 1)
                is_same = is_same && memcmp(approval->pcrs.values[pcr].data, tpm->pcrs[pcr], 32) == 0;
        if (is_same)
            return approval;
    }
    return NULL;
}

static void boot_initrd(struct softtpm *tpm, const char *release)
{
    approving_boot(tpm, "firmware", release);
    assert_ok(softtpm_extend(tpm, 11, bs_span_of_string("enter-initrd")));
}

/* The server takes it with the word and without, so that the vault has to open in both: an update must not shut it. */
static void an_image_foretold_without_a_phase_opens_in_either(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    approving_release(lab, approving_learn(lab, &tpm, "firmware", "1.0"), "1.0");
    foretell(lab, "f0", false);
    foretell(lab, "f1", true);
    follow_images(lab, "pcrs: { events = [4, 9, 11]; ignore = [0, 2, 7]; };", 2);
    approving_contact(lab, &tpm, &given);
    assert_approved(&given, "f1+ f0 1.0 f0+"); /* what a device showed, or an operator said, is as it is */
    boot_initrd(&tpm, "f0");
    const struct approval *approval = find_boot(&given, &tpm);
    assert_non_null(approval);
    approving_assert_signed_for(&tpm, &given, approval);
    approving_contact(lab, &tpm, &given);
    assert_approved(&given, "f1+ f0+ 1.0 f0");
    approving_boot(&tpm, "firmware", "f0");
    assert_non_null(find_boot(&given, &tpm));
    approving_contact(lab, &tpm, &given);

    /* Where the policy does not take the word, nothing opens with it. */
    follow_images(lab,
                  "pcrs: { events = [4, 9]; whole = [11]; ignore = [0, 2, 7]; };"
                  "values = ( { pcr = 11; reference = \"f0\"; } );",
                  2);
    approving_contact(lab, &tpm, &given);
    assert_approved(&given, "f0 1.0");
    boot_initrd(&tpm, "f0");
    assert_pending(lab, &tpm);
    softtpm_free(&tpm);
}

/* Where there is no room for all, what this device is likely to boot comes first. */
static void the_other_initrd_takes_no_release_s_place(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    approving_release(lab, approving_learn(lab, &tpm, "firmware", "1.0"), "1.0");
    for (char name[] = "f0"; name[1] <= '8'; name[1]++)
        foretell(lab, name, false);
    follow_images(lab, "pcrs: { events = [4, 9, 11]; ignore = [0, 2, 7]; };", 9);
    boot_initrd(&tpm, "1.0");
    approving_contact(lab, &tpm, &given);
    assert_approved(&given, "f8+ f7+ f6+ f5+ f4+ f3+ f2+ f1+ f0+ 1.0 f8 f7 f6 f5 f4 present+");
    softtpm_free(&tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(releases_are_approved_as_the_policy_says),
        LAB_TEST(an_image_foretold_without_a_phase_opens_in_either),
        LAB_TEST(the_other_initrd_takes_no_release_s_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
