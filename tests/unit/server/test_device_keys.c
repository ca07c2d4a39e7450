/* Keys that devices make, and recovery shares: what the server orders, enrolls, keeps and gives. */
#include "unit/server/lab.h"

#include "core/generated.h"
#include "core/share.h"
#include "server/device_keys.h"

static const char profile_text[] =
    "name = \"sensor\";\n"
    "items = (\n"
    "  { name = \"disk\"; kind = \"generate\"; type = \"random\"; size = 48; },\n"
    "  { name = \"wg0\"; kind = \"generate\"; type = \"x25519\"; format = \"wireguard\"; }\n"
    ");\n";

static const char unshared_text[] =
    "name = \"sensor\";\n"
    "recovery = \"none\";\n"
    "items = (\n"
    "  { name = \"disk\"; kind = \"generate\"; type = \"random\"; size = 48; },\n"
    "  { name = \"wg0\"; kind = \"generate\"; type = \"x25519\"; format = \"wireguard\"; }\n"
    ");\n";

static void apply(struct lab *lab, const char *text)
{
    struct store_profile applied;
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string(text), &applied));
}

static uint8_t halves[2][32];

/* What a device would hold; `seed` another one: other keys. */
static size_t make_keys(uint8_t seed, uint64_t generation, struct generated_public ret_keys[2])
{
    memset(halves[0], seed, 32);
    memset(halves[1], seed + 1, 32);
    ret_keys[0] =
        (struct generated_public){ bs_span_of_string("disk"), BS_GENERATED_RANDOM, generation, BS_SPAN(halves[0], 32) };
    ret_keys[1] =
        (struct generated_public){ bs_span_of_string("wg0"), BS_GENERATED_X25519, generation, BS_SPAN(halves[1], 32) };
    return 2;
}

/* What the next statement says besides. */
static struct generated_public said_keys[2];
static size_t said_key_count;
static uint64_t said_shares[2];
static size_t said_share_count;
static uint64_t said_held; /* serial; 0: no vault is open */

static void bend(struct message_statement *statement)
{
    memcpy(statement->keys, said_keys, sizeof(said_keys));
    statement->key_count = said_key_count;
    memcpy(statement->shares, said_shares, sizeof(said_shares));
    statement->share_count = said_share_count;
    statement->held_serial = said_held;
}

static void say_nothing(void)
{
    said_key_count = said_share_count = 0;
    said_held = 0;
}

static void say_shares(uint64_t first)
{
    say_nothing();
    said_shares[said_share_count++] = first;
}

static void ask(struct talk *talk, struct softtpm *tpm)
{
    const struct softtpm_request request = { .bend = { .statement = bend } };
    talk_enroll(talk, tpm, &request);
}

/* The bundle of a device that asks on a connection of its own. */
struct answer {
    struct bs_secret *plain;
    struct bundle bundle;
};

static void answer_free(struct answer *answer)
{
    bs_secret_free(answer->plain);
}
#define ANSWER(name) __attribute__((cleanup(answer_free))) struct answer name = { NULL, { .serial = 0 } }

static void get(struct lab *lab, struct softtpm *tpm, struct answer *ret_answer)
{
    TALK(talk, lab);
    ask(&talk, tpm);
    assert_kind(&talk, MESSAGE_APPROVED);
    talk_bundle(&talk, tpm, &ret_answer->plain, &ret_answer->bundle);
}

static void assert_answer(struct lab *lab, struct softtpm *tpm, enum message_kind kind, const char *reason)
{
    TALK(talk, lab);
    ask(&talk, tpm);
    assert_reason(&talk, kind, reason);
}

