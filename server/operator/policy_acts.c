/* Acts about policies: apply, show, list, and what another one would change. */
#include "server/operator/operator.h"

#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/policy/boot_judge.h"
#include "server/policy/policy_lines.h"
#include "server/policy/policy_quoted.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that no boot of these devices could ever keep is not taken. */
static enum bs_err parse(struct operator_call *call, struct bs_span text, struct policy_file *ret_policy)
{
    const struct config *config = &call->server->config;
    const struct policy_quoted quoted = { config_quote_mask(config), config->measure_cap_pcr, config->measure_bank };
    struct conf_problem problem = { "" };
    struct policy_file policy = { 0 };
    enum bs_err err = policy_parse(text, &policy, &problem);
    if (err == BS_OK)
        err = policy_check_quoted(&policy, &quoted, &problem);
    if (err == BS_OK)
        *ret_policy = policy;
    else
        policy_free(&policy);
    if (err == BS_ERR_CONFIG)
        return operator_fail(call, BS_ERR_INPUT, "%.*s", OPERATOR_WHY_SIZE - 1, problem.text);
    return operator_store(call, err);
}

/* Lines of the applied one; none when there is none, or when this bootseald does not read it any more. */
static enum bs_err applied_lines(struct store *store, const char *name, struct store_policy *ret_row,
                                 struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(STORE_POLICY_MAX);
    struct conf_problem problem = { "" };
    struct policy_file policy = { 0 };
    *ret_row = (struct store_policy){ .version = 0 };
    enum bs_err err = store_policy_get(store, name, ret_row, &text);
    if (err == BS_ERR_NOT_FOUND)
        return BS_OK;
    if (err == BS_OK)
        err = policy_parse(bs_buf_span(&text), &policy, &problem);
    if (err == BS_OK)
        err = policy_lines(&policy, out);
    policy_free(&policy);
    return err == BS_ERR_CONFIG ? BS_OK : err;
}

/* Profiles that name a policy. */
struct users {
    struct operator_call *call;
    const char *policy;
    bool raise; /* and end what was approved for opening offline */
    size_t count;
    char names[256];
};

static enum bs_err use(void *context, const struct store_profile *profile)
{
    struct users *users = context;
    uint64_t epoch;
    if (strcmp(profile->policy, users->policy) != 0)
        return BS_OK;
    size_t used = strlen(users->names);
    snprintf(users->names + used, sizeof(users->names) - used, "%s%s", users->count++ > 0 ? ", " : "", profile->name);
    return users->raise
               ? store_epoch_raise(users->call->server->store, profile->name, users->call->server->now(), &epoch)
               : BS_OK;
}

struct counted {
    size_t added;
    size_t removed;
};

static enum bs_err count_line(void *context, bool is_added, struct bs_span line)
{
    struct counted *counted = context;
    (void)line;
    counted->added += is_added;
    counted->removed += !is_added;
    return BS_OK;
}

static enum bs_err compare_with_applied(struct operator_call *call, const struct policy_file *policy,
                                        struct store_policy *ret_row, policy_lines_fn row, void *context)
{
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(POLICY_LINES_MAX);
    BS_SCOPED_BUF struct bs_buf after = BS_BUF(POLICY_LINES_MAX);
    enum bs_err err = applied_lines(call->server->store, policy->name, ret_row, &before);
    if (err == BS_OK)
        err = policy_lines(policy, &after);
    return err == BS_OK ? policy_lines_compare(bs_buf_span(&before), bs_buf_span(&after), row, context) : err;
}

static enum bs_err put(struct operator_call *call, const struct policy_file *policy, struct bs_span text,
                       struct operator_policy *ret_policy)
{
    struct operator_policy result = { .rules_added = 0 };
    struct counted counted = { 0, 0 };
    uint8_t hash[CRYPTO_SHA256_SIZE];
    char hex[2 * CRYPTO_SHA256_SIZE + 1];
    enum bs_err err = compare_with_applied(call, policy, &result.row, count_line, &counted);
    if (err != BS_OK)
        return err;
    result.rules_added = counted.added;
    result.rules_removed = counted.removed;
    result.row.version++;
    result.row.applied = call->server->now();
    snprintf(result.row.name, sizeof(result.row.name), "%s", policy->name);
    snprintf(result.row.applied_by, sizeof(result.row.applied_by), "%s", call->actor);
    struct users users = { .call = call, .policy = policy->name, .raise = counted.added + counted.removed > 0 };
    err = store_policy_put(call->server->store, &result.row, text);
    if (err == BS_OK)
        err = store_profile_each(call->server->store, use, &users);
    if (err == BS_OK)
        err = crypto_hash(CRYPTO_SHA256, text, hash);
    if (err != BS_OK)
        return err;
    bs_hex(BS_SPAN(hash, sizeof(hash)), hex);
    snprintf(result.profiles, sizeof(result.profiles), "%s", users.names);
    policy_note(policy, result.note);
    *ret_policy = result;
    return OPERATOR_AUDIT(call, "policy.apply", NULL,
                          "policy %s, version %" PRIu64 ", %zu rules added, %zu removed; profiles: %s; sha256 %s",
                          result.row.name, result.row.version, counted.added, counted.removed,
                          users.count > 0 ? users.names : "none", hex);
}

