/* Good paths of the exchanges, who approves, and what is repeated. */
#include "unit/server/lab.h"

#include "unit/logmaker.h"

#include <string.h>

static void an_unknown_device_waits_after_its_proof_and_goes_on_when_approved(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_device(lab, &tpm);
    {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_kind(&talk, MESSAGE_PROVE);
        assert_int_equal(talk.result.status, 200);
        assert_false(lab_has_device(lab, &tpm, NULL));
        talk_prove(&talk, &tpm);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE);
        assert_int_equal(talk.result.status, 202);
        assert_memory_equal(talk.answer.device.data, tpm.id, 32);
        assert_true(talk.answer.retry_after > 0);
    }
    lab_approve(lab, &tpm, true);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL); /* a proven pair: one exchange */
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&talk, &tpm, &plain, &bundle);
    assert_span_text(lab_item(&bundle, "wifi.psk"), "correct horse");
    assert_int_equal(lab_item(&bundle, "db.key").size, 32);
    char line[80];
    snprintf(line, sizeof(line), "id=%s\n", lab_id(&tpm));
    assert_span_text(lab_item(&bundle, "app.conf"), line);
    assert_memory_equal(bundle.device.data, tpm.id, 32);
    assert_true(bs_span_equal(bundle.srk_name, wire_name_span(&tpm.srk.name)));
    softtpm_free(&tpm);
}

static void a_certificate_carries_device_and_profile(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct cert_info info;
    lab_approved_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&talk, &tpm, &plain, &bundle);
    assert_int_equal(bundle.chain_count, 2);
    assert_ok(cert_parse(bundle.chain[0], &info));
    assert_true(info.has_device);
    assert_memory_equal(info.device, tpm.id, 32);
    assert_string_equal(info.profile, "sensor");
    assert_true(cert_has_eku(&info, "1.3.6.1.5.5.7.3.2"));
    assert_true(cert_key_equals(&info, &tpm.device.public_area));
    softtpm_free(&tpm);
}

static void a_lost_answer_repeated_gives_the_same_certificate_and_secrets(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct bundle bundles[2];
    struct bs_secret *plain[2];
    lab_approved_device(lab, &tpm);
    TALK(first, lab);
    TALK(second, lab);
    talk_attest(&first, &tpm, NULL);
    talk_bundle(&first, &tpm, &plain[0], &bundles[0]);
    lab_restart(lab);
    talk_attest(&second, &tpm, NULL);
    talk_bundle(&second, &tpm, &plain[1], &bundles[1]);
    assert_true(bs_span_equal(bundles[0].chain[0], bundles[1].chain[0]));
    assert_true(bs_span_equal(lab_item(&bundles[0], "db.key"), lab_item(&bundles[1], "db.key")));
    assert_true(bundles[1].serial > bundles[0].serial);
    assert_memory_not_equal(first.secret, second.secret, 32);
    bs_secret_free(plain[0]);
    bs_secret_free(plain[1]);
    softtpm_free(&tpm);
}

struct certs {
    unsigned count[4];
};

static enum bs_err count_cert(void *context, const struct store_cert *cert)
{
    ((struct certs *)context)->count[cert->status]++;
    return BS_OK;
}

static struct certs certs_of(struct lab *lab, const struct softtpm *tpm)
{
    struct certs certs = { { 0 } };
    assert_ok(store_cert_each(lab->server->store, tpm->id, count_cert, &certs));
    return certs;
}

static uint64_t enroll_and_confirm(struct lab *lab, struct softtpm *tpm)
{
    TALK(talk, lab);
    talk_attest(&talk, tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&talk, tpm, &plain, &bundle);
    talk_confirm(&talk, tpm, bundle.serial);
    assert_kind(&talk, MESSAGE_CONFIRMED);
    uint64_t rows = lab_audit_rows(lab);
    talk_confirm(&talk, tpm, bundle.serial);
    assert_kind(&talk, MESSAGE_CONFIRMED);
    assert_int_equal(lab_audit_rows(lab), rows);
    return bundle.serial;
}

/* After a restored backup serials go on above what devices hold, but not wherever one of them says. */
static void a_serial_that_nobody_can_have_reached_is_not_believed(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    static const struct {
        uint64_t held, next;
    } cases[] = { { 40, 41 }, { UINT64_C(1) << 48, 42 }, { INT64_MAX, 43 }, { UINT64_MAX, 44 } };
    lab_approved_device(lab, &tpm);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        TALK(talk, lab);
        BS_OWN(secret) plain = NULL;
        struct bundle bundle;
        talk_attest(&talk, &tpm, &(struct softtpm_request){ .held_serial = cases[i].held });
        talk_bundle(&talk, &tpm, &plain, &bundle);
        assert_int_equal(bundle.serial, cases[i].next);
    }
    softtpm_free(&tpm);
}

