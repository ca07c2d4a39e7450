/* The logs of a boot on their way through server/verify_log*.c: read, replayed, held against the quoted values. */
#pragma once

#include "core/userlog.h"
#include "server/evidence.h"

struct verify_logs {
    bool has_firmware;
    struct eventlog firmware;
    bool has_userspace;
    struct userlog userspace;
    bool is_left_out;              /* the device noted that userspace's log was too large to be sent */
    struct eventlog_replay replay; /* of both, the firmware's first */
};

/* Everything that either log says was extended, in that order. A cursor is 4 KiB. */
struct verify_step {
    uint32_t pcr;
    struct bs_span digest; /* of the bank; size 0: none */
    bool is_userspace;
    size_t index; /* in its log */
};
struct verify_cursor {
    const struct verify_logs *logs;
    uint16_t bank;
    struct eventlog_cursor firmware;
    struct userlog_cursor userspace;
    struct eventlog_event event;
    struct userlog_record record;
};
struct verify_cursor verify_steps(const struct verify_logs *logs, uint16_t bank);
bool verify_next(struct verify_cursor *cursor, struct verify_step *ret_step);

/* The checks, in their order; no configuration switches one off but measure.boot the second. */
enum bs_err verify_uncapped(const struct config *config, const struct message_pcrs *pcrs,
                            const struct verify_logs *logs, struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_measured(const struct config *config, const struct message_pcrs *pcrs,
                            struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_values(const struct message_pcrs *pcrs, const struct verify_logs *logs,
                          struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_separators(const struct message_pcrs *pcrs, const struct verify_logs *logs,
                              struct refusal *refusal) BS_MUST_USE;
