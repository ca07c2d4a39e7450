/* bootsealctl device wipe: who is ordered to forget, who hears of it, and what is believed about it afterwards. */
#include "unit/server/lab.h"

#include "core/wipe.h"

#include <string.h>

static void wipe(struct lab *lab, const struct softtpm *tpm)
{
    uint64_t certs;
    if (operator_device_wipe(&lab->call, lab_id(tpm), "stolen", &certs) != BS_OK)
        fail_msg("wipe: %s", lab->call.why);
}

static const char *state_of(struct lab *lab, const struct softtpm *tpm)
{
    struct store_device device;
    assert_true(lab_has_device(lab, tpm, &device));
    return store_device_state(&device);
}

/* A device that was approved and holds a confirmed bundle. */
static void provisioned_device(struct lab *lab, struct softtpm *ret_tpm)
{
    lab_approved_device(lab, ret_tpm);
    TALK(talk, lab);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_attest(&talk, ret_tpm, NULL);
    talk_bundle(&talk, ret_tpm, &plain, &bundle);
    talk_confirm(&talk, ret_tpm, bundle.serial);
    assert_kind(&talk, MESSAGE_CONFIRMED);
}

/* The order of the last answer, as the device reads it. */
static void order_of(struct talk *talk, struct wipe_order *ret_order)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_OWN(roots) roots = NULL;
    assert_reason(talk, MESSAGE_WIPE, BS_REASON_WIPED);
    assert_ok(cert_pem_encode(ca_cert(talk->lab->server->ca, CA_SERVER_ROOT), "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &roots));
    assert_ok(wipe_verify(talk->answer.order, roots, ret_order));
}

enum confirmation { RIGHT, OF_A_BUNDLE, WITH_A_KEY_OF_NOBODY };

static void confirm(struct talk *talk, struct softtpm *tpm, uint64_t serial, enum confirmation how)
{
    uint8_t key[32] = { 1 }, mac[32];
    struct bs_span secret = BS_SPAN(talk->secret, 32), channel = BS_SPAN(talk->channel, 32);
    assert_ok(softtpm_activate(tpm, talk->answer.id_object, talk->answer.encrypted_secret, talk->secret));
    if (how == RIGHT)
        assert_ok(wipe_confirm_key(secret, channel, key));
    else if (how == OF_A_BUNDLE)
        assert_ok(bundle_confirm_key(secret, channel, key));
    struct message_confirm m = { .device = BS_SPAN(tpm->id, 32), .serial = serial };
    assert_ok(message_confirm_mac(BS_SPAN(key, 32), channel, &m, mac));
    m.mac = BS_SPAN(mac, 32);
    bs_buf_reset(&talk->body);
    bs_buf_reset(&talk->bytes);
    assert_ok(message_confirm_encode(&m, &talk->body));
    enroll_confirm(talk->lab->server, talk->session, bs_buf_span(&talk->body), &talk->bytes, &talk->result);
    assert_ok(message_answer_decode(bs_buf_span(&talk->bytes), &talk->answer));
}

static enum bs_err count_wiped(void *context, const struct store_audit *row)
{
    *(unsigned *)context += strcmp(row->act, "wiped") == 0;
    return BS_OK;
}

static unsigned wiped_rows(struct lab *lab)
{
    unsigned count = 0;
    assert_ok(store_audit_each(lab->server->store, 0, 0, NULL, count_wiped, &count));
    return count;
}

static void a_device_is_ordered_to_forget_when_it_asks_next_and_says_that_it_did(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct wipe_order order;
    uint8_t hash[32];
    provisioned_device(lab, &tpm);
    wipe(lab, &tpm);
    assert_string_equal(state_of(lab, &tpm), "wiping");
    {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_int_equal(talk.result.status, 403);
        assert_false(talk.result.close);
        order_of(&talk, &order);
        assert_memory_equal(order.device.data, tpm.id, 32);
        assert_true(bs_span_equal(order.ak_name, wire_name_span(&tpm.ak.name)));
        assert_ok(crypto_hash(CRYPTO_SHA256, bs_buf_span(&talk.statement), hash));
        assert_memory_equal(order.statement_sha256.data, hash, 32);
        assert_true(order.serial > 1);
        confirm(&talk, &tpm, order.serial, RIGHT);
        assert_kind(&talk, MESSAGE_CONFIRMED);
    }
    assert_string_equal(state_of(lab, &tpm), "wiped");
    assert_int_equal(wiped_rows(lab), 1);
    TALK(later, lab);
    talk_attest(&later, &tpm, NULL);
    assert_reason(&later, MESSAGE_REFUSED, BS_REASON_WIPED);
    assert_int_equal(later.answer.order.size, 0);
    softtpm_free(&tpm);
}

static void an_order_is_repeated_until_the_device_says_that_it_obeyed(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct wipe_order first, second, third;
    provisioned_device(lab, &tpm);
    wipe(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    order_of(&talk, &first);
    lab_restart(lab);
    TALK(again, lab);
    talk_attest(&again, &tpm, &(struct softtpm_request){ .held_serial = 1 });
    order_of(&again, &second);
    assert_true(second.serial > first.serial);
    TALK(at_last, lab);
    talk_attest(&at_last, &tpm, NULL);
    order_of(&at_last, &third);
    assert_true(third.serial > second.serial);
    assert_string_equal(state_of(lab, &tpm), "wiping");
    softtpm_free(&tpm);
}

static void an_order_is_above_what_the_device_says_it_holds(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct wipe_order order;
    provisioned_device(lab, &tpm);
    wipe(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, &(struct softtpm_request){ .held_serial = 77 });
    order_of(&talk, &order);
    assert_int_equal(order.serial, 78);
    softtpm_free(&tpm);
}

/* That a device is to be wiped is said to its TPM alone: who shows its EK with another AK has to prove it first. */
static void before_a_proof_nobody_hears_of_an_order(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm, spare;
    provisioned_device(lab, &tpm);
    wipe(lab, &tpm);
    lab_device(lab, &spare);
    struct softtpm_key old = tpm.ak;
    tpm.ak = spare.ak;
    spare.ak = old;
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_PROVE);
    assert_int_equal(talk.answer.order.size, 0);
    talk_prove(&talk, &tpm);
    assert_reason(&talk, MESSAGE_WIPE, BS_REASON_WIPED);
    softtpm_free(&tpm);
    softtpm_free(&spare);
}

static void whatever_it_booted_it_is_ordered(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(BS_EVENTLOG_MAX);
    provisioned_device(lab, &tpm);
    wipe(lab, &tpm);
    lab_log(&log, "other", true);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_reason(&talk, MESSAGE_WIPE, BS_REASON_WIPED);
    softtpm_free(&tpm);
}

static void a_confirmation_with_another_key_is_not_believed(void **state)
{
    struct lab *lab = *state;
    for (enum confirmation how = OF_A_BUNDLE; how <= WITH_A_KEY_OF_NOBODY; how++) {
        struct softtpm tpm;
        struct wipe_order order;
        if (how == OF_A_BUNDLE)
            provisioned_device(lab, &tpm);
        else
            lab_approved_device(lab, &tpm);
        wipe(lab, &tpm);
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        order_of(&talk, &order);
        confirm(&talk, &tpm, order.serial, how);
        assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_CONFIRM_MAC);
        assert_string_equal(state_of(lab, &tpm), "wiping");
        softtpm_free(&tpm);
    }
    assert_int_equal(wiped_rows(lab), 0);
}

