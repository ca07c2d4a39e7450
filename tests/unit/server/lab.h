/* A server in a folder of its own, a TPM vendor that it trusts, and devices that talk to it without a network. */
#pragma once

#include "unit/unit.h"

#include "bootseal/reason.h"
#include "core/bundle.h"
#include "fakes/softtpm.h"
#include "server/enroll.h"
#include "server/operator/operator.h"

struct lab {
    char *dir;
    struct softtpm_vendor vendor;
    struct server *server;
    struct operator_call call;
    bool may_hold; /* of connections that are opened from here on: see talk_settle() */
};

/* cmocka setup and teardown; the state is the lab. One profile, "sensor", is applied; it has no reference. */
int lab_setup(void **state);
int lab_teardown(void **state);
#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

/* Closes the server and opens it again: what is not durable is gone. */
void lab_restart(struct lab *lab);

/* The server's clock, seconds from now. */
void lab_set_clock(int64_t ahead);

/* Logs that differ in one event of PCR 9 ("kernel command line"), or that have one more event in PCR 4. */
void lab_log(struct bs_buf *log, const char *cmdline, bool has_extra);

/* A device of the vendor, booted with lab_log("good"). */
void lab_device(struct lab *lab, struct softtpm *ret_tpm);
/* One that was approved, with its boot as reference. */
void lab_approved_device(struct lab *lab, struct softtpm *ret_tpm);
const char *lab_id(const struct softtpm *tpm); /* hex; valid for a few calls */

/* A connection, with what was sent and answered on it last. */
struct talk {
    struct lab *lab;
    struct enroll_session *session;
    uint8_t channel[32];
    uint8_t server_cert[32];
    struct bs_buf body, statement, bytes;
    struct enroll_result result;
    struct message_answer answer;
    uint8_t secret[32]; /* of the last credential */
};
void talk_open(struct lab *lab, struct talk *ret_talk);
void talk_close(struct talk *talk);
#define TALK(name, lab)                                    \
    __attribute__((cleanup(talk_close))) struct talk name; \
    talk_open(lab, &name)

/* Single requests; the answer is decoded. */
void talk_attest(struct talk *talk, struct softtpm *tpm, const struct softtpm_request *request);
void talk_prove(struct talk *talk, struct softtpm *tpm);
void talk_confirm(struct talk *talk, struct softtpm *tpm, uint64_t serial);
void talk_send_attest(struct talk *talk);  /* talk->body as it stands */
void talk_send_confirm(struct talk *talk); /* likewise */
/* The end of a turn of the loop: what was held is settled, and the answer decoded again. */
void talk_settle(struct talk *talk);

/* The whole of it: attest, and prove when asked. */
void talk_enroll(struct talk *talk, struct softtpm *tpm, const struct softtpm_request *request);

/* Opens the bundle of an approved answer; it points into `plain`. */
void talk_bundle(struct talk *talk, struct softtpm *tpm, struct bs_secret **ret_plain, struct bundle *ret_bundle);
struct bs_span lab_item(const struct bundle *bundle, const char *name);

void assert_kind(const struct talk *talk, enum message_kind kind);
void assert_reason(const struct talk *talk, enum message_kind kind, const char *reason);

/* Rows of the store, and what an operator would notice. */
bool lab_has_device(struct lab *lab, const struct softtpm *tpm, struct store_device *ret_device);
/* Of the audit log, but for those that strangers left: these name nobody. */
uint64_t lab_audit_rows(struct lab *lab);
/* A refusal for this reason is written down, of whomever it was. */
bool lab_has_row(struct lab *lab, const char *reason);
void lab_approve(struct lab *lab, const struct softtpm *tpm, bool learn);
void lab_token(struct lab *lab, uint32_t uses, char ret_text[OPERATOR_TOKEN_SIZE]);
