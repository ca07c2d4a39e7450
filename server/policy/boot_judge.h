/*
 * Whether a boot is good for a profile: by the policy that the profile names (policy_judge.h), else by its references
 * (policy_reference.h). The one place that verdicts, `device show` and approvals for opening offline ask.
 */
#pragma once

#include "server/policy/boot_diff.h"
#include "server/policy/policy_judge.h"
#include "server/policy/policy_reference.h"

struct boot_subject {
    const char *profile;
    const struct store_boot *boot;
    const char *tpm_manufacturer; /* as an EK certificate of a trusted vendor says it; empty: none did */
    uint64_t tpm_firmware;        /* as quoted */
};

struct boot_judgement {
    bool is_good;
    char policy[STORE_NAME_SIZE]; /* that the profile names; empty: its references decided */
    uint64_t policy_version;
    struct policy_result references; /* without a policy */
    struct policy_verdict verdict;   /* with one */
    struct boot_diff diff;           /* not good by a policy: against the nearest reference, if there is one */
    bool has_diff;
};
void boot_judgement_free(struct boot_judgement *judgement);

/* `refusal` gets reason, sentence, explanation and findings unless the boot is good. Anything but BS_OK is trouble of our own. */
enum bs_err boot_judge(struct server *server, const struct boot_subject *subject, struct boot_judgement *ret_judgement,
                       struct refusal *refusal) BS_MUST_USE;

/* The words (server/policy/explain.h) for a boot that is not good by a policy: appended as one line of at most `max` bytes, or as lines. */
enum bs_err boot_judge_sentence(const struct boot_judgement *judgement, size_t max, struct bs_buf *out) BS_MUST_USE;
enum bs_err boot_judge_lines(const struct boot_judgement *judgement, struct bs_buf *out) BS_MUST_USE;

/* The same by a policy that need not be applied, for whoever asks what would become of a device. `policy` is the caller's. */
enum bs_err boot_judge_by(struct server *server, const struct policy_file *policy, const struct boot_subject *subject,
                          struct boot_judgement *ret_judgement) BS_MUST_USE;

/*
 * The policy that a profile names; NOT_FOUND when it names none. A text that is no policy any more is CONFIG with *problem. It goes back with
 * policy_cache_give(server->policies, ...).
 */
enum bs_err boot_judge_policy(struct server *server, const char *profile, struct store_policy *ret_row,
                              const struct policy_file **ret_policy, struct conf_problem *problem) BS_MUST_USE;

/* A view of a boot for the judge. */
struct policy_boot boot_judge_view(const struct store_boot *boot);
