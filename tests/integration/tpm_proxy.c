#include "integration/tpm_proxy.h"

#include "core/own.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

#define CLIENTS 4
#define HEADER 10
#define MESSAGE 8192 /* more than a TPM may send */
#define BUS_MAX (64 << 20)

struct proxy {
    char upstream_path[108];
    pthread_t thread;
    pthread_mutex_t lock;
    int listener, upstream; /* -1: not connected */
    int clients[CLIENTS];
    int stop[2]; /* a pipe: closed to end the thread */

    struct proxy_fault fault;
    uint64_t seed;
    struct bs_buf bus, tape;
    size_t tape_at;
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint32_t proxy_code(struct bs_span message)
{
    return be32(message.data + 6);
}

static bool set_address(struct sockaddr_un *address, const char *path)
{
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path, sizeof(address->sun_path), "%s", path);
    return length > 0 && (size_t)length < sizeof(address->sun_path);
}

static int dial(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && set_address(&address, path) && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && set_address(&address, path) && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        listen(fd, CLIENTS) == 0)
        return fd;
    close(fd);
    return -1;
}

static void hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A whole message; 0 when the other side is gone. */
static size_t receive_message(int fd, uint8_t message[MESSAGE])
{
    size_t got = 0, size = HEADER;
    while (got < size) {
        ssize_t n = read(fd, message + got, size - got);
        if (n <= 0)
            return 0;
        got += (size_t)n;
        if (got == HEADER)
            size = be32(message + 2);
        if (size < HEADER || size > MESSAGE)
            return 0;
    }
    return got;
}

/* Who asked may be gone already: then the next read says so. */
static void send_message(int fd, const uint8_t *message, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, message, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        message += n;
        size -= (size_t)n;
    }
}

/* The TPM was restarted since: its old connection is at its end. */
static void connect_upstream(struct proxy *proxy)
{
    struct pollfd pfd = { .fd = proxy->upstream, .events = POLLIN };
    if (proxy->upstream >= 0 && poll(&pfd, 1, 0) != 0)
        hang_up(&proxy->upstream);
    if (proxy->upstream < 0)
        proxy->upstream = dial(proxy->upstream_path);
}

static size_t ask(struct proxy *proxy, const uint8_t *command, size_t size, uint8_t response[MESSAGE])
{
    connect_upstream(proxy);
    if (proxy->upstream < 0)
        return 0;
    send_message(proxy->upstream, command, size);
    size_t got = receive_message(proxy->upstream, response);
    if (got == 0)
        hang_up(&proxy->upstream);
    return got;
}

static void extend(struct proxy *proxy, uint8_t pcr)
{
    uint8_t response[MESSAGE];
    uint8_t command[65] = { 0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, 0, 0, 0, pcr, 0,    0,    0,
                            9,    0x40, 0, 0, 9, 0,  0, 0, 0,    0,    0, 0, 0, 1,   0x00, 0x0b, 0xaa };
    if (ask(proxy, command, sizeof(command), response) == 0 || be32(response + 6) != 0)
        abort();
}

static size_t make_header(uint8_t response[MESSAGE], size_t size, uint32_t code)
{
    const uint8_t bytes[HEADER] = { 0x80,
                                    0x01,
                                    0,
                                    0,
                                    (uint8_t)(size >> 8),
                                    (uint8_t)size,
                                    (uint8_t)(code >> 24),
                                    (uint8_t)(code >> 16),
                                    (uint8_t)(code >> 8),
                                    (uint8_t)code };
    memcpy(response, bytes, sizeof(bytes));
    return size;
}

/* The same noise each time from the same seed, so that a failure can be had again. */
static uint8_t noise(struct proxy *proxy)
{
    proxy->seed = proxy->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(proxy->seed >> 56);
}

static ssize_t make_noise(struct proxy *proxy, uint8_t response[MESSAGE], size_t size)
{
    for (size_t i = 0; i < size && i < MESSAGE; i++)
        response[i] = noise(proxy);
    return (ssize_t)(size < MESSAGE ? size : MESSAGE);
}

static ssize_t make_answer_of_noise(struct proxy *proxy, uint8_t response[MESSAGE], size_t size)
{
    make_noise(proxy, response, HEADER + size);
    make_header(response, HEADER + size, 0);
    response[1] = 1 + (noise(proxy) & 1); /* with sessions or without */
    return (ssize_t)(HEADER + size);
}

/* Of the next command of that code on the tape, from where it was used last on to its end and round again. */
static ssize_t replay(struct proxy *proxy, uint32_t code, uint8_t response[MESSAGE])
{
    for (int round = 0; round < 2; round++, proxy->tape_at = 0) {
        struct bs_span left = BS_SPAN(proxy->tape.data + proxy->tape_at, proxy->tape.size - proxy->tape_at);
        struct bs_span command, answer;
        while (proxy_take_message(&left, &command) && proxy_take_message(&left, &answer)) {
            if (proxy_code(command) != code)
                continue;
            proxy->tape_at = proxy->tape.size - left.size;
            memcpy(response, answer.data, answer.size);
            return (ssize_t)answer.size;
        }
    }
    return -1;
}

