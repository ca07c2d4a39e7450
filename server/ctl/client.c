#include "server/ctl/client.h"
#include "core/log.h"
#include "server/config.h"
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH_SIZE 4
#define TIMEOUT_SECONDS 60

static enum bs_err connect_to(const char *path, int *ret_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = TIMEOUT_SECONDS };
    int fd;

    if (strlen(path) >= sizeof(address.sun_path))
        return BS_ERR_INPUT;
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return BS_ERR_IO;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        bs_error("admin",
                 "nobody answers at %s (%s); is `bootseald` running for this folder? (--dir=DIR names another)", path,
                 strerror(errno));
        (void)close(fd);
        return BS_ERR_UNREACHABLE;
    }
    *ret_fd = fd;
    return BS_OK;
}

static enum bs_err send_all(int fd, struct bs_span data)
{
    while (data.size > 0) {
        ssize_t put = send(fd, data.data, data.size, MSG_NOSIGNAL);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return BS_ERR_UNREACHABLE;
        data = BS_SPAN(data.data + put, data.size - (size_t)put);
    }
    return BS_OK;
}

static enum bs_err receive_all(int fd, uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(fd, data, size, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return BS_ERR_UNREACHABLE;
        data += got;
        size -= (size_t)got;
    }
    return BS_OK;
}

static enum bs_err exchange(int fd, struct bs_span request, struct bs_buf *ret_document)
{
    uint8_t head[LENGTH_SIZE];
    struct bs_reader reader = BS_READER(BS_SPAN(head, sizeof(head)));
    uint32_t size = 0;
    uint8_t *tail;
    enum bs_err err;

    for (size_t i = 0; i < LENGTH_SIZE; i++)
        head[i] = (uint8_t)(request.size >> (8 * (LENGTH_SIZE - 1 - i)));
    err = send_all(fd, BS_SPAN(head, sizeof(head)));
    if (err == BS_OK)
        err = send_all(fd, request);
    if (err == BS_OK)
        err = receive_all(fd, head, sizeof(head));
    if (err == BS_OK && (!bs_read_be32(&reader, &size) || size > DOCUMENT_MAX))
        err = BS_ERR_PROTOCOL;
    if (err == BS_OK)
        err = bs_buf_reserve(ret_document, size, &tail);
    if (err == BS_OK)
        err = receive_all(fd, tail, size);
    if (err == BS_OK)
        bs_buf_grown(ret_document, size);
    return err;
}

enum bs_err client_call(const char *dir, const struct admin_request *request, struct bs_buf *ret_document)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(ADMIN_REQUEST_MAX);
    BS_OWN(string) path = NULL;
    BS_OWN_FD int fd = -1;
    enum bs_err err = admin_request_encode(request, &bytes);

    if (err != BS_OK) {
        bs_error("admin", "the request is too long");
        return err;
    }
    err = server_path(dir, CONFIG_SOCKET, &path);
    if (err == BS_OK)
        err = connect_to(path, &fd);
    if (err != BS_OK)
        return err;
    err = exchange(fd, bs_buf_span(&bytes), ret_document);
    if (err != BS_OK)
        bs_error("admin", "bootseald did not answer to the end: %s; its log says more", bs_err_name(err));
    return err;
}
