/*
 * A TPM that is slow, fails, vanishes or lies, at every command: an error in time, nothing left loaded, never a wrong
 * secret.
 */
#include "core/clock.h"
#include "core/credential.h"
#include "integration/tpm_lab.h"

#include <bootseal/cap.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BANK CRYPTO_SHA256
#define BOOT_MASK (1u << 9)
#define CAP BS_CAP_PCR_DEFAULT
/* Of a command: where all are answered, however busy this machine is; where one is not; where it does not matter which. */
#define PATIENCE_MS 20000
#define TIMEOUT_MS 1000
#define HASTE_MS 300

/* What is sealed before anything goes wrong, and a challenge for the EK. */
struct bench {
    struct lab *lab;
    struct tpm_counter counter;
    struct tpm_key_blob blob;
    struct bs_secret *secret;
    TPMT_PUBLIC srk;
    struct bs_buf id_object, encrypted;
    unsigned open_commands, enroll_commands;
    int64_t timeout_ms;
};

static struct tpm_options options_of(const struct bench *bench)
{
    struct tpm_options options = lab_options(bench->lab);
    options.exclusive = true;
    options.timeout_ms = bench->timeout_ms;
    return options;
}

/* As a boot from the vault does; *ret_secret stays NULL after an error. */
static enum bs_err open_flow(struct bench *bench, struct tpm *tpm, struct bs_secret **ret_secret)
{
    const struct tpm_unseal_request request = { .srk = &bench->srk,
                                                .bank = BANK,
                                                .boot_mask = BOOT_MASK,
                                                .cap_pcr = CAP,
                                                .counter_value = bench->counter.value,
                                                .sealed = &bench->blob };
    return tpm_unseal(tpm, &request, ret_secret);
}

/* As a first contact does, without the network. */
static enum bs_err enroll_flow(struct bench *bench, struct tpm *tpm, struct bs_secret **ret_secret)
{
    BS_SCOPED_BUF struct bs_buf attest = BS_BUF(4096), signature = BS_BUF(2048);
    const uint8_t nonce[32] = { 1 };
    struct tpm_key_blob key;
    struct tpm_counter counter;
    struct tpm_policy policy;

    enum bs_err err = tpm_device_key_make(tpm, &key);
    if (err == BS_OK)
        err = tpm_device_key_certify(tpm, &key, nonce, &attest, &signature);
    if (err == BS_OK)
        err = tpm_certify_srk(tpm, nonce, &attest, &signature);
    if (err == BS_OK)
        err = tpm_quote(tpm, nonce, BANK, BOOT_MASK, &attest, &signature);
    if (err == BS_OK)
        err = tpm_counter_read(tpm, &counter);
    if (err == BS_OK)
        err = tpm_policy_now(tpm, BANK, BOOT_MASK, CAP, &counter, counter.value, &policy);
    if (err == BS_OK)
        err = tpm_seal(tpm, &policy, bench->secret, &key);
    if (err == BS_OK)
        err = tpm_activate(tpm, bs_buf_span(&bench->id_object), bs_buf_span(&bench->encrypted), ret_secret);
    return err;
}

typedef enum bs_err (*flow_fn)(struct bench *bench, struct tpm *tpm, struct bs_secret **ret_secret);

/* Opens the TPM and runs a flow. After BS_OK the secret is the right one. */
static enum bs_err attempt(struct bench *bench, flow_fn flow)
{
    const struct tpm_options options = options_of(bench);
    BS_OWN(secret) secret = NULL;
    BS_OWN(tpm) tpm = NULL;
    enum bs_err err = tpm_open(&options, &tpm);
    if (err == BS_OK)
        err = flow(bench, tpm, &secret);
    if (err == BS_OK) {
        assert_int_equal(bs_secret_size(secret), 32);
        assert_memory_equal(bs_secret_view(secret), bs_secret_view(bench->secret), 32);
    } else {
        assert_null(secret);
    }
    return err;
}

/* Commands that come late are as those that do not come. */
static enum bs_err attempt_in_haste(struct bench *bench, flow_fn flow)
{
    bench->timeout_ms = HASTE_MS;
    enum bs_err err = attempt(bench, flow);
    bench->timeout_ms = PATIENCE_MS;
    return err;
}

