/* Keys, certificates and counter of a device, and what the AK certifies: as in test_evidence.c. */
#include "evidence_scene.h"

/* EK */

static void an_ek_of_no_template_is_refused(void **state)
{
    tpm.ek_public.objectAttributes &= ~TPMA_OBJECT_FIXEDTPM;
    expect(state, BS_REASON_EK_TEMPLATE);
}

static void the_ek_certificate_of_another_tpm_is_refused(void **state)
{
    bs_buf_reset(&tpm.ek_cert);
    assert_ok(bs_buf_append(&tpm.ek_cert, other.ek_cert.data, other.ek_cert.size));
    expect(state, BS_REASON_EK_KEY_MISMATCH);
}

static void bend_garbage_cert(struct message_statement *s)
{
    s->ek_certs[0] = BS_SPAN("garbage", 7);
}

static void an_ek_certificate_that_cannot_be_read_is_refused(void **state)
{
    request.bend.statement = bend_garbage_cert;
    expect(state, BS_REASON_EK_CERT);
}

static void an_ek_certificate_without_its_key_usage_is_refused(void **state)
{
    struct lab *lab = *state;
    softtpm_free(&tpm);
    assert_ok(softtpm_make(&lab->vendor, "1.3.6.1.5.5.7.3.2", &tpm));
    expect(state, BS_REASON_EK_CERT);
}

/* Makes `other` anew, with a certificate of a vendor that nobody here trusts. */
static void use_foreign_vendor(void)
{
    struct softtpm_vendor stranger;
    assert_ok(softtpm_vendor_make(&stranger));
    softtpm_free(&other);
    assert_ok(softtpm_make(&stranger, NULL, &other));
    softtpm_vendor_free(&stranger);
}

static void boot_other(void)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(BS_EVENTLOG_MAX);
    lab_log(&log, "good", false);
    assert_ok(softtpm_boot(&other, bs_buf_span(&log)));
}

static void an_unknown_vendor_is_refused_after_the_proof_and_leaves_nothing(void **state)
{
    struct lab *lab = *state;
    use_foreign_vendor();
    boot_other();
    uint64_t rows = lab_audit_rows(lab);
    TALK(talk, lab);
    talk_attest(&talk, &other, NULL);
    assert_kind(&talk, MESSAGE_PROVE);
    talk_prove(&talk, &other);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_EK_UNTRUSTED);
    assert_false(lab_has_device(lab, &other, NULL));
    assert_int_equal(lab_audit_rows(lab), rows);
}

static void a_registered_tpm_needs_no_trusted_vendor(void **state)
{
    struct lab *lab = *state;
    struct operator_imported imported;
    char csv[256];
    use_foreign_vendor();
    boot_other();
    snprintf(csv, sizeof(csv), "ek_sha256,profile\n%s,sensor\n", lab_id(&other));
    assert_ok(operator_device_import(&lab->call, bs_span_of_string(csv), &imported));
    TALK(talk, lab);
    talk_enroll(&talk, &other, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
}

static void where_no_certificate_is_required_a_strange_one_counts_as_none(void **state)
{
    struct lab *lab = *state;
    struct softtpm_vendor stranger;
    struct softtpm strange;
    struct store_device device;
    lab->server->config.ek_require_certificate = false;
    assert_ok(softtpm_vendor_make(&stranger));
    assert_ok(softtpm_make(&stranger, NULL, &strange));
    assert_ok(softtpm_boot(&strange, bs_buf_span(&tpm.log)));
    TALK(talk, lab);
    talk_enroll(&talk, &strange, NULL);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE);
    assert_true(lab_has_device(lab, &strange, &device));
    assert_string_equal(device.ek_manufacturer, "");
    assert_string_equal(device.ek_model, "");
    softtpm_free(&strange);
    softtpm_vendor_free(&stranger);
}

static void a_tpm_without_certificate_is_refused_after_its_proof_and_leaves_nothing(void **state)
{
    struct lab *lab = *state;
    bs_buf_reset(&other.ek_cert);
    uint64_t rows = lab_audit_rows(lab);
    TALK(talk, lab);
    talk_attest(&talk, &other, NULL);
    assert_kind(&talk, MESSAGE_PROVE);
    talk_prove(&talk, &other);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_EK_NO_CERT);
    assert_false(lab_has_device(lab, &other, NULL));
    assert_int_equal(lab_audit_rows(lab), rows);
}

