/*
 * The messages themselves. What is wrong with a statement is wrong before it is hashed and quoted: the quote is about the bytes that are
 * sent.
 */
#include "attack.h"

#include "unit/cbor_edit.h"

#include <string.h>

/* Of the attack that is played: what hooks without an argument need. */
static int number;
static void (*change)(struct bs_span document, struct bs_buf *out);

static void apply(struct bs_buf *document)
{
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(2 * BS_REQUEST_MAX);
    MUST(bs_buf_append(&before, document->data, document->size));
    bs_buf_reset(document);
    change(bs_buf_span(&before), document);
}

/* In the statement */
static void play_statement(struct scene *s, void (*by)(struct bs_span document, struct bs_buf *out))
{
    number = s->attack->number;
    change = by;
    s->request.bend.statement_bytes = apply;
    scene_enroll(s, &s->tpm);
}

/* In the request around it. */
static void play_request(struct scene *s, void (*by)(struct bs_span document, struct bs_buf *out))
{
    number = s->attack->number;
    change = by;
    scene_write(s, &s->tpm);
    apply(&s->talk.body);
    talk_send_attest(&s->talk);
    scene_note(s);
}

#define EDIT(name, play, edit)                                           \
    static void edit_##name(struct bs_span document, struct bs_buf *out) \
    {                                                                    \
        edit;                                                            \
    }                                                                    \
    static void name(struct scene *s)                                    \
    {                                                                    \
        play(s, edit_##name);                                            \
    }

#define BYTES(...) BS_SPAN(((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void append(struct bs_buf *out, struct bs_span bytes)
{
    MUST(bs_buf_append(out, bytes.data, bytes.size));
}

/* The items of a map in an indefinite length. */
static void open_end(struct bs_span document, struct bs_buf *out)
{
    struct edit_head head = edit_head_at(document, 0);
    append(out, BYTES(0xbf));
    append(out, BS_SPAN(document.data + head.size, document.size - head.size));
    append(out, BYTES(0xff));
}

/* Members 5 and 6 in the wrong order. */
static void swap_members(struct bs_span document, struct bs_buf *out)
{
    struct edit_item a = edit_find(document, EDIT_PATH(5)), b = edit_find(document, EDIT_PATH(6));
    append(out, BS_SPAN(document.data, a.key));
    append(out, BS_SPAN(document.data + b.key, b.end - b.key));
    append(out, BS_SPAN(document.data + a.key, a.end - a.key));
    append(out, BS_SPAN(document.data + b.end, document.size - b.end));
}

/* A tag before the item at the path. */
static void put_tag(struct bs_span document, const int *path, struct bs_buf *out)
{
    struct edit_item item = edit_find(document, path);
    append(out, BS_SPAN(document.data, item.start));
    append(out, BYTES(0xc2));
    append(out, BS_SPAN(document.data + item.start, document.size - item.start));
}

/* A head longer than it needs to be. */
static void lengthen(struct bs_span document, const int *path, struct bs_buf *out)
{
    struct edit_item item = edit_find(document, path);
    struct edit_head head = edit_head_at(document, item.start);
    append(out, BS_SPAN(document.data, item.start));
    edit_put_head(out, head.major, head.argument, 8);
    append(out, BS_SPAN(document.data + item.start + head.size, document.size - item.start - head.size));
}

static void put_large(struct bs_span document, struct bs_buf *out, const int *path, size_t size)
{
    BS_SCOPED_BUF struct bs_buf item = BS_BUF(BS_REQUEST_MAX);
    uint8_t *tail;
    edit_put_head(&item, 2, size, 4);
    MUST(bs_buf_reserve(&item, size, &tail));
    memset(tail, 0, size);
    bs_buf_grown(&item, size);
    edit_replace(document, path, bs_buf_span(&item), out);
}

static void seven_certificates(struct bs_span document, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf list = BS_BUF(64);
    edit_put_head(&list, 4, 7, 1);
    for (int i = 0; i < 7; i++)
        append(&list, BYTES(0x41, 0x30));
    edit_replace(document, EDIT_PATH(7), bs_buf_span(&list), out);
}

EDIT(statement_without_member, play_statement, edit_remove(document, EDIT_PATH(number), out))
EDIT(device_key_without_member, play_statement, edit_remove(document, EDIT_PATH(9, number), out))
EDIT(srk_without_member, play_statement, edit_remove(document, EDIT_PATH(11, number), out))
EDIT(pcrs_without_member, play_statement, edit_remove(document, EDIT_PATH(12, number), out))
EDIT(request_without_member, play_request, edit_remove(document, EDIT_PATH(number), out))
EDIT(an_unknown_member, play_statement, edit_add(document, EDIT_TOP, 99, BYTES(0), out))
EDIT(an_unknown_member_of_a_key, play_statement, edit_add(document, EDIT_PATH(9), 4, BYTES(0), out))
EDIT(an_unknown_fact, play_statement, edit_add(document, EDIT_PATH(14), 9, BYTES(0x61, 'x'), out))
EDIT(an_unknown_member_of_the_request, play_request, edit_add(document, EDIT_TOP, 4, BYTES(0), out))
EDIT(a_member_twice, play_statement, edit_repeat(document, EDIT_PATH(6), out))
EDIT(a_pcr_twice, play_statement, edit_repeat(document, EDIT_PATH(12, 2, 4), out))
EDIT(a_member_of_the_request_twice, play_request, edit_repeat(document, EDIT_PATH(2), out))
EDIT(a_statement_of_indefinite_length, play_statement, open_end(document, out))
EDIT(a_request_of_indefinite_length, play_request, open_end(document, out))
EDIT(members_out_of_order, play_statement, swap_members(document, out))
EDIT(a_number_longer_than_it_needs_to_be, play_statement, lengthen(document, EDIT_PATH(16), out))
EDIT(a_length_longer_than_it_needs_to_be, play_statement, lengthen(document, EDIT_PATH(6), out))
EDIT(a_length_of_the_request_longer_than_it_needs_to_be, play_request, lengthen(document, EDIT_PATH(2), out))
EDIT(a_tag, play_statement, put_tag(document, EDIT_PATH(6), out))
EDIT(a_float, play_statement, edit_replace(document, EDIT_PATH(16), BYTES(0xf9, 0x42, 0), out))
EDIT(a_negative_number, play_statement, edit_replace(document, EDIT_PATH(16), BYTES(0x20), out))
EDIT(a_null, play_statement, edit_replace(document, EDIT_PATH(6), BYTES(0xf6), out))
EDIT(a_text_in_the_place_of_bytes, play_statement, edit_replace(document, EDIT_PATH(6), BYTES(0x61, 'x'), out))
EDIT(an_array_in_the_place_of_a_map, play_statement, edit_replace(document, EDIT_PATH(14), BYTES(0x80), out))
EDIT(no_bytes_where_some_must_be, play_statement, edit_replace(document, EDIT_PATH(6), BYTES(0x40), out))
EDIT(an_empty_list, play_statement, edit_replace(document, EDIT_PATH(7), BYTES(0x80), out))
EDIT(seven_ek_certificates, play_statement, seven_certificates(document, out))
EDIT(an_empty_token, play_statement, edit_add(document, EDIT_TOP, 17, BYTES(0x60), out))
EDIT(a_fact_that_is_no_utf8, play_statement, edit_replace(document, EDIT_PATH(14, 1), BYTES(0x62, 0xc3, 0x28), out))
EDIT(a_fact_with_a_control_character, play_statement, edit_replace(document, EDIT_PATH(14, 1), BYTES(0x61, 0x1b), out))
EDIT(another_role, play_statement, edit_replace(document, EDIT_PATH(2), BYTES(0x63, 'c', 'a', 't'), out))
EDIT(an_unknown_kind_of_channel, play_statement, edit_replace(document, EDIT_PATH(3), BYTES(0x63, 'c', 'a', 't'), out))
EDIT(a_channel_of_31_bytes, play_statement, put_large(document, out, EDIT_PATH(4), 31))
EDIT(a_pcr_of_31_bytes, play_statement, put_large(document, out, EDIT_PATH(12, 2, 4), 31))
EDIT(a_pcr_that_there_is_not, play_statement,
     edit_replace(document, EDIT_PATH(12, 2), BYTES(0xa1, 0x18, 0x18, 0x41, 0), out))
EDIT(no_pcrs, play_statement, edit_replace(document, EDIT_PATH(12, 2), BYTES(0xa0), out))
EDIT(an_unknown_bank, play_statement, edit_replace(document, EDIT_PATH(12, 1), BYTES(0x0e), out))
/* Of as many bytes as SHA-256; logs may have banks of them (core/eventlog_hash.h), and a statement none. */
EDIT(the_sha3_bank, play_statement, edit_replace(document, EDIT_PATH(12, 1), BYTES(0x18, TPM2_ALG_SHA3_256), out))
EDIT(the_sm3_bank, play_statement, edit_replace(document, EDIT_PATH(12, 1), BYTES(TPM2_ALG_SM3_256), out))
EDIT(a_tpm_structure_over_its_limit, play_statement, put_large(document, out, EDIT_PATH(6), BS_TPM_MAX + 1))
EDIT(a_csr_over_its_limit, play_statement, put_large(document, out, EDIT_PATH(10), BS_CERT_MAX + 1))
EDIT(a_hash_of_a_log_of_31_bytes, play_statement, put_large(document, out, EDIT_PATH(13), 31))
EDIT(a_log_over_its_limit, play_request, put_large(document, out, EDIT_PATH(4), BS_EVENTLOG_MAX + 1))
EDIT(an_empty_log, play_request, put_large(document, out, EDIT_PATH(4), 0))
EDIT(a_map_of_2_to_the_32, play_statement, edit_put_head(out, 5, UINT64_C(1) << 32, 8);
     append(out, BS_SPAN(document.data + 1, document.size - 1)))
EDIT(bytes_after_a_statement, play_statement, append(out, document); append(out, BYTES(0)))
EDIT(bytes_after_a_request, play_request, append(out, document); append(out, BYTES(0)))
EDIT(a_request_that_ends_early, play_request, append(out, BS_SPAN(document.data, document.size - 1)))
EDIT(an_empty_request, play_request, (void)document; (void)out)
EDIT(a_request_that_is_garbage, play_request, (void)document; append(out, bs_span_of_string("garbage")))
EDIT(a_quote_over_its_limit, play_request, put_large(document, out, EDIT_PATH(2), BS_REQUEST_MAX - 8192))
EDIT(another_version, play_statement, edit_replace(document, EDIT_PATH(1), BYTES(0x02), out))
EDIT(version_0, play_statement, edit_replace(document, EDIT_PATH(1), BYTES(0x00), out))
EDIT(a_version_and_nothing_else, play_statement, (void)document; append(out, BYTES(0xa1, 0x01, 0x02)))

/* HTTP does not let it in; whoever does is told the same. */
static void a_request_over_its_limit(struct scene *s)
{
    static const uint8_t zeros[BS_REQUEST_MAX];
    bs_buf_free(&s->talk.body);
    s->talk.body = BS_BUF(2 * BS_REQUEST_MAX);
    scene_write(s, &s->tpm);
    append(&s->talk.body, BS_SPAN(zeros, sizeof(zeros)));
    talk_send_attest(&s->talk);
    scene_note(s);
}

/* What the other two messages may not be; the conversation is right up to it. */
static void prove(struct scene *s, struct bs_span body)
{
    scene_newcomer(s);
    s->request.token = s->token;
    scene_attest(s, &s->fresh);
    bs_buf_reset(&s->talk.body);
    append(&s->talk.body, body);
    scene_send_prove(s);
}

static void a_proof_without_its_mac(struct scene *s)
{
    prove(s, BYTES(0xa0));
}

static void a_proof_of_31_bytes(struct scene *s)
{
    uint8_t body[3 + 32] = { 0xa1, 0x01, 0x58, 31 };
    prove(s, BS_SPAN(body, sizeof(body)));
}

static void a_proof_that_is_garbage(struct scene *s)
{
    prove(s, bs_span_of_string("garbage"));
}

/* Right, and then bent. */
static void play_confirm(struct scene *s, void (*by)(struct bs_span document, struct bs_buf *out))
{
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    number = s->attack->number;
    change = by;
    scene_attest(s, &s->tpm);
    talk_bundle(&s->talk, &s->tpm, &plain, &bundle);
    bs_buf_reset(&s->talk.body);
    MUST(softtpm_confirm(&s->tpm, s->talk.secret, s->talk.channel, bundle.serial, &s->talk.body));
    apply(&s->talk.body);
    talk_send_confirm(&s->talk);
    scene_note(s);
}
EDIT(confirm_without_member, play_confirm, edit_remove(document, EDIT_PATH(number), out))
EDIT(an_unknown_member_of_a_confirmation, play_confirm, edit_add(document, EDIT_TOP, 9, BYTES(0), out))
EDIT(a_confirmation_of_serial_0, play_confirm, edit_replace(document, EDIT_PATH(2), BYTES(0), out))

#define MALFORMED(name, ...) ATTACK(name, BS_REASON_MALFORMED, ##__VA_ARGS__)
#define NUMBERED(name, n) MALFORMED(name, .number = (n))

static const struct attack attacks[] = {
    NUMBERED(statement_without_member, 1),
    NUMBERED(statement_without_member, 2),
    NUMBERED(statement_without_member, 3),
    NUMBERED(statement_without_member, 4),
    NUMBERED(statement_without_member, 5),
    NUMBERED(statement_without_member, 6),
    NUMBERED(statement_without_member, 8),
    NUMBERED(statement_without_member, 9),
    NUMBERED(statement_without_member, 10),
    NUMBERED(statement_without_member, 11),
    NUMBERED(statement_without_member, 12),
    NUMBERED(statement_without_member, 14),
    NUMBERED(statement_without_member, 15),
    NUMBERED(statement_without_member, 16),
    NUMBERED(statement_without_member, 19),
    NUMBERED(device_key_without_member, 1),
    NUMBERED(device_key_without_member, 2),
    NUMBERED(device_key_without_member, 3),
    NUMBERED(srk_without_member, 1),
    NUMBERED(srk_without_member, 2),
    NUMBERED(srk_without_member, 3),
    NUMBERED(pcrs_without_member, 1),
    NUMBERED(pcrs_without_member, 2),
    NUMBERED(request_without_member, 1),
    NUMBERED(request_without_member, 2),
    NUMBERED(request_without_member, 3),
    NUMBERED(confirm_without_member, 1),
    NUMBERED(confirm_without_member, 2),
    NUMBERED(confirm_without_member, 3),
    MALFORMED(an_unknown_member),
    MALFORMED(an_unknown_member_of_a_key),
    MALFORMED(an_unknown_fact),
    MALFORMED(an_unknown_member_of_the_request),
    MALFORMED(a_member_twice),
    MALFORMED(a_pcr_twice),
    MALFORMED(a_member_of_the_request_twice),
    MALFORMED(a_statement_of_indefinite_length),
    MALFORMED(a_request_of_indefinite_length),
    MALFORMED(members_out_of_order),
    MALFORMED(a_number_longer_than_it_needs_to_be),
    MALFORMED(a_length_longer_than_it_needs_to_be),
    MALFORMED(a_length_of_the_request_longer_than_it_needs_to_be),
    MALFORMED(a_tag),
    MALFORMED(a_float),
    MALFORMED(a_negative_number),
    MALFORMED(a_null),
    MALFORMED(a_text_in_the_place_of_bytes),
    MALFORMED(an_array_in_the_place_of_a_map),
    MALFORMED(no_bytes_where_some_must_be),
    MALFORMED(an_empty_list),
    MALFORMED(seven_ek_certificates),
    MALFORMED(an_empty_token),
    MALFORMED(a_fact_that_is_no_utf8),
    MALFORMED(a_fact_with_a_control_character),
    MALFORMED(another_role),
    MALFORMED(an_unknown_kind_of_channel),
    MALFORMED(a_channel_of_31_bytes),
    MALFORMED(a_pcr_of_31_bytes),
    MALFORMED(a_pcr_that_there_is_not),
    MALFORMED(no_pcrs),
    MALFORMED(an_unknown_bank),
    MALFORMED(the_sha3_bank),
    MALFORMED(the_sm3_bank),
    MALFORMED(a_tpm_structure_over_its_limit),
    MALFORMED(a_csr_over_its_limit),
    ATTACK(a_hash_of_a_log_of_31_bytes, BS_REASON_MALFORMED),
    ATTACK(an_empty_log, BS_REASON_MALFORMED),
    ATTACK(a_log_over_its_limit, BS_REASON_LOG_TOO_LARGE),
    MALFORMED(a_map_of_2_to_the_32),
    MALFORMED(bytes_after_a_statement),
    MALFORMED(bytes_after_a_request),
    MALFORMED(a_request_that_ends_early),
    MALFORMED(an_empty_request),
    MALFORMED(a_request_that_is_garbage),
    MALFORMED(a_quote_over_its_limit),
    MALFORMED(a_request_over_its_limit),
    MALFORMED(a_proof_without_its_mac),
    MALFORMED(a_proof_of_31_bytes),
    MALFORMED(a_proof_that_is_garbage),
    MALFORMED(an_unknown_member_of_a_confirmation),
    MALFORMED(a_confirmation_of_serial_0),
    ATTACK(another_version, BS_REASON_VERSION),
    ATTACK(version_0, BS_REASON_VERSION),
    ATTACK(a_version_and_nothing_else, BS_REASON_VERSION),
};

const struct attack_family attack_message = ATTACK_FAMILY("message", attacks);
