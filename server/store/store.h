/*
 * What the server remembers. The SQL lives in store_sqlite*.c (and later in store_postgres.c) and nowhere else.
 *
 * Every change happens between store_begin() and store_commit(); after store_commit() said BS_OK it is durable, and only then
 * may a verdict be answered. Threads may share a store: a transaction excludes other threads. Commits that wait, of several threads
 * or of one that says store_commit_later(), are made as one (group commit): each is a savepoint of its own, so that one can be rolled
 * back without the others. What is in such a batch is seen by all who read. Texts are NUL-terminated; blobs are copied into the
 * caller's buffers.
 *
 * Errors: NOT_FOUND where said; BUSY when the disk is full or the database is locked (try later); IO for everything else.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/generated.h"
#include "core/own.h"
#include "core/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_NAME_SIZE 65
#define STORE_TEXT_SIZE 129
#define STORE_LABELS_SIZE 1025
#define STORE_REASON_SIZE 33
#define STORE_DIGEST 32
#define STORE_SERIAL 16
#define STORE_ITEMS_SIZE 4161 /* names of all items of a bundle, each with its comma */
#define STORE_LOG_MAX (256 * 1024)
#define STORE_USERSPACE_LOG_MAX (64 * 1024)
#define STORE_COMMAND_LINE_MAX 4096
#define STORE_PROFILE_MAX (512 * 1024)
#define STORE_POLICY_MAX (512 * 1024)

struct store;

/* Opens, or makes, the database; migrates it forward. CONFIG when a newer program made it. */
enum bs_err store_open(const char *path, struct store **ret_store) BS_MUST_USE;
void store_close(struct store *store);
BS_DEFINE_OWN(store, struct store, store_close)

enum bs_err store_begin(struct store *store) BS_MUST_USE;
enum bs_err store_commit(struct store *store) BS_MUST_USE;
void store_rollback(struct store *store);

/*
 * A change that is done and not yet durable. The ticket is the caller's; it stays where it is, and is not looked at, until
 * store_settle(): then `result` says whether the change is durable. BUSY or IO: it did not happen.
 */
struct store_ticket {
    struct store_ticket *next; /* the store's */
    enum bs_err result;
};
/* In the place of store_commit(). Not BS_OK: the change was undone, and the ticket is not used. */
enum bs_err store_commit_later(struct store *store, struct store_ticket *ticket) BS_MUST_USE;
/* Makes durable what waits. After it the results of all tickets that this thread holds are known. */
void store_settle(struct store *store);

/* Called after each commit, with the time it took and what became of it. */
typedef void (*store_observe_fn)(void *context, uint64_t microseconds, enum bs_err err);
void store_observe(struct store *store, store_observe_fn observe, void *context);

/*
 * A copy of the whole database into a new file (0600), made in steps while the store is used: it is the state of its last step. IO when
 * the file is there already.
 */
struct store_backup;
struct store_backup_progress {
    uint64_t left; /* pages */
    uint64_t total;
    bool is_done;
};
enum bs_err store_backup_begin(struct store *store, const char *path, struct store_backup **ret_backup) BS_MUST_USE;
enum bs_err store_backup_step(struct store_backup *backup, int pages,
                              struct store_backup_progress *ret_progress) BS_MUST_USE;
void store_backup_free(struct store_backup *backup);
BS_DEFINE_OWN(store_backup, struct store_backup, store_backup_free)

/* Devices */

enum store_status {
    STORE_NEW = 1,     /* registered by an operator, never seen */
    STORE_PENDING = 2, /* has proven itself, nobody approved it */
    STORE_APPROVED = 3,
    STORE_REFUSED = 4, /* an operator said no */
    STORE_REVOKED = 5, /* was approved once, is no longer */
};
const char *store_status_name(enum store_status status);

/* What an operator ordered, and whether the device said that it obeyed. Approving it takes the order back. */
enum store_wipe { STORE_WIPE_NONE = 0, STORE_WIPE_ORDERED = 1, STORE_WIPE_DONE = 2 };

