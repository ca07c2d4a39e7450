/* HTTP and how it is cut (docs/protocol.md section 1.2): what is not a request of this protocol never becomes one. */
#include "attack.h"

#include <string.h>

/* Whole: the body is a good one, so that the head alone is wrong. */
static void send_with(struct scene *s, const char *head)
{
    BS_SCOPED_BUF struct bs_buf request = BS_BUF(4 * BS_REQUEST_MAX);
    struct softtpm_request full = { .channel = s->line.channel, .server_cert = s->line.server_cert };
    bs_buf_reset(&s->line.body);
    bs_buf_reset(&s->line.statement);
    MUST(softtpm_attest(&s->tpm, &full, &s->line.body, &s->line.statement));
    MUST(bs_buf_printf(&request, "%s\r\nContent-Length: %zu\r\n\r\n", head, s->line.body.size));
    MUST(bs_buf_append(&request, s->line.body.data, s->line.body.size));
    scene_note_line(s, &s->line, load_send(&s->line, bs_buf_span(&request)));
}

#define POST(path) "POST " path " HTTP/1.1\r\nHost: localhost"
#define CBOR "\r\nContent-Type: application/cbor"

#define HEAD(name, text)              \
    static void name(struct scene *s) \
    {                                 \
        send_with(s, text);           \
    }
HEAD(another_path, POST("/v1/attes") CBOR)
HEAD(another_version_of_the_path, POST("/v2/attest") CBOR)
HEAD(a_query_behind_the_path, POST("/v1/attest?x") CBOR)
HEAD(another_method, "PUT /v1/attest HTTP/1.1\r\nHost: localhost" CBOR)
HEAD(another_content_type, POST("/v1/attest") "\r\nContent-Type: application/json")
HEAD(a_content_type_with_more_behind_it, POST("/v1/attest") CBOR "; charset=utf-8")
HEAD(no_content_type, POST("/v1/attest"))
HEAD(a_body_in_pieces, POST("/v1/attest") CBOR "\r\nTransfer-Encoding: chunked")
HEAD(a_body_of_two_lengths, POST("/v1/attest") CBOR "\r\nContent-Length: 3")
HEAD(an_expectation, POST("/v1/attest") CBOR "\r\nExpect: 100-continue")
HEAD(http_1_0, "POST /v1/attest HTTP/1.0\r\nHost: localhost" CBOR)
HEAD(a_request_to_become_something_else, POST("/v1/attest") CBOR "\r\nConnection: upgrade\r\nUpgrade: h2c")

static void a_body_over_the_limit(struct scene *s)
{
    scene_note_line(
        s, &s->line,
        load_send(&s->line, bs_span_of_string(POST("/v1/attest") CBOR "\r\nContent-Length: 262145\r\n\r\n")));
}

static void a_head_without_end(struct scene *s)
{
    static char head[128 * 1024] = POST("/v1/attest") CBOR "\r\nX: ";
    size_t begin = strlen(head);
    memset(head + begin, 'x', sizeof(head) - begin - 1);
    scene_note_line(s, &s->line, load_send(&s->line, bs_span_of_string(head)));
}

static void a_path_without_end(struct scene *s)
{
    static char head[8192] = "POST /";
    memset(head + 6, 'x', sizeof(head) - 7);
    scene_note_line(s, &s->line, load_send(&s->line, bs_span_of_string(head)));
}

static void no_http_at_all(struct scene *s)
{
    scene_note_line(s, &s->line, load_send(&s->line, bs_span_of_string("\x16\x03\x01 hello\r\n\r\n")));
}

static const struct attack attacks[] = {
    ATTACK(another_path, "http-404"),
    ATTACK(another_version_of_the_path, "http-404"),
    ATTACK(a_query_behind_the_path, "http-404"),
    ATTACK(another_method, "http-405"),
    ATTACK(another_content_type, "http-415"),
    ATTACK(a_content_type_with_more_behind_it, "http-415"),
    ATTACK(no_content_type, "http-415"),
    ATTACK(a_body_in_pieces, "http-411"),
    ATTACK(a_body_of_two_lengths, "http-400"),
    ATTACK(an_expectation, "http-417"),
    ATTACK(http_1_0, "http-505"),
    ATTACK(a_request_to_become_something_else, "http-400"),
    ATTACK(a_body_over_the_limit, "http-413"),
    ATTACK(a_head_without_end, "http-431"),
    ATTACK(a_path_without_end, "http-414"),
    ATTACK(no_http_at_all, "http-400"),
};

const struct attack_family attack_framing = ATTACK_FAMILY("framing", attacks, .is_remote = true);
