#include "server/policy/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Items one after the other, as lines or as one. */
struct text {
    struct bs_buf *out;
    bool is_lines;
    size_t end; /* of `out`, which is as long as it may get */
    bool is_full;
    size_t start;
    enum bs_err err;
};

#define ITEM_MAX 1024

static void say(struct text *text, const char *label, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(struct text *text, const char *label, const char *format, ...)
{
    char item[ITEM_MAX], line[ITEM_MAX + 32];
    va_list args;
    va_start(args, format);
    vsnprintf(item, sizeof(item), format, args);
    va_end(args);
    if (text->err != BS_OK || text->is_full)
        return;
    if (text->is_lines) {
        snprintf(line, sizeof(line), "  %-11s%s\n", label, item);
    } else {
        /* In a row of words the label is needed where the words do not say it themselves. */
        const char *name = label[0] == '\0' || strcmp(label, "Advice") == 0 ? "" : label;
        snprintf(line, sizeof(line), "%s%s%s%s", text->out->size > text->start ? "; " : "", name, name[0] ? ": " : "",
                 item);
    }
    size_t size = strlen(line);
    text->is_full = size > text->end - text->out->size;
    if (!text->is_full)
        text->err = bs_buf_append(text->out, line, size);
}

static const char *kind_of(const struct policy_verdict *verdict)
{
    const char *name = eventlog_type_name(verdict->type);
    if (verdict->is_userspace)
        return "of the userspace log";
    return name ? name : "event of unknown type";
}

static void say_place(struct text *text, const struct policy_verdict *verdict)
{
    say(text, "Rule", "%s: %s", verdict->rule, verdict->text);
    if (verdict->has_pcr)
        say(text, "PCR", "%u", verdict->pcr);
    if (verdict->has_event)
        say(text, "Event", "%zu, %s%s%s", verdict->event, kind_of(verdict), verdict->words[0] ? ": " : "",
            verdict->words);
    if (verdict->found[0])
        say(text, "Found", "%s", verdict->found);
    if (verdict->expected[0])
        say(text, "Expected", "%s", verdict->expected);
}

/* Enough of a digest to tell two apart. */
#define SHORT_DIGEST 23
#define EVENT_MAX 400

/* "EV_IPL contents of UKI section .cmdline" */
static void show_what(const struct boot_diff_event *event, char ret_text[EVENT_MAX])
{
    const char *type = event->is_userspace ? "" : eventlog_type_name(event->type);
    if (!type)
        type = "of unknown type";
    snprintf(ret_text, EVENT_MAX, "%s%s%s", type, type[0] && event->words[0] ? " " : "", event->words);
}

static const char *log_of(const struct boot_diff_event *event)
{
    return event->is_userspace ? "userspace event" : "event";
}

/* What is said of both alike is said once. */
static void say_changed(struct text *text, const struct boot_diff_row *row)
{
    const struct boot_diff_event *found = &row->found, *expected = &row->expected;
    char here[EVENT_MAX], there[EVENT_MAX];
    show_what(found, here);
    show_what(expected, there);
    bool is_alike = strcmp(here, there) == 0;
    say(text, "", "PCR %u, %s %zu changed: %s (%.*s); in the reference %s%s%.*s%s", row->pcr, log_of(found),
        found->index, here, SHORT_DIGEST, found->digest, is_alike ? "" : there, is_alike ? "" : " (", SHORT_DIGEST,
        expected->digest, is_alike ? "" : ")");
}

static void say_row(struct text *text, const struct boot_diff_row *row)
{
    const struct boot_diff_event *found = &row->found, *expected = &row->expected;
    char what[EVENT_MAX];
    show_what(found->is_there ? found : expected, what);
    if (!found->is_there && !expected->is_there)
        say(text, "", "PCR %u changed: %s; in the reference %s", row->pcr, found->digest, expected->digest);
    else if (row->change == ALIGN_ADDED)
        say(text, "", "PCR %u, %s %zu added: %s (%.*s)", row->pcr, log_of(found), found->index, what, SHORT_DIGEST,
            found->digest);
    else if (row->change == ALIGN_REMOVED)
        say(text, "", "PCR %u, the reference's %s %zu removed: %s (%.*s)", row->pcr, log_of(expected), expected->index,
            what, SHORT_DIGEST, expected->digest);
    else
        say_changed(text, row);
}

static void say_diff(struct text *text, const struct boot_diff *diff)
{
    size_t shown = diff->count < EXPLAIN_ROWS_MAX ? diff->count : EXPLAIN_ROWS_MAX;
    for (size_t i = 0; i < shown; i++)
        say_row(text, &diff->rows[i]);
    if (diff->total > shown)
        say(text, "", "and %zu more", diff->total - shown);
    if (diff->command_line[0])
        say(text, "", "command line, as both devices tell it: %s", diff->command_line);
}

static void say_nearest(struct text *text, const struct explanation *explanation)
{
    const struct policy_verdict *verdict = explanation->verdict;
    char name[128] = "";
    if (!verdict->has_nearest) {
        say(text, "Nearest", "none: there is no reference to compare with");
        return;
    }
    if (verdict->nearest_name[0] && verdict->nearest)
        snprintf(name, sizeof(name), "reference %llu (%s)", (unsigned long long)verdict->nearest,
                 verdict->nearest_name);
    else if (verdict->nearest_name[0])
        snprintf(name, sizeof(name), "reference %s", verdict->nearest_name);
    else
        snprintf(name, sizeof(name), "reference %llu", (unsigned long long)verdict->nearest);
    const struct boot_diff *diff = explanation->diff;
    if (!diff)
        say(text, "Nearest", "%s", name);
    else if (diff->total == 0)
        say(text, "Nearest", "%s, which does not differ from this boot in the PCRs that are judged", name);
    else
        say(text, "Nearest", "%s; this boot differs from it in %zu event%s", name, diff->total,
            diff->total == 1 ? "" : "s");
    if (diff)
        say_diff(text, diff);
}

static enum bs_err explain(const struct explanation *explanation, struct text *text)
{
    say_place(text, explanation->verdict);
    say_nearest(text, explanation);
    if (explanation->verdict->advice[0])
        say(text, "Advice", "%s", explanation->verdict->advice);
    return text->err;
}

enum bs_err explain_lines(const struct explanation *explanation, struct bs_buf *out)
{
    struct text text = { .out = out, .is_lines = true, .start = out->size, .end = out->size + EXPLAIN_MAX };
    return explain(explanation, &text);
}

enum bs_err explain_sentence(const struct explanation *explanation, size_t max, struct bs_buf *out)
{
    struct text text = { .out = out, .start = out->size, .end = out->size + max };
    return explain(explanation, &text);
}

void explain_cut(const char *text, char *ret_text, size_t size)
{
    struct bs_span cut = message_text_clean(bs_span_of_string(text), (uint8_t *)ret_text, size - 1);
    memmove(ret_text, cut.data, cut.size);
    ret_text[cut.size] = '\0';
}

void explain_refusal(const struct policy_verdict *verdict, struct refusal *refusal)
{
    char place[64];
    struct evidence_finding *finding = refusal_finding(refusal);
    finding->has_pcr = verdict->has_pcr;
    finding->pcr = verdict->pcr;
    finding->has_event = verdict->has_event && !verdict->is_userspace;
    finding->event = (uint32_t)verdict->event;
    snprintf(finding->text, sizeof(finding->text), "%s", verdict->text);
    explain_cut(verdict->found, finding->found, sizeof(finding->found));
    explain_cut(verdict->expected, finding->expected, sizeof(finding->expected));
    refusal_place(finding, place, sizeof(place));
    refuse(refusal, BS_REASON_BOOT_NOT_APPROVED, "this boot is not approved; rule %s, %s: %s", verdict->rule, place,
           verdict->text);
}

enum bs_err explain_at_length(const struct explanation *explanation, struct refusal *refusal)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVIDENCE_EXPLANATION_SIZE);
    enum bs_err err = explain_sentence(explanation, EVIDENCE_EXPLANATION_SIZE - 1, &text);
    if (err == BS_OK)
        snprintf(refusal->explanation, sizeof(refusal->explanation), "%.*s", (int)text.size, (const char *)text.data);
    return err;
}

