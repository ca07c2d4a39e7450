/*
 * TLS 1.3 to the pinned server with wolfSSL (RFC 8446). No resumption, no PSK, no early data: every connection has an exporter
 * of its own, which is what the evidence is bound to.
 */
#include "agent/net/connection.h"
#include "agent/net/dial.h"
#include "bootseal/protocol.h"
#include "core/log.h"

#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EKU_SERVER_AUTH "1.3.6.1.5.5.7.3.1"

struct net_connection {
    const struct net_url *url;
    const struct cert_roots *roots;
    struct bs_deadline deadline;
    char authority[NET_HOST_MAX + 16];
    WOLFSSL_CTX *context;
    WOLFSSL *ssl;
    int fd;
    bool is_verified; /* the callback saw the leaf and accepted it */
    bool is_rejected; /* it saw it and did not */
    uint8_t server_cert[32];
    uint8_t channel[BS_CHANNEL_SIZE];
};

static struct net_totals totals;

struct net_totals net_totals(void)
{
    return totals;
}

void net_count_round_trip(void)
{
    totals.round_trips++;
}

const char *connection_authority(const struct net_connection *connection)
{
    return connection->authority;
}

void net_channel(const struct net_connection *connection, uint8_t ret_channel[32])
{
    memcpy(ret_channel, connection->channel, BS_CHANNEL_SIZE);
}

void net_server_cert(const struct net_connection *connection, uint8_t ret_sha256[32])
{
    memcpy(ret_sha256, connection->server_cert, 32);
}

void net_close(struct net_connection *connection)
{
    if (connection == NULL)
        return;
    if (connection->ssl != NULL)
        (void)wolfSSL_shutdown(connection->ssl);
    wolfSSL_free(connection->ssl);
    wolfSSL_CTX_free(connection->context);
    if (connection->fd >= 0)
        (void)close(connection->fd);
    bs_wipe(connection, sizeof(*connection));
    free(connection);
}

void net_hurry(struct net_connection *connection, struct bs_deadline deadline)
{
    connection->deadline = bs_deadline_earlier(connection->deadline, deadline);
}

static int receive_raw(WOLFSSL *ssl, char *buffer, int size, void *context)
{
    struct net_connection *connection = context;
    ssize_t got = recv(connection->fd, buffer, (size_t)size, 0);

    (void)ssl;
    if (got > 0) {
        totals.received += (uint64_t)got;
        return (int)got;
    }
    if (got == 0)
        return WOLFSSL_CBIO_ERR_CONN_CLOSE;
    return errno == EAGAIN || errno == EINTR ? WOLFSSL_CBIO_ERR_WANT_READ : WOLFSSL_CBIO_ERR_CONN_RST;
}

static int send_raw(WOLFSSL *ssl, char *buffer, int size, void *context)
{
    struct net_connection *connection = context;
    ssize_t put = send(connection->fd, buffer, (size_t)size, MSG_NOSIGNAL);

    (void)ssl;
    if (put >= 0) {
        totals.sent += (uint64_t)put;
        return (int)put;
    }
    return errno == EAGAIN || errno == EINTR ? WOLFSSL_CBIO_ERR_WANT_WRITE : WOLFSSL_CBIO_ERR_CONN_RST;
}

/* core/cert.h decides; dates are its matter (clock rule), and so what wolfSSL says of dates is not heard here. */
static bool is_acceptable(struct net_connection *connection, const WOLFSSL_X509_STORE_CTX *store)
{
    struct bs_span chain[CERT_CHAIN_MAX];
    size_t count = 0;
    const char *why = NULL;

    if (store->error != 0 && store->error != ASN_BEFORE_DATE_E && store->error != ASN_AFTER_DATE_E) {
        bs_debug("net", "wolfSSL refuses the server's certificate: %d %s", store->error,
                 crypto_error_text(store->error));
        return false;
    }
    for (int i = 0; i < store->totalCerts && count < CERT_CHAIN_MAX; i++)
        chain[count++] = BS_SPAN(store->certs[i].buffer, store->certs[i].length);
    if (count == 0 || cert_chain_verify(chain, count, connection->roots, EKU_SERVER_AUTH, &why) != BS_OK) {
        bs_debug("net", "the server's certificate is not accepted: %s", why != NULL ? why : "no reason given");
        return false;
    }
    if (!cert_matches_host(chain[0], connection->url->host)) {
        bs_debug("net", "the server's certificate is not for %s", connection->url->host);
        return false;
    }
    return crypto_hash(CRYPTO_SHA256, chain[0], connection->server_cert) == BS_OK;
}

