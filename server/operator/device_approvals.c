/* Approvals for one device as a file, for where it shall learn of a release without the server. */
#include "server/approve.h"
#include "server/audit.h"
#include "server/operator/operator.h"
#include "server/operator/operator_internal.h"
#include "server/policy/boot_judge.h"

#include <inttypes.h>

static enum bs_err check_boot(struct operator_call *call, const struct store_device *device, struct store_boot *boot)
{
    uint8_t question[STORE_DIGEST];
    int64_t time;
    const struct boot_subject subject = { device->profile, boot, device->ek_manufacturer, device->firmware_version };
    struct boot_judgement judgement = { .is_good = false };
    struct refusal refusal = { 0 };
    if (device->status != STORE_APPROVED)
        return operator_fail(call, BS_ERR_REFUSED, "the device is not approved");
    enum bs_err err = store_evidence_get(call->server->store, device->id, question, &time, boot);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, BS_ERR_REFUSED, "the device has not shown a boot yet; let it connect first");
    if (err == BS_OK)
        err = boot_judge(call->server, &subject, &judgement, &refusal);
    boot_judgement_free(&judgement);
    if (err == BS_OK && !judgement.is_good)
        return operator_fail(call, BS_ERR_REFUSED,
                             "the boot that the device showed last is not good, and its firmware is what approvals are "
                             "made of; see bootsealctl device show");
    return err;
}

static enum bs_err make(struct operator_call *call, const char *id, struct store_boot *boot, struct bs_buf *out,
                        struct operator_approvals *ret_approvals)
{
    struct store_device device;
    BS_OWN(approved) approved = NULL;
    enum bs_err err = operator_find(call, id, &device);
    if (err == BS_OK)
        err = check_boot(call, &device, boot);
    if (err != BS_OK)
        return err;
    err = approve_make(
        call->server,
        &(struct approve_request){ device.id, device.profile, boot, device.ek_manufacturer, device.firmware_version },
        &approved);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, BS_ERR_REFUSED, "this server has no key to approve boots with; restart bootseald");
    if (err == BS_OK)
        err = approvals_encode(&approved->approvals, out);
    if (err != BS_OK)
        return err;
    *ret_approvals = (struct operator_approvals){ approved->epoch, approved->approvals.count };
    return OPERATOR_AUDIT(call, "device.approvals", device.id, "%zu boots, epoch %" PRIu64, approved->approvals.count,
                          approved->epoch);
}

enum bs_err operator_device_approvals(struct operator_call *call, const char *id, struct bs_buf *out,
                                      struct operator_approvals *ret_approvals)
{
    struct store_boot boot = STORE_BOOT_INIT;
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    err = operator_end(call, make(call, id, &boot, out, ret_approvals));
    store_boot_free(&boot);
    return err;
}
