/*
 * One event loop with the connections that it has accepted, in a thread of its own. A turn of the loop is everything that was ready at
 * once; the changes that requests made in a turn become durable together at its end, and only then are they answered (group commit).
 */
#pragma once

#include "core/err.h"
#include "server/listen/accept_pause.h"
#include "server/listen/tls.h"
#include "server/server.h"

#include <stdatomic.h>

struct event_base;
struct event;
struct evconnlistener;
struct connection;

/* Connections and memory are counted per address in so many buckets, chosen by a keyed hash; two addresses in one share its limits. */
#define LOOP_BUCKETS 4096

struct loop_bucket {
    atomic_uint count;
    struct limit_memory memory;
};

/* What the loops have in common. */
struct loop_shared {
    struct server *server;
    int fd; /* all accept from it: who has time takes the next */
    atomic_uint count;
    struct loop_bucket buckets[LOOP_BUCKETS];
    uint8_t bucket_key[32];
    struct limit accept_errors; /* lines in the log about them */
    atomic_uint generation;     /* rises when there is a new server certificate */
    atomic_bool is_draining;
    struct loop *loops; /* all of them */
    size_t loop_count;
};

struct loop {
    struct loop_shared *shared;
    struct event_base *base;
    struct tls tls;
    unsigned generation; /* of `tls` */
    struct evconnlistener *accepting;
    struct accept_pause pause;
    struct event *wake;
    int wake_fd; /* eventfd: something in `shared` changed */
    struct connection *connections;
    uint32_t count;
    struct connection *held; /* their answers wait for the end of the turn */
    unsigned held_count;
    int64_t held_since_us;
    bool is_draining;
    bool is_over;
};

/* On a base of the caller's, who frees it after loop_close(). On failure there is nothing to close. */
enum bs_err loop_open(struct loop *loop, struct loop_shared *shared, struct event_base *base) BS_MUST_USE;

/* Turns until it has drained, or until the base is told to exit. */
enum bs_err loop_run(struct loop *loop) BS_MUST_USE;

/* From any thread: look at what changed in `shared`. */
void loop_wake(struct loop *loop);

/* In the loop's thread: takes the present server certificate for new connections. */
enum bs_err loop_reload(struct loop *loop) BS_MUST_USE;

/* In the loop's thread: accepts no more, closes what is idle; the loop is over when no connection is left. */
void loop_drain(struct loop *loop);

/* When it does not run any more. */
void loop_close(struct loop *loop);
