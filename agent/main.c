/* bootseal: provisions a device while it boots. */
#include "agent/cmd.h"
#include "bootseal/exit.h"
#include "bootseal/protocol.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(const struct options *options);
    bool takes_file;
    const char *help;
} verbs[] = {
    { "boot", cmd_boot, false, "provision this boot: once, before the root file system is mounted" },
    { "status", cmd_status, false, "what the last boot did, and what vault and TPM look like" },
    { "identity", cmd_identity, false, "who this machine is, as `bootsealctl device import` takes it" },
    { "forget", cmd_forget, false, "shut the vault for good and erase it: nothing that was sealed opens any more" },
    { "predict", cmd_predict, true,
      "whether the vault opens in the boot of FILE, a unified kernel image, before it ran" },
    { "eventlog", cmd_eventlog, true, "the firmware's event log, or any log in FILE, and the PCRs that it leads to" },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static int help(void)
{
    puts("usage: bootseal [OPTION…] VERB [FILE]\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        printf("  %-9s %-6s %s\n", verbs[i].name, verbs[i].takes_file ? "[FILE]" : "", verbs[i].help);
    puts(
        "\n"
        "  --config=FILE     instead of " CONFIG_PATH_ETC " or " CONFIG_PATH_USR "\n"
        "  --root=DIR        before every path that the configuration names, but not device nodes\n"
        "  --json            for programs (not boot: that writes /run/bootseal/report.json)\n"
        "  --userspace=FILE  eventlog: the log of systemd (tpm2-measure.log) that goes on where the firmware's ends\n"
        "  --act             boot: restart or halt after a failure, instead of leaving that to the caller\n"
        "  --help, --version\n\n"
        "Exit codes: 0 done, 2 usage, 3 configuration, 4 input, 10 not now, 20 refused, 30 untrusted, 40 this machine.");
    return BS_EXIT_DONE;
}

static int version(void)
{
    printf("bootseal %s\nprotocol %d\nlibraries %s\n", BS_VERSION, BS_PROTOCOL_VERSION, BS_LIBRARIES);
    return BS_EXIT_DONE;
}

static int usage(const char *problem)
{
    fprintf(stderr, "bootseal: %s\n", problem);
    return BS_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct options options;
    char problem[OPTIONS_PROBLEM_MAX];
    if (!options_parse(argc, argv, &options, problem))
        return usage(problem);
    if (options.mode == OPTIONS_HELP)
        return help();
    if (options.mode == OPTIONS_VERSION)
        return version();
    if (!options.verb)
        return usage("say what to do: boot, status, identity, forget, predict or eventlog; see bootseal --help");

    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(options.verb, verbs[i].name) != 0)
            continue;
        if (options.argument && !verbs[i].takes_file)
            return usage("only predict and eventlog take a FILE; see bootseal --help");
        if (options.userspace && verbs[i].run != cmd_eventlog)
            return usage("only eventlog takes --userspace; see bootseal --help");
        return verbs[i].run(&options);
    }
    snprintf(problem, sizeof(problem), "unknown verb %.80s; see bootseal --help", options.verb);
    return usage(problem);
}
