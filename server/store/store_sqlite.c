/* The store in SQLite: opening, schema, transactions with group commit, and the helpers of store_sqlite.h. */
#include "server/store/store_sqlite.h"

#include "core/log.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID 0x62736c31 /* "bsl1" in the header of the file, for file(1) */
#define BATCH_MAX 64

static const char *const schemas[] = { store_schema_1, store_schema_2, store_schema_3,
                                       store_schema_4, store_schema_5, store_schema_6 };
#define SCHEMA_VERSION ((int)(sizeof(schemas) / sizeof(schemas[0])))

#define STORE_STATEMENT_TEXT(name, text) text,
static const char *const statement_texts[SQL_COUNT] = { STORE_STATEMENTS(STORE_STATEMENT_TEXT) };

static enum bs_err error_of(sqlite3 *db, int code, const char *what)
{
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
        return BS_OK;
    bs_debug("store", "%s: sqlite %d: %s", what, sqlite3_extended_errcode(db), sqlite3_errmsg(db));
    switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return BS_ERR_BUSY;
    case SQLITE_NOMEM:
        return BS_ERR_NOMEM;
    default:
        return BS_ERR_IO;
    }
}

static enum bs_err execute(sqlite3 *db, const char *sql)
{
    return error_of(db, sqlite3_exec(db, sql, NULL, NULL, NULL), "exec");
}

static enum bs_err user_version(sqlite3 *db, int *ret_version)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? BS_OK : error_of(db, code, "user_version");
}

/* Each step is a transaction of its own, so that a power cut leaves a whole older schema. */
static enum bs_err migrate(sqlite3 *db, const char *path)
{
    int version = 0;
    enum bs_err err = user_version(db, &version);
    if (err != BS_OK)
        return err;
    if (version < 0 || version > SCHEMA_VERSION) {
        bs_error("store", "%s was made by a newer bootseald (schema %d, this one knows %d); install that one or newer",
                 path, version, SCHEMA_VERSION);
        return BS_ERR_CONFIG;
    }
    while (err == BS_OK && version < SCHEMA_VERSION) {
        char set[64];
        snprintf(set, sizeof(set), "PRAGMA user_version = %d; COMMIT", version + 1);
        err = execute(db, "BEGIN EXCLUSIVE");
        if (err == BS_OK)
            err = execute(db, schemas[version]);
        if (err == BS_OK)
            err = execute(db, set);
        version++;
    }
    return err;
}

/*
 * WAL with synchronous=FULL: a commit is on the disk when it returns, and readers do not stop it. secure_delete: what was
 * a secret is overwritten. trusted_schema off: nothing in the file is executed.
 */
static enum bs_err configure(sqlite3 *db)
{
    char application[64];
    snprintf(application, sizeof(application), "PRAGMA application_id = %d", APPLICATION_ID);
    const char *const pragmas[] = {
        "PRAGMA journal_mode = WAL",  "PRAGMA synchronous = FULL",   "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON",  "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON",
        "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -16000",  application,
    };
    for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
        enum bs_err err = execute(db, pragmas[i]);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

static enum bs_err prepare_all(struct store *store)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        int code = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &store->statements[i], NULL);
        if (code != SQLITE_OK)
            return error_of(store->db, code, statement_texts[i]);
    }
    return BS_OK;
}

/* SQLite would make the file with the umask's mode; its -wal and -shm take over the mode of the file. */
static enum bs_err make_private(const char *path)
{
    BS_OWN_FD int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? BS_ERR_IO : BS_OK;
}

static enum bs_err open_database(struct store *store, const char *path)
{
    enum bs_err err = make_private(path);
    if (err != BS_OK)
        return err;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
    int code = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (code != SQLITE_OK)
        return error_of(store->db, code, "open");
    sqlite3_busy_timeout(store->db, 5000);
    err = configure(store->db);
    if (err == BS_OK)
        err = migrate(store->db, path);
    return err == BS_OK ? prepare_all(store) : err;
}

/* Counting what it allocates would cost SQLite a lock for each time it does. */
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum bs_err store_open(const char *path, struct store **ret_store)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, configure_library);
    BS_OWN(store) store = calloc(1, sizeof(*store));
    if (!store)
        return BS_ERR_NOMEM;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_cond_init(&store->committed, NULL);
    enum bs_err err = open_database(store, path);
    if (err == BS_OK)
        *ret_store = BS_TAKE(store);
    return err;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    assert(!store->is_inside && !store->is_open);
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    pthread_cond_destroy(&store->committed);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static enum bs_err run(struct store *store, enum sql which)
{
    SQL_USE(use, store, which);
    return sql_run(&use);
}

