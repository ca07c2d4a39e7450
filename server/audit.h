/* The audit log: every verdict and every act of an operator is a row, chained by hash so that no row can vanish unseen. */
#pragma once

#include "core/err.h"
#include "server/server.h"

#define AUDIT_DETAIL_MAX 5120               /* a sentence, what a device notes, an explanation */
#define AUDIT_EXPLANATION ". Explanation: " /* behind it, in the detail of a verdict, a refused boot at length */

struct audit_entry {
    const char *actor;     /* "device", "bootseald", or the operator */
    const char *act;       /* "verdict", "device.approve", ... */
    const uint8_t *device; /* or NULL */
    const char *reason;    /* stable name, or NULL */
};

/* Adds a row inside the caller's transaction; the detail follows printf and is cut at AUDIT_DETAIL_MAX. */
enum bs_err audit_add(struct server *server, const struct audit_entry *entry, const char *format, ...)
    __attribute__((format(printf, 3, 4))) BS_MUST_USE;

/*
 * A row, in a transaction of its own, that somebody who has proven nothing was refused. It names no device, for none is proven, and there
 * is one an hour for each reason: strangers must not fill the log. What cannot be written is only logged.
 */
void audit_stranger(struct server *server, const char *reason, const char *address);

/* TAMPERED when a row's hash is not that of its contents after the one before; *ret_wrong is its sequence number. */
enum bs_err audit_verify(struct store *store, uint64_t *ret_rows, uint64_t *ret_wrong) BS_MUST_USE;
