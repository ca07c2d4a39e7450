/* Answers that wait for a common commit: none goes out before it, one that failed undoes no other, and a lost batch is a plain "later". */
#include "unit/server/lab.h"

#include "core/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* From here on no file of this process may grow: what a full disk does to a commit. */
static void disk_is_full(bool is_full)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = is_full ? 0 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The descriptor of the database in this process. */
static int database_fd(void)
{
    int found = -1;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char target[512] = "";
        (void)!readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        const char *name = strrchr(target, '/');
        if (name && strcmp(name + 1, CONFIG_DATABASE) == 0)
            found = atoi(entry->d_name);
    }
    closedir(dir);
    assert_true(found >= 0);
    return found;
}

/* Reads something that no cache has, from a disk that does not give it. */
static enum bs_err read_from_bad_disk(struct store *store)
{
    struct store_profile profile;
    int fd = database_fd(), good = dup(fd), bad = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dup2(bad, fd), fd);
    enum bs_err err = store_profile_get(store, "sensor", &profile, NULL);
    assert_int_equal(dup2(good, fd), fd);
    close(bad);
    close(good);
    return err;
}

/* What another connection to the database sees is what is committed. */
static int committed_devices(const struct lab *lab)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", lab->dir, CONFIG_DATABASE);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM device", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static enum bs_err put(struct lab *lab, uint8_t id)
{
    struct store_device device = { .status = STORE_PENDING, .created = id };
    memset(device.id, id, sizeof(device.id));
    enum bs_err err = store_begin(lab->server->store);
    return err == BS_OK ? store_device_put(lab->server->store, &device) : err;
}

static void changes_of_one_turn_become_durable_together(void **state)
{
    struct lab *lab = *state;
    struct store *store = lab->server->store;
    struct store_ticket first, second;
    assert_ok(put(lab, 1));
    assert_ok(store_commit_later(store, &first));
    assert_ok(put(lab, 2));
    store_rollback(store);
    assert_ok(put(lab, 3));
    assert_ok(store_commit_later(store, &second));
    assert_int_equal(committed_devices(lab), 0);
    store_settle(store);
    assert_ok(first.result);
    assert_ok(second.result);
    assert_int_equal(committed_devices(lab), 2);
}

static void a_commit_that_waits_takes_those_along_that_came_before(void **state)
{
    struct lab *lab = *state;
    struct store_ticket ticket;
    assert_ok(put(lab, 1));
    assert_ok(store_commit_later(lab->server->store, &ticket));
    assert_ok(put(lab, 2));
    assert_ok(store_commit(lab->server->store));
    assert_int_equal(committed_devices(lab), 2);
    assert_ok(ticket.result);
}

static void a_batch_that_cannot_be_written_is_lost_as_a_whole(void **state)
{
    struct lab *lab = *state;
    struct store *store = lab->server->store;
    struct store_ticket first, second;
    assert_ok(put(lab, 1));
    assert_ok(store_commit_later(store, &first));
    assert_ok(put(lab, 2));
    assert_ok(store_commit_later(store, &second));
    disk_is_full(true);
    store_settle(store);
    disk_is_full(false);
    assert_int_not_equal(first.result, BS_OK);
    assert_int_not_equal(second.result, BS_OK);
    assert_ok(put(lab, 3));
    assert_ok(store_commit(store));
    assert_int_equal(committed_devices(lab), 1);
}

/* SQLite then throws the transaction away, though nobody asked it to and nobody's change had failed. */
static void a_batch_that_a_failed_read_threw_away_is_lost(void **state)
{
    struct lab *lab = *state;
    struct store_ticket first, second, third;
    lab_restart(lab);
    struct store *store = lab->server->store;
    assert_ok(put(lab, 1));
    assert_ok(store_commit_later(store, &first));
    assert_int_equal(read_from_bad_disk(store), BS_ERR_IO);
    store_settle(store);
    assert_int_equal(committed_devices(lab), 0);
    assert_int_equal(first.result, BS_ERR_BUSY);

    /* The next change does not wait for the end of the turn to find out: it is one of a new batch. */
    lab_restart(lab);
    store = lab->server->store;
    assert_ok(put(lab, 2));
    assert_ok(store_commit_later(store, &second));
    assert_int_equal(read_from_bad_disk(store), BS_ERR_IO);
    assert_ok(put(lab, 3));
    assert_ok(store_commit_later(store, &third));
    assert_int_equal(committed_devices(lab), 0);
    store_settle(store);
    assert_int_equal(second.result, BS_ERR_BUSY);
    assert_ok(third.result);
    assert_int_equal(committed_devices(lab), 1);
}

