#include "effect.h"

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define BROKEN 101
#define TPM_WAIT_MS 30000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Where a call has its file: an open descriptor, a path, or a path below a folder's descriptor. */
enum form { FORM_FD, FORM_PATH, FORM_AT, FORM_OPEN, FORM_SEND, FORM_NOWHERE };

struct call {
    long number;
    const char *name;
    enum form form;
    unsigned at;                            /* index of the argument of that form */
    enum { ALWAYS, IF_THERE, IF_NOT } when; /* the file */
    enum effect_disk disk;
};

static const struct call calls[] = {
    { SYS_write, "write", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_writev, "write", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_pwrite64, "write", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_pwritev, "write", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_sendto, "send", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_sendmsg, "send", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_connect, "connect", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_shutdown, "shutdown", FORM_SEND, 0, ALWAYS, DISK_CHANGES },
    { SYS_ftruncate, "truncate", FORM_FD, 0, ALWAYS, DISK_CHANGES },
    { SYS_fallocate, "allocate", FORM_FD, 0, ALWAYS, DISK_CHANGES },
    { SYS_fchmod, "chmod", FORM_FD, 0, ALWAYS, DISK_CHANGES },
    { SYS_fchown, "chown", FORM_FD, 0, ALWAYS, DISK_CHANGES },
    { SYS_fsync, "fsync", FORM_FD, 0, ALWAYS, DISK_SYNCS },
    { SYS_fdatasync, "fsync", FORM_FD, 0, ALWAYS, DISK_SYNCS },
    { SYS_sync, "sync", FORM_NOWHERE, 0, ALWAYS, DISK_SYNCS_ALL },
    { SYS_syncfs, "sync", FORM_NOWHERE, 0, ALWAYS, DISK_SYNCS_ALL },
    { SYS_openat, "create", FORM_OPEN, 0, IF_NOT, DISK_CREATES },
    { SYS_mkdirat, "mkdir", FORM_AT, 0, IF_NOT, DISK_CREATES },
    { SYS_unlinkat, "unlink", FORM_AT, 0, IF_THERE, DISK_CHANGES },
    { SYS_renameat2, "rename", FORM_AT, 0, IF_THERE, DISK_CHANGES },
    { SYS_linkat, "link", FORM_AT, 2, IF_NOT, DISK_CHANGES },
    { SYS_symlinkat, "symlink", FORM_AT, 1, IF_NOT, DISK_CREATES },
    { SYS_fchmodat, "chmod", FORM_AT, 0, ALWAYS, DISK_CHANGES },
    { SYS_fchownat, "chown", FORM_AT, 0, ALWAYS, DISK_CHANGES },
    { SYS_truncate, "truncate", FORM_PATH, 0, ALWAYS, DISK_CHANGES },
#ifdef SYS_renameat
    { SYS_renameat, "rename", FORM_AT, 0, IF_THERE, DISK_CHANGES },
#endif
#ifdef SYS_open
    { SYS_open, "create", FORM_OPEN, 0, IF_NOT, DISK_CREATES },
    { SYS_mkdir, "mkdir", FORM_PATH, 0, IF_NOT, DISK_CREATES },
    { SYS_unlink, "unlink", FORM_PATH, 0, IF_THERE, DISK_CHANGES },
    { SYS_rmdir, "rmdir", FORM_PATH, 0, IF_THERE, DISK_CHANGES },
    { SYS_rename, "rename", FORM_PATH, 0, IF_THERE, DISK_CHANGES },
    { SYS_link, "link", FORM_PATH, 1, IF_NOT, DISK_CHANGES },
    { SYS_symlink, "symlink", FORM_PATH, 1, IF_NOT, DISK_CREATES },
    { SYS_chmod, "chmod", FORM_PATH, 0, ALWAYS, DISK_CHANGES },
    { SYS_chown, "chown", FORM_PATH, 0, ALWAYS, DISK_CHANGES },
#endif
};

