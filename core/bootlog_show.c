#include "core/bootlog.h"
#include "core/eventlog_hash.h"
#include "core/eventlog_more.h"
#include "core/eventlog_print.h"
#include "core/eventlog_say.h"

#include <inttypes.h>
#include <stdio.h>

#define LEGEND                                                                                            \
    "\n= these data are what was measured   ? the digest is one of something else, and the words a claim" \
    "\n! these data should be what was measured, and are not\n"

static enum eventlog_measured mark_record(const struct userlog_record *record)
{
    enum eventlog_measured found = EVENTLOG_DATA_NOT_MEASURED;
    size_t known = 0;
    for (size_t i = 0; i < record->digest_count; i++) {
        if (!eventlog_hash_is_computed(record->digests[i].alg))
            continue;
        enum eventlog_measured measured = userlog_measured(record, record->digests[i].alg);
        if (measured == EVENTLOG_DATA_WRONG || (known++ > 0 && measured != found))
            return EVENTLOG_DATA_WRONG;
        found = measured;
    }
    return found;
}

/* A firmware's event, where the record repeats one. */
static bool show_firmware(const struct userlog_record *record, struct bs_buf *out, enum bs_err *ret_err)
{
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(EVENTLOG_SIZE_MAX);
    struct eventlog_event event;
    if (!eventlog_more->read_record(record, &data, &event))
        return false;
    *ret_err = eventlog_print_event(&event, out);
    return true;
}

static enum bs_err show_record(const struct userlog_record *record, struct bs_buf *out)
{
    enum bs_err err;
    if (eventlog_more && show_firmware(record, out, &err))
        return err;

    BS_SCOPED_BUF struct bs_buf type = BS_BUF(EVENTLOG_DESCRIPTION_MAX), text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    char number[16] = "-";
    if (record->has_pcr)
        snprintf(number, sizeof(number), "%" PRIu32, record->pcr);
    say_text(&type, record->type.size > 0 ? record->type : record->content_type, bs_utf8_take);
    if (record->has_text)
        say_data(&text, userlog_text(record));
    return bs_buf_printf(out, "%5zu %3s  %-32.*s  %c %.*s\n", record->index, number, (int)type.size,
                         type.size > 0 ? (const char *)type.data : "",
                         record->has_pcr ? eventlog_mark(mark_record(record)).sign : ' ', (int)text.size,
                         text.size > 0 ? (const char *)text.data : "");
}

static enum bs_err show_userspace(const struct userlog *log, bool is_alone, struct bs_buf *out)
{
    struct userlog_record record;
    enum bs_err err = bs_buf_append_string(out, is_alone && log->is_array ? "of the whole boot, in CEL-JSON\n"
                                                                          : "after the firmware, by the userspace\n");
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
            alg, NULL, eventlog_hash_is_computed(alg) ? "no event has a digest" : "this hash is not computed here",
            out);
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
    enum bs_err err = log->has_firmware ? eventlog_print_events(&log->firmware, out) : BS_OK;
    if (err == BS_OK && log->has_userspace)
        err = show_userspace(&log->userspace, !log->has_firmware, out);
    if (err == BS_OK)
        err = bs_buf_append_string(out, LEGEND);
    for (size_t i = 0; i < count && err == BS_OK; i++)
        err = show_bank(log, banks[i], out);
    return err;
}

static bool json_firmware(struct bs_json *json, const struct userlog_record *record)
{
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(EVENTLOG_SIZE_MAX);
    struct eventlog_event event;
    if (!eventlog_more->read_record(record, &data, &event))
        return false;
    bs_json_string(json, "type", eventlog_type_name(event.type));
    eventlog_json_words(json, &event);
    return true;
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
    if (!eventlog_more || !json_firmware(json, record)) {
        bs_json_text(json, "type", record->type);
        bs_json_string(json, "data", eventlog_mark(mark_record(record)).name);
        if (record->has_text)
            bs_json_text(json, "description", userlog_text(record));
    }
    bs_json_object(json, "digests");
    for (size_t i = 0; i < record->digest_count; i++)
        bs_json_hex(json, eventlog_bank_name(record->digests[i].alg).text,
                    BS_SPAN(record->digests[i].value, record->digests[i].size));
    bs_json_close_object(json);
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
        eventlog_json_log(&json, &log->firmware);
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
