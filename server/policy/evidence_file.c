#include "server/policy/evidence_file.h"

#include "bootseal/cap.h"
#include "core/cert.h"
#include "core/eventlog.h"
#include "core/json.h"
#include "core/json_read.h"
#include "core/message.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void evidence_file_free(struct evidence_file *file)
{
    store_boot_free(&file->boot);
}

void evidence_version_format(uint64_t version, char ret_text[EVIDENCE_VERSION_SIZE])
{
    snprintf(ret_text, EVIDENCE_VERSION_SIZE, "%u.%u.%u.%u", (unsigned)(version >> 48),
             (unsigned)(version >> 32 & 0xffff), (unsigned)(version >> 16 & 0xffff), (unsigned)(version & 0xffff));
}

enum bs_err evidence_version_parse(struct bs_span text, uint64_t *ret_version)
{
    struct bs_span rest = text;
    uint64_t version = 0;
    for (int part = 0; part < 4; part++) {
        const uint8_t *dot = rest.size > 0 ? memchr(rest.data, '.', rest.size) : NULL;
        size_t length = dot ? (size_t)(dot - rest.data) : rest.size;
        char digits[6] = "";
        uint64_t value;
        if ((dot != NULL) != (part < 3) || length == 0 || length >= sizeof(digits))
            return BS_ERR_INPUT;
        memcpy(digits, rest.data, length);
        /* Of hexadecimal digits, and of what stands behind a zero byte, the parser would say nothing. */
        if (strspn(digits, "0123456789") != length || bs_parse_u64(digits, UINT16_MAX, &value) != BS_OK)
            return BS_ERR_INPUT;
        version = version << 16 | value;
        rest = dot ? BS_SPAN(dot + 1, rest.size - length - 1) : BS_SPAN_NONE;
    }
    *ret_version = version;
    return BS_OK;
}

/* The members, so that each is there once. */
enum member {
    MEMBER_FORMAT = 1,
    MEMBER_BANK = 2,
    MEMBER_CAP = 4,
    MEMBER_PCRS = 8,
    MEMBER_FIRMWARE_LOG = 16,
    MEMBER_USERSPACE_LOG = 32,
    MEMBER_COMMAND_LINE = 64,
    MEMBER_COMMAND_LINE_BASE64 = 128,
    MEMBER_TPM = 256,
};
#define MEMBERS_NEEDED (MEMBER_FORMAT | MEMBER_BANK | MEMBER_CAP | MEMBER_PCRS | MEMBER_FIRMWARE_LOG)

struct reading {
    struct json_reader json;
    struct evidence_file *file;
    struct evidence_file_fault *fault;
    unsigned seen;
    size_t sizes[24]; /* of the PCR values, before the bank is known */
};

