/* Keys that a device makes: their public halves and files against published ones, and against what OpenSSL and OpenSSH read. */
#include "unit.h"

#include "core/crypto.h"
#include "core/crypto_generated.h"
#include "core/generated.h"

#define SECP256K1_ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define SECP256K1_ORDER "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define SECP256K1_LAST "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140"
/* RFC 8410 §10.3 and §10.1. */
#define ED25519_SEED "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"
#define ED25519_PUBLIC "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
/* RFC 7748 §6.1, Bob's key as clamped. */
#define X25519_SCALAR "58ab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e06b"
#define X25519_PUBLIC "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"

static uint8_t room[128];

static struct generated_private key_of(enum bs_generated_kind kind, const char *hex)
{
    size_t size;
    assert_ok(bs_unhex(hex, room, sizeof(room), &size));
    return (struct generated_private){ bs_span_of_string("k"), kind, 1, BS_SPAN(room, size) };
}

static void assert_public(enum bs_generated_kind kind, const char *half, const char *expected)
{
    uint8_t found[GENERATED_PUBLIC_MAX];
    char hex[2 * GENERATED_PUBLIC_MAX + 1];
    size_t size;
    struct generated_private key = key_of(kind, half);
    assert_ok(generated_public_half(&key, BS_SPAN_NONE, found, &size));
    assert_int_equal(size, generated_public_size(kind));
    bs_hex(BS_SPAN(found, size), hex);
    assert_string_equal(hex, expected);
}

