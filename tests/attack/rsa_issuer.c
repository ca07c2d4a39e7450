/*
 * Issuers with RSA keys, one of them too small. No library that is linked here signs with 1024 bits, so it is done by numbers: PKCS #1
 * v1.5 (RFC 8017 §8.2.1). The keys are for tests and were never used for anything.
 */
#include "rsa_issuer.h"

#include "unit/hex.h"

#include <wolfssl/wolfcrypt/wolfmath.h>

#include <string.h>

struct rsa_key {
    const char *modulus, *exponent; /* hex; the private exponent */
};

static const struct rsa_key rsa_1024 = {
    .modulus = "d4d1ab8eec6b342438afc2fcbfdc97af0032907d78f83d2ebf133dbad67217dbf50013e2117fd87ec974b2a559d142cc"
               "392e06107b55d678073be36ce833c2763f3171e253b309d65b81b1a2fa185c0c1abe27d319b66227b60329ce4de9303d"
               "a940b17ea9d8da8630786191c2efc192b786a4af34438251eb0af188d197f751",
    .exponent = "39206f24d66190858891e58d63131bc466112ca801a8e1038356eee3105d5ffa3331ea246cfe1c672c3c9f17b39c7089"
                "d16f81413b5a374fd0e14a9319618b79248d91be5f2dc9f929a298803da32ee9c7e8c86b26021f64fb21b23c57dc5fe0"
                "bf2fecebc24f48d9bae7033907b7adf8fa3122adf117d2293c8542f18e689481",
};

static const struct rsa_key rsa_2048 = {
    .modulus = "c8fc36916a528e6247e276e03f263a943e93ca8387fea894dee53bba6d88b5ed834a517406517af2858bc92e0ee39458"
               "f4b1abaad1ecfda28df5a9292e999e9a15fb235f4894829065314cd6879b9fc9d88334d884ef588fc2993993aafbfcf0"
               "c0e305b63058fa5b776857c1eba688539f353c0c0de2c1701003d81bfde07de7003a3fa86f822216dd2cb616cfc8e933"
               "08b94c23a6b069ac07d75f8a27a2db07aa16d58910c53b25db16274275428662d640ffd22f649556db01b156a7251248"
               "a2565757ff25e676a9fa7f9d9260683d812b9b7a5dd1c767b7864962228901fabe5bec06d576ad84f3643ce23562fc38"
               "1cb79367e66972c2e8532e369ed3fa59",
    .exponent = "04d657d48ace8f31665c2e52ef5cd2d97138200e525e455dc53a41d9c17bccda793d2200bce0dbd357cb7ed2bba10142"
                "5d814e89bf4bb39464a8f3a2a8c5cc6a165003bb435a9a59dcaaf717cd63bd7b74d93e3db2800ae2f58d62895f5023f7"
                "acc21f5d11da27b713d9fb0d66728cf816438867c7331c9cbf30987ef3f94c8e667101fa982ac99665d45ecd9294877b"
                "8b40902fba34bdc1918c90415b298786cbe7d12fe6f29f746bb8a3db42294245173e49edf9736fcac802274e97afbce3"
                "99bb15260bf67eda98cb4941400a31c08879b0d9da4cae269610bdd2d30ca661522a5da38d8137baf7e0da19baf85510"
                "2e5b2419cd0b6797b82a496aab0b7801",
};

static const struct rsa_key *now;

static void number(mp_int *into, struct bs_span bytes)
{
    assert_int_equal(mp_init(into), 0);
    assert_int_equal(mp_read_unsigned_bin(into, bytes.data, (word32)bytes.size), 0);
}

/* 00 01 ff .. ff 00, then DigestInfo of a SHA-256 digest. */
static void pad(const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t *block, size_t size)
{
    static const uint8_t info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
    memset(block, 0xff, size);
    block[0] = 0;
    block[1] = 1;
    block[size - CRYPTO_SHA256_SIZE - sizeof(info) - 1] = 0;
    memcpy(block + size - CRYPTO_SHA256_SIZE - sizeof(info), info, sizeof(info));
    memcpy(block + size - CRYPTO_SHA256_SIZE, digest, CRYPTO_SHA256_SIZE);
}

void rsa_issuer_sign(const uint8_t digest[CRYPTO_SHA256_SIZE], struct bs_buf *out)
{
    struct bs_span modulus = hex(now->modulus);
    uint8_t block[256], signature[256];
    mp_int n, d, m, c;
    pad(digest, block, modulus.size);
    number(&n, modulus);
    number(&d, hex(now->exponent));
    number(&m, BS_SPAN(block, modulus.size));
    assert_int_equal(mp_init(&c), 0);
    assert_int_equal(mp_exptmod(&m, &d, &n, &c), 0);
    assert_int_equal(mp_to_unsigned_bin_len(&c, signature, (int)modulus.size), 0);
    assert_ok(bs_buf_append(out, signature, modulus.size));
}

struct bs_span rsa_issuer_take(unsigned bits)
{
    static struct bs_buf spki[2] = { BS_BUF(1024), BS_BUF(1024) };
    struct bs_buf *out = &spki[bits == 1024];
    BS_SCOPED_BUF struct bs_buf key = BS_BUF(1024);
    static const uint8_t e[] = { 1, 0, 1 };
    struct der_writer w;
    now = bits == 1024 ? &rsa_1024 : &rsa_2048;
    if (out->size > 0)
        return bs_buf_span(out);
    der_write_begin(&w, &key);
    der_open(&w, DER_SEQUENCE);
    der_write_unsigned(&w, hex(now->modulus));
    der_write_unsigned(&w, BS_SPAN(e, sizeof(e)));
    der_close(&w);
    assert_ok(der_write_end(&w));
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, DER_OID_RSA);
    der_write(&w, DER_NULL, BS_SPAN_NONE);
    der_close(&w);
    der_write_bits(&w, bs_buf_span(&key));
    der_close(&w);
    assert_ok(der_write_end(&w));
    return bs_buf_span(out);
}
