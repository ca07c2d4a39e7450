/* Name resolution that can be given up. */
#pragma once

#include "agent/net/net.h"

#include <sys/socket.h>

#define RESOLVE_MAX 16

struct resolve_address {
    socklen_t size;
    struct sockaddr_storage address;
};

/* At most RESOLVE_MAX addresses in the resolver's order. UNREACHABLE: no such name, or nobody to ask. TIMEOUT. */
enum bs_err resolve(const struct net_url *url, struct bs_deadline deadline,
                    struct resolve_address ret_addresses[RESOLVE_MAX], size_t *ret_count) BS_MUST_USE;