/* On a connection that brought a bundle nobody can say that a wipe was obeyed. */
static void a_confirmation_without_an_order_is_not_believed(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_approved_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
    wipe(lab, &tpm);
    confirm(&talk, &tpm, 1, RIGHT);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_CONFIRM_MAC);
    assert_string_equal(state_of(lab, &tpm), "wiping");
    softtpm_free(&tpm);
}

static void approving_takes_the_order_back(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct wipe_order order;
    provisioned_device(lab, &tpm);
    wipe(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    order_of(&talk, &order);
    lab_approve(lab, &tpm, false);
    assert_string_equal(state_of(lab, &tpm), "approved");
    confirm(&talk, &tpm, order.serial, RIGHT); /* it had heard of it: that is written down and changes nothing */
    assert_kind(&talk, MESSAGE_CONFIRMED);
    assert_string_equal(state_of(lab, &tpm), "approved");
    assert_int_equal(wiped_rows(lab), 1);
    TALK(later, lab);
    talk_attest(&later, &tpm, NULL);
    assert_kind(&later, MESSAGE_APPROVED);
    softtpm_free(&tpm);
}

static void revoking_or_refusing_does_not_take_it_back(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    uint64_t certs;
    provisioned_device(lab, &tpm);
    wipe(lab, &tpm);
    assert_ok(operator_device_revoke(&lab->call, lab_id(&tpm), NULL, &certs));
    assert_string_equal(state_of(lab, &tpm), "wiping");
    assert_ok(operator_device_refuse(&lab->call, lab_id(&tpm), NULL));
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_reason(&talk, MESSAGE_WIPE, BS_REASON_WIPED);
    softtpm_free(&tpm);
}

static void wiping_revokes_the_certificates_at_once(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    uint64_t certs = 0;
    provisioned_device(lab, &tpm);
    assert_ok(operator_device_wipe(&lab->call, lab_id(&tpm), NULL, &certs));
    assert_int_equal(certs, 1);
    softtpm_free(&tpm);
}

static void a_device_that_was_never_here_has_nothing_to_forget(void **state)
{
    struct lab *lab = *state;
    struct operator_imported imported;
    struct softtpm tpm;
    char csv[200];
    uint64_t certs;
    lab_device(lab, &tpm);
    snprintf(csv, sizeof(csv), "ek_sha256\n%s\n", lab_id(&tpm));
    assert_ok(operator_device_import(&lab->call, bs_span_of_string(csv), &imported));
    assert_err(operator_device_wipe(&lab->call, lab_id(&tpm), NULL, &certs), BS_ERR_REFUSED);
    assert_string_equal(state_of(lab, &tpm), "new");
    softtpm_free(&tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_device_is_ordered_to_forget_when_it_asks_next_and_says_that_it_did),
        LAB_TEST(an_order_is_repeated_until_the_device_says_that_it_obeyed),
        LAB_TEST(an_order_is_above_what_the_device_says_it_holds),
        LAB_TEST(before_a_proof_nobody_hears_of_an_order),
        LAB_TEST(whatever_it_booted_it_is_ordered),
        LAB_TEST(a_confirmation_with_another_key_is_not_believed),
        LAB_TEST(a_confirmation_without_an_order_is_not_believed),
        LAB_TEST(approving_takes_the_order_back),
        LAB_TEST(revoking_or_refusing_does_not_take_it_back),
        LAB_TEST(wiping_revokes_the_certificates_at_once),
        LAB_TEST(a_device_that_was_never_here_has_nothing_to_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
