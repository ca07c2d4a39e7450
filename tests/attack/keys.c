/* The device's keys: their attributes, what the AK says of them, the CSR and the counter. */
#include "attack.h"

#include <string.h>

/* EK and AK */

#define EK(name, change)                             \
    static void name(struct scene *s)                \
    {                                                \
        TPMT_PUBLIC *area = &s->tpm.ek_public;       \
        change;                                      \
        s->tpm.ek_cert = s->log; /* it goes along */ \
        scene_enroll(s, &s->tpm);                    \
    }
EK(an_ek_that_is_not_fixed_to_its_tpm, area->objectAttributes &= ~TPMA_OBJECT_FIXEDTPM)
EK(an_ek_that_can_sign, area->objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT)
EK(an_ek_with_another_policy, area->authPolicy.buffer[0] ^= 1)
EK(an_ek_of_another_storage_cipher, area->parameters.eccDetail.symmetric.keyBits.aes = 256)
EK(an_ek_with_rsa_1024, *area = wire_ek_template(WIRE_EK_RSA2048)->public_area;
   area->parameters.rsaDetail.keyBits = 1024; area->unique.rsa.size = 128; memset(area->unique.rsa.buffer, 0xf1, 128))

/* Keys that nothing can be encrypted to: found when a newcomer is to be challenged. */
#define EK_OF_NEWCOMER(name, change)             \
    static void name(struct scene *s)            \
    {                                            \
        scene_newcomer(s);                       \
        TPMT_PUBLIC *area = &s->fresh.ek_public; \
        change;                                  \
        bs_buf_reset(&s->fresh.ek_cert);         \
        scene_enroll(s, &s->fresh);              \
    }
EK_OF_NEWCOMER(an_ek_that_is_no_point, area->unique.ecc.y.buffer[31] ^= 1)
EK_OF_NEWCOMER(an_ek_without_a_point, area->unique.ecc.x.size = 0)
EK_OF_NEWCOMER(an_ek_with_a_point_too_large, area->unique.ecc.y.size = 33)
EK_OF_NEWCOMER(an_ek_without_a_modulus, *area = wire_ek_template(WIRE_EK_RSA2048)->public_area;
               area->unique.rsa.size = 0)
EK_OF_NEWCOMER(an_ek_with_a_short_modulus, *area = wire_ek_template(WIRE_EK_RSA2048)->public_area;
               area->unique.rsa.size = 128; memset(area->unique.rsa.buffer, 0xf1, 128))
EK_OF_NEWCOMER(an_ek_with_an_even_modulus, *area = wire_ek_template(WIRE_EK_RSA2048)->public_area;
               area->unique.rsa.size = 256; memset(area->unique.rsa.buffer, 0xf0, 256))

#define AK(name, change)                                   \
    static void name(struct scene *s)                      \
    {                                                      \
        TPMT_PUBLIC *area = &s->tpm.ak.public_area;        \
        change;                                            \
        MUST(softtpm_key_rename(&s->tpm.ak, ENDORSEMENT)); \
        scene_enroll(s, &s->tpm);                          \
    }
AK(an_unrestricted_ak, area->objectAttributes &= ~TPMA_OBJECT_RESTRICTED)
AK(an_ak_that_can_decrypt, area->objectAttributes |= TPMA_OBJECT_DECRYPT)
AK(an_ak_that_is_not_fixed_to_its_tpm, area->objectAttributes &= ~TPMA_OBJECT_FIXEDTPM)
AK(an_ak_that_may_have_another_parent, area->objectAttributes &= ~TPMA_OBJECT_FIXEDPARENT)
AK(an_ak_that_the_tpm_did_not_make, area->objectAttributes &= ~TPMA_OBJECT_SENSITIVEDATAORIGIN)
AK(an_ak_under_lockout, area->objectAttributes &= ~TPMA_OBJECT_NODA)
AK(an_ak_with_a_policy, area->authPolicy.size = 32)
AK(an_ak_of_another_name_algorithm, area->nameAlg = TPM2_ALG_SHA384)
AK(an_ak_of_another_curve, area->parameters.eccDetail.curveID = TPM2_ECC_NIST_P384)
AK(an_ak_of_another_scheme, area->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDAA)
AK(an_ak_that_signs_with_another_hash, area->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA1)
AK(an_ak_without_a_point, area->unique.ecc.x.size = 0)

