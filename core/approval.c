#include "core/approval_shape.h"

#include "core/bundle.h"
#include "core/log.h"
#include "core/message_shape.h"
#include "core/policy_digest.h"

#include <string.h>

static bool approval_is_sound(const void *from)
{
    const struct approval *approval = from;
    return bundle_item_name_is_valid(approval->release);
}

#define APPROVAL struct approval
static const struct shape_field approval_fields[] = {
    { 1, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_MEMBER(APPROVAL, release), SHAPE_SIZE(1, BS_ITEM_NAME_MAX) },
    { 2, SHAPE_MAP, SHAPE_REQUIRED, SHAPE_MEMBER(APPROVAL, pcrs), .shape = &message_pcrs_shape },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(APPROVAL, policy_ref),
      SHAPE_SIZE(APPROVAL_REF_SIZE, APPROVAL_REF_SIZE) },
    { 4, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(APPROVAL, signature),
      SHAPE_SIZE(APPROVAL_SIGNATURE_SIZE, APPROVAL_SIGNATURE_SIZE) },
};
const struct shape approval_shape = SHAPE_OF(approval_fields, approval_is_sound);

static const struct shape_field approvals_fields[] = {
    { 1, SHAPE_MAP, SHAPE_REQUIRED, SHAPE_LIST(struct approvals, list, count), .shape = &approval_shape },
};
static const struct shape approvals_shape = SHAPE_OF(approvals_fields, NULL);

enum bs_err approval_ref(struct bs_span device, uint64_t epoch, uint8_t ret_ref[APPROVAL_REF_SIZE])
{
    uint8_t number[8];
    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(epoch >> (56 - 8 * i));
    const struct bs_span pieces[] = { device, BS_SPAN(number, sizeof(number)) };
    return crypto_labelled(BS_LABEL_POLICY_REF, pieces, 2, ret_ref);
}

enum bs_err approval_policy(const struct message_pcrs *pcrs, uint8_t ret_policy[CRYPTO_SHA256_SIZE])
{
    struct bs_span values[MESSAGE_PCRS];
    size_t count = 0, size = crypto_hash_size(pcrs->bank);
    for (unsigned n = 0; n < MESSAGE_PCRS; n++) {
        if (!(pcrs->mask >> n & 1))
            continue;
        if (size == 0 || pcrs->values[n].size != size)
            return BS_ERR_INPUT;
        values[count++] = pcrs->values[n];
    }
    uint8_t joined[CRYPTO_SHA256_SIZE], policy[CRYPTO_SHA256_SIZE] = { 0 };
    enum bs_err err = count > 0 ? crypto_sha256(values, count, joined) : BS_ERR_INPUT;
    if (err == BS_OK)
        err = policy_digest_pcr(policy, pcrs->bank, pcrs->mask, joined);
    if (err == BS_OK)
        memcpy(ret_policy, policy, sizeof(policy));
    return err;
}

enum bs_err approval_hash(const uint8_t policy[CRYPTO_SHA256_SIZE], struct bs_span policy_ref,
                          uint8_t ret_hash[CRYPTO_SHA256_SIZE])
{
    const struct bs_span pieces[] = { BS_SPAN(policy, CRYPTO_SHA256_SIZE), policy_ref };
    return crypto_sha256(pieces, 2, ret_hash);
}

uint32_t approval_differences(const struct message_pcrs *a, const struct message_pcrs *b)
{
    uint32_t different = a->bank == b->bank ? a->mask ^ b->mask : a->mask | b->mask;
    for (unsigned n = 0; n < MESSAGE_PCRS; n++)
        if ((a->mask & b->mask) >> n & 1 && !bs_span_equal(a->values[n], b->values[n]))
            different |= UINT32_C(1) << n;
    return different;
}

enum bs_err approval_key(struct bs_span cert, const struct cert_roots *roots, TPMT_PUBLIC *ret_key)
{
    const char *why = NULL;
    struct cert_info info;
    TPMT_PUBLIC key;
    enum bs_err err = cert_chain_verify(&cert, 1, roots, BS_OID_EKU_POLICY, &why);
    if (err != BS_OK) {
        bs_debug("approval", "the policy key's certificate is not good: %s", why ? why : bs_err_name(err));
        return err;
    }
    err = cert_parse(cert, &info);
    if (err == BS_OK)
        err = cert_policy_key(info.spki, &key);
    if (err == BS_OK && key.type == TPM2_ALG_ECC)
        *ret_key = key;
    else if (err == BS_OK)
        err = BS_ERR_UNTRUSTED;
    return err == BS_ERR_INPUT ? BS_ERR_UNTRUSTED : err;
}

enum bs_err approvals_encode(const struct approvals *approvals, struct bs_buf *out)
{
    struct approvals scratch = { .count = 0 };
    return shape_encode(&approvals_shape, approvals, APPROVALS_SIZE_MAX, out, &scratch);
}

enum bs_err approvals_decode(struct bs_span in, struct approvals *ret_approvals)
{
    struct approvals approvals = { .count = 0 };
    enum bs_err err = shape_decode(&approvals_shape, in, APPROVALS_SIZE_MAX, &approvals);
    if (err == BS_OK)
        *ret_approvals = approvals;
    return err;
}
