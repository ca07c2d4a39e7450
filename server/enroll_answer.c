/* What devices are told, and what is counted and logged about it. An answer may be held until its change is durable. */
#include "server/enroll_exchange.h"

#include "core/log.h"
#include "server/audit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REFUSALS_A_SECOND 5 /* log lines that strangers may cause */
#define BUSY_RETRY_AFTER 5

/* docs/protocol.md section 1.2 */
enum { HTTP_OK = 200, HTTP_PENDING = 202, HTTP_BAD = 400, HTTP_FORBIDDEN = 403, HTTP_BUSY = 503 };

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
    case MESSAGE_WIPE:
        return HTTP_FORBIDDEN;
    case MESSAGE_REFUSED:
        break;
    }
    static const char *const bad[] = { BS_REASON_MALFORMED, BS_REASON_VERSION, BS_REASON_OUT_OF_ORDER };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (bs_span_equal(answer->reason, bs_span_of_string(bad[i])))
            return HTTP_BAD;
    return HTTP_FORBIDDEN;
}

void enroll_write(struct exchange *x, struct message_answer *answer)
{
    answer->time = (uint64_t)x->server->now();
    enum bs_err err = message_answer_encode(answer, x->answer);
    if (err != BS_OK) {
        bs_error("enroll", "an answer could not be written (%s)", bs_err_name(err));
        *x->result = (struct enroll_result){ .status = HTTP_BUSY, .retry_after = BUSY_RETRY_AFTER, .close = true };
        return;
    }
    bool goes_on = answer->kind == MESSAGE_PROVE || answer->kind == MESSAGE_APPROVED ||
                   answer->kind == MESSAGE_CONFIRMED || answer->kind == MESSAGE_WIPE;
    *x->result =
        (struct enroll_result){ .status = status_of(answer), .retry_after = answer->retry_after, .close = !goes_on };
}

void enroll_answer_busy(struct exchange *x)
{
    metrics_verdict(&x->server->metrics, "busy", BS_REASON_OVERLOADED);
    struct message_answer answer = { .kind = MESSAGE_BUSY, .retry_after = BUSY_RETRY_AFTER };
    enroll_write(x, &answer);
}

void enroll_answer_trouble(struct exchange *x, const char *what, enum bs_err err)
{
    bs_error("enroll", "%s failed (%s); devices are told to come back: look at disk and memory", what,
             bs_err_name(err));
    enroll_answer_busy(x);
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

void enroll_answer_stranger(struct exchange *x, const struct refusal *refusal)
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
    enroll_write(x, &answer);
}

void enroll_answer_reason(struct exchange *x, const char *reason, const char *text)
{
    struct refusal refusal = { 0 };
    refuse(&refusal, reason, "%s", text);
    enroll_answer_stranger(x, &refusal);
}

enum bs_err enroll_ticket(struct exchange *x, struct store_ticket **ret_ticket)
{
    struct enroll_session *session = x->session;
    *ret_ticket = NULL;
    assert(!session->is_held);
    if (!session->peer.may_hold)
        return BS_OK;
    if (!session->answer)
        session->answer = calloc(1, sizeof(*session->answer));
    if (!session->answer)
        return BS_ERR_NOMEM;
    session->answer->server = x->server;
    *ret_ticket = &session->answer->ticket;
    return BS_OK;
}

void enroll_hold(struct exchange *x, const struct news *news)
{
    x->session->answer->news = *news;
    x->session->is_held = true;
    x->result->is_held = true;
}

