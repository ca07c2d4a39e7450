/* Messages in the wrong order, proofs of others, and devices about which something was decided. In this process: see lines.c for TLS. */
#include "attack.h"

#include "server/verdict.h"

#include <string.h>

#define TWO_DAYS (INT64_C(2) * 86400)

/* Takes over the public identity of a TPM; the keys stay the forger's own. */
static void pretend(struct softtpm *forger, const struct softtpm *victim)
{
    forger->ek_public = victim->ek_public;
    memcpy(forger->id, victim->id, sizeof(forger->id));
    bs_buf_reset(&forger->ek_cert);
    MUST(bs_buf_append(&forger->ek_cert, victim->ek_cert.data, victim->ek_cert.size));
}

/* Of a newcomer with a token: enrolled, and what an operator does then is the attack's. */
static void enroll_newcomer(struct scene *s)
{
    scene_newcomer(s);
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
    s->request.token = NULL;
    scene_again(s);
}

/* Order */

static void prove_without_attest(struct scene *s)
{
    MUST(softtpm_prove(s->talk.secret, s->talk.channel, BS_SPAN("x", 1), &s->talk.body));
    scene_send_prove(s);
}

static void a_second_statement_on_a_connection(struct scene *s)
{
    scene_enroll(s, &s->tpm);
    scene_attest(s, &s->tpm);
}

static void a_second_statement_in_the_place_of_a_proof(struct scene *s)
{
    scene_newcomer(s);
    s->request.token = s->token;
    scene_attest(s, &s->fresh);
    scene_attest(s, &s->fresh);
}

/* Wrong first, then right: too late. */
static void a_second_proof(struct scene *s)
{
    uint8_t secret[32];
    scene_newcomer(s);
    s->request.token = s->token;
    scene_attest(s, &s->fresh);
    MUST(softtpm_activate(&s->fresh, s->talk.answer.id_object, s->talk.answer.encrypted_secret, secret));
    for (int i = 0; i < 2; i++, secret[31] ^= 1) {
        secret[31] ^= i == 0;
        bs_buf_reset(&s->talk.body);
        MUST(softtpm_prove(secret, s->talk.channel, bs_buf_span(&s->talk.statement), &s->talk.body));
        scene_send_prove(s);
    }
}

/* The challenge is over once it was answered. */
static void a_proof_twice(struct scene *s)
{
    scene_newcomer(s);
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
    scene_send_prove(s);
}

/* Proofs */

static void a_proof_with_another_secret(struct scene *s)
{
    scene_newcomer(s);
    s->request.token = s->token;
    scene_attest(s, &s->fresh);
    bs_buf_reset(&s->talk.body);
    MUST(softtpm_prove(s->talk.secret, s->talk.channel, bs_buf_span(&s->talk.statement), &s->talk.body));
    scene_send_prove(s);
}

/* Right secret, wrong statement. */
static void a_proof_about_another_statement(struct scene *s)
{
    uint8_t secret[32];
    scene_newcomer(s);
    s->request.token = s->token;
    scene_attest(s, &s->fresh);
    MUST(softtpm_activate(&s->fresh, s->talk.answer.id_object, s->talk.answer.encrypted_secret, secret));
    bs_buf_reset(&s->talk.body);
    MUST(softtpm_prove(secret, s->talk.channel, bs_span_of_string("another"), &s->talk.body));
    scene_send_prove(s);
}

static void a_proof_of_another_connection(struct scene *s)
{
    struct scene first = *s;
    talk_open(s->lab, &first.talk);
    first.request.token = s->request.token = s->token;
    scene_newcomer(s);
    scene_attest(&first, &s->fresh);
    scene_attest(s, &s->fresh);
    scene_prove(&first, &s->fresh);
    bs_buf_reset(&s->talk.body);
    MUST(bs_buf_append(&s->talk.body, first.talk.body.data, first.talk.body.size));
    talk_close(&first.talk);
    s->fresh.ak.name.name[33] ^= 1; /* the pair is known now, and the proof must not be */
    scene_send_prove(s);
}

/* Quote and AK are made in software, from public values, for a device that is approved. */
static void a_software_ak_with_a_good_quote(struct scene *s)
{
    scene_newcomer(s);
    pretend(&s->fresh, &s->tpm);
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
}

