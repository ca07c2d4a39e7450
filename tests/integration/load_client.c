#include "load_client.h"

#include "bootseal/protocol.h"
#include "core/bundle.h"
#include "core/file.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 20

enum bs_err load_target_open(uint16_t port, const char *ca, struct load_target *ret_target)
{
    static int groups[] = { WOLFSSL_X25519MLKEM768 };
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(65536);
    struct load_target target = { .port = port, .context = wolfSSL_CTX_new(wolfTLSv1_3_client_method()) };
    enum bs_err err = bs_file_read(ca, &pem);
    if (err == BS_OK)
        err = cert_roots_from_pem(bs_buf_span(&pem), &target.roots);
    if (err == BS_OK && (!target.context ||
                         wolfSSL_CTX_load_verify_buffer(target.context, pem.data, (long)pem.size,
                                                        WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS ||
                         wolfSSL_CTX_set_groups(target.context, groups, 1) != WOLFSSL_SUCCESS))
        err = BS_ERR_CRYPTO;
    /* The first session completes the context; that must not happen in several threads at a time. */
    if (err == BS_OK)
        wolfSSL_free(wolfSSL_new(target.context));
    if (err == BS_OK)
        *ret_target = target;
    else
        load_target_close(&target);
    return err;
}

void load_target_close(struct load_target *target)
{
    wolfSSL_CTX_free(target->context);
    cert_roots_free(target->roots);
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static enum bs_err greet(const struct load_target *target, struct load_line *line)
{
    line->session = wolfSSL_new(target->context);
    if (!line->session || wolfSSL_set_fd(line->session, line->fd) != WOLFSSL_SUCCESS ||
        wolfSSL_UseKeyShare(line->session, WOLFSSL_X25519MLKEM768) != WOLFSSL_SUCCESS)
        return BS_ERR_NOMEM;
    wolfSSL_KeepArrays(line->session);
    if (target->prepare && !target->prepare(line->session, target->with))
        return BS_ERR_CRYPTO;
    if (wolfSSL_connect(line->session) != WOLFSSL_SUCCESS)
        return BS_ERR_UNREACHABLE;
    WOLFSSL_X509 *cert = wolfSSL_get_peer_certificate(line->session);
    int size = 0;
    const unsigned char *der = cert ? wolfSSL_X509_get_der(cert, &size) : NULL;
    enum bs_err err = der ? crypto_hash(CRYPTO_SHA256, BS_SPAN(der, (size_t)size), line->server_cert) : BS_ERR_CRYPTO;
    wolfSSL_X509_free(cert);
    if (err == BS_OK && wolfSSL_export_keying_material(line->session, line->channel, 32, BS_EXPORTER_LABEL,
                                                       strlen(BS_EXPORTER_LABEL), NULL, 0, 1) != WOLFSSL_SUCCESS)
        err = BS_ERR_CRYPTO;
    return err;
}

enum bs_err load_line_open(const struct load_target *target, struct load_line *ret_line)
{
    *ret_line = (struct load_line){ .fd = dial(target->port),
                                    .body = BS_BUF(BS_REQUEST_MAX + 64),
                                    .statement = BS_BUF(BS_REQUEST_MAX),
                                    .bytes = BS_BUF(LOAD_ANSWER_MAX) };
    return ret_line->fd < 0 ? BS_ERR_UNREACHABLE : greet(target, ret_line);
}

void load_line_close(struct load_line *line)
{
    wolfSSL_free(line->session);
    if (line->fd >= 0)
        (void)close(line->fd);
    bs_buf_free(&line->body);
    bs_buf_free(&line->statement);
    bs_buf_free(&line->bytes);
    *line = (struct load_line){ .fd = -1 };
}

static enum bs_err send_all(struct load_line *line, struct bs_span data)
{
    while (data.size > 0) {
        int put = wolfSSL_write(line->session, data.data, (int)data.size);
        if (put <= 0)
            return BS_ERR_UNREACHABLE;
        data = BS_SPAN(data.data + put, data.size - (size_t)put);
    }
    return BS_OK;
}

static enum bs_err receive_some(struct load_line *line)
{
    uint8_t *tail;
    enum bs_err err = bs_buf_reserve(&line->bytes, 4096, &tail);
    int got = err == BS_OK ? wolfSSL_read(line->session, tail, 4096) : 0;
    if (got <= 0)
        return BS_ERR_UNREACHABLE;
    bs_buf_grown(&line->bytes, (size_t)got);
    return BS_OK;
}

/* Head, then as many bytes as it says; the head is cut off. */
static enum bs_err receive_answer(struct load_line *line)
{
    const uint8_t *end = NULL;
    char head[1024];
    while (!end) {
        enum bs_err err = receive_some(line);
        if (err != BS_OK)
            return err;
        end = memmem(line->bytes.data, line->bytes.size, "\r\n\r\n", 4);
    }
    size_t size = (size_t)(end - line->bytes.data) + 4;
    if (size >= sizeof(head))
        return BS_ERR_PROTOCOL;
    memcpy(head, line->bytes.data, size);
    head[size] = '\0';
    const char *length = strcasestr(head, "content-length:");
    if (sscanf(head, "HTTP/1.1 %d", &line->status) != 1 || !length)
        return BS_ERR_PROTOCOL;
    size_t total = size + strtoul(length + 15, NULL, 10);
    while (line->bytes.size < total) {
        enum bs_err err = receive_some(line);
        if (err != BS_OK)
            return err;
    }
    memmove(line->bytes.data, line->bytes.data + size, total - size);
    line->bytes.size = total - size;
    return BS_OK;
}

enum bs_err load_send(struct load_line *line, struct bs_span request)
{
    bs_buf_reset(&line->bytes);
    line->status = 0;
    enum bs_err err = send_all(line, request);
    if (err == BS_OK)
        err = receive_answer(line);
    return err == BS_OK ? message_answer_decode(bs_buf_span(&line->bytes), &line->answer) : err;
}

enum bs_err load_post(struct load_line *line, const char *path)
{
    BS_SCOPED_BUF struct bs_buf request = BS_BUF(BS_REQUEST_MAX + 1024);
    enum bs_err err = bs_buf_printf(&request,
                                    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: " BS_MEDIA_TYPE
                                    "\r\nContent-Length: %zu\r\n\r\n",
                                    path, line->body.size);
    if (err == BS_OK)
        err = bs_buf_append(&request, line->body.data, line->body.size);
    return err == BS_OK ? load_send(line, bs_buf_span(&request)) : err;
}

enum bs_err load_attest(struct load_line *line, struct softtpm *tpm, const struct softtpm_request *request)
{
    struct softtpm_request full = request ? *request : (struct softtpm_request){ .channel = NULL };
    if (!full.channel)
        full.channel = line->channel;
    full.server_cert = line->server_cert;
    bs_buf_reset(&line->body);
    bs_buf_reset(&line->statement);
    enum bs_err err = softtpm_attest(tpm, &full, &line->body, &line->statement);
    return err == BS_OK ? load_post(line, BS_PATH_ATTEST) : err;
}

enum bs_err load_prove(struct load_line *line, struct softtpm *tpm)
{
    enum bs_err err = softtpm_activate(tpm, line->answer.id_object, line->answer.encrypted_secret, line->secret);
    bs_buf_reset(&line->body);
    if (err == BS_OK)
        err = softtpm_prove(line->secret, line->channel, bs_buf_span(&line->statement), &line->body);
    return err == BS_OK ? load_post(line, BS_PATH_PROVE) : err;
}

enum bs_err load_confirm(struct load_line *line, struct softtpm *tpm, uint64_t serial)
{
    bs_buf_reset(&line->body);
    enum bs_err err = softtpm_confirm(tpm, line->secret, line->channel, serial, &line->body);
    return err == BS_OK ? load_post(line, BS_PATH_CONFIRM) : err;
}

enum bs_err load_enroll(struct load_line *line, struct softtpm *tpm, const struct softtpm_request *request)
{
    enum bs_err err = load_attest(line, tpm, request);
    return err == BS_OK && line->answer.kind == MESSAGE_PROVE ? load_prove(line, tpm) : err;
}

enum bs_err load_open(const struct load_target *target, struct load_line *line, struct softtpm *tpm,
                      struct load_bundle *ret_bundle)
{
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    struct cert_info info;
    enum bs_err err = softtpm_activate(tpm, line->answer.id_object, line->answer.encrypted_secret, line->secret);
    if (err == BS_OK)
        err = bundle_decrypt(BS_SPAN(line->secret, 32), BS_SPAN(line->channel, 32), bs_buf_span(&line->statement),
                             line->answer.bundle, &plain);
    if (err == BS_OK)
        err = bundle_verify(BS_SPAN(bs_secret_view(plain), bs_secret_size(plain)), target->roots, &bundle);
    if (err == BS_OK)
        err = cert_parse(bundle.chain[0], &info);
    if (err == BS_OK && (!bs_span_equal(bundle.device, BS_SPAN(tpm->id, WIRE_ID_SIZE)) || info.serial_size != 16))
        err = BS_ERR_UNTRUSTED;
    if (err != BS_OK)
        return err;
    ret_bundle->serial = bundle.serial;
    memcpy(ret_bundle->cert_serial, info.serial, 16);
    return BS_OK;
}

static enum bs_err write_in(const char *dir, const char *name, struct bs_span data)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return bs_file_write(path, data, NULL);
}

enum bs_err load_vendor_write(const char *dir)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_OWN(secret) key = NULL;
    struct softtpm_vendor vendor;
    enum bs_err err = softtpm_vendor_make(&vendor);
    if (err != BS_OK)
        return err;
    err = softtpm_vendor_pem(&vendor, &pem);
    if (err == BS_OK)
        err = crypto_key_to_pem(vendor.key, &key);
    if (err == BS_OK)
        err = write_in(dir, "vendor.pem", bs_buf_span(&pem));
    if (err == BS_OK)
        err = write_in(dir, "vendor.key", BS_SPAN(bs_secret_view(key), bs_secret_size(key)));
    softtpm_vendor_free(&vendor);
    return err;
}

enum bs_err load_vendor_read(const char *dir, struct softtpm_vendor *ret_vendor)
{
    char path[4096];
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_SCOPED_BUF struct bs_buf key = BS_BUF(8192);
    struct softtpm_vendor vendor = { .root = BS_BUF(8192) };
    (void)snprintf(path, sizeof(path), "%s/vendor.pem", dir);
    enum bs_err err = bs_file_read(path, &pem);
    (void)snprintf(path, sizeof(path), "%s/vendor.key", dir);
    if (err == BS_OK)
        err = bs_file_read(path, &key);
    if (err == BS_OK)
        err = cert_pem_decode(bs_buf_span(&pem), "CERTIFICATE", &vendor.root);
    if (err == BS_OK)
        err = crypto_key_from_pem(bs_buf_span(&key), &vendor.key);
    if (err == BS_OK)
        *ret_vendor = vendor;
    else
        softtpm_vendor_free(&vendor);
    return err;
}
