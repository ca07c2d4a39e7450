/* The quote, and what it is bound to. */
#include "attack.h"

#include "bootseal/cap.h"

#include <string.h>

BEND_ATTEST(a_quote_that_no_tpm_made, quote, at->magic = 0xff544348)
BEND_ATTEST(a_certification_as_quote, quote, at->type = TPM2_ST_ATTEST_CERTIFY)
BEND_ATTEST(a_time_attestation_as_quote, quote, at->type = TPM2_ST_ATTEST_TIME)
BEND_ATTEST(a_quote_about_another_statement, quote, at->extra[31] ^= 1)
BEND_ATTEST(a_quote_of_another_hierarchy, quote, at->signer.name[33] ^= 1)
BEND_ATTEST(a_quote_of_fewer_pcrs, quote, at->masks[0] &= ~(1u << 9))
BEND_ATTEST(a_quote_of_more_pcrs, quote, at->masks[0] |= 1u << 16)
BEND_ATTEST(a_quote_of_no_pcrs, quote, at->masks[0] = 0)
BEND_ATTEST(a_quote_without_the_caps_pcr, quote, at->masks[0] &= ~(1u << BS_CAP_PCR_DEFAULT))
BEND_ATTEST(a_quote_of_another_bank, quote, at->banks[0] = CRYPTO_SHA384)
BEND_ATTEST(a_quote_of_the_sha1_bank, quote, at->banks[0] = CRYPTO_SHA1)
BEND_ATTEST(a_quote_of_the_sha3_bank, quote, at->banks[0] = TPM2_ALG_SHA3_256)
BEND_ATTEST(a_quote_of_the_sm3_bank, quote, at->banks[0] = TPM2_ALG_SM3_256)
BEND_ATTEST(an_empty_selection_of_an_inactive_bank, quote, at->banks[0] = CRYPTO_SHA384; at->masks[0] = 0)
BEND_ATTEST(a_selection_of_an_inactive_bank_more, quote, at->banks[1] = CRYPTO_SHA384; at->masks[1] = 0)
BEND_ATTEST(a_selection_more, quote, at->banks[1] = CRYPTO_SHA1; at->masks[1] = 1)
BEND_ATTEST(a_digest_of_other_values, quote, at->digest[0] ^= 1)

/* What is signed, as bytes: Part 2 §10.12.12. */

/* TPML_PCR_SELECTION and TPM2B_DIGEST are the last of a quote: count 4, bank 2, size 1, select 3, digest 2 + 32. */
#define SELECTION_AT(attest) ((attest)->size - 44)

static void drop_selection(struct bs_buf *attest)
{
    size_t at = SELECTION_AT(attest);
    memset(attest->data + at, 0, 4);
    memmove(attest->data + at + 4, attest->data + at + 10, 34);
    attest->size -= 6;
}

static void widen_selection(struct bs_buf *attest)
{
    size_t at = SELECTION_AT(attest);
    MUST(bs_buf_append(attest, "", 1));
    memmove(attest->data + at + 11, attest->data + at + 10, 34);
    attest->data[at + 6] = 4;
    attest->data[at + 10] = 1; /* PCR 24 */
}

BEND_BYTES(a_quote_without_a_selection, quote_bytes, drop_selection(bytes))
BEND_BYTES(a_selection_of_pcr_24, quote_bytes, widen_selection(bytes))
BEND_BYTES(a_quote_of_three_bytes, quote_bytes, bytes->size = 3)
BEND_BYTES(a_quote_that_ends_early, quote_bytes, bytes->size -= 1)
BEND_BYTES(bytes_after_a_quote, quote_bytes, MUST(bs_buf_append(bytes, "", 1)))
BEND_BYTES(a_digest_that_is_cut, quote_bytes, bytes->data[bytes->size - 33] = 31; bytes->size -= 1)

