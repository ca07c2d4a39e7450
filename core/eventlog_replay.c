#include "core/eventlog.h"

#include <string.h>

/* TPM 2.0 Library Part 1 §17.2: new = H(old ‖ digest). */
static enum bs_err extend(struct eventlog_replay *replay, uint32_t pcr, struct bs_span digest)
{
    uint8_t joined[2 * CRYPTO_HASH_MAX];
    memcpy(joined, replay->values[pcr], replay->size);
    memcpy(joined + replay->size, digest.data, replay->size);
    replay->mask |= UINT32_C(1) << pcr;
    return crypto_hash(replay->alg, BS_SPAN(joined, 2 * replay->size), replay->values[pcr]);
}

enum bs_err eventlog_replay(const struct eventlog *log, uint16_t alg, struct eventlog_replay *ret_replay)
{
    struct eventlog_replay replay = { .alg = alg, .size = crypto_hash_size(alg) };
    if (replay.size == 0 || !eventlog_has_bank(log, alg))
        return BS_ERR_NOT_FOUND;

    /* PFP §10.4.5.3: the last byte of PCR 0 begins as the locality of TPM2_Startup. */
    replay.values[0][replay.size - 1] = log->locality;

    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);) {
        if (!eventlog_extends(&event))
            continue;
        struct bs_span digest = eventlog_digest(&event, alg);
        if (digest.size != replay.size)
            return BS_ERR_INPUT;
        enum bs_err err = extend(&replay, event.pcr, digest);
        if (err != BS_OK)
            return err;
    }
    *ret_replay = replay;
    return BS_OK;
}
