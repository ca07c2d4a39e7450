#include "server/policy/policy_learn.h"

#include "core/text.h"
#include "server/policy/digest_list.h"
#include "server/policy/judge.h"
#include "server/policy/learn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 500 /* of a list, and fewer than that of any */
#define PCR_STARTED 4
#define EXACT_MAX 1023 /* of a string in a list of a configuration file */

void learn_say(struct learn *learn, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(text))
        learn->err = BS_ERR_NOMEM;
    if (learn->err == BS_OK)
        learn->err = bs_buf_append(&learn->text, text, (size_t)length);
}

static void say_pcrs(struct learn *learn, const char *name, uint32_t mask)
{
    const char *between = "";
    if (!mask)
        return;
    learn_say(learn, " %s = [", name);
    for (unsigned pcr = 0; pcr < POLICY_PCRS; pcr++) {
        if (!(mask & JUDGE_BIT(pcr)))
            continue;
        learn_say(learn, "%s%u", between, pcr);
        between = ", ";
    }
    learn_say(learn, "];");
}

static void say_values(struct learn *learn)
{
    char digest[2 * CRYPTO_HASH_MAX + 16];
    const char *between = "";
    if (!learn->policy.whole)
        return;
    learn_say(
        learn,
        "\n# No separator here, nothing that was started, or more events than a file has room for: the value is taken as it is.\n"
        "values = (\n");
    for (unsigned pcr = 0; pcr < POLICY_PCRS; pcr++) {
        if (!(learn->policy.whole & JUDGE_BIT(pcr)))
            continue;
        digest_text(learn->judge.bank, BS_SPAN(learn->judge.subject->boot.pcrs[pcr], learn->judge.size), digest,
                    sizeof(digest));
        learn_say(learn, "%s    { pcr = %u; digests = [\"%s\"]; }", between, pcr, digest);
        between = ",\n";
    }
    learn_say(learn, "\n);\n");
}

