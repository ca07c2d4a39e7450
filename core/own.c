#include "core/own.h"

#include <errno.h>
#include <unistd.h>

void bs_own_release_fd(int *fd)
{
    if (*fd < 0)
        return;

    /* A scope is left after the error was met: errno must still tell of that one. */
    int saved = errno;
    close(*fd);
    errno = saved;
    *fd = -1;
}
