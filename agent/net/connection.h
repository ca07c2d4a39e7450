/* A TLS connection as tls.c makes it and http.c speaks over it. */
#pragma once

#include "agent/net/net.h"

/* Writes all; reads at least one byte. UNREACHABLE when the peer is gone, TIMEOUT at the connection's deadline. */
enum bs_err connection_write(struct net_connection *connection, struct bs_span data) BS_MUST_USE;
enum bs_err connection_read(struct net_connection *connection, uint8_t *buffer, size_t size,
                            size_t *ret_size) BS_MUST_USE;

/* "HOST:PORT" for the Host header. */
const char *connection_authority(const struct net_connection *connection);

void net_count_round_trip(void);
