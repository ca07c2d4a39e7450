#include "server/policy/policy_judge.h"

#include "core/text.h"
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*const rules[JUDGE_RULES])(struct judge *) = {
    [JUDGE_BUILT_IN] = judge_built_in,
    [JUDGE_SECURE_BOOT] = rule_secure_boot,
    [JUDGE_SIGNERS] = rule_signers,
    [JUDGE_VARIABLES] = rule_variables,
    [JUDGE_APPLICATIONS] = rule_applications,
    [JUDGE_SECTIONS] = rule_sections,
    [JUDGE_COMMAND_LINE] = rule_command_line,
    [JUDGE_INITRD] = rule_initrd,
    [JUDGE_MEASURED] = rule_measured,
    [JUDGE_FIRMWARE] = rule_firmware,
    [JUDGE_VALUES] = rule_values,
    [JUDGE_TPM] = rule_tpm,
};

void judge_say(char *ret_text, size_t size, const char *format, ...)
{
    char text[2 * EVENTLOG_DESCRIPTION_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct bs_reader r = BS_READER(bs_span_of_string(text));
    uint32_t character;
    bool is_valid, is_cut = length >= (int)sizeof(text);
    size_t used = 0;
    while (bs_utf8_take(&r, &character, &is_valid)) {
        uint8_t bytes[4];
        size_t count = bs_utf8_encode(is_valid && !bs_is_control(character) ? character : '?', bytes);
        if (used + count + sizeof("...") > size) {
            is_cut = true;
            break;
        }
        memcpy(ret_text + used, bytes, count);
        used += count;
    }
    memcpy(ret_text + used, is_cut ? "..." : "", is_cut ? 4 : 1);
}

void judge_say_ranges(const struct conf_list *ranges, const char *who, const char *what, char *ret_text, size_t size)
{
    const struct policy_range *range = ranges->items;
    size_t used = 0;
    /* judge_say() has to have room for its dots. */
    for (size_t i = 0; i < ranges->count && size - used > sizeof("..."); i++, range++, used = strlen(ret_text))
        judge_say(ret_text + used, size - used, "%s%s%s%s%s%s%s%s%s", i > 0 ? "; or " : "", range->who ? who : "",
                  range->who ? range->who : "", range->who ? ", " : "", what, range->minimum ? " from " : "",
                  range->minimum ? range->minimum : "",
                  range->maximum   ? " up to "
                  : range->minimum ? ""
                                   : " any",
                  range->maximum ? range->maximum : "");
}

struct judge_event *judge_next_any(struct judge *judge, struct judge_event *previous, uint32_t pcr)
{
    struct judge_event *end = judge->events + judge->count;
    for (struct judge_event *e = previous ? previous + 1 : judge->events; e < end; e++)
        if (e->event.pcr == pcr)
            return e;
    return NULL;
}

struct judge_event *judge_next(struct judge *judge, struct judge_event *previous, uint32_t pcr)
{
    struct judge_event *e = judge_next_any(judge, previous, pcr);
    return e && !e->is_userspace ? e : NULL; /* those of userspace stand behind all others */
}

bool judge_is_known(const struct judge *judge, struct bs_span digest, enum judge_known known)
{
    return bs_span_equal(digest, BS_SPAN(judge->known[known], judge->size));
}

void judge_take(struct judge_event *event, enum judge_rule rule)
{
    if (event->is_taken)
        return;
    event->is_taken = true;
    event->taken_by = rule;
}

bool judge_is_digest_of(const struct judge *judge, struct bs_span digest, struct bs_span bytes)
{
    uint8_t value[CRYPTO_HASH_MAX];
    return crypto_hash(judge->bank, bytes, value) == BS_OK && bs_span_equal(digest, BS_SPAN(value, judge->size));
}

struct policy_verdict *judge_fault(struct judge *judge, enum judge_rule rule, const char *path, ...)
{
    if (judge->faults[rule])
        return NULL;
    struct policy_verdict *fault = calloc(1, sizeof(*fault));
    if (!fault) {
        judge->err = BS_ERR_NOMEM;
        return NULL;
    }
    va_list args;
    va_start(args, path);
    vsnprintf(fault->rule, sizeof(fault->rule), path, args);
    va_end(args);
    judge->faults[rule] = fault;
    return fault;
}

void judge_describe(uint16_t bank, const struct eventlog_event *event, char *ret_text, size_t size)
{
    char digest[CRYPTO_HASH_MAX * 2 + 16];
    BS_SCOPED_BUF struct bs_buf words = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    digest_text(bank, eventlog_digest(event, bank), digest, sizeof(digest));
    if (eventlog_describe(event, &words) != BS_OK)
        bs_buf_reset(&words);
    judge_say(ret_text, size, "%s%s%.*s", digest, words.size > 0 ? " " : "", (int)words.size,
              words.size > 0 ? (const char *)words.data : "");
}

void judge_name_event(struct judge *judge, struct policy_verdict *fault, const struct judge_event *event)
{
    BS_SCOPED_BUF struct bs_buf words = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    fault->has_pcr = fault->has_event = true;
    fault->pcr = event->event.pcr;
    fault->is_userspace = event->is_userspace;
    fault->event = event->event.index;
    fault->type = event->event.type;
    if (eventlog_describe(&event->event, &words) == BS_OK && words.size > 0)
        JUDGE_SAY(fault->words, "%.*s", (int)words.size, (const char *)words.data);
    digest_text(judge->bank, event->digest, fault->found, sizeof(fault->found));
}

/* The first event that nobody took and that would have been this rule's. */
static const struct judge_event *find_left(struct judge *judge, enum judge_rule rule)
{
    for (size_t i = 0; i < judge->count; i++)
        if (!judge->events[i].is_taken && judge_rule_of(judge, &judge->events[i]) == rule)
            return &judge->events[i];
    return NULL;
}

static void add_event(struct judge *judge, struct policy_verdict *fault, const struct judge_event *event)
{
    char found[POLICY_FOUND_SIZE];
    memcpy(found, fault->found, sizeof(found));
    judge_name_event(judge, fault, event);
    if (found[0])
        memcpy(fault->found, found, sizeof(found));
}

/* What is missing was most likely replaced by what is left over: the two are one sentence. */
static struct policy_verdict *find_fault(struct judge *judge, enum judge_rule rule)
{
    const struct judge_event *left = find_left(judge, rule);
    struct policy_verdict *fault = judge->faults[rule];
    if (fault && !fault->has_event && left)
        add_event(judge, fault, left);
    else if (!fault && left)
        judge_say_left(judge, left);
    return judge->faults[rule];
}

static void run(struct judge *judge)
{
    if (!judge_read(judge))
        return;
    for (size_t i = 0; i < JUDGE_RULES; i++)
        if (rules[i])
            rules[i](judge);
}

static enum bs_err decide(struct judge *judge, struct policy_verdict *ret_verdict)
{
    struct policy_verdict verdict = { .is_good = true };
    for (size_t i = 0; i < JUDGE_RULES && verdict.is_good; i++) {
        const struct policy_verdict *fault = find_fault(judge, (enum judge_rule)i);
        if (fault)
            verdict = *fault;
    }
    if (judge->err == BS_OK && !verdict.is_good)
        judge->err = judge_nearest(judge, &verdict);
    if (judge->err == BS_OK)
        *ret_verdict = verdict;
    return judge->err;
}

enum bs_err policy_judge_boot(const struct policy_file *policy, const struct policy_subject *subject,
                              const struct policy_references *references, struct policy_verdict *ret_verdict)
{
    struct judge judge = { .policy = policy,
                           .subject = subject,
                           .references = references,
                           .bank = subject->boot.bank,
                           .size = crypto_hash_size(subject->boot.bank) };
    run(&judge);
    enum bs_err err = decide(&judge, ret_verdict);
    for (size_t i = 0; i < JUDGE_RULES; i++)
        free(judge.faults[i]);
    free(judge.events);
    free(judge.records);
    return err;
}
