/* Forgetting the vault, and power cuts in the middle of it. */
#include "vault_scene.h"

#include <unistd.h>

#include "agent/machine.h"
#include "agent/vault/forget.h"
#include "core/file.h"

#include <sys/stat.h>

static const char mark[] = "BSFORGET\0\0\0\1";

static enum bs_err forget(struct vault_forgotten *ret_forgotten)
{
    BS_OWN(tpm) tpm = NULL;
    const struct tpm_options options = { .device = "fake" };
    assert_ok(tpm_open(&options, &tpm));
    return vault_forget(scene_path(VAULT), tpm, ret_forgotten);
}

static void assert_opens(void)
{
    scene_reboot(0);
    fake_net.refuse_connects = 100;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
    fake_net.refuse_connects = 0;
}

/* A commit whose increment failed: leaves a slot for the next value of the counter, as a power cut would. */
static void abandon_slot(struct bs_buf *ret_slot)
{
    scene.renew_after = 1;
    assert_ok(scene_boot());
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(300000);
    vault_keep(SLOT_A, &before);
    scene_reboot(0);
    fake_tpm.fail_in = "tpm_counter_increment";
    fake_tpm.fail_with = BS_ERR_TPM;
    scene.renew_after = 0;
    assert_ok(scene_boot()); /* the old slot still held, and still does */
    assert_string_equal(scene.boot.report.source, "vault");
    fake_tpm.fail_in = NULL;
    vault_keep(SLOT_B, ret_slot);
    assert_false(bs_span_equal(bs_buf_span(&before), bs_buf_span(ret_slot)));
}

/* A first boot; and somebody has a copy of its slot. */
static void enroll_and_keep(struct bs_buf *ret_slot)
{
    assert_ok(scene_boot());
    vault_keep(SLOT_A, ret_slot);
}

/* Such a copy is of no use. */
static void assert_shut(const struct bs_buf *slot)
{
    vault_put(SLOT_A, bs_buf_span(slot));
    vault_assert_opens_nothing();
}

static void what_was_forgotten_opens_no_more(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    BS_SCOPED_BUF struct bs_buf slot = BS_BUF(300000);
    enroll_and_keep(&slot);
    assert_opens();
    uint64_t before = fake_tpm.counter;
    assert_ok(forget(&forgotten));
    assert_true(forgotten.is_shut && forgotten.is_erased);
    assert_int_equal(forgotten.counter, before + 2);
    assert_int_equal(fake_tpm.counter, before + 2);
    assert_false(scene_has(SLOT_A) || scene_has(SLOT_B));
    /* Nor a copy that somebody kept. */
    vault_put(SLOT_A, bs_buf_span(&slot));
    vault_put(SLOT_B, bs_buf_span(&slot));
    vault_assert_opens_nothing();
}

static void an_abandoned_slot_would_open_after_one_increment(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf abandoned = BS_BUF(300000);
    abandon_slot(&abandoned);
    fake_tpm.counter++;
    assert_opens();
}

static void an_abandoned_slot_put_back_does_not_open_after_a_forget(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    BS_SCOPED_BUF struct bs_buf abandoned = BS_BUF(300000);
    abandon_slot(&abandoned);
    assert_ok(forget(&forgotten));
    vault_put(SLOT_A, bs_buf_span(&abandoned));
    vault_put(SLOT_B, bs_buf_span(&abandoned));
    vault_assert_opens_nothing();
}

/* The power goes after `done` increments; then the abandoned slot is put back beside the mark. */
static void half_done_is_finished_before_anything_opens(void **state)
{
    (void)state;
    for (unsigned done = 0; done <= 1; done++) {
        fake_tpm_new();
        BS_SCOPED_BUF struct bs_buf abandoned = BS_BUF(300000);
        struct vault_forgotten forgotten;
        abandon_slot(&abandoned);
        uint64_t before = fake_tpm.counter;
        scene_reboot(0);
        fake_tpm.fail_in = "tpm_counter_increment";
        fake_tpm.fail_with = BS_ERR_TPM;
        fake_tpm.fail_after = done;
        assert_err(forget(&forgotten), BS_ERR_TPM);
        assert_false(forgotten.is_shut);
        assert_int_equal(fake_tpm.counter, before + done);
        assert_true(vault_is_marked(SLOT_A) || vault_is_marked(SLOT_B));
        vault_put(vault_is_marked(SLOT_A) ? SLOT_B : SLOT_A, bs_buf_span(&abandoned));

        vault_assert_opens_nothing();
        assert_true(scene_has_note(BS_NOTE_VAULT_FORGOTTEN));
        assert_true(fake_tpm.counter >= before + 2);
        assert_int_equal(fake_tpm.unseals, 0);
        assert_false(scene_has(SLOT_A) || scene_has(SLOT_B));
        vault_put(SLOT_A, bs_buf_span(&abandoned));
        vault_assert_opens_nothing();
        assert_false(scene_has_note(BS_NOTE_VAULT_FORGOTTEN));
        assert_int_equal(unlink(scene_path(SLOT_A)), 0);
    }
}

