/* The store in SQLite: references, profiles, and the audit log. */
#include "server/store/store_sqlite.h"

#include <assert.h>
#include <string.h>

static enum bs_err take_reference(struct sql_use *use, struct store_reference *ret_reference)
{
    struct store_reference r = { 0 };
    r.id = (uint64_t)take_int(use);
    take_text(use, r.profile, sizeof(r.profile));
    take_blob(use, r.digest, sizeof(r.digest));
    take_blob(use, r.device, sizeof(r.device));
    r.created = take_int(use);
    take_text(use, r.created_by, sizeof(r.created_by));
    r.is_revoked = take_int(use) != 0;
    take_text(use, r.name, sizeof(r.name));
    r.is_release = take_int(use) != 0;
    if (use->err == BS_OK)
        *ret_reference = r;
    return use->err;
}

enum bs_err store_reference_add(struct store *store, const struct store_reference *reference,
                                const struct store_boot *boot, uint64_t *ret_id)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_REFERENCE_ADD);
    put_text(&use, reference->profile);
    put_blob(&use, reference->digest, sizeof(reference->digest));
    put_blob(&use, reference->device, sizeof(reference->device));
    put_int(&use, reference->created);
    put_text(&use, reference->created_by);
    put_text(&use, reference->name);
    put_int(&use, reference->is_release);
    put_boot(&use, boot);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK)
        *ret_id = (uint64_t)take_int(&use);
    return err;
}

static enum bs_err walk_references(struct sql_use *use, bool with_boots, store_reference_fn row, void *context)
{
    struct store_boot boot = STORE_BOOT_INIT;
    enum bs_err err;
    while ((err = sql_row(use)) == BS_OK) {
        struct store_reference reference;
        err = take_reference(use, &reference);
        if (err == BS_OK && with_boots) {
            take_boot(use, &boot);
            err = use->err;
        }
        if (err == BS_OK)
            err = row(context, &reference, with_boots ? &boot : NULL);
        if (err != BS_OK)
            break;
    }
    store_boot_free(&boot);
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_reference_each(struct store *store, const char *profile, bool with_boots, store_reference_fn row,
                                 void *context)
{
    SQL_USE(use, store, with_boots ? SQL_REFERENCE_EACH_BOOT : SQL_REFERENCE_EACH);
    put_text(&use, profile);
    return walk_references(&use, with_boots, row, context);
}

enum bs_err store_reference_releases(struct store *store, const char *profile, uint64_t limit, store_reference_fn row,
                                     void *context)
{
    SQL_USE(use, store, SQL_REFERENCE_RELEASES);
    put_text(&use, profile);
    put_u64(&use, limit);
    return walk_references(&use, true, row, context);
}

enum bs_err store_reference_named(struct store *store, const char *profile, const char *name,
                                  struct store_reference *ret_reference)
{
    SQL_USE(use, store, SQL_REFERENCE_NAMED);
    put_text(&use, profile);
    put_text(&use, name);
    enum bs_err err = sql_row(&use);
    return err == BS_OK ? take_reference(&use, ret_reference) : err;
}

enum bs_err store_reference_get(struct store *store, uint64_t id, struct store_reference *ret_reference,
                                struct store_boot *ret_boot)
{
    SQL_USE(use, store, SQL_REFERENCE_GET);
    put_u64(&use, id);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK)
        err = take_reference(&use, ret_reference);
    if (err != BS_OK)
        return err;
    take_boot(&use, ret_boot);
    return use.err;
}

enum bs_err store_reference_release(struct store *store, uint64_t id, const char *name)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_REFERENCE_RELEASE);
    put_u64(&use, id);
    put_text(&use, name);
    enum bs_err err = sql_run(&use);
    return err == BS_OK && sqlite3_changes(store->db) == 0 ? BS_ERR_NOT_FOUND : err;
}

static enum bs_err take_epoch(struct sql_use *use, uint64_t *ret_epoch)
{
    enum bs_err err = sql_row(use);
    if (err == BS_OK)
        *ret_epoch = (uint64_t)take_int(use);
    return err;
}

enum bs_err store_epoch_get(struct store *store, const char *profile, uint64_t *ret_epoch)
{
    SQL_USE(use, store, SQL_EPOCH_GET);
    put_text(&use, profile);
    return take_epoch(&use, ret_epoch);
}

enum bs_err store_epoch_raise(struct store *store, const char *profile, int64_t now, uint64_t *ret_epoch)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_EPOCH_RAISE);
    put_text(&use, profile);
    put_int(&use, now);
    return take_epoch(&use, ret_epoch);
}

enum bs_err store_reference_revoke(struct store *store, uint64_t id)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_REFERENCE_REVOKE);
    put_u64(&use, id);
    enum bs_err err = sql_run(&use);
    return err == BS_OK && sqlite3_changes(store->db) == 0 ? BS_ERR_NOT_FOUND : err;
}

enum bs_err store_profile_put(struct store *store, const struct store_profile *profile, struct bs_span text)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_PROFILE_PUT);
    put_text(&use, profile->name);
    put_u64(&use, profile->version);
    put_int(&use, profile->applied);
    put_text(&use, profile->applied_by);
    put_blob(&use, text.data, text.size);
    put_text(&use, profile->policy);
    return sql_run(&use);
}

static enum bs_err take_profile(struct sql_use *use, struct store_profile *ret_profile)
{
    struct store_profile p = { 0 };
    take_text(use, p.name, sizeof(p.name));
    p.version = (uint64_t)take_int(use);
    p.applied = take_int(use);
    take_text(use, p.applied_by, sizeof(p.applied_by));
    take_text(use, p.policy, sizeof(p.policy));
    if (use->err == BS_OK)
        *ret_profile = p;
    return use->err;
}

