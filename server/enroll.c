#include "server/enroll_exchange.h"

#include "core/credential.h"
#include "server/device_keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum bs_err enroll_session_new(const struct enroll_peer *peer, struct enroll_session **ret_session)
{
    struct enroll_session *session = calloc(1, sizeof(*session));
    if (!session)
        return BS_ERR_NOMEM;
    session->peer = *peer;
    *ret_session = session;
    return BS_OK;
}

static void forget_challenge(struct enroll_session *session)
{
    evidence_free(BS_TAKE(session->evidence));
    bs_secret_free(BS_TAKE(session->secret));
    limit_purse_give(&session->purse);
}

void enroll_session_free(struct enroll_session *session)
{
    if (!session)
        return;
    forget_challenge(session);
    if (session->is_held) /* nobody waits for the answer any more, but the store still knows the ticket */
        store_settle(session->answer->server->store);
    free(session->answer);
    bs_wipe(session, sizeof(*session));
    free(session);
}

static void give_verdict(struct exchange *x, const struct evidence *evidence, bool is_proven_now)
{
    struct verdict verdict;
    struct verdict_request request = { evidence, x->session->peer.channel, is_proven_now, NULL };
    enum bs_err err = enroll_ticket(x, &request.ticket);
    if (err == BS_OK)
        err = verdict_make(x->server, &request, &verdict);
    if (err != BS_OK) {
        enroll_answer_trouble(x, "a verdict", err);
        return;
    }
    if (verdict.kind == MESSAGE_APPROVED) {
        memcpy(x->session->issued_to, evidence->device, WIRE_ID_SIZE);
        x->session->issued_serial = verdict.issue.serial;
    } else if (verdict.kind == MESSAGE_WIPE) {
        memcpy(x->session->issued_to, evidence->device, WIRE_ID_SIZE);
        memcpy(x->session->wipe_key, verdict.wipe.confirm_key, sizeof(x->session->wipe_key));
        x->session->issued_serial = verdict.wipe.serial;
        x->session->is_wipe = true;
    }
    enroll_answer_verdict(x, evidence, &verdict);
    verdict_free(&verdict);
}

/* Whatever the verdict would be: it is not thought about before the TPM has answered. */
static enum bs_err give_challenge(struct exchange *x, const struct evidence *evidence)
{
    BS_SCOPED_BUF struct bs_buf id_object = BS_BUF(BS_TPM_MAX);
    BS_SCOPED_BUF struct bs_buf encrypted = BS_BUF(BS_TPM_MAX);
    BS_OWN(secret) secret = NULL;
    enum bs_err err = bs_secret_new(CREDENTIAL_SIZE, &secret);
    if (err == BS_OK)
        err = crypto_random(bs_secret_data(secret), CREDENTIAL_SIZE);
    if (err == BS_OK)
        err = credential_make(&evidence->ek, &evidence->ak_name, bs_secret_view(secret), &id_object, &encrypted);
    if (err != BS_OK)
        return err;
    struct message_answer answer = { .kind = MESSAGE_PROVE,
                                     .id_object = bs_buf_span(&id_object),
                                     .encrypted_secret = bs_buf_span(&encrypted) };
    enroll_write(x, &answer);
    x->session->secret = BS_TAKE(secret);
    return BS_OK;
}

/* A challenge may stay unanswered for as long as a TPM may take: what is kept for it is counted. */
static bool hold(struct exchange *x, const struct evidence *evidence)
{
    const struct store_boot *boot = &evidence->boot;
    uint64_t size = sizeof(*evidence) + evidence->body.capacity + boot->log.capacity + boot->userspace_log.capacity +
                    boot->command_line.capacity;
    const struct config_limits *limits = &x->server->config.limits;
    x->session->purse = (struct limit_purse){ .all = &x->server->memory,
                                              .address = x->session->peer.address_memory,
                                              .most = limits->memory,
                                              .most_address = limits->memory_per_address };
    return limit_purse_take(&x->session->purse, size);
}

