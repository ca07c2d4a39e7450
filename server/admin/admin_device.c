/* bootsealctl device ...: acts on devices, and what they look like to an operator. */
#include "core/log.h"
#include "server/admin/admin_request.h"
#include "server/operator/tpm_vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bs_span id_span(const uint8_t id[WIRE_ID_SIZE])
{
    return BS_SPAN(id, WIRE_ID_SIZE);
}

static enum bs_err list_row(void *context, const struct store_device *device)
{
    struct document *document = context;

    document_row(document, 7);
    document_cell_hex(document, id_span(device->id));
    document_cell_text(document, store_device_state(device));
    document_cell_text(document, device->profile);
    document_cell_text(document, store_device_serial(device));
    document_cell_text(document, device->verdict);
    document_cell_text(document, device->reason);
    document_cell_time(document, device->seen);
    document_row_end(document);
    return document->err;
}

static enum bs_err list(struct admin_act *act)
{
    static const struct document_column columns[] = { { "id", "DEVICE", 0 },       { "status", "STATUS", 0 },
                                                      { "profile", "PROFILE", 2 }, { "serial", "SERIAL", 4 },
                                                      { "verdict", "VERDICT", 0 }, { "reason", "REASON", 1 },
                                                      { "seen", "SEEN", 3 } };

    document_table(&act->document, "devices", columns, 7);
    return operator_device_list(&act->call, list_row, &act->document);
}

static enum bs_err cert_row(void *context, const struct store_cert *cert)
{
    static const char *const names[] = { "", "issued", "living", "revoked" };
    struct document *document = context;

    document_row(document, 4);
    document_cell_hex(document, BS_SPAN(cert->serial, STORE_SERIAL));
    document_cell_text(document, names[cert->status]);
    document_cell_time(document, cert->issued);
    document_cell_time(document, cert->not_after);
    document_row_end(document);
    return document->err;
}

/* What programs want one by one and people in a few lines; a label that is empty is for programs, a key that is empty for people. */
static void show_machine(struct document *document, const struct store_device *device)
{
    document_text(document, "product", "", device->product);
    document_text(document, "firmware", "", device->firmware);
    document_text(document, "kernel", "", device->kernel);
    document_text(document, "agent", "", device->agent);
    if (device->product[0] != '\0' || device->kernel[0] != '\0')
        document_format(document, "", "Machine", "%s%s%s%s%s", device->product[0] != '\0' ? device->product : "?",
                        device->firmware[0] != '\0' ? ", firmware " : "", device->firmware,
                        device->kernel[0] != '\0' ? ", kernel " : "", device->kernel);
}

static void show_tpm(struct document *document, const struct store_device *device)
{
    uint64_t version = device->firmware_version;
    char maker[TPM_VENDOR_SIZE];
    char text[32];

    tpm_vendor_name(device->ek_manufacturer, maker, sizeof(maker));
    (void)snprintf(text, sizeof(text), "%u.%u.%u.%u", (unsigned)(version >> 48), (unsigned)(version >> 32 & 0xffff),
                   (unsigned)(version >> 16 & 0xffff), (unsigned)(version & 0xffff));
    document_text(document, "tpm_manufacturer", "", device->ek_manufacturer);
    document_text(document, "tpm_maker", "", maker);
    document_text(document, "tpm_model", "", device->ek_model);
    document_hex(document, "ak_name", "", wire_name_span(&device->ak_name));
    document_uint(document, "tpm_firmware", "", version);
    document_text(document, "tpm_firmware_text", "", version != 0 ? text : NULL);
    document_uint(document, "reset_count", "", device->reset_count);
    if (device->ak_name.size > 0)
        document_format(document, "", "TPM", "%s%s%s, firmware %s, %u resets",
                        maker[0] != '\0' ? maker : "of an unknown maker", device->ek_model[0] != '\0' ? " " : "",
                        device->ek_model, text, device->reset_count);
}

