#include "server/listen/loop.h"
#include "core/log.h"
#include "server/listen/connection.h"
#include "server/listen/listen.h"

#include <event2/event.h>
#include <event2/listener.h>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 1024
/* A turn ends early when so many answers are held, or the first of them for so long. */
#define HELD_MAX 64
#define HELD_MAX_US 20000

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* IPv4 addresses whole; of IPv6 the /64, for that is what one customer has. */
static struct bs_span address_identity(const struct sockaddr *address)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (address->sa_family == AF_INET)
        return BS_SPAN(&((const struct sockaddr_in *)address)->sin_addr, 4);
    if (address->sa_family == AF_INET6) {
        const uint8_t *bytes = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;

        return memcmp(bytes, mapped, sizeof(mapped)) == 0 ? BS_SPAN(bytes + 12, 4) : BS_SPAN(bytes, 8);
    }
    return BS_SPAN_NONE;
}

static uint32_t bucket_of(const struct loop_shared *shared, const struct sockaddr *address)
{
    uint8_t mac[CRYPTO_SHA256_SIZE] = { 0 };

    if (crypto_hmac(CRYPTO_SHA256, BS_SPAN(shared->bucket_key, sizeof(shared->bucket_key)), address_identity(address),
                    mac) != BS_OK)
        return 0;
    return (uint32_t)(mac[0] << 8 | mac[1]) % LOOP_BUCKETS;
}

static bool is_full(const struct loop_shared *shared)
{
    return atomic_load(&shared->count) >= shared->server->config.limits.connections;
}

/* One more, unless that is more than the limit. */
static bool take_place(atomic_uint *count, uint32_t limit)
{
    unsigned found = atomic_load(count);

    while (found < limit)
        if (atomic_compare_exchange_weak(count, &found, found + 1))
            return true;
    return false;
}

/* Counts the connection, here and in its bucket; false when it is one too many. */
static bool count_in(struct loop *loop, uint32_t bucket)
{
    struct loop_shared *shared = loop->shared;
    const struct config_limits *limits = &shared->server->config.limits;

    if (!take_place(&shared->buckets[bucket].count, limits->connections_per_address)) {
        metrics_connection(&shared->server->metrics, METRICS_OVER_ADDRESS_LIMIT);
        return false;
    }
    if (take_place(&shared->count, limits->connections))
        return true;
    /* Another loop was quicker. */
    atomic_fetch_sub(&shared->buckets[bucket].count, 1);
    return false;
}

static void accept_again(void *context)
{
    struct loop *loop = context;

    if (loop->accepting != NULL && !loop->is_draining && !is_full(loop->shared))
        (void)evconnlistener_enable(loop->accepting);
}

static void count_out(struct loop *loop, uint32_t bucket)
{
    struct loop_shared *shared = loop->shared;

    atomic_fetch_sub(&shared->buckets[bucket].count, 1);
    if (atomic_fetch_sub(&shared->count, 1) != shared->server->config.limits.connections)
        return;
    for (size_t i = 0; i < shared->loop_count; i++)
        if (&shared->loops[i] == loop)
            accept_again(loop);
        else
            loop_wake(&shared->loops[i]);
}

static void end(struct loop *loop)
{
    loop->is_over = true;
    (void)event_base_loopbreak(loop->base);
}

static void on_closed(void *context, struct connection *connection)
{
    struct loop *loop = context;

    connection_list_remove(&loop->connections, connection);
    loop->count--;
    count_out(loop, connection_address_key(connection));
    metrics_connection(&loop->shared->server->metrics, METRICS_CLOSED);
    if (loop->is_draining && loop->count == 0)
        end(loop);
}

static void on_held(void *context, struct connection *connection)
{
    struct loop *loop = context;

    connection_held_add(&loop->held, connection);
    if (loop->held_count++ == 0)
        loop->held_since_us = now_us();
    /* What else is ready stays so, and is the next turn. */
    if (loop->held_count >= HELD_MAX || now_us() - loop->held_since_us >= HELD_MAX_US)
        (void)event_base_loopbreak(loop->base);
}

/* What is answered may bring the next request of the same connection, and that a next batch. */
static void settle(struct loop *loop)
{
    while (loop->held != NULL) {
        struct connection *settled = NULL;
        struct connection *connection;

        store_settle(loop->shared->server->store);
        while ((connection = connection_held_take(&loop->held)) != NULL)
            connection_held_add(&settled, connection);
        loop->held_count = 0;
        while ((connection = connection_held_take(&settled)) != NULL)
            connection_settled(connection);
    }
}

