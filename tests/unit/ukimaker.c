#include "ukimaker.h"

#include "pemaker.h"
#include "unit.h"

static const uint16_t banks[] = { CRYPTO_SHA256, CRYPTO_SHA384 };

void ukimaker_kernel(const struct ukimaker *parts, struct bs_buf *out)
{
    uint8_t setup[64] = { 0 };
    static const char text[] = "the kernel's code";
    struct pemaker_section section = { ".text", BS_SPAN(text, sizeof(text)) };
    pemaker_make(&section, 1, out);
    if (!parts->linux_release)
        return;
    /* The x86 boot protocol stands in the headers' room. */
    memcpy(setup, "HdrS\x0f\x02\0\0\0\0\0\0", 12);
    memcpy(out->data + 0x202, setup, 12);
    pemaker_poke16(out, 0x202 + 12, 0x300 - 0x200);
    strcpy((char *)out->data + 0x300, parts->linux_release);
}

void ukimaker_make(const struct ukimaker *parts, struct bs_buf *out)
{
    struct pemaker_section sections[11];
    size_t count = 0;
    BS_SCOPED_BUF struct bs_buf kernel = BS_BUF(PEMAKER_MAX);
    ukimaker_kernel(parts, &kernel);
    sections[count++] = (struct pemaker_section){ ".text", bs_span_of_string("the stub's code") };
    if (parts->stub)
        sections[count++] = (struct pemaker_section){ ".sdmagic", bs_span_of_string(parts->stub) };
    for (size_t i = 0; i < COUNT(parts->more) && parts->more[i][0]; i++)
        sections[count++] = (struct pemaker_section){ parts->more[i][0], bs_span_of_string(parts->more[i][1]) };
    sections[count++] = (struct pemaker_section){ ".linux", bs_buf_span(&kernel) };
    pemaker_make(sections, count, out);
}

void ukimaker_open(const struct bs_buf *image, struct uki *ret_uki)
{
    struct pe_fault fault = { .what = "" };
    enum bs_err err = uki_open(bs_buf_span(image), ret_uki, &fault);
    assert_string_equal(fault.what, "");
    assert_ok(err);
}

void ukimaker_events(const struct ukimaker *parts, struct bs_buf *out, struct eventlog *ret_log)
{
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(parts, &image);
    ukimaker_open(&image, &uki);
    *out = BS_BUF(UKI_EVENTS_SIZE_MAX);
    assert_ok(uki_write_events(&uki, banks, COUNT(banks), out));
    assert_ok(eventlog_open(bs_buf_span(out), ret_log, NULL));
}

void ukimaker_describe(const struct eventlog *log, char *ret_text, size_t size)
{
    struct eventlog_event event;
    size_t used = 0;
    ret_text[0] = '\0';
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);) {
        if (!eventlog_extends(&event))
            continue;
        used += (size_t)snprintf(ret_text + used, size - used, "%s%u", used ? " " : "", event.pcr);
        for (size_t i = 0; event.type == EVENTLOG_IPL && i < event.data.size; i += 2)
            if (event.data.data[i])
                used += (size_t)snprintf(ret_text + used, size - used, "%s%c", i ? "" : ":", event.data.data[i]);
    }
}
