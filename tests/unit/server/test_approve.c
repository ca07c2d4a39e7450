/* Approvals in bundles: for whom, of what, in which epoch; and that a device which boots what was approved is taken. */
#include "unit/server/lab.h"

#include "core/clock.h"
#include "core/log.h"
#include "server/approve.h"
#include "server/policy/phase.h"
#include "server/policy/policy_reference.h"
#include "unit/logmaker.h"

#include <stdio.h>

#define QUOTED UINT32_C(0x1a95)
#define SEALED (QUOTED & ~(UINT32_C(1) << 12))

/* Firmware measures itself first, then what it starts. */
static void boot(struct softtpm *tpm, const char *firmware, const char *release)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, release, false);
    put_measured(&log, 0, EVENTLOG_POST_CODE, bs_span_of_string(firmware));
    assert_ok(softtpm_boot(tpm, bs_buf_span(&log)));
}

/* A device of which the operator takes over what it booted. */
static uint64_t learn(struct lab *lab, struct softtpm *tpm, const char *firmware, const char *release)
{
    struct operator_approved approved;
    assert_ok(softtpm_make(&lab->vendor, NULL, tpm));
    boot(tpm, firmware, release);
    TALK(talk, lab);
    talk_enroll(&talk, tpm, NULL);
    assert_kind(&talk, MESSAGE_PENDING);
    const struct operator_approve request = { .device = lab_id(tpm), .profile = "sensor", .learn = true };
    assert_ok(operator_device_approve(&lab->call, &request, &approved));
    return approved.reference;
}

static void release(struct lab *lab, uint64_t id, const char *name)
{
    struct store_reference reference;
    enum bs_err err = operator_reference_release(&lab->call, id, name, &reference);
    if (err != BS_OK)
        fail_msg("%s", lab->call.why);
}

static void revoke(struct lab *lab, uint64_t id)
{
    assert_ok(operator_reference_revoke(&lab->call, id, &(size_t){ 0 }));
}

/* What a device is given; spans point into `plain`. */
struct given {
    struct bs_secret *plain;
    struct bundle bundle;
};

static void given_free(struct given *given)
{
    bs_secret_free(given->plain);
}

static void contact(struct lab *lab, struct softtpm *tpm, struct given *given)
{
    TALK(talk, lab);
    talk_enroll(&talk, tpm, NULL);
    given_free(given);
    given->plain = NULL;
    talk_bundle(&talk, tpm, &given->plain, &given->bundle);
    assert_true(given->bundle.has_policy);
}

#define GIVEN(name) __attribute__((cleanup(given_free))) struct given name = { .plain = NULL }

static const struct approval *named(const struct given *given, const char *name)
{
    for (size_t i = 0; i < given->bundle.policy.approval_count; i++)
        if (bs_span_equal(given->bundle.policy.approvals[i].release, bs_span_of_string(name)))
            return &given->bundle.policy.approvals[i];
    return NULL;
}

static void assert_signed_for(const struct softtpm *tpm, const struct given *given, const struct approval *approval)
{
    uint8_t ref[APPROVAL_REF_SIZE], policy[CRYPTO_SHA256_SIZE], hash[CRYPTO_SHA256_SIZE];
    struct cert_info info;
    TPMT_PUBLIC key;
    struct crypto_point point;
    assert_ok(approval_ref(BS_SPAN(tpm->id, WIRE_ID_SIZE), given->bundle.policy.epoch, ref));
    assert_true(bs_span_equal(approval->policy_ref, BS_SPAN(ref, sizeof(ref))));
    assert_ok(approval_policy(&approval->pcrs, policy));
    assert_ok(approval_hash(policy, approval->policy_ref, hash));
    assert_ok(cert_parse(given->bundle.policy.cert, &info));
    assert_ok(cert_policy_key(info.spki, &key));
    assert_ok(wire_public_point(&key, &point));
    assert_ok(crypto_ecdsa_verify(&point, BS_SPAN(hash, sizeof(hash)), BS_SPAN(approval->signature.data, 32),
                                  BS_SPAN(approval->signature.data + 32, 32)));
}