static void prepare(struct bench *bench)
{
    const struct tpm_options options = options_of(bench);
    BS_OWN(tpm) tpm = NULL;
    struct tpm_policy policy;
    const struct tpm_ek *ek;
    const TPMT_PUBLIC *ak, *srk;
    const struct wire_name *name;
    TPM_ESYS TPML_DIGEST_VALUES *digests = NULL;
    const TPM2B_EVENT event = { .size = 6, .buffer = "kernel" };

    OK(tpm_open(&options, &tpm));
    assert_int_equal(
        Esys_PCR_Event(tpm->esys, ESYS_TR_PCR9, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &event, &digests), 0);
    OK(bs_secret_new(32, &bench->secret));
    OK(crypto_random(bs_secret_data(bench->secret), 32));
    OK(tpm_counter_make(tpm, &bench->counter));
    OK(tpm_policy_now(tpm, BANK, BOOT_MASK, CAP, &bench->counter, bench->counter.value, &policy));
    OK(tpm_seal(tpm, &policy, bench->secret, &bench->blob));
    OK(tpm_srk(tpm, &srk, &name));
    bench->srk = *srk;
    OK(tpm_ek(tpm, &ek));
    OK(tpm_ak(tpm, &ak, &name));
    bench->id_object = bench->encrypted = BS_BUF(1024);
    OK(credential_make(&ek->public_area, name, bs_secret_view(bench->secret), &bench->id_object, &bench->encrypted));
}

static unsigned commands_of(struct bench *bench, flow_fn flow)
{
    lab_record(bench->lab);
    OK(attempt(bench, flow));
    return lab_commands(bench->lab);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    bench->lab = lab_new();
    bench->timeout_ms = PATIENCE_MS;
    prepare(bench);
    bench->open_commands = commands_of(bench, open_flow);
    bench->enroll_commands = commands_of(bench, enroll_flow);
    print_message("open: %u commands, enroll: %u\n", bench->open_commands, bench->enroll_commands);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    lab_free(bench->lab);
    bs_secret_free(bench->secret);
    bs_buf_free(&bench->id_object);
    bs_buf_free(&bench->encrypted);
    free(bench);
    return 0;
}

static const flow_fn flows[] = { open_flow, enroll_flow };

static unsigned length_of(const struct bench *bench, size_t flow)
{
    return flow == 0 ? bench->open_commands : bench->enroll_commands;
}

static void what_the_tpm_asks_to_have_sent_again_is_sent_again(void **state)
{
    static const uint32_t codes[] = { TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING, TPM2_RC_NV_RATE };
    struct bench *bench = *state;
    for (size_t f = 0; f < 2; f++)
        for (unsigned i = 0; i < length_of(bench, f); i++) {
            lab_fault_at(bench->lab, LAB_CODE, i, codes[i % 4]);
            OK(attempt(bench, flows[f]));
        }
}

static void asking_again_for_ever_ends_in_time(void **state)
{
    struct bench *bench = *state;
    int64_t start = bs_clock_monotonic_ms();
    lab_fault(bench->lab, LAB_CODE, TPM2_CC_Load, TPM2_RC_RETRY, UINT32_MAX);
    FAILS(attempt_in_haste(bench, open_flow), BS_ERR_TPM_TIMEOUT);
    assert_true(bs_clock_monotonic_ms() - start < 10 * HASTE_MS);
    lab_fault(bench->lab, LAB_NONE, 0, 0, 0);
    OK(attempt(bench, open_flow));
}

/* The next one who takes the device goes on, and nothing of the last one is left after a while. */
static void recovers(struct bench *bench)
{
    const struct tpm_options options = options_of(bench);
    OK(attempt(bench, open_flow));
    BS_OWN(tpm) tpm = NULL;
    OK(tpm_open(&options, &tpm));
    tpm_release(tpm);
    OK(tpm_reacquire(tpm));
    NOTHING_LOADED(bench->lab);
}

static void an_error_at_any_command_leaves_nothing_loaded(void **state)
{
    static const uint32_t codes[] = { TPM2_RC_FAILURE, TPM2_RC_OBJECT_MEMORY, TPM2_RC_SESSION_MEMORY, TPM2_RC_LOCKOUT,
                                      TPM2_RC_NV_UNAVAILABLE };
    struct bench *bench = *state;
    for (size_t f = 0; f < 2; f++)
        for (unsigned i = 0; i < length_of(bench, f); i++)
            for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
                lab_record(bench->lab);
                lab_fault_at(bench->lab, LAB_CODE, i, codes[c]);
                enum bs_err err = attempt(bench, flows[f]);
                lab_fault(bench->lab, LAB_NONE, 0, 0, 0);
                unsigned flushes = lab_commands_of(bench->lab, TPM2_CC_FlushContext);
                /*
                 * A flush that is answered with an error was made all the same, or there is nothing that could be done.
                 */
                if (err != BS_OK || flushes == 0)
                    assert_int_not_equal(err, BS_OK);
                if (err != BS_OK)
                    NOTHING_LOADED(bench->lab);
                recovers(bench); /* also from what a faked answer to a flush left */
            }
}

