#include "agent/tpm/tcti.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

#define SWTPM_PREFIX "swtpm:path="
#define TCTI_MAGIC 0x626f6f747365616cULL /* "bootseal" */
#define HEADER_SIZE 10                   /* tag, size, code: TPM 2.0 Library Part 1 §18.2 */
#define BUFFER_SIZE TPM2_MAX_COMMAND_SIZE

/* Between a command and the same command sent again; doubled each time. */
#define RESEND_FIRST_MS 10
#define RESEND_MOST_MS 500

struct tcti {
    TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: TSS casts */
    int fd;
    int64_t timeout_ms;
    struct bs_deadline deadline; /* of the command under way */
    unsigned sent;
    bool is_broken;
    bool has_timed_out;
    size_t command_size;  /* 0: no command under way */
    size_t response_size; /* 0: not here yet */
    uint8_t command[BUFFER_SIZE];
    uint8_t response[BUFFER_SIZE];
};

static struct tcti *tcti_of(TSS2_TCTI_CONTEXT *context)
{
    return (struct tcti *)context;
}

static TSS2_RC fail(struct tcti *tcti, const char *what)
{
    tcti->is_broken = true;
    tcti->command_size = 0;
    bs_debug("tpm", "%s", what);
    return TSS2_TCTI_RC_IO_ERROR;
}

static TSS2_RC wait_for(struct tcti *tcti, short events)
{
    for (;;) {
        struct pollfd pfd = { .fd = tcti->fd, .events = events };
        int ready = poll(&pfd, 1, bs_deadline_left_ms(tcti->deadline));
        if (ready > 0)
            return TSS2_RC_SUCCESS;
        if (ready == 0 && bs_deadline_passed(tcti->deadline)) {
            tcti->has_timed_out = true;
            return fail(tcti, "the TPM does not answer in time");
        }
        if (ready < 0 && errno != EINTR)
            return fail(tcti, "poll on the TPM failed");
    }
}

/* A character device takes the whole command in one write, a socket perhaps not. */
static TSS2_RC send_command(struct tcti *tcti)
{
    size_t done = 0;

    tcti->sent++;
    tcti->response_size = 0;
    while (done < tcti->command_size) {
        ssize_t n = write(tcti->fd, tcti->command + done, tcti->command_size - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            TSS2_RC rc = wait_for(tcti, POLLOUT);
            if (rc != TSS2_RC_SUCCESS)
                return rc;
        } else if (n == 0 || errno != EINTR) {
            return fail(tcti, "the TPM takes no command");
        }
    }
    return TSS2_RC_SUCCESS;
}

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Reads one response, whole. More bytes than its header says would be taken for the next response: refused. */
static TSS2_RC read_response(struct tcti *tcti)
{
    size_t got = 0, size = HEADER_SIZE;

    while (got < size) {
        TSS2_RC rc = wait_for(tcti, POLLIN);
        if (rc != TSS2_RC_SUCCESS)
            return rc;
        ssize_t n = read(tcti->fd, tcti->response + got, sizeof(tcti->response) - got);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return fail(tcti, "the TPM is gone");
        got += (size_t)n;
        if (got < HEADER_SIZE)
            continue;
        size = be32(tcti->response + 2);
        if (size < HEADER_SIZE || size > sizeof(tcti->response))
            return fail(tcti, "the TPM sent a response of impossible size");
    }
    if (got > size)
        return fail(tcti, "the TPM sent more than one response");
    tcti->response_size = size;
    return TSS2_RC_SUCCESS;
}

/*
 * Codes after which the TPM has done nothing and asks for the same command again (Part 2 §6.6.3, Part 1 §37.7.2 for
 * NV).
 */
static bool wants_it_again(uint32_t code)
{
    return code == TPM2_RC_RETRY || code == TPM2_RC_YIELDED || code == TPM2_RC_TESTING || code == TPM2_RC_NV_RATE;
}

