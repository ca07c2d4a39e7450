/* What is written down about a verdict. */
#include "server/audit.h"
#include "server/turn.h"

#include <stdio.h>
#include <string.h>

/* A device that asks the same again and gets the same answer is written down once a minute; waiting is one row, however long. */
#define SEEN_GRAIN 60

static const char *kind_name(enum message_kind kind)
{
    switch (kind) {
    case MESSAGE_APPROVED:
        return "approved";
    case MESSAGE_PENDING:
        return "pending";
    case MESSAGE_REFUSED:
        return "refused";
    case MESSAGE_WIPE:
        return "wipe";
    case MESSAGE_PROVE:
    case MESSAGE_CONFIRMED:
    case MESSAGE_BUSY:
        break;
    }
    return "busy";
}

/* A policy that was changed may refuse the same boot for another reason, which is then worth a row. */
static bool has_same_words(const struct turn *turn)
{
    const char *words = turn->verdict->refusal.explanation;
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(AUDIT_DETAIL_MAX);
    if (words[0] == '\0')
        return true;
    size_t size = strlen(words);
    return store_audit_verdict(turn->server->store, turn->device.id, &before) == BS_OK && before.size >= size &&
           memcmp(before.data + before.size - size, words, size) == 0;
}

static bool is_same_verdict(const struct turn *turn)
{
    const struct store_device *device = &turn->before;
    const char *reason = turn->verdict->refusal.reason ? turn->verdict->refusal.reason : "";
    return strcmp(device->verdict, kind_name(turn->verdict->kind)) == 0 && strcmp(device->reason, reason) == 0 &&
           memcmp(device->verdict_question, turn->evidence->question, STORE_DIGEST) == 0 && has_same_words(turn);
}

/* Something was issued under a serial of its own: that is never left unwritten. */
static bool is_issue(const struct turn *turn)
{
    return turn->verdict->kind == MESSAGE_APPROVED || turn->verdict->kind == MESSAGE_WIPE;
}

/* Worth a row in the audit log. */
static bool is_news(const struct turn *turn)
{
    if (is_issue(turn) || !is_same_verdict(turn))
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

enum bs_err turn_record(struct turn *turn)
{
    struct store_device *device = &turn->device;
    const struct refusal *refusal = &turn->verdict->refusal;
    snprintf(device->verdict, sizeof(device->verdict), "%s", kind_name(turn->verdict->kind));
    snprintf(device->reason, sizeof(device->reason), "%s", refusal->reason ? refusal->reason : "");
    memcpy(device->verdict_question, turn->evidence->question, STORE_DIGEST);
    device->verdict_time = device->seen = turn->now;
    enum bs_err err = turn->is_put ? store_device_verdict(turn->server->store, device)
                                   : store_device_put(turn->server->store, device);
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
    return audit_add(turn->server, &entry, "%s%s%s%s", refusal->text, notes,
                     refusal->explanation[0] ? AUDIT_EXPLANATION : "", refusal->explanation);
}

enum bs_err turn_record_boot(struct turn *turn)
{
    if (turn->is_known && memcmp(turn->before.verdict_question, turn->evidence->question, STORE_DIGEST) == 0)
        return BS_OK;
    return store_evidence_put(turn->server->store, turn->device.id, turn->evidence->question, turn->now,
                              &turn->evidence->boot);
}

bool turn_is_quiet(const struct turn *turn)
{
    return turn->is_known && !is_issue(turn) && turn->device.status == turn->before.status &&
           wire_name_equal(&turn->device.ak_name, &turn->before.ak_name) &&
           turn->device.reset_count == turn->before.reset_count && is_same_verdict(turn) &&
           turn->now - turn->before.seen < SEEN_GRAIN;
}
