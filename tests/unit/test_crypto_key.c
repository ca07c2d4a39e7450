/* Public keys: elliptic curves, RSA, and the signing keys of the server. */
#include "hex.h"

#include "core/crypto.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/rsa.h>

/* RFC 6979 A.2.5 and A.2.6: keys and signatures of "sample" */
static const struct vector {
    uint16_t curve, hash;
    int wc;
    const char *d, *x, *y, *r, *s, *order;
} vectors[] = {
    { CRYPTO_P256, CRYPTO_SHA256, ECC_SECP256R1, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
      "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551" },
    { CRYPTO_P384, CRYPTO_SHA384, ECC_SECP384R1,
      "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
      "96d5724e4c70a825f872c9ea60d2edf5",
      "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
      "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
      "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
      "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
      "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973" },
};

static const char rsa_modulus[] =
    "d5794eb5003195eb1a0aaf000503b4087cdbeac42ba67a49d719520608eb838ab4e3e985d893d6e379f4639547cff561dc72"
    "da1199c9c9336a766250a86cd482551cccb3c6d5c3366832394f6386b4e70edf660d8a31380e368977c0d27e20f67782ed98"
    "962bd7d95ad413666445f892f43116157bd8fa659a381252b3fe3dfe75443c6adf3d78524b030cb7a9b4c765ec5c976f15da"
    "b1b994491ae42fd5095f68943467a6a6a4c026713398d18f93e7a6c09c33a1e017fcde03c93483e78ad1fb75741359d7dba9"
    "c4e1530d9a63f6fe5728a79101bffb410e9437e84438ec9367648b765d5011e14e85ebd42862f6e1b3516201a9b04a3a20ec"
    "61f114a270ff";
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

/* The private half (PKCS #1), for this test alone. */
static const char rsa_private[] =
    "308204a20201000282010100d5794eb5003195eb1a0aaf000503b4087cdbeac42ba67a49d719520608eb838ab4e3e985d893"
    "d6e379f4639547cff561dc72da1199c9c9336a766250a86cd482551cccb3c6d5c3366832394f6386b4e70edf660d8a31380e"
    "368977c0d27e20f67782ed98962bd7d95ad413666445f892f43116157bd8fa659a381252b3fe3dfe75443c6adf3d78524b03"
    "0cb7a9b4c765ec5c976f15dab1b994491ae42fd5095f68943467a6a6a4c026713398d18f93e7a6c09c33a1e017fcde03c934"
    "83e78ad1fb75741359d7dba9c4e1530d9a63f6fe5728a79101bffb410e9437e84438ec9367648b765d5011e14e85ebd42862"
    "f6e1b3516201a9b04a3a20ec61f114a270ff0203010001028201002e4d09d7b34b8df738a6418fb106bd192c2faccb50a662"
    "96ba6b3901ab149deacb523597bcc25014f5a21ea945b2a2c7cf7f2fb22a977c26c53c1915e279fc5baa673d34eef6f548cb"
    "2fbd836d144e0f6187edc4190994dd6c51c3a214659bf3a937421e5acff698a39d24fa0bdcab4e005dd72ae0ba4e9113f27e"
    "72e6ac49b88dff1a108c8c7c317498ca89f655abb09b2288a6504a1d2e8b29d96bfd32700492c315ed4ed584f4d606909d1e"
    "e635a08240eaeeae50003d8991e93d8ebb48afa6d1131e3e6e4cf19b11c6eb388ac15ae819368dd8d89e36e21ddb85ba0327"
    "00857a8a646550cb5246a0d5fb8816d60e3439a35266918868372164b685648da902818100fb0df6c27b7124d7c56dca5735"
    "dde0bff26ba51d6a2df285e7fe5ece87a38afeb80b119d7165d12ac9c5cb19ebf786b02978b6a87cf1e992681e91b8a4f3e0"
    "d9f0bbb45a9347aa982a611600167d30b83dc511815f556ac4e9a77668a40eb858fb5ca8f9e046da54f6a69b92ad1c5388d2"
    "c3606693e0814d64f09dae5a22529702818100d9add433d418f65c30288139f0dc670b48d49caf6e3c592ec008571216c404"
    "7139fe11eaa82d3ea08e2e237f33e99bc29df84c9112f65da5543333d663787a815b7ed026642a807086191424c43de85d09"
    "14392caf9e396f4531aaf2e339f8a8618c49327b850f0aff782479f57bd17f1b5c073dfea01182394b25c6b179e9d9028180"
    "7913eff935bd888e439a42a6b2c4f25ac058a8063aaa3437de7e304d1cdf83ee7ae663b571f62fdd99f8398ea3ddf9e845e8"
    "00f7db62744a76ca9f6ed4a705bf3639e0ae7a2f6b17fe005ab2ea25b0747addeb2660cafa364395cf268250d3199f08be39"
    "dcaf6f26e0d9d357f7031d4a7493638fb52be65064292372ede775bb02818055981ebb0a898e460dc1bf9eb2f157ab7e45ec"
    "1ea7701f795c956af777f037f6f5e0cbd6c3ae96d3b754b92c89933066448ba03fe37ef0afd3fe164214f708e4d8bf72c5c5"
    "d9588be68ef1f6cb1bb4c4f08efd346f11fe6f9c7bbd46a8c6e0da05118eaec5173b250df3861456cd0b41b9d6641aa286fa"
    "9b843fe268d0dca9710281805a67d0a7d8c8d42168b462e2e7024a9da9c8cee99f6c320eb8aa43c4434d29ed8de53979b500"
    "9eae9c62b0bbe6dd6cc1584f6b7881ae6eb47ba66bec1ed37de5a9b9c3d9d432df6f35b8af4a1aad362fadbe1f8accd23569"
    "206640609056b9f71523308b5cce340ef743919d68334d12c7539e5f87f805c447954f9bcfe4e65a";