/* Called for the leaf always (WOLFSSL_ALWAYS_VERIFY_CB), for other certificates when wolfSSL has something against them. */
static int verify(int is_ok, WOLFSSL_X509_STORE_CTX *store)
{
    struct net_connection *connection = store->userCtx;

    (void)is_ok;
    if (store->error_depth != 0)
        return 1;
    connection->is_verified = is_acceptable(connection, store);
    connection->is_rejected = !connection->is_verified;
    return connection->is_verified ? 1 : 0;
}

static enum bs_err load_roots(WOLFSSL_CTX *context, const struct cert_roots *roots)
{
    for (size_t i = 0; i < cert_roots_count(roots); i++) {
        struct bs_span der = cert_roots_der(roots, i);
        int code = wolfSSL_CTX_load_verify_buffer_ex(context, der.data, (long)der.size, WOLFSSL_FILETYPE_ASN1, 0,
                                                     WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY);

        if (code != WOLFSSL_SUCCESS) {
            bs_debug("net", "pinned certificate %zu is not usable: %d %s", i, code, crypto_error_text(code));
            return BS_ERR_CONFIG;
        }
    }
    return BS_OK;
}

static enum bs_err make_context(struct net_connection *connection, const struct net_options *options)
{
    static int prefer[] = { WOLFSSL_X25519MLKEM768, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1 };
    int count = options->pq == NET_PQ_REQUIRE ? 1 : 3;
    WOLFSSL_CTX *context = wolfSSL_CTX_new(wolfTLSv1_3_client_method());

    connection->context = context;
    if (context == NULL)
        return BS_ERR_NOMEM;
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, verify);
    wolfSSL_CTX_SetIORecv(context, receive_raw);
    wolfSSL_CTX_SetIOSend(context, send_raw);
    if (wolfSSL_CTX_set_groups(context, prefer, count) != WOLFSSL_SUCCESS)
        return BS_ERR_CRYPTO;
    return load_roots(context, options->roots);
}

static enum bs_err make_session(struct net_connection *connection)
{
    WOLFSSL *ssl = wolfSSL_new(connection->context);
    const struct net_url *url = connection->url;

    connection->ssl = ssl;
    if (ssl == NULL)
        return BS_ERR_NOMEM;
    /* The exporter needs what wolfSSL otherwise forgets when the handshake ends. */
    wolfSSL_KeepArrays(ssl);
    wolfSSL_SetCertCbCtx(ssl, connection);
    wolfSSL_SetIOReadCtx(ssl, connection);
    wolfSSL_SetIOWriteCtx(ssl, connection);
    if (!url->is_address &&
        wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, url->host, (unsigned short)strlen(url->host)) != WOLFSSL_SUCCESS)
        return BS_ERR_CRYPTO;
    return BS_OK;
}

/* Waits until the socket can do what wolfSSL wants; an error when it wants nothing, or the time is over. */
static enum bs_err wait_for(struct net_connection *connection, int code)
{
    struct pollfd waiter = { .fd = connection->fd };

    if (code == WOLFSSL_ERROR_WANT_READ)
        waiter.events = POLLIN;
    else if (code == WOLFSSL_ERROR_WANT_WRITE)
        waiter.events = POLLOUT;
    else
        return BS_ERR_UNREACHABLE;
    if (bs_deadline_passed(connection->deadline))
        return BS_ERR_TIMEOUT;
    (void)poll(&waiter, 1, bs_deadline_left_ms(connection->deadline));
    return BS_OK;
}

/* Which of our errors a failed handshake is. */
static enum bs_err handshake_error(struct net_connection *connection, int code)
{
    WOLFSSL_ALERT_HISTORY alerts = { 0 };
    int received;

