/* Keys, certificates and what the AK signs, against a real swtpm. */
#include "core/cert.h"
#include "core/credential.h"
#include "integration/tpm_lab.h"

#include <bootseal/cap.h>
#include <bootseal/protocol.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t nonce[32] = "a nonce of thirty-two bytes ....";

static void state_tells_banks_and_maker(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_state s;
    OK(tpm_state(tpm, &s));
    assert_int_equal(s.bank_count, 4);
    assert_int_equal(s.banks[1], CRYPTO_SHA256);
    assert_false(s.in_lockout);
    assert_false(s.owner_auth_set);
    assert_int_equal(tpm_command_count(tpm), 2);
    struct tpm_maker maker;
    OK(tpm_maker(tpm, &maker));
    assert_string_equal(maker.manufacturer, "IBM");
    assert_true(maker.firmware_version != 0);
    assert_int_equal(tpm_command_count(tpm), 3);

    lab_lock_out(*state);
    lab_set_owner_password(*state);
    BS_OWN(tpm) again = lab_open(*state, true);
    OK(tpm_state(again, &s));
    assert_true(s.in_lockout);
    assert_true(s.owner_auth_set);
}

static void srk_is_persisted_and_found_again(void **state)
{
    const TPMT_PUBLIC *area;
    const struct wire_name *name;
    struct wire_name first;
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        OK(tpm_srk(tpm, &area, &name));
        first = *name;
        assert_true(tpm->srk.is_persistent);
        NOTHING_LOADED(*state);
    }
    lab_reboot(*state);
    lab_record(*state);
    BS_OWN(tpm) tpm = lab_open(*state, true);
    OK(tpm_srk(tpm, &area, &name));
    OK(tpm_srk(tpm, &area, &name));
    assert_true(wire_name_equal(name, &first));
    assert_int_equal(lab_commands(*state), 1);
}

static void check_device_key(struct tpm *tpm)
{
    BS_SCOPED_BUF struct bs_buf attest = BS_BUF(2048), signature = BS_BUF(1024);
    struct tpm_key_blob key;
    TPMT_SIGNATURE decoded;
    TPMS_ATTEST a;
    const TPMT_PUBLIC *ak;
    const struct wire_name *ak_name;
    struct wire_name name;

    OK(tpm_device_key_make(tpm, &key));
    OK(tpm_device_key_certify(tpm, &key, nonce, &attest, &signature));
    OK(tpm_ak(tpm, &ak, &ak_name));
    OK(wire_signature_decode(bs_buf_span(&signature), &decoded));
    OK(wire_attest_verify(ak, bs_buf_span(&attest), &decoded));
    OK(wire_attest_decode(bs_buf_span(&attest), &a));
    OK(wire_public_name(&key.public_area.publicArea, &name));
    assert_int_equal(a.type, TPM2_ST_ATTEST_CERTIFY);
    assert_int_equal(a.magic, TPM2_GENERATED_VALUE);
    assert_true(
        bs_span_equal(wire_name_span(&name), BS_SPAN(a.attested.certify.name.name, a.attested.certify.name.size)));
    assert_memory_equal(a.extraData.buffer, nonce, 32);

    uint8_t rs[64];
    struct crypto_point point;
    OK(tpm_device_key_sign(tpm, &key, nonce, rs));
    OK(wire_public_point(&key.public_area.publicArea, &point));
    OK(crypto_ecdsa_verify(&point, BS_SPAN(nonce, 32), BS_SPAN(rs, 32), BS_SPAN(rs + 32, 32)));

    key.private_area.buffer[20] ^= 1;
    FAILS(tpm_device_key_sign(tpm, &key, nonce, rs), BS_ERR_TAMPERED);
}

static void srk_stays_transient_beside_a_foreign_key(void **state)
{
    lab_leave_there(*state, &wire_ek_template(WIRE_EK_P256)->public_area, 0x81000001);

    BS_OWN(tpm) tpm = lab_open(*state, true);
    const TPMT_PUBLIC *area;
    const struct wire_name *name;
    OK(tpm_srk(tpm, &area, &name));
    assert_false(tpm->srk.is_persistent);
    check_device_key(tpm);
    NOTHING_LOADED(*state);
}