static void sleep_ms(int64_t ms)
{
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static TSS2_RC await_response(struct tcti *tcti)
{
    for (int64_t pause_ms = RESEND_FIRST_MS;; pause_ms *= 2) {
        TSS2_RC rc = read_response(tcti);
        if (rc != TSS2_RC_SUCCESS || !wants_it_again(be32(tcti->response + 6)))
            return rc;

        pause_ms = pause_ms > RESEND_MOST_MS ? RESEND_MOST_MS : pause_ms;
        if (bs_deadline_left_ms(tcti->deadline) <= pause_ms) {
            tcti->has_timed_out = true;
            return fail(tcti, "the TPM asked to try again until the time was over");
        }
        sleep_ms(pause_ms);
        rc = send_command(tcti);
        if (rc != TSS2_RC_SUCCESS)
            return rc;
    }
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    struct tcti *tcti = tcti_of(context);

    if (tcti->is_broken)
        return TSS2_TCTI_RC_IO_ERROR;
    if (tcti->command_size != 0)
        return TSS2_TCTI_RC_BAD_SEQUENCE;
    if (size < HEADER_SIZE || size > sizeof(tcti->command))
        return TSS2_TCTI_RC_BAD_VALUE;

    /* Kept for sending again; parameters that are secret are already encrypted here. */
    memcpy(tcti->command, command, size);
    tcti->command_size = size;
    tcti->deadline = bs_deadline_in(tcti->timeout_ms);
    return send_command(tcti);
}

/*
 * `timeout` is not looked at: ESYS would ask for ever, the deadline of the command binds. With `response` NULL only the
 * size is asked for.
 */
static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct tcti *tcti = tcti_of(context);
    (void)timeout;

    if (tcti->is_broken)
        return TSS2_TCTI_RC_IO_ERROR;
    if (tcti->command_size == 0)
        return TSS2_TCTI_RC_BAD_SEQUENCE;
    if (tcti->response_size == 0) {
        TSS2_RC rc = await_response(tcti);
        if (rc != TSS2_RC_SUCCESS)
            return rc;
    }
    if (!response) {
        *size = tcti->response_size;
        return TSS2_RC_SUCCESS;
    }
    if (*size < tcti->response_size)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;

    memcpy(response, tcti->response, tcti->response_size);
    *size = tcti->response_size;
    tcti->command_size = 0;
    return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
    (void)context; /* tcti_close() does it; ESYS leaves a TCTI that was given to it alone */
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context)
{
    (void)context;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC get_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
    (void)context, (void)handles, (void)count;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    (void)context, (void)locality;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    (void)context, (void)handle, (void)sticky;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static enum bs_err error_of_open(const char *device)
{
    bs_debug("tpm", "cannot open %s: %m", device);
    switch (errno) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
    case ECONNREFUSED: /* a socket without its swtpm */
        return BS_ERR_NO_TPM;
    case EBUSY:
    case EAGAIN:
        return BS_ERR_BUSY;
    default:
        return BS_ERR_IO;
    }
}

/* O_NONBLOCK: only then does /dev/tpm* work asynchronously, and poll and the deadline mean something. */
static enum bs_err open_device(const char *path, bool exclusive, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (exclusive ? O_EXCL : 0));
    if (fd < 0)
        return error_of_open(path);
    *ret_fd = fd;
    return BS_OK;
}

static enum bs_err open_socket(const char *path, int *ret_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address.sun_path))
        return BS_ERR_CONFIG;
    memcpy(address.sun_path, path, length);

    BS_OWN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return BS_ERR_IO;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return error_of_open(path);
    *ret_fd = fd;
    fd = -1;
    return BS_OK;
}

enum bs_err tcti_open(const char *device, bool exclusive, int64_t timeout_ms, struct tcti **ret_tcti)
{
    BS_OWN_FD int fd = -1;
    enum bs_err err = BS_ERR_CONFIG;
    if (strncmp(device, SWTPM_PREFIX, strlen(SWTPM_PREFIX)) == 0)
        err = open_socket(device + strlen(SWTPM_PREFIX), &fd);
    else if (device[0] == '/')
        err = open_device(device, exclusive, &fd);
    if (err != BS_OK)
        return err;

    struct tcti *tcti = calloc(1, sizeof(*tcti));
    if (!tcti)
        return BS_ERR_NOMEM;
    tcti->common = (TSS2_TCTI_CONTEXT_COMMON_V2){
        .v1 = { .magic = TCTI_MAGIC,
                .version = 2,
                .transmit = transmit,
                .receive = receive,
                .finalize = finalize,
                .cancel = cancel,
                .getPollHandles = get_poll_handles,
                .setLocality = set_locality },
        .makeSticky = make_sticky,
    };
    tcti->timeout_ms = timeout_ms;
    tcti->fd = fd;
    fd = -1;
    *ret_tcti = tcti;
    return BS_OK;
}

void tcti_close(struct tcti *tcti)
{
    if (!tcti)
        return;
    close(tcti->fd);
    free(tcti);
}

TSS2_TCTI_CONTEXT *tcti_context(struct tcti *tcti)
{
    return (TSS2_TCTI_CONTEXT *)tcti;
}

unsigned tcti_sent(const struct tcti *tcti)
{
    return tcti->sent;
}

bool tcti_timed_out(const struct tcti *tcti)
{
    return tcti->has_timed_out;
}

bool tcti_is_broken(const struct tcti *tcti)
{
    return tcti->is_broken;
}
