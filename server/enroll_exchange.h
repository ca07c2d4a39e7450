/*
 * One request on its way, shared by enroll.c, which decides, and enroll_answer.c, which says it, and nobody else.
 */
#pragma once

#include "server/enroll.h"
#include "server/verdict.h"

/* What is counted and logged about an answer when it goes out. */
struct news {
    enum message_kind kind; /* approved, pending, refused, wipe of a device; confirmed */
    const char *reason;     /* static text */
    uint8_t device[WIRE_ID_SIZE];
    uint64_t serial; /* of the bundle */
    char text[EVIDENCE_TEXT_SIZE];
};

/* An answer that is written, and waits until its change is durable. */
struct held_answer {
    struct store_ticket ticket;
    struct server *server;
    struct news news;
};

struct enroll_session {
    struct enroll_peer peer;
    bool has_statement;         /* one a connection, whatever became of it */
    struct evidence *evidence;  /* verified, while its challenge is not answered */
    struct bs_secret *secret;   /* what the TPM must give back */
    struct limit_purse purse;   /* while there is evidence */
    struct held_answer *answer; /* for the next change: NULL unless peer.may_hold */
    bool is_held;               /* it is in use */
    uint8_t
        issued_to[WIRE_ID_SIZE]; /* what was issued on this connection, and may be confirmed on it; serial 0: nothing */
    uint64_t issued_serial;
    bool is_wipe; /* what was issued is an order to forget, to be confirmed with this key */
    uint8_t wipe_key[CRYPTO_SHA256_SIZE];
};

/* One request on its way. */
struct exchange {
    struct server *server;
    struct enroll_session *session;
    struct bs_buf *answer;
    struct enroll_result *result;
};

void enroll_write(struct exchange *x, struct message_answer *answer);
/* The device is told to come back. */
void enroll_answer_busy(struct exchange *x);
/* The same, for trouble of our own: the operator is told what happened. */
void enroll_answer_trouble(struct exchange *x, const char *what, enum bs_err err);
/* For those who have proven nothing: a line in the log and a row that names nobody, now and then, and no other trace. */
void enroll_answer_stranger(struct exchange *x, const struct refusal *refusal);
void enroll_answer_reason(struct exchange *x, const char *reason, const char *text);
void enroll_answer_verdict(struct exchange *x, const struct evidence *evidence, const struct verdict *verdict);

/* The ticket for the next change on this connection; *ret_ticket is NULL when its answers cannot be held. */
enum bs_err enroll_ticket(struct exchange *x, struct store_ticket **ret_ticket) BS_MUST_USE;
/* The answer that was written waits for the ticket. */
void enroll_hold(struct exchange *x, const struct news *news);
