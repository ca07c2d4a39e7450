/* Vaults under a signed policy against a real swtpm: what opens them, and each attack that must not. */
#include "core/approval.h"
#include "core/file.h"
#include "core/pcrsig.h"
#include "integration/tpm_lab.h"

#include <bootseal/cap.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BANK CRYPTO_SHA256
#define BOOT_MASK (1u << 4 | 1u << 7 | 1u << 9)
#define CAP BS_CAP_PCR_DEFAULT

static void boot(struct lab *lab, const char *kernel)
{
    lab_extend(lab, 4, "loader");
    lab_extend(lab, 7, "secure boot");
    lab_extend(lab, 9, kernel);
}

/* Who approves, for which device and epoch. */
struct approver {
    struct crypto_key *key;
    TPMT_PUBLIC public_area;
    uint8_t ref[APPROVAL_REF_SIZE];
};

static void approver_new(uint8_t device, uint64_t epoch, struct approver *ret_approver)
{
    uint8_t id[WIRE_ID_SIZE];
    struct crypto_point point;
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(256);
    memset(id, device, sizeof(id));
    OK(crypto_key_make(&ret_approver->key));
    OK(crypto_key_public(ret_approver->key, &point));
    OK(wire_point_spki(&point, &spki));
    OK(cert_policy_key(bs_buf_span(&spki), &ret_approver->public_area));
    OK(approval_ref(BS_SPAN(id, sizeof(id)), epoch, ret_approver->ref));
}

static void sign(const struct approver *by, const uint8_t policy[CRYPTO_SHA256_SIZE], struct tpm_approval *ret_approval)
{
    uint8_t hash[CRYPTO_SHA256_SIZE], signature[64];
    *ret_approval = (struct tpm_approval){ .by = { &by->public_area, BS_SPAN(by->ref, sizeof(by->ref)) } };
    memcpy(ret_approval->policy, policy, CRYPTO_SHA256_SIZE);
    OK(approval_hash(policy, ret_approval->by.policy_ref, hash));
    OK(crypto_key_sign(by->key, hash, signature));
    TPMS_SIGNATURE_ECC *ecc = &ret_approval->signature.signature.ecdsa;
    ret_approval->signature.sigAlg = TPM2_ALG_ECDSA;
    ecc->hash = TPM2_ALG_SHA256;
    ecc->signatureR.size = ecc->signatureS.size = 32;
    memcpy(ecc->signatureR.buffer, signature, 32);
    memcpy(ecc->signatureS.buffer, signature + 32, 32);
}

/* Of the PCRs as they are now, read from `bank` and `mask`. */
static void policy_of_now(struct tpm *tpm, uint16_t bank, uint32_t mask, uint8_t ret_policy[CRYPTO_SHA256_SIZE])
{
    struct tpm_pcrs now;
    struct message_pcrs pcrs = { .bank = bank, .mask = mask };
    OK(tpm_pcr_read(tpm, bank, mask, &now));
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        if (mask >> pcr & 1)
            pcrs.values[pcr] = BS_SPAN(now.values[pcr], now.digest_size);
    OK(approval_policy(&pcrs, ret_policy));
}

/* A vault's key that was sealed in the boot "1.0", under this approver. */
struct scene {
    struct lab *lab;
    struct tpm *tpm;
    struct approver by;
    struct tpm_counter counter;
    struct tpm_key_blob blob;
    struct bs_secret *secret;
    TPMT_PUBLIC srk;
    struct tpm_approval present; /* of "1.0" */
    struct tpm_approval next;    /* of "2.0" */
};

static void seal(struct scene *s)
{
    struct tpm_policy policy;
    const struct tpm_approver approver = { &s->by.public_area, BS_SPAN(s->by.ref, sizeof(s->by.ref)) };
    const TPMT_PUBLIC *srk;
    const struct wire_name *name;
    OK(bs_secret_new(32, &s->secret));
    OK(crypto_random(bs_secret_data(s->secret), 32));
    OK(tpm_counter_make(s->tpm, &s->counter));
    OK(tpm_policy_now(s->tpm, BANK, BOOT_MASK, CAP, &s->counter, s->counter.value + 1, &policy));
    policy.approver = &approver;
    OK(tpm_seal(s->tpm, &policy, s->secret, &s->blob));
    OK(tpm_counter_increment(s->tpm, &s->counter));
    OK(tpm_srk(s->tpm, &srk, &name));
    s->srk = *srk;
}

static void reboot(struct scene *s, const char *kernel)
{
    tpm_close(s->tpm);
    lab_reboot(s->lab);
    boot(s->lab, kernel);
    s->tpm = lab_open(s->lab, true);
}

