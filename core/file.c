#include "core/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK 4096
#define ERASE_BLOCK 4096

static bool has_dotdot(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += strspn(part, "/");
        if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

enum bs_err bs_path_under(const char *root, const char *path, char **ret_path)
{
    if (path[0] != '/' || has_dotdot(path))
        return BS_ERR_INPUT;

    char cwd[PATH_MAX] = "";
    if (!root || strcmp(root, "/") == 0)
        root = "";
    else if (root[0] != '/' && !getcwd(cwd, sizeof(cwd)))
        return BS_ERR_IO;

    size_t size = strlen(cwd) + 1 + strlen(root) + strlen(path) + 1;
    char *joined = malloc(size);
    if (!joined)
        return BS_ERR_NOMEM;
    snprintf(joined, size, "%s%s%s%s", cwd, cwd[0] ? "/" : "", root, path);
    *ret_path = joined;
    return BS_OK;
}

static enum bs_err err_of_open(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return BS_ERR_NOT_FOUND;
    case ELOOP: /* O_NOFOLLOW met a link */
        return BS_ERR_INPUT;
    default:
        return BS_ERR_IO;
    }
}

/* O_NONBLOCK, so that a FIFO put in the place of a file cannot hold the boot; it is taken off again for devices. */
static enum bs_err open_for_reading(int dir_fd, const char *name, int *ret_fd)
{
    BS_OWN_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_of_open(errno);

    struct stat st;
    if (fstat(fd, &st) != 0)
        return BS_ERR_IO;
    if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
        return BS_ERR_INPUT;
    if (fcntl(fd, F_SETFL, 0) != 0)
        return BS_ERR_IO;

    *ret_fd = fd;
    fd = -1;
    return BS_OK;
}

/* Up to `size` bytes, fewer only at the end of the file. */
static enum bs_err read_up_to(int fd, uint8_t *data, size_t size, size_t *ret_size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, data + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BS_ERR_IO;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_size = done;
    return BS_OK;
}

/* At a limit: is it also the end of the file? */
static enum bs_err expect_end(int fd)
{
    uint8_t one;
    size_t size = 0;
    enum bs_err err = read_up_to(fd, &one, 1, &size);
    bs_wipe(&one, 1);
    if (err != BS_OK)
        return err;
    return size == 0 ? BS_OK : BS_ERR_INPUT;
}

static enum bs_err read_all(int fd, struct bs_buf *buf)
{
    for (;;) {
        size_t room = buf->limit - buf->size;
        if (room == 0)
            return expect_end(fd);

        size_t chunk = room < READ_CHUNK ? room : READ_CHUNK;
        uint8_t *tail;
        size_t got;
        enum bs_err err = bs_buf_reserve(buf, chunk, &tail);
        if (err == BS_OK)
            err = read_up_to(fd, tail, chunk, &got);
        if (err != BS_OK)
            return err;
        bs_buf_grown(buf, got);
        if (got < chunk)
            return BS_OK;
    }
}

enum bs_err bs_file_read_fd(int fd, struct bs_buf *buf)
{
    size_t before = buf->size;
    enum bs_err err = read_all(fd, buf);
    if (err != BS_OK && buf->size > before) {
        bs_wipe(buf->data + before, buf->size - before);
        buf->size = before;
    }
    return err;
}

enum bs_err bs_file_read_at(int dir_fd, const char *name, struct bs_buf *buf)
{
    BS_OWN_FD int fd = -1;
    enum bs_err err = open_for_reading(dir_fd, name, &fd);
    if (err != BS_OK)
        return err;

    return bs_file_read_fd(fd, buf);
}

enum bs_err bs_file_read(const char *path, struct bs_buf *buf)
{
    return bs_file_read_at(AT_FDCWD, path, buf);
}

enum bs_err bs_file_read_secret(const char *path, size_t max, struct bs_secret **ret_secret)
{
    BS_OWN_FD int fd = -1;
    enum bs_err err = open_for_reading(AT_FDCWD, path, &fd);
    if (err != BS_OK)
        return err;

    /* Straight onto the locked pages: a buffer of stdio or ours would keep a copy. */
    BS_OWN(secret) secret = NULL;
    err = bs_secret_new(max, &secret);
    if (err != BS_OK)
        return err;
    size_t size = 0;
    err = read_up_to(fd, bs_secret_data(secret), max, &size);
    if (err == BS_OK && size == max)
        err = expect_end(fd);
    if (err != BS_OK)
        return err;
    if (size == 0)
        return BS_ERR_INPUT;

    bs_secret_truncate(secret, size);
    *ret_secret = BS_TAKE(secret);
    return BS_OK;
}

