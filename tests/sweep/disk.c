#include "disk.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BROKEN 101 /* exit code: it is this program that failed */

/* One inode, for as long as it means the same file. */
struct node {
    struct node *next;
    dev_t dev;
    ino_t ino;
    bool is_gone; /* its number belongs to another node now */
    mode_t mode;
    char *data; /* durable contents of a file; of a link what it points to */
    size_t size;
    struct name *names; /* durable names in a folder */
};

struct name {
    struct name *next;
    char *text;
    struct node *node;
};

/* Blocks without names: what is durable of them. */
struct device {
    const char *path; /* NULL: there is none */
    char *data;
    size_t size;
};

struct disk {
    char root[PATH_MAX];
    struct node *nodes;
    struct device device;
};

static void *need(void *memory)
{
    if (!memory)
        errx(BROKEN, "there is no memory");
    return memory;
}

static void join(char out[PATH_MAX], const char *folder, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        errx(BROKEN, "%s/%s: too long", folder, name);
}

static bool is_below(const struct disk *disk, const char *path)
{
    size_t length = strlen(disk->root);
    return strncmp(path, disk->root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static struct node *find(struct disk *disk, const struct stat *st)
{
    for (struct node *node = disk->nodes; node; node = node->next) {
        if (!node->is_gone && node->dev == st->st_dev && node->ino == st->st_ino)
            return node;
    }
    return NULL;
}

static struct node *add(struct disk *disk, const struct stat *st)
{
    struct node *node = need(calloc(1, sizeof(*node)));
    *node = (struct node){ .next = disk->nodes, .dev = st->st_dev, .ino = st->st_ino, .mode = st->st_mode };
    disk->nodes = node;
    return node;
}

static struct node *node_of(struct disk *disk, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        err(BROKEN, "%s", path);
    struct node *node = find(disk, &st);
    return node ? node : add(disk, &st);
}

static void free_names(struct node *node)
{
    while (node->names) {
        struct name *name = node->names;
        node->names = name->next;
        free(name->text);
        free(name);
    }
}

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0)
        err(BROKEN, "%s", path);
    char *data = need(malloc((size_t)st.st_size + 1));
    *ret_size = fread(data, 1, (size_t)st.st_size, file);
    (void)fclose(file);
    return data;
}

static char *read_link(const char *path, size_t *ret_size)
{
    char target[PATH_MAX];
    ssize_t size = readlink(path, target, sizeof(target) - 1);
    if (size < 0)
        err(BROKEN, "%s", path);
    target[size] = '\0';
    *ret_size = (size_t)size;
    return need(strdup(target));
}

static char *contents(const char *path, mode_t mode, size_t *ret_size)
{
    *ret_size = 0;
    if (S_ISLNK(mode))
        return read_link(path, ret_size);
    return S_ISREG(mode) ? read_file(path, ret_size) : NULL;
}

static bool is_self(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void sync_folder(struct disk *disk, struct node *node, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        err(BROKEN, "%s", path);
    free_names(node);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char inner[PATH_MAX];
        if (is_self(entry->d_name))
            continue;
        join(inner, path, entry->d_name);
        struct name *name = need(calloc(1, sizeof(*name)));
        *name = (struct name){ node->names, need(strdup(entry->d_name)), node_of(disk, inner) };
        node->names = name;
        if (S_ISLNK(name->node->mode) && !name->node->data) /* a link has no fsync of its own */
            name->node->data = read_link(inner, &name->node->size);
    }
    closedir(dir);
}

static char *read_device(const char *path, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0)
        err(BROKEN, "%s", path);
    char *data = need(malloc((size_t)size + 1));
    if (pread(fd, data, (size_t)size, 0) != (ssize_t)size)
        err(BROKEN, "%s", path);
    close(fd);
    *ret_size = (size_t)size;
    return data;
}

static void sync_device(struct device *device)
{
    free(device->data);
    device->data = read_device(device->path, &device->size);
}

void disk_add_device(struct disk *disk, const char *path)
{
    disk->device.path = path;
    sync_device(&disk->device);
}

static bool is_device_dirty(const struct device *device)
{
    size_t size;
    char *data = read_device(device->path, &size);
    bool is_same = size == device->size && memcmp(data, device->data, size) == 0;
    free(data);
    return !is_same;
}

static void cut_device(const struct device *device)
{
    int fd = open(device->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, device->data, device->size, 0) != (ssize_t)device->size || fsync(fd) != 0 ||
        close(fd) != 0)
        err(BROKEN, "%s", device->path);
}

