/*
 * What public-key operations and hashes of the wolfCrypt that the server is built with cost here: a line `NAME MICROSECONDS`
 * each, CPU time of this thread, the median of several slices.
 */
#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/wc_mlkem.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLICES 9
#define SLICE_US 8000.0
#define LOG_SIZE 30720 /* a firmware log as they are found */

static WC_RNG rng;
static ecc_key p256, p256_peer, p384;
static RsaKey rsa;
static curve25519_key x25519_peer;
static uint8_t mlkem_public[WC_ML_KEM_768_PUBLIC_KEY_SIZE];
static uint8_t digest[48] = { 1, 2, 3 }, message[LOG_SIZE];
static uint8_t signature[128], signature384[128], rsa_signature[256];
static word32 signature_size = sizeof(signature), signature384_size = sizeof(signature384);

static void must(bool is_good, const char *what)
{
    if (is_good)
        return;
    (void)fprintf(stderr, "bench_crypto: %s failed\n", what);
    exit(1);
}

static bool p256_sign(void)
{
    uint8_t made[128];
    word32 size = sizeof(made);
    return wc_ecc_sign_hash(digest, 32, made, &size, &rng, &p256) == 0;
}

static bool p256_verify(void)
{
    int is_good = 0;
    return wc_ecc_verify_hash(signature, signature_size, digest, 32, &is_good, &p256) == 0 && is_good == 1;
}

static bool p256_keygen(void)
{
    ecc_key key;
    bool is_good = wc_ecc_init(&key) == 0 && wc_ecc_make_key_ex(&rng, 32, &key, ECC_SECP256R1) == 0;
    wc_ecc_free(&key);
    return is_good;
}

static bool p256_ecdh(void)
{
    uint8_t secret[32];
    word32 size = sizeof(secret);
    return wc_ecc_shared_secret(&p256, &p256_peer, secret, &size) == 0;
}

static bool p384_verify(void)
{
    int is_good = 0;
    return wc_ecc_verify_hash(signature384, signature384_size, digest, 48, &is_good, &p384) == 0 && is_good == 1;
}

static bool rsa_public(void)
{
    uint8_t plain[256];
    return wc_RsaSSL_Verify(rsa_signature, sizeof(rsa_signature), plain, sizeof(plain), &rsa) > 0;
}

/* What a server does for a client's X25519MLKEM768 share (draft-ietf-tls-ecdhe-mlkem): a key pair, its secret, a capsule. */
static bool hybrid_share(void)
{
    static curve25519_key key;
    static MlKemKey kem;
    static uint8_t capsule[WC_ML_KEM_768_CIPHER_TEXT_SIZE], secret[WC_ML_KEM_SS_SZ];
    uint8_t shared[32];
    word32 size = sizeof(shared);
    bool is_good = wc_curve25519_init(&key) == 0 && wc_curve25519_make_key(&rng, 32, &key) == 0 &&
                   wc_curve25519_shared_secret_ex(&key, &x25519_peer, shared, &size, EC25519_LITTLE_ENDIAN) == 0;
    wc_curve25519_free(&key);
    is_good = is_good && wc_MlKemKey_Init(&kem, WC_ML_KEM_768, NULL, INVALID_DEVID) == 0 &&
              wc_MlKemKey_DecodePublicKey(&kem, mlkem_public, sizeof(mlkem_public)) == 0 &&
              wc_MlKemKey_Encapsulate(&kem, capsule, secret, &rng) == 0;
    wc_MlKemKey_Free(&kem);
    return is_good;
}

static bool sha256_log(void)
{
    uint8_t made[32];
    return wc_Sha256Hash(message, sizeof(message), made) == 0;
}

static void make_keys(void)
{
    static MlKemKey kem;
    must(wc_InitRng(&rng) == 0, "the generator");
    must(wc_ecc_init(&p256) == 0 && wc_ecc_make_key_ex(&rng, 32, &p256, ECC_SECP256R1) == 0, "a P-256 key");
    must(wc_ecc_init(&p256_peer) == 0 && wc_ecc_make_key_ex(&rng, 32, &p256_peer, ECC_SECP256R1) == 0, "a P-256 key");
    must(wc_ecc_init(&p384) == 0 && wc_ecc_make_key_ex(&rng, 48, &p384, ECC_SECP384R1) == 0, "a P-384 key");
    must(wc_ecc_set_rng(&p256, &rng) == 0, "blinding");
    must(wc_ecc_sign_hash(digest, 32, signature, &signature_size, &rng, &p256) == 0, "a P-256 signature");
    must(wc_ecc_sign_hash(digest, 48, signature384, &signature384_size, &rng, &p384) == 0, "a P-384 signature");
    must(wc_InitRsaKey(&rsa, NULL) == 0 && wc_MakeRsaKey(&rsa, 2048, WC_RSA_EXPONENT, &rng) == 0 &&
             wc_RsaSetRNG(&rsa, &rng) == 0,
         "an RSA key");
    must(wc_RsaSSL_Sign(digest, 32, rsa_signature, sizeof(rsa_signature), &rsa, &rng) == (int)sizeof(rsa_signature),
         "an RSA signature");
    must(wc_curve25519_init(&x25519_peer) == 0 && wc_curve25519_make_key(&rng, 32, &x25519_peer) == 0, "an X25519 key");
    must(wc_MlKemKey_Init(&kem, WC_ML_KEM_768, NULL, INVALID_DEVID) == 0 && wc_MlKemKey_MakeKey(&kem, &rng) == 0 &&
             wc_MlKemKey_EncodePublicKey(&kem, mlkem_public, sizeof(mlkem_public)) == 0,
         "an ML-KEM key");
    wc_MlKemKey_Free(&kem);
}

static double cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

static double measure(bool (*operation)(void), const char *name)
{
    double slices[SLICES];
    for (unsigned i = 0; i < SLICES; i++) {
        double begin = cpu_us(), end = begin;
        unsigned count = 0;
        for (; end - begin < SLICE_US; end = cpu_us(), count++)
            must(operation(), name);
        slices[i] = (end - begin) / count;
    }
    qsort(slices, SLICES, sizeof(slices[0]), by_value);
    return slices[SLICES / 2];
}

int main(void)
{
    static const struct {
        const char *name;
        bool (*operation)(void);
    } all[] = {
        { "p256_sign", p256_sign },         { "p256_verify", p256_verify }, { "p256_keygen", p256_keygen },
        { "p256_ecdh", p256_ecdh },         { "p384_verify", p384_verify }, { "rsa2048_public", rsa_public },
        { "x25519mlkem768", hybrid_share }, { "sha256_30k", sha256_log },
    };
    make_keys();
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        printf("%s %.2f\n", all[i].name, measure(all[i].operation, all[i].name));
    return 0;
}