static void a_release_is_approved_on_the_firmware_of_each_device(void **state)
{
    struct lab *lab = *state;
    struct softtpm a, b;
    GIVEN(given);
    learn(lab, &a, "firmware A", "1.0");
    release(lab, learn(lab, &b, "firmware B", "2.0"), "2.0");

    contact(lab, &a, &given);
    assert_int_equal(given.bundle.policy.approval_count, 2);
    const struct approval *approval = named(&given, "2.0");
    assert_non_null(approval);
    assert_int_equal(approval->pcrs.bank, CRYPTO_SHA256);
    assert_int_equal(approval->pcrs.mask, SEALED);
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++) {
        const struct softtpm *whose = POLICY_RELEASE_PCRS >> pcr & 1 ? &b : &a;
        if (SEALED >> pcr & 1)
            assert_memory_equal(approval->pcrs.values[pcr].data, whose->pcrs[pcr], 32);
    }
    assert_signed_for(&a, &given, approval);
    approval = named(&given, "present");
    assert_non_null(approval);
    assert_memory_equal(approval->pcrs.values[9].data, a.pcrs[9], 32);
    assert_signed_for(&a, &given, approval);
    softtpm_free(&a);
    softtpm_free(&b);
}

static void a_device_that_runs_a_release_needs_no_other_approval(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    release(lab, learn(lab, &tpm, "firmware", "1.0"), "1.0");
    contact(lab, &tpm, &given);
    assert_int_equal(given.bundle.policy.approval_count, 1);
    assert_non_null(named(&given, "1.0"));
    softtpm_free(&tpm);
}

/* The vault opens in it, so the server has to take it as well. */
static void a_release_is_good_on_every_firmware_that_is_known_and_on_no_other(void **state)
{
    struct lab *lab = *state;
    struct softtpm a, b;
    GIVEN(given);
    learn(lab, &a, "firmware A", "1.0");
    uint64_t id = learn(lab, &b, "firmware B", "2.0");
    boot(&a, "firmware A", "2.0");
    {
        TALK(talk, lab);
        talk_enroll(&talk, &a, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
    }
    release(lab, id, "2.0");
    contact(lab, &a, &given);
    boot(&b, "firmware B", "1.0"); /* no release: on its own firmware alone */
    {
        TALK(talk, lab);
        talk_enroll(&talk, &b, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
    }
    boot(&a, "firmware C", "2.0");
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
    learn(lab, &a, "firmware A", "1.0");
    uint64_t id = learn(lab, &b, "firmware B", "0.9");
    release(lab, id, "0.9");
    contact(lab, &a, &before);
    assert_non_null(named(&before, "0.9"));
    revoke(lab, id);
    contact(lab, &a, &after);
    assert_null(named(&after, "0.9"));
    assert_true(after.bundle.policy.epoch > before.bundle.policy.epoch);
    assert_false(bs_span_equal(named(&after, "present")->policy_ref, named(&before, "present")->policy_ref));
    boot(&a, "firmware A", "0.9");
    TALK(talk, lab);
    talk_enroll(&talk, &a, NULL);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
    /* Good again as a reference, which an operator may say, it is no release until that is said, too. */
    lab_approve(lab, &a, true);
    boot(&b, "firmware B", "0.9");
    lab_approve(lab, &b, true);
    contact(lab, &a, &after);
    assert_null(named(&after, "0.9"));
    softtpm_free(&a);
    softtpm_free(&b);
}

static void no_two_profiles_are_ever_in_the_same_epoch(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_profile applied;
    GIVEN(given);
    uint64_t id = learn(lab, &tpm, "firmware", "1.0");
    contact(lab, &tpm, &given);
    uint64_t first = given.bundle.policy.epoch;
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string("name = \"other\"; items = ();"), &applied));
    const struct operator_approve request = { .device = lab_id(&tpm), .profile = "other", .learn = true };
    assert_ok(operator_device_approve(&lab->call, &request, &(struct operator_approved){ 0 }));
    contact(lab, &tpm, &given);
    uint64_t second = given.bundle.policy.epoch;
    assert_true(second > first);
    revoke(lab, id);
    lab_approve(lab, &tpm, true);
    contact(lab, &tpm, &given);
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
    learn(lab, &a, "firmware A", "1.0");
    release(lab, learn(lab, &b, "firmware B", "2.0"), "2.0");
    contact(lab, &a, &given);
    assert_ok(operator_device_approvals(&lab->call, lab_id(&a), &bytes, &made));
    assert_int_equal(made.epoch, given.bundle.policy.epoch);
    assert_ok(approvals_decode(bs_buf_span(&bytes), &list));
    assert_int_equal(list.count, given.bundle.policy.approval_count);
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(approval_differences(&list.list[i].pcrs, &given.bundle.policy.approvals[i].pcrs), 0);
        assert_signed_for(&a, &given, &list.list[i]);
    }
    boot(&a, "firmware A", "evil");
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
    uint64_t first = learn(lab, &a, "firmware", "1.0"), second = learn(lab, &b, "firmware", "2.0");
    release(lab, first, "stable");
    release(lab, first, "stable");
    assert_err(operator_reference_release(&lab->call, second, "stable", &reference), BS_ERR_REFUSED);
    revoke(lab, second);
    assert_err(operator_reference_release(&lab->call, second, "beta", &reference), BS_ERR_REFUSED);
    softtpm_free(&a);
    softtpm_free(&b);
}

