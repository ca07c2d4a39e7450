#include "core/eventlog_print.h"

#include "core/eventlog_detail.h"
#include "core/eventlog_hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TYPE_WIDTH 32 /* of the longest name */

struct eventlog_bank_name eventlog_bank_name(uint16_t alg)
{
    struct eventlog_bank_name name;
    const char *known = eventlog_hash_name(alg);
    if (known)
        snprintf(name.text, sizeof(name.text), "%s", known);
    else
        snprintf(name.text, sizeof(name.text), "0x%04x", alg);
    return name;
}

static const char *format_name(enum eventlog_format format)
{
    return format == EVENTLOG_SHA1 ? "sha1" : "crypto-agile";
}

struct eventlog_mark eventlog_mark(enum eventlog_measured measured)
{
    static const struct eventlog_mark marks[] = {
        [EVENTLOG_DATA_NOT_MEASURED] = { '?', "claim" },
        [EVENTLOG_DATA_MEASURED] = { '=', "measured" },
        [EVENTLOG_DATA_WRONG] = { '!', "wrong" },
    };
    return marks[measured];
}

/* What a mark says of the event; false where it has none. */
static bool is_marked(const struct eventlog_event *event, enum eventlog_measured *ret_measured)
{
    size_t good = 0, known = 0;
    bool is_wrong = false;

    if (!eventlog_extends(event))
        return false;
    for (size_t i = 0; i < event->digest_count; i++) {
        uint16_t alg = event->digests[i].alg;
        if (!eventlog_hash_is_computed(alg))
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

enum bs_err eventlog_print_event(const struct eventlog_event *event, struct bs_buf *out)
{
    enum eventlog_measured measured = EVENTLOG_DATA_MEASURED;
    char number[16] = "-";
    if (eventlog_extends(event))
        snprintf(number, sizeof(number), "%" PRIu32, event->pcr);

    char unknown[16];
    const char *type = eventlog_type_name(event->type);
    if (!type) {
        snprintf(unknown, sizeof(unknown), "0x%08" PRIx32, event->type);
        type = unknown;
    }

    enum bs_err err = bs_buf_printf(out, "%5zu %3s  %-*s  %c ", event->index, number, TYPE_WIDTH, type,
                                    is_marked(event, &measured) ? eventlog_mark(measured).sign : ' ');
    if (err == BS_OK)
        err = eventlog_describe(event, out);
    if (err == BS_OK)
        err = bs_buf_append_string(out, "\n");
    /* What the words do not prove is known by its digest alone. */
    if (err == BS_OK && measured != EVENTLOG_DATA_MEASURED)
        err = eventlog_detail_digest(event, out);
    return err == BS_OK ? eventlog_detail(event, out) : err;
}

enum bs_err eventlog_print_events(const struct eventlog *log, struct bs_buf *out)
{
    enum bs_err err = bs_buf_printf(out, "event PCR  %-*s    what\n", TYPE_WIDTH, "type");
    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(log); err == BS_OK && eventlog_next(&c, &event);)
        err = eventlog_print_event(&event, out);
    return err;
}

enum bs_err eventlog_print_pcrs(uint16_t alg, const struct eventlog_replay *replay, const char *why, struct bs_buf *out)
{
    if (!replay)
        return bs_buf_printf(out, "\nPCRs of bank %s: %s\n", eventlog_bank_name(alg).text, why);

    enum bs_err err = bs_buf_printf(out, "\nPCRs of bank %s, by these events\n", eventlog_bank_name(alg).text);
    for (unsigned pcr = 0; pcr < EVENTLOG_PCRS && err == BS_OK; pcr++) {
        if (!(replay->mask & UINT32_C(1) << pcr))
            continue;
        char hex[2 * CRYPTO_HASH_MAX + 1];
        bs_hex(BS_SPAN(replay->values[pcr], replay->size), hex);
        err = bs_buf_printf(out, "%9u  %s\n", pcr, hex);
    }
    return err;
}

void eventlog_json_words(struct bs_json *json, const struct eventlog_event *event)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    enum eventlog_measured measured;
    if (is_marked(event, &measured))
        bs_json_string(json, "data", eventlog_mark(measured).name);
    if (eventlog_describe(event, &text) == BS_OK)
        bs_json_text(json, "description", bs_buf_span(&text));
}

static void json_event(struct bs_json *json, const struct eventlog_event *event)
{
    bs_json_object(json, NULL);
    bs_json_u64(json, "index", event->index);
    bs_json_u64(json, "pcr", event->pcr);
    bs_json_u64(json, "type", event->type);
    bs_json_string(json, "type_name", eventlog_type_name(event->type));

    bs_json_object(json, "digests");
    for (size_t i = 0; i < event->digest_count; i++)
        bs_json_hex(json, eventlog_bank_name(event->digests[i].alg).text, event->digests[i].value);
    bs_json_close_object(json);

    bs_json_u64(json, "size", event->data.size);
    eventlog_json_words(json, event);
    eventlog_detail_json(event, json);
    bs_json_close_object(json);
}

void eventlog_json_pcrs(struct bs_json *json, uint16_t alg, const struct eventlog_replay *replay)
{
    if (!replay) {
        bs_json_null(json, eventlog_bank_name(alg).text);
        return;
    }
    bs_json_object(json, eventlog_bank_name(alg).text);
    for (unsigned pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
        char number[4];
        snprintf(number, sizeof(number), "%u", pcr);
        if (replay->mask & UINT32_C(1) << pcr)
            bs_json_hex(json, number, BS_SPAN(replay->values[pcr], replay->size));
    }
    bs_json_close_object(json);
}

void eventlog_json_log(struct bs_json *json, const struct eventlog *log)
{
    struct eventlog_event event;

    bs_json_string(json, "format", format_name(log->format));
    bs_json_u64(json, "startup_locality", log->locality);
    bs_json_array(json, "banks");
    for (size_t i = 0; i < log->bank_count; i++)
        bs_json_string(json, NULL, eventlog_bank_name(log->banks[i].alg).text);
    bs_json_close_array(json);

    bs_json_array(json, "events");
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);)
        json_event(json, &event);
    bs_json_close_array(json);
}