static enum bs_err fail(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static enum bs_err fail(struct reading *r, const char *format, ...)
{
    char text[sizeof(r->fault->text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    /* The file's own words may be in it, and whatever those hold. */
    struct bs_span clean =
        message_text_clean(bs_span_of_string(text), (uint8_t *)r->fault->text, sizeof(r->fault->text) - 1);
    r->fault->text[clean.size] = '\0';
    return BS_ERR_INPUT;
}

static enum bs_err read_format(struct reading *r)
{
    struct bs_span format = json_read_string(&r->json);
    if (bs_span_equal(format, bs_span_of_string(EVIDENCE_FILE_FORMAT)))
        return BS_OK;
    return fail(r, "its format is '%.*s', and this program reads " EVIDENCE_FILE_FORMAT,
                format.size < 64 ? (int)format.size : 64, format.size > 0 ? (const char *)format.data : "");
}

static enum bs_err read_bank(struct reading *r)
{
    static const uint16_t banks[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512 };
    struct bs_span name = json_read_string(&r->json);
    for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
        if (bs_span_equal(name, bs_span_of_string(crypto_hash_name(banks[i])))) {
            r->file->boot.bank = banks[i];
            return BS_OK;
        }
    return fail(r, "bank is not one of sha1, sha256, sha384 and sha512");
}

static enum bs_err read_cap(struct reading *r)
{
    r->file->cap_pcr = (uint32_t)json_read_uint(&r->json, 23);
    return r->json.err == BS_OK ? BS_OK : fail(r, "cap_pcr is no number of a PCR, 0 to 23");
}

/* Decimal, as everybody writes it. */
static bool take_pcr(struct bs_span key, uint64_t *ret_pcr)
{
    char digits[3] = "";
    if (key.size == 0 || key.size > 2)
        return false;
    memcpy(digits, key.data, key.size);
    return bs_parse_u64(digits, 23, ret_pcr) == BS_OK;
}

static enum bs_err read_pcrs(struct reading *r)
{
    struct store_boot *boot = &r->file->boot;
    struct bs_span key;
    json_read_object(&r->json);
    while (json_read_key(&r->json, &key)) {
        struct bs_span value = json_read_string(&r->json);
        char hex[2 * CRYPTO_HASH_MAX + 1] = "";
        uint64_t pcr;
        if (!take_pcr(key, &pcr) || (boot->mask & (1u << pcr)))
            return fail(r, "pcrs: '%.*s' is no number of a PCR, or stands there twice",
                        key.size < 32 ? (int)key.size : 32, key.size > 0 ? (const char *)key.data : "");
        if (value.size < sizeof(hex) && value.size > 0)
            memcpy(hex, value.data, value.size);
        if (bs_unhex(hex, boot->pcrs[pcr], CRYPTO_HASH_MAX, &r->sizes[pcr]) != BS_OK || r->sizes[pcr] == 0)
            return fail(r, "the value of PCR %u is not hexadecimal", (unsigned)pcr);
        boot->mask |= 1u << pcr;
    }
    return BS_OK;
}

static enum bs_err read_base64(struct reading *r, const char *member, struct bs_buf *out)
{
    struct bs_span text = json_read_string(&r->json);
    enum bs_err err = cert_base64_decode(text, out);
    if (err == BS_ERR_NOMEM)
        return fail(r, "%s is larger than %zu bytes, which no server takes", member, out->limit);
    return err == BS_OK && r->json.err == BS_OK ? BS_OK : fail(r, "%s is not base64", member);
}

static enum bs_err read_command_line(struct reading *r)
{
    enum bs_err err = json_unescape(json_read_raw_string(&r->json), &r->file->boot.command_line);
    if (err == BS_ERR_NOMEM)
        return fail(r, "command_line is larger than %d bytes, which no server takes", STORE_COMMAND_LINE_MAX);
    return err == BS_OK && r->json.err == BS_OK ? BS_OK : fail(r, "command_line is no JSON string");
}

static bool is_plain(struct bs_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    return true;
}

static enum bs_err read_tpm(struct reading *r)
{
    struct evidence_file *file = r->file;
    struct bs_span key;
    bool has_manufacturer = false, has_version = false;
    json_read_object(&r->json);
    while (json_read_key(&r->json, &key)) {
        struct bs_span value = json_read_string(&r->json);
        if (bs_span_equal(key, bs_span_of_string("manufacturer")) && !has_manufacturer) {
            has_manufacturer = true;
            if (value.size >= sizeof(file->manufacturer) || !is_plain(value))
                return fail(r,
                            "tpm.manufacturer is longer than any, or no plain text; it is, for example, id:49465800");
            if (value.size > 0)
                memcpy(file->manufacturer, value.data, value.size);
        } else if (bs_span_equal(key, bs_span_of_string("firmware_version")) && !has_version) {
            has_version = true;
            if (evidence_version_parse(value, &file->firmware_version) != BS_OK)
                return fail(r, "tpm.firmware_version is not four numbers up to 65535 with dots between them");
        } else {
            return fail(r, "tpm has the members manufacturer and firmware_version, each once");
        }
    }
    return BS_OK;
}

static enum bs_err read_firmware_log(struct reading *r)
{
    return read_base64(r, "firmware_log", &r->file->boot.log);
}

static enum bs_err read_userspace_log(struct reading *r)
{
    return read_base64(r, "userspace_log", &r->file->boot.userspace_log);
}

static enum bs_err read_command_line_base64(struct reading *r)
{
    return read_base64(r, "command_line_base64", &r->file->boot.command_line);
}

static const struct {
    const char *name;
    enum member member;
    enum bs_err (*read)(struct reading *r);
} members[] = {
    { "format", MEMBER_FORMAT, read_format },
    { "bank", MEMBER_BANK, read_bank },
    { "cap_pcr", MEMBER_CAP, read_cap },
    { "pcrs", MEMBER_PCRS, read_pcrs },
    { "firmware_log", MEMBER_FIRMWARE_LOG, read_firmware_log },
    { "userspace_log", MEMBER_USERSPACE_LOG, read_userspace_log },
    { "command_line", MEMBER_COMMAND_LINE, read_command_line },
    { "command_line_base64", MEMBER_COMMAND_LINE_BASE64, read_command_line_base64 },
    { "tpm", MEMBER_TPM, read_tpm },
};
#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

static enum bs_err read_member(struct reading *r, struct bs_span key)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (!bs_span_equal(key, bs_span_of_string(members[i].name)))
            continue;
        if (r->seen & members[i].member)
            return fail(r, "%s stands there twice", members[i].name);
        r->seen |= members[i].member;
        return members[i].read(r);
    }
    return fail(r, "'%.*s' is no member of " EVIDENCE_FILE_FORMAT, key.size < 64 ? (int)key.size : 64,
                key.size > 0 ? (const char *)key.data : "");
}

/* What the members say together. */
static enum bs_err check(struct reading *r)
{
    const struct store_boot *boot = &r->file->boot;
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if ((MEMBERS_NEEDED & members[i].member) && !(r->seen & members[i].member))
            return fail(r, "%s is missing", members[i].name);
    if ((r->seen & MEMBER_COMMAND_LINE) && (r->seen & MEMBER_COMMAND_LINE_BASE64))
        return fail(r, "command_line and command_line_base64 are one or the other");
    if (boot->mask == 0)
        return fail(r, "pcrs is empty");
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if ((boot->mask & (1u << pcr)) && r->sizes[pcr] != crypto_hash_size(boot->bank))
            return fail(r, "the value of PCR %u has %zu bytes, and a value of %s has %zu", pcr, r->sizes[pcr],
                        crypto_hash_name(boot->bank), crypto_hash_size(boot->bank));
    return BS_OK;
}

static enum bs_err read_json(struct bs_span bytes, struct evidence_file *file, struct evidence_file_fault *fault)
{
    struct reading r = { .file = file, .fault = fault };
    struct bs_span key;
    enum bs_err err = BS_OK;
    json_read_begin(&r.json, bytes);
    json_read_object(&r.json);
    while (err == BS_OK && json_read_key(&r.json, &key))
        err = read_member(&r, key);
    if (err == BS_OK && json_read_end(&r.json) != BS_OK)
        err = fail(&r, "it is not whole as JSON; what is wrong stands before byte %zu of %zu",
                   (size_t)(r.json.text.at - bytes.data) + 1, bytes.size);
    if (err == BS_OK)
        err = check(&r);
    file->is_quoted = true;
    return err;
}

/* The bank that servers ask for, where the log has it. */
static enum bs_err replay(const struct eventlog *log, struct eventlog_replay *ret_replay)
{
    static const uint16_t banks[] = { CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512, CRYPTO_SHA1 };
    for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
        if (eventlog_has_bank(log, banks[i]))
            return eventlog_replay(log, banks[i], ret_replay);
    return BS_ERR_NOT_FOUND;
}

static enum bs_err read_log(struct bs_span bytes, struct evidence_file *file, struct evidence_file_fault *fault)
{
    struct reading r = { .file = file, .fault = fault };
    struct eventlog_fault why = { .what = "" };
    struct eventlog_replay values;
    struct eventlog log;
    if (eventlog_open(bytes, &log, &why) != BS_OK)
        return fail(&r, "it is neither an evidence file nor an event log: event %zu at byte %zu: %s", why.event,
                    why.offset, why.what);
    if (replay(&log, &values) != BS_OK)
        return fail(&r, "the event log has no bank whose hash is known here, or an event lacks its digest");
    file->boot.bank = values.alg;
    file->boot.mask = values.mask;
    for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
        if (values.mask & (1u << pcr)) /* PCR 0 begins as the log's locality, whether an event is its or not */
            memcpy(file->boot.pcrs[pcr], values.values[pcr], values.size);
    file->cap_pcr = BS_CAP_PCR_DEFAULT;
    enum bs_err err = bs_buf_append(&file->boot.log, bytes.data, bytes.size);
    return err == BS_ERR_NOMEM ? fail(&r, "the log is larger than %d bytes, which no server takes", STORE_LOG_MAX)
                               : err;
}

/* An event log begins with the number of a PCR: never with white space or a brace, which would be 123 and more. */
static bool is_json(struct bs_span bytes)
{
    size_t at = 0;
    while (at < bytes.size && strchr(" \t\r\n", bytes.data[at]) && bytes.data[at] != '\0')
        at++;
    return at < bytes.size && bytes.data[at] == '{';
}

enum bs_err evidence_file_read(struct bs_span bytes, struct evidence_file *ret_file,
                               struct evidence_file_fault *ret_fault)
{
    ret_fault->text[0] = '\0';
    return is_json(bytes) ? read_json(bytes, ret_file, ret_fault) : read_log(bytes, ret_file, ret_fault);
}

static enum bs_err write_base64(struct bs_json *json, const char *key, const struct bs_buf *bytes)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(bytes->size / 3 * 4 + 8);
    enum bs_err err = cert_base64_encode(bs_buf_span(bytes), &text);
    if (err == BS_OK)
        bs_json_text(json, key, bs_buf_span(&text));
    return err;
}

