#include "core/eventlog.h"

#include "core/eventlog_hash.h"

#include <string.h>

#define SHA1_SIZE 20
#define NAME_SIZE 16 /* of the signatures in EV_NO_ACTION events, with their zero */

static const char spec_id[NAME_SIZE] = "Spec ID Event03";
static const char startup_locality[NAME_SIZE] = "StartupLocality";

/* One event as it stands; the reader is left where the next begins. Returns what is wrong, NULL when nothing is. */
static const char *take_sha1_event(struct bs_reader *r, struct eventlog_event *event)
{
    struct bs_span digest;
    uint32_t size;

    if (!bs_read_le32(r, &event->pcr) || !bs_read_le32(r, &event->type) || !bs_read_bytes(r, SHA1_SIZE, &digest) ||
        !bs_read_le32(r, &size))
        return "the log ends within an event: it was cut or damaged";
    if (!bs_read_bytes(r, size, &event->data))
        return "the log ends within the event's data: it was cut or damaged";
    event->digests[0] = (struct eventlog_digest){ CRYPTO_SHA1, digest };
    event->digest_count = 1;
    return NULL;
}

static const struct eventlog_bank *find_bank(const struct eventlog *log, uint16_t alg)
{
    for (size_t i = 0; i < log->bank_count; i++)
        if (log->banks[i].alg == alg)
            return &log->banks[i];
    return NULL;
}

/* The size of a digest: the header's, else of an algorithm that firmware measured with and forgot to name there. */
static size_t digest_size(const struct eventlog *log, uint16_t alg)
{
    const struct eventlog_bank *bank = find_bank(log, alg);
    return bank ? bank->size : eventlog_hash_size(alg);
}

static const char *take_digests(const struct eventlog *log, struct bs_reader *r, struct eventlog_event *event)
{
    uint32_t count;
    if (!bs_read_le32(r, &count))
        return "the log ends within an event: it was cut or damaged";
    if (count > EVENTLOG_BANKS_MAX)
        return "the event has more digests than any log has banks";

    event->digest_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct eventlog_digest digest;
        if (!bs_read_le16(r, &digest.alg))
            return "the log ends within an event: it was cut or damaged";
        size_t size = digest_size(log, digest.alg);
        if (size == 0)
            return "the event has a digest of a hash that the log's header does not name";
        if (eventlog_digest(event, digest.alg).size > 0)
            return "the event has two digests of one hash";
        if (!bs_read_bytes(r, size, &digest.value))
            return "the log ends within an event: it was cut or damaged";
        event->digests[event->digest_count++] = digest;
    }
    return NULL;
}

static const char *take_agile_event(const struct eventlog *log, struct bs_reader *r, struct eventlog_event *event)
{
    uint32_t size;
    if (!bs_read_le32(r, &event->pcr) || !bs_read_le32(r, &event->type))
        return "the log ends within an event: it was cut or damaged";
    const char *fault = take_digests(log, r, event);
    if (fault)
        return fault;
    if (!bs_read_le32(r, &size))
        return "the log ends within an event: it was cut or damaged";
    if (!bs_read_bytes(r, size, &event->data))
        return "the log ends within the event's data: it was cut or damaged";
    return NULL;
}

static const char *take_event(const struct eventlog *log, struct bs_reader *r, size_t index,
                              struct eventlog_event *ret_event)
{
    /* Each step fills in its own; the digests behind digest_count are nobody's. */
    ret_event->index = index;
    ret_event->digest_count = 0;
    /* The header is in the old format, so that a reader of 2005 could skip it (PFP §10.4.5.1). */
    if (log->format == EVENTLOG_SHA1 || index == 0)
        return take_sha1_event(r, ret_event);
    return take_agile_event(log, r, ret_event);
}

static bool starts_with(struct bs_span data, const char name[NAME_SIZE])
{
    return data.size >= NAME_SIZE && memcmp(data.data, name, NAME_SIZE) == 0;
}

/* One algorithm of the header's table. */
static const char *take_bank(struct eventlog *log, struct bs_reader *r)
{
    struct eventlog_bank bank;
    if (!bs_read_le16(r, &bank.alg) || !bs_read_le16(r, &bank.size))
        return "the log's header ends within its table of hashes";
    size_t known = eventlog_hash_size(bank.alg);
    if (bank.size == 0 || bank.size > CRYPTO_HASH_MAX || (known != 0 && known != bank.size))
        return "the log's header gives a hash a size that it does not have";
    if (find_bank(log, bank.alg))
        return "the log's header names a hash twice";
    log->banks[log->bank_count++] = bank;
    return NULL;
}

