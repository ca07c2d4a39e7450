/*
 * A whole enrollment in one process: the agent with fake TPM, network and machine, against a server of a few lines that
 * makes real messages, certificates and bundles. Every test has a folder as its root.
 */
#pragma once

#include "agent/boot.h"
#include "agent/flow.h"
#include "core/wipe.h"
#include "fakes/fake_device.h"
#include "fakes/fake_net.h"
#include "fakes/fake_tpm.h"

struct scene {
    char root[64];
    struct agent_config config;
    struct conf *conf;
    struct boot boot;

    /* The server. */
    struct crypto_key *ca_key, *bundle_key, *device_ca_key;
    struct bs_buf ca, bundle_cert, device_ca;
    uint64_t serial; /* of the last bundle */
    unsigned attests, proves, confirms;
    unsigned pending; /* so many times, before it approves */
    bool refuses;
    bool wipes;                                    /* orders to forget; `refuses` comes first */
    void (*spoil_order)(struct wipe_order *order); /* changes what is signed; NULL: nothing */
    struct bs_buf last_order;                      /* that was signed */
    bool repeats_order;                            /* sends that once more */
    unsigned wiped;                                /* confirmations of an order */
    bool loses_confirms;                           /* they do not arrive */
    bool is_known;                                 /* the pair is proven: no challenge */
    uint64_t renew_after;
    uint64_t time;                        /* that it tells; 0: some day */
    void (*spoil)(struct bundle *bundle); /* changes what is signed; NULL: nothing */
    bool signs_wrongly;                   /* with a key of its own */
    uint32_t statement_notes;
    uint64_t held_serial;          /* of the last statement */
    uint64_t confirmed_serial;     /* the server knows that the device has this bundle */
    struct message_statement said; /* the last statement */
    struct message_attest sent;    /* and the request that it came in */
    struct message_confirm kept;   /* the last confirmation */
    const char *refuse_reason;     /* NULL: boot-not-approved */
};
extern struct scene scene;

int scene_setup(void **state);
int scene_teardown(void **state);
#define scene_test(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

/* `more` is appended to the configuration. */
void scene_configure(const char *more);

/* Runs one boot to its end and clears it; the report stays in scene.boot.report. */
enum bs_err scene_boot(void);

/* Power off and on; `variant` another kernel than the one before. */
void scene_reboot(uint8_t variant);

/* Paths below the root, in a few static buffers. */
const char *scene_path(const char *path);
bool scene_has(const char *path);
void scene_assert_file(const char *path, const char *text);
bool scene_has_note(const char *note);
const struct report_step *scene_step(const char *state); /* NULL: not entered */

/* Makes what a server would sign for this TPM and device key (the last one made). Appends the COSE_Sign1. */
void scene_sign_bundle(struct crypto_key *key, struct bs_span cert, struct bs_buf *out);

/* Somebody else's key, with a certificate that says "bundle" but is not under the server's CA. */
void scene_other_signer(struct crypto_key **ret_key, struct bs_buf *ret_cert);