static void challenge(struct exchange *x, struct evidence **evidence)
{
    if (!hold(x, *evidence)) {
        enroll_answer_busy(x);
        return;
    }
    enum bs_err err = give_challenge(x, *evidence);
    if (err == BS_OK) {
        x->session->evidence = BS_TAKE(*evidence);
        return;
    }
    forget_challenge(x->session);
    if (err == BS_ERR_UNTRUSTED)
        enroll_answer_reason(x, BS_REASON_EK_TEMPLATE, "the EK is no key that anything can be encrypted to");
    else
        enroll_answer_trouble(x, "making a challenge", err);
}

static void attest(struct exchange *x, struct evidence **evidence)
{
    enum verdict_pair pair;
    enum bs_err err = verdict_pair(x->server, *evidence, &pair);
    if (err != BS_OK) {
        enroll_answer_trouble(x, "looking up a device", err);
        return;
    }
    switch (pair) {
    case VERDICT_PAIR_FOREIGN:
        enroll_answer_reason(x, BS_REASON_PAIR_MISMATCH, "this AK is known as that of another EK");
        return;
    case VERDICT_PAIR_PROVEN:
        give_verdict(x, *evidence, false);
        return;
    case VERDICT_PAIR_UNKNOWN:
        challenge(x, evidence);
        return;
    }
}

/* What a known device's own quote says is a verdict about that device; anything else is a stranger's. */
static void refuse_evidence(struct exchange *x, const struct evidence *evidence, const struct refusal *refusal)
{
    bool is_recorded = false;
    struct store_ticket *ticket;
    enum bs_err err = enroll_ticket(x, &ticket);
    if (err == BS_OK)
        err = verdict_refused(x->server, evidence, refusal, ticket, &is_recorded);
    if (err != BS_OK) {
        enroll_answer_trouble(x, "writing down a verdict", err);
    } else if (is_recorded) {
        struct verdict verdict = {
            .kind = MESSAGE_REFUSED, .names_device = true, .is_held = ticket != NULL, .refusal = *refusal
        };
        enroll_answer_verdict(x, evidence, &verdict);
    } else {
        enroll_answer_stranger(x, refusal);
    }
}

void enroll_attest(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                   struct enroll_result *ret_result)
{
    struct exchange x = { server, session, answer, ret_result };
    if (session->has_statement) {
        forget_challenge(session);
        enroll_answer_reason(&x, BS_REASON_OUT_OF_ORDER, "one statement to a connection");
        return;
    }
    session->has_statement = true;
    struct refusal refusal = { 0 };
    struct evidence_channel channel = { session->peer.channel, session->peer.server_cert_sha256 };
    BS_OWN(evidence) evidence = NULL;
    enum bs_err err = evidence_new(&evidence);
    if (err == BS_OK)
        err = evidence_verify(server, &channel, body, evidence, &refusal);
    if (err == BS_OK)
        attest(&x, &evidence);
    else if (err == BS_ERR_REFUSED)
        refuse_evidence(&x, evidence, &refusal);
    else
        enroll_answer_trouble(&x, "verifying evidence", err);
}

static enum bs_err check_mac(const struct enroll_session *session, struct bs_span mac, bool *ret_is_right)
{
    uint8_t expected[CRYPTO_SHA256_SIZE];
    struct bs_span secret = BS_SPAN(bs_secret_view(session->secret), bs_secret_size(session->secret));
    enum bs_err err = message_prove_mac(secret, BS_SPAN(session->peer.channel, BS_CHANNEL_SIZE),
                                        session->evidence->request.statement, expected);
    assert(mac.size == sizeof(expected)); /* the decoder takes no other */
    if (err == BS_OK)
        *ret_is_right = bs_equal_ct(mac.data, expected, sizeof(expected));
    bs_wipe(expected, sizeof(expected));
    return err;
}

void enroll_prove(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                  struct enroll_result *ret_result)
{
    struct exchange x = { server, session, answer, ret_result };
    struct message_prove prove;
    bool is_right = false;
    if (!session->evidence) {
        enroll_answer_reason(&x, BS_REASON_OUT_OF_ORDER, "there is no challenge on this connection");
        return;
    }
    if (message_prove_decode(body, &prove) != BS_OK) {
        forget_challenge(session);
        enroll_answer_reason(&x, BS_REASON_MALFORMED, "the request is not a message of this protocol");
        return;
    }
    enum bs_err err = check_mac(session, prove.mac, &is_right);
    if (err != BS_OK)
        enroll_answer_trouble(&x, "checking a proof", err);
    else if (!is_right)
        enroll_answer_reason(&x, BS_REASON_PROOF_FAILED,
                             "the TPM did not give back the secret: it does not hold this EK and this AK");
    else
        give_verdict(&x, session->evidence, true);
    forget_challenge(session);
}

