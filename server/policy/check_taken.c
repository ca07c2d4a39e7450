/*
 * An event is taken by one rule, the first that names it. So a digest that an earlier rule takes, wherever it stands, is of no use in a later
 * one, and the same group twice is not a demand for two events.
 */
#include "server/policy/check.h"
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define APPLICATION_PCR 4
#define SECURE_BOOT_PCR 7
#define INITRD_PCR 9

/* A list of digests of one rule. */
struct place {
    enum judge_rule rule;
    size_t index; /* of the group */
    uint32_t pcr;
    const struct conf_strings *digests;
    const char *path;
};

struct taken {
    struct check *check;
    struct judge judge; /* for digests that are known beforehand, of the bank of now */
};

static bool has(const struct conf_strings *list, const char *digest)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->items[i], digest) == 0)
            return true;
    return false;
}

static bool is_equal(const struct conf_strings *a, const struct conf_strings *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (!has(b, a->items[i]))
            return false;
    return a->count == b->count;
}

/* Trouble of our own leaves the check out: then the judge says later that something is missing. */
static bool turn_to_bank(struct taken *t, uint16_t bank)
{
    if (t->judge.bank == bank)
        return true;
    t->judge.bank = bank;
    t->judge.size = crypto_hash_size(bank);
    bool is_known = judge_know(&t->judge) == BS_OK;
    if (!is_known)
        t->judge.bank = 0;
    return is_known;
}

static void check_known(struct taken *t, const struct place *place, const char *path, const char *text)
{
    uint8_t bytes[CRYPTO_HASH_MAX];
    uint16_t bank = 0;
    size_t size = digest_text_read(text, &bank, bytes);
    struct judge_event event = { .digest = BS_SPAN(bytes, size) };
    uint8_t value;
    if (size == 0 || !turn_to_bank(t, bank))
        return;
    if (judge_is_built_in(&t->judge, place->pcr, event.digest))
        CHECK_REFUSE(t->check, path, "can never match: every firmware measures it, and no rule has to name it");
    if (place->pcr == SECURE_BOOT_PCR && t->check->policy->secure_boot != POLICY_SECURE_BOOT_ANY &&
        rule_secure_boot_read(&t->judge, &event, &value))
        CHECK_REFUSE(t->check, path, "can never match: it is the variable SecureBoot, which secure_boot takes");
}

/* Variables of the same PCR before this one. */
static void check_variables_before(struct taken *t, const struct place *place, const char *path, const char *text)
{
    const struct policy_variable *variables = t->check->policy->variables.items;
    size_t end = place->rule == JUDGE_VARIABLES ? place->index : t->check->policy->variables.count;
    for (size_t i = 0; i < end; i++)
        if (variables[i].pcr == (int64_t)place->pcr && has(&variables[i].digests, text))
            CHECK_REFUSE(t->check, path, "can never match: the variable %s takes it first", variables[i].name);
}

static void check_applications_before(struct taken *t, const char *path, const char *text)
{
    const struct policy_application *applications = t->check->policy->applications.items;
    for (size_t i = 0; i < t->check->policy->applications.count; i++)
        if (has(&applications[i].digests, text))
            CHECK_REFUSE(t->check, path, "can never match: applications take it first, as %s", applications[i].name);
}

static void check_place(struct taken *t, const struct place *place)
{
    char path[CHECK_PATH];
    for (size_t i = 0; i < place->digests->count && !t->check->is_refused; i++) {
        const char *text = place->digests->items[i];
        check_path(path, place->path, i, "");
        check_known(t, place, path, text);
        check_variables_before(t, place, path, text);
        if (place->rule > JUDGE_APPLICATIONS && place->pcr == APPLICATION_PCR)
            check_applications_before(t, path, text);
        if (place->rule > JUDGE_INITRD && place->pcr == INITRD_PCR && has(&t->check->policy->initrd, text))
            CHECK_REFUSE(t->check, path, "can never match: initrd takes it first");
    }
}

static void check_variables(struct taken *t)
{
    const struct policy_variable *variables = t->check->policy->variables.items;
    char path[CHECK_PATH];
    for (size_t i = 0; i < t->check->policy->variables.count; i++)
        check_place(t, &(struct place){ JUDGE_VARIABLES, i, (uint32_t)variables[i].pcr, &variables[i].digests,
                                        check_path(path, "variables", i, "digests") });
}

/* One event serves both of two equal groups: how often something was measured no rule says. */
static void check_applications(struct taken *t)
{
    const struct policy_application *groups = t->check->policy->applications.items;
    char path[CHECK_PATH];
    for (size_t i = 0; i < t->check->policy->applications.count; i++) {
        for (size_t k = 0; k < i; k++)
            if (groups[i].release && groups[k].release
                    ? strcmp(groups[i].release, groups[k].release) == 0
                    : !groups[i].release && !groups[k].release && is_equal(&groups[i].digests, &groups[k].digests))
                CHECK_REFUSE(t->check, check_path(path, "applications", i, ""),
                             "is there twice, which demands no more than once; leave one of them out");
        check_place(t, &(struct place){ JUDGE_APPLICATIONS, i, APPLICATION_PCR, &groups[i].digests,
                                        check_path(path, "applications", i, "digests") });
    }
}

static void check_measured(struct taken *t)
{
    const struct policy_measured *groups = t->check->policy->measured.items;
    char path[CHECK_PATH];
    for (size_t i = 0; i < t->check->policy->measured.count; i++) {
        for (size_t k = 0; k < i; k++)
            if (groups[i].pcr == groups[k].pcr && is_equal(&groups[i].digests, &groups[k].digests))
                CHECK_REFUSE(t->check, check_path(path, "measured", i, ""),
                             "is there twice, which demands no more than once; leave one of them out");
        check_place(t, &(struct place){ JUDGE_MEASURED, i, (uint32_t)groups[i].pcr, &groups[i].digests,
                                        check_path(path, "measured", i, "digests") });
    }
}

void check_taken(struct check *c)
{
    struct taken t = { .check = c };
    check_variables(&t);
    check_applications(&t);
    check_place(&t, &(struct place){ JUDGE_INITRD, 0, INITRD_PCR, &c->policy->initrd, "initrd" });
    check_measured(&t);
}