/* Gets a bundle and confirms it with these keys; `mac_of`: those that the MAC is made over. Returns the answer to it. */
static enum message_kind confirm(struct lab *lab, struct softtpm *tpm, const struct generated_public *keys,
                                 size_t count, size_t mac_of, struct answer *ret_answer)
{
    TALK(talk, lab);
    uint8_t key[32], mac[32];
    ask(&talk, tpm);
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

static void enroll(struct lab *lab, struct softtpm *tpm, uint8_t seed, struct answer *ret_answer)
{
    struct generated_public keys[2];
    make_keys(seed, 1, keys);
    say_nothing();
    assert_int_equal(confirm(lab, tpm, keys, 2, 2, ret_answer), MESSAGE_CONFIRMED);
}

static void prepare(struct lab *lab, struct softtpm *tpm)
{
    say_nothing();
    lab_approved_device(lab, tpm);
    apply(lab, profile_text);
}

static struct store_key row_of(struct lab *lab, const struct softtpm *tpm, const char *name)
{
    struct store_key key;
    assert_ok(store_key_get(lab->server->store, tpm->id, name, &key));
    return key;
}

static void keys_are_ordered_and_what_is_confirmed_is_enrolled(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    assert_int_equal(first.bundle.key_count, 2);
    assert_int_equal(first.bundle.item_count, 0);
    assert_span_text(first.bundle.keys[0].key.name, "disk");
    assert_int_equal(first.bundle.keys[0].size, 48);
    assert_int_equal(first.bundle.keys[0].key.generation, 1);
    assert_int_equal(first.bundle.keys[0].key.public_half.size, 0);
    assert_int_equal(first.bundle.keys[1].form, BS_FORM_WIREGUARD);
    assert_int_equal(first.bundle.share.size, BS_SHARE_SIZE);

    struct store_key row = row_of(lab, &tpm, "wg0");
    assert_int_equal(row.half_size, 32);
    assert_memory_equal(row.half, halves[1], 32);
    said_key_count = make_keys(1, 1, said_keys);
    get(lab, &tpm, &second);
    assert_true(bs_span_equal(second.bundle.keys[0].key.public_half, BS_SPAN(halves[0], 32)));
    assert_true(bs_span_equal(second.bundle.keys[1].key.public_half, BS_SPAN(halves[1], 32)));
    assert_false(bs_span_equal(second.bundle.share, first.bundle.share));
    softtpm_free(&tpm);
}

static void a_confirmation_whose_mac_leaves_a_key_out_enrolls_nothing(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct generated_public keys[2];
    ANSWER(answer);
    prepare(lab, &tpm);
    make_keys(1, 1, keys);
    assert_int_equal(confirm(lab, &tpm, keys, 2, 1, &answer), MESSAGE_REFUSED);
    assert_int_equal(row_of(lab, &tpm, "disk").half_size, 0);
    assert_int_equal(row_of(lab, &tpm, "wg0").half_size, 0);
    softtpm_free(&tpm);
}

static void a_lost_confirmation_is_made_good_by_the_next_statement(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    prepare(lab, &tpm);
    get(lab, &tpm, &first);
    assert_int_equal(row_of(lab, &tpm, "disk").half_size, 0);
    said_key_count = make_keys(7, 1, said_keys);
    get(lab, &tpm, &second);
    assert_memory_equal(row_of(lab, &tpm, "disk").half, halves[0], 32);
    assert_true(bs_span_equal(second.bundle.keys[0].key.public_half, BS_SPAN(halves[0], 32)));
    softtpm_free(&tpm);
}

static void what_is_enrolled_is_never_replaced(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    said_key_count = make_keys(9, 1, said_keys);
    assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    make_keys(1, 1, said_keys);
    assert_memory_equal(row_of(lab, &tpm, "disk").half, halves[0], 32);
    make_keys(9, 2, said_keys); /* of a generation that nobody ordered */
    assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    assert_true(lab_has_row(lab, BS_REASON_KEYS_LOST));
    softtpm_free(&tpm);
}

static void a_share_is_given_to_who_names_it_and_needs_it(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    ANSWER(third);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    say_shares(first.bundle.serial);
    get(lab, &tpm, &second);
    assert_int_equal(second.bundle.share_count, 1);
    assert_int_equal(second.bundle.shares[0].serial, first.bundle.serial);
    assert_true(bs_span_equal(second.bundle.shares[0].value, first.bundle.share));
    get(lab, &tpm, &third); /* as often as it is needed */
    assert_true(bs_span_equal(third.bundle.shares[0].value, first.bundle.share));
    softtpm_free(&tpm);
}

static void without_vault_or_share_keys_are_lost_until_new_ones_are_ordered(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct operator_rekeyed rekeyed;
    ANSWER(first);
    ANSWER(after);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    say_nothing();
    assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    say_shares(first.bundle.serial + 100);
    assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    say_nothing();
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), "disk", &rekeyed));
    assert_int_equal(rekeyed.count, 1);
    assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST); /* the other one */
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), "wg0", &rekeyed));
    get(lab, &tpm, &after);
    assert_int_equal(after.bundle.keys[0].key.generation, 2);
    assert_int_equal(after.bundle.keys[0].key.public_half.size, 0);
    assert_err(operator_device_rekey(&lab->call, lab_id(&tpm), "none", &rekeyed), BS_ERR_NOT_FOUND);
    softtpm_free(&tpm);
}

