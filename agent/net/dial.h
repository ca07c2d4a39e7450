/* From a host name to a connected socket, within a deadline. */
#pragma once

#include "agent/net/net.h"

/* A connected, non-blocking TCP socket with TCP_NODELAY. UNREACHABLE or TIMEOUT. */
enum bs_err net_dial(const struct net_url *url, struct bs_deadline deadline, int *ret_fd) BS_MUST_USE;
