#include "server/policy/policy_check.h"

#include "core/crypto.h"
#include "server/policy/check.h"
#include "server/policy/digest_list.h"
#include "server/policy/evidence_file.h"

#include <stdio.h>
#include <string.h>

#define RELEASE_PCRS (CHECK_BIT(4) | CHECK_BIT(9) | CHECK_BIT(11))
#define PCR_STARTED 4
#define PCR_SECURE_BOOT 7
#define SECTION_NAME_MAX 8 /* of a PE image's (PE/COFF, section table) */

const char *check_path(char path[CHECK_PATH], const char *list, size_t index, const char *key)
{
    snprintf(path, CHECK_PATH, "%s.[%zu]%s%s", list, index, *key ? "." : "", key);
    return path;
}

void check_digests(struct check *c, const char *path, const struct conf_strings *digests)
{
    char element[128];
    size_t index = 0;
    const char *fault = digest_list_fault(digests, &index);
    if (!fault)
        return;
    snprintf(element, sizeof(element), "%s.[%zu]", path, index);
    CHECK_REFUSE(c, element, "%s", fault);
}

void check_judged(struct check *c, const char *path, uint32_t mask, const char *which)
{
    if (!(c->policy->events & mask))
        CHECK_REFUSE(c, path, "can never match: PCR %s is not in pcrs.events", which);
}

static void check_pcrs(struct check *c)
{
    const struct policy_file *p = c->policy;
    uint32_t twice = (p->events & p->whole) | (p->events & p->ignore) | (p->whole & p->ignore);
    if (twice)
        CHECK_REFUSE(c, "pcrs", "PCR %d is in two of the lists events, whole and ignore", __builtin_ctz(twice));
    if ((p->events | p->whole) & POLICY_FREE_PCRS)
        CHECK_REFUSE(c, "pcrs", "PCR %d says nothing, for whatever runs may set it back; put it into pcrs.ignore",
                     __builtin_ctz((p->events | p->whole) & POLICY_FREE_PCRS));
    if (!(p->events | p->whole))
        CHECK_REFUSE(c, "pcrs",
                     "a policy that looks at no PCR approves nothing; name PCRs in pcrs.events or pcrs.whole");
}

/* Something that was started has to be there: by default only what is too much is refused. */
static bool demands_started(const struct policy_file *p)
{
    const struct policy_application *applications = p->applications.items;
    const struct policy_measured *measured = p->measured.items;
    for (size_t i = 0; i < p->applications.count; i++)
        if (!applications[i].is_optional)
            return true;
    for (size_t i = 0; i < p->measured.count; i++)
        if (measured[i].pcr == PCR_STARTED && !measured[i].is_optional)
            return true;
    return false;
}

static bool says_started(const struct policy_file *p)
{
    return (p->whole & CHECK_BIT(PCR_STARTED)) || ((p->events & CHECK_BIT(PCR_STARTED)) && demands_started(p));
}

bool policy_rests_on_secure_boot(const struct policy_file *policy)
{
    return (policy->whole & CHECK_BIT(PCR_SECURE_BOOT)) && !says_started(policy);
}

/*
 * PCRs 8 to 15 are extended by what was started, and nothing else tells whether that was any boot loader: PCR 4 says what it was, PCR 7 that
 * Secure Boot let it through.
 */
