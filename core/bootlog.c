#include "core/bootlog.h"
#include "core/eventlog_more.h"

#include <stdio.h>
#include <string.h>

static void explain(const char *what, const char *unit, size_t index, size_t offset, char why[BOOTLOG_WHY_MAX])
{
    if (index == 0 && offset == 0)
        snprintf(why, BOOTLOG_WHY_MAX, "%s", what);
    else
        snprintf(why, BOOTLOG_WHY_MAX, "%s %zu at byte %zu: %s", unit, index, offset, what);
}

static enum bs_err open_userspace(struct bs_span bytes, struct bootlog *log, char why[BOOTLOG_WHY_MAX])
{
    struct userlog_fault fault = { .what = "" };
    enum bs_err err = userlog_open_file(bytes, &log->userspace, &fault);
    log->has_userspace = err == BS_OK;
    if (err != BS_OK)
        explain(fault.what, "record", fault.record, fault.offset, why);
    return err;
}

/*
 * With blanks before or without. A firmware's log can begin so with EV_NO_ACTION alone, which may name any PCR; but the type has zeros
 * then, and no text has.
 */
static bool is_json(struct bs_span bytes)
{
    size_t i = 0;
    if (bytes.size >= 8 && memchr(bytes.data, 0, 8))
        return false;
    while (i < bytes.size && (bytes.data[i] == ' ' || (bytes.data[i] >= '\t' && bytes.data[i] <= '\r')))
        i++;
    return i < bytes.size && (bytes.data[i] == 0x1e || bytes.data[i] == '{' || bytes.data[i] == '[');
}

/*
 * Some firmware hands over all of the room that it reserved, far more than any log is long. What is cut off is padding only; what is left of
 * it is looked at with the log.
 */
static struct bs_span cut_room(struct bs_span bytes)
{
    size_t size = bytes.size;
    while (size > EVENTLOG_SIZE_MAX && (bytes.data[size - 1] == 0x00 || bytes.data[size - 1] == 0xff))
        size--;
    return BS_SPAN(bytes.data, size);
}

static enum bs_err open_firmware(struct bs_span bytes, struct bootlog *log, char why[BOOTLOG_WHY_MAX])
{
    struct eventlog_fault fault = { .what = "" };
    enum bs_err err = eventlog_open(cut_room(bytes), &log->firmware, &fault);
    log->has_firmware = err == BS_OK;
    if (err == BS_OK)
        return BS_OK;
    if (fault.kind == EVENTLOG_FAULT_MALFORMED || fault.kind == EVENTLOG_FAULT_TOO_LARGE)
        explain(fault.what, "event", fault.event, fault.offset, why);
    else
        explain(fault.what, "", 0, 0, why);
    return err;
}

/* CEL-JSON of a whole boot has the firmware's events in it: behind the firmware's log they would be extended twice. */
static bool repeats_firmware(const struct userlog *log)
{
    struct userlog_record record;
    for (struct userlog_cursor c = userlog_first(log); userlog_next(&c, &record);)
        if (record.event_type.size > 0)
            return true;
    return false;
}

enum bs_err bootlog_open(struct bs_span file, const struct bs_span *userspace, struct bootlog *ret_log,
                         char ret_why[BOOTLOG_WHY_MAX])
{
    struct bootlog log = { .has_firmware = false };
    enum bs_err err;

    if (is_json(file) && !userspace)
        err = open_userspace(file, &log, ret_why);
    else
        err = open_firmware(file, &log, ret_why);
    if (err == BS_OK && userspace) {
        char why[BOOTLOG_WHY_MAX];
        err = open_userspace(*userspace, &log, why);
        if (err != BS_OK)
            snprintf(ret_why, BOOTLOG_WHY_MAX, "the userspace's log: %.200s", why);
    }
    if (err == BS_OK && log.has_firmware && log.has_userspace && repeats_firmware(&log.userspace)) {
        snprintf(ret_why, BOOTLOG_WHY_MAX,
                 "the userspace's log repeats the firmware's events: give it alone, it is of the whole boot");
        err = BS_ERR_INPUT;
    }
    if (err == BS_OK)
        *ret_log = log;
    return err;
}

static void add_bank(uint16_t alg, uint16_t *banks, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        if (banks[i] == alg)
            return;
    if (*count < BOOTLOG_BANKS_MAX)
        banks[(*count)++] = alg;
}

