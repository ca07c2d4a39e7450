/*
 * Credentials, opened by what a TPM does in TPM2_ActivateCredential (Part 3 §12.5), here with private keys that everybody
 * knows. That opener is checked against blobs that tpm2-tools' tpm2_makecredential made for the same keys.
 */
#include "keys.h"

#include "core/credential.h"

/* The area of an object with this Name is of no concern here. */
static const char object_name[] = "000b82a3537ff0dbce7eec35d69edc3a189ee6f17d82f353a553f9aa96cb0be3ce89";
static const char made_secret[] = "a secret of thirty-two bytes....";
static const char made_rsa[] =
    "00440020e4b18b0327c08b8af4846295c1e42b4843d990e4574ff518f8be353ebe5cc887553f33f1ea9e92743a21b7a1c637"
    "9492e52baf34f15b49788dfa3cf9f6f51fab009c01005890f7f7e3c24af7e1103949086759391162f303db4d3ed67c3d6e36"
    "96a2268b515a9a94e086f2d0e7baeac4725516acbd31f941254c484295d2227593e2547b5d3930f21912d9e512699324ae8f"
    "adc61ccfe2a30a1332171a03132d092e51d8511458c03ea28efd2b5aef9d18165046bb9c734d6bad6f71412bf7b2bc4be9d1"
    "44f1c171b4baf730c29640635fa751642f22b8dd19544040b98148f5a754add2d2ae81dae73d09c9cdfa7d569e257bd44949"
    "41672dee0eb020a626957fd298219edfbae3911d42ce2368dd5e46c182f2138e35d3e6d35687a3952a054ae932841a0790f3"
    "76745c88aeea077e5fe6fd08e624cf77efb1e0f1fbab3f94193420e1";
static const char made_p256[] =
    "00440020739d6337f5a58d1108a30cc2c33c5e589fe6fdefd2bb00e15163afc7bcd2dc2a2abb2dcddcbb9b50257758c9d44c"
    "c2e95171a52c92bfbd3b60f638449d69cb8a3f9c004400205ac76bed2ce95ac42bcf8ca71de6d29b911da3c522392863d4b3"
    "399f073ad16e002085420153ec97c0b610d120890dfa7ba2fb723c236c7e5d5e323fbb9f0ea63801";
static const char made_p384[] =
    "00540030c04d8e182b43dfa14e409270155f047ffdedd2cafc12b1a6e41d7f6bc095ed7a670e619e1bb8a6f483295d1bf3db"
    "c32e8db8056190217fab2aef1e5d86867dadc6646e3d25175d91e177c3837744149529a6006400301daf51886641cd73bb3b"
    "3bf9efdb953a42014b98676e62a777b9d74ffb7ccd7f1c2cb594934f30eb0ac48dabeb97f88e003005824be1901a7d9d8a39"
    "f9cbed5ceb41bb2a8e3cf718b967c05ace61a03c5861a49122b68092685e339a630fb4d7a3b4";

enum { RSA, P256, P384, KINDS };
static const char *const made[KINDS] = { made_rsa, made_p256, made_p384 };

static TPMT_PUBLIC ek_of(int kind)
{
    TPMT_PUBLIC ek = wire_ek_template((enum wire_ek)kind)->public_area;
    if (kind == RSA) {
        memcpy(ek.unique.rsa.buffer, hex(rsa_modulus).data, 256);
        return ek;
    }
    struct crypto_point point = point_of(&ecc_keys[kind - P256]);
    size_t size = crypto_ecc_size(point.curve);
    ek.unique.ecc.x.size = ek.unique.ecc.y.size = (uint16_t)size;
    memcpy(ek.unique.ecc.x.buffer, point.x, size);
    memcpy(ek.unique.ecc.y.buffer, point.y, size);
    return ek;
}

static struct wire_name name_of(const char *text)
{
    struct wire_name name;
    assert_ok(wire_name_from_span(hex(text), &name));
    return name;
}

static struct bs_span take_2b(struct bs_reader *r)
{
    uint16_t size;
    struct bs_span bytes;
    assert_true(bs_read_be16(r, &size) && bs_read_bytes(r, size, &bytes));
    return bytes;
}

