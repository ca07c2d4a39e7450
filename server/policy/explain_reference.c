#include "server/policy/explain.h"

#include "bootseal/phase.h"

#include <stdio.h>
#include <string.h>

#define PCR(number) (UINT32_C(1) << (number))

/* What an operator can do about a change in these PCRs; of several the first that has one of them. */
static const struct {
    uint32_t pcrs;
    const char *advice;
} advices[] = {
    { PCR(7),
      "Look in the firmware's setup whether Secure Boot is on and holds your keys alone; if you changed it yourself, approve this boot "
      "with bootsealctl device approve --learn." },
    { PCR(0) | PCR(1) | PCR(2) | PCR(3),
      "If you updated the firmware, changed its setup or built in a card, approve this boot with bootsealctl device approve --learn; if not, "
      "keep the device out until you know who did." },
    { PCR(4) | PCR(8) | PCR(9) | PCR(10) | PCR(11) | PCR(12) | PCR(13) | PCR(14) | PCR(15),
      "If this is an update of yours, make it known with bootsealctl reference add or approve this boot with bootsealctl device approve "
      "--learn; if not, put the approved image back." },
    { PCR(5),
      "If the disk was exchanged or partitioned anew on purpose, approve this boot with bootsealctl device approve --learn; if not, "
      "find out what the device was started from." },
};

/* The difference to name first, and what to do: the topmost of the table above, for a change there explains others below. */
static const struct boot_diff_row *most_telling(const struct boot_diff *diff, const char **ret_advice)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        for (size_t n = 0; n < diff->count; n++)
            if (advices[i].pcrs & PCR(diff->rows[n].pcr)) {
                *ret_advice = advices[i].advice;
                return &diff->rows[n];
            }
    *ret_advice =
        "If you know why, approve this boot with bootsealctl device approve --learn; if not, keep the device out until you do.";
    return &diff->rows[0];
}

/* A boot as foretold but for the word of systemd: in its log, or, where it keeps none, in the value alone. */
static bool is_phase(const struct boot_diff *diff, const struct boot_diff_row *row)
{
    return diff->total == 1 && row->pcr == BS_PHASE_PCR && !row->expected.is_there &&
           (!row->found.is_there || (row->found.is_userspace && strcmp(row->found.words, BS_PHASE_INITRD) == 0));
}

const char *explain_change(const struct boot_diff_row *row)
{
    if (!row->found.is_there && !row->expected.is_there)
        return "the value is not that of the reference";
    switch (row->change) {
    case ALIGN_ADDED:
        return "this event is new; the reference has nothing like it there";
    case ALIGN_REMOVED:
        return "an event of the reference is missing";
    case ALIGN_CHANGED:
    case ALIGN_SAME:
        break;
    }
    return "this event is another one than in the reference";
}

static void copy(char *ret_text, size_t size, const char *text)
{
    explain_cut(text, ret_text, size);
}

static void fill(const struct boot_diff *diff, struct policy_verdict *verdict)
{
    const char *advice;
    const struct boot_diff_row *first = most_telling(diff, &advice);
    if (is_phase(diff, first))
        advice =
            "If systemd runs in the initrd of this image, foretell it so: bootsealctl reference add --phase=" BS_PHASE_INITRD
            "; or approve this boot with bootsealctl device approve --learn.";
    copy(verdict->advice, sizeof(verdict->advice), advice);
    copy(verdict->text, sizeof(verdict->text), explain_change(first));
    verdict->has_pcr = true;
    verdict->pcr = first->pcr;
    verdict->has_event = first->found.is_there;
    verdict->is_userspace = first->found.is_userspace;
    verdict->event = first->found.index;
    verdict->type = first->found.type;
    copy(verdict->words, sizeof(verdict->words), first->found.words);
    bool is_event = first->found.is_there || first->expected.is_there;
    copy(verdict->found, sizeof(verdict->found),
         is_event && !first->found.is_there ? "no such event" : first->found.digest);
    copy(verdict->expected, sizeof(verdict->expected),
         is_event && !first->expected.is_there ? "no such event" : first->expected.digest);
}

enum bs_err explain_reference(const struct policy_boot *boot, const struct policy_reference *nearest,
                              struct policy_verdict *ret_verdict, struct boot_diff *ret_diff)
{
    struct policy_verdict verdict = { .rule = "references", .has_nearest = true, .nearest = nearest->id };
    struct boot_diff diff;
    enum bs_err err = boot_diff(boot, &nearest->boot, boot->mask | nearest->boot.mask, &diff);
    if (err != BS_OK)
        return err;
    copy(verdict.nearest_name, sizeof(verdict.nearest_name), nearest->name);
    if (boot->bank != nearest->boot.bank) {
        copy(verdict.text, sizeof(verdict.text), "the reference is of another PCR bank");
        copy(verdict.found, sizeof(verdict.found), crypto_hash_name(boot->bank));
        copy(verdict.expected, sizeof(verdict.expected), crypto_hash_name(nearest->boot.bank));
        copy(verdict.advice, sizeof(verdict.advice),
             "Give the profile the bank that its references are of, or learn references of this one.");
    } else if (diff.total == 0) {
        verdict.is_good = true;
    } else {
        fill(&diff, &verdict);
    }
    *ret_verdict = verdict;
    *ret_diff = diff;
    return BS_OK;
}