struct store_device {
    uint8_t id[WIRE_ID_SIZE];
    enum store_status status;
    char profile[STORE_NAME_SIZE];  /* empty: none yet */
    char serial[STORE_TEXT_SIZE];   /* as registered; empty: it was registered without one, or by nobody */
    char labels[STORE_LABELS_SIZE]; /* NAME=VALUE, separated by commas */
    struct wire_name ak_name;       /* size 0: no pair was proven */
    struct wire_name srk_name;
    char ek_manufacturer[16]; /* from the EK certificate; empty: there is none */
    char ek_model[64];
    char ek_version[16];
    uint64_t firmware_version; /* of the TPM, as quoted */
    uint32_t reset_count;      /* of the last proven quote */
    bool accept_reset;         /* an operator said that a lower one is all right, once */
    uint64_t bundle_serial;    /* last issued, 0: none */
    uint64_t confirmed_serial; /* last confirmed, 0: none */
    int64_t created;
    int64_t seen;
    char verdict[16]; /* last one: "approved", "pending", "refused"; empty: none */
    char reason[STORE_REASON_SIZE];
    int64_t verdict_time;
    uint8_t verdict_question[STORE_DIGEST]; /* the boot it was about */
    char product[STORE_TEXT_SIZE];
    char firmware[STORE_TEXT_SIZE];
    char kernel[STORE_TEXT_SIZE];
    char agent[STORE_TEXT_SIZE];
    char claimed_serial[STORE_TEXT_SIZE]; /* as the machine said last, whatever it had booted */
    enum store_wipe wipe;
};

/* Name of the status, or "wiping" and "wiped". */
const char *store_device_state(const struct store_device *device);

/* The registered serial, else the claimed one. */
const char *store_device_serial(const struct store_device *device);

/* NOT_FOUND when there is no such device. */
enum bs_err store_device_get(struct store *store, const uint8_t id[WIRE_ID_SIZE],
                             struct store_device *ret_device) BS_MUST_USE;
/* The device whose proven AK this is. NOT_FOUND when none. */
enum bs_err store_device_by_ak(struct store *store, const struct wire_name *ak,
                               uint8_t ret_id[WIRE_ID_SIZE]) BS_MUST_USE;
/* Inserts or replaces the whole row. */
enum bs_err store_device_put(struct store *store, const struct store_device *device) BS_MUST_USE;
/* Of a row that is there only what a verdict or a confirmation changes: counter, serials, verdict, seen. No index has any of it. */
enum bs_err store_device_verdict(struct store *store, const struct store_device *device) BS_MUST_USE;
enum bs_err store_device_count(struct store *store, enum store_status status, uint64_t *ret_count) BS_MUST_USE;

/* Calls `row` for each device by time of creation; `row` may stop the walk with an error, which is then returned. */
typedef enum bs_err (*store_device_fn)(void *context, const struct store_device *device);
enum bs_err store_device_each(struct store *store, store_device_fn row, void *context) BS_MUST_USE;

/* Devices whose id begins with this hex text; up to 2, so that an ambiguous prefix is seen. */
enum bs_err store_device_find(struct store *store, const char *prefix, uint8_t ret_ids[2][WIRE_ID_SIZE],
                              size_t *ret_count) BS_MUST_USE;

/* Boots: what a device showed last, and what a profile takes as good */

struct store_boot {
    uint16_t bank;
    uint32_t mask;
    uint8_t pcrs[24][CRYPTO_HASH_MAX]; /* by PCR number, where the mask has a bit */
    struct bs_buf log;                 /* firmware log as sent; owned */
    struct bs_buf userspace_log;       /* systemd's, as sent; empty: none; owned */
    struct bs_buf command_line;        /* the kernel's, as sent; empty: none; owned */
};
#define STORE_BOOT_INIT                                                     \
    ((struct store_boot){ .log = BS_BUF(STORE_LOG_MAX),                     \
                          .userspace_log = BS_BUF(STORE_USERSPACE_LOG_MAX), \
                          .command_line = BS_BUF(STORE_COMMAND_LINE_MAX) })
void store_boot_free(struct store_boot *boot);

/* One of each device: the boot of its last proven evidence. `question` is the digest that an operator approves. */
enum bs_err store_evidence_put(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                               const uint8_t question[STORE_DIGEST], int64_t time,
                               const struct store_boot *boot) BS_MUST_USE;
/* NOT_FOUND; `ret_boot` is initialized by the caller and freed by him. */
enum bs_err store_evidence_get(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                               uint8_t ret_question[STORE_DIGEST], int64_t *ret_time,
                               struct store_boot *ret_boot) BS_MUST_USE;

