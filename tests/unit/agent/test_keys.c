/* Keys that the device makes, over several boots: against a server that records what it is told and gives shares that are asked for. */
#include "scene.h"

#include <unistd.h>

#include "unit/unit.h"

#include "agent/vault/slot.h"
#include "core/file.h"

#define KEYS 4

/* What the server knows. */
static struct {
    bool keeps_shares; /* and gives older ones */
    bool gives_others; /* those of another serial */
    unsigned twist;    /* orders other keys under the same names: see order_twisted() */
    uint64_t generation;
    uint8_t halves[KEYS][GENERATED_PUBLIC_MAX];
    size_t sizes[KEYS]; /* 0: nothing was enrolled */
    uint8_t older[BS_SHARES_MAX][BS_SHARE_SIZE];
    uint8_t share[BS_SHARE_SIZE];
} server;

static const struct {
    const char *name;
    enum bs_generated_kind kind;
    uint32_t size;
    enum bs_generated_form form;
} ordered[KEYS] = {
    { "disk", BS_GENERATED_RANDOM, 64, BS_FORM_RAW },
    { "wg0.key", BS_GENERATED_X25519, 0, BS_FORM_WIREGUARD },
    { "host", BS_GENERATED_ED25519, 0, BS_FORM_OPENSSH },
    { "wallet", BS_GENERATED_SECP256K1, 0, BS_FORM_PEM },
};

/* The share of a serial, the same each time. */
static struct bs_span share_of(uint64_t serial, uint8_t room[BS_SHARE_SIZE])
{
    memset(room, 0xC3, BS_SHARE_SIZE);
    room[0] = (uint8_t)serial;
    return BS_SPAN(room, BS_SHARE_SIZE);
}

/* The wallet's key raw, and from 2 on of another kind of the same size; the disk's of more bytes. */
static void order_twisted(struct bundle *bundle)
{
    bundle->keys[3].form = BS_FORM_RAW;
    if (server.twist == 1)
        return;
    bundle->keys[3].key.kind = BS_GENERATED_ED25519;
    bundle->keys[0].size = 128;
}

static void order(struct bundle *bundle)
{
    for (size_t i = 0; i < KEYS; i++)
        bundle->keys[i] = (struct bundle_generated){
            .key = { bs_span_of_string(ordered[i].name), ordered[i].kind, server.generation,
                     BS_SPAN(server.halves[i], server.sizes[i]) },
            .size = ordered[i].size,
            .form = ordered[i].form,
        };
    bundle->key_count = KEYS;
    if (server.twist)
        order_twisted(bundle);
    if (!server.keeps_shares)
        return;
    bundle->share = share_of(bundle->serial, server.share);
    for (size_t i = 0; i < scene.said.share_count; i++) {
        uint64_t serial = scene.said.shares[i];
        bundle->shares[i] = (struct bundle_share){ serial, share_of(serial + server.gives_others, server.older[i]) };
    }
    bundle->share_count = scene.said.share_count;
}

static void record(const struct generated_public *keys, size_t count)
{
    assert_int_equal(count, KEYS);
    for (size_t i = 0; i < count; i++) {
        assert_span_text(keys[i].name, ordered[i].name);
        assert_int_equal(keys[i].kind, ordered[i].kind);
        assert_int_equal(keys[i].generation, server.generation);
        memcpy(server.halves[i], keys[i].public_half.data, keys[i].public_half.size);
        server.sizes[i] = keys[i].public_half.size;
    }
}

/* The files as the first boot handed them over. */
static struct bs_buf first[KEYS];

static const char *file_of(size_t i)
{
    static char path[128];
    snprintf(path, sizeof(path), "/run/credstore/%s", ordered[i].name);
    return path;
}

static void remember_files(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        first[i] = BS_BUF(65536);
        assert_ok(bs_file_read(scene_path(file_of(i)), &first[i]));
    }
}

static bool has_the_same_file(size_t i)
{
    BS_SCOPED_BUF struct bs_buf now = BS_BUF(65536);
    assert_ok(bs_file_read(scene_path(file_of(i)), &now));
    return bs_span_equal(bs_buf_span(&now), bs_buf_span(&first[i]));
}

static void assert_the_same_keys(void)
{
    for (size_t i = 0; i < KEYS; i++)
        assert_true(has_the_same_file(i));
}

static int setup(void **state)
{
    memset(&server, 0, sizeof(server));
    server.generation = 1;
    server.keeps_shares = true;
    if (scene_setup(state) != 0)
        return -1;
    scene.spoil = order;
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < KEYS; i++)
        bs_buf_free(&first[i]);
    return scene_teardown(state);
}

/* The first boot, whose keys the server records. */
static void enroll(void)
{
    assert_ok(scene_boot());
    record(scene.kept.keys, scene.kept.key_count);
    remember_files();
}

static void keys_are_made_told_and_handed_over(void **state)
{
    (void)state;
    enroll();
    assert_int_equal(scene.said.key_count, 0);
    assert_int_equal(scene.said.share_count, 0);
    assert_int_equal(first[0].size, 64);
    assert_memory_equal(first[1].data + first[1].size - 2, "=\n", 2);
    assert_memory_equal(first[2].data, "-----BEGIN OPENSSH PRIVATE KEY-----", 35);
    assert_memory_equal(first[3].data, "-----BEGIN PRIVATE KEY-----", 27);
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
    assert_memory_not_equal(disk.data, first[0].data, 64);
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

#define keys_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        keys_test(keys_are_made_told_and_handed_over),
        keys_test(keys_come_out_of_the_vault_again),
        keys_test(a_renewal_keeps_the_keys_without_a_share),
        keys_test(a_changed_boot_keeps_the_keys),
        keys_test(a_cleared_tpm_keeps_the_keys),
        keys_test(a_foreign_increment_keeps_the_keys),
        keys_test(without_a_share_a_changed_boot_loses_the_keys),
        keys_test(a_vault_with_keys_that_stays_shut_is_named_without_a_share_too),
        keys_test(a_vault_with_keys_that_was_never_committed_is_not_named),
        keys_test(a_vault_without_keys_or_share_is_not_named),
        keys_test(the_share_of_another_serial_is_of_no_use),
        keys_test(a_lost_disk_loses_the_keys_until_new_ones_are_ordered),
        keys_test(a_key_that_is_ordered_anew_is_made_anew_beside_the_old_one),
        keys_test(a_boot_that_seals_nothing_makes_no_keys),
        keys_test(a_boot_that_seals_nothing_has_the_keys_that_a_share_opens),
        keys_test(what_was_never_recorded_is_kept_all_the_same),
        keys_test(a_key_of_another_kind_or_size_is_another_key),
        keys_test(a_recorded_half_of_another_key_is_no_key_of_ours),
        keys_test(the_servers_word_that_keys_are_lost_is_an_exit_of_its_own),
        keys_test(a_vault_with_other_keys_than_the_enrolled_ones_is_tampering),
        keys_test(a_vault_with_a_key_that_nobody_ordered_is_tampering),
        keys_test(a_vault_under_another_key_than_the_signed_srk_is_tampering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
