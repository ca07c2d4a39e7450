#include "fuzz/fuzz.h"

#include "core/log.h"
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>

/* Refused input is logged in places; a fuzzer refuses millions. */
__attribute__((constructor)) static void log_nothing(void)
{
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere)
        bs_log_setup("fuzz", nowhere, BS_LOG_TEXT, BS_LOG_ERROR);
}

void fuzz_broken(const char *claim, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

void fuzz_claim_refusal(enum bs_err err, const char *file, int line)
{
    static const enum bs_err refusals[] = { BS_ERR_INPUT, BS_ERR_PROTOCOL,  BS_ERR_UNTRUSTED, BS_ERR_CONFIG,
                                            BS_ERR_NOMEM, BS_ERR_NOT_FOUND, BS_ERR_REFUSED };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (err == refusals[i])
            return;
    fuzz_broken(bs_err_name(err), file, line);
}

void fuzz_claim_text(struct bs_span text, const char *file, int line)
{
    struct bs_reader reader = BS_READER(text);
    uint32_t character;
    bool is_valid;
    while (bs_utf8_take(&reader, &character, &is_valid))
        if (!is_valid || (character != '\n' && bs_is_control(character))) {
            fprintf(stderr, "%.*s\n", (int)text.size, (const char *)text.data);
            fuzz_broken("the text is clean", file, line);
        }
}
