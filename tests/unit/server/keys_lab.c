#include "unit/server/keys_lab.h"

const char keys_profile[] = "name = \"sensor\";\n"
                            "items = (\n"
                            "  { name = \"disk\"; kind = \"generate\"; type = \"random\"; size = 48; },\n"
                            "  { name = \"wg0\"; kind = \"generate\"; type = \"x25519\"; format = \"wireguard\"; }\n"
                            ");\n";

const char keys_profile_unshared[] =
    "name = \"sensor\";\n"
    "recovery = \"none\";\n"
    "items = (\n"
    "  { name = \"disk\"; kind = \"generate\"; type = \"random\"; size = 48; },\n"
    "  { name = \"wg0\"; kind = \"generate\"; type = \"x25519\"; format = \"wireguard\"; }\n"
    ");\n";

void keys_apply(struct lab *lab, const char *text)
{
    struct store_profile applied;
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string(text), &applied));
}

uint8_t keys_halves[2][32];

size_t keys_make(uint8_t seed, uint64_t generation, struct generated_public ret_keys[2])
{
    memset(keys_halves[0], seed, 32);
    memset(keys_halves[1], seed + 1, 32);
    ret_keys[0] = (struct generated_public){ bs_span_of_string("disk"), BS_GENERATED_RANDOM, generation,
                                             BS_SPAN(keys_halves[0], 32) };
    ret_keys[1] = (struct generated_public){ bs_span_of_string("wg0"), BS_GENERATED_X25519, generation,
                                             BS_SPAN(keys_halves[1], 32) };
    return 2;
}

struct said said;

static void bend(struct message_statement *statement)
{
    memcpy(statement->keys, said.keys, sizeof(said.keys));
    statement->key_count = said.key_count;
    memcpy(statement->shares, said.shares, sizeof(said.shares));
    statement->share_count = said.share_count;
    statement->held_serial = said.held;
}

void keys_say_nothing(void)
{
    said.key_count = said.share_count = 0;
    said.held = 0;
}

void keys_say_shares(uint64_t first)
{
    keys_say_nothing();
    said.shares[said.share_count++] = first;
}

void keys_ask(struct talk *talk, struct softtpm *tpm)
{
    const struct softtpm_request request = { .bend = { .statement = bend } };
    talk_enroll(talk, tpm, &request);
}

void keys_answer_free(struct keys_answer *answer)
{
    bs_secret_free(answer->plain);
}

void keys_get(struct lab *lab, struct softtpm *tpm, struct keys_answer *ret_answer)
{
    TALK(talk, lab);
    keys_ask(&talk, tpm);
    assert_kind(&talk, MESSAGE_APPROVED);
    talk_bundle(&talk, tpm, &ret_answer->plain, &ret_answer->bundle);
}

void keys_assert_answer(struct lab *lab, struct softtpm *tpm, enum message_kind kind, const char *reason)
{
    TALK(talk, lab);
    keys_ask(&talk, tpm);
    assert_reason(&talk, kind, reason);
}

enum message_kind keys_confirm(struct lab *lab, struct softtpm *tpm, const struct generated_public *keys, size_t count,
                               size_t mac_of, struct keys_answer *ret_answer)
{
    TALK(talk, lab);
    uint8_t key[32], mac[32];
    keys_ask(&talk, tpm);
    assert_kind(&talk, MESSAGE_APPROVED);
    talk_bundle(&talk, tpm, &ret_answer->plain, &ret_answer->bundle);
    struct message_confirm m = { .device = BS_SPAN(tpm->id, 32),
                                 .serial = ret_answer->bundle.serial,
                                 .mac = BS_SPAN(mac, sizeof(mac)),
                                 .key_count = mac_of };
    memcpy(m.keys, keys, count * sizeof(keys[0]));
    assert_ok(bundle_confirm_key(BS_SPAN(talk.secret, 32), BS_SPAN(talk.channel, 32), key));
    assert_ok(message_confirm_mac(BS_SPAN(key, 32), BS_SPAN(talk.channel, 32), &m, mac));
    m.key_count = count;
    bs_buf_reset(&talk.body);
    assert_ok(message_confirm_encode(&m, &talk.body));
    talk_send_confirm(&talk);
    return talk.answer.kind;
}

void keys_enroll(struct lab *lab, struct softtpm *tpm, uint8_t seed, struct keys_answer *ret_answer)
{
    struct generated_public keys[2];
    keys_make(seed, 1, keys);
    keys_say_nothing();
    assert_int_equal(keys_confirm(lab, tpm, keys, 2, 2, ret_answer), MESSAGE_CONFIRMED);
}

void keys_prepare(struct lab *lab, struct softtpm *tpm)
{
    keys_say_nothing();
    lab_approved_device(lab, tpm);
    keys_apply(lab, keys_profile);
}

struct store_key keys_row_of(struct lab *lab, const struct softtpm *tpm, const char *name)
{
    struct store_key key;
    assert_ok(store_key_get(lab->server->store, tpm->id, name, &key));
    return key;
}
