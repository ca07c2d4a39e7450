#include "agent/vault/approved.h"

#include "core/approval.h"
#include "core/log.h"
#include "core/pcrsig.h"

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
    uint8_t fingerprint[CRYPTO_SHA256_SIZE]; /* VAULT_SIGNED_UKI: of the key */
    size_t signed_count;                     /* VAULT_SIGNED_UKI: entries by it for this bank */
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

/* For one more approval of this boot; NULL when there are enough. */
static struct tpm_approval *take_place(struct search *search)
{
    const struct vault_signer *signer = search->request->signer;
    if (search->found.count == APPROVED_MAX)
        return NULL;
    struct tpm_approval *fit = &search->found.list[search->found.count++];
    *fit = (struct tpm_approval){ .by = { &signer->key, signer->policy_ref } };
    memcpy(fit->policy, search->policy, sizeof(fit->policy));
    return fit;
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
    struct tpm_approval *fit = take_place(search);
    if (fit)
        put_signature(approval->signature, &fit->signature);
}

/* What systemd-measure signed: the policy alone, without the values that it is made of. */
static void consider_uki(void *context, const struct pcrsig *entry)
{
    struct search *search = context;
    if (entry->bank != search->now.bank || memcmp(entry->fingerprint, search->fingerprint, CRYPTO_SHA256_SIZE) != 0)
        return;
    search->signed_count++;
    if (memcmp(entry->policy, search->policy, CRYPTO_SHA256_SIZE) != 0)
        return;
    struct tpm_approval *fit = take_place(search);
    if (!fit)
        return;
    TPMS_SIGNATURE_RSA *rsa = &fit->signature.signature.rsassa;
    fit->signature.sigAlg = TPM2_ALG_RSASSA;
    rsa->hash = TPM2_ALG_SHA256;
    rsa->sig.size = (UINT16)entry->signature_size;
    memcpy(rsa->sig.buffer, entry->signature, entry->signature_size);
}

static void consider_list(struct search *search, struct bs_span bytes)
{
    struct approvals approvals = { .count = 0 };
    if (bytes.size == 0)
        return;
    if (search->request->policy->kind == VAULT_SIGNED_UKI) {
        if (pcrsig_read(bytes, consider_uki, search) != BS_OK)
            bs_info("vault", "a PCR signature file cannot be read");
        return;
    }
    if (approvals_decode(bytes, &approvals) != BS_OK)
        bs_info("vault", "a list of approvals cannot be read");
    for (size_t i = 0; i < approvals.count; i++)
        consider(search, &approvals.list[i]);
}

static void tell_nearest(const struct search *search)
{
    char pcrs[PCRS_TEXT];
    describe_pcrs(search->different, pcrs);
    if (search->request->policy->kind == VAULT_SIGNED_UKI)
        bs_info("vault",
                "none of %zu PCR signatures by the key that the vault is sealed to is for this PCR 11: it is another "
                "image, or not a phase of the boot that was signed",
                search->signed_count);
    else if (search->different)
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
    if (request->policy->kind == VAULT_SIGNED_UKI)
        err = pcrsig_fingerprint(&request->signer->key, search.fingerprint);
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

enum bs_err approved_verify(const struct tpm_approval *approval)
{
    const TPMT_PUBLIC *key = approval->by.key;
    const TPMS_SIGNATURE_ECC *ecc = &approval->signature.signature.ecdsa;
    const TPM2B_PUBLIC_KEY_RSA *rsa = &approval->signature.signature.rsassa.sig;
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct crypto_point point;
    enum bs_err err = approval_hash(approval->policy, approval->by.policy_ref, hash);
    if (err == BS_OK && key->type == TPM2_ALG_RSA)
        return crypto_rsa_verify(BS_SPAN(key->unique.rsa.buffer, key->unique.rsa.size),
                                 key->parameters.rsaDetail.exponent, CRYPTO_SHA256, BS_SPAN(hash, sizeof(hash)),
                                 BS_SPAN(rsa->buffer, rsa->size));
    if (err == BS_OK)
        err = wire_public_point(key, &point);
    return err == BS_OK ? crypto_ecdsa_verify(&point, BS_SPAN(hash, sizeof(hash)),
                                              BS_SPAN(ecc->signatureR.buffer, ecc->signatureR.size),
                                              BS_SPAN(ecc->signatureS.buffer, ecc->signatureS.size))
                        : err;
}
