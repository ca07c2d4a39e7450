/* PCR signature files: one that systemd-measure of Debian 12 wrote, and others that nobody should have. */
#include "unit/unit.h"

#include "core/approval.h"
#include "core/cert.h"
#include "core/file.h"
#include "core/pcrsig.h"

#include <stdio.h>

static struct bs_buf golden = BS_BUF(PCRSIG_SIZE_MAX);
static TPMT_PUBLIC key;

static void vector(const char *name, struct bs_buf *out)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/pcrsig/%s", BS_TEST_VECTORS, name);
    assert_ok(bs_file_read(path, out));
}

static int setup(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(8192);
    vector("systemd-252.json", &golden);
    vector("systemd-252.pem", &pem);
    assert_ok(cert_pem_decode(bs_buf_span(&pem), "PUBLIC KEY", &spki));
    assert_ok(cert_policy_key(bs_buf_span(&spki), &key));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bs_buf_free(&golden);
    return 0;
}

struct seen {
    size_t count;
    struct pcrsig last;
};

static void keep(void *context, const struct pcrsig *entry)
{
    struct seen *seen = context;
    seen->count++;
    seen->last = *entry;
}

static void check(void *context, const struct pcrsig *entry)
{
    size_t *count = context;
    uint8_t fingerprint[CRYPTO_SHA256_SIZE], hash[CRYPTO_SHA256_SIZE];
    (*count)++;
    assert_int_equal(entry->bank, CRYPTO_SHA256);
    assert_int_equal(entry->mask, 1u << 11);
    assert_ok(pcrsig_fingerprint(&key, fingerprint));
    assert_memory_equal(entry->fingerprint, fingerprint, sizeof(fingerprint));
    assert_ok(approval_hash(entry->policy, BS_SPAN_NONE, hash));
    assert_ok(crypto_rsa_verify(BS_SPAN(key.unique.rsa.buffer, key.unique.rsa.size), key.parameters.rsaDetail.exponent,
                                CRYPTO_SHA256, BS_SPAN(hash, sizeof(hash)),
                                BS_SPAN(entry->signature, entry->signature_size)));
}

static void what_systemd_measure_signed_is_read_and_verifies(void **state)
{
    (void)state;
    size_t count = 0;
    assert_ok(pcrsig_read(bs_buf_span(&golden), check, &count));
    assert_int_equal(count, 3);
}

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ENTRY(pcrs, pkfp, pol, sig) "{\"pcrs\":" pcrs ",\"pkfp\":\"" pkfp "\",\"pol\":\"" pol "\",\"sig\":\"" sig "\"}"
#define GOOD ENTRY("[11]", HASH_A, HASH_A, "AAAA")

static enum bs_err read_text(const char *text, struct seen *ret_seen)
{
    *ret_seen = (struct seen){ .count = 0 };
    return pcrsig_read(bs_span_of_string(text), keep, ret_seen);
}

static void banks_and_members_that_nobody_knows_are_passed_over(void **state)
{
    (void)state;
    struct seen seen;
    assert_ok(read_text("{}", &seen));
    assert_int_equal(seen.count, 0);
    assert_ok(read_text("{\"sm3\":[" GOOD "],\"sha384\":[" GOOD "," GOOD "]}", &seen));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.last.bank, CRYPTO_SHA384);
    assert_ok(read_text("{\"sha256\":[{\"new\":{\"a\":[1,\"\\u0041\"]},\"pcrs\":[4,11],\"pkfp\":\"" HASH_A
                        "\",\"pol\":\"" HASH_A "\",\"sig\":\"AAAA\"}]}",
                        &seen));
    assert_int_equal(seen.last.mask, 1u << 4 | 1u << 11);
    assert_int_equal(seen.last.signature_size, 3);
}

static void what_is_no_signature_file_is_refused(void **state)
{
    (void)state;
    struct seen seen;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"sha256\":{}}",
        "{\"sha256\":[1]}",
        "{\"sha256\":[{}]}",
        "{\"sha256\":[" ENTRY("[]", HASH_A, HASH_A, "AAAA") "]}",
        "{\"sha256\":[" ENTRY("[24]", HASH_A, HASH_A, "AAAA") "]}",
        "{\"sha256\":[" ENTRY("11", HASH_A, HASH_A, "AAAA") "]}",
        "{\"sha256\":[" ENTRY("[11]", "aa", HASH_A, "AAAA") "]}",
        "{\"sha256\":[" ENTRY("[11]", HASH_A, HASH_A "00", "AAAA") "]}",
        "{\"sha256\":[" ENTRY("[11]", HASH_A, HASH_A, "AAA") "]}",
        "{\"sha256\":[" ENTRY("[11]", HASH_A, HASH_A, "") "]}",
        "{\"sha256\":[{\"pcrs\":[11],\"pcrs\":[11],\"pkfp\":\"" HASH_A "\",\"pol\":\"" HASH_A "\",\"sig\":\"AAAA\"}]}",
        "{\"sha256\":[" GOOD "]} {}",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (read_text(bad[i], &seen) != BS_ERR_INPUT)
            fail_msg("%s", bad[i]);
    for (size_t size = 0; size + 1 < golden.size; size += 7)
        assert_err(pcrsig_read(BS_SPAN(golden.data, size), keep, &seen), BS_ERR_INPUT);
}

/* More bytes than a signature of the largest key has. */
/* In a block of exactly its size, so that a sanitizer sees a byte read too many. */
static enum bs_err read_alone(struct bs_span bytes, struct seen *seen)
{
    uint8_t *alone = test_malloc(bytes.size > 0 ? bytes.size : 1);
    memcpy(alone, bytes.data, bytes.size);
    enum bs_err err = pcrsig_read(BS_SPAN(alone, bytes.size), keep, seen);
    test_free(alone);
    return err;
}

static void a_file_cut_or_bent_never_has_more_than_it_says(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf bent = BS_BUF(PCRSIG_SIZE_MAX);
    struct seen seen = { .count = 0 };
    size_t end = golden.size;
    while (golden.data[end - 1] != '}')
        end--;
    for (size_t size = 0; size < end; size++)
        assert_int_equal(read_alone(BS_SPAN(golden.data, size), &seen), BS_ERR_INPUT);
    assert_ok(bs_buf_append(&bent, golden.data, end));
    for (size_t bit = 0; bit < 8 * end; bit++) {
        struct seen some = { .count = 0 };
        bent.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum bs_err err = read_alone(bs_buf_span(&bent), &some);
        assert_true(err == BS_OK || err == BS_ERR_INPUT);
        assert_true(some.count <= 3 && some.last.signature_size <= CRYPTO_RSA_MAX);
        bent.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_signature_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct seen seen;
    char sig[4 * (CRYPTO_RSA_MAX / 3 + 1) + 1], text[2048];
    memset(sig, 'A', sizeof(sig) - 1);
    sig[sizeof(sig) - 1] = '\0';
    snprintf(text, sizeof(text), "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"%s\",\"pol\":\"%s\",\"sig\":\"%s\"}]}", HASH_A,
             HASH_A, sig);
    assert_err(read_text(text, &seen), BS_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_systemd_measure_signed_is_read_and_verifies),
        cmocka_unit_test(banks_and_members_that_nobody_knows_are_passed_over),
        cmocka_unit_test(what_is_no_signature_file_is_refused),
        cmocka_unit_test(a_file_cut_or_bent_never_has_more_than_it_says),
        cmocka_unit_test(a_signature_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