static void open_seed(int kind, struct bs_span encrypted, uint8_t *ret_seed)
{
    TPMT_PUBLIC ek = ek_of(kind);
    size_t size = crypto_hash_size(ek.nameAlg);
    if (kind == RSA) {
        assert_int_equal(open_oaep(encrypted, WC_HASH_TYPE_SHA256, WC_MGF1SHA256, "IDENTITY", 9, ret_seed), size);
        return;
    }
    const struct ecc_vector *v = &ecc_keys[kind - P256];
    struct bs_reader r = BS_READER(encrypted);
    struct bs_span x = take_2b(&r), y = take_2b(&r);
    struct crypto_point ephemeral = { .curve = v->curve };
    uint8_t z[CRYPTO_ECC_MAX];
    assert_int_equal(r.left, 0);
    assert_int_equal(x.size, crypto_ecc_size(v->curve));
    assert_int_equal(y.size, crypto_ecc_size(v->curve));
    memcpy(ephemeral.x, x.data, x.size);
    memcpy(ephemeral.y, y.data, y.size);
    their_z(v, &ephemeral, z);
    assert_ok(crypto_kdfe(ek.nameAlg, BS_SPAN(z, x.size), "IDENTITY", x, hex(v->x), ret_seed, size));
}

/* True and the credential, or false where a TPM would answer TPM_RC_INTEGRITY. */
static bool open_credential(int kind, const struct wire_name *name, struct bs_span object, struct bs_span encrypted,
                            uint8_t *ret_secret)
{
    TPMT_PUBLIC ek = ek_of(kind);
    size_t size = crypto_hash_size(ek.nameAlg), key_size = ek.parameters.asymDetail.symmetric.keyBits.aes / 8;
    uint8_t seed[256], key[CRYPTO_HASH_MAX], mac[CRYPTO_HASH_MAX];
    static const uint8_t iv[16];

    struct bs_reader r = BS_READER(encrypted);
    open_seed(kind, take_2b(&r), seed);
    assert_int_equal(r.left, 0);

    r = BS_READER(object);
    struct bs_span inside = take_2b(&r);
    assert_int_equal(r.left, 0);
    r = BS_READER(inside);
    struct bs_span integrity = take_2b(&r), identity = BS_SPAN(r.at, r.left);
    BS_OWN(digest) hmac = NULL;
    assert_ok(crypto_kdfa(ek.nameAlg, BS_SPAN(seed, size), "INTEGRITY", BS_SPAN_NONE, BS_SPAN_NONE, key, size));
    assert_ok(crypto_digest_hmac(ek.nameAlg, BS_SPAN(key, size), &hmac));
    assert_ok(crypto_digest_update(hmac, identity));
    assert_ok(crypto_digest_update(hmac, wire_name_span(name)));
    assert_ok(crypto_digest_final(hmac, mac, NULL));
    if (!bs_span_equal(integrity, BS_SPAN(mac, size)))
        return false;

    uint8_t plain[64];
    assert_true(identity.size == 2 + CREDENTIAL_SIZE);
    memcpy(plain, identity.data, identity.size);
    assert_ok(
        crypto_kdfa(ek.nameAlg, BS_SPAN(seed, size), "STORAGE", wire_name_span(name), BS_SPAN_NONE, key, key_size));
    assert_ok(crypto_aes_cfb(false, BS_SPAN(key, key_size), iv, plain, identity.size));
    assert_memory_equal(plain, "\0\x20", 2);
    memcpy(ret_secret, plain + 2, CREDENTIAL_SIZE);
    return true;
}

static void the_opener_opens_what_tpm2_makecredential_made(void **state)
{
    (void)state;
    struct wire_name name = name_of(object_name);
    for (int kind = 0; kind < KINDS; kind++) {
        struct bs_span blob = hex(made[kind]);
        uint16_t size = (uint16_t)(2 + (blob.data[0] << 8 | blob.data[1]));
        uint8_t secret[CREDENTIAL_SIZE];
        assert_true(open_credential(kind, &name, BS_SPAN(blob.data, size), BS_SPAN(blob.data + size, blob.size - size),
                                    secret));
        assert_memory_equal(secret, made_secret, sizeof(secret));
    }
}

