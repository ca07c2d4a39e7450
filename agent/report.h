/* What happened in this boot and what it cost, for report.json (include/bootseal/report.h) and the last line on the console. No secrets. */
#pragma once

#include "bootseal/report.h"
#include "core/buf.h"
#include "core/err.h"

#include <stdint.h>

#define REPORT_STEPS_MAX 12
#define REPORT_NOTES_MAX 16 /* more than there are names: a boot may have all of them */
#define REPORT_TEXT_MAX 512
#define REPORT_PATH "/run/bootseal/report.json"
#define REPORT_SIZE_MAX (32 * 1024)

/* Sums that only grow: what was used up to now. */
struct report_meter {
    int64_t ms;
    unsigned tpm_commands;
    uint64_t sent;
    uint64_t received;
    unsigned round_trips;
};

/* One state of the flow; a state that was entered several times is one step with the sums. */
struct report_step {
    const char *state;
    unsigned tries;
    enum bs_err err; /* of the last try */
    struct report_meter used;
};

struct report {
    bool is_done;
    const char *source; /* "vault", "server", "none" */
    char reason[64];
    char message[REPORT_TEXT_MAX];
    char device[65]; /* hex, "": not known */
    uint64_t serial; /* of the bundle handed over, 0: none */
    bool is_capped;
    const char *notes[REPORT_NOTES_MAX];
    size_t note_count;
    struct report_step steps[REPORT_STEPS_MAX];
    size_t step_count;
};

void report_begin(struct report *report);

/* Adds the name once; `note` is one of BS_NOTE_*. */
void report_note(struct report *report, const char *note);

/* Why the boot failed: a stable name and the sentence for a person. Replaces what was said before. */
void report_reason(struct report *report, struct bs_span reason, struct bs_span message);

/* Adds what was used between the two readings to the state's step. */
void report_step(struct report *report, const char *state, enum bs_err err, const struct report_meter *before,
                 const struct report_meter *after);

struct report_meter report_total(const struct report *report);

enum bs_err report_encode(const struct report *report, struct bs_buf *out) BS_MUST_USE;

/* Writes REPORT_PATH below `root`. */
enum bs_err report_write(const struct report *report, const char *root) BS_MUST_USE;
