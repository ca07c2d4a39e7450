/* The words of a refusal: each worked example, exactly, against the reference that was approved. */
#include "unit/unit.h"

#include "core/text.h"
#include "server/policy/explain.h"
#include "unit/server/snapshot.h"

static const char *const examples[] = { "command-line",      "initrd",    "kernel",
                                        "secure-boot-off",   "own-key",   "older-firmware",
                                        "extra-application", "other-disk" };

static void explain_example(const char *name, struct bs_buf *out)
{
    struct evidence_file found, expected;
    struct policy_verdict verdict;
    struct boot_diff diff;
    read_example(name, &found);
    read_example("approved", &expected);
    struct policy_boot boot = boot_of_example(&found);
    struct policy_reference reference = { .name = "approved", .id = 1, .boot = boot_of_example(&expected) };
    assert_ok(explain_reference(&boot, &reference, &verdict, &diff));
    assert_false(verdict.is_good);
    assert_ok(explain_lines(&(struct explanation){ &verdict, &diff }, out));
    boot_diff_free(&diff);
    evidence_file_free(&found);
    evidence_file_free(&expected);
}

static void a_boot_that_is_no_reference_is_explained_by_the_nearest(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(COUNT(examples) * (EXPLAIN_MAX + 64));
    for (size_t i = 0; i < COUNT(examples); i++) {
        assert_ok(bs_buf_printf(&text, "%s%s\n", i > 0 ? "\n" : "", examples[i]));
        explain_example(examples[i], &text);
    }
    assert_snapshot("references.txt", bs_buf_span(&text));
}

static struct policy_verdict some_verdict(void)
{
    struct policy_verdict verdict = { .rule = "applications",
                                      .has_pcr = true,
                                      .pcr = 4,
                                      .has_event = true,
                                      .event = 24,
                                      .type = EVENTLOG_BOOT_APPLICATION,
                                      .words = "application x.efi",
                                      .text = "no rule names this application",
                                      .found = "sha256:11",
                                      .expected = "sha256:22",
                                      .has_nearest = true,
                                      .nearest = 3,
                                      .nearest_name = "golden",
                                      .advice = "Do this." };
    return verdict;
}

static void things_are_said_in_their_order(void **state)
{
    (void)state;
    struct policy_verdict verdict = some_verdict();
    struct boot_diff_row rows[2] = {
        { .change = ALIGN_ADDED,
          .pcr = 4,
          .found = { true, false, 24, EVENTLOG_BOOT_APPLICATION, "sha256:11", "x.efi" } },
        { .change = ALIGN_REMOVED, .pcr = 11, .expected = { true, true, 2, 0, "sha256:33", "leave-initrd" } }
    };
    struct boot_diff diff = { .rows = rows, .count = 2, .total = 5, .command_line = "with a" };
    BS_SCOPED_BUF struct bs_buf lines = BS_BUF(EXPLAIN_MAX), line = BS_BUF(EXPLAIN_MAX);
    assert_ok(explain_lines(&(struct explanation){ &verdict, &diff }, &lines));
    assert_span_text(bs_buf_span(&lines),
                     "  Rule       applications: no rule names this application\n"
                     "  PCR        4\n"
                     "  Event      24, EV_EFI_BOOT_SERVICES_APPLICATION: application x.efi\n"
                     "  Found      sha256:11\n"
                     "  Expected   sha256:22\n"
                     "  Nearest    reference 3 (golden); this boot differs from it in 5 events\n"
                     "             PCR 4, event 24 added: EV_EFI_BOOT_SERVICES_APPLICATION x.efi (sha256:11)\n"
                     "             PCR 11, the reference's userspace event 2 removed: leave-initrd (sha256:33)\n"
                     "             and 3 more\n"
                     "             command line, as both devices tell it: with a\n"
                     "  Advice     Do this.\n");
    assert_ok(explain_sentence(&(struct explanation){ &verdict, NULL }, EXPLAIN_MAX, &line));
    assert_span_text(bs_buf_span(&line),
                     "Rule: applications: no rule names this application; PCR: 4; Event: 24, "
                     "EV_EFI_BOOT_SERVICES_APPLICATION: application x.efi; Found: sha256:11; Expected: sha256:22; "
                     "Nearest: reference 3 (golden); Do this.");
}

static void a_sentence_is_cut_between_its_parts(void **state)
{
    (void)state;
    struct policy_verdict verdict = some_verdict();
    BS_SCOPED_BUF struct bs_buf line = BS_BUF(EXPLAIN_MAX);
    assert_ok(bs_buf_append_string(&line, "before: "));
    assert_ok(explain_sentence(&(struct explanation){ &verdict, NULL }, 60, &line));
    assert_span_text(bs_buf_span(&line), "before: Rule: applications: no rule names this application; PCR: 4");
}

