/* One accepted connection: handshake, requests one after the other, answers; each phase has its time. */
#pragma once

#include "core/err.h"
#include "server/listen/tls.h"
#include "server/server.h"

struct event_base;
struct connection;

struct connection_options {
    struct event_base *base;
    struct server *server;
    const struct tls *tls;
    int fd;                                                       /* owned from here on, also on failure */
    const char *address;                                          /* for the log */
    void (*closed)(void *context, struct connection *connection); /* called once, before the connection is freed */
    void (*held)(void *context, struct connection *connection);   /* its answer waits for connection_settled() */
    void *context;
    uint32_t address_key;                /* the listener's own, see connection_address_key() */
    struct limit_memory *address_memory; /* what is held for all from this address */
};

enum bs_err connection_open(const struct connection_options *options, struct connection **ret_connection) BS_MUST_USE;
uint32_t connection_address_key(const struct connection *connection);

/* Closes it now if it is idle, else after the answer to the request it is at. */
void connection_drain(struct connection *connection);

/* Closes it at once. */
void connection_close(struct connection *connection);

/* After store_settle(): sends what was held, and goes on with what came meanwhile. The connection may be gone afterwards. */
void connection_settled(struct connection *connection);

/* Those of a loop whose answers are held: a list of its own, which the connection leaves by itself when it is closed. */
void connection_held_add(struct connection **list, struct connection *connection);
struct connection *connection_held_take(struct connection **list);

/* A list of the listener. */
struct connection *connection_next(const struct connection *connection);
void connection_list_add(struct connection **list, struct connection *connection);
void connection_list_remove(struct connection **list, struct connection *connection);
