#include "server/enroll.h"

#include "core/credential.h"
#include "core/log.h"
#include "server/audit.h"
#include "server/verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REFUSALS_A_SECOND 5 /* log lines that strangers may cause */
#define BUSY_RETRY_AFTER 5

/* docs/protocol.md section 1.2 */
enum { HTTP_OK = 200, HTTP_PENDING = 202, HTTP_BAD = 400, HTTP_FORBIDDEN = 403, HTTP_BUSY = 503 };

struct enroll_session {
    struct enroll_peer peer;
    bool has_statement;          /* one a connection, whatever became of it */
    struct evidence *evidence;   /* verified, while its challenge is not answered */
    struct bs_secret *secret;    /* what the TPM must give back */
    struct limit_memory *memory; /* that `held` is taken from while there is evidence */
    uint64_t held;
    uint8_t
        issued_to[WIRE_ID_SIZE]; /* what was issued on this connection, and may be confirmed on it; serial 0: nothing */
    uint64_t issued_serial;
};

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
    if (session->held > 0)
        limit_memory_give(session->memory, session->held);
    session->held = 0;
}

void enroll_session_free(struct enroll_session *session)
{
    if (!session)
        return;
    forget_challenge(session);
    bs_wipe(session, sizeof(*session));
    free(session);
}

/* One request on its way. */
struct exchange {
    struct server *server;
    struct enroll_session *session;
    struct bs_buf *answer;
    struct enroll_result *result;
};

static int status_of(const struct message_answer *answer)
{
    switch (answer->kind) {
    case MESSAGE_PROVE:
    case MESSAGE_APPROVED:
    case MESSAGE_CONFIRMED:
        return HTTP_OK;
    case MESSAGE_PENDING:
        return HTTP_PENDING;
    case MESSAGE_BUSY:
        return HTTP_BUSY;
    case MESSAGE_REFUSED:
        break;
    }
    static const char *const bad[] = { BS_REASON_MALFORMED, BS_REASON_VERSION, BS_REASON_OUT_OF_ORDER };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (bs_span_equal(answer->reason, bs_span_of_string(bad[i])))
            return HTTP_BAD;
    return HTTP_FORBIDDEN;
}

static void write_answer(struct exchange *x, struct message_answer *answer)
{
    answer->time = (uint64_t)x->server->now();
    enum bs_err err = message_answer_encode(answer, x->answer);
    if (err != BS_OK) {
        bs_error("enroll", "an answer could not be written (%s)", bs_err_name(err));
        *x->result = (struct enroll_result){ .status = HTTP_BUSY, .retry_after = BUSY_RETRY_AFTER, .close = true };
        return;
    }
    bool goes_on =
        answer->kind == MESSAGE_PROVE || answer->kind == MESSAGE_APPROVED || answer->kind == MESSAGE_CONFIRMED;
    *x->result =
        (struct enroll_result){ .status = status_of(answer), .retry_after = answer->retry_after, .close = !goes_on };
}

static void answer_busy(struct exchange *x)
{
    metrics_verdict(&x->server->metrics, "busy", BS_REASON_OVERLOADED);
    struct message_answer answer = { .kind = MESSAGE_BUSY, .retry_after = BUSY_RETRY_AFTER };
    write_answer(x, &answer);
}

/* Trouble of our own: the device is told to come back, the operator what happened. */
static void answer_trouble(struct exchange *x, const char *what, enum bs_err err)
{
    bs_error("enroll", "%s failed (%s); devices are told to come back: look at disk and memory", what,
             bs_err_name(err));
    answer_busy(x);
}

/* Findings and sentences as messages take them. */
struct words {
    uint8_t text[BS_TEXT_MAX];
    uint8_t findings[MESSAGE_FINDINGS_MAX][3][BS_TEXT_MAX];
};

static struct bs_span clean(const char *text, uint8_t room[BS_TEXT_MAX])
{
    return message_text_clean(bs_span_of_string(text), room, BS_TEXT_MAX);
}

static void fill_refusal(const struct refusal *refusal, struct words *words, struct message_answer *answer)
{
    answer->reason = bs_span_of_string(refusal->reason);
    answer->text = clean(refusal->text, words->text);
    for (size_t i = 0; i < refusal->finding_count; i++) {
        const struct evidence_finding *finding = &refusal->findings[i];
        answer->findings[answer->finding_count++] =
            (struct message_finding){ .has_pcr = finding->has_pcr,
                                      .pcr = finding->pcr,
                                      .has_event = finding->has_event,
                                      .event = finding->event,
                                      .text = clean(finding->text, words->findings[i][0]),
                                      .found = clean(finding->found, words->findings[i][1]),
                                      .expected = clean(finding->expected, words->findings[i][2]) };
    }
}