static void the_short_form_is_a_sentence_and_a_finding(void **state)
{
    (void)state;
    struct policy_verdict verdict = some_verdict();
    struct refusal refusal = { 0 };
    explain_refusal(&verdict, &refusal);
    assert_string_equal(refusal.reason, BS_REASON_BOOT_NOT_APPROVED);
    assert_string_equal(
        refusal.text, "this boot is not approved; rule applications, PCR 4, event 24: no rule names this application");
    assert_int_equal(refusal.finding_count, 1);
    assert_int_equal(refusal.findings[0].event, 24);
    assert_string_equal(refusal.findings[0].found, "sha256:11");
    assert_string_equal(refusal.findings[0].expected, "sha256:22");
}

/* A path of many letters outside of ASCII, as a device may claim it. */
static void a_text_that_is_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t ahead = 0; ahead < 2; ahead++) {
        struct policy_verdict verdict = some_verdict();
        struct refusal refusal = { 0 };
        memset(verdict.found, 'x', ahead);
        verdict.found[ahead] = '\0';
        for (size_t i = 0; i < 150; i++)
            strcat(verdict.found, "\xc3\xa4");
        explain_refusal(&verdict, &refusal);
        assert_true(bs_utf8_is_valid(bs_span_of_string(refusal.findings[0].found)));
        assert_in_range(strlen(refusal.findings[0].found), 157, 159);
    }
}

static void without_a_reference_that_is_said(void **state)
{
    (void)state;
    struct policy_verdict verdict = some_verdict();
    BS_SCOPED_BUF struct bs_buf lines = BS_BUF(EXPLAIN_MAX);
    verdict.has_nearest = verdict.has_event = verdict.has_pcr = false;
    verdict.found[0] = verdict.expected[0] = '\0';
    assert_ok(explain_lines(&(struct explanation){ &verdict, NULL }, &lines));
    assert_span_text(bs_buf_span(&lines), "  Rule       applications: no rule names this application\n"
                                          "  Nearest    none: there is no reference to compare with\n"
                                          "  Advice     Do this.\n");
}

/* Against a boot that started one program more: what is not there has no event, and is told all the same. */
static void an_event_that_is_missing_is_expected(void **state)
{
    (void)state;
    struct evidence_file found, expected;
    struct policy_verdict verdict;
    struct boot_diff diff;
    read_example("approved", &found);
    read_example("extra-application", &expected);
    struct policy_boot boot = boot_of_example(&found);
    struct policy_reference reference = { .name = "", .id = 1, .boot = boot_of_example(&expected) };
    assert_ok(explain_reference(&boot, &reference, &verdict, &diff));
    assert_false(verdict.has_event);
    assert_string_equal(verdict.text, "an event of the reference is missing");
    assert_string_equal(verdict.found, "no such event");
    assert_string_equal(verdict.expected, "sha256:9bf2519c746ec66b569300e423127a9361b47af7f66783c7e1378fb055671ad4");
    boot_diff_free(&diff);
    evidence_file_free(&found);
    evidence_file_free(&expected);
}

static void a_reference_of_another_bank_is_told_so(void **state)
{
    (void)state;
    struct evidence_file file;
    struct policy_verdict verdict;
    struct boot_diff diff;
    read_example("approved", &file);
    struct policy_boot boot = boot_of_example(&file);
    struct policy_reference reference = { .name = "", .id = 1, .boot = boot };
    assert_ok(explain_reference(&boot, &reference, &verdict, &diff));
    assert_true(verdict.is_good);
    boot_diff_free(&diff);
    reference.boot.bank = CRYPTO_SHA384;
    assert_ok(explain_reference(&boot, &reference, &verdict, &diff));
    assert_false(verdict.is_good);
    assert_string_equal(verdict.found, "sha256");
    assert_string_equal(verdict.expected, "sha384");
    boot_diff_free(&diff);
    evidence_file_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_that_is_no_reference_is_explained_by_the_nearest),
        cmocka_unit_test(things_are_said_in_their_order),
        cmocka_unit_test(a_sentence_is_cut_between_its_parts),
        cmocka_unit_test(the_short_form_is_a_sentence_and_a_finding),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_between_characters),
        cmocka_unit_test(without_a_reference_that_is_said),
        cmocka_unit_test(an_event_that_is_missing_is_expected),
        cmocka_unit_test(a_reference_of_another_bank_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
