/*
 * What the rules (rule_*.c) share with the judge: the events, who took them, and what was found wrong. Nobody else includes it but those who
 * learn (learn.h) and check_taken.c, which asks what is known before any log is read.
 */
#pragma once

#include "core/userlog.h"
#include "server/policy/policy_judge.h"

#define JUDGE_BIT(pcr) (UINT32_C(1) << (pcr))

/* In their order: what is wrong with the first of them is what the verdict says. */
enum judge_rule {
    JUDGE_PCRS,
    JUDGE_LOG,
    JUDGE_BUILT_IN,
    JUDGE_SECURE_BOOT,
    JUDGE_SIGNERS,
    JUDGE_VARIABLES,
    JUDGE_APPLICATIONS,
    JUDGE_SECTIONS,
    JUDGE_COMMAND_LINE,
    JUDGE_INITRD,
    JUDGE_MEASURED,
    JUDGE_FIRMWARE,
    JUDGE_VALUES,
    JUDGE_TPM,
    JUDGE_RULES
};

/* An event of a PCR in `events`. Its type, data and claims are the device's words; pcr, digest and order are the TPM's. */
struct judge_event {
    struct eventlog_event event;
    struct bs_span digest; /* of the boot's bank */
    bool is_userspace;
    bool is_of_data; /* the digest is that of the data, all of them: so the data are the TPM's words, too */
    bool is_before;  /* the separator of its PCR, which has one */
    bool is_taken;
    enum judge_rule taken_by;
};

/* Digests that are known before any log is read. */
enum judge_known {
    JUDGE_ZEROS, /* separators */
    JUDGE_ONES,
    JUDGE_CALLING, /* sentences: see judge_built_in.c */
    JUDGE_RETURNING,
    JUDGE_INT_19,
    JUDGE_EXIT,
    JUDGE_EXIT_FAILED,
    JUDGE_EXIT_DONE,
    JUDGE_PHASE,
    JUDGE_SECURE_BOOT_OFF, /* see rule_secure_boot.c */
    JUDGE_SECURE_BOOT_IS_ON,
    JUDGE_SECURE_BOOT_UNSET,
    JUDGE_KNOWN
};

struct judge_record {
    uint8_t digest[CRYPTO_HASH_MAX];
    uint8_t text[USERLOG_TEXT_MAX];
};

struct judge {
    const struct policy_file *policy;
    const struct policy_subject *subject;
    const struct policy_references *references;
    uint16_t bank;
    size_t size; /* of a digest */
    uint8_t known[JUDGE_KNOWN][CRYPTO_HASH_MAX];
    struct eventlog log;
    struct eventlog_replay replay;
    struct userlog userlog;
    bool has_phase;               /* PCR 11 was extended by "enter-initrd", which no log tells */
    struct judge_record *records; /* what the events of the userspace log point at */
    size_t record_count;
    struct judge_event *events; /* in the order of the logs */
    size_t count;
    struct policy_verdict *faults[JUDGE_RULES]; /* what is wrong, by rule; NULL: nothing */
    enum bs_err err;                            /* trouble of our own */
};

/*
 * for (struct judge_event *e = NULL; (e = judge_next(judge, e, pcr));) Of the firmware's log alone: what was started, and how, only that one
 * tells. A running system can extend each of these PCRs by whatever it likes.
 */
struct judge_event *judge_next(struct judge *judge, struct judge_event *previous, uint32_t pcr);
/* Of both logs. */
struct judge_event *judge_next_any(struct judge *judge, struct judge_event *previous, uint32_t pcr);

void judge_take(struct judge_event *event, enum judge_rule rule);

/* One of the digests that are known before any log is read. */
bool judge_is_known(const struct judge *judge, struct bs_span digest, enum judge_known known);

/* The digest is that of these bytes. */
bool judge_is_digest_of(const struct judge *judge, struct bs_span digest, struct bs_span bytes);

/*
 * Where to say what is wrong with a rule; NULL when that was said already, and only the first counts. `path`: in the file, with a format.
 */
struct policy_verdict *judge_fault(struct judge *judge, enum judge_rule rule, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* Names the event: PCR, number, type, words, and its digest as what was found. */
void judge_name_event(struct judge *judge, struct policy_verdict *fault, const struct judge_event *event);

/* What an event is, with its digest; for `found` and `expected`. */
void judge_describe(uint16_t bank, const struct eventlog_event *event, char *ret_text, size_t size);

#define JUDGE_SAY(member, ...) judge_say((member), sizeof(member), __VA_ARGS__)
/* Without control characters; what does not fit ends with "...". */
void judge_say(char *ret_text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* All of a list of struct policy_range: "manufacturer IFX, firmware from 7.85.0.0; or ...", as many as there is room for. */
void judge_say_ranges(const struct conf_list *ranges, const char *who, const char *what, char *ret_text, size_t size);

/* judge_log.c: selection, log and values; fills `events`. False when it makes no sense to go on. */
bool judge_read(struct judge *judge);

/* The boot has no log of userspace, and its PCR 11 "enter-initrd" behind what the firmware's leads to (phase.h). */
bool judge_is_in_initrd(const struct policy_boot *boot, const struct eventlog_replay *replay);

/* judge_built_in.c: what needs no rule. First the digests of it, and of the variable SecureBoot. */
enum bs_err judge_know(struct judge *judge) BS_MUST_USE;
/* Takes it. Also of a reference: whether an event says nothing about what was booted. */
void judge_built_in(struct judge *judge);
bool judge_is_built_in(const struct judge *judge, uint32_t pcr, struct bs_span digest);

/* The rules: each takes its events and says what it misses. */
void rule_secure_boot(struct judge *judge);
/* What the variable SecureBoot is measured as: 0 off, 1 on, 2 not set. */
struct bs_span rule_secure_boot_write(uint8_t value, uint8_t bytes[53]);
/* Is the event, by its digest, the variable SecureBoot? 0 off, 1 on, 2 not set. */
bool rule_secure_boot_read(const struct judge *judge, const struct judge_event *event, uint8_t *ret_value);
void rule_signers(struct judge *judge);
void rule_variables(struct judge *judge);
void rule_applications(struct judge *judge);
void rule_sections(struct judge *judge);
void rule_command_line(struct judge *judge);
void rule_initrd(struct judge *judge);
void rule_measured(struct judge *judge);
void rule_firmware(struct judge *judge);
void rule_values(struct judge *judge);
void rule_tpm(struct judge *judge);

/* release.c: takes the events of one of the releases that the policy names. */
void rule_release(struct judge *judge);

/* judge_left.c: events that nobody took. Which rule would have been the one, and the sentence for it. */
enum judge_rule judge_rule_of(const struct judge *judge, const struct judge_event *event);
void judge_say_left(struct judge *judge, const struct judge_event *event);

/* nearest.c: names the reference that is nearest. */
enum bs_err judge_nearest(struct judge *judge, struct policy_verdict *verdict) BS_MUST_USE;
