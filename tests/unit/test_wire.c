/* TPM structures. The vectors were read out of a swtpm 0.7.1. */
#include "hex.h"

#include "core/wire.h"

static const char swtpm_rsa2048[] =
    "0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa0006008000430010"
    "0800000000000100af149d2f0dcf2e28fb577c7cd9e56a21fdc7f50d5b98e2a11bcd1618b1944f4cd4f5c2e493fc95095e2e"
    "f93805d9190f60be6c81b0a60ba3b51796fafdd8d55e63bee0d9968f374c7fb29c0c906cd5ff0168af651958ca15dfb665d4"
    "85a02c09ae7658c1b64cfb463453c596f7bf25d33a37c6b833790ca9375aa7ead52e10a94e74ac59fafe8204442d731375b0"
    "b6defe8a39133f4f62727b03e053b51812bc74742d34fc47c9a1b536d07bf442d2d65a5b76aaea784267f68e4f9f0492a9d2"
    "f18effb4c5dfe98414c58c95af85a91a83d4a6630cdc478430b8d491c1ab1eb7458c83844510ddf809a7146560f0945102c8"
    "99f04683d50737a4121918ce8f33";
static const char swtpm_p256[] =
    "0023000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa0006008000430010"
    "000300100020f86aea2f2d2c012623b0ed01b618045894f90bc837c3088cf3e81cf57df877d4002094ac2ec417ced1100423"
    "e9346b88923e082efe56f355b74f4dd122d4840d2d0d";
static const char swtpm_p384[] =
    "0023000c000300f20030b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba0969964615"
    "0f9fc000f3f80e1200060100004300100004001000308e3dd0304fd5b7147c6cfedefe670f989695757b41b208385febd01f"
    "9c63fba317f792318e1352db165ef91deffded52003061e53bbc32fe9eefd0f876e252f32c7689b0eb114665e5705db9d827"
    "3264239ff03ab1f93e74b9e58152560373d0e099";
static const char swtpm_ak[] =
    "0023000b00050472000000100018000b0003001000200faa2215b353c7605843bf14cd1fb2745b062a8fd2c12d2437d66d42"
    "113ec4bc0020778085e8aa254408451602458f0078a4e35c1705ae9752cc2e6a69458e3d7492";
static const char swtpm_attest[] =
    "ff54434780180022000bc490c533ce550558b5ce19e6f94d2122d6efda2e9d479bd43b566551c182b13c0020111111111111"
    "1111111111111111111111111111111111111111111111111111000000000000012600000006000000000020191023001636"
    "3600000001000b03ff000000205341e6b2646979a70e57653007a1f310169421ec9bdd9f1a5648f75ade005af1";
static const char swtpm_signature[] =
    "0018000b0020587b864ad54b98dac7c045212d0cb1cfbe2cb113218ac454cbc9e321d33225e20020c4247dc8793538792d3c"
    "dc66d4843310ffdcd0131328d7817c99dc2fa6bb0f13";
static const char swtpm_nv[] = "01800100000b2204001400000008";
static const char swtpm_nv_name[] = "000b274c3928623045ec705db2e8c0589117741df6f4c45c7d78b865b1c99344707d";

static TPMT_PUBLIC public_of(const char *text)
{
    TPMT_PUBLIC area;
    assert_ok(wire_public_decode(hex(text), &area));
    return area;
}

static void publics_are_encoded_as_they_were_decoded(void **state)
{
    (void)state;
    const char *const all[] = { swtpm_rsa2048, swtpm_p256, swtpm_p384, swtpm_ak };
    for (size_t i = 0; i < COUNT(all); i++) {
        TPMT_PUBLIC area = public_of(all[i]);
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(1024);
        assert_ok(wire_public_encode(&area, &out));
        assert_true(bs_span_equal(bs_buf_span(&out), hex(all[i])));
    }
}

