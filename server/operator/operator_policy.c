/* Acts about profiles and references. */
#include "server/operator/operator.h"

#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is approved for opening offline follows which boots are good (server/approve.h): of another policy it is another epoch's. */
static enum bs_err change_policy(struct operator_call *call, const char *policy, struct store_profile *row)
{
    struct store *store = call->server->store;
    struct store_policy found;
    uint64_t epoch;
    if (strcmp(row->policy, policy) == 0)
        return BS_OK;
    enum bs_err err = policy[0] ? store_policy_get(store, policy, &found, NULL) : BS_OK;
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, BS_ERR_INPUT,
                             "there is no policy %.64s, which the profile names; first: bootsealctl policy apply FILE",
                             policy);
    if (err == BS_OK && row->version > 0)
        err = store_epoch_raise(store, row->name, call->server->now(), &epoch);
    strcpy(row->policy, policy);
    return err;
}

static enum bs_err put_profile(struct operator_call *call, const struct profile *profile, struct bs_span text,
                               struct store_profile *ret_profile)
{
    struct store *store = call->server->store;
    struct store_profile row = { .version = 0 };
    enum bs_err err = store_profile_get(store, profile->name, &row, NULL);
    if (err != BS_OK && err != BS_ERR_NOT_FOUND)
        return err;
    snprintf(row.name, sizeof(row.name), "%s", profile->name);
    err = change_policy(call, profile->policy ? profile->policy : "", &row);
    if (err != BS_OK)
        return err;
    row.version++;
    row.applied = call->server->now();
    snprintf(row.applied_by, sizeof(row.applied_by), "%s", call->actor);
    err = store_profile_put(store, &row, text);
    if (err == BS_OK)
        err = OPERATOR_AUDIT(call, "profile.apply", NULL, "profile %s, version %" PRIu64 "%s%s", row.name, row.version,
                             row.policy[0] ? ", policy " : "", row.policy);
    if (err == BS_OK)
        *ret_profile = row;
    return err;
}

enum bs_err operator_profile_apply(struct operator_call *call, struct bs_span text, struct store_profile *ret_profile)
{
    struct profile profile = { 0 };
    struct conf_problem problem = { "" };
    struct store_profile row;
    call->why[0] = '\0';
    enum bs_err err = profile_parse(text, &profile, &problem);
    if (err == BS_ERR_CONFIG)
        return operator_fail(call, BS_ERR_INPUT, "%.*s", OPERATOR_WHY_SIZE - 1, problem.text);
    if (err == BS_OK)
        err = store_begin(call->server->store);
    if (err == BS_OK)
        err = operator_end(call, put_profile(call, &profile, text, &row));
    else
        err = operator_store(call, err);
    profile_free(&profile);
    if (err == BS_OK)
        *ret_profile = row;
    return err;
}

struct only_profile {
    char name[STORE_NAME_SIZE];
    size_t count;
};

static enum bs_err note_profile(void *context, const struct store_profile *profile)
{
    struct only_profile *only = context;
    if (only->count++ == 0)
        strcpy(only->name, profile->name);
    return BS_OK;
}

enum bs_err operator_choose_profile(struct operator_call *call, const char *wanted, const char *own,
                                    char ret_name[STORE_NAME_SIZE])
{
    struct store *store = call->server->store;
    const char *standard = call->server->config.default_profile;
    struct only_profile only = { .count = 0 };
    struct store_profile profile;
    enum bs_err err = store_profile_each(store, note_profile, &only);
    if (err != BS_OK)
        return err;
    const char *name = wanted ? wanted : own[0] ? own : standard[0] ? standard : only.count == 1 ? only.name : NULL;
    if (!name)
        return operator_fail(call, BS_ERR_INPUT, "%s: say which with --profile=NAME",
                             only.count == 0 ? "there is no profile yet; apply one with bootsealctl profile apply FILE"
                                             : "there are several profiles");
    err = store_profile_get(store, name, &profile, NULL);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no profile %.64s; see: bootsealctl profile list", name);
    if (err == BS_OK)
        memcpy(ret_name, profile.name, sizeof(profile.name));
    return err;
}

enum bs_err operator_profile_list(struct operator_call *call, store_profile_fn row, void *context)
{
    return operator_store(call, store_profile_each(call->server->store, row, context));
}

/* Of a secret nobody is told more than that it is there and how long it is. */
static struct operator_item describe(const struct profile_item *item)
{
    struct operator_item shown = { .name = item->name, .kind = profile_kind_name((enum profile_kind)item->kind) };
    switch ((enum profile_kind)item->kind) {
    case PROFILE_SECRET:
        shown.size = item->hex ? strlen(item->hex) / 2 : strlen(item->text);
        break;
    case PROFILE_GENERATED:
        shown.size = (item->size > 0 ? (size_t)item->size : 32) * (item->encoding == PROFILE_HEX ? 2 : 1);
        break;
    case PROFILE_GENERATE:
        shown.size = generated_private_size(profile_key_kind(item), profile_key_size(item));
        break;
    case PROFILE_FILE:
    case PROFILE_CERTIFICATE:
        shown.text = bs_span_of_string(item->text);
        shown.size = shown.text.size;
        break;
    }
    return shown;
}

