#include "integration/tpm_lab.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

struct lab {
    char folder[64];
    char proxy_path[96];
    char device[112];
    pid_t swtpm;
    struct proxy *proxy;
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

static bool takes_connections(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return connected;
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
    while (!takes_connections(path)) {
        assert_false(bs_deadline_passed(deadline));
        assert_int_equal(waitpid(lab->swtpm, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static void power_off(struct lab *lab)
{
    kill(lab->swtpm, SIGKILL);
    waitpid(lab->swtpm, NULL, 0);
}

static struct lab *make_lab(bool is_another)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    assert_non_null(lab);
    strcpy(lab->folder, "/tmp/bootseal-tpm-XXXXXX");
    assert_non_null(mkdtemp(lab->folder));
    snprintf(lab->proxy_path, sizeof(lab->proxy_path), "%s/proxy", lab->folder);
    snprintf(lab->device, sizeof(lab->device), "swtpm:path=%s", lab->proxy_path);
    copy_or_manufacture(lab, is_another);
    power_on(lab);

    char upstream[96];
    snprintf(upstream, sizeof(upstream), "%s/tpm", lab->folder);
    lab->proxy = proxy_start(lab->proxy_path, upstream);
    assert_non_null(lab->proxy);
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
    proxy_stop(lab->proxy);
    power_off(lab);
    nftw(lab->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(lab);
}

void lab_reboot(struct lab *lab)
{
    proxy_lock(lab->proxy);
    power_off(lab);
    power_on(lab);
    proxy_unlock(lab->proxy);
}

const char *lab_device(const struct lab *lab)
{
    return lab->device;
}

const char *lab_socket(const struct lab *lab)
{
    return lab->proxy_path;
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

struct proxy *lab_proxy(struct lab *lab)
{
    return lab->proxy;
}

void lab_fault(struct lab *lab, enum lab_fault fault, uint32_t command, uint32_t value, unsigned times)
{
    proxy_fault(lab->proxy, &(struct proxy_fault){ fault, command, value, 0, times });
}

void lab_fault_at(struct lab *lab, enum lab_fault fault, unsigned nth, uint32_t value)
{
    proxy_fault(lab->proxy, &(struct proxy_fault){ fault, 0, value, nth, 1 });
}

void lab_record(struct lab *lab)
{
    proxy_record(lab->proxy);
}

bool lab_has_recorded(struct lab *lab, struct bs_span bytes)
{
    BS_SCOPED_BUF struct bs_buf bus = BS_BUF(64 << 20);
    proxy_copy_bus(lab->proxy, &bus);
    return memmem(bus.data, bus.size, bytes.data, bytes.size) != NULL;
}

unsigned lab_commands(struct lab *lab)
{
    return proxy_commands(lab->proxy, 0);
}

unsigned lab_commands_of(struct lab *lab, uint32_t code)
{
    return proxy_commands(lab->proxy, code);
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

int lab_setup(void **state)
{
    *state = lab_new();
    return 0;
}

int lab_teardown(void **state)
{
    lab_free(*state);
    return 0;
}
