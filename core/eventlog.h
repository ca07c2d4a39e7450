/*
 * The firmware's event log: TCG PC Client Platform Firmware Profile (PFP) 1.06 §10, crypto-agile, and the old SHA-1
 * format (§10.2.1). It is read in place: nothing is allocated, every length is checked against what is left.
 *
 * Nothing in a log is authentic but what a quote confirms, and a quote confirms digests only: pcr, the digests, their
 * order. The event type is never measured, and the data only where the digest is that of the data.
 */
#pragma once

#include "core/buf.h"
#include "core/crypto.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define EVENTLOG_SIZE_MAX (1024 * 1024)
#define EVENTLOG_EVENTS_MAX 8192
#define EVENTLOG_BANKS_MAX 8
#define EVENTLOG_PCRS 24

enum eventlog_format { EVENTLOG_SHA1, EVENTLOG_CRYPTO_AGILE };

/* Event types that are spoken of here; PFP §10.4.1, all of them in eventlog_type_name(). */
enum {
    EVENTLOG_POST_CODE = 0x1,
    EVENTLOG_NO_ACTION = 0x3,
    EVENTLOG_SEPARATOR = 0x4,
    EVENTLOG_ACTION = 0x5,
    EVENTLOG_EVENT_TAG = 0x6,
    EVENTLOG_CRTM_CONTENTS = 0x7,
    EVENTLOG_CRTM_VERSION = 0x8,
    EVENTLOG_PLATFORM_CONFIG_FLAGS = 0xa,
    EVENTLOG_IPL = 0xd,
    EVENTLOG_NONHOST_INFO = 0x11,
    EVENTLOG_POST_CODE2 = 0x13,
    EVENTLOG_TXT_PCR_MAPPING = 0x401,   /* Intel TXT Software Development Guide, appendix F; of PCR 255 */
    EVENTLOG_TXT_SLAUNCH_START = 0x503, /* Linux' Secure Launch marks where its own events begin and end */
    EVENTLOG_TXT_SLAUNCH_END = 0x504,
    EVENTLOG_VARIABLE_DRIVER_CONFIG = 0x80000001,
    EVENTLOG_VARIABLE_BOOT = 0x80000002,
    EVENTLOG_BOOT_APPLICATION = 0x80000003,
    EVENTLOG_BOOT_DRIVER = 0x80000004,
    EVENTLOG_RUNTIME_DRIVER = 0x80000005,
    EVENTLOG_GPT = 0x80000006,
    EVENTLOG_EFI_ACTION = 0x80000007,
    EVENTLOG_FIRMWARE_BLOB = 0x80000008,
    EVENTLOG_HANDOFF_TABLES = 0x80000009,
    EVENTLOG_FIRMWARE_BLOB2 = 0x8000000a,
    EVENTLOG_HANDOFF_TABLES2 = 0x8000000b,
    EVENTLOG_VARIABLE_BOOT2 = 0x8000000c,
    EVENTLOG_GPT2 = 0x8000000d,
    EVENTLOG_HCRTM = 0x80000010,
    EVENTLOG_VARIABLE_AUTHORITY = 0x800000e0,
    EVENTLOG_SPDM_FIRMWARE_BLOB = 0x800000e1,
    EVENTLOG_SPDM_FIRMWARE_CONFIG = 0x800000e2,
    EVENTLOG_SPDM_DEVICE_POLICY = 0x800000e3,
    EVENTLOG_SPDM_DEVICE_AUTHORITY = 0x800000e4,
};

struct eventlog_bank {
    uint16_t alg; /* TPM_ALG_ID; perhaps of a hash that core/eventlog_hash.h does not know */
    uint16_t size;
};

/* A log that was read to its end and found whole. It points into the caller's bytes. */
struct eventlog {
    struct bs_span bytes; /* without padding */
    enum eventlog_format format;
    struct eventlog_bank banks[EVENTLOG_BANKS_MAX];
    size_t bank_count;
    size_t event_count;
    uint8_t locality; /* of TPM2_Startup, from the StartupLocality event: what PCR 0 begins with */
};

/* What kind of file it is that was refused, so that each can get a sentence of its own. */
enum eventlog_fault_kind {
    EVENTLOG_FAULT_MALFORMED, /* a log, but event `event` cannot be read */
    EVENTLOG_FAULT_NO_LOG,    /* nothing that looks like one */
    EVENTLOG_FAULT_EMPTY,
    EVENTLOG_FAULT_TOO_LARGE,   /* more bytes or events than are read */
    EVENTLOG_FAULT_CCEL,        /* of a confidential virtual machine: it extends RTMRs and no PCRs */
    EVENTLOG_FAULT_BIG_ENDIAN,  /* as Open Firmware makes it for a TPM 1.2 */
    EVENTLOG_FAULT_FOREIGN_FORM /* coreboot's own table, a userspace log, a dump of tpm2_eventlog: `what` names it */
};

/* Why a log was refused, for one sentence: "event 12 at byte 843: ...". */
struct eventlog_fault {
    enum eventlog_fault_kind kind;
    const char *what; /* a clause without its stop, static */
    size_t event;
    size_t offset;
};

/*
 * Checks every event. INPUT when this is no event log, or one with a fault; *ret_fault (if not NULL) then says which.
 * After the last event zeros and 0xff, as firmware leaves them, are allowed and nothing else. The SHA-1 format of a TPM 1.2
 * is a good log, too: whether it may come from a device is not for here.
 */
