/* The templates of the keys that bootseal makes or looks for, as TPM2_CreatePrimary and TPM2_Create take them. */
#include "core/wire.h"

#include <assert.h>
#include <string.h>

#define EK_ATTRIBUTES                                                                                                 \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY | \
     TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* TCG EK Credential Profile 2.5, B.2: PolicyA, TPM2_PolicySecret(endorsement), with SHA-256. */
#define POLICY_A_SHA256                                                \
    "\x83\x71\x97\x67\x44\x84\xb3\xf8\x1a\x90\xcc\x8d\x46\xa5\xd7\x24" \
    "\xfd\x52\xd7\x6e\x06\x52\x0b\x64\xf2\xa1\xda\x1b\x33\x14\x69\xaa"

/* B.6.3: PolicyB, PolicyA or a policy in NV, with SHA-384. */
#define POLICY_B_SHA384                                                \
    "\xb2\x6e\x7d\x28\xd1\x1a\x50\xbc\x53\xd8\x82\xbc\xf5\xfd\x3a\x1a" \
    "\x07\x41\x48\xbb\x35\xd3\xb4\xe4\xcb\x1c\x0a\xd9\xbd\xe4\x19\xca" \
    "\xcb\x47\xba\x09\x69\x96\x46\x15\x0f\x9f\xc0\x00\xf3\xf8\x0e\x12"

#define AES_CFB(bits)                                                              \
    {                                                                              \
        .algorithm = TPM2_ALG_AES, .keyBits.aes = (bits), .mode.aes = TPM2_ALG_CFB \
    }

static const struct wire_ek_template ek_templates[WIRE_EK_COUNT] = {
    /* Template L-1 (B.3.3): unique is zero-filled to the key's size. */
    [WIRE_EK_RSA2048] = {
        .kind = WIRE_EK_RSA2048,
        .name = "rsa2048",
        .handle = 0x81010001,
        .cert_index = 0x01c00002,
        .is_low_range = true,
        .public_area = {
            .type = TPM2_ALG_RSA,
            .nameAlg = TPM2_ALG_SHA256,
            .objectAttributes = EK_ATTRIBUTES,
            .authPolicy = { .size = 32, .buffer = POLICY_A_SHA256 },
            .parameters.rsaDetail = {
                .symmetric = AES_CFB(128),
                .scheme.scheme = TPM2_ALG_NULL,
                .keyBits = 2048,
                .exponent = 0,
            },
            .unique.rsa.size = 256,
        },
    },
    /* Template L-2 (B.3.4). */
    [WIRE_EK_P256] = {
        .kind = WIRE_EK_P256,
        .name = "p256",
        .handle = 0x81010002,
        .cert_index = 0x01c0000a,
        .is_low_range = true,
        .public_area = {
            .type = TPM2_ALG_ECC,
            .nameAlg = TPM2_ALG_SHA256,
            .objectAttributes = EK_ATTRIBUTES,
            .authPolicy = { .size = 32, .buffer = POLICY_A_SHA256 },
            .parameters.eccDetail = {
                .symmetric = AES_CFB(128),
                .scheme.scheme = TPM2_ALG_NULL,
                .curveID = TPM2_ECC_NIST_P256,
                .kdf.scheme = TPM2_ALG_NULL,
            },
            .unique.ecc = { .x.size = 32, .y.size = 32 },
        },
    },
    /* Template H-3 (B.4.5): unique is empty; its own auth may use it, which is empty too. */
    [WIRE_EK_P384] = {
        .kind = WIRE_EK_P384,
        .name = "p384",
        .handle = 0x81010016,
        .cert_index = 0x01c00016,
        .is_low_range = false,
        .public_area = {
            .type = TPM2_ALG_ECC,
            .nameAlg = TPM2_ALG_SHA384,
            .objectAttributes = EK_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH,
            .authPolicy = { .size = 48, .buffer = POLICY_B_SHA384 },
            .parameters.eccDetail = {
                .symmetric = AES_CFB(256),
                .scheme.scheme = TPM2_ALG_NULL,
                .curveID = TPM2_ECC_NIST_P384,
                .kdf.scheme = TPM2_ALG_NULL,
            },
        },
    },
};

const struct wire_ek_template *wire_ek_template(enum wire_ek kind)
{
    assert((unsigned)kind < WIRE_EK_COUNT);
    return &ek_templates[kind];
}

/* A point whose coordinates have the curve's size, a modulus with the key's bits: what a TPM makes of a template. */
static bool unique_is_whole(const TPMT_PUBLIC *public_area)
{
    if (public_area->type == TPM2_ALG_RSA) {
        const TPM2B_PUBLIC_KEY_RSA *n = &public_area->unique.rsa;
        return n->size == public_area->parameters.rsaDetail.keyBits / 8 && n->buffer[0] >= 0x80;
    }
    struct crypto_point point;
    return wire_public_point(public_area, &point) == BS_OK;
}

