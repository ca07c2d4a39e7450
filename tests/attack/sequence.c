/* Messages in the wrong order, and proofs that prove nothing. In this process: see lines.c for TLS. */
#include "attack.h"

#include "server/verdict.h"

#include <string.h>

/* Takes over the public identity of a TPM; the keys stay the forger's own. */
static void pretend(struct softtpm *forger, const struct softtpm *victim)
{
    forger->ek_public = victim->ek_public;
    memcpy(forger->id, victim->id, sizeof(forger->id));
    bs_buf_reset(&forger->ek_cert);
    MUST(bs_buf_append(&forger->ek_cert, victim->ek_cert.data, victim->ek_cert.size));
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
};

const struct attack_family attack_sequence = ATTACK_FAMILY("sequence", attacks);
