/*
 * Which boots are good: those whose quoted PCRs equal a reference of the device's profile, and those that are a release of it on
 * firmware that a reference of it has. What differs is told by PCR and by event, against the reference that is nearest.
 */
#pragma once

#include "server/evidence.h"
#include "server/policy/boot_diff.h"

/* PCRs that say what the firmware starts, which a release decides; all others are those of the device. */
#define POLICY_RELEASE_PCRS (UINT32_C(1) << 4 | UINT32_C(1) << 9 | UINT32_C(1) << 11)

enum policy_reference_verdict {
    POLICY_GOOD,
    POLICY_NO_REFERENCE, /* the profile has none: it approves nobody */
    POLICY_DIFFERS,      /* findings say how */
};

struct policy_result {
    enum policy_reference_verdict verdict;
    uint64_t reference;     /* the equal one, or the release, or the nearest */
    size_t reference_count; /* living ones of the profile */
};

/* Compares a boot with the profile's references; `refusal` gets reason, sentence and findings unless it is good. */
enum bs_err policy_judge(struct store *store, const char *profile, const struct store_boot *boot,
                         struct policy_result *ret_result, struct refusal *refusal) BS_MUST_USE;

/* Digest of bank, mask and values: two boots with the same one are the same reference. */
enum bs_err policy_boot_digest(const struct store_boot *boot, uint8_t ret_digest[STORE_DIGEST]) BS_MUST_USE;

/* How a boot differs from a reference (explain.h). The caller frees the diff. */
enum bs_err policy_compare(const struct store_boot *boot, const struct store_reference *reference,
                           const struct store_boot *expected, struct policy_verdict *ret_verdict,
                           struct boot_diff *ret_diff) BS_MUST_USE;

/* Calls `row` with the first difference in each PCR, in ascending order. */
typedef enum bs_err (*policy_finding_fn)(void *context, const struct evidence_finding *finding);
enum bs_err policy_findings(const struct policy_verdict *verdict, const struct boot_diff *diff, policy_finding_fn row,
                            void *context) BS_MUST_USE;
