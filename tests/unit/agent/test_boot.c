/* Whole boots, from discover to done or failed. */
#include "scene.h"

#include <unistd.h>

#include "unit/unit.h"

#include "agent/signals.h"
#include "core/file.h"

static void the_first_boot_enrolls_and_hands_over(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    assert_int_equal(scene.attests, 1);
    assert_int_equal(scene.proves, 1);
    assert_int_equal(scene.confirms, 1);
    assert_int_equal(fake_tpm.caps, 1);
    assert_string_equal(scene.boot.report.source, "server");
    assert_true(scene.boot.report.is_done);
    assert_true(scene.boot.report.is_capped);
    assert_int_equal(scene.boot.report.serial, 1);
    scene_assert_file("/run/credstore/app.key", "secret");
    scene_assert_file("/run/credentials/@initrd/net.conf", "dhcp\n");
    scene_assert_file("/run/credstore/device.key", "-----BEGIN TSS2 PRIVATE KEY-----\n");
    assert_true(scene_has("/run/credstore/device.crt"));
    assert_true(scene_has("/run/bootseal/ready"));
}

static void the_second_boot_touches_no_network(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(0);
    fake_net.serve = NULL;
    assert_ok(scene_boot());
    assert_int_equal(fake_net.ups + fake_net.connects, 0);
    assert_int_equal(fake_tpm.device_keys, 0);
    assert_string_equal(scene.boot.report.source, "vault");
    assert_int_equal(scene.boot.report.serial, 1);
    assert_int_equal(fake_tpm.caps, 1);
    scene_assert_file("/run/credstore/app.key", "secret");
}

static void a_known_device_needs_one_exchange(void **state)
{
    (void)state;
    scene.is_known = true;
    assert_ok(scene_boot());
    assert_int_equal(scene.attests, 1);
    assert_int_equal(scene.proves, 0);
}

static void a_changed_boot_asks_the_server_again(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(1);
    assert_ok(scene_boot());
    assert_int_equal(scene.attests, 1);
    assert_true(scene_has_note(BS_NOTE_VAULT_BOOT_CHANGED));
    assert_int_equal(scene.boot.report.serial, 2);
    assert_int_equal(fake_tpm.unseals, 1); /* the copy is asked no more than once */
}

static void pending_waits_as_told_with_new_evidence_and_the_same_key(void **state)
{
    (void)state;
    scene.pending = 3;
    assert_ok(scene_boot());
    assert_int_equal(scene.attests, 4);
    assert_int_equal(fake_net.connects, 4);
    assert_int_equal(fake_net.channel, 4);
    assert_int_equal(fake_device.waits, 3);
    assert_int_equal(fake_device.wait_ms, 5000);
    assert_int_equal(fake_tpm.device_keys, 1);
    assert_int_equal(fake_net.ups, 1);
    assert_int_equal(scene_step("connect")->tries, 4);
}

static void pending_ends_with_boot_wait(void **state)
{
    (void)state;
    scene_configure("boot = { wait = 0; };\n");
    scene.pending = 100;
    assert_err(scene_boot(), BS_ERR_BUSY);
    assert_int_equal(bs_err_exit(BS_ERR_BUSY), 10);
    assert_int_equal(scene.attests, 1);
    assert_int_equal(fake_tpm.caps, 1);
    assert_string_equal(scene.boot.report.reason, "unknown-device");
    assert_false(scene_has("/run/credstore/app.key"));
}

static void a_dead_network_is_tried_again(void **state)
{
    (void)state;
    fake_net.refuse_connects = 5;
    assert_ok(scene_boot());
    assert_int_equal(fake_net.connects, 6);
}

static void a_network_that_never_comes_ends_with_retry_later(void **state)
{
    (void)state;
    scene_configure("boot = { wait = 0; };\n");
    fake_net.up = BS_ERR_IO;
    assert_err(scene_boot(), BS_ERR_UNREACHABLE);
    assert_true(scene.boot.report.is_capped);
    assert_int_equal(fake_net.connects, 0);
}

static void a_wrong_server_is_not_tried_again(void **state)
{
    (void)state;
    fake_net.refuse_connects = 1;
    fake_net.connect_err = BS_ERR_UNTRUSTED;
    assert_err(scene_boot(), BS_ERR_UNTRUSTED);
    assert_int_equal(fake_net.connects, 1);
    assert_int_equal(fake_tpm.caps, 1);
}

static void a_refusal_caps_and_tells_the_reason(void **state)
{
    (void)state;
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_string_equal(scene.boot.report.reason, "boot-not-approved");
    assert_string_equal(scene.boot.report.message, "This boot equals no reference.");
    assert_int_equal(fake_tpm.caps, 1);
    assert_false(scene_has("/var/lib/bootseal/slot-a"));
    assert_false(scene_has("/run/credstore/app.key"));
}

