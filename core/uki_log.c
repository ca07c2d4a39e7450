/* What the boot of a UKI measures, as an event log, alone and behind a firmware's own events. */
#include "core/uki.h"

#include "core/eventlog_decode.h"

#include <string.h>

#define PCR_BOOT_MANAGER 4
#define PCR_POLICY 7
#define PCR_KERNEL 9
#define PCR_UKI 11
#define PCR_PARAMETERS 12
#define PCR_EXTENSIONS 13

/* Tags that the kernel's EFI stub uses (Linux, drivers/firmware/efi/libstub/efistub.h). */
#define TAG_OPTIONS UINT32_C(0x8f3b22ed)
#define TAG_INITRD UINT32_C(0x8f3b22ec)

/* EFI_GLOBAL_VARIABLE (UEFI 2.10 §3.3), as it lies in memory. */
static const uint8_t global_variable[EVENTLOG_GUID_SIZE] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                                             0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };

/* The device path under which systemd-stub has the kernel loaded: a vendor's medium. */
static const uint8_t stub_path[] = { 0x04, 0x03, 0x14, 0x00, 0xf8, 0xd1, 0xc5, 0x55, 0xcd, 0x04, 0xb5, 0x46,
                                     0x8a, 0x20, 0xe5, 0x6c, 0xbb, 0x30, 0x52, 0xd0, 0x7f, 0xff, 0x04, 0x00 };
static const uint8_t empty_path[] = { 0x7f, 0xff, 0x04, 0x00 };

/* Writer with a sticky error. */
struct writer {
    struct bs_buf *out;
    enum bs_err err;
    const struct eventlog_bank *banks;
    size_t bank_count;
};

static void put(struct writer *w, const void *data, size_t size)
{
    if (w->err == BS_OK)
        w->err = bs_buf_append(w->out, data, size);
}

static void put_le(struct writer *w, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    put(w, bytes, size);
}

/* TCG_PCR_EVENT with TCG_EfiSpecIdEvent (PFP 1.06 §10.4.5.1): UINTN of 8 bytes, no vendor info. */
static void put_header(struct writer *w)
{
    static const uint8_t head[24] = "Spec ID Event03\0\0\0\0\0\0\x02\x02\x02";
    static const uint8_t no_digest[20];
    put_le(w, 0, 4);
    put_le(w, EVENTLOG_NO_ACTION, 4);
    put(w, no_digest, sizeof(no_digest));
    put_le(w, sizeof(head) + 4 + 4 * w->bank_count + 1, 4);
    put(w, head, sizeof(head));
    put_le(w, w->bank_count, 4);
    for (size_t i = 0; i < w->bank_count; i++) {
        put_le(w, w->banks[i].alg, 2);
        put_le(w, w->banks[i].size, 2);
    }
    put_le(w, 0, 1);
}

/* Everything of an event before its digests' values, which follow with put_digest(), and then put_data(). */
static void put_event(struct writer *w, uint32_t pcr, uint32_t type, size_t digests)
{
    put_le(w, pcr, 4);
    put_le(w, type, 4);
    put_le(w, digests, 4);
}

static void put_digest(struct writer *w, uint16_t alg, struct bs_span value)
{
    put_le(w, alg, 2);
    put(w, value.data, value.size);
}

static void put_data(struct writer *w, struct bs_span data)
{
    put_le(w, data.size, 4);
    put(w, data.data, data.size);
}

/* What is measured, so that one function makes the digests of all banks. */
struct subject {
    enum { SUBJECT_BYTES, SUBJECT_IMAGE, SUBJECT_OPTIONS, SUBJECT_INITRD } kind;
    struct pe_bytes bytes;
    const struct pe *image;
    const struct uki *uki;
};

static enum bs_err hash(const struct subject *subject, uint16_t alg, uint8_t *ret_digest)
{
    switch (subject->kind) {
    case SUBJECT_BYTES:
        return pe_hash_bytes(alg, subject->bytes, ret_digest);
    case SUBJECT_IMAGE:
        return pe_authenticode(subject->image, alg, ret_digest);
    case SUBJECT_OPTIONS:
        return uki_hash_options(subject->uki, alg, ret_digest);
    case SUBJECT_INITRD:
        return uki_hash_initrd(subject->uki, alg, ret_digest);
    }
    return BS_ERR_INPUT;
}