/* TPMT_SIGNATURE: scheme 2, hash 2, r 2 + 32, s 2 + 32. */
BEND_BYTES(a_signature_that_is_wrong, quote_signature, bytes->data[bytes->size - 1] ^= 1)
BEND_BYTES(a_signature_of_another_scheme, quote_signature, bytes->data[1] = TPM2_ALG_ECSCHNORR & 0xff)
BEND_BYTES(a_signature_with_sha384, quote_signature, bytes->data[3] = TPM2_ALG_SHA384 & 0xff)
BEND_BYTES(a_signature_with_sha1, quote_signature, bytes->data[3] = TPM2_ALG_SHA1 & 0xff)
BEND_BYTES(a_signature_of_no_scheme, quote_signature, bytes->data[1] = TPM2_ALG_NULL & 0xff; bytes->size = 2)
BEND_BYTES(a_signature_that_ends_early, quote_signature, bytes->size -= 1)
BEND_BYTES(bytes_after_a_signature, quote_signature, MUST(bs_buf_append(bytes, "", 1)))
BEND_BYTES(a_signature_of_zeros, quote_signature, memset(bytes->data + 6, 0, 32); memset(bytes->data + 40, 0, 32))

static void a_quote_by_another_key(struct scene *s)
{
    s->request.bend.quote_key = s->other.ak.key;
    scene_enroll(s, &s->tpm);
}

/* n of P-256 (SEC 2 §2.4.2) less the number at `s`: as good a signature as the first. */
static void negate(uint8_t s[32])
{
    static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,    0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                       0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - s[i] - borrow;
        borrow = digit < 0;
        s[i] = (uint8_t)digit;
    }
}

static void bend_negate(struct bs_buf *signature)
{
    negate(signature->data + signature->size - 32);
}

static void send_body(struct scene *s, struct bs_span body)
{
    bs_buf_reset(&s->talk.body);
    MUST(bs_buf_append(&s->talk.body, body.data, body.size));
    talk_send_attest(&s->talk);
    scene_note(s);
}

/* It holds, so that only the bytes are new: neither a new statement nor a new device. */
static void the_second_form_of_a_signature_as_a_second_statement(struct scene *s)
{
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(BS_REQUEST_MAX);
    s->request.bend.quote_signature = bend_negate;
    scene_attest(s, &s->tpm);
    if (s->outcome.kind != MESSAGE_APPROVED) {
        scene_say(s, "the second form of a signature does not hold");
        return;
    }
    MUST(bs_buf_append(&body, s->talk.body.data, s->talk.body.size));
    negate(body.data + body.size - 32);
    send_body(s, bs_buf_span(&body));
}

static void the_second_form_of_a_signature_on_another_connection(struct scene *s)
{
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(BS_REQUEST_MAX);
    scene_attest(s, &s->tpm);
    MUST(bs_buf_append(&body, s->talk.body.data, s->talk.body.size));
    negate(body.data + body.size - 32);
    scene_again(s);
    send_body(s, bs_buf_span(&body));
}

/* The statement of now with quote and signature of the statement before it. */
static void a_quote_of_an_earlier_connection(struct scene *s)
{
    struct message_attest old, new;
    BS_SCOPED_BUF struct bs_buf first = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(BS_REQUEST_MAX);
    scene_write(s, &s->tpm);
    MUST(bs_buf_append(&first, s->talk.body.data, s->talk.body.size));
    scene_again(s);
    scene_write(s, &s->tpm);
    MUST(message_attest_decode(bs_buf_span(&first), &old));
    MUST(message_attest_decode(bs_buf_span(&s->talk.body), &new));
    new.quote = old.quote;
    new.signature = old.signature;
    MUST(message_attest_encode(&new, &body));
    send_body(s, bs_buf_span(&body));
}

static void fewer_resets_than_proven(struct scene *s)
{
    s->tpm.reset_count--;
    scene_enroll(s, &s->tpm);
}

/* What the statement says of it */

static void a_statement_of_another_connection(struct scene *s)
{
    static const uint8_t channel[32] = { 1 };
    s->request.channel = channel;
    scene_enroll(s, &s->tpm);
}

static void a_statement_of_fewer_pcrs(struct scene *s)
{
    s->tpm.mask &= ~(1u << 9);
    scene_enroll(s, &s->tpm);
}

static void a_statement_without_the_caps_pcr(struct scene *s)
{
    s->tpm.mask &= ~(1u << BS_CAP_PCR_DEFAULT);
    scene_enroll(s, &s->tpm);
}

static void a_statement_of_more_pcrs(struct scene *s)
{
    s->tpm.mask |= 1u << 1;
    scene_enroll(s, &s->tpm);
}

static void quote_as_sha256(struct softtpm_attest *at)
{
    at->banks[0] = CRYPTO_SHA256;
}

