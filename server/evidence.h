/*
 * One statement on its way through the checks: what was sent, what was made of it, and why it is refused if it is. The checks are in
 * verify_*.c, each with reasons of its own (bootseal/reason.h), made in the order of docs/protocol.md so that of several faults always
 * the same one is named.
 */
#pragma once

#include "bootseal/reason.h"
#include "core/cert.h"
#include "core/eventlog.h"
#include "core/message.h"
#include "core/wire.h"
#include "server/server.h"

#define EVIDENCE_TEXT_SIZE BS_TEXT_MAX
#define EVIDENCE_EXPLANATION_SIZE 3072

struct evidence_finding {
    bool has_pcr;
    uint32_t pcr;
    bool has_event;
    uint32_t event;
    char text[EVIDENCE_TEXT_SIZE];
    char found[160];
    char expected[160];
};

/* Why the answer is not `approved`. */
struct refusal {
    const char *reason; /* BS_REASON_*; NULL: none yet */
    char text[EVIDENCE_TEXT_SIZE];
    char explanation
        [EVIDENCE_EXPLANATION_SIZE]; /* of a boot, at length (policy/explain.h), for the audit log; or empty */
    struct evidence_finding findings[MESSAGE_FINDINGS_MAX];
    size_t finding_count;
    size_t finding_total; /* also those that had no room */
};

/* Fills in reason and sentence; returns BS_ERR_REFUSED, which every check returns when the device is to blame. */
enum bs_err refuse(struct refusal *refusal, const char *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The place of the next finding; the last place is used again when there are too many. */
struct evidence_finding *refusal_finding(struct refusal *refusal);

/* "PCR 9, event 31": where it was found; the finding's own text does not repeat it. */
void refusal_place(const struct evidence_finding *finding, char *ret_text, size_t size);

struct evidence {
    struct bs_buf body; /* as received; the spans below point into it */
    struct message_attest request;
    struct message_statement statement;

    TPMT_PUBLIC ek;
    enum wire_ek ek_kind;
    uint8_t device[WIRE_ID_SIZE];
    bool has_ek_cert;
    bool ek_is_endorsed;    /* its certificate leads to a trusted vendor */
    const char *ek_why_not; /* static text, when it does not */
    char ek_manufacturer[16];
    char ek_model[64];
    char ek_version[16];

    TPMT_PUBLIC ak;
    struct wire_name ak_name;
    struct wire_name ak_qualified; /* as a primary of the endorsement hierarchy */
    struct wire_name srk_name;
    TPMT_PUBLIC device_key;
    struct crypto_point device_point;
    uint8_t device_key_sha256[CRYPTO_SHA256_SIZE]; /* of its SubjectPublicKeyInfo */

    bool is_quoted;       /* the quote holds: what is wrong after it is said by whoever holds this AK */
    uint32_t reset_count; /* from the quote, as are the next */
    uint64_t firmware_version;
    struct store_boot boot;
    uint8_t question[STORE_DIGEST]; /* what an operator approves: EK, AK Name, PCRs, logs, command line */
};

enum bs_err evidence_new(struct evidence **ret_evidence) BS_MUST_USE;
void evidence_free(struct evidence *evidence);
BS_DEFINE_OWN(evidence, struct evidence, evidence_free)

/* The connection that the statement must be bound to. */
struct evidence_channel {
    const uint8_t *channel;            /* 32 bytes */
    const uint8_t *server_cert_sha256; /* 32 bytes */
};

/*
 * Decodes a copy of `body` and makes every check that needs neither the store nor a proof. REFUSED with *refusal, or trouble of our
 * own. What passes was said by somebody who knows public values and holds a key that calls itself an AK: nothing more.
 */
enum bs_err evidence_verify(const struct server *server, const struct evidence_channel *channel, struct bs_span body,
                            struct evidence *evidence, struct refusal *refusal) BS_MUST_USE;

/* The last step of it: makes evidence->question out of the boot. */
enum bs_err evidence_question(struct evidence *evidence) BS_MUST_USE;

/* The single checks, in their order. */
enum bs_err verify_ek(const struct server *server, struct evidence *evidence, struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_keys(struct evidence *evidence, struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_quote(const struct config *config, struct evidence *evidence, struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_log_hashes(const struct evidence *evidence, struct refusal *refusal) BS_MUST_USE;
enum bs_err verify_log(const struct config *config, struct evidence *evidence, struct refusal *refusal) BS_MUST_USE;

/* Qualified Name (TPM 2.0 Library Part 1 §16): nameAlg ‖ H(parent ‖ Name); a hierarchy's is its handle, 4 bytes. */
enum bs_err verify_qualified_name(struct bs_span parent, const struct wire_name *name,
                                  struct wire_name *ret_qualified) BS_MUST_USE;
