/* Keys that the device made and cannot have any more, and keys in the vault that are not its own. */
#include "keys_scene.h"

#include <unistd.h>

#include "agent/vault/slot.h"
#include "core/file.h"

/* Nothing of the old vault is touched: what an operator decides later still has it. */
static void assert_keys_lost(void)
{
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(SLOT_MAX);
    BS_SCOPED_BUF struct bs_buf after = BS_BUF(SLOT_MAX);
    assert_ok(bs_file_read(scene_path("/var/lib/bootseal/slot-a"), &before));
    for (size_t i = 0; i < KEYS; i++)
        (void)unlink(scene_path(file_of(i)));
    assert_err(scene_boot(), BS_ERR_KEYS_LOST);
    assert_string_equal(scene.boot.report.reason, "keys-lost");
    assert_non_null(strstr(scene.boot.report.message, "device rekey"));
    assert_int_equal(fake_tpm.caps, 1);
    for (size_t i = 0; i < KEYS; i++)
        assert_false(scene_has(file_of(i)));
    assert_ok(bs_file_read(scene_path("/var/lib/bootseal/slot-a"), &after));
    assert_true(bs_span_equal(bs_buf_span(&before), bs_buf_span(&after)));
    assert_int_equal(scene.confirms, 0);
}

static void without_a_share_a_changed_boot_loses_the_keys(void **state)
{
    (void)state;
    server.keeps_shares = false;
    enroll();
    scene_reboot(1);
    assert_keys_lost();
    assert_int_equal(scene.said.share_count, 1);
}

/* The server may have heard of none of them: that a vault with keys does not open is what it has to know before it orders them again. */
static void a_vault_with_keys_that_stays_shut_is_named_without_a_share_too(void **state)
{
    (void)state;
    server.keeps_shares = false;
    assert_ok(scene_boot());
    scene_reboot(1);
    scene.refuses = true;
    scene.refuse_reason = "keys-lost";
    assert_err(scene_boot(), BS_ERR_KEYS_LOST);
    assert_int_equal(scene.said.share_count, 1);
    assert_int_equal(scene.said.shares[0], 1);
}

/* The power went between the slot and the increment: nobody ever had these keys. */
static void a_vault_with_keys_that_was_never_committed_is_not_named(void **state)
{
    (void)state;
    server.keeps_shares = false;
    fake_tpm.fail_in = "tpm_counter_increment";
    fake_tpm.fail_with = BS_ERR_TPM;
    assert_err(scene_boot(), BS_ERR_TPM);
    assert_true(scene_has("/var/lib/bootseal/slot-a"));
    fake_tpm.fail_in = NULL;
    scene_reboot(1);
    assert_ok(scene_boot());
    assert_int_equal(scene.said.share_count, 0);
}

static void a_vault_without_keys_or_share_is_not_named(void **state)
{
    (void)state;
    scene.spoil = NULL;
    assert_ok(scene_boot());
    scene_reboot(1);
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "server");
    assert_int_equal(scene.said.share_count, 0);
}

static void the_share_of_another_serial_is_of_no_use(void **state)
{
    (void)state;
    enroll();
    scene_reboot(1);
    server.gives_others = true;
    assert_keys_lost();
}

static void a_lost_disk_loses_the_keys_until_new_ones_are_ordered(void **state)
{
    (void)state;
    enroll();
    scene_reboot(0);
    assert_int_equal(unlink(scene_path("/var/lib/bootseal/slot-b")), 0);
    assert_ok(bs_file_write(scene_path("/var/lib/bootseal/slot-a"), bs_span_of_string("rotten"), NULL));
    assert_keys_lost();

    scene_reboot(0);
    server.generation = 2;
    memset(server.sizes, 0, sizeof(server.sizes));
    assert_ok(scene_boot());
    record(scene.kept.keys, scene.kept.key_count);
    for (size_t i = 0; i < KEYS; i++)
        assert_false(has_the_same_file(i));
}

static void a_recorded_half_of_another_key_is_no_key_of_ours(void **state)
{
    (void)state;
    scene.renew_after = 1;
    enroll();
    scene_reboot(0);
    server.halves[1][5] ^= 1;
    assert_ok(scene_boot()); /* a renewal: what is at hand is handed over */
    assert_string_equal(scene.boot.report.source, "vault");
    assert_int_equal(scene.boot.report.serial, 1);
    assert_the_same_keys();

    scene_reboot(1);
    assert_keys_lost();
}

