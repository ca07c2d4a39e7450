#include "agent/wait.h"
#include "fakes/fake_device.h"

#include <signal.h>

void wait_for(struct boot *boot, int64_t ms)
{
    (void)boot;
    fake_device.waits++;
    fake_device.waited_ms += ms;
    if (fake_device.stop_after && fake_device.waits == fake_device.stop_after)
        (void)raise(SIGTERM);
}

int64_t wait_before_retry(const struct boot_waiting *waiting)
{
    fake_device.wait_ms = waiting->told_ms;
    return waiting->told_ms ? waiting->told_ms : 1;
}
