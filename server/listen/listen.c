#include "server/listen/listen.h"
#include "core/log.h"
#include "server/listen/loop.h"

#include <event2/event.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOPS_MAX 64 /* that are taken by themselves; limits.threads has the same bound */

/* The first loop is the caller's; the others have a thread and a base each. */
struct worker {
    pthread_t thread;
    struct event_base *base;
    struct loop *loop;
};

struct listener {
    struct loop_shared shared;
    struct loop *loops;
    struct worker *workers; /* of the loops from the second on */
    size_t running;         /* of them */
};

/* ADDRESS:PORT, the address in brackets when it is IPv6. */
static enum bs_err split(const char *text, char *host, size_t host_size, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : 0;

    if (colon == NULL || size >= host_size)
        return BS_ERR_CONFIG;
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    *ret_port = colon + 1;
    return BS_OK;
}

static int bind_one(const struct addrinfo *to)
{
    int zero = 0;
    int one = 1;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (to->ai_family == AF_INET6) /* [::] serves IPv4 too */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind(fd, to->ai_addr, to->ai_addrlen) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* The port may be 0 in a test: what the kernel chose is said. */
static void say_address(int fd, const char *key)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);
    char host[64] = "?";
    char port[8] = "?";

    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        (void)getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                          NI_NUMERICHOST | NI_NUMERICSERV);
    bs_notice(key, strchr(host, ':') != NULL ? "listening on [%s]:%s" : "listening on %s:%s", host, port);
}

enum bs_err listen_bind(const char *text, const char *key, int *ret_fd)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char host[256];
    const char *port;
    int fd;

    if (split(text, host, sizeof(host), &port) != BS_OK ||
        getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found) != 0) {
        bs_error("listen", "%s = \"%s\" is not ADDRESS:PORT", key, text);
        return BS_ERR_CONFIG;
    }
    fd = bind_one(found);
    freeaddrinfo(found);
    if (fd < 0) {
        bs_error("listen", "cannot listen on %s: %s", text, strerror(errno));
        return BS_ERR_IO;
    }
    say_address(fd, key);
    *ret_fd = fd;
    return BS_OK;
}

static void *work(void *context)
{
    struct worker *worker = context;

    if (loop_run(worker->loop) != BS_OK)
        bs_error("listen", "an event loop has failed; restart bootseald");
    return NULL; /* what is left is closed after it: other loops may still want to wake this one */
}

/* Signals are for the first loop. */
static enum bs_err start_thread(struct worker *worker)
{
    sigset_t all, before;
    int code;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0 ? BS_OK : BS_ERR_NOMEM;
}

/* Every loop is whole before the first thread runs: they look at each other. */
static enum bs_err open_loops(struct listener *listener, struct event_base *base)
{
    enum bs_err err = loop_open(&listener->loops[0], &listener->shared, base);

    for (size_t i = 1; i < listener->shared.loop_count && err == BS_OK; i++) {
        struct worker *worker = &listener->workers[i];

        worker->loop = &listener->loops[i];
        worker->base = event_base_new();
        err = worker->base != NULL ? loop_open(worker->loop, &listener->shared, worker->base) : BS_ERR_NOMEM;
    }
    return err;
}

/* One for each core that this process may use. */
static size_t loops_for(const struct config_limits *limits)
{
    cpu_set_t cores;
    int count;

    if (limits->threads > 0)
        return limits->threads;
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof(cores), &cores) != 0)
        return 1;
    count = CPU_COUNT(&cores);
    return count > LOOPS_MAX ? LOOPS_MAX : (size_t)count;
}

static enum bs_err start(struct listener *listener, struct event_base *base)
{
    struct server *server = listener->shared.server;
    size_t count = loops_for(&server->config.limits);
    enum bs_err err;

    listener->loops = calloc(count, sizeof(*listener->loops));
    listener->workers = calloc(count, sizeof(*listener->workers));
    if (listener->loops == NULL || listener->workers == NULL)
        return BS_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        listener->loops[i].wake_fd = -1;
    listener->shared.loops = listener->loops;
    listener->shared.loop_count = count;
    err = crypto_random(listener->shared.bucket_key, sizeof(listener->shared.bucket_key));
    if (err == BS_OK)
        err = listen_bind(server->config.listen, "listen", &listener->shared.fd);
    if (err == BS_OK)
        err = open_loops(listener, base);
    while (err == BS_OK && listener->running + 1 < count) {
        err = start_thread(&listener->workers[listener->running + 1]);
        listener->running += err == BS_OK;
    }
    return err;
}

enum bs_err listen_start(struct event_base *base, struct server *server, struct listener **ret_listener)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    enum bs_err err;

    if (listener == NULL)
        return BS_ERR_NOMEM;
    listener->shared.server = server;
    listener->shared.fd = -1;
    err = start(listener, base);
    if (err == BS_OK)
        *ret_listener = listener;
    else
        listen_free(listener);
    return err;
}

enum bs_err listen_run(struct listener *listener)
{
    return loop_run(&listener->loops[0]);
}

static void wake_others(struct listener *listener)
{
    for (size_t i = 1; i <= listener->running; i++)
        loop_wake(&listener->loops[i]);
}

enum bs_err listen_reload(struct listener *listener)
{
    enum bs_err err;

    atomic_fetch_add(&listener->shared.generation, 1);
    err = loop_reload(&listener->loops[0]);
    wake_others(listener);
    return err;
}

void listen_drain(struct listener *listener)
{
    atomic_store(&listener->shared.is_draining, true);
    wake_others(listener);
    loop_drain(&listener->loops[0]);
}

void listen_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    atomic_store(&listener->shared.is_draining, true);
    wake_others(listener);
    for (size_t i = 1; i <= listener->running; i++)
        (void)pthread_join(listener->workers[i].thread, NULL);
    for (size_t i = 0; listener->loops != NULL && i < listener->shared.loop_count; i++)
        loop_close(&listener->loops[i]);
    for (size_t i = 1; listener->workers != NULL && i < listener->shared.loop_count; i++)
        if (listener->workers[i].base != NULL)
            event_base_free(listener->workers[i].base);
    if (listener->shared.fd >= 0)
        (void)close(listener->shared.fd);
    free(listener->loops);
    free(listener->workers);
    free(listener);
}