static void a_boot_that_cannot_finish_opens_and_seals_nothing(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    vault_put(SLOT_B, BS_SPAN(mark, sizeof(mark) - 1));
    scene_reboot(0);
    fake_tpm.fail_in = "tpm_counter_increment";
    fake_tpm.fail_with = BS_ERR_TPM;
    assert_err(scene_boot(), BS_ERR_TPM);
    assert_int_equal(fake_tpm.unseals, 0);
    assert_int_equal(fake_tpm.sealed_count, 1);
    assert_true(vault_is_marked(SLOT_B));
    assert_false(scene_has("/run/bootseal/ready") && scene.boot.report.is_done);
}

static void the_next_boot_after_it_enrolls_again(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    assert_ok(scene_boot());
    assert_ok(forget(&forgotten));
    scene_reboot(0);
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "server");
    assert_false(scene_has_note(BS_NOTE_VAULT_FORGOTTEN));
    assert_opens();
}

/* What a power cut left of a slot's next version is a slot like any other. */
static void files_of_a_write_that_was_cut_off_are_erased_too(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    BS_SCOPED_BUF struct bs_buf slot = BS_BUF(300000);
    enroll_and_keep(&slot);
    vault_put(VAULT "/.slot-a.new", bs_buf_span(&slot));
    vault_put(VAULT "/.slot-b.new", bs_buf_span(&slot));
    assert_ok(forget(&forgotten));
    assert_false(scene_has(VAULT "/.slot-a.new") || scene_has(VAULT "/.slot-b.new"));
}

static void the_old_bytes_are_overwritten(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    assert_ok(scene_boot());
    FILE *old[2] = { fopen(scene_path(SLOT_A), "re"), fopen(scene_path(SLOT_B), "re") };
    assert_ok(forget(&forgotten));
    for (size_t i = 0; i < COUNT(old); i++) {
        struct stat st;
        assert_non_null(old[i]);
        assert_int_equal(fstat(fileno(old[i]), &st), 0);
        assert_true(st.st_size > 1000);
        for (off_t at = 0; at < st.st_size; at++)
            assert_int_equal(fgetc(old[i]), 0);
        fclose(old[i]);
    }
}

static void without_a_tpm_the_slots_are_erased_and_the_next_start_counts(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    BS_SCOPED_BUF struct bs_buf slot = BS_BUF(300000);
    enroll_and_keep(&slot);
    uint64_t before = fake_tpm.counter;
    assert_err(vault_forget(scene_path(VAULT), NULL, &forgotten), BS_ERR_NO_TPM);
    assert_true(forgotten.is_erased && !forgotten.is_shut);
    assert_true(vault_is_marked(SLOT_A) != vault_is_marked(SLOT_B));
    vault_assert_opens_nothing();
    assert_int_equal(fake_tpm.counter, before + 2);
    assert_shut(&slot);
}

static void a_disk_that_takes_no_mark_is_shut_all_the_same(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    BS_SCOPED_BUF struct bs_buf slot = BS_BUF(300000);
    enroll_and_keep(&slot);
    /* No file can take the place of a folder. */
    assert_int_equal(unlink(scene_path(SLOT_B)), 0);
    assert_int_equal(mkdir(scene_path(SLOT_B), 0700), 0);
    assert_err(forget(&forgotten), BS_ERR_IO);
    assert_true(forgotten.is_shut && !forgotten.is_erased);
    assert_false(scene_has(SLOT_A));
    assert_int_equal(rmdir(scene_path(SLOT_B)), 0);
    assert_shut(&slot);
}

static void a_folder_that_is_gone_leaves_copies_that_are_shut(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    assert_ok(scene_boot());
    assert_int_equal(rename(scene_path(VAULT), scene_path("/kept")), 0);
    assert_ok(forget(&forgotten));
    assert_true(forgotten.is_shut && forgotten.is_erased);
    assert_int_equal(rename(scene_path("/kept"), scene_path(VAULT)), 0);
    vault_assert_opens_nothing();
}

