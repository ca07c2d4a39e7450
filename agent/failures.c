#include "agent/failures.h"

#include "core/file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT_MAX 1000000
#define TEXT_MAX 16
#define ACTION_FOLDER "/run/bootseal"

uint64_t failures_read(const char *dir)
{
    BS_OWN_FD int dir_fd = -1;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(TEXT_MAX);
    if (bs_dir_open(dir, &dir_fd) != BS_OK || bs_file_read_at(dir_fd, FAILURES_NAME, &text) != BS_OK)
        return 0;

    char digits[TEXT_MAX + 1] = "";
    size_t length = text.size > 0 && text.data[text.size - 1] == '\n' ? text.size - 1 : text.size;
    memcpy(digits, text.data, length);
    uint64_t count;
    return bs_parse_u64(digits, COUNT_MAX, &count) == BS_OK ? count : 0;
}

enum bs_err failures_add(const char *dir, uint64_t *ret_count)
{
    uint64_t count = failures_read(dir);
    if (count < COUNT_MAX)
        count++;
    *ret_count = count;

    char text[TEXT_MAX + 1];
    int length = snprintf(text, sizeof(text), "%" PRIu64 "\n", count);
    assert(length > 0 && (size_t)length < sizeof(text));
    BS_OWN_FD int dir_fd = -1;
    enum bs_err err = bs_dir_make(dir, 0700);
    if (err == BS_OK)
        err = bs_dir_open(dir, &dir_fd);
    if (err == BS_OK)
        err = bs_file_write_at(dir_fd, FAILURES_NAME, BS_SPAN(text, (size_t)length), NULL);
    return err;
}

enum bs_err failures_forget(const char *dir)
{
    BS_OWN_FD int dir_fd = -1;
    enum bs_err err = bs_dir_open(dir, &dir_fd);
    if (err == BS_ERR_NOT_FOUND)
        return BS_OK;
    if (err != BS_OK)
        return err;
    if (unlinkat(dir_fd, FAILURES_NAME, 0) != 0)
        return errno == ENOENT ? BS_OK : BS_ERR_IO;
    return fsync(dir_fd) == 0 ? BS_OK : BS_ERR_IO;
}

enum bs_err failures_action(const char *root, const char *word)
{
    BS_OWN(string) folder = NULL;
    BS_OWN(string) path = NULL;
    enum bs_err err = bs_path_under(root, ACTION_FOLDER, &folder);
    if (err == BS_OK)
        err = bs_path_under(root, FAILURES_ACTION_PATH, &path);
    if (err != BS_OK)
        return err;
    if (!word)
        return unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR ? BS_OK : BS_ERR_IO;

    err = bs_dir_make(folder, 0755);
    if (err != BS_OK)
        return err;
    static const struct bs_file_attr readable = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
    char line[16];
    int length = snprintf(line, sizeof(line), "%s\n", word);
    assert(length > 0 && (size_t)length < sizeof(line));
    return bs_file_write(path, BS_SPAN(line, (size_t)length), &readable);
}
