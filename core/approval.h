/*
 * Approvals: boots in which the vault of one device may open, each signed by the server's policy key as TPM2_PolicyAuthorize wants
 * it (TCG TPM 2.0 Library Part 3 §23.16). They hold nothing secret, and nothing but their signature is to be believed, which the
 * TPM checks: so they may lie anywhere. Format: docs/bootseal.cddl, approval.
 */
#pragma once

#include "core/cert.h"
#include "core/message.h"
#include "core/wire.h"

#define APPROVALS_MAX 16
#define APPROVALS_SIZE_MAX (64 * 1024) /* of a list, encoded */
#define APPROVAL_REF_SIZE 32
#define APPROVAL_SIGNATURE_SIZE 64

struct approval {
    struct bs_span release;    /* name, spelled as an item's */
    struct message_pcrs pcrs;  /* what the PCRs of the vault's policy are in such a boot */
    struct bs_span policy_ref; /* 32 bytes: whose it is, see approval_ref() */
    struct bs_span signature;  /* r ‖ s of ECDSA P-256 with SHA-256 */
};

struct approvals {
    struct approval list[APPROVALS_MAX];
    size_t count;
};

/* labelled(BS_LABEL_POLICY_REF, device ‖ epoch as 8 bytes): another device's, or an epoch that is over, fits no vault. */
enum bs_err approval_ref(struct bs_span device, uint64_t epoch, uint8_t ret_ref[APPROVAL_REF_SIZE]) BS_MUST_USE;

/* policyDigest after PolicyPCR in such a boot: what is approved. INPUT for an unknown bank or values that do not fit it. */
enum bs_err approval_policy(const struct message_pcrs *pcrs, uint8_t ret_policy[CRYPTO_SHA256_SIZE]) BS_MUST_USE;

/* aHash = SHA-256(policy ‖ policyRef): what is signed. */
enum bs_err approval_hash(const uint8_t policy[CRYPTO_SHA256_SIZE], struct bs_span policy_ref,
                          uint8_t ret_hash[CRYPTO_SHA256_SIZE]) BS_MUST_USE;

/* Bit n: PCR n has another value in `a` than in `b`, or stands in one of them alone. */
uint32_t approval_differences(const struct message_pcrs *a, const struct message_pcrs *b);

/*
 * The key that signs approvals, as it is loaded into a TPM, out of its certificate: under `roots`, EKU BS_OID_EKU_POLICY, dates by the
 * clock rule, P-256. UNTRUSTED otherwise.
 */
enum bs_err approval_key(struct bs_span cert, const struct cert_roots *roots, TPMT_PUBLIC *ret_key) BS_MUST_USE;

/* A list as a document of its own, in a slot or in a file; spans of a decoded one point into `in`. An empty one is PROTOCOL. */
enum bs_err approvals_encode(const struct approvals *approvals, struct bs_buf *out) BS_MUST_USE;
enum bs_err approvals_decode(struct bs_span in, struct approvals *ret_approvals) BS_MUST_USE;
