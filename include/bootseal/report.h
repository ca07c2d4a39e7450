/*
 * Names in /run/bootseal/report.json and in kv log lines. Stable: programs match them.
 * The report holds no secret; it is written before the real root starts.
 */
#pragma once

/* Names of the states of the flow, as in docs/design.md. */
#define BS_STATE_DISCOVER "discover"
#define BS_STATE_OPEN "open"
#define BS_STATE_CONNECT "connect"
#define BS_STATE_IDENTIFY "identify"
#define BS_STATE_ATTEST "attest"
#define BS_STATE_RECEIVE "receive"
#define BS_STATE_SEAL "seal"
#define BS_STATE_CAP "cap"
#define BS_STATE_HANDOVER "handover"
#define BS_STATE_DONE "done"
#define BS_STATE_FAILED "failed"

/* Top-level keys of the report. */
#define BS_REPORT_VERSION "version"      /* number: version of this format, 1 */
#define BS_REPORT_RESULT "result"        /* "done" or "failed" */
#define BS_REPORT_SOURCE "source"        /* "vault", "server" or "none" */
#define BS_REPORT_REASON "reason"        /* what failed: name of an error, or the server's reason */
#define BS_REPORT_MESSAGE "message"      /* the sentence for a person */
#define BS_REPORT_DEVICE "device"        /* hex SHA-256 of the EK's SubjectPublicKeyInfo */
#define BS_REPORT_SERIAL "bundle_serial" /* number */
#define BS_REPORT_CAPPED "capped"        /* true once the cap was read back */
#define BS_REPORT_NOTES "notes"          /* array of names, as in the statement */
#define BS_REPORT_STEPS "steps"          /* array of {state, ms, error, tpm_commands, sent, received, round_trips} */
#define BS_REPORT_TOTAL_MS "total_ms"
#define BS_REPORT_TPM_COMMANDS "tpm_commands"
#define BS_REPORT_ROUND_TRIPS "round_trips"
#define BS_REPORT_SENT "bytes_sent"
#define BS_REPORT_RECEIVED "bytes_received"

/* Notes that a statement and a report may carry. */
#define BS_NOTE_VAULT_TAMPERED "vault-tampered"         /* a slot opened, but its bundle is not the server's */
#define BS_NOTE_VAULT_CORRUPT "vault-corrupt"           /* a slot is damaged */
#define BS_NOTE_VAULT_BOOT_CHANGED "vault-boot-changed" /* the slots are sealed to another boot */
#define BS_NOTE_VAULT_FORGOTTEN "vault-forgotten"       /* a forget that was cut off was gone on with */
#define BS_NOTE_TPM_ANSWER_CHANGED "tpm-answer-changed" /* what the TPM answered is not what arrived */
#define BS_NOTE_CLOCK_UNKNOWN "clock-unknown"           /* the clock was below the floor */
#define BS_NOTE_LOCKOUT "tpm-lockout"                   /* the TPM is in dictionary-attack lockout */
#define BS_NOTE_UNAUTHENTICATED_ROOT "unauthenticated-root"
#define BS_NOTE_USERSPACE_LOG_TOO_LARGE "userspace-log-too-large" /* so it was not sent */
#define BS_NOTE_COMMAND_LINE_TOO_LARGE "command-line-too-large"
