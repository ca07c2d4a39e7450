/* A machine, linked in place of agent/device and agent/wait.c: nothing is looked for, nobody waits. */
#pragma once

#include "agent/device/device.h"

struct fake_device {
    enum bs_err find;      /* what device_find_tpm answers */
    enum bs_err partition; /* what device_find_partition answers ... */
    const char *node;      /* ... and the node */
    const char *eventlog;  /* what the log holds; NULL: there is none */
    size_t eventlog_size;
    unsigned waits;
    int64_t waited_ms;
    int64_t wait_ms;     /* the last wait_before_retry had this to go by */
    unsigned stop_after; /* so many waits, then somebody sends SIGTERM; 0: nobody */
};
extern struct fake_device fake_device;
void fake_device_new(void);