static void the_servers_word_that_keys_are_lost_is_an_exit_of_its_own(void **state)
{
    (void)state;
    scene.refuses = true;
    scene.refuse_reason = "keys-lost";
    assert_err(scene_boot(), BS_ERR_KEYS_LOST);
    assert_string_equal(scene.boot.report.reason, "keys-lost");
    assert_int_equal(bs_err_exit(BS_ERR_KEYS_LOST), 41);
}

static uint8_t known[64] = { 1 };

static void put_known_key(struct vault_contents *contents)
{
    contents->keys[0].private_half = BS_SPAN(known, sizeof(known));
}

static void add_known_key(struct vault_contents *contents)
{
    contents->keys[contents->key_count++] =
        (struct generated_private){ bs_span_of_string("more"), BS_GENERATED_RANDOM, 1, BS_SPAN(known, sizeof(known)) };
}

/* The vault of this boot again, with other contents: as who once had this TPM and the signed bundle would make it. */
static void reseal(void (*bend)(struct vault_contents *contents))
{
    struct vault_opened opened;
    struct vault_findings findings;
    struct vault_policy policy;
    uint64_t generation;
    boot_begin(&scene.boot, &scene.config, scene.root);
    policy = boot_policy(&scene.boot);
    boot_end(&scene.boot);
    BS_OWN(roots) roots = NULL;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    assert_ok(bs_file_read(scene_path("/etc/bootseal/server-ca.pem"), &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &roots));
    fake_tpm.is_open = true;
    const struct vault_open_request open = { .dir = scene_path("/var/lib/bootseal"),
                                             .policy = &policy,
                                             .roots = roots };
    assert_ok(vault_open(NULL, &open, &opened, &findings));
    bend(&opened.contents);
    const struct vault_request request = { scene_path("/var/lib/bootseal"), &policy, &opened.contents, NULL, NULL };
    assert_ok(vault_commit(NULL, &request, &generation));
    fake_tpm.srk_seed = 0;
    vault_opened_clear(&opened);
    fake_tpm.is_open = false;
}

/* A key of his in the place of the SRK: the TPM opens under it what was sealed under it, as under any other. */
static void seal_under_another_key(struct vault_contents *contents)
{
    (void)contents;
    fake_tpm.srk_seed++;
    fake_tpm.proves_any_srk = true;
}

static void assert_tampering(void (*bend)(struct vault_contents *contents))
{
    enroll();
    scene_reboot(1);
    assert_ok(scene_boot()); /* the bundle of this one names the enrolled halves */
    scene_reboot(1);
    reseal(bend);
    fake_net.serve = NULL;
    scene_configure("boot = { wait = 0; };\n");
    assert_err(scene_boot(), BS_ERR_UNREACHABLE);
    assert_true(scene_has_note(BS_NOTE_VAULT_TAMPERED));
}

/* Keys that he knows beside what the server signed. */
static void a_vault_with_other_keys_than_the_enrolled_ones_is_tampering(void **state)
{
    (void)state;
    assert_tampering(put_known_key);
}

static void a_vault_with_a_key_that_nobody_ordered_is_tampering(void **state)
{
    (void)state;
    assert_tampering(add_known_key);
}

static void a_vault_under_another_key_than_the_signed_srk_is_tampering(void **state)
{
    (void)state;
    assert_tampering(seal_under_another_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        keys_test(without_a_share_a_changed_boot_loses_the_keys),
        keys_test(a_vault_with_keys_that_stays_shut_is_named_without_a_share_too),
        keys_test(a_vault_with_keys_that_was_never_committed_is_not_named),
        keys_test(a_vault_without_keys_or_share_is_not_named),
        keys_test(the_share_of_another_serial_is_of_no_use),
        keys_test(a_lost_disk_loses_the_keys_until_new_ones_are_ordered),
        keys_test(a_recorded_half_of_another_key_is_no_key_of_ours),
        keys_test(the_servers_word_that_keys_are_lost_is_an_exit_of_its_own),
        keys_test(a_vault_with_other_keys_than_the_enrolled_ones_is_tampering),
        keys_test(a_vault_with_a_key_that_nobody_ordered_is_tampering),
        keys_test(a_vault_under_another_key_than_the_signed_srk_is_tampering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
