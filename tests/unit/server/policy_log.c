#include "policy_log.h"

#include "core/cert.h"
#include "core/file.h"

#include <stdarg.h>

static const uint8_t global[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                    0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const uint8_t database[16] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                      0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };
static const uint8_t shim[16] = { 0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43,
                                  0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23 };
/* EFI_CERT_X509_GUID (UEFI 2.10 §32.4.1). */
static const uint8_t x509[16] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                  0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };

static struct bs_span keep(struct log_table *log, const void *data, size_t size)
{
    assert_true(log->used + size <= sizeof(log->arena));
    uint8_t *at = log->arena + log->used;
    if (size > 0)
        memcpy(at, data, size);
    log->used += size;
    return BS_SPAN(at, size);
}

static struct log_event *add(struct log_table *log, const char *label, uint32_t pcr, uint32_t type)
{
    assert_true(log->count < LOG_EVENTS_MAX);
    struct log_event *event = &log->events[log->count++];
    *event = (struct log_event){ .label = label, .pcr = pcr, .type = type, .data = BS_SPAN(log->arena, 0) };
    return event;
}

void log_claimed(struct log_table *log, const char *label, uint32_t pcr, uint32_t type, struct bs_span measured,
                 struct bs_span data)
{
    struct log_event *event = add(log, label, pcr, type);
    assert_ok(crypto_hash(CRYPTO_SHA256, measured, event->digest));
    event->data = keep(log, data.data, data.size);
}

void log_measured(struct log_table *log, const char *label, uint32_t pcr, uint32_t type, struct bs_span data)
{
    log_claimed(log, label, pcr, type, data, data);
}

void log_filled(struct log_table *log, const char *label, uint32_t pcr, uint32_t type, uint8_t fill)
{
    memset(add(log, label, pcr, type)->digest, fill, CRYPTO_SHA256_SIZE);
}

struct bs_span log_wide(struct log_table *log, const char *text)
{
    size_t start = log->used;
    for (size_t i = 0; i <= strlen(text); i++)
        keep(log, (uint8_t[]){ (uint8_t)text[i], 0 }, 2);
    return BS_SPAN(log->arena + start, log->used - start);
}

static struct bs_span whole(struct bs_buf *buf, struct log_table *log)
{
    struct bs_span kept = keep(log, buf->data, buf->size);
    bs_buf_free(buf);
    return kept;
}

struct bs_span log_variable(struct log_table *log, const char *name, struct bs_span value)
{
    struct bs_buf out = BS_BUF(64 * 1024);
    struct bs_span wide = log_wide(log, name);
    bool is_database = name[0] == 'd' && name[1] == 'b';
    bool is_shim = strcmp(name, "MokList") == 0 || strcmp(name, "Shim") == 0;
    put_bytes(&out, is_database ? database : is_shim ? shim : global, 16);
    put_le64(&out, strlen(name));
    put_le64(&out, value.size);
    put_bytes(&out, wide.data, wide.size - 2);
    put_bytes(&out, value.data, value.size);
    return whole(&out, log);
}

struct bs_span log_lists(struct log_table *log, const struct bs_span *certs, size_t count)
{
    struct bs_buf out = BS_BUF(64 * 1024);
    for (size_t i = 0; i < count; i++) {
        put_bytes(&out, x509, 16);
        put_le32(&out, (uint32_t)(28 + 16 + certs[i].size));
        put_le32(&out, 0);
        put_le32(&out, (uint32_t)(16 + certs[i].size));
        put_bytes(&out, global, 16);
        put_bytes(&out, certs[i].data, certs[i].size);
    }
    return whole(&out, log);
}

struct bs_span log_entry(struct log_table *log, struct bs_span cert)
{
    struct bs_buf out = BS_BUF(64 * 1024);
    put_bytes(&out, global, 16);
    put_bytes(&out, cert.data, cert.size);
    return whole(&out, log);
}

void log_copy(const struct log_table *from, struct log_table *to)
{
    *to = *from;
    for (size_t i = 0; i < to->count; i++)
        to->events[i].data.data = to->arena + (from->events[i].data.data - from->arena);
}

struct log_event *log_find(struct log_table *log, const char *label)
{
    for (size_t i = 0; i < log->count; i++)
        if (strcmp(log->events[i].label, label) == 0)
            return &log->events[i];
    fail_msg("no event %s", label);
    return NULL;
}

void log_remove(struct log_table *log, const char *label)
{
    struct log_event *event = log_find(log, label);
    size_t behind = (size_t)(log->events + log->count - (event + 1));
    memmove(event, event + 1, behind * sizeof(*event));
    log->count--;
}

static void move(struct log_table *log, struct log_event *place)
{
    struct log_event last = log->events[log->count - 1];
    memmove(place + 1, place, (size_t)(log->events + log->count - 1 - place) * sizeof(*place));
    *place = last;
}

void log_move_before(struct log_table *log, const char *label)
{
    move(log, log_find(log, label));
}

void log_move_behind(struct log_table *log, const char *label)
{
    move(log, log_find(log, label) + 1);
}

void log_boot(const struct log_table *log, struct scene_boot *boot)
{
    bs_buf_reset(&boot->log);
    put_sha256_header(&boot->log);
    for (size_t i = 0; i < log->count; i++) {
        const struct log_event *event = &log->events[i];
        put_le32(&boot->log, event->pcr);
        put_le32(&boot->log, event->type);
        put_le32(&boot->log, 1);
        put_le16(&boot->log, CRYPTO_SHA256);
        put_bytes(&boot->log, event->digest, sizeof(event->digest));
        put_le32(&boot->log, (uint32_t)event->data.size);
        put_bytes(&boot->log, event->data.data, event->data.size);
    }
    scene_replay(boot);
}