static void show_identity(struct document *document, const struct operator_device *shown)
{
    const struct store_device *device = &shown->device;

    document_hex(document, "id", "Device", id_span(device->id));
    document_text(document, "status", "Status", store_device_state(device));
    document_text(document, "profile", "", device->profile);
    document_uint(document, "profile_version", "", shown->profile_version);
    if (device->profile[0] != '\0')
        document_format(document, "", "Profile", "%s (version %llu)", device->profile,
                        (unsigned long long)shown->profile_version);
    document_text(document, "serial", "Serial", device->serial);
    document_text(document, "labels", "Labels", device->labels);
    show_machine(document, device);
    show_tpm(document, device);
    document_time(document, "created", "Known since", device->created);
    document_time(document, "seen", "Last seen", device->seen);
    document_text(document, "verdict", "Verdict", device->verdict);
    document_text(document, "reason", "Reason", device->reason);
    document_text(document, "why", device->reason[0] != '\0' ? "Why" : "", shown->why);
    document_time(document, "verdict_time", "", device->verdict_time);
}

/* Names, never values. */
static void show_credentials(struct document *document, const struct operator_device *shown)
{
    static const struct document_column columns[] = { { "name", "", 0 } };
    const struct store_device *device = &shown->device;

    document_uint(document, "bundle_serial", "", device->bundle_serial);
    document_uint(document, "confirmed_serial", "", device->confirmed_serial);
    document_time(document, "bundle_issued", "", shown->bundle_issued);
    document_time(document, "bundle_confirmed", "", shown->bundle_confirmed);
    document_table(document, "credentials", columns, 1);
    for (const char *at = shown->items; *at != '\0';) {
        char name[STORE_NAME_SIZE];
        size_t size = strcspn(at, ",");

        (void)snprintf(name, sizeof(name), "%.*s", (int)size, at);
        document_row(document, 1);
        document_cell_text(document, name);
        document_row_end(document);
        at += size + (at[size] == ',');
    }
    if (device->bundle_serial != 0)
        document_format(document, "", "Credentials", "%s (bundle %llu, %s)",
                        shown->items[0] != '\0' ? shown->items : "none", (unsigned long long)device->bundle_serial,
                        device->confirmed_serial == device->bundle_serial ? "confirmed" : "not confirmed");
}

void admin_show_pcrs(struct document *document, const struct store_boot *boot, bool is_for_people)
{
    static const struct document_column columns[] = { { "pcr", "PCR", 0 }, { "value", "VALUE", 1 } };
    static const struct document_column hidden[] = { { "pcr", "", 0 }, { "value", "", 0 } };

    document_table(document, "pcrs", is_for_people ? columns : hidden, 2);
    for (uint64_t pcr = 0; pcr < 24; pcr++) {
        if ((boot->mask & (1u << pcr)) == 0)
            continue;
        document_row(document, 2);
        document_cell_uint(document, pcr);
        document_cell_hex(document, BS_SPAN(boot->pcrs[pcr], crypto_hash_size(boot->bank)));
        document_row_end(document);
    }
}

static void show_findings(struct document *document, const struct operator_device *device)
{
    /* For programs: people read the explanation, which has them all. */
    static const struct document_column columns[] = {
        { "pcr", "", 0 }, { "event", "", 0 }, { "text", "", 0 }, { "found", "", 0 }, { "expected", "", 0 }
    };

    if (device->finding_count == 0)
        return;
    document_table(document, "findings", columns, 5);
    for (size_t i = 0; i < device->finding_count; i++) {
        const struct operator_finding *finding = &device->findings[i];

        document_row(document, 5);
        document_cell_uint(document, finding->pcr);
        if (finding->has_event)
            document_cell_uint(document, finding->event);
        else
            document_cell_text(document, NULL);
        document_cell_text(document, finding->text);
        document_cell_text(document, finding->found);
        document_cell_text(document, finding->expected);
        document_row_end(document);
    }
}

