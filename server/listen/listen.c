#include "server/listen/listen.h"
#include "core/log.h"
#include "server/listen/connection.h"

#include <event2/event.h>
#include <event2/listener.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1024
/* Connections are counted per address in so many buckets, chosen by a keyed hash; two addresses in one bucket share its limit. */
#define BUCKETS 4096
#define ACCEPT_PAUSE_SECONDS 1

struct listener {
    struct event_base *base;
    struct server *server;
    struct evconnlistener *accepting;
    struct tls tls;
    struct connection *connections;
    uint32_t count;
    uint32_t buckets[BUCKETS];
    uint8_t bucket_key[32];
    struct event *pause; /* ends a pause in accepting */
    bool is_draining;
};

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

static uint32_t bucket_of(const struct listener *listener, const struct sockaddr *address)
{
    uint8_t mac[CRYPTO_SHA256_SIZE] = { 0 };

    if (crypto_hmac(CRYPTO_SHA256, BS_SPAN(listener->bucket_key, sizeof(listener->bucket_key)),
                    address_identity(address), mac) != BS_OK)
        return 0;
    return (uint32_t)(mac[0] << 8 | mac[1]) % BUCKETS;
}

static void on_closed(void *context, struct connection *connection)
{
    struct listener *listener = context;

    connection_list_remove(&listener->connections, connection);
    listener->buckets[connection_address_key(connection)]--;
    listener->count--;
    metrics_connection(&listener->server->metrics, METRICS_CLOSED);
    if (listener->is_draining && listener->count == 0)
        (void)event_base_loopbreak(listener->base);
    if (!listener->is_draining && listener->count + 1 == listener->server->config.limits.connections)
        (void)evconnlistener_enable(listener->accepting);
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *address, int size,
                      void *context)
{
    struct listener *listener = context;
    const struct config_limits *limits = &listener->server->config.limits;
    struct connection *connection;
    uint32_t bucket = bucket_of(listener, address);
    char text[64] = "?";
    int one = 1;

    if (listener->buckets[bucket] >= limits->connections_per_address) {
        metrics_connection(&listener->server->metrics, METRICS_OVER_ADDRESS_LIMIT);
        (void)close(fd);
        return;
    }
    (void)getnameinfo(address, (socklen_t)size, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connection_open(&(struct connection_options){ .base = listener->base,
                                                      .server = listener->server,
                                                      .tls = &listener->tls,
                                                      .fd = fd,
                                                      .address = text,
                                                      .closed = on_closed,
                                                      .context = listener,
                                                      .address_key = bucket },
                        &connection) != BS_OK)
        return;
    connection_list_add(&listener->connections, connection);
    metrics_connection(&listener->server->metrics, METRICS_ACCEPTED);
    listener->buckets[bucket]++;
    if (++listener->count >= limits->connections) {
        metrics_connection(&listener->server->metrics, METRICS_OVER_LIMIT);
        (void)evconnlistener_disable(accepting);
    }
}

/* Out of file descriptors, most likely: without a pause this would be said for ever, and nothing else done. */
static void on_accept_error(struct evconnlistener *accepting, void *context)
{
    struct listener *listener = context;
    struct timeval moment = { .tv_sec = ACCEPT_PAUSE_SECONDS };

    bs_warning("listen", "cannot accept: %s; trying again in %d s", strerror(errno), ACCEPT_PAUSE_SECONDS);
    if (event_add(listener->pause, &moment) == 0)
        (void)evconnlistener_disable(accepting);
}

static void on_pause_over(evutil_socket_t fd, short what, void *context)
{
    struct listener *listener = context;

    (void)fd;
    (void)what;
    if (listener->accepting != NULL && listener->count < listener->server->config.limits.connections)
        (void)evconnlistener_enable(listener->accepting);
}

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

enum bs_err listen_start(struct event_base *base, struct server *server, struct listener **ret_listener)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int fd = -1;
    enum bs_err err;

    if (listener == NULL)
        return BS_ERR_NOMEM;
    listener->base = base;
    listener->server = server;
    err = crypto_random(listener->bucket_key, sizeof(listener->bucket_key));
    if (err == BS_OK)
        err = tls_init(server->ca, &listener->tls);
    if (err == BS_OK)
        err = listen_bind(server->config.listen, "listen", &fd);
    if (err == BS_OK) {
        listener->pause = evtimer_new(base, on_pause_over, listener);
        err = listener->pause != NULL ? BS_OK : BS_ERR_NOMEM;
    }
    if (err == BS_OK) {
        listener->accepting = evconnlistener_new(base, on_accept, listener, LEV_OPT_CLOSE_ON_FREE, BACKLOG, fd);
        err = listener->accepting != NULL ? BS_OK : BS_ERR_IO;
    }
    if (err != BS_OK) {
        if (fd >= 0)
            (void)close(fd);
        listen_free(listener);
        return err;
    }
    evconnlistener_set_error_cb(listener->accepting, on_accept_error);
    *ret_listener = listener;
    return BS_OK;
}

enum bs_err listen_reload(struct listener *listener)
{
    struct tls renewed;
    enum bs_err err = tls_init(listener->server->ca, &renewed);

    if (err != BS_OK)
        return err;
    tls_free(&listener->tls);
    listener->tls = renewed;
    return BS_OK;
}

void listen_drain(struct listener *listener)
{
    struct connection *next;

    listener->is_draining = true;
    if (listener->accepting != NULL)
        evconnlistener_free(listener->accepting);
    listener->accepting = NULL;
    for (struct connection *i = listener->connections; i != NULL; i = next) {
        next = connection_next(i);
        connection_drain(i);
    }
    if (listener->count == 0)
        (void)event_base_loopbreak(listener->base);
}

void listen_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    listener->is_draining = true;
    while (listener->connections != NULL)
        connection_close(listener->connections);
    if (listener->accepting != NULL)
        evconnlistener_free(listener->accepting);
    if (listener->pause != NULL)
        event_free(listener->pause);
    tls_free(&listener->tls);
    free(listener);
}
