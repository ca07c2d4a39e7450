/* The events of a boot as a diff needs them: those of one PCR at a time, firmware's and userspace's, with digest, likeness and words. */
#pragma once

#include "core/userlog.h"
#include "server/policy/boot_diff.h"

/* A record of the userspace log: its digest does not outlive the walk through the log. */
struct boot_record {
    size_t index;
    uint8_t digest[CRYPTO_HASH_MAX];
    size_t digest_size;
    char words[BOOT_DIFF_TEXT];
};

struct boot_event {
    bool is_userspace;
    struct eventlog_event firmware;
    const struct boot_record *record;
};

struct boot_events {
    const struct policy_boot *boot;
    struct eventlog log; /* event_count 0: there is none, or none that can be read */
    struct userlog userspace;
    struct boot_record *records;
    struct boot_event *events; /* of the PCR of now; digests go with them */
    struct bs_span *digests;
    size_t count;
};

/* NOMEM alone can fail; boot_events_free() is then due as well. `boot` has to live on. */
enum bs_err boot_events_open(struct boot_events *events, const struct policy_boot *boot) BS_MUST_USE;
void boot_events_free(struct boot_events *events);

bool boot_events_are_known(const struct boot_events *events);
void boot_events_turn_to(struct boot_events *events, uint32_t pcr);

/* Whether two events whose digests differ are the same thing, changed: a variable by its name, a section of an image by its own. */
bool boot_event_is_like(const struct boot_event *a, const struct boot_event *b);

void boot_events_describe(const struct boot_events *events, size_t at, struct boot_diff_event *ret_event);

/* "sha256:HEX" */
void boot_events_digest(uint16_t bank, struct bs_span digest, char ret_text[BOOT_DIFF_DIGEST]);

/* Cut, and without control characters. */
void boot_events_clean(struct bs_span text, char ret_text[BOOT_DIFF_TEXT]);
