/*
 * Runs a program and watches what it does to disk, TPM and network, system call by system call; on demand it takes the power
 * away right before or right after one of them.
 *
 *   cut --disk=DIR [--device=NODE] --list=FILE [--later=SECONDS] [--at=N --side=before|after [--lost=no] [--deaf] [--with=PID]]
 *       -- PROGRAM [ARGUMENT…]
 *
 * DIR, and NODE, a block device, are what outlives the machine. At the cut the program and its children, and the process of --with (the TPM), are killed,
 * the TPM first; then they lose what was not made durable, unless --lost=no; with --deaf nothing ever is. FILE gets a line for each effect:
 *
 *   NUMBER KIND BEFORE AFTER TEXT
 *
 * KIND is disk, file (beside the disk: a memory file system), tpm or net; BEFORE and AFTER are "dirty" where a cut would
 * throw something away, else "clean". The line of an effect that the program did not live to see the end of lacks AFTER and TEXT.
 * With --later the program lives so many seconds later.
 *
 * Exit code: the program's; 100 when the power was cut; 101 when this did not work.
 */
#include "disk.h"
#include "effect.h"
#include "later.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define CUT 100
#define BROKEN 101
#define PROCESSES_MAX 16

#define OPTIONS                                                                                                   \
    (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
     PTRACE_O_TRACEEXEC)

static struct {
    const char *disk, *device, *list;
    unsigned long at; /* 0: never */
    bool is_after;
    bool is_lost;
    bool is_deaf;
    pid_t with;
    long later;
} wanted = { .is_lost = true };

/* One process of the program's, and the call that it is in. */
struct process {
    pid_t pid;
    bool is_known; /* its first stop is behind it */
    unsigned long number;
    struct effect effect;
    bool was_dirty;
    uint64_t time_at; /* where the call will put the time of day; 0: it is another one */
};

static struct process processes[PROCESSES_MAX];
static struct disk *disk;
static FILE *list;
static unsigned long count;

static struct process *process_of(pid_t pid)
{
    struct process *free_one = NULL;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].pid == pid)
            return &processes[i];
        if (processes[i].pid == 0 && !free_one)
            free_one = &processes[i];
    }
    if (!free_one)
        errx(BROKEN, "the program has too many processes");
    *free_one = (struct process){ .pid = pid };
    return free_one;
}

static const char *kind_name(const struct effect *effect)
{
    size_t length = strlen(wanted.disk);
    if (effect->kind != EFFECT_DISK)
        return effect->kind == EFFECT_TPM ? "tpm" : "net";
    if (wanted.device && strcmp(effect->path, wanted.device) == 0)
        return "disk";
    return strncmp(effect->path, wanted.disk, length) == 0 && effect->path[length] == '/' ? "disk" : "file";
}

static const char *state_name(bool is_dirty)
{
    return is_dirty ? "dirty" : "clean";
}

static void kill_all(void)
{
    if (wanted.with > 0 && kill(wanted.with, SIGKILL) != 0)
        err(BROKEN, "process %d", wanted.with);
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].pid)
            (void)kill(processes[i].pid, SIGKILL);
    }
    for (;;) {
        if (waitpid(-1, NULL, __WALL) < 0 && errno != EINTR)
            return;
    }
}

static _Noreturn void cut(void)
{
    kill_all();
    if (wanted.is_lost)
        disk_cut(disk);
    (void)fclose(list);
    exit(CUT);
}

static void before_call(struct process *process, const struct __ptrace_syscall_info *info)
{
    uint64_t arguments[6];
    memcpy(arguments, info->entry.args, sizeof(arguments));
    process->time_at = wanted.later ? later_place(info->entry.nr, arguments) : 0;
    effect_of(process->pid, info->entry.nr, arguments, &process->effect);
    if (process->effect.kind == EFFECT_NONE)
        return;
    process->number = ++count;
    process->was_dirty = disk_is_dirty(disk);
    if (count == wanted.at && !wanted.is_after) {
        fprintf(list, "%lu %s %s\n", count, kind_name(&process->effect), state_name(process->was_dirty));
        cut();
    }
}

static void tell_disk(const struct effect *effect)
{
    if (effect->disk == DISK_CREATES)
        disk_created(disk, effect->path);
    else if (wanted.is_deaf)
        return;
    else if (effect->disk == DISK_SYNCS)
        disk_synced(disk, effect->path);
    else if (effect->disk == DISK_SYNCS_ALL)
        disk_synced_all(disk);
}