static int setup(void **state)
{
    uint8_t policy[CRYPTO_SHA256_SIZE];
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->lab = lab_new();
    approver_new(1, 7, &s->by);
    boot(s->lab, "2.0"); /* a machine of the maker's shows what it will be */
    s->tpm = lab_open(s->lab, true);
    policy_of_now(s->tpm, BANK, BOOT_MASK, policy);
    sign(&s->by, policy, &s->next);
    reboot(s, "1.0");
    policy_of_now(s->tpm, BANK, BOOT_MASK, policy);
    sign(&s->by, policy, &s->present);
    seal(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    bs_secret_free(s->secret);
    crypto_key_free(s->by.key);
    tpm_close(s->tpm);
    lab_free(s->lab);
    free(s);
    return 0;
}

static enum bs_err unseal(struct scene *s, const struct tpm_approval *approval, struct bs_secret **ret_secret)
{
    const struct tpm_unseal_request request = { .srk = &s->srk,
                                                .bank = BANK,
                                                .boot_mask = BOOT_MASK,
                                                .cap_pcr = CAP,
                                                .counter_value = s->counter.value,
                                                .sealed = &s->blob,
                                                .approval = approval };
    return tpm_unseal(s->tpm, &request, ret_secret);
}

static void opens(struct scene *s, const struct tpm_approval *approval)
{
    BS_OWN(secret) secret = NULL;
    OK(unseal(s, approval, &secret));
    assert_memory_equal(bs_secret_view(secret), bs_secret_view(s->secret), 32);
    NOTHING_LOADED(s->lab);
}

static void stays_shut(struct scene *s, const struct tpm_approval *approval, enum bs_err why)
{
    BS_OWN(secret) secret = NULL;
    FAILS(unseal(s, approval, &secret), why);
    assert_null(secret);
    NOTHING_LOADED(s->lab);
}

static void an_approved_boot_opens_what_another_one_sealed(void **state)
{
    struct scene *s = *state;
    opens(s, &s->present);
    stays_shut(s, &s->next, BS_ERR_BOOT); /* which this boot is not */
    reboot(s, "2.0");
    opens(s, &s->next);
    stays_shut(s, &s->present, BS_ERR_BOOT);
    reboot(s, "evil");
    stays_shut(s, &s->next, BS_ERR_BOOT);
    stays_shut(s, NULL, BS_ERR_BOOT);
    reboot(s, "1.0");
    opens(s, &s->present);
    stays_shut(s, NULL, BS_ERR_BOOT); /* not even where it was sealed: the policy is another one */
}

static void an_approval_is_good_for_its_device_and_epoch_alone(void **state)
{
    struct scene *s = *state;
    struct approver other = s->by;
    struct tpm_approval approval;
    uint8_t id[WIRE_ID_SIZE];
    memset(id, 2, sizeof(id));
    OK(approval_ref(BS_SPAN(id, sizeof(id)), 7, other.ref));
    sign(&other, s->present.policy, &approval);
    stays_shut(s, &approval, BS_ERR_BOOT);
    memset(id, 1, sizeof(id));
    for (uint64_t epoch = 6; epoch <= 8; epoch++) {
        OK(approval_ref(BS_SPAN(id, sizeof(id)), epoch, other.ref));
        sign(&other, s->present.policy, &approval);
        if (epoch == 7)
            opens(s, &approval);
        else
            stays_shut(s, &approval, BS_ERR_BOOT);
    }
    /* With our own reference, which was not signed. */
    approval.by.policy_ref = s->present.by.policy_ref;
    stays_shut(s, &approval, BS_ERR_UNTRUSTED);
    approval.by.policy_ref = BS_SPAN_NONE;
    stays_shut(s, &approval, BS_ERR_UNTRUSTED);
}

static void another_key_approves_nothing(void **state)
{
    struct scene *s = *state;
    struct approver stranger;
    struct tpm_approval approval;
    approver_new(1, 7, &stranger);
    sign(&stranger, s->present.policy, &approval);
    stays_shut(s, &approval, BS_ERR_BOOT); /* under his own key: the policy is another one */
    approval.by.key = &s->by.public_area;
    stays_shut(s, &approval, BS_ERR_UNTRUSTED); /* as if it were ours */
    crypto_key_free(stranger.key);
}

static void what_was_changed_after_it_was_signed_is_refused(void **state)
{
    struct scene *s = *state;
    uint8_t *const places[] = { s->present.policy, s->present.policy + 31,
                                s->present.signature.signature.ecdsa.signatureR.buffer + 5,
                                s->present.signature.signature.ecdsa.signatureS.buffer + 31, s->by.ref + 3 };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        *places[i] ^= 1;
        stays_shut(s, &s->present, BS_ERR_UNTRUSTED);
        *places[i] ^= 1;
        opens(s, &s->present);
    }
}