static enum bs_err write_all(int fd, struct bs_span data)
{
    while (data.size > 0) {
        ssize_t n = write(fd, data.data, data.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return BS_ERR_IO;
        data.data += n;
        data.size -= (size_t)n;
    }
    return BS_OK;
}

/* Owner before mode: chown clears set-id bits, and the mode must not be open to a wrong owner. */
static enum bs_err set_attributes(int fd, const struct bs_file_attr *attr)
{
    bool has_owner = attr->uid != (uid_t)-1 || attr->gid != (gid_t)-1;
    if (has_owner && fchown(fd, attr->uid, attr->gid) != 0)
        return BS_ERR_IO;
    if (fchmod(fd, attr->mode) != 0)
        return BS_ERR_IO;
    return BS_OK;
}

static enum bs_err write_temporary(int dir_fd, const char *name, struct bs_span data, const struct bs_file_attr *attr)
{
    if (unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT)
        return BS_ERR_IO;
    BS_OWN_FD int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return BS_ERR_IO;

    enum bs_err err = write_all(fd, data);
    if (err == BS_OK)
        err = set_attributes(fd, attr);
    if (err == BS_OK && fsync(fd) != 0)
        err = BS_ERR_IO;
    return err;
}

static enum bs_err name_temporary(const char *name, char ret_temporary[NAME_MAX + 1])
{
    assert(!strchr(name, '/'));
    int length = snprintf(ret_temporary, NAME_MAX + 1, ".%s.new", name);
    return length > 0 && length <= NAME_MAX ? BS_OK : BS_ERR_INPUT;
}

enum bs_err bs_file_write_at(int dir_fd, const char *name, struct bs_span data, const struct bs_file_attr *attr)
{
    static const struct bs_file_attr private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
    char temporary[NAME_MAX + 1];
    enum bs_err err = name_temporary(name, temporary);
    if (err != BS_OK)
        return err;

    err = write_temporary(dir_fd, temporary, data, attr ? attr : &private_file);
    if (err == BS_OK && renameat(dir_fd, temporary, dir_fd, name) != 0)
        err = BS_ERR_IO;
    if (err != BS_OK) {
        (void)unlinkat(dir_fd, temporary, 0);
        return err;
    }
    return fsync(dir_fd) == 0 ? BS_OK : BS_ERR_IO;
}

/* Best effort: what cannot be opened as a file is removed all the same. */
static void overwrite(int dir_fd, const char *name, size_t max)
{
    const uint8_t zeros[ERASE_BLOCK] = { 0 };
    struct stat st;
    BS_OWN_FD int fd = openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    size_t left = (uint64_t)st.st_size < max ? (size_t)st.st_size : max;
    while (left > 0) {
        size_t size = left < sizeof(zeros) ? left : sizeof(zeros);
        if (write_all(fd, BS_SPAN(zeros, size)) != BS_OK)
            return;
        left -= size;
    }
    (void)fsync(fd);
}

enum bs_err bs_file_erase_at(int dir_fd, const char *name, size_t max)
{
    char temporary[NAME_MAX + 1];
    enum bs_err err = name_temporary(name, temporary);
    if (err != BS_OK)
        return err;

    const char *const names[] = { name, temporary };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        overwrite(dir_fd, names[i], max);
        if (unlinkat(dir_fd, names[i], 0) != 0 && errno != ENOENT)
            err = BS_ERR_IO;
    }
    return fsync(dir_fd) == 0 ? err : BS_ERR_IO;
}

enum bs_err bs_file_write(const char *path, struct bs_span data, const struct bs_file_attr *attr)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = (size_t)(name - path);
    if (*name == '\0' || length >= PATH_MAX)
        return BS_ERR_INPUT;

    char folder[PATH_MAX] = ".";
    if (slash) {
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    BS_OWN_FD int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return err_of_open(errno);
    return bs_file_write_at(dir_fd, name, data, attr);
}

/* One folder of a path; what was made is made durable in its parent. */
static enum bs_err make_one(const char *path, mode_t mode)
{
    if (mkdir(path, mode) != 0)
        return errno == EEXIST ? BS_OK : BS_ERR_IO;

    BS_OWN_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return BS_ERR_IO;
    BS_OWN_FD int parent_fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent_fd < 0)
        return BS_ERR_IO;
    /* The mode that was asked for, whatever the umask is. */
    if (fchmod(fd, mode) != 0 || fsync(parent_fd) != 0)
        return BS_ERR_IO;
    return BS_OK;
}

enum bs_err bs_dir_make(const char *path, mode_t mode)
{
    char whole[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0 || length >= sizeof(whole))
        return BS_ERR_INPUT;
    memcpy(whole, path, length);
    whole[length] = '\0';

    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        enum bs_err err = make_one(whole, 0755);
        *slash = '/';
        if (err != BS_OK)
            return err;
    }
    enum bs_err err = make_one(whole, mode);
    if (err != BS_OK)
        return err;

    BS_OWN_FD int fd = -1;
    return bs_dir_open(whole, &fd) == BS_OK ? BS_OK : BS_ERR_IO;
}

enum bs_err bs_dir_open(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR) /* O_DIRECTORY | O_NOFOLLOW says so of a link, too */
        return BS_ERR_INPUT;
    if (fd < 0)
        return err_of_open(errno);
    *ret_fd = fd;
    return BS_OK;
}
