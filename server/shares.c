#include "server/shares.h"

#include "core/share.h"

#include <string.h>

/* Answers that may have been sealed although no confirmation came; what the device names is kept beyond that. */
#define UNCONFIRMED_MAX 16

static enum bs_err lock(const struct profile *profile, const struct store_device *device, const uint8_t *value,
                        struct store_share *row)
{
    struct share_label label = { .serial = row->serial };
    memcpy(label.device, device->id, sizeof(label.device));
    _Static_assert(SHARE_LOCKED_SIZE <= sizeof(row->locked), "a locked share fits into its row");
    enum bs_err err = share_lock(&profile->recovery_key, &label, value, row->locked);
    row->locked_size = SHARE_LOCKED_SIZE;
    return err;
}

static enum bs_err prune(struct store *store, const struct store_device *device,
                         const struct message_statement *statement)
{
    uint64_t keep[STORE_SHARES_KEPT] = { device->confirmed_serial, statement->held_serial };
    for (size_t i = 0; i < statement->share_count; i++)
        keep[2 + i] = statement->shares[i];
    uint64_t serial = device->bundle_serial;
    return store_share_prune(store, device->id, serial > UNCONFIRMED_MAX ? serial - UNCONFIRMED_MAX : 0, keep);
}

enum bs_err shares_make(struct store *store, const struct profile *profile, const struct store_device *device,
                        const struct message_statement *statement, struct share_new *ret_share)
{
    struct store_share row = { .serial = device->bundle_serial };
    ret_share->is_there = profile->recovery != PROFILE_RECOVERY_NONE;
    enum bs_err err = prune(store, device, statement);
    if (err != BS_OK || !ret_share->is_there)
        return err;
    err = crypto_random(ret_share->value, sizeof(ret_share->value));
    if (err == BS_OK && profile->recovery == PROFILE_RECOVERY_OPERATOR) {
        err = lock(profile, device, ret_share->value, &row);
    } else {
        row.has_value = true;
        memcpy(row.value, ret_share->value, sizeof(row.value));
    }
    if (err == BS_OK)
        err = store_share_put(store, device->id, &row);
    bs_wipe(&row, sizeof(row));
    return err;
}

enum bs_err shares_find(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                        const struct message_statement *statement, struct shares_found *ret_found)
{
    *ret_found = (struct shares_found){ .count = 0 };
    for (size_t i = 0; i < statement->share_count; i++) {
        struct store_share *row = &ret_found->list[ret_found->count];
        enum bs_err err = store_share_get(store, device, statement->shares[i], row);
        if (err != BS_OK && err != BS_ERR_NOT_FOUND)
            return err;
        if (err == BS_OK && row->has_value)
            ret_found->count++;
        else if (err == BS_OK)
            ret_found->is_locked = true;
    }
    return BS_OK;
}

void shares_put(const struct share_new *share, const struct shares_found *found, struct bundle *bundle)
{
    if (share->is_there)
        bundle->share = BS_SPAN(share->value, sizeof(share->value));
    for (size_t i = 0; i < found->count; i++)
        bundle->shares[i] =
            (struct bundle_share){ found->list[i].serial, BS_SPAN(found->list[i].value, BS_SHARE_SIZE) };
    bundle->share_count = found->count;
}

enum bs_err shares_forget(struct store *store, const uint8_t device[WIRE_ID_SIZE])
{
    return shares_confirmed(store, device, INT64_MAX);
}

enum bs_err shares_confirmed(struct store *store, const uint8_t device[WIRE_ID_SIZE], uint64_t serial)
{
    static const uint64_t none[STORE_SHARES_KEPT];
    return store_share_prune(store, device, serial, none);
}