/*
 * TCG_EfiSpecIdEvent (PFP §10.4.5.1): signature, platform class, minor, major, errata, size of UINTN, number of
 * algorithms, table, vendor info. The vendor info is of no use here, and firmware was seen to leave it out.
 */
static const char *read_spec_id(struct eventlog *log, struct bs_span data)
{
    struct bs_reader r = BS_READER(data);
    struct bs_span skipped;
    uint32_t count;

    if (!bs_read_bytes(&r, NAME_SIZE + 8, &skipped) || !bs_read_le32(&r, &count))
        return "the log's header is cut short";
    if (count == 0 || count > EVENTLOG_BANKS_MAX)
        return "the log's header names no hash, or too many";
    for (uint32_t i = 0; i < count; i++) {
        const char *fault = take_bank(log, &r);
        if (fault)
            return fault;
    }
    return NULL;
}

/* The first event decides on the format: in "Spec ID Event00" (BIOS) and "Event02" (EFI, TPM 1.2) all others are as it is. */
static const char *find_format(struct eventlog *log)
{
    struct bs_reader r = BS_READER(log->bytes);
    struct eventlog_event event = { .index = 0 };

    if (take_sha1_event(&r, &event) || (event.pcr >= EVENTLOG_PCRS && event.type != EVENTLOG_NO_ACTION))
        return "this is no event log of a TPM";
    if (event.type == EVENTLOG_NO_ACTION && starts_with(event.data, spec_id))
        log->format = EVENTLOG_CRYPTO_AGILE;
    return NULL;
}

/* Of what is not crypto-agile, a header of a form that is not known here: guessed at, the events would be read as what they are not. */
static bool is_other_form(const struct eventlog_event *event)
{
    const size_t before = sizeof("Spec ID Event") - 1;
    if (event->type != EVENTLOG_NO_ACTION || event->data.size < before + 2 ||
        memcmp(event->data.data, spec_id, before) != 0)
        return false;
    const uint8_t *number = event->data.data + before;
    return number[0] != '0' || (number[1] != '0' && number[1] != '2');
}

static const char *read_header(struct eventlog *log)
{
    struct bs_reader r = BS_READER(log->bytes);
    struct eventlog_event event = { .index = 0 };

    if (take_sha1_event(&r, &event))
        return "the log's header is cut short";
    if (log->format == EVENTLOG_CRYPTO_AGILE)
        return read_spec_id(log, event.data);
    if (is_other_form(&event))
        return "the log's header names another form than Spec ID Event00, Event02 and Event03, which are read";
    log->banks[0] = (struct eventlog_bank){ CRYPTO_SHA1, SHA1_SIZE };
    log->bank_count = 1;
    return NULL;
}

/*
 * Firmware reserves room for the log and hands over all of it: where the zeros or 0xff at the end begin. Looked for
 * once and from the end, so that a log of zeros does not cost the square of its size.
 */
static size_t find_padding(struct bs_span bytes)
{
    size_t at = bytes.size;
    while (at > 0 && (bytes.data[at - 1] == 0x00 || bytes.data[at - 1] == 0xff))
        at--;
    return at;
}

struct opening {
    struct eventlog log;
    bool has_locality;
    bool has_pcr0; /* an event extended PCR 0 */
    enum eventlog_fault_kind kind;
};

/*
 * PFP §10.4.5.3. Locality 4 means that a hardware root of trust extended PCR 0 before TPM2_Startup. The data are 17 bytes; coreboot,
 * whose events are all of one size, has zeros behind.
 */
static const char *note_locality(struct opening *o, const struct eventlog_event *event)
{
    if (event->type != EVENTLOG_NO_ACTION || !starts_with(event->data, startup_locality))
        return NULL;
    if (o->has_locality)
        return "a second StartupLocality event";
    if (event->data.size <= NAME_SIZE)
        return "a StartupLocality event of a wrong size";
    uint8_t locality = event->data.data[NAME_SIZE];
    if (locality != 0 && locality != 3 && locality != 4)
        return "a StartupLocality event with a locality that cannot start a TPM";
    o->log.locality = locality;
    o->has_locality = true;
    return NULL;
}

/*
 * A hardware root of trust that was measured before TPM2_Startup leaves PCR 0 as if it had been started at locality 4 (TPM 2.0 Library
 * Part 1 §34.3). Its event is then the first of PCR 0, and firmware that forgets the StartupLocality event before it was seen.
 */
