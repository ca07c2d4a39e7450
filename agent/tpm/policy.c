/*
 * The vault's policy: PolicyPCR(boot) → PolicyPCR(cap) → PolicyNV(counter = value), in this order, so that PolicyAuthorize,
 * which forgets everything before it, can stand behind the first and leaves out neither of the others. The digest is
 * computed here, without a trial session.
 */
#include "agent/tpm/internal.h"
#include "core/policy_digest.h"

#include <string.h>

/* Of the boot, or of who approves boots. */
static enum bs_err boot_digest(const struct tpm_policy *policy, uint8_t digest[CRYPTO_SHA256_SIZE])
{
    if (!policy->approver)
        return policy_digest_pcr(digest, policy->bank, policy->boot_mask, policy->boot_digest);
    struct wire_name name;
    enum bs_err err = wire_public_name(policy->approver->key, &name);
    return err == BS_OK ? policy_digest_authorize(digest, &name, policy->approver->policy_ref) : err;
}

enum bs_err tpm_policy_digest(const struct tpm_policy *policy, uint8_t ret_digest[CRYPTO_SHA256_SIZE])
{
    uint8_t digest[CRYPTO_SHA256_SIZE] = { 0 };

    enum bs_err err = boot_digest(policy, digest);
    if (err == BS_OK)
        err = policy_digest_pcr(digest, policy->bank, 1u << policy->cap_pcr, policy->cap_digest);
    if (err == BS_OK)
        err = policy_digest_counter(digest, &policy->counter->name, policy->counter_value);
    if (err == BS_OK)
        memcpy(ret_digest, digest, sizeof(digest));
    return err;
}

/*
 * With an empty digest the TPM takes the values of now and remembers that they must not change until the session is
 * used.
 */
static enum bs_err policy_pcr(struct tpm *tpm, const struct tpm_loaded *session, uint16_t bank, uint32_t mask,
                              TSS2_RC *ret_rc)
{
    const TPM2B_DIGEST of_now = { .size = 0 };
    TPML_PCR_SELECTION selection;
    tpm_selection(bank, mask, &selection);
    *ret_rc = Esys_PolicyPCR(tpm->esys, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &of_now, &selection);
    return tpm_check(tpm, *ret_rc, "TPM2_PolicyPCR");
}

static TSS2_RC policy_nv(struct tpm *tpm, const struct tpm_loaded *session, const struct tpm_loaded *index,
                         uint64_t value)
{
    TPM2B_OPERAND operand = { .size = 8 };
    policy_counter_operand(value, operand.buffer);
    return Esys_PolicyNV(tpm->esys, index->tr, index->tr, session->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                         &operand, 0, TPM2_EO_EQ);
}

/* The counter has another value, is gone, or was made anew and never counted. */
static bool is_counter_of_another_time(TSS2_RC rc)
{
    uint32_t base = tpm_rc_base(rc);
    return base == TPM2_RC_POLICY || base == TPM2_RC_HANDLE || base == TPM2_RC_NV_UNINITIALIZED;
}

static enum bs_err policy_counter(struct tpm *tpm, const struct tpm_loaded *session, uint64_t value, TSS2_RC *ret_rc)
{
    TPM_LOADED struct tpm_loaded index = TPM_LOADED_NONE;
    struct tpm_counter counter;
    enum bs_err err = tpm_counter_expect(tpm, value, &counter);
    if (err == BS_OK)
        err = tpm_view_nv(tpm, &counter.public_area, &counter.name, &index);
    if (err != BS_OK)
        return err;
    *ret_rc = policy_nv(tpm, session, &index, value);
    err = tpm_check(tpm, *ret_rc, "TPM2_PolicyNV");
    return is_counter_of_another_time(*ret_rc) ? BS_ERR_BOOT : err;
}

enum bs_err tpm_policy_fulfil(struct tpm *tpm, const struct tpm_loaded *session,
                              const struct tpm_unseal_request *request, const TPMT_TK_VERIFIED *ticket, TSS2_RC *ret_rc)
{
    enum bs_err err = policy_pcr(tpm, session, request->bank, request->boot_mask, ret_rc);
    if (err == BS_OK && request->approval)
        err = tpm_approval_use(tpm, session, request->approval, ticket, ret_rc);
    if (err == BS_OK)
        err = policy_pcr(tpm, session, request->bank, 1u << request->cap_pcr, ret_rc);
    return err == BS_OK ? policy_counter(tpm, session, request->counter_value, ret_rc) : err;
}

/* A PCR at its reset value was measured by nobody: a policy on it is met by any boot. */
static bool is_at_reset(const uint8_t *value, size_t size)
{
    if (value[0] != 0x00 && value[0] != 0xff)
        return false;
    for (size_t i = 1; i < size; i++)
        if (value[i] != value[0])
            return false;
    return true;
}

static enum bs_err digest_of(const struct tpm_pcrs *pcrs, uint32_t mask, uint8_t ret_digest[CRYPTO_SHA256_SIZE])
{
    struct bs_span values[TPM_PCRS];
    size_t count = 0;
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        if (mask >> pcr & 1)
            values[count++] = BS_SPAN(pcrs->values[pcr], pcrs->digest_size);
    return crypto_sha256(values, count, ret_digest);
}

enum bs_err tpm_policy_now(struct tpm *tpm, uint16_t bank, uint32_t boot_mask, uint32_t cap_pcr,
                           const struct tpm_counter *counter, uint64_t counter_value, struct tpm_policy *ret_policy)
{
    struct tpm_policy policy = {
        .bank = bank,
        .boot_mask = boot_mask,
        .cap_pcr = cap_pcr,
        .counter = counter,
        .counter_value = counter_value,
    };
    struct tpm_pcrs pcrs;

    if (boot_mask == 0 || cap_pcr >= TPM_PCRS)
        return BS_ERR_CONFIG;
    enum bs_err err = tpm_pcr_read(tpm, bank, boot_mask | 1u << cap_pcr, &pcrs);
    if (err != BS_OK)
        return err;
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        if ((boot_mask >> pcr & 1) && is_at_reset(pcrs.values[pcr], pcrs.digest_size))
            return BS_ERR_BOOT;

    err = digest_of(&pcrs, boot_mask, policy.boot_digest);
    if (err == BS_OK)
        err = digest_of(&pcrs, 1u << cap_pcr, policy.cap_digest);
    if (err == BS_OK)
        *ret_policy = policy;
    return err;
}
