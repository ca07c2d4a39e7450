/*
 * The network face: libevent's loops and listeners, llhttp for framing, wolfSSL on the socket. Every wait has a limit, every buffer a
 * maximum; connections are counted per address and in all, over all loops.
 */
#pragma once

#include "core/err.h"
#include "server/server.h"

struct event_base;
struct listener;

/* Connections that do not end by themselves after listen_drain() are cut then. */
#define LISTEN_DRAIN_SECONDS 10

/* Binds config.listen and begins to accept, in limits.threads loops of which the first is on `base`. IO, with a log line that says why, when the address cannot be had. */
enum bs_err listen_start(struct event_base *base, struct server *server, struct listener **ret_listener) BS_MUST_USE;

/* Turns the first loop until it has drained, or until its base is told to exit. */
enum bs_err listen_run(struct listener *listener) BS_MUST_USE;

/* The server certificate was renewed: new connections get the new one. */
enum bs_err listen_reload(struct listener *listener) BS_MUST_USE;

/* Stops accepting, closes what is idle, lets requests that were begun finish; each loop is over when none is left. */
void listen_drain(struct listener *listener);

/* A listening socket on ADDRESS:PORT; its address is logged. `key` is what the configuration calls it. */
enum bs_err listen_bind(const char *text, const char *key, int *ret_fd) BS_MUST_USE;

/* Waits for the other loops, which have LISTEN_DRAIN_SECONDS after listen_drain(), and closes what is left. */
void listen_free(struct listener *listener);