/* For those who have proven nothing: a line in the log and a row that names nobody, now and then, and no other trace. */
static void answer_stranger(struct exchange *x, const struct refusal *refusal)
{
    unsigned missed = 0;
    metrics_verdict(&x->server->metrics, "refused", refusal->reason);
    if (limit_allows(&x->server->refusals, REFUSALS_A_SECOND, x->server->now(), &missed))
        bs_notice("refused", "%s: %s: %s (%u more were not written down)", x->session->peer.address, refusal->reason,
                  refusal->text, missed);
    audit_stranger(x->server, refusal->reason, x->session->peer.address);
    struct words words;
    struct message_answer answer = { .kind = MESSAGE_REFUSED };
    fill_refusal(refusal, &words, &answer);
    write_answer(x, &answer);
}

static void answer_reason(struct exchange *x, const char *reason, const char *text)
{
    struct refusal refusal = { 0 };
    refuse(&refusal, reason, "%s", text);
    answer_stranger(x, &refusal);
}

static void answer_verdict(struct exchange *x, const struct evidence *evidence, const struct verdict *verdict)
{
    struct words words;
    struct message_answer answer = { .kind = verdict->kind };
    char id[2 * WIRE_ID_SIZE + 1];
    bs_hex(BS_SPAN(evidence->device, WIRE_ID_SIZE), id);
    switch (verdict->kind) {
    case MESSAGE_APPROVED:
        metrics_verdict(&x->server->metrics, "approved", "");
        answer.id_object = bs_buf_span(&verdict->issue.id_object);
        answer.encrypted_secret = bs_buf_span(&verdict->issue.encrypted_secret);
        answer.bundle = bs_buf_span(&verdict->issue.bundle);
        bs_info("approved", "%s: device %.16s, bundle %" PRIu64, x->session->peer.address, id, verdict->issue.serial);
        break;
    case MESSAGE_BUSY:
        metrics_verdict(&x->server->metrics, "busy", "");
        answer.retry_after = x->server->config.retry_after;
        bs_warning("busy", "%s: too many devices wait for an operator, or a record is changing",
                   x->session->peer.address);
        break;
    case MESSAGE_PENDING:
    case MESSAGE_REFUSED:
        if (!verdict->names_device) {
            answer_stranger(x, &verdict->refusal);
            return;
        }
        metrics_verdict(&x->server->metrics, verdict->kind == MESSAGE_PENDING ? "pending" : "refused",
                        verdict->refusal.reason);
        answer.retry_after = verdict->kind == MESSAGE_PENDING ? x->server->config.retry_after : 0;
        answer.device = BS_SPAN(evidence->device, WIRE_ID_SIZE);
        fill_refusal(&verdict->refusal, &words, &answer);
        bs_info(verdict->kind == MESSAGE_PENDING ? "pending" : "refused", "%s: device %.16s: %s: %s",
                x->session->peer.address, id, verdict->refusal.reason, verdict->refusal.text);
        break;
    case MESSAGE_PROVE:
    case MESSAGE_CONFIRMED:
        break;
    }
    write_answer(x, &answer);
}

static void give_verdict(struct exchange *x, const struct evidence *evidence, bool is_proven_now)
{
    struct verdict verdict;
    struct verdict_request request = { evidence, x->session->peer.channel, is_proven_now };
    enum bs_err err = verdict_make(x->server, &request, &verdict);
    if (err != BS_OK) {
        answer_trouble(x, "a verdict", err);
        return;
    }
    if (verdict.kind == MESSAGE_APPROVED) {
        memcpy(x->session->issued_to, evidence->device, WIRE_ID_SIZE);
        x->session->issued_serial = verdict.issue.serial;
    }
    answer_verdict(x, evidence, &verdict);
    verdict_free(&verdict);
}

void enroll_busy(struct server *server, struct bs_buf *answer, struct enroll_result *ret_result)
{
    struct exchange x = { .server = server, .answer = answer, .result = ret_result };
    answer_busy(&x);
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
    write_answer(x, &answer);
    x->session->secret = BS_TAKE(secret);
    return BS_OK;
}

/* A challenge may stay unanswered for as long as a TPM may take: what is kept for it is counted. */
static bool hold(struct exchange *x, const struct evidence *evidence)
{
    uint64_t size = sizeof(*evidence) + evidence->body.capacity + evidence->boot.log.capacity;
    if (!limit_memory_take(&x->server->memory, size, x->server->config.limits.memory))
        return false;
    x->session->memory = &x->server->memory;
    x->session->held = size;
    return true;
}

static void challenge(struct exchange *x, struct evidence **evidence)
{
    if (!hold(x, *evidence)) {
        answer_busy(x);
        return;
    }
    enum bs_err err = give_challenge(x, *evidence);
    if (err == BS_OK) {
        x->session->evidence = BS_TAKE(*evidence);
        return;
    }
    forget_challenge(x->session);
    if (err == BS_ERR_UNTRUSTED || err == BS_ERR_PROTOCOL)
        answer_reason(x, BS_REASON_EK_TEMPLATE, "the EK is no key that anything can be encrypted to");
    else
        answer_trouble(x, "making a challenge", err);
}