static const struct call *find(uint64_t number)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        if ((uint64_t)calls[i].number == number)
            return &calls[i];
    }
    return NULL;
}

static ssize_t peek(pid_t pid, uint64_t from, void *to, size_t size)
{
    struct iovec here = { to, size };
    struct iovec there = { (void *)(uintptr_t)from, size }; // NOLINT(performance-no-int-to-ptr): of another process
    return process_vm_readv(pid, &here, 1, &there, 1, 0);
}

/* To the end of the page, then the next one: what comes after the string may not be mapped. */
static void peek_string(pid_t pid, uint64_t from, char to[PATH_MAX])
{
    size_t size = 0;
    while (size < PATH_MAX - 1) {
        size_t piece = 256 - (from + size) % 256;
        if (piece > PATH_MAX - 1 - size)
            piece = PATH_MAX - 1 - size;
        if (peek(pid, from + size, to + size, piece) != (ssize_t)piece)
            break;
        if (memchr(to + size, '\0', piece))
            return;
        size += piece;
    }
    to[size] = '\0';
}

/* What /proc says that a descriptor or the working directory is. */
static void path_of(pid_t pid, int fd, char ret_path[PATH_MAX])
{
    char link[64];
    if (fd == AT_FDCWD)
        snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
    else
        snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
    ssize_t size = readlink(link, ret_path, PATH_MAX - 1);
    ret_path[size < 0 ? 0 : size] = '\0';
}

static void path_at(pid_t pid, int dir_fd, uint64_t name_at, char ret_path[PATH_MAX])
{
    char name[PATH_MAX], folder[PATH_MAX];
    peek_string(pid, name_at, name);
    if (name[0] == '/') {
        strcpy(ret_path, name);
        return;
    }
    path_of(pid, dir_fd, folder);
    if (snprintf(ret_path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        errx(BROKEN, "%s/%s: too long", folder, name);
}

static int descriptor_of(pid_t pid, int fd)
{
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int copy = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    if (process >= 0)
        close(process);
    return copy;
}

/* A Unix stream socket is a software TPM's: the agent has no other. */
static enum effect_kind kind_of(pid_t pid, int fd, const char *path)
{
    if (strncmp(path, "/dev/tpm", 8) == 0)
        return EFFECT_TPM;
    struct stat st;
    if (path[0] == '/') {
        bool is_kept = lstat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode));
        return is_kept ? EFFECT_DISK : EFFECT_NONE;
    }
    if (strncmp(path, "socket:", 7) != 0)
        return EFFECT_NONE;
    int copy = descriptor_of(pid, fd), domain = 0;
    socklen_t size = sizeof(domain);
    if (copy < 0 || getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0)
        err(BROKEN, "descriptor %d of process %d", fd, pid);
    close(copy);
    return domain == AF_UNIX ? EFFECT_TPM : EFFECT_NET;
}

/* TPM 2.0 Library Part 2 §6.5.2: those that bootseal sends. */
static const struct {
    uint32_t code;
    const char *name;
} commands[] = {
    { 0x120, "EvictControl" },
    { 0x12A, "NV_DefineSpace" },
    { 0x131, "CreatePrimary" },
    { 0x134, "NV_Increment" },
    { 0x13C, "PCR_Event" },
    { 0x147, "ActivateCredential" },
    { 0x148, "Certify" },
    { 0x14E, "NV_Read" },
    { 0x151, "PolicySecret" },
    { 0x153, "Create" },
    { 0x157, "Load" },
    { 0x158, "Quote" },
    { 0x15D, "Sign" },
    { 0x15E, "Unseal" },
    { 0x165, "FlushContext" },
    { 0x169, "NV_ReadPublic" },
    { 0x173, "ReadPublic" },
    { 0x176, "StartAuthSession" },
    { 0x17A, "GetCapability" },
    { 0x17E, "PCR_Read" },
    { 0x17F, "PolicyPCR" },
    { 0x171, "PolicyOR" },
    { 0x149, "PolicyNV" },
    { 0x16A, "PolicyAuthorize" },
    { 0x177, "VerifySignature" },
    { 0x182, "PCR_Extend" },
    { 0x167, "LoadExternal" },
    { 0x122, "NV_UndefineSpace" },
    { 0x189, "PolicyGetDigest" },
};