struct store_reference {
    uint64_t id;
    char profile[STORE_NAME_SIZE];
    uint8_t digest[STORE_DIGEST]; /* of bank and PCR values */
    uint8_t device[WIRE_ID_SIZE]; /* from which it was learned */
    int64_t created;
    char created_by[STORE_NAME_SIZE];
    bool is_revoked;
    char name[STORE_NAME_SIZE]; /* empty: none; of its profile's it is the only one with it */
    bool is_release;            /* vaults under a signed policy may open in it */
};
/* *ret_id: the new one, or the one that says the same already (made good again if it was revoked). IO for a name that is taken. */
enum bs_err store_reference_add(struct store *store, const struct store_reference *reference,
                                const struct store_boot *boot, uint64_t *ret_id) BS_MUST_USE;
/* `boot` is NULL unless `with_boots`; both are the callee's to read until it returns. Empty `profile`: all. */
typedef enum bs_err (*store_reference_fn)(void *context, const struct store_reference *reference,
                                          const struct store_boot *boot);
enum bs_err store_reference_each(struct store *store, const char *profile, bool with_boots, store_reference_fn row,
                                 void *context) BS_MUST_USE;
enum bs_err store_reference_get(struct store *store, uint64_t id, struct store_reference *ret_reference,
                                struct store_boot *ret_boot) BS_MUST_USE;
enum bs_err store_reference_revoke(struct store *store, uint64_t id) BS_MUST_USE;
/* NOT_FOUND. */
enum bs_err store_reference_named(struct store *store, const char *profile, const char *name,
                                  struct store_reference *ret_reference) BS_MUST_USE;
enum bs_err store_reference_release(struct store *store, uint64_t id, const char *name) BS_MUST_USE;
/* Living releases of a profile, the newest first, at most `limit`; their boots without logs. */
enum bs_err store_reference_releases(struct store *store, const char *profile, uint64_t limit, store_reference_fn row,
                                     void *context) BS_MUST_USE;

/*
 * The epoch of a profile's approvals. NOT_FOUND until it was raised for the first time. Raising gives it a value that no profile had
 * before, at least `now` (seconds since 1970), so that a database that was put back from a backup does not give one out twice.
 */
enum bs_err store_epoch_get(struct store *store, const char *profile, uint64_t *ret_epoch) BS_MUST_USE;
enum bs_err store_epoch_raise(struct store *store, const char *profile, int64_t now, uint64_t *ret_epoch) BS_MUST_USE;

/* Profiles: the text of the file as applied; it holds given secrets, so the buffers are wiped when freed. */

struct store_profile {
    char name[STORE_NAME_SIZE];
    uint64_t version; /* rises with every apply */
    int64_t applied;
    char applied_by[STORE_NAME_SIZE];
    char policy[STORE_NAME_SIZE]; /* which boots are good; empty: those that equal a reference */
};
enum bs_err store_profile_put(struct store *store, const struct store_profile *profile,
                              struct bs_span text) BS_MUST_USE;
/* NOT_FOUND; the text is appended to `ret_text` unless that is NULL. */
enum bs_err store_profile_get(struct store *store, const char *name, struct store_profile *ret_profile,
                              struct bs_buf *ret_text) BS_MUST_USE;
typedef enum bs_err (*store_profile_fn)(void *context, const struct store_profile *profile);
enum bs_err store_profile_each(struct store *store, store_profile_fn row, void *context) BS_MUST_USE;

/* Policies: which boots are good, as text of the file as applied (server/policy/policy_file.h). There is no way to take one out. */

struct store_policy {
    char name[STORE_NAME_SIZE];
    uint64_t version; /* rises with every apply */
    int64_t applied;
    char applied_by[STORE_NAME_SIZE];
};
enum bs_err store_policy_put(struct store *store, const struct store_policy *policy, struct bs_span text) BS_MUST_USE;
/* NOT_FOUND; the text is appended to `ret_text` unless that is NULL. */
enum bs_err store_policy_get(struct store *store, const char *name, struct store_policy *ret_policy,
                             struct bs_buf *ret_text) BS_MUST_USE;
typedef enum bs_err (*store_policy_fn)(void *context, const struct store_policy *policy);
enum bs_err store_policy_each(struct store *store, store_policy_fn row, void *context) BS_MUST_USE;

/* Tokens, by the hash of what the device shows */

