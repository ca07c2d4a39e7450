/* Private halves of any bytes, written in every form: two bytes kind and form, then the half. */
#include "core/cert.h"
#include "core/generated.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void write(const struct generated_private *key, enum bs_generated_form form)
{
    BS_SCOPED_BUF struct bs_buf first = BS_BUF(64 * 1024);
    BS_SCOPED_BUF struct bs_buf second = BS_BUF(64 * 1024);
    enum bs_err err = generated_write(key, form, &first);
    FUZZ_CLAIM(err == generated_write(key, form, &second));
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_INPUT);
        return;
    }
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&first), bs_buf_span(&second)));
    if (form == BS_FORM_RAW)
        FUZZ_CLAIM(bs_span_equal(bs_buf_span(&first), key->private_half));
    else
        FUZZ_CLAIM_TEXT(bs_buf_span(&first));
}

static void write_public(const struct generated_private *key, enum bs_generated_form form)
{
    uint8_t half[GENERATED_PUBLIC_MAX];
    size_t size = 0;
    BS_SCOPED_BUF struct bs_buf line = BS_BUF(4096);
    struct generated_public public_key = { key->name, key->kind, key->generation, BS_SPAN_NONE };
    enum bs_err err = generated_public_half(key, BS_SPAN(bs_zeros, 32), half, &size);
    if (err != BS_OK) {
        FUZZ_CLAIM_REFUSAL(err);
        return;
    }
    FUZZ_CLAIM(size == generated_public_size(key->kind));
    public_key.public_half = BS_SPAN(half, size);
    err = generated_write_public(&public_key, form, &line);
    if (err != BS_OK)
        FUZZ_CLAIM_REFUSAL(err);
    FUZZ_CLAIM_TEXT(bs_buf_span(&line));
    FUZZ_CLAIM(line.size == 0 || memchr(line.data, '\n', line.size) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_reader reader = BS_READER(BS_SPAN(data, size));
    uint8_t kind, form;
    if (!bs_read_u8(&reader, &kind) || !bs_read_u8(&reader, &form) || kind < BS_GENERATED_RANDOM ||
        kind > BS_GENERATED_SECP256K1 || form > BS_FORM_OPENSSH || reader.left > BS_GENERATED_RANDOM_MAX)
        return 0;
    const struct generated_private key = { bs_span_of_string("a.key"), (enum bs_generated_kind)kind, 1,
                                           BS_SPAN(reader.at, reader.left) };
    if (!generated_has_form(key.kind, key.private_half.size, (enum bs_generated_form)form))
        return 0;
    write(&key, (enum bs_generated_form)form);
    write_public(&key, (enum bs_generated_form)form);
    return 0;
}
