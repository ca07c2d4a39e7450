/*
 * One thing wrong at a time. Each of these is refused with its own reason, and is approved if the check that it is about is taken
 * out of server/verify_*.c: the device is an approved one, and everything else is right.
 */
#include "unit/server/lab.h"

#include "bootseal/cap.h"
#include "unit/logmaker.h"

#include <string.h>

static struct softtpm tpm;
static struct softtpm other; /* another device of the same vendor */

/* Not for the device's id: the pair stays the proven one, so that nothing but the check stands between request and secrets. */
static struct softtpm_request request;

static int setup(void **state)
{
    if (lab_setup(state) != 0)
        return -1;
    lab_approved_device(*state, &tpm);
    lab_device(*state, &other);
    request = (struct softtpm_request){ .token = NULL };
    return 0;
}

static int teardown(void **state)
{
    softtpm_free(&tpm);
    softtpm_free(&other);
    return lab_teardown(state);
}

static void expect(void **state, const char *reason)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_reason(&talk, MESSAGE_REFUSED, reason);
    assert_int_equal(talk.result.status, strcmp(reason, BS_REASON_MALFORMED) == 0 ? 400 : 403);
    assert_true(talk.result.close);
    assert_true(lab_has_row(*state, reason));
}

static void the_evidence_is_good_when_nothing_is_bent(void **state)
{
    TALK(talk, *state);
    talk_attest(&talk, &tpm, &request);
    assert_kind(&talk, MESSAGE_APPROVED);
}

/* Channel */

static void a_statement_of_another_connection_is_refused(void **state)
{
    uint8_t channel[32] = { 1 };
    request.channel = channel;
    expect(state, BS_REASON_BAD_CHANNEL);
}

static void bend_kind(struct message_statement *s)
{
    s->channel_kind = MESSAGE_CHANNEL_CHALLENGE;
}

static void another_kind_of_channel_is_refused(void **state)
{
    request.bend.statement = bend_kind;
    expect(state, BS_REASON_BAD_CHANNEL);
}

static void bend_server(struct message_statement *s)
{
    static const uint8_t wrong[32];
    s->server_cert_sha256 = BS_SPAN(wrong, sizeof(wrong));
}

static void another_server_certificate_is_refused(void **state)
{
    request.bend.statement = bend_server;
    expect(state, BS_REASON_BAD_SERVER_CERT);
}

static void a_replayed_request_is_refused_on_a_new_connection(void **state)
{
    TALK(first, *state);
    TALK(second, *state);
    talk_attest(&first, &tpm, NULL);
    assert_kind(&first, MESSAGE_APPROVED);
    assert_ok(bs_buf_append(&second.body, first.body.data, first.body.size));
    talk_send_attest(&second);
    assert_reason(&second, MESSAGE_REFUSED, BS_REASON_BAD_CHANNEL);
}

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

