/*
 * Keys that devices make themselves, as the server sees them: which are ordered, and what is enrolled of them. Generations begin with 1
 * and rise when an operator orders a new key; what is enrolled of a generation is never replaced.
 */
#pragma once

#include "core/message.h"
#include "server/profile.h"
#include "server/server.h"

/* The keys of a profile, for one device. */
struct device_keys {
    struct store_key rows[BS_GENERATED_MAX];
    bool is_again
        [BS_GENERATED_MAX]; /* it was ordered before, or by an operator's rekey, and nothing is enrolled of it */
    size_t count;
    bool
        may_be_made; /* one was ordered before and nothing is enrolled of it: the device may have made it, and not been heard */
};

/*
 * What a bundle orders, inside a transaction; rows that are missing are made. INPUT, with a sentence in `why`, when the profile wants
 * another type or size of a key that is enrolled.
 */
enum bs_err device_keys_order(struct store *store, const struct profile *profile, const uint8_t device[WIRE_ID_SIZE],
                              struct device_keys *ret_keys, char why[256]) BS_MUST_USE;

/*
 * A row in the audit log for each of them that a bundle orders again, inside its transaction: where the device had made one, and was not
 * heard, it may make another.
 */
enum bs_err device_keys_note_again(struct server *server, const uint8_t device[WIRE_ID_SIZE],
                                   const struct device_keys *keys) BS_MUST_USE;

/* Into the bundle, which points at `keys` then. */
void device_keys_put(const struct device_keys *keys, struct bundle *bundle);

/* Everything that is enrolled is among these. */
bool device_keys_are_held(const struct device_keys *keys, const struct generated_public *held, size_t count);

/*
 * Enrolls what the device says that it holds, inside a transaction: keys that are ordered in this generation and have nothing enrolled.
 * Others change nothing; one that is not the enrolled one leaves a row in the audit log.
 */
enum bs_err device_keys_record(struct server *server, const uint8_t device[WIRE_ID_SIZE],
                               const struct generated_public *keys, size_t count) BS_MUST_USE;
