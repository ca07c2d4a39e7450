#include "server/policy/boot_judge.h"

#include "server/policy/explain.h"

#include <stdio.h>
#include <string.h>

void boot_judgement_free(struct boot_judgement *judgement)
{
    if (judgement->has_diff)
        boot_diff_free(&judgement->diff);
    judgement->has_diff = false;
}

struct policy_boot boot_judge_view(const struct store_boot *boot)
{
    return (struct policy_boot){ .bank = boot->bank,
                                 .mask = boot->mask,
                                 .pcrs = boot->pcrs,
                                 .firmware_log = bs_buf_span(&boot->log),
                                 .userspace_log = bs_buf_span(&boot->userspace_log),
                                 .command_line = bs_buf_span(&boot->command_line) };
}

/* The living references of a profile, as the judge asks for them. */
struct in_store {
    struct store *store;
    const char *profile;
};

struct walk {
    policy_reference_fn row;
    void *context;
};

static enum bs_err walk_row(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    const struct walk *walk = context;
    struct policy_reference seen = { .name = reference->name, .id = reference->id, .boot = boot_judge_view(boot) };
    return reference->is_revoked ? BS_OK : walk->row(walk->context, &seen);
}

static enum bs_err each(void *context, policy_reference_fn row, void *row_context)
{
    const struct in_store *in = context;
    struct walk walk = { row, row_context };
    return store_reference_each(in->store, in->profile, true, walk_row, &walk);
}

static enum bs_err find(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    const struct in_store *in = context;
    struct walk walk = { row, row_context };
    struct store_reference reference;
    struct store_boot boot = STORE_BOOT_INIT;
    enum bs_err err = store_reference_named(in->store, in->profile, name, &reference);
    if (err == BS_OK && reference.is_revoked)
        err = BS_ERR_NOT_FOUND;
    if (err == BS_OK)
        err = store_reference_get(in->store, reference.id, &reference, &boot);
    if (err == BS_OK)
        err = walk_row(&walk, &reference, &boot);
    store_boot_free(&boot);
    return err;
}

enum bs_err boot_judge_by(struct server *server, const struct policy_file *policy, const struct boot_subject *subject,
                          struct boot_judgement *ret_judgement)
{
    struct in_store in = { server->store, subject->profile };
    const struct policy_references references = { &in, find, each };
    const struct policy_subject judged = { .boot = boot_judge_view(subject->boot),
                                           .cap_pcr = server->config.measure_cap_pcr,
                                           .tpm_manufacturer = subject->tpm_manufacturer,
                                           .tpm_firmware = subject->tpm_firmware };
    struct boot_judgement judgement = { .is_good = false };
    snprintf(judgement.policy, sizeof(judgement.policy), "%s", policy->name);
    enum bs_err err = policy_judge_boot(policy, &judged, &references, &judgement.verdict);
    if (err != BS_OK)
        return err;
    judgement.is_good = judgement.verdict.is_good;
    if (!judgement.is_good)
        err = explain_compare(policy, &judged, &references, &judgement.verdict, &judgement.diff, &judgement.has_diff);
    if (err == BS_OK)
        *ret_judgement = judgement;
    return err;
}

enum bs_err boot_judge_policy(struct server *server, const char *profile, struct store_policy *ret_row,
                              const struct policy_file **ret_policy, struct conf_problem *problem)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(STORE_POLICY_MAX);
    struct store_profile row;
    enum bs_err err = store_profile_get(server->store, profile, &row, NULL);
    if (err != BS_OK)
        return err;
    if (row.policy[0] == '\0')
        return BS_ERR_NOT_FOUND;
    err = store_policy_get(server->store, row.policy, ret_row, &text);
    if (err == BS_ERR_NOT_FOUND) {
        /* Nobody can take one out: then the database is not what we wrote. It approves nothing. */
        snprintf(problem->text, sizeof(problem->text), "it is not in the database");
        snprintf(ret_row->name, sizeof(ret_row->name), "%s", row.policy);
        ret_row->version = 0;
        return BS_ERR_CONFIG;
    }
    return err == BS_OK ? policy_cache_take(server->policies, bs_buf_span(&text), ret_policy, problem) : err;
}

/* One that an older bootseald took and this one does not: nothing is good, until an operator has mended it. */
static void judge_unreadable(const struct store_policy *row, const struct conf_problem *problem,
                             struct boot_judgement *judgement)
{
    struct policy_verdict *verdict = &judgement->verdict;
    *judgement = (struct boot_judgement){ .policy_version = row->version };
    snprintf(judgement->policy, sizeof(judgement->policy), "%s", row->name);
    snprintf(verdict->rule, sizeof(verdict->rule), "policy");
    snprintf(verdict->text, sizeof(verdict->text), "the policy %s cannot be used, so it approves nothing", row->name);
    snprintf(verdict->found, sizeof(verdict->found), "%s", problem->text);
    snprintf(verdict->advice, sizeof(verdict->advice), "mend the file and apply it: bootsealctl policy apply FILE");
}

static struct explanation explanation_of(const struct boot_judgement *judgement)
{
    return (struct explanation){ &judgement->verdict, judgement->has_diff ? &judgement->diff : NULL };
}

enum bs_err boot_judge_sentence(const struct boot_judgement *judgement, size_t max, struct bs_buf *out)
{
    struct explanation explanation = explanation_of(judgement);
    return explain_sentence(&explanation, max, out);
}

enum bs_err boot_judge_lines(const struct boot_judgement *judgement, struct bs_buf *out)
{
    struct explanation explanation = explanation_of(judgement);
    return explain_lines(&explanation, out);
}

static enum bs_err judge_by_references(struct server *server, const struct boot_subject *subject,
                                       struct boot_judgement *ret_judgement, struct refusal *refusal)
{
    struct boot_judgement judgement = { .is_good = false };
    enum bs_err err = policy_judge(server->store, subject->profile, subject->boot, &judgement.references, refusal);
    judgement.is_good = err == BS_OK && judgement.references.verdict == POLICY_GOOD;
    if (err == BS_OK)
        *ret_judgement = judgement;
    return err;
}

enum bs_err boot_judge(struct server *server, const struct boot_subject *subject, struct boot_judgement *ret_judgement,
                       struct refusal *refusal)
{
    struct conf_problem problem = { "" };
    const struct policy_file *policy = NULL;
    struct store_policy row;
    enum bs_err err = boot_judge_policy(server, subject->profile, &row, &policy, &problem);
    if (err == BS_ERR_NOT_FOUND)
        return judge_by_references(server, subject, ret_judgement, refusal);
    if (err == BS_OK) {
        err = boot_judge_by(server, policy, subject, ret_judgement);
        ret_judgement->policy_version = row.version;
        policy_cache_give(server->policies, policy);
    } else if (err == BS_ERR_CONFIG) {
        judge_unreadable(&row, &problem, ret_judgement);
        err = BS_OK;
    }
    if (err != BS_OK || ret_judgement->is_good)
        return err;
    struct explanation explanation = explanation_of(ret_judgement);
    explain_refusal(&ret_judgement->verdict, refusal);
    return explain_at_length(&explanation, refusal);
}
