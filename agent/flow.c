#include "agent/flow.h"

#include "agent/boot.h"
#include "agent/signals.h"
#include "agent/steps/steps.h"

#include <assert.h>

struct flow_row {
    const char *name;
    enum bs_err (*step)(struct boot *boot);
    enum flow_state next;      /* after success */
    enum flow_state otherwise; /* after a failure */
    enum flow_state again;     /* after "not now", while there is time */
    enum flow_state renewal;   /* after success, when what was opened is due for renewal */
    enum flow_state held;      /* after a failure of a renewal that is no refusal: what was opened still holds */
    enum flow_state off;       /* whatever happened, when bootseal is switched off for this boot */
};

#define NO FLOW_NONE

/* clang-format off */
static const struct flow_row flow_table[FLOW_COUNT] = {
    /*                  name               step           next           otherwise     again         renewal       held      off */
    [FLOW_DISCOVER] = { BS_STATE_DISCOVER, step_discover, FLOW_OPEN,     FLOW_FAILED,  NO,           NO,           NO,       FLOW_CAP },
    [FLOW_OPEN]     = { BS_STATE_OPEN,     step_open,     FLOW_CAP,      FLOW_CONNECT, NO,           FLOW_CONNECT, NO,       NO },
    [FLOW_CONNECT]  = { BS_STATE_CONNECT,  step_connect,  FLOW_IDENTIFY, FLOW_FAILED,  FLOW_CONNECT, NO,           FLOW_CAP, NO },
    [FLOW_IDENTIFY] = { BS_STATE_IDENTIFY, step_identify, FLOW_ATTEST,   FLOW_FAILED,  NO,           NO,           FLOW_CAP, NO },
    [FLOW_ATTEST]   = { BS_STATE_ATTEST,   step_attest,   FLOW_RECEIVE,  FLOW_FAILED,  FLOW_CONNECT, NO,           FLOW_CAP, NO },
    [FLOW_RECEIVE]  = { BS_STATE_RECEIVE,  step_receive,  FLOW_SEAL,     FLOW_FAILED,  NO,           NO,           FLOW_CAP, NO },
    [FLOW_SEAL]     = { BS_STATE_SEAL,     step_seal,     FLOW_CAP,      FLOW_FAILED,  NO,           NO,           FLOW_CAP, NO },
    [FLOW_CAP]      = { BS_STATE_CAP,      step_cap,      FLOW_HANDOVER, FLOW_FAILED,  NO,           NO,           NO,       NO },
    [FLOW_HANDOVER] = { BS_STATE_HANDOVER, step_handover, FLOW_DONE,     FLOW_FAILED,  NO,           NO,           NO,       NO },
    [FLOW_DONE]     = { BS_STATE_DONE,     NULL,          NO,            NO,           NO,           NO,           NO,       NO },
    [FLOW_FAILED]   = { BS_STATE_FAILED,   step_failed,   NO,            NO,           NO,           NO,           NO,       NO },
};
/* clang-format on */
#undef NO

const char *flow_name(enum flow_state state)
{
    assert(state > FLOW_NONE && state < FLOW_COUNT);
    return flow_table[state].name;
}

enum flow_state flow_next(enum flow_state state, enum bs_err err, const struct flow_facts *facts)
{
    const struct flow_row *row = &flow_table[state];
    if (facts->is_stopped && !facts->is_capped && row->otherwise)
        return FLOW_FAILED;
    if (facts->is_off && row->off)
        return row->off;
    if (err == BS_OK)
        return facts->is_renewing && row->renewal ? row->renewal : row->next;
    /* What is at hand outlives a dead network and a sick TPM, but not the server's no: a revoked device learns it here. */
    if (facts->is_renewing && row->held && err != BS_ERR_REFUSED && err != BS_ERR_WIPED)
        return row->held;
    if (bs_err_blame(err) == BS_BLAME_WAIT && row->again && !facts->is_time_up)
        return row->again;
    return row->otherwise;
}

static struct report_meter read_meter(const struct boot *boot)
{
    struct net_totals net = net_totals();
    return (struct report_meter){
        .ms = bs_clock_monotonic_ms(),
        .tpm_commands = boot->tpm ? tpm_command_count(boot->tpm) : 0,
        .sent = net.sent,
        .received = net.received,
        .round_trips = net.round_trips,
    };
}

static enum bs_err run_step(struct boot *boot, const struct flow_row *row)
{
    struct report_meter before = read_meter(boot);
    device_watchdog_feed(*boot->config->boot.watchdog ? boot->config->boot.watchdog : NULL);
    enum bs_err err = row->step(boot);
    struct report_meter after = read_meter(boot);
    report_step(&boot->report, row->name, err, &before, &after);
    bs_debug(row->name, "%s after %lld ms", bs_err_name(err), (long long)(after.ms - before.ms));
    return err;
}

enum bs_err flow_run(struct boot *boot)
{
    enum bs_err why = BS_OK;
    enum flow_state state = FLOW_DISCOVER;
    while (flow_table[state].step) {
        enum bs_err err = run_step(boot, &flow_table[state]);
        struct flow_facts facts = {
            .is_off = boot->is_off,
            .is_renewing = boot->is_renewing,
            .is_time_up = bs_deadline_passed(boot->deadline),
            .is_stopped = signals_stop_requested(),
            .is_capped = boot->is_capped,
        };
        enum flow_state next = flow_next(state, err, &facts);
        if (next == FLOW_FAILED) /* a step that succeeded leads here only when we were told to stop */
            why = err != BS_OK ? err : BS_ERR_TIMEOUT;
        state = next;
    }
    boot->report.is_done = state == FLOW_DONE;
    return why;
}
