/* From a profile to the items of one device. */
#include "server/profile.h"

#include "core/crypto.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define VARIABLE_MAX 96

static bool label_name_is_valid(struct bs_span name)
{
    return name.size > 0 && bundle_item_name_is_valid(name);
}

static bool label_value_is_valid(struct bs_span value)
{
    struct bs_reader reader = BS_READER(value);
    uint32_t character;
    bool is_valid;
    while (bs_utf8_take(&reader, &character, &is_valid))
        if (!is_valid || bs_is_control(character))
            return false;
    return true;
}

/* Takes NAME=VALUE up to the next comma from the front. */
static bool take_label(struct bs_span *rest, struct bs_span *ret_name, struct bs_span *ret_value)
{
    if (rest->size == 0)
        return false;
    const uint8_t *comma = memchr(rest->data, ',', rest->size);
    struct bs_span label = BS_SPAN(rest->data, comma ? (size_t)(comma - rest->data) : rest->size);
    *rest = comma ? BS_SPAN(comma + 1, rest->size - label.size - 1) : BS_SPAN_NONE;
    const uint8_t *equals = memchr(label.data, '=', label.size);
    size_t name = equals ? (size_t)(equals - label.data) : label.size;
    *ret_name = BS_SPAN(label.data, name);
    *ret_value = equals ? BS_SPAN(equals + 1, label.size - name - 1) : BS_SPAN_NONE;
    return true;
}

bool profile_labels_are_valid(const char *labels)
{
    struct bs_span rest = bs_span_of_string(labels), name, value;
    if (rest.size >= STORE_LABELS_SIZE || (rest.size > 0 && rest.data[rest.size - 1] == ','))
        return false;
    while (take_label(&rest, &name, &value))
        if (!label_name_is_valid(name) || value.size == 0 || !label_value_is_valid(value))
            return false;
    return true;
}

/* NOT_FOUND when the device has no such label. */
static enum bs_err find_label(const char *labels, struct bs_span wanted, struct bs_span *ret_value)
{
    struct bs_span rest = bs_span_of_string(labels), name, value;
    while (take_label(&rest, &name, &value))
        if (bs_span_equal(name, wanted)) {
            *ret_value = value;
            return BS_OK;
        }
    return BS_ERR_NOT_FOUND;
}

#define LABEL_PREFIX "device.label."

/* INPUT for an unknown variable or one without a value. `device` NULL: only whether the variable exists. */
static enum bs_err append_variable(const char *name, const struct store_device *device, struct bs_buf *out,
                                   char why[256])
{
    bool is_label = strncmp(name, LABEL_PREFIX, strlen(LABEL_PREFIX)) == 0;
    struct bs_span value = BS_SPAN_NONE;
    char id[2 * WIRE_ID_SIZE + 1];
    if (is_label ? !label_name_is_valid(bs_span_of_string(name + strlen(LABEL_PREFIX)))
                 : strcmp(name, "device.id") != 0 && strcmp(name, "device.serial") != 0) {
        snprintf(why, 256, "${%s} is no variable; there are device.id, device.serial and device.label.NAME", name);
        return BS_ERR_INPUT;
    }
    if (!device)
        return BS_OK;
    if (is_label) {
        if (find_label(device->labels, bs_span_of_string(name + strlen(LABEL_PREFIX)), &value) != BS_OK)
            value = BS_SPAN_NONE;
    } else if (strcmp(name, "device.id") == 0) {
        bs_hex(BS_SPAN(device->id, WIRE_ID_SIZE), id);
        value = bs_span_of_string(id);
    } else {
        /* A claim is that of the boot that was just found good: what another boot claimed before it is overwritten. */
        value = bs_span_of_string(store_device_serial(device));
    }
    if (value.size == 0) {
        snprintf(why, 256, "the profile needs ${%s}, which this device does not have; import it with one", name);
        return BS_ERR_INPUT;
    }
    return bs_buf_append(out, value.data, value.size);
}

/* `at` points behind "${"; *ret_end behind the "}". */
static enum bs_err take_variable(const char *at, char ret_name[VARIABLE_MAX], const char **ret_end, char why[256])
{
    const char *end = strchr(at, '}');
    size_t length = end ? (size_t)(end - at) : 0;
    if (!end || length == 0 || length >= VARIABLE_MAX || memchr(at, '\n', length) || memchr(at, '\t', length)) {
        snprintf(why, 256, "a \"${\" has no \"}\"; write \"$${\" for a literal one");
        return BS_ERR_INPUT;
    }
    memcpy(ret_name, at, length);
    ret_name[length] = '\0';
    *ret_end = end + 1;
    return BS_OK;
}