static void confirming_a_new_key_revokes_the_certificate_of_the_old_one(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    enroll_and_confirm(lab, &tpm);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_LIVING], 1);
    assert_ok(softtpm_device_key_new(&tpm));
    {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL); /* answer lost: the old one stays good */
        assert_kind(&talk, MESSAGE_APPROVED);
        assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_LIVING], 1);
        assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_REVOKED], 0);
    }
    enroll_and_confirm(lab, &tpm);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_LIVING], 1);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_REVOKED], 1);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_ISSUED], 0);
    softtpm_free(&tpm);
}

static void a_bundle_that_the_device_holds_counts_as_confirmed(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    TALK(first, lab);
    TALK(second, lab);
    talk_attest(&first, &tpm, NULL);
    assert_kind(&first, MESSAGE_APPROVED);
    talk_attest(&second, &tpm, &(struct softtpm_request){ .held_serial = 1 });
    assert_kind(&second, MESSAGE_APPROVED);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_LIVING], 1);
    softtpm_free(&tpm);
}

static void a_certificate_is_renewed_when_two_thirds_of_its_life_are_over(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    enroll_and_confirm(lab, &tpm);
    lab_set_clock(200 * INT64_C(86400));
    enroll_and_confirm(lab, &tpm);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_REVOKED], 0);
    lab_set_clock(250 * INT64_C(86400));
    enroll_and_confirm(lab, &tpm);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_REVOKED], 1);
    softtpm_free(&tpm);
}

static void an_imported_device_enrolls_with_nobody_touching_anything(void **state)
{
    struct lab *lab = *state;
    struct softtpm known, tpm;
    char csv[256];
    struct operator_imported imported;
    lab_approved_device(lab, &known); /* the profile has a reference now */
    lab_device(lab, &tpm);
    snprintf(csv, sizeof(csv), "ek_sha256,serial,profile,labels\n%s,SN-1,sensor,site=a;nic=eth0\n", lab_id(&tpm));
    assert_ok(operator_device_import(&lab->call, bs_span_of_string(csv), &imported));
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_PROVE); /* registered or not: nothing is told before the proof */
    talk_prove(&talk, &tpm);
    assert_kind(&talk, MESSAGE_APPROVED);
    softtpm_free(&known);
    softtpm_free(&tpm);
}

static void without_a_reference_nobody_is_approved(void **state)
{
    struct lab *lab = *state;
    struct softtpm imported_tpm, token_tpm;
    char csv[256], token[OPERATOR_TOKEN_SIZE];
    struct operator_imported imported;
    lab_device(lab, &imported_tpm);
    lab_device(lab, &token_tpm);
    snprintf(csv, sizeof(csv), "ek_sha256,profile\n%s,sensor\n", lab_id(&imported_tpm));
    assert_ok(operator_device_import(&lab->call, bs_span_of_string(csv), &imported));
    lab_token(lab, 1, token);
    TALK(a, lab);
    TALK(b, lab);
    talk_enroll(&a, &imported_tpm, NULL);
    assert_reason(&a, MESSAGE_PENDING, BS_REASON_NO_REFERENCE);
    talk_enroll(&b, &token_tpm, &(struct softtpm_request){ .token = token });
    assert_reason(&b, MESSAGE_PENDING, BS_REASON_NO_REFERENCE);
    softtpm_free(&imported_tpm);
    softtpm_free(&token_tpm);
}

static void a_token_is_spent_once_and_free_for_the_same_ek(void **state)
{
    struct lab *lab = *state;
    struct softtpm known, first, second;
    char token[OPERATOR_TOKEN_SIZE];
    lab_approved_device(lab, &known);
    lab_device(lab, &first);
    lab_device(lab, &second);
    lab_token(lab, 1, token);
    struct softtpm_request request = { .token = token };
    for (unsigned i = 0; i < 2; i++) {
        TALK(talk, lab);
        talk_enroll(&talk, &first, &request);
        assert_kind(&talk, MESSAGE_APPROVED);
    }
    TALK(talk, lab);
    talk_enroll(&talk, &second, &request);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_TOKEN_INVALID);
    TALK(nonsense, lab);
    talk_enroll(&nonsense, &second, &(struct softtpm_request){ .token = "nonsense" });
    assert_reason(&nonsense, MESSAGE_REFUSED, BS_REASON_TOKEN_INVALID);
    softtpm_free(&known);
    softtpm_free(&first);
    softtpm_free(&second);
}