void disk_synced(struct disk *disk, const char *path)
{
    struct stat st;
    if (disk->device.path && strcmp(path, disk->device.path) == 0)
        sync_device(&disk->device);
    if (!is_below(disk, path) || lstat(path, &st) != 0)
        return;
    struct node *node = node_of(disk, path);
    node->mode = st.st_mode;
    if (S_ISDIR(st.st_mode)) {
        sync_folder(disk, node, path);
    } else {
        free(node->data);
        node->data = contents(path, st.st_mode, &node->size);
    }
}

static struct disk *walked; /* nftw hands nothing on */

static int sync_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    disk_synced(walked, path);
    return 0;
}

void disk_synced_all(struct disk *disk)
{
    walked = disk;
    if (nftw(disk->root, sync_one, 16, FTW_PHYS) != 0)
        err(BROKEN, "%s", disk->root);
    if (disk->device.path)
        sync_device(&disk->device);
}

struct disk *disk_begin(const char *root)
{
    struct disk *disk = need(calloc(1, sizeof(*disk)));
    if (!realpath(root, disk->root))
        err(BROKEN, "%s", root);
    disk_synced_all(disk);
    return disk;
}

void disk_end(struct disk *disk)
{
    while (disk && disk->nodes) {
        struct node *node = disk->nodes;
        disk->nodes = node->next;
        free_names(node);
        free(node->data);
        free(node);
    }
    if (disk)
        free(disk->device.data);
    free(disk);
}

void disk_created(struct disk *disk, const char *path)
{
    struct stat st;
    if (!is_below(disk, path) || lstat(path, &st) != 0)
        return;
    struct node *old = find(disk, &st);
    if (old)
        old->is_gone = true;
    add(disk, &st);
}

static bool is_file_dirty(const struct node *node, const char *path)
{
    size_t size;
    char *data = contents(path, node->mode, &size);
    bool is_same = size == node->size && (size == 0 || memcmp(data, node->data, size) == 0);
    free(data);
    return !is_same;
}

static size_t count_names(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    if (!dir)
        err(BROKEN, "%s", path);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += !is_self(entry->d_name);
    closedir(dir);
    return count;
}

static bool is_dirty(struct disk *disk, const struct node *node, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0 || find(disk, &st) != node || st.st_mode != node->mode)
        return true;
    if (!S_ISDIR(node->mode))
        return is_file_dirty(node, path);
    size_t count = 0;
    for (const struct name *name = node->names; name; name = name->next, count++) {
        char inner[PATH_MAX];
        join(inner, path, name->text);
        if (is_dirty(disk, name->node, inner))
            return true;
    }
    return count != count_names(path);
}

bool disk_is_dirty(struct disk *disk)
{
    return is_dirty(disk, node_of(disk, disk->root), disk->root) ||
           (disk->device.path && is_device_dirty(&disk->device));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type;
    return ftw->level == 0 ? 0 : remove(path);
}

static void put_file(const struct node *node, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || (node->size > 0 && write(fd, node->data, node->size) != (ssize_t)node->size) ||
        fchmod(fd, node->mode & 07777) != 0 || close(fd) != 0)
        err(BROKEN, "%s", path);
}

/* What was never synchronized is not there, or empty. */
static void put_names(const struct node *folder, const char *path)
{
    for (const struct name *name = folder->names; name; name = name->next) {
        const struct node *node = name->node;
        char inner[PATH_MAX];
        join(inner, path, name->text);
        if (S_ISDIR(node->mode)) {
            if (mkdir(inner, 0700) != 0 || chmod(inner, node->mode & 07777) != 0)
                err(BROKEN, "%s", inner);
            put_names(node, inner);
        } else if (S_ISLNK(node->mode)) {
            if (symlink(node->data, inner) != 0)
                err(BROKEN, "%s", inner);
        } else {
            put_file(node, inner);
        }
    }
}

void disk_cut(struct disk *disk)
{
    struct node *root = node_of(disk, disk->root);
    if (nftw(disk->root, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        err(BROKEN, "%s", disk->root);
    put_names(root, disk->root);
    if (disk->device.path)
        cut_device(&disk->device);
    /* What lies there now is on the platter: the next power cut takes nothing of it. */
    for (struct node *node = disk->nodes; node; node = node->next)
        node->is_gone = true;
    disk_synced_all(disk);
}
