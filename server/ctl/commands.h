/* The commands of bootsealctl as a table: what a person types, and the act it becomes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct command_option {
    const char *name;
    const char *value; /* what the help calls its value; NULL: a flag */
};

#define COMMAND_OPTIONS_MAX 6

enum command_kind {
    COMMAND_ACT,        /* asked of bootseald as it is */
    COMMAND_PREDICT,    /* an act, too, but of the image only its events are sent (ctl/predict.c) */
    COMMAND_BACKUP,     /* in several steps (ctl/backup.c); FILE is written */
    COMMAND_SHARE,      /* without bootseald (ctl/share.c) */
    COMMAND_EVENTLOG,   /* without bootseald (ctl/eventlog.c) */
    COMMAND_CHECK,      /* likewise (ctl/policy_check.c) */
    COMMAND_COMPLETION, /* bootsealctl's own affair */
};

struct command {
    const char *noun;
    const char *verb; /* NULL: the noun alone is the command */
    const char *act;  /* for bootseald */
    const char *
        argument; /* name of the one positional argument; NULL: none. "FILE": its contents are sent; "-": standard input */
    struct command_option options[COMMAND_OPTIONS_MAX];
    const char *help;
    enum command_kind kind;
    const char *
        rest; /* what further words are; NULL: there are none. They become the argument LABELS, separated by semicolons */
};

extern const struct command commands[];
extern const size_t command_count;

/* By the first words of the command line; *ret_words says how many they were. NULL when there is no such command. */
const struct command *command_find(int argc, char **argv, int *ret_words);

/* The nouns in their order, one by one; NULL after the last. */
const char *command_noun(size_t index);
