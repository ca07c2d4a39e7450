#include "agent/vault/keys.h"

#include <string.h>

static bool is_of_order(const struct generated_private *key, const struct bundle_generated *order)
{
    return bs_span_equal(key->name, order->key.name) && key->kind == order->key.kind &&
           key->generation == order->key.generation &&
           key->private_half.size == generated_private_size(order->key.kind, order->size);
}

/* The enrolled one, where one was enrolled. */
static bool is_enrolled(const struct generated_private *key, const struct bundle_generated *order,
                        struct bs_span device)
{
    uint8_t half[GENERATED_PUBLIC_MAX];
    size_t size;
    if (order->key.public_half.size == 0)
        return true;
    return generated_public_half(key, device, half, &size) == BS_OK &&
           bs_span_equal(BS_SPAN(half, size), order->key.public_half);
}

static const struct generated_private *find(const struct vault_contents *contents, const struct bundle_generated *order,
                                            struct bs_span device)
{
    for (size_t i = 0; i < contents->key_count; i++)
        if (is_of_order(&contents->keys[i], order) && is_enrolled(&contents->keys[i], order, device))
            return &contents->keys[i];
    return NULL;
}

bool vault_keys_fit(const struct vault_opened *opened)
{
    for (size_t i = 0; i < opened->bundle.key_count; i++)
        if (!find(&opened->contents, &opened->bundle.keys[i], opened->bundle.device))
            return false;
    return opened->contents.key_count == opened->bundle.key_count;
}

static enum bs_err settle_one(const struct bundle_generated *order, const struct generated_private *kept, uint8_t *half)
{
    BS_OWN(secret) made = NULL;
    size_t size = generated_private_size(order->key.kind, order->size);
    if (kept) {
        memcpy(half, kept->private_half.data, size);
        return BS_OK;
    }
    enum bs_err err = generated_make(order->key.kind, order->size, &made);
    if (err == BS_OK)
        memcpy(half, bs_secret_view(made), size);
    return err;
}

static const struct generated_private *find_anywhere(const struct vault_key_sources *sources,
                                                     const struct bundle_generated *order, struct bs_span device)
{
    const struct generated_private *kept = NULL;
    for (size_t i = 0; i < sources->count && !kept; i++)
        kept = find(sources->list[i], order, device);
    return kept;
}

static size_t size_of_all(const struct bundle *bundle)
{
    size_t size = 0;
    for (size_t i = 0; i < bundle->key_count; i++)
        size += generated_private_size(bundle->keys[i].key.kind, bundle->keys[i].size);
    return size;
}

enum bs_err vault_keys_settle(struct vault_opened *fresh, const struct vault_key_sources *sources,
                              struct vault_key_result *ret_result)
{
    const struct bundle *bundle = &fresh->bundle;
    *ret_result = (struct vault_key_result){ 0 };
    if (bundle->key_count == 0)
        return BS_OK;
    BS_OWN(secret) halves = NULL;
    struct generated_private keys[BS_GENERATED_MAX];
    size_t at = 0;
    enum bs_err err = bs_secret_new(size_of_all(bundle), &halves);
    for (size_t i = 0; i < bundle->key_count && err == BS_OK; i++) {
        const struct bundle_generated *order = &bundle->keys[i];
        const struct generated_private *kept = find_anywhere(sources, order, bundle->device);
        size_t size = generated_private_size(order->key.kind, order->size);
        if (!kept && order->key.public_half.size > 0) {
            ret_result->lost = order->key.name;
            return BS_ERR_KEYS_LOST;
        }
        uint8_t *half = bs_secret_data(halves) + at;
        err = settle_one(order, kept, half);
        keys[i] =
            (struct generated_private){ order->key.name, order->key.kind, order->key.generation, BS_SPAN(half, size) };
        at += size;
        ret_result->kept += kept != NULL;
        ret_result->made += kept == NULL;
    }
    if (err != BS_OK)
        return err;
    memcpy(fresh->contents.keys, keys, bundle->key_count * sizeof(keys[0]));
    fresh->contents.key_count = bundle->key_count;
    fresh->made = BS_TAKE(halves);
    return BS_OK;
}

enum bs_err vault_keys_list(const struct vault_contents *contents, struct bs_span device,
                            struct vault_key_list *ret_list)
{
    ret_list->count = 0;
    for (size_t i = 0; i < contents->key_count; i++) {
        const struct generated_private *key = &contents->keys[i];
        size_t size;
        enum bs_err err = generated_public_half(key, device, ret_list->halves[i], &size);
        if (err != BS_OK)
            return err;
        ret_list->keys[i] =
            (struct generated_public){ key->name, key->kind, key->generation, BS_SPAN(ret_list->halves[i], size) };
        ret_list->count++;
    }
    return BS_OK;
}