/* Fewer PCRs, or those of a bank that nobody extends, are no way in as long as nobody signed them. */
static void another_selection_is_another_policy(void **state)
{
    struct scene *s = *state;
    uint8_t policy[CRYPTO_SHA256_SIZE];
    struct tpm_approval approval;
    policy_of_now(s->tpm, BANK, BOOT_MASK & ~(1u << 9), policy);
    approval = s->present;
    memcpy(approval.policy, policy, sizeof(policy));
    stays_shut(s, &approval, BS_ERR_UNTRUSTED);
    policy_of_now(s->tpm, CRYPTO_SHA384, BOOT_MASK, policy);
    memcpy(approval.policy, policy, sizeof(policy));
    stays_shut(s, &approval, BS_ERR_UNTRUSTED);
    /* Signed for another bank, and not what the session then holds. */
    sign(&s->by, policy, &approval);
    stays_shut(s, &approval, BS_ERR_BOOT);
}

static void neither_cap_nor_counter_is_left_out_by_an_approval(void **state)
{
    struct scene *s = *state;
    struct scene older = *s;
    older.counter.value--;
    opens(s, &s->present);
    stays_shut(&older, &s->present, BS_ERR_BOOT);
    lab_extend(s->lab, CAP, BS_CAP_EVENT);
    stays_shut(s, &s->present, BS_ERR_BOOT);
    reboot(s, "1.0");
    opens(s, &s->present);
    OK(tpm_counter_increment(s->tpm, &s->counter));
    stays_shut(s, &s->present, BS_ERR_BOOT);
}

static void a_pcr_that_changes_in_between_costs_another_session(void **state)
{
    struct scene *s = *state;
    static const uint32_t before[] = { TPM2_CC_Unseal, TPM2_CC_PolicyAuthorize, TPM2_CC_PolicyNV };
    for (size_t i = 0; i < 3; i++) {
        lab_fault(s->lab, LAB_EXTEND, before[i], 0, 3);
        opens(s, &s->present);
    }
}

static void opening_costs_few_commands(void **state)
{
    struct scene *s = *state;
    reboot(s, "2.0");
    BS_OWN(secret) secret = NULL;
    lab_record(s->lab);
    OK(unseal(s, &s->next, &secret));
    assert_int_equal(lab_commands(s->lab), 11);
    assert_int_equal(tpm_command_count(s->tpm), 11);
}

static void a_key_that_the_tpm_does_not_take_is_untrusted(void **state)
{
    struct scene *s = *state;
    TPMT_PUBLIC odd = s->by.public_area;
    struct tpm_approval approval = s->present;
    odd.unique.ecc.x.buffer[0] ^= 1; /* not on the curve */
    approval.by.key = &odd;
    stays_shut(s, &approval, BS_ERR_UNTRUSTED);
    opens(s, &s->present);
}

/* What systemd-stub measures of the image that tests/vectors/pcrsig is about: names and contents of its sections. */
static void measure(struct lab *lab, const void *bytes, size_t size)
{
    TPML_DIGEST_VALUES digests = { .count = 1, .digests[0].hashAlg = TPM2_ALG_SHA256 };
    struct tpm *admin = lab_admin(lab);
    OK(crypto_hash(CRYPTO_SHA256, BS_SPAN(bytes, size), digests.digests[0].digest.sha256));
    assert_int_equal(
        Esys_PCR_Extend(admin->esys, ESYS_TR_PCR11, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digests), 0);
}

static void boot_uki(struct lab *lab, struct bs_span pem)
{
    static const struct {
        const char *name, *content;
    } sections[] = { { ".linux", "kern\n" },
                     { ".osrel", "ID=x\n" },
                     { ".cmdline", "quiet\n" },
                     { ".initrd", "init\n" },
                     { ".pcrpkey", NULL } };
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        measure(lab, sections[i].name, strlen(sections[i].name) + 1);
        if (sections[i].content)
            measure(lab, sections[i].content, strlen(sections[i].content));
        else
            measure(lab, pem.data, pem.size);
    }
}

/* The signatures of the file, in its order: before any phase, in the initrd, after it. */
enum { BEFORE, INITRD, SYSTEM, PHASES };
struct phases {
    TPMT_PUBLIC key;
    struct tpm_approval list[PHASES];
    size_t count;
};

static void take_phase(void *context, const struct pcrsig *entry)
{
    struct phases *phases = context;
    assert_true(phases->count < PHASES);
    struct tpm_approval *approval = &phases->list[phases->count++];
    TPMS_SIGNATURE_RSA *rsa = &approval->signature.signature.rsassa;
    *approval = (struct tpm_approval){ .by = { &phases->key, BS_SPAN_NONE } };
    memcpy(approval->policy, entry->policy, sizeof(approval->policy));
    approval->signature.sigAlg = TPM2_ALG_RSASSA;
    rsa->hash = TPM2_ALG_SHA256;
    rsa->sig.size = (UINT16)entry->signature_size;
    memcpy(rsa->sig.buffer, entry->signature, entry->signature_size);
}

