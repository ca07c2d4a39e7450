/* Keys that devices make: what the server orders, enrolls and never replaces. */
#include "unit/server/keys_lab.h"

#include "core/generated.h"
#include "core/share.h"
#include "server/device_keys.h"

static void keys_are_ordered_and_what_is_confirmed_is_enrolled(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
    assert_int_equal(first.bundle.key_count, 2);
    assert_int_equal(first.bundle.item_count, 0);
    assert_span_text(first.bundle.keys[0].key.name, "disk");
    assert_int_equal(first.bundle.keys[0].size, 48);
    assert_int_equal(first.bundle.keys[0].key.generation, 1);
    assert_int_equal(first.bundle.keys[0].key.public_half.size, 0);
    assert_int_equal(first.bundle.keys[1].form, BS_FORM_WIREGUARD);
    assert_int_equal(first.bundle.share.size, BS_SHARE_SIZE);

    struct store_key row = keys_row_of(lab, &tpm, "wg0");
    assert_int_equal(row.half_size, 32);
    assert_memory_equal(row.half, keys_halves[1], 32);
    said.key_count = keys_make(1, 1, said.keys);
    keys_get(lab, &tpm, &second);
    assert_true(bs_span_equal(second.bundle.keys[0].key.public_half, BS_SPAN(keys_halves[0], 32)));
    assert_true(bs_span_equal(second.bundle.keys[1].key.public_half, BS_SPAN(keys_halves[1], 32)));
    assert_false(bs_span_equal(second.bundle.share, first.bundle.share));
    softtpm_free(&tpm);
}

static void a_confirmation_whose_mac_leaves_a_key_out_enrolls_nothing(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct generated_public keys[2];
    ANSWER(answer);
    keys_prepare(lab, &tpm);
    keys_make(1, 1, keys);
    assert_int_equal(keys_confirm(lab, &tpm, keys, 2, 1, &answer), MESSAGE_REFUSED);
    assert_int_equal(keys_row_of(lab, &tpm, "disk").half_size, 0);
    assert_int_equal(keys_row_of(lab, &tpm, "wg0").half_size, 0);
    softtpm_free(&tpm);
}

static void a_lost_confirmation_is_made_good_by_the_next_statement(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    keys_prepare(lab, &tpm);
    keys_get(lab, &tpm, &first);
    assert_int_equal(keys_row_of(lab, &tpm, "disk").half_size, 0);
    said.key_count = keys_make(7, 1, said.keys);
    keys_get(lab, &tpm, &second);
    assert_memory_equal(keys_row_of(lab, &tpm, "disk").half, keys_halves[0], 32);
    assert_true(bs_span_equal(second.bundle.keys[0].key.public_half, BS_SPAN(keys_halves[0], 32)));
    softtpm_free(&tpm);
}

static void what_is_enrolled_is_never_replaced(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
    said.key_count = keys_make(9, 1, said.keys);
    keys_assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    keys_make(1, 1, said.keys);
    assert_memory_equal(keys_row_of(lab, &tpm, "disk").half, keys_halves[0], 32);
    keys_make(9, 2, said.keys); /* of a generation that nobody ordered */
    keys_assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    assert_true(lab_has_row(lab, BS_REASON_KEYS_LOST));
    softtpm_free(&tpm);
}

static void without_vault_or_share_keys_are_lost_until_new_ones_are_ordered(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct operator_rekeyed rekeyed;
    ANSWER(first);
    ANSWER(after);
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
    keys_say_nothing();
    keys_assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    keys_say_shares(first.bundle.serial + 100);
    keys_assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    keys_say_nothing();
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), "disk", &rekeyed));
    assert_int_equal(rekeyed.count, 1);
    keys_assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST); /* the other one */
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), "wg0", &rekeyed));
    keys_get(lab, &tpm, &after);
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
    keys_prepare(lab, &tpm);
    keys_apply(lab, keys_profile_unshared);
    keys_get(lab, &tpm, &first);
    assert_int_equal(first.bundle.share.size, 0);
    keys_get(lab, &tpm, &second); /* nothing was sealed: the answer was lost */
    assert_int_equal(second.bundle.key_count, 2);
    keys_say_shares(second.bundle.serial);
    keys_assert_answer(lab, &tpm, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), NULL, &rekeyed));
    keys_get(lab, &tpm, &third);
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
    keys_prepare(lab, &tpm);
    keys_get(lab, &tpm, &first);
    assert_int_equal(orders_in_audit(lab), 0);
    keys_enroll(lab, &tpm, 1, &second); /* the first answer did not arrive */
    assert_int_equal(orders_in_audit(lab), 2);
    said.key_count = keys_make(1, 1, said.keys);
    keys_get(lab, &tpm, &third); /* enrolled: nothing is to be made */
    assert_int_equal(orders_in_audit(lab), 2);
    softtpm_free(&tpm);
}