bool wire_is_ek(const TPMT_PUBLIC *public_area, enum wire_ek *ret_kind)
{
    for (unsigned kind = 0; kind < WIRE_EK_COUNT; kind++)
        if (wire_matches(public_area, &ek_templates[kind].public_area) && unique_is_whole(public_area)) {
            *ret_kind = (enum wire_ek)kind;
            return true;
        }
    return false;
}

bool wire_matches(const TPMT_PUBLIC *public_area, const TPMT_PUBLIC *template)
{
    if (public_area->type != template->type)
        return false;

    /* Compared as marshalled: unions make a memcmp of the structs meaningless. */
    TPMT_PUBLIC plain = *public_area;
    plain.unique = template->unique;
    BS_SCOPED_BUF struct bs_buf a = BS_BUF(sizeof(plain));
    BS_SCOPED_BUF struct bs_buf b = BS_BUF(sizeof(plain));
    return wire_public_encode(&plain, &a) == BS_OK && wire_public_encode(template, &b) == BS_OK &&
           bs_span_equal(bs_buf_span(&a), bs_buf_span(&b));
}

static void ecc_key(TPMA_OBJECT attributes, TPMT_PUBLIC *ret_public)
{
    *ret_public = (TPMT_PUBLIC){
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                            TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | attributes,
        .parameters.eccDetail = {
            .symmetric.algorithm = TPM2_ALG_NULL,
            .scheme.scheme = TPM2_ALG_NULL,
            .curveID = TPM2_ECC_NIST_P256,
            .kdf.scheme = TPM2_ALG_NULL,
        },
    };
}

static void ecdsa_key(TPMA_OBJECT attributes, TPMT_PUBLIC *ret_public)
{
    ecc_key(TPMA_OBJECT_SIGN_ENCRYPT | attributes, ret_public);
    ret_public->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
    ret_public->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
}

/* TCG TPM 2.0 Provisioning Guidance §7.5.1 with an empty unique, which is what systemd's tpm2-setup persists. */
void wire_template_srk(TPMT_PUBLIC *ret_public)
{
    ecc_key(TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT, ret_public);
    ret_public->parameters.eccDetail.symmetric = (TPMT_SYM_DEF_OBJECT)AES_CFB(128);
}

/* Its unique makes this primary another key than anybody else's with the same template. */
void wire_template_ak(TPMT_PUBLIC *ret_public)
{
    static const char label[] = "bootseal ak v1";

    ecdsa_key(TPMA_OBJECT_RESTRICTED, ret_public);
    TPM2B_ECC_PARAMETER *x = &ret_public->unique.ecc.x;
    x->size = sizeof(label) - 1;
    memcpy(x->buffer, label, sizeof(label) - 1);
}

void wire_template_device(TPMT_PUBLIC *ret_public)
{
    ecdsa_key(0, ret_public);
}

/* userWithAuth, because TPM2_LoadExternal wants some way to use it; nothing here is fixed to a TPM (Part 3 §12.3). */
#define POLICY_KEY_ATTRIBUTES (TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH)

enum bs_err wire_policy_key_ecc(const struct crypto_point *point, TPMT_PUBLIC *ret_public)
{
    if (point->curve != CRYPTO_P256)
        return BS_ERR_INPUT;
    ecdsa_key(0, ret_public);
    ret_public->objectAttributes = POLICY_KEY_ATTRIBUTES;
    TPMS_ECC_POINT *unique = &ret_public->unique.ecc;
    unique->x.size = unique->y.size = 32;
    memcpy(unique->x.buffer, point->x, 32);
    memcpy(unique->y.buffer, point->y, 32);
    return BS_OK;
}

enum bs_err wire_policy_key_rsa(struct bs_span modulus, uint32_t exponent, TPMT_PUBLIC *ret_public)
{
    if ((modulus.size != 256 && modulus.size != 384 && modulus.size != 512) || modulus.data[0] < 0x80)
        return BS_ERR_INPUT;
    *ret_public = (TPMT_PUBLIC){
        .type = TPM2_ALG_RSA,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = POLICY_KEY_ATTRIBUTES,
        .parameters.rsaDetail = {
            .symmetric.algorithm = TPM2_ALG_NULL,
            .scheme = { .scheme = TPM2_ALG_RSASSA, .details.rsassa.hashAlg = TPM2_ALG_SHA256 },
            .keyBits = (UINT16)(8 * modulus.size),
            .exponent = exponent == 65537 ? 0 : exponent,
        },
    };
    ret_public->unique.rsa.size = (UINT16)modulus.size;
    memcpy(ret_public->unique.rsa.buffer, modulus.data, modulus.size);
    return BS_OK;
}
