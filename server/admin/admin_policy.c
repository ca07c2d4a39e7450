/* bootsealctl token, profile, reference, audit, ca: everything that is not a device. */
#include "core/approval.h"
#include "core/eventlog.h"
#include "core/log.h"
#include "server/admin/admin_request.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_DAYS_DEFAULT 7
#define TOKEN_USES_MAX 100000
#define AUDIT_LIMIT_DEFAULT 200

static enum bs_err token_create(struct admin_act *act)
{
    struct operator_token request = { .profile = admin_text(act, "profile") };
    char text[OPERATOR_TOKEN_SIZE];
    uint64_t uses;
    uint64_t id;
    int64_t expires;
    enum bs_err err = admin_number(act, "uses", 1, TOKEN_USES_MAX, 1, &uses);

    if (err == BS_OK)
        err = admin_duration(act, "expires", TOKEN_DAYS_DEFAULT * 86400, &request.valid_for);
    request.uses = (uint32_t)uses;
    if (err == BS_OK)
        err = operator_token_create(&act->call, &request, &id, &expires, text);
    if (err != BS_OK)
        return err;
    document_uint(&act->document, "id", "Token number", id);
    document_text(&act->document, "token", "Token", text);
    document_text(&act->document, "profile", "Profile", request.profile);
    document_uint(&act->document, "uses", "Devices", uses);
    document_time(&act->document, "expires", "Expires", expires);
    document_say(&act->document,
                 "It is shown this once and stored hashed: put it into a file for the device (token.file).");
    bs_wipe(text, sizeof(text));
    return BS_OK;
}

static enum bs_err token_row(void *context, const struct store_token *token)
{
    struct document *document = context;

    document_row(document, 6);
    document_cell_uint(document, token->id);
    document_cell_text(document, token->profile);
    document_cell_uint(document, token->used);
    document_cell_uint(document, token->uses);
    document_cell_time(document, token->expires);
    document_cell_bool(document, token->is_revoked);
    document_row_end(document);
    return document->err;
}

static enum bs_err token_list(struct admin_act *act)
{
    static const struct document_column columns[] = { { "id", "TOKEN", 0 },        { "profile", "PROFILE", 1 },
                                                      { "used", "USED", 0 },       { "uses", "OF", 0 },
                                                      { "expires", "EXPIRES", 2 }, { "revoked", "REVOKED", 0 } };

    document_table(&act->document, "tokens", columns, 6);
    return operator_token_list(&act->call, token_row, &act->document);
}

static enum bs_err token_revoke(struct admin_act *act)
{
    uint64_t id;
    enum bs_err err = admin_number(act, "ID", 1, INT64_MAX, 0, &id);

    if (err == BS_OK)
        err = operator_token_revoke(&act->call, id);
    if (err != BS_OK)
        return err;
    document_uint(&act->document, "id", "Revoked", id);
    document_say(&act->document, "No further device gets in by it; those that did stay: bootsealctl device revoke ID");
    return BS_OK;
}

static void profile_fields(struct document *document, const struct store_profile *profile)
{
    document_text(document, "name", "Profile", profile->name);
    document_uint(document, "version", "Version", profile->version);
    document_text(document, "policy", profile->policy[0] != '\0' ? "Policy" : "", profile->policy);
    document_time(document, "applied", "Applied", profile->applied);
    document_text(document, "applied_by", "By", profile->applied_by);
}

static enum bs_err profile_apply(struct admin_act *act)
{
    struct store_profile profile;
    enum bs_err err = operator_profile_apply(&act->call, admin_bytes(act, "FILE"), &profile);

    if (err == BS_OK)
        profile_fields(&act->document, &profile);
    return err;
}

static enum bs_err profile_row(void *context, const struct store_profile *profile)
{
    struct document *document = context;

    document_row(document, 5);
    document_cell_text(document, profile->name);
    document_cell_uint(document, profile->version);
    document_cell_text(document, profile->policy);
    document_cell_time(document, profile->applied);
    document_cell_text(document, profile->applied_by);
    document_row_end(document);
    return document->err;
}

static enum bs_err profile_list(struct admin_act *act)
{
    static const struct document_column columns[] = {
        { "name", "PROFILE", 0 },    { "version", "VERSION", 0 }, { "policy", "POLICY", 0 },
        { "applied", "APPLIED", 1 }, { "applied_by", "BY", 2 },
    };

    document_table(&act->document, "profiles", columns, 5);
    return operator_profile_list(&act->call, profile_row, &act->document);
}

static enum bs_err item_row(void *context, const struct operator_item *item)
{
    struct document *document = context;
    char text[512];

