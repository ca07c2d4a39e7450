/* The logs of a boot on their way through server/verify_log*.c: read, replayed, held against the quoted values. */
#pragma once

#include "core/userlog.h"
#include "server/evidence.h"

/* PCRs 0 to 7 are those that firmware extends before anything of ours runs (PFP 1.06 §3.3.4). */
#define VERIFY_FIRMWARE_PCRS 8

/* One extend that either log tells of, the firmware's first. */
struct verify_step {
    uint32_t pcr;
    struct bs_span digest; /* of the bank; size 0: none */
    bool is_userspace;
    size_t index; /* in its log */
};

/* What the walk over both logs sees besides the values that they lead to; known by digest, whatever type and data claim. */
struct verify_marks {
    uint8_t cap[CRYPTO_HASH_MAX];
    uint8_t zeros[CRYPTO_HASH_MAX], ones[CRYPTO_HASH_MAX], failed[CRYPTO_HASH_MAX]; /* separators */
    bool is_capped;
    unsigned separators[VERIFY_FIRMWARE_PCRS];
    const char *fault;             /* of the first separator that may not be, `fault_step`; NULL: none */
    struct verify_step fault_step; /* its digest is there no longer than the walk */
};

struct verify_logs {
    bool has_firmware;
    struct eventlog firmware;
    bool has_userspace;
    struct userlog userspace;
    bool is_left_out;              /* the device noted that userspace's log was too large to be sent */
    struct eventlog_replay replay; /* of both, the firmware's first */
    struct verify_marks marks;
};

/* The digests that are looked for, then each step in turn. */
enum bs_err verify_marks_begin(uint16_t bank, struct verify_marks *ret_marks) BS_MUST_USE;
void verify_mark(const struct config *config, const struct message_pcrs *pcrs, const struct verify_step *step,
                 struct verify_marks *marks);

/* The checks, in their order; no configuration switches one off but measure.boot the second. */
enum bs_err verify_uncapped(const struct config *config, const struct message_pcrs *pcrs,
                            const struct verify_logs *logs, struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_measured(const struct config *config, const struct message_pcrs *pcrs,
                            struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_values(const struct message_pcrs *pcrs, const struct verify_logs *logs,
                          struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_separators(const struct message_pcrs *pcrs, const struct verify_logs *logs,
                              struct refusal *refusal) BS_MUST_USE;
