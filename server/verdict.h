/*
 * The verdict about a device whose TPM has proven that it holds EK and AK: who is it, may it, and was it booted as it should? One
 * transaction: what is answered is durable, and what is not answered did not happen.
 */
#pragma once

#include "server/evidence.h"
#include "server/issue.h"
#include "server/wipe_issue.h"

struct verdict_request {
    const struct evidence *evidence;
    const uint8_t *channel; /* 32 bytes */
    bool is_proven_now;     /* the challenge was answered on this connection; else the pair is that of the record */
    struct store_ticket *ticket; /* NULL: what is said is durable when it is returned; else see verdict.is_held */
};

struct verdict {
    enum message_kind kind; /* approved, pending, refused, wipe or busy */
    bool names_device;      /* the answer may carry the device id */
    bool is_held;           /* durable when the ticket says so, and not to be answered before */
    struct refusal refusal; /* pending, refused, wipe */
    struct issue issue;     /* approved */
    struct wipe_issue wipe; /* wipe */
};
void verdict_free(struct verdict *verdict);

/* Anything but BS_OK is trouble of our own, and nothing was changed. */
enum bs_err verdict_make(struct server *server, const struct verdict_request *request,
                         struct verdict *ret_verdict) BS_MUST_USE;

/*
 * Writes down that a boot was refused, when it was quoted by the proven pair of a record; *ret_is_recorded says whether it was. Of
 * others nothing is written. `ticket`: used when it was recorded; NULL: it is durable.
 */
enum bs_err verdict_refused(struct server *server, const struct evidence *evidence, const struct refusal *refusal,
                            struct store_ticket *ticket, bool *ret_is_recorded) BS_MUST_USE;

/* Whether the store knows this pair of EK and AK as proven; PAIR_MISMATCH is said where the AK is another device's. */
enum verdict_pair { VERDICT_PAIR_UNKNOWN, VERDICT_PAIR_PROVEN, VERDICT_PAIR_FOREIGN };
enum bs_err verdict_pair(struct server *server, const struct evidence *evidence,
                         enum verdict_pair *ret_pair) BS_MUST_USE;
