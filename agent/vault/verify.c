#include "agent/vault/verify.h"

#include "agent/vault/keys.h"

/* What a signed policy lets in is decided by key and reference, so these have to be those that the server signed for this device. */
static enum bs_err verify_signer(const struct slot_header *header, const struct cert_roots *roots,
                                 const struct bundle *bundle)
{
    uint8_t ref[APPROVAL_REF_SIZE];
    TPMT_PUBLIC key;
    struct wire_name ours, theirs;
    if (!bundle->has_policy || approval_key(bundle->policy.cert, roots, &key) != BS_OK)
        return BS_ERR_TAMPERED;
    enum bs_err err = approval_ref(bundle->device, bundle->policy.epoch, ref);
    if (err == BS_OK)
        err = wire_public_name(&header->signer.key, &ours);
    if (err == BS_OK)
        err = wire_public_name(&key, &theirs);
    if (err != BS_OK)
        return err;
    bool is_signed =
        wire_name_equal(&ours, &theirs) && bs_span_equal(header->signer.policy_ref, BS_SPAN(ref, sizeof(ref)));
    return is_signed ? BS_OK : BS_ERR_TAMPERED;
}

/*
 * The slot was sealed under the SRK that the server saw certified. What its header names is anybody's word until here: whoever may make
 * keys in this TPM could have sealed a slot to one of them.
 */
static enum bs_err verify_srk(struct tpm *tpm, const struct slot_header *header, const struct bundle *bundle)
{
    const TPMT_PUBLIC *srk;
    const struct wire_name *ours;
    struct wire_name named;
    enum bs_err err = wire_public_name(&header->srk, &named);
    if (err == BS_OK && !bs_span_equal(wire_name_span(&named), bundle->srk_name))
        err = BS_ERR_TAMPERED;
    if (err != BS_OK)
        return err;
    tpm_srk_adopt(tpm, bundle->srk_name);
    err = tpm_srk(tpm, &srk, &ours);
    if (err != BS_OK)
        return err;
    return bs_span_equal(wire_name_span(ours), bundle->srk_name) ? BS_OK : BS_ERR_TAMPERED;
}

enum bs_err verify_opened(struct tpm *tpm, const struct cert_roots *roots, const struct slot_header *header,
                          struct vault_opened *opened)
{
    enum bs_err err = bundle_verify(opened->contents.sign1, roots, &opened->bundle);
    if (err == BS_ERR_UNTRUSTED || err == BS_ERR_PROTOCOL)
        return BS_ERR_TAMPERED;
    if (err != BS_OK)
        return err;

    err = verify_srk(tpm, header, &opened->bundle);
    if (err != BS_OK)
        return err;

    TPM2B_PUBLIC device;
    struct cert_info leaf;
    if (opened->bundle.chain_count == 0 || wire_public2b_decode(opened->contents.device_public, &device) != BS_OK ||
        cert_parse(opened->bundle.chain[0], &leaf) != BS_OK || !cert_key_equals(&leaf, &device.publicArea) ||
        !vault_keys_fit(opened))
        return BS_ERR_TAMPERED;
    return header->policy.kind == VAULT_SIGNED ? verify_signer(header, roots, &opened->bundle) : BS_OK;
}
