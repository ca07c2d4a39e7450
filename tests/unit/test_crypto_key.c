/* Public keys: elliptic curves, RSA, and the signing keys of the server. */
#include "keys.h"

static const char rsa_sample_sha256[] =
    "0a5e93091200dc9e5483f4cec4b689f2531e3beda1512f0e70fc05668058f391e37d0386e88e6adf3e2f35a533f38bfb9d9e"
    "519ca2ac786b7310780d1d70d28a65d47227149a4b3ed9a00bb626b68603edc3f453419295aa044bf09d05b581ab7097656b"
    "c254a5c352a9845c6e188c64fb711919a826e0d01546f9541ac17e22f11c3cbb1f4c99a36555fe4fd39bcadd143b0d0444c4"
    "e9fbffe8e288cbb8168f6eb531117ac95fd96d4dbf2a0cbf34cfcd1744c8346438ed0a274f82ccb09f0a0eaa65d5497e177a"
    "400200f08df94e69ee387229ba6be523465723b6efde7b134472eedb41786c99da877482305d60a1f045bbc0dacced2e75da"
    "9e80c6bebe06";
static const char rsa_sample_sha384[] =
    "9584674cda5bc123bfc5a339904893954440f0dad8e872e4cb1e6fe1679f28fcdfe33ab277d9f7ba5af01c40d1073764e310"
    "b5f87d200d36fb6850f3909bc1b2896f70e02f073dd64d085845694188077b4066722681f449dd2859494c9f26b0b342aa45"
    "4cbf372f6b63d927373c512cc67f2a95925a29d0265e6f93e323b569c69d595d4f7387b287d06c4714517d4240eabdaa3d88"
    "246433cc8729dee9f8663630e557bb840a736844f79a20a871174a47bb5efa728047298e6197794b63d5ef809176f89dc32b"
    "5ad3ae88086029b300490205ea1a1b592aad2823d4b89bfbcd687d6bd115fa093f05160f8016afca373ac706459d1600079a"
    "d1073c21f0d9";

static struct bs_span digest_of_sample(uint16_t hash)
{
    static uint8_t digest[CRYPTO_HASH_MAX];
    assert_ok(crypto_hash(hash, bs_span_of_string("sample"), digest));
    return BS_SPAN(digest, crypto_hash_size(hash));
}

static void ecdsa_verifies_the_standard_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ecc_keys); i++) {
        struct crypto_point key = point_of(&ecc_keys[i]);
        struct bs_span digest = digest_of_sample(ecc_keys[i].hash);
        struct bs_span r = hex(ecc_keys[i].r), s = hex(ecc_keys[i].s);
        assert_ok(crypto_ecdsa_verify(&key, digest, r, s));

        ((uint8_t *)digest.data)[0] ^= 1;
        assert_err(crypto_ecdsa_verify(&key, digest, r, s), BS_ERR_UNTRUSTED);
        ((uint8_t *)digest.data)[0] ^= 1;
        assert_err(crypto_ecdsa_verify(&key, digest, s, r), BS_ERR_UNTRUSTED);
    }
}

/* TPMs differ in whether they pad, and DER pads with a zero. */
static void ecdsa_takes_padded_numbers(void **state)
{
    (void)state;
    const struct ecc_vector *v = &ecc_keys[0];
    struct crypto_point key = point_of(v);
    char r[128], s[128];
    snprintf(r, sizeof(r), "00%s", v->r);
    snprintf(s, sizeof(s), "000000%s", v->s);
    assert_ok(crypto_ecdsa_verify(&key, digest_of_sample(v->hash), hex(r), hex(s)));
}

