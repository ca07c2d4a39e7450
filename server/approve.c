#include "server/approve.h"

#include "server/policy/boot_compose.h"
#include "server/policy/boot_judge.h"
#include "server/policy/phase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name of the boot that was just accepted, where it is no release. */
#define PRESENT "present"

/* Releases that are looked at where a policy decides which of them are good: so many newest ones. */
#define JUDGED_MAX 64

struct approving {
    struct server *server;
    const struct approve_request *request;
    const struct policy_file *policy; /* NULL: every release of the profile is good */
    const struct store_boot *boot;
    uint32_t mask;     /* of the vault's policy: as quoted, without the cap's */
    bool is_in_initrd; /* systemd was in the initrd of that boot */
    bool is_second;    /* walk over the releases */
    struct approved *approved;
};

void approved_free(struct approved *approved)
{
    if (approved)
        bs_buf_free(&approved->cert);
    free(approved);
}

/* The device's own value, but where the release decides. NULL: the release says nothing of a PCR that it decides. */
static const uint8_t *value_of(const struct approving *a, const struct store_boot *release, unsigned pcr)
{
    if (!(POLICY_RELEASE_PCRS >> pcr & 1))
        return a->boot->pcrs[pcr];
    return release->mask >> pcr & 1 ? release->pcrs[pcr] : NULL;
}

/* False when it cannot be said what this device's PCRs would be. */
static bool predict(const struct approving *a, const struct store_boot *release, size_t index,
                    struct message_pcrs *ret_pcrs)
{
    const size_t size = crypto_hash_size(a->boot->bank);
    *ret_pcrs = (struct message_pcrs){ .bank = a->boot->bank, .mask = a->mask };
    if (release->bank != a->boot->bank)
        return false;
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++) {
        if (!(a->mask >> pcr & 1))
            continue;
        const uint8_t *value = value_of(a, release, pcr);
        if (!value)
            return false;
        memcpy(a->approved->values[index][pcr], value, size);
        ret_pcrs->values[pcr] = BS_SPAN(a->approved->values[index][pcr], size);
    }
    return true;
}

static bool is_there(const struct approved *approved, const struct message_pcrs *pcrs)
{
    for (size_t i = 0; i < approved->approvals.count; i++)
        if (approval_differences(&approved->approvals.list[i].pcrs, pcrs) == 0)
            return true;
    return false;
}

static enum bs_err sign(struct approving *a, size_t index, struct approval *approval)
{
    uint8_t policy[CRYPTO_SHA256_SIZE], hash[CRYPTO_SHA256_SIZE];
    enum bs_err err = approval_policy(&approval->pcrs, policy);
    if (err == BS_OK)
        err = approval_hash(policy, approval->policy_ref, hash);
    if (err == BS_OK)
        err = ca_policy_sign(a->server->ca, hash, a->approved->signatures[index]);
    return err;
}

static enum bs_err add(struct approving *a, const char *name, const struct store_boot *release)
{
    struct approved *approved = a->approved;
    const size_t index = approved->approvals.count;
    struct approval approval = { .policy_ref = BS_SPAN(approved->policy_ref, sizeof(approved->policy_ref)) };
    if (index == APPROVALS_MAX || !predict(a, release, index, &approval.pcrs) || is_there(approved, &approval.pcrs))
        return BS_OK;
    snprintf(approved->names[index], sizeof(approved->names[index]), "%s", name);
    approval.release = bs_span_of_string(approved->names[index]);
    approval.signature = BS_SPAN(approved->signatures[index], APPROVAL_SIGNATURE_SIZE);
    enum bs_err err = sign(a, index, &approval);
    if (err == BS_OK)
        approved->approvals.list[approved->approvals.count++] = approval;
    return err;
}

/* What the policy would say if the device booted this release: what it would refuse must not open the vault offline, either. */
static enum bs_err add_judged(struct approving *a, const char *name, const struct store_boot *release)
{
    struct boot_judgement judgement = { .is_good = false };
    struct store_boot composed = STORE_BOOT_INIT;
    const struct boot_subject subject = { a->request->profile, &composed,
                                          a->request->tpm_manufacturer ? a->request->tpm_manufacturer : "",
                                          a->request->tpm_firmware };
    enum bs_err err = boot_compose(a->boot, release, POLICY_RELEASE_PCRS, &composed);
    if (err == BS_OK)
        err = boot_judge_by(a->server, a->policy, &subject, &judgement);
    if (err == BS_OK && judgement.is_good)
        err = add(a, name, release);
    boot_judgement_free(&judgement);
    store_boot_free(&composed);
    return err == BS_ERR_INPUT ? BS_OK : err;
}