enum bs_err store_profile_get(struct store *store, const char *name, struct store_profile *ret_profile,
                              struct bs_buf *ret_text)
{
    SQL_USE(use, store, SQL_PROFILE_GET);
    put_text(&use, name);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK)
        err = take_profile(&use, ret_profile);
    if (err != BS_OK)
        return err;
    take_bytes(&use, ret_text);
    return use.err;
}

enum bs_err store_profile_each(struct store *store, store_profile_fn row, void *context)
{
    SQL_USE(use, store, SQL_PROFILE_EACH);
    enum bs_err err;
    while ((err = sql_row(&use)) == BS_OK) {
        struct store_profile profile;
        err = take_profile(&use, &profile);
        if (err == BS_OK)
            err = row(context, &profile);
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_policy_put(struct store *store, const struct store_policy *policy, struct bs_span text)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_POLICY_PUT);
    put_text(&use, policy->name);
    put_u64(&use, policy->version);
    put_int(&use, policy->applied);
    put_text(&use, policy->applied_by);
    put_blob(&use, text.data, text.size);
    return sql_run(&use);
}

static enum bs_err take_policy(struct sql_use *use, struct store_policy *ret_policy)
{
    struct store_policy p = { 0 };
    take_text(use, p.name, sizeof(p.name));
    p.version = (uint64_t)take_int(use);
    p.applied = take_int(use);
    take_text(use, p.applied_by, sizeof(p.applied_by));
    if (use->err == BS_OK)
        *ret_policy = p;
    return use->err;
}

enum bs_err store_policy_get(struct store *store, const char *name, struct store_policy *ret_policy,
                             struct bs_buf *ret_text)
{
    SQL_USE(use, store, SQL_POLICY_GET);
    put_text(&use, name);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK)
        err = take_policy(&use, ret_policy);
    if (err != BS_OK)
        return err;
    take_bytes(&use, ret_text);
    return use.err;
}

enum bs_err store_policy_each(struct store *store, store_policy_fn row, void *context)
{
    SQL_USE(use, store, SQL_POLICY_EACH);
    enum bs_err err;
    while ((err = sql_row(&use)) == BS_OK) {
        struct store_policy policy;
        err = take_policy(&use, &policy);
        if (err == BS_OK)
            err = row(context, &policy);
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_audit_last(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[STORE_DIGEST])
{
    SQL_USE(use, store, SQL_AUDIT_LAST);
    enum bs_err err = sql_row(&use);
    if (err == BS_ERR_NOT_FOUND) {
        *ret_sequence = 0;
        memset(ret_hash, 0, STORE_DIGEST);
        return BS_OK;
    }
    if (err != BS_OK)
        return err;
    *ret_sequence = (uint64_t)take_int(&use);
    take_blob(&use, ret_hash, STORE_DIGEST);
    return use.err;
}

enum bs_err store_audit_add(struct store *store, const struct store_audit *row)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_AUDIT_ADD);
    put_u64(&use, row->sequence);
    put_int(&use, row->time);
    put_text(&use, row->actor);
    put_text(&use, row->act);
    put_blob(&use, row->device, WIRE_ID_SIZE);
    put_text(&use, row->reason);
    put_text(&use, row->detail);
    put_blob(&use, row->hash, sizeof(row->hash));
    return sql_run(&use);
}

enum bs_err store_audit_each(struct store *store, uint64_t after, uint64_t limit, const uint8_t *device,
                             store_audit_fn row, void *context)
{
    SQL_USE(use, store, device ? SQL_AUDIT_DEVICE : SQL_AUDIT_EACH);
    put_u64(&use, after);
    put_int(&use, limit > 0 ? (int64_t)limit : -1);
    if (device)
        put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err;
    while ((err = sql_row(&use)) == BS_OK) {
        struct store_audit audit = { 0 };
        audit.sequence = (uint64_t)take_int(&use);
        audit.time = take_int(&use);
        audit.actor = take_string(&use);
        audit.act = take_string(&use);
        struct bs_span id = take_view(&use);
        audit.device = id.size == WIRE_ID_SIZE ? id.data : NULL;
        audit.reason = take_string(&use);
        audit.detail = take_string(&use);
        take_blob(&use, audit.hash, sizeof(audit.hash));
        err = use.err == BS_OK ? row(context, &audit) : use.err;
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

/* Outputs stay as they are when there is no such row. */
static enum bs_err take_sequence(struct sql_use *use, uint64_t *ret_sequence)
{
    enum bs_err err = sql_row(use);
    if (err == BS_OK)
        *ret_sequence = (uint64_t)take_int(use);
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_audit_tail(struct store *store, uint64_t count, const uint8_t *device, uint64_t *ret_after)
{
    SQL_USE(use, store, SQL_AUDIT_TAIL);
    put_u64(&use, count);
    put_blob(&use, device, WIRE_ID_SIZE);
    *ret_after = 0;
    return take_sequence(&use, ret_after);
}

enum bs_err store_audit_since(struct store *store, int64_t time, uint64_t *ret_after)
{
    SQL_USE(use, store, SQL_AUDIT_SINCE);
    put_int(&use, time);
    uint64_t first = INT64_MAX;
    enum bs_err err = take_sequence(&use, &first);
    if (err == BS_OK)
        *ret_after = first - 1;
    return err;
}

enum bs_err store_audit_verdict(struct store *store, const uint8_t device[WIRE_ID_SIZE], struct bs_buf *ret_detail)
{
    SQL_USE(use, store, SQL_AUDIT_VERDICT);
    put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err = sql_row(&use);
    if (err != BS_OK)
        return err;
    take_bytes(&use, ret_detail);
    return use.err;
}