void learn_say_string(struct learn *learn, const char *text)
{
    learn_say(learn, "\"");
    for (; *text; text++)
        learn_say(learn, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    learn_say(learn, "\"");
}

static void say_command_line(struct learn *learn)
{
    if (!learn->command_line)
        return;
    learn_say(learn, "\n# What the kernel got. To allow more than this text, use required and forbidden words.\n"
                     "command_line: { exact = [");
    learn_say_string(learn, learn->command_line);
    learn_say(learn, "]; };\n");
}

static void write_text(struct learn *learn, const char *name)
{
    learn_say(learn,
              "# Learned from one boot: it approves what this boot measured. Review it line by line.\n"
              "name = \"%s\";\npcrs: {",
              name);
    say_pcrs(learn, "events", learn->policy.events);
    say_pcrs(learn, "whole", learn->policy.whole);
    say_pcrs(learn, "ignore", learn->policy.ignore);
    learn_say(learn, " };\n");
    learn_write_rules(learn);
    say_command_line(learn);
    say_values(learn);
}

static bool is_plain(struct bs_span text)
{
    struct bs_reader r = BS_READER(text);
    uint32_t character;
    bool is_valid;
    while (bs_utf8_take(&r, &character, &is_valid))
        if (!is_valid || bs_is_control(character))
            return false;
    return text.size > 0 && text.size <= EXACT_MAX;
}

/* Tries the claimed text: when the log proves it, the rule takes its events and complains about nothing. */
static void learn_command_line(struct learn *learn)
{
    struct judge *judge = &learn->judge;
    struct bs_span claim = judge->subject->boot.command_line;
    if (!is_plain(claim))
        return;
    memcpy(learn->claim, claim.data, claim.size);
    learn->words[0] = learn->claim;
    learn->policy.exact = (struct conf_strings){ learn->words, 1 };
    rule_command_line(judge);
    if (!judge->faults[JUDGE_COMMAND_LINE]) {
        learn->command_line = learn->claim;
        return;
    }
    for (size_t i = 0; i < judge->count; i++)
        if (judge->events[i].is_taken && judge->events[i].taken_by == JUDGE_COMMAND_LINE)
            judge->events[i].is_taken = false;
}

static void clear(struct judge *judge)
{
    for (size_t i = 0; i < JUDGE_RULES; i++)
        free(judge->faults[i]);
    free(judge->events);
    free(judge->records);
}

/* Reads the boot as a policy would that judges every quoted PCR by events; what has no separator it takes whole. */
static void read_boot(struct learn *learn, const struct policy_subject *subject)
{
    const struct policy_boot *boot = &subject->boot;
    for (unsigned tries = 0; tries <= POLICY_PCRS; tries++) {
        clear(&learn->judge);
        learn->judge = (struct judge){
            .policy = &learn->policy, .subject = subject, .bank = boot->bank, .size = crypto_hash_size(boot->bank)
        };
        if (!judge_read(&learn->judge))
            return;
        judge_built_in(&learn->judge);
        const struct policy_verdict *fault = learn->judge.faults[JUDGE_BUILT_IN];
        if (!fault)
            return;
        learn->policy.events &= ~JUDGE_BIT(fault->pcr);
        learn->policy.whole |= JUDGE_BIT(fault->pcr);
    }
}

static const struct policy_verdict *first_fault(const struct judge *judge)
{
    for (size_t i = 0; i < JUDGE_RULES; i++)
        if (judge->faults[i])
            return judge->faults[i];
    return NULL;
}

static enum bs_err find_none(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    (void)context, (void)name, (void)row, (void)row_context;
    return BS_ERR_NOT_FOUND;
}

static enum bs_err each_none(void *context, policy_reference_fn row, void *row_context)
{
    (void)context, (void)row, (void)row_context;
    return BS_OK;
}

/* What is handed out was tried. */
static enum bs_err prove(const struct learn *learn, const struct policy_subject *subject, char why[POLICY_WORDS_SIZE])
{
    static const struct policy_references none = { NULL, find_none, each_none };
    struct policy_file policy;
    struct conf_problem problem;
    struct policy_verdict verdict;
    enum bs_err err = policy_parse(bs_buf_span(&learn->text), &policy, &problem);
    if (err != BS_OK) {
        judge_say(why, POLICY_WORDS_SIZE, "this boot has no policy file of its own: %s", problem.text);
        return BS_ERR_INPUT;
    }
    err = policy_judge_boot(&policy, subject, &none, &verdict);
    policy_free(&policy);
    if (err == BS_OK && !verdict.is_good) {
        judge_say(why, POLICY_WORDS_SIZE, "no policy approves this boot: %s: %s", verdict.rule, verdict.text);
        err = BS_ERR_INPUT;
    }
    return err;
}

/* GRUB measures hundreds of commands, which nobody reviews: a file for them would be larger than any that is read. */
static bool is_too_long(const struct learn *learn)
{
    return learn->err == BS_ERR_NOMEM || learn->text.size > CONF_SIZE_MAX || learn->judge.count > GROUPS_MAX;
}

/* Takes the PCR by its value; the text is to be written anew. */
static void take_whole(struct learn *learn, uint32_t pcr)
{
    learn->policy.events &= ~JUDGE_BIT(pcr);
    learn->policy.whole |= JUDGE_BIT(pcr);
    learn->policy.exact = (struct conf_strings){ NULL, 0 };
    learn->command_line = NULL;
    learn->err = BS_OK;
    bs_buf_reset(&learn->text);
}

/* Takes the PCR with the most events by its value. False when none is left. */
static bool shorten(struct learn *learn)
{
    size_t counts[POLICY_PCRS] = { 0 };
    uint32_t most = 0;
    for (size_t i = 0; i < learn->judge.count; i++)
        counts[learn->judge.events[i].event.pcr]++;
    for (uint32_t pcr = 1; pcr < POLICY_PCRS; pcr++)
        if (counts[pcr] > counts[most])
            most = pcr;
    if (counts[most] == 0 || !(learn->policy.events & JUDGE_BIT(most)))
        return false;
    take_whole(learn, most);
    return true;
}

static enum bs_err learn_rules(struct learn *learn, const char *name, const struct policy_subject *subject,
                               char why[POLICY_WORDS_SIZE])
{
    read_boot(learn, subject);
    const struct policy_verdict *fault = first_fault(&learn->judge);
    if (fault) {
        judge_say(why, POLICY_WORDS_SIZE, "no policy approves this boot: %s", fault->text);
        return BS_ERR_INPUT;
    }
    if (learn->judge.err != BS_OK)
        return learn->judge.err;
    learn_command_line(learn);
    write_text(learn, name);
    return BS_OK;
}

/* Then nothing can be demanded of its events; that the value is this one is what can be said. */
static bool has_started_nothing(const struct learn *learn)
{
    for (size_t i = 0; i < learn->judge.count; i++)
        if (learn->judge.events[i].event.pcr == PCR_STARTED && learn->judge.events[i].taken_by == JUDGE_APPLICATIONS)
            return false;
    return (learn->policy.events & JUDGE_BIT(PCR_STARTED)) != 0;
}

static enum bs_err learn_boot(struct learn *learn, const char *name, const struct policy_subject *subject,
                              char why[POLICY_WORDS_SIZE])
{
    const struct policy_boot *boot = &subject->boot;
    bool is_capless =
        subject->cap_pcr < POLICY_PCRS &&
        eventlog_is_reset(subject->cap_pcr, BS_SPAN(boot->pcrs[subject->cap_pcr], crypto_hash_size(boot->bank)));
    learn->policy.ignore = boot->mask & POLICY_FREE_PCRS;
    learn->policy.events = boot->mask & ~POLICY_FREE_PCRS & ~(is_capless ? JUDGE_BIT(subject->cap_pcr) : 0);
    enum bs_err err = learn_rules(learn, name, subject, why);
    if (err == BS_OK && has_started_nothing(learn)) {
        take_whole(learn, PCR_STARTED);
        err = learn_rules(learn, name, subject, why);
    }
    while (err == BS_OK && is_too_long(learn) && shorten(learn))
        err = learn_rules(learn, name, subject, why);
    if (err != BS_OK)
        return err;
    return learn->err == BS_OK ? prove(learn, subject, why) : learn->err;
}

enum bs_err policy_learn(const char *name, const struct policy_subject *subject, struct bs_buf *out,
                         char why[POLICY_WORDS_SIZE])
{
    struct learn *learn = calloc(1, sizeof(*learn));
    if (!learn)
        return BS_ERR_NOMEM;
    why[0] = '\0';
    learn->text = BS_BUF(8 * CONF_SIZE_MAX);
    enum bs_err err = learn_boot(learn, name, subject, why);
    if (err == BS_OK)
        err = bs_buf_append(out, learn->text.data, learn->text.size);
    clear(&learn->judge);
    bs_buf_free(&learn->text);
    free(learn);
    return err;
}