/* Nothing is written when there is nothing to measure. */
static void measure(struct writer *w, uint32_t pcr, uint32_t type, const struct subject *subject, struct bs_span data)
{
    uint8_t values[EVENTLOG_BANKS_MAX][CRYPTO_HASH_MAX];
    for (size_t i = 0; i < w->bank_count && w->err == BS_OK; i++) {
        enum bs_err err = hash(subject, w->banks[i].alg, values[i]);
        if (err == BS_ERR_NOT_FOUND)
            return;
        w->err = err;
    }
    put_event(w, pcr, type, w->bank_count);
    for (size_t i = 0; i < w->bank_count; i++)
        put_digest(w, w->banks[i].alg, BS_SPAN(values[i], w->banks[i].size));
    put_data(w, data);
}

static void measure_bytes(struct writer *w, uint32_t pcr, uint32_t type, struct bs_span bytes)
{
    struct subject subject = { SUBJECT_BYTES, { bytes, 0 }, NULL, NULL };
    measure(w, pcr, type, &subject, bytes);
}

/* UEFI_IMAGE_LOAD_EVENT; where the image will be in memory nobody knows, and no digest says. */
static void measure_image(struct writer *w, const struct pe *image, struct bs_span path)
{
    struct subject subject = { SUBJECT_IMAGE, { BS_SPAN_NONE, 0 }, image, NULL };
    uint8_t data[32 + sizeof(stub_path)] = { 0 };
    uint64_t size = image->bytes.data.size + (uint64_t)image->bytes.zeros;
    for (size_t i = 0; i < 8; i++)
        data[8 + i] = (uint8_t)(size >> 8 * i);
    data[24] = (uint8_t)path.size;
    memcpy(data + 32, path.data, path.size);
    measure(w, PCR_BOOT_MANAGER, EVENTLOG_BOOT_APPLICATION, &subject, BS_SPAN(data, 32 + path.size));
}

static void measure_sections(struct writer *w, const struct uki *uki)
{
    for (size_t i = 0; i < UKI_SECTIONS; i++) {
        const char *name = uki_section_name((enum uki_section)i);
        size_t size = strlen(name) + 1;
        uint8_t wide[2 * PE_NAME_SIZE] = { 0 };
        struct subject subject = { SUBJECT_BYTES, { BS_SPAN(name, size), 0 }, NULL, NULL };
        if (!uki_measures(uki, (enum uki_section)i))
            continue;
        for (size_t k = 0; k < size; k++)
            wide[2 * k] = (uint8_t)name[k];
        measure(w, PCR_UKI, EVENTLOG_IPL, &subject, BS_SPAN(wide, 2 * size));
        subject.bytes = uki->sections[i];
        measure(w, PCR_UKI, EVENTLOG_IPL, &subject, BS_SPAN(wide, 2 * size));
    }
}

/* TCG_PCClientTaggedEvent with a name, as the kernel writes it. */
static void measure_tagged(struct writer *w, const struct subject *subject, uint32_t tag, const char *name)
{
    uint8_t data[64];
    size_t size = strlen(name) + 1;
    for (size_t i = 0; i < 4; i++) {
        data[i] = (uint8_t)(tag >> 8 * i);
        data[4 + i] = (uint8_t)(size >> 8 * i);
    }
    memcpy(data + 8, name, size);
    measure(w, PCR_KERNEL, EVENTLOG_EVENT_TAG, subject, BS_SPAN(data, 8 + size));
}

static enum bs_err name_banks(const uint16_t *algs, size_t count, struct eventlog_bank ret_banks[EVENTLOG_BANKS_MAX])
{
    if (count == 0 || count > EVENTLOG_BANKS_MAX)
        return BS_ERR_INPUT;
    for (size_t i = 0; i < count; i++) {
        ret_banks[i] = (struct eventlog_bank){ algs[i], (uint16_t)crypto_hash_size(algs[i]) };
        if (ret_banks[i].size == 0)
            return BS_ERR_INPUT;
    }
    return BS_OK;
}

