/*
 * The boot: firmware's and userspace's log are read and replayed, then held against the quoted values. Nothing that a log says of
 * itself is believed: type and data are not measured, digests are.
 */
#include "server/verify_log.h"

#include "bootseal/report.h"

static enum bs_err refuse_firmware_log(const struct eventlog_fault *fault, struct refusal *refusal)
{
    switch (fault->kind) {
    case EVENTLOG_FAULT_CCEL:
        return refuse(refusal, BS_REASON_LOG_KIND,
                      "the device sent the event log of a confidential virtual machine (CCEL), which tells of its own "
                      "registers and not of a TPM's PCRs; set tpm.eventlog to the log of its TPM");
    case EVENTLOG_FAULT_BIG_ENDIAN:
    case EVENTLOG_FAULT_FOREIGN_FORM:
        return refuse(refusal, BS_REASON_LOG_KIND,
                      "the device sent another log than that of its firmware: %s; see tpm.eventlog", fault->what);
    case EVENTLOG_FAULT_TOO_LARGE:
        return refuse(refusal, BS_REASON_LOG_TOO_LARGE, "the event log is larger than is read here: %s", fault->what);
    case EVENTLOG_FAULT_MALFORMED:
    case EVENTLOG_FAULT_NO_LOG:
    case EVENTLOG_FAULT_EMPTY:
        break;
    }
    return refuse(refusal, BS_REASON_LOG_MALFORMED, "the event log cannot be read: event %zu at byte %zu: %s",
                  fault->event, fault->offset, fault->what);
}

/* The old format is a good log, but of a TPM 1.2, or of firmware that is set to speak as if there were one. */
static enum bs_err refuse_bank(const struct eventlog *log, uint16_t bank, struct refusal *refusal)
{
    const char *name = crypto_hash_name(bank);
    if (log->format == EVENTLOG_SHA1)
        return refuse(
            refusal, BS_REASON_LOG_KIND,
            "the device sent an event log in the format of TPM 1.2, which has SHA-1 digests alone and none of "
            "the %s bank; have the firmware write that of TPM 2.0 (TCG_2 in its setup)",
            name);
    return refuse(refusal, BS_REASON_LOG_MISMATCH, "the event log has no digests of the %s bank", name);
}

static enum bs_err open_firmware_log(struct bs_span bytes, uint16_t bank, struct verify_logs *logs,
                                     struct refusal *refusal)
{
    struct eventlog_fault fault;
    if (bytes.size == 0)
        return eventlog_replay_begin(bank, 0, &logs->replay);
    if (eventlog_open(bytes, &logs->firmware, &fault) != BS_OK)
        return refuse_firmware_log(&fault, refusal);
    logs->has_firmware = true;
    if (!eventlog_has_bank(&logs->firmware, bank))
        return refuse_bank(&logs->firmware, bank, refusal);
    return eventlog_replay_begin(bank, logs->firmware.locality, &logs->replay);
}

static enum bs_err open_userspace_log(struct bs_span bytes, struct verify_logs *logs, struct refusal *refusal)
{
    struct userlog_fault fault;
    if (bytes.size == 0)
        return BS_OK;
    if (userlog_open(bytes, &logs->userspace, &fault) != BS_OK)
        return refuse(
            refusal, fault.kind == USERLOG_FAULT_TOO_LARGE ? BS_REASON_LOG_TOO_LARGE : BS_REASON_LOG_MALFORMED,
            "the log of userspace cannot be read: record %zu at byte %zu: %s", fault.record, fault.offset, fault.what);
    logs->has_userspace = true;
    return BS_OK;
}

static bool has_note(const struct message_statement *statement, const char *note)
{
    for (size_t i = 0; i < statement->note_count; i++)
        if (bs_span_equal(statement->notes[i], bs_span_of_string(note)))
            return true;
    return false;
}

struct walk {
    const struct config *config;
    const struct message_pcrs *pcrs;
    struct verify_logs *logs;
    struct refusal *refusal;
};

