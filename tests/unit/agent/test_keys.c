/* Keys that the device makes: made once, told, handed over, and kept through whatever comes. */
#include "keys_scene.h"

#include "core/file.h"

static void keys_are_made_told_and_handed_over(void **state)
{
    (void)state;
    enroll();
    assert_int_equal(scene.said.key_count, 0);
    assert_int_equal(scene.said.share_count, 0);
    assert_int_equal(first_files[0].size, 64);
    assert_memory_equal(first_files[1].data + first_files[1].size - 2, "=\n", 2);
    assert_memory_equal(first_files[2].data, "-----BEGIN OPENSSH PRIVATE KEY-----", 35);
    assert_memory_equal(first_files[3].data, "-----BEGIN PRIVATE KEY-----", 27);
}

static void keys_come_out_of_the_vault_again(void **state)
{
    (void)state;
    enroll();
    scene_reboot(0);
    fake_net.serve = NULL;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
    assert_the_same_keys();
}

static void a_renewal_keeps_the_keys_without_a_share(void **state)
{
    (void)state;
    server.keeps_shares = false;
    scene.renew_after = 1;
    enroll();
    scene_reboot(0);
    assert_ok(scene_boot());
    assert_int_equal(scene.boot.report.serial, 2);
    assert_int_equal(scene.said.key_count, KEYS);
    record(scene.said.keys, scene.said.key_count);
    assert_the_same_keys();
}

static void a_changed_boot_keeps_the_keys(void **state)
{
    (void)state;
    enroll();
    for (uint8_t variant = 1; variant <= 3; variant++) {
        scene_reboot(variant);
        assert_ok(scene_boot());
        assert_int_equal(scene.said.key_count, 0);
        assert_int_equal(scene.said.share_count, 1);
        assert_int_equal(scene.said.shares[0], variant);
        assert_the_same_keys();
    }
}

static void a_cleared_tpm_keeps_the_keys(void **state)
{
    (void)state;
    enroll();
    scene_reboot(0);
    fake_tpm.has_counter = false;
    fake_tpm.srk_seed++;
    fake_tpm.sealed_count = 0;
    assert_ok(scene_boot());
    assert_int_equal(fake_tpm.device_keys, 1);
    assert_the_same_keys();
}

static void a_foreign_increment_keeps_the_keys(void **state)
{
    (void)state;
    enroll();
    scene_reboot(0);
    fake_tpm.counter += 5;
    assert_ok(scene_boot());
    assert_the_same_keys();
}

static void a_key_that_is_ordered_anew_is_made_anew_beside_the_old_one(void **state)
{
    (void)state;
    scene.renew_after = 1;
    enroll();
    scene_reboot(0);
    server.generation = 2;
    memset(server.sizes, 0, sizeof(server.sizes));
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "server");
    assert_int_equal(scene.said.keys[0].generation, 1);
    record(scene.kept.keys, scene.kept.key_count);
    for (size_t i = 0; i < KEYS; i++)
        assert_false(has_the_same_file(i));
}

/* Else each boot would have others, and nobody would notice before something encrypted with them is needed. */
static void a_boot_that_seals_nothing_makes_no_keys(void **state)
{
    (void)state;
    scene.config.measure.boot = CONFIG_MEASURE_OPTIONAL;
    memset(fake_tpm.pcrs[4], 0, 32);
    assert_err(scene_boot(), BS_ERR_BOOT);
    assert_non_null(strstr(scene.boot.report.message, "would be lost"));
    assert_false(scene_has(file_of(0)));
    assert_int_equal(scene.confirms, 0);
}

static void a_boot_that_seals_nothing_has_the_keys_that_a_share_opens(void **state)
{
    (void)state;
    enroll();
    for (int i = 0; i < 2; i++) {
        scene_reboot(0);
        scene.config.measure.boot = CONFIG_MEASURE_OPTIONAL;
        memset(fake_tpm.pcrs[4], 0, 32);
        assert_ok(scene_boot());
        assert_string_equal(scene.boot.report.source, "server");
        assert_the_same_keys();
    }
}

/* The server lost the confirmation: it orders what is there, and the device does not make another one. */
static void what_was_never_recorded_is_kept_all_the_same(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    remember_files();
    scene_reboot(1);
    assert_ok(scene_boot());
    assert_the_same_keys();
}

/* What lies in the vault is not taken for what it is not, though name and generation are the same and nothing was recorded. */
static void a_key_of_another_kind_or_size_is_another_key(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf disk = BS_BUF(65536);
    server.twist = 1;
    assert_ok(scene_boot());
    remember_files();
    scene_reboot(1);
    assert_ok(scene_boot());
    assert_the_same_keys();
    scene_reboot(2);
    server.twist = 2;
    assert_ok(scene_boot());
    assert_true(has_the_same_file(1));
    assert_true(has_the_same_file(2));
    assert_false(has_the_same_file(3));
    assert_ok(bs_file_read(scene_path(file_of(0)), &disk));
    assert_int_equal(disk.size, 128);
    assert_memory_not_equal(disk.data, first_files[0].data, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        keys_test(keys_are_made_told_and_handed_over),
        keys_test(keys_come_out_of_the_vault_again),
        keys_test(a_renewal_keeps_the_keys_without_a_share),
        keys_test(a_changed_boot_keeps_the_keys),
        keys_test(a_cleared_tpm_keeps_the_keys),
        keys_test(a_foreign_increment_keeps_the_keys),
        keys_test(a_key_that_is_ordered_anew_is_made_anew_beside_the_old_one),
        keys_test(a_boot_that_seals_nothing_makes_no_keys),
        keys_test(a_boot_that_seals_nothing_has_the_keys_that_a_share_opens),
        keys_test(what_was_never_recorded_is_kept_all_the_same),
        keys_test(a_key_of_another_kind_or_size_is_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
