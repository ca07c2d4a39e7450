#include "hex.h"

#include "core/crypto_internal.h"

#include <malloc.h>
#include <pthread.h>

static struct bs_span text(const char *s)
{
    return bs_span_of_string(s);
}

/* FIPS 180-4, "abc" */
static void hashes_have_the_standard_values(void **state)
{
    (void)state;
    uint8_t digest[CRYPTO_HASH_MAX];

    assert_ok(crypto_hash(CRYPTO_SHA1, text("abc"), digest));
    assert_hex(digest, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_ok(crypto_hash(CRYPTO_SHA256, text("abc"), digest));
    assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(crypto_hash(CRYPTO_SHA384, text("abc"), digest));
    assert_hex(digest, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                       "8086072ba1e7cc2358baeca134c825a7");
    assert_ok(crypto_hash(CRYPTO_SHA512, text("abc"), digest));
    assert_hex(digest, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    assert_err(crypto_hash(0x0012, text("abc"), digest), BS_ERR_CRYPTO);
}

static void hashes_are_known_by_name_and_size(void **state)
{
    (void)state;
    const uint16_t algs[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512 };
    const size_t sizes[] = { 20, 32, 48, 64 };
    for (size_t i = 0; i < COUNT(algs); i++) {
        assert_int_equal(crypto_hash_size(algs[i]), sizes[i]);
        assert_int_equal(crypto_hash_by_name(crypto_hash_name(algs[i])), algs[i]);
    }
    assert_int_equal(crypto_hash_size(0x0010), 0);
    assert_null(crypto_hash_name(0x0010));
    assert_int_equal(crypto_hash_by_name("sha3"), 0);
}

static void pieces_hash_as_if_they_were_one(void **state)
{
    (void)state;
    const struct bs_span pieces[] = { text("a"), BS_SPAN_NONE, text("bc") };
    uint8_t digest[CRYPTO_SHA256_SIZE];
    assert_ok(crypto_sha256(pieces, 3, digest));
    assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* printf 'label\0abc' | sha256sum */
static void a_label_is_hashed_with_its_zero(void **state)
{
    (void)state;
    const struct bs_span pieces[] = { text("abc") };
    const struct bs_span whole[] = { BS_SPAN("label\0abc", 9) };
    uint8_t labelled[CRYPTO_SHA256_SIZE], plain[CRYPTO_SHA256_SIZE];
    assert_ok(crypto_labelled("label", pieces, 1, labelled));
    assert_ok(crypto_sha256(whole, 1, plain));
    assert_memory_equal(labelled, plain, sizeof(plain));
}

/* RFC 4231 §4.3 and §4.7 */
static void hmac_has_the_standard_values(void **state)
{
    (void)state;
    uint8_t mac[CRYPTO_HASH_MAX], key[131];
    memset(key, 0xaa, sizeof(key));

    assert_ok(crypto_hmac(CRYPTO_SHA256, text("Jefe"), text("what do ya want for nothing?"), mac));
    assert_hex(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_ok(crypto_hmac(CRYPTO_SHA384, text("Jefe"), text("what do ya want for nothing?"), mac));
    assert_hex(mac, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                    "8e2240ca5e69e2c78b3239ecfab21649");
    assert_ok(crypto_hmac(CRYPTO_SHA256, BS_SPAN(key, sizeof(key)),
                          text("Test Using Larger Than Block-Size Key - Hash Key First"), mac));
    assert_hex(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void a_digest_takes_its_data_in_pieces(void **state)
{
    (void)state;
    BS_OWN(digest) digest = NULL;
    uint8_t value[CRYPTO_HASH_MAX];
    size_t size = 0;

    assert_ok(crypto_digest_hmac(CRYPTO_SHA256, text("Jefe"), &digest));
    assert_ok(crypto_digest_update(digest, text("what do ya ")));
    assert_ok(crypto_digest_update(digest, text("want for nothing?")));
    assert_ok(crypto_digest_final(digest, value, &size));
    assert_int_equal(size, 32);
    assert_hex(value, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

    struct crypto_digest *none = NULL;
    assert_err(crypto_digest_hash(0x0010, &none), BS_ERR_CRYPTO);
    assert_null(none);
}

/* Linked with --wrap=free: what is freed is looked at first. */
static const void *watched;
static bool is_watched_clean;
void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory)
{
    if (memory && memory == watched) {
        const uint8_t *bytes = memory;
        is_watched_clean = true;
        for (size_t i = 0; i < malloc_usable_size(memory) && i < 256; i++)
            is_watched_clean = is_watched_clean && bytes[i] == 0;
        watched = NULL;
    }
    __real_free(memory);
}

static void the_state_of_an_hmac_is_wiped_when_it_is_freed(void **state)
{
    (void)state;
    struct crypto_digest *digest;
    assert_ok(crypto_digest_hmac(CRYPTO_SHA256, text("a key that must not stay"), &digest));
    assert_ok(crypto_digest_update(digest, text("data")));
    watched = digest;
    is_watched_clean = false;
    crypto_digest_free(digest);
    assert_true(is_watched_clean);
}

static void random_bytes_differ_and_reach_beyond_a_block(void **state)
{
    (void)state;
    enum { SIZE = 70000 }; /* the generator gives 65536 at a time */
    BS_OWN(memory) memory = calloc(1, SIZE);
    uint8_t *bytes = memory;
    assert_non_null(bytes);
    assert_ok(crypto_random(bytes, SIZE));
    assert_memory_not_equal(bytes, bytes + 32, 32);
    size_t zeros = 0;
    for (size_t i = SIZE - 64; i < SIZE; i++)
        zeros += bytes[i] == 0;
    assert_true(zeros < 32);
}

/* RFC 5869 A.1 and A.3 */
static void hkdf_has_the_standard_values(void **state)
{
    (void)state;
    uint8_t key[42];
    struct bs_span secret = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");

    assert_ok(
        crypto_hkdf(secret, hex("000102030405060708090a0b0c"), "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", key, 42));
    assert_hex(key, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_ok(crypto_hkdf(secret, BS_SPAN_NONE, "", key, 42));
    assert_hex(key, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

/* As published with go-tpm (TestKDFa); one key shorter and one longer than the digest. */
static void kdfa_has_the_published_values(void **state)
{
    (void)state;
    uint8_t key[128];

    assert_ok(
        crypto_kdfa(CRYPTO_SHA256, BS_SPAN("yolo", 5), "IDENTITY", BS_SPAN("kek", 4), BS_SPAN("yoyo", 5), key, 16));
    assert_hex(key, "d2d72cc7a8a5eb09e8c79012e2da9f22");
    assert_ok(crypto_kdfa(CRYPTO_SHA256, BS_SPAN("ca", 3), "IDENTITY", BS_SPAN("abc", 4), BS_SPAN_NONE, key, 128));
    assert_hex(key, "1aae7151ac1a5690eda7dcabd56800c11c56a3810ba059826fe4776348d6ae8e"
                    "5d5d18c7ccf8373f7b942ada8b912b12da56fb37f64b935872841ec07d38e1fb"
                    "8e7ec86efcbfb444756bc8863f858d2690a621c9afb983cd77e7a1048ae1a759"
                    "8ac895323d44c10227af0a00144cab55111075dc6b72ad6eb163c7458b878e8c");
    assert_ok(crypto_kdfa(CRYPTO_SHA1, BS_SPAN("ca", 3), "IDENTITY", BS_SPAN("abc", 4), BS_SPAN_NONE, key, 32));
    assert_hex(key, "83f354afcf923de2112e0891434cd0bdc8acbf01b811c0e8cd062ded39e31f7f");
    assert_err(crypto_kdfa(0x0010, BS_SPAN("ca", 3), "X", BS_SPAN_NONE, BS_SPAN_NONE, key, 32), BS_ERR_CRYPTO);
}

/* Key 00..2f, label INTEGRITY, no context; computed apart from this code from Part 1 §11.4.10.2. */
static void kdfa_with_sha384_has_the_value_of_the_formula(void **state)
{
    (void)state;
    uint8_t secret[48], key[48];
    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)i;
    assert_ok(crypto_kdfa(CRYPTO_SHA384, BS_SPAN(secret, 48), "INTEGRITY", BS_SPAN_NONE, BS_SPAN_NONE, key, 48));
    assert_hex(key, "f33d1615c2266b2fa774ff368d6ce3af9d8c0b4227e57eb3"
                    "e28b810755366e9a668857315ae51d8d7cfac92bb0485639");
}

/* go-tpm (TestKDFe, from the reference simulator), and vector 38 of tpm-test-vectors' kdfe.json. */
static void kdfe_has_the_published_values(void **state)
{
    (void)state;
    uint8_t key[62];

    assert_ok(crypto_kdfe(CRYPTO_SHA256, hex("69fd74d052a5cd9d6addf4ea791f4737eb297246dce604f6385c1392e0fb56b9"),
                          "DUPLICATE", hex("c29f8cff1ce054ed5945abd393ee2eed3f67437d9db07b932156c65d32921373"),
                          hex("107937dc44e5bb5094d3d30a55efac77b6db3253ba42dabc804446b93864e055"), key, 32));
    assert_hex(key, "b15267e3f960f8f8f3b94ff3fc64119f6876974f984f82d50bd54abc7a6406e8");
    assert_ok(crypto_kdfe(CRYPTO_SHA256, hex("00"), "OBFUSCATE",
                          hex("ebcb3cd4a002941ed496ef1d32a70b0b7f6f05b8a51803d5a9ff9b"),
                          hex("a1f79a7ee2beee21e2bfaee67769874687bfe21b2468fc8e721b6e967e12ff"), key, 62));
    assert_hex(key, "dcd14d72e0d5d8ec15b5ea15ae060e02f0e042f3af7efbd73650bb4457d73b06"
                    "0ef8f78bdf8cea099fe98fad6359bcfe92c1c6be8a157c1064c85ada3ad2");
}

/* The GCM specification's test case 16 */
static void aead_has_the_standard_value_and_opens_again(void **state)
{
    (void)state;
    struct bs_span key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    struct bs_span nonce = hex("cafebabefacedbaddecaf888");
    struct bs_span aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    struct bs_span plain = hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                               "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");

    BS_SCOPED_BUF struct bs_buf sealed = BS_BUF(128);
    assert_ok(crypto_aead_seal(key.data, nonce.data, aad, plain, &sealed));
    assert_int_equal(sealed.size, 76);
    assert_hex(sealed.data, "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                            "76fc6ece0f4e1768cddf8853bb2d551b");

    BS_OWN(secret) opened = NULL;
    assert_ok(crypto_aead_open(key.data, nonce.data, aad, bs_buf_span(&sealed), &opened));
    assert_int_equal(bs_secret_size(opened), plain.size);
    assert_memory_equal(bs_secret_view(opened), plain.data, plain.size);
}

static void aead_does_not_open_what_was_changed_anywhere(void **state)
{
    (void)state;
    uint8_t key[CRYPTO_AEAD_KEY] = { 1 }, nonce[CRYPTO_AEAD_NONCE] = { 2 };
    BS_SCOPED_BUF struct bs_buf sealed = BS_BUF(128);
    assert_ok(crypto_aead_seal(key, nonce, text("aad"), text("plain"), &sealed));

    struct bs_secret *opened = NULL;
    for (size_t i = 0; i < sealed.size; i++) {
        sealed.data[i] ^= 0x10;
        assert_err(crypto_aead_open(key, nonce, text("aad"), bs_buf_span(&sealed), &opened), BS_ERR_UNTRUSTED);
        sealed.data[i] ^= 0x10;
    }
    assert_err(crypto_aead_open(key, nonce, text("aae"), bs_buf_span(&sealed), &opened), BS_ERR_UNTRUSTED);
    for (size_t size = 0; size < sealed.size; size++)
        assert_err(crypto_aead_open(key, nonce, text("aad"), BS_SPAN(sealed.data, size), &opened), BS_ERR_UNTRUSTED);
    key[0] = 9;
    assert_err(crypto_aead_open(key, nonce, text("aad"), bs_buf_span(&sealed), &opened), BS_ERR_UNTRUSTED);
    assert_null(opened);

    BS_SCOPED_BUF struct bs_buf small = BS_BUF(20);
    assert_err(crypto_aead_seal(key, nonce, text("aad"), text("plain"), &small), BS_ERR_NOMEM);
}

#define THREADS 8

struct drawer {
    pthread_barrier_t *all_have_one;
    WC_RNG *generator;
    uint8_t drawn[32];
    unsigned failed;
};

static void *draw(void *context)
{
    struct drawer *drawer = context;
    drawer->failed += crypto_rng(&drawer->generator) != BS_OK;
    /* Nobody's ends, and leaves its place to another, before all have looked. */
    (void)pthread_barrier_wait(drawer->all_have_one);
    drawer->failed += crypto_random(drawer->drawn, sizeof(drawer->drawn)) != BS_OK;
    return NULL;
}

/* The generators themselves are compared: that threads share one seldom shows in what they draw. */
static void threads_have_each_a_generator(void **state)
{
    (void)state;
    pthread_barrier_t all_have_one;
    struct drawer drawers[THREADS];
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&all_have_one, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        drawers[i] = (struct drawer){ .all_have_one = &all_have_one };
        assert_int_equal(pthread_create(&threads[i], NULL, draw, &drawers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(drawers[i].failed, 0);
        for (size_t k = 0; k < i; k++) {
            assert_ptr_not_equal(drawers[i].generator, drawers[k].generator);
            assert_memory_not_equal(drawers[i].drawn, drawers[k].drawn, sizeof(drawers[i].drawn));
        }
    }
    pthread_barrier_destroy(&all_have_one);
}

/* SP 800-38A F.3.13 (CFB128-AES128) and F.3.17 (CFB128-AES256) */
static void cfb_has_the_standard_values_in_both_directions(void **state)
{
    (void)state;
    static const char plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
    struct bs_span iv = hex("000102030405060708090a0b0c0d0e0f");
    const struct {
        const char *key, *cipher;
    } vectors[] = {
        { "2b7e151628aed2a6abf7158809cf4f3c", "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b" },
        { "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
          "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b" },
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t data[32];
        memcpy(data, hex(plain).data, sizeof(data));
        assert_ok(crypto_aes_cfb(true, hex(vectors[i].key), iv.data, data, sizeof(data)));
        assert_hex(data, vectors[i].cipher);
        assert_ok(crypto_aes_cfb(false, hex(vectors[i].key), iv.data, data, sizeof(data)));
        assert_hex(data, plain);
    }
    uint8_t data[1] = { 0 };
    assert_err(crypto_aes_cfb(true, text("short key"), iv.data, data, 1), BS_ERR_CRYPTO);
    assert_ok(crypto_aes_cfb(true, hex(vectors[0].key), iv.data, data, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_have_the_standard_values),
        cmocka_unit_test(hashes_are_known_by_name_and_size),
        cmocka_unit_test(pieces_hash_as_if_they_were_one),
        cmocka_unit_test(a_label_is_hashed_with_its_zero),
        cmocka_unit_test(hmac_has_the_standard_values),
        cmocka_unit_test(a_digest_takes_its_data_in_pieces),
        cmocka_unit_test(the_state_of_an_hmac_is_wiped_when_it_is_freed),
        cmocka_unit_test(random_bytes_differ_and_reach_beyond_a_block),
        cmocka_unit_test(threads_have_each_a_generator),
        cmocka_unit_test(hkdf_has_the_standard_values),
        cmocka_unit_test(kdfa_has_the_published_values),
        cmocka_unit_test(kdfa_with_sha384_has_the_value_of_the_formula),
        cmocka_unit_test(kdfe_has_the_published_values),
        cmocka_unit_test(aead_has_the_standard_value_and_opens_again),
        cmocka_unit_test(aead_does_not_open_what_was_changed_anywhere),
        cmocka_unit_test(cfb_has_the_standard_values_in_both_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
