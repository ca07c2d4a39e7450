#include "core/eventlog.h"
#include "core/eventlog_decode.h"
#include "core/eventlog_more.h"

#include <string.h>

#define WHAT_CCEL "this is the event log of a confidential virtual machine (CCEL), not of a TPM"

#define RTMR_LAST 4

/* Texts by which files that people take for the log begin. */
static const struct {
    const char *start;
    enum eventlog_fault_kind kind;
    const char *what;
} beginnings[] = {
    { "CCEL", EVENTLOG_FAULT_CCEL, WHAT_CCEL },
    { "TPM2", EVENTLOG_FAULT_FOREIGN_FORM, "this is the ACPI table that points to the event log, and not the log" },
    { "TCPA", EVENTLOG_FAULT_FOREIGN_FORM, "this is the ACPI table that points to the event log, and not the log" },
    { "---\n", EVENTLOG_FAULT_FOREIGN_FORM,
      "this is what tpm2_eventlog printed of an event log; the log itself is wanted" },
    { "version: ", EVENTLOG_FAULT_FOREIGN_FORM,
      "this is what tpm2_eventlog printed of an event log; the log itself is wanted" },
    { "\x1e{", EVENTLOG_FAULT_FOREIGN_FORM, "this is an event log of the userspace (JSON), not the firmware's" },
    { "{", EVENTLOG_FAULT_FOREIGN_FORM, "this is JSON, and not the firmware's event log" },
    { "[", EVENTLOG_FAULT_FOREIGN_FORM, "this is JSON, and not the firmware's event log" },
};

/* Linux' ima/binary_runtime_measurements: PCR, SHA-1, length of the template's name, the name. */
static bool is_ima(struct bs_span bytes)
{
    return bytes.size >= 31 && bytes.data[25] == 0 && bytes.data[26] == 0 && bytes.data[27] == 0 &&
           memcmp(bytes.data + 28, "ima", 3) == 0;
}

/* coreboot's own table: two counts, then for each entry PCR (4), name of the hash (10), ... */
static bool is_coreboot(struct bs_span bytes)
{
    return bytes.size >= 18 && (memcmp(bytes.data + 8, "SHA1\0", 5) == 0 || memcmp(bytes.data + 8, "SHA256\0", 7) == 0);
}

/* Open Firmware's log of a TPM 1.2: PCR and type are big endian, and both small. */
static bool is_big_endian(struct bs_span bytes)
{
    static const uint8_t zeros[3];
    return bytes.size >= 32 && memcmp(bytes.data, zeros, 3) == 0 && bytes.data[3] < EVENTLOG_PCRS &&
           memcmp(bytes.data + 4, zeros, 3) == 0 && bytes.data[7] > 0 && bytes.data[7] < 0x14 &&
           memcmp(bytes.data + 28, zeros, 2) == 0;
}

static bool begins_with(struct bs_span bytes, const char *start)
{
    size_t size = strlen(start);
    return bytes.size >= size && memcmp(bytes.data, start, size) == 0;
}

/* What it is, as a clause; NULL when that is not known. */
static const char *find_foreign(struct bs_span bytes, enum eventlog_fault_kind *ret_kind)
{
    *ret_kind = EVENTLOG_FAULT_FOREIGN_FORM;
    const char *what = eventlog_more ? eventlog_more->name(bytes) : NULL;
    if (what)
        return what;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (begins_with(bytes, beginnings[i].start)) {
            *ret_kind = beginnings[i].kind;
            return beginnings[i].what;
        }
    if (is_ima(bytes))
        return "this is the measurement list of Linux' IMA, and not the firmware's event log";
    if (is_coreboot(bytes))
        return "this is a log in coreboot's own form, which has no event types and is not read here";
    if (is_big_endian(bytes)) {
        *ret_kind = EVENTLOG_FAULT_BIG_ENDIAN;
        return "this is a big-endian log, as Open Firmware makes for a TPM 1.2, and not read here";
    }
    return NULL;
}

static bool is_secure_boot(const struct eventlog_event *event)
{
    static const char name[] = "S\0e\0c\0u\0r\0e\0B\0o\0o\0t";
    struct eventlog_variable variable;
    return event->type == EVENTLOG_VARIABLE_DRIVER_CONFIG &&
           eventlog_decode_variable(event->data, &variable) == BS_OK &&
           bs_span_equal(variable.name, BS_SPAN(name, sizeof(name)));
}

/*
 * td-shim, which starts a confidential machine without UEFI, measures the list of resources that it was given (TD_SHIM_PLATFORM_CONFIG_INFO,
 * td-shim specification, table 3.5-4) first of all: 16 characters, the size of what follows, and that.
 */
static bool is_td_hob(const struct eventlog_event *event)
{
    static const char descriptor[16] = "td_hob";
    struct bs_reader r = BS_READER(event->data);
    struct bs_span name;
    uint32_t size;
    return event->pcr == 1 && event->type == EVENTLOG_PLATFORM_CONFIG_FLAGS &&
           bs_read_bytes(&r, sizeof(descriptor), &name) && bs_read_le32(&r, &size) && size == r.left &&
           memcmp(name.data, descriptor, sizeof(descriptor)) == 0;
}

/* What a TPM's log has in another PCR (7, 4 and 5, 8 and 9: PFP §3.3.4) or not at all, and such a log in this register. */
static bool is_of_rtmr(const struct eventlog_event *event)
{
    return is_td_hob(event) || (event->pcr == 1 && is_secure_boot(event)) ||
           (event->pcr == 2 && event->type == EVENTLOG_EFI_ACTION) || (event->pcr == 3 && event->type == EVENTLOG_IPL);
}

/*
 * The data behind the ACPI table CCEL have the form of a TPM's log to the byte (UEFI 2.10 §38.4.1), with the number of a
 * measurement register in the place of the PCR. Told by what no TPM's log has: the one hash is SHA-384, no register is above 4, and
 * events are in registers where a TPM's log never has them.
 */
static bool is_ccel(const struct eventlog *log)
{
    struct eventlog_event event;
    bool is_found = false;

    if (log->bank_count != 1 || log->banks[0].alg != CRYPTO_SHA384)
        return false;
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);) {
        if (!eventlog_extends(&event))
            continue;
        if (event.pcr > RTMR_LAST)
            return false;
        is_found = is_found || is_of_rtmr(&event);
    }
    return is_found;
}

enum bs_err eventlog_open(struct bs_span bytes, struct eventlog *ret_log, struct eventlog_fault *ret_fault)
{
    struct eventlog log;
    struct eventlog_fault fault;

    if (eventlog_open_plain(bytes, &log, &fault) != BS_OK) {
        /* Only then: whatever it begins with, what can be read as a log is one. */
        enum eventlog_fault_kind kind;
        const char *foreign = fault.event == 0 ? find_foreign(bytes, &kind) : NULL;
        if (foreign)
            fault = (struct eventlog_fault){ kind, foreign, 0, 0 };
    } else if (is_ccel(&log)) {
        fault = (struct eventlog_fault){ EVENTLOG_FAULT_CCEL, WHAT_CCEL, log.event_count, log.bytes.size };
    } else {
        *ret_log = log;
        return BS_OK;
    }
    if (ret_fault)
        *ret_fault = fault;
    return BS_ERR_INPUT;
}
