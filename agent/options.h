/* The command line: bootseal [OPTION…] VERB [FILE]. */
#pragma once

#include <stdbool.h>

#define OPTIONS_PROBLEM_MAX 160

enum options_mode { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

struct options {
    enum options_mode mode;
    const char *config;    /* --config; NULL: the usual places */
    const char *root;      /* --root; NULL: / */
    const char *userspace; /* --userspace, for eventlog; NULL: none */
    bool json;
    bool act;             /* boot: carry out the restart or halt that a failure leads to */
    const char *verb;     /* NULL: none was given */
    const char *argument; /* what follows the verb, or NULL */
};

/*
 * "-" is a FILE, the standard input. False when the line is not understood; then `ret_problem` is one sentence. Options may stand before or after the verb, as --NAME=VALUE or
 * --NAME VALUE, each once.
 */
bool options_parse(int argc, char *const *argv, struct options *ret_options, char ret_problem[OPTIONS_PROBLEM_MAX]);
