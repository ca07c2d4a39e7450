/*
 * What one boot knows so far. The steps fill it in the order of the flow, and each finds there what those before it left;
 * a step that runs again finds its own work done.
 */
#pragma once

#include "agent/config.h"
#include "agent/device/device.h"
#include "agent/net/net.h"
#include "agent/report.h"
#include "agent/tpm/tpm.h"
#include "agent/vault/vault.h"
#include "core/message.h"

/* Evidence that stays the same over several tries of one boot. */
struct boot_identity {
    uint8_t device[WIRE_ID_SIZE];
    bool is_known; /* `device` is set */
    struct device_facts facts;
    struct tpm_key_blob device_key;
    bool has_device_key;
    struct bs_buf csr;
    struct tpm_counter counter;
};

/* The connection of now and what was said on it. */
struct boot_exchange {
    struct net_url url; /* the connection points at it */
    struct net_url proxy;
    struct net_connection *connection;
    struct bs_buf statement;
    struct bs_buf answer_bytes;
    struct message_answer answer; /* points into answer_bytes */
    uint8_t confirm_key[CRYPTO_SHA256_SIZE];
    bool is_open; /* the server keeps it open */
};

/* When to try again, and what has been said about it. */
struct boot_waiting {
    int64_t told_ms;   /* by the server; 0: by our own back-off */
    unsigned failures; /* of our own, in a row */
    enum bs_err last;  /* why the last try ended in "not now"; BS_OK: there was none */
    bool has_network;  /* net.up was run */
    bool is_pending_said;
};

struct boot {
    const struct agent_config *config;
    const char *root;       /* --root, may be NULL */
    const char *server_url; /* from the configuration or the kernel command line */
    bool is_off;            /* bootseal=0: cap and nothing else */
    const char *problem;    /* of the configuration, where the defaults stand in for it; else NULL */
    struct bs_deadline deadline;
    struct report report;

    struct tpm *tpm;
    bool has_no_tpm; /* so there is nothing to cap */
    bool is_over;    /* this boot was capped before we began */
    bool is_capped;
    uint64_t failures; /* in a row, this one included; set by step_failed */
    struct bs_buf eventlog;
    struct tpm_pcrs pcrs; /* those of the vault's policy and the cap's, as step_discover read them */
    struct cert_roots *roots;

    struct vault_opened held; /* verified credentials */
    bool is_held;
    bool is_renewing;          /* held, but due to be renewed */
    struct vault_opened fresh; /* received and verified, not sealed yet */
    struct bs_buf device_public;
    struct bs_buf device_private;
    struct bs_buf device_pem; /* TSS2 PEM of the held device key, made before the cap */

    struct boot_identity identity;
    struct boot_exchange exchange;
    struct boot_waiting waiting;
};

void boot_begin(struct boot *boot, const struct agent_config *config, const char *root);

/* Closes, wipes and frees everything but the report. */
void boot_end(struct boot *boot);

/* The policy of the vault, by the configuration. */
struct vault_policy boot_policy_of(const struct agent_config *config);
struct vault_policy boot_policy(const struct boot *boot);

/* Hangs up and forgets what was said. */
void boot_hang_up(struct boot *boot);

/* Turns the private part of the device key into what the real root can load. Needs the TPM, so before the cap. */
enum bs_err boot_make_device_pem(struct boot *boot, const struct vault_contents *contents) BS_MUST_USE;

/* Logs the sentence at error and keeps it for the report; returns `err`. */
enum bs_err boot_fail(struct boot *boot, enum bs_err err, const char *state, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* As boot_fail for "not now", which the flow may answer with another try: one warning for each kind in a row, the rest only counts. */
enum bs_err boot_not_now(struct boot *boot, enum bs_err err, const char *state, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
