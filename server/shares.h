/*
 * Recovery shares: each bundle carries a new one, with which the device wraps the key of the vault that it seals. The server keeps it, or
 * an operator does, or nobody; it is sent only inside an approved answer to the device that it was made for.
 */
#pragma once

#include "core/message.h"
#include "server/profile.h"
#include "server/server.h"

/* The share of the bundle that is being made. */
struct share_new {
    bool is_there;
    uint8_t value[BS_SHARE_SIZE];
};

/* Older ones that the device asks for. Wipe after use. */
struct shares_found {
    struct store_share list[BS_SHARES_MAX];
    size_t count;
    bool is_locked; /* one of those that are asked for can be opened by an operator alone */
};

/*
 * Makes and keeps the share of bundle `device->bundle_serial`, as the profile says, inside a transaction; drops those that no vault can
 * need any more.
 */
enum bs_err shares_make(struct store *store, const struct profile *profile, const struct store_device *device,
                        const struct message_statement *statement, struct share_new *ret_share) BS_MUST_USE;

enum bs_err shares_find(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                        const struct message_statement *statement, struct shares_found *ret_found) BS_MUST_USE;

/* Into the bundle, which points at both then. */
void shares_put(const struct share_new *share, const struct shares_found *found, struct bundle *bundle);

/* No copy of a vault of this device opens without its TPM any more. */
enum bs_err shares_forget(struct store *store, const uint8_t device[WIRE_ID_SIZE]) BS_MUST_USE;

/* Bundle `serial` is in the vault: older shares open nothing that anybody needs. */
enum bs_err shares_confirmed(struct store *store, const uint8_t device[WIRE_ID_SIZE], uint64_t serial) BS_MUST_USE;
