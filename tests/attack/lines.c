/* Sequences over TLS, against a real bootseald: what belongs to a connection stays with it. */
#include "attack.h"

#include "bootseal/protocol.h"
#include "core/file.h"

#include <string.h>
#include <unistd.h>

/* Another connection; the caller closes it. */
static struct load_line dial(const struct scene *s)
{
    struct load_line line;
    MUST(load_line_open(s->target, &line));
    return line;
}

static void replay(struct scene *s, struct load_line *on)
{
    bs_buf_reset(&on->body);
    MUST(bs_buf_append(&on->body, s->line.body.data, s->line.body.size));
    scene_note_line(s, on, load_post(on, BS_PATH_ATTEST));
}

static void a_request_again_on_another_connection(struct scene *s)
{
    LOAD_LINE second = dial(s);
    scene_enroll_line(s, &s->tpm);
    replay(s, &second);
}

/* Never sent on its own connection, which lives. */
static void a_request_of_another_live_connection(struct scene *s)
{
    LOAD_LINE second = dial(s);
    struct softtpm_request full = { .channel = s->line.channel, .server_cert = s->line.server_cert };
    MUST(softtpm_attest(&s->tpm, &full, &s->line.body, &s->line.statement));
    replay(s, &second);
}

/* Another client's TLS, for our own knows no sessions: sends the file and reads all that comes. Its own words go elsewhere. */
static void openssl(struct scene *s, const char *words, struct bs_buf *out)
{
    char command[4096];
    uint8_t *tail;
    size_t got;
    snprintf(command, sizeof(command),
             "exec openssl s_client -connect 127.0.0.1:%u -CAfile '%s/image/server-ca.pem' -tls1_3 -ign_eof %s "
             "<'%s/request' 2>/dev/null",
             s->target->port, s->lab->dir, words, s->lab->dir);
    FILE *pipe = popen(command, "re");
    if (!pipe)
        MUST(BS_ERR_IO);
    bs_buf_reset(out);
    do {
        MUST(bs_buf_reserve(out, 4096, &tail));
        got = fread(tail, 1, 4096, pipe);
        bs_buf_grown(out, got);
    } while (got > 0);
    (void)pclose(pipe);
}