struct store_token {
    uint64_t id;
    uint8_t hash[CRYPTO_SHA256_SIZE];
    char profile[STORE_NAME_SIZE];
    uint32_t uses; /* different devices that it is good for */
    uint32_t used;
    int64_t expires; /* seconds since 1970 */
    int64_t created;
    char created_by[STORE_NAME_SIZE];
    bool is_revoked;
};
enum bs_err store_token_add(struct store *store, const struct store_token *token, uint64_t *ret_id) BS_MUST_USE;
enum bs_err store_token_get(struct store *store, const uint8_t hash[CRYPTO_SHA256_SIZE],
                            struct store_token *ret_token) BS_MUST_USE;
enum bs_err store_token_revoke(struct store *store, uint64_t id) BS_MUST_USE;
typedef enum bs_err (*store_token_fn)(void *context, const struct store_token *token);
enum bs_err store_token_each(struct store *store, store_token_fn row, void *context) BS_MUST_USE;
/* Whether this device has used this token before; and that it does now (counts it). */
enum bs_err store_token_is_used_by(struct store *store, uint64_t id, const uint8_t device[WIRE_ID_SIZE],
                                   bool *ret_is) BS_MUST_USE;
enum bs_err store_token_use(struct store *store, uint64_t id, const uint8_t device[WIRE_ID_SIZE],
                            int64_t now) BS_MUST_USE;

/* Secrets made for one device: made once, then always the same */

enum bs_err store_secret_get(struct store *store, const uint8_t device[WIRE_ID_SIZE], const char *item,
                             struct bs_secret **ret_secret) BS_MUST_USE;
enum bs_err store_secret_put(struct store *store, const uint8_t device[WIRE_ID_SIZE], const char *item,
                             const struct bs_secret *secret, int64_t now) BS_MUST_USE;

/* Keys that devices make themselves: what is known of them */

struct store_key {
    char name[STORE_NAME_SIZE];
    enum bs_generated_kind kind;
    uint32_t size; /* of random bytes; else 0 */
    enum bs_generated_form form;
    uint64_t generation; /* that is ordered */
    uint8_t half[GENERATED_PUBLIC_MAX];
    size_t half_size; /* 0: none is enrolled */
    int64_t recorded; /* when it was; 0: not */
};
enum bs_err store_key_get(struct store *store, const uint8_t device[WIRE_ID_SIZE], const char *name,
                          struct store_key *ret_key) BS_MUST_USE;
/* Inserts or replaces the row of this name. */
enum bs_err store_key_put(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                          const struct store_key *key) BS_MUST_USE;
typedef enum bs_err (*store_key_fn)(void *context, const struct store_key *key);
enum bs_err store_key_each(struct store *store, const uint8_t device[WIRE_ID_SIZE], store_key_fn row,
                           void *context) BS_MUST_USE;

/* Recovery shares, one for each bundle that may lie in a vault. Wipe after use. */

#define STORE_LOCKED_MAX 160
struct store_share {
    uint64_t serial;
    bool has_value;
    uint8_t value[BS_SHARE_SIZE];
    uint8_t locked[STORE_LOCKED_MAX]; /* encrypted to an operator's key (core/share.h) */
    size_t locked_size;               /* 0: it is not */
};
enum bs_err store_share_put(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                            const struct store_share *share) BS_MUST_USE;
enum bs_err store_share_get(struct store *store, const uint8_t device[WIRE_ID_SIZE], uint64_t serial,
                            struct store_share *ret_share) BS_MUST_USE;
typedef enum bs_err (*store_share_fn)(void *context, const struct store_share *share);
enum bs_err store_share_each(struct store *store, const uint8_t device[WIRE_ID_SIZE], store_share_fn row,
                             void *context) BS_MUST_USE;
/* Deletes those before serial `from`, but for those in `keep` (0: none). */
#define STORE_SHARES_KEPT 4
enum bs_err store_share_prune(struct store *store, const uint8_t device[WIRE_ID_SIZE], uint64_t from,
                              const uint64_t keep[STORE_SHARES_KEPT]) BS_MUST_USE;

/* Device certificates */