/* The TPM2B_PUBLIC of Create and CreatePrimary: behind handle, authorizations and the TPM2B of the sensitive area. */
static bool makes_ecc_key(const uint8_t *command, size_t size)
{
    uint32_t code = be32(command + 6);
    if (code != TPM2_CC_CreatePrimary && code != TPM2_CC_Create)
        return false;
    size_t at = HEADER + 4;
    at += 4 + be32(command + at);
    at += 2 + ((size_t)command[at] << 8 | command[at + 1]);
    return at + 4 <= size && command[at + 2] == 0 && command[at + 3] == TPM2_ALG_ECC;
}

static enum lab_fault next_fault(struct proxy *proxy, uint32_t code)
{
    struct proxy_fault *fault = &proxy->fault;
    if (fault->times == 0 || (fault->command != 0 && fault->command != code))
        return LAB_NONE;
    if (fault->after > 0) {
        fault->after--;
        return LAB_NONE;
    }
    fault->times--;
    return fault->kind;
}

static void sleep_ms(uint32_t ms)
{
    (void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

/* What is done in the place of asking the TPM; false: it is asked. Size of the answer; 0: say nothing, -1: hang up. */
static bool answer_without_tpm(struct proxy *proxy, enum lab_fault fault, const uint8_t *command, size_t size,
                               uint8_t response[MESSAGE], ssize_t *ret_size)
{
    *ret_size = 0;
    if (fault == LAB_CODE)
        *ret_size = (ssize_t)make_header(response, HEADER, proxy->fault.value);
    else if (fault == LAB_NO_ECC && makes_ecc_key(command, size))
        *ret_size = (ssize_t)make_header(response, HEADER, TPM2_RC_TYPE + TPM2_RC_P + TPM2_RC_2);
    else if (fault == LAB_REPLAY)
        *ret_size = replay(proxy, be32(command + 6), response);
    else
        return fault == LAB_DROP;
    return true;
}

/* Size of the answer; 0: say nothing, -1: hang up. *ret_closes: hang up after it. */
static ssize_t answer(struct proxy *proxy, const uint8_t *command, size_t size, uint8_t response[MESSAGE],
                      bool *ret_closes)
{
    enum lab_fault fault = next_fault(proxy, be32(command + 6));
    uint32_t value = proxy->fault.value;
    ssize_t made;

    *ret_closes = fault == LAB_CUT || fault == LAB_RAW;
    if (answer_without_tpm(proxy, fault, command, size, response, &made))
        return made;
    if (fault == LAB_EXTEND)
        extend(proxy, value == 0 ? 10 : (uint8_t)value);
    size_t got = ask(proxy, command, size, response);
    if (fault == LAB_SILENCE)
        return 0;
    if (fault == LAB_HANGUP || got == 0)
        return -1;
    if (fault == LAB_DELAY)
        sleep_ms(value);
    if (fault == LAB_CUT)
        return (ssize_t)(value < got ? value : got);
    if (fault == LAB_RAW)
        return make_noise(proxy, response, value);
    if (fault == LAB_NOISE)
        return make_answer_of_noise(proxy, response, value);
    if (fault == LAB_GARBAGE) {
        memset(response, 0x5a, MESSAGE);
        return (ssize_t)value;
    }
    if (fault == LAB_FLIP && value < got)
        response[got - 1 - value] ^= 1;
    return (ssize_t)got;
}

/* For the record an answer that did not come, or is no message, is one without anything in it. */
static void record(struct proxy *proxy, const uint8_t *command, size_t size, const uint8_t *response, ssize_t got)
{
    uint8_t none[MESSAGE];
    if (got < HEADER || be32(response + 2) != (uint32_t)got) {
        got = (ssize_t)make_header(none, HEADER, UINT32_MAX);
        response = none;
    }
    if (bs_buf_append(&proxy->bus, command, size) != BS_OK ||
        bs_buf_append(&proxy->bus, response, (size_t)got) != BS_OK)
        abort();
}

static bool serve(struct proxy *proxy, int fd)
{
    uint8_t command[MESSAGE], response[MESSAGE];
    bool closes;
    size_t size = receive_message(fd, command);
    if (size == 0)
        return false;

    pthread_mutex_lock(&proxy->lock);
    ssize_t got = answer(proxy, command, size, response, &closes);
    record(proxy, command, size, response, got);
    pthread_mutex_unlock(&proxy->lock);
    if (got > 0)
        send_message(fd, response, (size_t)got);
    return got >= 0 && !closes;
}

static void accept_one(struct proxy *proxy)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (proxy->clients[i] < 0) {
            proxy->clients[i] = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
            return;
        }
    }
}

