/* Acts about what a device showed last: the evidence as a file, and the boot as a reference with the policy that approves it. */
#include "server/operator/operator.h"

#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/policy/boot_judge.h"
#include "server/policy/evidence_file.h"
#include "server/policy/policy_learn.h"
#include "server/policy/policy_reference.h"
#include "server/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* `ret_boot` is the caller's to free, also after an error. */
static enum bs_err find_boot(struct operator_call *call, const char *id, struct store_device *ret_device,
                             uint8_t ret_question[STORE_DIGEST], struct store_boot *ret_boot)
{
    int64_t time;
    enum bs_err err = operator_find(call, id, ret_device);
    if (err != BS_OK)
        return err;
    err = store_evidence_get(call->server->store, ret_device->id, ret_question, &time, ret_boot);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(call, BS_ERR_REFUSED, "the device has not shown a boot yet; let it connect first");
    return operator_store(call, err);
}

enum bs_err operator_device_evidence(struct operator_call *call, const char *id, struct bs_buf *out)
{
    struct evidence_file file = EVIDENCE_FILE_INIT;
    uint8_t question[STORE_DIGEST];
    struct store_device device;
    call->why[0] = '\0';
    enum bs_err err = find_boot(call, id, &device, question, &file.boot);
    if (err == BS_OK) {
        file.cap_pcr = call->server->config.measure_cap_pcr;
        file.firmware_version = device.firmware_version;
        memcpy(file.manufacturer, device.ek_manufacturer, sizeof(file.manufacturer));
        err = operator_store(call, evidence_file_write(&file, out));
    }
    evidence_file_free(&file);
    return err;
}

enum bs_err operator_reference_evidence(struct operator_call *call, uint64_t id, struct bs_buf *out)
{
    struct evidence_file file = EVIDENCE_FILE_INIT;
    struct store_reference reference;
    call->why[0] = '\0';
    enum bs_err err = operator_reference_show(call, id, &reference, &file.boot);
    if (err == BS_OK) {
        file.cap_pcr = call->server->config.measure_cap_pcr;
        err = operator_store(call, evidence_file_write(&file, out));
    }
    evidence_file_free(&file);
    return err;
}

/* One name, one boot: what a policy means by it must not change under it. */
static enum bs_err check_name(struct operator_call *call, const struct store_reference *reference)
{
    struct store_reference other;
    enum bs_err err = store_reference_named(call->server->store, reference->profile, reference->name, &other);
    if (err == BS_ERR_NOT_FOUND)
        return BS_OK;
    if (err == BS_OK && memcmp(other.digest, reference->digest, sizeof(other.digest)) != 0)
        return operator_fail(call, BS_ERR_REFUSED, "reference %" PRIu64 " has the name %s; names are given once",
                             other.id, other.name);
    if (err == BS_OK && other.is_revoked)
        return operator_fail(call, BS_ERR_REFUSED, "reference %" PRIu64 " of this name is revoked", other.id);
    return err;
}

static enum bs_err add_reference(struct operator_call *call, const struct operator_learn *request,
                                 const struct store_device *device, const struct store_boot *boot,
                                 struct operator_learned *learned)
{
    struct store_reference reference = { .created = call->server->now() };
    struct store_profile profile = { .version = 0 };
    snprintf(reference.profile, sizeof(reference.profile), "%s", device->profile);
    snprintf(reference.name, sizeof(reference.name), "%s", request->name);
    snprintf(reference.created_by, sizeof(reference.created_by), "%s", call->actor);
    memcpy(reference.device, device->id, sizeof(reference.device));
    enum bs_err err = policy_boot_digest(boot, reference.digest);
    if (err == BS_OK)
        err = check_name(call, &reference);
    if (err == BS_OK)
        err = operator_check_renamed(call, &reference);
    if (err == BS_OK)
        err = store_reference_add(call->server->store, &reference, boot, &learned->reference);
    if (err == BS_OK)
        err = store_profile_get(call->server->store, device->profile, &profile, NULL);
    learned->has_policy = profile.policy[0] != '\0';
    snprintf(learned->profile, sizeof(learned->profile), "%s", device->profile);
    memcpy(learned->device, device->id, sizeof(learned->device));
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static enum bs_err write_policy(struct operator_call *call, const struct operator_learn *request,
                                const struct store_device *device, const struct store_boot *boot,
                                const struct operator_learned *learned, struct bs_buf *out)
{
    const struct policy_subject subject = { .boot = boot_judge_view(boot),
                                            .cap_pcr = call->server->config.measure_cap_pcr,
                                            .tpm_manufacturer = device->ek_manufacturer,
                                            .tpm_firmware = device->firmware_version };
    char id[2 * WIRE_ID_SIZE + 1], date[16] = "", why[POLICY_WORDS_SIZE];
    time_t now = (time_t)call->server->now();
    struct tm parts;
    bs_hex(BS_SPAN(device->id, WIRE_ID_SIZE), id);
    if (gmtime_r(&now, &parts))
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &parts);
    enum bs_err err = bs_buf_printf(out, "# The device %.16s on %s: reference %" PRIu64 " of the profile %s.\n", id,
                                    date, learned->reference, learned->profile);
    if (err == BS_OK)
        err = policy_learn(request->name, &subject, out, why);
    return err == BS_ERR_INPUT ? operator_fail(call, err, "%s", why) : err;
}

static enum bs_err check_question(struct operator_call *call, const char *wanted, const uint8_t question[STORE_DIGEST])
{
    return wanted ? operator_check_question(call, wanted, question) : BS_OK;
}

static enum bs_err learn(struct operator_call *call, const struct operator_learn *request, struct store_boot *boot,
                         struct operator_learned *learned, struct bs_buf *out)
{
    uint8_t question[STORE_DIGEST];
    char hex[2 * STORE_DIGEST + 1];
    struct store_device device;
    enum bs_err err = find_boot(call, request->device, &device, question, boot);
    if (err == BS_OK)
        err = check_question(call, request->question, question);
    if (err == BS_OK && device.profile[0] == '\0')
        err = operator_fail(call, BS_ERR_REFUSED,
                            "the device has no profile yet; bootsealctl device approve gives it one");
    if (err == BS_OK)
        err = add_reference(call, request, &device, boot, learned);
    if (err == BS_OK)
        err = write_policy(call, request, &device, boot, learned, out);
    if (err != BS_OK)
        return err;
    bs_hex(BS_SPAN(question, STORE_DIGEST), hex);
    return OPERATOR_AUDIT(call, "reference.learn", device.id,
                          "reference %" PRIu64 " of profile %s, as %s, from digest %s", learned->reference,
                          learned->profile, request->name, hex);
}

enum bs_err operator_reference_learn(struct operator_call *call, const struct operator_learn *request,
                                     struct operator_learned *ret_learned, struct bs_buf *ret_policy)
{
    struct operator_learned learned = { .reference = 0 };
    struct store_boot boot = STORE_BOOT_INIT;
    call->why[0] = '\0';
    if (!profile_name_is_valid(request->name))
        return operator_fail(call, BS_ERR_INPUT, OPERATOR_NAME_RULE, PROFILE_NAME_MAX);
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    err = operator_end(call, learn(call, request, &boot, &learned, ret_policy));
    store_boot_free(&boot);
    if (err == BS_OK)
        *ret_learned = learned;
    return err;
}