/* Without shares, and the confirmation was lost: who names a vault that stays shut may have the keys of the first answer in it. */
static void keys_that_were_never_heard_of_are_not_ordered_again_beside_a_shut_vault(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct operator_rekeyed rekeyed;
    ANSWER(first);
    ANSWER(second);
    ANSWER(third);
    prepare(lab, &tpm);
    apply(lab, unshared_text);
    get(lab, &tpm, &first);
    assert_int_equal(first.bundle.share.size, 0);
    get(lab, &tpm, &second); /* nothing was sealed: the answer was lost */
    assert_int_equal(second.bundle.key_count, 2);
    say_shares(second.bundle.serial);
    assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), NULL, &rekeyed));
    get(lab, &tpm, &third);
    assert_int_equal(third.bundle.keys[0].key.generation, 2);
    softtpm_free(&tpm);
}

static enum bs_err count_orders(void *context, const struct store_audit *row)
{
    *(size_t *)context += strcmp(row->act, "key.order") == 0;
    return BS_OK;
}

static size_t orders_in_audit(struct lab *lab)
{
    size_t count = 0;
    assert_ok(store_audit_each(lab->server->store, 0, 0, NULL, count_orders, &count));
    return count;
}

static void what_is_ordered_again_is_in_the_audit_log(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    ANSWER(third);
    prepare(lab, &tpm);
    get(lab, &tpm, &first);
    assert_int_equal(orders_in_audit(lab), 0);
    enroll(lab, &tpm, 1, &second); /* the first answer did not arrive */
    assert_int_equal(orders_in_audit(lab), 2);
    said_key_count = make_keys(1, 1, said_keys);
    get(lab, &tpm, &third); /* enrolled: nothing is to be made */
    assert_int_equal(orders_in_audit(lab), 2);
    softtpm_free(&tpm);
}

/* The first order of a key: no vault, whatever it is, has it. */
static void a_shut_vault_does_not_keep_a_key_from_being_ordered_first(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    prepare(lab, &tpm);
    apply(lab, unshared_text);
    say_shares(3);
    get(lab, &tpm, &first);
    assert_int_equal(first.bundle.key_count, 2);
    softtpm_free(&tpm);
}

static void a_key_of_before_a_rekey_is_not_enrolled_as_the_new_one(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct operator_rekeyed rekeyed;
    ANSWER(first);
    ANSWER(second);
    ANSWER(third);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), NULL, &rekeyed));
    assert_int_equal(rekeyed.count, 2);
    said_key_count = make_keys(1, 1, said_keys); /* the old ones are still in the vault */
    get(lab, &tpm, &second);
    assert_int_equal(second.bundle.keys[0].key.generation, 2);
    assert_int_equal(second.bundle.keys[0].key.public_half.size, 0);
    assert_int_equal(row_of(lab, &tpm, "disk").half_size, 0);
    said_key_count = make_keys(5, 2, said_keys);
    get(lab, &tpm, &third);
    assert_memory_equal(row_of(lab, &tpm, "disk").half, halves[0], 32);
    softtpm_free(&tpm);
}

