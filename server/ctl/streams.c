#include "server/ctl/streams.h"

#include "bootseal/exit.h"
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *path, const char *what, const char *why)
{
    (void)fprintf(stderr, "bootsealctl: %s: %s%s\n", path, what, why);
    return BS_EXIT_INPUT;
}

int streams_read(const char *path, struct bs_buf *out)
{
    bool is_input = strcmp(path, "-") == 0;
    BS_OWN_FD int fd = is_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(path, "the file cannot be opened: ", strerror(errno));
    errno = 0;
    enum bs_err err = bs_file_read_fd(fd, out);
    char limit[64];
    snprintf(limit, sizeof(limit), "%zu bytes that may be", out->limit);
    if (err == BS_ERR_INPUT)
        return fail(path, "the file is larger than the ", limit);
    if (err != BS_OK)
        return fail(path, "the file cannot be read: ", errno != 0 ? strerror(errno) : bs_err_name(err));
    return 0;
}

int streams_end(void)
{
    /* Of what went past the buffer, only the mark on the stream still tells that it failed. */
    bool has_failed = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !has_failed)
        return BS_EXIT_DONE;
    (void)fprintf(stderr, "bootsealctl: the output cannot be written: %s\n", strerror(errno));
    return BS_EXIT_LOCAL;
}

int streams_write(struct bs_span bytes)
{
    if (bytes.size > 0)
        (void)fwrite(bytes.data, 1, bytes.size, stdout);
    return streams_end();
}
