/* Words for events that few machines have: of seldom used types, of dynamic launches, of devices that measure themselves. */
#include "core/eventlog_hash.h"
#include "core/eventlog_say.h"

#include <inttypes.h>
#include <string.h>

/* What the type alone tells; the data follow where they are there. */
static const struct {
    uint32_t type;
    const char *what;
} words[] = {
    { 0x00, "certificate from before the boot" },
    { 0x09, "microcode of the processor" },
    { 0x0a, "settings of the platform" },
    { 0x0b, "list of devices" },
    { 0x0e, "partition data of the boot disk" },
    { 0x0f, "code that another processor than the host's runs" },
    { 0x10, "settings of what another processor than the host's runs" },
    { 0x12, "attempts to boot are not logged one by one" },
    /* Intel TXT Software Development Guide, appendix F */
    { 0x401, "Intel TXT: which PCRs are used" },
    { 0x402, "Intel TXT: start of the launch" },
    { 0x403, "Intel TXT: combined hash" },
    { 0x404, "Intel TXT: hash of the launched environment" },
    { 0x40a, "Intel TXT: BIOS ACM" },
    { 0x40b, "Intel TXT: state of the processor's root of trust" },
    { 0x40c, "Intel TXT: control field of the launch policy" },
    { 0x40d, "Intel TXT: elements of the launch policy" },
    { 0x40e, "Intel TXT: SMI transfer monitor" },
    { 0x40f, "Intel TXT: capabilities that the launch asked for" },
    { 0x410, "Intel TXT: key that signed the SINIT ACM" },
    { 0x411, "Intel TXT: launch policy" },
    { 0x412, "Intel TXT: details of the launch policy" },
    { 0x413, "Intel TXT: authorities of the launch policy" },
    { 0x414, "Intel TXT: NV indices" },
    { 0x415, "Intel TXT: BIOS at cold boot" },
    { 0x416, "Intel TXT: key manifest" },
    { 0x417, "Intel TXT: boot policy manifest" },
    { 0x418, "Intel TXT: key manifest, as Boot Guard knows it" },
    { 0x419, "Intel TXT: boot policy manifest, as Boot Guard knows it" },
    { 0x41a, "Intel TXT: boot policy" },
    { 0x4fe, "Intel TXT: random value" },
    { 0x4ff, "Intel TXT: end of the launch" },
    { 0x502, "Secure Launch" },
    { 0x503, "Secure Launch: begin of its own events" },
    { 0x504, "Secure Launch: end of its own events" },
    /* Windows' wbcl.h */
    { 0x8001, "AMD Secure Launch: secure loader" },
    { 0x8002, "AMD Secure Launch: version of the PSP's firmware" },
    { 0x8003, "AMD Secure Launch: fuse of the memory encryption" },
    { 0x8004, "AMD Secure Launch: key" },
    { 0x8005, "AMD Secure Launch: security version" },
    { 0x8006, "AMD Secure Launch: secure loader" },
    { 0x8007, "AMD Secure Launch: separator" },
};

static bool say_words(struct bs_buf *out, const struct eventlog_event *event)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].type != event->type)
            continue;
        say(out, "%s", words[i].what);
        if (event->data.size > 0) {
            say(out, ": ");
            say_data(out, event->data);
        }
        return true;
    }
    return false;
}