static void a_verdict_is_not_answered_before_it_is_durable(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab->may_hold = true;
    lab_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_PROVE); /* says nothing that would have to be kept */
    assert_false(talk.result.is_held);
    talk_prove(&talk, &tpm);
    assert_true(talk.result.is_held);
    assert_int_equal(committed_devices(lab), 0);
    talk_settle(&talk);
    assert_false(talk.result.is_held);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE);
    assert_int_equal(committed_devices(lab), 1);
    softtpm_free(&tpm);
}

static void what_could_not_be_kept_is_answered_with_busy(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab->may_hold = true;
    bs_log_set_level(BS_LOG_ERROR);
    lab_approved_device(lab, &tpm);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
    assert_true(talk.result.is_held);
    uint64_t rows = lab_audit_rows(lab);
    disk_is_full(true);
    talk_settle(&talk);
    disk_is_full(false);
    assert_kind(&talk, MESSAGE_BUSY);
    assert_int_equal(talk.result.status, 503);
    assert_true(talk.result.close);
    assert_int_equal(lab_audit_rows(lab), rows - 1);
    TALK(again, lab);
    talk_attest(&again, &tpm, NULL);
    talk_settle(&again);
    assert_kind(&again, MESSAGE_APPROVED);
    softtpm_free(&tpm);
}

/* The connection ends before the turn does: its change is kept like any other, and the store forgets its ticket. */
static void a_device_that_hangs_up_is_settled(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab->may_hold = true;
    lab_device(lab, &tpm);
    {
        TALK(talk, lab);
        talk_enroll(&talk, &tpm, NULL);
        assert_true(talk.result.is_held);
    }
    assert_int_equal(committed_devices(lab), 1);
    assert_ok(put(lab, 1));
    assert_ok(store_commit(lab->server->store));
    softtpm_free(&tpm);
}

#define THREADS 6
#define TURNS 20
#define TURN_SIZE 4

struct worker {
    struct lab *lab;
    uint8_t number;
    unsigned failed;
};

static void one_turn(struct worker *worker, uint8_t turn)
{
    struct store *store = worker->lab->server->store;
    struct store_ticket tickets[TURN_SIZE];
    for (uint8_t i = 0; i < TURN_SIZE; i++) {
        struct store_device device = { .status = STORE_NEW, .id = { worker->number, turn, i } };
        worker->failed += store_begin(store) != BS_OK;
        worker->failed += store_device_put(store, &device) != BS_OK;
        /* Some threads are like the admin socket: they cannot wait. */
        if (worker->number % 3 == 0)
            worker->failed += store_commit(store) != BS_OK;
        else
            worker->failed += store_commit_later(store, &tickets[i]) != BS_OK;
    }
    store_settle(store);
    for (uint8_t i = 0; i < TURN_SIZE && worker->number % 3 != 0; i++)
        worker->failed += tickets[i].result != BS_OK;
}

static void *work(void *context)
{
    for (uint8_t turn = 0; turn < TURNS; turn++)
        one_turn(context, turn);
    return NULL;
}

static void threads_share_batches_and_lose_nothing(void **state)
{
    struct lab *lab = *state;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (uint8_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ lab, i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (uint8_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failed, 0);
    }
    assert_int_equal(committed_devices(lab), THREADS * TURNS * TURN_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(changes_of_one_turn_become_durable_together),
        LAB_TEST(a_commit_that_waits_takes_those_along_that_came_before),
        LAB_TEST(a_batch_that_cannot_be_written_is_lost_as_a_whole),
        LAB_TEST(a_batch_that_a_failed_read_threw_away_is_lost),
        LAB_TEST(a_verdict_is_not_answered_before_it_is_durable),
        LAB_TEST(what_could_not_be_kept_is_answered_with_busy),
        LAB_TEST(a_device_that_hangs_up_is_settled),
        LAB_TEST(threads_share_batches_and_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
