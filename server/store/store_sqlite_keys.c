/* The store in SQLite: keys that devices make, and recovery shares. */
#include "server/store/store_sqlite.h"

#include <assert.h>
#include <string.h>

static enum bs_err take_key(struct sql_use *use, struct store_key *ret_key)
{
    struct store_key key = { 0 };
    take_text(use, key.name, sizeof(key.name));
    key.kind = (enum bs_generated_kind)take_int(use);
    key.size = (uint32_t)take_int(use);
    key.form = (enum bs_generated_form)take_int(use);
    key.generation = (uint64_t)take_int(use);
    struct bs_span half = take_view(use);
    if (half.size > sizeof(key.half))
        use->err = BS_ERR_IO;
    if (use->err != BS_OK)
        return use->err;
    if (half.size > 0)
        memcpy(key.half, half.data, half.size);
    key.half_size = half.size;
    key.recorded = take_int(use);
    if (use->err == BS_OK)
        *ret_key = key;
    return use->err;
}

enum bs_err store_key_get(struct store *store, const uint8_t device[WIRE_ID_SIZE], const char *name,
                          struct store_key *ret_key)
{
    SQL_USE(use, store, SQL_KEY_GET);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_text(&use, name);
    enum bs_err err = sql_row(&use);
    return err == BS_OK ? take_key(&use, ret_key) : err;
}

enum bs_err store_key_put(struct store *store, const uint8_t device[WIRE_ID_SIZE], const struct store_key *key)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_KEY_PUT);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_text(&use, key->name);
    put_int(&use, key->kind);
    put_int(&use, key->size);
    put_int(&use, key->form);
    put_u64(&use, key->generation);
    put_blob(&use, key->half, key->half_size);
    put_int(&use, key->recorded);
    return sql_run(&use);
}

enum bs_err store_key_each(struct store *store, const uint8_t device[WIRE_ID_SIZE], store_key_fn row, void *context)
{
    SQL_USE(use, store, SQL_KEY_EACH);
    put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err;
    while ((err = sql_row(&use)) == BS_OK) {
        struct store_key key;
        err = take_key(&use, &key);
        if (err == BS_OK)
            err = row(context, &key);
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_share_put(struct store *store, const uint8_t device[WIRE_ID_SIZE], const struct store_share *share)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_SHARE_PUT);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_u64(&use, share->serial);
    put_blob(&use, share->value, share->has_value ? sizeof(share->value) : 0);
    put_blob(&use, share->locked, share->locked_size);
    return sql_run(&use);
}

static enum bs_err take_share(struct sql_use *use, struct store_share *ret_share)
{
    struct store_share share = { 0 };
    share.serial = (uint64_t)take_int(use);
    struct bs_span value = take_view(use);
    if (value.size != 0 && value.size != sizeof(share.value))
        use->err = BS_ERR_IO;
    share.has_value = value.size > 0;
    if (share.has_value && use->err == BS_OK)
        memcpy(share.value, value.data, sizeof(share.value));
    struct bs_span locked = take_view(use);
    if (locked.size > sizeof(share.locked))
        use->err = BS_ERR_IO;
    if (locked.size > 0 && use->err == BS_OK)
        memcpy(share.locked, locked.data, locked.size);
    share.locked_size = locked.size;
    if (use->err == BS_OK)
        *ret_share = share;
    bs_wipe(&share, sizeof(share));
    return use->err;
}

enum bs_err store_share_get(struct store *store, const uint8_t device[WIRE_ID_SIZE], uint64_t serial,
                            struct store_share *ret_share)
{
    if (serial > INT64_MAX)
        return BS_ERR_NOT_FOUND;
    SQL_USE(use, store, SQL_SHARE_GET);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_u64(&use, serial);
    enum bs_err err = sql_row(&use);
    return err == BS_OK ? take_share(&use, ret_share) : err;
}

enum bs_err store_share_each(struct store *store, const uint8_t device[WIRE_ID_SIZE], store_share_fn row, void *context)
{
    SQL_USE(use, store, SQL_SHARE_EACH);
    put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err;
    while ((err = sql_row(&use)) == BS_OK) {
        struct store_share share;
        err = take_share(&use, &share);
        if (err == BS_OK)
            err = row(context, &share);
        bs_wipe(&share, sizeof(share));
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_share_prune(struct store *store, const uint8_t device[WIRE_ID_SIZE], uint64_t from,
                              const uint64_t keep[STORE_SHARES_KEPT])
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_SHARE_PRUNE);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_u64(&use, from);
    for (size_t i = 0; i < STORE_SHARES_KEPT; i++)
        put_u64(&use, keep[i] <= INT64_MAX ? keep[i] : 0);
    return sql_run(&use);
}
