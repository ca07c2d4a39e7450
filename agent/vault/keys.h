/*
 * Keys that the device made itself, in a vault: what the bundle orders is kept, taken from an older vault, or made; one that was ever
 * enrolled is never made anew.
 */
#pragma once

#include "agent/vault/vault.h"

/* Where kept keys may lie: the vault that is open, or those that recovery shares opened. */
struct vault_key_sources {
    const struct vault_contents *list[VAULT_SLOTS + 1];
    size_t count;
};

/* What became of the keys, for a sentence. */
struct vault_key_result {
    size_t kept, made;
    struct bs_span lost; /* name of the first one that was enrolled and is in no source; points into the bundle */
};

/*
 * Fills the keys of `fresh`, whose bundle is set, in the bundle's order. KEYS_LOST, with the name in *ret_result, when one was enrolled
 * and no source has it: then nothing is set.
 */
enum bs_err vault_keys_settle(struct vault_opened *fresh, const struct vault_key_sources *sources,
                              struct vault_key_result *ret_result) BS_MUST_USE;

/* The contents have each key that the bundle orders, and those that were enrolled are the enrolled ones. */
bool vault_keys_fit(const struct vault_opened *opened);

/* What the server is told of the keys. The list points at `contents` and at itself. */
struct vault_key_list {
    struct generated_public keys[BS_GENERATED_MAX];
    uint8_t halves[BS_GENERATED_MAX][GENERATED_PUBLIC_MAX];
    size_t count;
};
enum bs_err vault_keys_list(const struct vault_contents *contents, struct bs_span device,
                            struct vault_key_list *ret_list) BS_MUST_USE;