static void the_share_of_a_device_is_given_to_no_other(void **state)
{
    struct lab *lab = *state;
    struct softtpm mine, theirs;
    ANSWER(first);
    ANSWER(second);
    ANSWER(newer);
    ANSWER(other);
    prepare(lab, &mine);
    lab_approved_device(lab, &theirs);
    enroll(lab, &mine, 1, &first);
    enroll(lab, &theirs, 3, &second);
    say_nothing();
    said_key_count = make_keys(1, 1, said_keys);
    get(lab, &mine, &newer); /* theirs has none of this serial */
    assert_true(newer.bundle.serial > second.bundle.serial);
    say_shares(newer.bundle.serial);
    assert_answer(lab, &theirs, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    say_shares(second.bundle.serial);
    get(lab, &theirs, &other);
    assert_true(bs_span_equal(other.bundle.shares[0].value, second.bundle.share));
    assert_false(bs_span_equal(other.bundle.shares[0].value, first.bundle.share));
    softtpm_free(&mine);
    softtpm_free(&theirs);
}

static bool has_share(struct lab *lab, const struct softtpm *tpm, uint64_t serial)
{
    struct store_share share;
    return store_share_get(lab->server->store, tpm->id, serial, &share) == BS_OK;
}

static void a_confirmed_bundle_ends_older_shares(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    assert_true(has_share(lab, &tpm, first.bundle.serial));
    said_key_count = make_keys(1, 1, said_keys);
    struct generated_public keys[2];
    make_keys(1, 1, keys);
    assert_int_equal(confirm(lab, &tpm, keys, 2, 2, &second), MESSAGE_CONFIRMED);
    assert_true(second.bundle.serial > first.bundle.serial);
    assert_false(has_share(lab, &tpm, first.bundle.serial));
    assert_true(has_share(lab, &tpm, second.bundle.serial));
    softtpm_free(&tpm);
}

static void a_wiped_device_has_no_share_any_more(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    uint64_t certs;
    ANSWER(first);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    assert_ok(operator_device_revoke(&lab->call, lab_id(&tpm), NULL, &certs));
    assert_true(has_share(lab, &tpm, first.bundle.serial)); /* it may be let in again */
    assert_ok(operator_device_wipe(&lab->call, lab_id(&tpm), NULL, &certs));
    assert_false(has_share(lab, &tpm, first.bundle.serial));
    softtpm_free(&tpm);
}

static void a_share_that_the_server_keeps_is_not_replaced(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_share kept;
    struct share_label label;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(4096);
    static const uint8_t other[BS_SHARE_SIZE] = { 7 };
    ANSWER(first);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    memcpy(label.device, tpm.id, sizeof(label.device));
    label.serial = first.bundle.serial;
    assert_ok(share_write(&label, false, BS_SPAN(other, sizeof(other)), &text));
    assert_err(operator_device_recover(&lab->call, bs_buf_span(&text), &(size_t){ 0 }), BS_ERR_REFUSED);
    assert_ok(store_share_get(lab->server->store, tpm.id, first.bundle.serial, &kept));
    assert_true(bs_span_equal(BS_SPAN(kept.value, sizeof(kept.value)), first.bundle.share));
    softtpm_free(&tpm);
}

/* A device whose power is cut again and again before it seals: neither does the table grow, nor is the one that it needs dropped. */
static void answers_that_were_never_sealed_do_not_pile_up_shares(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    uint64_t count = 0, needed;
    ANSWER(first);
    ANSWER(last);
    prepare(lab, &tpm);
    get(lab, &tpm, &first); /* sealed, and the confirmation was lost */
    needed = first.bundle.serial;
    say_shares(needed);
    for (unsigned i = 0; i < 40; i++) {
        ANSWER(answer);
        get(lab, &tpm, &answer);
        assert_int_equal(answer.bundle.share_count, 1);
    }
    get(lab, &tpm, &last);
    for (uint64_t serial = 1; serial <= last.bundle.serial; serial++)
        count += has_share(lab, &tpm, serial);
    assert_true(has_share(lab, &tpm, needed));
    assert_true(count <= 20);
    softtpm_free(&tpm);
}

static void ask_often(struct lab *lab, struct softtpm *tpm)
{
    for (unsigned i = 0; i < 20; i++) {
        ANSWER(answer);
        get(lab, tpm, &answer);
    }
}

/* A device that cannot seal, and asks at each boot: it may not say which share it needs before it needs it. */
static void the_share_of_the_vault_that_is_there_is_not_dropped(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    struct generated_public keys[2];
    prepare(lab, &tpm);
    get(lab, &tpm, &first); /* sealed; the confirmation was lost, and so was the next answer */
    get(lab, &tpm, &second);
    said_key_count = make_keys(1, 1, said_keys);
    said_held = first.bundle.serial;
    ask_often(lab, &tpm);
    assert_true(has_share(lab, &tpm, first.bundle.serial));
    assert_false(has_share(lab, &tpm, second.bundle.serial));

    ANSWER(third);
    make_keys(1, 1, keys);
    assert_int_equal(confirm(lab, &tpm, keys, 2, 2, &third), MESSAGE_CONFIRMED);
    said_held = 0;
    ask_often(lab, &tpm);
    assert_true(has_share(lab, &tpm, third.bundle.serial));
    assert_false(has_share(lab, &tpm, third.bundle.serial + 1));
    softtpm_free(&tpm);
}

static void a_key_of_another_kind_is_not_enrolled(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    prepare(lab, &tpm);
    get(lab, &tpm, &first);
    said_key_count = make_keys(1, 1, said_keys);
    said_keys[1].kind = BS_GENERATED_ED25519;
    get(lab, &tpm, &second);
    assert_int_equal(row_of(lab, &tpm, "disk").half_size, 32);
    assert_int_equal(row_of(lab, &tpm, "wg0").half_size, 0);
    softtpm_free(&tpm);
}

static void a_profile_that_wants_another_type_of_an_enrolled_key_waits_for_an_operator(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    prepare(lab, &tpm);
    enroll(lab, &tpm, 1, &first);
    said_key_count = make_keys(1, 1, said_keys);
    apply(lab, "name = \"sensor\"; items = ( { name = \"wg0\"; kind = \"generate\"; type = \"ed25519\"; } );");
    assert_answer(lab, &tpm, MESSAGE_PENDING, BS_REASON_AWAITING_OPERATOR);
    assert_int_equal(row_of(lab, &tpm, "wg0").kind, BS_GENERATED_X25519);
    softtpm_free(&tpm);
}

static void a_profile_without_recovery_keeps_no_share(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(answer);
    prepare(lab, &tpm);
    apply(lab, "name = \"sensor\"; recovery = \"none\"; items = ( );");
    get(lab, &tpm, &answer);
    assert_int_equal(answer.bundle.share.size, 0);
    assert_false(has_share(lab, &tpm, answer.bundle.serial));
    softtpm_free(&tpm);
}

/* Any point on the curve does. */
static const char locked_profile[] =
    "name = \"sensor\"; recovery = \"operator\"; recovery_key = \"-----BEGIN PUBLIC KEY-----\\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEw+1eqFSHIHDMBUGp1U7n3wap3/i/\\n"
    "PV40fWOlgBpu+p1vrRc9oXPkxZ6aukkA+VGCNomgJ8/lJ+1bBAkw8KA5bg==\\n"
    "-----END PUBLIC KEY-----\\n\";\n"
    "items = ( { name = \"disk\"; kind = \"generate\"; type = \"random\"; size = 48; } );\n";

/* It was sealed, the confirmation was lost, and then the vault did not open: what is in it may have been used already. */
static void keys_that_were_never_heard_of_wait_for_the_operator_who_has_the_share(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct operator_rekeyed rekeyed;
    ANSWER(first);
    ANSWER(after);
    prepare(lab, &tpm);
    apply(lab, locked_profile);
    get(lab, &tpm, &first);
    say_shares(first.bundle.serial);
    assert_answer(lab, &tpm, MESSAGE_PENDING, BS_REASON_SHARE_LOCKED);
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), NULL, &rekeyed));
    get(lab, &tpm, &after);
    assert_int_equal(after.bundle.keys[0].key.generation, 2);
    softtpm_free(&tpm);
}

