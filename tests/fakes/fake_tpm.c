#include "fakes/fake_tpm.h"

#include "bootseal/cap.h"
#include "core/approval.h"

#include <assert.h>
#include <string.h>

#define NV_INDEX 0x0180B001

struct fake_tpm fake_tpm;
struct tpm {
    int unused;
};
static struct tpm the_tpm;
static TPMT_PUBLIC srk_public, ak_public;
static struct wire_name srk_name, ak_name;
static struct tpm_ek ek;

#define must(expression)                 \
    do {                                 \
        enum bs_err err_ = (expression); \
        assert(err_ == BS_OK);           \
        (void)err_;                      \
    } while (0)

static void measure(uint8_t variant)
{
    memset(fake_tpm.pcrs, 0, sizeof(fake_tpm.pcrs));
    for (unsigned i = 0; i < 16; i++) {
        if (i != 10 && i != 12)
            memset(fake_tpm.pcrs[i], 0x40 + (int)i, CRYPTO_SHA256_SIZE);
    }
    fake_tpm.pcrs[9][0] = variant;
}

void fake_tpm_new(void)
{
    fake_tpm_free();
    fake_tpm = (struct fake_tpm){ .bank = CRYPTO_SHA256 };
    measure(0);
}

void fake_tpm_reboot(uint8_t variant)
{
    fake_tpm.caps = fake_tpm.commands = fake_tpm.unseals = fake_tpm.device_keys = 0;
    fake_tpm.is_open = fake_tpm.is_released = false;
    fake_tpm.fail_in = NULL;
    measure(variant);
}

void fake_tpm_free(void)
{
    crypto_key_free(fake_tpm.device_key);
    fake_tpm.device_key = NULL;
}

/* Every function of the port begins with this. */
static enum bs_err command(const char *name)
{
    assert(fake_tpm.is_open && !fake_tpm.is_released);
    fake_tpm.commands++;
    if (fake_tpm.has_power && !fake_tpm.has_power())
        return BS_ERR_TPM;
    if (!fake_tpm.fail_in || strcmp(fake_tpm.fail_in, name) != 0)
        return BS_OK;
    if (fake_tpm.fail_after > 0) {
        fake_tpm.fail_after--;
        return BS_OK;
    }
    return fake_tpm.fail_with;
}
#define COMMAND()                             \
    do {                                      \
        enum bs_err err_ = command(__func__); \
        if (err_ != BS_OK)                    \
            return err_;                      \
    } while (0)

enum bs_err tpm_open(const struct tpm_options *options, struct tpm **ret_tpm)
{
    (void)options;
    assert(!fake_tpm.is_open);
    fake_tpm.is_open = true;
    enum bs_err err = command(__func__);
    if (err != BS_OK) {
        fake_tpm.is_open = false;
        return err;
    }
    *ret_tpm = &the_tpm;
    return BS_OK;
}

void tpm_close(struct tpm *tpm)
{
    if (tpm)
        fake_tpm.is_open = false;
}

void tpm_release(struct tpm *tpm)
{
    (void)tpm;
    fake_tpm.is_released = true;
}

enum bs_err tpm_reacquire(struct tpm *tpm)
{
    (void)tpm;
    fake_tpm.is_released = false;
    return command(__func__);
}

unsigned tpm_command_count(const struct tpm *tpm)
{
    (void)tpm;
    return fake_tpm.commands;
}

enum bs_err tpm_state(struct tpm *tpm, struct tpm_state *ret_state)
{
    (void)tpm;
    COMMAND();
    *ret_state = (struct tpm_state){ .banks = { fake_tpm.bank }, .bank_count = 1, .in_lockout = fake_tpm.in_lockout };
    return BS_OK;
}

