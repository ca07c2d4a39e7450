#include "core/eventlog_hash.h"
#include "core/eventlog_say.h"
#include "core/text.h"

#include <inttypes.h>
#include <string.h>

/* Characters of one text that are shown; a command line may be longer than anybody reads. */
#define TEXT_SHOWN 200

static void say_character(struct bs_buf *out, uint32_t character, bool is_valid)
{
    uint8_t bytes[4];
    if (!is_valid || bs_is_control(character))
        character = '?';
    (void)!bs_buf_append(out, bytes, bs_utf8_encode(character, bytes));
}

void say_text(struct bs_buf *out, struct bs_span text, say_take *take)
{
    struct bs_reader r = BS_READER(text);
    uint32_t character;
    bool is_valid;

    for (size_t shown = 0; take(&r, &character, &is_valid) && character != 0; shown++) {
        if (shown == TEXT_SHOWN) {
            say(out, "...");
            return;
        }
        say_character(out, character, is_valid);
    }
}

/* Text of unknown encoding: which one makes printable characters of all of it, up to a terminator? */
bool say_is_text(struct bs_span data, say_take *take)
{
    struct bs_reader r = BS_READER(data);
    uint32_t character;
    bool is_valid;
    size_t count = 0;

    while (take(&r, &character, &is_valid)) {
        if (character == 0)
            break;
        if (!is_valid || (bs_is_control(character) && character != '\n' && character != '\t' && character != '\r'))
            return false;
        count++;
    }
    return count > 0;
}

/* ASCII read as UTF-16 is Chinese: only text of which a half is zeros is taken for UTF-16. */
static bool is_utf16(struct bs_span data)
{
    return data.size >= 4 && data.size % 2 == 0 && data.data[1] == 0 && say_is_text(data, bs_utf16_take);
}

void say_data(struct bs_buf *out, struct bs_span data)
{
    if (is_utf16(data)) {
        say(out, "\"");
        say_text(out, data, bs_utf16_take);
        say(out, "\"");
    } else if (say_is_text(data, bs_utf8_take)) {
        say(out, "\"");
        say_text(out, data, bs_utf8_take);
        say(out, "\"");
    } else if (data.size == 0) {
        say(out, "no data");
    } else {
        char hex[2 * 16 + 1];
        bs_hex(BS_SPAN(data.data, data.size < 16 ? data.size : 16), hex);
        say(out, "%s%s (%zu bytes)", hex, data.size > 16 ? "..." : "", data.size);
    }
}

/* Names of variables that are so only under these GUIDs; under any other it is shown, for it is another variable. */
static bool is_known_vendor(struct bs_span guid)
{
    static const char *const known[] = {
        "8be4df61-93ca-11d2-aa0d-00e098032b8c", /* EFI_GLOBAL_VARIABLE */
        "d719b2cb-3d3a-4596-a3bc-dad00e67656f", /* EFI_IMAGE_SECURITY_DATABASE */
        "605dab50-e046-4300-abb6-3dd810dd8b23", /* shim */
        "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", /* systemd's boot loader interface */
    };
    char text[EVENTLOG_GUID_TEXT];
    eventlog_guid_text(guid, text);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(text, known[i]) == 0)
            return true;
    return false;
}

