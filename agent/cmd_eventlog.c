/* bootseal eventlog [FILE]: reads the log as strictly as the boot does, and says what is in it. */
#include "agent/cmd.h"
#include "agent/device/device.h"
#include "agent/machine.h"
#include "bootseal/exit.h"
#include "core/eventlog_print.h"

#include <stdio.h>

#define PRINT_MAX (8 * 1024 * 1024)

int cmd_eventlog(const struct options *options)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    int code;
    if (!cmd_config(options, &config, &conf, &code))
        return code;

    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(EVENTLOG_SIZE_MAX);
    enum bs_err err = options->argument ? device_eventlog_read(options->argument, &bytes)
                                        : machine_eventlog(&config, options->root, &bytes);
    if (err != BS_OK) {
        fprintf(stderr, "bootseal: the event log %s cannot be read: %s%s\n",
                options->argument ? options->argument : "of this boot", bs_err_name(err),
                options->argument ? "" : "; is securityfs mounted, and did the firmware measure?");
        return bs_err_exit(err);
    }

    struct eventlog log;
    struct eventlog_fault fault = { .what = "" };
    if (eventlog_open_plain(bs_buf_span(&bytes), &log, &fault) != BS_OK) {
        fprintf(stderr, "bootseal: event %zu at byte %zu: %s\n", fault.event, fault.offset, fault.what);
        return BS_EXIT_INPUT;
    }
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(PRINT_MAX);
    err = options->json ? eventlog_print_json(&log, &text) : eventlog_print(&log, &text);
    if (err != BS_OK) {
        fprintf(stderr, "bootseal: the event log cannot be shown: %s\n", bs_err_name(err));
        return bs_err_exit(err);
    }
    return cmd_print(bs_buf_span(&text));
}
