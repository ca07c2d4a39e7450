/* What is wrong with `command_line`: words that are none, that contradict each other, or that say nothing. */
#include "server/policy/check.h"
#include "server/policy/command_line.h"

#include <string.h>

#define COMMAND_LINE_PCRS (CHECK_BIT(8) | CHECK_BIT(9) | CHECK_BIT(11) | CHECK_BIT(12))

static void check_once(struct check *c, const char *list, const struct conf_strings *strings)
{
    char path[CHECK_PATH];
    for (size_t i = 0; i < strings->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(strings->items[k], strings->items[i]) == 0)
                CHECK_REFUSE(c, check_path(path, list, i, ""), "is there twice; name it once");
}

static void check_words(struct check *c, const char *list, const struct conf_strings *words)
{
    char path[CHECK_PATH];
    for (size_t i = 0; i < words->count; i++)
        if (!command_line_is_word(words->items[i]))
            CHECK_REFUSE(c, check_path(path, list, i, ""),
                         "must be one word of a command line, such as \"ro\" or \"init=\"");
    check_once(c, list, words);
}

/* "init=" beside "init=/sbin/init": the longer one demands it already, and the shorter one would allow any value behind that. */
static bool is_loosened(const struct conf_strings *words, const char *word)
{
    size_t length = strlen(word);
    if (word[length - 1] != '=')
        return false;
    for (size_t i = 0; i < words->count; i++)
        if (strlen(words->items[i]) > length && strncmp(words->items[i], word, length) == 0)
            return true;
    return false;
}

static void check_required(struct check *c)
{
    const struct policy_file *p = c->policy;
    char path[CHECK_PATH];
    for (size_t i = 0; i < p->required.count; i++) {
        const char *word = p->required.items[i];
        check_path(path, "command_line.required", i, "");
        if (strcmp(word, "--") == 0)
            CHECK_REFUSE(c, path, "can never match: where \"--\" stands, the kernel's words end");
        if (command_line_find_forbidden(word, &p->forbidden))
            CHECK_REFUSE(c, path, "can never match: command_line.forbidden refuses it");
        if (is_loosened(&p->required, word))
            CHECK_REFUSE(c, path, "would allow other values beside the one that is required; leave one of the two out");
    }
}

static void check_exact(struct check *c)
{
    const struct policy_file *p = c->policy;
    char path[CHECK_PATH];
    for (size_t i = 0; i < p->exact.count; i++) {
        const char *text = p->exact.items[i];
        check_path(path, "command_line.exact", i, "");
        if (text[0] == '\0')
            CHECK_REFUSE(c, path, "an empty command line is not measured");
        if (command_line_find_forbidden(text, &p->forbidden) || command_line_find_missing(text, &p->required))
            CHECK_REFUSE(
                c, path,
                "can never match: it has a word of command_line.forbidden, or lacks one of command_line.required");
    }
    check_once(c, "command_line.exact", &p->exact);
}

void check_command_line(struct check *c)
{
    const struct policy_file *p = c->policy;
    if (!policy_has_command_line(p))
        return;
    check_judged(c, "command_line", COMMAND_LINE_PCRS, "8, 9, 11 or 12");
    check_words(c, "command_line.required", &p->required);
    check_words(c, "command_line.forbidden", &p->forbidden);
    if (c->is_refused) /* what follows looks for these words */
        return;
    check_required(c);
    check_exact(c);
}
