/* Whom the vault will be sealed to under a signed policy: what the bundle that was just received says, or the image. */
#pragma once

#include "agent/boot.h"

struct signer {
    struct vault_signer vault; /* points into `ref` and the caller's buffer */
    uint8_t ref[APPROVAL_REF_SIZE];
};

/*
 * Out of boot->fresh, or of the files that seal.uki_* name. Where the vault would not open in the boot of now it is an error, which is
 * logged, and nothing is sealed: PROTOCOL when the server approves nothing or not this boot, CONFIG when the image's maker did not, UNTRUSTED
 * when a signature does not hold.
 */
enum bs_err signer_find(struct boot *boot, const struct vault_policy *policy, struct bs_buf *approvals,
                        struct signer *ret_signer) BS_MUST_USE;
