/* Who has not proven himself, and sequences that the protocol does not know: nothing is issued, spent, learned, shown or blocked. */
#include "unit/server/lab.h"

#include "server/verdict.h"

#include <string.h>

/* What an operator could notice, and what secrets could come of. */
struct trace {
    uint64_t rows, pending;
};

static struct trace trace_of(struct lab *lab)
{
    struct trace trace = { .rows = lab_audit_rows(lab) };
    assert_ok(store_device_count(lab->server->store, STORE_PENDING, &trace.pending));
    return trace;
}

static void assert_no_trace(struct lab *lab, const struct trace *before)
{
    struct trace now = trace_of(lab);
    assert_int_equal(now.rows, before->rows);
    assert_int_equal(now.pending, before->pending);
}

/* Takes over the public identity of a TPM; keys are the forger's own, in software. */
static void pretend(struct softtpm *forger, const struct softtpm *victim)
{
    forger->ek_public = victim->ek_public;
    memcpy(forger->id, victim->id, sizeof(forger->id));
    bs_buf_reset(&forger->ek_cert);
    assert_ok(bs_buf_append(&forger->ek_cert, victim->ek_cert.data, victim->ek_cert.size));
}

static void a_software_ak_with_a_good_quote_for_the_ek_of_a_registered_device_gets_nothing(void **state)
{
    struct lab *lab = *state;
    struct softtpm known, victim, forger;
    struct operator_imported imported;
    struct store_device before, after;
    char csv[256], token[OPERATOR_TOKEN_SIZE];
    lab_approved_device(lab, &known);
    lab_device(lab, &victim);
    lab_device(lab, &forger);
    snprintf(csv, sizeof(csv), "ek_sha256,profile\n%s,sensor\n", lab_id(&victim));
    assert_ok(operator_device_import(&lab->call, bs_span_of_string(csv), &imported));
    lab_token(lab, 1, token);
    pretend(&forger, &victim);
    assert_true(lab_has_device(lab, &victim, &before));
    struct trace trace = trace_of(lab);

    TALK(talk, lab);
    talk_attest(&talk, &forger, &(struct softtpm_request){ .token = token });
    assert_kind(&talk, MESSAGE_PROVE);
    assert_int_equal(talk.answer.device.size, 0);
    assert_err(softtpm_activate(&forger, talk.answer.id_object, talk.answer.encrypted_secret, talk.secret),
               BS_ERR_UNTRUSTED);
    memset(talk.secret, 0, sizeof(talk.secret));
    bs_buf_reset(&talk.body);
    assert_ok(softtpm_prove(talk.secret, talk.channel, bs_buf_span(&talk.statement), &talk.body));
    bs_buf_reset(&talk.bytes);
    enroll_prove(lab->server, talk.session, bs_buf_span(&talk.body), &talk.bytes, &talk.result);
    assert_ok(message_answer_decode(bs_buf_span(&talk.bytes), &talk.answer));
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_PROOF_FAILED);

    assert_true(lab_has_device(lab, &victim, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    assert_no_trace(lab, &trace);
    /* The token is not spent, and the real device is let in as if nothing had been. */
    TALK(real, lab);
    talk_enroll(&real, &victim, NULL);
    assert_kind(&real, MESSAGE_APPROVED);
    struct softtpm newcomer;
    lab_device(lab, &newcomer);
    TALK(with_token, lab);
    talk_enroll(&with_token, &newcomer, &(struct softtpm_request){ .token = token });
    assert_kind(&with_token, MESSAGE_APPROVED);
    softtpm_free(&known);
    softtpm_free(&victim);
    softtpm_free(&forger);
    softtpm_free(&newcomer);
}

/* The credential of an approved answer is for the AK on record, so a forged AK gets a challenge and no bundle at all. */
static void a_software_ak_for_the_ek_of_an_approved_device_gets_no_bundle(void **state)
{
    struct lab *lab = *state;
    struct softtpm victim, forger;
    struct store_device before, after;
    lab_approved_device(lab, &victim);
    lab_device(lab, &forger);
    pretend(&forger, &victim);
    assert_true(lab_has_device(lab, &victim, &before));
    TALK(talk, lab);
    talk_attest(&talk, &forger, NULL);
    assert_kind(&talk, MESSAGE_PROVE);
    assert_int_equal(talk.answer.bundle.size, 0);
    assert_true(lab_has_device(lab, &victim, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    softtpm_free(&victim);
    softtpm_free(&forger);
}

/* Two connections that prove another AK for the same EK: what was looked up before may have changed since. */
static void without_a_proof_there_is_no_verdict_about_an_unknown_pair(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct refusal refusal = { 0 };
    struct verdict verdict;
    BS_OWN(evidence) evidence = NULL;
    lab_device(lab, &tpm);
    struct trace trace = trace_of(lab);
    TALK(talk, lab);
    struct softtpm_request request = { .channel = talk.channel, .server_cert = talk.server_cert };
    struct evidence_channel channel = { talk.channel, talk.server_cert };
    assert_ok(softtpm_attest(&tpm, &request, &talk.body, &talk.statement));
    assert_ok(evidence_new(&evidence));
    assert_ok(evidence_verify(lab->server, &channel, bs_buf_span(&talk.body), evidence, &refusal));
    assert_ok(verdict_make(lab->server, &(struct verdict_request){ evidence, talk.channel, false, NULL }, &verdict));
    assert_int_equal(verdict.kind, MESSAGE_BUSY);
    assert_false(lab_has_device(lab, &tpm, NULL));
    assert_no_trace(lab, &trace);
    verdict_free(&verdict);
    softtpm_free(&tpm);
}

static void the_ak_of_one_device_with_the_ek_of_another_is_refused(void **state)
{
    struct lab *lab = *state;
    struct softtpm thief, victim;
    struct store_device before, after;
    lab_approved_device(lab, &thief);
    lab_approved_device(lab, &victim);
    assert_true(lab_has_device(lab, &victim, &before));
    pretend(&thief, &victim);
    struct trace trace = trace_of(lab);
    TALK(talk, lab);
    talk_attest(&talk, &thief, NULL);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_PAIR_MISMATCH);
    assert_true(lab_has_device(lab, &victim, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    assert_no_trace(lab, &trace);
    softtpm_free(&thief);
    softtpm_free(&victim);
}

static void an_unknown_capped_boot_leaves_no_trace(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_device(lab, &tpm);
    assert_ok(softtpm_extend(&tpm, 12, bs_span_of_string("bootseal cap v1")));
    struct trace trace = trace_of(lab);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_CAPPED);
    assert_int_equal(talk.answer.device.size, 0);
    assert_false(lab_has_device(lab, &tpm, NULL));
    assert_no_trace(lab, &trace);
    softtpm_free(&tpm);
}

static void a_new_ak_of_a_known_ek_is_taken_after_a_proof_and_audited(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm, spare;
    struct store_device device;
    lab_approved_device(lab, &tpm);
    lab_device(lab, &spare);
    struct softtpm_key old = tpm.ak;
    tpm.ak = spare.ak;
    spare.ak = old;
    uint64_t rows = lab_audit_rows(lab);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_PROVE);
    assert_true(lab_has_device(lab, &tpm, &device));
    assert_true(wire_name_equal(&device.ak_name, &old.name));
    talk_prove(&talk, &tpm);
    assert_kind(&talk, MESSAGE_APPROVED);
    assert_true(lab_has_device(lab, &tpm, &device));
    assert_true(wire_name_equal(&device.ak_name, &tpm.ak.name));
    assert_int_equal(lab_audit_rows(lab), rows + 2); /* the AK, the verdict */
    softtpm_free(&tpm);
    softtpm_free(&spare);
}

static void prove_without_attest_is_out_of_order(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_device(lab, &tpm);
    TALK(talk, lab);
    assert_ok(softtpm_prove(talk.secret, talk.channel, BS_SPAN("x", 1), &talk.body));
    enroll_prove(lab->server, talk.session, bs_buf_span(&talk.body), &talk.bytes, &talk.result);
    assert_ok(message_answer_decode(bs_buf_span(&talk.bytes), &talk.answer));
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_OUT_OF_ORDER);
    assert_int_equal(talk.result.status, 400);
    softtpm_free(&tpm);
}

static void a_second_statement_on_one_connection_is_out_of_order(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
    talk_attest(&talk, &tpm, NULL);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_OUT_OF_ORDER);
    softtpm_free(&tpm);
}

