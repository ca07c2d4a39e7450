#include "server/policy/policy_quoted.h"

#include "core/crypto.h"
#include "server/policy/check.h"
#include "server/policy/digest_list.h"

static void check_pcrs(struct check *c, const struct policy_quoted *quoted)
{
    const struct policy_file *p = c->policy;
    uint32_t missing = (p->events | p->whole) & ~quoted->mask;
    uint32_t unnamed = quoted->mask & ~(p->events | p->whole | p->ignore | CHECK_BIT(quoted->cap_pcr));
    if (missing)
        CHECK_REFUSE(
            c, "pcrs",
            "PCR %d is not quoted, so that no boot is ever good; add it to measure.pcrs of the server and of its "
            "devices, or take it out of the policy",
            __builtin_ctz(missing));
    if (unnamed)
        CHECK_REFUSE(
            c, "pcrs",
            "says nothing about PCR %d, which is quoted, so that no boot is ever good; put it into pcrs.events, "
            "pcrs.whole or pcrs.ignore",
            __builtin_ctz(unnamed));
}

static bool is_of_bank(const struct conf_strings *digests, uint16_t bank)
{
    uint8_t bytes[CRYPTO_HASH_MAX];
    uint16_t other;
    for (size_t i = 0; i < digests->count; i++)
        if (digest_text_read(digests->items[i], &other, bytes) > 0 && other == bank)
            return true;
    return digests->count == 0;
}

static void check_list(struct check *c, uint16_t bank, const char *path, const struct conf_strings *digests)
{
    const char *name = crypto_hash_name(bank);
    if (!is_of_bank(digests, bank))
        CHECK_REFUSE(c, path, "can never match: devices quote the %s bank, and no digest here is of it",
                     name ? name : "?");
}

/* Every list of digests that a group of this kind has. */
#define CHECK_LISTS(c, bank, list, struct_, member, name)                                  \
    do {                                                                                   \
        const struct struct_ *items_ = (c)->policy->list.items;                            \
        char path_[CHECK_PATH];                                                            \
        for (size_t i_ = 0; i_ < (c)->policy->list.count; i_++)                            \
            check_list(c, bank, check_path(path_, name, i_, #member), &items_[i_].member); \
    } while (0)

enum bs_err policy_check_quoted(const struct policy_file *policy, const struct policy_quoted *quoted,
                                struct conf_problem *problem)
{
    struct check check = { policy->conf, policy, problem, false };
    check_pcrs(&check, quoted);
    CHECK_LISTS(&check, quoted->bank, variables, policy_variable, digests, "variables");
    CHECK_LISTS(&check, quoted->bank, applications, policy_application, digests, "applications");
    CHECK_LISTS(&check, quoted->bank, sections, policy_section, digests, "sections");
    check_list(&check, quoted->bank, "initrd", &policy->initrd);
    CHECK_LISTS(&check, quoted->bank, measured, policy_measured, digests, "measured");
    CHECK_LISTS(&check, quoted->bank, known, policy_build, values, "firmware.known");
    CHECK_LISTS(&check, quoted->bank, values, policy_value, digests, "values");
    return check.is_refused ? BS_ERR_CONFIG : BS_OK;
}
