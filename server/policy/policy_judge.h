/*
 * The judge: whether a boot is one that a policy (policy_file.h) approves, and if not, what an operator needs to know about it. Pure: what
 * it looks at is in its arguments, so that bootsealctl policy check says offline what the server says.
 */
#pragma once

#include "core/crypto.h"
#include "core/eventlog.h"
#include "server/policy/policy_file.h"

#define POLICY_PCRS 24
#define POLICY_NO_PCR POLICY_PCRS

/* A boot, or a reference. Spans and pointers are the caller's. */
struct policy_boot {
    uint16_t bank;
    uint32_t mask;                          /* PCRs that are quoted */
    const uint8_t (*pcrs)[CRYPTO_HASH_MAX]; /* POLICY_PCRS of them, by number */
    struct bs_span firmware_log;
    struct bs_span userspace_log;
    struct bs_span command_line; /* as the device claims it */
};

struct policy_subject {
    struct policy_boot boot;
    uint32_t cap_pcr;             /* POLICY_NO_PCR: no cap */
    const char *tpm_manufacturer; /* of the EK certificate, "id:49465800"; empty: there is none */
    uint64_t tpm_firmware;        /* as quoted */
};

struct policy_reference {
    const char *name; /* may be empty */
    uint64_t id;
    struct policy_boot boot;
};

/* Living references of the profile. What a row is given is valid until it returns; an error of it ends the walk and is returned. */
typedef enum bs_err (*policy_reference_fn)(void *context, const struct policy_reference *reference);
struct policy_references {
    void *context;
    /* Calls `row` for the one of this name; NOT_FOUND when there is none. */
    enum bs_err (*find)(void *context, const char *name, policy_reference_fn row, void *row_context);
    enum bs_err (*each)(void *context, policy_reference_fn row, void *row_context);
};

#define POLICY_WORDS_SIZE 256
#define POLICY_FOUND_SIZE 400
#define POLICY_ADVICE_SIZE 400

/* What is wrong: the first thing, in the order of the rules. Texts have no control characters and stay short. */
struct policy_verdict {
    bool is_good;
    char rule[64]; /* its path in the file: "applications", "command_line.required", "pcrs.events" */
    bool has_pcr;
    uint32_t pcr;
    bool has_event;
    bool is_userspace;             /* the event is one of the userspace log */
    size_t event;                  /* its number in its log */
    uint32_t type;                 /* what it calls itself; see eventlog_type_name() */
    char words[POLICY_WORDS_SIZE]; /* what it is; empty without an event */
    char text[POLICY_WORDS_SIZE];  /* what is wrong, a clause: "no rule names this boot application" */
    char found[POLICY_FOUND_SIZE];
    char expected[POLICY_FOUND_SIZE];
    bool has_nearest; /* of the references, by events in the PCRs that the policy looks at */
    uint64_t nearest;
    char nearest_name[65];
    char advice[POLICY_ADVICE_SIZE]; /* a sentence: what an operator can do */
};

/* Anything but BS_OK is trouble of our own (NOMEM, or what the callbacks answer); evidence that is wrong makes a verdict. */
enum bs_err policy_judge_boot(const struct policy_file *policy, const struct policy_subject *subject,
                              const struct policy_references *references,
                              struct policy_verdict *ret_verdict) BS_MUST_USE;
