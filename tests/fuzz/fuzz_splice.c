/* A foretold boot spliced behind a machine's firmware: four bytes size of the one log, that log, then the other. */
#include "core/uki.h"
#include "fuzz/fuzz.h"

#define OWN_PCRS (UINT32_C(1) << 4 | UINT32_C(1) << 9 | UINT32_C(1) << 11)

static void splice(const struct eventlog *firmware, const struct eventlog *events)
{
    BS_SCOPED_BUF struct bs_buf spliced = BS_BUF(EVENTLOG_SIZE_MAX);
    struct eventlog log;
    const char *why = NULL;
    enum bs_err err = uki_splice(firmware, events, &spliced, &why);
    if (err != BS_OK) {
        FUZZ_CLAIM_REFUSAL(err);
        FUZZ_CLAIM(err != BS_ERR_INPUT || why);
        return;
    }
    FUZZ_CLAIM(eventlog_open(bs_buf_span(&spliced), &log, NULL) == BS_OK);
    FUZZ_CLAIM(log.event_count <= firmware->event_count + events->event_count + 1);
    for (size_t i = 0; i < firmware->bank_count && i < log.bank_count; i++)
        FUZZ_CLAIM(eventlog_has_bank(&log, firmware->banks[i].alg));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_reader reader = BS_READER(BS_SPAN(data, size));
    struct bs_span first;
    uint32_t first_size;
    struct eventlog firmware, events;
    if (!bs_read_le32(&reader, &first_size) || !bs_read_bytes(&reader, first_size, &first) ||
        eventlog_open(first, &firmware, NULL) != BS_OK)
        return 0;
    if (eventlog_open(BS_SPAN(reader.at, reader.left), &events, NULL) == BS_OK)
        splice(&firmware, &events);
    return 0;
}
