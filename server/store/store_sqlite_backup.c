/*
 * The store in SQLite: copying the whole database while it is used. The copy is made through the connection that writes, so what is
 * committed meanwhile goes into both (sqlite3_backup_step), and the copy is that of its last step.
 */
#include "server/store/store_sqlite.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct store_backup {
    struct store *store;
    sqlite3 *target;
    sqlite3_backup *backup;
};

static enum bs_err error_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
        return BS_OK;
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

static enum bs_err open_target(const char *path, sqlite3 **ret_db)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return BS_ERR_IO;
    (void)close(fd);
    return error_of(
        sqlite3_open_v2(path, ret_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL));
}

enum bs_err store_backup_begin(struct store *store, const char *path, struct store_backup **ret_backup)
{
    BS_OWN(store_backup) backup = calloc(1, sizeof(*backup));
    if (!backup)
        return BS_ERR_NOMEM;
    backup->store = store;
    enum bs_err err = open_target(path, &backup->target);
    if (err != BS_OK)
        return err;
    pthread_mutex_lock(&store->lock);
    backup->backup = sqlite3_backup_init(backup->target, "main", store->db, "main");
    pthread_mutex_unlock(&store->lock);
    if (!backup->backup)
        return error_of(sqlite3_errcode(backup->target));
    *ret_backup = BS_TAKE(backup);
    return BS_OK;
}

enum bs_err store_backup_step(struct store_backup *backup, int pages, struct store_backup_progress *ret_progress)
{
    pthread_mutex_lock(&backup->store->lock);
    store_batch_end(backup->store); /* inside a transaction nothing is copied (SQLITE_LOCKED) */
    int code = sqlite3_backup_step(backup->backup, pages);
    *ret_progress = (struct store_backup_progress){ .left = (uint64_t)sqlite3_backup_remaining(backup->backup),
                                                    .total = (uint64_t)sqlite3_backup_pagecount(backup->backup),
                                                    .is_done = code == SQLITE_DONE };
    pthread_mutex_unlock(&backup->store->lock);
    return error_of(code);
}

void store_backup_free(struct store_backup *backup)
{
    if (!backup)
        return;
    pthread_mutex_lock(&backup->store->lock);
    if (backup->backup)
        (void)sqlite3_backup_finish(backup->backup);
    pthread_mutex_unlock(&backup->store->lock);
    sqlite3_close(backup->target);
    free(backup);
}
