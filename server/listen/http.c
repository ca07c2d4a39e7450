#include "server/listen/http.h"
#include "bootseal/protocol.h"

#include <string.h>
#include <strings.h>

/* llhttp's callbacks return HPE_USER to stop; `status` says with which answer. */
static int stop(struct http *http, int status)
{
    http->status = status;
    return HPE_USER;
}

/* The head as a whole is bounded, whatever it is made of. */
static int count_head(struct http *http, size_t size)
{
    http->head_size += size;
    return http->head_size > HTTP_HEAD_MAX ? stop(http, 431) : 0;
}

static int on_begin(llhttp_t *parser)
{
    struct http *http = parser->data;

    http->is_begun = true;
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    struct http *http = parser->data;

    if (size > sizeof(http->path) - http->path_size)
        return stop(http, 414);
    memcpy(http->path + http->path_size, at, size);
    http->path_size += size;
    return count_head(http, size);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    struct http *http = parser->data;
    size_t room = sizeof(http->header) - http->header_size;

    memcpy(http->header + http->header_size, at, size < room ? size : room);
    http->header_size += size < room ? size : room;
    return count_head(http, size);
}

static bool header_is(const struct http *http, const char *name)
{
    return http->header_size == strlen(name) && strncasecmp(http->header, name, http->header_size) == 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http *http = parser->data;

    http->is_type_header = header_is(http, "content-type");
    /* Our clients send at once what they have to say (RFC 9110 §10.1.1 allows to refuse). */
    if (header_is(http, "expect"))
        return stop(http, 417);
    /* A body comes with its length or not at all: one way less to disagree about where it ends. */
    if (header_is(http, "transfer-encoding"))
        return stop(http, 411);
    http->header_size = 0;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t size)
{
    struct http *http = parser->data;

    if (http->is_type_header) {
        if (size > sizeof(http->content_type) - http->content_type_size)
            return stop(http, 415);
        memcpy(http->content_type + http->content_type_size, at, size);
        http->content_type_size += size;
    }
    return count_head(http, size);
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http *http = parser->data;

    if (parser->http_major != 1 || parser->http_minor != 1)
        return stop(http, 505);
    if (parser->upgrade)
        return stop(http, 400);
    if (parser->content_length > BS_REQUEST_MAX)
        return stop(http, 413);
    http->announced = http->body.limit = (size_t)parser->content_length;
    http->has_head = true;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    struct http *http = parser->data;

    return bs_buf_append(&http->body, at, size) == BS_OK ? 0 : stop(http, 413);
}

static int on_complete(llhttp_t *parser)
{
    struct http *http = parser->data;

    http->keep_alive = llhttp_should_keep_alive(parser) != 0;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void http_init(struct http *http)
{
    memset(http, 0, sizeof(*http));
    http->body = BS_BUF(BS_REQUEST_MAX);
    llhttp_init(&http->parser, HTTP_REQUEST, &settings);
    http->parser.data = http;
}

void http_free(struct http *http)
{
    bs_buf_free(&http->body);
}

void http_next(struct http *http)
{
    llhttp_resume(&http->parser);
    bs_buf_free(&http->body);
    http->path_size = http->content_type_size = http->head_size = http->header_size = http->announced = 0;
    http->is_begun = http->has_head = http->is_type_header = false;
}

static enum http_state say_wrong(struct http *http, struct bs_buf *out)
{
    struct route_response response = { .content_type = "text/plain" };

    http->keep_alive = false;
    response.result.status = http->status != 0 ? http->status : 400;
    /* If even that cannot be written there is no memory, and the connection closes without it. */
    if (http_answer(http, &response, BS_SPAN_NONE, out) != BS_OK)
        bs_buf_reset(out);
    return HTTP_BROKEN;
}

enum http_state http_feed(struct http *http, struct bs_span in, size_t *ret_used, struct bs_buf *out)
{
    llhttp_errno_t code = llhttp_execute(&http->parser, (const char *)in.data, in.size);
    const char *end;

    *ret_used = in.size;
    if (code == HPE_OK)
        return HTTP_INCOMPLETE;
    if (code != HPE_PAUSED)
        return say_wrong(http, out);
    end = llhttp_get_error_pos(&http->parser);
    if (end != NULL)
        *ret_used = (size_t)((const uint8_t *)end - in.data);
    return HTTP_COMPLETE;
}

struct route_request http_request(const struct http *http)
{
    struct route_request request = {
        .method = ROUTE_OTHER,
        .path = BS_SPAN(http->path, http->path_size),
        .content_type = BS_SPAN(http->content_type, http->content_type_size),
        .body = bs_buf_span(&http->body),
    };

    if (http->parser.method == HTTP_GET)
        request.method = ROUTE_GET;
    else if (http->parser.method == HTTP_POST)
        request.method = ROUTE_POST;
    return request;
}

enum bs_err http_answer(const struct http *http, const struct route_response *response, struct bs_span body,
                        struct bs_buf *out)
{
    int status = response->result.status;
    bool is_close = !http->keep_alive || response->result.close;
    enum bs_err err = bs_buf_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status,
                                    llhttp_status_name((llhttp_status_t)status), response->content_type, body.size);

    if (err == BS_OK && response->allow != NULL)
        err = bs_buf_printf(out, "Allow: %s\r\n", response->allow);
    if (err == BS_OK && response->result.retry_after != 0)
        err = bs_buf_printf(out, "Retry-After: %u\r\n", response->result.retry_after);
    if (err == BS_OK)
        err = bs_buf_printf(out, "%s\r\n", is_close ? "Connection: close\r\n" : "");
    if (err == BS_OK)
        err = bs_buf_append(out, body.data, body.size);
    return err;
}