static struct crypto_point point_of(const struct vector *v)
{
    struct crypto_point point = { .curve = v->curve };
    memcpy(point.x, hex(v->x).data, crypto_ecc_size(v->curve));
    memcpy(point.y, hex(v->y).data, crypto_ecc_size(v->curve));
    return point;
}

static struct bs_span digest_of_sample(uint16_t hash)
{
    static uint8_t digest[CRYPTO_HASH_MAX];
    assert_ok(crypto_hash(hash, bs_span_of_string("sample"), digest));
    return BS_SPAN(digest, crypto_hash_size(hash));
}

static void ecdsa_verifies_the_standard_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct crypto_point key = point_of(&vectors[i]);
        struct bs_span digest = digest_of_sample(vectors[i].hash);
        struct bs_span r = hex(vectors[i].r), s = hex(vectors[i].s);
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
    const struct vector *v = &vectors[0];
    struct crypto_point key = point_of(v);
    char r[128], s[128];
    snprintf(r, sizeof(r), "00%s", v->r);
    snprintf(s, sizeof(s), "000000%s", v->s);
    assert_ok(crypto_ecdsa_verify(&key, digest_of_sample(v->hash), hex(r), hex(s)));
}

static void ecdsa_refuses_numbers_out_of_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        const struct vector *v = &vectors[i];
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
    const struct vector *v = &vectors[0];
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

/* The other side's computation, with the private number of the vector. */
static void their_z(const struct vector *v, const struct crypto_point *ours, uint8_t *ret_z)
{
    ecc_key theirs, point;
    WC_RNG rng;
    word32 size = CRYPTO_ECC_MAX;
    assert_int_equal(wc_InitRng(&rng) | wc_ecc_init(&theirs) | wc_ecc_init(&point), 0);
    assert_int_equal(wc_ecc_set_rng(&theirs, &rng), 0);
    assert_int_equal(wc_ecc_import_unsigned(&theirs, hex(v->x).data, hex(v->y).data, hex(v->d).data, v->wc), 0);
    assert_int_equal(wc_ecc_import_unsigned(&point, ours->x, ours->y, NULL, v->wc), 0);
    assert_int_equal(wc_ecc_shared_secret(&theirs, &point, ret_z, &size), 0);
    assert_int_equal(size, crypto_ecc_size(v->curve));
    wc_ecc_free(&theirs);
    wc_ecc_free(&point);
    wc_FreeRng(&rng);
}

static void ecdh_gives_both_sides_the_same_secret(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct crypto_point theirs = point_of(&vectors[i]), ours, again;
        uint8_t z[CRYPTO_ECC_MAX], z_again[CRYPTO_ECC_MAX], expected[CRYPTO_ECC_MAX];
        size_t size = crypto_ecc_size(vectors[i].curve);
        assert_ok(crypto_ecdh_ephemeral(&theirs, &ours, z));
        their_z(&vectors[i], &ours, expected);
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
    struct crypto_point theirs = point_of(&vectors[0]), ours;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t z[CRYPTO_ECC_MAX] = { 0 }, expected[CRYPTO_ECC_MAX];
        assert_ok(crypto_ecdh_ephemeral(&theirs, &ours, z));
        if (z[0] != 0 && ours.x[0] != 0)
            continue;
        their_z(&vectors[0], &ours, expected);
        assert_memory_equal(z, expected, 32);
        return;
    }
    fail_msg("no secret with a leading zero in 20000");
}

static void ecdh_refuses_what_is_no_point_of_the_curve(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct crypto_point theirs = point_of(&vectors[i]), ours;
        uint8_t z[CRYPTO_ECC_MAX];
        theirs.y[crypto_ecc_size(theirs.curve) - 1] ^= 1;
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_UNTRUSTED);
        theirs = (struct crypto_point){ .curve = vectors[i].curve };
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_UNTRUSTED);
        memset(theirs.x, 0xff, sizeof(theirs.x)); /* beyond the field */
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_UNTRUSTED);
        theirs.curve = 0x0010;
        assert_err(crypto_ecdh_ephemeral(&theirs, &ours, z), BS_ERR_CRYPTO);
    }
}

static int open_oaep(struct bs_span cipher, int hash, int mgf, const char *label, size_t label_size, uint8_t *ret_plain)
{
    RsaKey key;
    WC_RNG rng;
    word32 at = 0;
    struct bs_span der = hex(rsa_private);
    assert_int_equal(wc_InitRng(&rng) | wc_InitRsaKey(&key, NULL), 0);
    assert_int_equal(wc_RsaPrivateKeyDecode(der.data, &at, &key, (word32)der.size), 0);
#ifdef WC_RSA_BLINDING
    assert_int_equal(wc_RsaSetRNG(&key, &rng), 0);
#endif
    int size = wc_RsaPrivateDecrypt_ex(cipher.data, (word32)cipher.size, ret_plain, 256, &key, WC_RSA_OAEP_PAD,
                                       (enum wc_HashType)hash, mgf, (byte *)(uintptr_t)label, (word32)label_size);
    wc_FreeRsaKey(&key);
    wc_FreeRng(&rng);
    return size;
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