enum store_cert_status {
    STORE_CERT_ISSUED = 1, /* sent, nobody has said that it arrived */
    STORE_CERT_LIVING = 2, /* confirmed */
    STORE_CERT_REVOKED = 3,
};
struct store_cert {
    uint8_t serial[STORE_SERIAL];
    uint8_t device[WIRE_ID_SIZE];
    uint8_t key_sha256[CRYPTO_SHA256_SIZE]; /* of the device key's SubjectPublicKeyInfo */
    char profile[STORE_NAME_SIZE];
    enum store_cert_status status;
    int64_t not_after;
    int64_t issued;
    int64_t revoked; /* 0: not */
};
enum bs_err store_cert_add(struct store *store, const struct store_cert *cert, struct bs_span der) BS_MUST_USE;
/* NOT_FOUND; DER is appended to `ret_der` unless that is NULL. */
enum bs_err store_cert_get(struct store *store, const uint8_t serial[STORE_SERIAL], struct store_cert *ret_cert,
                           struct bs_buf *ret_der) BS_MUST_USE;
/* The newest one for this key that is not revoked; NOT_FOUND. */
enum bs_err store_cert_by_key(struct store *store, const uint8_t key_sha256[CRYPTO_SHA256_SIZE],
                              struct store_cert *ret_cert, struct bs_buf *ret_der) BS_MUST_USE;
/* Whether a certificate for this key was ever made for another device. */
enum bs_err store_key_is_foreign(struct store *store, const uint8_t key_sha256[CRYPTO_SHA256_SIZE],
                                 const uint8_t device[WIRE_ID_SIZE], bool *ret_is) BS_MUST_USE;
enum bs_err store_cert_confirm(struct store *store, const uint8_t serial[STORE_SERIAL]) BS_MUST_USE;
/* Revokes all of the device's but `keep` (NULL: all). */
enum bs_err store_cert_revoke_others(struct store *store, const uint8_t device[WIRE_ID_SIZE], const uint8_t *keep,
                                     int64_t now, uint64_t *ret_count) BS_MUST_USE;
typedef enum bs_err (*store_cert_fn)(void *context, const struct store_cert *cert);
enum bs_err store_cert_each(struct store *store, const uint8_t device[WIRE_ID_SIZE], store_cert_fn row,
                            void *context) BS_MUST_USE;
/* Revoked ones whose time is not over, by the time of revocation. */
enum bs_err store_cert_each_revoked(struct store *store, int64_t now, store_cert_fn row, void *context) BS_MUST_USE;

/* The last bundle of each device */

struct store_bundle {
    uint8_t device[WIRE_ID_SIZE];
    uint64_t serial;
    uint8_t confirm_key[CRYPTO_SHA256_SIZE]; /* wipe after use */
    uint8_t cert_serial[STORE_SERIAL];
    int64_t issued;
    int64_t confirmed;            /* 0: not */
    char items[STORE_ITEMS_SIZE]; /* names, separated by commas */
};
enum bs_err store_bundle_put(struct store *store, const struct store_bundle *bundle) BS_MUST_USE;
enum bs_err store_bundle_confirm(struct store *store, const struct store_bundle *bundle) BS_MUST_USE; /* its time */
enum bs_err store_bundle_get(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                             struct store_bundle *ret_bundle) BS_MUST_USE;

/* The audit log: rows that are only ever added, each with the hash of the one before (server/audit.c). */

struct store_audit {
    uint64_t sequence;
    int64_t time;
    const char *actor; /* "device", "bootseald", or the operator's "uid:1000(anna)" */
    const char *act;
    const uint8_t *device; /* WIRE_ID_SIZE bytes or NULL */
    const char *reason;    /* stable name or empty */
    const char *detail;    /* for a person */
    uint8_t hash[STORE_DIGEST];
};
enum bs_err store_audit_last(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[STORE_DIGEST]) BS_MUST_USE;
enum bs_err store_audit_add(struct store *store, const struct store_audit *row) BS_MUST_USE;
typedef enum bs_err (*store_audit_fn)(void *context, const struct store_audit *row);
/* Rows from sequence `after` + 1 on, at most `limit` (0: all); with a device: only its. */
enum bs_err store_audit_each(struct store *store, uint64_t after, uint64_t limit, const uint8_t *device,
                             store_audit_fn row, void *context) BS_MUST_USE;
/* What to give as `after` to see the last `count` rows, or those from a time on. */
enum bs_err store_audit_tail(struct store *store, uint64_t count, const uint8_t *device,
                             uint64_t *ret_after) BS_MUST_USE;
enum bs_err store_audit_since(struct store *store, int64_t time, uint64_t *ret_after) BS_MUST_USE;
/* The sentence of the last verdict about a device; NOT_FOUND. */
enum bs_err store_audit_verdict(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                                struct bs_buf *ret_detail) BS_MUST_USE;