static void check_started(struct check *c)
{
    const struct policy_file *p = c->policy;
    const uint32_t started = CHECK_BIT(PCR_STARTED), secure_boot = CHECK_BIT(PCR_SECURE_BOOT);
    if (says_started(p) || (p->whole & secure_boot) ||
        ((p->events & secure_boot) && p->secure_boot == POLICY_SECURE_BOOT_ON))
        return;
    if (p->events & started)
        CHECK_REFUSE(c, "applications",
                     "must name what has to be started, and not as optional: else a boot is good of which PCR 4 says "
                     "nothing, and what is started measures PCRs 8 to 15 as it likes");
    else if (p->events & secure_boot)
        CHECK_REFUSE(
            c, "secure_boot",
            "must be \"on\" where PCR 4 is not judged, for nothing else says what may be started; or put PCR 4 "
            "into pcrs.events or pcrs.whole");
    else
        CHECK_REFUSE(
            c, "pcrs",
            "nothing says what may be started, and that measures PCRs 8 to 15 as it likes; put PCR 4, or PCR 7 "
            "with Secure Boot on, into pcrs.events or pcrs.whole");
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Those that firmware measures, whether Secure Boot is on or not; the others are entries that admitted an image. */
static const char *const measured_variables[] = { "PK", "KEK", "db", NULL };
static const char *const admitting_variables[] = { "MokList", "Shim", NULL };

static void check_signers(struct check *c)
{
    const struct policy_signer *signers = c->policy->signers.items;
    uint8_t bytes[CRYPTO_SHA256_SIZE];
    char path[CHECK_PATH];
    for (size_t i = 0; i < c->policy->signers.count; i++) {
        size_t size = 0;
        const bool is_admitting = is_one_of(signers[i].variable, admitting_variables);
        if (!is_admitting && !is_one_of(signers[i].variable, measured_variables))
            CHECK_REFUSE(c, check_path(path, "signers", i, "variable"), "must be one of PK, KEK, db, MokList, Shim");
        if (!signers[i].fingerprint == !signers[i].subject)
            CHECK_REFUSE(c, check_path(path, "signers", i, ""), "needs either fingerprint or subject");
        if (signers[i].fingerprint &&
            (bs_unhex(signers[i].fingerprint, bytes, sizeof(bytes), &size) != BS_OK || size != sizeof(bytes)))
            CHECK_REFUSE(c, check_path(path, "signers", i, "fingerprint"),
                         "must be 64 hexadecimal digits: the SHA-256 of the DER certificate");
        check_judged(c, check_path(path, "signers", i, ""), CHECK_BIT(7), "7");
        if (is_admitting && c->policy->secure_boot == POLICY_SECURE_BOOT_OFF)
            CHECK_REFUSE(c, check_path(path, "signers", i, "variable"),
                         "can never match: with Secure Boot off nothing asks %s who signed an image",
                         signers[i].variable);
    }
}

/* Signers of MokList and Shim say nothing of variables, which shim measures into PCR 14. */
static bool is_signed(const struct policy_file *policy, const char *variable)
{
    const struct policy_signer *signers = policy->signers.items;
    if (!is_one_of(variable, measured_variables))
        return false;
    for (size_t i = 0; i < policy->signers.count; i++)
        if (strcmp(signers[i].variable, variable) == 0)
            return true;
    return false;
}

static void check_variable(struct check *c, const struct policy_variable *variable, size_t index)
{
    const struct policy_variable *all = c->policy->variables.items;
    char path[CHECK_PATH], pcr[8];
    if (variable->pcr < 0) {
        CHECK_REFUSE(c, check_path(path, "variables", index, ""),
                     "pcr is missing: the PCR of the variable %s is not known here", variable->name);
        return;
    }
    snprintf(pcr, sizeof(pcr), "%d", (int)variable->pcr);
    check_judged(c, check_path(path, "variables", index, ""), CHECK_BIT(variable->pcr), pcr);
    check_digests(c, check_path(path, "variables", index, "digests"), &variable->digests);
    if (c->policy->secure_boot != POLICY_SECURE_BOOT_ANY && strcmp(variable->name, "SecureBoot") == 0)
        CHECK_REFUSE(c, check_path(path, "variables", index, "name"),
                     "secure_boot already says what SecureBoot must be");
    if (is_signed(c->policy, variable->name))
        CHECK_REFUSE(c, check_path(path, "variables", index, "name"), "signers already say what may be in %s",
                     variable->name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(all[i].name, variable->name) == 0 && all[i].pcr == variable->pcr)
            CHECK_REFUSE(c, check_path(path, "variables", index, "name"),
                         "%s is there twice; put all digests into one list, for a variable is measured once",
                         variable->name);
}

/* Whoever makes a reference gives it such a name (bootsealctl reference add). */
static void check_name(struct check *c, const char *group, const char *key, const char *name)
{
    char path[CHECK_PATH + 16];
    snprintf(path, sizeof(path), "%s.%s", group, key);
    if (!policy_name_is_valid(name))
        CHECK_REFUSE(c, path, "can never match: no reference has such a name");
}

static void check_application(struct check *c, const struct policy_application *application, size_t index)
{
    char path[CHECK_PATH];
    check_path(path, "applications", index, "");
    if ((application->digests.count > 0) == (application->release != NULL)) {
        CHECK_REFUSE(c, path, "needs either digests or release");
    } else if (application->release) {
        if (application->is_optional)
            CHECK_REFUSE(c, path, "a release cannot be optional");
        check_name(c, path, "release", application->release);
        check_judged(c, path, RELEASE_PCRS, "4, 9 or 11");
    } else {
        if (!application->name)
            CHECK_REFUSE(c, path, "needs a name, which is used when it is missing");
        check_judged(c, path, CHECK_BIT(4), "4");
        check_digests(c, check_path(path, "applications", index, "digests"), &application->digests);
    }
}

static void check_section(struct check *c, const struct policy_section *section, size_t index)
{
    const struct policy_section *all = c->policy->sections.items;
    char path[CHECK_PATH];
    check_judged(c, check_path(path, "sections", index, ""), CHECK_BIT(11), "11");
    check_digests(c, check_path(path, "sections", index, "digests"), &section->digests);
    if (section->name[0] != '.')
        CHECK_REFUSE(c, check_path(path, "sections", index, "name"), "must begin with a dot, like .linux");
    if (strlen(section->name) > SECTION_NAME_MAX || strcmp(section->name, ".pcrsig") == 0)
        CHECK_REFUSE(c, check_path(path, "sections", index, "name"),
                     "can never match: systemd-stub measures no section %s", section->name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(all[i].name, section->name) == 0)
            CHECK_REFUSE(c, check_path(path, "sections", index, "name"),
                         "%s is there twice; put all digests into one list, for a section is measured once",
                         section->name);
}

static void check_measured(struct check *c, const struct policy_measured *measured, size_t index)
{
    char path[CHECK_PATH], pcr[8];
    snprintf(pcr, sizeof(pcr), "%d", (int)measured->pcr);
    check_judged(c, check_path(path, "measured", index, ""), CHECK_BIT(measured->pcr), pcr);
    check_digests(c, check_path(path, "measured", index, "digests"), &measured->digests);
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
    char path[CHECK_PATH];
    for (size_t i = 0; i < c->policy->values.count; i++) {
        check_path(path, "values", i, "");
        if (!(c->policy->whole & CHECK_BIT(values[i].pcr)))
            CHECK_REFUSE(c, path, "can never match: PCR %d is not in pcrs.whole", (int)values[i].pcr);
        if ((values[i].digests.count > 0) == (values[i].reference != NULL))
            CHECK_REFUSE(c, path, "needs either digests or reference");
        if (values[i].reference)
            check_name(c, path, "reference", values[i].reference);
        if (values[i].pcr == 0 && policy_has_firmware(c->policy))
            CHECK_REFUSE(c, path, "has no effect: of PCR 0 only the values in firmware.known are good; name it there");
        check_digests(c, check_path(path, "values", i, "digests"), &values[i].digests);
    }
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if ((c->policy->whole & CHECK_BIT(pcr)) && !has_values(c->policy, pcr))
            CHECK_REFUSE(c, "pcrs.whole", "PCR %u can never be good: values say nothing about it", pcr);
}

/* As TCG registers them, but without the zeros and blanks that fill them up to four. */
static bool is_maker(const char *letters)
{
    size_t length = strlen(letters);
    for (size_t i = 0; i < length; i++)
        if (!(letters[i] >= 'A' && letters[i] <= 'Z') && !(letters[i] >= '0' && letters[i] <= '9'))
            return false;
    return length <= 4;
}

static void check_tpm(struct check *c, const struct policy_range *range, size_t index)
{
    static const char *const what = "must be four numbers from 0 to 65535, like \"7.85.4555.0\"";
    uint64_t minimum = 0, maximum = UINT64_MAX;
    uint8_t id[4];
    size_t size = 0;
    char path[CHECK_PATH];
    if (!range->who && !range->minimum && !range->maximum)
        CHECK_REFUSE(c, check_path(path, "tpm", index, ""),
                     "would fit every TPM; name manufacturer, minimum or maximum");
    if (range->minimum && evidence_version_parse(bs_span_of_string(range->minimum), &minimum) != BS_OK)
        CHECK_REFUSE(c, check_path(path, "tpm", index, "minimum"), "%s", what);
    if (range->maximum && evidence_version_parse(bs_span_of_string(range->maximum), &maximum) != BS_OK)
        CHECK_REFUSE(c, check_path(path, "tpm", index, "maximum"), "%s", what);
    if (minimum > maximum)
        CHECK_REFUSE(c, check_path(path, "tpm", index, ""), "can never match: minimum is above maximum");
    bool is_id = range->who && strncmp(range->who, "id:", 3) == 0;
    if (is_id ? bs_unhex(range->who + 3, id, sizeof(id), &size) != BS_OK || size != 4
              : range->who && !is_maker(range->who))
        CHECK_REFUSE(
            c, check_path(path, "tpm", index, "manufacturer"),
            "must be as EK certificates have it, \"id:49465800\", or its letters, \"IFX\", in capitals and without blanks");
}

static void check_rules(struct check *c)
{
    const struct policy_file *policy = c->policy;
    check_signers(c);
    for (size_t i = 0; i < policy->variables.count; i++)
        check_variable(c, (const struct policy_variable *)policy->variables.items + i, i);
    for (size_t i = 0; i < policy->applications.count; i++)
        check_application(c, (const struct policy_application *)policy->applications.items + i, i);
    for (size_t i = 0; i < policy->sections.count; i++)
        check_section(c, (const struct policy_section *)policy->sections.items + i, i);
    check_command_line(c);
    if (policy->initrd.count > 0)
        check_judged(c, "initrd", CHECK_BIT(9), "9");
    check_digests(c, "initrd", &policy->initrd);
    for (size_t i = 0; i < policy->measured.count; i++)
        check_measured(c, (const struct policy_measured *)policy->measured.items + i, i);
    check_firmware(c);
    check_values(c);
    for (size_t i = 0; i < policy->tpm.count; i++)
        check_tpm(c, (const struct policy_range *)policy->tpm.items + i, i);
    if (policy->secure_boot != POLICY_SECURE_BOOT_ANY)
        check_judged(c, "secure_boot", CHECK_BIT(7), "7");
}

enum bs_err policy_check(const struct conf *conf, const struct policy_file *policy, struct conf_problem *problem)
{
    struct check check = { conf, policy, problem, false };
    if (!policy_name_is_valid(policy->name))
        CHECK_REFUSE(&check, "name", "must be up to 63 letters, digits, '.', '_' and '-', and not begin with a dot");
    check_pcrs(&check);
    check_rules(&check);
    if (!check.is_refused)
        check_taken(&check);
    return check.is_refused ? BS_ERR_CONFIG : BS_OK;
}

enum bs_err policy_check_started(const struct conf *conf, const struct policy_file *policy,
                                 struct conf_problem *problem)
{
    struct check check = { conf, policy, problem, false };
    check_started(&check);
    return check.is_refused ? BS_ERR_CONFIG : BS_OK;
}
