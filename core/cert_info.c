/* What stands in a certificate, in words: for logs, for policies, and for the records of the server. */
#include "core/cert_internal.h"

#include "bootseal/protocol.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

/* A text that stays within its array: it ends before the first thing that does not fit. */
struct line {
    char *text;
    size_t size;
    size_t used;
    bool is_full;
};

static void put(struct line *line, const char *bytes, size_t size)
{
    if (line->is_full || size >= line->size - line->used) {
        line->is_full = true;
        return;
    }
    memcpy(line->text + line->used, bytes, size);
    line->used += size;
    line->text[line->used] = '\0';
}

/* A value of an attribute: whole characters, none that moves a cursor, the special ones of RFC 4514 §2.4 escaped. */
static void put_value(struct line *line, struct bs_span value)
{
    struct bs_reader r = BS_READER(value);
    uint32_t character;
    bool is_valid;
    while (bs_utf8_take(&r, &character, &is_valid)) {
        uint8_t bytes[4];
        if (!is_valid || character < 0x20 || (character >= 0x7f && character < 0xa0)) {
            put(line, "?", 1);
            continue;
        }
        if (character < 0x80 && strchr("\"+,;<=>\\", (int)character))
            put(line, "\\", 1);
        size_t size = bs_utf8_encode(character, bytes);
        put(line, (const char *)bytes, size);
    }
}

static const struct {
    const char *oid, *name;
} attribute_names[] = {
    { CERT_OID_COMMON_NAME, "CN" },
    { "2.5.4.6", "C" },
    { "2.5.4.7", "L" },
    { "2.5.4.8", "ST" },
    { "2.5.4.10", "O" },
    { "2.5.4.11", "OU" },
    { "2.5.4.5", "serialNumber" },
};

static void put_type(struct line *line, struct bs_span oid)
{
    char dotted[64];
    if (!der_oid_text(oid, dotted, sizeof(dotted)))
        snprintf(dotted, sizeof(dotted), "?");
    const char *name = dotted;
    for (size_t i = 0; i < sizeof(attribute_names) / sizeof(attribute_names[0]); i++)
        if (strcmp(attribute_names[i].oid, dotted) == 0)
            name = attribute_names[i].name;
    put(line, name, strlen(name));
}

/* Goes over the attributes of a Name (RFC 5280 §4.1.2.4), whatever sets they are in. */
struct name_reader {
    struct bs_reader sets;
    struct bs_reader set;
};

static bool name_begin(struct bs_span name, struct name_reader *ret_reader)
{
    struct bs_reader in = BS_READER(name);
    *ret_reader = (struct name_reader){ 0 };
    return der_enter(&in, DER_SEQUENCE, &ret_reader->sets) && in.left == 0;
}

static bool name_next(struct name_reader *reader, struct bs_span *ret_oid, struct bs_span *ret_value)
{
    struct bs_reader attribute;
    uint8_t tag;
    if (reader->set.left == 0 && !der_enter(&reader->sets, DER_SET, &reader->set))
        return false;
    return der_enter(&reader->set, DER_SEQUENCE, &attribute) && der_take(&attribute, DER_OID, ret_oid) &&
           der_read(&attribute, &tag, ret_value) && attribute.left == 0;
}

void cert_name_text(struct bs_span name, char *ret_text, size_t size)
{
    struct line line = { .text = ret_text, .size = size };
    struct name_reader reader;
    struct bs_span oid, value;
    ret_text[0] = '\0';
    if (!name_begin(name, &reader))
        return;
    while (name_next(&reader, &oid, &value)) {
        if (line.used > 0)
            put(&line, ", ", 2);
        put_type(&line, oid);
        put(&line, "=", 1);
        put_value(&line, value);
    }
}

/* TCG EK Credential Profile §3.1.2: the TPM's maker, model and version in a directoryName. */
static void read_directory_name(struct bs_span explicit, struct cert_info *info)
{
    struct name_reader reader;
    struct bs_span oid, value;
    if (!name_begin(explicit, &reader))
        return;
    while (name_next(&reader, &oid, &value)) {
        struct line line = { 0 };
        if (der_oid_is(oid, "2.23.133.2.1"))
            line = (struct line){ .text = info->tpm_manufacturer, .size = sizeof(info->tpm_manufacturer) };
        else if (der_oid_is(oid, "2.23.133.2.2"))
            line = (struct line){ .text = info->tpm_model, .size = sizeof(info->tpm_model) };
        else if (der_oid_is(oid, "2.23.133.2.3"))
            line = (struct line){ .text = info->tpm_version, .size = sizeof(info->tpm_version) };
        if (line.text)
            put_value(&line, value);
    }
}

