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
    enum bs_err err = eventlog_replay(&logs->firmware, bank, &logs->replay);
    if (err == BS_ERR_NOT_FOUND)
        return refuse_bank(&logs->firmware, bank, refusal);
    if (err == BS_ERR_INPUT)
        return refuse(refusal, BS_REASON_LOG_MALFORMED, "an event of the log has no digest of the %s bank",
                      crypto_hash_name(bank));
    return err;
}

static enum bs_err open_userspace_log(struct bs_span bytes, uint16_t bank, struct verify_logs *logs,
                                      struct refusal *refusal)
{
    struct userlog_fault fault;
    if (bytes.size == 0)
        return BS_OK;
    if (userlog_open(bytes, &logs->userspace, &fault) != BS_OK)
        return refuse(
            refusal, fault.kind == USERLOG_FAULT_TOO_LARGE ? BS_REASON_LOG_TOO_LARGE : BS_REASON_LOG_MALFORMED,
            "the log of userspace cannot be read: record %zu at byte %zu: %s", fault.record, fault.offset, fault.what);
    logs->has_userspace = true;
    enum bs_err err = userlog_replay(&logs->userspace, &logs->replay);
    if (err == BS_ERR_INPUT)
        return refuse(refusal, BS_REASON_LOG_MALFORMED, "a record of userspace's log has no digest of the %s bank",
                      crypto_hash_name(bank));
    return err;
}

static bool has_note(const struct message_statement *statement, const char *note)
{
    for (size_t i = 0; i < statement->note_count; i++)
        if (bs_span_equal(statement->notes[i], bs_span_of_string(note)))
            return true;
    return false;
}

struct verify_cursor verify_steps(const struct verify_logs *logs, uint16_t bank)
{
    struct verify_cursor cursor = { .logs = logs, .bank = bank };
    if (logs->has_firmware)
        cursor.firmware = eventlog_first(&logs->firmware);
    if (logs->has_userspace)
        cursor.userspace = userlog_first(&logs->userspace);
    return cursor;
}

bool verify_next(struct verify_cursor *cursor, struct verify_step *ret_step)
{
    const struct eventlog_event *event = &cursor->event;
    const struct userlog_record *record = &cursor->record;
    while (cursor->logs->has_firmware && eventlog_next(&cursor->firmware, &cursor->event)) {
        if (!eventlog_extends(event))
            continue;
        *ret_step = (struct verify_step){ event->pcr, eventlog_digest(event, cursor->bank), false, event->index };
        return true;
    }
    while (cursor->logs->has_userspace && userlog_next(&cursor->userspace, &cursor->record)) {
        if (!record->has_pcr)
            continue;
        *ret_step = (struct verify_step){ record->pcr, userlog_digest(record, cursor->bank), true, record->index };
        return true;
    }
    return false;
}

enum bs_err verify_log(const struct config *config, struct evidence *evidence, struct refusal *refusal)
{
    const struct message_statement *statement = &evidence->statement;
    const struct message_pcrs *pcrs = &statement->pcrs;
    struct verify_logs logs = { .is_left_out = has_note(statement, BS_NOTE_USERSPACE_LOG_TOO_LARGE) };
    enum bs_err err = open_firmware_log(statement->firmware_log, pcrs->bank, &logs, refusal);
    if (err == BS_OK)
        err = open_userspace_log(statement->userspace_log, pcrs->bank, &logs, refusal);
    if (err == BS_OK)
        err = verify_uncapped(config, pcrs, &logs, refusal);
    if (err == BS_OK)
        err = verify_measured(config, pcrs, refusal);
    if (err == BS_OK)
        err = verify_values(pcrs, &logs, refusal);
    return err == BS_OK ? verify_separators(pcrs, &logs, refusal) : err;
}