/* Every prefix and every continuation of a structure is another one, or none. */
#define ASSERT_WHOLE_ONLY(decode, type, text)                                            \
    do {                                                                                 \
        type value_;                                                                     \
        struct bs_span whole_ = hex(text);                                               \
        uint8_t longer_[8192] = { 0 };                                                   \
        memcpy(longer_, whole_.data, whole_.size);                                       \
        assert_ok(decode(whole_, &value_));                                              \
        for (size_t n_ = 0; n_ < whole_.size; n_++)                                      \
            assert_err(decode(BS_SPAN(longer_, n_), &value_), BS_ERR_PROTOCOL);          \
        assert_err(decode(BS_SPAN(longer_, whole_.size + 1), &value_), BS_ERR_PROTOCOL); \
        assert_err(decode(BS_SPAN(longer_, sizeof(longer_)), &value_), BS_ERR_PROTOCOL); \
    } while (0)

static void decoders_take_a_structure_whole_or_not_at_all(void **state)
{
    (void)state;
    ASSERT_WHOLE_ONLY(wire_public_decode, TPMT_PUBLIC, swtpm_rsa2048);
    ASSERT_WHOLE_ONLY(wire_public_decode, TPMT_PUBLIC, swtpm_p384);
    ASSERT_WHOLE_ONLY(wire_attest_decode, TPMS_ATTEST, swtpm_attest);
    ASSERT_WHOLE_ONLY(wire_signature_decode, TPMT_SIGNATURE, swtpm_signature);
    ASSERT_WHOLE_ONLY(wire_nv_public_decode, TPMS_NV_PUBLIC, swtpm_nv);
    ASSERT_WHOLE_ONLY(wire_id_object_decode, TPM2B_ID_OBJECT, "000401020304");
    ASSERT_WHOLE_ONLY(wire_encrypted_secret_decode, TPM2B_ENCRYPTED_SECRET, "000401020304");
    ASSERT_WHOLE_ONLY(wire_private_decode, TPM2B_PRIVATE, "000401020304");
}

static void a_public_with_its_size_is_checked_against_it(void **state)
{
    (void)state;
    struct bs_span area = hex(swtpm_p256);
    uint8_t bytes[512] = { 0, (uint8_t)area.size };
    memcpy(bytes + 2, area.data, area.size);
    TPM2B_PUBLIC decoded;
    assert_ok(wire_public2b_decode(BS_SPAN(bytes, 2 + area.size), &decoded));
    assert_int_equal(decoded.size, area.size);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(1024);
    assert_ok(wire_public2b_encode(&decoded, &out));
    assert_true(bs_span_equal(bs_buf_span(&out), BS_SPAN(bytes, 2 + area.size)));

    bytes[1]--;
    assert_err(wire_public2b_decode(BS_SPAN(bytes, 2 + area.size), &decoded), BS_ERR_PROTOCOL);
    assert_err(wire_public2b_decode(BS_SPAN(bytes, 1 + area.size), &decoded), BS_ERR_PROTOCOL);
    bytes[1] += 2;
    assert_err(wire_public2b_decode(BS_SPAN(bytes, 2 + area.size), &decoded), BS_ERR_PROTOCOL);
    assert_err(wire_public2b_decode(BS_SPAN(bytes, 3 + area.size), &decoded), BS_ERR_PROTOCOL);
    assert_err(wire_public2b_decode(BS_SPAN_NONE, &decoded), BS_ERR_PROTOCOL);
}

static void privates_and_signatures_are_encoded_as_they_were_decoded(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(1024);
    TPM2B_PRIVATE private_area;
    TPMT_SIGNATURE signature;
    assert_ok(wire_private_decode(hex("000401020304"), &private_area));
    assert_ok(wire_private_encode(&private_area, &out));
    assert_true(bs_span_equal(bs_buf_span(&out), hex("000401020304")));
    bs_buf_reset(&out);
    assert_ok(wire_signature_decode(hex(swtpm_signature), &signature));
    assert_ok(wire_signature_encode(&signature, &out));
    assert_true(bs_span_equal(bs_buf_span(&out), hex(swtpm_signature)));
}