/* What lies in the way of a slot cannot be removed: until it can, each start tries again. */
static void a_slot_that_cannot_be_erased_keeps_the_mark(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    assert_ok(scene_boot());
    vault_put(SLOT_A, bs_span_of_string("rotten"));
    assert_int_equal(unlink(scene_path(SLOT_B)), 0);
    assert_ok(bs_dir_make(scene_path(SLOT_B), 0700));
    assert_err(forget(&forgotten), BS_ERR_IO);
    assert_true(forgotten.is_shut && !forgotten.is_erased);
    assert_true(vault_is_marked(SLOT_A));
    assert_int_equal(rmdir(scene_path(SLOT_B)), 0);
    vault_assert_opens_nothing();
    assert_false(scene_has(SLOT_A));
}

static void a_partition_that_is_out_of_reach_is_shut_and_not_called_erased(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    BS_OWN(tpm) tpm = NULL;
    const struct tpm_options options = { .device = "fake" };
    assert_ok(scene_boot());
    uint64_t before = fake_tpm.counter;
    scene_configure("vault = { partition = \"p\"; };\n");
    fake_device.partition = BS_ERR_NOT_FOUND;
    assert_ok(tpm_open(&options, &tpm));
    assert_err(machine_forget(&scene.config, scene.root, tpm, &forgotten), BS_ERR_NOT_FOUND);
    assert_true(forgotten.is_shut && !forgotten.is_erased);
    assert_int_equal(fake_tpm.counter, before + 2);
}

#define PARTITION "/partition"

/* A folder in the place of the partition, which comes and goes. */
static void move_to_partition(void)
{
    static char node[512];
    snprintf(node, sizeof(node), "%s", scene_path(PARTITION));
    fake_device.node = node;
    fake_device.partition = BS_OK;
    scene_configure("vault = { partition = \"p\"; };\n");
    assert_int_equal(rename(scene_path(VAULT), node), 0);
}

static enum bs_err forget_out_of_reach(void)
{
    struct vault_forgotten forgotten;
    BS_OWN(tpm) tpm = NULL;
    const struct tpm_options options = { .device = "fake" };
    fake_device.partition = BS_ERR_NOT_FOUND;
    assert_ok(tpm_open(&options, &tpm));
    enum bs_err err = machine_forget(&scene.config, scene.root, tpm, &forgotten);
    fake_device.partition = BS_OK;
    return err;
}

/* The power goes between the two increments, and the partition is there again at the next start, with a slot for the value between. */
static void a_forget_without_its_partition_is_finished_before_the_partition_is_opened(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf abandoned = BS_BUF(300000);
    abandon_slot(&abandoned);
    uint64_t before = fake_tpm.counter;
    scene_reboot(0);
    move_to_partition();
    fake_tpm.fail_in = "tpm_counter_increment";
    fake_tpm.fail_with = BS_ERR_TPM;
    fake_tpm.fail_after = 1;
    assert_err(forget_out_of_reach(), BS_ERR_TPM);
    assert_int_equal(fake_tpm.counter, before + 1);
    assert_true(vault_is_marked(SLOT_A) || vault_is_marked(SLOT_B));

    vault_assert_opens_nothing();
    assert_true(scene_has_note(BS_NOTE_VAULT_FORGOTTEN));
    assert_int_equal(fake_tpm.unseals, 0);
    assert_true(fake_tpm.counter >= before + 3);
    assert_false(scene_has(SLOT_A) || scene_has(SLOT_B));
    vault_assert_opens_nothing();
    assert_false(scene_has_note(BS_NOTE_VAULT_FORGOTTEN));
}

static void a_mark_of_a_forget_without_its_partition_that_stays_lets_nothing_be_sealed(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(0);
    move_to_partition();
    vault_put(SLOT_A, BS_SPAN(mark, sizeof(mark) - 1));
    fake_tpm.fail_in = "tpm_counter_increment";
    fake_tpm.fail_with = BS_ERR_TPM;
    assert_err(scene_boot(), BS_ERR_TPM);
    assert_int_equal(fake_tpm.unseals, 0);
    assert_int_equal(fake_tpm.sealed_count, 1);
    assert_true(vault_is_marked(SLOT_A));
}

static void a_partition_that_is_out_of_reach_is_no_vault_and_takes_none(void **state)
{
    (void)state;
    static const enum bs_err why[] = { BS_ERR_NOT_FOUND, BS_ERR_INPUT };
    for (size_t i = 0; i < COUNT(why); i++) {
        fake_tpm_new();
        scene_configure("vault = { partition = \"p\"; };\n");
        fake_device.partition = why[i];
        assert_err(scene_boot(), BS_ERR_IO);
        assert_int_equal(scene.attests, i + 1);
        assert_int_equal(fake_tpm.sealed_count, 0);
        assert_false(fake_tpm.counter > 7);
        assert_false(scene_has(SLOT_A) || scene_has(SLOT_B));
    }
}

