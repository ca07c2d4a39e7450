/* eventlog_describe(): what events of a few kinds say of themselves, in front of the plain description. */
#include "core/eventlog_more.h"
#include "core/eventlog_say.h"
#include "core/eventlog_secureboot.h"

#include <inttypes.h>
#include <string.h>

static bool begins_with(struct bs_span data, const char *start)
{
    size_t size = strlen(start);
    return data.size >= size && memcmp(data.data, start, size) == 0;
}

static struct bs_span behind(struct bs_span data, size_t size)
{
    return size < data.size ? BS_SPAN(data.data + size, data.size - size) : BS_SPAN_NONE;
}

static void say_quoted(struct bs_buf *out, const char *what, struct bs_span text)
{
    say(out, "%s \"", what);
    say_text(out, text, bs_utf8_take);
    say(out, "\"");
}

static void say_count(struct bs_buf *out, const char *separator, size_t count, const char *one, const char *many)
{
    if (count > 0)
        say(out, "%s%zu %s", separator, count, count == 1 ? one : many);
}

/* "variable db: 2 certificates, 3 hashes". False when the contents are no signature lists. */
static bool say_lists(struct bs_buf *out, const struct eventlog_variable *variable)
{
    size_t counts[3] = { 0 }; /* by enum eventlog_entry_kind */
    struct eventlog_entry entry;
    struct eventlog_entries e = eventlog_entries_first(variable->data);
    while (eventlog_entries_next(&e, &entry))
        counts[entry.kind]++;
    if (e.is_broken || counts[0] + counts[1] + counts[2] == 0)
        return false;
    say_variable_name(out, variable);
    const char *comma = ": ";
    say_count(out, comma, counts[EVENTLOG_ENTRY_X509], "certificate", "certificates");
    comma = counts[EVENTLOG_ENTRY_X509] > 0 ? ", " : comma;
    say_count(out, comma, counts[EVENTLOG_ENTRY_SHA256], "hash", "hashes");
    comma = counts[EVENTLOG_ENTRY_SHA256] > 0 ? ", " : comma;
    say_count(out, comma, counts[EVENTLOG_ENTRY_OTHER], "other entry", "other entries");
    return true;
}

/* What admitted an image where it is no certificate: a hash, or a text like shim's SbatLevel. */
static bool say_authority(struct bs_buf *out, const struct eventlog_variable *variable)
{
    struct eventlog_entry entry;
    char hex[2 * CRYPTO_SHA256_SIZE + 1];

    if (say_is_text(variable->data, bs_utf8_take)) {
        say_variable_name(out, variable);
        say(out, ": ");
        say_data(out, variable->data);
        return true;
    }
    if (eventlog_authority_entry(variable->data, &entry) != BS_OK || entry.kind != EVENTLOG_ENTRY_SHA256)
        return false;
    bs_hex(entry.bytes, hex);
    say(out, "entry of ");
    say_variable_name(out, variable);
    say(out, " that admitted an image: hash %s", hex);
    return true;
}

static bool say_variable(struct bs_buf *out, const struct eventlog_event *event)
{
    struct eventlog_variable variable;
    if (eventlog_decode_variable(event->data, &variable) != BS_OK)
        return false;
    return event->type == EVENTLOG_VARIABLE_AUTHORITY ? say_authority(out, &variable) : say_lists(out, &variable);
}

/* GRUB in PCR 8 and 9 (grub-core/commands/tpm.c), shim's lists in PCR 7 and 14. */
static bool say_ipl(struct bs_buf *out, const struct eventlog_event *event)
{
    static const struct {
        const char *start, *what;
    } grub[] = {
        { "grub_cmd: ", "GRUB's command" },
        { "kernel_cmdline: ", "GRUB: kernel command line" },
        { "module_cmdline: ", "GRUB: command line of a module" },
    };
    const struct bs_span data = event->data;

    for (size_t i = 0; i < sizeof(grub) / sizeof(grub[0]); i++)
        if (begins_with(data, grub[i].start)) {
            say_quoted(out, grub[i].what, behind(data, strlen(grub[i].start)));
            return true;
        }
    if (event->pcr == 9 && say_is_text(data, bs_utf8_take) && (data.data[0] == '/' || data.data[0] == '(')) {
        say_quoted(out, "contents of the file", data);
        return true;
    }
    if (event->pcr == 14 && (begins_with(data, "MokList") || begins_with(data, "Shim"))) {
        say_quoted(out, "shim: contents of", data);
        return true;
    }
    return false;
}