static void write_pcrs(struct bs_json *json, const struct store_boot *boot)
{
    bs_json_object(json, "pcrs");
    for (unsigned pcr = 0; pcr < 24; pcr++) {
        char key[4];
        if (!(boot->mask & (1u << pcr)))
            continue;
        snprintf(key, sizeof(key), "%u", pcr);
        bs_json_hex(json, key, BS_SPAN(boot->pcrs[pcr], crypto_hash_size(boot->bank)));
    }
    bs_json_close_object(json);
}

static void write_tpm(struct bs_json *json, const struct evidence_file *file)
{
    char version[EVIDENCE_VERSION_SIZE];
    evidence_version_format(file->firmware_version, version);
    bs_json_object(json, "tpm");
    if (file->manufacturer[0])
        bs_json_string(json, "manufacturer", file->manufacturer);
    bs_json_string(json, "firmware_version", version);
    bs_json_close_object(json);
}

enum bs_err evidence_file_write(const struct evidence_file *file, struct bs_buf *out)
{
    const struct store_boot *boot = &file->boot;
    struct bs_span line = bs_buf_span(&boot->command_line);
    struct bs_json json;
    enum bs_err err;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    bs_json_string(&json, "format", EVIDENCE_FILE_FORMAT);
    bs_json_string(&json, "bank", crypto_hash_name(boot->bank));
    bs_json_u64(&json, "cap_pcr", file->cap_pcr);
    write_pcrs(&json, boot);
    err = write_base64(&json, "firmware_log", &boot->log);
    if (err == BS_OK && boot->userspace_log.size > 0)
        err = write_base64(&json, "userspace_log", &boot->userspace_log);
    if (err == BS_OK && line.size > 0 && !bs_utf8_is_valid(line))
        err = write_base64(&json, "command_line_base64", &boot->command_line);
    else if (line.size > 0)
        bs_json_text(&json, "command_line", line);
    write_tpm(&json, file);
    bs_json_close_object(&json);
    return err == BS_OK ? bs_json_end(&json) : err;
}