static void public_halves_are_those_of_the_standards(void **state)
{
    (void)state;
    assert_public(BS_GENERATED_X25519, X25519_SCALAR, X25519_PUBLIC);
    assert_public(BS_GENERATED_ED25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"); /* RFC 8032 §7.1, test 1 */
    assert_public(BS_GENERATED_ED25519, ED25519_SEED, ED25519_PUBLIC);
    assert_public(BS_GENERATED_SECP256K1, SECP256K1_ONE, /* the generator, SEC 2 §2.4.1 */
                  "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
                  "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
}

static void what_is_no_private_half_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum bs_generated_kind kind;
        const char *half;
    } wrong[] = {
        { BS_GENERATED_X25519, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e06b" }, /* low bits */
        { BS_GENERATED_X25519, "58ab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb" }, /* highest bit */
        { BS_GENERATED_X25519, "58ab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0" },
        { BS_GENERATED_ED25519, "d4ee" },
        { BS_GENERATED_ED25519, ED25519_SEED "00" },
        { BS_GENERATED_SECP256K1, "0000000000000000000000000000000000000000000000000000000000000000" },
        { BS_GENERATED_SECP256K1, SECP256K1_ORDER },
        { BS_GENERATED_SECP256K1, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
        { BS_GENERATED_RANDOM, "000102030405060708090a0b0c0d0e" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        uint8_t found[GENERATED_PUBLIC_MAX];
        size_t size = 0;
        struct generated_private key = key_of(wrong[i].kind, wrong[i].half);
        assert_err(generated_public_half(&key, BS_SPAN_NONE, found, &size), BS_ERR_INPUT);
        assert_int_equal(size, 0);
    }
    uint8_t found[GENERATED_PUBLIC_MAX];
    size_t size;
    struct generated_private last = key_of(BS_GENERATED_SECP256K1, SECP256K1_LAST);
    assert_ok(generated_public_half(&last, BS_SPAN_NONE, found, &size));
}

/* HMAC-SHA-256 under the bytes, over label, zero, device, name. */
static void a_commitment_is_for_one_device_and_name(void **state)
{
    (void)state;
    static const uint8_t device[32] = { 1 }, other[32] = { 2 };
    static const uint8_t said[] =
        "bootseal commitment v1\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0k";
    uint8_t found[GENERATED_PUBLIC_MAX], again[GENERATED_PUBLIC_MAX], expected[CRYPTO_SHA256_SIZE];
    size_t size;
    struct generated_private key = key_of(BS_GENERATED_RANDOM, "000102030405060708090a0b0c0d0e0f");
    assert_ok(generated_public_half(&key, BS_SPAN(device, 32), found, &size));
    assert_int_equal(size, 32);
    assert_ok(crypto_hmac(CRYPTO_SHA256, key.private_half, BS_SPAN(said, sizeof(said) - 1), expected));
    assert_memory_equal(found, expected, 32);

    assert_ok(generated_public_half(&key, BS_SPAN(other, 32), again, &size));
    assert_memory_not_equal(found, again, 32);
    key.name = bs_span_of_string("l");
    assert_ok(generated_public_half(&key, BS_SPAN(device, 32), again, &size));
    assert_memory_not_equal(found, again, 32);
}

static void keys_of_every_kind_are_made_anew_each_time(void **state)
{
    (void)state;
    for (enum bs_generated_kind kind = BS_GENERATED_RANDOM; kind <= BS_GENERATED_SECP256K1; kind++) {
        struct generated_private key[2];
        BS_OWN(secret) first = NULL;
        BS_OWN(secret) second = NULL;
        uint8_t found[GENERATED_PUBLIC_MAX];
        size_t size;
        assert_ok(generated_make(kind, 48, &first));
        assert_ok(generated_make(kind, 48, &second));
        assert_int_equal(bs_secret_size(first), kind == BS_GENERATED_RANDOM ? 48 : 32);
        assert_memory_not_equal(bs_secret_view(first), bs_secret_view(second), 32);
        key[0] = key_of(kind, "");
        key[0].private_half = BS_SPAN(bs_secret_view(first), bs_secret_size(first));
        assert_ok(generated_public_half(&key[0], BS_SPAN_NONE, found, &size));
    }
}

static void assert_written(enum bs_generated_kind kind, const char *half, enum bs_generated_form form, const char *text)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(2048);
    struct generated_private key = key_of(kind, half);
    assert_ok(generated_write(&key, form, &out));
    assert_span_text(bs_buf_span(&out), text);
}

static void keys_are_written_as_their_programs_read_them(void **state)
{
    (void)state;
    assert_written(BS_GENERATED_RANDOM, "41424344454647484142434445464748", BS_FORM_RAW, "ABCDEFGHABCDEFGH");
    /* RFC 8410 §10.3; the others as `openssl pkey` writes and `ssh-keygen -y` reads them. */
    assert_written(BS_GENERATED_ED25519, ED25519_SEED, BS_FORM_PEM,
                   "-----BEGIN PRIVATE KEY-----\n"
                   "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                   "-----END PRIVATE KEY-----\n");
    assert_written(BS_GENERATED_X25519, X25519_SCALAR, BS_FORM_PEM,
                   "-----BEGIN PRIVATE KEY-----\n"
                   "MC4CAQAwBQYDK2VuBCIEIFirCH5iSopLeeF/i4OADuZvO7EpJhi2/Rwviyf/iOBr\n"
                   "-----END PRIVATE KEY-----\n");
    assert_written(BS_GENERATED_X25519, X25519_SCALAR, BS_FORM_WIREGUARD,
                   "WKsIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Gs=\n");
    assert_written(BS_GENERATED_RANDOM, ED25519_SEED, BS_FORM_WIREGUARD,
                   "1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEI=\n");
    assert_written(BS_GENERATED_SECP256K1, SECP256K1_ONE, BS_FORM_PEM,
                   "-----BEGIN PRIVATE KEY-----\n"
                   "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgAAAAAAAAAAAAAAAAAAAA\n"
                   "AAAAAAAAAAAAAAAAAAAAAAGhRANCAAR5vmZ++dy7rFWgYpXOhwsHApv82y3OKNlZ\n"
                   "8oFbFvgXmEg62ncmo8RlXaT7/A4RCKj9F7RIpoVUGZxH0I/7ENS4\n"
                   "-----END PRIVATE KEY-----\n");
    assert_written(BS_GENERATED_ED25519, ED25519_SEED, BS_FORM_OPENSSH,
                   "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                   "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n"
                   "c2gtZWQyNTUxOQAAACAZv0QJaYTN/oVBusFn3DuWyFCGqjC2tssMXDitcDFm4QAA\n"
                   "AIgZv0QJGb9ECQAAAAtzc2gtZWQyNTUxOQAAACAZv0QJaYTN/oVBusFn3DuWyFCG\n"
                   "qjC2tssMXDitcDFm4QAAAEDU7nLb+RNYStW22PH3afitOv58KMvx1Pvgl6iPRHVY\n"
                   "Qhm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbhAAAAAWsBAgME\n"
                   "-----END OPENSSH PRIVATE KEY-----\n");
}

static void a_key_has_no_form_that_nobody_reads(void **state)
{
    (void)state;
    static const struct {
        enum bs_generated_kind kind;
        const char *half;
        enum bs_generated_form form;
    } wrong[] = {
        { BS_GENERATED_RANDOM, ED25519_SEED, BS_FORM_PEM },
        { BS_GENERATED_RANDOM, ED25519_SEED, BS_FORM_OPENSSH },
        { BS_GENERATED_RANDOM, ED25519_SEED "00", BS_FORM_WIREGUARD },
        { BS_GENERATED_ED25519, ED25519_SEED, BS_FORM_WIREGUARD },
        { BS_GENERATED_X25519, X25519_SCALAR, BS_FORM_OPENSSH },
        { BS_GENERATED_SECP256K1, SECP256K1_ONE, BS_FORM_WIREGUARD },
        { BS_GENERATED_SECP256K1, SECP256K1_ONE, BS_FORM_OPENSSH },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(2048);
        struct generated_private key = key_of(wrong[i].kind, wrong[i].half);
        assert_err(generated_write(&key, wrong[i].form, &out), BS_ERR_INPUT);
        assert_int_equal(out.size, 0);
    }
}

static void a_private_half_of_another_size_is_not_written(void **state)
{
    (void)state;
    for (enum bs_generated_kind kind = BS_GENERATED_X25519; kind <= BS_GENERATED_SECP256K1; kind++)
        for (size_t size = 31; size <= 33; size += 2) {
            BS_SCOPED_BUF struct bs_buf out = BS_BUF(2048);
            struct generated_private key = key_of(kind, SECP256K1_ONE "00");
            key.private_half.size = size;
            assert_err(generated_write(&key, BS_FORM_RAW, &out), BS_ERR_INPUT);
            assert_err(generated_write(&key, BS_FORM_PEM, &out), BS_ERR_INPUT);
            assert_int_equal(out.size, 0);
        }
}

static void assert_public_text(enum bs_generated_kind kind, const char *hex, enum bs_generated_form form,
                               const char *text)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(2048);
    struct generated_private key = key_of(kind, hex);
    struct generated_public half = { key.name, kind, 1, key.private_half };
    assert_ok(generated_write_public(&half, form, &out));
    assert_span_text(bs_buf_span(&out), text);
}

static void public_halves_are_shown_as_their_programs_want_them(void **state)
{
    (void)state;
    assert_public_text(BS_GENERATED_X25519, X25519_PUBLIC, BS_FORM_WIREGUARD,
                       "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=");
    assert_public_text(BS_GENERATED_X25519, X25519_PUBLIC, BS_FORM_PEM, X25519_PUBLIC);
    assert_public_text(BS_GENERATED_ED25519, ED25519_PUBLIC, BS_FORM_OPENSSH,
                       "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbh");
    assert_public_text(BS_GENERATED_RANDOM, ED25519_PUBLIC, BS_FORM_WIREGUARD, ED25519_PUBLIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_halves_are_those_of_the_standards),
        cmocka_unit_test(what_is_no_private_half_is_refused),
        cmocka_unit_test(a_commitment_is_for_one_device_and_name),
        cmocka_unit_test(keys_of_every_kind_are_made_anew_each_time),
        cmocka_unit_test(keys_are_written_as_their_programs_read_them),
        cmocka_unit_test(a_key_has_no_form_that_nobody_reads),
        cmocka_unit_test(a_private_half_of_another_size_is_not_written),
        cmocka_unit_test(public_halves_are_shown_as_their_programs_want_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