static void an_expired_or_revoked_token_is_no_good(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    char token[OPERATOR_TOKEN_SIZE];
    lab_device(lab, &tpm);
    lab_token(lab, 1, token);
    assert_ok(operator_token_revoke(&lab->call, 1));
    TALK(revoked, lab);
    talk_enroll(&revoked, &tpm, &(struct softtpm_request){ .token = token });
    assert_reason(&revoked, MESSAGE_REFUSED, BS_REASON_TOKEN_INVALID);
    lab_token(lab, 1, token);
    lab_set_clock(3601);
    TALK(expired, lab);
    talk_enroll(&expired, &tpm, &(struct softtpm_request){ .token = token });
    assert_reason(&expired, MESSAGE_REFUSED, BS_REASON_TOKEN_INVALID);
    softtpm_free(&tpm);
}

static void a_changed_boot_waits_and_names_pcr_and_event(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_approved_device(lab, &tpm);
    lab_log(&log, "good init=/bin/sh", false);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
        assert_int_equal(talk.answer.finding_count, 1);
        assert_int_equal(talk.answer.findings[0].pcr, 9);
        assert_int_equal(talk.answer.findings[0].event, 12);
    }
    lab_approve(lab, &tpm, true);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
    softtpm_free(&tpm);
}

static void approving_a_digest_that_is_no_longer_shown_is_refused(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    struct operator_device shown = OPERATOR_DEVICE_INIT;
    struct operator_approved approved;
    char digest[65];
    lab_device(lab, &tpm);
    TALK(first, lab);
    TALK(second, lab);
    talk_enroll(&first, &tpm, NULL);
    assert_ok(operator_device_show(&lab->call, lab_id(&tpm), &shown));
    assert_true(shown.has_question);
    bs_hex(BS_SPAN(shown.question, 32), digest);
    operator_device_free(&shown);
    lab_log(&log, "evil", false);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    talk_enroll(&second, &tpm, NULL);
    struct operator_approve request = {
        .device = lab_id(&tpm), .profile = "sensor", .learn = true, .question = digest
    };
    assert_err(operator_device_approve(&lab->call, &request, &approved), BS_ERR_REFUSED);

    /* Its beginning is enough, but not so little of it that another log has it too. */
    assert_ok(operator_device_show(&lab->call, lab_id(&tpm), &shown));
    bs_hex(BS_SPAN(shown.question, 32), digest);
    operator_device_free(&shown);
    digest[15] = '\0';
    assert_err(operator_device_approve(&lab->call, &request, &approved), BS_ERR_INPUT);
    bs_hex(BS_SPAN(shown.question, 32), digest);
    digest[16] = '\0';
    assert_ok(operator_device_approve(&lab->call, &request, &approved));
    softtpm_free(&tpm);
}

static void waiting_writes_one_row_however_long(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_device(lab, &tpm);
    TALK(first, lab);
    talk_enroll(&first, &tpm, NULL);
    uint64_t rows = lab_audit_rows(lab);
    for (int i = 1; i <= 5; i++) {
        lab_set_clock(i * 30);
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE);
    }
    assert_int_equal(lab_audit_rows(lab), rows);
    softtpm_free(&tpm);
}

static void whoami_knows_the_holder_until_he_is_revoked(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct enroll_result result;
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(4096);
    lab_approved_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&talk, &tpm, &plain, &bundle);
    enroll_whoami(lab->server, bundle.chain[0], &json, &result);
    assert_int_equal(result.status, 200);
    assert_non_null(memmem(json.data, json.size, lab_id(&tpm), 64));
    assert_non_null(memmem(json.data, json.size, "\"sensor\"", 8));
    bs_buf_reset(&json);
    enroll_whoami(lab->server, BS_SPAN_NONE, &json, &result);
    assert_int_equal(result.status, 401);
    uint64_t certs = 0;
    assert_ok(operator_device_revoke(&lab->call, lab_id(&tpm), "stolen", &certs));
    assert_int_equal(certs, 1);
    bs_buf_reset(&json);
    enroll_whoami(lab->server, bundle.chain[0], &json, &result);
    assert_int_equal(result.status, 403);
    bs_buf_reset(&json);
    enroll_whoami(lab->server, ca_cert(lab->server->ca, CA_SERVER), &json, &result);
    assert_int_equal(result.status, 403);
    softtpm_free(&tpm);
}

