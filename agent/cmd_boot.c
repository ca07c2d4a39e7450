/* bootseal boot: the flow, and everything around it that a boot owes to the initramfs. */
#include "agent/boot.h"
#include "agent/cmd.h"
#include "agent/failures.h"
#include "agent/flow.h"
#include "agent/signals.h"
#include "bootseal/exit.h"
#include "core/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define CMDLINE_PATH "/proc/cmdline"

/* The kernel command line may say what the configuration lets it say; the rest is reported, not obeyed. */
static void obey_cmdline(struct boot *boot, const struct device_cmdline *cmdline)
{
    const struct agent_config *config = boot->config;
    const struct {
        const char *what;
        bool is_asked;
    } wishes[] = {
        { "server", cmdline->server[0] != '\0' },
        { "log", cmdline->log[0] != '\0' },
        { "off", cmdline->is_off },
    };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        if (wishes[i].is_asked && !config_allows(config, wishes[i].what))
            bs_warning("boot", "the kernel command line asks for \"%s\", which cmdline.allow does not let it decide",
                       wishes[i].what);
    }
    if (cmdline->unknown[0])
        bs_warning("boot", "the kernel command line has an unknown word %s", cmdline->unknown);

    enum bs_log_level level;
    if (cmdline->log[0] && config_allows(config, "log")) {
        if (bs_log_level_parse(cmdline->log, &level))
            bs_log_set_level(level);
        else
            bs_warning("boot", "bootseal.log=%s is no level; error, warning, notice, info and debug are", cmdline->log);
    }
    if (cmdline->server[0] && config_allows(config, "server"))
        boot->server_url = cmdline->server;
    boot->is_off = cmdline->is_off && config_allows(config, "off");
}

/* What is to happen now: NULL to go on to the real root. Nothing but a closed boot goes on. */
static const char *action_after(const struct boot *boot, enum bs_err err)
{
    if (err == BS_OK)
        return NULL;
    const struct agent_config *config = boot->config;
    bool is_closed = !boot->is_over && (boot->is_capped || boot->has_no_tpm);
    if (config->boot.on_failure == CONFIG_ON_FAILURE_CONTINUE && is_closed)
        return NULL;
    if (config->boot.on_failure == CONFIG_ON_FAILURE_HALT || boot->failures > (uint64_t)config->boot.max_reboots)
        return "halt";
    return "reboot";
}

static void say_end(const struct boot *boot, enum bs_err err, const char *action)
{
    struct report_meter total = report_total(&boot->report);
    if (err == BS_OK)
        bs_notice("done",
                  "done in %" PRId64 ".%" PRId64 " s: %u TPM commands, %u round trips, %" PRIu64 " bytes sent, %" PRIu64
                  " received",
                  total.ms / 1000, total.ms % 1000 / 100, total.tpm_commands, total.round_trips, total.sent,
                  total.received);
    else if (boot->is_over)
        return;
    else if (!action)
        bs_warning("failed", "the boot goes on without credentials (boot.on_failure = \"continue\")");
    else
        bs_error("failed", "failure %" PRIu64 " in a row (boot.max_reboots is %" PRId64 "): %s", boot->failures,
                 boot->config->boot.max_reboots, action);
}

/* What the real boot left is not overwritten by a run after it. */
static void keep_record(const char *root, const struct boot *boot, const char *action)
{
    if (boot->is_over)
        return;
    if (report_write(&boot->report, root) != BS_OK)
        bs_warning("report", "%s cannot be written", REPORT_PATH);
    if (failures_action(root, action) != BS_OK)
        bs_warning("report", "%s cannot be written", FAILURES_ACTION_PATH);
}

/* Where no init reads the word: the kernel halts or restarts at once, and nothing else runs any more. */
static void act_on(const char *action)
{
    sync();
    (void)reboot(strcmp(action, "halt") == 0 ? RB_HALT_SYSTEM : RB_AUTOBOOT);
    bs_error("failed", "the machine cannot be told to %s; the real root must not start", action);
}

static int leave(const struct options *options, const struct boot *boot, enum bs_err err)
{
    const char *action = action_after(boot, err);
    keep_record(options->root, boot, action);
    say_end(boot, err, action);
    if (err == BS_OK || !action)
        return BS_EXIT_DONE;
    if (options->act && !boot->is_over) /* a run in the real root ends nobody's boot */
        act_on(action);
    return bs_err_exit(err);
}

int cmd_boot(const struct options *options)
{
    signals_setup();
    bs_log_setup("bootseal", stderr, BS_LOG_TEXT, BS_LOG_NOTICE);
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    struct conf_problem problem = { "" };
    enum bs_err err = config_load(options->config, options->root, &config, &conf, &problem);
    /* A failure like others: it counts, where the defaults say, so that restarting ends; and the boot is closed. */
    if (err != BS_OK)
        config_defaults(&config);
    bs_log_set_format(config.log.format == BS_LOG_KV ? BS_LOG_KV : BS_LOG_TEXT);
    bs_log_set_level((enum bs_log_level)config.log.level);

    BS_OWN(memory) memory = calloc(1, sizeof(struct boot));
    struct boot *boot = memory;
    if (!boot)
        return BS_EXIT_LOCAL;
    boot_begin(boot, &config, options->root);
    struct device_cmdline cmdline;
    if (err != BS_OK)
        boot->problem = problem.text[0] ? problem.text : "the configuration cannot be read";
    else if (device_cmdline(CMDLINE_PATH, &cmdline) == BS_OK)
        obey_cmdline(boot, &cmdline);

    err = flow_run(boot);
    int code = leave(options, boot, err);
    boot_end(boot);
    device_watchdog_close();
    return code;
}
