/* Whether the vault would open in a boot that has not been: what the TPM would say, computed without it. */
#pragma once

#include "agent/vault/vault.h"

struct foresee_request {
    const char *dir;
    const struct vault_policy *policy; /* of the configuration */
    const struct tpm_pcrs *pcrs;       /* foretold: those of the policy, and the cap's before the cap */
    struct bs_span approvals;          /* as in struct vault_open_request: those beside the image */
};

/*
 * BS_OK: the younger slot opens, as far as PCRs and approvals decide it. BOOT: it does not. NOT_FOUND: there is no slot that can be
 * read. CONFIG: it is sealed to other PCRs, or under another kind of policy, than the configuration says.
 */
enum bs_err foresee_open(const struct foresee_request *request) BS_MUST_USE;
