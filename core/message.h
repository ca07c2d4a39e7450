/*
 * The messages of the protocol as structs, with encoder and decoder for each (docs/bootseal.cddl). Decoded spans point into the
 * input, which must outlive them. Decoders refuse unknown keys, missing required ones, wrong types, and everything
 * over its limit, with BS_ERR_PROTOCOL; what they accept has no other encoding. Encoders append to `out`, and refuse with
 * BS_ERR_INPUT what the decoder would. An empty span, a number 0 and a count 0 mean that an optional member is absent.
 */
#pragma once

#include "bootseal/protocol.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/generated.h"

#include <stdbool.h>

#define MESSAGE_CERTS_MAX 6
#define MESSAGE_NOTES_MAX 8
#define MESSAGE_FINDINGS_MAX 8
#define MESSAGE_PCRS 24

enum message_channel { MESSAGE_CHANNEL_TLS_EXPORTER, MESSAGE_CHANNEL_CHALLENGE, MESSAGE_CHANNEL_NONE };

/* A key of the TPM with the AK's TPM2_Certify of it: TPMT_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE. */
struct message_certified {
    struct bs_span public_area;
    struct bs_span attest;
    struct bs_span signature;
};

struct message_pcrs {
    uint16_t bank;                       /* TPM_ALG_ID */
    uint32_t mask;                       /* bit n: PCR n */
    struct bs_span values[MESSAGE_PCRS]; /* by PCR number; empty where the mask has no bit */
};

/* Text facts about the machine; each may be empty. At most 128 bytes. */
struct message_facts {
    struct bs_span serial;
    struct bs_span product;
    struct bs_span firmware; /* version of the firmware, as DMI or the device tree says it */
    struct bs_span kernel;   /* uname release */
    struct bs_span agent;    /* version of bootseal */
};

struct message_statement {
    enum message_channel channel_kind;
    struct bs_span channel;                     /* 32 bytes; empty where the kind is "none" */
    struct bs_span server_cert_sha256;          /* 32 bytes: hash of the server's certificate (DER) as seen */
    struct bs_span ek_public;                   /* TPMT_PUBLIC */
    struct bs_span ek_certs[MESSAGE_CERTS_MAX]; /* DER, leaf first, then whatever chain the TPM holds; may be none */
    size_t ek_cert_count;
    struct bs_span ak_public;            /* TPMT_PUBLIC */
    struct message_certified device_key; /* qualifyingData = labelled(BS_LABEL_CERTIFY_DEVICE, channel) */
    struct bs_span device_csr;           /* DER PKCS#10, signed by the device key */
    struct message_certified srk;        /* qualifyingData = labelled(BS_LABEL_CERTIFY_SRK, channel) */
    struct message_pcrs pcrs;
    struct bs_span firmware_log_sha256; /* of the log beside the statement, 32 bytes; empty where there is none */
    struct message_facts facts;
    struct bs_span counter_public; /* TPMS_NV_PUBLIC */
    uint64_t counter_value;
    struct bs_span token;                    /* empty: none; text */
    uint64_t held_serial;                    /* serial of the bundle the device holds, 0: none */
    uint64_t device_time;                    /* seconds since 1970 by the device's clock, informative */
    struct bs_span notes[MESSAGE_NOTES_MAX]; /* BS_NOTE_* */
    size_t note_count;
    struct generated_public keys[BS_GENERATED_MAX]; /* that the device holds */
    size_t key_count;
    uint64_t shares[BS_SHARES_MAX]; /* serials of the recovery shares that would open what did not open */
    size_t share_count;
    struct bs_span userspace_log_sha256; /* the same of userspace's */
    struct bs_span command_line;         /* of the kernel, without its newline; a claim as the facts are */
};

enum bs_err message_statement_encode(const struct message_statement *s, struct bs_buf *out) BS_MUST_USE;
enum bs_err message_statement_decode(struct bs_span in, struct message_statement *ret_s) BS_MUST_USE;

/*
 * POST /v1/attest. The statement stays the bytes as received: they are what is hashed. The logs are the largest part of a request; they
 * lie beside it, and their hashes in it, so that one hash of each serves for the quote and for what an operator approves.
 */
struct message_attest {
    struct bs_span statement;
    struct bs_span quote;         /* TPMS_ATTEST */
    struct bs_span signature;     /* TPMT_SIGNATURE */
    struct bs_span firmware_log;  /* as found; empty where there is none */
    struct bs_span userspace_log; /* what userspace measured, as found; empty where there is none */
};

enum bs_err message_attest_encode(const struct message_attest *m, struct bs_buf *out) BS_MUST_USE;
enum bs_err message_attest_decode(struct bs_span in, struct message_attest *ret_m) BS_MUST_USE;

