#include "hex.h"

#include "core/eventlog.h"
#include "core/eventlog_hash.h"
#include "logmaker.h"

/* FIPS 202, "" and "abc", with which NIST's examples begin. */
static const struct {
    uint16_t alg;
    size_t size;
    const char *name, *empty, *abc;
} sha3[] = {
    { EVENTLOG_SHA3_256, 32, "sha3_256", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
      "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
    { EVENTLOG_SHA3_384, 48, "sha3_384",
      "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004",
      "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25" },
    { EVENTLOG_SHA3_512, 64, "sha3_512",
      "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e3"
      "01758586281dcd26",
      "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a5"
      "6592f8274eec53f0" },
};

static void sha3_has_the_standard_values(void **state)
{
    (void)state;
    uint8_t digest[CRYPTO_HASH_MAX];
    for (size_t i = 0; i < COUNT(sha3); i++) {
        assert_ok(eventlog_hash(sha3[i].alg, BS_SPAN_NONE, digest));
        assert_hex(digest, sha3[i].empty);
        assert_ok(eventlog_hash(sha3[i].alg, bs_span_of_string("abc"), digest));
        assert_hex(digest, sha3[i].abc);
        assert_int_equal(eventlog_hash_size(sha3[i].alg), sha3[i].size);
        assert_int_equal(strlen(sha3[i].abc), 2 * sha3[i].size);
        assert_string_equal(eventlog_hash_name(sha3[i].alg), sha3[i].name);
        assert_true(eventlog_hash_is_computed(sha3[i].alg));
    }
    assert_err(crypto_sha3(28, bs_span_of_string("abc"), digest), BS_ERR_CRYPTO);
}

static void hashes_that_tpms_quote_with_are_hashes_of_logs(void **state)
{
    (void)state;
    static const uint16_t algs[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512 };
    uint8_t digest[CRYPTO_HASH_MAX], same[CRYPTO_HASH_MAX];
    for (size_t i = 0; i < COUNT(algs); i++) {
        size_t size = crypto_hash_size(algs[i]);
        assert_int_equal(eventlog_hash_size(algs[i]), size);
        assert_string_equal(eventlog_hash_name(algs[i]), crypto_hash_name(algs[i]));
        assert_true(eventlog_hash_is_computed(algs[i]));
        assert_ok(crypto_hash(algs[i], bs_span_of_string("abc"), digest));
        assert_ok(eventlog_hash(algs[i], bs_span_of_string("abc"), same));
        assert_memory_equal(digest, same, size);
    }
}

static void a_hash_of_logs_is_known_nowhere_else(void **state)
{
    (void)state;
    static const uint16_t algs[] = { EVENTLOG_SM3_256, EVENTLOG_SHA3_256, EVENTLOG_SHA3_384, EVENTLOG_SHA3_512 };
    uint8_t digest[CRYPTO_HASH_MAX];
    for (size_t i = 0; i < COUNT(algs); i++) {
        assert_int_equal(crypto_hash_size(algs[i]), 0);
        assert_null(crypto_hash_name(algs[i]));
        assert_int_equal(crypto_hash_by_name(eventlog_hash_name(algs[i])), 0);
        assert_err(crypto_hash(algs[i], bs_span_of_string("abc"), digest), BS_ERR_CRYPTO);
    }
}

static void names_are_taken_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t alg;
    } names[] = {
        { "sha1", CRYPTO_SHA1 },
        { "SHA256", CRYPTO_SHA256 },
        { "sha384", CRYPTO_SHA384 },
        { "sha512", CRYPTO_SHA512 },
        { "sha3_256", EVENTLOG_SHA3_256 },
        { "sha3-256", EVENTLOG_SHA3_256 },
        { "SHA3_384", EVENTLOG_SHA3_384 },
        { "SHA3-512", EVENTLOG_SHA3_512 },
        { "sm3_256", EVENTLOG_SM3_256 },
        { "SM3-256", EVENTLOG_SM3_256 },
        { "sm3", EVENTLOG_SM3_256 },
        { "", 0 },
        { "sha3", 0 },
        { "sha3_224", 0 },
        { "sha3_2561", 0 },
        { "sha3_256_and_more", 0 },
        { "md5", 0 },
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (eventlog_hash_by_name(names[i].name) != names[i].alg)
            fail_msg("%s", names[i].name);
}