static void after_call(struct process *process, const struct __ptrace_syscall_info *info)
{
    struct effect *effect = &process->effect;
    if (process->time_at && !info->exit.is_error)
        later_shift(process->pid, process->time_at, wanted.later);
    if (effect->kind == EFFECT_NONE)
        return;
    if (effect->kind == EFFECT_DISK && !info->exit.is_error)
        tell_disk(effect);
    bool is_cut = process->number == wanted.at;
    if (is_cut && effect->kind == EFFECT_TPM && !info->exit.is_error)
        effect_await_tpm(process->pid, effect->fd);
    fprintf(list, "%lu %s %s %s %s\n", process->number, kind_name(effect), state_name(process->was_dirty),
            state_name(disk_is_dirty(disk)), effect->text);
    effect->kind = EFFECT_NONE;
    if (is_cut)
        cut();
}

static void at_call(struct process *process)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof(info), &info) < 0)
        err(BROKEN, "process %d", process->pid);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        before_call(process, &info);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        after_call(process, &info);
}

/* The signal to hand on; 0 where the stop was for us. */
static int at_stop(struct process *process, int status)
{
    int signal_number = WSTOPSIG(status);
    if (signal_number == (SIGTRAP | 0x80)) {
        at_call(process);
        return 0;
    }
    if (wanted.later && status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8)))
        later_hide_vdso(process->pid);
    bool is_first = !process->is_known;
    process->is_known = true;
    if (status >> 16 != 0 || (is_first && signal_number == SIGSTOP))
        return 0; /* an event of ptrace, or a new process */
    return signal_number;
}

static pid_t start(char **program)
{
    pid_t pid = fork();
    if (pid < 0)
        err(BROKEN, "fork");
    if (pid == 0) {
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void)raise(SIGSTOP);
        execvp(program[0], program);
        err(BROKEN, "%s", program[0]);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, pid, NULL, OPTIONS) != 0)
        err(BROKEN, "%s cannot be watched", program[0]);
    process_of(pid)->is_known = true;
    if (ptrace(PTRACE_SYSCALL, pid, NULL, 0) != 0)
        err(BROKEN, "%s cannot be watched", program[0]);
    return pid;
}

/* To the end of the program: its wait status. */
static int watch(pid_t program)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            err(BROKEN, "wait");
        struct process *process = process_of(pid);
        if (!WIFSTOPPED(status)) {
            process->pid = 0;
            if (pid == program)
                return status;
            continue;
        }
        int handed_on = at_stop(process, status);
        if (ptrace(PTRACE_SYSCALL, pid, NULL, handed_on) != 0 && errno != ESRCH)
            err(BROKEN, "process %d", pid);
    }
}

static unsigned long number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value == 0 || value > INT_MAX)
        errx(BROKEN, "%s is no number from 1 on", text);
    return value;
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        { "disk", required_argument, NULL, 'd' },  { "device", required_argument, NULL, 'e' },
        { "list", required_argument, NULL, 'l' },  { "at", required_argument, NULL, 'a' },
        { "side", required_argument, NULL, 's' },  { "lost", required_argument, NULL, 'o' },
        { "deaf", no_argument, NULL, 'f' },        { "with", required_argument, NULL, 'w' },
        { "later", required_argument, NULL, 't' }, { NULL, 0, NULL, 0 },
    };
    for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        if (option == 'd')
            wanted.disk = realpath(optarg, NULL);
        else if (option == 'e')
            wanted.device = optarg;
        else if (option == 'l')
            wanted.list = optarg;
        else if (option == 'a')
            wanted.at = number(optarg);
        else if (option == 's')
            wanted.is_after = strcmp(optarg, "after") == 0;
        else if (option == 'o')
            wanted.is_lost = strcmp(optarg, "no") != 0;
        else if (option == 'f')
            wanted.is_deaf = true;
        else if (option == 'w')
            wanted.with = (pid_t)number(optarg);
        else if (option == 't')
            wanted.later = (long)number(optarg);
        else
            errx(BROKEN, "see the top of cut.c");
    }
    if (!wanted.disk || !wanted.list || optind == argc)
        errx(BROKEN, "--disk=DIR (that is there), --list=FILE and a program are needed");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    list = fopen(wanted.list, "we");
    if (!list)
        err(BROKEN, "%s", wanted.list);
    disk = disk_begin(wanted.disk);
    if (wanted.device)
        disk_add_device(disk, wanted.device);
    int status = watch(start(argv + optind));
    disk_end(disk);
    if (fclose(list) != 0)
        err(BROKEN, "%s", wanted.list);
    return WIFEXITED(status) ? WEXITSTATUS(status) : BROKEN;
}