/* The first order of a key: no vault, whatever it is, has it. */
static void a_shut_vault_does_not_keep_a_key_from_being_ordered_first(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    keys_prepare(lab, &tpm);
    keys_apply(lab, keys_profile_unshared);
    keys_say_shares(3);
    keys_get(lab, &tpm, &first);
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
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), NULL, &rekeyed));
    assert_int_equal(rekeyed.count, 2);
    said.key_count = keys_make(1, 1, said.keys); /* the old ones are still in the vault */
    keys_get(lab, &tpm, &second);
    assert_int_equal(second.bundle.keys[0].key.generation, 2);
    assert_int_equal(second.bundle.keys[0].key.public_half.size, 0);
    assert_int_equal(keys_row_of(lab, &tpm, "disk").half_size, 0);
    said.key_count = keys_make(5, 2, said.keys);
    keys_get(lab, &tpm, &third);
    assert_memory_equal(keys_row_of(lab, &tpm, "disk").half, keys_halves[0], 32);
    softtpm_free(&tpm);
}

static void a_key_of_another_kind_is_not_enrolled(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    keys_prepare(lab, &tpm);
    keys_get(lab, &tpm, &first);
    said.key_count = keys_make(1, 1, said.keys);
    said.keys[1].kind = BS_GENERATED_ED25519;
    keys_get(lab, &tpm, &second);
    assert_int_equal(keys_row_of(lab, &tpm, "disk").half_size, 32);
    assert_int_equal(keys_row_of(lab, &tpm, "wg0").half_size, 0);
    softtpm_free(&tpm);
}

static void a_profile_that_wants_another_type_of_an_enrolled_key_waits_for_an_operator(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
    said.key_count = keys_make(1, 1, said.keys);
    keys_apply(lab, "name = \"sensor\"; items = ( { name = \"wg0\"; kind = \"generate\"; type = \"ed25519\"; } );");
    keys_assert_answer(lab, &tpm, MESSAGE_PENDING, BS_REASON_AWAITING_OPERATOR);
    assert_int_equal(keys_row_of(lab, &tpm, "wg0").kind, BS_GENERATED_X25519);
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
    keys_prepare(lab, &tpm);
    keys_apply(lab, locked_profile);
    keys_get(lab, &tpm, &first);
    keys_say_shares(first.bundle.serial);
    keys_assert_answer(lab, &tpm, MESSAGE_PENDING, BS_REASON_SHARE_LOCKED);
    assert_ok(operator_device_rekey(&lab->call, lab_id(&tpm), NULL, &rekeyed));
    keys_get(lab, &tpm, &after);
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
    keys_prepare(lab, &tpm);
    snprintf(text, sizeof(text), "%.*sitems = ( );", (int)(items - locked_profile), locked_profile);
    keys_apply(lab, text);
    keys_get(lab, &tpm, &keyless);
    keys_apply(lab, locked_profile);
    keys_say_shares(keyless.bundle.serial);
    keys_get(lab, &tpm, &first);
    assert_int_equal(first.bundle.key_count, 1);
    assert_int_equal(first.bundle.share_count, 0);
    softtpm_free(&tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(keys_are_ordered_and_what_is_confirmed_is_enrolled),
        LAB_TEST(a_confirmation_whose_mac_leaves_a_key_out_enrolls_nothing),
        LAB_TEST(a_lost_confirmation_is_made_good_by_the_next_statement),
        LAB_TEST(what_is_enrolled_is_never_replaced),
        LAB_TEST(without_vault_or_share_keys_are_lost_until_new_ones_are_ordered),
        LAB_TEST(keys_that_were_never_heard_of_are_not_ordered_again_beside_a_shut_vault),
        LAB_TEST(a_shut_vault_does_not_keep_a_key_from_being_ordered_first),
        LAB_TEST(what_is_ordered_again_is_in_the_audit_log),
        LAB_TEST(a_key_of_before_a_rekey_is_not_enrolled_as_the_new_one),
        LAB_TEST(a_profile_that_wants_another_type_of_an_enrolled_key_waits_for_an_operator),
        LAB_TEST(a_key_of_another_kind_is_not_enrolled),
        LAB_TEST(keys_that_were_never_heard_of_wait_for_the_operator_who_has_the_share),
        LAB_TEST(a_key_that_was_never_ordered_is_in_no_locked_vault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
