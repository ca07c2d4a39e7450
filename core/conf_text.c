/*
 * What libconfig would read without a word and a person would not mean: numbers with a leading zero (octal since 1.7),
 * numbers that do not fit (cut or saturated, depending on version and C library), strings with a zero byte (they end
 * there), and other files. Looked for in the text, with libconfig's own rules for strings, comments and names.
 */
#include "core/conf_internal.h"

#include <string.h>

struct scan {
    const char *at;
    const char *end;
    unsigned line;
};

static char peek(const struct scan *s, size_t ahead)
{
    return (char)((size_t)(s->end - s->at) > ahead ? s->at[ahead] : '\0');
}

static void step(struct scan *s)
{
    if (s->at == s->end)
        return;
    s->line += *s->at == '\n';
    s->at++;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '*';
}

static const char *skip_string(struct scan *s)
{
    for (step(s); s->at < s->end && peek(s, 0) != '"'; step(s)) {
        if (peek(s, 0) != '\\')
            continue;
        char kind = peek(s, 1);
        if ((kind == 'x' || kind == 'X') && peek(s, 2) == '0' && peek(s, 3) == '0')
            return "a string must not hold a zero byte";
        if (kind == '\\' || kind == '"')
            step(s);
    }
    step(s);
    return NULL;
}

static void skip_line(struct scan *s)
{
    while (s->at < s->end && peek(s, 0) != '\n')
        step(s);
}

static void skip_comment(struct scan *s)
{
    while (s->at < s->end && !(peek(s, 0) == '*' && peek(s, 1) == '/'))
        step(s);
    step(s);
    step(s);
}

static const char *skip_number(struct scan *s)
{
    const char *begin = s->at;
    while (s->at < s->end && is_digit(*s->at))
        step(s);
    size_t digits = (size_t)(s->at - begin);
    if (digits > 1 && begin[0] == '0')
        return "a number must not begin with 0, for that means octal to some; write modes as \"0640\"";
    if (digits > 18)
        return "a number of more than 18 digits";
    while (s->at < s->end && (is_letter(*s->at) || is_digit(*s->at) || *s->at == '.'))
        step(s);
    return NULL;
}

static const char *skip_token(struct scan *s)
{
    char c = *s->at, next = peek(s, 1);
    if (c == '"')
        return skip_string(s);
    if (is_digit(c))
        return skip_number(s);
    if (c == '@')
        return "@include is not supported; write everything into one file";
    if (c == '\'')
        return "a string stands in double quotes";
    if ((unsigned char)c >= 0x80)
        return "a character outside of quotes that is not ASCII, such as a byte order mark or a typographic quote";

    if (c == '#' || (c == '/' && next == '/')) {
        skip_line(s);
    } else if (c == '/' && next == '*') {
        step(s);
        step(s);
        skip_comment(s);
    } else if (is_letter(c) || c == '*') {
        while (s->at < s->end && is_name(*s->at))
            step(s);
    } else {
        step(s);
    }
    return NULL;
}

const char *conf_check_text(struct bs_span text, unsigned *ret_line)
{
    if (text.size == 0)
        return NULL;
    struct scan s = { .at = (const char *)text.data, .end = (const char *)text.data + text.size, .line = 1 };
    *ret_line = 0;
    if (memchr(text.data, '\0', text.size))
        return "holds a zero byte; it must be text";

    while (s.at < s.end) {
        const char *fault = skip_token(&s);
        if (fault) {
            *ret_line = s.line;
            return fault;
        }
    }
    return NULL;
}
