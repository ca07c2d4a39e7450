#include "core/eventlog.h"
#include "core/eventlog_decode.h"
#include "core/eventlog_hash.h"

#include <string.h>

/* Longest text that is measured in another encoding than the log shows it in: names of sections. */
#define NAME_MAX_UNITS 32

/* What the specification makes of an event's digest (PFP 1.06 §10.4.1, table 27). */
enum rule {
    RULE_DATA,  /* that of the data; another one is a fault */
    RULE_MAYBE, /* firmware and loaders differ: that of the data, or of what the data are about */
    RULE_OTHER, /* that of something else, always */
};

static enum rule rule_of(uint32_t type)
{
    switch (type) {
    case EVENTLOG_SEPARATOR:
    case EVENTLOG_ACTION:
    case EVENTLOG_EFI_ACTION:
    case EVENTLOG_CRTM_VERSION:
    case EVENTLOG_GPT:
    case EVENTLOG_VARIABLE_DRIVER_CONFIG:
    case EVENTLOG_VARIABLE_BOOT:
    case EVENTLOG_VARIABLE_BOOT2:
    case EVENTLOG_VARIABLE_AUTHORITY:
        return RULE_DATA;
    case EVENTLOG_NO_ACTION:
    case EVENTLOG_BOOT_APPLICATION:
    case EVENTLOG_BOOT_DRIVER:
    case EVENTLOG_RUNTIME_DRIVER:
        return RULE_OTHER;
    default:
        return RULE_MAYBE;
    }
}

struct comparing {
    uint16_t alg;
    struct bs_span digest;
    struct bs_span *ret_bytes;
};

static bool is_digest_of(const struct comparing *c, struct bs_span bytes)
{
    uint8_t value[CRYPTO_HASH_MAX];
    return eventlog_hash(c->alg, bytes, value) == BS_OK &&
           bs_span_equal(c->digest, BS_SPAN(value, eventlog_hash_size(c->alg)));
}

static bool fits(const struct comparing *c, struct bs_span bytes)
{
    if (!is_digest_of(c, bytes))
        return false;
    if (c->ret_bytes)
        *c->ret_bytes = bytes;
    return true;
}

/* With its terminating zero, or without. */
static bool fits_text(const struct comparing *c, struct bs_span text)
{
    if (fits(c, text))
        return true;
    if (text.size == 0 || text.data[text.size - 1] != 0)
        return false;
    text.size--;
    return fits(c, text);
}

/* Text that GRUB measures stands behind what kind of text it is. *ret_text is all of the data where it does not. */
static bool take_grub(struct bs_span data, struct bs_span *ret_text)
{
    static const char *const prefixes[] = { "grub_cmd: ", "kernel_cmdline: ", "module_cmdline: ", "grub_cmd ",
                                            "grub_kernel_cmdline " }; /* Fedora's before 2.06 */
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t size = strlen(prefixes[i]);
        if (data.size < size || memcmp(data.data, prefixes[i], size) != 0)
            continue;
        *ret_text = BS_SPAN(data.data + size, data.size - size);
        return true;
    }
    return false;
}

/* systemd-stub shows names of sections in UTF-16 and measures them in ASCII, with the zero. */
static bool fits_ascii(const struct comparing *c, struct bs_span data)
{
    uint8_t ascii[NAME_MAX_UNITS];
    size_t length = data.size / 2;
    if (data.size % 2 != 0 || length == 0 || length > sizeof(ascii))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (data.data[2 * i + 1] != 0)
            return false;
        ascii[i] = data.data[2 * i];
    }
    if (!is_digest_of(c, BS_SPAN(ascii, length)))
        return false;
    if (c->ret_bytes)
        *c->ret_bytes = data;
    return true;
}

/*
 * The digest is that of four bytes (PFP §10.4.1), behind which coreboot's events have zeros. Where the firmware failed to measure it is
 * that of a 1, and the data say what failed: a claim.
 */
static bool fits_separator(const struct comparing *c, struct bs_span data, enum rule *rule)
{
    static const uint8_t failed[4] = { 1 };
    if (is_digest_of(c, BS_SPAN(failed, sizeof(failed))))
        *rule = RULE_MAYBE;
    size_t size = data.size;
    while (size > 4 && data.data[size - 1] == 0)
        size--;
    return fits(c, data) || (data.size > 4 && size == 4 && fits(c, BS_SPAN(data.data, 4)));
}

/* All of it, or, as Supermicro's firmware was seen to do, without the last byte. */
static bool fits_authority(const struct comparing *c, struct bs_span data)
{
    return fits(c, data) || (data.size > 1 && fits(c, BS_SPAN(data.data, data.size - 1)));
}

static bool fits_event(const struct comparing *c, const struct eventlog_event *event, enum rule *rule)
{
    struct eventlog_variable variable;
    struct eventlog_tagged tagged;
    struct bs_span text;

    switch (event->type) {
    case EVENTLOG_ACTION:
    case EVENTLOG_EFI_ACTION:
        return fits_text(c, event->data);
    case EVENTLOG_SEPARATOR:
        return fits_separator(c, event->data, rule);
    case EVENTLOG_VARIABLE_AUTHORITY:
        return fits_authority(c, event->data);
    case EVENTLOG_VARIABLE_BOOT:
        return fits(c, event->data) ||
               (eventlog_decode_variable(event->data, &variable) == BS_OK && fits(c, variable.data));
    case EVENTLOG_EVENT_TAG:
        return fits(c, event->data) || (eventlog_decode_tagged(event->data, &tagged) == BS_OK && fits(c, tagged.data));
    case EVENTLOG_IPL:
        if (!take_grub(event->data, &text))
            return fits_text(c, event->data) || fits_ascii(c, event->data);
        *rule = RULE_DATA;
        return fits_text(c, text);
    default:
        return fits(c, event->data);
    }
}

enum eventlog_measured eventlog_measured(const struct eventlog_event *event, uint16_t alg, struct bs_span *ret_bytes)
{
    const struct comparing c = { alg, eventlog_digest(event, alg), ret_bytes };
    enum rule rule = rule_of(event->type);
    if (rule == RULE_OTHER || !eventlog_hash_is_computed(alg) || c.digest.size != eventlog_hash_size(alg))
        return EVENTLOG_DATA_NOT_MEASURED;
    if (fits_event(&c, event, &rule))
        return EVENTLOG_DATA_MEASURED;
    return rule == RULE_DATA ? EVENTLOG_DATA_WRONG : EVENTLOG_DATA_NOT_MEASURED;
}
