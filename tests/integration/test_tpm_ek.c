/* Which endorsement key a TPM has, and its certificates, against a real swtpm. */
#include "core/cert.h"
#include "integration/tpm_lab.h"

#include <bootseal/protocol.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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
    lab_check_activation(lab, tpm);
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

/* At whatever command the TPM says that it cannot just now, or nonsense: no other key and no other certificates are taken in its place. */
static void a_tpm_that_cannot_for_once_keeps_its_ek(void **state)
{
    static const uint32_t codes[] = { TPM2_RC_OBJECT_MEMORY,
                                      TPM2_RC_NV_UNAVAILABLE,
                                      TPM2_RC_LOCKOUT,
                                      TPM2_RC_FAILURE,
                                      TPM2_RC_NV_UNINITIALIZED,
                                      TPM2_RC_PCR_CHANGED,
                                      TPM2_RC_POLICY_FAIL + TPM2_RC_S + TPM2_RC_1 };
    const unsigned code_count = sizeof(codes) / sizeof(codes[0]);
    lab_record(*state);
    ek_is(*state, false, WIRE_EK_P384, 1);
    unsigned commands = lab_commands(*state), failed = 0;
    for (unsigned i = 0; i < commands * code_count; i++) {
        BS_OWN(tpm) tpm = lab_open(*state, false);
        const struct tpm_ek *ek;
        lab_fault_at(*state, LAB_CODE, i / code_count, codes[i % code_count]);
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
    assert_true(failed >= 4 * code_count);
}

/* A certificate that the owner's password keeps from us, or that is locked, is as good as none. */
static void a_certificate_that_may_not_be_read_is_none(void **state)
{
    static const uint32_t codes[] = { TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1,
                                      TPM2_RC_AUTH_FAIL + TPM2_RC_S + TPM2_RC_1, TPM2_RC_NV_LOCKED,
                                      TPM2_RC_NV_AUTHORIZATION };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        BS_OWN(tpm) tpm = lab_open(*state, false);
        const struct tpm_ek *ek;
        lab_fault(*state, LAB_CODE, TPM2_CC_NV_Read, codes[i], 1);
        OK(tpm_ek(tpm, &ek));
        assert_int_equal(ek->kind, WIRE_EK_RSA2048);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(ek_is_the_first_kind_with_a_certificate),
        LAB_TEST(a_tpm_that_cannot_for_once_keeps_its_ek),
        LAB_TEST(a_certificate_that_may_not_be_read_is_none),
        LAB_TEST(planted_certificates_do_not_change_the_ek),
        LAB_TEST(ek_certificate_is_for_the_ek),
        LAB_TEST(a_certificate_behind_the_header_of_tpm_1_2_is_found),
        LAB_TEST(chain_is_put_together_from_several_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