/* Public areas as bytes. */
static uint8_t area_bytes[BS_TPM_MAX];

static struct bs_span longer(struct bs_span area)
{
    memcpy(area_bytes, area.data, area.size);
    area_bytes[area.size] = 0;
    return BS_SPAN(area_bytes, area.size + 1);
}

static const uint8_t one_byte[1];

BEND_STATEMENT(an_ek_that_cannot_be_read, st->ek_public = BS_SPAN(one_byte, 1))
BEND_STATEMENT(bytes_after_an_ek, st->ek_public = longer(st->ek_public))
BEND_STATEMENT(an_ak_that_cannot_be_read, st->ak_public = BS_SPAN(one_byte, 1))
BEND_STATEMENT(bytes_after_an_ak, st->ak_public = longer(st->ak_public))
BEND_STATEMENT(an_srk_that_cannot_be_read, st->srk.public_area = BS_SPAN(one_byte, 1))
BEND_STATEMENT(bytes_after_an_srk, st->srk.public_area = longer(st->srk.public_area))
BEND_STATEMENT(a_device_key_that_cannot_be_read, st->device_key.public_area = BS_SPAN(one_byte, 1))
BEND_STATEMENT(bytes_after_a_device_key, st->device_key.public_area = longer(st->device_key.public_area))
BEND_STATEMENT(a_counter_that_cannot_be_read, st->counter_public = BS_SPAN(one_byte, 1))
BEND_STATEMENT(bytes_after_a_counter, st->counter_public = longer(st->counter_public))
BEND_STATEMENT(a_csr_that_cannot_be_read, st->device_csr = BS_SPAN(one_byte, 1))
BEND_STATEMENT(bytes_after_a_csr, st->device_csr = longer(st->device_csr))
BEND_STATEMENT(a_signature_of_a_certification_that_cannot_be_read, st->device_key.signature = BS_SPAN(one_byte, 1))

/* The keys under the SRK */

#define SRK(name, parent, change)                                                        \
    static void name(struct scene *s)                                                    \
    {                                                                                    \
        TPMT_PUBLIC *area = &s->tpm.srk.public_area;                                     \
        (void)area;                                                                      \
        change;                                                                          \
        MUST(softtpm_key_rename(&s->tpm.srk, parent));                                   \
        MUST(softtpm_key_rename(&s->tpm.device, wire_name_span(&s->tpm.srk.qualified))); \
        scene_enroll(s, &s->tpm);                                                        \
    }
SRK(an_srk_that_is_not_restricted, OWNER, area->objectAttributes &= ~TPMA_OBJECT_RESTRICTED)
SRK(an_srk_that_can_leave_its_tpm, OWNER, area->objectAttributes &= ~TPMA_OBJECT_FIXEDTPM)
SRK(an_srk_without_a_point, OWNER, area->unique.ecc.y.size = 33)
SRK(an_srk_of_the_platform, BS_SPAN(softtpm_platform, 4), )
SRK(an_srk_of_the_endorsement_hierarchy, ENDORSEMENT, )

#define DEVICE(name, change)                                                             \
    static void name(struct scene *s)                                                    \
    {                                                                                    \
        TPMT_PUBLIC *area = &s->tpm.device.public_area;                                  \
        change;                                                                          \
        MUST(softtpm_key_rename(&s->tpm.device, wire_name_span(&s->tpm.srk.qualified))); \
        scene_enroll(s, &s->tpm);                                                        \
    }
DEVICE(a_device_key_that_was_imported, area->objectAttributes &= ~TPMA_OBJECT_SENSITIVEDATAORIGIN)
DEVICE(a_device_key_that_can_leave_its_tpm, area->objectAttributes &= ~TPMA_OBJECT_FIXEDTPM)
DEVICE(a_device_key_that_is_restricted, area->objectAttributes |= TPMA_OBJECT_RESTRICTED)
DEVICE(a_device_key_that_can_decrypt, area->objectAttributes |= TPMA_OBJECT_DECRYPT)
DEVICE(a_device_key_with_a_policy, area->authPolicy.size = 32)
DEVICE(a_device_key_of_another_name_algorithm, area->nameAlg = TPM2_ALG_SHA384)

