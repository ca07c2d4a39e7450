/* Who is it, and who lets it in? */
#include "server/audit.h"
#include "server/turn.h"

#include <stdio.h>
#include <string.h>

static void copy_fact(struct bs_span fact, char ret_text[STORE_TEXT_SIZE])
{
    uint8_t clean[STORE_TEXT_SIZE];
    struct bs_span text = message_text_clean(fact, clean, STORE_TEXT_SIZE - 1);
    for (size_t i = 0; i < text.size; i++)
        ret_text[i] = (char)(text.data[i] == '\n' ? ' ' : text.data[i]);
    ret_text[text.size] = '\0';
}

static void copy_facts(const struct evidence *evidence, struct store_device *device)
{
    const struct message_facts *facts = &evidence->statement.facts;
    copy_fact(facts->product, device->product);
    copy_fact(facts->firmware, device->firmware);
    copy_fact(facts->kernel, device->kernel);
    copy_fact(facts->agent, device->agent);
    copy_fact(facts->serial, device->claimed_serial);
    device->srk_name = evidence->srk_name;
    device->firmware_version = evidence->firmware_version;
    if (evidence->ek_is_endorsed) {
        memcpy(device->ek_manufacturer, evidence->ek_manufacturer, sizeof(device->ek_manufacturer));
        memcpy(device->ek_model, evidence->ek_model, sizeof(device->ek_model));
        memcpy(device->ek_version, evidence->ek_version, sizeof(device->ek_version));
    }
}

enum bs_err turn_meet(struct turn *turn)
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
        TURN_SAY(turn, MESSAGE_REFUSED, BS_REASON_PAIR_MISMATCH, "this AK is known as that of another EK");
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

static enum bs_err approve_by(struct turn *turn, const char *how)
{
    struct audit_entry entry = { "bootseald", "device.approve", turn->device.id, NULL };
    turn->device.status = STORE_APPROVED;
    return audit_add(turn->server, &entry, "by %s, profile %s", how,
                     turn->device.profile[0] ? turn->device.profile : "(none)");
}

static void say_token(struct turn *turn)
{
    TURN_SAY(turn, MESSAGE_REFUSED, BS_REASON_TOKEN_INVALID,
             "the token is not good for this device; ask for a new one");
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

enum bs_err turn_admit(struct turn *turn)
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