/* Of tables that firmware measures (UEFI 2.10 §4.6.1). */
static const char *table_name(const char guid[EVENTLOG_GUID_TEXT])
{
    static const struct {
        const char *guid, *name;
    } tables[] = {
        { "eb9d2d30-2d88-11d3-9a16-0090273fc14d", "ACPI 1.0" }, { "8868e871-e4f1-11d3-bc22-0080c73c8881", "ACPI" },
        { "eb9d2d31-2d88-11d3-9a16-0090273fc14d", "SMBIOS" },   { "f2fd1544-9794-4a2c-992e-e5bbcf20e394", "SMBIOS 3" },
        { "eb9d2d2f-2d88-11d3-9a16-0090273fc14d", "MPS" },      { "eb9d2d32-2d88-11d3-9a16-0090273fc14d", "SAL" },
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (strcmp(guid, tables[i].guid) == 0)
            return tables[i].name;
    return guid;
}

/* UEFI_HANDOFF_TABLE_POINTERS (PFP §10.2.4): a number, and as many GUIDs with an address. */
static bool say_tables(struct bs_buf *out, struct bs_span data)
{
    struct bs_reader r = BS_READER(data);
    struct bs_span guid;
    uint64_t count, address;

    if (!bs_read_le64(&r, &count) || r.left % 24 != 0 || count != r.left / 24 || count == 0)
        return false;
    say(out, "tables:");
    for (const char *comma = ""; bs_read_bytes(&r, EVENTLOG_GUID_SIZE, &guid) && bs_read_le64(&r, &address);
         comma = ",") {
        char text[EVENTLOG_GUID_TEXT];
        eventlog_guid_text(guid, text);
        say(out, "%s %s", comma, table_name(text));
    }
    return true;
}

/* DEVICE_SECURITY_EVENT_DATA and DATA2 (PFP §10.2.7): a signature, a version, and in the second form whether the device proved itself. */
static bool say_device(struct bs_buf *out, struct bs_span data, const char *what)
{
    static const char first[] = "SPDM Device Sec", second[] = "SPDM Device Sec2";
    if (data.size < 20 ||
        (memcmp(data.data, first, sizeof(first)) != 0 && memcmp(data.data, second, sizeof(second) - 1) != 0))
        return false;
    say(out, "%s of a device by SPDM", what);
    if (data.data[15] == '2')
        say(out, data.data[18] == 0 ? ", which proved who it is" : ", which did not prove who it is");
    return true;
}

/* What a device says of itself goes to NV indices of the TPM, too, and the log tells (PFP §10.4.5.4 and 5). */
static bool say_index(struct bs_buf *out, struct bs_span data)
{
    static const char instance[] = "NvIndexInstance", dynamic[] = "NvIndexDynamic ";
    struct bs_reader r = BS_READER(data);
    struct bs_span head, text;
    uint16_t size;

    if (!bs_read_bytes(&r, 24, &head))
        return false;
    if (memcmp(head.data, instance, sizeof(instance)) == 0) {
        if (!say_device(out, BS_SPAN(r.at, r.left), "certificates or measurements"))
            say(out, "certificates or measurements of a device");
        say(out, ", kept in an NV index");
        return true;
    }
    if (memcmp(head.data, dynamic, sizeof(dynamic) - 1) != 0)
        return false;
    say(out, "what was asked of a device, kept in an NV index");
    if (bs_read_bytes(&r, 8, &head) && bs_read_le16(&r, &size) && bs_read_bytes(&r, size, &text) &&
        say_is_text(text, bs_utf8_take)) {
        say(out, ": ");
        say_data(out, text);
    }
    return true;
}

/* Windows ends its log with an event of no PCR that has the quote of the boot, a tagged event in the place of a signature. */
static bool say_trust_point(struct bs_buf *out, struct bs_span data)
{
    struct eventlog_tagged tagged;
    if (eventlog_decode_tagged(data, &tagged) != BS_OK || tagged.id != 0xc0010004)
        return false;
    say(out, "Windows: trust point");
    return true;
}

/* coreboot's events are all of one size: behind the four bytes are zeros. */
static bool say_longer_separator(struct bs_buf *out, const struct eventlog_event *event)
{
    struct eventlog_event shorter = *event;
    for (size_t i = 4; i < event->data.size; i++)
        if (event->data.data[i] != 0)
            return false;
    shorter.data.size = 4;
    if (event->data.size > 4)
        say_plain(out, &shorter);
    return event->data.size > 4;
}

/*
 * Where the firmware failed to measure, the digest is that of 1, and the data may say what failed (PFP §10.4.1). Windows ends what its
 * boot manager measured with a separator of its own.
 */
static bool say_separator(struct bs_buf *out, const struct eventlog_event *event)
{
    static const uint8_t failed[4] = { 1 };
    uint8_t digest[CRYPTO_HASH_MAX];
    const struct bs_span data = event->data;

    if (bs_span_equal(data, bs_span_of_string("WBCL"))) {
        say(out, "separator: end of what Windows' boot manager measured");
        return true;
    }
    if (say_longer_separator(out, event))
        return true;
    if (event->digest_count == 0 || bs_span_equal(data, BS_SPAN(failed, sizeof(failed))) ||
        eventlog_hash(event->digests[0].alg, BS_SPAN(failed, sizeof(failed)), digest) != BS_OK ||
        !bs_span_equal(event->digests[0].value, BS_SPAN(digest, eventlog_hash_size(event->digests[0].alg))))
        return false;
    say(out, "separator: the firmware failed to measure: ");
    say_data(out, data);
    return true;
}

/* shim before 15.5 put bytes of nobody behind its variable: which it is can be told all the same. */
static bool say_longer_variable(struct bs_buf *out, struct bs_span data)
{
    struct eventlog_variable variable;
    struct bs_reader r = BS_READER(data);
    uint64_t characters, size;

    if (!bs_read_bytes(&r, EVENTLOG_GUID_SIZE, &variable.guid) || !bs_read_le64(&r, &characters) ||
        !bs_read_le64(&r, &size) || characters > r.left / 2 ||
        !bs_read_bytes(&r, (size_t)characters * 2, &variable.name) || size >= r.left)
        return false;
    say_variable_name(out, &variable);
    say(out, ": %" PRIu64 " bytes, and %" PRIu64 " behind that belong to nothing", size, r.left - size);
    return true;
}

/* What shim and devices that measure themselves have in variables. */
static bool say_variable(struct bs_buf *out, const struct eventlog_event *event)
{
    const bool is_spdm = event->type != EVENTLOG_VARIABLE_AUTHORITY;
    struct eventlog_variable variable;

    if (eventlog_decode_variable(event->data, &variable) != BS_OK)
        return !is_spdm && say_longer_variable(out, event->data);
    if (!is_spdm && variable.data.size != 1)
        return false;
    say_variable_name(out, &variable);
    if (is_spdm)
        say(out, ": %zu bytes", variable.data.size);
    else
        say(out, " = %u", variable.data.data[0]); /* shim's MokListTrusted */
    return true;
}

/*
 * What the plain description leaves out of an image: the device whose option ROM a driver is (UEFI §10.3.2 and 10.3.5), and the form of
 * the event that 32-bit firmware makes (PFP §10.2.3, UINTN of 4 bytes).
 */
static bool take_image(struct bs_span data, struct eventlog_image *ret_image)
{
    struct eventlog_image image;
    struct bs_reader r = BS_READER(data);
    uint32_t size, link_address, path_size;

    if (eventlog_decode_image(data, ret_image) == BS_OK)
        return true;
    if (!bs_read_le64(&r, &image.address) || !bs_read_le32(&r, &size) || !bs_read_le32(&r, &link_address) ||
        !bs_read_le32(&r, &path_size) || path_size != r.left)
        return false;
    image.size = size;
    image.path = BS_SPAN(r.at, r.left);
    *ret_image = image;
    return true;
}

static void say_place(struct bs_buf *out, struct bs_span path)
{
    struct bs_reader r = BS_READER(path);
    struct eventlog_node node;
    const char *before = " of the device at PCI ";

    while (eventlog_take_node(&r, &node)) {
        if (node.type == 1 && node.subtype == 1 && node.data.size == 2) {
            say(out, "%s%02x.%x", before, node.data.data[1], node.data.data[0]);
            before = "/";
        } else if (node.type == 4 && node.subtype == 8) {
            say(out, ", from its option ROM");
        }
    }
}

static bool say_image(struct bs_buf *out, const struct eventlog_event *event)
{
    static const char *const names[] = { "boot application", "boot driver", "runtime driver" };
    struct eventlog_image image;

    if (!take_image(event->data, &image))
        return false;
    say(out, "%s", names[event->type - EVENTLOG_BOOT_APPLICATION]);
    say_path(out, image.path);
    if (event->type != EVENTLOG_BOOT_APPLICATION)
        say_place(out, image.path);
    say(out, ", %" PRIu64 " bytes", image.size);
    return true;
}

/* Fedora's GRUB before 2.06. */
static bool say_ipl(struct bs_buf *out, struct bs_span data)
{
    static const struct {
        const char *start, *what;
    } grub[] = {
        { "grub_cmd ", "GRUB's command" },
        { "grub_kernel_cmdline ", "GRUB: kernel command line" },
        { "grub_linuxefi ", "GRUB: contents of the" },
        { "grub_linux ", "GRUB: contents of the" },
    };
    for (size_t i = 0; i < sizeof(grub) / sizeof(grub[0]); i++) {
        size_t size = strlen(grub[i].start);
        if (data.size <= size || memcmp(data.data, grub[i].start, size) != 0)
            continue;
        say(out, "%s \"", grub[i].what);
        say_text(out, BS_SPAN(data.data + size, data.size - size), bs_utf8_take);
        say(out, "\"");
        return true;
    }
    return false;
}

/* systemd since 258, and Windows. */
static bool say_tagged(struct bs_buf *out, struct bs_span data)
{
    static const struct {
        uint32_t id;
        const char *what;
    } tags[] = {
        { 0xd5cb7cbc, "systemd: SMBIOS table of the system" },
        { 0xe0d47bc8, "systemd: SMBIOS table of the board" },
        { 0xc0b3bd23, "systemd: SMBIOS table of OEM strings" },
        { 0x40010006, "Windows: signed measurement of KSR" },
    };
    struct eventlog_tagged tagged;
    if (eventlog_decode_tagged(data, &tagged) != BS_OK)
        return false;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (tags[i].id == tagged.id) {
            say(out, "%s", tags[i].what);
            return true;
        }
    return false;
}

bool say_other(struct bs_buf *out, const struct eventlog_event *event)
{
    switch (event->type) {
    case EVENTLOG_NO_ACTION:
        return say_index(out, event->data) || say_trust_point(out, event->data);
    case EVENTLOG_SEPARATOR:
        return say_separator(out, event);
    case EVENTLOG_VARIABLE_AUTHORITY:
    case EVENTLOG_SPDM_DEVICE_POLICY:
    case EVENTLOG_SPDM_DEVICE_AUTHORITY:
        return say_variable(out, event);
    case EVENTLOG_BOOT_APPLICATION:
    case EVENTLOG_BOOT_DRIVER:
    case EVENTLOG_RUNTIME_DRIVER:
        return say_image(out, event);
    case EVENTLOG_IPL:
        return say_ipl(out, event->data);
    case EVENTLOG_EVENT_TAG:
        return say_tagged(out, event->data);
    case EVENTLOG_HANDOFF_TABLES:
        return say_tables(out, event->data);
    case EVENTLOG_SPDM_FIRMWARE_BLOB:
        return say_device(out, event->data, "firmware");
    case EVENTLOG_SPDM_FIRMWARE_CONFIG:
        return say_device(out, event->data, "settings");
    default:
        return say_words(out, event);
    }
}
