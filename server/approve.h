/*
 * Approvals for one device (core/approval.h): the boot that was just found good, and each release of its profile as this device would
 * boot it and as the profile's policy, where it names one, finds good: the PCRs of this boot, but those that a release decides
 * (server/policy/policy_reference.h), which are the release's. A policy takes an image with systemd in its initrd and without where nobody
 * said which (server/policy/phase.h): then there are two approvals of its name.
 */
#pragma once

#include "core/approval.h"
#include "server/server.h"

struct approved {
    struct bs_buf cert; /* of the policy key (DER) */
    uint64_t epoch;
    struct approvals approvals; /* points into what follows */
    uint8_t policy_ref[APPROVAL_REF_SIZE];
    char names[APPROVALS_MAX][STORE_NAME_SIZE];
    uint8_t values[APPROVALS_MAX][MESSAGE_PCRS][CRYPTO_HASH_MAX];
    uint8_t signatures[APPROVALS_MAX][APPROVAL_SIGNATURE_SIZE];
};

struct approve_request {
    const uint8_t *device; /* WIRE_ID_SIZE bytes */
    const char *profile;
    const struct store_boot *boot; /* as quoted and accepted */
    const char *tpm_manufacturer;  /* for the policy, as struct boot_subject has them */
    uint64_t tpm_firmware;
};

/*
 * Makes them, inside a transaction: the first time it gives the profile an epoch. When there are more releases than fit, the newest ones.
 * NOT_FOUND where the server has no policy key yet. Caller frees (approved_free, or BS_OWN(approved)).
 */
enum bs_err approve_make(struct server *server, const struct approve_request *request,
                         struct approved **ret_approved) BS_MUST_USE;
void approved_free(struct approved *approved);
BS_DEFINE_OWN(approved, struct approved, approved_free)
