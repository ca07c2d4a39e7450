/* PCRs and what is sealed to them, against a real swtpm. */
#include "integration/tpm_lab.h"

#include <bootseal/cap.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BANK CRYPTO_SHA256
#define BOOT_MASK (1u << 4 | 1u << 7 | 1u << 9)
#define CAP BS_CAP_PCR_DEFAULT

static int setup(void **state)
{
    struct lab *lab = lab_new();
    lab_boot(lab);
    *state = lab;
    return 0;
}

static void make_secret(struct bs_secret **ret_secret)
{
    OK(bs_secret_new(32, ret_secret));
    OK(crypto_random(bs_secret_data(*ret_secret), 32));
}

struct sealed {
    struct tpm_counter counter;
    struct tpm_key_blob blob;
    struct bs_secret *secret;
    TPMT_PUBLIC srk;
};

/* As the vault does: sealed to the counter's next value, which is then made the present one. */
static void seal_one(struct tpm *tpm, struct sealed *ret_sealed)
{
    struct tpm_policy policy;
    make_secret(&ret_sealed->secret);
    OK(tpm_counter_make(tpm, &ret_sealed->counter));
    OK(tpm_policy_now(tpm, BANK, BOOT_MASK, CAP, &ret_sealed->counter, ret_sealed->counter.value + 1, &policy));
    OK(tpm_seal(tpm, &policy, ret_sealed->secret, &ret_sealed->blob));
    OK(tpm_counter_increment(tpm, &ret_sealed->counter));

    const TPMT_PUBLIC *srk;
    const struct wire_name *name;
    OK(tpm_srk(tpm, &srk, &name));
    ret_sealed->srk = *srk;
}

static enum bs_err unseal(struct tpm *tpm, const struct sealed *sealed, struct bs_secret **ret_secret)
{
    const struct tpm_unseal_request request = { .srk = &sealed->srk,
                                                .bank = BANK,
                                                .boot_mask = BOOT_MASK,
                                                .cap_pcr = CAP,
                                                .counter_value = sealed->counter.value,
                                                .sealed = &sealed->blob };
    return tpm_unseal(tpm, &request, ret_secret);
}

static void opens(struct tpm *tpm, const struct sealed *sealed)
{
    BS_OWN(secret) secret = NULL;
    OK(unseal(tpm, sealed, &secret));
    assert_int_equal(bs_secret_size(secret), 32);
    assert_memory_equal(bs_secret_view(secret), bs_secret_view(sealed->secret), 32);
}

static void stays_shut(struct tpm *tpm, const struct sealed *sealed, enum bs_err why)
{
    BS_OWN(secret) secret = NULL;
    FAILS(unseal(tpm, sealed, &secret), why);
    assert_null(secret);
}

static void what_is_sealed_opens_in_the_same_boot_and_the_next(void **state)
{
    for (int persist = 0; persist < 2; persist++) {
        struct sealed sealed;
        {
            BS_OWN(tpm) tpm = lab_open(*state, persist);
            seal_one(tpm, &sealed);
            assert_int_equal(sealed.blob.public_area.publicArea.objectAttributes,
                             TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA |
                                 TPMA_OBJECT_ADMINWITHPOLICY);
            NOTHING_LOADED(*state);
            opens(tpm, &sealed);
            NOTHING_LOADED(*state);
        }
        lab_reboot(*state);
        BS_OWN(tpm) tpm = lab_open(*state, persist);
        stays_shut(tpm, &sealed, BS_ERR_BOOT);
        lab_boot(*state);
        opens(tpm, &sealed);
        NOTHING_LOADED(*state);
        bs_secret_free(sealed.secret);
    }
}

static void another_boot_does_not_open_it(void **state)
{
    static const unsigned pcrs[] = { 9, CAP };
    for (size_t i = 0; i < 2; i++) {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        struct sealed sealed;
        seal_one(tpm, &sealed);
        lab_extend(*state, pcrs[i], "something else");
        stays_shut(tpm, &sealed, BS_ERR_BOOT);
        NOTHING_LOADED(*state);
        bs_secret_free(sealed.secret);
    }
}

