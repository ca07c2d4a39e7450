#include "server/policy/policy_check.h"

#include "core/crypto.h"
#include "server/policy/command_line.h"
#include "server/policy/digest_list.h"
#include "server/policy/evidence_file.h"
#include "server/policy/version.h"

#include <stdio.h>
#include <string.h>

#define BIT(pcr) (UINT32_C(1) << (pcr))
#define COMMAND_LINE_PCRS (BIT(8) | BIT(9) | BIT(11) | BIT(12))
#define RELEASE_PCRS (BIT(4) | BIT(9) | BIT(11))

/* The first complaint ends the check. */
struct check {
    const struct conf *conf;
    const struct policy_file *policy;
    struct conf_problem *problem;
    bool is_refused;
};

#define REFUSE(check, path, ...)                                                     \
    do {                                                                             \
        if (!(check)->is_refused)                                                    \
            (void)conf_refuse((check)->conf, (path), (check)->problem, __VA_ARGS__); \
        (check)->is_refused = true;                                                  \
    } while (0)

/* "signers.[2].subject" */
static const char *path_of(char path[96], const char *list, size_t index, const char *key)
{
    snprintf(path, 96, "%s.[%zu]%s%s", list, index, *key ? "." : "", key);
    return path;
}

static void check_digests(struct check *c, const char *path, const struct conf_strings *digests)
{
    char element[128];
    size_t index = 0;
    const char *fault = digest_list_fault(digests, &index);
    if (!fault)
        return;
    snprintf(element, sizeof(element), "%s.[%zu]", path, index);
    REFUSE(c, element, "%s", fault);
}

static void check_judged(struct check *c, const char *path, uint32_t mask, const char *which)
{
    if (!(c->policy->events & mask))
        REFUSE(c, path, "can never match: PCR %s is not in pcrs.events", which);
}

static void check_pcrs(struct check *c)
{
    const struct policy_file *p = c->policy;
    uint32_t twice = (p->events & p->whole) | (p->events & p->ignore) | (p->whole & p->ignore);
    if (twice)
        REFUSE(c, "pcrs", "PCR %d is in two of the lists events, whole and ignore", __builtin_ctz(twice));
    if ((p->events | p->whole) & POLICY_FREE_PCRS)
        REFUSE(c, "pcrs", "PCR %d says nothing, for whatever runs may set it back; put it into pcrs.ignore",
               __builtin_ctz((p->events | p->whole) & POLICY_FREE_PCRS));
    if (!(p->events | p->whole))
        REFUSE(c, "pcrs", "a policy that looks at no PCR approves nothing; name PCRs in pcrs.events or pcrs.whole");
}

static bool is_signer_variable(const char *name)
{
    static const char *const known[] = { "PK", "KEK", "db", "MokList", "Shim" };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    return false;
}

static void check_signers(struct check *c)
{
    const struct policy_signer *signers = c->policy->signers.items;
    uint8_t bytes[CRYPTO_SHA256_SIZE];
    char path[96];
    for (size_t i = 0; i < c->policy->signers.count; i++) {
        size_t size = 0;
        if (!is_signer_variable(signers[i].variable))
            REFUSE(c, path_of(path, "signers", i, "variable"), "must be one of PK, KEK, db, MokList, Shim");
        if (!signers[i].fingerprint == !signers[i].subject)
            REFUSE(c, path_of(path, "signers", i, ""), "needs either fingerprint or subject");
        if (signers[i].fingerprint &&
            (bs_unhex(signers[i].fingerprint, bytes, sizeof(bytes), &size) != BS_OK || size != sizeof(bytes)))
            REFUSE(c, path_of(path, "signers", i, "fingerprint"),
                   "must be 64 hexadecimal digits: the SHA-256 of the DER certificate");
        check_judged(c, path_of(path, "signers", i, ""), BIT(7), "7");
    }
}

static bool is_signed(const struct policy_file *policy, const char *variable)
{
    const struct policy_signer *signers = policy->signers.items;
    for (size_t i = 0; i < policy->signers.count; i++)
        if (strcmp(signers[i].variable, variable) == 0)
            return true;
    return false;
}

static void check_variable(struct check *c, const struct policy_variable *variable, size_t index)
{
    const struct policy_variable *all = c->policy->variables.items;
    char path[96], pcr[8];
    if (variable->pcr < 0) {
        REFUSE(c, path_of(path, "variables", index, "pcr"), "is missing: the PCR of the variable %s is not known here",
               variable->name);
        return;
    }
    snprintf(pcr, sizeof(pcr), "%d", (int)variable->pcr);
    check_judged(c, path_of(path, "variables", index, ""), BIT(variable->pcr), pcr);
    check_digests(c, path_of(path, "variables", index, "digests"), &variable->digests);
    if (c->policy->secure_boot != POLICY_SECURE_BOOT_ANY && strcmp(variable->name, "SecureBoot") == 0)
        REFUSE(c, path_of(path, "variables", index, "name"), "secure_boot already says what SecureBoot must be");
    if (is_signed(c->policy, variable->name))
        REFUSE(c, path_of(path, "variables", index, "name"), "signers already say what may be in %s", variable->name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(all[i].name, variable->name) == 0 && all[i].pcr == variable->pcr)
            REFUSE(c, path_of(path, "variables", index, "name"),
                   "%s is there twice; put all digests into one list, for a variable is measured once", variable->name);
}

