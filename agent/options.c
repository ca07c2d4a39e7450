#include "agent/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum kind { VALUE, FLAG, MODE };

static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
    enum options_mode mode;
} known[] = {
    { "--config", VALUE, offsetof(struct options, config), OPTIONS_RUN },
    { "--root", VALUE, offsetof(struct options, root), OPTIONS_RUN },
    { "--userspace", VALUE, offsetof(struct options, userspace), OPTIONS_RUN },
    { "--json", FLAG, offsetof(struct options, json), OPTIONS_RUN },
    { "--act", FLAG, offsetof(struct options, act), OPTIONS_RUN },
    { "--help", MODE, 0, OPTIONS_HELP },
    { "--version", MODE, 0, OPTIONS_VERSION },
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

static bool take_value(const char *name, const char **target, const char *value, char *ret_problem)
{
    const char *wrong = *target ? "is given twice" : !value || *value == '\0' ? "needs a value" : NULL;
    if (wrong) {
        snprintf(ret_problem, OPTIONS_PROBLEM_MAX, "%s %s", name, wrong);
        return false;
    }
    *target = value;
    return true;
}

/* Takes argv[*at] and, where the value stands apart, the next one. */
static bool take_option(int argc, char *const *argv, int *at, struct options *options, char *ret_problem)
{
    const char *argument = argv[*at];
    size_t length = strcspn(argument, "=");
    const char *value = argument[length] == '=' ? argument + length + 1 : NULL;
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strlen(known[i].name) != length || strncmp(known[i].name, argument, length) != 0)
            continue;
        if (known[i].kind == VALUE) {
            if (!value && *at + 1 < argc)
                value = argv[++*at];
            return take_value(known[i].name, (const char **)((char *)options + known[i].offset), value, ret_problem);
        }
        if (value) {
            snprintf(ret_problem, OPTIONS_PROBLEM_MAX, "%s takes no value", known[i].name);
            return false;
        }
        if (known[i].kind == FLAG)
            *(bool *)((char *)options + known[i].offset) = true;
        else
            options->mode = known[i].mode;
        return true;
    }
    snprintf(ret_problem, OPTIONS_PROBLEM_MAX, "unknown option %.80s; see bootseal --help", argument);
    return false;
}

bool options_parse(int argc, char *const *argv, struct options *ret_options, char ret_problem[OPTIONS_PROBLEM_MAX])
{
    struct options options = { 0 };
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(argc, argv, &i, &options, ret_problem))
                return false;
        } else if (!options.verb) {
            options.verb = argv[i];
        } else if (!options.argument) {
            options.argument = argv[i];
        } else {
            snprintf(ret_problem, OPTIONS_PROBLEM_MAX, "%.80s is one argument too many", argv[i]);
            return false;
        }
    }
    *ret_options = options;
    return true;
}
