#include "agent/wait.h"

#include "agent/signals.h"

#include <poll.h>

#define SLICE_MS 1000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 60000

void wait_for(struct boot *boot, int64_t ms)
{
    struct bs_deadline until = bs_deadline_earlier(bs_deadline_in(ms), boot->deadline);
    while (!bs_deadline_passed(until) && !signals_stop_requested()) {
        device_watchdog_feed(*boot->config->boot.watchdog ? boot->config->boot.watchdog : NULL);
        int left = bs_deadline_left_ms(until);
        (void)poll(NULL, 0, left < SLICE_MS ? left : SLICE_MS);
    }
}

int64_t wait_before_retry(const struct boot_waiting *waiting)
{
    if (waiting->told_ms > 0)
        return waiting->told_ms + bs_jitter_ms(waiting->told_ms / 4);

    int64_t bound = BACKOFF_FIRST_MS;
    for (unsigned i = 0; i < waiting->failures && bound < BACKOFF_MOST_MS; i++)
        bound *= 2;
    return bs_jitter_ms(bound < BACKOFF_MOST_MS ? bound : BACKOFF_MOST_MS);
}