static void a_wrong_answer_ends_the_challenge(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    uint8_t right[32];
    lab_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_ok(softtpm_activate(&tpm, talk.answer.id_object, talk.answer.encrypted_secret, right));
    for (int i = 0; i < 2; i++) {
        uint8_t secret[32];
        memcpy(secret, right, 32);
        secret[31] ^= i == 0; /* wrong first, then right, but too late */
        bs_buf_reset(&talk.body);
        bs_buf_reset(&talk.bytes);
        assert_ok(softtpm_prove(secret, talk.channel, bs_buf_span(&talk.statement), &talk.body));
        enroll_prove(lab->server, talk.session, bs_buf_span(&talk.body), &talk.bytes, &talk.result);
        assert_ok(message_answer_decode(bs_buf_span(&talk.bytes), &talk.answer));
        assert_reason(&talk, MESSAGE_REFUSED, i == 0 ? BS_REASON_PROOF_FAILED : BS_REASON_OUT_OF_ORDER);
    }
    assert_false(lab_has_device(lab, &tpm, NULL));
    softtpm_free(&tpm);
}

/* Blanks are a log without records: as much as a stranger can have kept for nothing. */
static void put_blanks(struct message_attest *m)
{
    static uint8_t blanks[BS_USERSPACE_LOG_MAX];
    memset(blanks, ' ', sizeof(blanks));
    m->userspace_log = BS_SPAN(blanks, sizeof(blanks));
}

