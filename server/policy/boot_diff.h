/*
 * How two boots differ: the events that were added, removed and changed in each PCR, aligned by their digests. The order of events of
 * different PCRs is proven by nothing, so each PCR is a list of its own. What an event is called is what the log claims; it is for people, and
 * decides nothing.
 */
#pragma once

#include "server/policy/align.h"
#include "server/policy/policy_judge.h"

#define BOOT_DIFF_PCR_ROWS_MAX 8 /* so that what differs all over hides nothing in the next PCR */
#define BOOT_DIFF_ROWS_MAX (POLICY_PCRS * BOOT_DIFF_PCR_ROWS_MAX)
#define BOOT_DIFF_TEXT 240
#define BOOT_DIFF_DIGEST 144

struct boot_diff_event {
    bool is_there;
    bool is_userspace; /* its number is that in the userspace log */
    size_t index;
    uint32_t type;                 /* of the firmware's log; 0 in the userspace log */
    char digest[BOOT_DIFF_DIGEST]; /* "sha256:HEX", whole: what was measured */
    char words[BOOT_DIFF_TEXT];    /* what the log says that it is: "grub_cmd: ...", without control characters */
};

/* Without any event on either side the PCR's values differ and no log says why: both digests are the values, or "not quoted". */
struct boot_diff_row {
    enum align_change change;
    uint32_t pcr;
    struct boot_diff_event found;
    struct boot_diff_event expected;
};

struct boot_diff {
    struct boot_diff_row *rows; /* by PCR, and in the order of its events */
    size_t count;
    size_t total; /* also those beyond BOOT_DIFF_PCR_ROWS_MAX */
    /* "with init=/bin/sh, without quiet": words of the command lines as both devices claim them; empty: no difference, or not known. */
    char command_line[BOOT_DIFF_TEXT];
};
void boot_diff_free(struct boot_diff *diff);

/*
 * Compares the PCRs of `mask`. A log that cannot be read has no events. Two boots of different banks have no row, for nothing of them can
 * be laid side by side. NOMEM alone can fail.
 */
enum bs_err boot_diff(const struct policy_boot *found, const struct policy_boot *expected, uint32_t mask,
                      struct boot_diff *ret_diff) BS_MUST_USE;