static void name_command(pid_t pid, uint64_t data, char text[64])
{
    uint8_t head[10];
    uint32_t code = 0;
    if (peek(pid, data, head, sizeof(head)) == (ssize_t)sizeof(head))
        code = (uint32_t)head[6] << 24 | (uint32_t)head[7] << 16 | (uint32_t)head[8] << 8 | head[9];
    snprintf(text, 64, "command 0x%x", code);
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (commands[i].code == code)
            snprintf(text, 64, "%s", commands[i].name);
    }
}

static void send_effect(pid_t pid, const struct call *call, const uint64_t arguments[6], struct effect *effect)
{
    int fd = (int)arguments[0];
    path_of(pid, fd, effect->path);
    effect->kind = kind_of(pid, fd, effect->path);
    effect->fd = fd;
    char command[64];
    bool is_connect = strcmp(call->name, "connect") == 0;
    if (effect->kind == EFFECT_TPM && !is_connect) {
        name_command(pid, arguments[1], command);
        snprintf(effect->text, sizeof(effect->text), "%s", command);
    } else if (effect->kind == EFFECT_TPM) {
        effect->kind = EFFECT_NONE; /* the TPM hears nothing of it */
    } else if (effect->kind == EFFECT_NET) {
        snprintf(effect->text, sizeof(effect->text), is_connect ? "%s" : "%s %llu", call->name,
                 (unsigned long long)arguments[2]);
    }
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool opens_to_create(const struct call *call, const uint64_t arguments[6])
{
    uint64_t flags = arguments[call->number == SYS_openat ? 2 : 1];
    return (flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE;
}

static void find_path(pid_t pid, const struct call *call, const uint64_t arguments[6], struct effect *effect)
{
    bool has_folder = call->form == FORM_AT || (call->form == FORM_OPEN && call->number == SYS_openat);
    if (has_folder)
        path_at(pid, (int)arguments[call->at], arguments[call->at + 1], effect->path);
    else if (call->form == FORM_FD)
        path_of(pid, (int)arguments[call->at], effect->path);
    else if (call->form != FORM_NOWHERE)
        path_at(pid, AT_FDCWD, arguments[call->at], effect->path);
}

static bool will_do_something(const struct call *call, const uint64_t arguments[6], const struct effect *effect)
{
    if (call->form == FORM_OPEN && !opens_to_create(call, arguments))
        return false;
    if (call->form == FORM_NOWHERE || call->when == ALWAYS)
        return true;
    return is_there(effect->path) == (call->when == IF_THERE);
}

void effect_of(pid_t pid, uint64_t number, const uint64_t arguments[6], struct effect *ret_effect)
{
    const struct call *call = find(number);
    *ret_effect = (struct effect){ .kind = EFFECT_NONE };
    if (!call)
        return;
    ret_effect->disk = call->disk;
    if (call->form == FORM_SEND) {
        send_effect(pid, call, arguments, ret_effect);
        if (ret_effect->kind != EFFECT_DISK)
            return;
    } else {
        find_path(pid, call, arguments, ret_effect);
        if (!will_do_something(call, arguments, ret_effect))
            return;
        ret_effect->kind = EFFECT_DISK;
    }
    snprintf(ret_effect->text, sizeof(ret_effect->text), "%s %s", call->name, ret_effect->path);
}

void effect_await_tpm(pid_t pid, int fd)
{
    struct pollfd line = { .fd = descriptor_of(pid, fd), .events = POLLIN };
    if (line.fd < 0 || poll(&line, 1, TPM_WAIT_MS) != 1)
        errx(BROKEN, "the TPM does not answer");
    close(line.fd);
}