static void ecdsa_refuses_numbers_out_of_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ecc_keys); i++) {
        const struct ecc_vector *v = &ecc_keys[i];
        struct crypto_point key = point_of(v);
        struct bs_span digest = digest_of_sample(v->hash), r = hex(v->r), s = hex(v->s);
        char larger[128];
        snprintf(larger, sizeof(larger), "01%s", v->r);
        const struct bs_span wrong[] = { hex("00"), BS_SPAN_NONE, hex(v->order), hex(larger) };
        for (size_t k = 0; k < COUNT(wrong); k++) {
            assert_err(crypto_ecdsa_verify(&key, digest, wrong[k], s), BS_ERR_UNTRUSTED);
            assert_err(crypto_ecdsa_verify(&key, digest, r, wrong[k]), BS_ERR_UNTRUSTED);
            assert_err(crypto_ecdsa_verify(&key, digest, wrong[k], wrong[k]), BS_ERR_UNTRUSTED);
        }
    }
}

/* A digest whose number is 0 and a signature of 0s, or r of a key of one's own: what no signer made. */
static void ecdsa_refuses_a_key_that_is_no_point_of_the_curve(void **state)
{
    (void)state;
    const struct ecc_vector *v = &ecc_keys[0];
    struct crypto_point key = point_of(v);
    struct bs_span digest = digest_of_sample(v->hash), r = hex(v->r), s = hex(v->s);

    key.y[31] ^= 1;
    assert_err(crypto_ecdsa_verify(&key, digest, r, s), BS_ERR_UNTRUSTED);
    key = (struct crypto_point){ .curve = CRYPTO_P256 };
    assert_err(crypto_ecdsa_verify(&key, digest, r, s), BS_ERR_UNTRUSTED);
    key = point_of(v);
    key.curve = 0x0010;
    assert_err(crypto_ecdsa_verify(&key, digest, r, s), BS_ERR_CRYPTO);
}

static void ecdh_gives_both_sides_the_same_secret(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ecc_keys); i++) {
        struct crypto_point theirs = point_of(&ecc_keys[i]), ours, again;
        uint8_t z[CRYPTO_ECC_MAX], z_again[CRYPTO_ECC_MAX], expected[CRYPTO_ECC_MAX];
        size_t size = crypto_ecc_size(ecc_keys[i].curve);
        assert_ok(crypto_ecdh_ephemeral(&theirs, &ours, z));
        their_z(&ecc_keys[i], &ours, expected);
        assert_memory_equal(z, expected, size);
        assert_ok(crypto_ecdh_ephemeral(&theirs, &again, z_again));
        assert_memory_not_equal(ours.x, again.x, size);
        assert_memory_not_equal(z, z_again, size);
    }
}

/* One in 256 shared secrets begins with a zero byte: it must stay. */
static void ecdh_keeps_leading_zeros(void **state)
{
    (void)state;
    struct crypto_point theirs = point_of(&ecc_keys[0]), ours;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t z[CRYPTO_ECC_MAX] = { 0 }, expected[CRYPTO_ECC_MAX];
        assert_ok(crypto_ecdh_ephemeral(&theirs, &ours, z));
        if (z[0] != 0 && ours.x[0] != 0)
            continue;
        their_z(&ecc_keys[0], &ours, expected);
        assert_memory_equal(z, expected, 32);
        return;
    }
    fail_msg("no secret with a leading zero in 20000");
}

static void ecdh_refuses_what_is_no_point_of_the_curve(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ecc_keys); i++) {
        struct crypto_point theirs = point_of(&ecc_keys[i]), ours;
        uint8_t z[CRYPTO_ECC_MAX];
        theirs.y[crypto_ecc_size(theirs.curve) - 1] ^= 1;
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_UNTRUSTED);
        theirs = (struct crypto_point){ .curve = ecc_keys[i].curve };
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_UNTRUSTED);
        memset(theirs.x, 0xff, sizeof(theirs.x)); /* beyond the field */
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_UNTRUSTED);
        theirs.curve = 0x0010;
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_CRYPTO);
    }
}