    /* The first line; the whole stands in the file that was applied. */
    (void)snprintf(text, sizeof(text), "%.*s",
                   (int)(item->text.size < sizeof(text) ? item->text.size : sizeof(text) - 1),
                   item->text.size > 0 ? (const char *)item->text.data : "");
    text[strcspn(text, "\n")] = '\0';
    document_row(document, 4);
    document_cell_text(document, item->name);
    document_cell_text(document, item->kind);
    document_cell_uint(document, item->size);
    document_cell_text(document, text);
    document_row_end(document);
    return document->err;
}

static enum bs_err profile_show(struct admin_act *act)
{
    static const struct document_column columns[] = {
        { "name", "ITEM", 1 }, { "kind", "KIND", 0 }, { "size", "BYTES", 0 }, { "text", "BEGINS", 2 }
    };
    struct store_profile profile;
    enum bs_err err;

    document_table(&act->document, "items", columns, 4);
    err = operator_profile_show(&act->call, admin_text(act, "NAME"), &profile, item_row, &act->document);
    if (err == BS_OK)
        profile_fields(&act->document, &profile);
    return err;
}

/* Nobody where it was foretold. */
static struct bs_span learned_of(const struct store_reference *reference)
{
    static const uint8_t nobody[WIRE_ID_SIZE];
    bool is_nobody = memcmp(reference->device, nobody, sizeof(nobody)) == 0;

    return is_nobody ? BS_SPAN_NONE : BS_SPAN(reference->device, WIRE_ID_SIZE);
}

static enum bs_err reference_row(void *context, const struct store_reference *reference, const struct store_boot *boot)
{
    struct document *document = context;

    (void)boot;
    document_row(document, 8);
    document_cell_uint(document, reference->id);
    document_cell_text(document, reference->profile);
    document_cell_text(document, reference->name);
    document_cell_bool(document, reference->is_release);
    document_cell_hex(document, learned_of(reference));
    document_cell_time(document, reference->created);
    document_cell_text(document, reference->created_by);
    document_cell_bool(document, reference->is_revoked);
    document_row_end(document);
    return document->err;
}

static enum bs_err reference_list(struct admin_act *act)
{
    static const struct document_column columns[] = {
        { "id", "REFERENCE", 0 },    { "profile", "PROFILE", 1 },   { "name", "NAME", 0 },
        { "release", "RELEASE", 0 }, { "device", "LEARNED OF", 2 }, { "created", "CREATED", 3 },
        { "created_by", "BY", 4 },   { "revoked", "REVOKED", 0 },
    };

    document_table(&act->document, "references", columns, 8);
    return operator_reference_list(&act->call, admin_text(act, "profile"), reference_row, &act->document);
}

static enum bs_err reference_add(struct admin_act *act)
{
    struct operator_prediction prediction = {
        .name = admin_text(act, "NAME"),
        .profile = admin_text(act, "profile"),
        .events = admin_bytes(act, "events"),
        .firmware = admin_bytes(act, "firmware"),
        .unknown = admin_text(act, "unknown"),
        .phase = admin_text(act, "phase"),
        .is_release = admin_flag(act, "release"),
    };
    struct store_reference reference;
    struct store_boot boot = STORE_BOOT_INIT;
    enum bs_err err = operator_reference_add(&act->call, &prediction, &reference, &boot);

    if (err == BS_OK) {
        document_uint(&act->document, "id", "Reference", reference.id);
        document_text(&act->document, "profile", "Profile", reference.profile);
        document_text(&act->document, "name", "Name", reference.name);
        document_bool(&act->document, "release", "Release", reference.is_release);
        admin_show_pcrs(&act->document, &boot, true);
    }
    store_boot_free(&boot);
    return err;
}

static enum bs_err device_approvals(struct admin_act *act)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(APPROVALS_SIZE_MAX);
    struct operator_approvals approvals;
    enum bs_err err = operator_device_approvals(&act->call, admin_text(act, "ID"), &bytes, &approvals);

    if (err != BS_OK)
        return err;
    document_uint(&act->document, "epoch", "", approvals.epoch);
    document_uint(&act->document, "boots", "", approvals.count);
    document_raw(&act->document, "", bs_buf_span(&bytes));
    document_hex(&act->document, "approvals", "", bs_buf_span(&bytes));
    return BS_OK;
}

static enum bs_err reference_release(struct admin_act *act)
{
    struct store_reference reference;
    uint64_t id;
    enum bs_err err = admin_number(act, "ID", 1, INT64_MAX, 0, &id);