static void the_cap_shuts_it_in_every_bank(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct sealed sealed;
    struct tpm_state known;
    seal_one(tpm, &sealed);
    OK(tpm_state(tpm, &known)); /* as a boot has asked long before */
    lab_record(*state);
    OK(tpm_cap(tpm, CAP));
    assert_int_equal(lab_commands(*state), 2); /* extend, read; sealing has read the PCR */
    stays_shut(tpm, &sealed, BS_ERR_BOOT);
    bs_secret_free(sealed.secret);

    static const uint16_t banks[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512 };
    for (size_t i = 0; i < 4; i++) {
        uint8_t data[2 * CRYPTO_HASH_MAX] = { 0 }, expected[CRYPTO_HASH_MAX];
        size_t size = crypto_hash_size(banks[i]);
        struct tpm_pcrs pcrs;
        OK(tpm_pcr_read(tpm, banks[i], 1u << CAP, &pcrs));
        OK(crypto_hash(banks[i], BS_SPAN(BS_CAP_EVENT, strlen(BS_CAP_EVENT)), data + size));
        OK(crypto_hash(banks[i], BS_SPAN(data, 2 * size), expected));
        assert_memory_equal(pcrs.values[CAP], expected, size);
    }
    NOTHING_LOADED(*state);
}

static void an_old_generation_never_opens_again(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct sealed sealed, now;
    seal_one(tpm, &sealed);
    now = sealed;
    OK(tpm_counter_increment(tpm, &now.counter));
    stays_shut(tpm, &now, BS_ERR_BOOT);    /* the counter as it is: the policy is another one */
    stays_shut(tpm, &sealed, BS_ERR_BOOT); /* the counter as it was: PolicyNV says no */
    NOTHING_LOADED(*state);
    bs_secret_free(sealed.secret);
}

static void a_blob_that_is_not_ours_is_refused(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct sealed sealed, changed;
    seal_one(tpm, &sealed);
    changed = sealed;
    changed.blob.private_area.buffer[40] ^= 1;
    stays_shut(tpm, &changed, BS_ERR_INPUT);
    changed = sealed;
    changed.blob.public_area.publicArea.authPolicy.buffer[0] ^= 1;
    stays_shut(tpm, &changed, BS_ERR_INPUT);
    NOTHING_LOADED(*state);
    opens(tpm, &sealed);
    bs_secret_free(sealed.secret);
}

static void a_pcr_that_changes_in_between_costs_another_session(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct sealed sealed;
    seal_one(tpm, &sealed);
    static const uint32_t before[] = { TPM2_CC_Unseal, TPM2_CC_PolicyPCR, TPM2_CC_PolicyNV };
    for (size_t i = 0; i < 3; i++) {
        lab_fault(*state, LAB_EXTEND, before[i], 0, 3);
        opens(tpm, &sealed);
    }
    lab_fault(*state, LAB_EXTEND, TPM2_CC_Unseal, 0, 100);
    stays_shut(tpm, &sealed, BS_ERR_TPM);
    lab_fault(*state, LAB_NONE, 0, 0, 0);
    NOTHING_LOADED(*state);
    bs_secret_free(sealed.secret);
}

static void a_boot_that_nobody_measured_is_not_sealed_to(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_counter counter;
    struct tpm_policy policy;
    OK(tpm_counter_make(tpm, &counter));
    FAILS(tpm_policy_now(tpm, BANK, BOOT_MASK | 1u << 5, CAP, &counter, 1, &policy), BS_ERR_BOOT);  /* all zero */
    FAILS(tpm_policy_now(tpm, BANK, BOOT_MASK | 1u << 17, CAP, &counter, 1, &policy), BS_ERR_BOOT); /* all ones */
    FAILS(tpm_policy_now(tpm, BANK, 0, CAP, &counter, 1, &policy), BS_ERR_CONFIG);
}

static void lockout_stops_neither_seal_nor_unseal(void **state)
{
    lab_lock_out(*state);
    for (int persist = 0; persist < 2; persist++) {
        BS_OWN(tpm) tpm = lab_open(*state, persist);
        struct sealed sealed;
        seal_one(tpm, &sealed);
        opens(tpm, &sealed);
        bs_secret_free(sealed.secret);
    }
}

/* A TPM counts an object that is not noDA and was in use when the power went as a failed attempt. */
static void power_cuts_are_no_failed_attempts(void **state)
{
    struct sealed sealed;
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        seal_one(tpm, &sealed);
    }
    for (int i = 0; i < 5; i++) {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        opens(tpm, &sealed);
        lab_reboot(*state);
        lab_boot(*state);
    }
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_state s;
    OK(tpm_state(tpm, &s));
    assert_false(s.in_lockout);
    opens(tpm, &sealed);
    bs_secret_free(sealed.secret);
}