uint32_t explain_mask(const struct policy_file *policy)
{
    return policy->events | policy->whole;
}

struct lookup {
    const struct policy_subject *subject;
    uint32_t mask;
    const struct policy_verdict *verdict;
    struct boot_diff *diff;
    bool has_diff;
};

static enum bs_err consider(void *context, const struct policy_reference *reference)
{
    struct lookup *lookup = context;
    if (lookup->has_diff || reference->id != lookup->verdict->nearest ||
        strcmp(reference->name, lookup->verdict->nearest_name) != 0)
        return BS_OK;
    enum bs_err err = boot_diff(&lookup->subject->boot, &reference->boot, lookup->mask, lookup->diff);
    lookup->has_diff = err == BS_OK;
    return err;
}

enum bs_err explain_compare(const struct policy_file *policy, const struct policy_subject *subject,
                            const struct policy_references *references, const struct policy_verdict *verdict,
                            struct boot_diff *ret_diff, bool *ret_has_diff)
{
    struct lookup lookup = { .subject = subject, .mask = explain_mask(policy), .verdict = verdict, .diff = ret_diff };
    enum bs_err err = BS_OK;
    if (verdict->has_nearest)
        err = references->each(references->context, consider, &lookup);
    if (err != BS_OK && lookup.has_diff)
        boot_diff_free(ret_diff);
    else
        *ret_has_diff = lookup.has_diff;
    return err;
}
