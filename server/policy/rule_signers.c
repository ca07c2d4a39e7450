/*
 * Who may sign: the certificates in PK, KEK and db, and the entries that admitted images. A variable is told from an entry by its place,
 * before and behind the separator, which the quote confirms; the event's type, which nothing confirms, is not looked at.
 */
#include "core/eventlog_secureboot.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define POLICY_PCR 7

/* EFI_GLOBAL_VARIABLE, EFI_IMAGE_SECURITY_DATABASE_GUID (UEFI 2.10 §3.3, §32.6.1), and shim's own, as they lie in memory. */
static const uint8_t global[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                  0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const uint8_t database[] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                    0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };
static const uint8_t shim[] = { 0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43,
                                0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23 };

static const struct known {
    const char *name;
    const uint8_t *guid;
    bool is_listed; /* the variable itself is measured into PCR 7 */
    bool admits;    /* its entries admit images */
} known[] = {
    { "PK", global, true, false },    { "KEK", global, true, false }, { "db", database, true, true },
    { "MokList", shim, false, true }, { "Shim", shim, false, true },
};

static bool is_variable(const struct eventlog_variable *variable, const struct known *k)
{
    size_t length = strlen(k->name);
    if (!bs_span_equal(variable->guid, BS_SPAN(k->guid, EVENTLOG_GUID_SIZE)) || variable->name.size != 2 * length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (variable->name.data[2 * i] != (uint8_t)k->name[i] || variable->name.data[2 * i + 1] != 0)
            return false;
    return true;
}

/* Of this event, whose data were measured as a whole; NULL when it is none of these variables. */
static const struct known *find_known(const struct judge_event *event, struct eventlog_variable *ret_variable)
{
    if (!event->is_of_data || eventlog_decode_variable(event->event.data, ret_variable) != BS_OK)
        return NULL;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (is_variable(ret_variable, &known[i]))
            return &known[i];
    return NULL;
}

static bool is_named(const struct judge *judge, const struct known *k)
{
    const struct policy_signer *signers = judge->policy->signers.items;
    for (size_t i = 0; i < judge->policy->signers.count; i++)
        if (strcmp(signers[i].variable, k->name) == 0)
            return true;
    return false;
}

static bool is_allowed(const struct judge *judge, const struct known *k, const struct eventlog_signer *signer)
{
    const struct policy_signer *signers = judge->policy->signers.items;
    char hex[2 * CRYPTO_SHA256_SIZE + 1];
    bs_hex(BS_SPAN(signer->fingerprint, CRYPTO_SHA256_SIZE), hex);
    for (size_t i = 0; i < judge->policy->signers.count; i++) {
        if (strcmp(signers[i].variable, k->name) != 0)
            continue;
        if (signers[i].fingerprint ? strcasecmp(signers[i].fingerprint, hex) == 0
                                   : signer->subject[0] && strcmp(signers[i].subject, signer->subject) == 0)
            return true;
    }
    return false;
}

/* One entry that is not allowed, or why nothing may be concluded; false when all is well. */
struct intruder {
    char text[POLICY_FOUND_SIZE];
};

static bool is_intruder(const struct judge *judge, const struct known *k, const struct eventlog_entry *entry,
                        struct intruder *ret_intruder)
{
    struct eventlog_signer signer;
    char hex[2 * CRYPTO_HASH_MAX + 1] = "";
    if (eventlog_entry_signer(entry, &signer) != BS_OK) {
        if (entry->bytes.size <= CRYPTO_HASH_MAX)
            bs_hex(entry->bytes, hex);
        JUDGE_SAY(ret_intruder->text, "an entry that is no certificate%s%s",
                  entry->kind == EVENTLOG_ENTRY_SHA256 ? ", but the digest of an image: sha256:" : "",
                  entry->kind == EVENTLOG_ENTRY_SHA256 ? hex : "");
        return true;
    }
    if (is_allowed(judge, k, &signer))
        return false;
    bs_hex(BS_SPAN(signer.fingerprint, CRYPTO_SHA256_SIZE), hex);
    JUDGE_SAY(ret_intruder->text, "certificate \"%s\", fingerprint %s", signer.subject, hex);
    return true;
}

static bool has_intruder(const struct judge *judge, const struct known *k, struct bs_span data,
                         struct intruder *ret_intruder)
{
    struct eventlog_entry entry;
    struct eventlog_entries entries = eventlog_entries_first(data);
    size_t count = 0;
    for (; eventlog_entries_next(&entries, &entry); count++)
        if (is_intruder(judge, k, &entry, ret_intruder))
            return true;
    if (count > 0 && !entries.is_broken)
        return false;
    JUDGE_SAY(ret_intruder->text,
              entries.is_broken ? "what cannot be read as signature lists" : "no certificate at all");
    return true;
}

struct place {
    const struct known *known;
    const struct judge_event *event;
};

static struct policy_verdict *refuse(struct judge *judge, const struct place *place, const char *text)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_SIGNERS, "signers");
    if (!fault)
        return NULL;
    fault->has_pcr = true;
    fault->pcr = POLICY_PCR;
    if (place->event)
        judge_name_event(judge, fault, place->event);
    JUDGE_SAY(fault->text, "the variable %s %s", place->known->name, text);
    JUDGE_SAY(fault->expected, "only certificates that signers name for %s", place->known->name);
    JUDGE_SAY(fault->advice,
              "No firmware measures it so: find out what was started on the device before this boot is trusted.");
    return fault;
}

