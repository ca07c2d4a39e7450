/* The store alone: what is committed stays, what is not is gone, and a newer schema is left alone. */
#include "unit/unit.h"

#include "core/log.h"
#include "server/store/store.h"
#include "unit/folder.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

static struct store_device device_of(uint8_t id)
{
    struct store_device device = { .status = STORE_PENDING, .created = id, .reset_count = UINT32_MAX };
    memset(device.id, id, sizeof(device.id));
    strcpy(device.profile, "sensor");
    strcpy(device.labels, "a=b,c=d");
    return device;
}

static void put_device(struct store *store, uint8_t id)
{
    struct store_device device = device_of(id);
    assert_ok(store_begin(store));
    assert_ok(store_device_put(store, &device));
    assert_ok(store_commit(store));
}

static void open_in(void **state, struct store **ret_store)
{
    assert_ok(store_open(folder_path(state, "db"), ret_store));
}

static void a_device_comes_back_as_it_was_put(void **state)
{
    BS_OWN(store) store = NULL;
    struct store_device device = device_of(7), found;
    memcpy(device.ak_name.name, "\0\x0b", 2);
    device.ak_name.size = 34;
    device.firmware_version = UINT64_MAX;
    device.accept_reset = true;
    strcpy(device.reason, "capped");
    open_in(state, &store);
    assert_ok(store_begin(store));
    assert_ok(store_device_put(store, &device));
    assert_ok(store_commit(store));
    store_close(BS_TAKE(store));
    open_in(state, &store);
    assert_ok(store_device_get(store, device.id, &found));
    assert_memory_equal(&found, &device, sizeof(found));
    uint8_t id[WIRE_ID_SIZE];
    assert_ok(store_device_by_ak(store, &device.ak_name, id));
    assert_memory_equal(id, device.id, sizeof(id));
    device.id[0] = 8;
    assert_err(store_device_get(store, device.id, &found), BS_ERR_NOT_FOUND);
}

static void a_verdict_changes_its_own_columns_and_no_others(void **state)
{
    BS_OWN(store) store = NULL;
    struct store_device device = device_of(7), changed = device, found;
    open_in(state, &store);
    put_device(store, 7);
    changed.reset_count = 5;
    changed.accept_reset = true;
    changed.bundle_serial = 6;
    changed.confirmed_serial = 5;
    changed.seen = changed.verdict_time = 8;
    strcpy(changed.verdict, "approved");
    strcpy(changed.reason, "capped");
    memset(changed.verdict_question, 9, sizeof(changed.verdict_question));
    device = changed;
    strcpy(device.profile, "another");
    device.status = STORE_REVOKED;
    device.created = 99;
    assert_ok(store_begin(store));
    assert_ok(store_device_verdict(store, &device));
    assert_ok(store_commit(store));
    assert_ok(store_device_get(store, device.id, &found));
    assert_memory_equal(&found, &changed, sizeof(found));
}

static void two_devices_cannot_have_one_ak(void **state)
{
    BS_OWN(store) store = NULL;
    struct store_device a = device_of(1), b = device_of(2);
    memcpy(a.ak_name.name, "\0\x0b", 2);
    a.ak_name.size = 34;
    b.ak_name = a.ak_name;
    open_in(state, &store);
    assert_ok(store_begin(store));
    assert_ok(store_device_put(store, &a));
    assert_err(store_device_put(store, &b), BS_ERR_IO);
    store_rollback(store);
}

static void what_is_rolled_back_did_not_happen(void **state)
{
    BS_OWN(store) store = NULL;
    struct store_device device = device_of(1);
    uint64_t count;
    open_in(state, &store);
    assert_ok(store_begin(store));
    assert_ok(store_device_put(store, &device));
    store_rollback(store);
    assert_ok(store_device_count(store, STORE_PENDING, &count));
    assert_int_equal(count, 0);
}