/* Another hierarchy's key would be refused by the server, and the counter needs the owner as well. */
static void an_owner_password_is_an_error_only_where_something_is_to_be_made(void **state)
{
    const TPMT_PUBLIC *area;
    const struct wire_name *name;
    struct tpm_counter counter;
    {
        BS_OWN(tpm) before = lab_open(*state, true);
        OK(tpm_srk(before, &area, &name));
        OK(tpm_counter_make(before, &counter));
    }
    lab_set_owner_password(*state);
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        OK(tpm_srk(tpm, &area, &name));
        OK(tpm_counter_make(tpm, &counter));
        check_device_key(tpm);
    }
    struct tpm_options options = lab_options(*state);
    options.srk_handle++;
    options.counter_index++;
    BS_OWN(tpm) tpm = NULL;
    OK(tpm_open(&options, &tpm));
    FAILS(tpm_srk(tpm, &area, &name), BS_ERR_TPM);
    FAILS(tpm_counter_make(tpm, &counter), BS_ERR_TPM);
    lab_check_activation(*state, tpm);
    NOTHING_LOADED(*state);
}

static void srk_is_certified_by_the_ak(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    BS_SCOPED_BUF struct bs_buf attest = BS_BUF(2048), signature = BS_BUF(1024);
    const TPMT_PUBLIC *ak, *srk;
    const struct wire_name *name;
    TPMT_SIGNATURE decoded;
    TPMS_ATTEST a;
    OK(tpm_certify_srk(tpm, nonce, &attest, &signature));
    OK(tpm_ak(tpm, &ak, &name));
    OK(tpm_srk(tpm, &srk, &name));
    OK(wire_signature_decode(bs_buf_span(&signature), &decoded));
    OK(wire_attest_verify(ak, bs_buf_span(&attest), &decoded));
    OK(wire_attest_decode(bs_buf_span(&attest), &a));
    assert_true(
        bs_span_equal(wire_name_span(name), BS_SPAN(a.attested.certify.name.name, a.attested.certify.name.size)));
    NOTHING_LOADED(*state);
}

static void ak_is_the_same_after_clear_and_reboot(void **state)
{
    const TPMT_PUBLIC *area;
    const struct wire_name *name;
    struct wire_name first;
    {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        OK(tpm_ak(tpm, &area, &name));
        assert_true(tpm->ak.is_persistent);
        first = *name;
    }
    struct tpm *admin = lab_admin(*state);
    assert_int_equal(Esys_Clear(admin->esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE), 0);
    lab_reboot(*state);
    for (int persist = 0; persist < 2; persist++) {
        BS_OWN(tpm) tpm = lab_open(*state, persist);
        OK(tpm_ak(tpm, &area, &name));
        assert_true(wire_name_equal(name, &first));
        assert_int_equal(tpm->ak.is_persistent, persist);
    }
    NOTHING_LOADED(*state);
}

/* Its template alone does not make it ours: such a key would be another one after a clear, and its quotes obfuscated. */
static void an_ak_of_the_owners_hierarchy_is_not_taken(void **state)
{
    TPMT_PUBLIC template;
    const TPMT_PUBLIC *area;
    const struct wire_name *name;
    wire_template_ak(&template);
    lab_leave_there(*state, &template, lab_options(*state).ak_handle);
    BS_OWN(tpm) tpm = lab_open(*state, true);
    OK(tpm_ak(tpm, &area, &name));
    assert_false(tpm->ak.is_persistent);
    lab_check_activation(*state, tpm);
    NOTHING_LOADED(*state);
}

static void device_key_is_certified_and_signs(void **state)
{
    for (int persist = 0; persist < 2; persist++) {
        BS_OWN(tpm) tpm = lab_open(*state, persist);
        check_device_key(tpm);
        NOTHING_LOADED(*state);
    }
}

