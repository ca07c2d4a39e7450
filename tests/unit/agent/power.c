#include "power.h"

#include "scene.h"
#include "sweep/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/var"

const char *power_device;

static struct {
    bool is_watching;
    bool is_modelling; /* the calls are the disk model's */
    bool is_gone;
    unsigned count;
    unsigned at;
    struct disk *disk;
    enum bs_err (*serve)(const char *path, struct bs_span body, struct bs_buf *answer, struct net_answer *ret_answer);
} power;

/* Whether the next effect takes place. */
static bool has_power(void)
{
    if (!power.is_watching)
        return true;
    power.count += !power.is_gone;
    if (power.count != power.at || power.is_gone)
        return !power.is_gone;
    power.is_gone = true;
    /* No answer that the agent would wait for. */
    fake_net.refuse_connects = UINT_MAX;
    fake_net.connect_err = BS_ERR_UNTRUSTED;
    return false;
}

static enum bs_err serve(const char *path, struct bs_span body, struct bs_buf *answer, struct net_answer *ret_answer)
{
    if (!has_power())
        return BS_ERR_UNTRUSTED;
    power.is_watching = false; /* the server knows the TPM's keys by asking it */
    enum bs_err err = power.serve(path, body, answer, ret_answer);
    power.is_watching = true;
    return err;
}

void power_on(unsigned at)
{
    power.is_modelling = true;
    power.disk = disk_begin(scene_path(ROOT));
    power.is_modelling = false;
    power.serve = fake_net.serve;
    power.count = 0;
    power.at = at;
    power.is_gone = false;
    power.is_watching = true;
    fake_net.serve = serve;
    fake_tpm.has_power = has_power;
}

unsigned power_off(bool is_lost)
{
    power.is_watching = false;
    fake_net.serve = power.serve;
    fake_net.refuse_connects = 0;
    fake_tpm.has_power = NULL;
    power.is_modelling = true;
    if (is_lost)
        disk_cut(power.disk);
    disk_end(power.disk);
    power.is_modelling = false;
    power.disk = NULL;
    return power.count;
}

/* Absolute path; false when it is not below /var of the scene, or nobody watches. */
static bool is_watched(int dir_fd, const char *name, char ret_path[PATH_MAX])
{
    char link[32], folder[PATH_MAX] = "";
    if (!power.is_watching)
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
    if (name && name[0] == '/')
        snprintf(ret_path, PATH_MAX, "%s", name);
    else if (readlink(link, folder, sizeof(folder) - 1) < 0)
        return false;
    else if (snprintf(ret_path, PATH_MAX, "%s%s%s", folder, name ? "/" : "", name ? name : "") >= PATH_MAX)
        return false;
    const char *root = scene_path(ROOT);
    return strncmp(ret_path, root, strlen(root)) == 0;
}

static int no_power(void)
{
    errno = EIO;
    return -1;
}

static void created(const char *path)
{
    power.is_modelling = true;
    disk_created(power.disk, path);
    power.is_modelling = false;
}

static void synced(const char *path)
{
    power.is_modelling = true;
    disk_synced(power.disk, path);
    power.is_modelling = false;
}

int __real_openat(int dir_fd, const char *name, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
int __real_lstat(const char *path, struct stat *ret_st);
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_renameat(int old_fd, const char *old_name, int new_fd, const char *new_name);
int __real_unlinkat(int dir_fd, const char *name, int flags);
int __real_mkdir(const char *path, mode_t mode);

int __wrap_openat(int dir_fd, const char *name, int flags, ...);
int __wrap_openat(int dir_fd, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    char path[PATH_MAX];
    bool creates = (flags & O_CREAT) && is_watched(dir_fd, name, path) && access(path, F_OK) != 0;
    if (creates && !has_power())
        return no_power();
    int fd = __real_openat(dir_fd, name, flags, mode);
    if (creates && fd >= 0)
        created(path);
    return fd;
}

ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    char path[PATH_MAX];
    return is_watched(fd, NULL, path) && !has_power() ? no_power() : __real_write(fd, data, size);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    char path[PATH_MAX];
    return is_watched(fd, NULL, path) && !has_power() ? no_power() : __real_pwrite(fd, data, size, offset);
}

int __wrap_lstat(const char *path, struct stat *ret_st);
int __wrap_lstat(const char *path, struct stat *ret_st)
{
    int result = __real_lstat(path, ret_st);
    if (result == 0 && power_device && !power.is_modelling && strcmp(path, power_device) == 0)
        ret_st->st_mode = S_IFBLK | (ret_st->st_mode & 07777);
    return result;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    char path[PATH_MAX];
    if (!is_watched(fd, NULL, path))
        return __real_fsync(fd);
    if (!has_power())
        return no_power();
    synced(path);
    return 0;
}

int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
    char path[PATH_MAX];
    return is_watched(fd, NULL, path) && !has_power() ? no_power() : __real_fchmod(fd, mode);
}

int __wrap_renameat(int old_fd, const char *old_name, int new_fd, const char *new_name);
int __wrap_renameat(int old_fd, const char *old_name, int new_fd, const char *new_name)
{
    char path[PATH_MAX];
    bool is_cut = is_watched(new_fd, new_name, path) && !has_power();
    return is_cut ? no_power() : __real_renameat(old_fd, old_name, new_fd, new_name);
}

int __wrap_unlinkat(int dir_fd, const char *name, int flags);
int __wrap_unlinkat(int dir_fd, const char *name, int flags)
{
    char path[PATH_MAX];
    bool is_cut = is_watched(dir_fd, name, path) && access(path, F_OK) == 0 && !has_power();
    return is_cut ? no_power() : __real_unlinkat(dir_fd, name, flags);
}

int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    char whole[PATH_MAX];
    bool is_new = is_watched(AT_FDCWD, path, whole) && access(path, F_OK) != 0;
    if (is_new && !has_power())
        return no_power();
    int result = __real_mkdir(path, mode);
    if (is_new && result == 0)
        created(path);
    return result;
}
