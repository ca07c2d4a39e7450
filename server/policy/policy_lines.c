#include "server/policy/policy_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writer with a sticky error. */
struct lines {
    struct bs_buf *out;
    enum bs_err err;
};

/* A string of a policy has up to 1023 bytes (conf.h); in quotes each may be two. */
#define QUOTED_SIZE (2 * 1023 + 3)
#define HEAD_SIZE (QUOTED_SIZE + 512)
#define PLACE_SIZE (QUOTED_SIZE + 1024 + 1)

/* A line is never cut: what is not in it would be a change that nobody sees. */
#define SAY(lines, ...)                                              \
    do {                                                             \
        if ((lines)->err == BS_OK)                                   \
            (lines)->err = bs_buf_printf((lines)->out, __VA_ARGS__); \
        if ((lines)->err == BS_OK)                                   \
            (lines)->err = bs_buf_append_string((lines)->out, "\n"); \
    } while (0)

/* Where more of the line follows: what the string says must not look like that. */
static const char *quote(const char *text, char ret_quoted[QUOTED_SIZE])
{
    size_t used = 0;
    ret_quoted[used++] = '"';
    for (; *text && used + 4 < QUOTED_SIZE; text++) {
        if (*text == '"' || *text == '\\')
            ret_quoted[used++] = '\\';
        ret_quoted[used++] = *text;
    }
    ret_quoted[used++] = '"';
    ret_quoted[used] = '\0';
    return ret_quoted;
}

static void say_mask(struct lines *lines, const char *name, uint32_t mask)
{
    char text[100] = "";
    size_t used = 0;
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (mask >> pcr & 1)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", used > 0 ? ", " : "", pcr);
    if (mask != 0)
        SAY(lines, "pcrs.%s: %s", name, text);
}

static void say_strings(struct lines *lines, const char *head, const struct conf_strings *strings, bool is_optional)
{
    for (size_t i = 0; i < strings->count; i++)
        SAY(lines, "%s: %s%s", head, strings->items[i], is_optional ? " (optional)" : "");
}

/* A group of a list whose groups are alike but for these. */
struct group {
    const char *head;
    const struct conf_strings *digests;
    bool is_optional;
    size_t number; /* among those before it that have as many digests, this head, and are as optional */
};

/*
 * Of a group's digests one is demanded: two groups of one digest each are another rule than one of two. Which of them stand together is in
 * the line, so that two groups which change digests do not look as before.
 */
