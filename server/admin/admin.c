/*
 * One request a connection: 4 bytes of length (big endian) and the request; the answer likewise. Everybody who can open the socket is
 * the superuser or the user that bootseald runs as; the kernel says which.
 */
#include "server/admin/admin.h"
#include "core/log.h"
#include "server/admin/admin_request.h"
#include "server/listen/accept_pause.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH_SIZE 4
#define TIMEOUT_SECONDS 30

struct caller;

struct admin {
    struct server *server;
    struct caller *callers, **last; /* where the next one is to be linked */
    struct event *turn; /* the next slice of a request that takes long; one at a time, however many there are */
    struct evconnlistener *accepting;
    struct accept_pause pause;
    struct limit accept_errors;
    char *path;
};

struct caller {
    struct admin *admin;
    struct caller *next, **link; /* what points at it */
    struct bufferevent *stream;
    char actor[64];
    bool is_answered;
    struct admin_run *run; /* of its request, which stays in the stream's input as long */
    struct bs_buf out;
};

static void enter(struct admin *admin, struct caller *caller)
{
    caller->admin = admin;
    caller->next = NULL;
    caller->link = admin->last;
    *admin->last = caller;
    admin->last = &caller->next;
}

static void leave(struct caller *caller)
{
    *caller->link = caller->next;
    if (caller->next != NULL)
        caller->next->link = caller->link;
    else
        caller->admin->last = caller->link;
}

static void hang_up(struct caller *caller)
{
    leave(caller);
    admin_run_free(caller->run);
    bs_buf_free(&caller->out);
    bufferevent_free(caller->stream);
    free(caller);
}

static void answer(struct caller *caller)
{
    const struct bs_buf *out = &caller->out;
    uint8_t length[LENGTH_SIZE];

    for (size_t i = 0; i < LENGTH_SIZE; i++)
        length[i] = (uint8_t)(out->size >> (8 * (LENGTH_SIZE - 1 - i)));
    caller->is_answered = true;
    (void)bufferevent_write(caller->stream, length, sizeof(length));
    (void)bufferevent_write(caller->stream, out->data, out->size);
    bs_buf_free(&caller->out);
}

/* A slice of the request, and the next one after whatever else is ready. */
static void go_on(struct caller *caller)
{
    const struct timeval at_once = { .tv_usec = 1 }; /* zero would not be repeated */
    bool is_done = false;
    bool has_failed = admin_run_step(caller->run, &is_done) != BS_OK || caller->out.size > UINT32_MAX;

    if (!has_failed && is_done)
        answer(caller);
    else if (has_failed || event_add(caller->admin->turn, &at_once) != 0)
        hang_up(caller);
}

/* All of them within one turn would keep devices waiting by their number. So one, and it stands behind the others then. */
static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct admin *admin = context;
    struct caller *caller = admin->callers;

    (void)fd;
    (void)what;
    while (caller != NULL && (caller->run == NULL || caller->is_answered))
        caller = caller->next;
    if (caller == NULL) {
        (void)event_del(admin->turn);
        return;
    }
    leave(caller);
    enter(admin, caller);
    go_on(caller);
}

/* The input stays as it is from here on, for the request points into it. */
static void begin(struct caller *caller, struct bs_span request)
{
    if (bufferevent_disable(caller->stream, EV_READ) != 0 ||
        admin_run_begin(caller->admin->server, caller->actor, request, &caller->out, &caller->run) != BS_OK)
        hang_up(caller);
    else
        go_on(caller);
}

static void on_input(struct bufferevent *stream, void *context)
{
    struct caller *caller = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    uint8_t head[LENGTH_SIZE];
    struct bs_reader reader = BS_READER(BS_SPAN(head, sizeof(head)));
    uint32_t size = 0;
    uint8_t *request;

    if (caller->run != NULL || evbuffer_copyout(input, head, sizeof(head)) != LENGTH_SIZE)
        return;
    if (!bs_read_be32(&reader, &size) || size > ADMIN_REQUEST_MAX) {
        hang_up(caller);
        return;
    }
    if (evbuffer_get_length(input) < LENGTH_SIZE + (size_t)size)
        return;
    request = evbuffer_pullup(input, LENGTH_SIZE + (ssize_t)size);
    if (request == NULL)
        hang_up(caller);
    else
        begin(caller, BS_SPAN(request + LENGTH_SIZE, size));
}

static void on_sent(struct bufferevent *stream, void *context)
{
    struct caller *caller = context;

    (void)stream;
    if (caller->is_answered)
        hang_up(caller);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    (void)what;
    hang_up(context);
}