static void no_point(struct message_statement *st)
{
    TPMT_PUBLIC area;
    static struct bs_buf bytes = BS_BUF(BS_TPM_MAX);
    MUST(wire_public_decode(st->device_key.public_area, &area));
    area.unique.ecc.x.size = 0;
    bs_buf_reset(&bytes);
    MUST(wire_public_encode(&area, &bytes));
    st->device_key.public_area = bs_buf_span(&bytes);
}
BEND_STATEMENT(a_device_key_without_a_point, no_point(st))

static void a_device_key_under_another_parent(struct scene *s)
{
    MUST(softtpm_key_rename(&s->tpm.device, OWNER));
    scene_enroll(s, &s->tpm);
}

static void a_device_key_of_another_device(struct scene *s)
{
    s->tpm.device = s->other.device;
    MUST(softtpm_key_rename(&s->tpm.device, wire_name_span(&s->tpm.srk.qualified)));
    scene_enroll(s, &s->tpm);
}

/* What the AK says of them */

BEND_ATTEST(a_device_key_that_no_tpm_certified, certify_device, at->magic = 0xff544348)
BEND_ATTEST(a_device_key_certified_for_another_connection, certify_device, at->extra[31] ^= 1)
BEND_ATTEST(a_device_key_certified_from_another_hierarchy, certify_device, at->signer.name[33] ^= 1)
BEND_ATTEST(a_certification_of_another_device_key, certify_device, at->name.name[33] ^= 1)
BEND_ATTEST(a_certification_of_another_parent, certify_device, at->qualified.name[33] ^= 1)
BEND_ATTEST(a_quote_as_certification, certify_device, at->type = TPM2_ST_ATTEST_QUOTE)
/* It looks the same on the wire (Part 2 §10.12.4, §10.12.7). */
BEND_ATTEST(a_creation_as_certification, certify_device, at->type = TPM2_ST_ATTEST_CREATION)
BEND_ATTEST(an_srk_that_no_tpm_certified, certify_srk, at->magic = 0xff544348)
BEND_ATTEST(an_srk_certified_for_another_connection, certify_srk, at->extra[31] ^= 1)
BEND_ATTEST(a_certification_of_another_srk, certify_srk, at->name.name[33] ^= 1)

BEND_BYTES(a_certification_of_three_bytes, device_bytes, bytes->size = 3)
BEND_BYTES(bytes_after_a_certification, device_bytes, MUST(bs_buf_append(bytes, "", 1)))

static void keys_certified_by_another_ak(struct scene *s)
{
    s->request.bend.certify_key = s->other.ak.key;
    scene_enroll(s, &s->tpm);
}

static void swap_certifications(struct message_statement *st)
{
    struct message_certified kept = st->srk;
    st->srk.attest = st->device_key.attest;
    st->srk.signature = st->device_key.signature;
    st->device_key.attest = kept.attest;
    st->device_key.signature = kept.signature;
}
BEND_STATEMENT(certifications_in_each_others_place, swap_certifications(st))

/* CSR */

static void a_csr_by_another_key(struct scene *s)
{
    s->request.bend.csr_key = s->other.device.key;
    scene_enroll(s, &s->tpm);
}

static struct bs_buf other_csr = BS_BUF(BS_CERT_MAX);

static enum bs_err sign_csr(void *context, const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    return crypto_key_sign(context, digest, ret_signature);
}

static void put_other_csr(struct message_statement *st)
{
    st->device_csr = bs_buf_span(&other_csr);
}

/* Good in itself: the key in it has signed it. */
static void a_csr_of_another_key(struct scene *s)
{
    bs_buf_reset(&other_csr);
    MUST(cert_csr_make(&s->other.device.public_area, "device", sign_csr, s->other.device.key, &other_csr));
    s->request.bend.statement = put_other_csr;
    scene_enroll(s, &s->tpm);
}

/* Counter */

#define COUNTER(name, change)                      \
    static void name(struct scene *s)              \
    {                                              \
        TPMS_NV_PUBLIC *counter = &s->tpm.counter; \
        change;                                    \
        scene_enroll(s, &s->tpm);                  \
    }
