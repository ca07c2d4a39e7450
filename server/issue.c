#include "server/issue.h"

#include "core/credential.h"
#include "server/approve.h"
#include "server/audit.h"
#include "server/device_keys.h"
#include "server/profile.h"
#include "server/shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400)
#define BACKDATE INT64_C(3600) /* relying parties' clocks */

/* A serial that a device claims to hold is believed up to here: our own must rise above it, after a restored backup too. */
#define HELD_SERIAL_MAX (UINT64_C(1) << 48)

void issue_free(struct issue *issue)
{
    bs_buf_free(&issue->id_object);
    bs_buf_free(&issue->encrypted_secret);
    bs_buf_free(&issue->bundle);
}

/* When the device shall ask again. */
static int64_t renew_after(const struct store_cert *cert)
{
    return cert->issued + (cert->not_after - cert->issued) / 3 * 2;
}

static enum bs_err make_cert(struct server *server, const struct issue_request *request, struct store_cert *ret_cert,
                             struct bs_buf *ret_der)
{
    int64_t now = server->now();
    struct store_cert cert = { .status = STORE_CERT_ISSUED,
                               .issued = now,
                               .not_after = now + (int64_t)server->config.device_cert_days * DAY };
    memcpy(cert.device, request->device->id, sizeof(cert.device));
    memcpy(cert.key_sha256, request->evidence->device_key_sha256, sizeof(cert.key_sha256));
    strcpy(cert.profile, request->device->profile);
    struct ca_device_request make = { .device = cert.device,
                                      .profile = cert.profile,
                                      .key = &request->evidence->device_point,
                                      .not_before = now - BACKDATE,
                                      .not_after = cert.not_after };
    enum bs_err err = ca_device_cert(server->ca, &make, cert.serial, ret_der);
    if (err == BS_OK)
        err = store_cert_add(server->store, &cert, bs_buf_span(ret_der));
    if (err == BS_OK)
        *ret_cert = cert;
    return err;
}

/* The same question gets the same answer while it is good: a lost answer must not leave two certificates. */
static enum bs_err find_or_make_cert(struct server *server, const struct issue_request *request,
                                     struct store_cert *ret_cert, struct bs_buf *ret_der)
{
    enum bs_err err = store_cert_by_key(server->store, request->evidence->device_key_sha256, ret_cert, ret_der);
    bool is_good = err == BS_OK && memcmp(ret_cert->device, request->device->id, WIRE_ID_SIZE) == 0 &&
                   strcmp(ret_cert->profile, request->device->profile) == 0 && server->now() < renew_after(ret_cert);
    if (is_good || (err != BS_OK && err != BS_ERR_NOT_FOUND))
        return err;
    bs_buf_reset(ret_der);
    return make_cert(server, request, ret_cert, ret_der);
}

enum bs_err issue_confirmed(struct server *server, struct store_device *device, struct store_bundle *bundle,
                            const char *how)
{
    if (bundle->confirmed != 0)
        return BS_OK;
    uint64_t revoked = 0;
    int64_t now = server->now();
    bundle->confirmed = now;
    device->confirmed_serial = bundle->serial;
    struct audit_entry entry = { "device", "confirm", device->id, NULL };
    enum bs_err err = store_cert_confirm(server->store, bundle->cert_serial);
    if (err == BS_OK)
        err = store_cert_revoke_others(server->store, device->id, bundle->cert_serial, now, &revoked);
    if (err == BS_OK)
        err = store_bundle_confirm(server->store, bundle);
    if (err == BS_OK)
        err = store_device_verdict(server->store, device);
    if (err == BS_OK)
        err = shares_confirmed(server->store, device->id, bundle->serial);
    if (err == BS_OK)
        err = audit_add(server, &entry, "bundle %llu is durable (%s); %llu older certificates revoked",
                        (unsigned long long)bundle->serial, how, (unsigned long long)revoked);
    return err;
}

