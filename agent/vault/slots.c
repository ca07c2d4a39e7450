#include "agent/vault/slots.h"

#include "agent/vault/slot.h"
#include "core/file.h"

#include <assert.h>
#include <unistd.h>

static const char *const names[VAULT_SLOTS] = { "slot-a", "slot-b" };

const char *slots_name(size_t index)
{
    assert(index < VAULT_SLOTS);
    return names[index];
}

enum bs_err slots_open(const char *dir, struct slots *ret_slots)
{
    struct slots slots = SLOTS_NONE;
    enum bs_err err = bs_dir_open(dir, &slots.dir_fd);
    if (err == BS_OK)
        *ret_slots = slots;
    return err;
}

enum bs_err slots_make(const char *dir, struct slots *ret_slots)
{
    enum bs_err err = bs_dir_make(dir, 0700);
    return err == BS_OK ? slots_open(dir, ret_slots) : err;
}

void slots_close(struct slots *slots)
{
    if (slots->dir_fd >= 0)
        close(slots->dir_fd);
    *slots = SLOTS_NONE;
}

enum bs_err slots_read(const struct slots *slots, size_t index, struct bs_buf *out)
{
    return slots->dir_fd < 0 ? BS_ERR_NOT_FOUND : bs_file_read_at(slots->dir_fd, slots_name(index), out);
}

enum bs_err slots_write(const struct slots *slots, size_t index, struct bs_span bytes)
{
    return bs_file_write_at(slots->dir_fd, slots_name(index), bytes, NULL);
}

enum bs_err slots_erase(const struct slots *slots, size_t index)
{
    return bs_file_erase_at(slots->dir_fd, slots_name(index), SLOT_MAX);
}
