#include "server/policy/boot_compose.h"

#include "core/eventlog.h"
#include "core/json.h"
#include "core/userlog.h"

#include <string.h>

#define BIT(pcr) (UINT32_C(1) << (pcr))

/* Writer with a sticky error; integers are little endian (PFP 1.06 §10.2). */
struct writer {
    struct bs_buf *out;
    uint16_t bank;
    enum bs_err err;
};

static void put(struct writer *w, const void *data, size_t size)
{
    if (w->err == BS_OK && size > 0)
        w->err = bs_buf_append(w->out, data, size);
}

static void put_le(struct writer *w, uint32_t value, size_t size)
{
    uint8_t bytes[4];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    put(w, bytes, size);
}

/* TCG_EfiSpecIdEvent with one bank (PFP 1.06 §10.4.5.1). */
static void put_header(struct writer *w)
{
    static const uint8_t head[24] = "Spec ID Event03\0\0\0\0\0\0\x02\x02\x02";
    static const uint8_t no_digest[20];
    put_le(w, 0, 4);
    put_le(w, EVENTLOG_NO_ACTION, 4);
    put(w, no_digest, sizeof(no_digest));
    put_le(w, sizeof(head) + 4 + 4 + 1, 4);
    put(w, head, sizeof(head));
    put_le(w, 1, 4);
    put_le(w, w->bank, 2);
    put_le(w, (uint32_t)crypto_hash_size(w->bank), 2);
    put_le(w, 0, 1);
}

static void put_event(struct writer *w, const struct eventlog_event *event)
{
    struct bs_span digest = eventlog_digest(event, w->bank);
    if (digest.size != crypto_hash_size(w->bank)) {
        w->err = BS_ERR_INPUT;
        return;
    }
    put_le(w, event->pcr, 4);
    put_le(w, event->type, 4);
    put_le(w, 1, 4);
    put_le(w, w->bank, 2);
    put(w, digest.data, digest.size);
    put_le(w, (uint32_t)event->data.size, 4);
    put(w, event->data.data, event->data.size);
}

/* The events of some PCRs. What extends nothing belongs to the machine, the header excepted: StartupLocality is among it. */
static enum bs_err put_events(struct writer *w, const struct store_boot *boot, uint32_t pcrs, bool is_machine)
{
    struct eventlog log;
    struct eventlog_event event;
    if (boot->log.size == 0)
        return BS_OK;
    if (eventlog_open(bs_buf_span(&boot->log), &log, NULL) != BS_OK)
        return BS_ERR_INPUT;
    for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event) && w->err == BS_OK;) {
        bool is_header = event.index == 0 && log.format == EVENTLOG_CRYPTO_AGILE;
        if (eventlog_extends(&event) ? (pcrs & BIT(event.pcr)) != 0 : is_machine && !is_header)
            put_event(w, &event);
    }
    return w->err;
}

static void put_record(struct bs_json *json, const struct userlog_record *record, uint16_t bank)
{
    bs_json_object(json, NULL);
    bs_json_u64(json, "pcr", record->pcr);
    bs_json_array(json, "digests");
    bs_json_object(json, NULL);
    bs_json_string(json, "hashAlg", crypto_hash_name(bank));
    bs_json_hex(json, "digest", userlog_digest(record, bank));
    bs_json_close_object(json);
    bs_json_close_array(json);
    bs_json_string(json, "content_type", "systemd");
    bs_json_object(json, "content");
    if (record->has_text)
        bs_json_text(json, "string", userlog_text(record));
    bs_json_close_object(json);
    bs_json_close_object(json);
}

/* A line for each record. */
static enum bs_err put_records(struct bs_buf *out, const struct store_boot *boot, uint32_t pcrs)
{
    struct userlog log;
    struct userlog_record record;
    enum bs_err err = BS_OK;
    if (boot->userspace_log.size == 0)
        return BS_OK;
    if (userlog_open(bs_buf_span(&boot->userspace_log), &log, NULL) != BS_OK)
        return BS_ERR_INPUT;
    for (struct userlog_cursor c = userlog_first(&log); err == BS_OK && userlog_next(&c, &record);) {
        struct bs_json json;
        if (!record.has_pcr || !(pcrs & BIT(record.pcr)))
            continue;
        bs_json_begin(&json, out);
        put_record(&json, &record, boot->bank);
        err = bs_json_end(&json);
    }
    return err;
}

enum bs_err boot_compose(const struct store_boot *device, const struct store_boot *image, uint32_t image_pcrs,
                         struct store_boot *ret_boot)
{
    struct writer w = { &ret_boot->log, device->bank, BS_OK };
    if (image->bank != device->bank || (image_pcrs & device->mask & ~image->mask))
        return BS_ERR_INPUT;
    ret_boot->bank = device->bank;
    ret_boot->mask = device->mask;
    for (unsigned pcr = 0; pcr < 24; pcr++)
        memcpy(ret_boot->pcrs[pcr], image_pcrs & BIT(pcr) ? image->pcrs[pcr] : device->pcrs[pcr],
               sizeof(ret_boot->pcrs[pcr]));
    put_header(&w);
    enum bs_err err = w.err == BS_OK ? put_events(&w, device, ~image_pcrs, true) : w.err;
    if (err == BS_OK)
        err = put_events(&w, image, image_pcrs, false);
    if (err == BS_OK)
        err = put_records(&ret_boot->userspace_log, device, ~image_pcrs);
    if (err == BS_OK)
        err = put_records(&ret_boot->userspace_log, image, image_pcrs);
    if (err == BS_OK && image->command_line.size > 0)
        err = bs_buf_append(&ret_boot->command_line, image->command_line.data, image->command_line.size);
    return err == BS_ERR_NOMEM ? BS_ERR_INPUT : err;
}
