#include "core/userlog_firmware.h"

#include <string.h>

#define UNKNOWN UINT32_MAX

/* The same letter, whatever its case; and systemd-pcrlock writes some underlines as it has them in its own names. */
static char plain(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    if (c == '-')
        return '_';
    return c;
}

static bool is_name(struct bs_span text, const char *name)
{
    if (!name || strlen(name) != text.size)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (plain((char)text.data[i]) != plain(name[i]))
            return false;
    return true;
}

uint32_t userlog_event_type(struct bs_span name)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = { { 0, 0x13 }, { 0x80000001, 0x80000010 }, { 0x800000e0, 0x800000e4 } };
    char text[16];
    uint64_t number;

    if (name.size > 0 && name.size < sizeof(text)) {
        memcpy(text, name.data, name.size);
        text[name.size] = '\0';
        if (bs_parse_u64(text, UINT32_MAX, &number) == BS_OK)
            return (uint32_t)number;
    }
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        for (uint32_t type = ranges[i].first; type <= ranges[i].last; type++)
            if (is_name(name, eventlog_type_name(type)))
                return type;
    return UNKNOWN;
}

static bool read_hex(struct bs_span hex, struct bs_buf *out)
{
    bs_buf_reset(out);
    for (size_t i = 0; i + 1 < hex.size; i += 2) {
        const char digits[3] = { (char)hex.data[i], (char)hex.data[i + 1], '\0' };
        uint8_t byte;
        size_t size;
        if (bs_unhex(digits, &byte, 1, &size) != BS_OK || size != 1 || bs_buf_append(out, &byte, 1) != BS_OK)
            return false;
    }
    return hex.size % 2 == 0;
}

bool userlog_firmware_event(const struct userlog_record *record, struct bs_buf *data, struct eventlog_event *ret_event)
{
    const uint32_t type = userlog_event_type(record->event_type);
    if (!eventlog_type_name(type) || !read_hex(record->event_data, data))
        return false;
    struct eventlog_event event = { .index = record->index,
                                    .pcr = record->pcr,
                                    .type = type,
                                    .digest_count = record->digest_count,
                                    .data = bs_buf_span(data) };
    for (size_t i = 0; i < record->digest_count; i++)
        event.digests[i] = (struct eventlog_digest){ record->digests[i].alg,
                                                     BS_SPAN(record->digests[i].value, record->digests[i].size) };
    *ret_event = event;
    return true;
}
