/* Evidence files: what is read is written in the one form, and that is read as the same. */
#include "fuzz/fuzz.h"
#include "server/policy/evidence_file.h"

#include <string.h>

static void compare(const struct evidence_file *a, const struct evidence_file *b)
{
    FUZZ_CLAIM(a->boot.bank == b->boot.bank && a->boot.mask == b->boot.mask && a->cap_pcr == b->cap_pcr);
    FUZZ_CLAIM(memcmp(a->boot.pcrs, b->boot.pcrs, sizeof(a->boot.pcrs)) == 0);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&a->boot.log), bs_buf_span(&b->boot.log)));
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&a->boot.userspace_log), bs_buf_span(&b->boot.userspace_log)));
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&a->boot.command_line), bs_buf_span(&b->boot.command_line)));
    FUZZ_CLAIM(strcmp(a->manufacturer, b->manufacturer) == 0 && a->firmware_version == b->firmware_version);
}

static void write(const struct evidence_file *file)
{
    BS_SCOPED_BUF struct bs_buf written = BS_BUF(2 * EVIDENCE_FILE_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf again = BS_BUF(2 * EVIDENCE_FILE_SIZE_MAX);
    struct evidence_file second = EVIDENCE_FILE_INIT;
    struct evidence_file_fault fault = { "" };
    FUZZ_CLAIM(evidence_file_write(file, &written) == BS_OK);
    FUZZ_CLAIM(evidence_file_read(bs_buf_span(&written), &second, &fault) == BS_OK);
    compare(file, &second);
    FUZZ_CLAIM(second.is_quoted && evidence_file_write(&second, &again) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&written), bs_buf_span(&again)));
    evidence_file_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evidence_file file = EVIDENCE_FILE_INIT;
    struct evidence_file_fault fault = { "" };
    uint64_t version;
    char text[EVIDENCE_VERSION_SIZE];
    enum bs_err err = evidence_file_read(BS_SPAN(data, size), &file, &fault);
    if (err == BS_OK) {
        /* A log by itself in which nothing was measured: nobody can have quoted that. */
        if (file.boot.mask != 0)
            write(&file);
    } else {
        FUZZ_CLAIM(err == BS_ERR_INPUT && fault.text[0] != '\0');
        FUZZ_CLAIM_TEXT(bs_span_of_string(fault.text));
    }
    evidence_file_free(&file);
    if (evidence_version_parse(BS_SPAN(data, size), &version) == BS_OK) {
        evidence_version_format(version, text);
        FUZZ_CLAIM(bs_span_equal(bs_span_of_string(text), BS_SPAN(data, size)));
    }
    return 0;
}