static void a_capped_boot_is_over(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    assert_err(scene_boot(), BS_ERR_CAPPED);
    assert_int_equal(scene.attests, 1);
    assert_int_equal(fake_tpm.caps, 1); /* not once more: the value must stay recognisable */
    assert_err(scene_boot(), BS_ERR_CAPPED);
}

/* What is signed may be for somebody else, or nobody's. */
static void spoil_device(struct bundle *bundle)
{
    static const uint8_t other[32] = { 9 };
    bundle->device = BS_SPAN(other, 32);
}

static uint8_t other_name[34] = { 0, 0x0b, 9 };
static void spoil_ak(struct bundle *bundle)
{
    bundle->ak_name = BS_SPAN(other_name, sizeof(other_name));
}

static void spoil_srk(struct bundle *bundle)
{
    bundle->srk_name = BS_SPAN(other_name, sizeof(other_name));
}

static void spoil_leaf(struct bundle *bundle)
{
    bundle->chain[0] = bundle->chain[1];
}

static void a_bundle_for_another_is_not_used(void **state)
{
    (void)state;
    void (*const spoils[])(struct bundle *) = { spoil_device, spoil_ak, spoil_srk, spoil_leaf };
    for (size_t i = 0; i < COUNT(spoils); i++) {
        scene_reboot(0);
        scene.spoil = spoils[i];
        assert_err(scene_boot(), BS_ERR_UNTRUSTED);
        assert_int_equal(fake_tpm.sealed_count, 0);
        assert_false(scene_has("/run/credstore/app.key"));
        assert_int_equal(fake_tpm.caps, 1);
    }
}

static void a_bundle_that_the_server_did_not_sign_is_not_used(void **state)
{
    (void)state;
    scene.signs_wrongly = true;
    assert_err(scene_boot(), BS_ERR_UNTRUSTED);
    assert_int_equal(fake_tpm.sealed_count, 0);
    assert_non_null(strstr(scene.boot.report.message, "not signed as they must be"));
}

static void a_renewal_replaces_the_bundle(void **state)
{
    (void)state;
    scene.renew_after = 1;
    assert_ok(scene_boot());
    scene_reboot(0);
    assert_ok(scene_boot());
    assert_int_equal(scene.held_serial, 1);
    assert_int_equal(scene.boot.report.serial, 2);
    assert_string_equal(scene.boot.report.source, "server");
}

static void a_renewal_that_fails_anywhere_keeps_what_was_opened(void **state)
{
    (void)state;
    scene.renew_after = 1;
    assert_ok(scene_boot());
    const TPMT_PUBLIC key = fake_tpm.pem_of;
    static const char *const functions[] = { "tpm_quote", "tpm_device_key_make", "tpm_activate", "tpm_seal",
                                             "tpm_reacquire" };
    for (size_t i = 0; i < COUNT(functions); i++) {
        scene_reboot(0);
        fake_tpm.fail_in = functions[i];
        fake_tpm.fail_with = BS_ERR_TPM;
        assert_ok(scene_boot());
        assert_string_equal(scene.boot.report.source, "vault");
        assert_int_equal(scene.boot.report.serial, 1);
        assert_int_equal(fake_tpm.caps, 1);
        scene_assert_file("/run/credstore/app.key", "secret");
        /* The key that is handed over is that of the certificate. */
        assert_memory_equal(&fake_tpm.pem_of.unique.ecc, &key.unique.ecc, sizeof(key.unique.ecc));
    }
    scene_reboot(0);
    fake_net.refuse_connects = 100;
    assert_ok(scene_boot());
    assert_int_equal(fake_net.connects, 1);
    assert_int_equal(fake_device.waits, 0);
}

static void a_confirmation_that_was_lost_is_made_up_for_by_the_next_boot_that_has_a_network(void **state)
{
    (void)state;
    scene.loses_confirms = true;
    assert_ok(scene_boot());
    assert_true(scene_has("/var/lib/bootseal/unconfirmed"));
    scene_reboot(0);
    fake_net.refuse_connects = 1;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
    assert_int_equal(fake_device.waits, 0);
    scene_reboot(0);
    scene.loses_confirms = false;
    assert_ok(scene_boot());
    assert_int_equal(scene.held_serial, 1);
    assert_int_equal(scene.confirms, 1);
    assert_int_equal(fake_tpm.device_keys, 1);
    assert_false(scene_has("/var/lib/bootseal/unconfirmed"));
    scene_reboot(0);
    assert_ok(scene_boot());
    assert_int_equal(fake_net.connects, 0);
}

static void a_refused_renewal_hands_nothing_over(void **state)
{
    (void)state;
    scene.renew_after = 1;
    assert_ok(scene_boot());
    scene_reboot(0);
    assert_int_equal(unlink(scene_path("/run/credstore/app.key")), 0); /* a real /run goes with the boot */
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_int_equal(fake_tpm.caps, 1);
    assert_false(scene_has("/run/credstore/app.key"));
    assert_true(scene_has("/var/lib/bootseal/slot-a"));
}

