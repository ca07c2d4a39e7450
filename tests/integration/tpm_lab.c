#include "integration/tpm_lab.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS 4
#define MESSAGE 4096
#define CODES 4096

struct lab {
    char folder[64];
    char proxy[96];
    char device[112];
    pid_t swtpm;
    pthread_t thread;
    pthread_mutex_t lock;
    int listener, upstream;
    int clients[CLIENTS];
    int stop[2]; /* a pipe: closed to end the thread */

    enum lab_fault fault;
    uint32_t fault_command, fault_value;
    unsigned fault_times, fault_after;
    struct bs_buf bus;
    unsigned codes[CODES];
    unsigned code_count;
    struct tpm *admin;
};

/* A process of its own, its output to a log in the folder. */
static pid_t spawn(const struct lab *lab, const char *const *argv)
{
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;

    char log[96];
    snprintf(log, sizeof(log), "%s/log", lab->folder);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(126);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

static void run(const struct lab *lab, const char *const *argv)
{
    int status;
    assert_int_equal(waitpid(spawn(lab, argv), &status, 0) >= 0, 1);
    if (status == 127 << 8 && !getenv("BOOTSEAL_TEST_STRICT"))
        skip();
    assert_int_equal(status, 0);
}

static void __attribute__((format(printf, 3, 4))) put(const struct lab *lab, const char *name, const char *format, ...)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", lab->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    va_list args;
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    assert_int_equal(fclose(file), 0);
}

static void manufacture(struct lab *lab)
{
    const char *dir = lab->folder;
    char config[96];
    snprintf(config, sizeof(config), "%s/setup.conf", dir);
    put(lab, "setup.conf",
        "create_certs_tool = swtpm_localca\ncreate_certs_tool_config = %s/ca.conf\n"
        "create_certs_tool_options = %s/ca.options\n",
        dir, dir);
    put(lab, "ca.conf", "statedir = %s\nsigningkey = %s/key.pem\nissuercert = %s/cert.pem\ncertserial = %s/serial\n",
        dir, dir, dir, dir);
    put(lab, "ca.options", "--platform-manufacturer bootseal\n--platform-version 1\n--platform-model test\n");
    run(lab, (const char *[]){ "swtpm_setup", "--config", config, "--tpm2", "--tpmstate", dir, "--create-ek-cert",
                               "--pcr-banks", "sha1,sha256,sha384,sha512", "--vmid", "test", NULL });
}

/* The first TPM of a program is kept, and the others are copies of it as it came from its maker: that is quicker. */
static void copy_or_manufacture(struct lab *lab, bool is_another)
{
    static uint8_t kept[256 * 1024];
    static size_t kept_size;
    char path[96];
    snprintf(path, sizeof(path), "%s/tpm2-00.permall", lab->folder);

    bool must_make = is_another || kept_size == 0;
    if (must_make)
        manufacture(lab);
    FILE *file = fopen(path, must_make ? "r" : "w");
    assert_non_null(file);
    if (!must_make)
        assert_int_equal(fwrite(kept, 1, kept_size, file), kept_size);
    else if (!is_another)
        kept_size = fread(kept, 1, sizeof(kept), file);
    assert_int_equal(fclose(file), 0);
}

