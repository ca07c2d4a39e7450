#include "core/bootlog.h"
#include "core/eventlog_print.h"
#include "core/eventlog_say.h"
#include "core/eventlog_secureboot.h"

#include <inttypes.h>
#include <stdio.h>

#define INDENT "                                            " /* to the column of the words */
#define LEGEND                                                                                            \
    "\n= these data are what was measured   ? the digest is one of something else, and the words a claim" \
    "\n! these data should be what was measured, and are not\n"

static bool mark(const struct eventlog_event *event, enum eventlog_measured *ret_measured)
{
    size_t good = 0, known = 0;
    bool is_wrong = false;

    if (!eventlog_extends(event))
        return false;
    for (size_t i = 0; i < event->digest_count; i++) {
        uint16_t alg = event->digests[i].alg;
        if (crypto_hash_size(alg) == 0)
            continue;
        enum eventlog_measured measured = eventlog_measured(event, alg, NULL);
        known++;
        good += measured == EVENTLOG_DATA_MEASURED;
        is_wrong = is_wrong || measured == EVENTLOG_DATA_WRONG;
    }
    /* One bank that agrees and one that does not is worse than none. */
    is_wrong = is_wrong || (good > 0 && good < known);
    *ret_measured = is_wrong ? EVENTLOG_DATA_WRONG : good > 0 ? EVENTLOG_DATA_MEASURED : EVENTLOG_DATA_NOT_MEASURED;
    return true;
}

static bool is_image(const struct eventlog_event *event)
{
    return event->type == EVENTLOG_BOOT_APPLICATION || event->type == EVENTLOG_BOOT_DRIVER ||
           event->type == EVENTLOG_RUNTIME_DRIVER;
}