/* How often the secret lies in this process's writable memory. */
static unsigned copies_in_memory(const struct bs_secret *secret)
{
    char line[512];
    unsigned count = 0;
    uint8_t *page = malloc(1 << 16);
    FILE *maps = fopen("/proc/self/maps", "r");
    int fd = open("/proc/self/mem", O_RDONLY);
    assert_true(maps && fd >= 0 && page);
    while (fgets(line, sizeof(line), maps)) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w' ||
            to - from > 1ul << 30) /* a sanitizer's shadow */
            continue;
        for (unsigned long at = from; at < to; at += 4096) {
            /* A page and what a secret can reach into the next one. */
            ssize_t n = pread(fd, page, 4096 + 31, (off_t)at);
            uint8_t *found = n > 0 ? memmem(page, (size_t)n, bs_secret_view(secret), 32) : NULL;
            /* Not the copy that pread has just made. */
            if (found && !(at <= (unsigned long)page && (unsigned long)page < at + (1 << 16)))
                count++;
        }
    }
    explicit_bzero(page, 1 << 16);
    close(fd);
    fclose(maps);
    free(page);
    return count;
}

static void the_secret_is_not_on_the_bus_and_not_left_in_memory(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct sealed sealed;
    lab_record(*state);
    seal_one(tpm, &sealed);
    assert_int_equal(copies_in_memory(sealed.secret), 1);
    {
        BS_OWN(secret) secret = NULL;
        OK(unseal(tpm, &sealed, &secret));
        assert_int_equal(copies_in_memory(sealed.secret), 2);
    }
    assert_int_equal(copies_in_memory(sealed.secret), 1);
    assert_false(lab_has_recorded(*state, BS_SPAN(bs_secret_view(sealed.secret), 32)));
    assert_false(lab_has_recorded(*state, BS_SPAN(bs_secret_view(sealed.secret), 8)));
    assert_true(lab_has_recorded(*state, BS_SPAN(sealed.blob.private_area.buffer, 32)));

    /* Also when the connection breaks in the middle. */
    struct tpm_policy policy;
    struct tpm_key_blob blob;
    OK(tpm_policy_now(tpm, BANK, BOOT_MASK, CAP, &sealed.counter, sealed.counter.value, &policy));
    lab_fault(*state, LAB_HANGUP, TPM2_CC_Create, 0, 1);
    FAILS(tpm_seal(tpm, &policy, sealed.secret, &blob), BS_ERR_TPM);
    assert_int_equal(copies_in_memory(sealed.secret), 1);
    bs_secret_free(sealed.secret);
}

static void opening_costs_few_commands(void **state)
{
    struct sealed sealed;
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        seal_one(tpm, &sealed);
    }
    lab_record(*state);
    BS_OWN(tpm) tpm = lab_open(*state, true);
    opens(tpm, &sealed);
    assert_int_equal(lab_commands(*state), 7);
    assert_int_equal(tpm_command_count(tpm), 7);

    /* It has proven itself: nothing is read for it later. */
    const TPMT_PUBLIC *srk;
    const struct wire_name *name;
    struct wire_name expected;
    OK(wire_public_name(&sealed.srk, &expected));
    tpm_srk_adopt(tpm, wire_name_span(&expected));
    OK(tpm_srk(tpm, &srk, &name));
    assert_true(wire_name_equal(name, &expected));
    assert_int_equal(lab_commands(*state), 7);
    bs_secret_free(sealed.secret);
}

/* A key of the SRK's template at the SRK's handle, which is not the SRK; and something sealed under it as `mine` is under the SRK. */
static void seal_under_foreign(struct lab *lab, const struct sealed *mine, struct sealed *ret_theirs)
{
    struct tpm_options options = lab_options(lab);
    struct tpm_key foreign = { .handle = options.srk_handle, .hierarchy = TPM2_RH_ENDORSEMENT };
    TPMT_PUBLIC template;
    struct tpm_policy policy;
    BS_OWN(tpm) tpm = lab_open(lab, true);
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE; /* let go before the TPM is */
    wire_template_srk(&template);
    OK(tpm_key_open(tpm, &template, &foreign, &loaded));
    assert_true(foreign.is_persistent);
    tpm->srk = foreign;
    *ret_theirs = (struct sealed){ .counter = mine->counter, .srk = foreign.public_area };
    make_secret(&ret_theirs->secret);
    OK(tpm_policy_now(tpm, BANK, BOOT_MASK, CAP, &mine->counter, mine->counter.value, &policy));
    OK(tpm_seal(tpm, &policy, ret_theirs->secret, &ret_theirs->blob));
}

