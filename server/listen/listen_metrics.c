#include "server/listen/listen_metrics.h"
#include "core/log.h"
#include "server/listen/accept_pause.h"
#include "server/listen/http.h"
#include "server/listen/listen.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <stdlib.h>
#include <unistd.h>

#define CALLERS_MAX 16
#define TIMEOUT_SECONDS 5
#define PAGE_MAX (1024 * 1024)
#define INPUT_MAX 16384

struct metrics_listener {
    struct server *server;
    struct evconnlistener *accepting;
    struct accept_pause pause;
    struct limit accept_errors;
    struct caller *callers;
    unsigned count;
};

struct caller {
    struct metrics_listener *listener;
    struct bufferevent *stream;
    struct http http;
    bool is_answered;
    struct caller *next, **link;
};

static void hang_up(struct caller *caller)
{
    *caller->link = caller->next;
    if (caller->next != NULL)
        caller->next->link = caller->link;
    caller->listener->count--;
    bufferevent_free(caller->stream);
    http_free(&caller->http);
    free(caller);
}

static void answer(struct caller *caller)
{
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(PAGE_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(PAGE_MAX + 1024);
    struct route_request request = http_request(&caller->http);
    struct route_response response = { .content_type = "text/plain; version=0.0.4", .result = { .close = true } };

    if (!bs_span_equal(request.path, bs_span_of_string("/metrics")))
        response.result.status = 404;
    else if (request.method != ROUTE_GET)
        response.result.status = 405;
    else
        response.result.status = metrics_print(caller->listener->server, &body) == BS_OK ? 200 : 500;
    if (response.result.status == 405)
        response.allow = "GET";
    if (http_answer(&caller->http, &response, bs_buf_span(&body), &out) == BS_OK)
        (void)bufferevent_write(caller->stream, out.data, out.size);
}

static void on_input(struct bufferevent *stream, void *context)
{
    struct caller *caller = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t size = evbuffer_get_length(input);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(4096);
    size_t used = 0;

    if (caller->is_answered) {
        (void)evbuffer_drain(input, size);
        return;
    }
    switch (http_feed(&caller->http, BS_SPAN(evbuffer_pullup(input, -1), size), &used, &out)) {
    case HTTP_INCOMPLETE:
        (void)evbuffer_drain(input, size);
        return;
    case HTTP_BROKEN:
        (void)bufferevent_write(stream, out.data, out.size);
        break;
    case HTTP_COMPLETE:
        answer(caller);
        break;
    }
    (void)evbuffer_drain(input, size);
    caller->is_answered = true;
}

static void on_sent(struct bufferevent *stream, void *context)
{
    struct caller *caller = context;

    (void)stream;
    if (caller->is_answered)
        hang_up(caller);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    (void)what;
    hang_up(context);
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *address, int size,
                      void *context)
{
    struct metrics_listener *listener = context;
    struct timeval patience = { .tv_sec = TIMEOUT_SECONDS };
    struct caller *caller = listener->count < CALLERS_MAX ? calloc(1, sizeof(*caller)) : NULL;

    (void)address;
    (void)size;
    if (caller != NULL)
        caller->stream = bufferevent_socket_new(evconnlistener_get_base(accepting), fd, BEV_OPT_CLOSE_ON_FREE);
    if (caller == NULL || caller->stream == NULL) {
        free(caller);
        (void)close(fd);
        return;
    }
    caller->listener = listener;
    caller->next = listener->callers;
    caller->link = &listener->callers;
    if (caller->next != NULL)
        caller->next->link = &caller->next;
    listener->callers = caller;
    listener->count++;
    http_init(&caller->http);
    bufferevent_setcb(caller->stream, on_input, on_sent, on_event, caller);
    bufferevent_setwatermark(caller->stream, EV_READ, 0, INPUT_MAX);
    bufferevent_set_timeouts(caller->stream, &patience, &patience);
    (void)bufferevent_enable(caller->stream, EV_READ | EV_WRITE);
}

static void on_accept_error(struct evconnlistener *accepting, void *context)
{
    struct metrics_listener *listener = context;

    (void)accepting;
    accept_pause_begin(&listener->pause);
}

enum bs_err listen_metrics_start(struct event_base *base, struct server *server, struct metrics_listener **ret_listener)
{
    struct metrics_listener *listener;
    int fd = -1;
    enum bs_err err;

    *ret_listener = NULL;
    if (server->config.metrics_listen[0] == '\0')
        return BS_OK;
    err = listen_bind(server->config.metrics_listen, "metrics.listen", &fd);
    if (err != BS_OK)
        return err;
    listener = calloc(1, sizeof(*listener));
    if (listener != NULL)
        listener->accepting = evconnlistener_new(base, on_accept, listener, LEV_OPT_CLOSE_ON_FREE, 16, fd);
    if (listener == NULL || listener->accepting == NULL) {
        free(listener);
        (void)close(fd);
        return BS_ERR_NOMEM;
    }
    listener->server = server;
    listener->pause = (struct accept_pause){ .accepting = listener->accepting, .lines = &listener->accept_errors };
    evconnlistener_set_error_cb(listener->accepting, on_accept_error);
    err = accept_pause_open(&listener->pause, base);
    if (err != BS_OK) {
        listen_metrics_free(listener);
        return err;
    }
    *ret_listener = listener;
    return BS_OK;
}

void listen_metrics_free(struct metrics_listener *listener)
{
    if (listener == NULL)
        return;
    while (listener->callers != NULL)
        hang_up(listener->callers);
    accept_pause_close(&listener->pause);
    evconnlistener_free(listener->accepting);
    free(listener);
}