static void check_application(struct check *c, const struct policy_application *application, size_t index)
{
    char path[96];
    path_of(path, "applications", index, "");
    if ((application->digests.count > 0) == (application->release != NULL)) {
        REFUSE(c, path, "needs either digests or release");
    } else if (application->release) {
        if (application->is_optional)
            REFUSE(c, path, "a release cannot be optional");
        check_judged(c, path, RELEASE_PCRS, "4, 9 or 11");
    } else {
        if (!application->name)
            REFUSE(c, path, "needs a name, which is used when it is missing");
        check_judged(c, path, BIT(4), "4");
        check_digests(c, path_of(path, "applications", index, "digests"), &application->digests);
    }
}

static void check_section(struct check *c, const struct policy_section *section, size_t index)
{
    const struct policy_section *all = c->policy->sections.items;
    char path[96];
    check_judged(c, path_of(path, "sections", index, ""), BIT(11), "11");
    check_digests(c, path_of(path, "sections", index, "digests"), &section->digests);
    if (section->name[0] != '.')
        REFUSE(c, path_of(path, "sections", index, "name"), "must begin with a dot, like .linux");
    for (size_t i = 0; i < index; i++)
        if (strcmp(all[i].name, section->name) == 0)
            REFUSE(c, path_of(path, "sections", index, "name"),
                   "%s is there twice; put all digests into one list, for a section is measured once", section->name);
}

static void check_measured(struct check *c, const struct policy_measured *measured, size_t index)
{
    char path[96], pcr[8];
    snprintf(pcr, sizeof(pcr), "%d", (int)measured->pcr);
    check_judged(c, path_of(path, "measured", index, ""), BIT(measured->pcr), pcr);
    check_digests(c, path_of(path, "measured", index, "digests"), &measured->digests);
}

static void check_words(struct check *c, const char *list, const struct conf_strings *words)
{
    char path[96];
    for (size_t i = 0; i < words->count; i++)
        if (!command_line_is_word(words->items[i]))
            REFUSE(c, path_of(path, list, i, ""), "must be one word of a command line, such as \"ro\" or \"init=\"");
}

static void check_command_line(struct check *c)
{
    const struct policy_file *p = c->policy;
    char path[96];
    if (!policy_has_command_line(p))
        return;
    check_judged(c, "command_line", COMMAND_LINE_PCRS, "8, 9, 11 or 12");
    check_words(c, "command_line.required", &p->required);
    check_words(c, "command_line.forbidden", &p->forbidden);
    if (c->is_refused) /* what follows looks for these words */
        return;
    for (size_t i = 0; i < p->required.count; i++)
        if (command_line_find_forbidden(p->required.items[i], &p->forbidden))
            REFUSE(c, path_of(path, "command_line.required", i, ""),
                   "can never match: command_line.forbidden refuses it");
    for (size_t i = 0; i < p->exact.count; i++) {
        const char *text = p->exact.items[i];
        if (text[0] == '\0')
            REFUSE(c, path_of(path, "command_line.exact", i, ""), "an empty command line is not measured");
        if (command_line_find_forbidden(text, &p->forbidden) || command_line_find_missing(text, &p->required))
            REFUSE(c, path_of(path, "command_line.exact", i, ""),
                   "can never match: it has a word of command_line.forbidden, or lacks one of command_line.required");
    }
}

static bool is_known_vendor(const struct policy_file *policy, const char *vendor)
{
    const struct policy_build *known = policy->known.items;
    for (size_t i = 0; i < policy->known.count; i++)
        if (known[i].vendor && strcmp(known[i].vendor, vendor) == 0)
            return true;
    return false;
}

static void check_range(struct check *c, const char *list, const struct policy_range *range, size_t index)
{
    char path[96];
    path_of(path, list, index, "");
    if (!range->who && !range->minimum && !range->maximum)
        REFUSE(c, path, "would fit everything; name a maker, minimum or maximum");
    if (!range->minimum || !range->maximum)
        return;
    enum version_order order = version_compare(range->minimum, range->maximum);
    if (order == VERSION_GREATER || order == VERSION_INCOMPARABLE)
        REFUSE(c, path, "can never match: minimum is not below maximum, or the two cannot be compared");
}

