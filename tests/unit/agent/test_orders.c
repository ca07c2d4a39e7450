/* The server's order to forget, as the device hears it. */
#include "vault_scene.h"

#include <unistd.h>

/* The device asks, and is told to forget. */
static void an_order_to_forget_is_obeyed_and_confirmed(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf slot = BS_BUF(300000);
    for (unsigned known = 0; known <= 1; known++) {
        fake_tpm_new();
        assert_ok(scene_boot());
        vault_keep(SLOT_A, &slot);
        assert_int_equal(unlink(scene_path("/run/credstore/app.key")), 0); /* a real /run goes with the boot */
        uint64_t before = fake_tpm.counter;
        scene_reboot(1); /* another boot, so that it has to ask */
        scene.wipes = true;
        scene.is_known = known == 1;
        scene.wiped = 0;
        assert_err(scene_boot(), BS_ERR_WIPED);
        assert_int_equal(bs_err_exit(BS_ERR_WIPED), 21);
        assert_int_equal(scene.wiped, 1);
        assert_string_equal(scene.boot.report.reason, "wiped");
        assert_non_null(strstr(scene.boot.report.message, "opens nothing any more"));
        assert_true(scene.boot.report.is_capped && !scene.boot.report.is_done);
        assert_int_equal(fake_tpm.counter, before + 2);
        assert_false(scene_has(SLOT_A) || scene_has(SLOT_B) || scene_has("/run/credstore/app.key"));
        scene.wipes = false;
        vault_put(SLOT_A, bs_buf_span(&slot));
        vault_assert_opens_nothing();
        assert_int_equal(unlink(scene_path(SLOT_A)), 0);
    }
}

/* A renewal that is refused costs what is at hand, and so does an order. */
static void an_order_reaches_a_device_that_only_renews(void **state)
{
    (void)state;
    scene.renew_after = 1;
    assert_ok(scene_boot());
    assert_int_equal(unlink(scene_path("/run/credstore/app.key")), 0);
    scene_reboot(0);
    scene.wipes = true;
    assert_err(scene_boot(), BS_ERR_WIPED);
    assert_int_equal(scene.wiped, 1);
    assert_false(scene_has("/run/credstore/app.key"));
    assert_false(scene_has(SLOT_A) || scene_has(SLOT_B));
}

static const uint8_t other_bytes[34] = { 0, 0x0b, 9 };

static void spoil_device(struct wipe_order *order)
{
    order->device = BS_SPAN(other_bytes, 32);
}

static void spoil_ak(struct wipe_order *order)
{
    order->ak_name = BS_SPAN(other_bytes, 34);
}

static void spoil_statement(struct wipe_order *order)
{
    order->statement_sha256 = BS_SPAN(other_bytes, 32);
}

static void spoil_serial(struct wipe_order *order)
{
    order->serial = 1;
}

/* Renewing, so that what is held shows that nothing was lost: the boot goes on with it. */
static void assert_not_obeyed(void)
{
    uint64_t before = fake_tpm.counter;
    scene_reboot(0);
    scene.wipes = true;
    scene.wiped = 0;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
    assert_int_equal(scene.wiped, 0);
    assert_int_equal(fake_tpm.counter, before);
    assert_true(scene_has(SLOT_A) && scene_has(SLOT_B));
}

static void a_forged_order_is_not_obeyed(void **state)
{
    (void)state;
    void (*const spoils[])(struct wipe_order *) = { spoil_device, spoil_ak, spoil_statement, spoil_serial };
    scene.renew_after = 1;
    assert_ok(scene_boot());
    for (size_t i = 0; i < COUNT(spoils); i++) {
        scene.spoil_order = spoils[i];
        assert_not_obeyed();
        assert_non_null(strstr(scene.boot.report.message, "it is not obeyed"));
    }
    scene.spoil_order = NULL;
    scene.signs_wrongly = true;
    assert_not_obeyed();
    assert_non_null(strstr(scene.boot.report.message, "not signed as it must be"));
}

static void an_order_that_is_shown_again_is_not_obeyed(void **state)
{
    (void)state;
    scene.renew_after = 1;
    assert_ok(scene_boot());
    scene_reboot(0);
    scene.wipes = true;
    assert_err(scene_boot(), BS_ERR_WIPED);
    scene.wipes = false;
    scene_reboot(0);
    assert_ok(scene_boot()); /* it is taken in again */
    scene.repeats_order = true;
    assert_not_obeyed();
    assert_non_null(strstr(scene.boot.report.message, "is an answer to something else"));
}

static void an_order_that_cannot_be_obeyed_is_not_confirmed_and_nothing_is_handed_over(void **state)
{
    (void)state;
    scene.renew_after = 1;
    assert_ok(scene_boot());
    assert_int_equal(unlink(scene_path("/run/credstore/app.key")), 0);
    scene_reboot(0);
    scene.wipes = true;
    fake_tpm.fail_in = "tpm_counter_increment";
    fake_tpm.fail_with = BS_ERR_TPM;
    assert_err(scene_boot(), BS_ERR_WIPED);
    assert_int_equal(scene.wiped, 0);
    assert_false(scene_has("/run/credstore/app.key"));
    assert_true(vault_is_marked(SLOT_A) || vault_is_marked(SLOT_B));
    /* The next boot finishes it, is ordered again, and says so. */
    scene_reboot(0);
    assert_err(scene_boot(), BS_ERR_WIPED);
    assert_int_equal(scene.wiped, 1);
    assert_true(scene_has_note(BS_NOTE_VAULT_FORGOTTEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(an_order_to_forget_is_obeyed_and_confirmed),
        scene_test(an_order_reaches_a_device_that_only_renews),
        scene_test(a_forged_order_is_not_obeyed),
        scene_test(an_order_that_is_shown_again_is_not_obeyed),
        scene_test(an_order_that_cannot_be_obeyed_is_not_confirmed_and_nothing_is_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