/* A clone that does have the EK: it is the same device, and its TPM has not seen as many boots. */
static void a_second_tpm_with_the_same_ek(struct scene *s)
{
    scene_newcomer(s);
    struct softtpm clone = s->fresh;
    clone.ek = s->tpm.ek;
    clone.ek_public = s->tpm.ek_public;
    clone.ek_cert = s->tpm.ek_cert;
    memcpy(clone.id, s->tpm.id, sizeof(clone.id));
    clone.reset_count = 1;
    scene_enroll(s, &clone);
}

static void the_ak_of_one_device_with_the_ek_of_another(struct scene *s)
{
    s->tpm.ek_public = s->other.ek_public;
    s->tpm.ek_cert = s->other.ek_cert;
    scene_enroll(s, &s->tpm);
}

/* Both were challenged before either had proven it; the second one holds its EK, too. */
static void an_ak_proven_for_another_ek_meanwhile(struct scene *s)
{
    struct softtpm second;
    struct scene first = *s;
    talk_open(s->lab, &first.talk);
    first.request.token = s->request.token = s->token;
    scene_newcomer(s);
    MUST(softtpm_make(&s->lab->vendor, NULL, &second));
    MUST(softtpm_boot(&second, bs_buf_span(&s->tpm.log)));
    struct softtpm_key own = second.ak;
    second.ak = s->fresh.ak;
    scene_attest(&first, &s->fresh);
    scene_attest(s, &second);
    scene_prove(&first, &s->fresh);
    scene_prove(s, &second);
    talk_close(&first.talk);
    second.ak = own;
    softtpm_free(&second);
}

/* The record changed between the look at it and the verdict: nobody is let in by what was. */
static void a_verdict_without_a_proof(struct scene *s)
{
    struct refusal refusal = { 0 };
    struct verdict verdict;
    BS_OWN(evidence) evidence = NULL;
    struct evidence_channel channel = { s->talk.channel, s->talk.server_cert };
    scene_newcomer(s);
    s->request.token = s->token;
    scene_write(s, &s->fresh);
    MUST(evidence_new(&evidence));
    MUST(evidence_verify(s->lab->server, &channel, bs_buf_span(&s->talk.body), evidence, &refusal));
    MUST(verdict_make(s->lab->server, &(struct verdict_request){ evidence, s->talk.channel, false, NULL }, &verdict));
    s->outcome = (struct outcome){ .kind = verdict.kind };
    verdict_free(&verdict);
}

/* Devices about which something was decided */

static void a_device_that_was_refused(struct scene *s)
{
    enroll_newcomer(s);
    MUST(operator_device_refuse(&s->lab->call, lab_id(&s->fresh), "lost"));
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
}

static void a_device_that_was_revoked(struct scene *s)
{
    uint64_t certs;
    enroll_newcomer(s);
    MUST(operator_device_revoke(&s->lab->call, lab_id(&s->fresh), "stolen", &certs));
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
}

static void order_wipe(struct scene *s)
{
    uint64_t certs;
    enroll_newcomer(s);
    MUST(operator_device_wipe(&s->lab->call, lab_id(&s->fresh), "stolen", &certs));
}

static void put_device(struct scene *s, const struct store_device *device)
{
    MUST(store_begin(s->lab->server->store));
    MUST(store_device_put(s->lab->server->store, device));
    MUST(store_commit(s->lab->server->store));
}

static void a_device_that_is_to_forget(struct scene *s)
{
    order_wipe(s);
    scene_enroll(s, &s->fresh);
}

static void a_device_that_has_forgotten(struct scene *s)
{
    struct store_device device;
    order_wipe(s);
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    device.wipe = STORE_WIPE_DONE;
    put_device(s, &device);
    scene_enroll(s, &s->fresh);
}

static void a_device_that_nobody_approved(struct scene *s)
{
    scene_newcomer(s);
    scene_enroll(s, &s->fresh);
}

static const char other_profile[] = "name = \"other\";\n"
                                    "items = ( { name = \"a\"; kind = \"file\"; text = \"a\\n\"; } );\n";

