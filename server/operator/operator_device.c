/* Acts about one device: show, approve, refuse, revoke. */
#include "server/operator/operator.h"

#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/policy/boot_judge.h"
#include "server/policy/explain.h"
#include "server/profile.h"
#include "server/shares.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum bs_err operator_device_list(struct operator_call *call, store_device_fn row, void *context)
{
    return operator_store(call, store_device_each(call->server->store, row, context));
}

static enum bs_err keep_finding(void *context, const struct evidence_finding *finding)
{
    struct operator_device *device = context;
    if (device->finding_count == OPERATOR_FINDINGS_MAX)
        return BS_OK;
    struct operator_finding *kept = &device->findings[device->finding_count++];
    *kept = (struct operator_finding){ .pcr = finding->pcr, .has_event = finding->has_event, .event = finding->event };
    memcpy(kept->text, finding->text, sizeof(kept->text));
    memcpy(kept->found, finding->found, sizeof(kept->found));
    memcpy(kept->expected, finding->expected, sizeof(kept->expected));
    return BS_OK;
}

static enum bs_err compare_with(struct store *store, uint64_t nearest, struct operator_device *device)
{
    struct store_reference reference;
    struct store_boot boot = STORE_BOOT_INIT;
    struct policy_verdict verdict;
    struct boot_diff diff = { .rows = NULL };
    enum bs_err err = store_reference_get(store, nearest, &reference, &boot);
    if (err == BS_OK)
        err = policy_compare(&device->boot, &reference, &boot, &verdict, &diff);
    if (err == BS_OK)
        err = policy_findings(&verdict, &diff, keep_finding, device);
    if (err == BS_OK)
        err = explain_lines(&(struct explanation){ &verdict, &diff }, &device->explanation);
    boot_diff_free(&diff);
    store_boot_free(&boot);
    return err;
}

static enum bs_err keep_judgement(const struct boot_judgement *judgement, const struct refusal *refusal,
                                  struct operator_device *device)
{
    device->boot_is_known = judgement->is_good;
    device->policy_version = judgement->policy_version;
    memcpy(device->policy, judgement->policy, sizeof(device->policy));
    device->reference = judgement->policy[0] ? judgement->verdict.nearest : judgement->references.reference;
    device->reference_count = judgement->references.reference_count;
    if (judgement->is_good || !judgement->policy[0])
        return BS_OK;
    for (size_t i = 0; i < refusal->finding_count; i++)
        if (refusal->findings[i].has_pcr && keep_finding(device, &refusal->findings[i]) != BS_OK)
            return BS_ERR_NOMEM;
    return boot_judge_lines(judgement, &device->explanation);
}

static enum bs_err compare(struct server *server, struct operator_device *device)
{
    const struct boot_subject subject = { device->device.profile, &device->boot, device->device.ek_manufacturer,
                                          device->device.firmware_version };
    struct boot_judgement judgement = { .is_good = false };
    struct refusal refusal = { 0 };
    enum bs_err err = boot_judge(server, &subject, &judgement, &refusal);
    if (err == BS_OK)
        err = keep_judgement(&judgement, &refusal, device);
    if (err == BS_OK && !judgement.policy[0] && judgement.references.verdict == POLICY_DIFFERS)
        err = compare_with(server->store, judgement.references.reference, device);
    boot_judgement_free(&judgement);
    return err;
}

