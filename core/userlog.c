#include "core/userlog.h"

#include "core/eventlog_hash.h"
#include "core/json_read.h"

#include <assert.h>
#include <string.h>

#define RECORD_SEPARATOR 0x1e /* RFC 7464 §2.2 */

enum member {
    MEMBER_PCR = 1,
    MEMBER_NV = 2,
    MEMBER_DIGESTS = 4,
    MEMBER_CONTENT = 8,
    MEMBER_CONTENT_TYPE = 16,
    MEMBER_RTMR = 32,
};

static bool is(struct bs_span text, const char *word)
{
    return bs_span_equal(text, bs_span_of_string(word));
}

/*
 * 0 for a hash that is not known here. systemd writes "sha256", others "SHA256", "TPM_ALG_SHA256", or the number of the TCG's registry, as
 * 11 or "0x000B".
 */
static uint16_t alg_of(struct bs_span name)
{
    char text[24];
    uint64_t number;

    if (name.size >= sizeof(text))
        return 0;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    if (bs_parse_u64(text, UINT16_MAX, &number) == BS_OK)
        return eventlog_hash_size((uint16_t)number) > 0 ? (uint16_t)number : 0;
    const char *behind = strcasestr(text, "alg_");
    return eventlog_hash_by_name(behind ? behind + 4 : text);
}

/* What a string says, as it stands there, or a number. */
static struct bs_span read_word(struct json_reader *r)
{
    if (json_read_is_string(r))
        return json_read_raw_string(r);
    const uint8_t *start = r->text.at;
    json_read_skip(r);
    return r->err == BS_OK ? BS_SPAN(start, (size_t)(r->text.at - start)) : BS_SPAN_NONE;
}

static bool read_value(struct bs_span hex, struct userlog_digest *digest)
{
    char text[2 * CRYPTO_HASH_MAX + 1];
    if (hex.size >= sizeof(text))
        return false;
    memcpy(text, hex.data, hex.size);
    text[hex.size] = '\0';
    return bs_unhex(text, digest->value, sizeof(digest->value), &digest->size) == BS_OK;
}

/* {"hashAlg":"sha256","digest":"HEX"} */
static const char *read_digest(struct json_reader *r, struct userlog_record *record)
{
    struct bs_span key, name = BS_SPAN_NONE, hex = BS_SPAN_NONE;
    struct userlog_digest digest;

    json_read_object(r);
    while (json_read_key(r, &key)) {
        if (is(key, "hashAlg"))
            name = read_word(r);
        else if (is(key, "digest"))
            hex = json_read_string(r);
        else
            json_read_skip(r);
    }
    if (r->err != BS_OK || name.size == 0 || hex.size == 0)
        return "a digest of the record is not whole";
    digest.alg = alg_of(name);
    if (digest.alg == 0)
        return NULL;
    if (!read_value(hex, &digest) || digest.size != eventlog_hash_size(digest.alg))
        return "a digest of the record has not the size of its hash";
    if (userlog_digest(record, digest.alg).size > 0)
        return "the record has two digests of one hash";
    /* One of each hash that has a name here at most. */
    static_assert(EVENTLOG_BANKS_MAX >= EVENTLOG_HASHES, "room for all of them");
    assert(record->digest_count < EVENTLOG_BANKS_MAX);
    record->digests[record->digest_count++] = digest;
    return NULL;
}

static const char *read_digests(struct json_reader *r, struct userlog_record *record)
{
    const char *fault = NULL;
    json_read_array(r);
    while (!fault && json_read_element(r))
        fault = read_digest(r, record);
    return fault;
}

/*
 * systemd's: {"string":"...","bootId":"...","timestamp":1,"eventType":"phase"}; an event of the firmware (CEL 1.0 §5.3):
 * {"event_type":"EV_SEPARATOR","event_data":"00000000"}, or with the type's number. Of others nothing is known here.
 */
static void read_content(struct json_reader *r, struct userlog_record *record)
{
    struct bs_span key;

    if (!json_read_is_object(r)) {
        json_read_skip(r);
        return;
    }
    json_read_object(r);
    while (json_read_key(r, &key)) {
        if (is(key, "string") && json_read_is_string(r)) {
            BS_SCOPED_BUF struct bs_buf text = BS_BUF(sizeof(record->text));
            record->has_text = json_unescape(json_read_raw_string(r), &text) == BS_OK;
            record->text_size = record->has_text ? text.size : 0;
            if (record->text_size > 0)
                memcpy(record->text, text.data, text.size);
        } else if (is(key, "eventType") && json_read_is_string(r)) {
            record->type = json_read_raw_string(r);
        } else if (is(key, "event_type")) {
            record->event_type = read_word(r);
        } else if (is(key, "event_data") && json_read_is_string(r)) {
            record->event_data = json_read_raw_string(r);
        } else {
            json_read_skip(r);
        }
    }
}

