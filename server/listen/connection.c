#include "server/listen/connection.h"
#include "bootseal/protocol.h"
#include "core/log.h"
#include "server/listen/http.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* After the last answer the socket stays half open for so long: a close with unread input would take the answer with it. */
#define LINGER_MS 2000
#define READ_SIZE 16384
#define OUT_MAX (256 * 1024)

enum phase { PHASE_HANDSHAKE, PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_ANSWER, PHASE_LINGER };

struct connection {
    struct connection_options options;
    char address[64];
    uint8_t cert_sha256[CRYPTO_SHA256_SIZE]; /* of the certificate this connection was opened with */
    WOLFSSL *session;
    struct event *readable, *writable, *timer;
    enum phase phase;
    struct http http;
    struct route_connection peer;
    struct limit_purse purse; /* for a body that is coming */
    struct bs_buf client_cert;
    struct bs_buf in; /* came while an answer could not be sent */
    struct bs_buf out;
    size_t sent;
    bool is_last; /* close after what is in `out` */
    bool
        is_held; /* an answer is in `answer`, and not to be sent before its change is durable; nothing is read meanwhile */
    struct bs_buf answer;
    struct route_response response;
    struct connection *next, **link;
    struct connection *held_next, **held_link;
};

uint32_t connection_address_key(const struct connection *connection)
{
    return connection->options.address_key;
}

struct connection *connection_next(const struct connection *connection)
{
    return connection->next;
}

void connection_list_add(struct connection **list, struct connection *connection)
{
    connection->next = *list;
    connection->link = list;
    if (*list != NULL)
        (*list)->link = &connection->next;
    *list = connection;
}

void connection_held_add(struct connection **list, struct connection *connection)
{
    connection->held_next = *list;
    connection->held_link = list;
    if (*list != NULL)
        (*list)->held_link = &connection->held_next;
    *list = connection;
}

static void leave_held(struct connection *connection)
{
    if (connection->held_link == NULL)
        return;
    *connection->held_link = connection->held_next;
    if (connection->held_next != NULL)
        connection->held_next->held_link = connection->held_link;
    connection->held_link = NULL;
}

struct connection *connection_held_take(struct connection **list)
{
    struct connection *connection = *list;

    if (connection != NULL)
        leave_held(connection);
    return connection;
}

void connection_list_remove(struct connection **list, struct connection *connection)
{
    (void)list;
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
}

static void destroy(struct connection *connection)
{
    limit_purse_give(&connection->purse);
    leave_held(connection);
    if (connection->readable != NULL)
        event_free(connection->readable);
    if (connection->writable != NULL)
        event_free(connection->writable);
    if (connection->timer != NULL)
        event_free(connection->timer);
    enroll_session_free(connection->peer.session);
    wolfSSL_free(connection->session);
    (void)close(connection->options.fd);
    http_free(&connection->http);
    bs_buf_free(&connection->client_cert);
    bs_buf_free(&connection->in);
    bs_buf_free(&connection->out);
    bs_buf_free(&connection->answer);
    free(connection);
}

void connection_close(struct connection *connection)
{
    connection->options.closed(connection->options.context, connection);
    destroy(connection);
}

static uint32_t phase_ms(const struct connection *connection)
{
    const struct config_limits *limits = &connection->options.server->config.limits;

    switch (connection->phase) {
    case PHASE_HANDSHAKE:
        return limits->handshake_ms;
    case PHASE_IDLE:
        return limits->idle_ms;
    case PHASE_HEAD:
        return limits->header_ms;
    case PHASE_BODY:
    case PHASE_ANSWER:
        return limits->body_ms;
    case PHASE_LINGER:
        return LINGER_MS;
    }
    return LINGER_MS;
}

/* The time of a phase begins when it is entered and not with each byte: dripping does not help. */
static void enter(struct connection *connection, enum phase phase)
{
    uint32_t ms;
    struct timeval time;

    connection->phase = phase;
    ms = phase_ms(connection);
    time = (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000L };
    (void)event_add(connection->timer, &time);
}

/* What wolfSSL waits for: true, and the event is armed; false when it is an error. */
static bool arm(struct connection *connection, int result)
{
    int code = wolfSSL_get_error(connection->session, result);

    if (code == WOLFSSL_ERROR_WANT_WRITE)
        return event_add(connection->writable, NULL) == 0;
    return code == WOLFSSL_ERROR_WANT_READ;
}

enum step { STEP_ON, STEP_WAIT, STEP_CLOSED };

static enum step close_now(struct connection *connection)
{
    connection_close(connection);
    return STEP_CLOSED;
}

static enum step linger(struct connection *connection)
{
    (void)wolfSSL_shutdown(connection->session);
    (void)shutdown(connection->options.fd, SHUT_WR);
    enter(connection, PHASE_LINGER);
    return STEP_WAIT;
}