enum bs_err uki_write_events(const struct uki *uki, const uint16_t *banks, size_t count, struct bs_buf *out)
{
    struct eventlog_bank named[EVENTLOG_BANKS_MAX];
    struct writer w = { out, name_banks(banks, count, named), named, count };
    if (w.err != BS_OK)
        return w.err;
    put_header(&w);
    measure_image(&w, &uki->pe, BS_SPAN(empty_path, sizeof(empty_path)));
    measure_sections(&w, uki);
    if (uki->stub_version <= UKI_LOAD_IMAGE_MAX)
        measure_image(&w, &uki->kernel, BS_SPAN(stub_path, sizeof(stub_path)));
    if (uki_pcr9_problem(uki))
        return w.err;
    struct subject subject = { SUBJECT_OPTIONS, { BS_SPAN_NONE, 0 }, NULL, uki };
    measure_tagged(&w, &subject, TAG_OPTIONS, "LOADED_IMAGE::LoadOptions");
    subject.kind = SUBJECT_INITRD;
    measure_tagged(&w, &subject, TAG_INITRD, "Linux initrd");
    return w.err;
}

enum bs_err uki_write_plain_firmware(const uint16_t *banks, size_t count, struct bs_buf *out)
{
    struct eventlog_bank named[EVENTLOG_BANKS_MAX];
    struct writer w = { out, name_banks(banks, count, named), named, count };
    static const char action[] = "Calling EFI Application from Boot Option";
    /* UEFI_VARIABLE_DATA: GUID, number of characters, size, name, value. */
    uint8_t variable[16 + 8 + 8 + 2 * 10 + 1] = { 0 };
    if (w.err != BS_OK)
        return w.err;
    memcpy(variable, global_variable, sizeof(global_variable));
    variable[16] = 10;
    variable[24] = 1;
    for (size_t i = 0; i < 10; i++)
        variable[32 + 2 * i] = (uint8_t) "SecureBoot"[i];
    put_header(&w);
    measure_bytes(&w, PCR_POLICY, EVENTLOG_VARIABLE_DRIVER_CONFIG, BS_SPAN(variable, sizeof(variable)));
    measure_bytes(&w, PCR_BOOT_MANAGER, EVENTLOG_EFI_ACTION, BS_SPAN(action, strlen(action)));
    measure_bytes(&w, PCR_BOOT_MANAGER, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0", 4));
    return w.err;
}

uint32_t uki_events_mask(const struct eventlog *events)
{
    struct eventlog_event event;
    uint32_t mask = 0;
    for (struct eventlog_cursor c = eventlog_first(events); eventlog_next(&c, &event);)
        if (eventlog_extends(&event))
            mask |= UINT32_C(1) << event.pcr;
    return mask;
}

/* What a log tells of the boot that made it. */
struct reading {
    bool is_over;  /* the firmware's own part: PCR 4 has its separator */
    bool is_early; /* an application was measured before that */
    size_t image;  /* event that measured the image that is to be replaced; everything before it stays */
    bool has_secure_boot;
    bool is_secure_boot;
    bool is_addition; /* the stub measured parameters, credentials or extensions that are not in the UKI */
};

/* The variable counts only if its digest is that of its data: the event's type and data are anybody's words. */
static void note_secure_boot(struct reading *reading, const struct eventlog_event *event)
{
    static const char name[] = "S\0e\0c\0u\0r\0e\0B\0o\0o\0t";
    struct eventlog_variable variable;
    uint8_t digest[CRYPTO_HASH_MAX];

    if (event->pcr != PCR_POLICY || event->type != EVENTLOG_VARIABLE_DRIVER_CONFIG || event->digest_count == 0 ||
        eventlog_decode_variable(event->data, &variable) != BS_OK ||
        !bs_span_equal(variable.guid, BS_SPAN(global_variable, sizeof(global_variable))) ||
        !bs_span_equal(variable.name, BS_SPAN(name, sizeof(name))) || variable.data.size != 1)
        return;
    for (size_t i = 0; i < event->digest_count; i++) {
        uint16_t alg = event->digests[i].alg;
        if (crypto_hash_size(alg) == 0)
            continue;
        if (crypto_hash(alg, event->data, digest) != BS_OK ||
            !bs_span_equal(event->digests[i].value, BS_SPAN(digest, crypto_hash_size(alg))))
            return;
    }
    reading->has_secure_boot = true;
    reading->is_secure_boot = variable.data.data[0] != 0;
}

/*
 * The image is the last boot application before the stub's first event; without one (a boot without a UKI), the first application that
 * the firmware started when its own part was over; without that, the log ends with the firmware's part.
 */
static void read_log(const struct eventlog *log, struct reading *reading)
{
    struct eventlog_event event;
    size_t first = log->event_count, last = log->event_count;
    bool has_stub = false;

    *reading = (struct reading){ .is_over = false };
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);) {
        bool is_image = event.pcr == PCR_BOOT_MANAGER && event.type == EVENTLOG_BOOT_APPLICATION;
        if (!eventlog_extends(&event))
            continue;
        note_secure_boot(reading, &event);
        reading->is_over = reading->is_over || (event.pcr == PCR_BOOT_MANAGER && event.type == EVENTLOG_SEPARATOR);
        has_stub = has_stub || event.pcr == PCR_UKI;
        reading->is_addition =
            reading->is_addition || (has_stub && (event.pcr == PCR_PARAMETERS || event.pcr == PCR_EXTENSIONS));
        reading->is_early = reading->is_early || (is_image && !reading->is_over);
        if (!is_image || has_stub)
            continue;
        if (first == log->event_count)
            first = event.index;
        last = event.index;
    }
    reading->image = has_stub ? last : first;
}