static void an_old_bundle_does_not_replace_a_newer_one(void **state)
{
    (void)state;
    scene.renew_after = 1;
    scene.serial = 5;
    assert_ok(scene_boot());
    scene_reboot(0);
    scene.serial = 5; /* the next one is 6 again */
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
    assert_int_equal(scene.boot.report.serial, 6);
    assert_int_equal(fake_tpm.sealed_count, 1);
}

static void every_tpm_failure_ends_capped_or_says_that_it_is_not(void **state)
{
    (void)state;
    static const char *const functions[] = {
        "tpm_state",
        "tpm_pcr_read",
        "tpm_ek",
        "tpm_srk",
        "tpm_ak",
        "tpm_certify_srk",
        "tpm_device_key_make",
        "tpm_device_key_certify",
        "tpm_device_key_sign",
        "tpm_device_key_pem",
        "tpm_quote",
        "tpm_activate",
        "tpm_counter_make",
        "tpm_counter_increment",
        "tpm_policy_now",
        "tpm_seal",
    };
    for (size_t i = 0; i < COUNT(functions); i++) {
        fake_tpm_new();
        fake_tpm.fail_in = functions[i];
        fake_tpm.fail_with = BS_ERR_TPM;
        assert_int_not_equal(scene_boot(), BS_OK);
        assert_true(scene.boot.report.is_capped);
        assert_int_equal(fake_tpm.caps, 1);
        assert_false(scene_has("/run/credstore/app.key"));
        assert_true(strlen(scene.boot.report.message) > 0);
    }
}

static void a_cap_that_fails_is_tried_again_and_never_claimed(void **state)
{
    (void)state;
    fake_tpm.fail_in = "tpm_cap";
    fake_tpm.fail_with = BS_ERR_TPM;
    assert_err(scene_boot(), BS_ERR_TPM);
    assert_false(scene.boot.report.is_capped);
    assert_false(scene_has("/run/credstore/app.key"));
    assert_false(scene_has("/run/bootseal/ready"));
}

static void without_a_tpm_there_is_nothing_to_cap(void **state)
{
    (void)state;
    fake_device.find = BS_ERR_NO_TPM;
    assert_err(scene_boot(), BS_ERR_NO_TPM);
    assert_true(scene.boot.has_no_tpm);
    assert_false(scene.boot.report.is_capped);
}

static void an_inactive_bank_is_refused_at_once(void **state)
{
    (void)state;
    fake_tpm.bank = CRYPTO_SHA1;
    assert_err(scene_boot(), BS_ERR_TPM);
    assert_int_equal(fake_net.ups, 0);
    assert_int_equal(fake_tpm.caps, 1);
}

static void an_unmeasured_boot_is_refused_at_once(void **state)
{
    (void)state;
    memset(fake_tpm.pcrs[4], 0, 32);
    assert_err(scene_boot(), BS_ERR_BOOT);
    assert_int_equal(fake_net.ups, 0);
    fake_tpm_new();
    memset(fake_tpm.pcrs[7], 0xff, 32);
    assert_err(scene_boot(), BS_ERR_BOOT);
}

static void an_unmeasured_boot_seals_nothing_where_it_is_allowed(void **state)
{
    (void)state;
    scene_configure("");
    scene.config.measure.boot = CONFIG_MEASURE_OPTIONAL;
    memset(fake_tpm.pcrs[4], 0, 32);
    assert_ok(scene_boot());
    assert_int_equal(fake_tpm.sealed_count, 0);
    assert_int_equal(scene.confirms, 0);
    scene_assert_file("/run/credstore/app.key", "secret");
}

static void lockout_is_noted_and_does_not_stop_anything(void **state)
{
    (void)state;
    fake_tpm.in_lockout = true;
    assert_ok(scene_boot());
    assert_true(scene_has_note(BS_NOTE_LOCKOUT));
    assert_int_equal(scene.statement_notes, 1);
}

static void bootseal_off_caps_and_does_nothing_else(void **state)
{
    (void)state;
    boot_begin(&scene.boot, &scene.config, scene.root);
    scene.boot.is_off = true;
    assert_ok(flow_run(&scene.boot));
    boot_end(&scene.boot);
    assert_int_equal(fake_tpm.caps, 1);
    assert_int_equal(fake_net.ups, 0);
    assert_false(scene_has("/run/credstore"));
    assert_null(scene_step("open"));
}

