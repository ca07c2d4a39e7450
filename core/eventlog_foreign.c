#include "core/eventlog_foreign.h"

#include <string.h>

#define WHAT_PACKED "this is a compressed file: unpack it first"
#define WHAT_DUMP "this is a dump in hexadecimal digits, and the log itself is wanted"
#define WHAT_BASE64 "this is a log in base64: decode it first"
#define WHAT_CBMEM "this is what cbmem printed of coreboot's log, and the log itself is wanted"

/* By how they begin; a log in crypto-agile form begins with PCR 0 and EV_NO_ACTION. */
static const struct {
    const char *start;
    size_t size;
    const char *what;
} beginnings[] = {
#define START(text) text, sizeof(text) - 1
    { START("\x1f\x8b"), WHAT_PACKED },
    { START("\xfd"
            "7zXZ"),
      WHAT_PACKED },
    { START("\x28\xb5\x2f\xfd"), WHAT_PACKED },
    { START("BZh"), WHAT_PACKED },
    { START("PK\3\4"), WHAT_PACKED },
    { START("00000000: "), WHAT_DUMP },
    { START("00000000  "), WHAT_DUMP },
    { START("0000000000000000  "), WHAT_DUMP },
    { START("0000000003000000"), WHAT_DUMP },
    { START("AAAAAAMAAAAAAAAA"), WHAT_BASE64 },
    { START("TCPA log:"), WHAT_CBMEM },
    { START("TPM2 log:"), WHAT_CBMEM },
    { START("coreboot T"), WHAT_CBMEM },
    { START("TXT Event Container"),
      "this is a log in the container of Intel's TXT for a TPM 1.2, which is not read here" },
#undef START
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

/*
 * Linux' lists as text: PCR, SHA-1, and then for the firmware's the type in two digits and words in brackets, for IMA's the name of a
 * template. *ret_rest is what stands behind the SHA-1.
 */
static bool is_ascii_list(struct bs_span bytes, struct bs_span *ret_rest)
{
    size_t i = 0, digits = 0;
    while (i < bytes.size && bytes.data[i] == ' ')
        i++;
    for (; i < bytes.size && is_digit(bytes.data[i]); i++)
        digits++;
    if (digits == 0 || digits > 2 || bytes.size - i < 44 || bytes.data[i] != ' ' || bytes.data[i + 41] != ' ')
        return false;
    for (size_t k = 1; k <= 40; k++)
        if (!is_hex(bytes.data[i + k]))
            return false;
    *ret_rest = BS_SPAN(bytes.data + i + 42, bytes.size - i - 42);
    return true;
}

const char *eventlog_foreign(struct bs_span bytes)
{
    struct bs_span rest;

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (bytes.size >= beginnings[i].size && memcmp(bytes.data, beginnings[i].start, beginnings[i].size) == 0)
            return beginnings[i].what;
    if (!is_ascii_list(bytes, &rest))
        return NULL;
    return is_hex(rest.data[0]) && is_hex(rest.data[1])
               ? "this is ascii_bios_measurements, which lacks the data: binary_bios_measurements is wanted"
               : "this is the measurement list of Linux' IMA, and not the firmware's event log";
}