/* Counted and logged when it is true, which is when it is durable. */
static void tell(const struct exchange *x, const struct news *news)
{
    char id[2 * WIRE_ID_SIZE + 1];
    bool is_pending = news->kind == MESSAGE_PENDING;
    bs_hex(BS_SPAN(news->device, WIRE_ID_SIZE), id);
    switch (news->kind) {
    case MESSAGE_APPROVED:
        metrics_verdict(&x->server->metrics, "approved", "");
        bs_info("approved", "%s: device %.16s, bundle %" PRIu64, x->session->peer.address, id, news->serial);
        break;
    case MESSAGE_WIPE:
        metrics_verdict(&x->server->metrics, "wipe", news->reason);
        bs_notice("wipe", "%s: device %.16s is told to forget", x->session->peer.address, id);
        break;
    case MESSAGE_PENDING:
    case MESSAGE_REFUSED:
        metrics_verdict(&x->server->metrics, is_pending ? "pending" : "refused", news->reason);
        bs_info(is_pending ? "pending" : "refused", "%s: device %.16s: %s: %s", x->session->peer.address, id,
                news->reason, news->text);
        break;
    case MESSAGE_PROVE:
    case MESSAGE_CONFIRMED:
    case MESSAGE_BUSY:
        break;
    }
}

void enroll_settled(struct enroll_session *session, struct bs_buf *answer, struct enroll_result *result)
{
    if (!session->is_held)
        return;
    struct exchange x = { session->answer->server, session, answer, result };
    enum bs_err err = session->answer->ticket.result;
    session->is_held = result->is_held = false;
    if (err == BS_OK) {
        tell(&x, &session->answer->news);
        return;
    }
    session->issued_serial = 0;
    bs_buf_reset(answer);
    enroll_answer_trouble(&x, "making a verdict durable", err);
}

static void write_verdict(struct exchange *x, const struct evidence *evidence, const struct verdict *verdict)
{
    struct words words;
    struct message_answer answer = { .kind = verdict->kind };
    if (verdict->kind == MESSAGE_APPROVED) {
        answer.id_object = bs_buf_span(&verdict->issue.id_object);
        answer.encrypted_secret = bs_buf_span(&verdict->issue.encrypted_secret);
        answer.bundle = bs_buf_span(&verdict->issue.bundle);
    } else if (verdict->kind == MESSAGE_BUSY) {
        answer.retry_after = x->server->config.retry_after;
    } else {
        answer.retry_after = verdict->kind == MESSAGE_PENDING ? x->server->config.retry_after : 0;
        answer.device = BS_SPAN(evidence->device, WIRE_ID_SIZE);
        fill_refusal(&verdict->refusal, &words, &answer);
    }
    if (verdict->kind == MESSAGE_WIPE) {
        answer.id_object = bs_buf_span(&verdict->wipe.id_object);
        answer.encrypted_secret = bs_buf_span(&verdict->wipe.encrypted_secret);
        answer.order = bs_buf_span(&verdict->wipe.order);
    }
    enroll_write(x, &answer);
}

void enroll_answer_verdict(struct exchange *x, const struct evidence *evidence, const struct verdict *verdict)
{
    if (verdict->kind == MESSAGE_BUSY) {
        metrics_verdict(&x->server->metrics, "busy", "");
        bs_warning("busy", "%s: too many devices wait for an operator, or a record is changing",
                   x->session->peer.address);
        write_verdict(x, evidence, verdict);
        return;
    }
    if (verdict->kind != MESSAGE_APPROVED && !verdict->names_device) {
        assert(!verdict->is_held);
        enroll_answer_stranger(x, &verdict->refusal);
        return;
    }
    struct news news = { .kind = verdict->kind, .reason = verdict->refusal.reason, .serial = verdict->issue.serial };
    memcpy(news.device, evidence->device, sizeof(news.device));
    memcpy(news.text, verdict->refusal.text, sizeof(news.text));
    write_verdict(x, evidence, verdict);
    if (verdict->is_held)
        enroll_hold(x, &news);
    else
        tell(x, &news);
}

void enroll_busy(struct server *server, struct bs_buf *answer, struct enroll_result *ret_result)
{
    struct exchange x = { .server = server, .answer = answer, .result = ret_result };
    enroll_answer_busy(&x);
}
