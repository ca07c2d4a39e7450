/*
 * A proxy in front of a TPM's socket: it counts, records the bus, and goes wrong as told. Several connections at a time,
 * command by command, as a kernel's resource manager would take them (but it manages nothing). It speaks to the TPM only
 * while somebody is connected to it.
 */
#pragma once

#include "core/buf.h"

#include <stdbool.h>

/* What goes wrong, at the command with this code (0: any). */
enum lab_fault {
    LAB_NONE,
    LAB_EXTEND,  /* PCR `value`, or 10 as by IMA, is extended right before it */
    LAB_CODE,    /* the TPM does not get it; the answer is `value` as response code */
    LAB_DROP,    /* the TPM does not get it, and there is no answer */
    LAB_SILENCE, /* the TPM gets it; no answer */
    LAB_DELAY,   /* the answer comes `value` milliseconds late */
    LAB_HANGUP,  /* the TPM gets it; the connection is closed */
    LAB_CUT,     /* `value` bytes of the answer, then the connection is closed */
    LAB_GARBAGE, /* the answer is `value` bytes of nonsense; the line stays open */
    LAB_RAW,     /* the answer is `value` bytes of noise, then the connection is closed */
    LAB_NOISE,   /* the answer is a good header and `value` bytes of noise */
    LAB_FLIP,    /* one bit of the last byte but `value` is another */
    LAB_REPLAY,  /* the TPM does not get it; the answer is that of the same command on the tape */
    LAB_NO_ECC,  /* a command that would make an ECC key is answered as by a TPM that has none */
    LAB_FAULTS
};

struct proxy;

/* NULL when it cannot listen there. The TPM at `upstream` need not be there yet. */
struct proxy *proxy_start(const char *listen, const char *upstream);
void proxy_stop(struct proxy *proxy); /* NULL allowed */

/* For `times` commands of that code (0: any), the first `after` of them spared. */
struct proxy_fault {
    enum lab_fault kind;
    uint32_t command, value;
    unsigned after, times;
};
void proxy_fault(struct proxy *proxy, const struct proxy_fault *fault);
void proxy_seed(struct proxy *proxy, uint64_t seed); /* of the noise that follows */

/* Nobody's command is under way between these two. */
void proxy_lock(struct proxy *proxy);
void proxy_unlock(struct proxy *proxy);

/* What was recorded since proxy_record(): each command and its response, as they were on the bus. */
void proxy_record(struct proxy *proxy);
void proxy_keep_tape(struct proxy *proxy); /* what was recorded is what LAB_REPLAY answers with */
void proxy_copy_bus(struct proxy *proxy, struct bs_buf *ret_bus);
unsigned proxy_commands(struct proxy *proxy, uint32_t code); /* of that code; 0: all */

/* Takes a message (command or response) off the front of what was recorded; false at the end. */
bool proxy_take_message(struct bs_span *bus, struct bs_span *ret_message);
uint32_t proxy_code(struct bs_span message);