size_t bootlog_banks(const struct bootlog *log, uint16_t ret_banks[BOOTLOG_BANKS_MAX])
{
    struct userlog_record record;
    size_t count = 0;

    /* What a firmware's log has no bank of, the userspace's cannot lead to a value of. */
    if (log->has_firmware) {
        for (size_t i = 0; i < log->firmware.bank_count; i++)
            add_bank(log->firmware.banks[i].alg, ret_banks, &count);
        return count;
    }
    for (struct userlog_cursor c = userlog_first(&log->userspace); userlog_next(&c, &record);)
        for (size_t i = 0; i < record.digest_count; i++)
            add_bank(record.digests[i].alg, ret_banks, &count);
    return count;
}

static bool has_bank(const struct bootlog *log, uint16_t alg)
{
    uint16_t banks[BOOTLOG_BANKS_MAX];
    size_t count = bootlog_banks(log, banks);
    for (size_t i = 0; i < count; i++)
        if (banks[i] == alg)
            return true;
    return false;
}

static enum bs_err extend(struct eventlog_replay *replay, uint32_t pcr, struct bs_span digest, size_t *there,
                          size_t *missing)
{
    if (digest.size == 0) {
        ++*missing;
        return BS_OK;
    }
    ++*there;
    return eventlog_replay_extend(replay, pcr, digest);
}

/* What PCR 0 began with: the firmware's log tells, or where there is CEL-JSON of it alone, that. */
static uint8_t locality_of(const struct bootlog *log)
{
    static const char name[16] = "StartupLocality";
    struct userlog_record record;
    struct eventlog_event event;

    if (log->has_firmware || !eventlog_more)
        return log->has_firmware ? log->firmware.locality : 0;
    for (struct userlog_cursor c = userlog_first(&log->userspace); userlog_next(&c, &record);) {
        BS_SCOPED_BUF struct bs_buf data = BS_BUF(EVENTLOG_SIZE_MAX);
        if (!record.has_pcr && eventlog_more->read_record(&record, &data, &event) && event.data.size > sizeof(name) &&
            memcmp(event.data.data, name, sizeof(name)) == 0)
            return event.data.data[sizeof(name)];
    }
    return 0;
}

enum bs_err bootlog_replay(const struct bootlog *log, uint16_t alg, struct eventlog_replay *ret_replay,
                           struct bootlog_missing *ret_missing)
{
    struct eventlog_replay replay;
    struct bootlog_missing missing = { 0, 0 };
    size_t there = 0;
    if (!has_bank(log, alg))
        return BS_ERR_NOT_FOUND;
    enum bs_err err = eventlog_replay_begin(alg, locality_of(log), &replay);

    if (err == BS_OK && log->has_firmware) {
        struct eventlog_event event;
        for (struct eventlog_cursor c = eventlog_first(&log->firmware); err == BS_OK && eventlog_next(&c, &event);)
            if (eventlog_extends(&event))
                err = extend(&replay, event.pcr, eventlog_digest(&event, alg), &there, &missing.events);
    }
    if (err == BS_OK && log->has_userspace) {
        struct userlog_record record;
        for (struct userlog_cursor c = userlog_first(&log->userspace); err == BS_OK && userlog_next(&c, &record);)
            if (record.has_pcr)
                err = extend(&replay, record.pcr, userlog_digest(&record, alg), &there, &missing.records);
    }
    if (err == BS_OK && there == 0 && missing.events + missing.records > 0)
        err = BS_ERR_NOT_FOUND;
    if (err != BS_OK)
        return err;
    *ret_replay = replay;
    *ret_missing = missing;
    return BS_OK;
}

uint16_t bootlog_main_bank(const struct bootlog *log)
{
    uint16_t banks[BOOTLOG_BANKS_MAX], first = 0;
    struct eventlog_replay replay;
    struct bootlog_missing missing;
    size_t count = bootlog_banks(log, banks);

    for (size_t i = 0; i < count; i++) {
        if (bootlog_replay(log, banks[i], &replay, &missing) != BS_OK)
            continue;
        if (banks[i] == CRYPTO_SHA256)
            return CRYPTO_SHA256;
        first = first != 0 ? first : banks[i];
    }
    return first;
}