static void a_registered_tpm_needs_no_certificate(void **state)
{
    struct lab *lab = *state;
    struct operator_imported imported;
    char csv[256];
    bs_buf_reset(&other.ek_cert);
    snprintf(csv, sizeof(csv), "ek_sha256,profile\n%s,sensor\n", lab_id(&other));
    assert_ok(operator_device_import(&lab->call, bs_span_of_string(csv), &imported));
    TALK(talk, lab);
    talk_enroll(&talk, &other, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
}

/* Keys */

static void rename_ak(void)
{
    assert_ok(softtpm_key_rename(&tpm.ak, BS_SPAN(softtpm_endorsement, 4)));
}

static void an_unrestricted_ak_is_refused(void **state)
{
    tpm.ak.public_area.objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
    rename_ak();
    expect(state, BS_REASON_AK_ATTRIBUTES);
}

static void an_ak_that_is_not_fixed_to_its_tpm_is_refused(void **state)
{
    tpm.ak.public_area.objectAttributes &= ~TPMA_OBJECT_FIXEDTPM;
    rename_ak();
    expect(state, BS_REASON_AK_ATTRIBUTES);
}

static void an_ak_that_can_decrypt_is_refused(void **state)
{
    tpm.ak.public_area.objectAttributes |= TPMA_OBJECT_DECRYPT;
    rename_ak();
    expect(state, BS_REASON_AK_ATTRIBUTES);
}

static void keys_without_a_point_are_refused(void **state)
{
    const TPMS_ECC_POINT ak = tpm.ak.public_area.unique.ecc;
    tpm.ak.public_area.unique.ecc.x.size = 0;
    rename_ak();
    expect(state, BS_REASON_AK_ATTRIBUTES);
    tpm.ak.public_area.unique.ecc = ak;
    rename_ak();
    tpm.srk.public_area.unique.ecc.y.size = 33;
    assert_ok(softtpm_key_rename(&tpm.srk, BS_SPAN(softtpm_owner, 4)));
    expect(state, BS_REASON_SRK_ATTRIBUTES);
}

static void an_srk_of_another_template_is_refused(void **state)
{
    tpm.srk.public_area.objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
    assert_ok(softtpm_key_rename(&tpm.srk, BS_SPAN(softtpm_owner, 4)));
    expect(state, BS_REASON_SRK_ATTRIBUTES);
}

static void an_srk_outside_the_owner_hierarchy_is_refused(void **state)
{
    assert_ok(softtpm_key_rename(&tpm.srk, BS_SPAN(softtpm_platform, 4)));
    expect(state, BS_REASON_CERTIFY_MISMATCH);
}

static void a_device_key_that_was_imported_is_refused(void **state)
{
    tpm.device.public_area.objectAttributes &= ~TPMA_OBJECT_SENSITIVEDATAORIGIN;
    assert_ok(softtpm_key_rename(&tpm.device, wire_name_span(&tpm.srk.qualified)));
    expect(state, BS_REASON_DEVICE_KEY_ATTRIBUTES);
}

static void a_device_key_that_is_restricted_is_refused(void **state)
{
    tpm.device.public_area.objectAttributes |= TPMA_OBJECT_RESTRICTED;
    assert_ok(softtpm_key_rename(&tpm.device, wire_name_span(&tpm.srk.qualified)));
    expect(state, BS_REASON_DEVICE_KEY_ATTRIBUTES);
}

static void a_device_key_under_another_parent_is_refused(void **state)
{
    assert_ok(softtpm_key_rename(&tpm.device, BS_SPAN(softtpm_owner, 4)));
    expect(state, BS_REASON_CERTIFY_MISMATCH);
}

static void keys_certified_by_another_key_are_refused(void **state)
{
    request.bend.certify_key = other.ak.key;
    expect(state, BS_REASON_CERTIFY_MISMATCH);
}

BEND_ATTEST(bend_magic, attest->magic = 0xff544348)
BEND_ATTEST(bend_extra, attest->extra[31] ^= 1)
BEND_ATTEST(bend_signer, attest->signer.name[33] ^= 1)
BEND_ATTEST(bend_name, attest->name.name[33] ^= 1)
BEND_ATTEST(bend_qualified, attest->qualified.name[33] ^= 1)
BEND_ATTEST(bend_type_quote, attest->type = TPM2_ST_ATTEST_QUOTE)
/* On the wire it looks the same (Part 2 §10.12.4, §10.12.7). */
BEND_ATTEST(bend_type_creation, attest->type = TPM2_ST_ATTEST_CREATION)

static void every_line_of_a_certification_counts(void **state)
{
    static void (*const bends[])(struct softtpm_attest *) = { bend_magic,        bend_extra,     bend_signer,
                                                              bend_name,         bend_qualified, bend_type_quote,
                                                              bend_type_creation };
    for (size_t i = 0; i < COUNT(bends); i++) {
        request.bend = (struct softtpm_bend){ .certify_device = bends[i] };
        expect(state, BS_REASON_CERTIFY_MISMATCH);
        request.bend = (struct softtpm_bend){ .certify_srk = bends[i] };
        expect(state, BS_REASON_CERTIFY_MISMATCH);
    }
}

static void swap_certifications(struct message_statement *s)
{
    struct message_certified kept = s->srk;
    s->srk.attest = s->device_key.attest;
    s->srk.signature = s->device_key.signature;
    s->device_key.attest = kept.attest;
    s->device_key.signature = kept.signature;
}

static void certifications_are_not_exchangeable(void **state)
{
    request.bend.statement = swap_certifications;
    expect(state, BS_REASON_CERTIFY_MISMATCH);
}

static void a_csr_by_another_key_is_refused(void **state)
{
    request.bend.csr_key = other.device.key;
    expect(state, BS_REASON_CSR_MISMATCH);
}

static void a_counter_of_other_attributes_is_refused(void **state)
{
    const TPMS_NV_PUBLIC good = tpm.counter;
    static const TPMA_NV flips[] = { TPMA_NV_ORDERLY, TPMA_NV_OWNERWRITE, TPMA_NV_NO_DA,
                                     TPMA_NV_WRITTEN, TPMA_NV_AUTHREAD,   (TPMA_NV)(1u << TPMA_NV_TPM2_NT_SHIFT) };
    for (size_t i = 0; i < COUNT(flips); i++) {
        tpm.counter.attributes = good.attributes ^ flips[i];
        expect(state, BS_REASON_COUNTER_ATTRIBUTES);
    }
    static const TPM2_HANDLE indices[] = { 0x01000000, 0x017fffff, 0x01c00000, 0x01c00002 };
    for (size_t i = 0; i < COUNT(indices); i++) {
        tpm.counter = good;
        tpm.counter.nvIndex = indices[i];
        expect(state, BS_REASON_COUNTER_ATTRIBUTES);
    }
    tpm.counter = good;
    tpm.counter.nameAlg = TPM2_ALG_SHA384;
    expect(state, BS_REASON_COUNTER_ATTRIBUTES);
    tpm.counter = good;
    tpm.counter.dataSize = 16;
    expect(state, BS_REASON_COUNTER_ATTRIBUTES);
    tpm.counter = good;
    tpm.counter.authPolicy.size = 32;
    expect(state, BS_REASON_COUNTER_ATTRIBUTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVIDENCE_TEST(an_ek_of_no_template_is_refused),
        EVIDENCE_TEST(the_ek_certificate_of_another_tpm_is_refused),
        EVIDENCE_TEST(an_ek_certificate_that_cannot_be_read_is_refused),
        EVIDENCE_TEST(an_ek_certificate_without_its_key_usage_is_refused),
        EVIDENCE_TEST(an_unknown_vendor_is_refused_after_the_proof_and_leaves_nothing),
        EVIDENCE_TEST(where_no_certificate_is_required_a_strange_one_counts_as_none),
        EVIDENCE_TEST(a_tpm_without_certificate_is_refused_after_its_proof_and_leaves_nothing),
        EVIDENCE_TEST(a_registered_tpm_needs_no_certificate),
        EVIDENCE_TEST(a_registered_tpm_needs_no_trusted_vendor),
        EVIDENCE_TEST(an_unrestricted_ak_is_refused),
        EVIDENCE_TEST(an_ak_that_is_not_fixed_to_its_tpm_is_refused),
        EVIDENCE_TEST(an_ak_that_can_decrypt_is_refused),
        EVIDENCE_TEST(keys_without_a_point_are_refused),
        EVIDENCE_TEST(an_srk_of_another_template_is_refused),
        EVIDENCE_TEST(an_srk_outside_the_owner_hierarchy_is_refused),
        EVIDENCE_TEST(a_device_key_that_was_imported_is_refused),
        EVIDENCE_TEST(a_device_key_that_is_restricted_is_refused),
        EVIDENCE_TEST(a_device_key_under_another_parent_is_refused),
        EVIDENCE_TEST(keys_certified_by_another_key_are_refused),
        EVIDENCE_TEST(every_line_of_a_certification_counts),
        EVIDENCE_TEST(certifications_are_not_exchangeable),
        EVIDENCE_TEST(a_csr_by_another_key_is_refused),
        EVIDENCE_TEST(a_counter_of_other_attributes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
