#include "core/credential.h"

#include <string.h>

/*
 * Part 1 §24: seed to the EK (§B.10.3 for RSA, §C.6.3 for ECC), then the credential encrypted and authenticated under keys
 * made from the seed, both bound to the Name of the object (§24.4, §24.5).
 */
#define LABEL_SEED "IDENTITY"
#define LABEL_ENCRYPT "STORAGE"
#define LABEL_AUTHENTICATE "INTEGRITY"

struct work {
    uint8_t seed[CRYPTO_HASH_MAX];
    uint8_t z[CRYPTO_ECC_MAX];
    uint8_t encrypt_key[32];
    uint8_t hmac_key[CRYPTO_HASH_MAX];
};

static void work_wipe(struct work *work)
{
    bs_wipe(work, sizeof(*work));
}

/* TPM2B: the size as two bytes, then the bytes. */
static enum bs_err append_2b(struct bs_buf *out, struct bs_span bytes)
{
    const uint8_t size[2] = { (uint8_t)(bytes.size >> 8), (uint8_t)bytes.size };
    enum bs_err err = bs_buf_append(out, size, sizeof(size));
    return err == BS_OK ? bs_buf_append(out, bytes.data, bytes.size) : err;
}

static enum bs_err seed_to_rsa(const TPMT_PUBLIC *ek, struct work *work, struct bs_buf *ret_secret)
{
    size_t size = crypto_hash_size(ek->nameAlg);
    enum bs_err err = crypto_random(work->seed, size);
    if (err != BS_OK)
        return err;

    uint8_t cipher[CRYPTO_RSA_MAX];
    size_t cipher_size;
    const TPM2B_PUBLIC_KEY_RSA *modulus = &ek->unique.rsa;
    err = crypto_rsa_oaep(BS_SPAN(modulus->buffer, modulus->size), ek->parameters.rsaDetail.exponent, ek->nameAlg,
                          LABEL_SEED, BS_SPAN(work->seed, size), cipher, &cipher_size);
    return err == BS_OK ? append_2b(ret_secret, BS_SPAN(cipher, cipher_size)) : err;
}

static enum bs_err seed_to_ecc(const TPMT_PUBLIC *ek, struct work *work, struct bs_buf *ret_secret)
{
    struct crypto_point theirs, ours;
    enum bs_err err = wire_public_point(ek, &theirs);
    if (err == BS_OK)
        err = crypto_ecdh_ephemeral(&theirs, &ours, work->z);
    if (err != BS_OK)
        return err;

    size_t size = crypto_ecc_size(theirs.curve);
    err = crypto_kdfe(ek->nameAlg, BS_SPAN(work->z, size), LABEL_SEED, BS_SPAN(ours.x, size), BS_SPAN(theirs.x, size),
                      work->seed, crypto_hash_size(ek->nameAlg));
    BS_SCOPED_BUF struct bs_buf point = BS_BUF(4 + 2 * CRYPTO_ECC_MAX);
    if (err == BS_OK)
        err = append_2b(&point, BS_SPAN(ours.x, size));
    if (err == BS_OK)
        err = append_2b(&point, BS_SPAN(ours.y, size));
    return err == BS_OK ? append_2b(ret_secret, bs_buf_span(&point)) : err;
}

/* encIdentity: TPM2B_DIGEST(credential), its size included, in AES-CFB with a zero IV. */
static enum bs_err encrypt_credential(const TPMT_PUBLIC *ek, size_t key_size, struct bs_span name, struct work *work,
                                      uint8_t *credential, size_t size)
{
    static const uint8_t iv[16];

    enum bs_err err = crypto_kdfa(ek->nameAlg, BS_SPAN(work->seed, crypto_hash_size(ek->nameAlg)), LABEL_ENCRYPT, name,
                                  BS_SPAN_NONE, work->encrypt_key, key_size);
    return err == BS_OK ? crypto_aes_cfb(true, BS_SPAN(work->encrypt_key, key_size), iv, credential, size) : err;
}

