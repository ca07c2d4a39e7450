/* A boot as a table of events, for tests to add to, to take from, to retype and to bend; and texts of policies. */
#pragma once

#include "unit/server/policy_scene.h"

#define LOG_EVENTS_MAX 80

struct log_event {
    const char *label; /* to find it by */
    uint32_t pcr;
    uint32_t type;
    uint8_t digest[CRYPTO_SHA256_SIZE];
    struct bs_span data;
};

struct log_table {
    struct log_event events[LOG_EVENTS_MAX];
    size_t count;
    uint8_t arena[64 * 1024]; /* what the data point at */
    size_t used;
};

/* The digest is that of the data. */
void log_measured(struct log_table *log, const char *label, uint32_t pcr, uint32_t type, struct bs_span data);
/* The digest is all `fill`: that of something that is not in the log. */
void log_filled(struct log_table *log, const char *label, uint32_t pcr, uint32_t type, uint8_t fill);
/* The digest is that of other bytes. */
void log_claimed(struct log_table *log, const char *label, uint32_t pcr, uint32_t type, struct bs_span measured,
                 struct bs_span data);

/* UEFI_VARIABLE_DATA; the GUID is that of db's and dbx's for these names, shim's for MokList and Shim, else the global one. */
struct bs_span log_variable(struct log_table *log, const char *name, struct bs_span value);
/* EFI_SIGNATURE_LISTs, one for each certificate; and EFI_SIGNATURE_DATA with one. */
struct bs_span log_lists(struct log_table *log, const struct bs_span *certs, size_t count);
struct bs_span log_entry(struct log_table *log, struct bs_span cert);
/* UTF-16LE with its zero. */
struct bs_span log_wide(struct log_table *log, const char *text);

/* The same events, with data of its own. */
void log_copy(const struct log_table *from, struct log_table *to);

struct log_event *log_find(struct log_table *log, const char *label);
void log_remove(struct log_table *log, const char *label);
/* Moves the last event before or behind another one. */
void log_move_before(struct log_table *log, const char *label);
void log_move_behind(struct log_table *log, const char *label);

/* As a log, with the PCRs that it leads to. */
void log_boot(const struct log_table *log, struct scene_boot *boot);

/* "sha256:..." of an event, in memory that is good for the next 32 calls. */
const char *log_digest(struct log_table *log, const char *label);

/* A policy in memory that is good until the next call: its PCRs in `events`, all others that are quoted ignored, and the rules. */
const char *log_policy(const struct scene_boot *boot, uint32_t events, const char *rules, ...)
    __attribute__((format(printf, 3, 4)));

/* tests/vectors/cert: DER, subject and fingerprint in hex. */
struct log_cert {
    struct bs_buf der;
    char subject[256];
    char fingerprint[65];
};
void log_cert_read(const char *file, struct log_cert *ret_cert);

/*
 * A boot by shim and a UKI under Secure Boot. Labels: version, blob, sep0 ... sep7, SecureBoot, PK, KEK, db, dbx, order, call, authority,
 * shim, uki, linux.name, linux, cmdline.name, cmdline, options, initrd. The command line is "ro quiet".
 */
#define LOG_COMMAND_LINE "ro quiet"
void log_base(struct log_table *log, const struct log_cert *db, const struct log_cert *kek);