enum bs_err operator_profile_show(struct operator_call *call, const char *name, struct store_profile *ret_profile,
                                  operator_item_fn row, void *context)
{
    struct profile profile = { 0 };
    struct conf_problem problem = { "" };
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(STORE_PROFILE_MAX);
    call->why[0] = '\0';
    enum bs_err err = store_profile_get(call->server->store, name, ret_profile, &text);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no profile %.64s; see: bootsealctl profile list", name);
    if (err == BS_OK)
        err = profile_parse(bs_buf_span(&text), &profile, &problem);
    for (size_t i = 0; i < profile.item_count && err == BS_OK; i++) {
        struct operator_item item = describe(&profile.items[i]);
        err = row(context, &item);
    }
    profile_free(&profile);
    return operator_store(call, err);
}

enum bs_err operator_reference_list(struct operator_call *call, const char *profile, store_reference_fn row,
                                    void *context)
{
    return operator_store(call, store_reference_each(call->server->store, profile ? profile : "", false, row, context));
}

enum bs_err operator_reference_show(struct operator_call *call, uint64_t id, struct store_reference *ret_reference,
                                    struct store_boot *ret_boot)
{
    enum bs_err err = store_reference_get(call->server->store, id, ret_reference, ret_boot);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no reference %" PRIu64 "; see: bootsealctl reference list", id);
    return operator_store(call, err);
}

static enum bs_err count_living(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    (void)boot;
    *(size_t *)context += !reference->is_revoked;
    return BS_OK;
}

struct renaming {
    struct operator_call *call;
    const struct store_reference *reference;
};

static enum bs_err check_row(void *context, const struct store_reference *found, const struct store_boot *boot)
{
    const struct renaming *renaming = context;
    (void)boot;
    if (memcmp(found->digest, renaming->reference->digest, sizeof(found->digest)) != 0 || found->name[0] == '\0' ||
        strcmp(found->name, renaming->reference->name) == 0)
        return BS_OK;
    return operator_fail(renaming->call, BS_ERR_REFUSED,
                         "this boot is reference %" PRIu64
                         ", which is called %s; a name is not changed, for policies go by it",
                         found->id, found->name);
}

enum bs_err operator_check_renamed(struct operator_call *call, const struct store_reference *reference)
{
    struct renaming renaming = { call, reference };
    return store_reference_each(call->server->store, reference->profile, false, check_row, &renaming);
}

static enum bs_err release(struct operator_call *call, uint64_t id, const char *name,
                           struct store_reference *ret_reference)
{
    struct store *store = call->server->store;
    struct store_reference other;
    struct store_boot boot = STORE_BOOT_INIT;
    enum bs_err err = store_reference_get(store, id, ret_reference, &boot);
    store_boot_free(&boot);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no reference %" PRIu64 "; see: bootsealctl reference list", id);
    if (err == BS_OK && ret_reference->is_revoked)
        return operator_fail(call, BS_ERR_REFUSED, "reference %" PRIu64 " is revoked", id);
    snprintf(ret_reference->name, sizeof(ret_reference->name), "%s", name);
    if (err == BS_OK)
        err = operator_check_renamed(call, ret_reference);
    if (err == BS_OK)
        err = store_reference_named(store, ret_reference->profile, name, &other);
    if (err == BS_OK && other.id != id)
        return operator_fail(call, BS_ERR_REFUSED, "reference %" PRIu64 " has the name %s; names are given once",
                             other.id, name);
    if (err == BS_OK || err == BS_ERR_NOT_FOUND)
        err = store_reference_release(store, id, name);
    if (err == BS_OK)
        err = OPERATOR_AUDIT(call, "reference.release", NULL, "reference %" PRIu64 " of profile %s, as %s", id,
                             ret_reference->profile, name);
    return err;
}

enum bs_err operator_reference_release(struct operator_call *call, uint64_t id, const char *name,
                                       struct store_reference *ret_reference)
{
    call->why[0] = '\0';
    if (!profile_name_is_valid(name))
        return operator_fail(call, BS_ERR_INPUT, OPERATOR_NAME_RULE, PROFILE_NAME_MAX);
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, release(call, id, name, ret_reference));
}

static enum bs_err revoke_reference(struct operator_call *call, uint64_t id, size_t *ret_left)
{
    struct store *store = call->server->store;
    struct store_reference reference;
    struct store_boot boot = STORE_BOOT_INIT;
    enum bs_err err = store_reference_get(store, id, &reference, &boot);
    store_boot_free(&boot);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, err, "there is no reference %" PRIu64 "; see: bootsealctl reference list", id);
    if (err == BS_OK && reference.is_revoked)
        return operator_fail(call, BS_ERR_REFUSED, "reference %" PRIu64 " is revoked already", id);
    uint64_t epoch = 0;
    if (err == BS_OK)
        err = store_reference_revoke(store, id);
    /* What was approved up to now opens nothing that is sealed from now on. */
    if (err == BS_OK)
        err = store_epoch_raise(store, reference.profile, call->server->now(), &epoch);
    if (err == BS_OK)
        err = OPERATOR_AUDIT(call, "reference.revoke", NULL,
                             "reference %" PRIu64 "%s%s of profile %s; approvals are of epoch %" PRIu64 " now", id,
                             reference.name[0] ? " " : "", reference.name, reference.profile, epoch);
    return err == BS_OK ? store_reference_each(store, reference.profile, false, count_living, ret_left) : err;
}

enum bs_err operator_reference_revoke(struct operator_call *call, uint64_t id, size_t *ret_left)
{
    call->why[0] = '\0';
    *ret_left = 0;
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, revoke_reference(call, id, ret_left));
}