static enum bs_err authenticate(const TPMT_PUBLIC *ek, struct bs_span encrypted, struct bs_span name, struct work *work,
                                uint8_t *ret_mac)
{
    size_t size = crypto_hash_size(ek->nameAlg);
    enum bs_err err = crypto_kdfa(ek->nameAlg, BS_SPAN(work->seed, size), LABEL_AUTHENTICATE, BS_SPAN_NONE,
                                  BS_SPAN_NONE, work->hmac_key, size);
    BS_OWN(digest) hmac = NULL;
    if (err == BS_OK)
        err = crypto_digest_hmac(ek->nameAlg, BS_SPAN(work->hmac_key, size), &hmac);
    if (err == BS_OK)
        err = crypto_digest_update(hmac, encrypted);
    if (err == BS_OK)
        err = crypto_digest_update(hmac, name);
    return err == BS_OK ? crypto_digest_final(hmac, ret_mac, NULL) : err;
}

static enum bs_err protect(const TPMT_PUBLIC *ek, size_t key_size, struct bs_span name,
                           const uint8_t secret[CREDENTIAL_SIZE], struct work *work, struct bs_buf *ret_id_object)
{
    uint8_t credential[2 + CREDENTIAL_SIZE] = { 0, CREDENTIAL_SIZE }, mac[CRYPTO_HASH_MAX];
    memcpy(credential + 2, secret, CREDENTIAL_SIZE);
    enum bs_err err = encrypt_credential(ek, key_size, name, work, credential, sizeof(credential));
    if (err != BS_OK) {
        bs_wipe(credential, sizeof(credential));
        return err;
    }

    BS_SCOPED_BUF struct bs_buf object = BS_BUF(2 + CRYPTO_HASH_MAX + sizeof(credential));
    err = authenticate(ek, BS_SPAN(credential, sizeof(credential)), name, work, mac);
    if (err == BS_OK)
        err = append_2b(&object, BS_SPAN(mac, crypto_hash_size(ek->nameAlg)));
    if (err == BS_OK)
        err = bs_buf_append(&object, credential, sizeof(credential));
    return err == BS_OK ? append_2b(ret_id_object, bs_buf_span(&object)) : err;
}

/* Bytes of the symmetric key of a storage key; 0 when it is none, or one whose digest is too small for the secret. */
static size_t storage_key_size(const TPMT_PUBLIC *ek)
{
    const TPMA_OBJECT wanted = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
    if ((ek->objectAttributes & (wanted | TPMA_OBJECT_SIGN_ENCRYPT)) != wanted)
        return 0;
    if (crypto_hash_size(ek->nameAlg) < CREDENTIAL_SIZE || (ek->type != TPM2_ALG_RSA && ek->type != TPM2_ALG_ECC))
        return 0;

    const TPMT_SYM_DEF_OBJECT *symmetric = &ek->parameters.asymDetail.symmetric;
    if (symmetric->algorithm != TPM2_ALG_AES || symmetric->mode.aes != TPM2_ALG_CFB)
        return 0;
    return symmetric->keyBits.aes == 128 || symmetric->keyBits.aes == 256 ? symmetric->keyBits.aes / 8 : 0;
}

enum bs_err credential_make(const TPMT_PUBLIC *ek, const struct wire_name *name, const uint8_t secret[CREDENTIAL_SIZE],
                            struct bs_buf *ret_id_object, struct bs_buf *ret_encrypted_secret)
{
    size_t key_size = storage_key_size(ek);
    if (key_size == 0)
        return BS_ERR_PROTOCOL;

    __attribute__((cleanup(work_wipe))) struct work work = { 0 };
    enum bs_err err = ek->type == TPM2_ALG_RSA ? seed_to_rsa(ek, &work, ret_encrypted_secret)
                                               : seed_to_ecc(ek, &work, ret_encrypted_secret);
    return err == BS_OK ? protect(ek, key_size, wire_name_span(name), secret, &work, ret_id_object) : err;
}
