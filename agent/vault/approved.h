/* Which approvals of a slot, or of a file beside the image, are for the boot of now. Nothing here is believed: the TPM checks. */
#pragma once

#include "agent/vault/slot.h"

#define APPROVED_MAX 8

/* Approvals that fit this boot; their spans and keys point into what they were found in. */
struct approved {
    struct tpm_approval list[APPROVED_MAX];
    size_t count;
};

struct approved_request {
    const struct vault_policy *policy;
    const struct vault_signer *signer;
    struct bs_span more;         /* from a file; may be empty */
    const struct tpm_pcrs *pcrs; /* of now; at least those of the policy */
};

/*
 * NOT_FOUND when none fits; then the nearest one is told at info: in which PCRs this boot is another one. A list that cannot be read is
 * as good as none.
 */
enum bs_err approved_find(const struct approved_request *request, struct approved *ret_approved) BS_MUST_USE;

/* The signature, as the TPM would check it. UNTRUSTED. */
enum bs_err approved_verify(const struct tpm_approval *approval) BS_MUST_USE;