/* PermanentIdentifier (RFC 4043 §2) whose assigner is the hash of the EK; those of others are left alone. */
static bool read_permanent_id(struct bs_reader *value, struct cert_info *info)
{
    struct bs_reader r;
    struct bs_span id, assigner;
    if (!der_enter(value, DER_SEQUENCE, &r))
        return false;
    if (!der_take(&r, DER_UTF8_STRING, &id) || !der_take(&r, DER_OID, &assigner) || r.left > 0 ||
        !der_oid_is(assigner, BS_OID_EK_PERMANENT_ID))
        return true;

    char text[2 * WIRE_ID_SIZE + 1] = { 0 };
    size_t size;
    if (info->has_device || id.size != sizeof(text) - 1)
        return false;
    memcpy(text, id.data, id.size);
    info->has_device = bs_unhex(text, info->device, sizeof(info->device), &size) == BS_OK && size == WIRE_ID_SIZE;
    return info->has_device;
}

static bool read_profile(struct bs_reader *value, struct cert_info *info)
{
    struct bs_span text;
    if (!der_take(value, DER_UTF8_STRING, &text) || info->profile[0] != '\0' || text.size == 0 ||
        text.size >= sizeof(info->profile) || memchr(text.data, 0, text.size) || !bs_utf8_is_valid(text))
        return false;
    memcpy(info->profile, text.data, text.size);
    return true;
}

/* AnotherName: OID, [0] EXPLICIT value. */
static bool read_other_name(struct bs_span name, struct cert_info *info)
{
    struct bs_reader r = BS_READER(name), value;
    struct bs_span oid;
    if (!der_take(&r, DER_OID, &oid) || !der_enter(&r, DER_CONSTRUCTED(0), &value) || r.left > 0)
        return false;
    if (der_oid_is(oid, CERT_OID_PERMANENT_ID))
        return read_permanent_id(&value, info) && value.left == 0;
    if (der_oid_is(oid, BS_OID_SAN_PROFILE))
        return read_profile(&value, info) && value.left == 0;
    return true;
}

static bool read_alt_names(struct bs_span names, struct cert_info *info)
{
    struct bs_reader r = BS_READER(names);
    struct bs_span name;
    uint8_t tag;
    while (r.left > 0) {
        if (!der_read(&r, &tag, &name))
            return false;
        if (tag == CERT_NAME_DIRECTORY)
            read_directory_name(name, info);
        if (tag == CERT_NAME_OTHER && !read_other_name(name, info))
            return false;
    }
    return true;
}

static bool read_eku(struct bs_span list, struct cert_info *info)
{
    struct bs_reader r = BS_READER(list);
    struct bs_span oid;
    while (r.left > 0) {
        if (!der_take(&r, DER_OID, &oid) || info->eku_count == CERT_EKU_MAX)
            return false;
        /* One that does not fit is none that anybody here asks for. */
        if (der_oid_text(oid, info->eku[info->eku_count], sizeof(info->eku[0])))
            info->eku_count++;
    }
    return true;
}

static bool read_serial(struct bs_span serial, struct cert_info *info)
{
    if (serial.size > 1 && serial.data[0] == 0)
        serial = BS_SPAN(serial.data + 1, serial.size - 1);
    if (serial.size > sizeof(info->serial))
        return false;
    memcpy(info->serial, serial.data, serial.size);
    info->serial_size = serial.size;
    return true;
}

enum bs_err cert_parse(struct bs_span der, struct cert_info *ret_info)
{
    struct cert_x509 cert;
    enum bs_err err = cert_x509_read(der, &cert);
    if (err != BS_OK)
        return err;

    struct cert_info info = {
        .not_before = cert.not_before, .not_after = cert.not_after, .spki = cert.spki, .is_ca = cert.is_ca
    };
    if (!read_serial(cert.serial, &info) || !read_eku(cert.eku, &info) || !read_alt_names(cert.alt_names, &info))
        return BS_ERR_PROTOCOL;
    cert_name_text(cert.subject, info.subject, sizeof(info.subject));
    cert_name_text(cert.issuer, info.issuer, sizeof(info.issuer));
    *ret_info = info;
    return BS_OK;
}

bool cert_has_eku(const struct cert_info *info, const char *oid)
{
    for (size_t i = 0; i < info->eku_count; i++)
        if (strcmp(info->eku[i], oid) == 0)
            return true;
    return false;
}