static void put_command_line(struct message_statement *s)
{
    static const char line[BS_COMMAND_LINE_MAX] = "quiet";
    s->command_line = BS_SPAN(line, sizeof(line));
}

static void all_that_is_kept_for_a_challenge_is_counted_and_given_back(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    const struct softtpm_request request = { .bend = { .logs = put_blanks, .statement = put_command_line } };
    lab_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, &request);
    assert_kind(&talk, MESSAGE_PROVE);
    /* The request, and the boot for whoever is asked about it. */
    const size_t boot = tpm.log.size + BS_USERSPACE_LOG_MAX + BS_COMMAND_LINE_MAX;
    assert_true(lab->server->memory.held >= sizeof(struct evidence) + talk.body.size + boot);
    talk_prove(&talk, &tpm);
    assert_kind(&talk, MESSAGE_PENDING);
    assert_int_equal(lab->server->memory.held, 0);
    softtpm_free(&tpm);
}

static void a_proof_belongs_to_its_connection(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_device(lab, &tpm);
    TALK(first, lab);
    TALK(second, lab);
    talk_attest(&first, &tpm, NULL);
    talk_attest(&second, &tpm, NULL);
    assert_ok(softtpm_activate(&tpm, first.answer.id_object, first.answer.encrypted_secret, first.secret));
    assert_ok(softtpm_prove(first.secret, first.channel, bs_buf_span(&first.statement), &first.body));
    bs_buf_reset(&second.body);
    assert_ok(softtpm_prove(first.secret, first.channel, bs_buf_span(&first.statement), &second.body));
    bs_buf_reset(&second.bytes);
    enroll_prove(lab->server, second.session, bs_buf_span(&second.body), &second.bytes, &second.result);
    assert_ok(message_answer_decode(bs_buf_span(&second.bytes), &second.answer));
    assert_reason(&second, MESSAGE_REFUSED, BS_REASON_PROOF_FAILED);
    softtpm_free(&tpm);
}