static enum bs_err load_why(struct store *store, struct operator_device *device)
{
    BS_SCOPED_BUF struct bs_buf detail = BS_BUF(AUDIT_DETAIL_MAX + 1);
    enum bs_err err = store_audit_verdict(store, device->device.id, &detail);
    if (err == BS_OK)
        err = bs_buf_append(&detail, "", 1);
    if (err == BS_OK) {
        const char *sentence = (const char *)detail.data, *end = strstr(sentence, AUDIT_EXPLANATION);
        snprintf(device->why, sizeof(device->why), "%.*s", (int)(end ? end - sentence : (ptrdiff_t)strlen(sentence)),
                 sentence);
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static enum bs_err load_bundle(struct store *store, struct operator_device *device)
{
    struct store_bundle bundle;
    enum bs_err err = store_bundle_get(store, device->device.id, &bundle);
    if (err == BS_OK) {
        device->bundle_issued = bundle.issued;
        device->bundle_confirmed = bundle.confirmed;
        memcpy(device->items, bundle.items, sizeof(device->items));
    }
    bs_wipe(&bundle, sizeof(bundle));
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static enum bs_err load_profile(struct store *store, struct operator_device *device)
{
    struct store_profile profile = { .version = 0 };
    enum bs_err err = store_profile_get(store, device->device.profile, &profile, NULL);
    device->profile_version = profile.version;
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static enum bs_err load_rest(struct store *store, struct operator_device *device)
{
    enum bs_err err = load_why(store, device);
    if (err == BS_OK)
        err = load_bundle(store, device);
    return err == BS_OK ? load_profile(store, device) : err;
}

enum bs_err operator_device_show(struct operator_call *call, const char *id, struct operator_device *ret_device)
{
    struct store *store = call->server->store;
    call->why[0] = '\0';
    enum bs_err err = operator_find(call, id, &ret_device->device);
    if (err != BS_OK)
        return err;
    err = store_evidence_get(store, ret_device->device.id, ret_device->question, &ret_device->question_time,
                             &ret_device->boot);
    ret_device->has_question = err == BS_OK;
    if (err == BS_OK && ret_device->device.profile[0])
        err = compare(call->server, ret_device);
    if (err == BS_OK || err == BS_ERR_NOT_FOUND)
        err = load_rest(store, ret_device);
    return operator_store(call, err);
}

void operator_device_free(struct operator_device *device)
{
    store_boot_free(&device->boot);
    bs_buf_free(&device->explanation);
}

enum bs_err operator_device_certs(struct operator_call *call, const char *id, store_cert_fn row, void *context)
{
    struct store_device device;
    call->why[0] = '\0';
    enum bs_err err = operator_find(call, id, &device);
    return err == BS_OK ? operator_store(call, store_cert_each(call->server->store, device.id, row, context)) : err;
}

/* Approving, step by step, inside one transaction. */
struct admission {
    struct operator_call *call;
    const struct operator_approve *request;
    struct store_device device;
    struct store_boot boot;
    uint8_t question[STORE_DIGEST];
    bool has_question;
    struct operator_approved *result;
};

static enum bs_err choose_profile(struct admission *a)
{
    char name[STORE_NAME_SIZE];
    enum bs_err err = operator_choose_profile(a->call, a->request->profile, a->device.profile, name);
    if (err == BS_OK)
        memcpy(a->device.profile, name, sizeof(a->device.profile));
    return err;
}

/*
 * The operator approves what he was shown: another boot of the same device is a new question. Eight digits were not enough: the log is
 * the device's own words, and one that leads to the same eight is found in minutes.
 */
enum bs_err operator_check_question(struct operator_call *call, const char *wanted,
                                    const uint8_t question[STORE_DIGEST])
{
    char found[2 * STORE_DIGEST + 1];
    bs_hex(BS_SPAN(question, STORE_DIGEST), found);
    size_t length = strlen(wanted);
    if (length < OPERATOR_QUESTION_MIN || length > 2 * STORE_DIGEST)
        return operator_fail(call, BS_ERR_INPUT, "a digest has %d to %d hexadecimal digits", OPERATOR_QUESTION_MIN,
                             2 * STORE_DIGEST);
    for (size_t i = 0; i < length; i++)
        if (tolower((unsigned char)wanted[i]) != found[i])
            return operator_fail(
                call, BS_ERR_REFUSED,
                "the device has since shown another boot (%.16s); look at it with bootsealctl device show", found);
    return BS_OK;
}

static enum bs_err check_question(struct admission *a)
{
    const char *wanted = a->request->question;
    if (!a->has_question)
        return wanted || a->request->learn ? operator_fail(a->call, BS_ERR_REFUSED,
                                                           "the device has not shown a boot yet; let it "
                                                           "connect first")
                                           : BS_OK;
    return wanted ? operator_check_question(a->call, wanted, a->question) : BS_OK;
}

static enum bs_err learn(struct admission *a)
{
    struct store_reference reference = { .created = a->call->server->now() };
    strcpy(reference.profile, a->device.profile);
    memcpy(reference.device, a->device.id, sizeof(reference.device));
    snprintf(reference.created_by, sizeof(reference.created_by), "%s", a->call->actor);
    enum bs_err err = policy_boot_digest(&a->boot, reference.digest);
    if (err == BS_OK)
        err = store_reference_add(a->call->server->store, &reference, &a->boot, &a->result->reference);
    if (err != BS_OK)
        return err;
    char question[2 * STORE_DIGEST + 1];
    bs_hex(BS_SPAN(a->question, STORE_DIGEST), question);
    return OPERATOR_AUDIT(a->call, "reference.learn", a->device.id,
                          "reference %" PRIu64 " of profile %s, from digest %s", a->result->reference,
                          reference.profile, question);
}

static enum bs_err count_living(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    (void)boot;
    *(size_t *)context += !reference->is_revoked;
    return BS_OK;
}

static enum bs_err approve(struct admission *a)
{
    struct store *store = a->call->server->store;
    struct store_profile profile = { .version = 0 };
    size_t references = 0;
    enum bs_err err = operator_find(a->call, a->request->device, &a->device);
    if (err != BS_OK)
        return err;
    err = store_evidence_get(store, a->device.id, a->question, &(int64_t){ 0 }, &a->boot);
    a->has_question = err == BS_OK;
    if (err == BS_OK || err == BS_ERR_NOT_FOUND)
        err = check_question(a);
    if (err == BS_OK)
        err = choose_profile(a);
    if (err != BS_OK)
        return err;
    a->device.status = STORE_APPROVED;
    a->device.wipe = STORE_WIPE_NONE;
    a->device.accept_reset = a->device.accept_reset || a->request->accept_reset;
    err = store_device_put(store, &a->device);
    if (err == BS_OK)
        err = OPERATOR_AUDIT(a->call, "device.approve", a->device.id, "profile %s%s%s", a->device.profile,
                             a->request->learn ? ", with its boot" : "",
                             a->request->accept_reset ? ", reset accepted" : "");
    if (err == BS_OK && a->request->learn)
        err = learn(a);
    if (err == BS_OK)
        err = store_reference_each(store, a->device.profile, false, count_living, &references);
    if (err == BS_OK)
        err = store_profile_get(store, a->device.profile, &profile, NULL);
    memcpy(a->result->policy, profile.policy, sizeof(a->result->policy));
    a->result->needs_reference = references == 0 && !profile.policy[0];
    return err;
}

enum bs_err operator_device_approve(struct operator_call *call, const struct operator_approve *request,
                                    struct operator_approved *ret_approved)
{
    struct operator_approved result = { .reference = 0 };
    struct admission a = { .call = call, .request = request, .boot = STORE_BOOT_INIT, .result = &result };
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    err = operator_end(call, approve(&a));
    store_boot_free(&a.boot);
    if (err != BS_OK)
        return err;
    memcpy(result.id, a.device.id, sizeof(result.id));
    strcpy(result.profile, a.device.profile);
    *ret_approved = result;
    return BS_OK;
}

/* What becomes of a device that an operator does not want, and what that is called. */
struct blocking {
    const char *act;
    enum store_status status;
    enum store_wipe wipe; /* NONE: as it is */
};
static const struct blocking refusing = { "device.refuse", STORE_REFUSED, STORE_WIPE_NONE };
static const struct blocking revoking = { "device.revoke", STORE_REVOKED, STORE_WIPE_NONE };
static const struct blocking wiping = { "device.wipe", STORE_REVOKED, STORE_WIPE_ORDERED };

static enum bs_err block(struct operator_call *call, const char *id, const char *because,
                         const struct blocking *blocking, uint64_t *ret_certs)
{
    struct store_device device;
    enum bs_err err = operator_find(call, id, &device);
    if (err != BS_OK)
        return err;
    if (blocking->wipe != STORE_WIPE_NONE && device.ak_name.size == 0)
        return operator_fail(call, BS_ERR_REFUSED,
                             "this device was never here, so it has nothing to forget; see: bootsealctl device refuse");
    device.status = blocking->status;
    if (blocking->wipe != STORE_WIPE_NONE)
        device.wipe = blocking->wipe;
    err = store_device_put(call->server->store, &device);
    if (err == BS_OK && blocking->wipe != STORE_WIPE_NONE)
        err = shares_forget(call->server->store, device.id);
    if (err == BS_OK && blocking->status == STORE_REVOKED)
        err = store_cert_revoke_others(call->server->store, device.id, NULL, call->server->now(), ret_certs);
    if (err != BS_OK)
        return err;
    return OPERATOR_AUDIT(call, blocking->act, device.id, "%s", because ? because : "");
}

enum bs_err operator_device_refuse(struct operator_call *call, const char *device, const char *because)
{
    uint64_t certs = 0;
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, block(call, device, because, &refusing, &certs));
}

static enum bs_err revoke(struct operator_call *call, const char *device, const char *because,
                          const struct blocking *blocking, uint64_t *ret_certs)
{
    call->why[0] = '\0';
    *ret_certs = 0;
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    return operator_end(call, block(call, device, because, blocking, ret_certs));
}

enum bs_err operator_device_revoke(struct operator_call *call, const char *device, const char *because,
                                   uint64_t *ret_certs)
{
    return revoke(call, device, because, &revoking, ret_certs);
}

enum bs_err operator_device_wipe(struct operator_call *call, const char *device, const char *because,
                                 uint64_t *ret_certs)
{
    return revoke(call, device, because, &wiping, ret_certs);
}