static void check_firmware(struct check *c)
{
    const struct policy_file *p = c->policy;
    const struct policy_build *known = p->known.items;
    const struct policy_range *allow = p->allow.items, *deny = p->deny.items;
    char path[96];
    if (!policy_has_firmware(p))
        return;
    if (!((p->events | p->whole) & BIT(0)))
        REFUSE(c, "firmware", "can never match: PCR 0 is neither in pcrs.events nor in pcrs.whole");
    for (size_t i = 0; i < p->known.count; i++)
        check_digests(c, path_of(path, "firmware.known", i, "values"), &known[i].values);
    for (size_t i = 0; i < p->allow.count; i++) {
        check_range(c, "firmware.allow", &allow[i], i);
        if (allow[i].who && !is_known_vendor(p, allow[i].who))
            REFUSE(c, path_of(path, "firmware.allow", i, "vendor"),
                   "can never match: no build of %s is in firmware.known, and only these have a vendor", allow[i].who);
    }
    for (size_t i = 0; i < p->deny.count; i++)
        check_range(c, "firmware.deny", &deny[i], i);
    if (p->known.count + p->allow.count == 0)
        REFUSE(c, "firmware.deny", "approves nothing by itself; add firmware.known or firmware.allow");
    if (p->known.count == 0 && !(p->events & BIT(0)))
        REFUSE(c, "firmware.allow",
               "can never match: with PCR 0 in pcrs.whole only builds of firmware.known have a version");
}

static bool has_values(const struct policy_file *policy, unsigned pcr)
{
    const struct policy_value *values = policy->values.items;
    for (size_t i = 0; i < policy->values.count; i++)
        if (values[i].pcr == (int64_t)pcr)
            return true;
    return pcr == 0 && policy->known.count > 0;
}

static void check_values(struct check *c)
{
    const struct policy_value *values = c->policy->values.items;
    char path[96];
    for (size_t i = 0; i < c->policy->values.count; i++) {
        path_of(path, "values", i, "");
        if (!(c->policy->whole & BIT(values[i].pcr)))
            REFUSE(c, path, "can never match: PCR %d is not in pcrs.whole", (int)values[i].pcr);
        if ((values[i].digests.count > 0) == (values[i].reference != NULL))
            REFUSE(c, path, "needs either digests or reference");
        check_digests(c, path_of(path, "values", i, "digests"), &values[i].digests);
    }
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if ((c->policy->whole & BIT(pcr)) && !has_values(c->policy, pcr))
            REFUSE(c, "pcrs.whole", "PCR %u can never be good: values say nothing about it", pcr);
}

static void check_tpm(struct check *c, const struct policy_range *range, size_t index)
{
    static const char *const what = "must be four numbers from 0 to 65535, like \"7.85.4555.0\"";
    uint64_t minimum = 0, maximum = UINT64_MAX;
    uint8_t id[4];
    size_t size = 0;
    char path[96];
    if (!range->who && !range->minimum && !range->maximum)
        REFUSE(c, path_of(path, "tpm", index, ""), "would fit every TPM; name manufacturer, minimum or maximum");
    if (range->minimum && evidence_version_parse(bs_span_of_string(range->minimum), &minimum) != BS_OK)
        REFUSE(c, path_of(path, "tpm", index, "minimum"), "%s", what);
    if (range->maximum && evidence_version_parse(bs_span_of_string(range->maximum), &maximum) != BS_OK)
        REFUSE(c, path_of(path, "tpm", index, "maximum"), "%s", what);
    if (minimum > maximum)
        REFUSE(c, path_of(path, "tpm", index, ""), "can never match: minimum is above maximum");
    bool is_id = range->who && strncmp(range->who, "id:", 3) == 0;
    if (is_id ? bs_unhex(range->who + 3, id, sizeof(id), &size) != BS_OK || size != 4
              : range->who && strlen(range->who) > 4)
        REFUSE(c, path_of(path, "tpm", index, "manufacturer"),
               "must be as EK certificates have it, \"id:49465800\", or its letters, \"IFX\"");
}

enum bs_err policy_check(const struct conf *conf, const struct policy_file *policy, struct conf_problem *problem)
{
    struct check check = { conf, policy, problem, false };
    if (!policy_name_is_valid(policy->name))
        REFUSE(&check, "name", "must be letters, digits, '.', '_' and '-', and not begin with a dot");
    check_pcrs(&check);
    check_signers(&check);
    for (size_t i = 0; i < policy->variables.count; i++)
        check_variable(&check, (const struct policy_variable *)policy->variables.items + i, i);
    for (size_t i = 0; i < policy->applications.count; i++)
        check_application(&check, (const struct policy_application *)policy->applications.items + i, i);
    for (size_t i = 0; i < policy->sections.count; i++)
        check_section(&check, (const struct policy_section *)policy->sections.items + i, i);
    check_command_line(&check);
    if (policy->initrd.count > 0)
        check_judged(&check, "initrd", BIT(9), "9");
    check_digests(&check, "initrd", &policy->initrd);
    for (size_t i = 0; i < policy->measured.count; i++)
        check_measured(&check, (const struct policy_measured *)policy->measured.items + i, i);
    check_firmware(&check);
    check_values(&check);
    for (size_t i = 0; i < policy->tpm.count; i++)
        check_tpm(&check, (const struct policy_range *)policy->tpm.items + i, i);
    if (policy->secure_boot != POLICY_SECURE_BOOT_ANY)
        check_judged(&check, "secure_boot", BIT(7), "7");
    return check.is_refused ? BS_ERR_CONFIG : BS_OK;
}
