/* What a policy decides on the server: verdicts and their rows, what a change would do, and boots that nobody has booted yet. */
#include "unit/server/lab.h"

#include "core/eventlog.h"
#include "core/userlog.h"
#include "server/policy/boot_compose.h"
#include "server/policy/boot_judge.h"
#include "unit/logmaker.h"

#include <stdio.h>

#define IGNORED "ignore = [0, 2, 7, 9, 11]"
#define NOBODY "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\""

static void apply_policy(struct lab *lab, const char *text)
{
    struct operator_policy applied;
    if (operator_policy_apply(&lab->call, bs_span_of_string(text), &applied) != BS_OK)
        fail_msg("%s", lab->call.why);
}

static void follow(struct lab *lab)
{
    struct store_profile applied;
    if (operator_profile_apply(&lab->call, bs_span_of_string("name = \"sensor\"; policy = \"p\"; items = ();"),
                               &applied) != BS_OK)
        fail_msg("%s", lab->call.why);
}

/* One that is good by its PCR 4, and by whatever `rules` say. */
static const char *policy_of(const struct softtpm *tpm, const char *rules)
{
    static char text[600];
    char hex[2 * CRYPTO_SHA256_SIZE + 1];
    bs_hex(BS_SPAN(tpm->pcrs[4], CRYPTO_SHA256_SIZE), hex);
    snprintf(text, sizeof(text),
             "name = \"p\"; pcrs: { whole = [4]; " IGNORED
             "; }; values = ( { pcr = 4; digests = [\"sha256:%s\"]; } ); %s",
             hex, rules);
    return text;
}

static enum message_kind ask(struct lab *lab, struct softtpm *tpm)
{
    TALK(talk, lab);
    talk_enroll(&talk, tpm, NULL);
    return talk.answer.kind;
}

static void a_refusal_in_other_words_is_a_row_of_its_own(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    apply_policy(lab, "name = \"p\"; pcrs: { whole = [4]; " IGNORED "; }; values = ( { pcr = 4; digests = [" NOBODY
                      "]; } );");
    follow(lab);
    uint64_t rows = lab_audit_rows(lab);
    assert_int_equal(ask(lab, &tpm), MESSAGE_PENDING);
    assert_int_equal(lab_audit_rows(lab), rows + 1);
    assert_int_equal(ask(lab, &tpm), MESSAGE_PENDING);
    assert_int_equal(lab_audit_rows(lab), rows + 1);
    assert_int_equal(policy_cache_state(lab->server->policies).parsed, 1);
    apply_policy(lab,
                 "name = \"p\"; pcrs: { events = [4]; " IGNORED "; }; applications = ( { release = \"none\"; } );");
    assert_int_equal(ask(lab, &tpm), MESSAGE_PENDING);
    assert_int_equal(lab_audit_rows(lab), rows + 3); /* that of the policy, too */
    apply_policy(lab, policy_of(&tpm, ""));
    assert_int_equal(ask(lab, &tpm), MESSAGE_APPROVED);
    softtpm_free(&tpm);
}

/* The quote says which firmware a TPM has; who made it, only an endorsed certificate says, and that of these devices does not. */
static void what_a_tpm_is_decides_when_the_policy_says_so(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm); /* firmware 32.9217.515.1029 */
    apply_policy(lab, policy_of(&tpm, "tpm = ( { manufacturer = \"NTZ\"; } );"));
    follow(lab);
    assert_int_equal(ask(lab, &tpm), MESSAGE_PENDING);
    apply_policy(lab, policy_of(&tpm, "tpm = ( { minimum = \"32.9217.515.1030\"; } );"));
    assert_int_equal(ask(lab, &tpm), MESSAGE_PENDING);
    apply_policy(lab,
                 policy_of(&tpm, "tpm = ( { minimum = \"32.9217.515.1029\"; maximum = \"32.9217.515.1029\"; } );"));
    assert_int_equal(ask(lab, &tpm), MESSAGE_APPROVED);
    softtpm_free(&tpm);
}

static enum bs_err keep_id(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    (void)boot;
    *(uint64_t *)context = reference->id;
    return BS_OK;
}

