/* A real bootseald on the loopback, in the folder that the attacks in this process have left. */
#include "attack.h"

#include "core/file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct daemon {
    pid_t pid;
    int held; /* a socket that is bound to the port and does not listen: with SO_REUSEADDR bootseald can, and nobody else gets it */
};

static uint16_t hold_port(struct daemon *daemon)
{
    int one = 1;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&address, size) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        MUST(BS_ERR_IO);
    daemon->held = fd;
    return ntohs(address.sin_port);
}

static void write_config(const struct lab *lab, uint16_t port)
{
    BS_OWN(string) path = NULL;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(65536);
    struct config config;
    MUST(server_path(lab->dir, CONFIG_FILE, &path));
    MUST(config_load(path, &config));
    snprintf(config.listen, sizeof(config.listen), "127.0.0.1:%u", port);
    MUST(config_print(&config, &text));
    MUST(bs_file_write(path, bs_buf_span(&text), NULL));
}

static bool answers(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    return is_there;
}

static void run(const struct lab *lab)
{
    BS_OWN(string) path = NULL;
    MUST(server_path(lab->dir, "bootseald.log", &path));
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    /* However the suite ends. */
    if (log < 0 || dup2(log, 2) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        _exit(70);
    (void)execl(BS_BOOTSEALD, "bootseald", lab->dir, (char *)NULL);
    _exit(71);
}

struct daemon *daemon_start(struct lab *lab, uint16_t *ret_port)
{
    const struct timespec moment = { .tv_nsec = 10000000 };
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    uint16_t port = hold_port(daemon);
    write_config(lab, port);
    (void)fflush(stdout);
    daemon->pid = fork();
    if (daemon->pid == 0)
        run(lab);
    for (unsigned i = 0; !answers(port); i++) {
        if (i == 2000 || waitpid(daemon->pid, NULL, WNOHANG) != 0) {
            (void)fprintf(stderr, "%s does not serve %s\n", BS_BOOTSEALD, lab->dir);
            exit(70);
        }
        (void)nanosleep(&moment, NULL);
    }
    *ret_port = port;
    return daemon;
}

void daemon_stop(struct daemon *daemon)
{
    int status = 0;
    (void)kill(daemon->pid, SIGTERM);
    if (waitpid(daemon->pid, &status, 0) != daemon->pid || status != 0) {
        (void)fprintf(stderr, "bootseald ended with status 0x%x\n", (unsigned)status);
        exit(70);
    }
    (void)close(daemon->held);
    free(daemon);
}
