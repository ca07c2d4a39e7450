#include "server/policy/command_line.h"

#include <string.h>

/* COMMAND_LINE_SIZE of x86 and arm64, without the zero. */
#define KERNEL_LINE_MAX 2047

/* As the kernel sees it: 0xa0 is a blank of Latin-1, wherever it stands (Linux, lib/ctype.c). */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (uint8_t)c == 0xa0;
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'' || c == '\\';
}

/* In names of parameters the kernel does not tell "-" from "_" (Linux, kernel/params.c: parameq()). */
static char fold(char c)
{
    if (c == '-')
        return '_';
    return c;
}

struct word {
    const char *text;
    size_t length;
};

/* The next word of *line, which is moved behind it; false at the end. */
static bool take(const char **line, bool with_quotes, struct word *ret_word)
{
    bool is_quoted = false;
    while (is_blank(**line))
        (*line)++;
    ret_word->text = *line;
    for (; **line && (is_quoted || !is_blank(**line)); (*line)++)
        if (with_quotes && **line == '"')
            is_quoted = !is_quoted;
    ret_word->length = (size_t)(*line - ret_word->text);
    return ret_word->length > 0;
}

static bool is_prefix(const char *pattern)
{
    return pattern[strlen(pattern) - 1] == '=';
}

/* To the letter. */
static bool is_word(const struct word *word, const char *pattern)
{
    size_t length = strlen(pattern);
    return (is_prefix(pattern) ? word->length >= length : word->length == length) &&
           memcmp(word->text, pattern, length) == 0;
}

/* As anybody could read it: without quotes, and with "-" for "_" in the name. */
static bool may_be_word(const struct word *word, const char *pattern)
{
    size_t length = strlen(pattern), at = 0;
    bool is_name = true;
    for (size_t i = 0; i < word->length; i++) {
        char c = word->text[i];
        if (is_quote(c))
            continue;
        if (at == length)
            return is_prefix(pattern);
        if (is_name ? fold(c) != fold(pattern[at]) : c != pattern[at])
            return false;
        is_name = is_name && c != '=';
        at++;
    }
    return at == length;
}

bool command_line_is_word(const char *text)
{
    for (size_t i = 0; text[i]; i++)
        if (is_blank(text[i]) || is_quote(text[i]))
            return false;
    return text[0] != '\0';
}

static bool may_have(const char *line, const char *pattern)
{
    struct word word;
    for (int quotes = 0; quotes < 2; quotes++)
        for (const char *at = line; take(&at, quotes == 1, &word);)
            if (may_be_word(&word, pattern))
                return true;
    return false;
}

const char *command_line_find_forbidden(const char *line, const struct conf_strings *words)
{
    for (size_t i = 0; i < words->count; i++)
        if (may_have(line, words->items[i]))
            return words->items[i];
    return NULL;
}

/*
 * So much of the line does everybody read who reads it: the EFI stub ends it at a line feed, x86 and arm64 cut it to COMMAND_LINE_SIZE (Linux,
 * efi_convert_cmdline()), and systemd takes what is in single quotes for one word.
 */
static const char *end_of_certain(const char *line)
{
    size_t length = strcspn(line, "\n'");
    return line + (length < KERNEL_LINE_MAX ? length : KERNEL_LINE_MAX);
}

static bool has(const char *line, const char *pattern)
{
    const char *end = end_of_certain(line);
    struct word word;
    for (const char *at = line; take(&at, true, &word);) {
        if (is_word(&word, "--") || word.text + word.length > end)
            return false;
        if (is_word(&word, pattern))
            return true;
    }
    return false;
}

static bool is_demanded(const struct word *word, const struct conf_strings *words)
{
    for (size_t i = 0; i < words->count; i++)
        if (is_word(word, words->items[i]))
            return true;
    return false;
}

/* Another value for the name of `pattern`, which is NAME=VALUE, that is not demanded too. */
static bool is_contradicted(const char *line, const char *pattern, const struct conf_strings *words)
{
    const char *equals = strchr(pattern, '=');
    char name[1024] = "";
    struct word word;
    if (!equals || is_prefix(pattern) || (size_t)(equals - pattern) + 2 > sizeof(name))
        return false;
    memcpy(name, pattern, (size_t)(equals - pattern) + 1);
    for (int quotes = 0; quotes < 2; quotes++)
        for (const char *at = line; take(&at, quotes == 1, &word);)
            if (may_be_word(&word, name) && !is_demanded(&word, words))
                return true;
    return false;
}

const char *command_line_find_missing(const char *line, const struct conf_strings *words)
{
    for (size_t i = 0; i < words->count; i++)
        if (!has(line, words->items[i]) || is_contradicted(line, words->items[i], words))
            return words->items[i];
    return NULL;
}