static void say_group(struct lines *lines, const struct group *group)
{
    const size_t count = group->digests->count;
    char number[40] = "";
    if (group->number > 0)
        snprintf(number, sizeof(number), ", group %zu", group->number + 1);
    for (size_t i = 0; i < count; i++)
        if (count > 1)
            SAY(lines, "%s: %s (one of %zu%s%s)", group->head, group->digests->items[i], count, number,
                group->is_optional ? ", optional" : "");
        else
            SAY(lines, "%s: %s%s", group->head, group->digests->items[i], group->is_optional ? " (optional)" : "");
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void say_signers(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_signer *signers = policy->signers.items;
    for (size_t i = 0; i < policy->signers.count; i++)
        if (signers[i].fingerprint)
            SAY(lines, "signers: %s: certificate %s%s%s", signers[i].variable, signers[i].fingerprint,
                signers[i].subject ? ", " : "", or_empty(signers[i].subject));
        else
            SAY(lines, "signers: %s: subject %s", signers[i].variable, or_empty(signers[i].subject));
}

static void say_variables(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_variable *variables = policy->variables.items;
    char head[160];
    for (size_t i = 0; i < policy->variables.count; i++) {
        snprintf(head, sizeof(head), "variables: %s (PCR %" PRId64 ")", variables[i].name, variables[i].pcr);
        say_strings(lines, head, &variables[i].digests, variables[i].is_optional);
    }
}

/* What it is called where the order is told: by a name, and by a digest, too, where another group has that name. */
static void name_place(const struct policy_file *policy, size_t index, char ret_text[PLACE_SIZE])
{
    const struct policy_application *groups = policy->applications.items;
    char name[QUOTED_SIZE];
    size_t alike = 0;
    if (groups[index].release) {
        snprintf(ret_text, PLACE_SIZE, "the release");
        return;
    }
    for (size_t i = 0; i < policy->applications.count; i++)
        alike += groups[i].name && strcmp(groups[i].name, groups[index].name) == 0;
    snprintf(ret_text, PLACE_SIZE, "%s%s%s", quote(groups[index].name, name), alike > 1 ? " " : "",
             alike > 1 ? groups[index].digests.items[0] : "");
}

/* Which of those that have to be there is started next. */
static void say_order(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_application *groups = policy->applications.items;
    char last[PLACE_SIZE] = "", next[PLACE_SIZE];
    bool has_release = false;
    for (size_t i = 0; i < policy->applications.count; i++) {
        if (groups[i].is_optional || (groups[i].release && has_release))
            continue;
        has_release = has_release || groups[i].release;
        name_place(policy, i, next);
        if (last[0])
            SAY(lines, "applications: %s, then %s", last, next);
        memcpy(last, next, sizeof(last));
    }
}

static void say_applications(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_application *applications = policy->applications.items;
    char head[HEAD_SIZE];
    for (size_t i = 0; i < policy->applications.count; i++) {
        struct group group = { head, &applications[i].digests, applications[i].is_optional, 0 };
        if (applications[i].release) {
            SAY(lines, "applications: release %s", applications[i].release);
            continue;
        }
        snprintf(head, sizeof(head), "applications: %s", applications[i].name);
        for (size_t k = 0; k < i; k++)
            group.number += applications[k].digests.count == group.digests->count &&
                            strcmp(or_empty(applications[k].name), applications[i].name) == 0 &&
                            applications[k].is_optional == group.is_optional;
        say_group(lines, &group);
    }
    say_order(lines, policy);
}

static void say_sections(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_section *sections = policy->sections.items;
    char head[64];
    for (size_t i = 0; i < policy->sections.count; i++) {
        snprintf(head, sizeof(head), "sections: %s", sections[i].name);
        say_strings(lines, head, &sections[i].digests, sections[i].is_optional);
    }
}

static void say_measured(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_measured *measured = policy->measured.items;
    char head[HEAD_SIZE];
    for (size_t i = 0; i < policy->measured.count; i++) {
        struct group group = { head, &measured[i].digests, measured[i].is_optional, 0 };
        snprintf(head, sizeof(head), "measured: PCR %" PRId64 "%s%s", measured[i].pcr, measured[i].note ? ", " : "",
                 or_empty(measured[i].note));
        for (size_t k = 0; k < i; k++)
            group.number += measured[k].digests.count == group.digests->count && measured[k].pcr == measured[i].pcr &&
                            strcmp(or_empty(measured[k].note), or_empty(measured[i].note)) == 0 &&
                            measured[k].is_optional == group.is_optional;
        say_group(lines, &group);
    }
}

static void say_builds(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_build *builds = policy->known.items;
    char head[HEAD_SIZE], vendor[QUOTED_SIZE], version[QUOTED_SIZE];
    for (size_t i = 0; i < policy->known.count; i++) {
        snprintf(head, sizeof(head), "firmware.known: %s%sversion %s",
                 builds[i].vendor ? quote(builds[i].vendor, vendor) : "", builds[i].vendor ? ", " : "",
                 quote(builds[i].version, version));
        say_strings(lines, head, &builds[i].values, false);
    }
}

static void say_ranges(struct lines *lines, const char *rule, const struct conf_list *list)
{
    const struct policy_range *ranges = list->items;
    char who[QUOTED_SIZE], minimum[QUOTED_SIZE], maximum[QUOTED_SIZE];
    for (size_t i = 0; i < list->count; i++)
        SAY(lines, "%s: %s, from %s to %s", rule, ranges[i].who ? quote(ranges[i].who, who) : "any",
            ranges[i].minimum ? quote(ranges[i].minimum, minimum) : "the first",
            ranges[i].maximum ? quote(ranges[i].maximum, maximum) : "the last");
}

static void say_values(struct lines *lines, const struct policy_file *policy)
{
    const struct policy_value *values = policy->values.items;
    char head[32];
    for (size_t i = 0; i < policy->values.count; i++) {
        snprintf(head, sizeof(head), "values: PCR %" PRId64, values[i].pcr);
        if (values[i].reference)
            SAY(lines, "%s: that of the reference %s", head, values[i].reference);
        say_strings(lines, head, &values[i].digests, false);
    }
}

enum bs_err policy_lines(const struct policy_file *policy, struct bs_buf *out)
{
    struct lines lines = { out, BS_OK };
    SAY(&lines, "name: %s", policy->name);
    if (policy->description)
        SAY(&lines, "description: %s", policy->description);
    say_mask(&lines, "events", policy->events);
    say_mask(&lines, "whole", policy->whole);
    say_mask(&lines, "ignore", policy->ignore);
    if (policy->secure_boot != POLICY_SECURE_BOOT_ANY)
        SAY(&lines, "secure_boot: %s", policy->secure_boot == POLICY_SECURE_BOOT_ON ? "on" : "off");
    say_signers(&lines, policy);
    say_variables(&lines, policy);
    say_applications(&lines, policy);
    say_sections(&lines, policy);
    say_strings(&lines, "command_line.exact", &policy->exact, false);
    say_strings(&lines, "command_line.required", &policy->required, false);
    say_strings(&lines, "command_line.forbidden", &policy->forbidden, false);
    say_strings(&lines, "initrd", &policy->initrd, false);
    say_measured(&lines, policy);
    say_builds(&lines, policy);
    say_ranges(&lines, "firmware.allow", &policy->allow);
    say_ranges(&lines, "firmware.deny", &policy->deny);
    say_values(&lines, policy);
    say_ranges(&lines, "tpm", &policy->tpm);
    return lines.err;
}

static bool take_line(struct bs_span *rest, struct bs_span *ret_line)
{
    if (rest->size == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t length = end ? (size_t)(end - rest->data) : rest->size;
    size_t taken = end ? length + 1 : length;
    *ret_line = BS_SPAN(rest->data, length);
    *rest = BS_SPAN(rest->data + taken, rest->size - taken);
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    const struct bs_span *left = a, *right = b;
    size_t size = left->size < right->size ? left->size : right->size;
    int order = size > 0 ? memcmp(left->data, right->data, size) : 0;
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

/* Sorted, so that whether a line is there is not a question of their number. */
struct sorted {
    struct bs_span *lines;
    bool *is_matched;
    size_t count;
};

static enum bs_err sort(struct bs_span text, struct sorted *ret_sorted)
{
    struct bs_span rest = text, line;
    size_t count = 0;
    while (take_line(&rest, &line))
        count++;
    *ret_sorted = (struct sorted){ calloc(count + 1, sizeof(*ret_sorted->lines)),
                                   calloc(count + 1, sizeof(*ret_sorted->is_matched)), count };
    if (!ret_sorted->lines || !ret_sorted->is_matched)
        return BS_ERR_NOMEM;
    rest = text;
    for (size_t i = 0; take_line(&rest, &line); i++)
        ret_sorted->lines[i] = line;
    qsort(ret_sorted->lines, count, sizeof(*ret_sorted->lines), by_bytes);
    return BS_OK;
}

static void sorted_free(struct sorted *sorted)
{
    free(sorted->lines);
    free(sorted->is_matched);
}

/* Takes one that is equal and was not taken yet. */
static bool match(struct sorted *sorted, struct bs_span line)
{
    size_t low = 0, high = sorted->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_bytes(&sorted->lines[middle], &line) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < sorted->count && bs_span_equal(sorted->lines[low], line) && sorted->is_matched[low])
        low++;
    if (low == sorted->count || !bs_span_equal(sorted->lines[low], line))
        return false;
    sorted->is_matched[low] = true;
    return true;
}

/* Lines of `text` that are not in `other`, in their order. */
static enum bs_err only_in(struct bs_span text, struct bs_span other, bool is_added, policy_lines_fn row, void *context)
{
    struct sorted sorted = { NULL, NULL, 0 };
    struct bs_span rest = text, line;
    enum bs_err err = sort(other, &sorted);
    while (err == BS_OK && take_line(&rest, &line))
        if (!match(&sorted, line))
            err = row(context, is_added, line);
    sorted_free(&sorted);
    return err;
}

enum bs_err policy_lines_compare(struct bs_span before, struct bs_span after, policy_lines_fn row, void *context)
{
    enum bs_err err = only_in(before, after, false, row, context);
    return err == BS_OK ? only_in(after, before, true, row, context) : err;
}
