/* Acts about policies: apply, show, list. */
#include "server/operator/operator.h"

#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/policy/policy_lines.h"
#include "server/policy/policy_quoted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum bs_err operator_policy_parse(struct operator_call *call, struct bs_span text, struct policy_file *ret_policy)
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

enum bs_err operator_policy_compare(struct operator_call *call, const struct policy_file *policy,
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
    enum bs_err err = operator_policy_compare(call, policy, &result.row, count_line, &counted);
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
    enum bs_err err = operator_policy_parse(call, text, &policy);
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
