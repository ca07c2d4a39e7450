#include "core/bootlog.h"
#include "core/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum bs_err refuse(const char *what, char why[BOOTLOG_WHY_MAX])
{
    snprintf(why, BOOTLOG_WHY_MAX, "%s", what);
    return BS_ERR_INPUT;
}

enum bs_err bootlog_read(const char *path, struct bs_buf *out, char ret_why[BOOTLOG_WHY_MAX])
{
    bool is_input = strcmp(path, "-") == 0;
    BS_OWN_FD int fd = is_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse("the file cannot be opened; is it there, and may you read it?", ret_why);
    enum bs_err err = bs_file_read_fd(fd, out);
    if (err == BS_ERR_INPUT)
        return refuse("the file is larger than any event log that is read here", ret_why);
    return err == BS_OK ? BS_OK : refuse("the file cannot be read; is it a directory?", ret_why);
}