static void show_boot(struct document *document, const struct operator_device *device)
{
    document_bool(document, "has_question", "", device->has_question);
    if (!device->has_question) {
        document_text(document, "", "Boot", "has not shown one yet");
        return;
    }
    document_hex(document, "question", "", BS_SPAN(device->question, STORE_DIGEST));
    document_time(document, "question_time", "", device->question_time);
    document_bool(document, "boot_is_known", "", device->boot_is_known);
    document_uint(document, "reference", "", device->reference);
    document_uint(document, "references", "", device->reference_count);
    document_text(document, "policy", "", device->policy);
    document_uint(document, "policy_version", "", device->policy_version);
    if (device->policy[0] != '\0')
        document_format(document, "", "Boot", "%s by the policy %s (version %llu)",
                        device->boot_is_known ? "approved" : "not approved", device->policy,
                        (unsigned long long)device->policy_version);
    else if (device->boot_is_known)
        document_format(document, "", "Boot", "approved: equals reference %llu of %zu",
                        (unsigned long long)device->reference, device->reference_count);
    else if (device->reference_count == 0)
        document_text(document, "", "Boot", "not approved: its profile knows no good boot yet");
    else
        document_format(document, "", "Boot", "not approved: nearest is reference %llu of %zu",
                        (unsigned long long)device->reference, device->reference_count);
    admin_show_pcrs(document, &device->boot, false);
    show_findings(document, device);
    if (device->explanation.size > 0)
        document_raw(document, "explanation", bs_buf_span(&device->explanation));
}

static void show_next(struct document *document, const struct operator_device *device)
{
    char id[2 * WIRE_ID_SIZE + 1];
    char question[2 * STORE_DIGEST + 1];

    bs_hex(id_span(device->device.id), id);
    bs_hex(BS_SPAN(device->question, STORE_DIGEST), question);
    if (device->device.wipe == STORE_WIPE_ORDERED)
        document_say(
            document,
            "It is ordered to forget when it asks next, and has not said yet that it did. To take that back and let "
            "it in: bootsealctl device approve %.16s",
            id);
    else if (device->device.status == STORE_APPROVED && device->policy[0] != '\0' && !device->boot_is_known)
        document_say(
            document,
            "The policy decides. To try a change: bootsealctl device evidence %.16s >boot.json; bootsealctl policy check FILE "
            "--evidence=boot.json; then: bootsealctl policy apply FILE",
            id);
    else if (device->has_question && device->device.status != STORE_REVOKED && !device->boot_is_known)
        document_say(
            document,
            "To approve this device and the boot it showed: bootsealctl device approve %.16s --learn --question=%.*s",
            id, OPERATOR_QUESTION_MIN, question);
    else if (device->device.status == STORE_PENDING)
        document_say(document, "To approve this device: bootsealctl device approve %.16s", id);
    else if (device->device.status == STORE_REFUSED || device->device.status == STORE_REVOKED)
        document_say(document, "To let it in again: bootsealctl device approve %.16s", id);
}

/* All certificates for programs; for people the one that counts, and how many there were. */
struct cert_walk {
    struct document *document;
    struct store_cert newest;
    size_t living, issued, revoked;
};

static enum bs_err walk_cert(void *context, const struct store_cert *cert)
{
    struct cert_walk *walk = context;

    if (cert->status != STORE_CERT_REVOKED && walk->living + walk->issued == 0)
        walk->newest = *cert;
    walk->living += cert->status == STORE_CERT_LIVING;
    walk->issued += cert->status == STORE_CERT_ISSUED;
    walk->revoked += cert->status == STORE_CERT_REVOKED;
    return cert_row(walk->document, cert);
}