/* As TPM2_ReadPublic and TPM2_NV_ReadPublic gave them. */
static void names_are_those_of_the_tpm(void **state)
{
    (void)state;
    struct wire_name name, again;
    TPMT_PUBLIC area = public_of(swtpm_p384);
    assert_ok(wire_public_name(&area, &name));
    assert_int_equal(name.size, 50);
    assert_hex(name.name, "000c767b367b7b1659fe7ea411322420ca66e95efe45091a9b9021e066b80ee7"
                          "c160921f48ae2cdc442bb1c9b148fb7c4e94");
    area = public_of(swtpm_rsa2048);
    assert_ok(wire_public_name(&area, &name));
    assert_hex(name.name, "000bcb0c67dff75e8e11cade181064819511694535d0c4dc3ecfc00d14f83fff6f80");

    TPMS_NV_PUBLIC nv;
    assert_ok(wire_nv_public_decode(hex(swtpm_nv), &nv));
    assert_ok(wire_nv_name(&nv, &name));
    assert_true(bs_span_equal(wire_name_span(&name), hex(swtpm_nv_name)));
    assert_ok(wire_name_from_span(wire_name_span(&name), &again));
    assert_true(wire_name_equal(&name, &again));
    again.name[33] ^= 1;
    assert_false(wire_name_equal(&name, &again));
}

static void a_name_is_an_algorithm_and_a_digest_of_its_size(void **state)
{
    (void)state;
    struct wire_name name;
    struct bs_span good = hex(swtpm_nv_name);
    assert_err(wire_name_from_span(BS_SPAN(good.data, good.size - 1), &name), BS_ERR_INPUT);
    assert_err(wire_name_from_span(hex("000b"), &name), BS_ERR_INPUT);
    assert_err(wire_name_from_span(hex("81010001"), &name), BS_ERR_INPUT); /* a handle, which is a Name, too */
    assert_err(wire_name_from_span(BS_SPAN_NONE, &name), BS_ERR_INPUT);
    uint8_t unknown[34];
    memcpy(unknown, good.data, sizeof(unknown));
    unknown[1] = 0x12;
    assert_err(wire_name_from_span(BS_SPAN(unknown, 34), &name), BS_ERR_INPUT);
}

static void the_persistent_keys_of_swtpm_are_eks(void **state)
{
    (void)state;
    const char *const keys[] = { swtpm_rsa2048, swtpm_p256, swtpm_p384 };
    for (unsigned i = 0; i < WIRE_EK_COUNT; i++) {
        TPMT_PUBLIC area = public_of(keys[i]);
        enum wire_ek kind;
        assert_true(wire_is_ek(&area, &kind));
        assert_int_equal(kind, i);
    }
}

