/*
 * A rest for a socket that cannot accept: out of file descriptors, most likely. Without one it would be tried again at once and for ever,
 * and nothing else done.
 */
#pragma once

#include "core/err.h"
#include "server/limit.h"

struct event_base;
struct event;
struct evconnlistener;

struct accept_pause {
    struct evconnlistener *accepting;
    struct event *timer;
    struct limit *lines;         /* in the log; may be shared */
    void (*over)(void *context); /* NULL: accepts again */
    void *context;
};

/* For the listener's error callback, which the caller sets. `pause` has all but the timer. */
enum bs_err accept_pause_open(struct accept_pause *pause, struct event_base *base) BS_MUST_USE;
void accept_pause_begin(struct accept_pause *pause);
void accept_pause_close(struct accept_pause *pause);