static void oaep_opens_with_the_label_and_its_zero_only(void **state)
{
    (void)state;
    const struct {
        uint16_t alg;
        int hash, mgf;
    } algs[] = {
        { CRYPTO_SHA256, WC_HASH_TYPE_SHA256, WC_MGF1SHA256 },
        { CRYPTO_SHA384, WC_HASH_TYPE_SHA384, WC_MGF1SHA384 },
        { CRYPTO_SHA1, WC_HASH_TYPE_SHA, WC_MGF1SHA1 },
    };
    for (size_t i = 0; i < COUNT(algs); i++) {
        uint8_t cipher[CRYPTO_RSA_MAX], plain[256];
        size_t size = 0;
        assert_ok(
            crypto_rsa_oaep(hex(rsa_modulus), 0, algs[i].alg, "IDENTITY", bs_span_of_string("seed"), cipher, &size));
        assert_int_equal(size, 256);
        assert_int_equal(open_oaep(BS_SPAN(cipher, size), algs[i].hash, algs[i].mgf, "IDENTITY", 9, plain), 4);
        assert_memory_equal(plain, "seed", 4);
        assert_true(open_oaep(BS_SPAN(cipher, size), algs[i].hash, algs[i].mgf, "IDENTITY", 8, plain) < 0);
    }
}

static void oaep_refuses_keys_that_are_none(void **state)
{
    (void)state;
    uint8_t cipher[CRYPTO_RSA_MAX], even[256];
    size_t size;
    struct bs_span modulus = hex(rsa_modulus), seed = bs_span_of_string("seed");
    memcpy(even, modulus.data, sizeof(even));
    even[255] ^= 1;
    assert_err(crypto_rsa_oaep(BS_SPAN(even, 256), 0, CRYPTO_SHA256, "L", seed, cipher, &size), BS_ERR_UNTRUSTED);
    assert_err(crypto_rsa_oaep(BS_SPAN(modulus.data, 128), 0, CRYPTO_SHA256, "L", seed, cipher, &size),
               BS_ERR_UNTRUSTED);
    assert_err(crypto_rsa_oaep(modulus, 1, CRYPTO_SHA256, "L", seed, cipher, &size), BS_ERR_UNTRUSTED);
    assert_err(crypto_rsa_oaep(modulus, 65536, CRYPTO_SHA256, "L", seed, cipher, &size), BS_ERR_UNTRUSTED);
    assert_err(crypto_rsa_oaep(BS_SPAN_NONE, 0, CRYPTO_SHA256, "L", seed, cipher, &size), BS_ERR_UNTRUSTED);
}

/* Made by openssl dgst -sign over "sample". */
static void rsa_signatures_verify_and_nothing_near_them_does(void **state)
{
    (void)state;
    struct bs_span modulus = hex(rsa_modulus), signature = hex(rsa_sample_sha256);
    assert_ok(crypto_rsa_verify(modulus, 0, CRYPTO_SHA256, digest_of_sample(CRYPTO_SHA256), signature));
    assert_ok(
        crypto_rsa_verify(modulus, 65537, CRYPTO_SHA384, digest_of_sample(CRYPTO_SHA384), hex(rsa_sample_sha384)));

    struct bs_span digest = digest_of_sample(CRYPTO_SHA256);
    assert_err(crypto_rsa_verify(modulus, 0, CRYPTO_SHA256, digest, hex(rsa_sample_sha384)), BS_ERR_UNTRUSTED);
    assert_err(crypto_rsa_verify(modulus, 3, CRYPTO_SHA256, digest, signature), BS_ERR_UNTRUSTED);
    assert_err(crypto_rsa_verify(modulus, 0, CRYPTO_SHA384, digest, signature), BS_ERR_UNTRUSTED);
    assert_err(crypto_rsa_verify(modulus, 0, CRYPTO_SHA256, digest, BS_SPAN(signature.data, 255)), BS_ERR_UNTRUSTED);
    ((uint8_t *)digest.data)[31] ^= 1;
    assert_err(crypto_rsa_verify(modulus, 0, CRYPTO_SHA256, digest, signature), BS_ERR_UNTRUSTED);
}

