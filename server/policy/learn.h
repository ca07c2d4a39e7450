/* What policy_learn.c (the file) and learn_rules.c (the rules for events) share; nobody else includes it. */
#pragma once

#include "server/policy/judge.h"

struct learn {
    struct policy_file policy; /* that the boot is read with: PCRs, and perhaps the command line */
    struct judge judge;
    struct bs_buf text;
    enum bs_err err;
    const char *command_line; /* NULL: nothing proves one */
    char claim[1024];
    const char *words[1];
};

void learn_say(struct learn *learn, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A string in quotes, with escapes; the caller knows that it has no control characters. */
void learn_say_string(struct learn *learn, const char *text);

/* Writes a rule for every event that nobody has taken yet. */
void learn_write_rules(struct learn *learn);
