/* Events that no rule took: what they are, and what an operator can do about them. */
#include "core/eventlog_decode.h"
#include "server/policy/judge.h"

#include <string.h>

#define PCR_FIRMWARE 0
#define PCR_BOOT_VARIABLES 1
#define PCR_APPLICATIONS 4
#define PCR_SECURE_BOOT 7
#define PCR_GRUB 8
#define PCR_KERNEL 9
#define PCR_UKI 11
#define PCR_PARAMETERS 12

/* Tags of Linux' EFI stub (drivers/firmware/efi/libstub/efistub.h). */
#define TAG_OPTIONS UINT32_C(0x8f3b22ed)
#define TAG_INITRD UINT32_C(0x8f3b22ec)

static bool begins(struct bs_span data, const char *text)
{
    return data.size >= strlen(text) && memcmp(data.data, text, strlen(text)) == 0;
}

static enum judge_rule rule_of_kernel(const struct judge_event *event)
{
    struct eventlog_tagged tagged;
    if (eventlog_decode_tagged(event->event.data, &tagged) != BS_OK)
        return JUDGE_MEASURED;
    return tagged.id == TAG_OPTIONS ? JUDGE_COMMAND_LINE : tagged.id == TAG_INITRD ? JUDGE_INITRD : JUDGE_MEASURED;
}

static enum judge_rule rule_of_policy_event(const struct judge *judge, const struct judge_event *event)
{
    static const char secure_boot[] = "S\0e\0c\0u\0r\0e\0B\0o\0o\0t";
    struct eventlog_variable variable;
    if (eventlog_decode_variable(event->event.data, &variable) != BS_OK)
        return JUDGE_MEASURED;
    if (bs_span_equal(variable.name, BS_SPAN(secure_boot, sizeof(secure_boot))))
        return judge->policy->secure_boot == POLICY_SECURE_BOOT_ANY ? JUDGE_VARIABLES : JUDGE_SECURE_BOOT;
    return event->is_before ? JUDGE_VARIABLES : judge->policy->signers.count > 0 ? JUDGE_SIGNERS : JUDGE_MEASURED;
}

enum judge_rule judge_rule_of(const struct judge *judge, const struct judge_event *event)
{
    struct eventlog_variable variable;
    switch (event->event.pcr) {
    case PCR_FIRMWARE:
        return event->event.type == EVENTLOG_CRTM_VERSION && policy_has_firmware(judge->policy) ? JUDGE_FIRMWARE
                                                                                                : JUDGE_MEASURED;
    case PCR_BOOT_VARIABLES:
        return event->event.type == EVENTLOG_VARIABLE_BOOT || event->event.type == EVENTLOG_VARIABLE_BOOT2 ||
                       eventlog_decode_variable(event->event.data, &variable) == BS_OK
                   ? JUDGE_VARIABLES
                   : JUDGE_MEASURED;
    case PCR_APPLICATIONS:
        return JUDGE_APPLICATIONS;
    case PCR_SECURE_BOOT:
        return rule_of_policy_event(judge, event);
    case PCR_GRUB:
        return begins(event->event.data, "kernel_cmdline:") ? JUDGE_COMMAND_LINE : JUDGE_MEASURED;
    case PCR_KERNEL:
        return rule_of_kernel(event);
    case PCR_UKI:
        return event->is_userspace ? JUDGE_MEASURED : JUDGE_SECTIONS;
    case PCR_PARAMETERS:
        return event->is_of_data ? JUDGE_COMMAND_LINE : JUDGE_MEASURED;
    default:
        return JUDGE_MEASURED;
    }
}

/* What to say of each rule's events; the path is the rule that would have to name them. */
static const struct {
    const char *path;
    const char *text;
    const char *advice;
} sentences[JUDGE_RULES] = {
    [JUDGE_SECURE_BOOT] = { "secure_boot", "the variable SecureBoot has a value that the policy does not allow",
                            "Look at Secure Boot in the firmware setup of the device." },
    [JUDGE_SIGNERS] = { "signers", "an image was admitted by a key that the policy does not name",
                        "If this signer is to be trusted, add its certificate to signers and apply the policy; else remove what it signed "
                        "from the device, and the key from db or MokList." },
    [JUDGE_VARIABLES] = { "variables", "no rule of the policy takes this variable",
                          "If the change in the firmware setup was made on purpose, add this digest to variables and apply the "
                          "policy; else set the variable back." },
    [JUDGE_APPLICATIONS] = { "applications", "something was started that no rule of the policy names",
                             "If it may be started, add its digest to applications and apply the policy; else find out who put it onto "
                             "the device, and remove it from the boot order and from the disk." },
    [JUDGE_SECTIONS] = { "sections", "no rule of the policy takes this part of the kernel image",
                         "If the image was updated on purpose, add the digest to sections (or the image as a release to applications) and "
                         "apply the policy; else install the approved image again." },
    [JUDGE_COMMAND_LINE] = { "command_line", "the kernel got a command line that no rule of the policy takes",
                             "If it was changed on purpose, let command_line allow it and apply the policy; else look at the "
                             "boot loader's configuration of the device." },
    [JUDGE_INITRD] = { "initrd", "the kernel got an initrd that no rule of the policy takes",
                       "If it was rebuilt on purpose, add its digest to initrd and apply the policy; else put the approved one back." },
    [JUDGE_MEASURED] = { "measured", "no rule of the policy takes this event",
                         "If it belongs to a good boot, add its digest to measured and apply the policy; else find out what on the "
                         "device measured it." },
    [JUDGE_FIRMWARE] = { "firmware", "no rule of the policy takes this version of the firmware",
                         "Allow it in firmware.allow, name its digest in measured, or update the firmware of the device." },
};

void judge_say_left(struct judge *judge, const struct judge_event *event)
{
    enum judge_rule rule = judge_rule_of(judge, event);
    struct policy_verdict *fault = judge_fault(judge, rule, "%s", sentences[rule].path);
    if (!fault)
        return;
    judge_name_event(judge, fault, event);
    JUDGE_SAY(fault->text, "%s", sentences[rule].text);
    JUDGE_SAY(fault->expected, "nothing but what %s names", sentences[rule].path);
    JUDGE_SAY(fault->advice, "%s", sentences[rule].advice);
}
