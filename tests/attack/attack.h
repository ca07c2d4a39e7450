/*
 * The attack suite: evidence with keys of our own, one thing wrong at a time, and the reason for which it must be refused. See
 * README.md. An attack leaves in scene.outcome what it was answered; attack.c compares.
 */
#pragma once

#include "integration/load_client.h"
#include "unit/server/lab.h"

#define ATTACK_LINES 16 /* connections of a race */

struct scene;

#define ATTACK_NO_LINE "the line broke" /* the reason of what ends in TLS */

/* `reason`: BS_REASON_*, or "http-413" for what never becomes a request. */
struct attack {
    const char *name;
    void (*run)(struct scene *s);
    const char *reason;
    int number;             /* which of several that are alike; free for `run` */
    enum message_kind kind; /* 0: refused */
};
#define ATTACK(function, why, ...)                                       \
    {                                                                    \
        .name = #function, .run = function, .reason = why, ##__VA_ARGS__ \
    }

/* An attack that does something to what the request is made of: `member` of softtpm_request.bend, and its parameter. */
#define BEND(name, member, parameter, ...)    \
    static void bend_##name(parameter)        \
    {                                         \
        __VA_ARGS__;                          \
    }                                         \
    static void name(struct scene *s)         \
    {                                         \
        s->request.bend.member = bend_##name; \
        scene_enroll(s, &s->tpm);             \
    }
#define BEND_STATEMENT(name, ...) BEND(name, statement, struct message_statement *st, __VA_ARGS__)
#define BEND_ATTEST(name, member, ...) BEND(name, member, struct softtpm_attest *at, __VA_ARGS__)
#define BEND_BYTES(name, member, ...) BEND(name, member, struct bs_buf *bytes, __VA_ARGS__)

struct attack_family {
    const char *name;
    const struct attack *attacks;
    size_t count;
    bool is_remote;                /* against bootseald over TLS; else in this process */
    void (*good)(struct scene *s); /* what its attacks begin with; NULL: a request of `tpm` */
};
#define ATTACK_FAMILY(title, table, ...)                                      \
    {                                                                         \
        .name = title, .attacks = table, .count = COUNT(table), ##__VA_ARGS__ \
    }
extern const struct attack_family attack_certificates, attack_keys, attack_quote, attack_log, attack_userspace,
    attack_policy, attack_message, attack_sequence, attack_devices, attack_confirmations, attack_lines, attack_framing,
    attack_races;

struct outcome {
    enum message_kind kind; /* 0: no message of ours */
    int status;
    char reason[160];
};

/*
 * What an attack works with: a copy that it may change. `tpm` is approved and has its boot as reference, `other` is another
 * approved device; `fresh` is made by the attack. Buffers inside `tpm` and `other` are the original's: point them elsewhere.
 */
struct scene {
    struct lab *lab;
    const struct load_target *target;
    const struct attack *attack;
    struct softtpm tpm, other, fresh;
    struct softtpm_request request;
    struct talk talk;                       /* in this process */
    struct load_line line;                  /* remote */
    struct bs_buf log;                      /* empty; for logs and certificates that are to be wrong */
    char token[OPERATOR_TOKEN_SIZE];        /* lets any number of devices in */
    char single_token[OPERATOR_TOKEN_SIZE]; /* lets in one */
    struct ca_tls server_keys;
    struct outcome outcome;
};

#define MUST(expression)                                                                                   \
    do {                                                                                                   \
        enum bs_err must_ = (expression);                                                                  \
        if (must_ != BS_OK) {                                                                              \
            (void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #expression, bs_err_name(must_)); \
            exit(70);                                                                                      \
        }                                                                                                  \
    } while (0)

#define ENDORSEMENT BS_SPAN(softtpm_endorsement, 4)
#define OWNER BS_SPAN(softtpm_owner, 4)

/* In this process: attest, then prove, with a wrong secret where the TPM does not give the right one. */
void scene_enroll(struct scene *s, struct softtpm *tpm);
void scene_attest(struct scene *s, struct softtpm *tpm);
void scene_prove(struct scene *s, struct softtpm *tpm);
/* Writes the request into talk.body and talk.statement; to be changed and sent by talk_send_attest(). */
void scene_write(struct scene *s, struct softtpm *tpm);
void scene_send_prove(struct scene *s); /* talk.body as it stands */
void scene_again(struct scene *s);      /* a new connection */
void scene_note(struct scene *s);       /* talk's answer becomes the outcome */
void scene_say(struct scene *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether the outcome is the one that the attack names. */
bool scene_is_refused(const struct scene *s);

/* Another device, booted with the approved log: with a certificate of the trusted vendor, as it is, and then not known yet. */
void scene_newcomer(struct scene *s);

/* Another log for `tpm`, and the PCRs that it leads to, or those that were. The log is a copy. */
void scene_boot(struct scene *s, struct bs_span log);
void scene_show_log(struct scene *s, struct bs_span log);

/* Remote. */
void scene_note_line(struct scene *s, const struct load_line *line, enum bs_err err);
void scene_enroll_line(struct scene *s, struct softtpm *tpm);

/* bootseald in the lab's folder, which no other server may have open. */
struct daemon;
struct daemon *daemon_start(struct lab *lab, uint16_t *ret_port);
void daemon_stop(struct daemon *daemon);
