#include "server/wipe_issue.h"

#include "core/credential.h"
#include "core/wipe.h"
#include "server/audit.h"
#include "server/issue.h"

#include <inttypes.h>

void wipe_issue_free(struct wipe_issue *issue)
{
    bs_buf_free(&issue->id_object);
    bs_buf_free(&issue->encrypted_secret);
    bs_buf_free(&issue->order);
    bs_wipe(issue->confirm_key, sizeof(issue->confirm_key));
}

static enum bs_err sign(struct server *server, const struct wipe_issue_request *request, struct wipe_issue *issue)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    enum bs_err err = crypto_hash(CRYPTO_SHA256, request->evidence->request.statement, hash);
    const struct wipe_order order = { .device = BS_SPAN(request->device->id, WIRE_ID_SIZE),
                                      .ak_name = wire_name_span(&request->evidence->ak_name),
                                      .statement_sha256 = BS_SPAN(hash, sizeof(hash)),
                                      .serial = issue->serial };
    return err == BS_OK ? ca_wipe_sign(server->ca, &order, &issue->order) : err;
}

/* The order is no secret. That it was obeyed only this TPM can say: what it says it with is encrypted to it. */
static enum bs_err make_confirm_key(const struct wipe_issue_request *request, struct wipe_issue *issue)
{
    const struct evidence *evidence = request->evidence;
    BS_OWN(secret) secret = NULL;
    enum bs_err err = bs_secret_new(CREDENTIAL_SIZE, &secret);
    if (err == BS_OK)
        err = crypto_random(bs_secret_data(secret), CREDENTIAL_SIZE);
    if (err == BS_OK)
        err = credential_make(&evidence->ek, &evidence->ak_name, bs_secret_view(secret), &issue->id_object,
                              &issue->encrypted_secret);
    if (err == BS_OK)
        err = wipe_confirm_key(BS_SPAN(bs_secret_view(secret), CREDENTIAL_SIZE),
                               BS_SPAN(request->channel, BS_CHANNEL_SIZE), issue->confirm_key);
    return err;
}

enum bs_err wipe_issue_make(struct server *server, const struct wipe_issue_request *request,
                            struct wipe_issue *ret_issue)
{
    struct wipe_issue issue = WIPE_ISSUE_INIT;
    issue.serial = issue_next_serial(request->device, request->evidence);
    enum bs_err err = sign(server, request, &issue);
    if (err == BS_OK)
        err = make_confirm_key(request, &issue);
    if (err == BS_OK)
        *ret_issue = issue;
    else
        wipe_issue_free(&issue);
    return err;
}

enum bs_err wipe_issue_obeyed(struct server *server, struct store_device *device, uint64_t serial)
{
    struct audit_entry entry = { "device", "wiped", device->id, NULL };
    if (device->wipe == STORE_WIPE_ORDERED)
        device->wipe = STORE_WIPE_DONE;
    enum bs_err err = store_device_put(server->store, device);
    if (err == BS_OK)
        err = audit_add(server, &entry, "order %" PRIu64 " was obeyed: its vault opens nothing any more", serial);
    return err;
}
