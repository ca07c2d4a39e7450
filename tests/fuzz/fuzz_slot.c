/* Slots of the vault: the header as it lies on the disk, the contents as they are after decryption, and what is offered as approval. */
#include "agent/vault/approved.h"
#include "agent/vault/slot.h"
#include "fuzz/fuzz.h"

#include <string.h>

static struct bs_secret *key;

static const struct vault_contents little = {
    .sign1 = { (const uint8_t *)"bundle", 6 },
    .device_public = { (const uint8_t *)"public", 6 },
    .device_private = { (const uint8_t *)"private", 7 },
};

static void header(struct bs_span file)
{
    struct slot slot, again;
    BS_SCOPED_BUF struct bs_buf encoded = BS_BUF(SLOT_MAX);
    BS_OWN(secret) opened = NULL;
    enum bs_err err = slot_decode(file, &slot);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_INPUT);
        return;
    }
    FUZZ_CLAIM(slot_open(&slot, key, &opened) != BS_OK);
    /* The share is given anew when a slot is written; all before it comes out as it went in. */
    const struct vault_share share = { .serial = slot.header.share.serial };
    const struct slot_keys keys = { .key = key, .recovery = &share };
    err = slot_encode(&slot.header, &keys, &little, &encoded);
    if (err == BS_ERR_NOMEM)
        return;
    FUZZ_CLAIM(err == BS_OK);
    FUZZ_CLAIM(slot_decode(bs_buf_span(&encoded), &again) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(again.front, slot.front));
    FUZZ_CLAIM(memcmp(again.header.nonce, slot.header.nonce, sizeof(slot.header.nonce)) == 0);
    FUZZ_CLAIM(slot_open(&again, key, &opened) == BS_OK);
}

static void contents(struct bs_span plain_bytes)
{
    struct vault_contents decoded;
    BS_OWN(secret) plain = NULL;
    if (plain_bytes.size == 0 || bs_secret_copy(plain_bytes.data, plain_bytes.size, &plain) != BS_OK)
        return;
    enum bs_err err = slot_contents(plain, &decoded);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_INPUT);
        return;
    }
    /* Through a slot and back: the same bytes. */
    struct slot_header header = { .counter_name = { .size = 34, .name = { 0x00, 0x0b } } };
    const struct slot_keys keys = { .key = key };
    BS_SCOPED_BUF struct bs_buf encoded = BS_BUF(SLOT_MAX);
    BS_OWN(secret) back = NULL;
    struct slot slot;
    wire_template_srk(&header.srk);
    wire_template_device(&header.sealed.public_area.publicArea);
    header.sealed.private_area.size = 1;
    if (slot_encode(&header, &keys, &decoded, &encoded) != BS_OK)
        return;
    FUZZ_CLAIM(slot_decode(bs_buf_span(&encoded), &slot) == BS_OK);
    FUZZ_CLAIM(slot_open(&slot, key, &back) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(BS_SPAN(bs_secret_view(back), bs_secret_size(back)), plain_bytes));
}

/* Lists of approvals and signature files, as whoever can write to the disk may leave them. */
static void approvals(struct bs_span list, enum vault_kind kind)
{
    const struct vault_policy policy = { .kind = kind, .bank = CRYPTO_SHA256, .boot_mask = 1u << 11, .cap_pcr = 12 };
    struct vault_signer signer = { .policy_ref = kind == VAULT_SIGNED ? BS_SPAN(bs_zeros, 32) : BS_SPAN_NONE,
                                   .approvals = list };
    struct tpm_pcrs pcrs = { .bank = CRYPTO_SHA256, .mask = 1u << 11 };
    const struct approved_request request = { &policy, &signer, BS_SPAN_NONE, &pcrs };
    struct approved approved;
    wire_template_device(&signer.key);
    enum bs_err err = approved_find(&request, &approved);
    if (err == BS_OK)
        FUZZ_CLAIM(approved.count > 0 && approved.count <= APPROVED_MAX);
    else
        FUZZ_CLAIM_REFUSAL(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_span input = BS_SPAN(data, size);
    if (!key) {
        /* Not the one that the seeds are under. */
        FUZZ_CLAIM(bs_secret_copy(bs_zeros, SLOT_KEY_SIZE, &key) == BS_OK);
        bs_secret_data(key)[0] = 1;
    }
    header(input);
    contents(input);
    approvals(input, VAULT_SIGNED);
    approvals(input, VAULT_SIGNED_UKI);
    return 0;
}