static void silence_is_a_timeout_and_the_next_call_works(void **state)
{
    struct bench *bench = *state;
    struct tpm_options options = options_of(bench);
    options.timeout_ms = TIMEOUT_MS;
    for (unsigned i = 0; i < bench->open_commands; i++) {
        BS_OWN(secret) secret = NULL;
        BS_OWN(tpm) tpm = NULL;
        OK(tpm_open(&options, &tpm));
        lab_fault_at(bench->lab, LAB_SILENCE, i, 0);
        int64_t start = bs_clock_monotonic_ms();
        enum bs_err err = open_flow(bench, tpm, &secret);
        if (err == BS_OK) /* the last flush: its answer does not matter */
            assert_int_equal(i, bench->open_commands - 1);
        else
            FAILS(err, BS_ERR_TPM_TIMEOUT);
        assert_true(bs_clock_monotonic_ms() - start < 10 * TIMEOUT_MS);
        bs_secret_free(BS_TAKE(secret));
        OK(open_flow(bench, tpm, &secret));
        NOTHING_LOADED(bench->lab);
    }
}

/* What comes after the time is over belongs to nothing: least of all to the next command. */
static void an_answer_after_the_timeout_is_none(void **state)
{
    static const uint32_t commands[] = { TPM2_CC_Load, TPM2_CC_StartAuthSession, TPM2_CC_Unseal };
    struct bench *bench = *state;
    struct tpm_options options = options_of(bench);
    options.timeout_ms = TIMEOUT_MS;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        BS_OWN(secret) secret = NULL;
        BS_OWN(tpm) tpm = NULL;
        OK(tpm_open(&options, &tpm));
        lab_fault(bench->lab, LAB_DELAY, commands[i], TIMEOUT_MS + TIMEOUT_MS / 2, 1);
        int64_t start = bs_clock_monotonic_ms();
        FAILS(open_flow(bench, tpm, &secret), BS_ERR_TPM_TIMEOUT);
        assert_true(bs_clock_monotonic_ms() - start >= TIMEOUT_MS);
        assert_true(bs_clock_monotonic_ms() - start < 10 * TIMEOUT_MS);
        OK(open_flow(bench, tpm, &secret));
        assert_memory_equal(bs_secret_view(secret), bs_secret_view(bench->secret), 32);
        NOTHING_LOADED(bench->lab);
    }
}

static void a_tpm_that_vanishes_is_an_error_and_may_come_back(void **state)
{
    struct bench *bench = *state;
    for (size_t f = 0; f < 2; f++)
        for (unsigned i = 0; i < length_of(bench, f); i++) {
            lab_fault_at(bench->lab, LAB_HANGUP, i, 0);
            enum bs_err err = attempt(bench, flows[f]);
            if (err != BS_OK)
                FAILS(err, BS_ERR_TPM);
            recovers(bench);
        }
}

/* All that is said here: no crash, no hang, no wrong secret (attempt() looks), and the next attempt succeeds. */
static void nonsense_does_no_harm(void **state)
{
    static const uint32_t sizes[] = {
        0, 1, 2, 4, 6, 9, 10, 11, 14, 20, 32, 48, 63, 64, 100, 300, 1000, 4076, 4086, 4096
    };
    struct bench *bench = *state;
    for (size_t f = 0; f < 2; f++)
        for (unsigned i = 0; i < length_of(bench, f); i++)
            for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
                lab_fault_at(bench->lab, LAB_NOISE, i, sizes[s]);
                (void)!attempt_in_haste(bench, flows[f]);
                lab_fault_at(bench->lab, LAB_GARBAGE, i, sizes[s] < 10 ? 10 : sizes[s]);
                (void)!attempt_in_haste(bench, flows[f]);
            }
    lab_fault(bench->lab, LAB_NONE, 0, 0, 0);
    OK(attempt(bench, open_flow));
    NOTHING_LOADED(bench->lab);
}