#define BEND_ATTEST(name, statement)                \
    static void name(struct softtpm_attest *attest) \
    {                                               \
        statement;                                  \
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

/* Quote */

static void a_quote_by_another_key_is_refused(void **state)
{
    request.bend.quote_key = other.ak.key;
    expect(state, BS_REASON_QUOTE_SIGNATURE);
}

static void a_quote_without_the_magic_is_refused(void **state)
{
    request.bend.quote = bend_magic;
    expect(state, BS_REASON_QUOTE_MAGIC);
}

BEND_ATTEST(bend_type_certify, attest->type = TPM2_ST_ATTEST_CERTIFY)

static void a_certification_is_no_quote(void **state)
{
    request.bend.quote = bend_type_certify;
    expect(state, BS_REASON_QUOTE_TYPE);
}

static void a_quote_about_something_else_is_refused(void **state)
{
    request.bend.quote = bend_extra;
    expect(state, BS_REASON_QUOTE_NONCE);
}

static void a_quote_from_another_hierarchy_is_refused(void **state)
{
    request.bend.quote = bend_signer;
    expect(state, BS_REASON_QUOTE_SIGNATURE);
}

BEND_ATTEST(bend_mask, attest->masks[0] &= ~(1u << 9))
BEND_ATTEST(bend_mask_wide, attest->masks[0] |= 1u << 16)
BEND_ATTEST(bend_mask_empty, attest->masks[0] = 0)
BEND_ATTEST(bend_bank, attest->banks[0] = CRYPTO_SHA384)
BEND_ATTEST(bend_two, attest->banks[1] = CRYPTO_SHA1; attest->masks[1] = 1)

static void a_quote_over_other_pcrs_is_refused(void **state)
{
    static void (*const bends[])(struct softtpm_attest *) = { bend_mask, bend_mask_wide, bend_mask_empty, bend_bank,
                                                              bend_two };
    for (size_t i = 0; i < COUNT(bends); i++) {
        request.bend.quote = bends[i];
        expect(state, BS_REASON_QUOTE_SELECTION);
    }
}

static void a_statement_without_the_cap_pcr_is_refused(void **state)
{
    tpm.mask &= ~(1u << BS_CAP_PCR_DEFAULT);
    expect(state, BS_REASON_QUOTE_SELECTION);
}

BEND_ATTEST(bend_bank_back, attest->banks[0] = CRYPTO_SHA256)

static void a_statement_of_another_bank_than_quoted_is_refused(void **state)
{
    tpm.bank = CRYPTO_SHA384;
    request.bend.quote = bend_bank_back;
    expect(state, BS_REASON_QUOTE_SELECTION);
}

static void bend_values(struct message_statement *s)
{
    s->pcrs.mask &= ~(1u << 9);
    s->pcrs.values[9] = BS_SPAN_NONE;
}

static void a_statement_about_fewer_pcrs_than_quoted_is_refused(void **state)
{
    request.bend.statement = bend_values;
    expect(state, BS_REASON_QUOTE_SELECTION);
}

BEND_ATTEST(bend_digest, attest->digest[0] ^= 1)

static void values_that_were_not_quoted_are_refused(void **state)
{
    request.bend.quote = bend_digest;
    expect(state, BS_REASON_QUOTE_DIGEST);
}

/* Boot */

static void put_log(void (*write)(struct bs_buf *log))
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, "good", false);
    write(&log);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
}

static void a_capped_boot_is_refused(void **state)
{
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

static void a_boot_capped_twice_is_refused_as_capped(void **state)
{
    for (int i = 0; i < 2; i++)
        assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

/* Under a name that means nothing, then something more: the log leads to the value, the profile would have learned it. */
static void write_cap(struct bs_buf *log)
{
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string(BS_CAP_EVENT));
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string("more"));
}

static void a_log_with_the_cap_in_it_is_refused(void **state)
{
    put_log(write_cap);
    expect(state, BS_REASON_CAPPED);
}

static void write_credential(struct bs_buf *log)
{
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string("a credential of systemd-stub"));
}

static void the_cap_after_other_events_of_its_pcr_is_refused(void **state)
{
    put_log(write_credential);
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

static void a_pcr_that_the_log_does_not_lead_to_is_refused(void **state)
{
    assert_ok(softtpm_extend(&tpm, 9, bs_span_of_string("hidden")));
    expect(state, BS_REASON_LOG_MISMATCH);
}

/* systemd measures it into PCR 11 before anything of ours runs, and no log of the firmware tells. */
static void the_phase_of_the_initrd_needs_no_event_and_no_other_does_without(void **state)
{
    assert_ok(softtpm_extend(&tpm, 11, bs_span_of_string("enter-initrd")));
    {
        TALK(talk, *state);
        talk_enroll(&talk, &tpm, &request);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED); /* it is another boot, and a whole one */
    }
    assert_ok(softtpm_extend(&tpm, 11, bs_span_of_string("leave-initrd")));
    expect(state, BS_REASON_LOG_MISMATCH);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, "good", false);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    assert_ok(softtpm_extend(&tpm, 9, bs_span_of_string("enter-initrd")));
    expect(state, BS_REASON_LOG_MISMATCH);
}