/* A bundle that the device says it holds arrived, whether its confirmation did or not. */
static enum bs_err confirm_held(struct server *server, const struct issue_request *request)
{
    struct store_bundle bundle;
    enum bs_err err = store_bundle_get(server->store, request->device->id, &bundle);
    if (err == BS_OK && request->evidence->statement.held_serial == bundle.serial)
        err = issue_confirmed(server, request->device, &bundle, "held");
    bs_wipe(&bundle, sizeof(bundle));
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

/* What a bundle is made of. */
struct contents {
    struct profile profile;
    struct profile_items items;
    struct device_keys keys;
    struct shares_found older;
    struct share_new share;
};

static void contents_free(struct contents *contents)
{
    profile_items_free(&contents->items);
    profile_free(&contents->profile);
    bs_wipe(&contents->older, sizeof(contents->older));
    bs_wipe(&contents->share, sizeof(contents->share));
    free(contents);
}

struct pieces {
    struct bs_buf sign1;
    struct bs_secret *secret;
    struct store_bundle record;
};

/* Items, then keys that the device makes. */
static void name_items(const struct bundle *bundle, char ret_names[STORE_ITEMS_SIZE])
{
    size_t at = 0;
    for (size_t i = 0; i < bundle->item_count + bundle->key_count; i++) {
        struct bs_span name =
            i < bundle->item_count ? bundle->items[i].name : bundle->keys[i - bundle->item_count].key.name;
        if (at + name.size + 2 > STORE_ITEMS_SIZE)
            return;
        if (i > 0)
            ret_names[at++] = ',';
        memcpy(ret_names + at, name.data, name.size);
        at += name.size;
        ret_names[at] = '\0';
    }
}

/* Always, for the server does not know what a device's vault is sealed to; it costs a signature. */
static enum bs_err approve(struct server *server, const struct issue_request *request, struct approved **ret_approved)
{
    const struct approve_request approve = { request->device->id, request->device->profile, &request->evidence->boot,
                                             request->device->ek_manufacturer, request->device->firmware_version };
    enum bs_err err = approve_make(server, &approve, ret_approved);
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static void put_policy(const struct approved *approved, struct bundle *bundle)
{
    bundle->has_policy = approved != NULL;
    if (!approved)
        return;
    bundle->policy.cert = bs_buf_span(&approved->cert);
    bundle->policy.epoch = approved->epoch;
    bundle->policy.approval_count = approved->approvals.count;
    memcpy(bundle->policy.approvals, approved->approvals.list, sizeof(approved->approvals.list));
}

static enum bs_err sign(struct server *server, const struct issue_request *request, const struct contents *contents,
                        struct pieces *pieces)
{
    const struct profile_items *items = &contents->items;
    const struct store_device *device = request->device;
    struct store_cert cert;
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(BS_CERT_MAX);
    BS_OWN(approved) approved = NULL;
    enum bs_err err = find_or_make_cert(server, request, &cert, &der);
    if (err == BS_OK)
        err = approve(server, request, &approved);
    if (err != BS_OK)
        return err;
    struct bundle bundle = { .device = BS_SPAN(device->id, WIRE_ID_SIZE),
                             .ak_name = wire_name_span(&request->evidence->ak_name),
                             .srk_name = wire_name_span(&request->evidence->srk_name),
                             .serial = device->bundle_serial,
                             .issued = (uint64_t)server->now(),
                             .renew_after = (uint64_t)renew_after(&cert),
                             .profile = bs_span_of_string(device->profile),
                             .chain = { bs_buf_span(&der), ca_cert(server->ca, CA_DEVICE_ROOT) },
                             .chain_count = 2,
                             .item_count = items->count };
    memcpy(bundle.items, items->items, items->count * sizeof(items->items[0]));
    put_policy(approved, &bundle);
    device_keys_put(&contents->keys, &bundle);
    shares_put(&contents->share, &contents->older, &bundle);
    memcpy(pieces->record.device, device->id, WIRE_ID_SIZE);
    memcpy(pieces->record.cert_serial, cert.serial, sizeof(cert.serial));
    pieces->record.serial = bundle.serial;
    name_items(&bundle, pieces->record.items);
    pieces->record.issued = server->now();
    return ca_bundle_sign(server->ca, &bundle, &pieces->sign1);
}

/* The secret is new for every answer, and only this EK with this AK gives it back. */
static enum bs_err seal(const struct issue_request *request, struct pieces *pieces, struct issue *issue)
{
    const struct evidence *evidence = request->evidence;
    struct bs_span channel = BS_SPAN(request->channel, BS_CHANNEL_SIZE);
    enum bs_err err = bs_secret_new(CREDENTIAL_SIZE, &pieces->secret);
    if (err == BS_OK)
        err = crypto_random(bs_secret_data(pieces->secret), CREDENTIAL_SIZE);
    if (err != BS_OK)
        return err;
    struct bs_span secret = BS_SPAN(bs_secret_view(pieces->secret), CREDENTIAL_SIZE);
    err = credential_make(&evidence->ek, &evidence->ak_name, secret.data, &issue->id_object, &issue->encrypted_secret);
    if (err == BS_OK)
        err = bundle_encrypt(secret, channel, evidence->request.statement, bs_buf_span(&pieces->sign1), &issue->bundle);
    if (err == BS_OK)
        err = bundle_confirm_key(secret, channel, pieces->record.confirm_key);
    return err;
}

static enum bs_err make(struct server *server, const struct issue_request *request, const struct contents *contents,
                        struct issue *issue)
{
    struct pieces pieces = { .sign1 = BS_BUF(BS_BUNDLE_MAX) };
    enum bs_err err = sign(server, request, contents, &pieces);
    if (err == BS_OK)
        err = seal(request, &pieces, issue);
    if (err == BS_OK)
        err = store_bundle_put(server->store, &pieces.record);
    bs_buf_free(&pieces.sign1);
    bs_secret_free(pieces.secret);
    bs_wipe(&pieces.record, sizeof(pieces.record));
    return err;
}

static enum bs_err load_profile(struct server *server, const char *name, struct profile *ret_profile)
{
    struct store_profile row;
    struct conf_problem problem = { "" };
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(STORE_PROFILE_MAX);
    enum bs_err err = store_profile_get(server->store, name, &row, &text);
    if (err != BS_OK)
        return err;
    /* It was checked when it was applied. */
    return profile_parse(bs_buf_span(&text), ret_profile, &problem) == BS_OK ? BS_OK : BS_ERR_IO;
}

uint64_t issue_next_serial(struct store_device *device, const struct evidence *evidence)
{
    uint64_t held = evidence->statement.held_serial;
    if (held > device->bundle_serial && held < HELD_SERIAL_MAX)
        device->bundle_serial = held;
    return ++device->bundle_serial;
}

/*
 * Keys that the device made have to be in the vault that it says it holds, or in one that a share opens. Those that it may have made
 * without having been heard may be in the one that it names and cannot open.
 */
static enum bs_err check_keys(const struct contents *contents, const struct message_statement *statement,
                              struct issue_problem *problem)
{
    bool may_be_shut = statement->share_count > 0 && contents->keys.may_be_made;
    bool are_held = device_keys_are_held(&contents->keys, statement->keys, statement->key_count);
    if ((are_held && !may_be_shut) || contents->older.count > 0)
        return BS_OK;
    problem->reason = contents->older.is_locked ? BS_REASON_SHARE_LOCKED : BS_REASON_KEYS_LOST;
    if (contents->older.is_locked) {
        snprintf(
            problem->text, sizeof(problem->text),
            "the keys that this device made are in a vault whose recovery share only an operator can open: bootsealctl "
            "device share, share open, device recover; to let it make new ones: device rekey");
        return BS_ERR_INPUT;
    }
    snprintf(problem->text, sizeof(problem->text),
             "%s, and no recovery share opens an older vault of it; to let it make new ones: bootsealctl device rekey",
             are_held ? "this device may have made keys that are in its vault, which does not open in this boot"
                      : "this device does not have the keys any more that it made");
    return BS_ERR_KEYS_LOST;
}

static enum bs_err gather(struct server *server, const struct issue_request *request, struct contents *contents,
                          struct issue_problem *problem)
{
    const struct message_statement *statement = &request->evidence->statement;
    struct store_device *device = request->device;
    problem->reason = BS_REASON_AWAITING_OPERATOR;
    enum bs_err err = load_profile(server, device->profile, &contents->profile);
    if (err == BS_OK)
        err = confirm_held(server, request);
    if (err == BS_OK)
        err = device_keys_record(server, device->id, statement->keys, statement->key_count);
    if (err == BS_OK)
        err = profile_items_make(server->store, &contents->profile, device, server->now(), &contents->items,
                                 problem->text);
    if (err == BS_OK)
        err = device_keys_order(server->store, &contents->profile, device->id, &contents->keys, problem->text);
    if (err == BS_OK)
        err = shares_find(server->store, device->id, statement, &contents->older);
    return err == BS_OK ? check_keys(contents, statement, problem) : err;
}

enum bs_err issue_make(struct server *server, const struct issue_request *request, struct issue *ret_issue,
                       struct issue_problem *ret_problem)
{
    const struct message_statement *statement = &request->evidence->statement;
    struct store_device *device = request->device;
    struct issue issue = ISSUE_INIT;
    struct contents *contents = calloc(1, sizeof(*contents));
    *ret_problem = (struct issue_problem){ .reason = NULL };
    if (!contents)
        return BS_ERR_NOMEM;
    enum bs_err err = gather(server, request, contents, ret_problem);
    if (err == BS_OK) {
        issue.serial = issue_next_serial(device, request->evidence);
        err = shares_make(server->store, &contents->profile, device, statement, &contents->share);
    }
    if (err == BS_OK)
        err = device_keys_note_again(server, device->id, &contents->keys);
    if (err == BS_OK)
        err = make(server, request, contents, &issue);
    contents_free(contents);
    if (err == BS_OK)
        *ret_issue = issue;
    else
        issue_free(&issue);
    return err;
}