/* A policy still names it. */
static void a_revoked_reference_is_good_for_nothing(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_reference reference;
    uint64_t id = 0;
    size_t left;
    lab_approved_device(lab, &tpm);
    assert_ok(operator_reference_list(&lab->call, "sensor", keep_id, &id));
    assert_ok(operator_reference_release(&lab->call, id, "golden", &reference));
    apply_policy(lab, "name = \"p\"; pcrs: { whole = [4]; " IGNORED
                      "; }; values = ( { pcr = 4; reference = \"golden\"; } );");
    follow(lab);
    assert_int_equal(ask(lab, &tpm), MESSAGE_APPROVED);
    assert_ok(operator_reference_revoke(&lab->call, id, &left));
    assert_int_equal(ask(lab, &tpm), MESSAGE_PENDING);
    softtpm_free(&tpm);
}

struct seen {
    size_t rules, devices;
    bool was_good, is_good;
    char why[256];
};

static enum bs_err see_rule(void *context, bool is_added, struct bs_span line)
{
    (void)is_added, (void)line;
    ((struct seen *)context)->rules++;
    return BS_OK;
}

static enum bs_err see_device(void *context, const struct operator_policy_device *device)
{
    struct seen *seen = context;
    seen->devices++;
    seen->was_good = device->was_good;
    seen->is_good = device->is_good;
    snprintf(seen->why, sizeof(seen->why), "%.200s", device->why);
    return BS_OK;
}

static struct operator_policy_changes compare(struct lab *lab, const char *text, const char *profile, struct seen *seen)
{
    BS_OWN(operator_diff) diff = NULL;
    const struct operator_policy_changes *changes = NULL;
    struct operator_policy_question question = {
        .text = bs_span_of_string(text), .profile = profile, .rule = see_rule, .device = see_device, .context = seen
    };
    *seen = (struct seen){ 0 };
    if (operator_diff_begin(&lab->call, &question, &diff) != BS_OK)
        fail_msg("%s", lab->call.why);
    while (!changes)
        assert_ok(operator_diff_step(diff, &changes));
    return *changes;
}

static void a_comparison_judges_the_devices_it_is_asked_about(void **state)
{
    static const char *const refusing =
        "name = \"p\"; pcrs: { events = [4]; " IGNORED "; }; applications = ( { release = \"none\"; } );";
    struct lab *lab = *state;
    struct softtpm tpm;
    struct seen seen;
    lab_approved_device(lab, &tpm);
    /* No profile names it: nobody is judged, until one says which profile is meant. */
    assert_int_equal(compare(lab, refusing, NULL, &seen).judged, 0);
    assert_true(seen.rules > 0);
    struct operator_policy_changes changes = compare(lab, refusing, "sensor", &seen);
    assert_int_equal(changes.judged, 1);
    assert_int_equal(changes.applied.version, 0);
    assert_int_equal(seen.devices, 1);
    assert_true(seen.was_good && !seen.is_good);
    assert_non_null(strstr(seen.why, "PCR: 4"));
    apply_policy(lab, policy_of(&tpm, ""));
    follow(lab);
    assert_int_equal(compare(lab, policy_of(&tpm, ""), NULL, &seen).judged, 1);
    assert_int_equal(seen.devices + seen.rules, 0);
    assert_int_equal(compare(lab, refusing, NULL, &seen).judged, 1);
    assert_int_equal(seen.devices, 1);
    /* Asked, and not done. */
    assert_int_equal(ask(lab, &tpm), MESSAGE_APPROVED);
    softtpm_free(&tpm);
}

/* The server knows what its devices quote, and a policy by itself does not. */
static void a_policy_of_what_no_device_quotes_is_not_taken(void **state)
{
    struct lab *lab = *state;
    static const char *const text =
        "name = \"p\"; pcrs: { events = [4, 5]; " IGNORED "; }; applications = ( { release = \"none\"; } );";
    struct operator_policy applied;
    struct operator_diff *diff = NULL;
    struct operator_policy_question question = { .text = bs_span_of_string(text),
                                                 .rule = see_rule,
                                                 .device = see_device };
    assert_err(operator_policy_apply(&lab->call, bs_span_of_string(text), &applied), BS_ERR_INPUT);
    assert_non_null(strstr(lab->call.why, "PCR 5 is not quoted, so that no boot is ever good"));
    assert_err(operator_diff_begin(&lab->call, &question, &diff), BS_ERR_INPUT);
    assert_null(diff);
    assert_non_null(strstr(lab->call.why, "PCR 5 is not quoted"));
}

