/* bootsealctl device ...: acts on devices, and what they look like to an operator. */
#include "core/log.h"
#include "server/admin_request.h"

#include <stdio.h>
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
    document_cell_text(document, store_status_name(device->status));
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
    static const struct document_column columns[] = { { "id", "DEVICE" },       { "status", "STATUS" },
                                                      { "profile", "PROFILE" }, { "serial", "SERIAL" },
                                                      { "verdict", "VERDICT" }, { "reason", "REASON" },
                                                      { "seen", "SEEN" } };

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

static void show_identity(struct document *document, const struct store_device *device)
{
    document_hex(document, "id", "Device", id_span(device->id));
    document_text(document, "status", "Status", store_status_name(device->status));
    document_text(document, "profile", "Profile", device->profile);
    document_text(document, "serial", "Serial", store_device_serial(device));
    document_bool(document, "serial_is_registered", "Serial registered", device->serial[0] != '\0');
    document_text(document, "labels", "Labels", device->labels);
    document_text(document, "product", "Product", device->product);
    document_text(document, "firmware", "Firmware", device->firmware);
    document_text(document, "kernel", "Kernel", device->kernel);
    document_text(document, "agent", "Agent", device->agent);
    document_text(document, "tpm_manufacturer", "TPM maker", device->ek_manufacturer);
    document_text(document, "tpm_model", "TPM model", device->ek_model);
    document_hex(document, "ak_name", "AK Name", wire_name_span(&device->ak_name));
    document_uint(document, "tpm_firmware", "TPM firmware", device->firmware_version);
    document_uint(document, "reset_count", "TPM resets", device->reset_count);
    document_uint(document, "bundle_serial", "Bundle issued", device->bundle_serial);
    document_uint(document, "confirmed_serial", "Bundle confirmed", device->confirmed_serial);
    document_time(document, "created", "Known since", device->created);
    document_time(document, "seen", "Last seen", device->seen);
    document_text(document, "verdict", "Last verdict", device->verdict);
    document_text(document, "reason", "Reason", device->reason);
    document_time(document, "verdict_time", "Verdict of", device->verdict_time);
}

void admin_show_pcrs(struct document *document, const struct store_boot *boot)
{
    static const struct document_column columns[] = { { "pcr", "PCR" }, { "value", "VALUE" } };

    document_table(document, "pcrs", columns, 2);
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
    static const struct document_column columns[] = {
        { "pcr", "PCR" }, { "event", "EVENT" }, { "text", "WHAT" }, { "found", "FOUND" }, { "expected", "EXPECTED" }
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
    document_bool(document, "has_question", "Has shown a boot", device->has_question);
    if (!device->has_question)
        return;
    document_hex(document, "question", "Question", BS_SPAN(device->question, STORE_DIGEST));
    document_time(document, "question_time", "Asked", device->question_time);
    document_bool(document, "boot_is_known", "Boot is approved", device->boot_is_known);
    document_uint(document, "references", "References", device->reference_count);
    admin_show_pcrs(document, &device->boot);
    show_findings(document, device);
}

static void show_next(struct document *document, const struct operator_device *device)
{
    char id[2 * WIRE_ID_SIZE + 1];
    char question[2 * STORE_DIGEST + 1];

    bs_hex(id_span(device->device.id), id);
    bs_hex(BS_SPAN(device->question, STORE_DIGEST), question);
    id[16] = question[16] = '\0';
    if (device->has_question && device->device.status != STORE_REVOKED && !device->boot_is_known)
        /* With the digest, so that a boot which the device shows in the meantime is not approved in its place. */
        document_say(document,
                     "To approve this device and the boot it showed: bootsealctl device approve %s --learn "
                     "--question=%s",
                     id, question);
    else if (device->device.status == STORE_PENDING)
        document_say(document, "To approve this device: bootsealctl device approve %s", id);
}

static enum bs_err show(struct admin_act *act)
{
    static const struct document_column columns[] = {
        { "serial", "CERTIFICATE" }, { "status", "STATUS" }, { "issued", "ISSUED" }, { "not_after", "NOT AFTER" }
    };
    struct operator_device device = OPERATOR_DEVICE_INIT;
    const char *id = admin_text(act, "ID");
    enum bs_err err = operator_device_show(&act->call, id, &device);

    if (err == BS_OK) {
        show_identity(&act->document, &device.device);
        show_boot(&act->document, &device);
        document_table(&act->document, "certificates", columns, 4);
        err = operator_device_certs(&act->call, id, cert_row, &act->document);
        show_next(&act->document, &device);
    }
    operator_device_free(&device);
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

    if (err == BS_OK)
        document_say(&act->document, "Refused. It gets nothing until it is approved.");
    return err;
}

static enum bs_err revoke(struct admin_act *act)
{
    uint64_t certs = 0;
    enum bs_err err = operator_device_revoke(&act->call, admin_text(act, "ID"), admin_text(act, "because"), &certs);

    if (err != BS_OK)
        return err;
    document_uint(&act->document, "certificates", "Certificates revoked", certs);
    document_say(&act->document, "What its vault already holds opens offline until it has been in contact again.");
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
    { "device list", list, { { NULL, ADMIN_TEXT, false } } },
    { "device show", show, { { "ID", ADMIN_TEXT, true } } },
    { "device approve",
      approve,
      { { "ID", ADMIN_TEXT, true },
        { "profile", ADMIN_TEXT, false },
        { "learn", ADMIN_FLAG, false },
        { "question", ADMIN_TEXT, false },
        { "accept-reset", ADMIN_FLAG, false } } },
    { "device refuse", refuse, { { "ID", ADMIN_TEXT, true }, { "because", ADMIN_TEXT, false } } },
    { "device revoke", revoke, { { "ID", ADMIN_TEXT, true }, { "because", ADMIN_TEXT, false } } },
    { "device import", import, { { "FILE", ADMIN_FILE, true } } },
    { NULL, NULL, { { NULL, ADMIN_TEXT, false } } },
};