static enum step flush(struct connection *connection)
{
    while (connection->sent < connection->out.size) {
        size_t left = connection->out.size - connection->sent;
        int result = wolfSSL_write(connection->session, connection->out.data + connection->sent, (int)left);

        if (result > 0) {
            connection->sent += (size_t)result;
            continue;
        }
        if (!arm(connection, result))
            return close_now(connection);
        /* While an answer waits nothing more is read: a client that does not listen cannot make us work. */
        (void)event_del(connection->readable);
        return STEP_WAIT;
    }
    bs_buf_free(&connection->out);
    connection->sent = 0;
    if (connection->is_last)
        return linger(connection);
    (void)event_add(connection->readable, NULL);
    return STEP_ON;
}

static void respond(struct connection *connection, const struct route_response *response, struct bs_span body)
{
    metrics_request(&connection->options.server->metrics, http_request(&connection->http).path,
                    response->result.status);
    if (response->result.close || !connection->http.keep_alive)
        connection->is_last = true;
    connection->http.keep_alive = !connection->is_last;
    if (http_answer(&connection->http, response, body, &connection->out) != BS_OK) {
        bs_error("listen", "no memory to answer %s; closing", connection->address);
        connection->is_last = true;
    }
    http_next(&connection->http);
    limit_purse_give(&connection->purse);
}

static void respond_answer(struct connection *connection)
{
    respond(connection, &connection->response, bs_buf_span(&connection->answer));
    bs_buf_free(&connection->answer);
}

static void answer(struct connection *connection)
{
    struct route_request request = http_request(&connection->http);

    route(connection->options.server, &connection->peer, &request, &connection->answer, &connection->response);
    connection->is_held = connection->response.result.is_held;
    if (connection->is_held)
        connection->options.held(connection->options.context, connection);
    else
        respond_answer(connection);
}

/* A body that does not come with its head is waited for: only as many as there is memory for. */
static bool hold_body(struct connection *connection)
{
    return connection->purse.held > 0 || limit_purse_take(&connection->purse, connection->http.announced);
}

static void turn_away(struct connection *connection)
{
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(READ_SIZE);
    struct route_response response = { .content_type = BS_MEDIA_TYPE };

    enroll_busy(connection->options.server, &body, &response.result);
    connection->is_last = true;
    respond(connection, &response, bs_buf_span(&body));
}

/* One request at most; *in is shortened by what was taken. */
static enum step feed_once(struct connection *connection, struct bs_span *in)
{
    size_t used = 0;
    enum http_state state = http_feed(&connection->http, *in, &used, &connection->out);

    *in = BS_SPAN(in->data + used, in->size - used);
    switch (state) {
    case HTTP_INCOMPLETE:
        if (connection->http.has_head && !hold_body(connection)) {
            turn_away(connection);
            *in = BS_SPAN_NONE;
            break;
        }
        if (connection->http.has_head && connection->phase != PHASE_BODY)
            enter(connection, PHASE_BODY);
        else if (connection->http.is_begun && connection->phase == PHASE_IDLE)
            enter(connection, PHASE_HEAD);
        return STEP_ON;
    case HTTP_BROKEN:
        metrics_request(&connection->options.server->metrics, BS_SPAN_NONE, connection->http.status);
        connection->is_last = true;
        *in = BS_SPAN_NONE;
        break;
    case HTTP_COMPLETE:
        answer(connection);
        break;
    }
    enter(connection, PHASE_ANSWER);
    return connection->is_held ? STEP_WAIT : flush(connection);
}

static enum step feed(struct connection *connection, struct bs_span in)
{
    while (in.size > 0) {
        enum step step = feed_once(connection, &in);

        if (step == STEP_ON && connection->phase == PHASE_ANSWER)
            enter(connection, PHASE_IDLE);
        if (step == STEP_ON)
            continue;
        if (step == STEP_WAIT && connection->phase == PHASE_ANSWER && !connection->is_last && in.size > 0 &&
            bs_buf_append(&connection->in, in.data, in.size) != BS_OK)
            return close_now(connection);
        return step;
    }
    return STEP_ON;
}

static enum step handshake(struct connection *connection)
{
    struct enroll_peer peer = { 0 };
    int result = wolfSSL_accept(connection->session);