static void boot_of(struct store_boot *boot, uint8_t fill, const char *phase)
{
    struct eventlog log;
    struct eventlog_replay replay;
    struct userlog records;
    char record[300], hex[2 * CRYPTO_SHA256_SIZE + 1];
    uint8_t digest[CRYPTO_SHA256_SIZE];
    *boot = STORE_BOOT_INIT;
    boot->bank = CRYPTO_SHA256;
    boot->mask = 1u << 0 | 1u << 4 | 1u << 11 | 1u << 15;
    put_sha256_header(&boot->log);
    put_event(&boot->log, 0, EVENTLOG_POST_CODE, fill, bs_span_of_string("firmware"));
    put_event(&boot->log, 4, EVENTLOG_BOOT_APPLICATION, fill, bs_span_of_string("image"));
    assert_ok(bs_buf_append_string(&boot->command_line, phase));
    for (unsigned pcr = 11; pcr <= 15; pcr += 4) {
        assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string(phase), digest));
        bs_hex(BS_SPAN(digest, sizeof(digest)), hex);
        snprintf(record, sizeof(record),
                 "{\"pcr\":%u,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],\"content_type\":\"systemd\","
                 "\"content\":{\"string\":\"%s\",\"eventType\":\"phase\"}}\n",
                 pcr, hex, phase);
        assert_ok(bs_buf_append_string(&boot->userspace_log, record));
    }
    assert_ok(eventlog_open(bs_buf_span(&boot->log), &log, NULL));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    assert_ok(userlog_open(bs_buf_span(&boot->userspace_log), &records, NULL));
    assert_ok(userlog_replay(&records, &replay));
    memcpy(boot->pcrs, replay.values, sizeof(boot->pcrs));
}

/* Whatever is put together has to lead to its values by its own logs: else no policy could judge it. */
static void a_boot_that_is_put_together_explains_itself(void **state)
{
    (void)state;
    struct store_boot device, image, made = STORE_BOOT_INIT;
    struct eventlog log;
    struct eventlog_replay replay;
    struct userlog records;
    boot_of(&device, 1, "device \xc3\xa4");
    boot_of(&image, 2, "image");
    assert_ok(boot_compose(&device, &image, 1u << 4 | 1u << 9 | 1u << 11, &made));
    assert_memory_equal(made.pcrs[0], device.pcrs[0], 32);
    assert_memory_equal(made.pcrs[15], device.pcrs[15], 32);
    assert_memory_equal(made.pcrs[4], image.pcrs[4], 32);
    assert_memory_equal(made.pcrs[11], image.pcrs[11], 32);
    assert_ok(eventlog_open(bs_buf_span(&made.log), &log, NULL));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    assert_ok(userlog_open(bs_buf_span(&made.userspace_log), &records, NULL));
    assert_ok(userlog_replay(&records, &replay));
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (made.mask >> pcr & 1)
            assert_memory_equal(replay.values[pcr], made.pcrs[pcr], 32);
    assert_true(bs_span_equal(bs_buf_span(&made.command_line), bs_span_of_string("image")));
    store_boot_free(&made);
    store_boot_free(&device);
    store_boot_free(&image);
}

static void boots_that_do_not_fit_are_not_put_together(void **state)
{
    (void)state;
    struct store_boot device, image, made = STORE_BOOT_INIT;
    boot_of(&device, 1, "a");
    boot_of(&image, 2, "b");
    image.mask &= ~(1u << 4);
    assert_err(boot_compose(&device, &image, 1u << 4, &made), BS_ERR_INPUT);
    assert_ok(boot_compose(&device, &image, 1u << 11, &made));
    store_boot_free(&made);
    image.mask |= 1u << 4;
    image.bank = CRYPTO_SHA384;
    assert_err(boot_compose(&device, &image, 1u << 4, &made), BS_ERR_INPUT);
    image.bank = CRYPTO_SHA256;
    bs_buf_reset(&image.log);
    assert_ok(bs_buf_append_string(&image.log, "no log"));
    assert_err(boot_compose(&device, &image, 1u << 4, &made), BS_ERR_INPUT);
    store_boot_free(&made);
    store_boot_free(&device);
    store_boot_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_refusal_in_other_words_is_a_row_of_its_own),
        LAB_TEST(a_revoked_reference_is_good_for_nothing),
        LAB_TEST(what_a_tpm_is_decides_when_the_policy_says_so),
        LAB_TEST(a_comparison_judges_the_devices_it_is_asked_about),
        LAB_TEST(a_policy_of_what_no_device_quotes_is_not_taken),
        cmocka_unit_test(a_boot_that_is_put_together_explains_itself),
        cmocka_unit_test(boots_that_do_not_fit_are_not_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