enum bs_err tpm_pcr_read(struct tpm *tpm, uint16_t bank, uint32_t mask, struct tpm_pcrs *ret_pcrs)
{
    (void)tpm;
    COMMAND();
    *ret_pcrs = (struct tpm_pcrs){ .bank = bank, .mask = mask, .digest_size = CRYPTO_SHA256_SIZE };
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        if (mask & (UINT32_C(1) << i))
            memcpy(ret_pcrs->values[i], fake_tpm.pcrs[i], CRYPTO_SHA256_SIZE);
    }
    return BS_OK;
}

enum bs_err tpm_cap(struct tpm *tpm, uint32_t pcr)
{
    (void)tpm;
    COMMAND();
    uint8_t event[CRYPTO_SHA256_SIZE];
    must(crypto_hash(CRYPTO_SHA256, bs_span_of_string(BS_CAP_EVENT), event));
    struct bs_span pieces[] = { BS_SPAN(fake_tpm.pcrs[pcr], CRYPTO_SHA256_SIZE), BS_SPAN(event, sizeof(event)) };
    must(crypto_sha256(pieces, 2, fake_tpm.pcrs[pcr]));
    fake_tpm.caps++;
    return BS_OK;
}

enum bs_err tpm_ek(struct tpm *tpm, const struct tpm_ek **ret_ek)
{
    (void)tpm;
    COMMAND();
    ek.kind = WIRE_EK_P256;
    ek.public_area = wire_ek_template(WIRE_EK_P256)->public_area;
    memset(ek.public_area.unique.ecc.x.buffer, 0x11, 32);
    memset(ek.public_area.unique.ecc.y.buffer, 0x12, 32);
    ek.public_area.unique.ecc.x.size = ek.public_area.unique.ecc.y.size = 32;
    *ret_ek = &ek;
    return BS_OK;
}

static void fill_point(TPMT_PUBLIC *area, uint8_t seed)
{
    memset(area->unique.ecc.x.buffer, seed, 32);
    memset(area->unique.ecc.y.buffer, seed + 1, 32);
    area->unique.ecc.x.size = area->unique.ecc.y.size = 32;
}

static void know_srk(void)
{
    wire_template_srk(&srk_public);
    fill_point(&srk_public, (uint8_t)(0x21 + fake_tpm.srk_seed));
    must(wire_public_name(&srk_public, &srk_name));
}

enum bs_err tpm_srk(struct tpm *tpm, const TPMT_PUBLIC **ret_public, const struct wire_name **ret_name)
{
    (void)tpm;
    COMMAND();
    know_srk();
    *ret_public = &srk_public;
    *ret_name = &srk_name;
    return BS_OK;
}

void tpm_srk_adopt(struct tpm *tpm, struct bs_span name)
{
    (void)tpm;
    (void)name; /* tpm_srk() always tells the one that it has */
}

enum bs_err tpm_ak(struct tpm *tpm, const TPMT_PUBLIC **ret_public, const struct wire_name **ret_name)
{
    (void)tpm;
    COMMAND();
    wire_template_ak(&ak_public);
    fill_point(&ak_public, 0x31);
    must(wire_public_name(&ak_public, &ak_name));
    *ret_public = &ak_public;
    *ret_name = &ak_name;
    return BS_OK;
}

static enum bs_err attest(const uint8_t qualifying[32], struct bs_buf *ret_attest, struct bs_buf *ret_signature)
{
    must(bs_buf_append(ret_attest, qualifying, 32));
    must(bs_buf_append_string(ret_signature, "signature"));
    return BS_OK;
}

enum bs_err tpm_certify_srk(struct tpm *tpm, const uint8_t qualifying[32], struct bs_buf *ret_attest,
                            struct bs_buf *ret_signature)
{
    (void)tpm;
    COMMAND();
    return attest(qualifying, ret_attest, ret_signature);
}

