/*
 * The network face: libevent's loop and listener, llhttp for framing, wolfSSL on the socket. Every wait has a limit, every buffer a
 * maximum; connections are counted per address and in all.
 */
#pragma once

#include "core/err.h"
#include "server/server.h"

struct event_base;
struct listener;

/* Binds config.listen and begins to accept. IO, with a log line that says why, when the address cannot be had. */
enum bs_err listen_start(struct event_base *base, struct server *server, struct listener **ret_listener) BS_MUST_USE;

/* The server certificate was renewed: new connections get the new one. */
enum bs_err listen_reload(struct listener *listener) BS_MUST_USE;

/* Stops accepting, closes what is idle, lets requests that were begun finish; breaks the loop when none is left. */
void listen_drain(struct listener *listener);

/* A listening socket on ADDRESS:PORT; its address is logged. `key` is what the configuration calls it. */
enum bs_err listen_bind(const char *text, const char *key, int *ret_fd) BS_MUST_USE;

void listen_free(struct listener *listener);