static void serve_all(struct proxy *proxy, const struct pollfd pfds[CLIENTS])
{
    bool anybody = false;
    for (int i = 0; i < CLIENTS; i++) {
        if (pfds[i].revents && !serve(proxy, proxy->clients[i]))
            hang_up(&proxy->clients[i]);
        anybody |= proxy->clients[i] >= 0;
    }
    if (!anybody)
        hang_up(&proxy->upstream); /* swtpm serves one at a time */
}

static void *proxy_thread(void *context)
{
    struct proxy *proxy = context;
    for (;;) {
        struct pollfd pfds[CLIENTS + 2];
        for (int i = 0; i < CLIENTS; i++)
            pfds[i] = (struct pollfd){ .fd = proxy->clients[i], .events = POLLIN };
        pfds[CLIENTS] = (struct pollfd){ .fd = proxy->listener, .events = POLLIN };
        pfds[CLIENTS + 1] = (struct pollfd){ .fd = proxy->stop[0], .events = POLLIN };
        if (poll(pfds, CLIENTS + 2, -1) < 0)
            continue;
        if (pfds[CLIENTS + 1].revents)
            return NULL;
        serve_all(proxy, pfds);
        if (pfds[CLIENTS].revents)
            accept_one(proxy);
    }
}

struct proxy *proxy_start(const char *listen, const char *upstream)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    if (!proxy)
        return NULL;
    (void)snprintf(proxy->upstream_path, sizeof(proxy->upstream_path), "%s", upstream);
    proxy->bus = proxy->tape = BS_BUF(BUS_MAX);
    proxy->upstream = -1;
    for (int i = 0; i < CLIENTS; i++)
        proxy->clients[i] = -1;
    proxy->listener = listen_at(listen);
    if (proxy->listener >= 0 && pipe2(proxy->stop, O_CLOEXEC) == 0 && pthread_mutex_init(&proxy->lock, NULL) == 0 &&
        pthread_create(&proxy->thread, NULL, proxy_thread, proxy) == 0)
        return proxy;
    hang_up(&proxy->listener);
    free(proxy);
    return NULL;
}

void proxy_stop(struct proxy *proxy)
{
    if (!proxy)
        return;
    close(proxy->stop[1]);
    pthread_join(proxy->thread, NULL);
    pthread_mutex_destroy(&proxy->lock);
    close(proxy->stop[0]);
    close(proxy->listener);
    hang_up(&proxy->upstream);
    for (int i = 0; i < CLIENTS; i++)
        hang_up(&proxy->clients[i]);
    bs_buf_free(&proxy->bus);
    bs_buf_free(&proxy->tape);
    free(proxy);
}

void proxy_lock(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
}

void proxy_unlock(struct proxy *proxy)
{
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_fault(struct proxy *proxy, const struct proxy_fault *fault)
{
    proxy_lock(proxy);
    proxy->fault = *fault;
    proxy_unlock(proxy);
}

void proxy_seed(struct proxy *proxy, uint64_t seed)
{
    proxy_lock(proxy);
    proxy->seed = seed;
    proxy_unlock(proxy);
}

void proxy_record(struct proxy *proxy)
{
    proxy_lock(proxy);
    bs_buf_reset(&proxy->bus);
    proxy_unlock(proxy);
}

static void copy(const struct bs_buf *from, struct bs_buf *to)
{
    bs_buf_reset(to);
    if (bs_buf_append(to, from->data, from->size) != BS_OK)
        abort();
}

void proxy_keep_tape(struct proxy *proxy)
{
    proxy_lock(proxy);
    copy(&proxy->bus, &proxy->tape);
    proxy->tape_at = 0;
    proxy_unlock(proxy);
}

void proxy_copy_bus(struct proxy *proxy, struct bs_buf *ret_bus)
{
    proxy_lock(proxy);
    copy(&proxy->bus, ret_bus);
    proxy_unlock(proxy);
}

bool proxy_take_message(struct bs_span *bus, struct bs_span *ret_message)
{
    if (bus->size < HEADER || be32(bus->data + 2) > bus->size || be32(bus->data + 2) < HEADER)
        return false;
    *ret_message = BS_SPAN(bus->data, be32(bus->data + 2));
    *bus = BS_SPAN(bus->data + ret_message->size, bus->size - ret_message->size);
    return true;
}

unsigned proxy_commands(struct proxy *proxy, uint32_t code)
{
    unsigned count = 0;
    proxy_lock(proxy);
    struct bs_span left = bs_buf_span(&proxy->bus), command, response;
    while (proxy_take_message(&left, &command) && proxy_take_message(&left, &response))
        count += code == 0 || proxy_code(command) == code;
    proxy_unlock(proxy);
    return count;
}