/* The event again, with the digests of the banks that the writer has. */
static void copy_event(struct writer *w, const struct eventlog_event *event)
{
    size_t count = 0;
    for (size_t i = 0; i < w->bank_count; i++)
        count += eventlog_digest(event, w->banks[i].alg).size == w->banks[i].size;
    put_event(w, event->pcr, event->type, count);
    for (size_t i = 0; i < w->bank_count; i++) {
        struct bs_span value = eventlog_digest(event, w->banks[i].alg);
        if (value.size == w->banks[i].size)
            put_digest(w, w->banks[i].alg, value);
    }
    put_data(w, event->data);
}

/* With Secure Boot on the stub takes the firmware's checks away while the kernel is loaded, and with them its measurement. */
static void copy_uki(struct writer *w, const struct eventlog *events, bool is_secure_boot)
{
    struct eventlog_event event;
    size_t images = 0;
    for (struct eventlog_cursor c = eventlog_first(events); eventlog_next(&c, &event);) {
        if (!eventlog_extends(&event))
            continue;
        images += event.pcr == PCR_BOOT_MANAGER;
        if (event.pcr != PCR_BOOT_MANAGER || images == 1 || !is_secure_boot)
            copy_event(w, &event);
    }
}

static void splice(struct writer *w, const struct eventlog *firmware, const struct eventlog *events,
                   const struct reading *reading)
{
    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(firmware); eventlog_next(&c, &event);) {
        bool is_ours = event.pcr == PCR_BOOT_MANAGER || event.pcr == PCR_KERNEL || event.pcr == PCR_UKI;
        if (event.index == 0)
            put_header(w);
        else if (event.index < reading->image || !eventlog_extends(&event) || !is_ours)
            copy_event(w, &event);
        if (event.index == reading->image)
            copy_uki(w, events, reading->is_secure_boot);
    }
    if (reading->image == firmware->event_count)
        copy_uki(w, events, reading->is_secure_boot);
}

static const char *find_problem(const struct eventlog *firmware, const struct reading *reading)
{
    if (firmware->format != EVENTLOG_CRYPTO_AGILE)
        return "the firmware's event log is of the old format, for SHA-1 alone";
    if (!reading->is_over)
        return "the firmware's event log does not tell where its own part ends: PCR 4 has no separator";
    if (reading->is_early)
        return "that firmware measured an application before its own part was over, and what it does with another image is not known";
    if (!reading->has_secure_boot)
        return "the firmware's event log does not say whether Secure Boot is on";
    if (reading->is_addition)
        return "that boot had a command line, credentials or extensions from outside of the image (PCR 12 or 13), and what they do to "
               "PCR 9 cannot be foretold";
    return NULL;
}

enum bs_err uki_splice(const struct eventlog *firmware, const struct eventlog *events, struct bs_buf *out,
                       const char **ret_why)
{
    struct reading reading;
    read_log(firmware, &reading);
    const char *problem = find_problem(firmware, &reading);
    if (problem) {
        *ret_why = problem;
        return BS_ERR_INPUT;
    }
    struct writer w = { out, BS_OK, firmware->banks, firmware->bank_count };
    splice(&w, firmware, events, &reading);
    return w.err;
}
