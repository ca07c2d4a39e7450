#include "server/device_keys.h"

#include "bootseal/reason.h"

#include "server/audit.h"

#include <stdio.h>
#include <string.h>

static bool is_as_ordered(const struct store_key *row, const struct profile_item *item)
{
    return row->kind == profile_key_kind(item) && row->size == profile_key_size(item);
}

/* After a rekey it is to make one, whatever it has. */
static bool may_be_made(const struct store_key *row)
{
    return row->half_size == 0 && row->generation == 1;
}

static enum bs_err order(struct store *store, const struct profile_item *item, const uint8_t device[WIRE_ID_SIZE],
                         struct device_keys *keys, char why[256])
{
    struct store_key row;
    enum bs_err err = store_key_get(store, device, item->name, &row);
    bool was_ordered = err == BS_OK;
    if (err == BS_ERR_NOT_FOUND)
        row = (struct store_key){ .generation = 1 };
    else if (err != BS_OK)
        return err;
    if (row.half_size > 0 && !is_as_ordered(&row, item)) {
        snprintf(
            why, 256,
            "the key \"%s\" of this device is enrolled as %s, and its profile wants another type or size; for a new one: "
            "bootsealctl device rekey",
            item->name, generated_kind_name(row.kind));
        return BS_ERR_INPUT;
    }
    snprintf(row.name, sizeof(row.name), "%s", item->name);
    row.kind = profile_key_kind(item);
    row.size = profile_key_size(item);
    row.form = profile_key_form(item);
    err = store_key_put(store, device, &row);
    if (err != BS_OK)
        return err;
    keys->may_be_made = keys->may_be_made || (was_ordered && may_be_made(&row));
    keys->is_again[keys->count] = was_ordered && row.half_size == 0;
    keys->rows[keys->count++] = row;
    return BS_OK;
}

enum bs_err device_keys_order(struct store *store, const struct profile *profile, const uint8_t device[WIRE_ID_SIZE],
                              struct device_keys *ret_keys, char why[256])
{
    ret_keys->count = 0;
    ret_keys->may_be_made = false;
    for (size_t i = 0; i < profile->item_count; i++) {
        if (profile->items[i].kind != PROFILE_GENERATE)
            continue;
        enum bs_err err = order(store, &profile->items[i], device, ret_keys, why);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

enum bs_err device_keys_note_again(struct server *server, const uint8_t device[WIRE_ID_SIZE],
                                   const struct device_keys *keys)
{
    const struct audit_entry entry = { "bootseald", "key.order", device, NULL };
    enum bs_err err = BS_OK;
    for (size_t i = 0; i < keys->count && err == BS_OK; i++)
        if (keys->is_again[i])
            err = audit_add(server, &entry, "%s, %s, generation %llu: ordered, and nothing is enrolled of it yet",
                            keys->rows[i].name, generated_kind_name(keys->rows[i].kind),
                            (unsigned long long)keys->rows[i].generation);
    return err;
}

void device_keys_put(const struct device_keys *keys, struct bundle *bundle)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct store_key *row = &keys->rows[i];
        bundle->keys[i] = (struct bundle_generated){
            .key = { bs_span_of_string(row->name), row->kind, row->generation, BS_SPAN(row->half, row->half_size) },
            .size = row->size,
            .form = row->form,
        };
    }
    bundle->key_count = keys->count;
}

static bool is_this(const struct store_key *row, const struct generated_public *key)
{
    return bs_span_equal(key->name, bs_span_of_string(row->name)) && key->kind == row->kind &&
           key->generation == row->generation;
}

bool device_keys_are_held(const struct device_keys *keys, const struct generated_public *held, size_t count)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct store_key *row = &keys->rows[i];
        bool is_held = row->half_size == 0;
        for (size_t k = 0; k < count && !is_held; k++)
            is_held = is_this(row, &held[k]) && bs_span_equal(held[k].public_half, BS_SPAN(row->half, row->half_size));
        if (!is_held)
            return false;
    }
    return true;
}

static enum bs_err record(struct server *server, const uint8_t device[WIRE_ID_SIZE], const struct generated_public *key)
{
    struct store_key row;
    char name[STORE_NAME_SIZE], hex[2 * GENERATED_PUBLIC_MAX + 1];
    snprintf(name, sizeof(name), "%.*s", (int)key->name.size, (const char *)key->name.data);
    enum bs_err err = store_key_get(server->store, device, name, &row);
    if (err == BS_ERR_NOT_FOUND || (err == BS_OK && !is_this(&row, key)))
        return BS_OK; /* of another profile, or of before a rekey */
    if (err != BS_OK)
        return err;
    if (row.half_size > 0 && bs_span_equal(key->public_half, BS_SPAN(row.half, row.half_size)))
        return BS_OK;
    bs_hex(key->public_half, hex);
    const struct audit_entry differs = { "device", "key.differs", device, BS_REASON_KEYS_LOST };
    if (row.half_size > 0)
        return audit_add(server, &differs, "the device holds a key %s (%s) that is not the enrolled one: %s", name,
                         generated_kind_name(row.kind), hex);
    memcpy(row.half, key->public_half.data, key->public_half.size);
    row.half_size = key->public_half.size;
    row.recorded = server->now();
    err = store_key_put(server->store, device, &row);
    const struct audit_entry entry = { "device", "key.enroll", device, NULL };
    return err == BS_OK ? audit_add(server, &entry, "%s, %s, generation %llu: %s", name, generated_kind_name(row.kind),
                                    (unsigned long long)row.generation, hex)
                        : err;
}

enum bs_err device_keys_record(struct server *server, const uint8_t device[WIRE_ID_SIZE],
                               const struct generated_public *keys, size_t count)
{
    enum bs_err err = BS_OK;
    for (size_t i = 0; i < count && err == BS_OK; i++)
        err = record(server, device, &keys[i]);
    return err;
}