/* Approved, but nobody has said what it gets. */
static void a_device_without_a_profile(struct scene *s)
{
    struct store_device device;
    enroll_newcomer(s);
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    device.profile[0] = '\0';
    put_device(s, &device);
    scene_enroll(s, &s->fresh);
}

/* Nor has anybody approved this boot: of the two it is told the first. */
static void a_device_without_a_profile_in_another_boot(struct scene *s)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    struct store_device device;
    enroll_newcomer(s);
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    device.profile[0] = '\0';
    put_device(s, &device);
    lab_log(&log, "another", false);
    MUST(softtpm_boot(&s->fresh, bs_buf_span(&log)));
    scene_enroll(s, &s->fresh);
}

static void a_boot_of_a_profile_without_references(struct scene *s)
{
    struct store_profile applied;
    struct operator_moved moved;
    MUST(operator_profile_apply(&s->lab->call, bs_span_of_string(other_profile), &applied));
    enroll_newcomer(s);
    MUST(operator_device_move(&s->lab->call, lab_id(&s->fresh), "other", &moved));
    scene_enroll(s, &s->fresh);
}

/* One that waits already fills the room that there is for those who wait. */
static void a_device_more_than_may_wait(struct scene *s)
{
    uint32_t *most = &s->lab->server->config.pending_max;
    uint32_t kept = *most;
    *most = 0;
    scene_newcomer(s);
    scene_enroll(s, &s->fresh);
    *most = kept;
}

/* A newcomer with a profile of its own, whose only reference its boot is. */
static void enroll_with_profile(struct scene *s, const char *name, const char *text)
{
    struct store_profile applied;
    struct operator_approved approved;
    struct operator_approve request = { .profile = name, .learn = true };
    MUST(operator_profile_apply(&s->lab->call, bs_span_of_string(text), &applied));
    scene_newcomer(s);
    scene_enroll(s, &s->fresh);
    request.device = lab_id(&s->fresh);
    MUST(operator_device_approve(&s->lab->call, &request, &approved));
    scene_again(s);
    scene_enroll(s, &s->fresh);
}

static void a_device_without_the_label_of_its_profile(struct scene *s)
{
    enroll_with_profile(s, "labelled",
                        "name = \"labelled\";\n"
                        "items = ( { name = \"a\"; kind = \"file\"; text = \"${device.label.site}\\n\"; } );\n");
}

/* What the device says that it holds: all of these bytes. */
static uint8_t key_half[32];

static void say_key(struct message_statement *st)
{
    st->keys[st->key_count++] = (struct generated_public){ bs_span_of_string("disk"), BS_GENERATED_RANDOM, 1,
                                                           BS_SPAN(key_half, sizeof(key_half)) };
}

/* Enrolled by one statement, and another key in the next. */
static void a_key_in_the_place_of_the_enrolled_one(struct scene *s)
{
    enroll_with_profile(s, "keyed",
                        "name = \"keyed\";\n"
                        "items = ( { name = \"disk\"; kind = \"generate\"; type = \"random\"; size = 48; } );\n");
    s->request.bend.statement = say_key;
    for (uint8_t i = 1; i <= 2 && s->outcome.kind == MESSAGE_APPROVED; i++) {
        memset(key_half, i, sizeof(key_half));
        scene_again(s);
        scene_enroll(s, &s->fresh);
    }
}

/* Tokens */

static void with_token(struct scene *s, const char *token)
{
    scene_newcomer(s);
    s->request.token = token;
    scene_enroll(s, &s->fresh);
}

static void a_token_that_there_is_not(struct scene *s)
{
    with_token(s, "nonsense");
}

static void make_token(struct scene *s, uint64_t *ret_id, char text[OPERATOR_TOKEN_SIZE])
{
    struct operator_token request = { .profile = "sensor", .uses = 1, .valid_for = 3600 };
    int64_t expires;
    MUST(operator_token_create(&s->lab->call, &request, ret_id, &expires, text));
}

static void a_token_that_was_revoked(struct scene *s)
{
    char text[OPERATOR_TOKEN_SIZE];
    uint64_t id;
    make_token(s, &id, text);
    MUST(operator_token_revoke(&s->lab->call, id));
    with_token(s, text);
}

