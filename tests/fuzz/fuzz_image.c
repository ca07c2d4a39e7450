/* PE images and unified kernel images: read, hashed, and what their boot will measure, foretold. */
#include "core/uki.h"
#include "fuzz/fuzz.h"

#include <string.h>

static const uint16_t banks[] = { CRYPTO_SHA256, CRYPTO_SHA384 };

static void sections(const struct pe *pe, size_t size)
{
    FUZZ_CLAIM(pe->section_count <= PE_SECTIONS_MAX);
    for (size_t i = 0; i < pe->section_count; i++) {
        const struct pe_section *section = &pe->sections[i];
        struct pe_bytes bytes = pe_section_bytes(pe, section);
        FUZZ_CLAIM(bytes.data.size <= size);
        FUZZ_CLAIM(bytes.data.size + bytes.zeros == section->memory_size);
        FUZZ_CLAIM(pe_find(pe, section->name) != NULL);
        FUZZ_CLAIM_TEXT(bs_span_of_string(section->name));
    }
}

static void authenticode(const struct pe *pe)
{
    uint8_t digest[CRYPTO_HASH_MAX], again[CRYPTO_HASH_MAX];
    enum bs_err err = pe_authenticode(pe, CRYPTO_SHA256, digest);
    if (err != BS_OK)
        return;
    FUZZ_CLAIM(pe_authenticode(pe, CRYPTO_SHA256, again) == BS_OK);
    FUZZ_CLAIM(memcmp(digest, again, CRYPTO_SHA256_SIZE) == 0);
}

/* Events that are foretold make a log that everything else here can read. */
static void foretell(const struct uki *uki)
{
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(UKI_EVENTS_SIZE_MAX);
    struct eventlog log;
    struct eventlog_replay replay;
    enum bs_err err = uki_write_events(uki, banks, 2, &events);
    if (err != BS_OK) {
        FUZZ_CLAIM_REFUSAL(err);
        return;
    }
    FUZZ_CLAIM(eventlog_open(bs_buf_span(&events), &log, NULL) == BS_OK);
    FUZZ_CLAIM(eventlog_replay(&log, CRYPTO_SHA384, &replay) == BS_OK);
    FUZZ_CLAIM(uki_events_mask(&log) == replay.mask);
    FUZZ_CLAIM((replay.mask & ~(UINT32_C(1) << 4 | UINT32_C(1) << 9 | UINT32_C(1) << 11)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pe pe;
    struct uki uki;
    struct pe_fault fault = { 0 };
    enum bs_err err = pe_open((struct pe_bytes){ BS_SPAN(data, size), 0 }, &pe, &fault);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_INPUT && fault.what && fault.offset <= size);
        FUZZ_CLAIM(uki_open(BS_SPAN(data, size), &uki, NULL) != BS_OK);
        return 0;
    }
    /* Zeros that a section has in memory alone are hashed: not gigabytes of them here. */
    if (pe.image_size > 1 << 20)
        return 0;
    sections(&pe, size);
    authenticode(&pe);
    if (uki_open(BS_SPAN(data, size), &uki, &fault) == BS_OK)
        foretell(&uki);
    else
        FUZZ_CLAIM(fault.what && fault.offset <= size);
    return 0;
}
