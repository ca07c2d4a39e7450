/* bootseal eventlog [FILE]: what a boot's logs say, of this machine or of any other. */
#include "agent/cmd.h"
#include "agent/machine.h"
#include "bootseal/exit.h"
#include "core/bootlog.h"

#include <stdio.h>

struct logs {
    struct bs_buf first; /* the firmware's, or the userspace's alone */
    struct bs_buf userspace;
};

static int fail(const char *path, const char *why)
{
    fprintf(stderr, "bootseal: %s: %s\n", path, why);
    return BS_EXIT_INPUT;
}

/* The firmware's log of this boot. */
static int read_own(const struct options *options, struct bs_buf *out)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    int code;
    if (!cmd_config(options, &config, &conf, &code))
        return code;
    enum bs_err err = machine_eventlog(&config, options->root, out);
    if (err == BS_OK)
        return BS_EXIT_DONE;
    fprintf(
        stderr,
        "bootseal: the event log of this boot cannot be read: %s; is securityfs mounted, and did the firmware measure?\n",
        bs_err_name(err));
    return bs_err_exit(err);
}

static int read_logs(const struct options *options, struct logs *logs)
{
    char why[BOOTLOG_WHY_MAX];
    if (!options->argument) {
        int code = read_own(options, &logs->first);
        if (code != BS_EXIT_DONE)
            return code;
    } else if (bootlog_read(options->argument, &logs->first, why) != BS_OK) {
        return fail(options->argument, why);
    }
    if (options->userspace && bootlog_read(options->userspace, &logs->userspace, why) != BS_OK)
        return fail(options->userspace, why);
    return BS_EXIT_DONE;
}

static int show(const struct options *options, const struct logs *logs)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BOOTLOG_SHOWN_MAX);
    struct bs_span userspace = bs_buf_span(&logs->userspace);
    char why[BOOTLOG_WHY_MAX];
    struct bootlog log;

    if (bootlog_open(bs_buf_span(&logs->first), options->userspace ? &userspace : NULL, &log, why) != BS_OK)
        return fail(options->argument ? options->argument : "the event log of this boot", why);
    enum bs_err err = options->json ? bootlog_show_json(&log, &out) : bootlog_show(&log, &out);
    if (err != BS_OK) {
        fprintf(stderr, "bootseal: the event log cannot be shown: %s\n", bs_err_name(err));
        return bs_err_exit(err);
    }
    return cmd_print(bs_buf_span(&out));
}

int cmd_eventlog(const struct options *options)
{
    struct logs logs = { BS_BUF(BOOTLOG_FILE_SIZE_MAX), BS_BUF(BOOTLOG_FILE_SIZE_MAX) };
    int code = read_logs(options, &logs);
    if (code == BS_EXIT_DONE)
        code = show(options, &logs);
    bs_buf_free(&logs.first);
    bs_buf_free(&logs.userspace);
    return code;
}
