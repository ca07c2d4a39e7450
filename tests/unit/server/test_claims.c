/* What a device says of itself, and keys that are none: neither leads anything or anybody astray. */
#include "unit/server/lab.h"

#include <string.h>

static void expect_ek_template(struct lab *lab, struct softtpm *tpm)
{
    uint64_t rows = lab_audit_rows(lab);
    TALK(talk, lab);
    bs_buf_reset(&tpm->ek_cert);
    talk_attest(&talk, tpm, NULL);
    assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_EK_TEMPLATE);
    assert_int_equal(talk.result.status, 403);
    assert_int_equal(lab_audit_rows(lab), rows);
}

static void an_ek_that_is_no_point_of_its_curve_is_refused(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_device(lab, &tpm);
    tpm.ek_public.unique.ecc.y.buffer[31] ^= 1;
    expect_ek_template(lab, &tpm);
    softtpm_free(&tpm);
}

static void an_ek_with_an_even_modulus_is_refused(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    lab_device(lab, &tpm);
    tpm.ek_public = wire_ek_template(WIRE_EK_RSA2048)->public_area;
    tpm.ek_public.unique.rsa.size = 256;
    memset(tpm.ek_public.unique.rsa.buffer, 0xf0, 256);
    expect_ek_template(lab, &tpm);
    softtpm_free(&tpm);
}

static const char with_serial[] =
    "name = \"sensor\";\n"
    "items = ( { name = \"app.conf\"; kind = \"file\"; text = \"serial = \\\"${device.serial}\\\"\\n\"; } );\n";

static void claim_another_serial(struct message_statement *s)
{
    s->facts.serial = bs_span_of_string("\"; include \"/media/evil.conf");
}

static void what_an_unapproved_boot_claimed_is_in_no_file_of_an_approved_one(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_profile applied;
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string(with_serial), &applied));
    lab_device(lab, &tpm);
    {
        BS_SCOPED_BUF struct bs_buf evil = BS_BUF(SOFTTPM_LOG_MAX);
        lab_log(&evil, "evil", false);
        assert_ok(softtpm_boot(&tpm, bs_buf_span(&evil)));
        TALK(talk, lab);
        talk_enroll(&talk, &tpm, &(struct softtpm_request){ .bend.statement = claim_another_serial });
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE);
    }
    lab_log(&log, "good", false);
    assert_ok(softtpm_boot(&tpm, bs_buf_span(&log)));
    {
        TALK(talk, lab);
        talk_enroll(&talk, &tpm, NULL);
    }
    lab_approve(lab, &tpm, true);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&talk, &tpm, &plain, &bundle);
    assert_span_text(lab_item(&bundle, "app.conf"), "serial = \"SN-4711\"\n");
    softtpm_free(&tpm);
}

static void a_registered_serial_is_not_overwritten_by_a_claim(void **state)
{
    struct lab *lab = *state;
    struct softtpm known, tpm;
    struct store_device device;
    struct store_profile applied;
    struct operator_imported imported;
    char csv[256];
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string(with_serial), &applied));
    lab_approved_device(lab, &known);
    lab_device(lab, &tpm);
    snprintf(csv, sizeof(csv), "ek_sha256,serial,profile\n%s,SN-1,sensor\n", lab_id(&tpm));
    assert_ok(operator_device_import(&lab->call, bs_span_of_string(csv), &imported));
    TALK(talk, lab);
    talk_enroll(&talk, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&talk, &tpm, &plain, &bundle);
    assert_span_text(lab_item(&bundle, "app.conf"), "serial = \"SN-1\"\n");
    assert_true(lab_has_device(lab, &tpm, &device));
    assert_string_equal(device.serial, "SN-1");
    assert_string_equal(device.claimed_serial, "SN-4711");
    softtpm_free(&known);
    softtpm_free(&tpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(an_ek_that_is_no_point_of_its_curve_is_refused),
        LAB_TEST(an_ek_with_an_even_modulus_is_refused),
        LAB_TEST(what_an_unapproved_boot_claimed_is_in_no_file_of_an_approved_one),
        LAB_TEST(a_registered_serial_is_not_overwritten_by_a_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
