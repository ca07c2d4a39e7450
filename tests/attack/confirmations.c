/* Confirmations of what was not given, or not here, or not to this device. */
#include "attack.h"

#include <string.h>

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

/* What `tpm` would send, with the key that the server keeps for its newest bundle, on the connection of `s`. */
static void confirm_here(struct scene *s, const struct softtpm *tpm, uint64_t serial)
{
    struct store_bundle row;
    uint8_t mac[32];
    struct message_confirm message = { .device = BS_SPAN(tpm->id, 32), .serial = serial, .mac = BS_SPAN(mac, 32) };
    MUST(store_bundle_get(s->lab->server->store, tpm->id, &row));
    MUST(message_confirm_mac(BS_SPAN(row.confirm_key, 32), BS_SPAN(s->talk.channel, 32), &message, mac));
    bs_buf_reset(&s->talk.body);
    MUST(message_confirm_encode(&message, &s->talk.body));
    talk_send_confirm(&s->talk);
    scene_note(s);
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
    confirm_here(s, &s->other, other);
    talk_close(&second.talk);
    assert_int_equal(serial, other);
}

/* The newest, with its own key, by the device that has it: but not on the connection where it was issued. */
static void a_confirmation_of_what_another_connection_got(struct scene *s)
{
    struct scene second = *s;
    (void)approve(s, &s->tpm);
    talk_open(s->lab, &second.talk);
    uint64_t serial = approve(&second, &s->tpm);
    confirm_here(s, &s->tpm, serial);
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

static const struct attack attacks[] = {
    ATTACK(a_confirmation_before_a_proof, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_nothing, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_another_serial, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_on_another_connection, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_another_device, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_what_another_connection_got, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_of_a_bundle_that_was_replaced, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_with_another_key, BS_REASON_CONFIRM_MAC),
};

const struct attack_family attack_confirmations = ATTACK_FAMILY("confirmations", attacks);
