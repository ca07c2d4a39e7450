/* Exit codes of bootseal and bootsealctl: a promise to scripts and to the initramfs integration. */
#pragma once

enum bs_exit {
    BS_EXIT_DONE = 0,       /* everything that was asked for was done */
    BS_EXIT_USAGE = 2,      /* the command line is not understood */
    BS_EXIT_CONFIG = 3,     /* the configuration is missing, wrong or not safe to use */
    BS_EXIT_INPUT = 4,      /* a file or message is not what it should be */
    BS_EXIT_RETRY = 10,     /* not now: unreachable, busy, or an operator has not decided yet */
    BS_EXIT_REFUSED = 20,   /* this device or this boot was judged, and the answer is no */
    BS_EXIT_WIPED = 21,     /* an operator of the server ordered this device to forget, and it did */
    BS_EXIT_UNTRUSTED = 30, /* the other side could not prove who it is, or something was tampered with */
    BS_EXIT_LOCAL = 40,     /* this machine failed: TPM, disk, memory */
    BS_EXIT_KEYS_LOST = 41, /* keys that the device made are lost; an operator says whether it makes new ones */
};
