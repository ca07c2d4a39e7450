#include "core/eventlog.h"
#include "core/eventlog_hash.h"

#include <string.h>

#define DYNAMIC_PCR_FIRST 17
#define DYNAMIC_PCR_LAST 22

static uint8_t reset_byte(uint32_t pcr)
{
    return pcr >= DYNAMIC_PCR_FIRST && pcr <= DYNAMIC_PCR_LAST ? 0xff : 0;
}

bool eventlog_is_reset(uint32_t pcr, struct bs_span value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] != reset_byte(pcr))
            return false;
    return true;
}

enum bs_err eventlog_extend(uint16_t alg, struct bs_span digest, uint8_t value[CRYPTO_HASH_MAX])
{
    uint8_t joined[2 * CRYPTO_HASH_MAX];
    if (digest.size == 0 || digest.size != eventlog_hash_size(alg))
        return BS_ERR_INPUT;
    memcpy(joined, value, digest.size);
    memcpy(joined + digest.size, digest.data, digest.size);
    return eventlog_hash(alg, BS_SPAN(joined, 2 * digest.size), value);
}

enum bs_err eventlog_replay_begin(uint16_t alg, uint8_t locality, struct eventlog_replay *ret_replay)
{
    struct eventlog_replay replay = { .alg = alg, .size = eventlog_hash_size(alg) };
    if (!eventlog_hash_is_computed(alg))
        return BS_ERR_NOT_FOUND;
    /* PFP §10.4.5.3: the last byte of PCR 0 begins as the locality of TPM2_Startup. */
    replay.values[0][replay.size - 1] = locality;
    *ret_replay = replay;
    return BS_OK;
}

enum bs_err eventlog_replay_extend(struct eventlog_replay *replay, uint32_t pcr, struct bs_span digest)
{
    if (pcr >= EVENTLOG_PCRS || digest.size != replay->size)
        return BS_ERR_INPUT;
    replay->mask |= UINT32_C(1) << pcr;
    return eventlog_extend(replay->alg, digest, replay->values[pcr]);
}

enum bs_err eventlog_replay(const struct eventlog *log, uint16_t alg, struct eventlog_replay *ret_replay)
{
    struct eventlog_replay replay;
    if (!eventlog_has_bank(log, alg))
        return BS_ERR_NOT_FOUND;
    enum bs_err err = eventlog_replay_begin(alg, log->locality, &replay);

    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(log); err == BS_OK && eventlog_next(&c, &event);)
        if (eventlog_extends(&event))
            err = eventlog_replay_extend(&replay, event.pcr, eventlog_digest(&event, alg));
    if (err == BS_OK)
        *ret_replay = replay;
    return err;
}

void eventlog_replay_quoted(const struct eventlog_replay *replay, uint32_t pcr, uint8_t ret_value[CRYPTO_HASH_MAX])
{
    if (replay->mask >> pcr & 1)
        memcpy(ret_value, replay->values[pcr], replay->size);
    else
        memset(ret_value, reset_byte(pcr), replay->size);
}