static enum bs_err take(const struct walk *walk, const struct verify_step *step)
{
    if (step->digest.size == 0)
        return refuse(walk->refusal, BS_REASON_LOG_MALFORMED, "%s has no digest of the %s bank",
                      step->is_userspace ? "a record of userspace's log" : "an event of the log",
                      crypto_hash_name(walk->pcrs->bank));
    verify_mark(walk->config, walk->pcrs, step, &walk->logs->marks);
    return eventlog_replay_extend(&walk->logs->replay, step->pcr, step->digest);
}

static enum bs_err walk_firmware(const struct walk *walk)
{
    struct eventlog_event event;
    enum bs_err err = BS_OK;
    if (!walk->logs->has_firmware)
        return BS_OK;
    for (struct eventlog_cursor c = eventlog_first(&walk->logs->firmware); err == BS_OK && eventlog_next(&c, &event);) {
        const struct verify_step step = { event.pcr, eventlog_digest(&event, walk->pcrs->bank), false, event.index };
        if (eventlog_extends(&event))
            err = take(walk, &step);
    }
    return err;
}

static enum bs_err walk_userspace(const struct walk *walk)
{
    struct userlog_record record;
    enum bs_err err = BS_OK;
    if (!walk->logs->has_userspace)
        return BS_OK;
    for (struct userlog_cursor c = userlog_first(&walk->logs->userspace); err == BS_OK && userlog_next(&c, &record);) {
        const struct verify_step step = { record.pcr, userlog_digest(&record, walk->pcrs->bank), true, record.index };
        if (record.has_pcr)
            err = take(walk, &step);
    }
    return err;
}

/* The quote is about the statement, and the statement about these bytes. */
static enum bs_err verify_hash(const char *whose, struct bs_span log, struct bs_span stated, struct refusal *refusal)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    enum bs_err err = crypto_sha256(&log, 1, digest);
    if (err != BS_OK)
        return err;
    if (!bs_span_equal(stated, log.size > 0 ? BS_SPAN(digest, sizeof(digest)) : BS_SPAN_NONE))
        return refuse(refusal, BS_REASON_LOG_HASH, "%s event log is not the one that was quoted", whose);
    return BS_OK;
}

enum bs_err verify_log_hashes(const struct evidence *evidence, struct refusal *refusal)
{
    const struct message_attest *sent = &evidence->request;
    const struct message_statement *said = &evidence->statement;
    enum bs_err err = verify_hash("the firmware's", sent->firmware_log, said->firmware_log_sha256, refusal);
    return err == BS_OK ? verify_hash("userspace's", sent->userspace_log, said->userspace_log_sha256, refusal) : err;
}

enum bs_err verify_log(const struct config *config, struct evidence *evidence, struct refusal *refusal)
{
    const struct message_statement *statement = &evidence->statement;
    const struct message_pcrs *pcrs = &statement->pcrs;
    struct verify_logs logs = { .is_left_out = has_note(statement, BS_NOTE_USERSPACE_LOG_TOO_LARGE) };
    const struct walk walk = { config, pcrs, &logs, refusal };
    enum bs_err err = open_firmware_log(evidence->request.firmware_log, pcrs->bank, &logs, refusal);
    if (err == BS_OK)
        err = open_userspace_log(evidence->request.userspace_log, &logs, refusal);
    if (err == BS_OK)
        err = verify_marks_begin(pcrs->bank, &logs.marks);
    if (err == BS_OK)
        err = walk_firmware(&walk);
    if (err == BS_OK)
        err = walk_userspace(&walk);
    if (err == BS_OK)
        err = verify_uncapped(config, pcrs, &logs, refusal);
    if (err == BS_OK)
        err = verify_measured(config, pcrs, refusal);
    if (err == BS_OK)
        err = verify_values(pcrs, &logs, refusal);
    return err == BS_OK ? verify_separators(pcrs, &logs, refusal) : err;
}
