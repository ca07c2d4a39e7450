#include "server/policy/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum kind { END, NUMBER, LETTERS, OTHER };

struct piece {
    enum kind kind;
    const char *at;
    size_t length;
};

static enum kind kind_of(char c)
{
    if (c == '\0')
        return END;
    if (c >= '0' && c <= '9')
        return NUMBER;
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? LETTERS : OTHER;
}

static struct piece take(const char **text)
{
    struct piece piece = { kind_of(**text), *text, 0 };
    while (piece.kind != END && kind_of(**text) == piece.kind)
        (*text)++;
    piece.length = (size_t)(*text - piece.at);
    while (piece.kind == NUMBER && piece.length > 1 && *piece.at == '0') {
        piece.at++;
        piece.length--;
    }
    return piece;
}

static enum version_order sign(int difference)
{
    return difference < 0 ? VERSION_LESS : difference > 0 ? VERSION_GREATER : VERSION_EQUAL;
}

static enum version_order compare_pieces(const struct piece *a, const struct piece *b)
{
    size_t shorter = a->length < b->length ? a->length : b->length;
    int difference = memcmp(a->at, b->at, shorter);
    int length = (a->length > b->length) - (a->length < b->length);
    if (a->kind == NUMBER) /* without leading zeros: the longer one is greater */
        return sign(length != 0 ? length : difference);
    if (a->kind == LETTERS)
        return sign(difference != 0 ? difference : length);
    return difference == 0 && length == 0 ? VERSION_EQUAL : VERSION_INCOMPARABLE;
}

enum version_order version_compare(const char *a, const char *b)
{
    for (;;) {
        struct piece left = take(&a), right = take(&b);
        if (left.kind == END || right.kind == END)
            return sign((left.kind != END) - (right.kind != END));
        if (left.kind != right.kind)
            return VERSION_INCOMPARABLE;
        enum version_order order = compare_pieces(&left, &right);
        if (order != VERSION_EQUAL)
            return order;
    }
}
