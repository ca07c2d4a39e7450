/*
 * The server's side of TLS 1.3 (wolfSSL): no resumption, no tickets, no early data, so that every connection has an exporter of
 * its own. A client certificate is asked for and need not be shown.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "server/ca.h"

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

struct tls {
    WOLFSSL_CTX *context; /* counted by the connections that use it: a renewal replaces it at once */
    uint8_t cert_sha256[CRYPTO_SHA256_SIZE];
};

enum bs_err tls_init(struct ca *ca, struct tls *ret_tls) BS_MUST_USE;
void tls_free(struct tls *tls);

enum bs_err tls_session(const struct tls *tls, int fd, WOLFSSL **ret_session) BS_MUST_USE;

/* After the handshake: RFC 9266 exporter, and the client's certificate (DER) if it showed one, appended to `ret_client`. */
enum bs_err tls_finished(WOLFSSL *session, uint8_t ret_channel[32], struct bs_buf *ret_client) BS_MUST_USE;
