/*
 * Why a boot is not approved, in words: the rule, the PCR, the event, what was found, what was expected, the nearest approved reference
 * and how the two boots differ, and what an operator can do. Long for `device show`, `policy check` and the audit log; short for the
 * device's console.
 */
#pragma once

#include "server/evidence.h"
#include "server/policy/boot_diff.h"

#define EXPLAIN_MAX (16 * 1024)
#define EXPLAIN_ROWS_MAX 16 /* differences that are shown; of the others their number */

/* A verdict that is not good, and the diff against its nearest reference, when there is one. */
struct explanation {
    const struct policy_verdict *verdict;
    const struct boot_diff *diff; /* NULL: there is nothing to compare with */
};

/* A line for each thing, its name in front: "  Rule       applications: no rule names it\n". */
enum bs_err explain_lines(const struct explanation *explanation, struct bs_buf *out) BS_MUST_USE;

/* The same in one line, parted by semicolons, cut at a whole item when `max` bytes are not enough. */
enum bs_err explain_sentence(const struct explanation *explanation, size_t max, struct bs_buf *out) BS_MUST_USE;

/* The short form: reason, sentence, and a finding, which the device shows with found and expected. */
void explain_refusal(const struct policy_verdict *verdict, struct refusal *refusal);

/* The long form into refusal->explanation, for the audit log. */
enum bs_err explain_at_length(const struct explanation *explanation, struct refusal *refusal) BS_MUST_USE;

/* As much of the text as there is room for, cut between characters: half of one would spoil the whole answer. */
void explain_cut(const char *text, char *ret_text, size_t size);

/* What happened to an event, against a reference: "an event of the reference is missing". */
const char *explain_change(const struct boot_diff_row *row);

/* What a policy's verdict is compared with: the PCRs that it looks at. */
uint32_t explain_mask(const struct policy_file *policy);

/*
 * The diff against the verdict's nearest reference, looked up among `references`. *ret_has_diff is false when the verdict knows none, or it
 * is gone. The caller frees what he has got.
 */
enum bs_err explain_compare(const struct policy_file *policy, const struct policy_subject *subject,
                            const struct policy_references *references, const struct policy_verdict *verdict,
                            struct boot_diff *ret_diff, bool *ret_has_diff) BS_MUST_USE;

/*
 * The same for a profile without a policy, where a boot is good when it equals a reference: the verdict names the first difference from
 * the nearest one. The caller frees the diff.
 */
enum bs_err explain_reference(const struct policy_boot *boot, const struct policy_reference *nearest,
                              struct policy_verdict *ret_verdict, struct boot_diff *ret_diff) BS_MUST_USE;