static void a_token_that_expired(struct scene *s)
{
    char text[OPERATOR_TOKEN_SIZE];
    uint64_t id;
    make_token(s, &id, text);
    lab_set_clock(TWO_DAYS);
    with_token(s, text);
    lab_set_clock(0);
}

static void a_token_that_another_device_has_spent(struct scene *s)
{
    char text[OPERATOR_TOKEN_SIZE];
    uint64_t id;
    make_token(s, &id, text);
    with_token(s, text);
    scene_again(s);
    with_token(s, text);
}

/* Confirmations */

/* Approved on this connection; what would confirm it. */
static uint64_t approve(struct scene *s, struct softtpm *tpm)
{
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    scene_attest(s, tpm);
    talk_bundle(&s->talk, tpm, &plain, &bundle);
    return bundle.serial;
}

static void confirm(struct scene *s, struct softtpm *tpm, uint64_t serial)
{
    talk_confirm(&s->talk, tpm, serial);
    scene_note(s);
}

static void a_confirmation_before_a_proof(struct scene *s)
{
    scene_newcomer(s);
    s->request.token = s->token;
    scene_attest(s, &s->fresh);
    confirm(s, &s->fresh, 1);
}

static void a_confirmation_of_nothing(struct scene *s)
{
    confirm(s, &s->tpm, 1);
}

static void a_confirmation_of_another_serial(struct scene *s)
{
    uint64_t serial = approve(s, &s->tpm);
    confirm(s, &s->tpm, serial + 1);
}

static void a_confirmation_with_another_key(struct scene *s)
{
    uint64_t serial = approve(s, &s->tpm);
    s->talk.secret[0] ^= 1;
    confirm(s, &s->tpm, serial);
}

static void a_confirmation_on_another_connection(struct scene *s)
{
    uint8_t secret[32];
    uint64_t serial = approve(s, &s->tpm);
    memcpy(secret, s->talk.secret, 32);
    scene_again(s);
    memcpy(s->talk.secret, secret, 32);
    confirm(s, &s->tpm, serial);
}

/* By the right key and for the right serial, over the connection of a device that was approved, too. */
static void a_confirmation_of_another_device(struct scene *s)
{
    uint64_t serial = 0, other = 0;
    struct scene second = *s;
    talk_open(s->lab, &second.talk);
    do {
        scene_again(s);
        scene_again(&second);
        uint64_t *behind = serial <= other ? &serial : &other;
        *behind = approve(behind == &serial ? s : &second, behind == &serial ? &s->tpm : &s->other);
    } while (serial != other);
    scene_again(s);
    scene_again(&second);
    /* Serials are equal now: one contact more of each. */
    serial = approve(s, &s->tpm);
    other = approve(&second, &s->other);
    struct store_bundle row;
    uint8_t mac[32];
    struct message_confirm message = { .device = BS_SPAN(s->other.id, 32), .serial = other, .mac = BS_SPAN(mac, 32) };
    MUST(store_bundle_get(s->lab->server->store, s->other.id, &row));
    MUST(message_confirm_mac(BS_SPAN(row.confirm_key, 32), BS_SPAN(s->talk.channel, 32), &message, mac));
    bs_buf_reset(&s->talk.body);
    MUST(message_confirm_encode(&message, &s->talk.body));
    talk_send_confirm(&s->talk);
    scene_note(s);
    talk_close(&second.talk);
    assert_int_equal(serial, other);
}

/* The newest, with its own key, by the device that has it: but not on the connection where it was issued. */
static void a_confirmation_of_what_another_connection_got(struct scene *s)
{
    struct scene second = *s;
    struct store_bundle row;
    uint8_t mac[32];
    (void)approve(s, &s->tpm);
    talk_open(s->lab, &second.talk);
    uint64_t serial = approve(&second, &s->tpm);
    struct message_confirm message = { .device = BS_SPAN(s->tpm.id, 32), .serial = serial, .mac = BS_SPAN(mac, 32) };
    MUST(store_bundle_get(s->lab->server->store, s->tpm.id, &row));
    MUST(message_confirm_mac(BS_SPAN(row.confirm_key, 32), BS_SPAN(s->talk.channel, 32), &message, mac));
    bs_buf_reset(&s->talk.body);
    MUST(message_confirm_encode(&message, &s->talk.body));
    talk_send_confirm(&s->talk);
    scene_note(s);
    talk_close(&second.talk);
}

