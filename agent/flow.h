/* The flow of a boot: which state follows which. docs/design.md draws the same table. */
#pragma once

#include "core/err.h"

#include <stdbool.h>

struct boot;

enum flow_state {
    FLOW_NONE, /* no state: a column that does not apply */
    FLOW_DISCOVER,
    FLOW_OPEN,
    FLOW_CONNECT,
    FLOW_IDENTIFY,
    FLOW_ATTEST,
    FLOW_RECEIVE,
    FLOW_SEAL,
    FLOW_CAP,
    FLOW_HANDOVER,
    FLOW_DONE,
    FLOW_FAILED,
    FLOW_COUNT,
};

/* What the decision depends on besides state and error. */
struct flow_facts {
    bool is_off;      /* bootseal=0 */
    bool is_renewing; /* an opened vault is due for renewal: the old credentials are at hand */
    bool is_time_up;  /* boot.wait has passed */
    bool is_stopped;  /* somebody asks us to end */
    bool is_capped;
};

/* Name of a state as in include/bootseal/report.h. */
const char *flow_name(enum flow_state state);

/* The state after `state` ended with `err`. FLOW_NONE after the last one. */
enum flow_state flow_next(enum flow_state state, enum bs_err err, const struct flow_facts *facts);

/* Runs the flow to its end; every step's cost is in boot->report. BS_OK: done, else why it failed. */
enum bs_err flow_run(struct boot *boot) BS_MUST_USE;