    if (err == BS_OK)
        err = operator_reference_release(&act->call, id, admin_text(act, "name"), &reference);
    if (err != BS_OK)
        return err;
    document_uint(&act->document, "id", "Reference", id);
    document_text(&act->document, "profile", "Profile", reference.profile);
    document_text(&act->document, "name", "Release", reference.name);
    document_say(&act->document, "From its next contact on, each device of the profile whose vault is under a signed "
                                 "policy opens it in this boot, with its own firmware.");
    return BS_OK;
}

static enum bs_err reference_revoke(struct admin_act *act)
{
    uint64_t id;
    size_t left;
    enum bs_err err = admin_number(act, "ID", 1, INT64_MAX, 0, &id);

    if (err == BS_OK)
        err = operator_reference_revoke(&act->call, id, &left);
    if (err != BS_OK)
        return err;
    document_uint(&act->document, "id", "Revoked", id);
    document_uint(&act->document, "references", "References left", left);
    document_say(&act->document,
                 "A device that boots so gets nothing from its next contact on; what its vault holds opens "
                 "offline until it was in contact in a boot that is good.");
    if (left == 0)
        document_say(&act->document,
                     "Its profile approves nobody now: bootsealctl device approve ID --learn takes a boot.");
    return BS_OK;
}

static void show_events(struct document *document, const struct store_boot *boot)
{
    static const struct document_column columns[] = {
        { "event", "EVENT", 0 }, { "pcr", "PCR", 0 }, { "type", "TYPE", 1 }, { "text", "WHAT", 2 }
    };
    struct eventlog log;
    struct eventlog_event event;

    if (eventlog_open(bs_buf_span(&boot->log), &log, NULL) != BS_OK)
        return;
    document_table(document, "events", columns, 4);
    for (struct eventlog_cursor cursor = eventlog_first(&log); eventlog_next(&cursor, &event);) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(4096);

        if (event.pcr >= 24 || (boot->mask & (1u << event.pcr)) == 0 || !eventlog_extends(&event) ||
            eventlog_describe(&event, &text) != BS_OK || bs_buf_append(&text, "", 1) != BS_OK)
            continue;
        document_row(document, 4);
        document_cell_uint(document, event.index);
        document_cell_uint(document, event.pcr);
        document_cell_text(document, eventlog_type_name(event.type));
        document_cell_text(document, (const char *)text.data);
        document_row_end(document);
    }
}

static enum bs_err reference_show(struct admin_act *act)
{
    struct store_boot boot = STORE_BOOT_INIT;
    struct store_reference reference;
    struct document *document = &act->document;
    uint64_t id;
    enum bs_err err = admin_number(act, "ID", 1, INT64_MAX, 0, &id);

    if (err == BS_OK)
        err = operator_reference_show(&act->call, id, &reference, &boot);
    if (err == BS_OK) {
        document_uint(document, "id", "Reference", reference.id);
        document_text(document, "profile", "Profile", reference.profile);
        document_text(document, "name", "Name", reference.name);
        document_bool(document, "release", "Release", reference.is_release);
        document_hex(document, "device", "Learned of", learned_of(&reference));
        document_time(document, "created", "Created", reference.created);
        document_text(document, "created_by", "By", reference.created_by);
        document_bool(document, "revoked", "Revoked", reference.is_revoked);
        admin_show_pcrs(document, &boot, true);
        show_events(document, &boot);
    }
    store_boot_free(&boot);
    return err;
}

static enum bs_err audit_row(struct document *document, const struct store_audit *row)
{
    document_row(document, 7);
    document_cell_uint(document, row->sequence);
    document_cell_time(document, row->time);
    document_cell_text(document, row->actor);
    document_cell_text(document, row->act);
    document_cell_hex(document, row->device != NULL ? BS_SPAN(row->device, WIRE_ID_SIZE) : BS_SPAN_NONE);
    document_cell_text(document, row->reason);
    document_cell_text(document, row->detail);
    document_row_end(document);
    return document->err;
}

/* Rows go out as they come; the last one is remembered for the sentence after them. */
struct audit_walk {
    struct document *document;
    uint64_t count;
    uint64_t last;
};

static enum bs_err audit_walk(void *context, const struct store_audit *row)
{
    struct audit_walk *walk = context;

    walk->count++;
    walk->last = row->sequence;
    return audit_row(walk->document, row);
}

static enum bs_err audit_list(struct admin_act *act)
{
    static const struct document_column columns[] = { { "sequence", "NO", 0 },   { "time", "TIME", 0 },
                                                      { "actor", "ACTOR", 5 },   { "act", "ACT", 1 },
                                                      { "device", "DEVICE", 4 }, { "reason", "REASON", 2 },
                                                      { "detail", "DETAIL", 3 } };
    struct operator_audit query = { .device = admin_text(act, "device"), .has_after = admin_flag(act, "after") };
    struct audit_walk walk = { .document = &act->document };
    enum bs_err err = admin_number(act, "after", 0, INT64_MAX, 0, &query.after);

