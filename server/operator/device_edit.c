/* Acts that change what is written down of a device: its labels, its profile. */
#include "server/audit.h"
#include "server/operator/operator.h"
#include "server/operator/operator_internal.h"
#include "server/profile.h"

#include <stdio.h>
#include <string.h>

/* Appends "NAME=VALUE" to the list; false when there is no room. */
static bool append(char labels[STORE_LABELS_SIZE], const char *label, size_t size)
{
    size_t at = strlen(labels);
    if (at + size + 2 > STORE_LABELS_SIZE)
        return false;
    if (at > 0)
        labels[at++] = ',';
    memcpy(labels + at, label, size);
    labels[at + size] = '\0';
    return true;
}

/* The list without the label of this name. */
static void drop(char labels[STORE_LABELS_SIZE], const char *name, size_t name_size)
{
    char kept[STORE_LABELS_SIZE] = "";
    for (const char *at = labels; *at;) {
        size_t size = strcspn(at, ",");
        if (size <= name_size || strncmp(at, name, name_size) != 0 || at[name_size] != '=')
            (void)append(kept, at, size); /* it fitted before */
        at += size + (at[size] == ',');
    }
    memcpy(labels, kept, sizeof(kept));
}

static enum bs_err bad_label(struct operator_call *call, const char *label, size_t size)
{
    return operator_fail(call, BS_ERR_INPUT,
                         "\"%.*s\" is no label: NAME=VALUE sets one, NAME= takes it away; no commas, no semicolons",
                         (int)(size < 80 ? size : 80), label);
}

/* `changes`: NAME=VALUE;NAME=... */
static enum bs_err change_labels(struct operator_call *call, const char *changes, struct store_device *device)
{
    for (const char *at = changes; *at;) {
        size_t size = strcspn(at, ";");
        const char *equals = memchr(at, '=', size);
        if (!equals || equals == at || memchr(at, ',', size))
            return bad_label(call, at, size);
        drop(device->labels, at, (size_t)(equals - at));
        if (equals + 1 < at + size && !append(device->labels, at, size))
            return operator_fail(call, BS_ERR_INPUT, "a device's labels have at most %d bytes together",
                                 STORE_LABELS_SIZE - 1);
        if (!profile_labels_are_valid(device->labels))
            return bad_label(call, at, size);
        at += size + (at[size] == ';');
    }
    return BS_OK;
}

static enum bs_err label(struct operator_call *call, const char *id, const char *changes, struct store_device *device)
{
    enum bs_err err = operator_find(call, id, device);
    if (err == BS_OK)
        err = change_labels(call, changes, device);
    if (err == BS_OK)
        err = store_device_put(call->server->store, device);
    return err == BS_OK ? OPERATOR_AUDIT(call, "device.label", device->id, "labels %s",
                                         device->labels[0] ? device->labels : "(none)")
                        : err;
}

enum bs_err operator_device_label(struct operator_call *call, const char *id, const char *changes,
                                  struct store_device *ret_device)
{
    call->why[0] = '\0';
    if (*changes == '\0')
        return operator_fail(call, BS_ERR_INPUT, "say which label: bootsealctl device label ID NAME=VALUE");
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, label(call, id, changes, ret_device));
}

static enum bs_err move(struct operator_call *call, const char *id, const char *name, struct operator_moved *moved)
{
    struct store *store = call->server->store;
    struct store_device device;
    struct store_profile profile;
    enum bs_err err = operator_find(call, id, &device);
    if (err != BS_OK)
        return err;
    err = store_profile_get(store, name, &profile, NULL);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no profile %.64s; see: bootsealctl profile list", name);
    if (err != BS_OK)
        return err;
    memcpy(moved->id, device.id, sizeof(moved->id));
    memcpy(moved->from, device.profile, sizeof(moved->from));
    memcpy(device.profile, profile.name, sizeof(device.profile));
    err = store_device_put(store, &device);
    return err == BS_OK ? OPERATOR_AUDIT(call, "device.move", device.id, "from profile %s to %s",
                                         moved->from[0] ? moved->from : "(none)", device.profile)
                        : err;
}

enum bs_err operator_device_move(struct operator_call *call, const char *id, const char *profile,
                                 struct operator_moved *ret_moved)
{
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, move(call, id, profile, ret_moved));
}
