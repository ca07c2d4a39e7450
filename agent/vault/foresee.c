#include "agent/vault/foresee.h"

#include "agent/vault/approved.h"
#include "agent/vault/slots.h"
#include "core/policy_digest.h"

#include <string.h>

static enum bs_err values_digest(const struct tpm_pcrs *pcrs, uint32_t mask, uint8_t ret_digest[CRYPTO_SHA256_SIZE])
{
    struct bs_span values[TPM_PCRS];
    size_t count = 0;
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        if (mask >> pcr & 1)
            values[count++] = BS_SPAN(pcrs->values[pcr], pcrs->digest_size);
    return crypto_sha256(values, count, ret_digest);
}

/* The policy that the key of the slot was sealed under is in its public area: is it the one of such a boot? */
static enum bs_err is_literal(const struct foresee_request *request, const struct slot_header *header)
{
    const struct vault_policy *policy = request->policy;
    const TPM2B_DIGEST *sealed = &header->sealed.public_area.publicArea.authPolicy;
    uint8_t digest[CRYPTO_SHA256_SIZE] = { 0 }, values[CRYPTO_SHA256_SIZE];
    enum bs_err err = values_digest(request->pcrs, policy->boot_mask, values);
    if (err == BS_OK)
        err = policy_digest_pcr(digest, policy->bank, policy->boot_mask, values);
    if (err == BS_OK)
        err = values_digest(request->pcrs, UINT32_C(1) << policy->cap_pcr, values);
    if (err == BS_OK)
        err = policy_digest_pcr(digest, policy->bank, UINT32_C(1) << policy->cap_pcr, values);
    if (err == BS_OK)
        err = policy_digest_counter(digest, &header->counter_name, header->generation);
    if (err != BS_OK)
        return err;
    return bs_span_equal(BS_SPAN(sealed->buffer, sealed->size), BS_SPAN(digest, sizeof(digest))) ? BS_OK : BS_ERR_BOOT;
}

static enum bs_err is_approved(const struct foresee_request *request, const struct slot_header *header)
{
    struct approved approved;
    const struct approved_request find = { request->policy, &header->signer, request->approvals, request->pcrs };
    enum bs_err err = approved_find(&find, &approved);
    if (err != BS_OK)
        return err == BS_ERR_NOT_FOUND ? BS_ERR_BOOT : err;
    for (size_t i = 0; i < approved.count; i++)
        if (approved_verify(&approved.list[i]) == BS_OK)
            return BS_OK;
    return BS_ERR_BOOT;
}

static enum bs_err would_open(const struct foresee_request *request, const struct slot_header *header)
{
    const struct vault_policy *ours = request->policy, *theirs = &header->policy;
    if (ours->kind != theirs->kind || ours->bank != theirs->bank || ours->boot_mask != theirs->boot_mask ||
        ours->cap_pcr != theirs->cap_pcr)
        return BS_ERR_CONFIG;
    return ours->kind == VAULT_PCR ? is_literal(request, header) : is_approved(request, header);
}

enum bs_err foresee_open(const struct foresee_request *request)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    uint64_t youngest = 0;
    enum bs_err found = slots_open(request->dir, &slots);
    if (found != BS_OK)
        return found;
    found = BS_ERR_NOT_FOUND;
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
        struct slot slot;
        if (slots_read(&slots, i, &bytes) != BS_OK || slot_decode(bs_buf_span(&bytes), &slot) != BS_OK ||
            (found != BS_ERR_NOT_FOUND && slot.header.generation <= youngest))
            continue;
        youngest = slot.header.generation;
        found = would_open(request, &slot.header);
    }
    return found;
}
