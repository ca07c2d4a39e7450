#include "unit/hex.h"

#include "core/eventlog.h"
#include "core/eventlog_hash.h"
#include "server/ctl/sm3.h"
#include "unit/logmaker.h"

/* GB/T 32905-2016, appendix A, and of nothing. */
static const struct {
    const char *text, *digest;
} vectors[] = {
    { "abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" },
    { "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd",
      "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732" },
    { "", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b" },
};

static void sm3_has_the_standard_values(void **state)
{
    (void)state;
    uint8_t digest[32];
    for (size_t i = 0; i < COUNT(vectors); i++) {
        sm3(bs_span_of_string(vectors[i].text), digest);
        assert_hex(digest, vectors[i].digest);
    }
    sm3(BS_SPAN_NONE, digest);
    assert_hex(digest, vectors[2].digest);
}

static void a_bank_of_sm3_is_replayed_by_who_computes_it(void **state)
{
    (void)state;
    static const uint16_t banks[] = { EVENTLOG_SM3_256, 32, 0 };
    struct eventlog log;
    struct eventlog_replay replay;
    uint8_t digest[CRYPTO_HASH_MAX], joined[64] = { 0 };
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);

    assert_false(eventlog_hash_is_computed(EVENTLOG_SM3_256));
    eventlog_hash_know_sm3(sm3);
    assert_true(eventlog_hash_is_computed(EVENTLOG_SM3_256));
    assert_ok(eventlog_hash(EVENTLOG_SM3_256, bs_span_of_string("abc"), digest));
    assert_hex(digest, vectors[0].digest);
    assert_int_equal(crypto_hash_size(EVENTLOG_SM3_256), 0);

    put_header(&bytes, banks);
    put_with_hashes(&bytes, 4, EVENTLOG_ACTION, (const uint16_t[]){ EVENTLOG_SM3_256, 0 }, bs_span_of_string("abc"));
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    assert_ok(eventlog_replay(&log, EVENTLOG_SM3_256, &replay));
    memcpy(joined + 32, digest, 32);
    sm3(BS_SPAN(joined, 64), digest);
    assert_memory_equal(replay.values[4], digest, 32);
    eventlog_hash_know_sm3(NULL);
    assert_err(eventlog_replay(&log, EVENTLOG_SM3_256, &replay), BS_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sm3_has_the_standard_values),
        cmocka_unit_test(a_bank_of_sm3_is_replayed_by_who_computes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
