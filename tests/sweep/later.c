#include "later.h"

#include <elf.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define BROKEN 101
#define START_STACK 28 /* field of /proc/PID/stat, proc(5) */
#define WORD sizeof(uint64_t)

static uint64_t peek(pid_t pid, uint64_t at)
{
    uint64_t word;
    struct iovec here = { &word, sizeof(word) };
    struct iovec there = { (void *)(uintptr_t)at,
                           sizeof(word) }; // NOLINT(performance-no-int-to-ptr): of another process
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof(word))
        err(BROKEN, "process %d", pid);
    return word;
}

static void poke(pid_t pid, uint64_t at, uint64_t word)
{
    if (ptrace(PTRACE_POKEDATA, pid, at, word) != 0)
        err(BROKEN, "process %d", pid);
}

/* What lay on top of the stack when the program began: argc, arguments, environment, auxiliary vector. */
static uint64_t start_of_stack(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(text, sizeof(text), file))
        err(BROKEN, "%s", path);
    (void)fclose(file);
    char *at = strrchr(text, ')'); /* the name before it may hold anything */
    for (unsigned field = 2; at && field < START_STACK; field++)
        at = strchr(at + 1, ' ');
    unsigned long long value = 0;
    if (!at || sscanf(at, "%llu", &value) != 1)
        errx(BROKEN, "%s has another form", path);
    return value;
}

static uint64_t skip_pointers(pid_t pid, uint64_t at)
{
    while (peek(pid, at) != 0)
        at += WORD;
    return at + WORD;
}

void later_hide_vdso(pid_t pid)
{
    uint64_t at = skip_pointers(pid, start_of_stack(pid) + WORD); /* behind the arguments */
    at = skip_pointers(pid, at);                                  /* and the environment */
    for (uint64_t type; (type = peek(pid, at)) != AT_NULL; at += 2 * WORD) {
        if (type == AT_SYSINFO_EHDR)
            poke(pid, at, AT_IGNORE);
    }
}

uint64_t later_place(uint64_t call, const uint64_t arguments[6])
{
    bool is_wall_clock = arguments[0] == CLOCK_REALTIME || arguments[0] == CLOCK_REALTIME_COARSE;
    return call == SYS_clock_gettime && is_wall_clock ? arguments[1] : 0;
}

void later_shift(pid_t pid, uint64_t place, int64_t seconds)
{
    poke(pid, place, peek(pid, place) + (uint64_t)seconds); /* tv_sec comes first */
}