void store_observe(struct store *store, store_observe_fn observe, void *context)
{
    store->observe = observe;
    store->observer = context;
}

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static enum bs_err commit_observed(struct store *store)
{
    uint64_t begin = now_us();
    enum bs_err err = run(store, SQL_COMMIT);
    if (store->observe)
        store->observe(store->observer, now_us() - begin, err);
    return err;
}

/*
 * After some errors (disk full, a page that cannot be read, no memory) SQLite has rolled everything back by itself, even where the
 * statement that failed only read and was nobody's transaction.
 */
static bool batch_is_gone(const struct store *store)
{
    return sqlite3_get_autocommit(store->db) != 0;
}

/* Ends SQLite's transaction for all who wait in this batch; `is_lost`: by throwing it away. */
static enum bs_err finish_batch(struct store *store, bool is_lost)
{
    is_lost = is_lost || batch_is_gone(store);
    bool is_commit = !is_lost && store->batch_size > 0;
    enum bs_err err = BS_OK;
    if (!sqlite3_get_autocommit(store->db))
        err = is_commit ? commit_observed(store) : run(store, SQL_ROLLBACK);
    if (err != BS_OK && !sqlite3_get_autocommit(store->db) && run(store, SQL_ROLLBACK) != BS_OK)
        bs_error("store", "a failed transaction cannot be rolled back: %s", sqlite3_errmsg(store->db));
    if (is_lost && err == BS_OK)
        err = BS_ERR_BUSY;
    store->is_open = !sqlite3_get_autocommit(store->db);
    store->batch_size = 0;
    for (struct store_ticket *ticket = BS_TAKE(store->tickets); ticket; ticket = ticket->next)
        ticket->result = err;
    store->batches++;
    if (store->blocked > 0)
        pthread_cond_broadcast(&store->committed);
    return err;
}

void store_batch_end(struct store *store)
{
    assert(!store->is_inside);
    if (store->is_open)
        (void)!finish_batch(store, false);
}

void store_settle(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store_batch_end(store);
    pthread_mutex_unlock(&store->lock);
}

/* Nobody is about to join the batch, or it is large enough: it must end now, since nobody else would end it. */
static bool batch_is_full(struct store *store)
{
    return atomic_load(&store->coming) == 0 || store->batch_size >= BATCH_MAX;
}

/* After a transaction that is not part of the batch: whoever has a ticket ends it, who sleeps in store_commit() does not. */
static bool batch_is_orphaned(struct store *store)
{
    return (store->blocked > 0 || store->batch_size == 0) && batch_is_full(store);
}

enum bs_err store_begin(struct store *store)
{
    atomic_fetch_add(&store->coming, 1);
    pthread_mutex_lock(&store->lock);
    atomic_fetch_sub(&store->coming, 1);
    assert(!store->is_inside);
    if (store->is_open && batch_is_gone(store))
        (void)!finish_batch(store, true);
    enum bs_err err = store->is_open ? BS_OK : run(store, SQL_BEGIN);
    store->is_open = !sqlite3_get_autocommit(store->db);
    if (err == BS_OK)
        err = run(store, SQL_SAVE);
    if (err == BS_OK) {
        store->is_inside = true;
        return BS_OK;
    }
    if (store->is_open && batch_is_orphaned(store))
        (void)!finish_batch(store, false);
    pthread_mutex_unlock(&store->lock);
    return err;
}

/*
 * Ends the caller's transaction: its change is one of the batch. With the lock held, unless it says that it failed. Not inlined: gcc
 * would warn of store_commit()'s ticket, which it does not see leave the list.
 */
__attribute__((noinline)) static enum bs_err join_batch(struct store *store, struct store_ticket *ticket)
{
    assert(store->is_inside);
    enum bs_err err = run(store, SQL_RELEASE);
    if (err != BS_OK) {
        store_rollback(store);
        return err;
    }
    store->is_inside = false;
    store->batch_size++;
    *ticket = (struct store_ticket){ .next = store->tickets };
    store->tickets = ticket;
    return BS_OK;
}

