#include "core/eventlog_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TYPE_WIDTH 32 /* of the longest name */

static const struct eventlog_style plain = { .describe = eventlog_describe_plain };

struct eventlog_bank_name eventlog_bank_name(uint16_t alg)
{
    struct eventlog_bank_name name;
    const char *known = crypto_hash_name(alg);
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

static char mark_of(const struct eventlog_event *event, const struct eventlog_style *style)
{
    enum eventlog_measured measured;
    if (!style->mark(event, &measured))
        return ' ';
    switch (measured) {
    case EVENTLOG_DATA_MEASURED:
        return '=';
    case EVENTLOG_DATA_WRONG:
        return '!';
    case EVENTLOG_DATA_NOT_MEASURED:
        break;
    }
    return '?';
}

static enum bs_err print_event(const struct eventlog_event *event, const struct eventlog_style *style,
                               struct bs_buf *out)
{
    char number[16] = "-";
    if (eventlog_extends(event))
        snprintf(number, sizeof(number), "%" PRIu32, event->pcr);

    char unknown[16];
    const char *type = eventlog_type_name(event->type);
    if (!type) {
        snprintf(unknown, sizeof(unknown), "0x%08" PRIx32, event->type);
        type = unknown;
    }

    enum bs_err err = bs_buf_printf(out, "%5zu %3s  %-*s  ", event->index, number, TYPE_WIDTH, type);
    if (err == BS_OK && style->mark)
        err = bs_buf_printf(out, "%c ", mark_of(event, style));
    if (err == BS_OK)
        err = style->describe(event, out);
    if (err == BS_OK)
        err = bs_buf_append_string(out, "\n");
    return err == BS_OK && style->add_lines ? style->add_lines(event, out) : err;
}

enum bs_err eventlog_print_events(const struct eventlog *log, const struct eventlog_style *style, struct bs_buf *out)
{
    enum bs_err err = bs_buf_printf(out, "event PCR  %-*s  %swhat\n", TYPE_WIDTH, "type", style->mark ? "  " : "");
    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(log); err == BS_OK && eventlog_next(&c, &event);)
        err = print_event(&event, style, out);
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

static enum bs_err print_bank(const struct eventlog *log, uint16_t alg, struct bs_buf *out)
{
    struct eventlog_replay replay;
    enum bs_err err = eventlog_replay(log, alg, &replay);
    if (err == BS_ERR_INPUT)
        return eventlog_print_pcrs(alg, NULL, "not every event has a digest", out);
    if (err == BS_ERR_NOT_FOUND)
        return eventlog_print_pcrs(alg, NULL, "this hash is not known here", out);
    return err == BS_OK ? eventlog_print_pcrs(alg, &replay, NULL, out) : err;
}

enum bs_err eventlog_print(const struct eventlog *log, struct bs_buf *out)
{
    enum bs_err err = eventlog_print_events(log, &plain, out);
    for (size_t i = 0; i < log->bank_count && err == BS_OK; i++)
        err = print_bank(log, log->banks[i].alg, out);
    return err;
}

static const char *data_name(enum eventlog_measured measured)
{
    switch (measured) {
    case EVENTLOG_DATA_MEASURED:
        return "measured";
    case EVENTLOG_DATA_WRONG:
        return "wrong";
    case EVENTLOG_DATA_NOT_MEASURED:
        break;
    }
    return "claim";
}

static void json_event(struct bs_json *json, const struct eventlog_event *event, const struct eventlog_style *style)
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

    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    enum eventlog_measured measured;
    bs_json_u64(json, "size", event->data.size);
    if (style->mark && style->mark(event, &measured))
        bs_json_string(json, "data", data_name(measured));
    if (style->describe(event, &text) == BS_OK)
        bs_json_text(json, "description", bs_buf_span(&text));
    if (style->add_members)
        style->add_members(event, json);
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

void eventlog_json_log(struct bs_json *json, const struct eventlog *log, const struct eventlog_style *style)
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
        json_event(json, &event, style);
    bs_json_close_array(json);
}

enum bs_err eventlog_print_json(const struct eventlog *log, struct bs_buf *out)
{
    struct bs_json json;

    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    eventlog_json_log(&json, log, &plain);
    bs_json_object(&json, "pcrs");
    for (size_t i = 0; i < log->bank_count; i++) {
        struct eventlog_replay replay;
        enum bs_err err = eventlog_replay(log, log->banks[i].alg, &replay);
        eventlog_json_pcrs(&json, log->banks[i].alg, err == BS_OK ? &replay : NULL);
    }
    bs_json_close_object(&json);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}
