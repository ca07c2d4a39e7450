/* What an operator approves, as one digest. */
#include "core/userlog.h"
#include "server/evidence.h"

#include <string.h>

static void write_be64(uint64_t value, uint8_t ret_bytes[8])
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        ret_bytes[i] = (uint8_t)value;
}

static enum bs_err digest_record(struct crypto_digest *digest, const struct userlog_record *record, uint16_t bank)
{
    uint8_t numbers[16];
    struct bs_span text = userlog_text(record);
    write_be64(record->pcr, numbers);
    write_be64(text.size, numbers + 8);
    enum bs_err err = crypto_digest_update(digest, BS_SPAN(numbers, sizeof(numbers)));
    if (err == BS_OK)
        err = crypto_digest_update(digest, userlog_digest(record, bank));
    return err == BS_OK ? crypto_digest_update(digest, text) : err;
}

/*
 * Of userspace's log what the quote proves, record by record: PCR, size of the text, digest, text. Its times and the number of the boot
 * are other ones in each boot, and would make a new question of it.
 */
static enum bs_err digest_records(const struct evidence *evidence, uint8_t ret_digest[CRYPTO_SHA256_SIZE])
{
    const struct message_pcrs *pcrs = &evidence->statement.pcrs;
    struct userlog log;
    struct userlog_record record;
    BS_OWN(digest) digest = NULL;
    enum bs_err err = crypto_digest_hash(CRYPTO_SHA256, &digest);
    if (err == BS_OK)
        err = userlog_open(evidence->request.userspace_log, &log, NULL);
    if (err != BS_OK)
        return err;
    for (struct userlog_cursor c = userlog_first(&log); err == BS_OK && userlog_next(&c, &record);)
        if (record.has_pcr && (pcrs->mask & (UINT32_C(1) << record.pcr)))
            err = digest_record(digest, &record, pcrs->bank);
    return err == BS_OK ? crypto_digest_final(digest, ret_digest, NULL) : err;
}

/*
 * SHA-256(label ‖ EK id ‖ size of the AK Name ‖ AK Name ‖ bank ‖ mask ‖ values ‖ SHA-256 of the firmware's log, or zeros where there is
 * none, of what is proven of userspace's, of the command line). The firmware's log counts as sent, for it is what the operator is shown;
 * its hash is the statement's, which was held against it (verify_log_hashes()).
 */
enum bs_err evidence_question(struct evidence *evidence)
{
    const struct store_boot *boot = &evidence->boot;
    const struct bs_span firmware = evidence->statement.firmware_log_sha256;
    const struct bs_span command_line = bs_buf_span(&boot->command_line);
    uint8_t name_size[8], bank[8], mask[8], logs[3][CRYPTO_SHA256_SIZE] = { { 0 } };
    write_be64(evidence->ak_name.size, name_size);
    write_be64(boot->bank, bank);
    write_be64(boot->mask, mask);
    if (firmware.size == sizeof(logs[0]))
        memcpy(logs[0], firmware.data, sizeof(logs[0]));
    enum bs_err err = digest_records(evidence, logs[1]);
    if (err == BS_OK)
        err = crypto_sha256(&command_line, 1, logs[2]);
    if (err != BS_OK)
        return err;
    struct bs_span pieces[6 + MESSAGE_PCRS] = { BS_SPAN(evidence->device, WIRE_ID_SIZE), BS_SPAN(name_size, 8),
                                                wire_name_span(&evidence->ak_name), BS_SPAN(bank, 8),
                                                BS_SPAN(mask, 8) };
    size_t count = 5, size = crypto_hash_size(boot->bank);
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (boot->mask & (1u << pcr))
            pieces[count++] = BS_SPAN(boot->pcrs[pcr], size);
    pieces[count++] = BS_SPAN(logs, sizeof(logs));
    return crypto_labelled("bootseal question v1", pieces, count, evidence->question);
}