/* A key that is new in the profile is in no older vault. */
static void a_key_that_was_never_ordered_is_in_no_locked_vault(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(keyless);
    ANSWER(first);
    const char *items = strstr(locked_profile, "items");
    char text[1024];
    prepare(lab, &tpm);
    snprintf(text, sizeof(text), "%.*sitems = ( );", (int)(items - locked_profile), locked_profile);
    apply(lab, text);
    get(lab, &tpm, &keyless);
    apply(lab, locked_profile);
    say_shares(keyless.bundle.serial);
    get(lab, &tpm, &first);
    assert_int_equal(first.bundle.key_count, 1);
    assert_int_equal(first.bundle.share_count, 0);
    softtpm_free(&tpm);
}

#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(keys_are_ordered_and_what_is_confirmed_is_enrolled),
        LAB_TEST(a_confirmation_whose_mac_leaves_a_key_out_enrolls_nothing),
        LAB_TEST(a_lost_confirmation_is_made_good_by_the_next_statement),
        LAB_TEST(what_is_enrolled_is_never_replaced),
        LAB_TEST(a_share_is_given_to_who_names_it_and_needs_it),
        LAB_TEST(without_vault_or_share_keys_are_lost_until_new_ones_are_ordered),
        LAB_TEST(keys_that_were_never_heard_of_are_not_ordered_again_beside_a_shut_vault),
        LAB_TEST(a_shut_vault_does_not_keep_a_key_from_being_ordered_first),
        LAB_TEST(what_is_ordered_again_is_in_the_audit_log),
        LAB_TEST(a_key_of_before_a_rekey_is_not_enrolled_as_the_new_one),
        LAB_TEST(the_share_of_a_device_is_given_to_no_other),
        LAB_TEST(a_confirmed_bundle_ends_older_shares),
        LAB_TEST(a_wiped_device_has_no_share_any_more),
        LAB_TEST(a_share_that_the_server_keeps_is_not_replaced),
        LAB_TEST(answers_that_were_never_sealed_do_not_pile_up_shares),
        LAB_TEST(a_profile_that_wants_another_type_of_an_enrolled_key_waits_for_an_operator),
        LAB_TEST(a_profile_without_recovery_keeps_no_share),
        LAB_TEST(the_share_of_the_vault_that_is_there_is_not_dropped),
        LAB_TEST(a_key_of_another_kind_is_not_enrolled),
        LAB_TEST(keys_that_were_never_heard_of_wait_for_the_operator_who_has_the_share),
        LAB_TEST(a_key_that_was_never_ordered_is_in_no_locked_vault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
