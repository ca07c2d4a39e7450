/*
 * The userspace's event log: what systemd extends PCRs with after the firmware, tpm2-measure.log (systemd.io/TPM2_PCR_MEASUREMENTS): JSON
 * texts in the form of the TCG's Canonical Event Log (CEL-JSON 1.0 §5) without "recnum", each behind a record separator (RFC 7464), or
 * just on a line of its own; and whole CEL-JSON, an array, as `systemd-pcrlock cel` writes it. It is read in place.
 *
 * As with the firmware's log, nothing in it is authentic but the digests that a quote confirms, and their order.
 */
#pragma once

#include "core/eventlog.h"

#define USERLOG_SIZE_MAX (64 * 1024)
#define USERLOG_RECORDS_MAX 512
#define USERLOG_TEXT_MAX 2048

/* What a person has in a file may be longer: CEL-JSON of a whole boot has the firmware's event data in it, too. */
#define USERLOG_FILE_SIZE_MAX (4 * 1024 * 1024)
#define USERLOG_FILE_RECORDS_MAX 8192

enum userlog_fault_kind {
    USERLOG_FAULT_MALFORMED,
    USERLOG_FAULT_NO_LOG, /* not even JSON */
    USERLOG_FAULT_TOO_LARGE,
};

/* Why a log was refused: "record 3 at byte 843: ...". */
struct userlog_fault {
    enum userlog_fault_kind kind;
    const char *what;
    size_t record;
    size_t offset;
};

/* A log that was read to its end. It points into the caller's bytes. An empty file is a log without records. */
struct userlog {
    struct bs_span bytes;
    bool is_array;
    size_t record_count;
};

/* INPUT when this is none; *ret_fault (if not NULL) then says why. */
enum bs_err userlog_open(struct bs_span bytes, struct userlog *ret_log, struct userlog_fault *ret_fault) BS_MUST_USE;

/* The same, of a file as long as above. */
enum bs_err userlog_open_file(struct bs_span bytes, struct userlog *ret_log,
                              struct userlog_fault *ret_fault) BS_MUST_USE;

struct userlog_digest {
    uint16_t alg;
    size_t size;
    uint8_t value[CRYPTO_HASH_MAX];
};

struct userlog_record {
    size_t index; /* from 0 */
    bool has_pcr; /* false: it extended an NV index or nothing at all (EV_NO_ACTION) */
    uint32_t pcr; /* below EVENTLOG_PCRS */
    struct userlog_digest digests[EVENTLOG_BANKS_MAX]; /* of hashes that have a name here (core/eventlog_hash.h) */
    size_t digest_count;
    struct bs_span content_type;    /* "systemd", as it stands in the file */
    struct bs_span type;            /* systemd's eventType: "phase", as it stands in the file; empty: not told */
    uint8_t text[USERLOG_TEXT_MAX]; /* systemd's string, UTF-8: "enter-initrd", "machine-id:..." */
    size_t text_size;
    bool has_text; /* false: there is none, or it is longer than that */
    struct bs_span
        event_type; /* of a firmware's event that CEL-JSON repeats, "EV_SEPARATOR" or "4" as it stands in the file */
    struct bs_span event_data; /* hexadecimal, as it stands there */
};

struct userlog_cursor {
    struct bs_reader reader;
    size_t index;
    size_t count;
};

/* for (struct userlog_cursor c = userlog_first(&log); userlog_next(&c, &record);) A record is 3 KiB: keep one. */
struct userlog_cursor userlog_first(const struct userlog *log);
bool userlog_next(struct userlog_cursor *cursor, struct userlog_record *ret_record);

/* The record's digest for a bank; size 0 when it has none. */
struct bs_span userlog_digest(const struct userlog_record *record, uint16_t alg);

/* The record's text, empty without one. */
struct bs_span userlog_text(const struct userlog_record *record);

/* Is the text what was measured? As eventlog_measured(); systemd measures secrets (volume keys) by HMAC: a claim. */
enum eventlog_measured userlog_measured(const struct userlog_record *record, uint16_t alg);

/*
 * Goes on where the firmware's log ended (eventlog_replay(), or eventlog_replay_begin() where there is none). INPUT when a record
 * lacks the digest of the bank; *replay is then half done.
 */
enum bs_err userlog_replay(const struct userlog *log, struct eventlog_replay *replay) BS_MUST_USE;