static void read_phases(struct bs_buf *pem, struct phases *ret_phases)
{
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(PCRSIG_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(4096);
    ret_phases->count = 0;
    OK(bs_file_read(BS_TEST_VECTORS "/pcrsig/systemd-252.json", &json));
    OK(bs_file_read(BS_TEST_VECTORS "/pcrsig/systemd-252.pem", pem));
    OK(cert_pem_decode(bs_buf_span(pem), "PUBLIC KEY", &spki));
    OK(cert_policy_key(bs_buf_span(&spki), &ret_phases->key));
    OK(pcrsig_read(bs_buf_span(&json), take_phase, ret_phases));
    assert_int_equal(ret_phases->count, PHASES);
}

static enum bs_err unseal_uki(struct scene *s, const struct tpm_approval *approval, struct bs_secret **ret_secret)
{
    const struct tpm_unseal_request request = { .srk = &s->srk,
                                                .bank = BANK,
                                                .boot_mask = 1u << 11,
                                                .cap_pcr = CAP,
                                                .counter_value = s->counter.value,
                                                .sealed = &s->blob,
                                                .approval = approval };
    return tpm_unseal(s->tpm, &request, ret_secret);
}

static void uki_opens(struct scene *s, const struct tpm_approval *approval)
{
    BS_OWN(secret) secret = NULL;
    OK(unseal_uki(s, approval, &secret));
    assert_memory_equal(bs_secret_view(secret), bs_secret_view(s->secret), 32);
}

static void uki_stays_shut(struct scene *s, const struct tpm_approval *approval, enum bs_err why)
{
    BS_OWN(secret) secret = NULL;
    FAILS(unseal_uki(s, approval, &secret), why);
    NOTHING_LOADED(s->lab);
}

static void seal_uki(struct scene *s, const TPMT_PUBLIC *key)
{
    struct tpm_policy policy;
    const struct tpm_approver approver = { key, BS_SPAN_NONE };
    OK(tpm_policy_now(s->tpm, BANK, 1u << 11, CAP, &s->counter, s->counter.value + 1, &policy));
    policy.approver = &approver;
    OK(tpm_seal(s->tpm, &policy, s->secret, &s->blob));
    OK(tpm_counter_increment(s->tpm, &s->counter));
}

/* systemd-measure signs the phases after the initrd, too; what keeps them out is the cap that PolicyPCR asks for after PolicyAuthorize. */
static void what_systemd_measure_signed_opens_up_to_the_cap_and_not_after_it(void **state)
{
    struct scene *s = *state;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(4096);
    struct phases phases;
    read_phases(&pem, &phases);
    reboot(s, "any");
    boot_uki(s->lab, bs_buf_span(&pem));
    seal_uki(s, &phases.key);
    uki_opens(s, &phases.list[BEFORE]);
    uki_stays_shut(s, &phases.list[INITRD], BS_ERR_BOOT);
    measure(s->lab, "enter-initrd", 12);
    uki_opens(s, &phases.list[INITRD]);
    uki_stays_shut(s, &phases.list[BEFORE], BS_ERR_BOOT);
    phases.list[INITRD].signature.signature.rsassa.sig.buffer[7] ^= 1;
    uki_stays_shut(s, &phases.list[INITRD], BS_ERR_UNTRUSTED);
    phases.list[INITRD].signature.signature.rsassa.sig.buffer[7] ^= 1;

    OK(tpm_cap(s->tpm, CAP));
    uki_stays_shut(s, &phases.list[INITRD], BS_ERR_BOOT);
    measure(s->lab, "leave-initrd", 12);
    uki_stays_shut(s, &phases.list[SYSTEM], BS_ERR_BOOT);

    reboot(s, "any"); /* the cap and nothing else: where it was left out, the signature would be good */
    boot_uki(s->lab, bs_buf_span(&pem));
    measure(s->lab, "enter-initrd", 12);
    measure(s->lab, "leave-initrd", 12);
    uki_opens(s, &phases.list[SYSTEM]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_approved_boot_opens_what_another_one_sealed),
        TEST(an_approval_is_good_for_its_device_and_epoch_alone),
        TEST(another_key_approves_nothing),
        TEST(what_was_changed_after_it_was_signed_is_refused),
        TEST(another_selection_is_another_policy),
        TEST(neither_cap_nor_counter_is_left_out_by_an_approval),
        TEST(a_pcr_that_changes_in_between_costs_another_session),
        TEST(opening_costs_few_commands),
        TEST(a_key_that_the_tpm_does_not_take_is_untrusted),
        TEST(what_systemd_measure_signed_opens_up_to_the_cap_and_not_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
