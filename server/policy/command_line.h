/*
 * Words of a kernel command line. The kernel divides it at blanks, and double quotes keep blanks together (Linux, lib/cmdline.c:
 * next_arg()); who reads it after the kernel has rules of his own. So a word counts as forbidden where any of them could read it, and
 * as there only where all do: outside of quotes, and not behind "--", where parameters of init begin, nor where the kernel or somebody
 * else may have stopped to read: behind a line feed, a single quote, or 2047 characters.
 */
#pragma once

#include "core/conf.h"

/* One word, without blanks and quotes; with "=" at its end it stands for every word that begins so. */
bool command_line_is_word(const char *text);

/* The first of `words` that the line has; NULL when it has none. */
const char *command_line_find_forbidden(const char *line, const struct conf_strings *words);

/*
 * The first of `words` that the line has not, or contradicts: where NAME=VALUE is demanded, no other value of the name may be there, for the
 * last one wins. NULL when there is none.
 */
const char *command_line_find_missing(const char *line, const struct conf_strings *words);