static void refuse_intruder(struct judge *judge, const struct place *place, const char *text,
                            const struct intruder *intruder)
{
    struct policy_verdict *fault = refuse(judge, place, text);
    if (!fault)
        return;
    JUDGE_SAY(fault->found, "%s", intruder->text);
    JUDGE_SAY(
        fault->advice,
        place->event->is_before
            ? "If this key is to be trusted, add it to signers and apply the policy; else take it out of %s in the firmware setup of the "
              "device (or restore the factory keys there)."
            : "If what this key of %s signed may start, add it to signers and apply the policy; else remove the key, and what it "
              "signed, from the device.",
        place->known->name);
}

/* The variable itself: once, before the separator, and with nothing in it that is not named. */
static void check_variable(struct judge *judge, const struct known *k)
{
    struct place place = { k, NULL };
    struct eventlog_variable variable;
    struct intruder intruder;
    size_t count = 0;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, POLICY_PCR));) {
        if (!e->is_before || find_known(e, &variable) != k)
            continue;
        place.event = e;
        judge_take(e, JUDGE_SIGNERS);
        if (count++ > 0)
            refuse(judge, &place, "was measured twice");
        else if (has_intruder(judge, k, variable.data, &intruder))
            refuse_intruder(judge, &place, "holds something that signers do not name", &intruder);
    }
    place.event = NULL;
    if (count == 0)
        refuse(judge, &place, "was not measured, or what the log says of it is not what was");
}

/* What admitted an image. */
static size_t check_authorities(struct judge *judge)
{
    struct eventlog_variable variable;
    struct eventlog_entry entry;
    struct intruder intruder = { "what cannot be read as a certificate" };
    size_t count = 0;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, POLICY_PCR));) {
        const struct known *k = e->is_before ? NULL : find_known(e, &variable);
        if (!k || !k->admits || !is_named(judge, k))
            continue;
        struct place place = { k, e };
        judge_take(e, JUDGE_SIGNERS);
        count++;
        if (eventlog_authority_entry(variable.data, &entry) != BS_OK || is_intruder(judge, k, &entry, &intruder))
            refuse_intruder(judge, &place, "admitted an image by an entry that signers do not name", &intruder);
    }
    return count;
}

void rule_signers(struct judge *judge)
{
    bool is_admitting = false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!is_named(judge, &known[i]))
            continue;
        is_admitting = is_admitting || known[i].admits;
        if (known[i].is_listed)
            check_variable(judge, &known[i]);
    }
    if (judge->policy->signers.count == 0 || check_authorities(judge) > 0 || !is_admitting ||
        judge->policy->secure_boot != POLICY_SECURE_BOOT_ON)
        return;
    struct policy_verdict *fault = judge_fault(judge, JUDGE_SIGNERS, "signers");
    if (!fault)
        return;
    fault->has_pcr = true;
    fault->pcr = POLICY_PCR;
    JUDGE_SAY(fault->text, "with Secure Boot on, the firmware measured no key that admitted an image");
    JUDGE_SAY(fault->expected, "an entry of db, MokList or Shim that signers name");
    JUDGE_SAY(
        fault->advice,
        "Look at what the device starts: an image that is part of the firmware needs no signature. Such a boot needs a "
        "policy without signers, by applications.");
}
