#include "core/eventlog_decode.h"

#include <stdio.h>
#include <string.h>

void eventlog_guid_text(struct bs_span guid, char ret_text[EVENTLOG_GUID_TEXT])
{
    struct bs_reader r = BS_READER(guid);
    uint32_t a = 0;
    uint16_t b = 0, c = 0;
    uint64_t d = 0;

    (void)(bs_read_le32(&r, &a) && bs_read_le16(&r, &b) && bs_read_le16(&r, &c) && bs_read_be64(&r, &d));
    snprintf(ret_text, EVENTLOG_GUID_TEXT, "%08x-%04x-%04x-%04x-%012llx", a, b, c, (unsigned)(d >> 48),
             (unsigned long long)(d & 0xffffffffffff));
}

enum bs_err eventlog_decode_variable(struct bs_span data, struct eventlog_variable *ret_variable)
{
    struct bs_reader r = BS_READER(data);
    struct eventlog_variable variable;
    uint64_t characters, size;

    if (!bs_read_bytes(&r, EVENTLOG_GUID_SIZE, &variable.guid) || !bs_read_le64(&r, &characters) ||
        !bs_read_le64(&r, &size))
        return BS_ERR_INPUT;
    if (characters > r.left / 2 || !bs_read_bytes(&r, (size_t)characters * 2, &variable.name))
        return BS_ERR_INPUT;
    if (size != r.left || !bs_read_bytes(&r, (size_t)size, &variable.data))
        return BS_ERR_INPUT;
    *ret_variable = variable;
    return BS_OK;
}

enum bs_err eventlog_decode_image(struct bs_span data, struct eventlog_image *ret_image)
{
    struct bs_reader r = BS_READER(data);
    struct eventlog_image image;
    uint64_t link_address, size;

    if (!bs_read_le64(&r, &image.address) || !bs_read_le64(&r, &image.size) || !bs_read_le64(&r, &link_address) ||
        !bs_read_le64(&r, &size))
        return BS_ERR_INPUT;
    if (size != r.left || !bs_read_bytes(&r, (size_t)size, &image.path))
        return BS_ERR_INPUT;
    *ret_image = image;
    return BS_OK;
}

bool eventlog_take_node(struct bs_reader *r, struct eventlog_node *ret_node)
{
    struct eventlog_node node;
    uint16_t length;
    if (!bs_read_u8(r, &node.type) || !bs_read_u8(r, &node.subtype) || !bs_read_le16(r, &length))
        return false;
    if (node.type == 0x7f || length < 4 || !bs_read_bytes(r, (size_t)length - 4, &node.data))
        return false;
    *ret_node = node;
    return true;
}

enum bs_err eventlog_decode_tagged(struct bs_span data, struct eventlog_tagged *ret_tagged)
{
    struct bs_reader r = BS_READER(data);
    struct eventlog_tagged tagged;
    uint32_t size;

    if (!bs_read_le32(&r, &tagged.id) || !bs_read_le32(&r, &size) || size != r.left)
        return BS_ERR_INPUT;
    tagged.data = BS_SPAN(r.at, r.left);
    *ret_tagged = tagged;
    return BS_OK;
}

enum bs_err eventlog_decode_blob(struct bs_span data, bool is_named, struct eventlog_blob *ret_blob)
{
    struct bs_reader r = BS_READER(data);
    struct eventlog_blob blob = { .name = BS_SPAN_NONE };
    uint8_t length;

    if (is_named && (!bs_read_u8(&r, &length) || !bs_read_bytes(&r, length, &blob.name)))
        return BS_ERR_INPUT;
    if (!bs_read_le64(&r, &blob.address) || !bs_read_le64(&r, &blob.size) || r.left != 0)
        return BS_ERR_INPUT;
    *ret_blob = blob;
    return BS_OK;
}

/* EFI_PARTITION_TABLE_HEADER is 92 bytes, the disk's GUID at 56 (UEFI §5.3.2); an entry is 128. */
enum bs_err eventlog_decode_gpt(struct bs_span data, struct eventlog_gpt *ret_gpt)
{
    struct bs_reader r = BS_READER(data);
    struct bs_span header;
    struct eventlog_gpt gpt;

    if (!bs_read_bytes(&r, 92, &header) || memcmp(header.data, "EFI PART", 8) != 0 ||
        !bs_read_le64(&r, &gpt.partition_count))
        return BS_ERR_INPUT;
    if (r.left % 128 != 0 || gpt.partition_count != r.left / 128)
        return BS_ERR_INPUT;
    gpt.disk_guid = BS_SPAN(header.data + 56, EVENTLOG_GUID_SIZE);
    gpt.partitions = BS_SPAN(r.at, r.left);
    *ret_gpt = gpt;
    return BS_OK;
}

enum bs_err eventlog_decode_load_option(struct bs_span data, struct eventlog_load_option *ret_option)
{
    struct bs_reader r = BS_READER(data);
    struct eventlog_load_option option;
    uint16_t path_size, unit;

    if (!bs_read_le32(&r, &option.attributes) || !bs_read_le16(&r, &path_size))
        return BS_ERR_INPUT;
    option.name = BS_SPAN(r.at, 0);
    for (;;) {
        if (!bs_read_le16(&r, &unit))
            return BS_ERR_INPUT;
        if (unit == 0)
            break;
        option.name.size += 2;
    }
    if (!bs_read_bytes(&r, path_size, &option.path))
        return BS_ERR_INPUT;
    option.options = BS_SPAN(r.at, r.left);
    *ret_option = option;
    return BS_OK;
}
