/* What the store's files share: the connection, its prepared statements, and small helpers around them. Not for others. */
#pragma once

#include "server/store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* The columns of a reference in the order of take_reference(). */
#define REFERENCE_COLUMNS "SELECT id, profile, digest, device, created, created_by, revoked, name, is_release "
#define BOOT_COLUMNS "bank, mask, pcrs, log, userspace_log, command_line "

/* Every statement of the store: name, text. All are prepared when the store is opened. */
#define STORE_STATEMENTS(S)                                                                                           \
    S(BEGIN, "BEGIN IMMEDIATE")                                                                                       \
    S(COMMIT, "COMMIT")                                                                                               \
    S(ROLLBACK, "ROLLBACK")                                                                                           \
    S(SAVE, "SAVEPOINT one")                                                                                          \
    S(RELEASE, "RELEASE one")                                                                                         \
    S(UNDO, "ROLLBACK TO one")                                                                                        \
    S(DEVICE_GET, "SELECT * FROM device WHERE id = ?")                                                                \
    S(DEVICE_BY_AK, "SELECT id FROM device WHERE ak_name = ?")                                                        \
    S(DEVICE_PUT, "INSERT INTO device VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "                \
                  "ON CONFLICT (id) DO UPDATE SET status = excluded.status, profile = excluded.profile, "             \
                  "serial = excluded.serial, labels = excluded.labels, ak_name = excluded.ak_name, "                  \
                  "srk_name = excluded.srk_name, ek_manufacturer = excluded.ek_manufacturer, "                        \
                  "ek_model = excluded.ek_model, ek_version = excluded.ek_version, "                                  \
                  "firmware_version = excluded.firmware_version, reset_count = excluded.reset_count, "                \
                  "accept_reset = excluded.accept_reset, bundle_serial = excluded.bundle_serial, "                    \
                  "confirmed_serial = excluded.confirmed_serial, created = excluded.created, seen = excluded.seen, "  \
                  "verdict = excluded.verdict, reason = excluded.reason, verdict_time = excluded.verdict_time, "      \
                  "verdict_question = excluded.verdict_question, product = excluded.product, "                        \
                  "firmware = excluded.firmware, kernel = excluded.kernel, agent = excluded.agent, "                  \
                  "claimed_serial = excluded.claimed_serial, wipe = excluded.wipe")                                   \
    S(DEVICE_VERDICT, "UPDATE device SET reset_count = ?2, accept_reset = ?3, bundle_serial = ?4, "                   \
                      "confirmed_serial = ?5, seen = ?6, verdict = ?7, reason = ?8, verdict_time = ?9, "              \
                      "verdict_question = ?10 WHERE id = ?1")                                                         \
    S(DEVICE_COUNT, "SELECT count(*) FROM device WHERE status = ?")                                                   \
    S(DEVICE_EACH, "SELECT * FROM device ORDER BY created, id")                                                       \
    S(DEVICE_FIND, "SELECT id FROM device WHERE id >= ? AND id <= ? ORDER BY id LIMIT 2")                             \
    S(EVIDENCE_PUT, "INSERT OR REPLACE INTO evidence VALUES (?,?,?,?,?,?,?,?,?)")                                     \
    S(EVIDENCE_GET, "SELECT question, time, " BOOT_COLUMNS "FROM evidence WHERE device = ?")                          \
    S(REFERENCE_ADD,                                                                                                  \
      "INSERT INTO reference (profile, digest, device, created, created_by, revoked, name, is_release, " BOOT_COLUMNS \
      ") VALUES (?,?,?,?,?,0,?,?,?,?,?,?,?,?) "                                                                       \
      "ON CONFLICT (profile, digest) DO UPDATE SET revoked = 0, "                                                     \
      "name = iif(excluded.name = '', name, excluded.name), "                                                         \
      "is_release = max(is_release, excluded.is_release) RETURNING id")                                               \
    S(REFERENCE_EACH, REFERENCE_COLUMNS "FROM reference WHERE ?1 = '' OR profile = ?1 ORDER BY id")                   \
    S(REFERENCE_EACH_BOOT,                                                                                            \
      REFERENCE_COLUMNS ", " BOOT_COLUMNS "FROM reference WHERE ?1 = '' OR profile = ?1 ORDER BY id")                 \
    S(REFERENCE_RELEASES, REFERENCE_COLUMNS ", bank, mask, pcrs, x'', x'', x'' FROM reference "                       \
                                            "WHERE profile = ? AND is_release <> 0 AND revoked = 0 ORDER BY id DESC " \
                                            "LIMIT ?")                                                                \
    S(REFERENCE_GET, REFERENCE_COLUMNS ", " BOOT_COLUMNS "FROM reference WHERE id = ?")                               \
    S(REFERENCE_NAMED, REFERENCE_COLUMNS "FROM reference WHERE profile = ? AND name = ?")                             \
    S(REFERENCE_RELEASE, "UPDATE reference SET name = ?2, is_release = 1 WHERE id = ?1")                              \
    S(REFERENCE_REVOKE, "UPDATE reference SET revoked = 1, is_release = 0 WHERE id = ?")                              \
    S(EPOCH_GET, "SELECT value FROM epoch WHERE profile = ?")                                                         \
    S(EPOCH_RAISE, "INSERT INTO epoch VALUES (?1, (SELECT max(?2, coalesce(max(value), 0) + 1) FROM epoch)) "         \
                   "ON CONFLICT (profile) DO UPDATE SET value = excluded.value RETURNING value")                      \
    S(PROFILE_PUT, "INSERT OR REPLACE INTO profile VALUES (?,?,?,?,?,?)")                                             \
    S(PROFILE_GET, "SELECT name, version, applied, applied_by, policy, text FROM profile WHERE name = ?")             \
    S(PROFILE_EACH, "SELECT name, version, applied, applied_by, policy FROM profile ORDER BY name")                   \
    S(POLICY_PUT, "INSERT OR REPLACE INTO policy VALUES (?,?,?,?,?)")                                                 \
    S(POLICY_GET, "SELECT name, version, applied, applied_by, text FROM policy WHERE name = ?")                       \
    S(POLICY_EACH, "SELECT name, version, applied, applied_by FROM policy ORDER BY name")                             \
    S(TOKEN_ADD, "INSERT INTO token (hash, profile, uses, used, expires, created, created_by, revoked) "              \
                 "VALUES (?,?,?,0,?,?,?,0) RETURNING id")                                                             \
    S(TOKEN_GET, "SELECT * FROM token WHERE hash = ?")                                                                \
    S(TOKEN_EACH, "SELECT * FROM token ORDER BY id")                                                                  \
    S(TOKEN_REVOKE, "UPDATE token SET revoked = 1 WHERE id = ?")                                                      \
    S(TOKEN_USED_BY, "SELECT 1 FROM token_use WHERE token = ? AND device = ?")                                        \
    S(TOKEN_USE, "INSERT INTO token_use VALUES (?,?,?)")                                                              \
    S(TOKEN_COUNT, "UPDATE token SET used = used + 1 WHERE id = ?")                                                   \
    S(SECRET_GET, "SELECT value FROM secret WHERE device = ? AND item = ?")                                           \
    S(SECRET_PUT, "INSERT INTO secret VALUES (?,?,?,?)")                                                              \
    S(CERT_ADD, "INSERT INTO certificate VALUES (?,?,?,?,?,?,?,?,?)")                                                 \
    S(CERT_GET, "SELECT * FROM certificate WHERE serial = ?")                                                         \
    S(CERT_BY_KEY, "SELECT * FROM certificate WHERE key_sha256 = ? AND status <> 3 "                                  \
                   "ORDER BY issued DESC, rowid DESC LIMIT 1")                                                        \
    S(CERT_FOREIGN, "SELECT 1 FROM certificate WHERE key_sha256 = ? AND device <> ? LIMIT 1")                         \
    S(CERT_CONFIRM, "UPDATE certificate SET status = 2 WHERE serial = ? AND status = 1")                              \
    S(CERT_REVOKE, "UPDATE certificate SET status = 3, revoked = ?3 WHERE device = ?1 AND status <> 3 "               \
                   "AND (?2 IS NULL OR serial <> ?2)")                                                                \
    S(CERT_EACH_REVOKED, "SELECT * FROM certificate WHERE status = 3 AND not_after >= ? ORDER BY revoked, serial")    \
    S(CERT_EACH, "SELECT * FROM certificate WHERE device = ? ORDER BY issued DESC, rowid DESC")                       \
    S(BUNDLE_PUT, "INSERT OR REPLACE INTO bundle VALUES (?,?,?,?,?,?,?)")                                             \
    S(BUNDLE_CONFIRM, "UPDATE bundle SET confirmed = ?2 WHERE device = ?1")                                           \
    S(BUNDLE_GET, "SELECT * FROM bundle WHERE device = ?")                                                            \
    S(KEY_GET, "SELECT name, kind, size, form, generation, half, recorded FROM device_key "                           \
               "WHERE device = ? AND name = ?")                                                                       \
    S(KEY_PUT, "INSERT OR REPLACE INTO device_key VALUES (?,?,?,?,?,?,?,?)")                                          \
    S(KEY_EACH, "SELECT name, kind, size, form, generation, half, recorded FROM device_key "                          \
                "WHERE device = ? ORDER BY name")                                                                     \
    S(SHARE_PUT, "INSERT OR REPLACE INTO share VALUES (?,?,?,?)")                                                     \
    S(SHARE_GET, "SELECT serial, value, locked FROM share WHERE device = ? AND serial = ?")                           \
    S(SHARE_EACH, "SELECT serial, value, locked FROM share WHERE device = ? ORDER BY serial")                         \
    S(SHARE_PRUNE, "DELETE FROM share WHERE device = ?1 AND serial < ?2 AND serial NOT IN (?3, ?4, ?5, ?6)")          \
    S(AUDIT_LAST, "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")                                  \
    S(AUDIT_ADD, "INSERT INTO audit VALUES (?,?,?,?,?,?,?,?)")                                                        \
    S(AUDIT_TAIL, "SELECT sequence FROM audit WHERE ?2 IS NULL OR device = ?2 "                                       \
                  "ORDER BY sequence DESC LIMIT 1 OFFSET ?1")                                                         \
    S(AUDIT_SINCE, "SELECT sequence FROM audit WHERE time >= ? ORDER BY sequence LIMIT 1")                            \
    S(AUDIT_VERDICT, "SELECT detail FROM audit WHERE device = ? AND act >= 'verdict.' AND act < 'verdict/' "          \
                     "ORDER BY sequence DESC LIMIT 1")                                                                \
    S(AUDIT_EACH, "SELECT * FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2")                               \
    S(AUDIT_DEVICE, "SELECT * FROM audit WHERE sequence > ?1 AND device = ?3 ORDER BY sequence LIMIT ?2")

