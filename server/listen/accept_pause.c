#include "server/listen/accept_pause.h"
#include "core/log.h"

#include <event2/event.h>
#include <event2/listener.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#define PAUSE_SECONDS 1

static void on_over(evutil_socket_t fd, short what, void *context)
{
    struct accept_pause *pause = context;

    (void)fd;
    (void)what;
    if (pause->over != NULL)
        pause->over(pause->context);
    else
        (void)evconnlistener_enable(pause->accepting);
}

enum bs_err accept_pause_open(struct accept_pause *pause, struct event_base *base)
{
    pause->timer = evtimer_new(base, on_over, pause);
    return pause->timer != NULL ? BS_OK : BS_ERR_NOMEM;
}

void accept_pause_begin(struct accept_pause *pause)
{
    struct timeval moment = { .tv_sec = PAUSE_SECONDS };
    int code = errno;
    struct timespec now;
    unsigned missed;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (limit_allows(pause->lines, 1, now.tv_sec, &missed))
        bs_warning("listen", "cannot accept: %s; trying again in %d s", strerror(code), PAUSE_SECONDS);
    if (event_add(pause->timer, &moment) == 0)
        (void)evconnlistener_disable(pause->accepting);
}

void accept_pause_close(struct accept_pause *pause)
{
    if (pause->timer != NULL)
        event_free(pause->timer);
    pause->timer = NULL;
}
