/*
 * A TPM in a few arrays, linked in place of agent/tpm: PCRs that extend, a counter, sealed objects that open under their policy
 * alone, and keys that really sign. One at a time; the test looks into it and sets what goes wrong.
 */
#pragma once

#include "agent/tpm/tpm.h"

#define FAKE_SEALED_MAX 16

struct fake_sealed {
    uint8_t policy[CRYPTO_SHA256_SIZE];
    uint8_t secret[32];
    size_t size;
};

struct fake_tpm {
    uint8_t pcrs[TPM_PCRS][CRYPTO_SHA256_SIZE];
    bool has_counter;
    uint64_t counter;
    struct fake_sealed sealed[FAKE_SEALED_MAX];
    size_t sealed_count;
    uint8_t srk_seed;    /* another one: the owner hierarchy was cleared */
    bool proves_any_srk; /* it has whatever key a slot names for the SRK: somebody made it there */
    bool in_lockout;
    bool changes_answers; /* to an unseal */
    uint16_t bank;

    bool is_open;
    bool is_released;
    unsigned commands;
    unsigned caps;
    unsigned unseals;
    unsigned device_keys; /* made */

    bool (*has_power)(void); /* asked before each command: it does nothing without; NULL: always */

    unsigned foreign_increments; /* so often somebody else counts up just before us */

    const char *fail_in; /* name of the function that fails ... */
    enum bs_err fail_with;
    unsigned fail_after;           /* ... after so many good calls */
    struct crypto_key *device_key; /* the last one made */
    TPMT_PUBLIC pem_of;            /* the key that a PEM was made of last */
};
extern struct fake_tpm fake_tpm;

/* A new TPM after a measured boot: every PCR below 16 but 10 and 12 has a value. */
void fake_tpm_new(void);

/* Power off and on: the same boot again, PCRs as measured; with `variant`, another kernel in PCR 9. */
void fake_tpm_reboot(uint8_t variant);

void fake_tpm_free(void);

/* The secret that tpm_activate returns for the last 32 bytes of an id object. */
void fake_tpm_activation(struct bs_span id_object, uint8_t ret_secret[32]);