static void open_connection(struct loop *loop, int fd, const struct sockaddr *address, int size, uint32_t bucket)
{
    struct connection *connection;
    char text[64] = "?";
    int one = 1;

    (void)getnameinfo(address, (socklen_t)size, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connection_open(&(struct connection_options){ .base = loop->base,
                                                      .server = loop->shared->server,
                                                      .tls = &loop->tls,
                                                      .fd = fd,
                                                      .address = text,
                                                      .closed = on_closed,
                                                      .held = on_held,
                                                      .context = loop,
                                                      .address_key = bucket,
                                                      .address_memory = &loop->shared->buckets[bucket].memory },
                        &connection) != BS_OK) {
        count_out(loop, bucket);
        return;
    }
    connection_list_add(&loop->connections, connection);
    metrics_connection(&loop->shared->server->metrics, METRICS_ACCEPTED);
    loop->count++;
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *address, int size,
                      void *context)
{
    struct loop *loop = context;
    uint32_t bucket = bucket_of(loop->shared, address);

    if (count_in(loop, bucket))
        open_connection(loop, fd, address, size, bucket);
    else
        (void)close(fd);
    if (is_full(loop->shared)) {
        metrics_connection(&loop->shared->server->metrics, METRICS_OVER_LIMIT);
        (void)evconnlistener_disable(accepting);
    }
}

static void on_accept_error(struct evconnlistener *accepting, void *context)
{
    struct loop *loop = context;

    (void)accepting;
    accept_pause_begin(&loop->pause);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    eventfd_t times;

    (void)what;
    (void)eventfd_read(fd, &times);
    if (atomic_load(&loop->shared->is_draining) && !loop->is_draining) {
        struct timeval patience = { .tv_sec = LISTEN_DRAIN_SECONDS };

        (void)event_base_loopexit(loop->base, &patience);
        loop_drain(loop);
    }
    if (atomic_load(&loop->shared->generation) != loop->generation && loop_reload(loop) != BS_OK)
        bs_error("listen", "the new server certificate cannot be used; restart bootseald");
    accept_again(loop);
}

void loop_wake(struct loop *loop)
{
    (void)eventfd_write(loop->wake_fd, 1);
}

enum bs_err loop_reload(struct loop *loop)
{
    unsigned generation = atomic_load(&loop->shared->generation);
    struct tls renewed;
    enum bs_err err = tls_init(loop->shared->server->ca, &renewed);

    if (err != BS_OK)
        return err;
    tls_free(&loop->tls);
    loop->tls = renewed;
    loop->generation = generation;
    return BS_OK;
}

static enum bs_err add_events(struct loop *loop)
{
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return BS_ERR_IO;
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    if (loop->wake == NULL || event_add(loop->wake, NULL) != 0)
        return BS_ERR_NOMEM;
    loop->accepting = evconnlistener_new(loop->base, on_accept, loop, LEV_OPT_CLOSE_ON_EXEC, BACKLOG, loop->shared->fd);
    if (loop->accepting == NULL)
        return BS_ERR_IO;
    evconnlistener_set_error_cb(loop->accepting, on_accept_error);
    loop->pause = (struct accept_pause){
        .accepting = loop->accepting, .lines = &loop->shared->accept_errors, .over = accept_again, .context = loop
    };
    return accept_pause_open(&loop->pause, loop->base);
}

enum bs_err loop_open(struct loop *loop, struct loop_shared *shared, struct event_base *base)
{
    enum bs_err err;

    *loop = (struct loop){ .shared = shared, .base = base, .wake_fd = -1 };
    err = loop_reload(loop);
    if (err == BS_OK)
        err = add_events(loop);
    if (err != BS_OK)
        loop_close(loop);
    return err;
}

enum bs_err loop_run(struct loop *loop)
{
    while (!loop->is_over) {
        /* 1: there is nothing left that could happen. */
        int result = event_base_loop(loop->base, EVLOOP_ONCE);

        settle(loop);
        if (result < 0)
            return BS_ERR_IO;
        if (result > 0 || event_base_got_exit(loop->base))
            break;
    }
    return BS_OK;
}

void loop_drain(struct loop *loop)
{
    struct connection *next;

    loop->is_draining = true;
    if (loop->accepting != NULL)
        evconnlistener_free(loop->accepting);
    loop->accepting = NULL;
    for (struct connection *i = loop->connections; i != NULL; i = next) {
        next = connection_next(i);
        connection_drain(i);
    }
    if (loop->count == 0)
        end(loop);
}

void loop_close(struct loop *loop)
{
    loop->is_draining = true;
    while (loop->connections != NULL)
        connection_close(loop->connections);
    if (loop->accepting != NULL)
        evconnlistener_free(loop->accepting);
    accept_pause_close(&loop->pause);
    if (loop->wake != NULL)
        event_free(loop->wake);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    tls_free(&loop->tls);
    *loop = (struct loop){ .wake_fd = -1 };
}