    (void)wolfSSL_get_alert_history(connection->ssl, &alerts);
    received = alerts.last_rx.level == alert_fatal ? alerts.last_rx.code : -1;
    bs_debug("net", "TLS handshake: %d %s, alert received %d", code, crypto_error_text(code), received);
    if (connection->is_rejected)
        return BS_ERR_UNTRUSTED;
    switch (code) {
    case SOCKET_PEER_CLOSED_E:
    case SOCKET_ERROR_E:
    case WOLFSSL_CBIO_ERR_CONN_CLOSE:
    case WOLFSSL_CBIO_ERR_CONN_RST:
        return BS_ERR_UNREACHABLE;
    case VERIFY_SIGN_ERROR: /* the certificate is right, but whoever shows it has no key for it */
    case SIG_VERIFY_E:
    case NO_PEER_CERT:
        return BS_ERR_UNTRUSTED;
    default:
        break;
    }
    /* RFC 8446 §6.2: 80 internal_error and 22 record_overflow say nothing of us; a server that is busy closes with 90 or 80. */
    return received == 80 || received == 90 ? BS_ERR_UNREACHABLE : BS_ERR_PROTOCOL;
}

static enum bs_err handshake(struct net_connection *connection)
{
    for (;;) {
        int result = wolfSSL_connect(connection->ssl);
        int code;
        enum bs_err err;

        if (result == WOLFSSL_SUCCESS)
            break;
        code = wolfSSL_get_error(connection->ssl, result);
        if (connection->ssl != NULL && code != WOLFSSL_ERROR_WANT_READ && code != WOLFSSL_ERROR_WANT_WRITE)
            return handshake_error(connection, code);
        err = wait_for(connection, code);
        if (err != BS_OK)
            return err;
    }
    if (!connection->is_verified)
        return BS_ERR_UNTRUSTED;
    if (wolfSSL_export_keying_material(connection->ssl, connection->channel, BS_CHANNEL_SIZE, BS_EXPORTER_LABEL,
                                       strlen(BS_EXPORTER_LABEL), NULL, 0, 1) != WOLFSSL_SUCCESS)
        return BS_ERR_CRYPTO; /* fail closed: without an exporter there is nothing to bind the evidence to */
    wolfSSL_FreeArrays(connection->ssl);
    bs_debug("net", "connected: %s %s", wolfSSL_get_version(connection->ssl), wolfSSL_get_cipher(connection->ssl));
    return BS_OK;
}

enum bs_err net_connect(const struct net_options *options, struct net_connection **ret_connection)
{
    BS_OWN(connection) connection = calloc(1, sizeof(*connection));
    bool is_ipv6 = strchr(options->url->host, ':') != NULL;
    enum bs_err err;

    if (connection == NULL)
        return BS_ERR_NOMEM;
    connection->fd = -1;
    connection->url = options->url;
    connection->roots = options->roots;
    connection->deadline = options->deadline;
    (void)snprintf(connection->authority, sizeof(connection->authority), "%s%s%s:%s", is_ipv6 ? "[" : "",
                   options->url->host, is_ipv6 ? "]" : "", options->url->port);
    if (wolfSSL_Init() != WOLFSSL_SUCCESS)
        return BS_ERR_CRYPTO;
    err = make_context(connection, options);
    if (err == BS_OK)
        err = net_dial(options->proxy ? options->proxy : options->url, options->deadline, &connection->fd);
    if (err == BS_OK && options->proxy)
        err = net_tunnel(connection->fd, connection->authority, options->deadline);
    if (err == BS_OK)
        err = make_session(connection);
    if (err == BS_OK)
        err = handshake(connection);
    if (err == BS_OK)
        *ret_connection = BS_TAKE(connection);
    return err;
}

enum bs_err connection_write(struct net_connection *connection, struct bs_span data)
{
    while (data.size > 0) {
        int result = wolfSSL_write(connection->ssl, data.data, (int)data.size);
        enum bs_err err;

        if (result > 0) {
            data = BS_SPAN(data.data + result, data.size - (size_t)result);
            continue;
        }
        err = wait_for(connection, wolfSSL_get_error(connection->ssl, result));
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

enum bs_err connection_read(struct net_connection *connection, uint8_t *buffer, size_t size, size_t *ret_size)
{
    for (;;) {
        int result = wolfSSL_read(connection->ssl, buffer, (int)size);
        enum bs_err err;

        if (result > 0) {
            *ret_size = (size_t)result;
            return BS_OK;
        }
        err = wait_for(connection, wolfSSL_get_error(connection->ssl, result));
        if (err != BS_OK)
            return err;
    }
}