static void where_nothing_is_nothing_is_claimed(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    assert_err(forget(&forgotten), BS_ERR_NOT_FOUND);
    assert_false(forgotten.is_shut || forgotten.is_erased);
    assert_false(fake_tpm.has_counter);
}

/* Whoever removes the counter could define it anew, one above its last value: that is what an abandoned slot waits for. */
static void a_counter_that_is_gone_is_made_and_counted(void **state)
{
    (void)state;
    struct vault_forgotten forgotten;
    assert_ok(scene_boot());
    fake_tpm.has_counter = false;
    assert_ok(forget(&forgotten));
    assert_true(forgotten.is_shut && fake_tpm.has_counter);
    assert_false(scene_has(SLOT_A) || scene_has(SLOT_B));
}

static void nothing_but_the_whole_mark_is_one(void **state)
{
    (void)state;
    static const char longer[] = "BSFORGET\0\0\0\1\0", other[] = "BSFORGET\0\0\0\2";
    assert_true(forget_is_mark(BS_SPAN(mark, sizeof(mark) - 1)));
    assert_false(forget_is_mark(BS_SPAN(longer, sizeof(longer) - 1)));
    assert_false(forget_is_mark(BS_SPAN(other, sizeof(other) - 1)));
    for (size_t size = 0; size < sizeof(mark) - 1; size++)
        assert_false(forget_is_mark(BS_SPAN(mark, size)));
    assert_ok(scene_boot());
    vault_put(SLOT_B, BS_SPAN(longer, sizeof(longer) - 1));
    assert_opens();
}

/* The server's share opens a slot without the TPM. */
static void a_slot_beside_the_mark_is_not_recovered_either(void **state)
{
    (void)state;
    static const uint8_t device[32] = { 1 }, value[BS_SHARE_SIZE] = { 2 };
    const struct bundle_share bundle_share = { .serial = 5, .value = BS_SPAN(value, sizeof(value)) };
    const struct vault_share share = { 5, BS_SPAN(value, sizeof(value)), BS_SPAN(device, sizeof(device)) };
    const struct vault_shares shares = { BS_SPAN(device, sizeof(device)), &bundle_share, 1 };
    const struct vault_policy policy = { VAULT_PCR, CRYPTO_SHA256, 1 << 4, 12 };
    const struct vault_contents contents = { .sign1 = bs_span_of_string("bundle"),
                                             .device_public = bs_span_of_string("public"),
                                             .device_private = bs_span_of_string("private") };
    const struct vault_request request = {
        .dir = scene_path(VAULT), .policy = &policy, .contents = &contents, .share = &share
    };
    const struct tpm_options options = { .device = "fake" };
    BS_OWN(tpm) tpm = NULL;
    uint64_t generation;
    struct vault_opened opened[VAULT_SLOTS];
    size_t count;
    assert_ok(tpm_open(&options, &tpm));
    assert_ok(vault_commit(tpm, &request, &generation));
    vault_recover(scene_path(VAULT), &shares, opened, &count);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        vault_opened_clear(&opened[i]);
    vault_put(SLOT_B, BS_SPAN(mark, sizeof(mark) - 1));
    vault_recover(scene_path(VAULT), &shares, opened, &count);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(what_was_forgotten_opens_no_more),
        scene_test(an_abandoned_slot_would_open_after_one_increment),
        scene_test(an_abandoned_slot_put_back_does_not_open_after_a_forget),
        scene_test(half_done_is_finished_before_anything_opens),
        scene_test(a_boot_that_cannot_finish_opens_and_seals_nothing),
        scene_test(the_next_boot_after_it_enrolls_again),
        scene_test(files_of_a_write_that_was_cut_off_are_erased_too),
        scene_test(the_old_bytes_are_overwritten),
        scene_test(without_a_tpm_the_slots_are_erased_and_the_next_start_counts),
        scene_test(a_disk_that_takes_no_mark_is_shut_all_the_same),
        scene_test(a_folder_that_is_gone_leaves_copies_that_are_shut),
        scene_test(a_partition_that_is_out_of_reach_is_shut_and_not_called_erased),
        scene_test(a_forget_without_its_partition_is_finished_before_the_partition_is_opened),
        scene_test(a_mark_of_a_forget_without_its_partition_that_stays_lets_nothing_be_sealed),
        scene_test(a_partition_that_is_out_of_reach_is_no_vault_and_takes_none),
        scene_test(where_nothing_is_nothing_is_claimed),
        scene_test(a_counter_that_is_gone_is_made_and_counted),
        scene_test(nothing_but_the_whole_mark_is_one),
        scene_test(a_slot_beside_the_mark_is_not_recovered_either),
        scene_test(a_slot_that_cannot_be_erased_keeps_the_mark),
    };
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
