/* Acts that are about no device: tokens, the audit log, the CAs; and what all acts share. */
#include "server/operator/operator.h"

#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/profile.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_BYTES 20 /* 160 random bits */
#define TOKEN_USES_MAX 100000
#define TOKEN_LIFE_MAX (UINT64_C(10) * 366 * 86400)

enum bs_err operator_fail(struct operator_call *call, enum bs_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(call->why, sizeof(call->why), format, args);
    va_end(args);
    return err;
}

enum bs_err operator_store(struct operator_call *call, enum bs_err err)
{
    if (err == BS_OK)
        return err;
    if (err == BS_ERR_BUSY)
        return operator_fail(call, err, "the store cannot be written now; is the disk full?");
    return operator_fail(call, err, "the store failed (%s); bootseald's log says more with --log=debug",
                         bs_err_name(err));
}

enum bs_err operator_end(struct operator_call *call, enum bs_err err)
{
    if (err == BS_OK)
        return operator_store(call, store_commit(call->server->store));
    store_rollback(call->server->store);
    return call->why[0] ? err : operator_store(call, err);
}

enum bs_err operator_find(struct operator_call *call, const char *device, struct store_device *ret_device)
{
    uint8_t ids[2][WIRE_ID_SIZE];
    size_t count = 0;
    if (strlen(device) < 4)
        return operator_fail(call, BS_ERR_INPUT, "give at least the first four digits of the device's id");
    enum bs_err err = store_device_find(call->server->store, device, ids, &count);
    if (err == BS_ERR_INPUT)
        return operator_fail(call, err, "\"%.80s\" is no device id: up to 64 hexadecimal digits are wanted", device);
    if (err != BS_OK)
        return operator_store(call, err);
    if (count == 0)
        return operator_fail(call, BS_ERR_NOT_FOUND, "no device's id begins with %s; see: bootsealctl device list",
                             device);
    if (count > 1)
        return operator_fail(call, BS_ERR_INPUT, "several devices' ids begin with %s; give more digits", device);
    return operator_store(call, store_device_get(call->server->store, ids[0], ret_device));
}

/* Crockford's alphabet: nothing that is read or typed wrongly. 160 bits are 32 characters, shown in groups. */
static void write_token(const uint8_t bytes[TOKEN_BYTES], char ret_text[OPERATOR_TOKEN_SIZE])
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    size_t at = 0;
    for (size_t i = 0; i < TOKEN_BYTES * 8 / 5; i++) {
        unsigned value = 0;
        for (size_t bit = i * 5; bit < i * 5 + 5; bit++)
            value = value << 1 | (bytes[bit / 8] >> (7 - bit % 8) & 1u);
        if (i > 0 && i % 8 == 0)
            ret_text[at++] = '-';
        ret_text[at++] = alphabet[value];
    }
    ret_text[at] = '\0';
}

static enum bs_err check_token(struct operator_call *call, const struct operator_token *request)
{
    struct store_profile profile;
    if (request->uses < 1 || request->uses > TOKEN_USES_MAX)
        return operator_fail(call, BS_ERR_INPUT, "a token is good for 1 to %d devices", TOKEN_USES_MAX);
    if (request->valid_for < 1 || request->valid_for > TOKEN_LIFE_MAX)
        return operator_fail(call, BS_ERR_INPUT, "a token is good for at most ten years");
    enum bs_err err = store_profile_get(call->server->store, request->profile, &profile, NULL);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no profile %.64s; see: bootsealctl profile list", request->profile);
    return operator_store(call, err);
}

