/* The TPM itself: who made it, as its EK certificate says, and which firmware it has, as it quoted. */
#include "server/policy/evidence_file.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "id:49465800" against "IFX" or itself: four bytes, filled up with zeros or blanks (TCG EK Credential Profile §3.1.2). */
static bool is_maker(const char *found, const char *wanted)
{
    char letters[5] = "";
    size_t size = 0;
    if (strncmp(wanted, "id:", 3) == 0)
        return strcasecmp(found, wanted) == 0;
    if (strncmp(found, "id:", 3) != 0 || bs_unhex(found + 3, (uint8_t *)letters, 4, &size) != BS_OK || size != 4)
        return false;
    for (size_t i = strlen(letters); i > 0 && letters[i - 1] == ' '; i--)
        letters[i - 1] = '\0';
    return strcmp(letters, wanted) == 0;
}

static bool fits(const struct policy_subject *subject, const struct policy_range *range)
{
    uint64_t minimum = 0, maximum = UINT64_MAX;
    if (range->minimum && evidence_version_parse(bs_span_of_string(range->minimum), &minimum) != BS_OK)
        return false;
    if (range->maximum && evidence_version_parse(bs_span_of_string(range->maximum), &maximum) != BS_OK)
        return false;
    return (!range->who || is_maker(subject->tpm_manufacturer, range->who)) && subject->tpm_firmware >= minimum &&
           subject->tpm_firmware <= maximum;
}

/* Other firmware makes no other maker of it. */
static const char *advice_for(const struct policy_subject *subject, const struct conf_list *ranges)
{
    const struct policy_range *range = ranges->items;
    for (size_t i = 0; i < ranges->count; i++)
        if (!range[i].who || is_maker(subject->tpm_manufacturer, range[i].who))
            return "Update the firmware of the TPM with its maker's tool, or allow this version in tpm and apply the policy.";
    if (subject->tpm_manufacturer[0] == '\0')
        return "Put the CA of the TPM's maker into ek-roots/, if it has a certificate of one; else keep the device out: nobody vouches for "
               "this TPM.";
    return "If TPMs of this maker are to be trusted, add it to tpm and apply the policy; else keep the device out.";
}

void rule_tpm(struct judge *judge)
{
    const struct policy_range *ranges = judge->policy->tpm.items;
    char version[EVIDENCE_VERSION_SIZE];
    for (size_t i = 0; i < judge->policy->tpm.count; i++)
        if (fits(judge->subject, &ranges[i]))
            return;
    struct policy_verdict *fault = judge->policy->tpm.count > 0 ? judge_fault(judge, JUDGE_TPM, "tpm") : NULL;
    if (!fault)
        return;
    const char *maker = judge->subject->tpm_manufacturer;
    evidence_version_format(judge->subject->tpm_firmware, version);
    JUDGE_SAY(fault->text, "the TPM is none that the policy allows");
    JUDGE_SAY(fault->found, "manufacturer %s, firmware %s", maker[0] ? maker : "unknown (no EK certificate)", version);
    judge_say_ranges(&judge->policy->tpm, "manufacturer ", "firmware", fault->expected, sizeof(fault->expected));
    JUDGE_SAY(fault->advice, "%s", advice_for(judge->subject, &judge->policy->tpm));
}