#define STORE_STATEMENT_NAME(name, text) SQL_##name,
enum sql { STORE_STATEMENTS(STORE_STATEMENT_NAME) SQL_COUNT };

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    pthread_mutex_t lock; /* recursive; held from store_begin() to store_commit() */
    pthread_cond_t committed;
    atomic_uint coming; /* threads that are on their way into store_begin() */
    bool is_open;       /* a transaction of SQLite's, shared by a batch of ours */
    bool is_inside;     /* between store_begin() and its end */
    unsigned batch_size;
    uint64_t batches; /* that ended */
    unsigned blocked; /* threads that sleep in store_commit() until the batch ends */
    struct store_ticket *tickets;
    store_observe_fn observe;
    void *observer;
};

/* Makes durable what others have in an open batch, and tells them. With the lock held, and outside of a transaction. */
void store_batch_end(struct store *store);

/*
 * One use of a statement: SQL_USE(q, store, SQL_X) locks the store, and unlocks and resets at the end of the scope.
 * put_* bind the next parameter, take_* read the next column; the first error sticks and sql_* returns it.
 */
struct sql_use {
    struct store *store;
    sqlite3_stmt *statement;
    int next;
    enum bs_err err;
};

struct sql_use sql_begin(struct store *store, enum sql which);
void sql_end(struct sql_use *use);
#define SQL_USE(name, store, which) __attribute__((cleanup(sql_end))) struct sql_use name = sql_begin(store, which)

