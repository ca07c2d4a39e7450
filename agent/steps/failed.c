/* failed: counts, caps, forgets. Why it failed was said by the step that failed. */
#include "agent/failures.h"
#include "agent/signals.h"
#include "agent/steps/steps.h"
#include "core/file.h"

#define STATE BS_STATE_FAILED

/*
 * Before the cap, while the vault's file system is surely there. A run in a boot that was capped long ago is no boot that
 * failed, and nothing of the vault's folder is written then.
 */
static void count_failure(struct boot *boot)
{
    BS_OWN(string) dir = NULL;
    uint64_t count = 0;
    enum bs_err err = bs_path_under(boot->root, boot->config->vault.dir, &dir);
    if (err == BS_OK)
        err = failures_add(dir, &count);
    if (err != BS_OK)
        bs_warning(STATE, "failures cannot be counted in %s (%s)", boot->config->vault.dir, bs_err_name(err));
    boot->failures = count;
}

enum bs_err step_failed(struct boot *boot)
{
    if (signals_stop_requested())
        bs_error(STATE, "told to stop (SIGTERM)");
    else if (boot->waiting.last != BS_OK && bs_deadline_passed(boot->deadline))
        bs_error(STATE, "gave up after %lld s (boot.wait): %s", (long long)boot->config->boot.wait_s,
                 boot->report.message);
    if (!boot->is_over)
        count_failure(boot);
    enum bs_err err = BS_OK;
    if (!boot->is_capped) {
        /* The reason of the failure stays the reason, even if the cap fails as well. */
        struct report said = boot->report;
        err = step_cap(boot);
        if (said.message[0])
            report_reason(&boot->report, bs_span_of_string(said.reason), bs_span_of_string(said.message));
    }
    boot_hang_up(boot);
    vault_opened_clear(&boot->held);
    vault_opened_clear(&boot->fresh);
    boot->is_held = false;
    bs_buf_free(&boot->device_pem);
    boot->report.source = "none";
    return err;
}
