/*
 * Key pairs whose private halves everybody knows, for tests alone: RFC 6979 A.2.5 and A.2.6 with their signatures of
 * "sample", and an RSA-2048 key.
 */
#pragma once

#include "hex.h"

#include "core/crypto.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/rsa.h>

static const struct ecc_vector {
    uint16_t curve, hash;
    int wc;
    const char *d, *x, *y, *r, *s, *order;
} ecc_keys[] = {
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

static inline struct crypto_point point_of(const struct ecc_vector *v)
{
    struct crypto_point point = { .curve = v->curve };
    memcpy(point.x, hex(v->x).data, crypto_ecc_size(v->curve));
    memcpy(point.y, hex(v->y).data, crypto_ecc_size(v->curve));
    return point;
}

/* The other side's computation, with the private number of the vector. */
static inline void their_z(const struct ecc_vector *v, const struct crypto_point *ours, uint8_t *ret_z)
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

static inline int open_oaep(struct bs_span cipher, int hash, int mgf, const char *label, size_t label_size,
                            uint8_t *ret_plain)
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