enum bs_err tpm_device_key_make(struct tpm *tpm, struct tpm_key_blob *ret_key)
{
    (void)tpm;
    COMMAND();
    struct crypto_point point;
    crypto_key_free(fake_tpm.device_key);
    must(crypto_key_make(&fake_tpm.device_key));
    must(crypto_key_public(fake_tpm.device_key, &point));
    memset(ret_key, 0, sizeof(*ret_key));
    TPMT_PUBLIC *area = &ret_key->public_area.publicArea;
    wire_template_device(area);
    memcpy(area->unique.ecc.x.buffer, point.x, 32);
    memcpy(area->unique.ecc.y.buffer, point.y, 32);
    area->unique.ecc.x.size = area->unique.ecc.y.size = 32;
    ret_key->private_area.size = 16;
    memset(ret_key->private_area.buffer, 0x77, 16);
    fake_tpm.device_keys++;
    return BS_OK;
}

enum bs_err tpm_device_key_certify(struct tpm *tpm, const struct tpm_key_blob *key, const uint8_t qualifying[32],
                                   struct bs_buf *ret_attest, struct bs_buf *ret_signature)
{
    (void)tpm;
    (void)key;
    COMMAND();
    return attest(qualifying, ret_attest, ret_signature);
}

enum bs_err tpm_device_key_sign(struct tpm *tpm, const struct tpm_key_blob *key,
                                const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    (void)tpm;
    (void)key;
    COMMAND();
    return crypto_key_sign(fake_tpm.device_key, digest, ret_signature);
}

enum bs_err tpm_device_key_pem(struct tpm *tpm, const struct tpm_key_blob *key, struct bs_buf *out)
{
    (void)tpm;
    COMMAND();
    fake_tpm.pem_of = key->public_area.publicArea;
    return bs_buf_append_string(out, "-----BEGIN TSS2 PRIVATE KEY-----\n");
}

enum bs_err tpm_quote(struct tpm *tpm, const uint8_t qualifying[32], uint16_t bank, uint32_t mask,
                      struct bs_buf *ret_attest, struct bs_buf *ret_signature)
{
    (void)tpm;
    (void)bank;
    (void)mask;
    COMMAND();
    return attest(qualifying, ret_attest, ret_signature);
}

void fake_tpm_activation(struct bs_span id_object, uint8_t ret_secret[32])
{
    assert(id_object.size >= 32);
    memcpy(ret_secret, id_object.data + id_object.size - 32, 32);
    for (size_t i = 0; i < 32; i++)
        ret_secret[i] ^= 0x5A;
}

enum bs_err tpm_activate(struct tpm *tpm, struct bs_span id_object, struct bs_span encrypted_secret,
                         struct bs_secret **ret_secret)
{
    (void)tpm;
    (void)encrypted_secret;
    COMMAND();
    uint8_t secret[32];
    fake_tpm_activation(id_object, secret);
    return bs_secret_copy(secret, sizeof(secret), ret_secret);
}

static void describe_counter(struct tpm_counter *ret_counter)
{
    memset(ret_counter, 0, sizeof(*ret_counter));
    ret_counter->public_area =
        (TPMS_NV_PUBLIC){ .nvIndex = NV_INDEX, .nameAlg = TPM2_ALG_SHA256, .attributes = 0x22060014, .dataSize = 8 };
    must(wire_nv_name(&ret_counter->public_area, &ret_counter->name));
    ret_counter->value = fake_tpm.counter;
}

enum bs_err tpm_counter_expect(const struct tpm *tpm, uint64_t value, struct tpm_counter *ret_counter)
{
    (void)tpm;
    describe_counter(ret_counter);
    ret_counter->value = value;
    return BS_OK;
}

enum bs_err tpm_counter_read(struct tpm *tpm, struct tpm_counter *ret_counter)
{
    (void)tpm;
    COMMAND();
    if (!fake_tpm.has_counter)
        return BS_ERR_NOT_FOUND;
    describe_counter(ret_counter);
    return BS_OK;
}