static enum bs_err add_image(const struct eventlog_event *event, struct bs_buf *out)
{
    char hex[2 * CRYPTO_HASH_MAX + 1];
    uint16_t alg = eventlog_digest(event, CRYPTO_SHA256).size > 0 ? CRYPTO_SHA256
                   : event->digest_count > 0                      ? event->digests[0].alg
                                                                  : 0;
    if (alg == 0)
        return BS_OK;
    bs_hex(eventlog_digest(event, alg), hex);
    return bs_buf_printf(out, INDENT "  Authenticode %s %s\n", eventlog_bank_name(alg).text, hex);
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

static enum bs_err add_lines(const struct eventlog_event *event, struct bs_buf *out)
{
    struct eventlog_variable variable;
    if (is_image(event))
        return add_image(event, out);
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

static void add_members(const struct eventlog_event *event, struct bs_json *json)
{
    struct eventlog_variable variable;
    if (is_variable(event, &variable))
        json_variable(json, event, &variable);
}

static const struct eventlog_style full = { eventlog_describe, mark, add_lines, add_members };

static enum eventlog_measured mark_record(const struct userlog_record *record)
{
    enum eventlog_measured found = EVENTLOG_DATA_NOT_MEASURED;
    for (size_t i = 0; i < record->digest_count; i++) {
        enum eventlog_measured measured = userlog_measured(record, record->digests[i].alg);
        if (measured == EVENTLOG_DATA_WRONG || (i > 0 && measured != found))
            return EVENTLOG_DATA_WRONG;
        found = measured;
    }
    return found;
}

static const struct {
    char mark;
    const char *name;
} marks[] = {
    [EVENTLOG_DATA_NOT_MEASURED] = { '?', "claim" },
    [EVENTLOG_DATA_MEASURED] = { '=', "measured" },
    [EVENTLOG_DATA_WRONG] = { '!', "wrong" },
};

static enum bs_err show_record(const struct userlog_record *record, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf type = BS_BUF(EVENTLOG_DESCRIPTION_MAX), text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    char number[16] = "-";
    if (record->has_pcr)
        snprintf(number, sizeof(number), "%" PRIu32, record->pcr);
    say_text(&type, record->type.size > 0 ? record->type : record->content_type, bs_utf8_take);
    if (record->has_text)
        say_data(&text, userlog_text(record));
    return bs_buf_printf(out, "%5zu %3s  %-32.*s  %c %.*s\n", record->index, number, (int)type.size,
                         type.size > 0 ? (const char *)type.data : "",
                         record->has_pcr ? marks[mark_record(record)].mark : ' ', (int)text.size,
                         text.size > 0 ? (const char *)text.data : "");
}

static enum bs_err show_userspace(const struct userlog *log, struct bs_buf *out)
{
    struct userlog_record record;
    enum bs_err err = bs_buf_append_string(out, "after the firmware, by the userspace\n");
    for (struct userlog_cursor c = userlog_first(log); err == BS_OK && userlog_next(&c, &record);)
        err = show_record(&record, out);
    return err;
}

static enum bs_err show_bank(const struct bootlog *log, uint16_t alg, struct bs_buf *out)
{
    struct eventlog_replay replay;
    struct bootlog_missing missing;
    enum bs_err err = bootlog_replay(log, alg, &replay, &missing);
    if (err == BS_ERR_NOT_FOUND)
        return eventlog_print_pcrs(
            alg, NULL, crypto_hash_size(alg) == 0 ? "this hash is not known here" : "no event has a digest", out);
    if (err == BS_OK)
        err = eventlog_print_pcrs(alg, &replay, NULL, out);
    if (err == BS_OK && missing.events + missing.records > 0)
        err = bs_buf_printf(
            out, "           %zu events have no digest of this bank, and are taken not to have extended it\n",
            missing.events + missing.records);
    return err;
}

enum bs_err bootlog_show(const struct bootlog *log, struct bs_buf *out)
{
    uint16_t banks[BOOTLOG_BANKS_MAX];
    size_t count = bootlog_banks(log, banks);
    enum bs_err err = log->has_firmware ? eventlog_print_events(&log->firmware, &full, out) : BS_OK;
    if (err == BS_OK && log->has_userspace)
        err = show_userspace(&log->userspace, out);
    if (err == BS_OK)
        err = bs_buf_append_string(out, LEGEND);
    for (size_t i = 0; i < count && err == BS_OK; i++)
        err = show_bank(log, banks[i], out);
    return err;
}

static void json_record(struct bs_json *json, const struct userlog_record *record)
{
    bs_json_object(json, NULL);
    bs_json_u64(json, "index", record->index);
    if (record->has_pcr)
        bs_json_u64(json, "pcr", record->pcr);
    else
        bs_json_null(json, "pcr");
    bs_json_text(json, "content_type", record->content_type);
    bs_json_text(json, "type", record->type);
    bs_json_object(json, "digests");
    for (size_t i = 0; i < record->digest_count; i++)
        bs_json_hex(json, eventlog_bank_name(record->digests[i].alg).text,
                    BS_SPAN(record->digests[i].value, record->digests[i].size));
    bs_json_close_object(json);
    bs_json_string(json, "data", marks[mark_record(record)].name);
    if (record->has_text)
        bs_json_text(json, "description", userlog_text(record));
    bs_json_close_object(json);
}

static void json_banks(struct bs_json *json, const struct bootlog *log, const uint16_t *banks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct eventlog_replay replay;
        struct bootlog_missing missing;
        enum bs_err err = bootlog_replay(log, banks[i], &replay, &missing);
        eventlog_json_pcrs(json, banks[i], err == BS_OK ? &replay : NULL);
    }
}

enum bs_err bootlog_show_json(const struct bootlog *log, struct bs_buf *out)
{
    uint16_t banks[BOOTLOG_BANKS_MAX];
    size_t count = bootlog_banks(log, banks);
    struct bs_json json;
    struct userlog_record record;

    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    if (log->has_firmware)
        eventlog_json_log(&json, &log->firmware, &full);
    if (log->has_userspace) {
        bs_json_array(&json, "userspace");
        for (struct userlog_cursor c = userlog_first(&log->userspace); userlog_next(&c, &record);)
            json_record(&json, &record);
        bs_json_close_array(&json);
    }
    bs_json_object(&json, "pcrs");
    json_banks(&json, log, banks, count);
    bs_json_close_object(&json);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

enum bs_err bootlog_print_replay(const struct eventlog_replay *replay, struct bs_buf *out)
{
    enum bs_err err = BS_OK;
    for (unsigned pcr = 0; pcr < EVENTLOG_PCRS && err == BS_OK; pcr++) {
        char hex[2 * CRYPTO_HASH_MAX + 1];
        if (!(replay->mask & UINT32_C(1) << pcr))
            continue;
        bs_hex(BS_SPAN(replay->values[pcr], replay->size), hex);
        err = bs_buf_printf(out, "%u\t%s\n", pcr, hex);
    }
    return err;
}

enum bs_err bootlog_replay_json(const struct bootlog *log, const uint16_t *banks, size_t count, struct bs_buf *out)
{
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    json_banks(&json, log, banks, count);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}