void put_blob(struct sql_use *use, const void *data, size_t size); /* NULL data: NULL */
void put_text(struct sql_use *use, const char *text);
void put_int(struct sql_use *use, int64_t value);
void put_u64(struct sql_use *use, uint64_t value); /* at most INT64_MAX */

/* OK with a row, NOT_FOUND without one, else what is wrong; starts the columns from the first. */
enum bs_err sql_row(struct sql_use *use) BS_MUST_USE;
/* For statements that give no rows. */
enum bs_err sql_run(struct sql_use *use) BS_MUST_USE;

/* A value that does not fit its place is IO: the database is not what we wrote. */
void take_blob(struct sql_use *use, void *ret_data, size_t size);
void take_bytes(struct sql_use *use, struct bs_buf *ret_buf); /* appends; NULL buffer: skips */
struct bs_span take_view(struct sql_use *use);                /* until the next step */
const char *take_string(struct sql_use *use);                 /* likewise */
void take_text(struct sql_use *use, char *ret_text, size_t size);
int64_t take_int(struct sql_use *use);

/* Six columns and back: BOOT_COLUMNS. */
void put_boot(struct sql_use *use, const struct store_boot *boot);
void take_boot(struct sql_use *use, struct store_boot *ret_boot);

/* server/schema/N.sql, embedded by server/CMakeLists.txt. */
extern const char store_schema_1[];
extern const char store_schema_2[];
extern const char store_schema_3[];
extern const char store_schema_4[];
extern const char store_schema_5[];
extern const char store_schema_6[];