static void show_cert(struct document *document, const struct cert_walk *walk)
{
    char serial[2 * STORE_SERIAL + 1];

    if (walk->living + walk->issued + walk->revoked == 0)
        return;
    bs_hex(BS_SPAN(walk->newest.serial, STORE_SERIAL), serial);
    if (walk->living + walk->issued > 0) {
        document_text(document, "", "Certificate", serial);
        document_time(document, "", "Good until", walk->newest.not_after);
    }
    document_format(document, "", "Certificates", "%zu living, %zu not confirmed, %zu revoked", walk->living,
                    walk->issued, walk->revoked);
}

static enum bs_err show(struct admin_act *act)
{
    static const struct document_column columns[] = {
        { "serial", "", 0 }, { "status", "", 0 }, { "issued", "", 0 }, { "not_after", "", 0 }
    };
    struct operator_device *device = calloc(1, sizeof(*device));
    struct cert_walk walk = { .document = &act->document };
    const char *id = admin_text(act, "ID");
    enum bs_err err;

    if (device == NULL)
        return BS_ERR_NOMEM;
    *device = OPERATOR_DEVICE_INIT;
    err = operator_device_show(&act->call, id, device);
    if (err == BS_OK) {
        show_identity(&act->document, device);
        show_credentials(&act->document, device);
        err = admin_show_keys(act, id);
    }
    if (err == BS_OK) {
        document_table(&act->document, "certificates", columns, 4);
        err = operator_device_certs(&act->call, id, walk_cert, &walk);
        show_cert(&act->document, &walk);
        show_boot(&act->document, device);
        show_next(&act->document, device);
    }
    operator_device_free(device);
    free(device);
    return err;
}

static enum bs_err approve(struct admin_act *act)
{
    struct operator_approve request = {
        .device = admin_text(act, "ID"),
        .profile = admin_text(act, "profile"),
        .learn = admin_flag(act, "learn"),
        .question = admin_text(act, "question"),
        .accept_reset = admin_flag(act, "accept-reset"),
    };
    struct operator_approved approved;
    enum bs_err err = operator_device_approve(&act->call, &request, &approved);

    if (err != BS_OK)
        return err;
    document_hex(&act->document, "id", "Approved", id_span(approved.id));
    document_text(&act->document, "profile", "Profile", approved.profile);
    if (approved.reference != 0)
        document_uint(&act->document, "reference", "Reference", approved.reference);
    document_bool(&act->document, "needs_reference", "Needs a reference", approved.needs_reference);
    document_text(&act->document, "policy", "", approved.policy);
    if (approved.policy[0] != '\0')
        document_say(
            &act->document,
            "The policy %s says which boots of the profile are good; a reference approves nothing by itself there.",
            approved.policy);
    if (approved.needs_reference)
        document_say(
            &act->document,
            "The profile '%s' has no reference boot yet, so nobody gets anything: approve with --learn to take the "
            "boot that this device showed.",
            approved.profile);
    return BS_OK;
}

static enum bs_err refuse(struct admin_act *act)
{
    enum bs_err err = operator_device_refuse(&act->call, admin_text(act, "ID"), admin_text(act, "because"));

    if (err != BS_OK)
        return err;
    document_text(&act->document, "status", "Status", store_status_name(STORE_REFUSED));
    document_say(&act->document, "It gets nothing until it is approved: bootsealctl device approve ID");
    return BS_OK;
}

static enum bs_err revoke(struct admin_act *act)
{
    uint64_t certs = 0;
    enum bs_err err = operator_device_revoke(&act->call, admin_text(act, "ID"), admin_text(act, "because"), &certs);

    if (err != BS_OK)
        return err;
    document_uint(&act->document, "certificates", "Certificates revoked", certs);
    document_say(&act->document,
                 "What its vault already holds opens until the device has to ask: change it where it is "
                 "used. Relying parties learn of it at /v1/whoami, or by: bootsealctl ca crl");
    return BS_OK;
}

static enum bs_err wipe(struct admin_act *act)
{
    uint64_t certs = 0;
    enum bs_err err = operator_device_wipe(&act->call, admin_text(act, "ID"), admin_text(act, "because"), &certs);

