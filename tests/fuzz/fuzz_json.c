/* JSON of other programs: signature files of systemd-measure, and any; and what the writer makes of any text. */
#include "core/json.h"
#include "core/json_read.h"
#include "core/pcrsig.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void count(void *context, const struct pcrsig *entry)
{
    size_t *entries = context;
    FUZZ_CLAIM(crypto_hash_size(entry->bank) > 0);
    FUZZ_CLAIM(entry->signature_size > 0 && entry->signature_size <= CRYPTO_RSA_MAX);
    (*entries)++;
}

static void pcrsig(struct bs_span input)
{
    size_t first = 0, second = 0;
    enum bs_err err = pcrsig_read(input, count, &first);
    if (err != BS_OK)
        FUZZ_CLAIM(err == BS_ERR_INPUT || err == BS_ERR_NOMEM);
    FUZZ_CLAIM(pcrsig_read(input, count, &second) == err && first == second);
}

/* Whatever is skipped whole can be skipped with anything around it. */
static void skip(struct bs_span input)
{
    struct json_reader reader;
    BS_SCOPED_BUF struct bs_buf nested = BS_BUF(input.size + 16);
    json_read_begin(&reader, input);
    json_read_skip(&reader);
    if (json_read_end(&reader) != BS_OK)
        return;
    FUZZ_CLAIM(bs_buf_append_string(&nested, "[0,") == BS_OK &&
               bs_buf_append(&nested, input.data, input.size) == BS_OK &&
               bs_buf_append_string(&nested, ",\"\"]") == BS_OK);
    json_read_begin(&reader, bs_buf_span(&nested));
    json_read_array(&reader);
    FUZZ_CLAIM(json_read_element(&reader) && json_read_uint(&reader, 0) == 0);
    FUZZ_CLAIM(json_read_element(&reader));
    json_read_skip(&reader);
    FUZZ_CLAIM(json_read_element(&reader) && json_read_string(&reader).size == 0);
    FUZZ_CLAIM(!json_read_element(&reader) && json_read_end(&reader) == BS_OK);
}

static void write(struct bs_span input)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(8 * input.size + 64);
    struct bs_json json;
    struct json_reader reader;
    bs_json_begin(&json, &out);
    bs_json_object(&json, NULL);
    bs_json_text(&json, "text", input);
    bs_json_close_object(&json);
    FUZZ_CLAIM(bs_json_end(&json) == BS_OK);
    json_read_begin(&reader, bs_buf_span(&out));
    json_read_skip(&reader);
    FUZZ_CLAIM(json_read_end(&reader) == BS_OK);
    FUZZ_CLAIM_TEXT(bs_buf_span(&out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_span input = BS_SPAN(data, size);
    pcrsig(input);
    skip(input);
    write(input);
    return 0;
}