static void confirm_is_for_what_was_issued_on_this_connection(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    TALK(first, lab);
    TALK(second, lab);
    talk_confirm(&first, &tpm, 1);
    assert_reason(&first, MESSAGE_REFUSED, BS_REASON_CONFIRM_UNKNOWN);
    talk_attest(&first, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&first, &tpm, &plain, &bundle);
    memcpy(second.secret, first.secret, 32);
    talk_confirm(&second, &tpm, bundle.serial);
    assert_reason(&second, MESSAGE_REFUSED, BS_REASON_CONFIRM_UNKNOWN);
    talk_confirm(&first, &tpm, bundle.serial + 1);
    assert_reason(&first, MESSAGE_REFUSED, BS_REASON_CONFIRM_UNKNOWN);
    first.secret[0] ^= 1;
    talk_confirm(&first, &tpm, bundle.serial);
    assert_reason(&first, MESSAGE_REFUSED, BS_REASON_CONFIRM_MAC);
    first.secret[0] ^= 1;
    talk_confirm(&first, &tpm, bundle.serial);
    assert_kind(&first, MESSAGE_CONFIRMED);
    softtpm_free(&tpm);
}

static void confirm_for_another_device_is_refused_whoever_makes_it(void **state)
{
    struct lab *lab = *state;
    struct softtpm first, second;
    lab_approved_device(lab, &first);
    lab_approved_device(lab, &second);
    TALK(mine, lab);
    TALK(theirs, lab);
    talk_attest(&mine, &first, NULL);
    talk_attest(&theirs, &second, NULL);
    BS_OWN(secret) plain = NULL;
    BS_OWN(secret) other_plain = NULL;
    struct bundle bundle, other;
    talk_bundle(&mine, &first, &plain, &bundle);
    talk_bundle(&theirs, &second, &other_plain, &other);
    assert_int_equal(bundle.serial, other.serial);
    /* By the right key, but over the connection of another device. */
    struct store_bundle row;
    assert_ok(store_bundle_get(lab->server->store, second.id, &row));
    uint8_t mac[32];
    struct message_confirm message = { .device = BS_SPAN(second.id, 32),
                                       .serial = other.serial,
                                       .mac = BS_SPAN(mac, sizeof(mac)) };
    assert_ok(message_confirm_mac(BS_SPAN(row.confirm_key, 32), BS_SPAN(mine.channel, 32), &message, mac));
    bs_buf_reset(&mine.body);
    bs_buf_reset(&mine.bytes);
    assert_ok(message_confirm_encode(&message, &mine.body));
    enroll_confirm(lab->server, mine.session, bs_buf_span(&mine.body), &mine.bytes, &mine.result);
    assert_ok(message_answer_decode(bs_buf_span(&mine.bytes), &mine.answer));
    assert_reason(&mine, MESSAGE_REFUSED, BS_REASON_CONFIRM_UNKNOWN);
    softtpm_free(&first);
    softtpm_free(&second);
}

static void confirm_of_a_bundle_that_a_newer_one_replaced_is_refused(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    TALK(first, lab);
    TALK(second, lab);
    talk_attest(&first, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&first, &tpm, &plain, &bundle);
    talk_attest(&second, &tpm, NULL);
    assert_kind(&second, MESSAGE_APPROVED);
    talk_confirm(&first, &tpm, bundle.serial);
    assert_reason(&first, MESSAGE_REFUSED, BS_REASON_CONFIRM_UNKNOWN);
    softtpm_free(&tpm);
}

static void garbage_and_other_versions_are_told_apart(void **state)
{
    struct lab *lab = *state;
    TALK(garbage, lab);
    assert_ok(bs_buf_append_string(&garbage.body, "garbage"));
    talk_send_attest(&garbage);
    assert_reason(&garbage, MESSAGE_REFUSED, BS_REASON_MALFORMED);
    assert_int_equal(garbage.result.status, 400);
    TALK(version, lab);
    static const uint8_t statement[] = { 0xa1, 0x01, 0x02 }; /* {1: 2} */
    struct message_attest message = { .statement = BS_SPAN(statement, 3),
                                      .quote = BS_SPAN("q", 1),
                                      .signature = BS_SPAN("s", 1) };
    assert_ok(message_attest_encode(&message, &version.body));
    talk_send_attest(&version);
    assert_reason(&version, MESSAGE_REFUSED, BS_REASON_VERSION);
}

