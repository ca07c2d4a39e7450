#include "server/policy/phase.h"

#include "core/crypto.h"
#include "core/json.h"

#include <string.h>

/* As systemd writes it (systemd, src/shared/tpm2-event-log.c), with the one bank that counts. */
static enum bs_err put_record(struct store_boot *boot, struct bs_span digest)
{
    struct bs_json json;
    bs_json_begin(&json, &boot->userspace_log);
    bs_json_object(&json, NULL);
    bs_json_u64(&json, "pcr", PHASE_PCR);
    bs_json_array(&json, "digests");
    bs_json_object(&json, NULL);
    bs_json_string(&json, "hashAlg", crypto_hash_name(boot->bank));
    bs_json_hex(&json, "digest", digest);
    bs_json_close_object(&json);
    bs_json_close_array(&json);
    bs_json_string(&json, "content_type", "systemd");
    bs_json_object(&json, "content");
    bs_json_string(&json, "string", PHASE_INITRD);
    bs_json_string(&json, "eventType", "phase");
    bs_json_close_object(&json);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

enum bs_err phase_enter(struct store_boot *boot)
{
    const size_t size = crypto_hash_size(boot->bank);
    uint8_t joined[2 * CRYPTO_HASH_MAX], digest[CRYPTO_HASH_MAX];
    enum bs_err err = crypto_hash(boot->bank, bs_span_of_string(PHASE_INITRD), digest);
    if (err == BS_OK)
        err = put_record(boot, BS_SPAN(digest, size));
    if (err != BS_OK)
        return err;
    memcpy(joined, boot->pcrs[PHASE_PCR], size);
    memcpy(joined + size, digest, size);
    return crypto_hash(boot->bank, BS_SPAN(joined, 2 * size), boot->pcrs[PHASE_PCR]);
}
