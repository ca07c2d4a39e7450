/*
 * HTTP/1.1 framing of one connection (llhttp): bytes in, one request at a time out, the answer's bytes back. Knows nothing of
 * sockets and TLS.
 */
#pragma once

#include "core/buf.h"
#include "server/listen/route.h"

#include <llhttp.h>

#define HTTP_PATH_MAX 256
#define HTTP_HEAD_MAX 8192

enum http_state {
    HTTP_INCOMPLETE, /* the request is not complete */
    HTTP_COMPLETE,   /* a complete request stands in http_request() */
    HTTP_BROKEN,     /* an answer that says what is wrong was written; close after it */
};

struct http {
    llhttp_t parser;
    char path[HTTP_PATH_MAX];
    size_t path_size;
    char content_type[64];
    size_t content_type_size;
    size_t head_size;
    bool is_type_header; /* the header that is being read is Content-Type */
    char header[32];     /* name of the header that is being read, as far as it fits */
    size_t header_size;
    int status; /* of the answer to a wrong request */
    bool is_begun;
    bool has_head; /* the head is complete, the body comes */
    bool keep_alive;
    size_t announced; /* bytes of the body, as the head says */
    struct bs_buf body;
};

void http_init(struct http *http);
void http_free(struct http *http);

/*
 * Feeds bytes; *ret_used says how many were taken (all, unless a request was completed by fewer: the rest belongs to
 * the next one).
 */
enum http_state http_feed(struct http *http, struct bs_span in, size_t *ret_used, struct bs_buf *out);

/* The completed request; spans are valid until http_next(). */
struct route_request http_request(const struct http *http);

/* Writes head and body of an answer. */
enum bs_err http_answer(const struct http *http, const struct route_response *response, struct bs_span body,
                        struct bs_buf *out) BS_MUST_USE;

/* Ready for the next request on this connection. */
void http_next(struct http *http);