static void a_flipped_bit_never_gives_another_secret(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < bench->open_commands; i++)
        for (uint32_t byte = 0; byte < 120; byte += i + 2 == bench->open_commands ? 1 : 7) {
            lab_fault_at(bench->lab, LAB_FLIP, i, byte);
            (void)!attempt_in_haste(bench, open_flow);
        }
    lab_fault(bench->lab, LAB_NONE, 0, 0, 0);
    OK(attempt(bench, open_flow));
    NOTHING_LOADED(bench->lab);
}

static void a_changed_response_to_unseal_is_noticed(void **state)
{
    struct bench *bench = *state;
    /* From the end: HMAC 32, attributes 1, nonce 2 + 32, HMAC's size 2, then the parameter: 32 bytes, encrypted. */
    for (uint32_t byte = 0; byte < 32; byte++) {
        lab_fault(bench->lab, LAB_FLIP, TPM2_CC_Unseal, byte, 1);
        FAILS(attempt(bench, open_flow), BS_ERR_TAMPERED);
        lab_fault(bench->lab, LAB_FLIP, TPM2_CC_Unseal, byte + 69, 1);
        FAILS(attempt(bench, open_flow), BS_ERR_TAMPERED);
        NOTHING_LOADED(bench->lab);
    }
}

/* Nonces: an answer is good for its session and command alone (Part 1 §18.4). */
static void a_replayed_response_is_noticed(void **state)
{
    static const uint32_t opening[] = { TPM2_CC_Unseal }, enrolling[] = { TPM2_CC_ActivateCredential, TPM2_CC_Create };
    struct bench *bench = *state;
    for (size_t f = 0; f < 2; f++) {
        OK(attempt(bench, flows[f]));
        lab_record(bench->lab);
        OK(attempt(bench, flows[f]));
        proxy_keep_tape(lab_proxy(bench->lab));
        for (size_t i = 0; i < f + 1; i++) {
            /* Of the two objects that are created the second one is sealed. */
            unsigned after = f == 1 && enrolling[i] == TPM2_CC_Create ? 1 : 0;
            const struct proxy_fault fault = { LAB_REPLAY, f == 0 ? opening[i] : enrolling[i], 0, after, 1 };
            proxy_fault(lab_proxy(bench->lab), &fault);
            FAILS(attempt(bench, flows[f]), BS_ERR_TAMPERED);
        }
    }
    OK(attempt(bench, open_flow));
    NOTHING_LOADED(bench->lab);
}

static void a_changed_name_of_a_loaded_object_is_noticed(void **state)
{
    struct bench *bench = *state;
    /* The Name ends before the empty answer of a password session: nonce's size 2, attributes 1, HMAC's size 2. */
    lab_fault(bench->lab, LAB_FLIP, TPM2_CC_Load, 5, 1);
    FAILS(attempt(bench, open_flow), BS_ERR_TAMPERED);
    NOTHING_LOADED(bench->lab);
}

static void no_tpm_is_told_from_a_wrong_name(void **state)
{
    struct bench *bench = *state;
    struct tpm_options options = options_of(bench);
    struct tpm *tpm = NULL;
    options.device = "/dev/there-is-no-such-tpm";
    FAILS(tpm_open(&options, &tpm), BS_ERR_NO_TPM);
    options.device = "swtpm:path=/nowhere";
    FAILS(tpm_open(&options, &tpm), BS_ERR_NO_TPM);
    options.device = "mssim:port=1";
    FAILS(tpm_open(&options, &tpm), BS_ERR_CONFIG);
    assert_null(tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_tpm_asks_to_have_sent_again_is_sent_again),
        cmocka_unit_test(asking_again_for_ever_ends_in_time),
        cmocka_unit_test(an_error_at_any_command_leaves_nothing_loaded),
        cmocka_unit_test(silence_is_a_timeout_and_the_next_call_works),
        cmocka_unit_test(an_answer_after_the_timeout_is_none),
        cmocka_unit_test(a_tpm_that_vanishes_is_an_error_and_may_come_back),
        cmocka_unit_test(nonsense_does_no_harm),
        cmocka_unit_test(a_flipped_bit_never_gives_another_secret),
        cmocka_unit_test(a_changed_response_to_unseal_is_noticed),
        cmocka_unit_test(a_replayed_response_is_noticed),
        cmocka_unit_test(a_changed_name_of_a_loaded_object_is_noticed),
        cmocka_unit_test(no_tpm_is_told_from_a_wrong_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
