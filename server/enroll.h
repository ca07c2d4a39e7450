/*
 * The exchanges of the protocol (docs/protocol.md), without the network: a request's bytes in, an answer's bytes out.
 *
 * First contact is two exchanges on one connection: until the TPM has answered a MakeCredential challenge nothing in a request is
 * proven, since AK and quote can be made in software. Before that nothing is issued, shown, learned, spent or blocked.
 *
 * Nothing here fails silently: trouble inside becomes the answer `busy` with status 503, and an error in the log.
 */
#pragma once

#include "core/buf.h"
#include "core/own.h"
#include "core/wire.h"
#include "server/server.h"

/* The connection as TLS sees it. */
struct enroll_peer {
    uint8_t channel[32];                 /* RFC 9266 exporter */
    uint8_t server_cert_sha256[32];      /* of the certificate (DER) that this connection was opened with */
    char address[64];                    /* for the log */
    struct limit_memory *address_memory; /* what is held for all from there; NULL: not counted */
    bool may_hold;                       /* whoever serves the connection calls enroll_settled() */
};

/* State of one TLS connection; one statement each. Made after the handshake, freed (and wiped) with the connection. */
struct enroll_session;
enum bs_err enroll_session_new(const struct enroll_peer *peer, struct enroll_session **ret_session) BS_MUST_USE;
void enroll_session_free(struct enroll_session *session);
BS_DEFINE_OWN(enroll_session, struct enroll_session, enroll_session_free)

struct enroll_result {
    int status;           /* HTTP */
    unsigned retry_after; /* seconds for the header Retry-After; 0: none */
    bool close;           /* the connection is of no more use */
    bool is_held;         /* written, and not to be sent before enroll_settled() */
};

/* The answer is a complete message of the type BS_MEDIA_TYPE, appended to `answer`; empty only where memory ran out. */
void enroll_attest(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                   struct enroll_result *ret_result);
void enroll_prove(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                  struct enroll_result *ret_result);
void enroll_confirm(struct server *server, struct enroll_session *session, struct bs_span body, struct bs_buf *answer,
                    struct enroll_result *ret_result);

/*
 * Group commit: an answer that is_held says what is not durable yet. After store_settle() this lets it go, or, when the store could not
 * keep its change, puts the answer `busy` in its place.
 */
void enroll_settled(struct enroll_session *session, struct bs_buf *answer, struct enroll_result *result);

/*
 * What the server knows the holder of this client certificate as. TLS has verified the chain to the device CA and that the key is
 * there; here it is checked that neither certificate nor device is revoked. JSON; empty `client_cert`: 401.
 */
void enroll_whoami(struct server *server, struct bs_span client_cert, struct bs_buf *json,
                   struct enroll_result *ret_result);

/* The answer when there is no memory to take a request in: come back later. */
void enroll_busy(struct server *server, struct bs_buf *answer, struct enroll_result *ret_result);

/* JSON for /v1/health: 200 while the store can be read. */
void enroll_health(struct server *server, struct bs_buf *json, struct enroll_result *ret_result);
