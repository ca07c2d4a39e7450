/* What the vault's policy is made of, by itself, against a real swtpm: cap, counter, and its digest. */
#include "integration/tpm_lab.h"

#include <bootseal/cap.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CAP BS_CAP_PCR_DEFAULT
#define BOOT_MASK (1u << 4 | 1u << 7 | 1u << 9)

/* What the boot read of one bank tells of all, where nobody has extended the PCR. */
static void an_untouched_cap_is_not_read_first(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_pcrs pcrs;
    struct tpm_state known;

    OK(tpm_state(tpm, &known));
    OK(tpm_pcr_read(tpm, CRYPTO_SHA256, 1u << CAP, &pcrs));
    lab_record(*state);
    OK(tpm_cap(tpm, CAP));
    assert_int_equal(lab_commands(*state), 2); /* extend, read */

    /* Now it is not at its reset value, and the other banks may be anything. */
    OK(tpm_pcr_read(tpm, CRYPTO_SHA256, 1u << CAP, &pcrs));
    lab_record(*state);
    OK(tpm_cap(tpm, CAP));
    assert_int_equal(lab_commands(*state), 3);
}

/* Somebody extends one bank alone: what was taken for its reset value is none. */
static void a_cap_extended_in_another_bank_is_extended_again(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    const TPML_DIGEST_VALUES sha1 = { .count = 1, .digests[0].hashAlg = TPM2_ALG_SHA1 };
    struct tpm_pcrs pcrs;
    struct tpm_state known;

    OK(tpm_state(tpm, &known));
    OK(tpm_pcr_read(tpm, CRYPTO_SHA256, 1u << CAP, &pcrs));
    assert_int_equal(
        Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR0 + CAP, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sha1), 0);
    lab_record(*state);
    OK(tpm_cap(tpm, CAP));
    assert_int_equal(lab_commands(*state), 4); /* extend, read: not as it must be; once more */
}

static void a_cap_that_does_not_take_is_an_error(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    /* What is read is not what the extend must have made of it. */
    lab_fault(*state, LAB_FLIP, TPM2_CC_PCR_Read, 0, 2);
    FAILS(tpm_cap(tpm, CAP), BS_ERR_TPM);
    lab_fault(*state, LAB_CODE, TPM2_CC_PCR_Event, TPM2_RC_FAILURE, 1);
    FAILS(tpm_cap(tpm, CAP), BS_ERR_TPM);
    OK(tpm_cap(tpm, CAP));
}

static void counter_is_made_read_and_incremented(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_counter counter, again;
    FAILS(tpm_counter_read(tpm, &counter), BS_ERR_NOT_FOUND);
    OK(tpm_counter_make(tpm, &counter));
    assert_int_equal(counter.public_area.attributes, LAB_COUNTER | TPMA_NV_WRITTEN);
    OK(tpm_counter_make(tpm, &again));
    assert_int_equal(again.value, counter.value);
    assert_true(wire_name_equal(&again.name, &counter.name));
    OK(tpm_counter_increment(tpm, &again));
    assert_int_equal(again.value, counter.value + 1);
    lab_reboot(*state);
    BS_OWN(tpm) next = lab_open(*state, true);
    lab_record(*state);
    OK(tpm_counter_read(next, &counter));
    assert_int_equal(lab_commands(*state), 2);
    assert_int_equal(counter.value, again.value);
}

static void a_counter_that_was_never_incremented_is_finished(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_counter counter;
    lab_define(*state, lab_options(*state).counter_index, LAB_COUNTER, 8);
    OK(tpm_counter_read(tpm, &counter));
    assert_true(counter.value > 0);
    assert_true(counter.public_area.attributes & TPMA_NV_WRITTEN);
    NOTHING_LOADED(*state);
}

static void a_foreign_index_is_tampered(void **state)
{
    static const struct {
        TPMA_NV attributes;
        uint16_t size;
    } foreign[] = {
        { TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA, 8 },
        { LAB_COUNTER | TPMA_NV_OWNERWRITE, 8 },
        { LAB_COUNTER | TPMA_NV_ORDERLY, 8 },
        { LAB_COUNTER & ~(TPMA_NV)TPMA_NV_NO_DA, 8 },
    };
    struct tpm *admin = lab_admin(*state);
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        TPM2_HANDLE index = lab_options(*state).counter_index;
        lab_define(*state, index, foreign[i].attributes, foreign[i].size);
        BS_OWN(tpm) tpm = lab_open(*state, true);
        struct tpm_counter counter;
        FAILS(tpm_counter_read(tpm, &counter), BS_ERR_TAMPERED);
        FAILS(tpm_counter_make(tpm, &counter), BS_ERR_TAMPERED);
        ESYS_TR tr;
        assert_int_equal(Esys_TR_FromTPMPublic(admin->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr), 0);
        assert_int_equal(
            Esys_NV_UndefineSpace(admin->esys, ESYS_TR_RH_OWNER, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE), 0);
    }
}

/* The TPM's own trial session says the same as our arithmetic. */
static void policy_digest_is_the_tpms(void **state)
{
    lab_boot(*state);
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_counter counter;
    struct tpm_policy policy;
    uint8_t ours[32];
    TPM_ESYS TPM2B_DIGEST *theirs = NULL;
    const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
    ESYS_TR tr;
    TSS2_RC rc;
    OK(tpm_counter_make(tpm, &counter));
    OK(tpm_policy_now(tpm, CRYPTO_SHA256, BOOT_MASK, CAP, &counter, counter.value, &policy));
    OK(tpm_policy_digest(&policy, ours));
    TPM_LOADED struct tpm_loaded session = TPM_LOADED_NONE;
    assert_int_equal(Esys_StartAuthSession(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, NULL, TPM2_SE_TRIAL, &none, TPM2_ALG_SHA256, &tr),
                     0);
    tpm_hold(tpm, tr, true, &session);
    const struct tpm_unseal_request request = {
        .bank = CRYPTO_SHA256, .boot_mask = BOOT_MASK, .cap_pcr = CAP, .counter_value = counter.value
    };
    OK(tpm_policy_fulfil(tpm, &session, &request, NULL, &rc));
    assert_int_equal(Esys_PolicyGetDigest(tpm->esys, session.tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &theirs), 0);
    assert_int_equal(theirs->size, 32);
    assert_memory_equal(theirs->buffer, ours, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(an_untouched_cap_is_not_read_first),
        LAB_TEST(a_cap_extended_in_another_bank_is_extended_again),
        LAB_TEST(a_cap_that_does_not_take_is_an_error),
        LAB_TEST(counter_is_made_read_and_incremented),
        LAB_TEST(a_counter_that_was_never_incremented_is_finished),
        LAB_TEST(a_foreign_index_is_tampered),
        LAB_TEST(policy_digest_is_the_tpms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
