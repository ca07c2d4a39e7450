/* What an approved device is sent: a bundle that only its TPM can open, with a certificate for its device key. */
#pragma once

#include "server/evidence.h"

struct issue {
    struct bs_buf id_object;        /* TPM2B_ID_OBJECT */
    struct bs_buf encrypted_secret; /* TPM2B_ENCRYPTED_SECRET */
    struct bs_buf bundle;           /* COSE_Encrypt0 */
    uint64_t serial;
};
#define ISSUE_INIT   \
    ((struct issue){ \
        .id_object = BS_BUF(BS_TPM_MAX), .encrypted_secret = BS_BUF(BS_TPM_MAX), .bundle = BS_BUF(BS_BUNDLE_MAX) })
void issue_free(struct issue *issue);

struct issue_request {
    const struct evidence *evidence;
    struct store_device *device; /* approved, with a profile; its bundle_serial is raised */
    const uint8_t *channel;      /* 32 bytes */
};

/* Why there is none, with BS_ERR_INPUT (an operator can help) and BS_ERR_KEYS_LOST. */
struct issue_problem {
    const char *reason; /* include/bootseal/reason.h */
    char text[256];
};

/*
 * Makes it, inside a transaction. The certificate is the one that was made for this device key before, while two thirds of its life
 * are not over; the secrets that were generated for this device are the same as before; activation secret and serial are new.
 * NOT_FOUND when the profile is gone; INPUT when the device lacks a value that the profile needs, or an operator has to open a recovery
 * share; KEYS_LOST when keys that the device made are lost.
 */
enum bs_err issue_make(struct server *server, const struct issue_request *request, struct issue *ret_issue,
                       struct issue_problem *ret_problem) BS_MUST_USE;

/* Raises the device's serial above all that it was sent or says it holds, and returns it. */
uint64_t issue_next_serial(struct store_device *device, const struct evidence *evidence);

/*
 * The device has made bundle `serial` durable: its certificate lives, all others of the device are revoked. Inside a transaction; what
 * was confirmed before stays so.
 */
enum bs_err issue_confirmed(struct server *server, struct store_device *device, struct store_bundle *bundle,
                            const char *how) BS_MUST_USE;
