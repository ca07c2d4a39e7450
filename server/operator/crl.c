/* The revocation list of the device CA: for relying parties that cannot ask /v1/whoami. */
#include "server/audit.h"
#include "server/operator/operator.h"
#include "server/operator/operator_internal.h"

#include <inttypes.h>

#define DAY INT64_C(86400)

struct listing {
    struct bs_buf entries;
    uint64_t count;
};

static enum bs_err add(void *context, const struct store_cert *cert)
{
    struct listing *listing = context;
    listing->count++;
    return cert_crl_add(cert->serial, cert->revoked, &listing->entries);
}

/*
 * The number rises with time, and within a second with the row of the audit log: after a restored backup it still does. It fits into
 * the 53 bits that every reader of JSON has.
 */
static enum bs_err sign(struct operator_call *call, const struct listing *listing, unsigned days,
                        struct operator_crl *crl)
{
    uint64_t sequence;
    uint8_t hash[STORE_DIGEST];
    int64_t now = call->server->now();
    enum bs_err err =
        OPERATOR_AUDIT(call, "ca.crl", NULL, "%" PRIu64 " certificates, good for %u days", listing->count, days);
    if (err == BS_OK)
        err = store_audit_last(call->server->store, &sequence, hash);
    if (err != BS_OK)
        return err;
    struct cert_crl request = { .entries = bs_buf_span(&listing->entries),
                                .this_update = now,
                                .next_update = now + days * DAY,
                                .number = (uint64_t)now << 20 | (sequence & 0xfffff) };
    crl->revoked = listing->count;
    crl->next_update = request.next_update;
    crl->number = request.number;
    return ca_crl(call->server->ca, &request, &crl->der);
}

enum bs_err operator_ca_crl(struct operator_call *call, unsigned days, struct operator_crl *ret_crl)
{
    struct listing listing = { .entries = BS_BUF(OPERATOR_CRL_MAX) };
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    err = store_cert_each_revoked(call->server->store, call->server->now(), add, &listing);
    if (err == BS_OK)
        err = sign(call, &listing, days, ret_crl);
    if (err == BS_ERR_NOMEM)
        operator_fail(call, err, "%" PRIu64 " revoked certificates are too many for one list", listing.count);
    err = operator_end(call, err);
    bs_buf_free(&listing.entries);
    return err;
}
