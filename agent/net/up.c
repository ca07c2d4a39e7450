#include "agent/net/net.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_STEP_MS 20

static void run_child(const char *const *argv)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const environment[] = { path, NULL };
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)setpgid(0, 0);
    if (null_fd >= 0)
        (void)dup2(null_fd, STDIN_FILENO);
    (void)signal(SIGPIPE, SIG_DFL);
    /* execve wants char *const *, and does not write through it (POSIX, exec rationale). */
    (void)execve(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(127);
}

/* True once the child has ended and *ret_status is its status. */
static bool wait_for_end(pid_t pid, struct bs_deadline deadline, int *ret_status)
{
    /* A kernel before 5.3 has no pidfd; there the child is asked after every POLL_STEP_MS. */
    BS_OWN_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd waiter = { .fd = fd, .events = POLLIN };

    for (;;) {
        pid_t ended = waitpid(pid, ret_status, WNOHANG);
        int left = bs_deadline_left_ms(deadline);

        if (ended == pid)
            return true;
        if ((ended < 0 && errno != EINTR) || left == 0)
            return false;
        (void)poll(&waiter, 1, fd >= 0 || left < POLL_STEP_MS ? left : POLL_STEP_MS);
    }
}

enum bs_err net_up(const char *const *argv, struct bs_deadline deadline)
{
    pid_t pid;
    int status = 0;

    if (argv == NULL || argv[0] == NULL)
        return BS_OK;
    pid = fork();
    if (pid < 0)
        return BS_ERR_IO;
    if (pid == 0)
        run_child(argv);
    (void)setpgid(pid, pid);
    if (!wait_for_end(pid, deadline, &status)) {
        bs_debug("connect", "%s did not end in time; killed", argv[0]);
        /* The whole group: what the program started must not go on either. */
        (void)kill(-pid, SIGKILL);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
        return BS_ERR_TIMEOUT;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return BS_OK;
    bs_debug("connect", "%s ended with %s %d", argv[0], WIFEXITED(status) ? "status" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return BS_ERR_IO;
}
