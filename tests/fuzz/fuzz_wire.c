/* Structures of a TPM: what is taken is written again as it was, and what is made of it does not depend on when it is asked. */
#include "core/credential.h"
#include "core/wire.h"
#include "fuzz/fuzz.h"

#include <string.h>

#define ENCODED_MAX 8192

static struct bs_span input;

#define ROUND_TRIP(kind, type)                                          \
    static bool round_trip_##kind(type *ret_value)                      \
    {                                                                   \
        BS_SCOPED_BUF struct bs_buf encoded = BS_BUF(ENCODED_MAX);      \
        enum bs_err err = wire_##kind##_decode(input, ret_value);       \
        if (err != BS_OK) {                                             \
            FUZZ_CLAIM(err == BS_ERR_PROTOCOL);                         \
            return false;                                               \
        }                                                               \
        FUZZ_CLAIM(wire_##kind##_encode(ret_value, &encoded) == BS_OK); \
        FUZZ_CLAIM(bs_span_equal(bs_buf_span(&encoded), input));        \
        return true;                                                    \
    }
ROUND_TRIP(public, TPMT_PUBLIC)
ROUND_TRIP(signature, TPMT_SIGNATURE)
ROUND_TRIP(nv_public, TPMS_NV_PUBLIC)
ROUND_TRIP(private, TPM2B_PRIVATE)
ROUND_TRIP(public2b, TPM2B_PUBLIC)

static void refused(enum bs_err err)
{
    if (err != BS_OK)
        FUZZ_CLAIM_REFUSAL(err);
}

/* A server makes credentials for whatever device sends a key of the EK's template. */
static void challenge(const TPMT_PUBLIC *ek)
{
    static const uint8_t secret[CREDENTIAL_SIZE] = { 7 };
    const struct wire_name name = { .size = 34, .name = { 0x00, 0x0b } };
    BS_SCOPED_BUF struct bs_buf id_object = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf encrypted = BS_BUF(1024);
    TPM2B_ID_OBJECT object;
    TPM2B_ENCRYPTED_SECRET sealed;
    enum bs_err err = credential_make(ek, &name, secret, &id_object, &encrypted);
    refused(err);
    if (err == BS_OK) {
        FUZZ_CLAIM(wire_id_object_decode(bs_buf_span(&id_object), &object) == BS_OK);
        FUZZ_CLAIM(wire_encrypted_secret_decode(bs_buf_span(&encrypted), &sealed) == BS_OK);
    }
}

static void use_public(const TPMT_PUBLIC *area)
{
    struct wire_name name, again;
    struct crypto_point point;
    enum wire_ek kind;
    uint8_t id[WIRE_ID_SIZE];
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(2048);
    enum bs_err err = wire_public_name(area, &name);
    refused(err);
    if (err == BS_OK) {
        FUZZ_CLAIM(wire_public_name(area, &again) == BS_OK && wire_name_equal(&name, &again));
        FUZZ_CLAIM(wire_name_from_span(wire_name_span(&name), &again) == BS_OK && wire_name_equal(&name, &again));
    }
    refused(wire_public_point(area, &point));
    refused(wire_public_spki(area, &spki));
    refused(wire_device_id(area, id));
    FUZZ_CLAIM(wire_matches(area, area));
    if (wire_is_ek(area, &kind))
        challenge(area);
}

/* A public area of a good key, to check signatures with. */
static void use_signature(const TPMT_SIGNATURE *signature)
{
    TPMT_PUBLIC ak;
    wire_template_ak(&ak);
    ak.unique.ecc.x.size = ak.unique.ecc.y.size = 32;
    FUZZ_CLAIM(wire_attest_verify(&ak, input, signature) != BS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TPMT_PUBLIC area;
    TPM2B_PUBLIC area2b;
    TPMT_SIGNATURE signature;
    TPMS_NV_PUBLIC nv;
    TPM2B_PRIVATE private_area;
    TPMS_ATTEST attest;
    TPM2B_ID_OBJECT id_object;
    TPM2B_ENCRYPTED_SECRET encrypted;
    struct wire_name name;
    input = BS_SPAN(data, size);
    if (round_trip_public(&area))
        use_public(&area);
    if (round_trip_signature(&signature))
        use_signature(&signature);
    if (round_trip_nv_public(&nv))
        refused(wire_nv_name(&nv, &name));
    (void)round_trip_private(&private_area);
    (void)round_trip_public2b(&area2b);
    refused(wire_attest_decode(input, &attest));
    refused(wire_id_object_decode(input, &id_object));
    refused(wire_encrypted_secret_decode(input, &encrypted));
    refused(wire_name_from_span(input, &name));
    return 0;
}
