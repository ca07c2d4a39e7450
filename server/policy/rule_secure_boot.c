/*
 * Secure Boot on or off: the variable SecureBoot, whose measured bytes are known beforehand for every value that it can have. A policy that
 * takes PCR 7 whole, and has nothing else that says what may be started, is kept with Secure Boot on alone.
 */
#include "server/policy/judge.h"
#include "server/policy/policy_check.h"

#include <string.h>

#define POLICY_PCR 7
#define NOT_SET 2 /* in the place of a value */

/* UEFI_VARIABLE_DATA (PFP 1.06 §10.2.6) of EFI_GLOBAL_VARIABLE, SecureBoot: GUID, characters, size, name, and perhaps one byte. */
struct bs_span rule_secure_boot_write(uint8_t value, uint8_t bytes[53])
{
    static const uint8_t head[52] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98,
                                      0x03, 0x2b, 0x8c, 10,   0,    0,    0,    0,    0,    0,    0,    1,    0,
                                      0,    0,    0,    0,    0,    0,    'S',  0,    'e',  0,    'c',  0,    'u',
                                      0,    'r',  0,    'e',  0,    'B',  0,    'o',  0,    'o',  0,    't' };
    memcpy(bytes, head, sizeof(head));
    bytes[24] = value != NOT_SET;
    bytes[52] = value;
    return BS_SPAN(bytes, value == NOT_SET ? 52 : 53);
}

/* By its digest: whatever type or data the event claims. */
bool rule_secure_boot_read(const struct judge *judge, const struct judge_event *event, uint8_t *ret_value)
{
    for (uint8_t value = 0; value <= NOT_SET; value++)
        if (judge_is_known(judge, event->digest, JUDGE_SECURE_BOOT_OFF + value)) {
            *ret_value = value;
            return true;
        }
    return false;
}

static const char *const words_of_value[] = { "Secure Boot off", "Secure Boot on",
                                              "Secure Boot off: the variable is not set" };

struct finding {
    const char *path; /* in the policy; NULL: secure_boot */
    const struct judge_event *event;
    const char *text;
    const char *found;
    const char *advice;
};

static void refuse(struct judge *judge, bool is_on, const struct finding *finding)
{
    struct policy_verdict *fault =
        judge_fault(judge, JUDGE_SECURE_BOOT, "%s", finding->path ? finding->path : "secure_boot");
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = POLICY_PCR;
    if (finding->event)
        judge_name_event(judge, fault, finding->event);
    JUDGE_SAY(fault->text, "%s", finding->text);
    JUDGE_SAY(fault->found, "%s", finding->found);
    JUDGE_SAY(fault->expected, is_on ? "Secure Boot on" : "Secure Boot off");
    JUDGE_SAY(fault->advice, "%s", finding->advice);
}

/* In the log of a PCR that is taken whole: its digests lead to the quoted value. NULL: on; else what was found. */
static const char *find_whole(const struct judge *judge)
{
    struct eventlog_event event;
    const char *found = "nothing";
    uint8_t value;
    for (struct eventlog_cursor c = eventlog_first(&judge->log); eventlog_next(&c, &event);) {
        const struct judge_event e = { .digest = eventlog_digest(&event, judge->bank) };
        if (event.pcr != POLICY_PCR || !eventlog_extends(&event))
            continue;
        if (judge_is_built_in(judge, POLICY_PCR, e.digest))
            return found; /* the separator: behind it anybody measures */
        if (!rule_secure_boot_read(judge, &e, &value))
            continue;
        if (value != 1)
            return words_of_value[value];
        found = NULL;
    }
    return "no end of the firmware's own part";
}

static void check_whole(struct judge *judge)
{
    const char *found = find_whole(judge);
    if (found)
        refuse(judge, true,
               &(struct finding){ "pcrs.whole", NULL,
                                  "Secure Boot is not on, and nothing but PCR 7 says what may be started", found,
                                  "Switch Secure Boot on in the firmware setup of the device, or put PCR 4 into "
                                  "pcrs.events or pcrs.whole of the policy." });
}

void rule_secure_boot(struct judge *judge)
{
    static const char *const look =
        "No firmware measures it so: find out what was started on the device before this boot is trusted.";
    bool is_on = judge->policy->secure_boot == POLICY_SECURE_BOOT_ON;
    size_t count = 0;
    if (policy_rests_on_secure_boot(judge->policy))
        check_whole(judge);
    if (judge->policy->secure_boot == POLICY_SECURE_BOOT_ANY)
        return;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, POLICY_PCR));) {
        uint8_t value;
        if (!rule_secure_boot_read(judge, e, &value))
            continue;
        judge_take(e, JUDGE_SECURE_BOOT);
        if (count++ > 0)
            refuse(judge, is_on,
                   &(struct finding){ NULL, e, "the variable SecureBoot was measured twice", words_of_value[value],
                                      look });
        else if (!e->is_before)
            refuse(judge, is_on,
                   &(struct finding){ NULL, e, "the variable SecureBoot was measured behind the firmware's own part",
                                      words_of_value[value], look });
        else if ((value == 1) != is_on)
            refuse(
                judge, is_on,
                &(struct finding){
                    NULL, e, is_on ? "Secure Boot is off" : "Secure Boot is on", words_of_value[value],
                    is_on ? "Switch Secure Boot on in the firmware setup of the device, and boot again."
                          : "Write secure_boot = \"on\" into the policy and apply it, or switch Secure Boot off in the "
                            "firmware setup of the device." });
    }
    if (count == 0)
        refuse(judge, is_on,
               &(struct finding){ NULL, NULL, "the firmware measured no variable SecureBoot", "nothing",
                                  "Use firmware that measures its Secure Boot state (UEFI), or take secure_boot out "
                                  "of the policy." });
}
