/* Event logs: opened, walked, replayed, and printed for a person and for a program. */
#include "core/bootlog.h"
#include "core/eventlog_more.h"
#include "core/json_read.h"
#include "fuzz/fuzz.h"

#include <string.h>

#define PRINTED_MAX (32u << 20)

static void walk(const struct eventlog *log)
{
    struct eventlog_event event;
    size_t count = 0;
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event); count++) {
        FUZZ_CLAIM(event.index == count);
        FUZZ_CLAIM(event.digest_count <= EVENTLOG_BANKS_MAX);
        FUZZ_CLAIM(!eventlog_extends(&event) || event.pcr < EVENTLOG_PCRS);
        for (size_t i = 0; i < event.digest_count; i++)
            FUZZ_CLAIM(bs_span_equal(eventlog_digest(&event, event.digests[i].alg), event.digests[i].value));
    }
    FUZZ_CLAIM(count == log->event_count);
    FUZZ_CLAIM(count <= EVENTLOG_EVENTS_MAX);
}

/* The same values again: of the log as it is, and of its bytes without the padding, opened anew. */
static void replay(const struct eventlog *log)
{
    struct eventlog again;
    FUZZ_CLAIM(eventlog_open(log->bytes, &again, NULL) == BS_OK);
    FUZZ_CLAIM(again.event_count == log->event_count && again.bank_count == log->bank_count &&
               again.locality == log->locality && again.bytes.size == log->bytes.size);
    for (size_t i = 0; i < log->bank_count; i++) {
        struct eventlog_replay first = { 0 }, second = { 0 };
        enum bs_err err = eventlog_replay(log, log->banks[i].alg, &first);
        FUZZ_CLAIM(err == eventlog_replay(&again, log->banks[i].alg, &second));
        FUZZ_CLAIM(err != BS_OK || memcmp(&first, &second, sizeof(first)) == 0);
        if (err != BS_OK)
            FUZZ_CLAIM_REFUSAL(err);
        else
            FUZZ_CLAIM(first.size == log->banks[i].size);
    }
}

static void claim_json(struct bs_span json)
{
    struct json_reader reader;
    FUZZ_CLAIM_TEXT(json);
    json_read_begin(&reader, json);
    json_read_skip(&reader);
    FUZZ_CLAIM(json_read_end(&reader) == BS_OK);
}

/* As both programs do it: all that is looked into, with marks. */
static void show(struct bs_span bytes)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(PRINTED_MAX);
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(PRINTED_MAX);
    char why[BOOTLOG_WHY_MAX];
    struct bootlog log;
    FUZZ_CLAIM(bootlog_open(bytes, NULL, &log, why) == BS_OK);
    FUZZ_CLAIM(bootlog_show(&log, &text) == BS_OK);
    FUZZ_CLAIM_TEXT(bs_buf_span(&text));
    FUZZ_CLAIM(bootlog_show_json(&log, &json) == BS_OK);
    claim_json(bs_buf_span(&json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eventlog log;
    struct eventlog_fault fault = { 0 };
    enum bs_err err = eventlog_open(BS_SPAN(data, size), &log, &fault);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_INPUT && fault.what && fault.offset <= size);
        return 0;
    }
    eventlog_know_more();
    walk(&log);
    replay(&log);
    show(log.bytes);
    return 0;
}
