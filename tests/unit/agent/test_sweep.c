/* The power is cut at everything that the agent does, with fakes in the place of TPM and server; the real ones: tests/sweep/. */
#include "scene.h"

#include "unit/unit.h"

#include "agent/unconfirmed.h"
#include "agent/vault/forget.h"
#include "agent/vault/slot.h"
#include "agent/vault/slots.h"
#include "core/file.h"
#include "power.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define VAULT "/var/lib/bootseal"
#define PARTITION_SIZE (1 << 20)

/* From where it begins to what is cut. */
struct path {
    const char *name;
    void (*prepare)(void);
    uint8_t variant; /* of the boot */
    enum bs_err (*run)(void);
    void (*recover)(const struct path *path);
    uint64_t increments; /* in an uncut run; from so many on the vault opens */
    bool always_opens;   /* before them, too */
    bool is_raw;         /* the slots lie on a partition */
};

static struct {
    uint64_t counter;   /* when the path began */
    struct bs_buf kept; /* somebody has a copy of a slot */
} sweep;

static const char *vault_place(void)
{
    return power_device ? power_device : scene_path(VAULT);
}

static void read_slot(size_t index, struct bs_buf *out)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    bs_buf_reset(out);
    assert_ok(slots_open(vault_place(), &slots));
    assert_ok(slots_read(&slots, index, out));
}

static void assert_slots_are_of_now(void)
{
    BS_SCOPED_BUF struct bs_buf a = BS_BUF(SLOT_MAX);
    BS_SCOPED_BUF struct bs_buf b = BS_BUF(SLOT_MAX);
    struct slot slot;
    read_slot(0, &a);
    read_slot(1, &b);
    assert_true(bs_span_equal(bs_buf_span(&a), bs_buf_span(&b)));
    assert_ok(slot_decode(bs_buf_span(&a), &slot));
    assert_int_equal(slot.header.generation, fake_tpm.counter);
    assert_null(memmem(a.data, a.size, "secret", 6));
}

static void assert_names(unsigned expected)
{
    DIR *dir = opendir(scene_path(VAULT));
    assert_non_null(dir);
    unsigned names = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        names += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(dir);
    assert_int_equal(names, expected);
}

static void assert_good_boot(void)
{
    assert_ok(scene_boot());
    assert_int_equal(fake_tpm.caps, 1);
    assert_true(scene.boot.report.is_capped);
    scene_assert_file("/run/credstore/app.key", "secret");
}

/* Nothing is left to be done: neither at the server nor on the disk. */
static void assert_settled(void)
{
    assert_false(unconfirmed_is_set(scene_path(VAULT)));
    assert_int_equal(scene.confirmed_serial, scene.boot.report.serial);
    assert_names(power_device ? 0 : 2);
    assert_slots_are_of_now();
}

/* Without a network. */
static void assert_opens_alone(uint8_t variant)
{
    scene_reboot(variant);
    fake_net.refuse_connects = UINT_MAX;
    assert_good_boot();
    assert_string_equal(scene.boot.report.source, "vault");
    assert_slots_are_of_now();
    fake_net.refuse_connects = 0;
}

/* Nobody but the vault would help. */
static bool opens_refused(uint8_t variant)
{
    scene_reboot(variant);
    scene.refuses = true;
    bool is_open = scene_boot() == BS_OK;
    scene.refuses = false;
    return is_open;
}

static void recover_boot(const struct path *path)
{
    if (path->always_opens || fake_tpm.counter - sweep.counter >= path->increments)
        assert_opens_alone(path->variant);
    scene_reboot(path->variant);
    assert_good_boot();
    assert_settled();
    assert_opens_alone(path->variant);
}

static void put_kept_slots(void)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    assert_ok(slots_make(vault_place(), &slots));
    for (size_t i = 0; i < VAULT_SLOTS; i++)
        assert_ok(slots_write(&slots, i, bs_buf_span(&sweep.kept)));
}

static enum bs_err forget(void)
{
    BS_OWN(tpm) tpm = NULL;
    const struct tpm_options options = { .device = "fake" };
    struct vault_forgotten forgotten;
    enum bs_err err = tpm_open(&options, &tpm);
    return err == BS_OK ? vault_forget(vault_place(), tpm, &forgotten) : err;
}

static void recover_forget(const struct path *path)
{
    if (fake_tpm.counter > sweep.counter) {
        assert_false(opens_refused(0));
        assert_true(fake_tpm.counter >= sweep.counter + path->increments);
    } else if (opens_refused(0)) {
        scene_reboot(0);
        assert_ok(forget());
    }
    put_kept_slots();
    assert_false(opens_refused(0));
    scene_reboot(0);
    assert_good_boot();
    assert_settled();
    assert_string_equal(scene.boot.report.source, "server");
}

