#include "agent/vault/approved.h"

#include "core/approval.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>

/* PCRs as text: "4, 9, 11". */
#define PCRS_TEXT 128

struct search {
    const struct approved_request *request;
    struct message_pcrs now;
    uint8_t policy[CRYPTO_SHA256_SIZE]; /* that an approval of this boot has */
    struct approved found;
    uint32_t different; /* of the nearest that does not fit; 0: there is none */
    struct bs_span nearest;
};

static unsigned count_bits(uint32_t mask)
{
    unsigned count = 0;
    for (; mask; mask &= mask - 1)
        count++;
    return count;
}

static void describe_pcrs(uint32_t mask, char ret_text[PCRS_TEXT])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        if (mask >> pcr & 1)
            used += (size_t)snprintf(ret_text + used, PCRS_TEXT - used, "%s%u", used ? ", " : "", pcr);
}

/* r ‖ s as the TPM wants it. */
static void put_signature(struct bs_span signature, TPMT_SIGNATURE *ret_signature)
{
    TPMS_SIGNATURE_ECC *ecc = &ret_signature->signature.ecdsa;
    ret_signature->sigAlg = TPM2_ALG_ECDSA;
    ecc->hash = TPM2_ALG_SHA256;
    ecc->signatureR.size = ecc->signatureS.size = APPROVAL_SIGNATURE_SIZE / 2;
    memcpy(ecc->signatureR.buffer, signature.data, APPROVAL_SIGNATURE_SIZE / 2);
    memcpy(ecc->signatureS.buffer, signature.data + APPROVAL_SIGNATURE_SIZE / 2, APPROVAL_SIGNATURE_SIZE / 2);
}

static void note_nearest(struct search *search, const struct approval *approval)
{
    uint32_t different = approval_differences(&search->now, &approval->pcrs);
    if (search->different && count_bits(different) >= count_bits(search->different))
        return;
    search->different = different;
    search->nearest = approval->release;
}

static void consider(struct search *search, const struct approval *approval)
{
    const struct vault_signer *signer = search->request->signer;
    uint8_t policy[CRYPTO_SHA256_SIZE];
    if (!bs_span_equal(approval->policy_ref, signer->policy_ref) || approval_policy(&approval->pcrs, policy) != BS_OK)
        return;
    if (memcmp(policy, search->policy, sizeof(policy)) != 0) {
        note_nearest(search, approval);
        return;
    }
    if (search->found.count == APPROVED_MAX)
        return;
    struct tpm_approval *fit = &search->found.list[search->found.count++];
    *fit = (struct tpm_approval){ .by = { &signer->key, signer->policy_ref } };
    memcpy(fit->policy, policy, sizeof(policy));
    put_signature(approval->signature, &fit->signature);
}

static void consider_list(struct search *search, struct bs_span bytes)
{
    struct approvals approvals = { .count = 0 };
    if (bytes.size == 0)
        return;
    if (approvals_decode(bytes, &approvals) != BS_OK)
        bs_info("vault", "a list of approvals cannot be read");
    for (size_t i = 0; i < approvals.count; i++)
        consider(search, &approvals.list[i]);
}

static void tell_nearest(const struct search *search)
{
    char pcrs[PCRS_TEXT];
    describe_pcrs(search->different, pcrs);
    if (search->different)
        bs_info("vault", "this boot is not approved; the nearest that is, %.*s, has other values in PCR %s",
                (int)search->nearest.size, (const char *)search->nearest.data, pcrs);
    else
        bs_info("vault", "there is no approval for this device in this epoch");
}

enum bs_err approved_find(const struct approved_request *request, struct approved *ret_approved)
{
    struct search search = { .request = request,
                             .now = { .bank = request->policy->bank, .mask = request->policy->boot_mask } };
    if (request->pcrs->bank != search.now.bank || (search.now.mask & ~request->pcrs->mask))
        return BS_ERR_INPUT;
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        if (search.now.mask >> pcr & 1)
            search.now.values[pcr] = BS_SPAN(request->pcrs->values[pcr], request->pcrs->digest_size);
    enum bs_err err = approval_policy(&search.now, search.policy);
    if (err != BS_OK)
        return err;
    consider_list(&search, request->signer->approvals);
    consider_list(&search, request->more);
    if (search.found.count == 0) {
        tell_nearest(&search);
        return BS_ERR_NOT_FOUND;
    }
    *ret_approved = search.found;
    return BS_OK;
}