static void attest(struct exchange *x, struct evidence **evidence)
{
    enum verdict_pair pair;
    enum bs_err err = verdict_pair(x->server, *evidence, &pair);
    if (err != BS_OK) {
        answer_trouble(x, "looking up a device", err);
        return;
    }
    switch (pair) {
    case VERDICT_PAIR_FOREIGN:
        answer_reason(x, BS_REASON_PAIR_MISMATCH, "this AK is known as that of another EK");
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
    enum bs_err err = verdict_refused(x->server, evidence, refusal, &is_recorded);
    if (err != BS_OK) {
        answer_trouble(x, "writing down a verdict", err);
    } else if (is_recorded) {
        struct verdict verdict = { .kind = MESSAGE_REFUSED, .names_device = true, .refusal = *refusal };
        answer_verdict(x, evidence, &verdict);
    } else {
        answer_stranger(x, refusal);
    }
}

void enroll_attest(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                   struct enroll_result *ret_result)
{
    struct exchange x = { server, session, answer, ret_result };
    if (session->has_statement) {
        forget_challenge(session);
        answer_reason(&x, BS_REASON_OUT_OF_ORDER, "one statement to a connection");
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
        answer_trouble(&x, "verifying evidence", err);
}

static enum bs_err check_mac(const struct enroll_session *session, struct bs_span mac, bool *ret_is_right)
{
    uint8_t expected[CRYPTO_SHA256_SIZE];
    struct bs_span secret = BS_SPAN(bs_secret_view(session->secret), bs_secret_size(session->secret));
    enum bs_err err = message_prove_mac(secret, BS_SPAN(session->peer.channel, BS_CHANNEL_SIZE),
                                        session->evidence->request.statement, expected);
    if (err == BS_OK)
        *ret_is_right = mac.size == sizeof(expected) && bs_equal_ct(mac.data, expected, sizeof(expected));
    bs_wipe(expected, sizeof(expected));
    return err;
}

void enroll_prove(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                  struct enroll_result *ret_result)
{
    struct exchange x = { server, session, answer, ret_result };
    struct message_prove prove;
    bool is_right = false;
    if (!session->evidence || !session->secret) {
        answer_reason(&x, BS_REASON_OUT_OF_ORDER, "there is no challenge on this connection");
        return;
    }
    if (message_prove_decode(body, &prove) != BS_OK) {
        forget_challenge(session);
        answer_reason(&x, BS_REASON_MALFORMED, "the request is not a message of this protocol");
        return;
    }
    enum bs_err err = check_mac(session, prove.mac, &is_right);
    if (err != BS_OK)
        answer_trouble(&x, "checking a proof", err);
    else if (!is_right)
        answer_reason(&x, BS_REASON_PROOF_FAILED,
                      "the TPM did not give back the secret: it does not hold this EK and this AK");
    else
        give_verdict(&x, session->evidence, true);
    forget_challenge(session);
}

static enum bs_err confirm(struct exchange *x, const struct message_confirm *m, struct refusal *refusal)
{
    struct store_device device;
    struct store_bundle bundle;
    uint8_t expected[CRYPTO_SHA256_SIZE];
    enum bs_err err = store_device_get(x->server->store, m->device.data, &device);
    if (err == BS_OK)
        err = store_bundle_get(x->server->store, m->device.data, &bundle);
    if (err == BS_ERR_NOT_FOUND || (err == BS_OK && bundle.serial != m->serial))
        return refuse(refusal, BS_REASON_CONFIRM_UNKNOWN, "no such bundle was issued");
    if (err != BS_OK)
        return err;
    err = message_confirm_mac(BS_SPAN(bundle.confirm_key, sizeof(bundle.confirm_key)),
                              BS_SPAN(x->session->peer.channel, BS_CHANNEL_SIZE), m->device, m->serial, expected);
    if (err == BS_OK && !(m->mac.size == sizeof(expected) && bs_equal_ct(m->mac.data, expected, sizeof(expected))))
        err = refuse(refusal, BS_REASON_CONFIRM_MAC, "the confirmation is not made with the key of that bundle");
    if (err == BS_OK)
        err = issue_confirmed(x->server, &device, &bundle, "confirmed");
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
        answer_reason(&x, BS_REASON_MALFORMED, "the request is not a message of this protocol");
        return;
    }
    if (session->issued_serial == 0 || m.serial != session->issued_serial ||
        !bs_span_equal(m.device, BS_SPAN(session->issued_to, WIRE_ID_SIZE))) {
        answer_reason(&x, BS_REASON_CONFIRM_UNKNOWN, "no such bundle was issued on this connection");
        return;
    }
    enum bs_err err = store_begin(server->store);
    if (err != BS_OK) {
        answer_trouble(&x, "a confirmation", err);
        return;
    }
    err = confirm(&x, &m, &refusal);
    if (err == BS_OK)
        err = store_commit(server->store);
    else
        store_rollback(server->store);
    if (err == BS_OK)
        write_answer(&x, &(struct message_answer){ .kind = MESSAGE_CONFIRMED });
    else if (err == BS_ERR_REFUSED)
        answer_stranger(&x, &refusal);
    else
        answer_trouble(&x, "a confirmation", err);
}