static void what_has_no_name_is_not_computed(void **state)
{
    (void)state;
    uint8_t digest[CRYPTO_HASH_MAX];
    assert_int_equal(eventlog_hash_size(0x0071), 0);
    assert_null(eventlog_hash_name(0x0071));
    assert_false(eventlog_hash_is_computed(0x0071));
    assert_err(eventlog_hash(0x0071, bs_span_of_string("abc"), digest), BS_ERR_NOT_FOUND);
    assert_string_equal(eventlog_hash_name(EVENTLOG_SM3_256), "sm3_256");
    assert_int_equal(eventlog_hash_size(EVENTLOG_SM3_256), 32);
    assert_false(eventlog_hash_is_computed(EVENTLOG_SM3_256));
    assert_err(eventlog_hash(EVENTLOG_SM3_256, bs_span_of_string("abc"), digest), BS_ERR_NOT_FOUND);
}

static void a_bank_of_sha3_is_replayed_and_marked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sha3); i++) {
        const uint16_t banks[] = { sha3[i].alg, (uint16_t)sha3[i].size, 0 }, hashes[] = { sha3[i].alg, 0 };
        const struct bs_span data = bs_span_of_string("abc");
        struct eventlog log;
        struct eventlog_event event;
        struct eventlog_replay replay;
        uint8_t joined[2 * CRYPTO_HASH_MAX] = { 0 }, expected[CRYPTO_HASH_MAX];
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);

        put_header(&bytes, banks);
        put_with_hashes(&bytes, 4, EVENTLOG_ACTION, hashes, data);
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
        assert_ok(eventlog_replay(&log, sha3[i].alg, &replay));
        assert_int_equal(replay.size, sha3[i].size);
        assert_int_equal(replay.mask, 1u << 4);
        memcpy(joined + sha3[i].size, hex(sha3[i].abc).data, sha3[i].size);
        assert_ok(crypto_sha3(sha3[i].size, BS_SPAN(joined, 2 * sha3[i].size), expected));
        assert_memory_equal(replay.values[4], expected, sha3[i].size);

        struct eventlog_cursor c = eventlog_first(&log);
        assert_true(eventlog_next(&c, &event) && eventlog_next(&c, &event));
        assert_int_equal(eventlog_measured(&event, sha3[i].alg, NULL), EVENTLOG_DATA_MEASURED);
        event.data = bs_span_of_string("abd");
        assert_int_equal(eventlog_measured(&event, sha3[i].alg, NULL), EVENTLOG_DATA_WRONG);
    }
}

static void a_bank_has_the_size_of_its_hash(void **state)
{
    (void)state;
    static const uint16_t wrong[][3] = { { EVENTLOG_SHA3_256, 48, 0 }, { EVENTLOG_SM3_256, 20, 0 } };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct eventlog log;
        struct eventlog_fault fault = { .what = "" };
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        put_header(&bytes, wrong[i]);
        assert_err(eventlog_open(bs_buf_span(&bytes), &log, &fault), BS_ERR_INPUT);
        assert_string_equal(fault.what, "the log's header gives a hash a size that it does not have");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha3_has_the_standard_values),
        cmocka_unit_test(hashes_that_tpms_quote_with_are_hashes_of_logs),
        cmocka_unit_test(a_hash_of_logs_is_known_nowhere_else),
        cmocka_unit_test(names_are_taken_as_people_write_them),
        cmocka_unit_test(what_has_no_name_is_not_computed),
        cmocka_unit_test(a_bank_of_sha3_is_replayed_and_marked),
        cmocka_unit_test(a_bank_has_the_size_of_its_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