static enum member member_of(struct bs_span key)
{
    static const struct {
        const char *name;
        enum member member;
    } members[] = {
        { "pcr", MEMBER_PCR },
        { "nv_index", MEMBER_NV },
        { "nvIndex", MEMBER_NV },
        { "rtmr", MEMBER_RTMR },
        { "digests", MEMBER_DIGESTS },
        { "content", MEMBER_CONTENT },
        { "content_type", MEMBER_CONTENT_TYPE },
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (is(key, members[i].name))
            return members[i].member;
    return 0;
}

static const char *read_member(struct json_reader *r, enum member member, struct userlog_record *record)
{
    switch (member) {
    case MEMBER_PCR:
        record->has_pcr = true;
        record->pcr = (uint32_t)json_read_uint(r, EVENTLOG_PCRS - 1);
        return r->err == BS_OK ? NULL : "the record names a PCR that does not exist";
    case MEMBER_DIGESTS:
        return read_digests(r, record);
    case MEMBER_CONTENT:
        read_content(r, record);
        return NULL;
    case MEMBER_CONTENT_TYPE:
        record->content_type = read_word(r);
        return NULL;
    case MEMBER_RTMR:
        return "the record is of a register of a confidential virtual machine (RTMR), and not of a PCR";
    case MEMBER_NV:
        break;
    }
    json_read_skip(r);
    return NULL;
}

static const char *read_record(struct json_reader *r, struct userlog_record *record)
{
    struct bs_span key;
    unsigned seen = 0;

    json_read_object(r);
    while (json_read_key(r, &key)) {
        enum member member = member_of(key);
        if (seen & member)
            return "the record says something twice";
        seen |= member;
        const char *fault = read_member(r, member, record);
        if (fault)
            return fault;
    }
    if (r->err != BS_OK)
        return "the record is no JSON object";
    if (!(seen & MEMBER_DIGESTS) || !(seen & (MEMBER_PCR | MEMBER_NV)))
        return "the record does not say what it extended, and with which digests";
    if (is(record->event_type, "EV_NO_ACTION") || is(record->event_type, "ev_no_action") || is(record->event_type, "3"))
        record->has_pcr = false;
    return (seen & MEMBER_PCR) && (seen & MEMBER_NV) ? "the record extended two things" : NULL;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* To the next byte that belongs to a record, past what may stand between two. */
static void skip_blanks(struct bs_reader *r, const char *others)
{
    while (r->left > 0 && (is_blank(*r->at) || (*r->at != 0 && strchr(others, *r->at)))) {
        r->at++;
        r->left--;
    }
}

static const char *take_record(struct bs_reader *r, size_t index, struct userlog_record *ret_record)
{
    struct json_reader json;
    *ret_record = (struct userlog_record){ .index = index };
    json_read_begin(&json, BS_SPAN(r->at, r->left));
    const char *fault = read_record(&json, ret_record);
    if (!fault)
        *r = json.text;
    return fault;
}

/* Between the records of an array there is one comma, and after the last one its end. */
static const char *take_comma(struct bs_reader *r, bool *ret_end)
{
    skip_blanks(r, "");
    if (r->left == 0 || (*r->at != ',' && *r->at != ']'))
        return "the log ends within its array";
    *ret_end = *r->at == ']';
    r->at++;
    r->left--;
    skip_blanks(r, "");
    return NULL;
}

/* How much is read, and what is said of more. */
struct limits {
    size_t size;
    size_t records;
    const char *what;
};

static const struct limits for_devices = { USERLOG_SIZE_MAX, USERLOG_RECORDS_MAX, "the log is larger than 64 KiB" };
static const struct limits for_files = { USERLOG_FILE_SIZE_MAX, USERLOG_FILE_RECORDS_MAX,
                                         "the log is larger than 4 MiB" };

static const char *read_array(struct userlog *log, struct bs_reader *r, size_t records_max)
{
    struct userlog_record record;
    bool is_end = false;

    r->at++;
    r->left--;
    skip_blanks(r, "");
    if (r->left > 0 && *r->at == ']') {
        r->at++;
        r->left--;
        is_end = true;
    }
    for (; !is_end; log->record_count++) {
        if (log->record_count == records_max)
            return "the log has too many records";
        const char *fault = take_record(r, log->record_count, &record);
        if (!fault)
            fault = take_comma(r, &is_end);
        if (fault)
            return fault;
    }
    skip_blanks(r, "");
    return r->left > 0 ? "something follows the log's array" : NULL;
}

static const char *read_sequence(struct userlog *log, struct bs_reader *r, size_t records_max)
{
    struct userlog_record record;
    static const char separator[] = { RECORD_SEPARATOR, '\0' };

    for (skip_blanks(r, separator); r->left > 0; skip_blanks(r, separator)) {
        if (log->record_count == records_max)
            return "the log has too many records";
        const char *fault = take_record(r, log->record_count, &record);
        if (fault)
            return fault;
        log->record_count++;
    }
    return NULL;
}

static const char *read_log(struct userlog *log, struct bs_reader *r, const struct limits *limits,
                            enum userlog_fault_kind *ret_kind)
{
    static const char separator[] = { RECORD_SEPARATOR, '\0' };

    *ret_kind = USERLOG_FAULT_TOO_LARGE;
    if (r->left > limits->size)
        return limits->what;
    skip_blanks(r, separator);
    *ret_kind = USERLOG_FAULT_NO_LOG;
    if (r->left > 0 && *r->at != '{' && *r->at != '[')
        return "this is no event log of the userspace: it is not JSON";
    *ret_kind = USERLOG_FAULT_MALFORMED;
    log->is_array = r->left > 0 && *r->at == '[';
    const char *fault = log->is_array ? read_array(log, r, limits->records) : read_sequence(log, r, limits->records);
    if (fault && log->record_count == limits->records)
        *ret_kind = USERLOG_FAULT_TOO_LARGE;
    return fault;
}

static enum bs_err open_within(struct bs_span bytes, const struct limits *limits, struct userlog *ret_log,
                               struct userlog_fault *ret_fault)
{
    struct userlog log = { .bytes = bytes };
    struct bs_reader r = BS_READER(bytes);
    enum userlog_fault_kind kind;
    const char *fault = read_log(&log, &r, limits, &kind);
    if (fault) {
        if (ret_fault)
            *ret_fault = (struct userlog_fault){ kind, fault, log.record_count, bytes.size - r.left };
        return BS_ERR_INPUT;
    }
    *ret_log = log;
    return BS_OK;
}

enum bs_err userlog_open(struct bs_span bytes, struct userlog *ret_log, struct userlog_fault *ret_fault)
{
    return open_within(bytes, &for_devices, ret_log, ret_fault);
}

enum bs_err userlog_open_file(struct bs_span bytes, struct userlog *ret_log, struct userlog_fault *ret_fault)
{
    return open_within(bytes, &for_files, ret_log, ret_fault);
}

struct userlog_cursor userlog_first(const struct userlog *log)
{
    return (struct userlog_cursor){ .reader = BS_READER(log->bytes), .count = log->record_count };
}

bool userlog_next(struct userlog_cursor *cursor, struct userlog_record *ret_record)
{
    static const char between[] = { RECORD_SEPARATOR, ',', '[', '\0' };
    if (cursor->index == cursor->count)
        return false;
    /* Cannot fail: userlog_open() went over these bytes, and what stands between two records was right. */
    skip_blanks(&cursor->reader, between);
    return !take_record(&cursor->reader, cursor->index++, ret_record);
}

struct bs_span userlog_digest(const struct userlog_record *record, uint16_t alg)
{
    for (size_t i = 0; i < record->digest_count; i++)
        if (record->digests[i].alg == alg)
            return BS_SPAN(record->digests[i].value, record->digests[i].size);
    return BS_SPAN_NONE;
}

struct bs_span userlog_text(const struct userlog_record *record)
{
    return BS_SPAN(record->text, record->text_size);
}

/* What systemd measures as it writes it down (src/shared/tpm2-util.c, tpm2_pcr_extend_bytes); of all else the digest is that of a secret or a file. */
static bool is_plain(struct bs_span type)
{
    static const char *const plain[] = { "phase", "filesystem", "machine-id", "product-id", "os-separator" };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (is(type, plain[i]))
            return true;
    return false;
}

enum eventlog_measured userlog_measured(const struct userlog_record *record, uint16_t alg)
{
    uint8_t value[CRYPTO_HASH_MAX];
    const struct bs_span digest = userlog_digest(record, alg);
    if (digest.size == 0 || !record->has_text || eventlog_hash(alg, userlog_text(record), value) != BS_OK)
        return EVENTLOG_DATA_NOT_MEASURED;
    if (bs_span_equal(digest, BS_SPAN(value, digest.size)))
        return EVENTLOG_DATA_MEASURED;
    return is_plain(record->type) ? EVENTLOG_DATA_WRONG : EVENTLOG_DATA_NOT_MEASURED;
}

enum bs_err userlog_replay(const struct userlog *log, struct eventlog_replay *replay)
{
    enum bs_err err = BS_OK;
    struct userlog_record record;
    for (struct userlog_cursor c = userlog_first(log); err == BS_OK && userlog_next(&c, &record);)
        if (record.has_pcr)
            err = eventlog_replay_extend(replay, record.pcr, userlog_digest(&record, replay->alg));
    return err;
}