static void write_request(struct scene *s, const char *head, struct bs_span body)
{
    BS_OWN(string) path = NULL;
    BS_SCOPED_BUF struct bs_buf request = BS_BUF(BS_REQUEST_MAX + 1024);
    MUST(server_path(s->lab->dir, "request", &path));
    MUST(bs_buf_printf(&request, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", head));
    if (body.size > 0)
        MUST(bs_buf_printf(&request, "Content-Type: " BS_MEDIA_TYPE "\r\nContent-Length: %zu\r\n", body.size));
    MUST(bs_buf_append_string(&request, "\r\n"));
    MUST(bs_buf_append(&request, body.data, body.size));
    MUST(bs_file_write(path, bs_buf_span(&request), NULL));
}

/* A request of now, again on a session that was resumed, if the server lets itself be talked into one. */
static void a_request_again_on_a_resumed_session(struct scene *s)
{
    char words[1024], session[512];
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_ANSWER_MAX);
    snprintf(session, sizeof(session), "%s/session", s->lab->dir);
    snprintf(words, sizeof(words), "-sess_out '%s'", session);
    write_request(s, "GET " BS_PATH_HEALTH, BS_SPAN_NONE);
    openssl(s, words, &out);
    if (!memmem(out.data, out.size, "HTTP/1.1 200", 12)) {
        scene_say(s, "openssl s_client got no answer");
        return;
    }
    bool has_session = access(session, F_OK) == 0;
    snprintf(words, sizeof(words), "-sess_in '%s'", session);
    scene_enroll_line(s, &s->tpm);
    write_request(s, "POST " BS_PATH_ATTEST, bs_buf_span(&s->line.body));
    openssl(s, has_session ? words : "", &out);
    const uint8_t *answer = memmem(out.data, out.size, "HTTP/1.1 ", 9);
    const uint8_t *body = answer ? memmem(answer, (size_t)(out.data + out.size - answer), "\r\n\r\n", 4) : NULL;
    if (!body || memmem(out.data, out.size, "Reused, TLS", 11)) {
        scene_say(s, body ? "the session was resumed" : "openssl s_client got no answer");
        return;
    }
    s->line.status = (int)strtol((const char *)answer + 9, NULL, 10);
    /* Behind the answer s_client says that the connection ended. */
    static const char length[] = "Content-Length: ";
    const uint8_t *size = memmem(answer, (size_t)(body - answer), length, sizeof(length) - 1);
    MUST(size ? BS_OK : BS_ERR_PROTOCOL);
    struct bs_span message = BS_SPAN(body + 4, strtoul((const char *)size + sizeof(length) - 1, NULL, 10));
    scene_note_line(s, &s->line, message_answer_decode(message, &s->line.answer));
}

static void bend_kind(struct message_statement *st)
{
    st->channel_kind = MESSAGE_CHANNEL_CHALLENGE;
}

/* Somebody was made to answer a challenge in a file, and it was the exporter of the attacker's own connection. */
static void a_file_challenge_that_is_the_exporter(struct scene *s)
{
    s->request.bend.statement = bend_kind;
    scene_enroll_line(s, &s->tpm);
}

static void a_file_challenge_that_is_the_exporter_of_another_connection(struct scene *s)
{
    LOAD_LINE second = dial(s);
    s->request.channel = second.channel;
    s->request.bend.statement = bend_kind;
    scene_enroll_line(s, &s->tpm);
}

static void a_second_statement(struct scene *s)
{
    scene_enroll_line(s, &s->tpm);
    scene_note_line(s, &s->line, load_attest(&s->line, &s->tpm, &s->request));
}

static void a_proof_without_a_statement(struct scene *s)
{
    MUST(softtpm_prove(s->line.secret, s->line.channel, BS_SPAN("x", 1), &s->line.body));
    scene_note_line(s, &s->line, load_post(&s->line, BS_PATH_PROVE));
}

static void newcomer(struct scene *s)
{
    scene_newcomer(s);
    s->request.token = s->token;
}

static void a_proof_on_another_connection(struct scene *s)
{
    LOAD_LINE second = dial(s);
    newcomer(s);
    MUST(load_attest(&s->line, &s->fresh, &s->request));
    MUST(softtpm_activate(&s->fresh, s->line.answer.id_object, s->line.answer.encrypted_secret, s->line.secret));
    MUST(softtpm_prove(s->line.secret, s->line.channel, bs_buf_span(&s->line.statement), &second.body));
    scene_note_line(s, &second, load_post(&second, BS_PATH_PROVE));
}

/* Both were challenged: the answer to one does not answer the other. */
static void a_proof_of_another_challenge(struct scene *s)
{
    LOAD_LINE second = dial(s);
    newcomer(s);
    MUST(load_attest(&s->line, &s->fresh, &s->request));
    MUST(load_attest(&second, &s->fresh, &s->request));
    MUST(softtpm_activate(&s->fresh, s->line.answer.id_object, s->line.answer.encrypted_secret, s->line.secret));
    bs_buf_reset(&second.body);
    MUST(softtpm_prove(s->line.secret, s->line.channel, bs_buf_span(&s->line.statement), &second.body));
    scene_note_line(s, &second, load_post(&second, BS_PATH_PROVE));
}

static void a_confirmation_before_the_proof(struct scene *s)
{
    newcomer(s);
    MUST(load_attest(&s->line, &s->fresh, &s->request));
    scene_note_line(s, &s->line, load_confirm(&s->line, &s->fresh, 1));
}

static uint64_t approve(struct scene *s)
{
    struct load_bundle bundle;
    scene_enroll_line(s, &s->tpm);
    MUST(load_open(s->target, &s->line, &s->tpm, &bundle));
    return bundle.serial;
}

static void a_confirmation_on_another_line(struct scene *s)
{
    LOAD_LINE second = dial(s);
    uint64_t serial = approve(s);
    memcpy(second.secret, s->line.secret, 32);
    scene_note_line(s, &second, load_confirm(&second, &s->tpm, serial));
}

static void a_confirmation_in_the_name_of_another(struct scene *s)
{
    uint64_t serial = approve(s);
    memcpy(s->tpm.id, s->other.id, sizeof(s->tpm.id));
    scene_note_line(s, &s->line, load_confirm(&s->line, &s->tpm, serial));
}

static void a_confirmation_with_a_wrong_key(struct scene *s)
{
    uint64_t serial = approve(s);
    s->line.secret[31] ^= 1;
    scene_note_line(s, &s->line, load_confirm(&s->line, &s->tpm, serial));
}

static void an_ek_of_another_device(struct scene *s)
{
    s->tpm.ek_public = s->other.ek_public;
    s->tpm.ek_cert = s->other.ek_cert;
    scene_enroll_line(s, &s->tpm);
}

static void an_ak_made_in_software(struct scene *s)
{
    scene_newcomer(s);
    s->fresh.ek_public = s->tpm.ek_public;
    bs_buf_reset(&s->fresh.ek_cert);
    MUST(bs_buf_append(&s->fresh.ek_cert, s->tpm.ek_cert.data, s->tpm.ek_cert.size));
    scene_enroll_line(s, &s->fresh);
}

static bool use_server_keys(WOLFSSL *session, void *with)
{
    const struct ca_tls *keys = with;
    return wolfSSL_use_certificate_chain_buffer(session, keys->chain_pem.data, (long)keys->chain_pem.size) ==
               WOLFSSL_SUCCESS &&
           wolfSSL_use_PrivateKey_buffer(session, bs_secret_view(keys->key_pem), (long)bs_secret_size(keys->key_pem),
                                         WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS;
}

/* The server's own certificate, key and all, as that of a client: devices' certificates are under another CA. */
static void the_server_certificate_as_that_of_a_client(struct scene *s)
{
    struct load_target target = *s->target;
    target.prepare = use_server_keys;
    target.with = &s->server_keys;
    LOAD_LINE line;
    enum bs_err err = load_line_open(&target, &line);
    if (err == BS_OK)
        err = load_send(&line, bs_span_of_string("GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    scene_note_line(s, &line, err);
}

static void a_client_without_a_certificate(struct scene *s)
{
    scene_note_line(s, &s->line,
                    load_send(&s->line, bs_span_of_string("GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")));
}

static const struct attack attacks[] = {
    ATTACK(a_request_again_on_another_connection, BS_REASON_BAD_CHANNEL),
    ATTACK(a_request_of_another_live_connection, BS_REASON_BAD_CHANNEL),
    ATTACK(a_request_again_on_a_resumed_session, BS_REASON_BAD_CHANNEL),
    ATTACK(a_file_challenge_that_is_the_exporter, BS_REASON_BAD_CHANNEL),
    ATTACK(a_file_challenge_that_is_the_exporter_of_another_connection, BS_REASON_BAD_CHANNEL),
    ATTACK(a_second_statement, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_proof_without_a_statement, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_proof_on_another_connection, BS_REASON_OUT_OF_ORDER),
    ATTACK(a_proof_of_another_challenge, BS_REASON_PROOF_FAILED),
    ATTACK(an_ak_made_in_software, BS_REASON_PROOF_FAILED),
    ATTACK(an_ek_of_another_device, BS_REASON_PAIR_MISMATCH),
    ATTACK(a_confirmation_before_the_proof, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_on_another_line, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_in_the_name_of_another, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(a_confirmation_with_a_wrong_key, BS_REASON_CONFIRM_MAC),
    ATTACK(a_client_without_a_certificate, "http-401"),
    ATTACK(the_server_certificate_as_that_of_a_client, ATTACK_NO_LINE),
};

const struct attack_family attack_lines = ATTACK_FAMILY("lines", attacks, .is_remote = true);
