/*
 * The agent's side of the network: bring it up, reach the pinned server over TLS 1.3, exchange a few messages. Owns wolfSSL's TLS.
 * Everything has a deadline; nothing that a server, a resolver or a proxy sends makes it wait longer or grow.
 */
#pragma once

#include "core/buf.h"
#include "core/cert.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/own.h"

/*
 * Runs the program that brings the network up, directly (no shell), with an empty environment but PATH; killed at the deadline
 * (TIMEOUT). IO when it cannot be started or does not end with 0.
 */
enum bs_err net_up(const char *const *argv, struct bs_deadline deadline) BS_MUST_USE;

/* https://HOST[:PORT][/]: CONFIG when it is anything else. IPv6 addresses in brackets. Port 8443 where none stands. */
#define NET_HOST_MAX 253
struct net_url {
    char host[NET_HOST_MAX + 1];
    char port[6];
    bool is_address; /* an IP address: the certificate must carry an iPAddress */
};
enum bs_err net_url_parse(const char *url, struct net_url *ret_url) BS_MUST_USE;

/* http://HOST:PORT[/] of a proxy: CONFIG when it is anything else. */
enum bs_err net_proxy_parse(const char *url, struct net_url *ret_url) BS_MUST_USE;

enum net_pq { NET_PQ_PREFER, NET_PQ_REQUIRE }; /* X25519MLKEM768 first, or nothing else */

struct net_connection;

struct net_options {
    const struct net_url *url;
    const struct net_url *proxy; /* asked to CONNECT to url (RFC 9110 §9.3.6), and trusted with nothing; NULL: none */
    const struct cert_roots *roots; /* pinned */
    enum net_pq pq;
    struct bs_deadline deadline; /* of the connection as a whole */
};

/*
 * Resolves, tries all addresses in turn (staggered, so that a dead one does not eat the deadline), TLS 1.3, certificate under the pinned
 * roots with EKU serverAuth and a matching dNSName or iPAddress, dates by the clock rule.
 * UNREACHABLE: no route, refused, hung up, no such name. BUSY: the proxy opens no way. TIMEOUT. UNTRUSTED: certificate.
 * PROTOCOL: no common version or group.
 */
enum bs_err net_connect(const struct net_options *options, struct net_connection **ret_connection) BS_MUST_USE;
void net_close(struct net_connection *connection); /* NULL allowed */
BS_DEFINE_OWN(connection, struct net_connection, net_close)

/* Its deadline comes as early as this. */
void net_hurry(struct net_connection *connection, struct bs_deadline deadline);

/* RFC 9266 exporter of this connection, and SHA-256 of the server's certificate. */
void net_channel(const struct net_connection *connection, uint8_t ret_channel[32]);
void net_server_cert(const struct net_connection *connection, uint8_t ret_sha256[32]);

/*
 * POST, and the answer: status, body appended to `answer` up to its limit, Retry-After in seconds (0: none).
 * HTTP/1.1 with Content-Length and nothing else: chunked, two lengths, a missing length, folded headers, 1xx: PROTOCOL.
 * UNREACHABLE when the server hangs up.
 */
struct net_answer {
    unsigned status;
    unsigned retry_after;
    bool is_open; /* the server keeps the connection open */
};
enum bs_err net_post(struct net_connection *connection, const char *path, struct bs_span body, struct bs_buf *answer,
                     struct net_answer *ret_answer) BS_MUST_USE;

/* For the report; sums over all connections. */
struct net_totals {
    uint64_t sent;
    uint64_t received;
    unsigned round_trips;
};
struct net_totals net_totals(void);
