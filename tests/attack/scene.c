#include "attack.h"

#include <string.h>

void scene_say(struct scene *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s->outcome = (struct outcome){ 0 };
    vsnprintf(s->outcome.reason, sizeof(s->outcome.reason), format, args);
    va_end(args);
}

static void note(struct scene *s, const struct message_answer *answer, int status)
{
    s->outcome = (struct outcome){ .kind = answer->kind, .status = status };
    if (answer->reason.size > 0)
        snprintf(s->outcome.reason, sizeof(s->outcome.reason), "%.*s", (int)answer->reason.size,
                 (const char *)answer->reason.data);
}

void scene_note(struct scene *s)
{
    note(s, &s->talk.answer, s->talk.result.status);
}

void scene_note_line(struct scene *s, const struct load_line *line, enum bs_err err)
{
    if (err == BS_OK) {
        note(s, &line->answer, line->status);
    } else {
        bool is_http = err == BS_ERR_PROTOCOL && line->status != 0;
        scene_say(s, is_http ? "http-%d" : ATTACK_NO_LINE, line->status);
        s->outcome.status = is_http ? line->status : 0;
    }
}

static bool is_message(const struct attack *attack)
{
    return strncmp(attack->reason, "http-", 5) != 0 && strcmp(attack->reason, ATTACK_NO_LINE) != 0;
}

/* docs/protocol.md section 1.2 */
static int status_of(const struct attack *attack)
{
    static const char *const bad[] = { BS_REASON_MALFORMED, BS_REASON_VERSION, BS_REASON_OUT_OF_ORDER };
    if (!is_message(attack))
        return attack->reason[0] == 'h' ? (int)strtol(attack->reason + 5, NULL, 10) : 0;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (strcmp(attack->reason, bad[i]) == 0)
            return 400;
    return attack->kind == MESSAGE_PENDING ? 202 : 403;
}

bool scene_is_refused(const struct scene *s)
{
    const struct attack *attack = s->attack;
    enum message_kind kind = attack->kind ? attack->kind : MESSAGE_REFUSED;
    if (kind == MESSAGE_BUSY)
        return s->outcome.kind == MESSAGE_BUSY;
    if (!is_message(attack))
        kind = 0;
    return s->outcome.kind == kind && s->outcome.status == status_of(attack) &&
           strcmp(s->outcome.reason, attack->reason) == 0;
}

void scene_again(struct scene *s)
{
    talk_close(&s->talk);
    talk_open(s->lab, &s->talk);
}

void scene_write(struct scene *s, struct softtpm *tpm)
{
    struct softtpm_request full = s->request;
    if (!full.channel)
        full.channel = s->talk.channel;
    full.server_cert = s->talk.server_cert;
    bs_buf_reset(&s->talk.body);
    bs_buf_reset(&s->talk.statement);
    MUST(softtpm_attest(tpm, &full, &s->talk.body, &s->talk.statement));
}

void scene_attest(struct scene *s, struct softtpm *tpm)
{
    scene_write(s, tpm);
    talk_send_attest(&s->talk);
    scene_note(s);
}

void scene_send_prove(struct scene *s)
{
    bs_buf_reset(&s->talk.bytes);
    enroll_prove(s->lab->server, s->talk.session, bs_buf_span(&s->talk.body), &s->talk.bytes, &s->talk.result);
    MUST(message_answer_decode(bs_buf_span(&s->talk.bytes), &s->talk.answer));
    scene_note(s);
}

/* Who does not hold the EK says what he can. */
static void activate(struct softtpm *tpm, const struct message_answer *answer, uint8_t ret_secret[32])
{
    if (softtpm_activate(tpm, answer->id_object, answer->encrypted_secret, ret_secret) != BS_OK)
        memset(ret_secret, 0, 32);
}

void scene_prove(struct scene *s, struct softtpm *tpm)
{
    activate(tpm, &s->talk.answer, s->talk.secret);
    bs_buf_reset(&s->talk.body);
    MUST(softtpm_prove(s->talk.secret, s->talk.channel, bs_buf_span(&s->talk.statement), &s->talk.body));
    scene_send_prove(s);
}

void scene_enroll(struct scene *s, struct softtpm *tpm)
{
    scene_attest(s, tpm);
    if (s->talk.answer.kind == MESSAGE_PROVE)
        scene_prove(s, tpm);
}

void scene_newcomer(struct scene *s)
{
    softtpm_free(&s->fresh);
    MUST(softtpm_make(&s->lab->vendor, NULL, &s->fresh));
    MUST(softtpm_boot(&s->fresh, bs_buf_span(&s->tpm.log)));
}

void scene_show_log(struct scene *s, struct bs_span log)
{
    struct bs_buf copy = BS_BUF(SOFTTPM_LOG_MAX);
    MUST(bs_buf_append(&copy, log.data, log.size));
    bs_buf_free(&s->log);
    s->log = copy;
    s->tpm.log = s->log;
}

void scene_boot(struct scene *s, struct bs_span log)
{
    struct bs_buf copy = BS_BUF(SOFTTPM_LOG_MAX);
    s->tpm.log = copy;
    MUST(softtpm_boot(&s->tpm, log));
    bs_buf_free(&s->log);
    s->log = s->tpm.log;
}

void scene_enroll_line(struct scene *s, struct softtpm *tpm)
{
    enum bs_err err = load_attest(&s->line, tpm, &s->request);
    if (err == BS_OK && s->line.answer.kind == MESSAGE_PROVE) {
        activate(tpm, &s->line.answer, s->line.secret);
        bs_buf_reset(&s->line.body);
        MUST(softtpm_prove(s->line.secret, s->line.channel, bs_buf_span(&s->line.statement), &s->line.body));
        err = load_post(&s->line, BS_PATH_PROVE);
    }
    scene_note_line(s, &s->line, err);
}