enum bs_err operator_policy_apply(struct operator_call *call, struct bs_span text, struct operator_policy *ret_policy)
{
    struct policy_file policy = { 0 };
    call->why[0] = '\0';
    enum bs_err err = parse(call, text, &policy);
    if (err != BS_OK)
        return err;
    err = store_begin(call->server->store);
    err = err == BS_OK ? operator_end(call, put(call, &policy, text, ret_policy)) : operator_store(call, err);
    policy_free(&policy);
    return err;
}

enum bs_err operator_policy_list(struct operator_call *call, store_policy_fn row, void *context)
{
    return operator_store(call, store_policy_each(call->server->store, row, context));
}

enum bs_err operator_policy_profiles(struct operator_call *call, const char *name, char ret_names[256])
{
    struct users users = { .call = call, .policy = name };
    enum bs_err err = store_profile_each(call->server->store, use, &users);
    memcpy(ret_names, users.names, sizeof(users.names));
    return operator_store(call, err);
}

enum bs_err operator_policy_show(struct operator_call *call, const char *name, struct store_policy *ret_policy,
                                 struct bs_buf *ret_text)
{
    call->why[0] = '\0';
    enum bs_err err = store_policy_get(call->server->store, name, ret_policy, ret_text);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no policy %.64s; see: bootsealctl policy list", name);
    return operator_store(call, err);
}

/* The devices that the question is about, by id: judging is not done while the store is walked. */
struct devices {
    const struct operator_policy_question *question;
    const char *policy;
    struct store *store;
    uint8_t (*ids)[WIRE_ID_SIZE];
    size_t count;
    size_t left_out;
};

static enum bs_err is_asked_about(struct devices *devices, const struct store_device *device, bool *ret_is)
{
    struct store_profile profile = { .version = 0 };
    *ret_is = false;
    if (device->profile[0] == '\0')
        return BS_OK;
    if (devices->question->profile) {
        *ret_is = strcmp(device->profile, devices->question->profile) == 0;
        return BS_OK;
    }
    enum bs_err err = store_profile_get(devices->store, device->profile, &profile, NULL);
    *ret_is = err == BS_OK && strcmp(profile.policy, devices->policy) == 0;
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static enum bs_err note_device(void *context, const struct store_device *device)
{
    struct devices *devices = context;
    bool is_asked_for;
    enum bs_err err = is_asked_about(devices, device, &is_asked_for);
    if (err != BS_OK || !is_asked_for)
        return err;
    if (devices->count == OPERATOR_POLICY_DEVICES_MAX)
        devices->left_out++;
    else
        memcpy(devices->ids[devices->count++], device->id, WIRE_ID_SIZE);
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

static enum bs_err judge_device(struct operator_call *call, const struct policy_file *policy, const uint8_t *id,
                                const struct operator_policy_question *question,
                                struct operator_policy_changes *changes)
{
    struct operator_policy_device device = { .was_good = false };
    struct store_boot boot = STORE_BOOT_INIT;
    uint8_t digest[STORE_DIGEST];
    int64_t time;
    enum bs_err err = store_device_get(call->server->store, id, &device.device);
    if (err == BS_OK)
        err = store_evidence_get(call->server->store, id, digest, &time, &boot);
    if (err == BS_OK) {
        struct boot_subject subject = { device.device.profile, &boot, device.device.ek_manufacturer,
                                        device.device.firmware_version };
        changes->judged++;
        err = judge_twice(call, policy, &subject, &device);
    }
    store_boot_free(&boot);
    if (err == BS_OK && device.was_good != device.is_good)
        err = question->device(question->context, &device);
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static enum bs_err judge_devices(struct operator_call *call, const struct policy_file *policy,
                                 const struct operator_policy_question *question,
                                 struct operator_policy_changes *changes)
{
    struct devices devices = {
        question, policy->name, call->server->store, calloc(OPERATOR_POLICY_DEVICES_MAX, WIRE_ID_SIZE), 0, 0
    };
    if (!devices.ids)
        return BS_ERR_NOMEM;
    enum bs_err err = store_device_each(call->server->store, note_device, &devices);
    for (size_t i = 0; i < devices.count && err == BS_OK; i++)
        err = judge_device(call, policy, devices.ids[i], question, changes);
    changes->left_out = devices.left_out;
    free(devices.ids);
    return err;
}

enum bs_err operator_policy_diff(struct operator_call *call, const struct operator_policy_question *question,
                                 struct operator_policy_changes *ret_changes)
{
    struct operator_policy_changes changes = { .judged = 0 };
    struct policy_file policy = { 0 };
    struct store_profile profile;
    call->why[0] = '\0';
    enum bs_err err = parse(call, question->text, &policy);
    if (err != BS_OK)
        return err;
    if (question->profile && store_profile_get(call->server->store, question->profile, &profile, NULL) != BS_OK)
        err = operator_fail(call, BS_ERR_NOT_FOUND, "there is no profile %.64s; see: bootsealctl profile list",
                            question->profile);
    snprintf(changes.name, sizeof(changes.name), "%s", policy.name);
    policy_note(&policy, changes.note);
    if (err == BS_OK)
        err = operator_policy_profiles(call, policy.name, changes.profiles);
    if (err == BS_OK)
        err = compare_with_applied(call, &policy, &changes.applied, question->rule, question->context);
    if (err == BS_OK)
        err = judge_devices(call, &policy, question, &changes);
    policy_free(&policy);
    if (err == BS_OK)
        *ret_changes = changes;
    return call->why[0] ? err : operator_store(call, err);
}