/* Tags of systemd (src/boot/efi) that have no text of their own, and Windows' (SIPAEVENT, wbcl.h). */
static bool say_tagged(struct bs_buf *out, const struct eventlog_event *event)
{
    static const struct {
        uint32_t id;
        const char *what;
    } tags[] = {
        { 0xf5bc582a, "systemd-boot: contents of loader.conf" },
        { 0x6c46f751, "systemd-stub: devicetree addon" },
        { 0x49dffe0f, "systemd-stub: initrd addon" },
        { 0xdac08e1a, "systemd-stub: microcode addon" },
        { 0x13aed6db, "systemd-stub: profile of the UKI" },
        { 0x40010001, "Windows: trust boundary" },
        { 0x40010002, "Windows: ELAM drivers" },
        { 0x40010003, "Windows: loaded module" },
        { 0xc0010004, "Windows: trust point" },
        { 0x40010005, "Windows: KSR" },
    };
    struct eventlog_tagged tagged;
    if (eventlog_decode_tagged(event->data, &tagged) != BS_OK)
        return false;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (tags[i].id == tagged.id) {
            say(out, "%s", tags[i].what);
            if (say_is_text(tagged.data, bs_utf16_take) && tagged.data.size >= 4 && tagged.data.data[1] == 0) {
                say(out, " ");
                say_data(out, tagged.data);
            }
            return true;
        }
    return false;
}

/* A text with its length before it, at most 255 bytes, as SP800-155 events have several. */
static bool say_short_text(struct bs_buf *out, struct bs_reader *r, const char *before)
{
    struct bs_span text;
    uint8_t size;
    if (!bs_read_u8(r, &size) || !bs_read_bytes(r, size, &text))
        return false;
    if (say_is_text(text, bs_utf8_take))
        say_quoted(out, before, text);
    return true;
}

/* PFP §10.4.5.2: where reference manifests of this firmware are; Event2 and 3 name the platform, too. */
static bool say_sp800(struct bs_buf *out, struct bs_span data)
{
    static const char *const names[] = { ", platform of", ", model", ", version", ", firmware of" };
    struct bs_reader r = BS_READER(behind(data, 16));
    struct bs_span guid;
    uint32_t vendor;
    char text[EVENTLOG_GUID_TEXT];

    if (!bs_read_le32(&r, &vendor) || !bs_read_bytes(&r, EVENTLOG_GUID_SIZE, &guid))
        return false;
    eventlog_guid_text(guid, text);
    say(out, "reference manifest %s of vendor %" PRIu32, text, vendor);
    if (begins_with(data, "SP800-155 Event2") || begins_with(data, "SP800-155 Event3"))
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (!say_short_text(out, &r, names[i]))
                break;
    return true;
}

static bool say_no_action(struct bs_buf *out, struct bs_span data)
{
    if (begins_with(data, "SP800-155 Event"))
        return say_sp800(out, data);
    if (data.size >= 17 && begins_with(data, "H-CRTM CompMeas")) {
        struct bs_reader r = BS_READER(behind(data, 16));
        say(out, "component of the hardware's root of trust");
        (void)say_short_text(out, &r, "");
        return true;
    }
    if (begins_with(data, "Spec ID Event00") || begins_with(data, "Spec ID Event02")) {
        say(out, "header of a SHA-1 log");
        return true;
    }
    return false;
}

/* Google's firmware: the name with its zero, then the technology that keeps the memory confidential. */
static bool say_nonhost(struct bs_buf *out, struct bs_span data)
{
    static const char *const technologies[] = { "none", "AMD SEV", "AMD SEV-ES", "Intel TDX", "AMD SEV-SNP" };
    static const char name[] = "GCE NonHostInfo";
    if (data.size <= sizeof(name) || memcmp(data.data, name, sizeof(name)) != 0)
        return false;
    uint8_t number = data.data[sizeof(name)];
    say(out, "Google Compute Engine: confidential computing ");
    if (number < sizeof(technologies) / sizeof(technologies[0]))
        say(out, "%s", technologies[number]);
    else
        say(out, "%u", number);
    return true;
}

const struct eventlog_more *eventlog_more;

static bool say_event(struct bs_buf *out, const struct eventlog_event *event)
{
    if (eventlog_more && eventlog_more->describe(out, event))
        return true;
    switch (event->type) {
    case EVENTLOG_NO_ACTION:
        return say_no_action(out, event->data);
    case EVENTLOG_VARIABLE_DRIVER_CONFIG:
    case EVENTLOG_VARIABLE_BOOT:
    case EVENTLOG_VARIABLE_BOOT2:
    case EVENTLOG_VARIABLE_AUTHORITY:
        return say_variable(out, event);
    case EVENTLOG_IPL:
        return say_ipl(out, event);
    case EVENTLOG_EVENT_TAG:
        return say_tagged(out, event);
    case EVENTLOG_NONHOST_INFO:
        return say_nonhost(out, event->data);
    case EVENTLOG_HCRTM:
        say(out, "the hardware's root of trust, measured before the TPM was started");
        return true;
    default:
        return false;
    }
}

enum bs_err eventlog_describe(const struct eventlog_event *event, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    if (!say_event(&text, event)) {
        bs_buf_reset(&text);
        say_plain(&text, event);
    }
    return bs_buf_append(out, text.data, text.size);
}
