#include "server/verdict.h"

#include "server/policy/boot_judge.h"
#include "server/turn.h"

#include <string.h>

void verdict_free(struct verdict *verdict)
{
    issue_free(&verdict->issue);
    wipe_issue_free(&verdict->wipe);
}

enum bs_err verdict_pair(struct server *server, const struct evidence *evidence, enum verdict_pair *ret_pair)
{
    uint8_t owner[WIRE_ID_SIZE];
    enum bs_err err = store_device_by_ak(server->store, &evidence->ak_name, owner);
    if (err == BS_ERR_NOT_FOUND)
        *ret_pair = VERDICT_PAIR_UNKNOWN;
    else if (err == BS_OK)
        *ret_pair = memcmp(owner, evidence->device, WIRE_ID_SIZE) == 0 ? VERDICT_PAIR_PROVEN : VERDICT_PAIR_FOREIGN;
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

/* Without an endorsed EK only a device that an operator registered or has seen before gets in. */
static void check_endorsed(struct turn *turn)
{
    const struct evidence *evidence = turn->evidence;
    if (evidence->ek_is_endorsed || turn->is_known || !turn->server->config.ek_require_certificate)
        return;
    if (evidence->has_ek_cert)
        TURN_SAY(
            turn, MESSAGE_REFUSED, BS_REASON_EK_UNTRUSTED,
            "the EK certificate does not lead to a trusted TPM vendor (%s); add the vendor's root to " CONFIG_EK_ROOTS
            "/, or import the device by the hash of its EK",
            evidence->ek_why_not);
    else
        TURN_SAY(turn, MESSAGE_REFUSED, BS_REASON_EK_NO_CERT,
                 "the TPM has no EK certificate, and the device was not registered; import it by the hash of its EK");
}

/* Before all else that may be said of a known device: whatever it booted, and whether it is let in again later. */
static enum bs_err check_wipe(struct turn *turn)
{
    const struct wipe_issue_request request = { turn->evidence, &turn->device, turn->request->channel };
    switch (turn->device.wipe) {
    case STORE_WIPE_NONE:
        return BS_OK;
    case STORE_WIPE_DONE:
        TURN_SAY(turn, MESSAGE_REFUSED, BS_REASON_WIPED, "this device was wiped by order of an operator");
        return BS_OK;
    case STORE_WIPE_ORDERED:
        break;
    }
    enum bs_err err = wipe_issue_make(turn->server, &request, &turn->verdict->wipe);
    if (err == BS_OK)
        TURN_SAY(turn, MESSAGE_WIPE, BS_REASON_WIPED, "an operator ordered this device to forget what it has");
    return err;
}

static void check_blocked(struct turn *turn)
{
    enum store_status status = turn->device.status;
    if (status == STORE_REFUSED || status == STORE_REVOKED)
        TURN_SAY(turn, MESSAGE_REFUSED, BS_REASON_BLOCKED, "an operator has %s this device", store_status_name(status));
}

/* A counter that went back means another state of the TPM than the one that was proven (a clear, or worse). */
static void check_reset(struct turn *turn)
{
    struct store_device *device = &turn->device;
    uint32_t found = turn->evidence->reset_count;
    if (found < device->reset_count && !device->accept_reset) {
        TURN_SAY(
            turn, MESSAGE_REFUSED, BS_REASON_RESET_COUNT,
            "the TPM counts %u resets, fewer than the %u of its last proven boot; if it was cleared, say so: bootsealctl device "
            "approve --accept-reset",
            found, device->reset_count);
        return;
    }
    /* Said once, for the next boot: a permission that waits would cover what comes much later. */
    device->accept_reset = false;
    device->reset_count = found;
}

static enum bs_err check_key(struct turn *turn)
{
    bool is_foreign = false;
    enum bs_err err =
        store_key_is_foreign(turn->server->store, turn->evidence->device_key_sha256, turn->device.id, &is_foreign);
    if (err == BS_OK && is_foreign)
        TURN_SAY(turn, MESSAGE_REFUSED, BS_REASON_KEY_REUSED, "the device key is enrolled for another device");
    return err;
}

static void check_approved(struct turn *turn)
{
    struct store_device *device = &turn->device;
    if (device->status != STORE_APPROVED)
        TURN_SAY(turn, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE, "nobody has approved this device yet");
    else if (device->profile[0] == '\0')
        TURN_SAY(turn, MESSAGE_PENDING, BS_REASON_NO_PROFILE, "the device is approved, but has no profile yet");
}

static enum bs_err check_boot(struct turn *turn)
{
    const struct boot_subject subject = { turn->device.profile, &turn->evidence->boot, turn->device.ek_manufacturer,
                                          turn->device.firmware_version };
    struct boot_judgement judgement = { .is_good = false };
    enum bs_err err = boot_judge(turn->server, &subject, &judgement, &turn->verdict->refusal);
    if (err == BS_OK && !judgement.is_good)
        turn->verdict->kind = MESSAGE_PENDING; /* an operator may still say that this boot is good */
    boot_judgement_free(&judgement);
    return err;
}

static enum bs_err issue(struct turn *turn)
{
    struct issue_problem problem = { .reason = BS_REASON_AWAITING_OPERATOR };
    struct issue_request request = { turn->evidence, &turn->device, turn->request->channel };
    /* What is issued points at the device's row. */
    enum bs_err err = store_device_put(turn->server->store, &turn->device);
    turn->is_put = err == BS_OK;
    if (err == BS_OK)
        err = issue_make(turn->server, &request, &turn->verdict->issue, &problem);
    if (err == BS_OK)
        turn->verdict->kind = MESSAGE_APPROVED;
    else if (err == BS_ERR_NOT_FOUND)
        TURN_SAY(turn, MESSAGE_PENDING, BS_REASON_NO_PROFILE, "there is no profile %s", turn->device.profile);
    else if (err == BS_ERR_INPUT || err == BS_ERR_KEYS_LOST)
        TURN_SAY(turn, err == BS_ERR_INPUT ? MESSAGE_PENDING : MESSAGE_REFUSED, problem.reason, "%s",
                 problem.text[0] ? problem.text : "the profile cannot be filled for this device");
    return err == BS_ERR_NOT_FOUND || err == BS_ERR_INPUT || err == BS_ERR_KEYS_LOST ? BS_OK : err;
}

/* The checks of docs/protocol.md section 6, from 7 on. */
static enum bs_err judge(struct turn *turn)
{
    static enum bs_err (*const steps[])(struct turn *) = { check_key, turn_admit };
    enum bs_err err = check_wipe(turn);
    if (err == BS_OK && !turn_is_said(turn))
        check_blocked(turn);
    if (err == BS_OK && !turn_is_said(turn))
        check_reset(turn);
    for (size_t i = 0; i < 2 && err == BS_OK && !turn_is_said(turn); i++)
        err = steps[i](turn);
    if (err == BS_OK && !turn_is_said(turn))
        check_approved(turn);
    if (err == BS_OK && !turn_is_said(turn))
        err = check_boot(turn);
    if (err == BS_OK && !turn_is_said(turn))
        err = issue(turn);
    return err;
}

/* Devices that wait are bounded: rows of strangers cost them a TPM each, but they must not grow for ever. */
static enum bs_err check_room(struct turn *turn)
{
    uint64_t count = 0;
    if (turn->is_known || turn->device.status != STORE_PENDING)
        return BS_OK;
    enum bs_err err = store_device_count(turn->server->store, STORE_PENDING, &count);
    if (err == BS_OK && count >= turn->server->config.pending_max)
        turn->verdict->kind = MESSAGE_BUSY;
    return err;
}

/* What a stranger is told leaves no trace: his EK is not one we trust, or his AK is another's. */
static bool is_stranger(const struct turn *turn)
{
    const char *reason = turn->verdict->refusal.reason;
    return turn->verdict->kind == MESSAGE_BUSY ||
           (reason && (strcmp(reason, BS_REASON_EK_NO_CERT) == 0 || strcmp(reason, BS_REASON_EK_UNTRUSTED) == 0 ||
                       strcmp(reason, BS_REASON_PAIR_MISMATCH) == 0));
}

/* Inside the transaction; *ret_keep says whether it is to be committed. */
static enum bs_err run(struct turn *turn, bool *ret_keep)
{
    enum bs_err err = turn_meet(turn);
    if (err == BS_OK && !turn_is_said(turn))
        check_endorsed(turn);
    if (err == BS_OK && !turn_is_said(turn)) {
        turn->verdict->names_device = true;
        err = judge(turn);
        if (err == BS_OK)
            err = check_room(turn);
    }
    *ret_keep = !is_stranger(turn) && !turn_is_quiet(turn);
    if (err == BS_OK && *ret_keep)
        err = turn_record(turn);
    if (err == BS_OK && *ret_keep)
        err = turn_record_boot(turn);
    return err;
}

static enum bs_err commit(struct server *server, struct store_ticket *ticket)
{
    return ticket ? store_commit_later(server->store, ticket) : store_commit(server->store);
}

enum bs_err verdict_make(struct server *server, const struct verdict_request *request, struct verdict *ret_verdict)
{
    struct verdict verdict = { .issue = ISSUE_INIT, .wipe = WIPE_ISSUE_INIT };
    struct turn turn = {
        .server = server, .request = request, .evidence = request->evidence, .now = server->now(), .verdict = &verdict
    };
    bool keep = false;
    enum bs_err err = store_begin(server->store);
    if (err != BS_OK)
        return err;
    err = run(&turn, &keep);
    if (err == BS_OK && keep)
        err = commit(server, request->ticket);
    else
        store_rollback(server->store);
    verdict.is_held = keep && request->ticket != NULL;
    if (err == BS_OK)
        *ret_verdict = verdict;
    else
        verdict_free(&verdict);
    return err;
}

/* The quote holds and the pair is proven, so this device said it: its boot is judged, though no operator can help it. */
static enum bs_err record_refusal(struct turn *turn)
{
    enum bs_err err = store_device_get(turn->server->store, turn->evidence->device, &turn->device);
    turn->is_known = err == BS_OK;
    turn->before = turn->device;
    turn->verdict->kind = MESSAGE_REFUSED;
    return err == BS_OK && !turn_is_quiet(turn) ? turn_record(turn) : err;
}

enum bs_err verdict_refused(struct server *server, const struct evidence *evidence, const struct refusal *refusal,
                            struct store_ticket *ticket, bool *ret_is_recorded)
{
    enum verdict_pair pair = VERDICT_PAIR_UNKNOWN;
    enum bs_err err = evidence->is_quoted ? verdict_pair(server, evidence, &pair) : BS_OK;
    if (err != BS_OK || pair != VERDICT_PAIR_PROVEN) {
        *ret_is_recorded = false;
        return err;
    }
    struct verdict verdict = { .refusal = *refusal };
    struct verdict_request request = { .evidence = evidence };
    struct turn turn = {
        .server = server, .request = &request, .evidence = evidence, .now = server->now(), .verdict = &verdict
    };
    err = store_begin(server->store);
    if (err != BS_OK)
        return err;
    err = record_refusal(&turn);
    if (err == BS_OK)
        err = commit(server, ticket);
    else
        store_rollback(server->store);
    *ret_is_recorded = err == BS_OK;
    return err;
}
