/* GET /metrics on a port of the loopback, for a monitoring agent on this host: no TLS, no secrets, one request a connection. */
#pragma once

#include "core/err.h"
#include "server/server.h"

struct event_base;
struct metrics_listener;

/* *ret_listener is NULL when config.metrics_listen is empty. */
enum bs_err listen_metrics_start(struct event_base *base, struct server *server,
                                 struct metrics_listener **ret_listener) BS_MUST_USE;
void listen_metrics_free(struct metrics_listener *listener);
