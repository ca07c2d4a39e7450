/* From a host name to a connected socket, and through a proxy, within a deadline. */
#pragma once

#include "agent/net/net.h"

/* A connected, non-blocking TCP socket with TCP_NODELAY. UNREACHABLE or TIMEOUT. */
enum bs_err net_dial(const struct net_url *url, struct bs_deadline deadline, int *ret_fd) BS_MUST_USE;

/*
 * Asks the proxy at the other end of `fd` for a way to `authority` (HOST:PORT). BUSY when it says anything but yes,
 * UNREACHABLE when it hangs up, TIMEOUT.
 */
enum bs_err net_tunnel(int fd, const char *authority, struct bs_deadline deadline) BS_MUST_USE;