const char *log_digest(struct log_table *log, const char *label)
{
    static char texts[32][80];
    static size_t next;
    char *text = texts[next++ % 32];
    memcpy(text, "sha256:", 7);
    bs_hex(BS_SPAN(log_find(log, label)->digest, CRYPTO_SHA256_SIZE), text + 7);
    return text;
}

static size_t put_list(char *text, uint32_t mask)
{
    size_t used = 0;
    for (unsigned pcr = 0; pcr < POLICY_PCRS; pcr++)
        if (mask & (1u << pcr))
            used += (size_t)sprintf(text + used, "%s%u", used > 0 ? ", " : "", pcr);
    text[used] = '\0';
    return used;
}

const char *log_policy(const struct scene_boot *boot, uint32_t events, const char *rules, ...)
{
    static char text[32 * 1024];
    char list[256], ignored[256];
    va_list args;
    put_list(list, events);
    put_list(ignored, boot->mask & ~events);
    int used = snprintf(text, sizeof(text), "name = \"p\"; pcrs: { events = [%s]; ignore = [%s]; };\n", list, ignored);
    va_start(args, rules);
    vsnprintf(text + used, sizeof(text) - (size_t)used, rules, args);
    va_end(args);
    return text;
}

void log_cert_read(const char *file, struct log_cert *ret_cert)
{
    char path[512];
    uint8_t digest[CRYPTO_SHA256_SIZE];
    struct cert_info info;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(64 * 1024);
    snprintf(path, sizeof(path), BS_TEST_VECTORS "/cert/%s", file);
    assert_ok(bs_file_read(path, &pem));
    ret_cert->der = BS_BUF(64 * 1024);
    assert_ok(cert_pem_decode(bs_buf_span(&pem), "CERTIFICATE", &ret_cert->der));
    assert_ok(cert_parse(bs_buf_span(&ret_cert->der), &info));
    snprintf(ret_cert->subject, sizeof(ret_cert->subject), "%s", info.subject);
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_buf_span(&ret_cert->der), digest));
    bs_hex(BS_SPAN(digest, sizeof(digest)), ret_cert->fingerprint);
}

static void put_key(struct log_table *log, const char *name, const struct log_cert *cert)
{
    struct bs_span der = bs_buf_span(&cert->der);
    struct bs_span lists = log_lists(log, &der, 1);
    log_measured(log, name, 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, log_variable(log, name, lists));
}

static void put_section(struct log_table *log, const char *label, const char *name, const char *contents)
{
    struct bs_span wide = log_wide(log, name);
    const char *name_label = strcmp(label, "linux") == 0 ? "linux.name" : "cmdline.name";
    log_claimed(log, name_label, 11, EVENTLOG_IPL, BS_SPAN(name, strlen(name) + 1), wide);
    log_claimed(log, label, 11, EVENTLOG_IPL, bs_span_of_string(contents), wide);
}

void log_base(struct log_table *log, const struct log_cert *db, const struct log_cert *kek)
{
    static const char *const separators[] = { "sep0", "sep1", "sep2", "sep3", "sep4", "sep5", "sep6" };
    static const uint8_t zeros[4], one[1] = { 1 }, order[] = { 1, 0 };
    static const uint8_t options[] = { 0xed, 0x22, 0x3b, 0x8f, 4, 0, 0, 0, 'o', 'p', 't', 0 };
    static const uint8_t initrd[] = { 0xec, 0x22, 0x3b, 0x8f, 4, 0, 0, 0, 'r', 'd', '!', 0 };
    struct bs_span der = bs_buf_span(&db->der);
    memset(log, 0, sizeof(*log));
    log_measured(log, "version", 0, EVENTLOG_CRTM_VERSION, log_wide(log, "1.4.2"));
    log_filled(log, "blob", 0, EVENTLOG_FIRMWARE_BLOB, 0x50);
    log_measured(log, "SecureBoot", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG,
                 log_variable(log, "SecureBoot", BS_SPAN(one, 1)));
    put_key(log, "PK", kek);
    put_key(log, "KEK", kek);
    put_key(log, "db", db);
    log_measured(log, "dbx", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, log_variable(log, "dbx", BS_SPAN_NONE));
    log_measured(log, "sep7", 7, EVENTLOG_SEPARATOR, BS_SPAN(zeros, 4));
    log_claimed(log, "order", 1, EVENTLOG_VARIABLE_BOOT, BS_SPAN(order, 2),
                log_variable(log, "BootOrder", BS_SPAN(order, 2)));
    log_measured(log, "call", 4, EVENTLOG_EFI_ACTION, bs_span_of_string("Calling EFI Application from Boot Option"));
    for (uint32_t pcr = 0; pcr < 7; pcr++)
        log_measured(log, separators[pcr], pcr, EVENTLOG_SEPARATOR, BS_SPAN(zeros, 4));
    log_measured(log, "authority", 7, EVENTLOG_VARIABLE_AUTHORITY, log_variable(log, "db", log_entry(log, der)));
    log_filled(log, "shim", 4, EVENTLOG_BOOT_APPLICATION, 0x41);
    log_filled(log, "uki", 4, EVENTLOG_BOOT_APPLICATION, 0x42);
    put_section(log, "linux", ".linux", "a kernel");
    put_section(log, "cmdline", ".cmdline", LOG_COMMAND_LINE);
    log_claimed(log, "options", 9, EVENTLOG_EVENT_TAG, log_wide(log, LOG_COMMAND_LINE),
                BS_SPAN(options, sizeof(options)));
    log_filled(log, "initrd", 9, EVENTLOG_EVENT_TAG, 0x49);
    log_find(log, "initrd")->data = keep(log, initrd, sizeof(initrd));
}
