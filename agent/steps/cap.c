/* cap: one extend, and nothing after it in this boot opens the vault or gets an answer with secrets. */
#include "agent/steps/steps.h"

#include <inttypes.h>

#define STATE BS_STATE_CAP

enum bs_err step_cap(struct boot *boot)
{
    if (boot->is_capped)
        return BS_OK;
    if (!boot->tpm && boot->has_no_tpm) {
        bs_notice(STATE, "there is no TPM, so there is nothing to cap");
        return BS_OK;
    }

    boot_hang_up(boot);
    uint32_t pcr = (uint32_t)boot->config->cap.pcr;
    enum bs_err err = boot->tpm ? tpm_cap(boot->tpm, pcr) : BS_ERR_TPM;
    if (err != BS_OK)
        return boot_fail(boot, err, STATE,
                         "PCR %" PRIu32 " could not be capped (%s): the real root must not start; restart the machine",
                         pcr, bs_err_name(err));
    boot->is_capped = boot->report.is_capped = true;
    bs_notice(STATE, "PCR %" PRIu32 " is capped and read back", pcr);
    return BS_OK;
}