static void every_kind_of_ek_opens_its_credential(void **state)
{
    (void)state;
    struct wire_name name = name_of(object_name);
    for (int kind = 0; kind < KINDS; kind++) {
        BS_SCOPED_BUF struct bs_buf object = BS_BUF(512);
        BS_SCOPED_BUF struct bs_buf encrypted = BS_BUF(512);
        TPMT_PUBLIC ek = ek_of(kind);
        uint8_t secret[CREDENTIAL_SIZE], opened[CREDENTIAL_SIZE];
        assert_ok(crypto_random(secret, sizeof(secret)));
        assert_ok(credential_make(&ek, &name, secret, &object, &encrypted));
        assert_true(open_credential(kind, &name, bs_buf_span(&object), bs_buf_span(&encrypted), opened));
        assert_memory_equal(secret, opened, sizeof(secret));

        TPM2B_ID_OBJECT id_object;
        TPM2B_ENCRYPTED_SECRET encrypted_secret;
        assert_ok(wire_id_object_decode(bs_buf_span(&object), &id_object));
        assert_ok(wire_encrypted_secret_decode(bs_buf_span(&encrypted), &encrypted_secret));
    }
}

static void a_credential_is_for_one_name_only(void **state)
{
    (void)state;
    struct wire_name name = name_of(object_name), other = name;
    other.name[33] ^= 1;
    for (int kind = 0; kind < KINDS; kind++) {
        BS_SCOPED_BUF struct bs_buf object = BS_BUF(512);
        BS_SCOPED_BUF struct bs_buf encrypted = BS_BUF(512);
        TPMT_PUBLIC ek = ek_of(kind);
        uint8_t secret[CREDENTIAL_SIZE] = { 7 }, opened[CREDENTIAL_SIZE];
        assert_ok(credential_make(&ek, &name, secret, &object, &encrypted));
        assert_false(open_credential(kind, &other, bs_buf_span(&object), bs_buf_span(&encrypted), opened));
        object.data[object.size - 1] ^= 1;
        assert_false(open_credential(kind, &name, bs_buf_span(&object), bs_buf_span(&encrypted), opened));
    }
}

static void two_credentials_with_one_secret_share_nothing(void **state)
{
    (void)state;
    struct wire_name name = name_of(object_name);
    for (int kind = 0; kind < KINDS; kind++) {
        TPMT_PUBLIC ek = ek_of(kind);
        uint8_t secret[CREDENTIAL_SIZE] = { 7 };
        BS_SCOPED_BUF struct bs_buf a = BS_BUF(512);
        BS_SCOPED_BUF struct bs_buf b = BS_BUF(512);
        BS_SCOPED_BUF struct bs_buf secret_a = BS_BUF(512);
        BS_SCOPED_BUF struct bs_buf secret_b = BS_BUF(512);
        assert_ok(credential_make(&ek, &name, secret, &a, &secret_a));
        assert_ok(credential_make(&ek, &name, secret, &b, &secret_b));
        assert_int_equal(a.size, b.size);
        assert_memory_not_equal(a.data + 4, b.data + 4, 32);
        assert_memory_not_equal(a.data + a.size - 32, b.data + b.size - 32, 32);
        assert_memory_not_equal(secret_a.data + 4, secret_b.data + 4, 32);
    }
}

static void keys_that_protect_nothing_are_refused(void **state)
{
    (void)state;
    struct wire_name name = name_of(object_name);
    BS_SCOPED_BUF struct bs_buf object = BS_BUF(512);
    BS_SCOPED_BUF struct bs_buf encrypted = BS_BUF(512);
    uint8_t secret[CREDENTIAL_SIZE] = { 7 };

    TPMT_PUBLIC ek = ek_of(P256);
    ek.objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
    assert_err(credential_make(&ek, &name, secret, &object, &encrypted), BS_ERR_PROTOCOL);
    ek = ek_of(P256);
    ek.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
    assert_err(credential_make(&ek, &name, secret, &object, &encrypted), BS_ERR_PROTOCOL);
    ek = ek_of(RSA);
    ek.parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
    assert_err(credential_make(&ek, &name, secret, &object, &encrypted), BS_ERR_PROTOCOL);
    ek = ek_of(RSA);
    ek.nameAlg = TPM2_ALG_SHA1; /* too small for the secret */
    assert_err(credential_make(&ek, &name, secret, &object, &encrypted), BS_ERR_PROTOCOL);
    ek = ek_of(P384);
    ek.unique.ecc.y.buffer[47] ^= 1;
    assert_err(credential_make(&ek, &name, secret, &object, &encrypted), BS_ERR_UNTRUSTED);
    assert_int_equal(object.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_opener_opens_what_tpm2_makecredential_made),
        cmocka_unit_test(every_kind_of_ek_opens_its_credential),
        cmocka_unit_test(a_credential_is_for_one_name_only),
        cmocka_unit_test(two_credentials_with_one_secret_share_nothing),
        cmocka_unit_test(keys_that_protect_nothing_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
