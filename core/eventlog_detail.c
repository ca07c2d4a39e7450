#include "core/eventlog_detail.h"

#include "core/eventlog_print.h"
#include "core/eventlog_say.h"
#include "core/eventlog_secureboot.h"

#define INDENT "                                            " /* to the column of the words */

static bool is_image(const struct eventlog_event *event)
{
    return event->type == EVENTLOG_BOOT_APPLICATION || event->type == EVENTLOG_BOOT_DRIVER ||
           event->type == EVENTLOG_RUNTIME_DRIVER;
}

enum bs_err eventlog_detail_digest(const struct eventlog_event *event, struct bs_buf *out)
{
    char hex[2 * CRYPTO_HASH_MAX + 1];
    uint16_t alg = eventlog_digest(event, CRYPTO_SHA256).size > 0 ? CRYPTO_SHA256
                   : event->digest_count > 0                      ? event->digests[0].alg
                                                                  : 0;
    if (alg == 0)
        return BS_OK;
    bs_hex(eventlog_digest(event, alg), hex);
    return bs_buf_printf(out, INDENT "  %s%s %s\n", is_image(event) ? "Authenticode " : "",
                         eventlog_bank_name(alg).text, hex);
}

static bool is_variable(const struct eventlog_event *event, struct eventlog_variable *ret_variable)
{
    bool is_type = event->type == EVENTLOG_VARIABLE_DRIVER_CONFIG || event->type == EVENTLOG_VARIABLE_AUTHORITY ||
                   event->type == EVENTLOG_VARIABLE_BOOT || event->type == EVENTLOG_VARIABLE_BOOT2;
    return is_type && eventlog_decode_variable(event->data, ret_variable) == BS_OK;
}

/* The entries of a variable's lists, or the one of an authority event, one by one. */
struct entry_reader {
    struct eventlog_entries lists;
    struct eventlog_entry one;
    bool has_one;
};

static struct entry_reader entries_of(const struct eventlog_event *event, const struct eventlog_variable *variable)
{
    struct entry_reader r = { .has_one = false };
    if (event->type == EVENTLOG_VARIABLE_AUTHORITY)
        r.has_one = eventlog_authority_entry(variable->data, &r.one) == BS_OK;
    else
        r.lists = eventlog_entries_first(variable->data);
    return r;
}

static bool next_entry(struct entry_reader *r, struct eventlog_entry *ret_entry)
{
    if (!r->has_one)
        return eventlog_entries_next(&r->lists, ret_entry);
    *ret_entry = r->one;
    r->has_one = false;
    return true;
}

/* Certificates by name; hashes are counted in the description, for nobody reads hundreds. */
static enum bs_err add_entries(const struct eventlog_event *event, const struct eventlog_variable *variable,
                               struct bs_buf *out)
{
    struct entry_reader r = entries_of(event, variable);
    struct eventlog_entry entry;
    struct eventlog_signer signer;
    enum bs_err err = BS_OK;

    while (err == BS_OK && next_entry(&r, &entry)) {
        if (eventlog_entry_signer(&entry, &signer) != BS_OK)
            continue;
        BS_SCOPED_BUF struct bs_buf name = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
        char hex[2 * CRYPTO_SHA256_SIZE + 1];
        say_text(&name, bs_span_of_string(signer.subject), bs_utf8_take);
        bs_hex(BS_SPAN(signer.fingerprint, sizeof(signer.fingerprint)), hex);
        err = bs_buf_printf(out, INDENT "  %s %.*s\n" INDENT "    sha256 %s\n",
                            entry.bytes.size > 0 ? "certificate" : "empty", (int)name.size,
                            name.size > 0 ? (const char *)name.data : "", hex);
    }
    return err;
}

enum bs_err eventlog_detail(const struct eventlog_event *event, struct bs_buf *out)
{
    struct eventlog_variable variable;
    return is_variable(event, &variable) ? add_entries(event, &variable, out) : BS_OK;
}

static void json_guid(struct bs_json *json, const char *key, struct bs_span guid)
{
    char text[EVENTLOG_GUID_TEXT];
    if (guid.size != EVENTLOG_GUID_SIZE) {
        bs_json_null(json, key);
        return;
    }
    eventlog_guid_text(guid, text);
    bs_json_string(json, key, text);
}

static void json_entry(struct bs_json *json, const struct eventlog_entry *entry)
{
    struct eventlog_signer signer;
    bs_json_object(json, NULL);
    json_guid(json, "owner", entry->owner);
    if (eventlog_entry_signer(entry, &signer) == BS_OK) {
        bs_json_string(json, "kind", "x509");
        bs_json_string(json, "subject", signer.subject[0] != '\0' ? signer.subject : NULL);
        bs_json_hex(json, "fingerprint", BS_SPAN(signer.fingerprint, sizeof(signer.fingerprint)));
    } else if (entry->kind == EVENTLOG_ENTRY_SHA256) {
        bs_json_string(json, "kind", "sha256");
        bs_json_hex(json, "hash", entry->bytes);
    } else {
        bs_json_string(json, "kind", "other");
        json_guid(json, "type", entry->type);
    }
    bs_json_close_object(json);
}

static void json_variable(struct bs_json *json, const struct eventlog_event *event,
                          const struct eventlog_variable *variable)
{
    BS_SCOPED_BUF struct bs_buf name = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    struct entry_reader r = entries_of(event, variable);
    struct eventlog_entry entry;
    bool has_entries = false;

    say_text(&name, variable->name, bs_utf16_take);
    bs_json_object(json, "variable");
    json_guid(json, "guid", variable->guid);
    bs_json_text(json, "name", bs_buf_span(&name));
    while (next_entry(&r, &entry)) {
        if (!has_entries)
            bs_json_array(json, "entries");
        has_entries = true;
        json_entry(json, &entry);
    }
    if (has_entries)
        bs_json_close_array(json);
    bs_json_close_object(json);
}

void eventlog_detail_json(const struct eventlog_event *event, struct bs_json *json)
{
    struct eventlog_variable variable;
    if (is_variable(event, &variable))
        json_variable(json, event, &variable);
}