/* Who is at the other end, by the kernel's word; false when he may not be. */
static bool identify(int fd, char *actor, size_t size)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    struct passwd entry, *user = NULL;
    char buffer[1024];

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
        return false;
    /* With other threads about; what does not fit is a "?", like an id that has no name. */
    if (getpwuid_r(peer.uid, &entry, buffer, sizeof(buffer), &user) != 0)
        user = NULL;
    (void)snprintf(actor, size, "uid:%u(%s)", peer.uid, user != NULL ? user->pw_name : "?");
    return peer.uid == 0 || peer.uid == geteuid();
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *address, int size,
                      void *context)
{
    struct caller *caller = calloc(1, sizeof(*caller));
    struct timeval patience = { .tv_sec = TIMEOUT_SECONDS };

    (void)address;
    (void)size;
    if (caller == NULL || !identify(fd, caller->actor, sizeof(caller->actor))) {
        bs_warning("admin", "%s may not use the admin socket", caller != NULL ? caller->actor : "?");
        free(caller);
        (void)close(fd);
        return;
    }
    caller->stream = bufferevent_socket_new(evconnlistener_get_base(accepting), fd, BEV_OPT_CLOSE_ON_FREE);
    if (caller->stream == NULL) {
        free(caller);
        (void)close(fd);
        return;
    }
    caller->out = BS_BUF(DOCUMENT_MAX);
    enter(context, caller);
    bufferevent_setcb(caller->stream, on_input, on_sent, on_event, caller);
    bufferevent_setwatermark(caller->stream, EV_READ, 0, LENGTH_SIZE + ADMIN_REQUEST_MAX);
    bufferevent_set_timeouts(caller->stream, &patience, &patience);
    (void)bufferevent_enable(caller->stream, EV_READ | EV_WRITE);
}

/* True when somebody answers at this address: then it is not ours to take. */
static bool is_served(const struct sockaddr_un *address)
{
    BS_OWN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

static enum bs_err bind_to(const char *path, int *ret_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    mode_t mask;
    int fd;
    int result;

    if (strlen(path) >= sizeof(address.sun_path)) {
        bs_error("admin", "%s is too long for a Unix socket; serve a folder with a shorter path", path);
        return BS_ERR_CONFIG;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (is_served(&address)) {
        bs_error("admin", "another bootseald serves %s", path);
        return BS_ERR_CONFIG;
    }
    (void)unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return BS_ERR_IO;
    /* The mode is there from the first moment on. */
    mask = umask(0177);
    result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    (void)umask(mask);
    if (result != 0) {
        bs_error("admin", "cannot bind %s: %s", path, strerror(errno));
        (void)close(fd);
        return BS_ERR_IO;
    }
    *ret_fd = fd;
    return BS_OK;
}

static void on_accept_error(struct evconnlistener *accepting, void *context)
{
    struct admin *admin = context;

    (void)accepting;
    accept_pause_begin(&admin->pause);
}

static enum bs_err accept_on(struct admin *admin, struct event_base *base, int fd)
{
    enum bs_err err;

    admin->accepting =
        evconnlistener_new(base, on_accept, admin, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, fd);
    if (admin->accepting == NULL) {
        (void)close(fd);
        return BS_ERR_NOMEM;
    }
    admin->pause = (struct accept_pause){ .accepting = admin->accepting, .lines = &admin->accept_errors };
    evconnlistener_set_error_cb(admin->accepting, on_accept_error);
    admin->turn = event_new(base, -1, EV_PERSIST, on_turn, admin);
    err = admin->turn != NULL ? accept_pause_open(&admin->pause, base) : BS_ERR_NOMEM;
    if (err != BS_OK) {
        if (admin->turn != NULL)
            event_free(admin->turn);
        evconnlistener_free(admin->accepting);
    }
    return err;
}

enum bs_err admin_start(struct event_base *base, struct server *server, struct admin **ret_admin)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    int fd = -1;
    enum bs_err err;

    if (admin == NULL)
        return BS_ERR_NOMEM;
    admin->server = server;
    admin->last = &admin->callers;
    err = server_path(server->dir, CONFIG_SOCKET, &admin->path);
    if (err == BS_OK)
        err = bind_to(admin->path, &fd);
    if (err == BS_OK)
        err = accept_on(admin, base, fd);
    if (err != BS_OK) {
        /* Not admin_free(): the socket of another bootseald is not ours to remove. */
        free(admin->path);
        free(admin);
        return err;
    }
    *ret_admin = admin;
    return BS_OK;
}

void admin_drain(struct admin *admin)
{
    struct caller *next;

    if (admin == NULL || admin->accepting == NULL)
        return;
    for (struct caller *i = admin->callers; i != NULL; i = next) {
        next = i->next;
        if (!i->is_answered)
            hang_up(i);
    }
    accept_pause_close(&admin->pause);
    evconnlistener_free(admin->accepting);
    admin->accepting = NULL;
    (void)unlink(admin->path);
}

void admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    admin_drain(admin);
    while (admin->callers != NULL)
        hang_up(admin->callers);
    event_free(admin->turn);
    free(admin->path);
    free(admin);
}