enum bs_err store_commit(struct store *store)
{
    struct store_ticket ticket;
    enum bs_err err = join_batch(store, &ticket);
    if (err != BS_OK)
        return err;
    uint64_t batch = store->batches;
    store->blocked++;
    if (batch_is_full(store))
        (void)!finish_batch(store, false);
    while (store->batches == batch)
        pthread_cond_wait(&store->committed, &store->lock);
    store->blocked--;
    pthread_mutex_unlock(&store->lock);
    return ticket.result;
}

enum bs_err store_commit_later(struct store *store, struct store_ticket *ticket)
{
    enum bs_err err = join_batch(store, ticket);
    if (err != BS_OK)
        return err;
    if (store->batch_size >= BATCH_MAX)
        (void)!finish_batch(store, false);
    pthread_mutex_unlock(&store->lock);
    return BS_OK;
}

void store_rollback(struct store *store)
{
    assert(store->is_inside);
    bool is_lost = batch_is_gone(store) || run(store, SQL_UNDO) != BS_OK || run(store, SQL_RELEASE) != BS_OK;
    store->is_inside = false;
    if (is_lost || batch_is_orphaned(store))
        (void)!finish_batch(store, is_lost);
    pthread_mutex_unlock(&store->lock);
}

struct sql_use sql_begin(struct store *store, enum sql which)
{
    pthread_mutex_lock(&store->lock);
    return (struct sql_use){ .store = store, .statement = store->statements[which] };
}

void sql_end(struct sql_use *use)
{
    sqlite3_reset(use->statement);
    sqlite3_clear_bindings(use->statement);
    pthread_mutex_unlock(&use->store->lock);
}

static void note(struct sql_use *use, int code)
{
    if (use->err == BS_OK)
        use->err = error_of(use->store->db, code, "bind");
}

void put_blob(struct sql_use *use, const void *data, size_t size)
{
    /* A NULL pointer would bind NULL: an empty blob needs a place to point at. */
    note(use, data ? sqlite3_bind_blob64(use->statement, ++use->next, data, size, SQLITE_STATIC)
                   : sqlite3_bind_null(use->statement, ++use->next));
}

void put_text(struct sql_use *use, const char *text)
{
    note(use, sqlite3_bind_text(use->statement, ++use->next, text, -1, SQLITE_STATIC));
}

void put_int(struct sql_use *use, int64_t value)
{
    note(use, sqlite3_bind_int64(use->statement, ++use->next, value));
}

void put_u64(struct sql_use *use, uint64_t value)
{
    put_int(use, (int64_t)value);
}

enum bs_err sql_row(struct sql_use *use)
{
    if (use->err != BS_OK)
        return use->err;
    int code = sqlite3_step(use->statement);
    use->next = 0;
    if (code == SQLITE_DONE)
        return BS_ERR_NOT_FOUND;
    use->err = error_of(use->store->db, code, sqlite3_sql(use->statement));
    return use->err;
}

enum bs_err sql_run(struct sql_use *use)
{
    enum bs_err err = sql_row(use);
    if (err == BS_ERR_NOT_FOUND)
        return BS_OK;
    return err;
}

struct bs_span take_view(struct sql_use *use)
{
    int column = use->next++;
    const void *data = sqlite3_column_blob(use->statement, column);
    return BS_SPAN(data, data ? (size_t)sqlite3_column_bytes(use->statement, column) : 0);
}

void take_blob(struct sql_use *use, void *ret_data, size_t size)
{
    struct bs_span view = take_view(use);
    if (view.size == size && size > 0)
        memcpy(ret_data, view.data, size);
    else if (use->err == BS_OK && size > 0)
        use->err = BS_ERR_IO;
}

void take_bytes(struct sql_use *use, struct bs_buf *ret_buf)
{
    struct bs_span view = take_view(use);
    if (ret_buf && view.size > 0 && use->err == BS_OK)
        use->err = bs_buf_append(ret_buf, view.data, view.size);
}

const char *take_string(struct sql_use *use)
{
    const char *text = (const char *)sqlite3_column_text(use->statement, use->next++);
    return text ? text : "";
}

void take_text(struct sql_use *use, char *ret_text, size_t size)
{
    const char *text = take_string(use);
    if (strlen(text) < size)
        strcpy(ret_text, text);
    else if (use->err == BS_OK)
        use->err = BS_ERR_IO;
}

int64_t take_int(struct sql_use *use)
{
    return sqlite3_column_int64(use->statement, use->next++);
}
