/* Recovery shares: which the server keeps, gives and drops. */
#include "unit/server/keys_lab.h"

#include "core/share.h"

static void a_share_is_given_to_who_names_it_and_needs_it(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(first);
    ANSWER(second);
    ANSWER(third);
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
    keys_say_shares(first.bundle.serial);
    keys_get(lab, &tpm, &second);
    assert_int_equal(second.bundle.share_count, 1);
    assert_int_equal(second.bundle.shares[0].serial, first.bundle.serial);
    assert_true(bs_span_equal(second.bundle.shares[0].value, first.bundle.share));
    keys_get(lab, &tpm, &third); /* as often as it is needed */
    assert_true(bs_span_equal(third.bundle.shares[0].value, first.bundle.share));
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
    keys_prepare(lab, &mine);
    lab_approved_device(lab, &theirs);
    keys_enroll(lab, &mine, 1, &first);
    keys_enroll(lab, &theirs, 3, &second);
    keys_say_nothing();
    said.key_count = keys_make(1, 1, said.keys);
    keys_get(lab, &mine, &newer); /* theirs has none of this serial */
    assert_true(newer.bundle.serial > second.bundle.serial);
    keys_say_shares(newer.bundle.serial);
    keys_assert_answer(lab, &theirs, MESSAGE_REFUSED, BS_REASON_KEYS_LOST);
    keys_say_shares(second.bundle.serial);
    keys_get(lab, &theirs, &other);
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
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
    assert_true(has_share(lab, &tpm, first.bundle.serial));
    said.key_count = keys_make(1, 1, said.keys);
    struct generated_public keys[2];
    keys_make(1, 1, keys);
    assert_int_equal(keys_confirm(lab, &tpm, keys, 2, 2, &second), MESSAGE_CONFIRMED);
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
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
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
    keys_prepare(lab, &tpm);
    keys_enroll(lab, &tpm, 1, &first);
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
    keys_prepare(lab, &tpm);
    keys_get(lab, &tpm, &first); /* sealed, and the confirmation was lost */
    needed = first.bundle.serial;
    keys_say_shares(needed);
    for (unsigned i = 0; i < 40; i++) {
        ANSWER(answer);
        keys_get(lab, &tpm, &answer);
        assert_int_equal(answer.bundle.share_count, 1);
    }
    keys_get(lab, &tpm, &last);
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
        keys_get(lab, tpm, &answer);
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
    keys_prepare(lab, &tpm);
    keys_get(lab, &tpm, &first); /* sealed; the confirmation was lost, and so was the next answer */
    keys_get(lab, &tpm, &second);
    said.key_count = keys_make(1, 1, said.keys);
    said.held = first.bundle.serial;
    ask_often(lab, &tpm);
    assert_true(has_share(lab, &tpm, first.bundle.serial));
    assert_false(has_share(lab, &tpm, second.bundle.serial));

    ANSWER(third);
    keys_make(1, 1, keys);
    assert_int_equal(keys_confirm(lab, &tpm, keys, 2, 2, &third), MESSAGE_CONFIRMED);
    said.held = 0;
    ask_often(lab, &tpm);
    assert_true(has_share(lab, &tpm, third.bundle.serial));
    assert_false(has_share(lab, &tpm, third.bundle.serial + 1));
    softtpm_free(&tpm);
}

static void a_profile_without_recovery_keeps_no_share(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    ANSWER(answer);
    keys_prepare(lab, &tpm);
    keys_apply(lab, "name = \"sensor\"; recovery = \"none\"; items = ( );");
    keys_get(lab, &tpm, &answer);
    assert_int_equal(answer.bundle.share.size, 0);
    assert_false(has_share(lab, &tpm, answer.bundle.serial));
    softtpm_free(&tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_share_is_given_to_who_names_it_and_needs_it),
        LAB_TEST(the_share_of_a_device_is_given_to_no_other),
        LAB_TEST(a_confirmed_bundle_ends_older_shares),
        LAB_TEST(a_wiped_device_has_no_share_any_more),
        LAB_TEST(a_share_that_the_server_keeps_is_not_replaced),
        LAB_TEST(answers_that_were_never_sealed_do_not_pile_up_shares),
        LAB_TEST(a_profile_without_recovery_keeps_no_share),
        LAB_TEST(the_share_of_the_vault_that_is_there_is_not_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
