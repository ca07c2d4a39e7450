#include "agent/device/device.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int watchdog_fd = -1;

void device_watchdog_feed(const char *path)
{
    static bool is_refused;

    if (path == NULL || path[0] == '\0' || is_refused)
        return;
    if (watchdog_fd < 0)
        watchdog_fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (watchdog_fd >= 0 && write(watchdog_fd, "\0", 1) == 1)
        return;
    /* Said once: a board whose watchdog cannot be fed resets, and the next boot's log should hold the reason. */
    bs_warning("watchdog", "cannot feed %s: %s", path, strerror(errno));
    is_refused = true;
}

void device_watchdog_close(void)
{
    if (watchdog_fd < 0)
        return;
    /* The magic close character (Linux watchdog API): disarm, the real root takes over. */
    if (write(watchdog_fd, "V", 1) != 1)
        bs_debug("watchdog", "the watchdog stays armed: %s", strerror(errno));
    (void)close(watchdog_fd);
    watchdog_fd = -1;
}