static int dial(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* It is ready when it takes a connection. */
static void power_on(struct lab *lab)
{
    char server[128], control[128], state[96], path[96];
    snprintf(path, sizeof(path), "%s/tpm", lab->folder);
    snprintf(server, sizeof(server), "type=unixio,path=%s", path);
    snprintf(control, sizeof(control), "type=unixio,path=%s.ctrl", path);
    snprintf(state, sizeof(state), "dir=%s", lab->folder);
    lab->swtpm = spawn(lab, (const char *[]){ "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
                                              "--ctrl", control, "--flags", "not-need-init,startup-clear", NULL });
    struct bs_deadline deadline = bs_deadline_in(20000);
    while ((lab->upstream = dial(path)) < 0) {
        assert_false(bs_deadline_passed(deadline));
        assert_int_equal(waitpid(lab->swtpm, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static void power_off(struct lab *lab)
{
    close(lab->upstream);
    kill(lab->swtpm, SIGKILL);
    waitpid(lab->swtpm, NULL, 0);
}

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A whole message; 0 when the other side is gone. */
static size_t receive_message(int fd, uint8_t message[MESSAGE])
{
    size_t got = 0, size = 10;
    while (got < size) {
        ssize_t n = read(fd, message + got, size - got);
        if (n <= 0)
            return 0;
        got += (size_t)n;
        if (got == 10)
            size = be32(message + 2);
        if (size < 10 || size > MESSAGE)
            return 0;
    }
    return got;
}

static void send_message(int fd, const uint8_t *message, size_t size)
{
    if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
        perror("lab: send");
}

static size_t ask(struct lab *lab, const uint8_t *command, size_t size, uint8_t response[MESSAGE])
{
    send_message(lab->upstream, command, size);
    return receive_message(lab->upstream, response);
}

static void extend_pcr10(struct lab *lab)
{
    uint8_t response[MESSAGE];
    uint8_t command[65] = { 0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, 0, 0, 0, 10, 0,    0,    0,
                            9,    0x40, 0, 0, 9, 0,  0, 0, 0,    0,    0, 0, 0, 1,  0x00, 0x0b, 0xaa };
    assert_int_equal(ask(lab, command, sizeof(command), response) > 0, 1);
    assert_int_equal(be32(response + 6), 0);
}

static size_t make_response(uint8_t response[MESSAGE], uint32_t code)
{
    const uint8_t bytes[10] = {
        0x80, 0x01, 0, 0, 0, 10, (uint8_t)(code >> 24), (uint8_t)(code >> 16), (uint8_t)(code >> 8), (uint8_t)code
    };
    memcpy(response, bytes, sizeof(bytes));
    return sizeof(bytes);
}

/* The same noise each time, so that a failure can be had again. */
static size_t make_noise(uint8_t response[MESSAGE], size_t size, uint32_t seed)
{
    size_t length = make_response(response, 0);
    for (size_t i = 0; i < size && length < MESSAGE; i++) {
        seed = seed * 1664525 + 1013904223;
        response[length++] = (uint8_t)(seed >> 24);
    }
    response[1] = 1 + (seed >> 8 & 1); /* with sessions or without */
    response[4] = (uint8_t)(length >> 8);
    response[5] = (uint8_t)length;
    return length;
}

/* Size of the answer; 0: say nothing, -1: hang up. */
static ssize_t answer(struct lab *lab, const uint8_t *command, size_t size, uint8_t response[MESSAGE])
{
    uint32_t code = be32(command + 6);
    enum lab_fault fault = LAB_NONE;

    if (lab->code_count < CODES)
        lab->codes[lab->code_count++] = code;
    if (lab->fault_times > 0 && lab->fault_after > 0) {
        lab->fault_after--;
    } else if (lab->fault_times > 0 && (lab->fault_command == 0 || lab->fault_command == code)) {
        fault = lab->fault;
        lab->fault_times--;
    }
    if (fault == LAB_CODE)
        return (ssize_t)make_response(response, lab->fault_value);
    if (fault == LAB_EXTEND)
        extend_pcr10(lab);
    size_t got = ask(lab, command, size, response);
    if (fault == LAB_SILENCE)
        return 0;
    if (fault == LAB_HANGUP || got == 0)
        return -1;
    if (fault == LAB_GARBAGE) {
        memset(response, 0x5a, MESSAGE);
        return (ssize_t)lab->fault_value;
    }
    if (fault == LAB_NOISE)
        return (ssize_t)make_noise(response, lab->fault_value, (uint32_t)lab->bus.size);
    if (fault == LAB_FLIP && lab->fault_value < got)
        response[got - 1 - lab->fault_value] ^= 1;
    return (ssize_t)got;
}

static bool serve(struct lab *lab, int fd)
{
    uint8_t command[MESSAGE], response[MESSAGE];
    size_t size = receive_message(fd, command);
    if (size == 0)
        return false;

    pthread_mutex_lock(&lab->lock);
    ssize_t got = answer(lab, command, size, response);
    if (bs_buf_append(&lab->bus, command, size) != BS_OK ||
        (got > 0 && bs_buf_append(&lab->bus, response, (size_t)got) != BS_OK))
        abort();
    pthread_mutex_unlock(&lab->lock);
    if (got > 0)
        send_message(fd, response, (size_t)got);
    return got >= 0;
}

static void *proxy_thread(void *context)
{
    struct lab *lab = context;
    for (;;) {
        struct pollfd pfds[CLIENTS + 2];
        for (int i = 0; i < CLIENTS; i++)
            pfds[i] = (struct pollfd){ .fd = lab->clients[i], .events = POLLIN };
        pfds[CLIENTS] = (struct pollfd){ .fd = lab->listener, .events = POLLIN };
        pfds[CLIENTS + 1] = (struct pollfd){ .fd = lab->stop[0], .events = POLLIN };
        if (poll(pfds, CLIENTS + 2, -1) < 0)
            continue;
        if (pfds[CLIENTS + 1].revents)
            return NULL;
        for (int i = 0; i < CLIENTS; i++) {
            if (pfds[i].revents && !serve(lab, lab->clients[i])) {
                close(lab->clients[i]);
                lab->clients[i] = -1;
            }
        }
        for (int i = 0; pfds[CLIENTS].revents && i < CLIENTS; i++) {
            if (lab->clients[i] < 0) {
                lab->clients[i] = accept(lab->listener, NULL, NULL);
                break;
            }
        }
    }
}

static struct lab *make_lab(bool is_another)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    assert_non_null(lab);
    strcpy(lab->folder, "/tmp/bootseal-tpm-XXXXXX");
    assert_non_null(mkdtemp(lab->folder));
    snprintf(lab->proxy, sizeof(lab->proxy), "%s/proxy", lab->folder);
    snprintf(lab->device, sizeof(lab->device), "swtpm:path=%s", lab->proxy);
    lab->bus = BS_BUF(16 << 20);
    for (int i = 0; i < CLIENTS; i++)
        lab->clients[i] = -1;
    copy_or_manufacture(lab, is_another);
    power_on(lab);

    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", lab->proxy);
    lab->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(lab->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(lab->listener, CLIENTS), 0);
    assert_int_equal(pipe2(lab->stop, O_CLOEXEC), 0);
    pthread_mutex_init(&lab->lock, NULL);
    assert_int_equal(pthread_create(&lab->thread, NULL, proxy_thread, lab), 0);
    return lab;
}

struct lab *lab_new(void)
{
    return make_lab(false);
}

struct lab *lab_new_other(void)
{
    return make_lab(true);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void lab_free(struct lab *lab)
{
    if (!lab)
        return;
    tpm_close(lab->admin);
    close(lab->stop[1]);
    pthread_join(lab->thread, NULL);
    power_off(lab);
    close(lab->stop[0]);
    close(lab->listener);
    for (int i = 0; i < CLIENTS; i++)
        if (lab->clients[i] >= 0)
            close(lab->clients[i]);
    nftw(lab->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    bs_buf_free(&lab->bus);
    free(lab);
}

void lab_reboot(struct lab *lab)
{
    pthread_mutex_lock(&lab->lock);
    power_off(lab);
    power_on(lab);
    pthread_mutex_unlock(&lab->lock);
}

const char *lab_device(const struct lab *lab)
{
    return lab->device;
}

const char *lab_socket(const struct lab *lab)
{
    return lab->proxy;
}

struct tpm_options lab_options(const struct lab *lab)
{
    return (struct tpm_options){
        .device = lab->device,
        .srk_handle = 0x81000001,
        .ak_handle = 0x81008f00,
        .counter_index = 0x01808f00,
        .persist = true,
        .timeout_ms = 20000,
    };
}

void lab_fault(struct lab *lab, enum lab_fault fault, uint32_t command, uint32_t value, unsigned times)
{
    pthread_mutex_lock(&lab->lock);
    lab->fault = fault;
    lab->fault_command = command;
    lab->fault_value = value;
    lab->fault_times = times;
    lab->fault_after = 0;
    pthread_mutex_unlock(&lab->lock);
}

void lab_fault_at(struct lab *lab, enum lab_fault fault, unsigned nth, uint32_t value)
{
    lab_fault(lab, fault, 0, value, 1);
    pthread_mutex_lock(&lab->lock);
    lab->fault_after = nth;
    pthread_mutex_unlock(&lab->lock);
}

void lab_record(struct lab *lab)
{
    pthread_mutex_lock(&lab->lock);
    bs_buf_reset(&lab->bus);
    lab->code_count = 0;
    pthread_mutex_unlock(&lab->lock);
}

bool lab_has_recorded(struct lab *lab, struct bs_span bytes)
{
    pthread_mutex_lock(&lab->lock);
    bool found = memmem(lab->bus.data, lab->bus.size, bytes.data, bytes.size) != NULL;
    pthread_mutex_unlock(&lab->lock);
    return found;
}

unsigned lab_commands(struct lab *lab)
{
    pthread_mutex_lock(&lab->lock);
    unsigned count = lab->code_count;
    pthread_mutex_unlock(&lab->lock);
    return count;
}

unsigned lab_commands_of(struct lab *lab, uint32_t code)
{
    unsigned count = 0;
    pthread_mutex_lock(&lab->lock);
    for (unsigned i = 0; i < lab->code_count; i++)
        count += lab->codes[i] == code;
    pthread_mutex_unlock(&lab->lock);
    return count;
}

struct tpm *lab_admin(struct lab *lab)
{
    if (!lab->admin) {
        struct tpm_options options = lab_options(lab);
        assert_int_equal(tpm_open(&options, &lab->admin), BS_OK);
    }
    assert_int_equal(tpm_begin(lab->admin), BS_OK);
    return lab->admin;
}

unsigned lab_loaded(struct lab *lab)
{
    static const TPM2_HANDLE kinds[] = { TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST, TPM2_ACTIVE_SESSION_FIRST };
    struct tpm *admin = lab_admin(lab);
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        TPM_ESYS TPMS_CAPABILITY_DATA *data = NULL;
        assert_int_equal(Esys_GetCapability(admin->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                                            kinds[i], 254, NULL, &data),
                         0);
        count += data->data.handles.count;
    }
    return count;
}