static void a_pcr_without_events_must_be_untouched(void **state)
{
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string("hidden")));
    expect(state, BS_REASON_LOG_MISMATCH);
}

static void a_missing_log_is_refused(void **state)
{
    bs_buf_reset(&tpm.log);
    expect(state, BS_REASON_LOG_MISSING);
}

static void a_boot_that_nobody_measured_is_refused(void **state)
{
    assert_ok(softtpm_boot(&tpm, BS_SPAN_NONE));
    expect(state, BS_REASON_UNMEASURED);
}

static void a_capped_boot_without_a_log_is_refused_as_capped(void **state)
{
    assert_ok(softtpm_boot(&tpm, BS_SPAN_NONE));
    assert_ok(softtpm_extend(&tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    expect(state, BS_REASON_CAPPED);
}

/* Software that is in no firmware PCR measures what it likes, and its log is a good one. */
static void a_boot_that_only_software_measured_is_refused(void **state)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    put_sha256_header(&log);
    put_measured(&log, 9, EVENTLOG_IPL, bs_span_of_string("initrd"));
    put_measured(&log, 11, EVENTLOG_IPL, bs_span_of_string("a section"));
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    expect(state, BS_REASON_UNMEASURED);
}

static void a_log_without_the_quoted_bank_is_refused(void **state)
{
    static const uint16_t banks[] = { CRYPTO_SHA1, 20, 0 };
    bs_buf_reset(&tpm.log);
    put_header(&tpm.log, banks);
    expect(state, BS_REASON_LOG_MISMATCH);
}

/* The header names both banks, and the event has a digest of the other one alone. */
static void an_event_without_a_digest_of_the_quoted_bank_is_refused(void **state)
{
    static const uint16_t banks[] = { CRYPTO_SHA1, 20, CRYPTO_SHA256, 32, 0 };
    bs_buf_reset(&tpm.log);
    put_header(&tpm.log, banks);
    put_le32(&tpm.log, 4);
    put_le32(&tpm.log, EVENTLOG_IPL);
    put_le32(&tpm.log, 1);
    put_le16(&tpm.log, CRYPTO_SHA1);
    put_bytes(&tpm.log, "01234567890123456789", 20);
    put_le32(&tpm.log, 1);
    put_bytes(&tpm.log, "x", 1);
    expect(state, BS_REASON_LOG_MALFORMED);
}

static void a_log_that_cannot_be_read_is_refused(void **state)
{
    tpm.log.size -= 3;
    expect(state, BS_REASON_LOG_MALFORMED);
}

static void a_refused_boot_of_a_known_device_is_a_row_of_the_audit_log(void **state)
{
    struct lab *lab = *state;
    struct store_device device;
    uint64_t rows = lab_audit_rows(lab);
    a_capped_boot_is_refused(state);
    assert_int_equal(lab_audit_rows(lab), rows + 1);
    assert_true(lab_has_device(lab, &tpm, &device));
    assert_string_equal(device.verdict, "refused");
    assert_string_equal(device.reason, BS_REASON_CAPPED);
}

static void fewer_resets_than_proven_are_refused_until_an_operator_clears_them(void **state)
{
    struct lab *lab = *state;
    struct operator_approve approve = { .device = lab_id(&tpm), .accept_reset = true };
    struct operator_approved approved;
    tpm.reset_count = 3;
    expect(state, BS_REASON_RESET_COUNT);
    assert_ok(operator_device_approve(&lab->call, &approve, &approved));
    the_evidence_is_good_when_nothing_is_bent(state);
    tpm.reset_count = 2;
    expect(state, BS_REASON_RESET_COUNT);
}

static void a_permission_for_fewer_resets_ends_with_the_next_boot(void **state)
{
    struct lab *lab = *state;
    struct operator_approve approve = { .device = lab_id(&tpm), .accept_reset = true };
    struct operator_approved approved;
    assert_ok(operator_device_approve(&lab->call, &approve, &approved));
    the_evidence_is_good_when_nothing_is_bent(state);
    tpm.reset_count--;
    expect(state, BS_REASON_RESET_COUNT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_evidence_is_good_when_nothing_is_bent),
        TEST(a_statement_of_another_connection_is_refused),
        TEST(another_kind_of_channel_is_refused),
        TEST(another_server_certificate_is_refused),
        TEST(a_replayed_request_is_refused_on_a_new_connection),
        TEST(an_ek_of_no_template_is_refused),
        TEST(the_ek_certificate_of_another_tpm_is_refused),
        TEST(an_ek_certificate_that_cannot_be_read_is_refused),
        TEST(an_ek_certificate_without_its_key_usage_is_refused),
        TEST(an_unknown_vendor_is_refused_after_the_proof_and_leaves_nothing),
        TEST(where_no_certificate_is_required_a_strange_one_counts_as_none),
        TEST(a_tpm_without_certificate_is_refused_after_its_proof_and_leaves_nothing),
        TEST(a_registered_tpm_needs_no_certificate),
        TEST(a_registered_tpm_needs_no_trusted_vendor),
        TEST(an_unrestricted_ak_is_refused),
        TEST(an_ak_that_is_not_fixed_to_its_tpm_is_refused),
        TEST(an_ak_that_can_decrypt_is_refused),
        TEST(keys_without_a_point_are_refused),
        TEST(an_srk_of_another_template_is_refused),
        TEST(an_srk_outside_the_owner_hierarchy_is_refused),
        TEST(a_device_key_that_was_imported_is_refused),
        TEST(a_device_key_that_is_restricted_is_refused),
        TEST(a_device_key_under_another_parent_is_refused),
        TEST(keys_certified_by_another_key_are_refused),
        TEST(every_line_of_a_certification_counts),
        TEST(certifications_are_not_exchangeable),
        TEST(a_csr_by_another_key_is_refused),
        TEST(a_counter_of_other_attributes_is_refused),
        TEST(a_quote_by_another_key_is_refused),
        TEST(a_quote_without_the_magic_is_refused),
        TEST(a_certification_is_no_quote),
        TEST(a_quote_about_something_else_is_refused),
        TEST(a_quote_from_another_hierarchy_is_refused),
        TEST(a_quote_over_other_pcrs_is_refused),
        TEST(a_statement_without_the_cap_pcr_is_refused),
        TEST(a_statement_of_another_bank_than_quoted_is_refused),
        TEST(a_statement_about_fewer_pcrs_than_quoted_is_refused),
        TEST(values_that_were_not_quoted_are_refused),
        TEST(a_capped_boot_is_refused),
        TEST(a_boot_capped_twice_is_refused_as_capped),
        TEST(a_log_with_the_cap_in_it_is_refused),
        TEST(the_cap_after_other_events_of_its_pcr_is_refused),
        TEST(a_pcr_that_the_log_does_not_lead_to_is_refused),
        TEST(the_phase_of_the_initrd_needs_no_event_and_no_other_does_without),
        TEST(a_pcr_without_events_must_be_untouched),
        TEST(a_missing_log_is_refused),
        TEST(a_boot_that_nobody_measured_is_refused),
        TEST(a_capped_boot_without_a_log_is_refused_as_capped),
        TEST(a_boot_that_only_software_measured_is_refused),
        TEST(a_log_without_the_quoted_bank_is_refused),
        TEST(an_event_without_a_digest_of_the_quoted_bank_is_refused),
        TEST(a_log_that_cannot_be_read_is_refused),
        TEST(a_refused_boot_of_a_known_device_is_a_row_of_the_audit_log),
        TEST(fewer_resets_than_proven_are_refused_until_an_operator_clears_them),
        TEST(a_permission_for_fewer_resets_ends_with_the_next_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
