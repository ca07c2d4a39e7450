#include "agent/unconfirmed.h"

#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool unconfirmed_is_set(const char *dir)
{
    BS_OWN_FD int dir_fd = -1;
    struct stat st;
    return bs_dir_open(dir, &dir_fd) == BS_OK && fstatat(dir_fd, UNCONFIRMED_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

enum bs_err unconfirmed_set(const char *dir)
{
    if (unconfirmed_is_set(dir))
        return BS_OK;
    BS_OWN_FD int dir_fd = -1;
    enum bs_err err = bs_dir_make(dir, 0700);
    if (err == BS_OK)
        err = bs_dir_open(dir, &dir_fd);
    return err == BS_OK ? bs_file_write_at(dir_fd, UNCONFIRMED_NAME, BS_SPAN_NONE, NULL) : err;
}

enum bs_err unconfirmed_clear(const char *dir)
{
    BS_OWN_FD int dir_fd = -1;
    enum bs_err err = bs_dir_open(dir, &dir_fd);
    if (err != BS_OK)
        return err;
    if (unlinkat(dir_fd, UNCONFIRMED_NAME, 0) != 0)
        return errno == ENOENT ? BS_OK : BS_ERR_IO;
    return fsync(dir_fd) == 0 ? BS_OK : BS_ERR_IO;
}