enum bs_err tpm_counter_make(struct tpm *tpm, struct tpm_counter *ret_counter)
{
    (void)tpm;
    COMMAND();
    if (!fake_tpm.has_counter)
        fake_tpm.counter = 7; /* an NV counter begins above every counter that the TPM ever had */
    fake_tpm.has_counter = true;
    describe_counter(ret_counter);
    return BS_OK;
}

enum bs_err tpm_counter_increment(struct tpm *tpm, struct tpm_counter *counter)
{
    (void)tpm;
    COMMAND();
    if (fake_tpm.foreign_increments > 0) {
        fake_tpm.foreign_increments--;
        fake_tpm.counter++;
    }
    counter->value = ++fake_tpm.counter;
    return BS_OK;
}

static void values_digest(uint32_t mask, uint8_t ret_digest[32])
{
    struct bs_span values[TPM_PCRS];
    size_t count = 0;
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        if (mask & (UINT32_C(1) << i))
            values[count++] = BS_SPAN(fake_tpm.pcrs[i], CRYPTO_SHA256_SIZE);
    }
    must(crypto_sha256(values, count, ret_digest));
}

static void policy_digest(const struct tpm_policy *policy, uint8_t ret_digest[32])
{
    uint8_t numbers[18], boot[CRYPTO_SHA256_SIZE];
    struct wire_name key;
    memcpy(boot, policy->boot_digest, sizeof(boot));
    if (policy->approver) {
        must(wire_public_name(policy->approver->key, &key));
        const struct bs_span who[] = { wire_name_span(&key), policy->approver->policy_ref };
        must(crypto_sha256(who, 2, boot));
    }
    for (size_t i = 0; i < 4; i++)
        numbers[i] = policy->approver ? 0 : (uint8_t)(policy->boot_mask >> (8 * i));
    for (size_t i = 0; i < 8; i++)
        numbers[4 + i] = (uint8_t)(policy->counter_value >> (8 * i));
    numbers[12] = (uint8_t)policy->cap_pcr;
    numbers[13] = (uint8_t)policy->bank;
    for (size_t i = 0; i < 4; i++)
        numbers[14 + i] = fake_tpm.proves_any_srk ? 0 : fake_tpm.srk_seed;
    struct bs_span pieces[] = { BS_SPAN(numbers, sizeof(numbers)), BS_SPAN(boot, sizeof(boot)),
                                BS_SPAN(policy->cap_digest, 32), wire_name_span(&policy->counter->name) };
    must(crypto_sha256(pieces, 4, ret_digest));
}

static bool is_reset(uint32_t mask)
{
    static const uint8_t zero[CRYPTO_SHA256_SIZE];
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        if ((mask & (UINT32_C(1) << i)) && memcmp(fake_tpm.pcrs[i], zero, sizeof(zero)) == 0)
            return true;
    }
    return false;
}

enum bs_err tpm_policy_now(struct tpm *tpm, uint16_t bank, uint32_t boot_mask, uint32_t cap_pcr,
                           const struct tpm_counter *counter, uint64_t counter_value, struct tpm_policy *ret_policy)
{
    (void)tpm;
    COMMAND();
    if (is_reset(boot_mask))
        return BS_ERR_BOOT;
    *ret_policy = (struct tpm_policy){
        .bank = bank, .boot_mask = boot_mask, .cap_pcr = cap_pcr, .counter = counter, .counter_value = counter_value
    };
    values_digest(boot_mask, ret_policy->boot_digest);
    values_digest(UINT32_C(1) << cap_pcr, ret_policy->cap_digest);
    return BS_OK;
}

enum bs_err tpm_seal(struct tpm *tpm, const struct tpm_policy *policy, const struct bs_secret *secret,
                     struct tpm_key_blob *ret_sealed)
{
    (void)tpm;
    COMMAND();
    assert(fake_tpm.sealed_count < FAKE_SEALED_MAX);
    struct fake_sealed *sealed = &fake_tpm.sealed[fake_tpm.sealed_count];
    sealed->size = bs_secret_size(secret);
    memcpy(sealed->secret, bs_secret_view(secret), sealed->size);
    policy_digest(policy, sealed->policy);

