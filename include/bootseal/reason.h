/*
 * Why the server does not approve: stable names in the answers `pending` and `refused`, in the audit log and in the agent's
 * report. Programs match them; the sentence beside them is for people and may change. docs/protocol.md says in which order
 * the checks are made, so that of several faults always the same one is named. Names never say more to a device that has
 * not proven itself than what its own request already says.
 */
#pragma once

/* The request itself. */
#define BS_REASON_MALFORMED "malformed"             /* not a message of this protocol: syntax, limits, keys */
#define BS_REASON_VERSION "version"                 /* a protocol version that this server does not speak */
#define BS_REASON_OUT_OF_ORDER "out-of-order"       /* prove without attest, or a second statement on one connection */
#define BS_REASON_BAD_CHANNEL "bad-channel"         /* not bound to this connection, or of another kind */
#define BS_REASON_BAD_SERVER_CERT "bad-server-cert" /* the device saw another certificate: who stands between? */

/* The TPM: is there one, and whose is it? */
#define BS_REASON_EK_TEMPLATE "ek-template"         /* the EK is of none of the TCG's default templates */
#define BS_REASON_EK_NO_CERT "ek-no-cert"           /* no EK certificate, and the device was not registered by its EK */
#define BS_REASON_EK_CERT "ek-cert"                 /* cannot be read, or is no EK's: the EKU is missing */
#define BS_REASON_EK_UNTRUSTED "ek-untrusted"       /* the EK certificate does not lead to a known TPM vendor */
#define BS_REASON_EK_KEY_MISMATCH "ek-key-mismatch" /* the EK certificate is for another key */

/* The keys of the device. */
#define BS_REASON_AK_ATTRIBUTES "ak-attributes"                 /* not restricted, not fixed to its TPM, or not P-256 */
#define BS_REASON_DEVICE_KEY_ATTRIBUTES "device-key-attributes" /* not a signing key made by and fixed to its TPM */
#define BS_REASON_SRK_ATTRIBUTES "srk-attributes"               /* not the TCG storage root key for P-256 */
#define BS_REASON_CERTIFY_MISMATCH "certify-mismatch"     /* the AK did not certify this key for this connection */
#define BS_REASON_CSR_MISMATCH "csr-mismatch"             /* not signed by the device key, or for another one */
#define BS_REASON_COUNTER_ATTRIBUTES "counter-attributes" /* not a counter with exactly these attributes */

/* The quote. */
#define BS_REASON_QUOTE_SIGNATURE "quote-signature" /* not signed by the AK, or by another scheme */
#define BS_REASON_QUOTE_MAGIC "quote-magic"         /* not made by a TPM: TPM_GENERATED_VALUE is missing */
#define BS_REASON_QUOTE_TYPE "quote-type"           /* an attestation of something else than PCRs */
#define BS_REASON_QUOTE_NONCE "quote-nonce"         /* not about this statement */
#define BS_REASON_QUOTE_SELECTION "quote-selection" /* not exactly the demanded PCRs of the demanded bank */
#define BS_REASON_QUOTE_DIGEST "quote-digest"       /* the PCR values of the statement are not the quoted ones */

/* The boot: what the PCRs and the log say. */
#define BS_REASON_LOG_HASH "log-hash"           /* a log is not the one whose hash stands in the statement */
#define BS_REASON_CAPPED "capped"               /* this boot is over: reboot to provision */
#define BS_REASON_UNMEASURED "unmeasured"       /* firmware PCRs at their reset value: nobody measured this boot */
#define BS_REASON_LOG_MISSING "log-missing"     /* PCRs were extended and there is no log that says by what */
#define BS_REASON_LOG_MALFORMED "log-malformed" /* the event log cannot be read */
#define BS_REASON_LOG_MISMATCH "log-mismatch"   /* the event log does not lead to the quoted PCR values */
#define BS_REASON_LOG_TOO_LARGE "log-too-large" /* a log is over its limit, or was left out for that */
#define BS_REASON_LOG_KIND "log-kind"           /* another log than that of this bank: CCEL, TPM 1.2's, ... */
#define BS_REASON_LOG_SEPARATOR "log-separator" /* a PCR of the firmware has not exactly one separator */
#define BS_REASON_NO_REFERENCE "no-reference"   /* pending: the profile knows no good boot yet */
#define BS_REASON_BOOT_NOT_APPROVED "boot-not-approved" /* this boot equals no reference; findings name PCR and event */

/* The device: who is it, and may it? Said only after the proof. */
#define BS_REASON_PROOF_FAILED "proof-failed"     /* the activation secret did not come back: no such TPM is there */
#define BS_REASON_UNKNOWN_DEVICE "unknown-device" /* pending: nobody registered or approved this device */
#define BS_REASON_AWAITING_OPERATOR "awaiting-operator" /* pending: known, but an operator has to decide */
#define BS_REASON_NO_PROFILE "no-profile"               /* pending: approved, but nobody said what it gets */
#define BS_REASON_BLOCKED "blocked"                     /* an operator refused or revoked this device */
#define BS_REASON_WIPED "wiped"                         /* an operator ordered this device to forget */
#define BS_REASON_TOKEN_INVALID "token-invalid"         /* unknown, expired, used up or another's; never said which */
#define BS_REASON_PAIR_MISMATCH "pair-mismatch"         /* the AK is proven for another EK */
#define BS_REASON_RESET_COUNT "reset-count"             /* the TPM counts fewer resets than in the last proven quote */
#define BS_REASON_KEY_REUSED "key-reused"               /* the device key is already enrolled for another device */
#define BS_REASON_KEYS_LOST "keys-lost"       /* keys that the device made are gone, and no share brings them back */
#define BS_REASON_SHARE_LOCKED "share-locked" /* pending: an operator has to decrypt the recovery share */

/* Confirm. */
#define BS_REASON_CONFIRM_UNKNOWN "confirm-unknown" /* no such bundle was issued on this connection */
#define BS_REASON_CONFIRM_MAC "confirm-mac"         /* the MAC is not made with the bundle's key */

/* Busy. */
#define BS_REASON_OVERLOADED "overloaded" /* audit log only: the answer `busy` names no reason */