static void a_statement_of_another_bank(struct scene *s)
{
    s->tpm.bank = CRYPTO_SHA384;
    s->request.bend.quote = quote_as_sha256;
    scene_enroll(s, &s->tpm);
}

static void a_statement_of_the_sha1_bank(struct scene *s)
{
    s->tpm.bank = CRYPTO_SHA1;
    scene_enroll(s, &s->tpm);
}

static const uint8_t zeros[CRYPTO_HASH_MAX];
BEND_STATEMENT(values_that_were_not_quoted, st->pcrs.values[9] = BS_SPAN(zeros, 32))
BEND_STATEMENT(fewer_values_than_quoted, st->pcrs.mask &= ~(1u << 9); st->pcrs.values[9] = BS_SPAN_NONE)
BEND_STATEMENT(a_file_challenge, st->channel_kind = MESSAGE_CHANNEL_CHALLENGE)
BEND_STATEMENT(a_statement_without_a_channel, st->channel_kind = MESSAGE_CHANNEL_NONE; st->channel = BS_SPAN_NONE)
BEND_STATEMENT(another_server_certificate, st->server_cert_sha256 = BS_SPAN(zeros, 32))

static const struct attack attacks[] = {
    ATTACK(a_statement_of_another_connection, BS_REASON_BAD_CHANNEL),
    ATTACK(a_file_challenge, BS_REASON_BAD_CHANNEL),
    ATTACK(a_statement_without_a_channel, BS_REASON_BAD_CHANNEL),
    ATTACK(another_server_certificate, BS_REASON_BAD_SERVER_CERT),
    ATTACK(a_quote_by_another_key, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_quote_of_another_hierarchy, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_signature_that_is_wrong, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_signature_of_another_scheme, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_signature_with_sha384, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_signature_with_sha1, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_signature_of_no_scheme, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_signature_that_ends_early, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(bytes_after_a_signature, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(a_signature_of_zeros, BS_REASON_QUOTE_SIGNATURE),
    ATTACK(the_second_form_of_a_signature_as_a_second_statement, BS_REASON_OUT_OF_ORDER),
    ATTACK(the_second_form_of_a_signature_on_another_connection, BS_REASON_BAD_CHANNEL),
    ATTACK(a_quote_that_no_tpm_made, BS_REASON_QUOTE_MAGIC),
    ATTACK(a_quote_of_three_bytes, BS_REASON_QUOTE_MAGIC),
    ATTACK(a_certification_as_quote, BS_REASON_QUOTE_TYPE),
    ATTACK(a_time_attestation_as_quote, BS_REASON_QUOTE_TYPE),
    ATTACK(a_quote_that_ends_early, BS_REASON_MALFORMED),
    ATTACK(bytes_after_a_quote, BS_REASON_MALFORMED),
    ATTACK(a_quote_about_another_statement, BS_REASON_QUOTE_NONCE),
    ATTACK(a_quote_of_an_earlier_connection, BS_REASON_QUOTE_NONCE),
    ATTACK(a_quote_of_fewer_pcrs, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_of_more_pcrs, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_of_no_pcrs, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_without_the_caps_pcr, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_without_a_selection, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_selection_of_pcr_24, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_of_another_bank, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_of_the_sha1_bank, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_of_the_sha3_bank, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_quote_of_the_sm3_bank, BS_REASON_QUOTE_SELECTION),
    ATTACK(an_empty_selection_of_an_inactive_bank, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_selection_of_an_inactive_bank_more, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_selection_more, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_statement_of_fewer_pcrs, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_statement_of_more_pcrs, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_statement_without_the_caps_pcr, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_statement_of_another_bank, BS_REASON_QUOTE_SELECTION),
    ATTACK(a_statement_of_the_sha1_bank, BS_REASON_QUOTE_SELECTION),
    ATTACK(fewer_values_than_quoted, BS_REASON_QUOTE_SELECTION),
    ATTACK(values_that_were_not_quoted, BS_REASON_QUOTE_DIGEST),
    ATTACK(a_digest_of_other_values, BS_REASON_QUOTE_DIGEST),
    ATTACK(a_digest_that_is_cut, BS_REASON_QUOTE_DIGEST),
    ATTACK(fewer_resets_than_proven, BS_REASON_RESET_COUNT),
};

const struct attack_family attack_quote = ATTACK_FAMILY("quote", attacks);
