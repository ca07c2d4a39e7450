/* Acts about keys that devices make, and about the recovery shares of their vaults. */
#include "server/audit.h"
#include "server/operator/operator.h"
#include "server/operator/operator_internal.h"

#include "core/share.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum bs_err operator_device_keys(struct operator_call *call, const char *id, store_key_fn row, void *context)
{
    struct store_device device;
    enum bs_err err = operator_find(call, id, &device);
    return err == BS_OK ? operator_store(call, store_key_each(call->server->store, device.id, row, context)) : err;
}

/* Rows cannot be changed while they are walked. */
struct key_walk {
    const char *only; /* NULL: all */
    struct store_key *keys;
    size_t count, room;
};

static enum bs_err take_key(void *context, const struct store_key *key)
{
    struct key_walk *walk = context;
    if (walk->only && strcmp(walk->only, key->name) != 0)
        return BS_OK;
    if (walk->count == walk->room)
        return BS_ERR_NOMEM;
    walk->keys[walk->count++] = *key;
    return BS_OK;
}

static enum bs_err order_anew(struct operator_call *call, const struct store_device *device, struct store_key *key)
{
    key->generation++;
    key->half_size = 0;
    key->recorded = 0;
    enum bs_err err = store_key_put(call->server->store, device->id, key);
    return err == BS_OK ? OPERATOR_AUDIT(call, "device.rekey", device->id, "%s, %s: generation %" PRIu64 " is ordered",
                                         key->name, generated_kind_name(key->kind), key->generation)
                        : err;
}

static enum bs_err rekey(struct operator_call *call, const char *id, const char *name, struct operator_rekeyed *ret)
{
    struct store_device device;
    struct key_walk walk = { .only = name, .keys = ret->keys, .room = OPERATOR_KEYS_MAX };
    enum bs_err err = operator_find(call, id, &device);
    if (err == BS_OK)
        err = store_key_each(call->server->store, device.id, take_key, &walk);
    if (err == BS_ERR_NOMEM)
        return operator_fail(call, BS_ERR_INPUT, "this device has more than %d keys; name one: --key=NAME",
                             OPERATOR_KEYS_MAX);
    if (err == BS_OK && walk.count == 0)
        return operator_fail(call, BS_ERR_NOT_FOUND,
                             name
                                 ? "this device was never told to make a key of that name; see: bootsealctl device show"
                                 : "this device was never told to make a key; see: bootsealctl device show");
    for (size_t i = 0; i < walk.count && err == BS_OK; i++)
        err = order_anew(call, &device, &walk.keys[i]);
    memcpy(ret->id, device.id, sizeof(ret->id));
    ret->count = walk.count;
    return err;
}

enum bs_err operator_device_rekey(struct operator_call *call, const char *id, const char *name,
                                  struct operator_rekeyed *ret_rekeyed)
{
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, rekey(call, id, name, ret_rekeyed));
}

/* Locked shares as PEM blocks. */
struct share_walk {
    struct share_label label;
    struct bs_buf *out;
    size_t count;
};

static enum bs_err write_share(void *context, const struct store_share *share)
{
    struct share_walk *walk = context;
    if (share->locked_size == 0)
        return BS_OK;
    walk->count++;
    walk->label.serial = share->serial;
    return share_write(&walk->label, true, BS_SPAN(share->locked, share->locked_size), walk->out);
}

enum bs_err operator_device_shares(struct operator_call *call, const char *id, struct bs_buf *out)
{
    struct store_device device;
    struct share_walk walk = { .out = out };
    call->why[0] = '\0';
    enum bs_err err = operator_find(call, id, &device);
    if (err != BS_OK)
        return err;
    memcpy(walk.label.device, device.id, sizeof(walk.label.device));
    err = store_share_each(call->server->store, device.id, write_share, &walk);
    if (err == BS_OK && walk.count == 0)
        return operator_fail(call, BS_ERR_NOT_FOUND,
                             "no share of this device is encrypted to an operator's key (recovery = \"operator\")");
    return operator_store(call, err);
}

static enum bs_err put_share(struct operator_call *call, const struct share_block *block)
{
    struct store *store = call->server->store;
    struct store_share row;
    enum bs_err err = store_share_get(store, block->label.device, block->label.serial, &row);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err,
                             "the server does not keep share %" PRIu64 " of that device any more, or never did",
                             block->label.serial);
    if (err != BS_OK)
        return err;
    if (row.locked_size == 0) { /* what is in the file would take the place of the only copy */
        bs_wipe(&row, sizeof(row));
        return operator_fail(call, BS_ERR_REFUSED,
                             "share %" PRIu64
                             " of that device was never encrypted to an operator's key: the server gives "
                             "it to the device by itself",
                             block->label.serial);
    }
    row.has_value = true;
    memcpy(row.value, block->bytes.data, sizeof(row.value));
    err = store_share_put(store, block->label.device, &row);
    bs_wipe(&row, sizeof(row));
    return err == BS_OK ? OPERATOR_AUDIT(call, "device.recover", block->label.device,
                                         "share %" PRIu64 " goes to the device with its next approved answer",
                                         block->label.serial)
                        : err;
}

static enum bs_err recover(struct operator_call *call, struct bs_span text, size_t *ret_count)
{
    BS_SCOPED_BUF struct bs_buf room = BS_BUF(256);
    struct bs_reader in = BS_READER(text);
    struct share_block block;
    enum bs_err err;
    *ret_count = 0;
    while ((err = share_read(&in, false, &room, &block)) == BS_OK) {
        err = put_share(call, &block);
        if (err != BS_OK)
            return err;
        (*ret_count)++;
    }
    if (err != BS_ERR_NOT_FOUND || *ret_count == 0)
        return operator_fail(call, BS_ERR_INPUT,
                             "the file holds no recovery share as bootsealctl share open writes it");
    return BS_OK;
}

enum bs_err operator_device_recover(struct operator_call *call, struct bs_span text, size_t *ret_count)
{
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, recover(call, text, ret_count));
}