    if (err == BS_OK)
        err = admin_number(act, "limit", 1, 10000, AUDIT_LIMIT_DEFAULT, &query.limit);
    if (err == BS_OK)
        err = admin_since(act, "since", &query.since);
    if (err != BS_OK)
        return err;
    document_table(&act->document, "audit", columns, 7);
    err = operator_audit_list(&act->call, &query, audit_walk, &walk);
    if (err == BS_OK && walk.count == query.limit && (query.has_after || query.since > 0))
        document_say(&act->document, "There may be more: bootsealctl audit --after=%llu",
                     (unsigned long long)walk.last);
    return err;
}

static enum bs_err audit_verify(struct admin_act *act)
{
    uint64_t rows = 0;
    uint64_t wrong = 0;
    enum bs_err err = operator_audit_verify(&act->call, &rows, &wrong);

    if (err != BS_OK)
        return err;
    document_uint(&act->document, "rows", "Rows", rows);
    document_say(&act->document, "Every row carries the hash of the one before it.");
    return BS_OK;
}

static enum bs_err ca_row(void *context, const struct operator_ca *ca)
{
    struct document *document = context;

    document_row(document, 5);
    document_cell_text(document, ca->name);
    document_cell_text(document, ca->info->subject);
    document_cell_time(document, ca->info->not_before);
    document_cell_time(document, ca->info->not_after == INT64_MAX ? 0 : ca->info->not_after);
    document_cell_hex(document, BS_SPAN(ca->sha256, CRYPTO_SHA256_SIZE));
    document_row_end(document);
    return document->err;
}

static enum bs_err ca_show(struct admin_act *act)
{
    static const struct document_column columns[] = { { "name", "CERTIFICATE", 0 },
                                                      { "subject", "SUBJECT", 2 },
                                                      { "not_before", "NOT BEFORE", 3 },
                                                      { "not_after", "NOT AFTER", 1 },
                                                      { "sha256", "SHA-256", 4 } };

    document_table(&act->document, "certificates", columns, 5);
    return operator_ca_show(&act->call, ca_row, &act->document);
}

#define NONE                        \
    {                               \
        {                           \
            NULL, ADMIN_TEXT, false \
        }                           \
    }

const struct admin_entry admin_policy_acts[] = {
    { "token create",
      token_create,
      { { "profile", ADMIN_TEXT, true }, { "uses", ADMIN_TEXT, false }, { "expires", ADMIN_TEXT, false } },
      "token.create" },
    { "token list", token_list, NONE, NULL },
    { "token revoke", token_revoke, { { "ID", ADMIN_TEXT, true } }, "token.revoke" },
    { "profile apply", profile_apply, { { "FILE", ADMIN_FILE, true } }, "profile.apply" },
    { "profile list", profile_list, NONE, NULL },
    { "profile show", profile_show, { { "NAME", ADMIN_TEXT, true } }, NULL },
    { "reference list", reference_list, { { "profile", ADMIN_TEXT, false } }, NULL },
    { "reference show", reference_show, { { "ID", ADMIN_TEXT, true } }, NULL },
    { "reference add",
      reference_add,
      { { "NAME", ADMIN_TEXT, true },
        { "events", ADMIN_FILE, true },
        { "firmware", ADMIN_FILE, false },
        { "profile", ADMIN_TEXT, false },
        { "unknown", ADMIN_TEXT, false },
        { "phase", ADMIN_TEXT, false },
        { "release", ADMIN_FLAG, false } },
      "reference.add" },
    { "device approvals", device_approvals, { { "ID", ADMIN_TEXT, true } }, "device.approvals" },
    { "reference release",
      reference_release,
      { { "ID", ADMIN_TEXT, true }, { "name", ADMIN_TEXT, true } },
      "reference.release" },
    { "reference revoke", reference_revoke, { { "ID", ADMIN_TEXT, true } }, "reference.revoke" },
    { "audit list",
      audit_list,
      { { "after", ADMIN_TEXT, false },
        { "since", ADMIN_TEXT, false },
        { "limit", ADMIN_TEXT, false },
        { "device", ADMIN_TEXT, false } },
      NULL },
    { "audit verify", audit_verify, NONE, NULL },
    { "ca show", ca_show, NONE, NULL },
    { NULL, NULL, NONE, NULL },
};
