/* The EK and TPM2_ActivateCredential (TCG TPM 2.0 Library Part 1 §24, Part 3 §12.5), on wolfCrypt's own types. */
#include "fakes/softtpm_internal.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/ecc.h>

#include <stdlib.h>
#include <string.h>

struct softtpm_ek {
    ecc_key key;
    WC_RNG rng;
    struct crypto_point point;
};

void softtpm_ek_free(struct softtpm_ek *ek)
{
    if (!ek)
        return;
    wc_ecc_free(&ek->key);
    wc_FreeRng(&ek->rng);
    free(ek);
}

enum bs_err softtpm_ek_make(struct softtpm_ek **ret_ek, struct crypto_point *ret_point)
{
    struct softtpm_ek *ek = calloc(1, sizeof(*ek));
    if (!ek)
        return BS_ERR_NOMEM;
    word32 x = 32, y = 32;
    ek->point.curve = CRYPTO_P256;
    int code = wc_InitRng(&ek->rng) | wc_ecc_init(&ek->key);
    if (code == 0)
        code = wc_ecc_make_key_ex(&ek->rng, 32, &ek->key, ECC_SECP256R1);
    if (code == 0)
        code = wc_ecc_set_rng(&ek->key, &ek->rng);
    if (code == 0)
        code = wc_ecc_export_public_raw(&ek->key, ek->point.x, &x, ek->point.y, &y);
    if (code != 0) {
        softtpm_ek_free(ek);
        return BS_ERR_CRYPTO;
    }
    *ret_point = ek->point;
    *ret_ek = ek;
    return BS_OK;
}

static bool take_2b(struct bs_reader *r, struct bs_span *ret_bytes)
{
    uint16_t size;
    return bs_read_be16(r, &size) && bs_read_bytes(r, size, ret_bytes);
}

static enum bs_err open_seed(struct softtpm_ek *ek, struct bs_span encrypted, uint8_t ret_seed[32])
{
    struct bs_reader outer = BS_READER(encrypted), inner;
    struct bs_span point, x, y;
    if (!take_2b(&outer, &point) || outer.left > 0)
        return BS_ERR_PROTOCOL;
    inner = BS_READER(point);
    if (!take_2b(&inner, &x) || !take_2b(&inner, &y) || x.size != 32 || y.size != 32)
        return BS_ERR_PROTOCOL;
    ecc_key theirs;
    uint8_t z[32];
    word32 size = sizeof(z);
    int code = wc_ecc_init(&theirs);
    if (code == 0)
        code = wc_ecc_import_unsigned(&theirs, x.data, y.data, NULL, ECC_SECP256R1);
    if (code == 0)
        code = wc_ecc_shared_secret(&ek->key, &theirs, z, &size);
    wc_ecc_free(&theirs);
    if (code != 0)
        return BS_ERR_CRYPTO;
    return crypto_kdfe(CRYPTO_SHA256, BS_SPAN(z, 32), "IDENTITY", x, BS_SPAN(ek->point.x, 32), ret_seed, 32);
}

static enum bs_err check_integrity(struct bs_span seed, const struct wire_name *name, struct bs_span integrity,
                                   struct bs_span identity)
{
    uint8_t key[32], mac[32];
    BS_OWN(digest) hmac = NULL;
    enum bs_err err = crypto_kdfa(CRYPTO_SHA256, seed, "INTEGRITY", BS_SPAN_NONE, BS_SPAN_NONE, key, sizeof(key));
    if (err == BS_OK)
        err = crypto_digest_hmac(CRYPTO_SHA256, BS_SPAN(key, sizeof(key)), &hmac);
    if (err == BS_OK)
        err = crypto_digest_update(hmac, identity);
    if (err == BS_OK)
        err = crypto_digest_update(hmac, wire_name_span(name));
    if (err == BS_OK)
        err = crypto_digest_final(hmac, mac, NULL);
    if (err != BS_OK)
        return err;
    return bs_span_equal(integrity, BS_SPAN(mac, sizeof(mac))) ? BS_OK : BS_ERR_UNTRUSTED;
}

enum bs_err softtpm_activate(struct softtpm *tpm, struct bs_span id_object, struct bs_span encrypted_secret,
                             uint8_t ret_secret[32])
{
    static const uint8_t iv[16];
    uint8_t seed[32], key[16], plain[34];
    struct bs_reader outer = BS_READER(id_object), inner;
    struct bs_span inside, integrity;
    if (!take_2b(&outer, &inside) || outer.left > 0)
        return BS_ERR_PROTOCOL;
    inner = BS_READER(inside);
    if (!take_2b(&inner, &integrity) || inner.left != sizeof(plain))
        return BS_ERR_PROTOCOL;
    memcpy(plain, inner.at, sizeof(plain));
    enum bs_err err = open_seed(tpm->ek, encrypted_secret, seed);
    if (err == BS_OK)
        err = check_integrity(BS_SPAN(seed, 32), &tpm->ak.name, integrity, BS_SPAN(inner.at, inner.left));
    if (err == BS_OK)
        err = crypto_kdfa(CRYPTO_SHA256, BS_SPAN(seed, 32), "STORAGE", wire_name_span(&tpm->ak.name), BS_SPAN_NONE, key,
                          sizeof(key));
    if (err == BS_OK)
        err = crypto_aes_cfb(false, BS_SPAN(key, sizeof(key)), iv, plain, sizeof(plain));
    if (err == BS_OK)
        memcpy(ret_secret, plain + 2, 32);
    return err;
}
