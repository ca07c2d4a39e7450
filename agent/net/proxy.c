/* The way through a proxy: CONNECT (RFC 9110 §9.3.6). What comes out at its end has to prove itself as without it. */
#include "agent/net/dial.h"
#include "core/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_MAX 4096
#define REQUEST_MAX (2 * NET_HOST_MAX + 128)

/* One byte at a time, so that what follows the head is left for TLS. */
static enum bs_err read_byte(int fd, struct bs_deadline deadline, char *ret_byte)
{
    struct pollfd waiter = { .fd = fd, .events = POLLIN };

    for (;;) {
        ssize_t got = recv(fd, ret_byte, 1, 0);

        if (got == 1)
            return BS_OK;
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return BS_ERR_UNREACHABLE;
        if (bs_deadline_passed(deadline))
            return BS_ERR_TIMEOUT;
        (void)poll(&waiter, 1, bs_deadline_left_ms(deadline));
    }
}

/* "HTTP/1.x 2xx …": yes. */
static bool is_yes(const char *head)
{
    return strncmp(head, "HTTP/1.", 7) == 0 && strncmp(head + 8, " 2", 2) == 0;
}

enum bs_err net_tunnel(int fd, const char *authority, struct bs_deadline deadline)
{
    char text[HEAD_MAX + 1];
    int size = snprintf(text, REQUEST_MAX, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority);
    size_t used = 0;

    /* The first bytes of a new connection always fit into its buffer. */
    if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size)
        return BS_ERR_UNREACHABLE;
    memset(text, 0, sizeof(text));
    while (used < HEAD_MAX && (used < 4 || memcmp(text + used - 4, "\r\n\r\n", 4) != 0)) {
        enum bs_err err = read_byte(fd, deadline, text + used);

        if (err != BS_OK)
            return err;
        used++;
    }
    if (used < HEAD_MAX && is_yes(text))
        return BS_OK;
    bs_debug("net", "the proxy says: %.*s", (int)strcspn(text, "\r\n"), text);
    return BS_ERR_BUSY;
}