enum bs_err profile_expand(const char *text, const struct store_device *device, struct bs_buf *out, char why[256])
{
    enum bs_err err = BS_OK;
    while (*text && err == BS_OK) {
        if (strncmp(text, "$${", 3) == 0) {
            err = bs_buf_append(out, "${", 2);
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            char name[VARIABLE_MAX];
            err = take_variable(text + 2, name, &text, why);
            if (err == BS_OK)
                err = append_variable(name, device, out, why);
        } else {
            size_t plain = 1 + strcspn(text + 1, "$");
            err = bs_buf_append(out, text, plain);
            text += plain;
        }
    }
    return err;
}

static enum bs_err generate(struct store *store, const struct profile_item *item, const struct store_device *device,
                            int64_t now, struct bs_secret **ret_secret)
{
    enum bs_err err = store_secret_get(store, device->id, item->name, ret_secret);
    if (err != BS_ERR_NOT_FOUND)
        return err;
    BS_OWN(secret) secret = NULL;
    err = bs_secret_new(item->size > 0 ? (size_t)item->size : 32, &secret);
    if (err == BS_OK)
        err = crypto_random(bs_secret_data(secret), bs_secret_size(secret));
    if (err == BS_OK)
        err = store_secret_put(store, device->id, item->name, secret, now);
    if (err == BS_OK)
        *ret_secret = BS_TAKE(secret);
    return err;
}

static enum bs_err append_generated(struct store *store, const struct profile_item *item,
                                    const struct store_device *device, int64_t now, struct bs_buf *out)
{
    BS_OWN(secret) secret = NULL;
    enum bs_err err = generate(store, item, device, now, &secret);
    if (err != BS_OK)
        return err;
    struct bs_span bytes = BS_SPAN(bs_secret_view(secret), bs_secret_size(secret));
    if (item->encoding == PROFILE_RAW)
        return bs_buf_append(out, bytes.data, bytes.size);
    char hex[2 * PROFILE_SECRET_MAX + 1];
    bs_hex(bytes, hex);
    err = bs_buf_append_string(out, hex);
    bs_wipe(hex, sizeof(hex));
    return err;
}

static enum bs_err append_hex(const char *hex, struct bs_buf *out)
{
    uint8_t *tail = NULL;
    size_t size = strlen(hex) / 2;
    enum bs_err err = bs_buf_reserve(out, size, &tail);
    if (err == BS_OK)
        err = bs_unhex(hex, tail, size, &size);
    if (err == BS_OK)
        bs_buf_grown(out, size);
    return err;
}

static enum bs_item_kind bundle_kind(enum profile_kind kind)
{
    switch (kind) {
    case PROFILE_SECRET:
    case PROFILE_GENERATED:
    case PROFILE_GENERATE:
        return BS_ITEM_SECRET;
    case PROFILE_FILE:
        return BS_ITEM_FILE;
    case PROFILE_CERTIFICATE:
        return BS_ITEM_CERTIFICATE;
    }
    return BS_ITEM_SECRET;
}

struct maker {
    struct store *store;
    const struct store_device *device;
    int64_t now;
    char *why;
};

static enum bs_err make_item(const struct maker *maker, const struct profile_item *item, struct bs_buf *out)
{
    switch ((enum profile_kind)item->kind) {
    case PROFILE_GENERATED:
        return append_generated(maker->store, item, maker->device, maker->now, out);
    case PROFILE_SECRET:
        return item->hex ? append_hex(item->hex, out) : bs_buf_append_string(out, item->text);
    case PROFILE_FILE:
        return profile_expand(item->text, maker->device, out, maker->why);
    case PROFILE_CERTIFICATE:
        return bs_buf_append_string(out, item->text);
    case PROFILE_GENERATE:
        break; /* the device's affair: server/device_keys.c */
    }
    return BS_ERR_INPUT;
}

void profile_items_free(struct profile_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        bs_buf_free(&items->data[i]);
    items->count = 0;
}

enum bs_err profile_items_make(struct store *store, const struct profile *profile, const struct store_device *device,
                               int64_t now, struct profile_items *ret_items, char why[256])
{
    struct maker maker = { store, device, now, why };
    ret_items->count = 0;
    why[0] = '\0';
    for (size_t i = 0; i < profile->item_count; i++) {
        const struct profile_item *item = &profile->items[i];
        if (item->kind == PROFILE_GENERATE)
            continue;
        struct bundle_item *made = &ret_items->items[ret_items->count];
        struct bs_buf *data = &ret_items->data[ret_items->count++];
        *data = BS_BUF(BS_ITEM_DATA_MAX);
        enum bs_err err = make_item(&maker, item, data);
        if (err != BS_OK) {
            profile_items_free(ret_items);
            return err;
        }
        *made = (struct bundle_item){ .name = bs_span_of_string(item->name),
                                      .kind = bundle_kind((enum profile_kind)item->kind),
                                      .data = bs_buf_span(data) };
    }
    return BS_OK;
}
