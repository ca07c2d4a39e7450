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
static const uint8_t secret_in[CREDENTIAL_SIZE] = "this must not be seen on the bus";

static int setup(void **state)
{
    *state = lab_new();
    return 0;
}

static int teardown(void **state)
{
    lab_free(*state);
    return 0;
}

/* A challenge goes through: the EK of this TPM with our AK; and the answer is not on the bus. */
static void check_activation(struct lab *lab, struct tpm *tpm)
{
    BS_SCOPED_BUF struct bs_buf object = BS_BUF(1024), encrypted = BS_BUF(1024);
    BS_OWN(secret) secret = NULL;
    const struct tpm_ek *ek;
    const TPMT_PUBLIC *ak;
    const struct wire_name *name;

    OK(tpm_ek(tpm, &ek));
    OK(tpm_ak(tpm, &ak, &name));
    OK(credential_make(&ek->public_area, name, secret_in, &object, &encrypted));
    OK(tpm_activate(tpm, bs_buf_span(&object), bs_buf_span(&encrypted), &secret));
    assert_int_equal(bs_secret_size(secret), CREDENTIAL_SIZE);
    assert_memory_equal(bs_secret_view(secret), secret_in, CREDENTIAL_SIZE);
    assert_false(lab_has_recorded(lab, BS_SPAN(secret_in, 12)));
}

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

/* A certificate by somebody's own CA for this TPM's EK of that kind. */
static void make_ek_cert(struct lab *lab, enum wire_ek kind, struct bs_buf *ret_cert)
{
    BS_OWN(key) issuer = NULL;
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
    struct tpm_key key = { .handle = 0x81010999, .hierarchy = TPM2_RH_ENDORSEMENT };
    struct crypto_point point;
    const struct cert_request request = { .common_name = "somebody",
                                          .path_length = -1,
                                          .eku = BS_OID_EKU_EK,
                                          .not_before = 1700000000,
                                          .not_after = 4000000000,
                                          .serial = { 1 } };
    OK(crypto_key_make(&issuer));
    OK(tpm_key_open(lab_admin(lab), &wire_ek_template(kind)->public_area, &key, &loaded));
    OK(wire_public_point(&key.public_area, &point));
    OK(cert_make(&request, &point, issuer, BS_SPAN_NONE, ret_cert));
}

static void ek_is(struct lab *lab, bool persist, enum wire_ek wanted, size_t certs)
{
    BS_OWN(tpm) tpm = lab_open(lab, persist);
    const struct tpm_ek *ek;
    enum wire_ek kind;
    OK(tpm_ek(tpm, &ek));
    assert_int_equal(ek->kind, wanted);
    assert_true(wire_is_ek(&ek->public_area, &kind));
    assert_int_equal(kind, ek->kind);
    assert_int_equal(ek->cert_count, certs);
    NOTHING_LOADED(lab);
    check_activation(lab, tpm);
    NOTHING_LOADED(lab);
}

static void ek_is_the_first_kind_with_a_certificate(void **state)
{
    BS_SCOPED_BUF struct bs_buf cert = BS_BUF(BS_CERT_MAX);
    const struct {
        TPM2_HANDLE gone;
        enum wire_ek kind;
        size_t certs;
    } steps[] = {
        { 0, WIRE_EK_P384, 1 },
        { 0x01c00016, WIRE_EK_RSA2048, 1 },
        { 0x01c00002, WIRE_EK_P256, 1 },
        { 0x01c0000a, WIRE_EK_P384, 0 },
    };
    make_ek_cert(*state, WIRE_EK_P256, &cert);
    lab_write_index(*state, 0x01c0000a, cert.data, (uint16_t)cert.size);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i].gone)
            lab_undefine(*state, steps[i].gone);
        for (int persist = 0; persist < 2; persist++)
            ek_is(*state, persist, steps[i].kind, steps[i].certs);
    }
}