/* Another connection has got a newer bundle since. */
static void a_confirmation_of_a_bundle_that_was_replaced(struct scene *s)
{
    uint64_t serial = approve(s, &s->tpm);
    struct scene second = *s;
    talk_open(s->lab, &second.talk);
    (void)approve(&second, &s->tpm);
    talk_close(&second.talk);
    confirm(s, &s->tpm, serial);
}

static void an_order_to_forget_confirmed_with_another_key(struct scene *s)
{
    order_wipe(s);
    scene_enroll(s, &s->fresh);
    if (s->outcome.kind != MESSAGE_WIPE)
        return;
    struct store_device device;
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    confirm(s, &s->fresh, device.bundle_serial);
}

static const struct attack attacks[] = {
    ATTACK(prove_without_attest, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_second_statement_on_a_connection, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_second_statement_in_the_place_of_a_proof, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_second_proof, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_proof_twice, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_proof_with_another_secret, BS_REASON_PROOF_FAILED),
    ATTACK(a_proof_about_another_statement, BS_REASON_PROOF_FAILED),
    ATTACK(a_proof_of_another_connection, BS_REASON_PROOF_FAILED),
    ATTACK(a_software_ak_with_a_good_quote, BS_REASON_PROOF_FAILED),
    ATTACK(a_second_tpm_with_the_same_ek, BS_REASON_RESET_COUNT),
    ATTACK(the_ak_of_one_device_with_the_ek_of_another, BS_REASON_PAIR_MISMATCH),
    ATTACK(an_ak_proven_for_another_ek_meanwhile, BS_REASON_PAIR_MISMATCH),
    ATTACK(a_verdict_without_a_proof, "busy", .kind = MESSAGE_BUSY),
    ATTACK(a_device_that_was_refused, BS_REASON_BLOCKED),
    ATTACK(a_device_that_was_revoked, BS_REASON_BLOCKED),
    ATTACK(a_device_that_is_to_forget, BS_REASON_WIPED, .kind = MESSAGE_WIPE),
    ATTACK(a_device_that_has_forgotten, BS_REASON_WIPED),
    ATTACK(an_order_to_forget_confirmed_with_another_key, BS_REASON_CONFIRM_MAC),
    ATTACK(a_device_that_nobody_approved, BS_REASON_UNKNOWN_DEVICE, .kind = MESSAGE_PENDING),
    ATTACK(a_device_without_a_profile, BS_REASON_NO_PROFILE, .kind = MESSAGE_PENDING),
    ATTACK(a_device_without_a_profile_in_another_boot, BS_REASON_NO_PROFILE, .kind = MESSAGE_PENDING),
    ATTACK(a_boot_of_a_profile_without_references, BS_REASON_NO_REFERENCE, .kind = MESSAGE_PENDING),
    ATTACK(a_device_more_than_may_wait, "busy", .kind = MESSAGE_BUSY),
    ATTACK(a_device_without_the_label_of_its_profile, BS_REASON_AWAITING_OPERATOR, .kind = MESSAGE_PENDING),
    ATTACK(a_key_in_the_place_of_the_enrolled_one, BS_REASON_KEYS_LOST),
    ATTACK(a_token_that_there_is_not, BS_REASON_TOKEN_INVALID),
    ATTACK(a_token_that_was_revoked, BS_REASON_TOKEN_INVALID),
    ATTACK(a_token_that_expired, BS_REASON_TOKEN_INVALID),
    ATTACK(a_token_that_another_device_has_spent, BS_REASON_TOKEN_INVALID),
    ATTACK(a_confirmation_before_a_proof, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_nothing, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_another_serial, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_on_another_connection, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_another_device, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_what_another_connection_got, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_a_bundle_that_was_replaced, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_with_another_key, BS_REASON_CONFIRM_MAC),
};

const struct attack_family attack_sequence = ATTACK_FAMILY("sequence", attacks);