static int whoami_status(struct lab *lab, struct bs_span cert)
{
    struct enroll_result result;
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(4096);
    enroll_whoami(lab->server, cert, &json, &result);
    return result.status;
}

static void whoami_knows_neither_old_certificates_nor_refused_devices(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct bundle old, new;
    BS_OWN(secret) old_plain = NULL;
    BS_OWN(secret) new_plain = NULL;
    lab_approved_device(lab, &tpm);
    TALK(first, lab);
    talk_attest(&first, &tpm, NULL);
    talk_bundle(&first, &tpm, &old_plain, &old);
    assert_ok(softtpm_device_key_new(&tpm));
    TALK(second, lab);
    talk_attest(&second, &tpm, NULL);
    talk_bundle(&second, &tpm, &new_plain, &new);
    assert_int_equal(whoami_status(lab, old.chain[0]), 200);
    talk_confirm(&second, &tpm, new.serial);
    assert_int_equal(whoami_status(lab, old.chain[0]), 403);
    assert_int_equal(whoami_status(lab, new.chain[0]), 200);
    assert_ok(operator_device_refuse(&lab->call, lab_id(&tpm), "lost"));
    assert_int_equal(whoami_status(lab, new.chain[0]), 403);
    softtpm_free(&tpm);
}

/* The key of a later answer, said on an earlier connection: what was issued there is another bundle. */
static void a_bundle_of_another_connection_is_not_confirmed_on_this_one(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct bundle old, new;
    uint8_t key[32], mac[32];
    BS_OWN(secret) old_plain = NULL;
    BS_OWN(secret) new_plain = NULL;
    lab_approved_device(lab, &tpm);
    TALK(first, lab);
    talk_attest(&first, &tpm, NULL);
    talk_bundle(&first, &tpm, &old_plain, &old);
    TALK(second, lab);
    talk_attest(&second, &tpm, NULL);
    talk_bundle(&second, &tpm, &new_plain, &new);
    assert_int_not_equal(new.serial, old.serial);

    const struct message_confirm m = { .device = BS_SPAN(tpm.id, 32),
                                       .serial = new.serial,
                                       .mac = BS_SPAN(mac, sizeof(mac)) };
    assert_ok(bundle_confirm_key(BS_SPAN(second.secret, 32), BS_SPAN(second.channel, 32), key));
    assert_ok(message_confirm_mac(BS_SPAN(key, 32), BS_SPAN(first.channel, 32), &m, mac));
    bs_buf_reset(&first.body);
    assert_ok(message_confirm_encode(&m, &first.body));
    talk_send_confirm(&first);
    assert_reason(&first, MESSAGE_REFUSED, BS_REASON_CONFIRM_UNKNOWN);
    assert_int_equal(certs_of(lab, &tpm).count[STORE_CERT_LIVING], 0);
    talk_confirm(&second, &tpm, new.serial);
    assert_kind(&second, MESSAGE_CONFIRMED);
    softtpm_free(&tpm);
}

static void health_is_well(void **state)
{
    struct lab *lab = *state;
    struct enroll_result result;
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(4096);
    enroll_health(lab->server, &json, &result);
    assert_int_equal(result.status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(an_unknown_device_waits_after_its_proof_and_goes_on_when_approved),
        LAB_TEST(a_certificate_carries_device_and_profile),
        LAB_TEST(a_lost_answer_repeated_gives_the_same_certificate_and_secrets),
        LAB_TEST(a_serial_that_nobody_can_have_reached_is_not_believed),
        LAB_TEST(confirming_a_new_key_revokes_the_certificate_of_the_old_one),
        LAB_TEST(a_bundle_that_the_device_holds_counts_as_confirmed),
        LAB_TEST(a_bundle_of_another_connection_is_not_confirmed_on_this_one),
        LAB_TEST(a_certificate_is_renewed_when_two_thirds_of_its_life_are_over),
        LAB_TEST(an_imported_device_enrolls_with_nobody_touching_anything),
        LAB_TEST(without_a_reference_nobody_is_approved),
        LAB_TEST(a_token_is_spent_once_and_free_for_the_same_ek),
        LAB_TEST(an_expired_or_revoked_token_is_no_good),
        LAB_TEST(a_changed_boot_waits_and_names_pcr_and_event),
        LAB_TEST(approving_a_digest_that_is_no_longer_shown_is_refused),
        LAB_TEST(waiting_writes_one_row_however_long),
        LAB_TEST(whoami_knows_the_holder_until_he_is_revoked),
        LAB_TEST(whoami_knows_neither_old_certificates_nor_refused_devices),
        LAB_TEST(health_is_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