    memset(ret_sealed, 0, sizeof(*ret_sealed));
    wire_template_device(&ret_sealed->public_area.publicArea);
    fill_point(&ret_sealed->public_area.publicArea, 0x55);
    ret_sealed->private_area.size = 1;
    ret_sealed->private_area.buffer[0] = (uint8_t)fake_tpm.sealed_count++;
    return BS_OK;
}

/* As the TPM that has to prove the SRK that somebody named: only its own one opens anything. */
static bool is_our_srk(const TPMT_PUBLIC *named)
{
    struct wire_name name;
    know_srk();
    must(wire_public_name(named, &name));
    return fake_tpm.proves_any_srk || wire_name_equal(&name, &srk_name);
}

/* What VerifySignature and PolicyAuthorize would say. */
static enum bs_err check_approval(const struct tpm_unseal_request *request)
{
    const struct tpm_approval *approval = request->approval;
    const TPMS_SIGNATURE_ECC *ecc = &approval->signature.signature.ecdsa;
    struct message_pcrs now = { .bank = request->bank, .mask = request->boot_mask };
    struct crypto_point point;
    uint8_t hash[CRYPTO_SHA256_SIZE], policy[CRYPTO_SHA256_SIZE];
    for (unsigned i = 0; i < TPM_PCRS; i++)
        if (now.mask >> i & 1)
            now.values[i] = BS_SPAN(fake_tpm.pcrs[i], CRYPTO_SHA256_SIZE);
    must(approval_policy(&now, policy));
    must(approval_hash(approval->policy, approval->by.policy_ref, hash));
    must(wire_public_point(approval->by.key, &point));
    if (crypto_ecdsa_verify(&point, BS_SPAN(hash, sizeof(hash)), BS_SPAN(ecc->signatureR.buffer, ecc->signatureR.size),
                            BS_SPAN(ecc->signatureS.buffer, ecc->signatureS.size)) != BS_OK)
        return BS_ERR_UNTRUSTED;
    return memcmp(policy, approval->policy, sizeof(policy)) == 0 ? BS_OK : BS_ERR_BOOT;
}

enum bs_err tpm_unseal(struct tpm *tpm, const struct tpm_unseal_request *request, struct bs_secret **ret_secret)
{
    (void)tpm;
    COMMAND();
    fake_tpm.unseals++;
    const struct tpm_key_blob *blob = request->sealed;
    enum bs_err err = request->approval ? check_approval(request) : BS_OK;
    if (err != BS_OK)
        return err;
    if (!fake_tpm.has_counter || request->counter_value != fake_tpm.counter || !is_our_srk(request->srk))
        return BS_ERR_BOOT;
    if (blob->private_area.size != 1 || blob->private_area.buffer[0] >= fake_tpm.sealed_count)
        return BS_ERR_INPUT;
    if (fake_tpm.changes_answers)
        return BS_ERR_TAMPERED;
    struct tpm_counter counter;
    describe_counter(&counter);
    struct tpm_policy policy = { .bank = request->bank,
                                 .boot_mask = request->boot_mask,
                                 .cap_pcr = request->cap_pcr,
                                 .counter = &counter,
                                 .counter_value = fake_tpm.counter,
                                 .approver = request->approval ? &request->approval->by : NULL };
    values_digest(policy.boot_mask, policy.boot_digest);
    values_digest(UINT32_C(1) << policy.cap_pcr, policy.cap_digest);
    uint8_t digest[CRYPTO_SHA256_SIZE];
    policy_digest(&policy, digest);
    const struct fake_sealed *sealed = &fake_tpm.sealed[blob->private_area.buffer[0]];
    if (memcmp(digest, sealed->policy, sizeof(digest)) != 0)
        return BS_ERR_BOOT;
    return bs_secret_copy(sealed->secret, sealed->size, ret_secret);
}