static bool is_in_initrd(const struct store_boot *boot)
{
    struct eventlog log;
    struct eventlog_replay replay;
    return boot->log.size > 0 && eventlog_open(bs_buf_span(&boot->log), &log, NULL) == BS_OK &&
           eventlog_replay(&log, boot->bank, &replay) == BS_OK &&
           phase_is_entered(&replay, BS_SPAN(boot->pcrs[BS_PHASE_PCR], replay.size));
}

/* Foretold, of an image that does not say whether systemd runs in its initrd. A policy takes it with the word and without. */
static bool has_no_phase(const struct store_reference *reference, const struct store_boot *release)
{
    static const uint8_t nobody[WIRE_ID_SIZE];
    return memcmp(reference->device, nobody, sizeof(nobody)) == 0 && !is_in_initrd(release);
}

/* First each release as this device is likely to show it; what was foretold without a phase, in the second walk, as another initrd would. */
static enum bs_err add_by_policy(struct approving *a, uint64_t id)
{
    struct store_reference reference;
    struct store_boot release = STORE_BOOT_INIT;
    enum bs_err err = store_reference_get(a->server->store, id, &reference, &release);
    const bool is_either = err == BS_OK && has_no_phase(&reference, &release);
    if (is_either && a->is_in_initrd != a->is_second)
        err = phase_enter(&release);
    if (err == BS_OK && (is_either || !a->is_second))
        err = add_judged(a, reference.name, &release);
    store_boot_free(&release);
    return err;
}

/* One place is kept for the boot of now: without it the vault would not open in the boot that it is sealed in. */
static enum bs_err add_release(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    struct approving *a = context;
    if (a->approved->approvals.count >= APPROVALS_MAX - 1)
        return BS_OK;
    return a->policy ? add_by_policy(a, reference->id) : add(a, reference->name, boot);
}

/* One that cannot be read approves no release. */
static enum bs_err add_releases(struct approving *a)
{
    struct store *store = a->server->store;
    struct conf_problem problem = { "" };
    const struct policy_file *policy = NULL;
    struct store_policy row;
    enum bs_err err = boot_judge_policy(a->server, a->request->profile, &row, &policy, &problem);
    if (err == BS_ERR_NOT_FOUND)
        return store_reference_releases(store, a->request->profile, APPROVALS_MAX - 1, add_release, a);
    if (err != BS_OK)
        return err == BS_ERR_CONFIG ? BS_OK : err;
    a->policy = policy;
    a->is_in_initrd = is_in_initrd(a->boot);
    err = store_reference_releases(store, a->request->profile, JUDGED_MAX, add_release, a);
    a->is_second = true;
    if (err == BS_OK)
        err = store_reference_releases(store, a->request->profile, JUDGED_MAX, add_release, a);
    a->policy = NULL;
    policy_cache_give(a->server->policies, policy);
    return err;
}

static enum bs_err find_epoch(struct server *server, const char *profile, uint64_t *ret_epoch)
{
    enum bs_err err = store_epoch_get(server->store, profile, ret_epoch);
    return err == BS_ERR_NOT_FOUND ? store_epoch_raise(server->store, profile, server->now(), ret_epoch) : err;
}

enum bs_err approve_make(struct server *server, const struct approve_request *request, struct approved **ret_approved)
{
    BS_OWN(approved) approved = calloc(1, sizeof(*approved));
    if (!approved)
        return BS_ERR_NOMEM;
    approved->cert = BS_BUF(BS_CERT_MAX);
    enum bs_err err = ca_policy_cert(server->ca, &approved->cert);
    if (err != BS_OK)
        return err;
    struct approving a = { .server = server,
                           .request = request,
                           .boot = request->boot,
                           .mask = request->boot->mask & ~(UINT32_C(1) << server->config.measure_cap_pcr),
                           .approved = approved };
    err = find_epoch(server, request->profile, &approved->epoch);
    if (err == BS_OK)
        err = approval_ref(BS_SPAN(request->device, WIRE_ID_SIZE), approved->epoch, approved->policy_ref);
    if (err == BS_OK)
        err = add_releases(&a);
    if (err == BS_OK)
        err = add(&a, PRESENT, request->boot);
    if (err == BS_OK)
        *ret_approved = BS_TAKE(approved);
    return err;
}