static void a_configuration_that_is_refused_closes_the_boot_all_the_same(void **state)
{
    (void)state;
    for (enum bs_err expected = BS_ERR_CONFIG;; expected = BS_ERR_CAPPED) {
        boot_begin(&scene.boot, &scene.config, scene.root);
        scene.boot.problem = "bootseal.conf:1: wrong";
        assert_err(flow_run(&scene.boot), expected);
        boot_end(&scene.boot);
        assert_int_equal(fake_tpm.caps, 1);
        assert_int_equal(fake_net.ups, 0);
        if (expected == BS_ERR_CAPPED)
            break;
        assert_string_equal(scene.boot.report.message, scene.boot.problem);
        assert_true(scene.boot.report.is_capped);
    }
    assert_false(scene_has("/run/credstore"));
}

static void an_unauthenticated_root_gets_nothing_unless_allowed(void **state)
{
    (void)state;
    scene.config.handover.unauthenticated_root = false;
    assert_err(scene_boot(), BS_ERR_CONFIG);
    assert_false(scene_has("/run/credstore/app.key"));
    scene_reboot(0);
    scene.config.handover.unauthenticated_root = true;
    assert_ok(scene_boot());
    assert_true(scene_has_note(BS_NOTE_UNAUTHENTICATED_ROOT));
}

static void failures_are_counted_until_a_good_boot(void **state)
{
    (void)state;
    scene.refuses = true;
    for (uint64_t i = 1; i <= 3; i++) {
        scene_reboot(0);
        assert_err(scene_boot(), BS_ERR_REFUSED);
        assert_int_equal(scene.boot.failures, i);
    }
    scene_assert_file("/var/lib/bootseal/failures", "3\n");
    scene_reboot(0);
    scene.refuses = false;
    assert_ok(scene_boot());
    assert_false(scene_has("/var/lib/bootseal/failures"));
}

static void a_request_to_stop_ends_with_the_cap(void **state)
{
    (void)state;
    signals_setup();
    scene.pending = 100;
    fake_device.stop_after = 2;
    assert_int_not_equal(scene_boot(), BS_OK);
    assert_true(signals_stop_requested());
    assert_int_equal(fake_tpm.caps, 1);
    assert_int_equal(fake_device.waits, 2);
}

static void the_report_is_json_with_every_step(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    assert_ok(report_write(&scene.boot.report, scene.root));
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(65536);
    assert_ok(bs_file_read(scene_path(REPORT_PATH), &text));
    assert_ok(bs_buf_append(&text, "", 1));
    static const char *const parts[] = { "\"result\":\"done\"", "\"source\":\"server\"",  "\"capped\":true",
                                         "\"bundle_serial\":1", "\"state\":\"discover\"", "\"state\":\"handover\"",
                                         "\"round_trips\":3" };
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_non_null(strstr((char *)text.data, parts[i]));
    assert_null(strstr((char *)text.data, "secret\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(the_first_boot_enrolls_and_hands_over),
        scene_test(the_second_boot_touches_no_network),
        scene_test(a_known_device_needs_one_exchange),
        scene_test(a_changed_boot_asks_the_server_again),
        scene_test(pending_waits_as_told_with_new_evidence_and_the_same_key),
        scene_test(pending_ends_with_boot_wait),
        scene_test(a_dead_network_is_tried_again),
        scene_test(a_network_that_never_comes_ends_with_retry_later),
        scene_test(a_wrong_server_is_not_tried_again),
        scene_test(a_refusal_caps_and_tells_the_reason),
        scene_test(a_capped_boot_is_over),
        scene_test(a_bundle_for_another_is_not_used),
        scene_test(a_bundle_that_the_server_did_not_sign_is_not_used),
        scene_test(a_renewal_replaces_the_bundle),
        scene_test(a_renewal_that_fails_anywhere_keeps_what_was_opened),
        scene_test(a_confirmation_that_was_lost_is_made_up_for_by_the_next_boot_that_has_a_network),
        scene_test(a_refused_renewal_hands_nothing_over),
        scene_test(an_old_bundle_does_not_replace_a_newer_one),
        scene_test(every_tpm_failure_ends_capped_or_says_that_it_is_not),
        scene_test(a_cap_that_fails_is_tried_again_and_never_claimed),
        scene_test(without_a_tpm_there_is_nothing_to_cap),
        scene_test(an_inactive_bank_is_refused_at_once),
        scene_test(an_unmeasured_boot_is_refused_at_once),
        scene_test(an_unmeasured_boot_seals_nothing_where_it_is_allowed),
        scene_test(lockout_is_noted_and_does_not_stop_anything),
        scene_test(bootseal_off_caps_and_does_nothing_else),
        scene_test(a_configuration_that_is_refused_closes_the_boot_all_the_same),
        scene_test(an_unauthenticated_root_gets_nothing_unless_allowed),
        scene_test(failures_are_counted_until_a_good_boot),
        scene_test(the_report_is_json_with_every_step),
        scene_test(a_request_to_stop_ends_with_the_cap), /* the request stays: last */
    };
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
