/* What a device is sent that an operator wants wiped: an order that is for it and for this answer alone. */
#pragma once

#include "server/evidence.h"

struct wipe_issue {
    struct bs_buf id_object;        /* TPM2B_ID_OBJECT */
    struct bs_buf encrypted_secret; /* TPM2B_ENCRYPTED_SECRET */
    struct bs_buf order;            /* COSE_Sign1 */
    uint64_t serial;
    uint8_t confirm_key[CRYPTO_SHA256_SIZE]; /* with which it says that it obeyed */
};
#define WIPE_ISSUE_INIT   \
    ((struct wipe_issue){ \
        .id_object = BS_BUF(BS_TPM_MAX), .encrypted_secret = BS_BUF(BS_TPM_MAX), .order = BS_BUF(BS_ORDER_MAX) })
void wipe_issue_free(struct wipe_issue *issue); /* wipes the key */

struct wipe_issue_request {
    const struct evidence *evidence;
    struct store_device *device; /* its bundle_serial is raised */
    const uint8_t *channel;      /* 32 bytes */
};

/* Makes it, inside a transaction. */
enum bs_err wipe_issue_make(struct server *server, const struct wipe_issue_request *request,
                            struct wipe_issue *ret_issue) BS_MUST_USE;

/* The device has proven that it obeyed. Inside a transaction; an order that was taken back meanwhile stays taken back. */
enum bs_err wipe_issue_obeyed(struct server *server, struct store_device *device, uint64_t serial) BS_MUST_USE;
