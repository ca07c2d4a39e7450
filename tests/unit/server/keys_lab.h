/* Devices that make keys, for tests of what the server orders, enrolls, keeps and gives. */
#pragma once

#include "unit/server/lab.h"

#include "core/generated.h"

/* Two keys: "disk", random, and "wg0", X25519. */
extern const char keys_profile[];
extern const char keys_profile_unshared[]; /* recovery = "none" */
void keys_apply(struct lab *lab, const char *text);

/* What a device would hold; `seed` another one: other keys. Two of them; their public halves lie in keys_halves until the next call. */
size_t keys_make(uint8_t seed, uint64_t generation, struct generated_public ret_keys[2]);
extern uint8_t keys_halves[2][32];

/* What the next statement says besides. */
struct said {
    struct generated_public keys[2];
    size_t key_count;
    uint64_t shares[2];
    size_t share_count;
    uint64_t held; /* serial; 0: no vault is open */
};
extern struct said said;
void keys_say_nothing(void);
void keys_say_shares(uint64_t first);

void keys_ask(struct talk *talk, struct softtpm *tpm);
void keys_assert_answer(struct lab *lab, struct softtpm *tpm, enum message_kind kind, const char *reason);

/* The bundle of a device that asks on a connection of its own. */
struct keys_answer {
    struct bs_secret *plain;
    struct bundle bundle;
};
void keys_answer_free(struct keys_answer *answer);
#define ANSWER(name) __attribute__((cleanup(keys_answer_free))) struct keys_answer name = { NULL, { .serial = 0 } }
void keys_get(struct lab *lab, struct softtpm *tpm, struct keys_answer *ret_answer);

/* Gets a bundle and confirms it with these keys; `mac_of`: those that the MAC is made over. Returns the answer to it. */
enum message_kind keys_confirm(struct lab *lab, struct softtpm *tpm, const struct generated_public *keys, size_t count,
                               size_t mac_of, struct keys_answer *ret_answer);
void keys_enroll(struct lab *lab, struct softtpm *tpm, uint8_t seed, struct keys_answer *ret_answer);

/* A device that is approved for the profile. */
void keys_prepare(struct lab *lab, struct softtpm *tpm);
struct store_key keys_row_of(struct lab *lab, const struct softtpm *tpm, const char *name);
