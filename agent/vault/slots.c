#include "agent/vault/slots.h"

#include "agent/vault/slots_raw.h"
#include "core/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[VAULT_SLOTS] = { "slot-a", "slot-b" };

const char *slots_name(size_t index)
{
    assert(index < VAULT_SLOTS);
    return names[index];
}

static bool is_device(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

enum bs_err slots_open_raw(const char *path, struct slots *ret_slots)
{
    BS_OWN_FD int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) /* one that cannot be written can be opened all the same */
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENXIO ? BS_ERR_NOT_FOUND : BS_ERR_IO;
    enum bs_err err = raw_check(fd);
    if (err != BS_OK)
        return err;
    *ret_slots = (struct slots){ .dir_fd = -1, .raw_fd = fd };
    fd = -1;
    return BS_OK;
}

enum bs_err slots_open(const char *path, struct slots *ret_slots)
{
    if (is_device(path))
        return slots_open_raw(path, ret_slots);
    struct slots slots = SLOTS_NONE;
    enum bs_err err = bs_dir_open(path, &slots.dir_fd);
    if (err == BS_OK)
        *ret_slots = slots;
    return err;
}

enum bs_err slots_make(const char *path, struct slots *ret_slots)
{
    enum bs_err err = is_device(path) ? BS_OK : bs_dir_make(path, 0700);
    return err == BS_OK ? slots_open(path, ret_slots) : err;
}

void slots_close(struct slots *slots)
{
    if (slots->dir_fd >= 0)
        close(slots->dir_fd);
    if (slots->raw_fd >= 0)
        close(slots->raw_fd);
    *slots = SLOTS_NONE;
}

bool slots_are_open(const struct slots *slots)
{
    return slots->dir_fd >= 0 || slots->raw_fd >= 0;
}

enum bs_err slots_read(const struct slots *slots, size_t index, struct bs_buf *out)
{
    if (slots->raw_fd >= 0)
        return raw_read(slots->raw_fd, index, out);
    return slots->dir_fd < 0 ? BS_ERR_NOT_FOUND : bs_file_read_at(slots->dir_fd, slots_name(index), out);
}

enum bs_err slots_write(const struct slots *slots, size_t index, struct bs_span bytes)
{
    if (slots->raw_fd >= 0)
        return raw_write(slots->raw_fd, index, bytes);
    return bs_file_write_at(slots->dir_fd, slots_name(index), bytes, NULL);
}

enum bs_err slots_erase(const struct slots *slots, size_t index)
{
    if (slots->raw_fd >= 0)
        return raw_erase(slots->raw_fd, index);
    return bs_file_erase_at(slots->dir_fd, slots_name(index), SLOT_MAX);
}
