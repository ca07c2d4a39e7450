/*
 * Channel, quote and resets: one thing wrong at a time. Each of these is refused with its own reason, and is approved if the check that
 * it is about is taken out of server/verify_*.c: the device is an approved one, and everything else is right.
 */
#include "evidence_scene.h"

#include "bootseal/cap.h"

static void the_evidence_is_good_when_nothing_is_bent(void **state)
{
    TALK(talk, *state);
    talk_attest(&talk, &tpm, &request);
    assert_kind(&talk, MESSAGE_APPROVED);
}

/* Channel */

static void a_statement_of_another_connection_is_refused(void **state)
{
    uint8_t channel[32] = { 1 };
    request.channel = channel;
    expect(state, BS_REASON_BAD_CHANNEL);
}

static void bend_kind(struct message_statement *s)
{
    s->channel_kind = MESSAGE_CHANNEL_CHALLENGE;
}

static void another_kind_of_channel_is_refused(void **state)
{
    request.bend.statement = bend_kind;
    expect(state, BS_REASON_BAD_CHANNEL);
}

static void bend_server(struct message_statement *s)
{
    static const uint8_t wrong[32];
    s->server_cert_sha256 = BS_SPAN(wrong, sizeof(wrong));
}

static void another_server_certificate_is_refused(void **state)
{
    request.bend.statement = bend_server;
    expect(state, BS_REASON_BAD_SERVER_CERT);
}

static void a_replayed_request_is_refused_on_a_new_connection(void **state)
{
    TALK(first, *state);
    TALK(second, *state);
    talk_attest(&first, &tpm, NULL);
    assert_kind(&first, MESSAGE_APPROVED);
    assert_ok(bs_buf_append(&second.body, first.body.data, first.body.size));
    talk_send_attest(&second);
    assert_reason(&second, MESSAGE_REFUSED, BS_REASON_BAD_CHANNEL);
}

/* Quote */

static void a_quote_by_another_key_is_refused(void **state)
{
    request.bend.quote_key = other.ak.key;
    expect(state, BS_REASON_QUOTE_SIGNATURE);
}

BEND_ATTEST(bend_magic, attest->magic = 0xff544348)
BEND_ATTEST(bend_extra, attest->extra[31] ^= 1)
BEND_ATTEST(bend_signer, attest->signer.name[33] ^= 1)

static void a_quote_without_the_magic_is_refused(void **state)
{
    request.bend.quote = bend_magic;
    expect(state, BS_REASON_QUOTE_MAGIC);
}

BEND_ATTEST(bend_type_certify, attest->type = TPM2_ST_ATTEST_CERTIFY)

static void a_certification_is_no_quote(void **state)
{
    request.bend.quote = bend_type_certify;
    expect(state, BS_REASON_QUOTE_TYPE);
}

static void a_quote_about_something_else_is_refused(void **state)
{
    request.bend.quote = bend_extra;
    expect(state, BS_REASON_QUOTE_NONCE);
}

static void a_quote_from_another_hierarchy_is_refused(void **state)
{
    request.bend.quote = bend_signer;
    expect(state, BS_REASON_QUOTE_SIGNATURE);
}

BEND_ATTEST(bend_mask, attest->masks[0] &= ~(1u << 9))
BEND_ATTEST(bend_mask_wide, attest->masks[0] |= 1u << 16)
BEND_ATTEST(bend_mask_empty, attest->masks[0] = 0)
BEND_ATTEST(bend_bank, attest->banks[0] = CRYPTO_SHA384)
BEND_ATTEST(bend_two, attest->banks[1] = CRYPTO_SHA1; attest->masks[1] = 1)

static void a_quote_over_other_pcrs_is_refused(void **state)
{
    static void (*const bends[])(struct softtpm_attest *) = { bend_mask, bend_mask_wide, bend_mask_empty, bend_bank,
                                                              bend_two };
    for (size_t i = 0; i < COUNT(bends); i++) {
        request.bend.quote = bends[i];
        expect(state, BS_REASON_QUOTE_SELECTION);
    }
}

static void a_statement_without_the_cap_pcr_is_refused(void **state)
{
    tpm.mask &= ~(1u << BS_CAP_PCR_DEFAULT);
    expect(state, BS_REASON_QUOTE_SELECTION);
}

BEND_ATTEST(bend_bank_back, attest->banks[0] = CRYPTO_SHA256)

static void a_statement_of_another_bank_than_quoted_is_refused(void **state)
{
    tpm.bank = CRYPTO_SHA384;
    request.bend.quote = bend_bank_back;
    expect(state, BS_REASON_QUOTE_SELECTION);
}

static void bend_values(struct message_statement *s)
{
    s->pcrs.mask &= ~(1u << 9);
    s->pcrs.values[9] = BS_SPAN_NONE;
}

static void a_statement_about_fewer_pcrs_than_quoted_is_refused(void **state)
{
    request.bend.statement = bend_values;
    expect(state, BS_REASON_QUOTE_SELECTION);
}

BEND_ATTEST(bend_digest, attest->digest[0] ^= 1)

static void values_that_were_not_quoted_are_refused(void **state)
{
    request.bend.quote = bend_digest;
    expect(state, BS_REASON_QUOTE_DIGEST);
}

/* Resets */

static void fewer_resets_than_proven_are_refused_until_an_operator_clears_them(void **state)
{
    struct lab *lab = *state;
    struct operator_approve approve = { .device = lab_id(&tpm), .accept_reset = true };
    struct operator_approved approved;
    tpm.reset_count = 3;
    expect(state, BS_REASON_RESET_COUNT);
    assert_ok(operator_device_approve(&lab->call, &approve, &approved));
    the_evidence_is_good_when_nothing_is_bent(state);
    tpm.reset_count = 2;
    expect(state, BS_REASON_RESET_COUNT);
}

static void a_permission_for_fewer_resets_ends_with_the_next_boot(void **state)
{
    struct lab *lab = *state;
    struct operator_approve approve = { .device = lab_id(&tpm), .accept_reset = true };
    struct operator_approved approved;
    assert_ok(operator_device_approve(&lab->call, &approve, &approved));
    the_evidence_is_good_when_nothing_is_bent(state);
    tpm.reset_count--;
    expect(state, BS_REASON_RESET_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVIDENCE_TEST(the_evidence_is_good_when_nothing_is_bent),
        EVIDENCE_TEST(a_statement_of_another_connection_is_refused),
        EVIDENCE_TEST(another_kind_of_channel_is_refused),
        EVIDENCE_TEST(another_server_certificate_is_refused),
        EVIDENCE_TEST(a_replayed_request_is_refused_on_a_new_connection),
        EVIDENCE_TEST(a_quote_by_another_key_is_refused),
        EVIDENCE_TEST(a_quote_without_the_magic_is_refused),
        EVIDENCE_TEST(a_certification_is_no_quote),
        EVIDENCE_TEST(a_quote_about_something_else_is_refused),
        EVIDENCE_TEST(a_quote_from_another_hierarchy_is_refused),
        EVIDENCE_TEST(a_quote_over_other_pcrs_is_refused),
        EVIDENCE_TEST(a_statement_without_the_cap_pcr_is_refused),
        EVIDENCE_TEST(a_statement_of_another_bank_than_quoted_is_refused),
        EVIDENCE_TEST(a_statement_about_fewer_pcrs_than_quoted_is_refused),
        EVIDENCE_TEST(values_that_were_not_quoted_are_refused),
        EVIDENCE_TEST(fewer_resets_than_proven_are_refused_until_an_operator_clears_them),
        EVIDENCE_TEST(a_permission_for_fewer_resets_ends_with_the_next_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
