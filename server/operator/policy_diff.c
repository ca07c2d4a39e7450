/*
 * bootsealctl policy diff: what another policy would change. For a large fleet it takes seconds, so that it is done in slices, and devices are
 * served in between.
 */
#include "server/operator/operator.h"

#include "core/clock.h"
#include "server/operator/operator_internal.h"
#include "server/policy/boot_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So long nobody else is served. */
#define SLICE_MS 10

struct operator_diff {
    struct operator_call *call;
    struct operator_policy_question question;
    struct policy_file policy;
    struct operator_policy_changes changes;
    /* The devices that the question is about, by id: judging is not done while the store is walked. */
    uint8_t (*ids)[WIRE_ID_SIZE];
    size_t count;
    size_t next;
    /* The profile that was looked at last: of a fleet that is mostly the one of the next device, too. */
    char profile[STORE_NAME_SIZE];
    bool is_profile_asked_about;
};

void operator_diff_free(struct operator_diff *diff)
{
    if (!diff)
        return;
    policy_free(&diff->policy);
    free(diff->ids);
    free(diff);
}

static enum bs_err look_at_profile(struct operator_diff *diff, const char *name)
{
    struct store_profile profile = { .version = 0 };
    bool is_asked_about = false;
    enum bs_err err = BS_OK;
    if (diff->question.profile) {
        is_asked_about = strcmp(name, diff->question.profile) == 0;
    } else if (name[0] != '\0') {
        err = store_profile_get(diff->call->server->store, name, &profile, NULL);
        is_asked_about = err == BS_OK && strcmp(profile.policy, diff->policy.name) == 0;
    }
    if (err != BS_OK && err != BS_ERR_NOT_FOUND)
        return err;
    snprintf(diff->profile, sizeof(diff->profile), "%s", name);
    diff->is_profile_asked_about = is_asked_about;
    return BS_OK;
}

static enum bs_err note_device(void *context, const struct store_device *device)
{
    struct operator_diff *diff = context;
    enum bs_err err = strcmp(device->profile, diff->profile) == 0 ? BS_OK : look_at_profile(diff, device->profile);
    if (err != BS_OK || !diff->is_profile_asked_about)
        return err;
    if (diff->count == OPERATOR_POLICY_DEVICES_MAX)
        diff->changes.left_out++;
    else
        memcpy(diff->ids[diff->count++], device->id, WIRE_ID_SIZE);
    return BS_OK;
}

/* One line, for a table. */
static enum bs_err shorten(const struct boot_judgement *judgement, char *ret_text, size_t size)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(size);
    ret_text[0] = '\0';
    enum bs_err err = boot_judge_sentence(judgement, size - 1, &text);
    if (err == BS_OK)
        snprintf(ret_text, size, "%.*s", (int)text.size, text.size > 0 ? (const char *)text.data : "");
    return err;
}

static enum bs_err judge_twice(struct operator_call *call, const struct policy_file *policy,
                               const struct boot_subject *subject, struct operator_policy_device *device)
{
    struct boot_judgement before = { .is_good = false }, after = { .is_good = false };
    struct refusal refusal = { 0 };
    enum bs_err err = boot_judge(call->server, subject, &before, &refusal);
    device->was_good = before.is_good;
    boot_judgement_free(&before);
    if (err == BS_OK)
        err = boot_judge_by(call->server, policy, subject, &after);
    device->is_good = after.is_good;
    if (err == BS_OK && !after.is_good)
        err = shorten(&after, device->why, sizeof(device->why));
    boot_judgement_free(&after);
    return err;
}

static enum bs_err judge_device(struct operator_diff *diff, const uint8_t *id)
{
    struct store *store = diff->call->server->store;
    struct operator_policy_device device = { .was_good = false };
    struct store_boot boot = STORE_BOOT_INIT;
    uint8_t digest[STORE_DIGEST];
    int64_t time;
    enum bs_err err = store_device_get(store, id, &device.device);
    if (err == BS_OK)
        err = store_evidence_get(store, id, digest, &time, &boot);
    if (err == BS_OK) {
        struct boot_subject subject = { device.device.profile, &boot, device.device.ek_manufacturer,
                                        device.device.firmware_version };
        diff->changes.judged++;
        err = judge_twice(diff->call, &diff->policy, &subject, &device);
    }
    store_boot_free(&boot);
    if (err == BS_OK && device.was_good != device.is_good)
        err = diff->question.device(diff->question.context, &device);
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static enum bs_err begin(struct operator_diff *diff)
{
    struct operator_call *call = diff->call;
    struct operator_policy_changes *changes = &diff->changes;
    struct store_profile profile;
    const char *asked = diff->question.profile;
    enum bs_err err = operator_policy_parse(call, diff->question.text, &diff->policy);
    if (err != BS_OK)
        return err;
    if (asked && store_profile_get(call->server->store, asked, &profile, NULL) != BS_OK)
        return operator_fail(call, BS_ERR_NOT_FOUND, "there is no profile %.64s; see: bootsealctl profile list", asked);
    snprintf(changes->name, sizeof(changes->name), "%s", diff->policy.name);
    policy_note(&diff->policy, changes->note);
    err = operator_policy_profiles(call, diff->policy.name, changes->profiles);
    if (err == BS_OK)
        err = operator_policy_compare(call, &diff->policy, &changes->applied, diff->question.rule,
                                      diff->question.context);
    return err == BS_OK ? store_device_each(call->server->store, note_device, diff) : err;
}

enum bs_err operator_diff_begin(struct operator_call *call, const struct operator_policy_question *question,
                                struct operator_diff **ret_diff)
{
    BS_OWN(operator_diff) diff = calloc(1, sizeof(*diff));
    call->why[0] = '\0';
    if (!diff)
        return BS_ERR_NOMEM;
    diff->call = call;
    diff->question = *question;
    diff->ids = calloc(OPERATOR_POLICY_DEVICES_MAX, sizeof(*diff->ids));
    if (!diff->ids)
        return BS_ERR_NOMEM;
    enum bs_err err = begin(diff);
    if (err != BS_OK)
        return call->why[0] ? err : operator_store(call, err);
    *ret_diff = BS_TAKE(diff);
    return BS_OK;
}

enum bs_err operator_diff_step(struct operator_diff *diff, const struct operator_policy_changes **ret_changes)
{
    const struct bs_deadline end = bs_deadline_in(SLICE_MS);
    enum bs_err err = BS_OK;
    do {
        if (diff->next < diff->count)
            err = judge_device(diff, diff->ids[diff->next++]);
    } while (err == BS_OK && diff->next < diff->count && !bs_deadline_passed(end));
    if (err != BS_OK)
        return diff->call->why[0] ? err : operator_store(diff->call, err);
    *ret_changes = diff->next == diff->count ? &diff->changes : NULL;
    return BS_OK;
}
