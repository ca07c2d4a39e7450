#include "server/listen/serve.h"
#include "core/log.h"
#include "server/admin/admin.h"
#include "server/listen/listen.h"
#include "server/listen/listen_metrics.h"

#include <event2/event.h>

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RENEW_SECONDS 3600

struct service {
    struct server *server;
    struct event_base *base;
    struct listener *listener;
    struct admin *admin;
    struct metrics_listener *metrics;
    struct event *renew, *terminate, *interrupt;
};

/* sd_notify(3) without its library: one datagram to the socket that systemd names. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t size = path != NULL ? strlen(path) : 0;
    BS_OWN_FD int fd = -1;

    if (size < 2 || size >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') /* an abstract name begins with a zero byte */
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
}

static void on_renew(evutil_socket_t fd, short what, void *context)
{
    struct service *service = context;
    struct server *server = service->server;
    struct timeval hour = { .tv_sec = RENEW_SECONDS };
    bool is_renewed = false;
    enum bs_err err = ca_renew(server->ca, &server->config, server->now(), &is_renewed);

    (void)fd;
    (void)what;
    if (err == BS_OK && is_renewed)
        err = listen_reload(service->listener);
    if (err != BS_OK)
        bs_error("ca", "the server's certificates could not be renewed: %s; the next try is in an hour",
                 bs_err_name(err));
    (void)event_add(service->renew, &hour);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct service *service = context;
    struct timeval patience = { .tv_sec = LISTEN_DRAIN_SECONDS };

    (void)what;
    bs_notice("listen", "%s: finishing what was begun", number == SIGTERM ? "SIGTERM" : "SIGINT");
    notify("STOPPING=1");
    /* The loop ends when the last connection does, or when patience does. */
    admin_drain(service->admin);
    listen_metrics_free(service->metrics);
    service->metrics = NULL;
    listen_drain(service->listener);
    (void)event_del(service->renew);
    (void)event_del(service->terminate);
    (void)event_del(service->interrupt);
    (void)event_base_loopexit(service->base, &patience);
}

static enum bs_err prepare(struct service *service)
{
    struct timeval hour = { .tv_sec = RENEW_SECONDS };
    enum bs_err err;

    service->renew = evtimer_new(service->base, on_renew, service);
    service->terminate = evsignal_new(service->base, SIGTERM, on_signal, service);
    service->interrupt = evsignal_new(service->base, SIGINT, on_signal, service);
    if (service->renew == NULL || service->terminate == NULL || service->interrupt == NULL ||
        event_add(service->renew, &hour) != 0 || event_add(service->terminate, NULL) != 0 ||
        event_add(service->interrupt, NULL) != 0)
        return BS_ERR_NOMEM;
    err = admin_start(service->base, service->server, &service->admin);
    if (err == BS_OK)
        err = listen_metrics_start(service->base, service->server, &service->metrics);
    if (err == BS_OK)
        err = listen_start(service->base, service->server, &service->listener);
    return err;
}

static void dismantle(struct service *service)
{
    struct event *events[] = { service->renew, service->terminate, service->interrupt };

    admin_free(service->admin);
    listen_metrics_free(service->metrics);
    listen_free(service->listener);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (service->base != NULL)
        event_base_free(service->base);
}

enum bs_err serve(struct server *server)
{
    struct service service = { .server = server, .base = event_base_new() };
    bool is_renewed;
    enum bs_err err = service.base != NULL ? BS_OK : BS_ERR_NOMEM;

    (void)signal(SIGPIPE, SIG_IGN);
    /* A server that was off for months begins with new certificates, not with expired ones for an hour. */
    if (err == BS_OK)
        err = ca_renew(server->ca, &server->config, server->now(), &is_renewed);
    if (err == BS_OK)
        err = prepare(&service);
    if (err == BS_OK) {
        notify("READY=1");
        err = listen_run(service.listener);
        bs_notice("listen", "stopped");
    }
    dismantle(&service);
    return err;
}