enum bs_err operator_token_create(struct operator_call *call, const struct operator_token *request, uint64_t *ret_id,
                                  int64_t *ret_expires, char ret_text[OPERATOR_TOKEN_SIZE])
{
    call->why[0] = '\0';
    enum bs_err err = check_token(call, request);
    if (err != BS_OK)
        return err;
    int64_t now = call->server->now();
    struct store_token token = { .uses = request->uses, .created = now, .expires = now + (int64_t)request->valid_for };
    snprintf(token.profile, sizeof(token.profile), "%s", request->profile);
    snprintf(token.created_by, sizeof(token.created_by), "%s", call->actor);
    uint8_t bytes[TOKEN_BYTES];
    char text[OPERATOR_TOKEN_SIZE];
    err = crypto_random(bytes, sizeof(bytes));
    if (err != BS_OK)
        return operator_store(call, err);
    write_token(bytes, text);
    bs_wipe(bytes, sizeof(bytes));
    struct bs_span span = bs_span_of_string(text);
    err = crypto_labelled("bootseal token v1", &span, 1, token.hash);
    if (err == BS_OK)
        err = store_begin(call->server->store);
    if (err == BS_OK) {
        err = store_token_add(call->server->store, &token, ret_id);
        if (err == BS_OK)
            err = OPERATOR_AUDIT(call, "token.create", NULL, "token %" PRIu64 ", profile %s, uses %u, expires %" PRId64,
                                 *ret_id, token.profile, token.uses, token.expires);
        err = operator_end(call, err);
    }
    if (err == BS_OK) {
        *ret_expires = token.expires;
        memcpy(ret_text, text, sizeof(text));
    }
    bs_wipe(text, sizeof(text));
    return err;
}

enum bs_err operator_token_list(struct operator_call *call, store_token_fn row, void *context)
{
    return operator_store(call, store_token_each(call->server->store, row, context));
}

enum bs_err operator_token_revoke(struct operator_call *call, uint64_t id)
{
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    err = store_token_revoke(call->server->store, id);
    if (err == BS_ERR_NOT_FOUND)
        operator_fail(call, err, "there is no token %" PRIu64 "; see: bootsealctl token list", id);
    if (err == BS_OK)
        err = OPERATOR_AUDIT(call, "token.revoke", NULL, "token %" PRIu64, id);
    return operator_end(call, err);
}

enum bs_err operator_audit_list(struct operator_call *call, const struct operator_audit *query, store_audit_fn row,
                                void *context)
{
    struct store *store = call->server->store;
    struct store_device found;
    uint64_t after = query->after;
    call->why[0] = '\0';
    enum bs_err err = query->device ? operator_find(call, query->device, &found) : BS_OK;
    if (err != BS_OK)
        return err;
    const uint8_t *id = query->device ? found.id : NULL;
    if (query->since > 0)
        err = store_audit_since(store, query->since, &after);
    else if (!query->has_after && query->limit > 0)
        err = store_audit_tail(store, query->limit, id, &after);
    if (err == BS_OK && query->has_after && query->after > after)
        after = query->after;
    if (err == BS_OK)
        err = store_audit_each(store, after, query->limit, id, row, context);
    return operator_store(call, err);
}

enum bs_err operator_audit_verify(struct operator_call *call, uint64_t *ret_rows, uint64_t *ret_wrong)
{
    enum bs_err err = audit_verify(call->server->store, ret_rows, ret_wrong);
    if (err == BS_ERR_TAMPERED)
        return operator_fail(call, err, "row %" PRIu64 " of the audit log does not follow from the one before",
                             *ret_wrong);
    return operator_store(call, err);
}

enum bs_err operator_ca_show(struct operator_call *call, operator_ca_fn row, void *context)
{
    for (enum ca_which which = 0; which < CA_COUNT; which++) {
        struct cert_info info;
        struct operator_ca ca = { .name = ca_name(which), .info = &info, .der = ca_cert(call->server->ca, which) };
        if (ca.der.size == 0)
            continue;
        enum bs_err err = cert_parse(ca.der, &info);
        if (err == BS_OK)
            err = crypto_hash(CRYPTO_SHA256, ca.der, ca.sha256);
        if (err == BS_OK)
            err = row(context, &ca);
        if (err != BS_OK)
            return operator_fail(call, err, "the certificate %s cannot be shown (%s)", ca.name, bs_err_name(err));
    }
    return BS_OK;
}
