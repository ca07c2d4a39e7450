#include "server/policy/phase.h"

#include "core/json.h"

/* As systemd writes it (systemd, src/shared/tpm2-event-log.c), with the one bank that counts. */
static enum bs_err put_record(struct store_boot *boot, struct bs_span digest)
{
    struct bs_json json;
    bs_json_begin(&json, &boot->userspace_log);
    bs_json_object(&json, NULL);
    bs_json_u64(&json, "pcr", BS_PHASE_PCR);
    bs_json_array(&json, "digests");
    bs_json_object(&json, NULL);
    bs_json_string(&json, "hashAlg", crypto_hash_name(boot->bank));
    bs_json_hex(&json, "digest", digest);
    bs_json_close_object(&json);
    bs_json_close_array(&json);
    bs_json_string(&json, "content_type", "systemd");
    bs_json_object(&json, "content");
    bs_json_string(&json, "string", BS_PHASE_INITRD);
    bs_json_string(&json, "eventType", "phase");
    bs_json_close_object(&json);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

enum bs_err phase_enter(struct store_boot *boot)
{
    uint8_t bytes[CRYPTO_HASH_MAX];
    const struct bs_span digest = BS_SPAN(bytes, crypto_hash_size(boot->bank));
    enum bs_err err = crypto_hash(boot->bank, bs_span_of_string(BS_PHASE_INITRD), bytes);
    if (err == BS_OK)
        err = put_record(boot, digest);
    return err == BS_OK ? eventlog_extend(boot->bank, digest, boot->pcrs[BS_PHASE_PCR]) : err;
}

bool phase_is_entered(const struct eventlog_replay *firmware, struct bs_span value)
{
    struct eventlog_replay longer = *firmware;
    uint8_t digest[CRYPTO_HASH_MAX];
    return (firmware->mask & UINT32_C(1) << BS_PHASE_PCR) &&
           crypto_hash(firmware->alg, bs_span_of_string(BS_PHASE_INITRD), digest) == BS_OK &&
           eventlog_replay_extend(&longer, BS_PHASE_PCR, BS_SPAN(digest, firmware->size)) == BS_OK &&
           bs_span_equal(value, BS_SPAN(longer.values[BS_PHASE_PCR], firmware->size));
}