static void a_signing_key_signs_what_its_public_half_verifies(void **state)
{
    (void)state;
    BS_OWN(key) key = NULL;
    struct crypto_point point;
    uint8_t signature[64];
    assert_ok(crypto_key_make(&key));
    assert_ok(crypto_key_public(key, &point));
    for (unsigned i = 1; i <= 600; i++) { /* numbers with leading zeros among them; a digest of zeros is nobody's */
        uint8_t digest[CRYPTO_SHA256_SIZE] = { (uint8_t)i, (uint8_t)(i >> 8) };
        assert_ok(crypto_key_sign(key, digest, signature));
        assert_ok(
            crypto_ecdsa_verify(&point, BS_SPAN(digest, 32), BS_SPAN(signature, 32), BS_SPAN(signature + 32, 32)));
    }
}

static void a_signing_key_survives_its_file(void **state)
{
    (void)state;
    BS_OWN(key) key = NULL;
    BS_OWN(key) again = NULL;
    BS_OWN(secret) pem = NULL;
    struct crypto_point a, b;
    assert_ok(crypto_key_make(&key));
    assert_ok(crypto_key_to_pem(key, &pem));
    assert_ok(crypto_key_from_pem(BS_SPAN(bs_secret_view(pem), bs_secret_size(pem)), &again));
    assert_ok(crypto_key_public(key, &a));
    assert_ok(crypto_key_public(again, &b));
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(a.curve, CRYPTO_P256);
}

/* openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256, and -curve P-384 */
static void key_files_of_others_are_read_if_they_are_p256(void **state)
{
    (void)state;
    static const char p256[] =
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqWL45P6u+krGPYKp\ndtXaU/K7BaCVD1EngHwXc8Sm6fmhRANCAARMCqYLHTfn9U5qhaQh2+QOsDRzQilT\nnEdKwFBv1QStShOhYc1s2a4pmMxaDfXeuj6/3kguwkXXvBB2ulUfTHwV\n-----END PRIVATE KEY-----\n";
    static const char p384[] =
        "-----BEGIN PRIVATE KEY-----\nMIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDB2AT8y1I3RVghUJ+Vw\nCHC5hrAjt65zh0qp6VedrlGUWDfk7AilVDnMkhXbhNxT9FWhZANiAARfH+mJJhqr\nI0hjVrFOa/iXRa5gkSCwOKGdN+d0YEDgq7E2vSOSdP3zwyPMGSK1y2OzBZPCdYNk\nyPLDX2RnxYlaOO+vQNWklWG5MGmhfB0385M0uxw6mMpKcWvTv+Lb9a0=\n-----END PRIVATE KEY-----\n";
    BS_OWN(key) key = NULL;
    struct crypto_point point;
    assert_ok(crypto_key_from_pem(bs_span_of_string(p256), &key));
    assert_ok(crypto_key_public(key, &point));
    assert_hex(point.x, "4c0aa60b1d37e7f54e6a85a421dbe40eb034734229539c474ac0506fd504ad4a");
    struct crypto_key *none = NULL;
    assert_err(crypto_key_from_pem(bs_span_of_string(p384), &none), BS_ERR_INPUT);
    assert_err(
        crypto_key_from_pem(bs_span_of_string("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"), &none),
        BS_ERR_INPUT);
    assert_err(crypto_key_from_pem(bs_span_of_string("nothing"), &none), BS_ERR_INPUT);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecdsa_verifies_the_standard_signatures),
        cmocka_unit_test(ecdsa_takes_padded_numbers),
        cmocka_unit_test(ecdsa_refuses_numbers_out_of_range),
        cmocka_unit_test(ecdsa_refuses_a_key_that_is_no_point_of_the_curve),
        cmocka_unit_test(ecdh_gives_both_sides_the_same_secret),
        cmocka_unit_test(ecdh_keeps_leading_zeros),
        cmocka_unit_test(ecdh_refuses_what_is_no_point_of_the_curve),
        cmocka_unit_test(oaep_opens_with_the_label_and_its_zero_only),
        cmocka_unit_test(oaep_refuses_keys_that_are_none),
        cmocka_unit_test(rsa_signatures_verify_and_nothing_near_them_does),
        cmocka_unit_test(a_signing_key_signs_what_its_public_half_verifies),
        cmocka_unit_test(a_signing_key_survives_its_file),
        cmocka_unit_test(key_files_of_others_are_read_if_they_are_p256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