static void add_release(struct lab *lab, const struct softtpm *like, uint16_t bank, uint32_t mask, unsigned number)
{
    struct store_reference reference = { .profile = "sensor", .created_by = "test", .is_release = true };
    struct store_boot made = STORE_BOOT_INIT;
    uint64_t id;
    made.bank = bank;
    made.mask = mask;
    memcpy(made.pcrs, like->pcrs, sizeof(made.pcrs));
    made.pcrs[11][0] = (uint8_t)number;
    snprintf(reference.name, sizeof(reference.name), "r%u", number);
    assert_ok(policy_boot_digest(&made, reference.digest));
    assert_ok(store_begin(lab->server->store));
    assert_ok(store_reference_add(lab->server->store, &reference, &made, &id));
    assert_ok(store_commit(lab->server->store));
    store_boot_free(&made);
}

static void the_newest_releases_are_approved_and_always_the_boot_of_now(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    learn(lab, &tpm, "firmware", "1.0");
    for (unsigned i = 0; i < APPROVALS_MAX + 4; i++)
        add_release(lab, &tpm, CRYPTO_SHA256, POLICY_RELEASE_PCRS, i);
    contact(lab, &tpm, &given);
    assert_int_equal(given.bundle.policy.approval_count, APPROVALS_MAX);
    assert_non_null(named(&given, "r19"));
    assert_non_null(named(&given, "r5"));
    assert_null(named(&given, "r4"));
    assert_non_null(named(&given, "present"));
    softtpm_free(&tpm);
}

/* What a release does not say cannot be approved: the device's own value would be that of another kernel. */
static void a_release_of_another_bank_or_without_a_pcr_is_not_approved(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    learn(lab, &tpm, "firmware", "1.0");
    add_release(lab, &tpm, CRYPTO_SHA384, POLICY_RELEASE_PCRS, 1);
    add_release(lab, &tpm, CRYPTO_SHA256, 1u << 4 | 1u << 11, 2);
    add_release(lab, &tpm, CRYPTO_SHA256, POLICY_RELEASE_PCRS, 3);
    contact(lab, &tpm, &given);
    assert_int_equal(given.bundle.policy.approval_count, 2);
    assert_non_null(named(&given, "r3"));
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
    learn(lab, &tpm, "firmware", "1.0");
    boot.bank = CRYPTO_SHA256;
    boot.mask = QUOTED;
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
        release(lab, learn(lab, &tpms[i], names[i], names[i]), names[i]);
    contact(lab, &tpms[0], &before);
    assert_int_equal(before.bundle.policy.approval_count, 3);
    apply_policy(lab, "1.0", "2.0");
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string(profile), &applied));
    contact(lab, &tpms[0], &after);
    assert_int_equal(after.bundle.policy.approval_count, 2);
    assert_non_null(named(&after, "1.0"));
    assert_non_null(named(&after, "2.0"));
    /* What was approved under the references alone ends with them. */
    assert_true(after.bundle.policy.epoch > before.bundle.policy.epoch);
    assert_memory_equal(named(&after, "2.0")->pcrs.values[0].data, tpms[0].pcrs[0], 32);
    uint64_t epoch = after.bundle.policy.epoch;
    apply_policy(lab, "1.0", "2.0");
    contact(lab, &tpms[0], &after);
    assert_true(after.bundle.policy.epoch == epoch);
    apply_policy(lab, "1.0", "3.0");
    contact(lab, &tpms[0], &after);
    assert_true(after.bundle.policy.epoch > epoch);
    assert_int_equal(after.bundle.policy.approval_count, 2);
    assert_null(named(&after, "2.0"));
    assert_non_null(named(&after, "3.0"));
    boot(&tpms[0], "1.0", "3.0");
    contact(lab, &tpms[0], &after);
    boot(&tpms[0], "1.0", "2.0");
    assert_pending(lab, &tpms[0]);
    for (size_t i = 0; i < COUNT(tpms); i++)
        softtpm_free(&tpms[i]);
}