static void quote_verifies_and_names_the_pcrs(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    for (int i = 0; i < 3; i++) {
        static const uint16_t banks[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384 };
        BS_SCOPED_BUF struct bs_buf attest = BS_BUF(2048), signature = BS_BUF(1024);
        const TPMT_PUBLIC *ak;
        const struct wire_name *name;
        TPMT_SIGNATURE decoded;
        TPMS_ATTEST a;
        struct tpm_pcrs pcrs;
        uint32_t mask = 0x1fff;

        OK(tpm_quote(tpm, nonce, banks[i], mask, &attest, &signature));
        OK(tpm_ak(tpm, &ak, &name));
        OK(wire_signature_decode(bs_buf_span(&signature), &decoded));
        OK(wire_attest_verify(ak, bs_buf_span(&attest), &decoded));
        OK(wire_attest_decode(bs_buf_span(&attest), &a));
        OK(tpm_pcr_read(tpm, banks[i], mask, &pcrs));
        struct bs_span values[13];
        uint8_t digest[CRYPTO_HASH_MAX];
        for (unsigned pcr = 0; pcr < 13; pcr++)
            values[pcr] = BS_SPAN(pcrs.values[pcr], pcrs.digest_size);
        OK(wire_pcr_digest(CRYPTO_SHA256, values, 13, digest));
        assert_memory_equal(a.attested.quote.pcrDigest.buffer, digest, 32);
        assert_memory_equal(a.extraData.buffer, nonce, 32);
    }
    NOTHING_LOADED(*state);
}

static void an_inactive_bank_is_an_error(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    BS_SCOPED_BUF struct bs_buf attest = BS_BUF(2048), signature = BS_BUF(1024);
    struct tpm_pcrs pcrs;
    FAILS(tpm_pcr_read(tpm, TPM2_ALG_SM3_256, 1, &pcrs), BS_ERR_TPM);

    TPML_PCR_SELECTION only;
    TPMI_YES_NO done;
    UINT32 most, needed, available;
    tpm_selection(CRYPTO_SHA384, 0xffffff, &only);
    TPML_PCR_SELECTION none = only;
    for (int i = 0; i < 3; i++)
        none.pcrSelections[0].pcrSelect[i] = 0;
    struct tpm *admin = lab_admin(*state);
    assert_int_equal(Esys_PCR_Allocate(admin->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                       &none, &done, &most, &needed, &available),
                     0);
    lab_reboot(*state);
    FAILS(tpm_pcr_read(tpm, CRYPTO_SHA384, 1, &pcrs), BS_ERR_TPM); /* the connection did not survive the reboot */
    FAILS(tpm_pcr_read(tpm, CRYPTO_SHA384, 1, &pcrs), BS_ERR_TPM);
    FAILS(tpm_quote(tpm, nonce, CRYPTO_SHA384, 1, &attest, &signature), BS_ERR_TPM);
    OK(tpm_pcr_read(tpm, CRYPTO_SHA256, 1, &pcrs));
    NOTHING_LOADED(*state);
}

static void a_credential_for_another_key_or_tpm_is_refused(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    const struct tpm_ek *ek;
    const TPMT_PUBLIC *ak;
    const struct wire_name *name;
    struct wire_name wrong;
    OK(tpm_ek(tpm, &ek));
    OK(tpm_ak(tpm, &ak, &name));
    wrong = *name;
    wrong.name[10] ^= 1;

    struct lab *other = lab_new_other();
    BS_OWN(tpm) stranger = lab_open(other, true);
    const struct tpm_ek *their_ek;
    OK(tpm_ek(stranger, &their_ek));

    const struct {
        const TPMT_PUBLIC *ek;
        const struct wire_name *name;
    } cases[] = { { &ek->public_area, &wrong }, { &their_ek->public_area, name } };
    for (size_t i = 0; i < 2; i++) {
        BS_SCOPED_BUF struct bs_buf object = BS_BUF(1024), encrypted = BS_BUF(1024);
        BS_OWN(secret) secret = NULL;
        OK(credential_make(cases[i].ek, cases[i].name, nonce, &object, &encrypted));
        FAILS(tpm_activate(tpm, bs_buf_span(&object), bs_buf_span(&encrypted), &secret), BS_ERR_UNTRUSTED);
        FAILS(tpm_activate(tpm, BS_SPAN(object.data, object.size - 1), bs_buf_span(&encrypted), &secret),
              BS_ERR_UNTRUSTED);
        assert_null(secret);
        NOTHING_LOADED(*state);
    }
    tpm_close(BS_TAKE(stranger));
    lab_free(other);
    lab_check_activation(*state, tpm);
}