static bool is_boot_number(struct bs_span name)
{
    static const uint8_t boot[] = { 'B', 0, 'o', 0, 'o', 0, 't', 0 };
    if (name.size != 16 || memcmp(name.data, boot, sizeof(boot)) != 0)
        return false;
    for (size_t i = 8; i < 16; i += 2) {
        uint8_t c = name.data[i];
        if (name.data[i + 1] != 0 || !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

static bool is_boot_order(const struct eventlog_variable *variable)
{
    static const char name[] = "B\0o\0o\0t\0O\0r\0d\0e\0r";
    return bs_span_equal(variable->name, BS_SPAN(name, sizeof(name))) && variable->data.size % 2 == 0;
}

static void say_value(struct bs_buf *out, const struct eventlog_variable *variable)
{
    struct eventlog_load_option option;
    struct bs_reader numbers = BS_READER(variable->data);
    uint16_t number;

    if (variable->data.size == 0) {
        say(out, ": not set");
    } else if (is_boot_number(variable->name) && eventlog_decode_load_option(variable->data, &option) == BS_OK) {
        say(out, ": \"");
        say_text(out, option.name, bs_utf16_take);
        say(out, "\"");
        say_path(out, option.path);
        if (option.options.size > 0) {
            say(out, ", options ");
            say_data(out, option.options);
        }
    } else if (is_boot_order(variable)) {
        say(out, ":");
        while (bs_read_le16(&numbers, &number))
            say(out, " %04X", number);
    } else if (variable->data.size == 1) {
        say(out, " = %u", variable->data.data[0]);
    } else {
        say(out, ": %zu bytes", variable->data.size);
    }
}

void say_variable_name(struct bs_buf *out, const struct eventlog_variable *variable)
{
    say(out, "variable ");
    say_text(out, variable->name, bs_utf16_take);
    if (!is_known_vendor(variable->guid)) {
        char guid[EVENTLOG_GUID_TEXT];
        eventlog_guid_text(variable->guid, guid);
        say(out, " of %s", guid);
    }
}

static void say_variable(struct bs_buf *out, const struct eventlog_event *event)
{
    struct eventlog_variable variable;
    if (eventlog_decode_variable(event->data, &variable) != BS_OK) {
        say_data(out, event->data);
        return;
    }

    bool is_authority = event->type == EVENTLOG_VARIABLE_AUTHORITY;
    say(out, "%s", is_authority ? "entry of " : "");
    say_variable_name(out, &variable);
    if (is_authority)
        say(out, " that admitted an image (%zu bytes)", variable.data.size);
    else
        say_value(out, &variable);
}

/* The nodes that a person recognizes: file, partition, firmware volume, network, and what systemd-stub loads. */
static void say_node(struct bs_buf *out, const struct eventlog_node *node)
{
    char guid[EVENTLOG_GUID_TEXT];
    uint32_t number;

    switch (node->type << 8 | node->subtype) {
    case 0x0404:
        say(out, " ");
        say_text(out, node->data, bs_utf16_take);
        break;
    case 0x0401: {
        struct bs_reader r = BS_READER(node->data);
        if (node->data.size == 38 && bs_read_le32(&r, &number)) {
            eventlog_guid_text(BS_SPAN(node->data.data + 20, EVENTLOG_GUID_SIZE), guid);
            say(out, " on partition %" PRIu32 " %s", number, guid);
        }
        break;
    }
    case 0x0403:
        if (node->data.size >= EVENTLOG_GUID_SIZE) {
            eventlog_guid_text(BS_SPAN(node->data.data, EVENTLOG_GUID_SIZE), guid);
            if (strcmp(guid, "55c5d1f8-04cd-46b5-8a20-e56cbb3052d0") == 0)
                say(out, " from memory by systemd-stub");
            else
                say(out, " from vendor %s", guid);
        }
        break;
    case 0x0406:
    case 0x0407:
        if (node->data.size == EVENTLOG_GUID_SIZE) {
            eventlog_guid_text(node->data, guid);
            say(out, " in firmware %s", guid);
        }
        break;
    case 0x0318:
        say(out, " ");
        say_text(out, node->data, bs_utf8_take);
        break;
    }
}

void say_path(struct bs_buf *out, struct bs_span path)
{
    struct bs_reader r = BS_READER(path);
    struct eventlog_node node;
    while (eventlog_take_node(&r, &node))
        say_node(out, &node);
}

static void say_image(struct bs_buf *out, const struct eventlog_event *event, const char *what)
{
    struct eventlog_image image;
    if (eventlog_decode_image(event->data, &image) != BS_OK) {
        say(out, "%s: ", what);
        say_data(out, event->data);
        return;
    }

    say(out, "%s", what);
    say_path(out, image.path);
    say(out, ", %" PRIu64 " bytes", image.size);
}

static void say_blob(struct bs_buf *out, const struct eventlog_event *event, bool is_named)
{
    struct eventlog_blob blob;
    if (eventlog_decode_blob(event->data, is_named, &blob) != BS_OK) {
        say_data(out, event->data);
        return;
    }
    say(out, "firmware");
    if (blob.name.size > 0) {
        say(out, " \"");
        say_text(out, blob.name, bs_utf8_take);
        say(out, "\"");
    }
    say(out, " at 0x%" PRIx64 ", %" PRIu64 " bytes", blob.address, blob.size);
}

static void say_gpt(struct bs_buf *out, const struct eventlog_event *event)
{
    struct eventlog_gpt gpt;
    char guid[EVENTLOG_GUID_TEXT];
    if (eventlog_decode_gpt(event->data, &gpt) != BS_OK) {
        say_data(out, event->data);
        return;
    }
    eventlog_guid_text(gpt.disk_guid, guid);
    say(out, "partition table of disk %s, %" PRIu64 " partitions", guid, gpt.partition_count);
}

/* PFP §10.4.1: zeros or ones before control passes on, 1 when something failed. */
static void say_separator(struct bs_buf *out, struct bs_span data)
{
    static const uint8_t zeros[4], ones[4] = { 0xff, 0xff, 0xff, 0xff }, failed[4] = { 1, 0, 0, 0 };
    if (bs_span_equal(data, BS_SPAN(zeros, 4)) || bs_span_equal(data, BS_SPAN(ones, 4))) {
        say(out, "separator: end of the firmware's own part");
    } else if (bs_span_equal(data, BS_SPAN(failed, 4))) {
        say(out, "separator: the firmware failed to measure");
    } else {
        say(out, "separator: ");
        say_data(out, data);
    }
}

/* Two identifiers of Linux' EFI stub (drivers/firmware/efi/libstub/efistub.h); others speak for themselves. */
static void say_tagged(struct bs_buf *out, struct bs_span data)
{
    struct eventlog_tagged tagged;
    if (eventlog_decode_tagged(data, &tagged) != BS_OK)
        say_data(out, data);
    else if (tagged.id == 0x8f3b22ed)
        say(out, "kernel command line, as the kernel got it");
    else if (tagged.id == 0x8f3b22ec)
        say(out, "initrd, as the kernel got it");
    else
        say_data(out, tagged.data);
}

/*
 * systemd-stub measures the name of a section and then its contents, both with the name as data. The digest tells
 * which one it is: that of the name in ASCII with its zero.
 */
static bool is_digest_of_name(const struct eventlog_event *event, struct bs_span name)
{
    uint8_t ascii[16], digest[CRYPTO_HASH_MAX];
    size_t length = name.size / 2;
    if (event->digest_count == 0 || length > sizeof(ascii))
        return false;
    for (size_t i = 0; i < length; i++)
        ascii[i] = name.data[2 * i];
    uint16_t alg = event->digests[0].alg;
    return eventlog_hash(alg, BS_SPAN(ascii, length), digest) == BS_OK &&
           bs_span_equal(event->digests[0].value, BS_SPAN(digest, eventlog_hash_size(alg)));
}

/* EV_IPL is whatever a boot loader likes to say: GRUB in ASCII, systemd in UTF-16. */
static void say_ipl(struct bs_buf *out, const struct eventlog_event *event)
{
    bool is_section = event->pcr == 11 && is_utf16(event->data) && event->data.data[0] == '.';
    if (!is_section) {
        say_data(out, event->data);
        return;
    }
    say(out, "%s of UKI section ", is_digest_of_name(event, event->data) ? "name" : "contents");
    say_text(out, event->data, bs_utf16_take);
}

static void say_no_action(struct bs_buf *out, struct bs_span data)
{
    static const char spec[] = "Spec ID Event03", locality[] = "StartupLocality";
    if (data.size >= sizeof(spec) && memcmp(data.data, spec, sizeof(spec)) == 0)
        say(out, "header of a crypto-agile log");
    else if (data.size > sizeof(locality) && memcmp(data.data, locality, sizeof(locality)) == 0)
        say(out, "the TPM was started at locality %u", data.data[sizeof(locality)]);
    else if (say_is_text(data, bs_utf8_take))
        say_data(out, data);
    else
        say(out, "%zu bytes", data.size);
}

/* UTF-16 or ASCII as the firmware's maker likes; OVMF as Debian builds it has an empty one. */
static void say_version(struct bs_buf *out, struct bs_span data)
{
    static const uint8_t empty[2];
    say(out, "firmware version ");
    if (bs_span_equal(data, BS_SPAN(empty, 2)))
        say(out, "not given");
    else
        say_data(out, data);
}

/* UEFI_HANDOFF_TABLE_POINTERS2 begins with a name; the tables themselves mean nothing to a person. */
static void say_tables(struct bs_buf *out, struct bs_span data)
{
    struct bs_reader r = BS_READER(data);
    struct bs_span name;
    uint8_t length;
    if (!bs_read_u8(&r, &length) || !bs_read_bytes(&r, length, &name) || !say_is_text(name, bs_utf8_take)) {
        say_data(out, data);
        return;
    }
    say(out, "tables \"");
    say_text(out, name, bs_utf8_take);
    say(out, "\", %zu bytes", r.left);
}

void say_plain(struct bs_buf *out, const struct eventlog_event *event)
{
    switch (event->type) {
    case EVENTLOG_NO_ACTION:
        say_no_action(out, event->data);
        break;
    case EVENTLOG_SEPARATOR:
        say_separator(out, event->data);
        break;
    case EVENTLOG_CRTM_VERSION:
        say_version(out, event->data);
        break;
    case EVENTLOG_IPL:
        say_ipl(out, event);
        break;
    case EVENTLOG_EVENT_TAG:
        say_tagged(out, event->data);
        break;
    case EVENTLOG_VARIABLE_DRIVER_CONFIG:
    case EVENTLOG_VARIABLE_BOOT:
    case EVENTLOG_VARIABLE_BOOT2:
    case EVENTLOG_VARIABLE_AUTHORITY:
        say_variable(out, event);
        break;
    case EVENTLOG_BOOT_APPLICATION:
        say_image(out, event, "boot application");
        break;
    case EVENTLOG_BOOT_DRIVER:
        say_image(out, event, "boot driver");
        break;
    case EVENTLOG_RUNTIME_DRIVER:
        say_image(out, event, "runtime driver");
        break;
    case EVENTLOG_GPT:
    case EVENTLOG_GPT2:
        say_gpt(out, event);
        break;
    case EVENTLOG_POST_CODE:
    case EVENTLOG_CRTM_CONTENTS:
    case EVENTLOG_FIRMWARE_BLOB:
        say_blob(out, event, false);
        break;
    case EVENTLOG_HANDOFF_TABLES2:
        say_tables(out, event->data);
        break;
    case EVENTLOG_POST_CODE2:
    case EVENTLOG_FIRMWARE_BLOB2:
        say_blob(out, event, true);
        break;
    default:
        say_data(out, event->data);
    }
}