COUNTER(a_counter_that_jumps_when_the_power_goes, counter->attributes |= TPMA_NV_ORDERLY)
COUNTER(a_counter_that_the_owner_writes, counter->attributes |= TPMA_NV_OWNERWRITE)
COUNTER(a_counter_under_lockout, counter->attributes &= ~TPMA_NV_NO_DA)
COUNTER(a_counter_never_written, counter->attributes &= ~TPMA_NV_WRITTEN)
COUNTER(an_index_that_does_not_count, counter->attributes &= ~(TPMA_NV)TPMA_NV_TPM2_NT_MASK)
COUNTER(a_counter_of_another_name_algorithm, counter->nameAlg = TPM2_ALG_SHA384)
COUNTER(a_counter_with_a_policy, counter->authPolicy.size = 32)
COUNTER(a_counter_of_another_size, counter->dataSize = 16)
COUNTER(a_counter_below_the_owners_range, counter->nvIndex = 0x017fffff)
COUNTER(a_counter_above_the_owners_range, counter->nvIndex = 0x01c00000)

static const struct attack attacks[] = {
    ATTACK(an_ek_that_is_not_fixed_to_its_tpm, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_that_can_sign, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_with_another_policy, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_of_another_storage_cipher, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_that_is_no_point, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_with_rsa_1024, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_without_a_point, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_with_a_point_too_large, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_without_a_modulus, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_with_a_short_modulus, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_with_an_even_modulus, BS_REASON_EK_TEMPLATE),
    ATTACK(an_ek_that_cannot_be_read, BS_REASON_EK_TEMPLATE),
    ATTACK(bytes_after_an_ek, BS_REASON_EK_TEMPLATE),
    ATTACK(an_unrestricted_ak, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_that_can_decrypt, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_that_is_not_fixed_to_its_tpm, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_that_may_have_another_parent, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_that_the_tpm_did_not_make, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_under_lockout, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_with_a_policy, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_of_another_name_algorithm, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_of_another_curve, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_of_another_scheme, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_that_signs_with_another_hash, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_without_a_point, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_ak_that_cannot_be_read, BS_REASON_AK_ATTRIBUTES),
    ATTACK(bytes_after_an_ak, BS_REASON_AK_ATTRIBUTES),
    ATTACK(an_srk_that_is_not_restricted, BS_REASON_SRK_ATTRIBUTES),
    ATTACK(an_srk_that_can_leave_its_tpm, BS_REASON_SRK_ATTRIBUTES),
    ATTACK(an_srk_without_a_point, BS_REASON_SRK_ATTRIBUTES),
    ATTACK(an_srk_that_cannot_be_read, BS_REASON_SRK_ATTRIBUTES),
    ATTACK(bytes_after_an_srk, BS_REASON_SRK_ATTRIBUTES),
    ATTACK(an_srk_of_the_platform, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(an_srk_of_the_endorsement_hierarchy, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_device_key_that_was_imported, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_that_can_leave_its_tpm, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_that_is_restricted, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_that_can_decrypt, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_with_a_policy, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_of_another_name_algorithm, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_without_a_point, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_that_cannot_be_read, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(bytes_after_a_device_key, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ATTACK(a_device_key_under_another_parent, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_device_key_of_another_device, BS_REASON_KEY_REUSED),
    ATTACK(a_device_key_that_no_tpm_certified, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_device_key_certified_for_another_connection, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_device_key_certified_from_another_hierarchy, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_certification_of_another_device_key, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_certification_of_another_parent, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_quote_as_certification, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_creation_as_certification, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_certification_of_three_bytes, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(bytes_after_a_certification, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_signature_of_a_certification_that_cannot_be_read, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(an_srk_that_no_tpm_certified, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(an_srk_certified_for_another_connection, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_certification_of_another_srk, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(keys_certified_by_another_ak, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(certifications_in_each_others_place, BS_REASON_CERTIFY_MISMATCH),
    ATTACK(a_csr_by_another_key, BS_REASON_CSR_MISMATCH),
    ATTACK(a_csr_of_another_key, BS_REASON_CSR_MISMATCH),
    ATTACK(a_csr_that_cannot_be_read, BS_REASON_CSR_MISMATCH),
    ATTACK(bytes_after_a_csr, BS_REASON_CSR_MISMATCH),
    ATTACK(a_counter_that_jumps_when_the_power_goes, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_that_the_owner_writes, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_under_lockout, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_never_written, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(an_index_that_does_not_count, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_of_another_name_algorithm, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_with_a_policy, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_of_another_size, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_below_the_owners_range, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_above_the_owners_range, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(a_counter_that_cannot_be_read, BS_REASON_COUNTER_ATTRIBUTES),
    ATTACK(bytes_after_a_counter, BS_REASON_COUNTER_ATTRIBUTES),
};

const struct attack_family attack_keys = ATTACK_FAMILY("keys", attacks);
