#include "agent/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static volatile sig_atomic_t is_stop_requested;

static void on_stop(int number)
{
    (void)number;
    is_stop_requested = 1;
}

void signals_setup(void)
{
    /* Without SA_RESTART, so that a wait ends. */
    const struct sigaction stop = { .sa_handler = on_stop };
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);

    const struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

bool signals_stop_requested(void)
{
    return is_stop_requested != 0;
}
