#include "agent/handover/placement.h"

#include "core/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

enum bs_err placements_add(struct placements *list, const struct placement *item)
{
    assert(item->path[0] == '/');
    if (list->count == PLACEMENT_MAX)
        return BS_ERR_NOMEM;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].path, item->path) == 0) {
            list->failed = list->items[i].path;
            return BS_ERR_CONFIG;
        }
    }
    list->items[list->count] = *item;
    list->items[list->count].dir_fd = -1;
    list->items[list->count].is_renamed = false;
    list->count++;
    return BS_OK;
}

/* One component: opened, or made and opened. */
static enum bs_err enter(int parent_fd, const char *name, mode_t mode, int *ret_fd)
{
    bool is_made = mkdirat(parent_fd, name, mode) == 0;
    if (!is_made && errno != EEXIST)
        return BS_ERR_IO;
    BS_OWN_FD int fd = openat(parent_fd, name, DIR_FLAGS);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? BS_ERR_INPUT : BS_ERR_IO;
    if (is_made && fchmod(fd, mode) != 0) /* whatever the umask is */
        return BS_ERR_IO;
    *ret_fd = fd;
    fd = -1;
    return BS_OK;
}

enum bs_err placement_open_dir(const char *root, const char *path, mode_t mode, int *ret_fd)
{
    char parts[PLACEMENT_PATH_MAX];
    if (snprintf(parts, sizeof(parts), "%s", path) >= (int)sizeof(parts))
        return BS_ERR_INPUT;
    BS_OWN_FD int fd = open(root && *root ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return BS_ERR_IO;

    char *rest = NULL;
    for (char *part = strtok_r(parts, "/", &rest); part;) {
        char *next = strtok_r(NULL, "/", &rest);
        int inner = -1;
        enum bs_err err = enter(fd, part, next ? 0755 : mode, &inner);
        if (err != BS_OK)
            return err;
        close(fd);
        fd = inner;
        part = next;
    }
    *ret_fd = fd;
    fd = -1;
    return BS_OK;
}

static const char *name_of(const struct placement *item)
{
    return strrchr(item->path, '/') + 1;
}

static bool temporary_name(const struct placement *item, char ret_name[NAME_MAX + 1])
{
    int length = snprintf(ret_name, NAME_MAX + 1, ".%s.new", name_of(item));
    return length > 0 && length <= NAME_MAX;
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

/* Owner before mode, so that the mode is never open to a wrong owner. A file of a user other than ours needs root. */
static enum bs_err write_temporary(const struct placement *item)
{
    char name[NAME_MAX + 1];
    if (!temporary_name(item, name))
        return BS_ERR_INPUT;
    if (unlinkat(item->dir_fd, name, 0) != 0 && errno != ENOENT)
        return BS_ERR_IO;
    BS_OWN_FD int fd = openat(item->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return BS_ERR_IO;

    enum bs_err err = write_all(fd, item->data);
    bool is_ours = item->owner == geteuid() && item->group == getegid();
    if (err == BS_OK && !is_ours && fchown(fd, item->owner, item->group) != 0)
        err = BS_ERR_IO;
    if (err == BS_OK && (fchmod(fd, item->mode) != 0 || fsync(fd) != 0))
        err = BS_ERR_IO;
    return err;
}

/* A folder that an earlier file of the list lies in is not walked to again. */
static enum bs_err open_folder(const struct placements *list, struct placement *item)
{
    char folder[PLACEMENT_PATH_MAX];
    size_t length = (size_t)(name_of(item) - item->path);
    for (const struct placement *other = list->items; other < item; other++) {
        if ((size_t)(name_of(other) - other->path) != length || memcmp(other->path, item->path, length) != 0)
            continue;
        item->dir_fd = fcntl(other->dir_fd, F_DUPFD_CLOEXEC, 0);
        return item->dir_fd >= 0 ? BS_OK : BS_ERR_IO;
    }
    memcpy(folder, item->path, length);
    folder[length] = '\0';
    return placement_open_dir(list->root, folder, item->dir_mode, &item->dir_fd);
}

static enum bs_err put_in_place(struct placement *item)
{
    char name[NAME_MAX + 1];
    if (!temporary_name(item, name) || renameat(item->dir_fd, name, item->dir_fd, name_of(item)) != 0)
        return BS_ERR_IO;
    item->is_renamed = true;
    return fsync(item->dir_fd) == 0 ? BS_OK : BS_ERR_IO;
}

static void take_back(struct placement *item)
{
    char name[NAME_MAX + 1];
    if (item->dir_fd < 0)
        return;
    if (item->is_renamed)
        (void)unlinkat(item->dir_fd, name_of(item), 0);
    else if (temporary_name(item, name))
        (void)unlinkat(item->dir_fd, name, 0);
}

enum bs_err placements_write(struct placements *list)
{
    enum bs_err err = BS_OK;
    for (size_t i = 0; err == BS_OK && i < list->count; i++) {
        list->failed = list->items[i].path;
        err = open_folder(list, &list->items[i]);
        if (err == BS_OK)
            err = write_temporary(&list->items[i]);
    }
    for (size_t i = 0; err == BS_OK && i < list->count; i++) {
        list->failed = list->items[i].path;
        err = put_in_place(&list->items[i]);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (err != BS_OK)
            take_back(&list->items[i]);
        if (list->items[i].dir_fd >= 0)
            close(list->items[i].dir_fd);
        list->items[i].dir_fd = -1;
    }
    return err;
}
