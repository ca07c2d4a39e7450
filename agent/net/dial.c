#include "agent/net/dial.h"
#include "agent/net/resolve.h"
#include "core/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* How long an address may be silent before the next one is tried beside it (RFC 8305 §5 suggests 250 ms). */
#define STAGGER_MS 250

/*
 * How long all of them together may be silent. TCP asks ever more seldom (RFC 6298), so that where the link comes up late a new
 * attempt is there sooner than the old one's next segment.
 */
#define SILENCE_MS 6000

struct attempt {
    struct pollfd waiters[RESOLVE_MAX];
    size_t started;
    size_t alive;
};

static int start_connect(const struct resolve_address *to)
{
    int one = 1;
    int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (const struct sockaddr *)&to->address, to->size) == 0 || errno == EINPROGRESS)
        return fd;
    bs_debug("connect", "connect: %s", strerror(errno));
    (void)close(fd);
    return -1;
}

static void start_next(struct attempt *attempt, const struct resolve_address *addresses)
{
    int fd = start_connect(&addresses[attempt->started]);

    attempt->waiters[attempt->started].fd = fd;
    attempt->waiters[attempt->started].events = POLLOUT;
    attempt->alive += fd >= 0 ? 1 : 0;
    attempt->started++;
}

/* Looks at what poll said; the fd of the first connection that stands, or -1. */
static int harvest(struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->started; i++) {
        struct pollfd *waiter = &attempt->waiters[i];
        int error = 0;
        socklen_t size = sizeof(error);
        int fd = waiter->fd;

        if (fd < 0 || waiter->revents == 0)
            continue;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
            waiter->fd = -1;
            return fd;
        }
        bs_debug("connect", "connect: %s", strerror(error));
        (void)close(fd);
        waiter->fd = -1;
        attempt->alive--;
    }
    return -1;
}

static void give_up(struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->started; i++)
        if (attempt->waiters[i].fd >= 0)
            (void)close(attempt->waiters[i].fd);
}

enum bs_err net_dial(const struct net_url *url, struct bs_deadline deadline, int *ret_fd)
{
    struct resolve_address addresses[RESOLVE_MAX];
    struct attempt attempt = { 0 };
    size_t count = 0;
    int fd = -1;
    enum bs_err err = resolve(url, deadline, addresses, &count);

    if (err != BS_OK)
        return err;
    deadline = bs_deadline_earlier(deadline, bs_deadline_in(SILENCE_MS));
    while (fd < 0 && !bs_deadline_passed(deadline)) {
        int left = bs_deadline_left_ms(deadline);

        if (attempt.started < count)
            start_next(&attempt, addresses);
        else if (attempt.alive == 0)
            break;
        if (attempt.alive == 0)
            continue;
        if (attempt.started < count && left > STAGGER_MS)
            left = STAGGER_MS;
        if (poll(attempt.waiters, attempt.started, left) > 0)
            fd = harvest(&attempt);
    }
    give_up(&attempt);
    if (fd < 0)
        return bs_deadline_passed(deadline) ? BS_ERR_TIMEOUT : BS_ERR_UNREACHABLE;
    *ret_fd = fd;
    return BS_OK;
}