/* A release of an image that nobody has booted, and that does not say whether systemd runs in its initrd; an operator may have. */
static void foretell(struct lab *lab, const char *name, bool has_phase)
{
    struct store_reference reference = { .profile = "sensor", .created_by = "test", .is_release = true };
    struct store_boot made = STORE_BOOT_INIT;
    struct eventlog log;
    struct eventlog_replay replay;
    uint64_t id;
    lab_log(&made.log, name, false);
    assert_ok(eventlog_open(bs_buf_span(&made.log), &log, NULL));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    made.bank = CRYPTO_SHA256;
    made.mask = QUOTED;
    memcpy(made.pcrs, replay.values, sizeof(made.pcrs));
    if (has_phase)
        assert_ok(phase_enter(&made));
    snprintf(reference.name, sizeof(reference.name), "%s", name);
    assert_ok(policy_boot_digest(&made, reference.digest));
    assert_ok(store_begin(lab->server->store));
    assert_ok(store_reference_add(lab->server->store, &reference, &made, &id));
    assert_ok(store_commit(lab->server->store));
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
            if (SEALED >> pcr & 1)
                is_same = is_same && memcmp(approval->pcrs.values[pcr].data, tpm->pcrs[pcr], 32) == 0;
        if (is_same)
            return approval;
    }
    return NULL;
}

static void boot_initrd(struct softtpm *tpm, const char *release)
{
    boot(tpm, "firmware", release);
    assert_ok(softtpm_extend(tpm, 11, bs_span_of_string("enter-initrd")));
}

/* The server takes it with the word and without, so that the vault has to open in both: an update must not shut it. */
static void an_image_foretold_without_a_phase_opens_in_either(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    GIVEN(given);
    release(lab, learn(lab, &tpm, "firmware", "1.0"), "1.0");
    foretell(lab, "f0", false);
    foretell(lab, "f1", true);
    follow_images(lab, "pcrs: { events = [4, 9, 11]; ignore = [0, 2, 7]; };", 2);
    contact(lab, &tpm, &given);
    assert_approved(&given, "f1+ f0 1.0 f0+"); /* what a device showed, or an operator said, is as it is */
    boot_initrd(&tpm, "f0");
    const struct approval *approval = find_boot(&given, &tpm);
    assert_non_null(approval);
    assert_signed_for(&tpm, &given, approval);
    contact(lab, &tpm, &given);
    assert_approved(&given, "f1+ f0+ 1.0 f0");
    boot(&tpm, "firmware", "f0");
    assert_non_null(find_boot(&given, &tpm));
    contact(lab, &tpm, &given);

    /* Where the policy does not take the word, nothing opens with it. */
    follow_images(lab,
                  "pcrs: { events = [4, 9]; whole = [11]; ignore = [0, 2, 7]; };"
                  "values = ( { pcr = 11; reference = \"f0\"; } );",
                  2);
    contact(lab, &tpm, &given);
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
    release(lab, learn(lab, &tpm, "firmware", "1.0"), "1.0");
    for (char name[] = "f0"; name[1] <= '8'; name[1]++)
        foretell(lab, name, false);
    follow_images(lab, "pcrs: { events = [4, 9, 11]; ignore = [0, 2, 7]; };", 9);
    boot_initrd(&tpm, "1.0");
    contact(lab, &tpm, &given);
    assert_approved(&given, "f8+ f7+ f6+ f5+ f4+ f3+ f2+ f1+ f0+ 1.0 f8 f7 f6 f5 f4 present+");
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
        LAB_TEST(releases_are_approved_as_the_policy_says),
        LAB_TEST(an_image_foretold_without_a_phase_opens_in_either),
        LAB_TEST(the_other_initrd_takes_no_release_s_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