/* At whatever command the TPM says that it cannot just now: no other key and no other certificates are taken in its place. */
static void a_tpm_that_is_out_of_memory_for_once_keeps_its_ek(void **state)
{
    static const uint32_t codes[] = { TPM2_RC_OBJECT_MEMORY, TPM2_RC_NV_UNAVAILABLE, TPM2_RC_LOCKOUT };
    lab_record(*state);
    ek_is(*state, false, WIRE_EK_P384, 1);
    unsigned commands = lab_commands(*state), failed = 0;
    for (unsigned i = 0; i < commands; i++) {
        BS_OWN(tpm) tpm = lab_open(*state, false);
        const struct tpm_ek *ek;
        lab_fault_at(*state, LAB_CODE, i, codes[i % 3]);
        enum bs_err err = tpm_ek(tpm, &ek);
        lab_fault(*state, LAB_NONE, 0, 0, 0);
        failed += err != BS_OK;
        if (err != BS_OK)
            FAILS(err, BS_ERR_TPM);
        OK(tpm_ek(tpm, &ek));
        assert_int_equal(ek->kind, WIRE_EK_P384);
        assert_int_equal(ek->cert_count, 1);
        NOTHING_LOADED(*state);
    }
    assert_true(failed >= 4);
}

/* Another EK would be another device: what the owner writes must not decide on it, beside what the maker wrote. */
static void planted_certificates_do_not_change_the_ek(void **state)
{
    static const uint8_t garbage[300] = { 0x30, 0x82, 0x01, 0x00, 1, 2, 3 };
    BS_SCOPED_BUF struct bs_buf own = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf other = BS_BUF(BS_CERT_MAX);
    make_ek_cert(*state, WIRE_EK_P384, &own);
    make_ek_cert(*state, WIRE_EK_P256, &other);
    lab_undefine(*state, 0x01c00016);
    const struct bs_span planted[] = { BS_SPAN(garbage, sizeof(garbage)), bs_buf_span(&other), bs_buf_span(&own) };
    for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
        lab_write_index(*state, 0x01c00016, planted[i].data, (uint16_t)planted[i].size);
        ek_is(*state, false, WIRE_EK_RSA2048, 1);
        lab_undefine(*state, 0x01c00016);
    }

    /* Where the maker wrote none at all, one that is for no EK of its kind is none either. */
    lab_undefine(*state, 0x01c00002);
    lab_write_index(*state, 0x01c00016, other.data, (uint16_t)other.size);
    ek_is(*state, false, WIRE_EK_P384, 0);
}

static void ek_certificate_is_for_the_ek(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    const struct tpm_ek *ek;
    struct cert_info info;
    OK(tpm_ek(tpm, &ek));
    OK(cert_parse(bs_buf_span(&ek->certs[0]), &info));
    assert_true(cert_key_equals(&info, &ek->public_area));
}

/* TCG_PCCLIENT_STORED_CERT with a TCG_FULL_CERT in it, as some makers kept it from TPM 1.2, and padding behind it. */
static void a_certificate_behind_the_header_of_tpm_1_2_is_found(void **state)
{
    static const uint8_t header[] = { 0x10, 0x01, 0x00, 0x02, 0x00, 0x10, 0x02 }, padding[20] = { 0 };
    BS_SCOPED_BUF struct bs_buf cert = BS_BUF(BS_CERT_MAX), stored = BS_BUF(BS_CERT_MAX);
    make_ek_cert(*state, WIRE_EK_P256, &cert);
    OK(bs_buf_append(&stored, header, sizeof(header)));
    OK(bs_buf_append(&stored, cert.data, cert.size));
    OK(bs_buf_append(&stored, padding, sizeof(padding)));
    lab_undefine(*state, 0x01c00016);
    lab_undefine(*state, 0x01c00002);
    lab_write_index(*state, 0x01c0000a, stored.data, (uint16_t)stored.size);

    ek_is(*state, true, WIRE_EK_P256, 1);
    BS_OWN(tpm) tpm = lab_open(*state, true);
    const struct tpm_ek *ek;
    OK(tpm_ek(tpm, &ek));
    assert_true(bs_span_equal(bs_buf_span(&ek->certs[0]), bs_buf_span(&cert)));
}

