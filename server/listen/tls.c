#include "server/listen/tls.h"
#include "bootseal/protocol.h"
#include "core/log.h"

#include <string.h>

static enum bs_err failed(const char *what, int code)
{
    bs_error("listen", "TLS cannot be set up: %s: %d %s", what, code, crypto_error_text(code));
    return BS_ERR_CRYPTO;
}

static enum bs_err load(WOLFSSL_CTX *context, const struct ca_tls *keys)
{
    static int groups[] = { WOLFSSL_X25519MLKEM768, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1 };
    int code = wolfSSL_CTX_use_certificate_chain_buffer(context, keys->chain_pem.data, (long)keys->chain_pem.size);

    if (code != WOLFSSL_SUCCESS)
        return failed("server certificate", code);
    code = wolfSSL_CTX_use_PrivateKey_buffer(context, bs_secret_view(keys->key_pem),
                                             (long)bs_secret_size(keys->key_pem), WOLFSSL_FILETYPE_PEM);
    if (code != WOLFSSL_SUCCESS)
        return failed("server key", code);
    code = wolfSSL_CTX_load_verify_buffer_ex(context, keys->device_ca_pem.data, (long)keys->device_ca_pem.size,
                                             WOLFSSL_FILETYPE_PEM, 0, WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY);
    if (code != WOLFSSL_SUCCESS)
        return failed("device CA", code);
    /* No FAIL_IF_NO_PEER_CERT: devices that enroll have no certificate yet. */
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, NULL);
    code = wolfSSL_CTX_set_groups(context, groups, sizeof(groups) / sizeof(groups[0]));
    if (code != WOLFSSL_SUCCESS)
        return failed("groups", code);
    /* One segment for the server's whole first flight. */
    (void)wolfSSL_CTX_set_group_messages(context);
    (void)wolfSSL_CTX_no_ticket_TLSv13(context);
    return BS_OK;
}

enum bs_err tls_init(struct ca *ca, struct tls *ret_tls)
{
    struct ca_tls keys;
    WOLFSSL_CTX *context;
    enum bs_err err = ca_tls(ca, &keys);

    if (err != BS_OK)
        return err;
    context = wolfSSL_CTX_new(wolfTLSv1_3_server_method());
    err = context != NULL ? load(context, &keys) : BS_ERR_NOMEM;
    if (err == BS_OK) {
        ret_tls->context = context;
        memcpy(ret_tls->cert_sha256, keys.cert_sha256, sizeof(ret_tls->cert_sha256));
    } else {
        wolfSSL_CTX_free(context);
    }
    ca_tls_free(&keys);
    return err;
}

void tls_free(struct tls *tls)
{
    wolfSSL_CTX_free(tls->context);
    tls->context = NULL;
}

enum bs_err tls_session(const struct tls *tls, int fd, WOLFSSL **ret_session)
{
    WOLFSSL *session = wolfSSL_new(tls->context);

    if (session == NULL)
        return BS_ERR_NOMEM;
    /* The exporter needs what wolfSSL otherwise forgets when the handshake ends. */
    wolfSSL_KeepArrays(session);
    if (wolfSSL_set_fd(session, fd) != WOLFSSL_SUCCESS) {
        wolfSSL_free(session);
        return BS_ERR_NOMEM;
    }
    *ret_session = session;
    return BS_OK;
}

enum bs_err tls_finished(WOLFSSL *session, uint8_t ret_channel[32], struct bs_buf *ret_client)
{
    WOLFSSL_X509 *client;
    const unsigned char *der;
    int size = 0;
    enum bs_err err = BS_OK;

    if (wolfSSL_export_keying_material(session, ret_channel, BS_CHANNEL_SIZE, BS_EXPORTER_LABEL,
                                       strlen(BS_EXPORTER_LABEL), NULL, 0, 1) != WOLFSSL_SUCCESS)
        return BS_ERR_CRYPTO; /* fail closed: evidence could not be bound to this connection */
    wolfSSL_FreeArrays(session);
    client = wolfSSL_get_peer_certificate(session);
    if (client == NULL)
        return BS_OK;
    der = wolfSSL_X509_get_der(client, &size);
    if (der != NULL && size > 0)
        err = bs_buf_append(ret_client, der, (size_t)size);
    wolfSSL_X509_free(client);
    return err;
}