enum bs_err eventlog_open(struct bs_span bytes, struct eventlog *ret_log, struct eventlog_fault *ret_fault) BS_MUST_USE;

/* As eventlog_open(), but knows nothing of other files: no CCEL, BIG_ENDIAN, FOREIGN_FORM. For who only asks whether it is a log. */
enum bs_err eventlog_open_plain(struct bs_span bytes, struct eventlog *ret_log,
                                struct eventlog_fault *ret_fault) BS_MUST_USE;

struct eventlog_digest {
    uint16_t alg;
    struct bs_span value;
};

struct eventlog_event {
    size_t index; /* from 0; the header of a crypto-agile log is event 0 */
    uint32_t pcr; /* below EVENTLOG_PCRS; anything in an EV_NO_ACTION event */
    uint32_t type;
    struct eventlog_digest digests[EVENTLOG_BANKS_MAX];
    size_t digest_count;
    struct bs_span data;
};

struct eventlog_cursor {
    const struct eventlog *log;
    struct bs_reader reader;
    size_t index;
};

/* for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);) */
struct eventlog_cursor eventlog_first(const struct eventlog *log);
bool eventlog_next(struct eventlog_cursor *cursor, struct eventlog_event *ret_event);

/* The event's digest for a bank; size 0 when it has none. */
struct bs_span eventlog_digest(const struct eventlog_event *event, uint16_t alg);

/* True for what extended its PCR: everything but EV_NO_ACTION (PFP §10.4.5), and the marks in the log of a dynamic launch. */
bool eventlog_extends(const struct eventlog_event *event);

bool eventlog_has_bank(const struct eventlog *log, uint16_t alg);

/* value = H(value ‖ digest), as TPM2_PCR_Extend does it (TPM 2.0 Library Part 3 §22.2). INPUT for a digest of another size. */
enum bs_err eventlog_extend(uint16_t alg, struct bs_span digest, uint8_t value[CRYPTO_HASH_MAX]) BS_MUST_USE;

/* Whether a PCR has what TPM2_Startup leaves: ones in 17 to 22, which a dynamic launch sets to zeros, and zeros in the others (PFP 1.06
 * §3.3.4, table 1). */
bool eventlog_is_reset(uint32_t pcr, struct bs_span value);

struct eventlog_replay {
    uint16_t alg;
    size_t size;   /* of a value */
    uint32_t mask; /* PCRs that an event extended; of all others nothing is known */
    uint8_t values[EVENTLOG_PCRS][CRYPTO_HASH_MAX];
};

/* The state after TPM2_Startup at this locality, before any event. NOT_FOUND when the hash cannot be computed (core/eventlog_hash.h). */
enum bs_err eventlog_replay_begin(uint16_t alg, uint8_t locality, struct eventlog_replay *ret_replay) BS_MUST_USE;

/* One extend (TPM 2.0 Library Part 1 §17.2). INPUT when there is no such PCR, or the digest is of another size. */
enum bs_err eventlog_replay_extend(struct eventlog_replay *replay, uint32_t pcr, struct bs_span digest) BS_MUST_USE;

/*
 * What the PCRs of one bank hold after these events. PCR 0 begins with the startup locality, the others with zeros
 * (17 to 22 too, as after a dynamic launch). NOT_FOUND when the log has no such bank or its hash cannot be computed,
 * INPUT when an event lacks the digest.
 */
enum bs_err eventlog_replay(const struct eventlog *log, uint16_t alg, struct eventlog_replay *ret_replay) BS_MUST_USE;

/*
 * What a TPM quotes of a PCR in a boot of nothing but these events: where there is none, what TPM2_Startup leaves, ones in 17 to 22 and zeros
 * in the others (PFP 1.06 §3.3.4, table 1). Writes replay->size bytes.
 */
void eventlog_replay_quoted(const struct eventlog_replay *replay, uint32_t pcr, uint8_t ret_value[CRYPTO_HASH_MAX]);

/* Are an event's data what was measured? */
enum eventlog_measured {
    EVENTLOG_DATA_NOT_MEASURED, /* a claim: the digest is one of something else (image, file, table), or nobody can tell */
    EVENTLOG_DATA_MEASURED,     /* the digest is that of the data, in the form that the event's type prescribes */
    EVENTLOG_DATA_WRONG         /* it should be, and is not: the data were changed, or the firmware is wrong */
};

/*
 * Compares an event's digest of the bank with its data. *ret_bytes (if not NULL) are, where they were measured, the bytes of the
 * data that the digest covers: of an EV_EFI_VARIABLE_BOOT perhaps the variable's contents without its name, of GRUB's
 * EV_IPL the text behind "grub_cmd: ". What stands outside of them is a claim. So is the event's type, which nothing
 * authenticates; it only chooses how to compare, so that who decides by measured bytes must not let a type say what they mean:
 * the PCR has to, and the form of the bytes.
 */
enum eventlog_measured eventlog_measured(const struct eventlog_event *event, uint16_t alg, struct bs_span *ret_bytes);

/* "EV_SEPARATOR", NULL when unknown. */
const char *eventlog_type_name(uint32_t type);

/* What the event is in a few words for a person, without control characters; appends. Says only what the data claim. */
#define EVENTLOG_DESCRIPTION_MAX 512
enum bs_err eventlog_describe(const struct eventlog_event *event, struct bs_buf *out) BS_MUST_USE;