/* POST /v1/prove: HMAC-SHA-256(activation secret, BS_LABEL_PROVE ‖ 0 ‖ channel ‖ SHA-256(statement)). */
struct message_prove {
    struct bs_span mac; /* 32 bytes */
};

enum bs_err message_prove_encode(const struct message_prove *m, struct bs_buf *out) BS_MUST_USE;
enum bs_err message_prove_decode(struct bs_span in, struct message_prove *ret_m) BS_MUST_USE;
/* The MAC itself, for both sides. */
enum bs_err message_prove_mac(struct bs_span activation_secret, struct bs_span channel, struct bs_span statement,
                              uint8_t ret_mac[32]) BS_MUST_USE;

/*
 * POST /v1/confirm: HMAC-SHA-256(confirm key, channel ‖ device ‖ serial as 8 bytes big endian), and where there are keys ‖ SHA-256 of
 * their encoding: each the length of its name in one byte, name, kind in one byte, generation in 8 bytes, length of the public half in
 * one byte, public half.
 */
struct message_confirm {
    struct bs_span device; /* 32 bytes */
    uint64_t serial;
    struct bs_span mac;                             /* 32 bytes */
    struct generated_public keys[BS_GENERATED_MAX]; /* that are in the vault now */
    size_t key_count;
};

enum bs_err message_confirm_encode(const struct message_confirm *m, struct bs_buf *out) BS_MUST_USE;
enum bs_err message_confirm_decode(struct bs_span in, struct message_confirm *ret_m) BS_MUST_USE;
/* Over everything but `m->mac`. */
enum bs_err message_confirm_mac(struct bs_span confirm_key, struct bs_span channel, const struct message_confirm *m,
                                uint8_t ret_mac[32]) BS_MUST_USE;

/* A generated_public as messages carry it; for their tables (core/shape.h). */
struct shape;
extern const struct shape message_generated_shape;

/* Answers to attest, prove and confirm. */
enum message_kind {
    MESSAGE_PROVE = 1,     /* answer the challenge on this connection */
    MESSAGE_APPROVED = 2,  /* here is the bundle */
    MESSAGE_PENDING = 3,   /* an operator has not decided */
    MESSAGE_REFUSED = 4,   /* no */
    MESSAGE_CONFIRMED = 5, /* noted */
    MESSAGE_BUSY = 6,      /* come back in retry_after seconds */
    MESSAGE_WIPE = 7,      /* no, and forget what you have */
};

/* One thing that was found wrong with a boot; every field but the text may be absent. */
struct message_finding {
    bool has_pcr;
    uint32_t pcr;
    bool has_event;
    uint32_t event;          /* number of the event in the log as sent, from 0 */
    struct bs_span text;     /* a sentence, at most 512 bytes */
    struct bs_span found;    /* what it is, for a person; may be empty */
    struct bs_span expected; /* what it should be; may be empty */
};

struct message_answer {
    enum message_kind kind;
    uint64_t time;                   /* server's seconds since 1970 */
    struct bs_span id_object;        /* prove, approved, wipe: TPM2B_ID_OBJECT */
    struct bs_span encrypted_secret; /* prove, approved, wipe: TPM2B_ENCRYPTED_SECRET */
    struct bs_span bundle;           /* approved: COSE_Encrypt0 */
    uint32_t retry_after;            /* pending, busy: seconds, 1 to BS_RETRY_MAX */
    struct bs_span reason;           /* pending, refused, wipe: stable name, e.g. "unknown-device" */
    struct bs_span text;             /* pending, refused, wipe: a sentence for the console */
    struct bs_span device;           /* the same after the proof: device id, 32 bytes; else empty */
    struct message_finding findings[MESSAGE_FINDINGS_MAX]; /* pending, refused */
    size_t finding_count;
    struct bs_span order; /* wipe: COSE_Sign1, see core/wipe.h */
};

enum bs_err message_answer_encode(const struct message_answer *m, struct bs_buf *out) BS_MUST_USE;
enum bs_err message_answer_decode(struct bs_span in, struct message_answer *ret_m) BS_MUST_USE;

/* qualifyingData of the quote: labelled(BS_LABEL_QUOTE, SHA-256(statement)). */
enum bs_err message_quote_data(struct bs_span statement, uint8_t ret_data[32]) BS_MUST_USE;

/*
 * Text that others wrote, as messages take it: at most `max` bytes of it, cut between characters, with '?' for control
 * characters and for what is not UTF-8. `room` holds `max` bytes; the result points into it.
 */
struct bs_span message_text_clean(struct bs_span text, uint8_t *room, size_t max);