static void a_key_that_differs_anywhere_from_the_template_is_no_ek(void **state)
{
    (void)state;
    enum wire_ek kind;
    TPMT_PUBLIC area = public_of(swtpm_ak);
    assert_false(wire_is_ek(&area, &kind));

    /* Bit after bit of everything but the unique field, which is the key itself. */
    const struct {
        const char *text;
        size_t unique;
    } keys[] = { { swtpm_rsa2048, 258 }, { swtpm_p256, 68 }, { swtpm_p384, 100 } };
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct bs_span whole = hex(keys[i].text);
        for (size_t bit = 0; bit < 8 * (whole.size - keys[i].unique); bit++) {
            uint8_t *byte = (uint8_t *)whole.data + bit / 8;
            *byte ^= (uint8_t)(1 << bit % 8);
            assert_false(wire_public_decode(whole, &area) == BS_OK && wire_is_ek(&area, &kind));
            *byte ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void an_ek_without_a_whole_key_is_none(void **state)
{
    (void)state;
    enum wire_ek kind;
    for (unsigned i = 0; i < WIRE_EK_COUNT; i++) {
        TPMT_PUBLIC area = wire_ek_template((enum wire_ek)i)->public_area;
        if (area.type == TPM2_ALG_RSA)
            assert_false(wire_is_ek(&area, &kind));
        area.unique.rsa.size = 0;
        assert_false(wire_is_ek(&area, &kind));
    }
}

static void templates_match_but_for_unique(void **state)
{
    (void)state;
    TPMT_PUBLIC ak = public_of(swtpm_ak), template;
    wire_template_ak(&template);
    assert_true(wire_matches(&ak, &template));
    wire_template_srk(&template);
    assert_false(wire_matches(&ak, &template));
    wire_template_device(&template);
    assert_false(wire_matches(&ak, &template));
}

/* What systemd's tpm2-setup marshals for its SRK: restricted, decrypt, noDA, AES-128-CFB, an empty unique. */
static void the_srk_template_is_systemds(void **state)
{
    (void)state;
    TPMT_PUBLIC srk;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(256);
    wire_template_srk(&srk);
    assert_ok(wire_public_encode(&srk, &out));
    assert_true(bs_span_equal(bs_buf_span(&out), hex("0023000b00030472000000060080004300100003001000000000")));
}

static void the_ak_template_is_restricted_and_has_a_label_of_its_own(void **state)
{
    (void)state;
    TPMT_PUBLIC ak, device;
    wire_template_ak(&ak);
    wire_template_device(&device);
    assert_true(ak.objectAttributes & TPMA_OBJECT_RESTRICTED);
    assert_false(ak.objectAttributes & TPMA_OBJECT_DECRYPT);
    assert_true(ak.objectAttributes & TPMA_OBJECT_NODA);
    assert_span_text(BS_SPAN(ak.unique.ecc.x.buffer, ak.unique.ecc.x.size), "bootseal ak v1");
    assert_false(device.objectAttributes & TPMA_OBJECT_RESTRICTED);
    assert_true(device.objectAttributes & TPMA_OBJECT_NODA);
}

static void points_are_padded_to_the_field(void **state)
{
    (void)state;
    TPMT_PUBLIC area = public_of(swtpm_p256);
    struct crypto_point whole, padded;
    assert_ok(wire_public_point(&area, &whole));
    assert_int_equal(whole.curve, CRYPTO_P256);
    assert_memory_equal(whole.x, area.unique.ecc.x.buffer, 32);

    /* as if the first byte of y had been zero and left out */
    memmove(area.unique.ecc.y.buffer, area.unique.ecc.y.buffer + 1, 31);
    area.unique.ecc.y.size = 31;
    assert_ok(wire_public_point(&area, &padded));
    assert_int_equal(padded.y[0], 0);
    assert_memory_equal(padded.y + 1, whole.y + 1, 31);

    area.unique.ecc.y.size = 33;
    assert_err(wire_public_point(&area, &padded), BS_ERR_PROTOCOL);
    area.unique.ecc.y.size = 0;
    assert_err(wire_public_point(&area, &padded), BS_ERR_PROTOCOL);
    area = public_of(swtpm_rsa2048);
    assert_err(wire_public_point(&area, &padded), BS_ERR_PROTOCOL);
}

/* SHA-256 of what `openssl x509 -pubkey` says of the certificates of these keys, in DER. */
static void the_device_id_is_the_hash_of_the_subject_public_key_info(void **state)
{
    (void)state;
    uint8_t id[WIRE_ID_SIZE];
    TPMT_PUBLIC area = public_of(swtpm_rsa2048);
    assert_ok(wire_device_id(&area, id));
    assert_hex(id, "12d593a8da0665a8e59cb8f4688d483619ce3401ee71e56b6ad0121b2b42c5ba");
    area = public_of(swtpm_p384);
    assert_ok(wire_device_id(&area, id));
    assert_hex(id, "0cdeacb659082137bde4df82f14834ab7b0d3122c4b1c87785e9470c56c5a5c3");

    area.type = TPM2_ALG_KEYEDHASH;
    assert_err(wire_device_id(&area, id), BS_ERR_PROTOCOL);
}

static void an_exponent_is_written_as_it_is(void **state)
{
    (void)state;
    TPMT_PUBLIC area = public_of(swtpm_rsa2048);
    BS_SCOPED_BUF struct bs_buf a = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf b = BS_BUF(1024);
    assert_ok(wire_public_spki(&area, &a));
    area.parameters.rsaDetail.exponent = 65537;
    assert_ok(wire_public_spki(&area, &b));
    assert_true(bs_span_equal(bs_buf_span(&a), bs_buf_span(&b)));
    assert_hex(a.data + a.size - 5, "0203010001");
}

static void a_quote_verifies_under_its_key_and_no_other(void **state)
{
    (void)state;
    TPMT_PUBLIC ak = public_of(swtpm_ak), other = public_of(swtpm_p256);
    TPMT_SIGNATURE signature;
    struct bs_span attest = hex(swtpm_attest);
    assert_ok(wire_signature_decode(hex(swtpm_signature), &signature));
    assert_ok(wire_attest_verify(&ak, attest, &signature));
    assert_err(wire_attest_verify(&other, attest, &signature), BS_ERR_UNTRUSTED);

    for (size_t i = 0; i < attest.size; i += 7) {
        ((uint8_t *)attest.data)[i] ^= 1;
        assert_err(wire_attest_verify(&ak, attest, &signature), BS_ERR_UNTRUSTED);
        ((uint8_t *)attest.data)[i] ^= 1;
    }
    signature.signature.ecdsa.signatureS.buffer[5] ^= 1;
    assert_err(wire_attest_verify(&ak, attest, &signature), BS_ERR_UNTRUSTED);
}

static void other_schemes_than_the_keys_are_refused(void **state)
{
    (void)state;
    TPMT_PUBLIC ak = public_of(swtpm_ak), rsa = public_of(swtpm_rsa2048);
    TPMT_SIGNATURE signature;
    struct bs_span attest = hex(swtpm_attest);
    assert_ok(wire_signature_decode(hex(swtpm_signature), &signature));
    assert_err(wire_attest_verify(&rsa, attest, &signature), BS_ERR_PROTOCOL);
    signature.signature.ecdsa.hash = TPM2_ALG_SHA384; /* the key's own scheme says SHA-256 */
    assert_err(wire_attest_verify(&ak, attest, &signature), BS_ERR_PROTOCOL);
    signature.signature.ecdsa.hash = TPM2_ALG_SHA1;
    assert_err(wire_attest_verify(&ak, attest, &signature), BS_ERR_PROTOCOL);
    signature.signature.ecdsa.hash = TPM2_ALG_SHA256;
    signature.sigAlg = TPM2_ALG_ECSCHNORR;
    assert_err(wire_attest_verify(&ak, attest, &signature), BS_ERR_PROTOCOL);
}

/* The quote above is of PCRs 0 to 7 at reset. */
static void the_pcr_digest_is_that_of_the_quote(void **state)
{
    (void)state;
    TPMS_ATTEST attest;
    uint8_t zeros[32] = { 0 }, digest[CRYPTO_HASH_MAX];
    struct bs_span values[8];
    for (size_t i = 0; i < COUNT(values); i++)
        values[i] = BS_SPAN(zeros, sizeof(zeros));
    assert_ok(wire_attest_decode(hex(swtpm_attest), &attest));
    assert_ok(wire_pcr_digest(CRYPTO_SHA256, values, COUNT(values), digest));
    assert_memory_equal(digest, attest.attested.quote.pcrDigest.buffer, 32);
    assert_err(wire_pcr_digest(0x0010, values, COUNT(values), digest), BS_ERR_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publics_are_encoded_as_they_were_decoded),
        cmocka_unit_test(decoders_take_a_structure_whole_or_not_at_all),
        cmocka_unit_test(a_public_with_its_size_is_checked_against_it),
        cmocka_unit_test(privates_and_signatures_are_encoded_as_they_were_decoded),
        cmocka_unit_test(names_are_those_of_the_tpm),
        cmocka_unit_test(a_name_is_an_algorithm_and_a_digest_of_its_size),
        cmocka_unit_test(the_persistent_keys_of_swtpm_are_eks),
        cmocka_unit_test(a_key_that_differs_anywhere_from_the_template_is_no_ek),
        cmocka_unit_test(an_ek_without_a_whole_key_is_none),
        cmocka_unit_test(templates_match_but_for_unique),
        cmocka_unit_test(the_srk_template_is_systemds),
        cmocka_unit_test(the_ak_template_is_restricted_and_has_a_label_of_its_own),
        cmocka_unit_test(points_are_padded_to_the_field),
        cmocka_unit_test(the_device_id_is_the_hash_of_the_subject_public_key_info),
        cmocka_unit_test(an_exponent_is_written_as_it_is),
        cmocka_unit_test(a_quote_verifies_under_its_key_and_no_other),
        cmocka_unit_test(other_schemes_than_the_keys_are_refused),
        cmocka_unit_test(the_pcr_digest_is_that_of_the_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