static void lockout_stops_nothing(void **state)
{
    lab_lock_out(*state);
    for (int persist = 0; persist < 2; persist++) {
        BS_OWN(tpm) tpm = lab_open(*state, persist);
        struct tpm_counter counter;
        lab_check_activation(*state, tpm);
        check_device_key(tpm);
        OK(tpm_counter_make(tpm, &counter));
        OK(tpm_counter_increment(tpm, &counter));
        OK(tpm_cap(tpm, BS_CAP_PCR_DEFAULT));
    }
    /* The low range as well. */
    lab_undefine(*state, 0x01c00016);
    BS_OWN(tpm) tpm = lab_open(*state, false);
    lab_check_activation(*state, tpm);
    NOTHING_LOADED(*state);
}

/* The EKs are not noDA: one used by its auth value would count as a failed attempt with each power cut. */
static void power_cuts_are_no_failed_attempts(void **state)
{
    for (int i = 0; i < 5; i++) {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        lab_check_activation(*state, tpm);
        check_device_key(tpm);
        lab_reboot(*state);
    }
    BS_OWN(tpm) tpm = lab_open(*state, true);
    struct tpm_state s;
    OK(tpm_state(tpm, &s));
    assert_false(s.in_lockout);
}

static void released_tpm_serves_others_and_comes_back(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, false);
    lab_check_activation(*state, tpm);
    unsigned before = tpm_command_count(tpm);
    tpm_release(tpm);
    {
        BS_OWN(tpm) other = lab_open(*state, true);
        lab_check_activation(*state, other);
    }
    OK(tpm_reacquire(tpm));
    assert_int_equal(tpm_command_count(tpm), before);
    lab_check_activation(*state, tpm);
    assert_true(tpm_command_count(tpm) > before);
}

static void orphans_are_flushed_after_the_device_was_let_go(void **state)
{
    struct tpm *admin = lab_admin(*state);
    TPM_LOADED struct tpm_loaded key = TPM_LOADED_NONE;
    ESYS_TR session;
    const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
    admin->options.persist = false;
    OK(tpm_srk_open(admin, &key));
    assert_int_equal(Esys_StartAuthSession(admin->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &none, TPM2_ALG_SHA256, &session),
                     0);
    assert_int_equal(lab_loaded(*state), 2);

    struct tpm_options options = lab_options(*state);
    options.exclusive = true;
    BS_OWN(tpm) tpm = NULL;
    OK(tpm_open(&options, &tpm));
    assert_int_equal(tpm_command_count(tpm), 0);
    tpm_release(tpm);
    assert_int_equal(lab_loaded(*state), 2);
    OK(tpm_reacquire(tpm));
    NOTHING_LOADED(*state);
    tpm_forget(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(state_tells_banks_and_maker),
        LAB_TEST(srk_is_persisted_and_found_again),
        LAB_TEST(srk_stays_transient_beside_a_foreign_key),
        LAB_TEST(an_owner_password_is_an_error_only_where_something_is_to_be_made),
        LAB_TEST(srk_is_certified_by_the_ak),
        LAB_TEST(ak_is_the_same_after_clear_and_reboot),
        LAB_TEST(an_ak_of_the_owners_hierarchy_is_not_taken),
        LAB_TEST(device_key_is_certified_and_signs),
        LAB_TEST(quote_verifies_and_names_the_pcrs),
        LAB_TEST(an_inactive_bank_is_an_error),
        LAB_TEST(a_credential_for_another_key_or_tpm_is_refused),
        LAB_TEST(lockout_stops_nothing),
        LAB_TEST(power_cuts_are_no_failed_attempts),
        LAB_TEST(released_tpm_serves_others_and_comes_back),
        LAB_TEST(orphans_are_flushed_after_the_device_was_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
