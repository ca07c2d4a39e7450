/*
 * One TCTI for every TPM that the agent meets: a character device and swtpm's data socket both take a plain command and
 * give a plain response (TCG TSS 2.0 TCTI specification), so a file descriptor and poll(2) are enough. It counts what
 * is sent, bounds every command by a deadline, and sends again what the TPM asks to have sent again.
 *
 * Why not tss2-tcti-device and -swtpm: the first has no O_EXCL, the second needs swtpm's control channel; neither knows
 * a deadline below ESYS's one-call functions (those wait for ever), and together they are larger than this file.
 */
#pragma once

#include "core/err.h"
#include "core/own.h"

#include <stdbool.h>
#include <stdint.h>
#include <tss2/tss2_tcti.h>

struct tcti;

/*
 * `device` is an absolute path or "swtpm:path=SOCKET". NO_TPM when there is nothing of that name, BUSY when somebody
 * else holds it, CONFIG when it is neither of the two.
 */
enum bs_err tcti_open(const char *device, bool exclusive, int64_t timeout_ms, struct tcti **ret_tcti) BS_MUST_USE;
void tcti_close(struct tcti *tcti); /* NULL allowed */
BS_DEFINE_OWN(tcti, struct tcti, tcti_close)

TSS2_TCTI_CONTEXT *tcti_context(struct tcti *tcti);

/* Commands sent over this connection, those sent again included. */
unsigned tcti_sent(const struct tcti *tcti);

/* A command got no answer in time. Nothing more can be sent: the answer may still come. */
bool tcti_timed_out(const struct tcti *tcti);

/* The connection is of no use any more; timed out, closed by the other side, or it sent what is no response. */
bool tcti_is_broken(const struct tcti *tcti);