static void the_database_is_for_its_owner_alone(void **state)
{
    BS_OWN(store) store = NULL;
    struct stat st;
    open_in(state, &store);
    put_device(store, 1);
    static const char *const names[] = { "db", "db-wal", "db-shm" };
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(stat(folder_path(state, names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void execute(void **state, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(folder_path(state, "db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_newer_schema_is_left_alone(void **state)
{
    struct store *store = NULL;
    bs_log_set_level(BS_LOG_ERROR);
    open_in(state, &store);
    store_close(BS_TAKE(store));
    execute(state, "PRAGMA user_version = 99");
    assert_err(store_open(folder_path(state, "db"), &store), BS_ERR_CONFIG);
    assert_null(store);
}

static void an_older_schema_is_migrated_and_keeps_what_it_has(void **state)
{
    BS_OWN(store) store = NULL;
    struct store_bundle bundle = { .serial = 7 }, found;
    struct store_boot boot = STORE_BOOT_INIT;
    uint8_t question[STORE_DIGEST] = { 0 };
    int64_t time;
    memset(bundle.device, 1, sizeof(bundle.device));
    strcpy(bundle.items, "a,b");
    boot.bank = CRYPTO_SHA256;
    open_in(state, &store);
    put_device(store, 1);
    assert_ok(store_begin(store));
    assert_ok(store_bundle_put(store, &bundle));
    assert_ok(store_evidence_put(store, bundle.device, question, 5, &boot));
    assert_ok(store_commit(store));
    assert_ok(store_bundle_get(store, bundle.device, &found));
    assert_string_equal(found.items, "a,b");
    store_close(BS_TAKE(store));
    execute(
        state,
        "ALTER TABLE bundle DROP COLUMN items; DROP TABLE epoch; DROP TABLE device_key; DROP TABLE share; DROP INDEX reference_name; "
        "ALTER TABLE device DROP COLUMN wipe; ALTER TABLE reference DROP COLUMN name; ALTER TABLE reference DROP COLUMN is_release; "
        "DROP TABLE policy; ALTER TABLE profile DROP COLUMN policy; ALTER TABLE evidence DROP COLUMN userspace_log; ALTER TABLE evidence DROP COLUMN command_line; "
        "ALTER TABLE reference DROP COLUMN userspace_log; ALTER TABLE reference DROP COLUMN command_line; "
        "PRAGMA user_version = 1");
    open_in(state, &store);
    assert_ok(store_bundle_get(store, bundle.device, &found));
    assert_int_equal(found.serial, 7);
    assert_string_equal(found.items, "");
    assert_ok(store_evidence_get(store, bundle.device, question, &time, &boot));
    assert_int_equal(boot.userspace_log.size + boot.command_line.size, 0);
    store_boot_free(&boot);
    assert_ok(store_begin(store));
    assert_ok(store_bundle_put(store, &bundle));
    assert_ok(store_commit(store));
}

static void a_backup_is_the_state_of_its_last_step(void **state)
{
    BS_OWN(store) store = NULL;
    BS_OWN(store) copy = NULL;
    BS_OWN(store_backup) backup = NULL;
    struct store_backup_progress progress = { .is_done = false };
    uint64_t count;
    open_in(state, &store);
    for (uint8_t id = 1; id < 20; id++)
        put_device(store, id);
    assert_ok(store_backup_begin(store, folder_path(state, "copy"), &backup));
    for (uint8_t id = 20; !progress.is_done; id++) {
        put_device(store, id); /* while it is made */
        assert_ok(store_backup_step(backup, 3, &progress));
        assert_true(id < 200);
    }
    assert_ok(store_device_count(store, STORE_PENDING, &count));
    store_backup_free(BS_TAKE(backup));
    put_device(store, 250); /* after it */
    struct stat st;
    assert_int_equal(stat(folder_path(state, "copy"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    uint64_t copied;
    assert_ok(store_open(folder_path(state, "copy"), &copy));
    assert_ok(store_device_count(copy, STORE_PENDING, &copied));
    assert_int_equal(copied, count);
    struct store_backup *again = NULL;
    assert_err(store_backup_begin(store, folder_path(state, "copy"), &again), BS_ERR_IO);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct store *store = NULL;
    folder_put(state, "db",
               "this is a text of more than a hundred bytes, which is no database at all, and never was one, "
               "whatever its name may say to the contrary");
    assert_err(store_open(folder_path(state, "db"), &store), BS_ERR_IO);
}

static void a_prefix_finds_one_or_tells_that_there_are_more(void **state)
{
    BS_OWN(store) store = NULL;
    uint8_t ids[2][WIRE_ID_SIZE];
    size_t count;
    open_in(state, &store);
    put_device(store, 0x12);
    put_device(store, 0x1f);
    assert_ok(store_device_find(store, "12", ids, &count));
    assert_int_equal(count, 1);
    assert_int_equal(ids[0][0], 0x12);
    assert_ok(store_device_find(store, "1", ids, &count));
    assert_int_equal(count, 2);
    assert_ok(store_device_find(store, "2", ids, &count));
    assert_int_equal(count, 0);
    assert_err(store_device_find(store, "1x", ids, &count), BS_ERR_INPUT);
    assert_err(store_device_find(store, "", ids, &count), BS_ERR_INPUT);
}

static void a_boot_comes_back_as_it_was_put(void **state)
{
    BS_OWN(store) store = NULL;
    struct store_boot boot = STORE_BOOT_INIT, found = STORE_BOOT_INIT;
    uint8_t id[WIRE_ID_SIZE], question[STORE_DIGEST] = { 1 }, found_question[STORE_DIGEST];
    int64_t time;
    boot.bank = CRYPTO_SHA384;
    boot.mask = 1u << 0 | 1u << 23;
    memset(boot.pcrs[0], 1, 48);
    memset(boot.pcrs[23], 2, 48);
    memset(id, 1, sizeof(id));
    open_in(state, &store);
    put_device(store, 1);
    for (int i = 0; i < 2; i++) { /* without a log, then with one */
        assert_ok(store_begin(store));
        assert_ok(store_evidence_put(store, id, question, 5 + i, &boot));
        assert_ok(store_commit(store));
        assert_ok(store_evidence_get(store, id, found_question, &time, &found));
        assert_int_equal(time, 5 + i);
        assert_memory_equal(found.pcrs, boot.pcrs, sizeof(boot.pcrs));
        assert_true(bs_span_equal(bs_buf_span(&found.log), bs_buf_span(&boot.log)));
        assert_true(bs_span_equal(bs_buf_span(&found.userspace_log), bs_buf_span(&boot.userspace_log)));
        assert_true(bs_span_equal(bs_buf_span(&found.command_line), bs_buf_span(&boot.command_line)));
        assert_ok(bs_buf_append_string(&boot.log, "a log"));
        assert_ok(bs_buf_append_string(&boot.userspace_log, "what systemd measured"));
        assert_ok(bs_buf_append_string(&boot.command_line, "ro quiet"));
    }
    store_boot_free(&boot);
    store_boot_free(&found);
}

static enum bs_err take_names(void *context, const struct store_policy *policy)
{
    strcat(strcat((char *)context, policy->name), " ");
    return BS_OK;
}

static void a_policy_is_replaced_by_its_next_version(void **state)
{
    BS_OWN(store) store = NULL;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(STORE_POLICY_MAX);
    struct store_policy policy = { .version = 1, .applied = 7 }, found;
    char names[64] = "";
    open_in(state, &store);
    assert_err(store_policy_get(store, "gateway", &found, NULL), BS_ERR_NOT_FOUND);
    for (; policy.version < 3; policy.version++) {
        assert_ok(store_begin(store));
        strcpy(policy.name, "gateway");
        assert_ok(store_policy_put(store, &policy, bs_span_of_string(policy.version == 1 ? "one" : "two")));
        strcpy(policy.name, "a");
        assert_ok(store_policy_put(store, &policy, bs_span_of_string("other")));
        assert_ok(store_commit(store));
    }
    assert_ok(store_policy_get(store, "gateway", &found, &text));
    assert_int_equal(found.version, 2);
    assert_int_equal(found.applied, 7);
    assert_true(bs_span_equal(bs_buf_span(&text), bs_span_of_string("two")));
    assert_ok(store_policy_each(store, take_names, names));
    assert_string_equal(names, "a gateway ");
}

static void a_generated_secret_is_kept(void **state)
{
    BS_OWN(store) store = NULL;
    BS_OWN(secret) secret = NULL;
    BS_OWN(secret) found = NULL;
    uint8_t id[WIRE_ID_SIZE];
    memset(id, 1, sizeof(id));
    open_in(state, &store);
    put_device(store, 1);
    assert_ok(bs_secret_copy("0123456789", 10, &secret));
    assert_err(store_secret_get(store, id, "db.key", &found), BS_ERR_NOT_FOUND);
    assert_ok(store_begin(store));
    assert_ok(store_secret_put(store, id, "db.key", secret, 1));
    assert_ok(store_commit(store));
    assert_ok(store_secret_get(store, id, "db.key", &found));
    assert_int_equal(bs_secret_size(found), 10);
    assert_memory_equal(bs_secret_view(found), "0123456789", 10);
}

#define THREADS 8
#define ROUNDS 40

struct worker {
    struct store *store;
    unsigned number;
    unsigned failed;
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct store_device device = device_of(0);
        device.id[0] = (uint8_t)worker->number;
        device.id[1] = (uint8_t)i;
        bool keep = i % 4 != 3;
        worker->failed += store_begin(worker->store) != BS_OK;
        worker->failed += store_device_put(worker->store, &device) != BS_OK;
        if (keep)
            worker->failed += store_commit(worker->store) != BS_OK;
        else
            store_rollback(worker->store);
    }
    return NULL;
}

static void threads_that_commit_together_lose_nothing(void **state)
{
    BS_OWN(store) store = NULL;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    uint64_t count;
    open_in(state, &store);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ store, i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failed, 0);
    }
    store_close(BS_TAKE(store));
    open_in(state, &store);
    assert_ok(store_device_count(store, STORE_PENDING, &count));
    assert_int_equal(count, THREADS * ROUNDS / 4 * 3);
}

/* SQLite copies nothing while a transaction is open, and a batch of several threads is one: a step must not come to it in between. */
static void a_backup_is_made_while_threads_commit(void **state)
{
    BS_OWN(store) store = NULL;
    BS_OWN(store) copy = NULL;
    BS_OWN(store_backup) backup = NULL;
    struct store_backup_progress progress = { .is_done = false };
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    unsigned refused = 0;
    uint64_t count;
    open_in(state, &store);
    assert_ok(store_backup_begin(store, folder_path(state, "copy"), &backup));
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ store, i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    while (!progress.is_done && refused == 0)
        refused += store_backup_step(backup, 1, &progress) != BS_OK;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failed, 0);
    }
    assert_int_equal(refused, 0);
    store_backup_free(BS_TAKE(backup));
    assert_ok(store_open(folder_path(state, "copy"), &copy));
    assert_ok(store_device_count(copy, STORE_PENDING, &count));
    assert_true(count <= THREADS * ROUNDS / 4 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_device_comes_back_as_it_was_put),
        FOLDER_TEST(a_verdict_changes_its_own_columns_and_no_others),
        FOLDER_TEST(two_devices_cannot_have_one_ak),
        FOLDER_TEST(what_is_rolled_back_did_not_happen),
        FOLDER_TEST(the_database_is_for_its_owner_alone),
        FOLDER_TEST(a_newer_schema_is_left_alone),
        FOLDER_TEST(an_older_schema_is_migrated_and_keeps_what_it_has),
        FOLDER_TEST(a_backup_is_the_state_of_its_last_step),
        FOLDER_TEST(a_file_that_is_no_database_is_refused),
        FOLDER_TEST(a_prefix_finds_one_or_tells_that_there_are_more),
        FOLDER_TEST(a_boot_comes_back_as_it_was_put),
        FOLDER_TEST(a_policy_is_replaced_by_its_next_version),
        FOLDER_TEST(a_generated_secret_is_kept),
        FOLDER_TEST(threads_that_commit_together_lose_nothing),
        FOLDER_TEST(a_backup_is_made_while_threads_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