    if (result != WOLFSSL_SUCCESS) {
        if (arm(connection, result))
            return STEP_WAIT;
        metrics_connection(&connection->options.server->metrics, METRICS_HANDSHAKE_FAILED);
        bs_debug("listen", "%s: TLS handshake failed: %d", connection->address,
                 wolfSSL_get_error(connection->session, result));
        return close_now(connection);
    }
    peer.may_hold = true;
    peer.address_memory = connection->options.address_memory;
    memcpy(peer.server_cert_sha256, connection->cert_sha256, sizeof(peer.server_cert_sha256));
    (void)snprintf(peer.address, sizeof(peer.address), "%s", connection->address);
    if (tls_finished(connection->session, peer.channel, &connection->client_cert) != BS_OK ||
        enroll_session_new(&peer, &connection->peer.session) != BS_OK)
        return close_now(connection);
    connection->peer.client_cert = bs_buf_span(&connection->client_cert);
    enter(connection, PHASE_HEAD);
    return STEP_ON;
}

/* What comes after the last answer is thrown away until the other side closes too. */
static void drain_input(struct connection *connection)
{
    uint8_t waste[READ_SIZE];
    ssize_t got = recv(connection->options.fd, waste, sizeof(waste), MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        connection_close(connection);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    uint8_t buffer[READ_SIZE];

    (void)fd;
    (void)what;
    if (connection->is_held) /* what came stays where it is, and is announced again */
        return;
    if (connection->phase == PHASE_LINGER) {
        drain_input(connection);
        return;
    }
    if (connection->phase == PHASE_HANDSHAKE && handshake(connection) != STEP_ON)
        return;
    /* Until wolfSSL has nothing: it may hold a decrypted record that no event will announce. */
    for (;;) {
        int result = wolfSSL_read(connection->session, buffer, sizeof(buffer));

        if (result <= 0) {
            if (!arm(connection, result))
                connection_close(connection);
            return;
        }
        if (feed(connection, BS_SPAN(buffer, result)) != STEP_ON)
            return;
    }
}

/* Sends the answer, then goes on with what came before it was sent. */
static void go_on(struct connection *connection)
{
    struct bs_buf in;
    enum step step;

    if (flush(connection) != STEP_ON)
        return; /* and the connection may be gone */
    enter(connection, PHASE_IDLE);
    in = connection->in;
    connection->in = BS_BUF(READ_SIZE);
    step = feed(connection, bs_buf_span(&in));
    bs_buf_free(&in);
    if (step == STEP_ON)
        on_readable(connection->options.fd, EV_READ, connection);
}

void connection_settled(struct connection *connection)
{
    connection->is_held = false;
    enroll_settled(connection->peer.session, &connection->answer, &connection->response.result);
    respond_answer(connection);
    go_on(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    if (connection->is_held)
        return;
    if (connection->phase != PHASE_ANSWER) {
        /* wolfSSL had something of its own to write before it goes on reading. */
        if (connection->phase != PHASE_LINGER)
            on_readable(fd, what, connection);
        return;
    }
    go_on(connection);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    (void)fd;
    (void)what;
    if (connection->phase != PHASE_IDLE && connection->phase != PHASE_LINGER)
        metrics_connection(&connection->options.server->metrics, METRICS_TOO_SLOW);
    bs_debug("listen", "%s: too slow, closed", connection->address);
    connection_close(connection);
}

void connection_drain(struct connection *connection)
{
    connection->is_last = true;
    if (connection->phase == PHASE_HANDSHAKE || connection->phase == PHASE_IDLE ||
        (connection->phase == PHASE_HEAD && !connection->http.is_begun))
        connection_close(connection);
}

enum bs_err connection_open(const struct connection_options *options, struct connection **ret_connection)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    enum bs_err err;

    if (connection == NULL) {
        (void)close(options->fd);
        return BS_ERR_NOMEM;
    }
    connection->options = *options;
    connection->purse = (struct limit_purse){ .all = &options->server->memory,
                                              .address = options->address_memory,
                                              .most = options->server->config.limits.memory,
                                              .most_address = options->server->config.limits.memory_per_address };
    connection->in = BS_BUF(READ_SIZE);
    connection->out = BS_BUF(OUT_MAX);
    connection->answer = BS_BUF(OUT_MAX);
    connection->client_cert = BS_BUF(READ_SIZE);
    (void)snprintf(connection->address, sizeof(connection->address), "%s", options->address);
    connection->options.address = connection->address;
    memcpy(connection->cert_sha256, options->tls->cert_sha256, sizeof(connection->cert_sha256));
    http_init(&connection->http);
    connection->readable = event_new(options->base, options->fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(options->base, options->fd, EV_WRITE, on_writable, connection);
    connection->timer = event_new(options->base, -1, 0, on_timer, connection);
    err = tls_session(options->tls, options->fd, &connection->session);
    if (err == BS_OK && (connection->readable == NULL || connection->writable == NULL || connection->timer == NULL ||
                         event_add(connection->readable, NULL) != 0))
        err = BS_ERR_NOMEM;
    if (err != BS_OK) {
        destroy(connection);
        return err;
    }
    enter(connection, PHASE_HANDSHAKE);
    *ret_connection = connection;
    return BS_OK;
}
