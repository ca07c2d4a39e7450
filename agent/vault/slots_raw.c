#include "agent/vault/slots_raw.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "BSREGION"
#define MAGIC_SIZE 8
#define VERSION 1
#define HEAD_SIZE (MAGIC_SIZE + 4 + 4)

static off_t offset_of(size_t index)
{
    return (off_t)index * RAW_REGION;
}

/* Reads all of it into `into`, or where that is NULL writes all of it out of `from`. */
static enum bs_err move(int fd, off_t offset, uint8_t *into, const uint8_t *from, size_t size)
{
    for (size_t done = 0; done < size;) {
        off_t at = offset + (off_t)done;
        ssize_t n = into ? pread(fd, into + done, size - done, at) : pwrite(fd, from + done, size - done, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return BS_ERR_IO;
        done += (size_t)n;
    }
    return BS_OK;
}

static enum bs_err read_at(int fd, off_t offset, uint8_t *data, size_t size)
{
    return move(fd, offset, data, NULL, size);
}

static enum bs_err write_at(int fd, off_t offset, const uint8_t *data, size_t size)
{
    return move(fd, offset, NULL, data, size);
}

static enum bs_err settle(int fd)
{
    return fsync(fd) == 0 ? BS_OK : BS_ERR_IO;
}

enum bs_err raw_check(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return BS_ERR_IO;
    return size >= offset_of(VAULT_SLOTS) ? BS_OK : BS_ERR_INPUT;
}

/* A block of a region: ours, with the size of what follows, or not. */
static bool take_head(const uint8_t block[RAW_BLOCK], uint32_t *ret_size)
{
    struct bs_reader r = BS_READER(BS_SPAN(block, HEAD_SIZE));
    struct bs_span magic;
    uint32_t version;
    return bs_read_bytes(&r, MAGIC_SIZE, &magic) && memcmp(magic.data, MAGIC, MAGIC_SIZE) == 0 &&
           bs_read_be32(&r, &version) && version == VERSION && bs_read_be32(&r, ret_size) && *ret_size <= SLOT_MAX;
}

/* All that counts is in the first bytes, so in one sector: a cut leaves the old head or the new one. */
static enum bs_err put_head(int fd, size_t index, size_t size)
{
    uint8_t block[RAW_BLOCK] = MAGIC;
    block[MAGIC_SIZE + 3] = VERSION;
    for (size_t i = 0; i < 4; i++)
        block[MAGIC_SIZE + 4 + i] = (uint8_t)(size >> (24 - 8 * i));
    enum bs_err err = write_at(fd, offset_of(index), block, sizeof(block));
    return err == BS_OK ? settle(fd) : err;
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

enum bs_err raw_read(int fd, size_t index, struct bs_buf *out)
{
    uint8_t block[RAW_BLOCK], *tail;
    uint32_t size;
    enum bs_err err = read_at(fd, offset_of(index), block, sizeof(block));
    if (err != BS_OK)
        return err;
    if (!take_head(block, &size))
        return is_zero(block, sizeof(block)) ? BS_ERR_NOT_FOUND : BS_ERR_INPUT;
    if (size == 0)
        return BS_ERR_NOT_FOUND;
    err = bs_buf_reserve(out, size, &tail);
    if (err == BS_OK)
        err = read_at(fd, offset_of(index) + RAW_BLOCK, tail, size);
    if (err == BS_OK)
        bs_buf_grown(out, size);
    return err;
}

enum belonging { BLANK, OURS, FOREIGN };

/*
 * Whose device it is. A head of ours in either region says so; else both regions must be empty from end to end, for some file systems
 * leave their first blocks empty.
 */
static enum bs_err belongs(int fd, enum belonging *ret_belonging)
{
    uint8_t block[RAW_BLOCK];
    uint32_t size;
    bool is_blank = true;
    for (off_t at = 0; at < offset_of(VAULT_SLOTS); at += RAW_BLOCK) {
        enum bs_err err = read_at(fd, at, block, sizeof(block));
        if (err != BS_OK)
            return err;
        if (at % RAW_REGION == 0 && take_head(block, &size)) {
            *ret_belonging = OURS;
            return BS_OK;
        }
        is_blank = is_blank && is_zero(block, sizeof(block));
    }
    *ret_belonging = is_blank ? BLANK : FOREIGN;
    return BS_OK;
}

/* INPUT where it is not ours. A blank one gets two empty regions first, so that what a cut leaves is known as ours. */
static enum bs_err make_ours(int fd)
{
    enum belonging belonging;
    enum bs_err err = belongs(fd, &belonging);
    if (err != BS_OK || belonging == OURS)
        return err;
    if (belonging == FOREIGN)
        return BS_ERR_INPUT;
    for (size_t i = 0; err == BS_OK && i < VAULT_SLOTS; i++)
        err = put_head(fd, i, 0);
    return err;
}

enum bs_err raw_write(int fd, size_t index, struct bs_span bytes)
{
    if (bytes.size == 0 || bytes.size > SLOT_MAX)
        return BS_ERR_INPUT;
    enum bs_err err = make_ours(fd);
    if (err == BS_OK)
        err = put_head(fd, index, 0);
    if (err == BS_OK)
        err = write_at(fd, offset_of(index) + RAW_BLOCK, bytes.data, bytes.size);
    if (err == BS_OK)
        err = settle(fd);
    return err == BS_OK ? put_head(fd, index, bytes.size) : err;
}

enum bs_err raw_erase(int fd, size_t index)
{
    const uint8_t zeros[RAW_BLOCK] = { 0 };
    enum belonging belonging;
    enum bs_err err = belongs(fd, &belonging);
    if (err != BS_OK || belonging != OURS)
        return err;
    err = put_head(fd, index, 0);
    for (off_t at = RAW_BLOCK; err == BS_OK && at < RAW_REGION; at += RAW_BLOCK)
        err = write_at(fd, offset_of(index) + at, zeros, RAW_BLOCK);
    return err == BS_OK ? settle(fd) : err;
}
