/* Sizes, ranges and limits of what a message says. */
#include "message_try.h"

#include "cbor_edit.h"
#include "core/cbor.h"
#include "core/message.h"

enum type { BYTES = 2, TEXT = 3 };

/* Strings with the sizes that they may have; both ends are tried, and one beyond each. */
static const struct {
    const char *name;
    try_fn try;
    int path[5];
    enum type type;
    size_t min, max;
} sizes[] = {
    { "messages/statement-full.cbor", try_statement, { 4, EDIT_END }, BYTES, 32, 32 },
    { "messages/statement-full.cbor", try_statement, { 5, EDIT_END }, BYTES, 32, 32 },
    { "messages/statement-full.cbor", try_statement, { 6, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/statement-full.cbor", try_statement, { 7, 1, EDIT_END }, BYTES, 1, BS_CERT_MAX },
    { "messages/statement-full.cbor", try_statement, { 8, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/statement-full.cbor", try_statement, { 9, 1, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/statement-full.cbor", try_statement, { 9, 2, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/statement-full.cbor", try_statement, { 11, 3, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/statement-full.cbor", try_statement, { 10, EDIT_END }, BYTES, 1, BS_CERT_MAX },
    { "messages/statement-full.cbor", try_statement, { 12, 2, 11, EDIT_END }, BYTES, 32, 32 },
    { "messages/statement-challenge.cbor", try_statement, { 12, 2, 11, EDIT_END }, BYTES, 48, 48 },
    { "messages/statement-full.cbor", try_statement, { 13, EDIT_END }, BYTES, 32, 32 },
    { "messages/statement-full.cbor", try_statement, { 14, 1, EDIT_END }, TEXT, 1, 128 },
    { "messages/statement-full.cbor", try_statement, { 14, 5, EDIT_END }, TEXT, 1, 128 },
    { "messages/statement-full.cbor", try_statement, { 15, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/statement-full.cbor", try_statement, { 17, EDIT_END }, TEXT, 1, BS_TOKEN_MAX },
    { "messages/statement-full.cbor", try_statement, { 20, 1, EDIT_END }, TEXT, 1, 64 },
    { "messages/statement-userspace.cbor", try_statement, { 21, EDIT_END }, BYTES, 32, 32 },
    { "messages/statement-userspace.cbor", try_statement, { 24, EDIT_END }, BYTES, 1, BS_COMMAND_LINE_MAX },
    { "messages/attest.cbor", try_attest, { 2, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/attest.cbor", try_attest, { 3, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/attest.cbor", try_attest, { 4, EDIT_END }, BYTES, 1, BS_EVENTLOG_MAX },
    { "messages/attest-userspace.cbor", try_attest, { 5, EDIT_END }, BYTES, 1, BS_USERSPACE_LOG_MAX },
    { "messages/prove.cbor", try_prove, { 1, EDIT_END }, BYTES, 32, 32 },
    { "messages/confirm.cbor", try_confirm, { 1, EDIT_END }, BYTES, 32, 32 },
    { "messages/confirm.cbor", try_confirm, { 3, EDIT_END }, BYTES, 32, 32 },
    { "messages/answer-approved.cbor", try_answer, { 3, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/answer-approved.cbor", try_answer, { 4, EDIT_END }, BYTES, 1, BS_TPM_MAX },
    { "messages/answer-approved.cbor", try_answer, { 5, EDIT_END }, BYTES, 1, BS_BUNDLE_MAX },
    { "messages/answer-pending.cbor", try_answer, { 7, EDIT_END }, TEXT, 1, 64 },
    { "messages/answer-pending.cbor", try_answer, { 8, EDIT_END }, TEXT, 1, 512 },
    { "messages/answer-refused.cbor", try_answer, { 9, EDIT_END }, BYTES, 32, 32 },
    { "messages/answer-refused.cbor", try_answer, { 10, 0, 3, EDIT_END }, TEXT, 1, 512 },
};

static enum bs_err try_size(size_t index, size_t size)
{
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf string = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf changed = BS_BUF(BS_REQUEST_MAX);
    uint8_t *tail;
    struct cbor_writer w;
    cbor_write_begin(&w, &string);
    cbor_write_bytes_head(&w, size);
    assert_ok(cbor_write_end(&w));
    string.data[0] = (uint8_t)(sizes[index].type << 5 | (string.data[0] & 0x1f));
    assert_ok(bs_buf_reserve(&string, size, &tail));
    memset(tail, 'a', size);
    bs_buf_grown(&string, size);

    vector_read(sizes[index].name, &in);
    edit_replace(bs_buf_span(&in), sizes[index].path, bs_buf_span(&string), &changed);
    return sizes[index].try(bs_buf_span(&changed));
}

static void strings_have_exactly_the_sizes_that_the_protocol_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_ok(try_size(i, sizes[i].min));
        assert_ok(try_size(i, sizes[i].max));
        assert_err(try_size(i, sizes[i].max + 1), BS_ERR_PROTOCOL);
        assert_err(try_size(i, sizes[i].min - 1), BS_ERR_PROTOCOL);
    }
}

static enum bs_err try_value(const char *name, try_fn try, const int *path, const char *hex)
{
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf changed = BS_BUF(BS_REQUEST_MAX);
    uint8_t value[512];
    size_t size;
    vector_read(name, &in);
    assert_ok(bs_unhex(hex, value, sizeof(value), &size));
    edit_replace(bs_buf_span(&in), path, BS_SPAN(value, size), &changed);
    return try(bs_buf_span(&changed));
}

static void values_outside_their_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        try_fn try;
        int path[5];
        const char *good, *wrong;
    } values[] = {
        { "messages/statement-full.cbor", try_statement, { 1, EDIT_END }, "01", "02" }, /* version */
        { "messages/statement-full.cbor", try_statement, { 1, EDIT_END }, "01", "00" },
        { "messages/statement-full.cbor", try_statement, { 2, EDIT_END }, "686174746573746572", "687665726966696572" },
        { "messages/statement-full.cbor", try_statement, { 3, EDIT_END }, "696368616c6c656e6765", "646e6f6e65" },
        { "messages/statement-minimal.cbor", try_statement, { 3, EDIT_END }, "646e6f6e65", "696368616c6c656e6765" },
        { "messages/statement-full.cbor", try_statement, { 3, EDIT_END }, "696368616c6c656e6765", "63746c73" },
        { "messages/statement-full.cbor",
          try_statement,
          { 12, 1, EDIT_END },
          "0b",
          "0c" }, /* values are too short for it */
        { "messages/statement-full.cbor", try_statement, { 12, 1, EDIT_END }, "0b", "190100" },
        { "messages/statement-full.cbor",
          try_statement,
          { 12, 2, EDIT_END },
          "a1175820"
          "0000000000000000000000000000000000000000000000000000000000000000",
          "a118185820"
          "0000000000000000000000000000000000000000000000000000000000000000" },
        { "messages/statement-full.cbor",
          try_statement,
          { 12, 2, EDIT_END },
          "a1005820"
          "0000000000000000000000000000000000000000000000000000000000000000",
          "a0" },
        /* a bank that is not known has no size of digest, not the size 0 */
        { "messages/statement-minimal.cbor",
          try_statement,
          { 12, EDIT_END },
          "a2010b02a1075820"
          "0000000000000000000000000000000000000000000000000000000000000000",
          "a20119010002a10740" },
        { "messages/statement-full.cbor", try_statement, { 7, EDIT_END }, "814101", "80" },
        { "messages/statement-full.cbor",
          try_statement,
          { 7, EDIT_END },
          "86410141014101410141014101",
          "874101410141014101410141014101" },
        { "messages/statement-full.cbor",
          try_statement,
          { 20, EDIT_END },
          "8861616161616161616161616161616161",
          "89616161616161616161616161616161616161" },
        { "messages/statement-full.cbor",
          try_statement,
          { 20, 0, EDIT_END },
          "63612d39",
          "63612d41" }, /* names are small */
        { "messages/statement-full.cbor", try_statement, { 20, 0, EDIT_END }, "63612d39", "63610a39" },
        { "messages/statement-full.cbor", try_statement, { 18, EDIT_END }, "1bffffffffffffffff", "00" },
        { "messages/statement-full.cbor", try_statement, { 19, EDIT_END }, "1b0000003afff4417f", "1b0000003afff44180" },
        { "messages/statement-full.cbor", try_statement, { 14, 2, EDIT_END }, "62c3a4", "62c32e" }, /* not UTF-8 */
        { "messages/statement-full.cbor", try_statement, { 14, 2, EDIT_END }, "62610a", "62611b" }, /* escape */
        { "messages/confirm.cbor", try_confirm, { 2, EDIT_END }, "01", "00" },
        { "messages/confirm-keys.cbor",
          try_confirm,
          { 4, 0, 1, EDIT_END },
          "6161",
          "612e" },                                                                       /* not the name of an item */
        { "messages/confirm-keys.cbor", try_confirm, { 4, 0, 2, EDIT_END }, "03", "04" }, /* a longer public half */
        { "messages/confirm-keys.cbor", try_confirm, { 4, 0, 2, EDIT_END }, "01", "00" },
        { "messages/confirm-keys.cbor", try_confirm, { 4, 2, 2, EDIT_END }, "04", "05" },
        { "messages/confirm-keys.cbor", try_confirm, { 4, 0, 3, EDIT_END }, "02", "00" },
        { "messages/statement-keys.cbor", try_statement, { 23, EDIT_END }, "820102", "83010203" },
        { "messages/statement-keys.cbor", try_statement, { 23, EDIT_END }, "8101", "8100" },
        { "messages/statement-keys.cbor", try_statement, { 22, 0, 2, EDIT_END }, "03", "04" },
        { "messages/answer-confirmed.cbor", try_answer, { 1, EDIT_END }, "05", "00" },
        { "messages/answer-confirmed.cbor", try_answer, { 1, EDIT_END }, "05", "07" },
        { "messages/answer-confirmed.cbor", try_answer, { 2, EDIT_END }, "1b0000003afff4417f", "1b0000003afff44180" },
        { "messages/answer-busy.cbor", try_answer, { 6, EDIT_END }, "01", "00" },
        { "messages/answer-busy.cbor", try_answer, { 6, EDIT_END }, "1a00015180", "1a00015181" },
        { "messages/answer-refused.cbor", try_answer, { 7, EDIT_END }, "62612d", "62612e" },
        { "messages/answer-refused.cbor", try_answer, { 10, 0, 1, EDIT_END }, "17", "1818" },
        { "messages/answer-refused.cbor", try_answer, { 10, 0, 2, EDIT_END }, "1affffffff", "1b0000000100000000" },
        { "messages/answer-refused.cbor",
          try_answer,
          { 10, EDIT_END },
          "88a1036161a1036161a1036161a1036161a1036161a1036161a1036161a1036161",
          "89a1036161a1036161a1036161a1036161a1036161a1036161a1036161a1036161a1036161" },
        { "messages/answer-refused.cbor", try_answer, { 10, EDIT_END }, "81a1036161", "80" },
    };
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_ok(try_value(values[i].name, values[i].try, values[i].path, values[i].good));
        assert_err(try_value(values[i].name, values[i].try, values[i].path, values[i].wrong), BS_ERR_PROTOCOL);
    }
}

static void requests_and_answers_over_their_limit_are_refused_before_they_are_parsed(void **state)
{
    (void)state;
    static uint8_t big[BS_REQUEST_MAX + 1];
    struct message_statement s;
    struct message_attest a;
    struct message_answer m;
    assert_err(message_statement_decode(BS_SPAN(big, BS_REQUEST_MAX + 1), &s), BS_ERR_PROTOCOL);
    assert_err(message_attest_decode(BS_SPAN(big, BS_REQUEST_MAX + 1), &a), BS_ERR_PROTOCOL);
    assert_err(message_answer_decode(BS_SPAN(big, BS_ANSWER_MAX + 1), &m), BS_ERR_PROTOCOL);

    /* an attest whose every member is within its limit */
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(2 * BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf large = BS_BUF(2 * BS_REQUEST_MAX);
    struct cbor_writer w;
    vector_read("messages/attest.cbor", &in);
    cbor_write_begin(&w, &statement);
    cbor_write_bytes(&w, BS_SPAN(big, BS_REQUEST_MAX));
    assert_ok(cbor_write_end(&w));
    edit_replace(bs_buf_span(&in), EDIT_PATH(1), bs_buf_span(&statement), &large);
    assert_err(message_attest_decode(bs_buf_span(&large), &a), BS_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_have_exactly_the_sizes_that_the_protocol_allows),
        cmocka_unit_test(values_outside_their_range_are_refused),
        cmocka_unit_test(requests_and_answers_over_their_limit_are_refused_before_they_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
