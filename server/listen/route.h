/* From a request's method and path to the exchange that answers it. Knows HTTP's words, nothing of sockets. */
#pragma once

#include "core/buf.h"
#include "server/enroll.h"

/* What a connection keeps from one request to the next. */
struct route_connection {
    struct enroll_session *session;
    struct bs_span client_cert; /* DER; empty: the client showed none */
};

enum route_method { ROUTE_GET, ROUTE_POST, ROUTE_OTHER };

struct route_request {
    enum route_method method;
    struct bs_span path;         /* without query */
    struct bs_span content_type; /* empty: none */
    struct bs_span body;
};

struct route_response {
    const char *content_type;
    const char *allow; /* 405: the methods that are allowed; else NULL */
    struct enroll_result result;
};

/* The body of the answer is appended to `body`. */
void route(struct server *server, const struct route_connection *connection, const struct route_request *request,
           struct bs_buf *body, struct route_response *ret_response);
