/* The userspace's log: opened, walked twice, replayed behind nothing. */
#include "core/bootlog.h"
#include "core/eventlog_more.h"
#include "fuzz/fuzz.h"

#include <string.h>

static struct userlog_record record;

static void walk(const struct userlog *log)
{
    size_t count = 0;
    for (struct userlog_cursor c = userlog_first(log); userlog_next(&c, &record); count++) {
        struct bs_span digest = userlog_digest(&record, CRYPTO_SHA256);
        FUZZ_CLAIM(record.index == count);
        FUZZ_CLAIM(record.digest_count <= EVENTLOG_BANKS_MAX);
        FUZZ_CLAIM(!record.has_pcr || record.pcr < EVENTLOG_PCRS);
        FUZZ_CLAIM(digest.size == 0 || digest.size == CRYPTO_SHA256_SIZE);
        FUZZ_CLAIM(userlog_text(&record).size <= USERLOG_TEXT_MAX);
        FUZZ_CLAIM(record.has_text || userlog_text(&record).size == 0);
        if (userlog_measured(&record, CRYPTO_SHA256) == EVENTLOG_DATA_MEASURED)
            FUZZ_CLAIM(record.has_text && digest.size > 0);
    }
    FUZZ_CLAIM(count == log->record_count && count <= USERLOG_RECORDS_MAX);
}

/* As both programs do it, where the file is told from a firmware's log by how it begins. */
static void show(struct bs_span bytes)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(8u << 20);
    char why[BOOTLOG_WHY_MAX];
    struct bootlog log;
    if (bootlog_open(bytes, NULL, &log, why) != BS_OK)
        return;
    FUZZ_CLAIM(bootlog_show(&log, &text) == BS_OK);
    FUZZ_CLAIM_TEXT(bs_buf_span(&text));
    bs_buf_reset(&text);
    FUZZ_CLAIM(bootlog_show_json(&log, &text) == BS_OK);
    FUZZ_CLAIM_TEXT(bs_buf_span(&text));
}

static enum bs_err replay(const struct userlog *log, struct eventlog_replay *ret_replay)
{
    FUZZ_CLAIM(eventlog_replay_begin(CRYPTO_SHA256, 0, ret_replay) == BS_OK);
    return userlog_replay(log, ret_replay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct userlog log;
    struct userlog_fault fault = { 0 };
    struct eventlog_replay first, second;
    enum bs_err err = userlog_open(BS_SPAN(data, size), &log, &fault);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_INPUT && fault.what && fault.offset <= size);
        return 0;
    }
    eventlog_know_more();
    walk(&log);
    show(BS_SPAN(data, size));
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    err = replay(&log, &first);
    FUZZ_CLAIM(err == BS_OK || err == BS_ERR_INPUT);
    FUZZ_CLAIM(replay(&log, &second) == err);
    FUZZ_CLAIM(memcmp(&first, &second, sizeof(first)) == 0);
    return 0;
}
