/*
 * A boot's logs as files: the firmware's, the userspace's, or both, one behind the other; shown and replayed for `bootsealctl eventlog` and
 * `bootseal eventlog`.
 * It tries hard to make something of other people's logs, and says what it made: nothing here decides about a device.
 */
#pragma once

#include "core/userlog.h"

#define BOOTLOG_WHY_MAX 256
#define BOOTLOG_FILE_SIZE_MAX (16u * 1024 * 1024) /* a log and the room that its firmware reserved for it */
#define BOOTLOG_SHOWN_MAX (64u * 1024 * 1024)     /* room for whatever can be said of two logs of the largest size */

struct bootlog {
    bool has_firmware;
    bool has_userspace;
    struct eventlog firmware;
    struct userlog userspace;
};

/*
 * Appends the file at a path that a person typed: links are followed, pipes read, and "-" is the standard input. INPUT with a sentence in
 * *ret_why for one that cannot be read, or is larger than the buffer may be.
 */
enum bs_err bootlog_read(const char *path, struct bs_buf *out, char ret_why[BOOTLOG_WHY_MAX]) BS_MUST_USE;

/*
 * `file` is a firmware's log, as long as may be when all behind the first EVENTLOG_SIZE_MAX bytes is padding, or one of the userspace
 * alone; `userspace` (NULL: none) is what follows a firmware's. Both must outlive the log.
 * INPUT with a sentence in *ret_why.
 */
enum bs_err bootlog_open(struct bs_span file, const struct bs_span *userspace, struct bootlog *ret_log,
                         char ret_why[BOOTLOG_WHY_MAX]) BS_MUST_USE;

/* What somebody should know who reads a replay. */
struct bootlog_missing {
    size_t events;  /* of the firmware's log, that have no digest of the bank: they are taken not to have extended it */
    size_t records; /* the same of the userspace's */
};

/* The banks that occur; at most BOOTLOG_BANKS_MAX, the header's first. */
#define BOOTLOG_BANKS_MAX (EVENTLOG_BANKS_MAX + 4)
size_t bootlog_banks(const struct bootlog *log, uint16_t ret_banks[BOOTLOG_BANKS_MAX]);

/* NOT_FOUND when the log has no such bank, or no event has a digest of it, or its hash is not known here. */
enum bs_err bootlog_replay(const struct bootlog *log, uint16_t alg, struct eventlog_replay *ret_replay,
                           struct bootlog_missing *ret_missing) BS_MUST_USE;

/* sha256 where it can be replayed, else the first bank that can; 0: none. */
uint16_t bootlog_main_bank(const struct bootlog *log);

/* A table of all events with marks, and the PCRs of every bank; or JSON, as in docs/json.md. */
enum bs_err bootlog_show(const struct bootlog *log, struct bs_buf *out) BS_MUST_USE;
enum bs_err bootlog_show_json(const struct bootlog *log, struct bs_buf *out) BS_MUST_USE;

/* "0<TAB>HEX" a line of what the events extended; or {"sha256":{"0":"HEX"}} of `count` banks, null for one that cannot be replayed. */
enum bs_err bootlog_print_replay(const struct eventlog_replay *replay, struct bs_buf *out) BS_MUST_USE;
enum bs_err bootlog_replay_json(const struct bootlog *log, const uint16_t *banks, size_t count,
                                struct bs_buf *out) BS_MUST_USE;
