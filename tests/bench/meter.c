/*
 * Runs a command and says what it and all its descendants cost, in a file of one line:
 *
 *   meter FILE COMMAND [ARGUMENT...]       exit code, wall and CPU time in microseconds
 *   meter -m FILE COMMAND [ARGUMENT...]    exit code, largest resident set of one process in KiB
 *
 * Memory is looked at when each process is about to end, page by page: what the kernel counts while it runs is off by up to some
 * hundred KiB, which is more than a small program has. That costs time; so it is another run.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long microseconds(long seconds, long fraction)
{
    return (long long)seconds * 1000000 + fraction;
}

static long long now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return microseconds(time.tv_sec, time.tv_nsec / 1000);
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static pid_t start(char **command, bool is_traced)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    if (is_traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(126);
    (void)execvp(command[0], command);
    _exit(127);
}

/* A number of KiB behind a name in a file of /proc; 0 when it is not there. */
static long kib_of(pid_t pid, const char *file, const char *name)
{
    char path[64], line[256];
    long found = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *in = fopen(path, "r");
    while (in && fgets(line, sizeof(line), in))
        if (strncmp(line, name, strlen(name)) == 0)
            found = strtol(line + strlen(name), NULL, 10);
    if (in)
        (void)fclose(in);
    return found;
}

/* The larger of the two: VmHWM knows the past, and the pages are exact. */
static long memory_of(pid_t pid)
{
    long peak = kib_of(pid, "status", "VmHWM:"), last = kib_of(pid, "smaps_rollup", "Rss:");
    return peak > last ? peak : last;
}

static bool resume(pid_t pid, int signal)
{
    return ptrace(PTRACE_CONT, pid, NULL, signal) == 0 || errno == ESRCH;
}

/* Follows all of them until the last has ended; -1 when something went wrong. */
static int watch(pid_t first, long *ret_memory)
{
    const long follow =
        PTRACE_O_TRACEEXIT | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    int status, code = -1;
    pid_t pid;
    *ret_memory = 0;
    if (waitpid(first, &status, 0) != first || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, first, NULL, follow) != 0 || !resume(first, 0))
        return -1;
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        if (!WIFSTOPPED(status)) {
            code = pid == first ? code_of(status) : code;
            continue;
        }
        long memory = status >> 16 == PTRACE_EVENT_EXIT ? memory_of(pid) : 0;
        *ret_memory = memory > *ret_memory ? memory : *ret_memory;
        /* Stops of the tracer's own and the first of a new process are no signals for it. */
        bool is_own = status >> 16 != 0 || WSTOPSIG(status) == SIGSTOP || WSTOPSIG(status) == SIGTRAP;
        if (!resume(pid, is_own ? 0 : WSTOPSIG(status)))
            return -1;
    }
    return code;
}

static int write_line(const char *path, int code, long long first, long long second)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    (void)fprintf(file, second < 0 ? "%d %lld\n" : "%d %lld %lld\n", code, first, second);
    return fclose(file) == 0 ? 0 : 1;
}

static int measure_memory(const char *path, char **command)
{
    long memory;
    pid_t child = start(command, true);
    int code = child < 0 ? -1 : watch(child, &memory);
    return code < 0 ? 1 : write_line(path, code, memory, -1);
}

static int measure_time(const char *path, char **command)
{
    struct rusage usage;
    int status = 0;
    long long begin = now();
    pid_t child = start(command, false);
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return 1;
    long long wall = now() - begin;
    return write_line(path, code_of(status), wall,
                      microseconds(usage.ru_utime.tv_sec, usage.ru_utime.tv_usec) +
                          microseconds(usage.ru_stime.tv_sec, usage.ru_stime.tv_usec));
}

int main(int argc, char **argv)
{
    bool is_memory = argc > 1 && strcmp(argv[1], "-m") == 0;
    if (argc < 3 + is_memory)
        return 2;
    return is_memory ? measure_memory(argv[2], argv + 3) : measure_time(argv[1], argv + 2);
}