static void a_blocked_device_is_told_so_and_no_more(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    char token[OPERATOR_TOKEN_SIZE];
    lab_approved_device(lab, &tpm);
    lab_token(lab, 1, token);
    assert_ok(operator_device_refuse(&lab->call, lab_id(&tpm), "lost"));
    TALK(talk, lab);
    talk_attest(&talk, &tpm, &(struct softtpm_request){ .token = token });
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_BLOCKED);
    softtpm_free(&tpm);
}

static void a_device_key_of_another_device_is_refused(void **state)
{
    struct lab *lab = *state;
    struct softtpm first, second;
    lab_approved_device(lab, &first);
    TALK(talk, lab);
    talk_attest(&talk, &first, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
    lab_approved_device(lab, &second);
    struct softtpm_key own = second.device;
    second.device = first.device;
    assert_ok(softtpm_key_rename(&second.device, wire_name_span(&second.srk.qualified)));
    TALK(copy, lab);
    talk_attest(&copy, &second, NULL);
    assert_reason(&copy, MESSAGE_REFUSED, BS_REASON_KEY_REUSED);
    second.device = own;
    softtpm_free(&first);
    softtpm_free(&second);
}

static void waiting_devices_are_bounded(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpms[3];
    char token[OPERATOR_TOKEN_SIZE];
    lab->server->config.pending_max = 2;
    lab_token(lab, 1, token);
    for (size_t i = 0; i < 3; i++) {
        TALK(talk, lab);
        lab_device(lab, &tpms[i]);
        talk_enroll(&talk, &tpms[i], NULL);
        assert_kind(&talk, i < 2 ? MESSAGE_PENDING : MESSAGE_BUSY);
        assert_int_equal(talk.result.status, i < 2 ? 202 : 503);
    }
    assert_false(lab_has_device(lab, &tpms[2], NULL));
    TALK(talk, lab); /* who need not wait is not held up */
    talk_enroll(&talk, &tpms[2], &(struct softtpm_request){ .token = token });
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_NO_REFERENCE);
    for (size_t i = 0; i < 3; i++)
        softtpm_free(&tpms[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_software_ak_with_a_good_quote_for_the_ek_of_a_registered_device_gets_nothing),
        LAB_TEST(a_software_ak_for_the_ek_of_an_approved_device_gets_no_bundle),
        LAB_TEST(without_a_proof_there_is_no_verdict_about_an_unknown_pair),
        LAB_TEST(the_ak_of_one_device_with_the_ek_of_another_is_refused),
        LAB_TEST(an_unknown_capped_boot_leaves_no_trace),
        LAB_TEST(a_new_ak_of_a_known_ek_is_taken_after_a_proof_and_audited),
        LAB_TEST(prove_without_attest_is_out_of_order),
        LAB_TEST(a_second_statement_on_one_connection_is_out_of_order),
        LAB_TEST(a_wrong_answer_ends_the_challenge),
        LAB_TEST(all_that_is_kept_for_a_challenge_is_counted_and_given_back),
        LAB_TEST(a_proof_belongs_to_its_connection),
        LAB_TEST(confirm_is_for_what_was_issued_on_this_connection),
        LAB_TEST(confirm_for_another_device_is_refused_whoever_makes_it),
        LAB_TEST(confirm_of_a_bundle_that_a_newer_one_replaced_is_refused),
        LAB_TEST(garbage_and_other_versions_are_told_apart),
        LAB_TEST(a_blocked_device_is_told_so_and_no_more),
        LAB_TEST(a_device_key_of_another_device_is_refused),
        LAB_TEST(waiting_devices_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