/* Whoever may make keys in this TPM seals a slot to one of them: it opens, and the next slot, or this boot's enrollment, has the SRK. */
static void a_key_that_a_slot_names_is_not_kept_for_the_srk(void **state)
{
    struct sealed mine, theirs;
    const TPMT_PUBLIC *srk;
    const struct wire_name *name;
    struct wire_name expected, foreign;
    {
        BS_OWN(tpm) tpm = lab_open(*state, false);
        seal_one(tpm, &mine);
    }
    seal_under_foreign(*state, &mine, &theirs);
    OK(wire_public_name(&mine.srk, &expected));
    OK(wire_public_name(&theirs.srk, &foreign));
    assert_false(wire_name_equal(&foreign, &expected));

    BS_OWN(tpm) tpm = lab_open(*state, true);
    opens(tpm, &theirs);
    tpm_srk_adopt(tpm, wire_name_span(&expected)); /* the Name that the server signed is not what unsealed */
    opens(tpm, &mine);
    OK(tpm_srk(tpm, &srk, &name));
    assert_true(wire_name_equal(name, &expected));
    NOTHING_LOADED(*state);
    bs_secret_free(mine.secret);
    bs_secret_free(theirs.secret);
}

/* Keys and sessions that somebody left behind fill the TPM: they cost an open that finds them in its way some commands. */
static void what_others_left_loaded_makes_room(void **state)
{
    struct tpm *admin = lab_admin(*state);
    struct tpm_options options = lab_options(*state);
    const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
    struct sealed sealed;
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        seal_one(tpm, &sealed);
    }
    admin->options.persist = false;
    for (TSS2_RC rc = 0; rc == 0;) {
        ESYS_TR session;
        rc = Esys_StartAuthSession(admin->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                   NULL, TPM2_SE_HMAC, &none, TPM2_ALG_SHA256, &session);
    }
    assert_true(lab_loaded(*state) > 1);
    options.exclusive = true;
    BS_OWN(tpm) tpm = NULL;
    OK(tpm_open(&options, &tpm));
    opens(tpm, &sealed);
    NOTHING_LOADED(*state);
    bs_secret_free(sealed.secret);
}

/* What a slot says of the SRK is believed only as far as the TPM proves it. */
static void an_srk_that_the_tpm_does_not_have_opens_nothing(void **state)
{
    struct sealed sealed;
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        seal_one(tpm, &sealed);
    }
    const TPMT_PUBLIC own = sealed.srk;
    struct crypto_key *key;
    struct crypto_point point;
    OK(crypto_key_make(&key));
    OK(crypto_key_public(key, &point));
    crypto_key_free(key);
    memcpy(sealed.srk.unique.ecc.x.buffer, point.x, 32);
    memcpy(sealed.srk.unique.ecc.y.buffer, point.y, 32);
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        const TPMT_PUBLIC *srk;
        const struct wire_name *name;
        struct wire_name expected;
        stays_shut(tpm, &sealed, BS_ERR_BOOT);
        OK(tpm_srk(tpm, &srk, &name));
        OK(wire_public_name(&own, &expected));
        assert_true(wire_name_equal(name, &expected));
        NOTHING_LOADED(*state);
    }
    sealed.srk.objectAttributes ^= TPMA_OBJECT_NODA; /* not the template: not even asked for */
    lab_record(*state);
    BS_OWN(tpm) tpm = lab_open(*state, true);
    stays_shut(tpm, &sealed, BS_ERR_INPUT);
    assert_int_equal(lab_commands(*state), 0);
    sealed.srk = own;
    opens(tpm, &sealed);
    bs_secret_free(sealed.secret);
}

static void without_the_counter_nothing_opens(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct sealed sealed;
    seal_one(tpm, &sealed);
    TPM2_HANDLE index = lab_options(*state).counter_index;
    lab_undefine(*state, index);
    stays_shut(tpm, &sealed, BS_ERR_BOOT);
    lab_define(*state, index, LAB_COUNTER, 8); /* anew, and not yet incremented */
    stays_shut(tpm, &sealed, BS_ERR_BOOT);
    struct tpm_counter counter;
    OK(tpm_counter_make(tpm, &counter));
    stays_shut(tpm, &sealed, BS_ERR_BOOT);
    NOTHING_LOADED(*state);
    bs_secret_free(sealed.secret);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_sealed_opens_in_the_same_boot_and_the_next),
        TEST(another_boot_does_not_open_it),
        TEST(the_cap_shuts_it_in_every_bank),
        TEST(an_old_generation_never_opens_again),
        TEST(a_blob_that_is_not_ours_is_refused),
        TEST(a_pcr_that_changes_in_between_costs_another_session),
        TEST(a_boot_that_nobody_measured_is_not_sealed_to),
        TEST(lockout_stops_neither_seal_nor_unseal),
        TEST(power_cuts_are_no_failed_attempts),
        TEST(the_secret_is_not_on_the_bus_and_not_left_in_memory),
        TEST(opening_costs_few_commands),
        TEST(a_key_that_a_slot_names_is_not_kept_for_the_srk),
        TEST(what_others_left_loaded_makes_room),
        TEST(an_srk_that_the_tpm_does_not_have_opens_nothing),
        TEST(without_the_counter_nothing_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