static void note_hcrtm(struct opening *o, const struct eventlog_event *event)
{
    if (event->pcr != 0 || !eventlog_extends(event))
        return;
    if (event->type == EVENTLOG_HCRTM && !o->has_pcr0 && !o->has_locality)
        o->log.locality = 4;
    o->has_pcr0 = true;
}

/* Firmware was seen to measure with a hash that its header does not name: then it is a bank all the same. */
static const char *note_banks(struct eventlog *log, const struct eventlog_event *event)
{
    for (size_t i = 0; i < event->digest_count; i++) {
        if (find_bank(log, event->digests[i].alg))
            continue;
        if (log->bank_count == EVENTLOG_BANKS_MAX)
            return "the log has digests of too many hashes";
        log->banks[log->bank_count++] =
            (struct eventlog_bank){ event->digests[i].alg, (uint16_t)event->digests[i].value.size };
    }
    return NULL;
}

static const char *read_event(struct opening *o, struct bs_reader *r)
{
    struct eventlog_event event;
    const char *fault = take_event(&o->log, r, o->log.event_count, &event);
    if (!fault && event.pcr >= EVENTLOG_PCRS && eventlog_extends(&event))
        fault = "the event names a PCR that does not exist";
    if (!fault && event.index > 0)
        fault = note_banks(&o->log, &event);
    if (!fault)
        fault = note_locality(o, &event);
    if (!fault)
        note_hcrtm(o, &event);
    return fault;
}

static const char *read_events(struct opening *o, struct bs_reader *r, size_t end)
{
    /* The last event may end in zeros of its own, so that padding can only be told at its end. */
    while (o->log.bytes.size - r->left < end) {
        if (o->log.event_count == EVENTLOG_EVENTS_MAX) {
            o->kind = EVENTLOG_FAULT_TOO_LARGE;
            return "the log has too many events";
        }
        struct bs_reader next = *r;
        const char *fault = read_event(o, &next);
        if (fault)
            return fault;
        *r = next;
        o->log.event_count++;
    }
    return NULL;
}

static const char *read_log(struct opening *o, struct bs_reader *r)
{
    o->kind = EVENTLOG_FAULT_TOO_LARGE;
    if (o->log.bytes.size > EVENTLOG_SIZE_MAX)
        return "the log is larger than 1 MiB";
    size_t end = find_padding(o->log.bytes);
    o->kind = EVENTLOG_FAULT_EMPTY;
    if (end == 0)
        return "the log is empty";
    o->kind = EVENTLOG_FAULT_NO_LOG;
    const char *fault = find_format(&o->log);
    if (fault)
        return fault;
    o->kind = EVENTLOG_FAULT_MALFORMED;
    fault = read_header(&o->log);
    return fault ? fault : read_events(o, r, end);
}

enum bs_err eventlog_open_plain(struct bs_span bytes, struct eventlog *ret_log, struct eventlog_fault *ret_fault)
{
    struct opening o = { .log = { .bytes = bytes } };
    struct bs_reader r = BS_READER(bytes);
    const char *fault = read_log(&o, &r);
    if (fault) {
        if (ret_fault)
            *ret_fault = (struct eventlog_fault){ o.kind, fault, o.log.event_count, bytes.size - r.left };
        return BS_ERR_INPUT;
    }
    o.log.bytes.size -= r.left;
    *ret_log = o.log;
    return BS_OK;
}

struct eventlog_cursor eventlog_first(const struct eventlog *log)
{
    return (struct eventlog_cursor){ .log = log, .reader = BS_READER(log->bytes) };
}

bool eventlog_next(struct eventlog_cursor *cursor, struct eventlog_event *ret_event)
{
    if (cursor->index == cursor->log->event_count)
        return false;
    /* Cannot fail: eventlog_open() went over these bytes in the same way. */
    return !take_event(cursor->log, &cursor->reader, cursor->index++, ret_event);
}

struct bs_span eventlog_digest(const struct eventlog_event *event, uint16_t alg)
{
    for (size_t i = 0; i < event->digest_count; i++)
        if (event->digests[i].alg == alg)
            return event->digests[i].value;
    return BS_SPAN_NONE;
}

bool eventlog_extends(const struct eventlog_event *event)
{
    return event->type != EVENTLOG_NO_ACTION && event->type != EVENTLOG_TXT_PCR_MAPPING &&
           event->type != EVENTLOG_TXT_SLAUNCH_START && event->type != EVENTLOG_TXT_SLAUNCH_END;
}

bool eventlog_has_bank(const struct eventlog *log, uint16_t alg)
{
    return find_bank(log, alg) != NULL;
}
