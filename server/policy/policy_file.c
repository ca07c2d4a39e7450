#include "server/policy/policy_file.h"

#include "server/policy/policy_check.h"
#include "server/profile.h"

#include <string.h>

#define DIGESTS_MAX 256
#define GROUPS_MAX 512
#define VERSION_MAX 120 /* more the judge does not compare (rule_firmware.c) */

static const char *const secure_boot_words[] = { "on", "off", NULL };

#define KEY(struct_, name, kind, member, ...) CONF_KEY(name, kind, struct struct_, member, ##__VA_ARGS__)
#define DIGESTS(struct_, name, member, ...) \
    KEY(struct_, name, CONF_STRINGS, member, .minimum = 1, .maximum = DIGESTS_MAX, ##__VA_ARGS__)
#define PCR(struct_, ...) KEY(struct_, "pcr", CONF_INTEGER, pcr, .maximum = 23, ##__VA_ARGS__)
#define OPTIONAL(struct_) KEY(struct_, "optional", CONF_BOOL, is_optional)
#define SCHEMA(table, struct_, defaults)                                            \
    (struct conf_schema)                                                            \
    {                                                                               \
        table, sizeof(table) / sizeof((table)[0]), sizeof(struct struct_), defaults \
    }

static const struct conf_key signer_keys[] = {
    KEY(policy_signer, "variable", CONF_STRING, variable, .is_required = true, .help = "PK, KEK, db, MokList or Shim"),
    KEY(policy_signer, "fingerprint", CONF_STRING, fingerprint, .help = "SHA-256 of the DER certificate"),
    KEY(policy_signer, "subject", CONF_STRING, subject, .minimum = 1),
};
static const struct conf_schema signer_schema = SCHEMA(signer_keys, policy_signer, NULL);

static const struct conf_key variable_keys[] = {
    KEY(policy_variable, "name", CONF_STRING, name, .minimum = 1, .maximum = 64, .is_required = true),
    PCR(policy_variable),
    DIGESTS(policy_variable, "digests", digests, .is_required = true),
    OPTIONAL(policy_variable),
};
static const struct policy_variable variable_defaults = { .pcr = -1 };
static const struct conf_schema variable_schema = SCHEMA(variable_keys, policy_variable, &variable_defaults);

static const struct conf_key application_keys[] = {
    KEY(policy_application, "name", CONF_STRING, name, .minimum = 1),
    DIGESTS(policy_application, "digests", digests),
    KEY(policy_application, "release", CONF_STRING, release, .minimum = 1, .maximum = POLICY_NAME_MAX),
    OPTIONAL(policy_application),
};
static const struct conf_schema application_schema = SCHEMA(application_keys, policy_application, NULL);

static const struct conf_key section_keys[] = {
    KEY(policy_section, "name", CONF_STRING, name, .minimum = 2, .maximum = 16, .is_required = true),
    DIGESTS(policy_section, "digests", digests, .is_required = true),
    OPTIONAL(policy_section),
};
static const struct conf_schema section_schema = SCHEMA(section_keys, policy_section, NULL);

static const struct conf_key measured_keys[] = {
    PCR(policy_measured, .is_required = true),
    DIGESTS(policy_measured, "digests", digests, .is_required = true),
    KEY(policy_measured, "note", CONF_STRING, note),
    OPTIONAL(policy_measured),
};
static const struct conf_schema measured_schema = SCHEMA(measured_keys, policy_measured, NULL);

static const struct conf_key build_keys[] = {
    KEY(policy_build, "vendor", CONF_STRING, vendor, .minimum = 1),
    KEY(policy_build, "version", CONF_STRING, version, .minimum = 1, .maximum = VERSION_MAX, .is_required = true),
    DIGESTS(policy_build, "values", values, .is_required = true, .help = "of PCR 0"),
};
static const struct conf_schema build_schema = SCHEMA(build_keys, policy_build, NULL);

static const struct conf_key firmware_keys[] = {
    KEY(policy_range, "vendor", CONF_STRING, who, .minimum = 1),
    KEY(policy_range, "minimum", CONF_STRING, minimum, .minimum = 1),
    KEY(policy_range, "maximum", CONF_STRING, maximum, .minimum = 1),
};
static const struct conf_schema firmware_schema = SCHEMA(firmware_keys, policy_range, NULL);

static const struct conf_key value_keys[] = {
    PCR(policy_value, .is_required = true),
    DIGESTS(policy_value, "digests", digests),
    KEY(policy_value, "reference", CONF_STRING, reference, .minimum = 1, .maximum = POLICY_NAME_MAX),
};
static const struct conf_schema value_schema = SCHEMA(value_keys, policy_value, NULL);

static const struct conf_key tpm_keys[] = {
    KEY(policy_range, "manufacturer", CONF_STRING, who, .minimum = 1),
    KEY(policy_range, "minimum", CONF_STRING, minimum, .minimum = 1),
    KEY(policy_range, "maximum", CONF_STRING, maximum, .minimum = 1),
};
static const struct conf_schema tpm_schema = SCHEMA(tpm_keys, policy_range, NULL);

/* A list that is given has something in it: an empty one would read as "nothing", and be no rule at all. */
#define GROUPS(name, member, schema_) \
    KEY(policy_file, name, CONF_GROUPS, member, .minimum = 1, .maximum = GROUPS_MAX, .element = &(schema_))
#define WORDS(name, member) KEY(policy_file, name, CONF_STRINGS, member, .minimum = 1, .maximum = DIGESTS_MAX)

static const struct conf_key keys[] = {
    KEY(policy_file, "name", CONF_STRING, name, .minimum = 1, .maximum = POLICY_NAME_MAX, .is_required = true),
    KEY(policy_file, "description", CONF_STRING, description),
    KEY(policy_file, "pcrs.events", CONF_PCRS, events, .help = "PCRs whose events are judged one by one"),
    KEY(policy_file, "pcrs.whole", CONF_PCRS, whole, .help = "PCRs of which the value is judged"),
    KEY(policy_file, "pcrs.ignore", CONF_PCRS, ignore, .help = "PCRs that may have any value"),
    KEY(policy_file, "secure_boot", CONF_WORD, secure_boot, .words = secure_boot_words),
    GROUPS("signers", signers, signer_schema),
    GROUPS("variables", variables, variable_schema),
    GROUPS("applications", applications, application_schema),
    GROUPS("sections", sections, section_schema),
    WORDS("command_line.exact", exact),
    WORDS("command_line.required", required),
    WORDS("command_line.forbidden", forbidden),
    KEY(policy_file, "initrd", CONF_STRINGS, initrd, .minimum = 1, .maximum = DIGESTS_MAX),
    GROUPS("measured", measured, measured_schema),
    GROUPS("firmware.known", known, build_schema),
    GROUPS("firmware.allow", allow, firmware_schema),
    GROUPS("firmware.deny", deny, firmware_schema),
    GROUPS("values", values, value_schema),
    GROUPS("tpm", tpm, tpm_schema),
};
/* The words of secure_boot begin with "on"; what is not said is none of them. */
static const struct policy_file defaults = { .secure_boot = -1 };
static const struct conf_schema schema = SCHEMA(keys, policy_file, &defaults);

bool policy_name_is_valid(const char *name)
{
    return profile_name_is_valid(name);
}

bool policy_has_command_line(const struct policy_file *policy)
{
    return policy->exact.count + policy->required.count + policy->forbidden.count > 0;
}

bool policy_has_firmware(const struct policy_file *policy)
{
    return policy->known.count + policy->allow.count + policy->deny.count > 0;
}

int policy_variable_pcr(const char *name)
{
    /* UEFI 2.10 §3.3, §32.3; PFP 1.06 §3.3.4.8; shim's. A "*" stands for anything behind it. */
    static const struct {
        const char *name;
        int pcr;
    } known[] = {
        { "PK", 7 },        { "KEK", 7 },       { "db", 7 },         { "dbx", 7 },
        { "dbr", 7 },       { "dbt", 7 },       { "SecureBoot", 7 }, { "DeployedMode", 7 },
        { "AuditMode", 7 }, { "SetupMode", 7 }, { "Boot*", 1 },      { "Mok*", 14 },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t length = strcspn(known[i].name, "*");
        if (known[i].name[length] == '*' ? strncmp(name, known[i].name, length) == 0 : strcmp(name, known[i].name) == 0)
            return known[i].pcr;
    }
    return -1;
}

/* The lists are in the conf's own memory, which nobody else has a pointer to yet. */
static void complete(struct policy_file *policy)
{
    struct policy_variable *variables = (struct policy_variable *)(uintptr_t)policy->variables.items;
    policy->secure_boot++;
    for (size_t i = 0; i < policy->variables.count; i++)
        if (variables[i].pcr < 0)
            variables[i].pcr = policy_variable_pcr(variables[i].name);
}

enum bs_err policy_parse_rules(struct bs_span text, struct policy_file *ret_policy, struct conf_problem *problem)
{
    struct policy_file policy;
    BS_OWN(conf) conf = NULL;
    enum bs_err err = conf_parse("policy", text, &schema, &policy, &conf, problem);
    if (err != BS_OK)
        return err;
    complete(&policy);
    err = policy_check(conf, &policy, problem);
    if (err != BS_OK)
        return err;
    policy.conf = BS_TAKE(conf);
    *ret_policy = policy;
    return BS_OK;
}

enum bs_err policy_parse(struct bs_span text, struct policy_file *ret_policy, struct conf_problem *problem)
{
    struct policy_file policy;
    enum bs_err err = policy_parse_rules(text, &policy, problem);
    if (err != BS_OK)
        return err;
    err = policy_check_started(policy.conf, &policy, problem);
    if (err == BS_OK)
        *ret_policy = policy;
    else
        policy_free(&policy);
    return err;
}

void policy_free(struct policy_file *policy)
{
    conf_free(BS_TAKE(policy->conf));
    *policy = (struct policy_file){ 0 };
}