static enum bs_err check_confirm_mac(struct exchange *x, const struct message_confirm *m, const uint8_t key[32],
                                     struct refusal *refusal)
{
    uint8_t expected[CRYPTO_SHA256_SIZE];
    enum bs_err err = message_confirm_mac(BS_SPAN(key, CRYPTO_SHA256_SIZE),
                                          BS_SPAN(x->session->peer.channel, BS_CHANNEL_SIZE), m, expected);
    assert(m->mac.size == sizeof(expected)); /* the decoder takes no other */
    if (err == BS_OK && !bs_equal_ct(m->mac.data, expected, sizeof(expected)))
        err = refuse(refusal, BS_REASON_CONFIRM_MAC, "the confirmation is not made with the key of what was issued");
    return err;
}

/* The device has forgotten. */
static enum bs_err confirm_wipe(struct exchange *x, const struct message_confirm *m, struct refusal *refusal)
{
    struct store_device device;
    enum bs_err err = store_device_get(x->server->store, m->device.data, &device);
    if (err == BS_OK)
        err = check_confirm_mac(x, m, x->session->wipe_key, refusal);
    return err == BS_OK ? wipe_issue_obeyed(x->server, &device, m->serial) : err;
}

static enum bs_err confirm(struct exchange *x, const struct message_confirm *m, struct refusal *refusal)
{
    struct store_device device;
    struct store_bundle bundle;
    enum bs_err err = store_device_get(x->server->store, m->device.data, &device);
    if (err == BS_OK)
        err = store_bundle_get(x->server->store, m->device.data, &bundle);
    if (err != BS_OK)
        return err;
    if (bundle.serial != m->serial)
        return refuse(refusal, BS_REASON_CONFIRM_UNKNOWN, "a newer bundle was issued since");
    err = check_confirm_mac(x, m, bundle.confirm_key, refusal);
    if (err == BS_OK)
        err = issue_confirmed(x->server, &device, &bundle, "confirmed");
    if (err == BS_OK)
        err = device_keys_record(x->server, device.id, m->keys, m->key_count);
    bs_wipe(&bundle, sizeof(bundle));
    return err;
}

void enroll_confirm(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                    struct enroll_result *ret_result)
{
    struct exchange x = { server, session, answer, ret_result };
    struct message_confirm m;
    struct refusal refusal = { 0 };
    if (message_confirm_decode(body, &m) != BS_OK) {
        enroll_answer_reason(&x, BS_REASON_MALFORMED, "the request is not a message of this protocol");
        return;
    }
    /* A message has no serial 0, which a session has that nothing was issued on. */
    if (m.serial != session->issued_serial || !bs_span_equal(m.device, BS_SPAN(session->issued_to, WIRE_ID_SIZE))) {
        enroll_answer_reason(&x, BS_REASON_CONFIRM_UNKNOWN, "no such bundle was issued on this connection");
        return;
    }
    struct store_ticket *ticket;
    enum bs_err err = enroll_ticket(&x, &ticket);
    if (err == BS_OK)
        err = store_begin(server->store);
    if (err != BS_OK) {
        enroll_answer_trouble(&x, "a confirmation", err);
        return;
    }
    err = session->is_wipe ? confirm_wipe(&x, &m, &refusal) : confirm(&x, &m, &refusal);
    if (err == BS_OK)
        err = ticket ? store_commit_later(server->store, ticket) : store_commit(server->store);
    else
        store_rollback(server->store);
    if (err == BS_OK)
        enroll_write(&x, &(struct message_answer){ .kind = MESSAGE_CONFIRMED });
    if (err == BS_OK && ticket)
        enroll_hold(&x, &(struct news){ .kind = MESSAGE_CONFIRMED });
    if (err == BS_ERR_REFUSED)
        enroll_answer_stranger(&x, &refusal);
    else if (err != BS_OK)
        enroll_answer_trouble(&x, "a confirmation", err);
}
