#include "agent/net/resolve.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: everything that getaddrinfo found, written as an array of struct resolve_address. */
static void look_up(const struct net_url *url, int fd)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    size_t count = 0;

    if (getaddrinfo(url->host, url->port, &hints, &found) != 0)
        _exit(1);
    for (struct addrinfo *i = found; i != NULL && count < RESOLVE_MAX; i = i->ai_next) {
        struct resolve_address entry = { .size = i->ai_addrlen };

        if (i->ai_addrlen > sizeof(entry.address))
            continue;
        memcpy(&entry.address, i->ai_addr, i->ai_addrlen);
        if (write(fd, &entry, sizeof(entry)) != (ssize_t)sizeof(entry))
            _exit(1);
        count++;
    }
    _exit(0);
}

/* Reads whole entries until the child closes its end. */
static enum bs_err collect(int fd, struct bs_deadline deadline, struct resolve_address *addresses, size_t *ret_count)
{
    size_t capacity = RESOLVE_MAX * sizeof(*addresses);
    size_t used = 0;

    for (;;) {
        struct pollfd waiter = { .fd = fd, .events = POLLIN };
        ssize_t got;

        if (bs_deadline_passed(deadline))
            return BS_ERR_TIMEOUT;
        if (poll(&waiter, 1, bs_deadline_left_ms(deadline)) <= 0)
            continue;
        got = read(fd, (uint8_t *)addresses + used, capacity - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || used + (size_t)got == capacity) {
            used += got > 0 ? (size_t)got : 0;
            break;
        }
        used += (size_t)got;
    }
    *ret_count = used / sizeof(*addresses);
    return *ret_count > 0 ? BS_OK : BS_ERR_UNREACHABLE;
}

/*
 * getaddrinfo takes no deadline, and what it parses comes from strangers: it runs in a child that is killed when the
 * time is over.
 */
enum bs_err resolve(const struct net_url *url, struct bs_deadline deadline,
                    struct resolve_address ret_addresses[RESOLVE_MAX], size_t *ret_count)
{
    int ends[2];
    enum bs_err err;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return BS_ERR_IO;
    pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        look_up(url, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return BS_ERR_IO;
    }
    memset(ret_addresses, 0, RESOLVE_MAX * sizeof(*ret_addresses));
    err = collect(ends[0], deadline, ret_addresses, ret_count);
    (void)close(ends[0]);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    if (err != BS_OK)
        bs_debug("connect", "the name %s gave no address: %s", url->host, bs_err_name(err));
    return err;
}