static void chain_is_put_together_from_several_indices(void **state)
{
    /* One certificate that spans two indices, then another, then padding. */
    uint8_t chain[700] = { 0x30, 0x82, 0x01, 0x20, 7 };
    memcpy(chain + 0x124, "\x30\x82\x01\x00\x09", 5);
    lab_write_index(*state, 0x01c00100, chain, 200);
    lab_write_index(*state, 0x01c00101, chain + 200, 500);

    BS_OWN(tpm) tpm = lab_open(*state, true);
    const struct tpm_ek *ek;
    OK(tpm_ek(tpm, &ek));
    assert_int_equal(ek->cert_count, 3);
    assert_int_equal(ek->certs[1].size, 0x124);
    assert_int_equal(ek->certs[2].size, 0x104);
    assert_int_equal(ek->certs[2].data[4], 9);
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
    check_activation(*state, tpm);
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
    check_activation(*state, tpm);
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
    check_activation(*state, tpm);
}

static void lockout_stops_nothing(void **state)
{
    lab_lock_out(*state);
    for (int persist = 0; persist < 2; persist++) {
        BS_OWN(tpm) tpm = lab_open(*state, persist);
        struct tpm_counter counter;
        check_activation(*state, tpm);
        check_device_key(tpm);
        OK(tpm_counter_make(tpm, &counter));
        OK(tpm_counter_increment(tpm, &counter));
        OK(tpm_cap(tpm, BS_CAP_PCR_DEFAULT));
    }
    /* The low range as well. */
    lab_undefine(*state, 0x01c00016);
    BS_OWN(tpm) tpm = lab_open(*state, false);
    check_activation(*state, tpm);
    NOTHING_LOADED(*state);
}

/* The EKs are not noDA: one used by its auth value would count as a failed attempt with each power cut. */
static void power_cuts_are_no_failed_attempts(void **state)
{
    for (int i = 0; i < 5; i++) {
        BS_OWN(tpm) tpm = lab_open(*state, true);
        check_activation(*state, tpm);
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
    check_activation(*state, tpm);
    unsigned before = tpm_command_count(tpm);
    tpm_release(tpm);
    {
        BS_OWN(tpm) other = lab_open(*state, true);
        check_activation(*state, other);
    }
    OK(tpm_reacquire(tpm));
    assert_int_equal(tpm_command_count(tpm), before);
    check_activation(*state, tpm);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(state_tells_banks_and_maker),
        TEST(ek_is_the_first_kind_with_a_certificate),
        TEST(a_tpm_that_is_out_of_memory_for_once_keeps_its_ek),
        TEST(planted_certificates_do_not_change_the_ek),
        TEST(ek_certificate_is_for_the_ek),
        TEST(a_certificate_behind_the_header_of_tpm_1_2_is_found),
        TEST(chain_is_put_together_from_several_indices),
        TEST(srk_is_persisted_and_found_again),
        TEST(srk_stays_transient_beside_a_foreign_key),
        TEST(an_owner_password_is_an_error_only_where_something_is_to_be_made),
        TEST(srk_is_certified_by_the_ak),
        TEST(ak_is_the_same_after_clear_and_reboot),
        TEST(an_ak_of_the_owners_hierarchy_is_not_taken),
        TEST(device_key_is_certified_and_signs),
        TEST(quote_verifies_and_names_the_pcrs),
        TEST(an_inactive_bank_is_an_error),
        TEST(a_credential_for_another_key_or_tpm_is_refused),
        TEST(lockout_stops_nothing),
        TEST(power_cuts_are_no_failed_attempts),
        TEST(released_tpm_serves_others_and_comes_back),
        TEST(orphans_are_flushed_after_the_device_was_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