    if (err != BS_OK)
        return err;
    document_text(&act->document, "status", "Status", "wiping");
    document_uint(&act->document, "certificates", "Certificates revoked", certs);
    document_say(
        &act->document,
        "It forgets when it asks next, and then its status is 'wiped'. A device that holds a vault asks when it is due "
        "or its boot changed; until then the vault opens. What was handed over is out of reach: change it where it is used.");
    return BS_OK;
}

static enum bs_err label(struct admin_act *act)
{
    BS_SCOPED_BUF struct bs_buf changes = BS_BUF(ADMIN_REQUEST_MAX);
    struct bs_span given = admin_bytes(act, "LABELS");
    struct store_device device;
    enum bs_err err = memchr(given.data, 0, given.size) == NULL ? BS_OK : BS_ERR_INPUT;

    if (err == BS_OK)
        err = bs_buf_append(&changes, given.data, given.size);
    if (err == BS_OK)
        err = bs_buf_append(&changes, "", 1);
    if (err == BS_OK)
        err = operator_device_label(&act->call, admin_text(act, "ID"), (const char *)changes.data, &device);
    if (err != BS_OK)
        return err;
    document_hex(&act->document, "id", "Device", id_span(device.id));
    document_text(&act->document, "labels", "Labels", device.labels);
    document_say(&act->document, "Files of its profile that name them change at its next contact.");
    return BS_OK;
}

static enum bs_err move(struct admin_act *act)
{
    struct operator_moved moved;
    const char *profile = admin_text(act, "profile");
    enum bs_err err = operator_device_move(&act->call, admin_text(act, "ID"), profile, &moved);

    if (err != BS_OK)
        return err;
    document_hex(&act->document, "id", "Device", id_span(moved.id));
    document_text(&act->document, "from", "From", moved.from);
    document_text(&act->document, "profile", "Profile", profile);
    document_say(&act->document,
                 "It gets items and certificate of this profile at its next contact, if the boot it shows "
                 "is good there: bootsealctl reference list --profile=%s",
                 profile);
    return BS_OK;
}

static enum bs_err import(struct admin_act *act)
{
    struct operator_imported imported;
    enum bs_err err = operator_device_import(&act->call, admin_bytes(act, "FILE"), &imported);

    if (err != BS_OK)
        return err;
    document_uint(&act->document, "added", "Added", imported.added);
    document_uint(&act->document, "changed", "Changed", imported.changed);
    document_uint(&act->document, "unchanged", "Unchanged", imported.unchanged);
    return BS_OK;
}

const struct admin_entry admin_device_acts[] = {
    { "device list", list, { { NULL, ADMIN_TEXT, false } }, NULL },
    { "device show", show, { { "ID", ADMIN_TEXT, true } }, NULL },
    { "device approve",
      approve,
      { { "ID", ADMIN_TEXT, true },
        { "profile", ADMIN_TEXT, false },
        { "learn", ADMIN_FLAG, false },
        { "question", ADMIN_TEXT, false },
        { "accept-reset", ADMIN_FLAG, false } },
      "device.approve" },
    { "device refuse", refuse, { { "ID", ADMIN_TEXT, true }, { "because", ADMIN_TEXT, false } }, "device.refuse" },
    { "device revoke", revoke, { { "ID", ADMIN_TEXT, true }, { "because", ADMIN_TEXT, false } }, "device.revoke" },
    { "device wipe", wipe, { { "ID", ADMIN_TEXT, true }, { "because", ADMIN_TEXT, false } }, "device.wipe" },
    { "device label", label, { { "ID", ADMIN_TEXT, true }, { "LABELS", ADMIN_FILE, true } }, "device.label" },
    { "device move", move, { { "ID", ADMIN_TEXT, true }, { "profile", ADMIN_TEXT, true } }, "device.move" },
    { "device import", import, { { "FILE", ADMIN_FILE, true } }, "device.import" },
    { NULL, NULL, { { NULL, ADMIN_TEXT, false } }, NULL },
};
