#include "server/verdict.h"

#include "core/log.h"
#include "server/audit.h"
#include "server/policy.h"

#include <stdio.h>
#include <string.h>

/* A device that asks the same again and gets the same answer is written down once a minute; waiting is one row, however long. */
#define SEEN_GRAIN 60

/* One verdict in the making. */
struct turn {
    struct server *server;
    const struct verdict_request *request;
    const struct evidence *evidence;
    int64_t now;
    bool is_known; /* there was a row */
    struct store_device before;
    struct store_device device;
    struct verdict *verdict;
};

void verdict_free(struct verdict *verdict)
{
    issue_free(&verdict->issue);
}

#define SAY(turn, what, why, ...)                              \
    do {                                                       \
        (turn)->verdict->kind = (what);                        \
        refuse(&(turn)->verdict->refusal, (why), __VA_ARGS__); \
    } while (0)

/* True once the answer is known. */
static bool is_said(const struct turn *turn)
{
    return turn->verdict->kind != 0;
}

enum bs_err verdict_pair(struct server *server, const struct evidence *evidence, enum verdict_pair *ret_pair)
{
    struct store_device owner;
    enum bs_err err = store_device_by_ak(server->store, &evidence->ak_name, &owner);
    if (err == BS_ERR_NOT_FOUND)
        *ret_pair = VERDICT_PAIR_UNKNOWN;
    else if (err == BS_OK)
        *ret_pair = memcmp(owner.id, evidence->device, WIRE_ID_SIZE) == 0 ? VERDICT_PAIR_PROVEN : VERDICT_PAIR_FOREIGN;
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

static void copy_fact(struct bs_span fact, char ret_text[STORE_TEXT_SIZE])
{
    uint8_t clean[STORE_TEXT_SIZE];
    struct bs_span text = message_text_clean(fact, clean, STORE_TEXT_SIZE - 1);
    for (size_t i = 0; i < text.size; i++)
        ret_text[i] = text.data[i] == '\n' ? ' ' : (char)text.data[i];
    ret_text[text.size] = '\0';
}

static void copy_facts(const struct evidence *evidence, struct store_device *device)
{
    const struct message_facts *facts = &evidence->statement.facts;
    copy_fact(facts->product, device->product);
    copy_fact(facts->firmware, device->firmware);
    copy_fact(facts->kernel, device->kernel);
    copy_fact(facts->agent, device->agent);
    if (device->serial[0] == '\0')
        copy_fact(facts->serial, device->serial);
    device->srk_name = evidence->srk_name;
    device->firmware_version = evidence->firmware_version;
    if (evidence->ek_is_endorsed) {
        memcpy(device->ek_manufacturer, evidence->ek_manufacturer, sizeof(device->ek_manufacturer));
        memcpy(device->ek_model, evidence->ek_model, sizeof(device->ek_model));
        memcpy(device->ek_version, evidence->ek_version, sizeof(device->ek_version));
    }
}

/* Fills the row with what is proven now. The AK of a record changes only by a proof, and leaves a row in the audit log. */
static enum bs_err meet(struct turn *turn)
{
    struct store_device *device = &turn->device;
    enum verdict_pair pair;
    enum bs_err err = verdict_pair(turn->server, turn->evidence, &pair);
    if (err == BS_OK)
        err = store_device_get(turn->server->store, turn->evidence->device, device);
    turn->is_known = err == BS_OK;
    if (err != BS_OK && err != BS_ERR_NOT_FOUND)
        return err;
    if (pair == VERDICT_PAIR_FOREIGN) {
        SAY(turn, MESSAGE_REFUSED, BS_REASON_PAIR_MISMATCH, "this AK is known as that of another EK");
        return BS_OK;
    }
    if (pair == VERDICT_PAIR_UNKNOWN && !turn->request->is_proven_now) {
        turn->verdict->kind = MESSAGE_BUSY; /* the record changed since it was looked up; the next try proves anew */
        return BS_OK;
    }
    if (!turn->is_known) {
        *device = (struct store_device){ .status = STORE_PENDING, .created = turn->now };
        memcpy(device->id, turn->evidence->device, WIRE_ID_SIZE);
    }
    turn->before = *device;
    bool is_other_ak = device->ak_name.size > 0 && !wire_name_equal(&device->ak_name, &turn->evidence->ak_name);
    device->ak_name = turn->evidence->ak_name;
    copy_facts(turn->evidence, device);
    if (!is_other_ak)
        return BS_OK;
    struct audit_entry entry = { "device", "ak-replaced", device->id, NULL };
    return audit_add(turn->server, &entry, "the EK has proven another AK than the one on record");
}

/* Without an endorsed EK only a device that an operator registered or has seen before gets in. */
static void check_endorsed(struct turn *turn)
{
    if (!turn->evidence->ek_is_endorsed && !turn->is_known && turn->server->config.ek_require_certificate)
        SAY(turn, MESSAGE_REFUSED, BS_REASON_EK_NO_CERT,
            "the TPM has no EK certificate, and the device was not registered; import it by the hash of its EK");
}

static void check_blocked(struct turn *turn)
{
    enum store_status status = turn->device.status;
    if (status == STORE_REFUSED || status == STORE_REVOKED)
        SAY(turn, MESSAGE_REFUSED, BS_REASON_BLOCKED, "an operator has %s this device", store_status_name(status));
}

/* A counter that went back means another state of the TPM than the one that was proven (a clear, or worse). */
static void check_reset(struct turn *turn)
{
    struct store_device *device = &turn->device;
    uint32_t found = turn->evidence->reset_count;
    if (found < device->reset_count && !device->accept_reset) {
        SAY(turn, MESSAGE_REFUSED, BS_REASON_RESET_COUNT,
            "the TPM counts %u resets, fewer than the %u of its last proven boot; if it was cleared, say so: bootsealctl device "
            "approve --accept-reset",
            found, device->reset_count);
        return;
    }
    if (found < device->reset_count)
        device->accept_reset = false;
    device->reset_count = found;
}

static enum bs_err check_key(struct turn *turn)
{
    bool is_foreign = false;
    enum bs_err err =
        store_key_is_foreign(turn->server->store, turn->evidence->device_key_sha256, turn->device.id, &is_foreign);
    if (err == BS_OK && is_foreign)
        SAY(turn, MESSAGE_REFUSED, BS_REASON_KEY_REUSED, "the device key is enrolled for another device");
    return err;
}

static enum bs_err approve_by(struct turn *turn, const char *how)
{
    struct audit_entry entry = { "bootseald", "device.approve", turn->device.id, NULL };
    turn->device.status = STORE_APPROVED;
    return audit_add(turn->server, &entry, "by %s, profile %s", how,
                     turn->device.profile[0] ? turn->device.profile : "(none)");
}

static void say_token(struct turn *turn)
{
    SAY(turn, MESSAGE_REFUSED, BS_REASON_TOKEN_INVALID, "the token is not good for this device; ask for a new one");
}

/* Spent once for an EK: a repeat by the same one is free, so that a lost answer costs nothing. */
static enum bs_err take_token(struct turn *turn)
{
    struct store *store = turn->server->store;
    struct bs_span text = turn->evidence->statement.token;
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct store_token token;
    bool is_mine = false;
    enum bs_err err = crypto_labelled("bootseal token v1", &text, 1, hash);
    if (err == BS_OK)
        err = store_token_get(store, hash, &token);
    if (err == BS_ERR_NOT_FOUND || (err == BS_OK && (token.is_revoked || token.expires <= turn->now))) {
        say_token(turn);
        return BS_OK;
    }
    if (err == BS_OK)
        err = store_token_is_used_by(store, token.id, turn->device.id, &is_mine);
    if (err != BS_OK)
        return err;
    if (!is_mine && token.used >= token.uses) {
        say_token(turn);
        return BS_OK;
    }
    char how[48];
    snprintf(how, sizeof(how), "token %llu", (unsigned long long)token.id);
    strcpy(turn->device.profile, token.profile);
    if (!is_mine)
        err = store_token_use(store, token.id, turn->device.id, turn->now);
    return err == BS_OK ? approve_by(turn, how) : err;
}

/* Who approves: an import before the device came, a token that it brings, or an operator. */
static enum bs_err admit(struct turn *turn)
{
    struct store_device *device = &turn->device;
    if (device->status == STORE_NEW && device->profile[0])
        return approve_by(turn, "import");
    bool needs_token = device->status == STORE_NEW || device->status == STORE_PENDING;
    if (needs_token && turn->evidence->statement.token.size > 0)
        return take_token(turn);
    if (device->status == STORE_NEW)
        return approve_by(turn, "import");
    return BS_OK;
}

static void check_approved(struct turn *turn)
{
    struct store_device *device = &turn->device;
    if (device->status != STORE_APPROVED)
        SAY(turn, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE, "nobody has approved this device yet");
    else if (device->profile[0] == '\0')
        SAY(turn, MESSAGE_PENDING, BS_REASON_NO_PROFILE, "the device is approved, but has no profile yet");
}

static enum bs_err check_boot(struct turn *turn)
{
    struct policy_result result;
    enum bs_err err = policy_judge(turn->server->store, turn->device.profile, &turn->evidence->boot, &result,
                                   &turn->verdict->refusal);
    if (err == BS_OK && result.verdict != POLICY_GOOD)
        turn->verdict->kind = MESSAGE_PENDING; /* an operator may still say that this boot is good */
    return err;
}

static enum bs_err issue(struct turn *turn)
{
    char why[256] = "";
    struct issue_request request = { turn->evidence, &turn->device, turn->request->channel };
    /* What is issued points at the device's row. */
    enum bs_err err = store_device_put(turn->server->store, &turn->device);
    if (err == BS_OK)
        err = issue_make(turn->server, &request, &turn->verdict->issue, why);
    if (err == BS_OK)
        turn->verdict->kind = MESSAGE_APPROVED;
    else if (err == BS_ERR_NOT_FOUND)
        SAY(turn, MESSAGE_PENDING, BS_REASON_NO_PROFILE, "there is no profile %s", turn->device.profile);
    else if (err == BS_ERR_INPUT)
        SAY(turn, MESSAGE_PENDING, BS_REASON_AWAITING_OPERATOR, "%s",
            why[0] ? why : "the profile cannot be filled for this device");
    return err == BS_ERR_NOT_FOUND || err == BS_ERR_INPUT ? BS_OK : err;
}

/* The checks of docs/protocol.md section 6, from 7 on. */
static enum bs_err judge(struct turn *turn)
{
    static enum bs_err (*const steps[])(struct turn *) = { check_key, admit };
    enum bs_err err = BS_OK;
    check_blocked(turn);
    if (!is_said(turn))
        check_reset(turn);
    for (size_t i = 0; i < 2 && err == BS_OK && !is_said(turn); i++)
        err = steps[i](turn);
    if (err == BS_OK && !is_said(turn))
        check_approved(turn);
    if (err == BS_OK && !is_said(turn))
        err = check_boot(turn);
    if (err == BS_OK && !is_said(turn))
        err = issue(turn);
    return err;
}

static const char *kind_name(enum message_kind kind)
{
    switch (kind) {
    case MESSAGE_APPROVED:
        return "approved";
    case MESSAGE_PENDING:
        return "pending";
    case MESSAGE_REFUSED:
        return "refused";
    case MESSAGE_PROVE:
    case MESSAGE_CONFIRMED:
    case MESSAGE_BUSY:
        break;
    }
    return "busy";
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

static bool is_same_verdict(const struct turn *turn)
{
    const struct store_device *device = &turn->before;
    const char *reason = turn->verdict->refusal.reason ? turn->verdict->refusal.reason : "";
    return strcmp(device->verdict, kind_name(turn->verdict->kind)) == 0 && strcmp(device->reason, reason) == 0 &&
           memcmp(device->verdict_question, turn->evidence->question, STORE_DIGEST) == 0;
}

/* Worth a row in the audit log. */
static bool is_news(const struct turn *turn)
{
    if (turn->verdict->kind == MESSAGE_APPROVED || !is_same_verdict(turn))
        return true;
    return turn->verdict->kind == MESSAGE_REFUSED && turn->now - turn->before.seen >= SEEN_GRAIN;
}

/* What the device says of itself: "; it notes vault-tampered, clock-unknown". Believed of nothing, and yet worth knowing. */
static void format_notes(const struct turn *turn, char *ret_text, size_t size)
{
    const struct message_statement *statement = &turn->evidence->statement;
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < statement->note_count && used < size; i++)
        used += (size_t)snprintf(ret_text + used, size - used, "%s %.*s", i == 0 ? "; it notes" : ",",
                                 (int)statement->notes[i].size, (const char *)statement->notes[i].data);
}

static enum bs_err write_verdict(struct turn *turn)
{
    struct store_device *device = &turn->device;
    const struct refusal *refusal = &turn->verdict->refusal;
    snprintf(device->verdict, sizeof(device->verdict), "%s", kind_name(turn->verdict->kind));
    snprintf(device->reason, sizeof(device->reason), "%s", refusal->reason ? refusal->reason : "");
    memcpy(device->verdict_question, turn->evidence->question, STORE_DIGEST);
    device->verdict_time = device->seen = turn->now;
    enum bs_err err = store_device_put(turn->server->store, device);
    if (err != BS_OK || !is_news(turn))
        return err;
    char act[32];
    snprintf(act, sizeof(act), "verdict.%s", device->verdict);
    struct audit_entry entry = { "device", act, device->id, device->reason };
    char notes[(BS_NAME_MAX + 2) * MESSAGE_NOTES_MAX + 16];
    format_notes(turn, notes, sizeof(notes));
    if (turn->verdict->kind == MESSAGE_APPROVED)
        return audit_add(turn->server, &entry, "profile %s, bundle %llu%s", device->profile,
                         (unsigned long long)turn->verdict->issue.serial, notes);
    return audit_add(turn->server, &entry, "%s%s", refusal->text, notes);
}

/* The boot that an operator would be asked about. */
static enum bs_err write_evidence(struct turn *turn)
{
    if (turn->is_known && memcmp(turn->before.verdict_question, turn->evidence->question, STORE_DIGEST) == 0)
        return BS_OK;
    return store_evidence_put(turn->server->store, turn->device.id, turn->evidence->question, turn->now,
                              &turn->evidence->boot);
}

/* Nothing new to write: the same answer as before, a moment ago. */
static bool is_quiet(const struct turn *turn)
{
    return turn->is_known && turn->verdict->kind != MESSAGE_APPROVED && turn->device.status == turn->before.status &&
           wire_name_equal(&turn->device.ak_name, &turn->before.ak_name) &&
           turn->device.reset_count == turn->before.reset_count && is_same_verdict(turn) &&
           turn->now - turn->before.seen < SEEN_GRAIN;
}

/* What a stranger is told leaves no trace: his EK is not one we trust, or his AK is another's. */
static bool is_stranger(const struct turn *turn)
{
    const char *reason = turn->verdict->refusal.reason;
    return turn->verdict->kind == MESSAGE_BUSY ||
           (reason && (strcmp(reason, BS_REASON_EK_NO_CERT) == 0 || strcmp(reason, BS_REASON_PAIR_MISMATCH) == 0));
}

/* Inside the transaction; *ret_keep says whether it is to be committed. */
static enum bs_err run(struct turn *turn, bool *ret_keep)
{
    enum bs_err err = meet(turn);
    if (err == BS_OK && !is_said(turn))
        check_endorsed(turn);
    if (err == BS_OK && !is_said(turn)) {
        turn->verdict->names_device = true;
        err = judge(turn);
        if (err == BS_OK)
            err = check_room(turn);
    }
    *ret_keep = !is_stranger(turn) && !is_quiet(turn);
    if (err == BS_OK && *ret_keep)
        err = write_verdict(turn);
    if (err == BS_OK && *ret_keep)
        err = write_evidence(turn);
    return err;
}

enum bs_err verdict_make(struct server *server, const struct verdict_request *request, struct verdict *ret_verdict)
{
    struct verdict verdict = { .issue = ISSUE_INIT };
    struct turn turn = {
        .server = server, .request = request, .evidence = request->evidence, .now = server->now(), .verdict = &verdict
    };
    bool keep = false;
    enum bs_err err = store_begin(server->store);
    if (err != BS_OK)
        return err;
    err = run(&turn, &keep);
    if (err == BS_OK && keep)
        err = store_commit(server->store);
    else
        store_rollback(server->store);
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
    return err == BS_OK && !is_quiet(turn) ? write_verdict(turn) : err;
}

enum bs_err verdict_refused(struct server *server, const struct evidence *evidence, const struct refusal *refusal,
                            bool *ret_is_recorded)
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
        err = store_commit(server->store);
    else
        store_rollback(server->store);
    *ret_is_recorded = err == BS_OK;
    return err;
}