static void nothing_before(void)
{
    assert_ok(bs_dir_make(scene_path("/var"), 0755));
}

/* A blank one. */
static void use_partition(void)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s", scene_path("/var/partition"));
    nothing_before();
    assert_ok(bs_file_write(path, BS_SPAN_NONE, NULL));
    assert_int_equal(truncate(path, PARTITION_SIZE), 0);
    scene_configure("vault = { partition = \"vault\"; };\n");
    fake_device.node = power_device = path;
}

static void enrolled_before(void)
{
    nothing_before();
    assert_ok(scene_boot());
    read_slot(0, &sweep.kept);
}

static void due_before(void)
{
    scene.renew_after = 1;
    enrolled_before();
    scene.renew_after = 0;
}

static void failed_before(void)
{
    enrolled_before();
    scene_reboot(0);
    fake_tpm.fail_in = "tpm_state";
    fake_tpm.fail_with = BS_ERR_TPM;
    assert_err(scene_boot(), BS_ERR_TPM);
}

static void forget_cut_before(void)
{
    enrolled_before();
    scene_reboot(0);
    fake_tpm.fail_in = "tpm_counter_increment";
    fake_tpm.fail_with = BS_ERR_TPM;
    assert_err(forget(), BS_ERR_TPM);
}

static const struct path paths[] = {
    { "enroll", nothing_before, 0, scene_boot, recover_boot, 8, false, false }, /* the counter begins at 7 */
    { "renew", due_before, 0, scene_boot, recover_boot, 1, true, false },
    { "reseal", enrolled_before, 1, scene_boot, recover_boot, 1, false, false },
    { "open", failed_before, 0, scene_boot, recover_boot, 0, true, false },
    { "forget", enrolled_before, 0, forget, recover_forget, 2, false, false },
    { "finish", forget_cut_before, 0, scene_boot, recover_boot, 3, false, false },
    { "renew on a partition", due_before, 0, scene_boot, recover_boot, 1, true, true },
    { "forget on a partition", enrolled_before, 0, forget, recover_forget, 2, false, true },
};

/* One point in a scene of its own; 0: not cut, only counted. */
static unsigned run_point(const struct path *path, unsigned at, bool is_lost)
{
    assert_int_equal(scene_setup(NULL), 0);
    sweep.kept = BS_BUF(SLOT_MAX);
    if (path->is_raw)
        use_partition();
    path->prepare();
    scene_reboot(path->variant);
    sweep.counter = fake_tpm.counter;
    power_on(at);
    enum bs_err err = path->run();
    unsigned count = power_off(is_lost && at);
    if (at == 0) {
        assert_ok(err);
        assert_int_equal(fake_tpm.counter - sweep.counter, path->increments);
    }
    path->recover(path);
    bs_buf_free(&sweep.kept);
    power_device = NULL;
    assert_int_equal(scene_teardown(NULL), 0);
    return count;
}

static void a_power_cut_anywhere_leads_to_the_same_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        unsigned count = run_point(&paths[i], 0, false);
        assert_true(count >= 5);
        unsigned step = count > 150 ? 8 : 1, points = 0; /* zeros over a region are hundreds of writes that are alike */
        for (unsigned at = 1; at <= count; at += step, points += 2) {
            run_point(&paths[i], at, true);
            run_point(&paths[i], at, false);
        }
        print_message("%s: %u cut points survived\n", paths[i].name, points);
    }
}

/* A sweep over a disk that never forgets would find nothing. */
static void what_was_not_synchronized_is_lost(void **state)
{
    (void)state;
    assert_int_equal(scene_setup(NULL), 0);
    nothing_before();
    power_on(0);
    assert_ok(bs_file_write(scene_path("/var/kept"), bs_span_of_string("old"), NULL));
    BS_OWN_FD int dir_fd = -1;
    assert_ok(bs_dir_open(scene_path("/var"), &dir_fd));
    BS_OWN_FD int fd = openat(dir_fd, "lost", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, "new", 3) == 3 && fsync(fd) == 0);
    assert_int_equal(renameat(dir_fd, "lost", dir_fd, "kept"), 0);
    power_off(true);
    scene_assert_file("/var/kept", "old");
    assert_false(scene_has("/var/lost"));
    assert_int_equal(scene_teardown(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_synchronized_is_lost),
        cmocka_unit_test(a_power_cut_anywhere_leads_to_the_same_end),
    };
    FILE *nowhere = fopen("/dev/null", "we"); /* every cut is a failed boot that says so */
    if (!nowhere)
        return 1;
    bs_log_setup("test", nowhere, BS_LOG_TEXT, BS_LOG_ERROR);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)fclose(nowhere);
    return failed;
}
