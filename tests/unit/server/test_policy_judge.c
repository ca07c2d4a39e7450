/* What every policy demands (selection, logs, separators), events by digest alone, and which reference is nearest. */
#include "policy_stage.h"
#include "policy_text.h"

static enum bs_err each_none(void *context, policy_reference_fn row, void *row_context)
{
    (void)context, (void)row, (void)row_context;
    return BS_OK;
}

static void a_policy_of_nothing_approves_nothing(void **state)
{
    (void)state;
    static const struct policy_file nothing, ignoring = { .ignore = 0xffffff };
    static const struct policy_references none = { NULL, NULL, each_none };
    struct policy_verdict verdict;
    scene_judge(&scene, &boot, log_policy(&boot, P(2), " "));
    assert_true(scene.verdict.is_good);
    assert_ok(policy_judge_boot(&nothing, &scene.subject, &none, &verdict));
    assert_false(verdict.is_good);
    assert_ok(policy_judge_boot(&ignoring, &scene.subject, &none, &verdict));
    assert_false(verdict.is_good);
}

static void every_quoted_pcr_has_its_place(void **state)
{
    (void)state;
    good(P(2), "");
    assert_not_good(&scene, &boot, "name = \"p\"; pcrs: { events = [2]; ignore = [0, 1, 3, 4, 5, 6, 7, 9]; };", "pcrs",
                    "PCR 11");
    boot.mask &= ~P(2);
    assert_not_good(&scene, &boot, "name = \"p\"; pcrs: { events = [2]; ignore = [0, 1, 3, 4, 5, 6, 7, 9, 11]; };",
                    "pcrs", "was not quoted");
    boot.mask |= P(2);
    boot.mask &= ~P(3);
    assert_not_good(&scene, &boot,
                    "name = \"p\"; pcrs: { events = [2]; whole = [3]; ignore = [0, 1, 4, 5, 6, 7, 9, 11]; };"
                    "values = ( { pcr = 3; digests = [\"" FILL66 "\"]; } );",
                    "pcrs", "was not quoted");
}

/* The cap's own PCR needs no place until something else is measured there. */
static void the_caps_pcr_may_stay_unnamed_while_it_is_untouched(void **state)
{
    (void)state;
    const char *policy = "name = \"p\"; pcrs: { events = [2]; ignore = [0, 1, 3, 4, 5, 6, 7, 9, 11]; };";
    boot.mask |= P(12);
    assert_not_good(&scene, &boot, policy, "pcrs", "PCR 12");
    scene.subject.cap_pcr = 12;
    assert_good(&scene, &boot, policy);
    boot.pcrs[12][31] = 1;
    assert_not_good(&scene, &boot, policy, "pcrs", "PCR 12");
    boot.pcrs[12][31] = 0;
    boot.mask |= P(13);
    assert_not_good(&scene, &boot, policy, "pcrs", "PCR 13");
}

static void the_log_leads_to_the_values(void **state)
{
    (void)state;
    boot.pcrs[2][0] ^= 1;
    refused_as_it_stands(P(2), "", "pcrs", "lead to another value");
    boot.pcrs[2][0] ^= 1;
    boot.mask |= P(14);
    good_as_it_stands(P(2) | P(14), ""); /* untouched, and judged: nothing may be there */
    boot.pcrs[14][0] ^= 1;
    refused_as_it_stands(P(2) | P(14), "", "pcrs", "no event for it");
    boot.pcrs[14][0] ^= 1;
    memset(boot.pcrs[2], 0, 32);
    refused_as_it_stands(P(2), "", "pcrs", "lead to another value");
    assert_not_good(
        &scene, &boot,
        "name = \"p\"; pcrs: { whole = [2]; ignore = [0, 1, 3, 4, 5, 6, 7, 9, 11, 14]; }; values = ( { pcr = 2; digests = ["
        "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]; } );",
        "pcrs", "lead to another value");
}

/* TPM2_Startup sets 17 to 22 to ones; zeros are what a dynamic launch leaves, which is something. */
static void a_dynamic_pcr_is_untouched_at_ones(void **state)
{
    (void)state;
    boot.mask |= P(17) | P(22);
    memset(boot.pcrs[17], 0xff, 32);
    memset(boot.pcrs[22], 0xff, 32);
    good_as_it_stands(P(2) | P(17) | P(22), "");
    memset(boot.pcrs[22], 0, 32);
    refused_as_it_stands(P(2) | P(17) | P(22), "", "pcrs", "no event for it");
    memset(boot.pcrs[22], 0xff, 32);
    memset(boot.pcrs[17], 0, 32);
    refused_as_it_stands(P(2) | P(17) | P(22), "", "pcrs", "no event for it");
    boot.mask |= P(16) | P(23);
    memset(boot.pcrs[17], 0xff, 32);
    good_as_it_stands(P(2) | P(17) | P(22), "");
    boot.mask |= P(15);
    memset(boot.pcrs[15], 0xff, 32);
    refused_as_it_stands(P(2) | P(15), "", "pcrs", "no event for it");
}

static void a_log_that_is_none_is_refused(void **state)
{
    (void)state;
    boot.log.data[40] ^= 0xff;
    boot.log.size -= 3;
    refused_as_it_stands(P(2), "", "pcrs", "cannot be read");
    bs_buf_reset(&boot.log);
    refused_as_it_stands(P(2), "", "pcrs", "no event for it");
    reset();
    boot.bank = CRYPTO_SHA384;
    refused_as_it_stands(P(2), "", "pcrs", "no digests of the quoted bank");
    boot.bank = 0x12;
    refused_as_it_stands(P(2), "", "pcrs", "not known here");
    /* a log of two banks, in which one event lacks the one that was quoted */
    static const uint16_t banks[] = { CRYPTO_SHA1, 20, CRYPTO_SHA256, 32, 0 };
    boot.bank = CRYPTO_SHA256;
    bs_buf_reset(&boot.log);
    put_header(&boot.log, banks);
    put_le32(&boot.log, 2);
    put_le32(&boot.log, EVENTLOG_IPL);
    put_le32(&boot.log, 1);
    put_le16(&boot.log, CRYPTO_SHA1);
    put_bytes(&boot.log, table.arena, 20);
    put_le32(&boot.log, 0);
    refused_as_it_stands(P(2), "", "pcrs", "an event of the log has no digest");
    reset();
    static const char record[] =
        "{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":"
        "\"1111111111111111111111111111111111111111\"}],\"content_type\":\"systemd\",\"content\":{}}\n";
    put_bytes(&boot.userspace, record, sizeof(record) - 1);
    refused_as_it_stands(P(2), "", "pcrs", "a record of the userspace log has no digest");
}

static void an_ignored_pcr_may_hold_anything(void **state)
{
    (void)state;
    log_filled(&table, "x", 5, EVENTLOG_GPT, 0x66);
    log_boot(&table, &boot);
    boot.pcrs[5][0] ^= 1;
    good_as_it_stands(P(2), "");
}

static void a_pcr_of_the_firmware_has_one_separator(void **state)
{
    (void)state;
    static const uint8_t zeros[4], ones[4] = { 0xff, 0xff, 0xff, 0xff }, failed[4] = { 1, 0, 0, 0 };
    log_measured(&table, "second", 2, EVENTLOG_SEPARATOR, BS_SPAN(zeros, 4));
    refused(P(2), "", "pcrs.events", "a second separator");
    log_find(&table, "second")->type = EVENTLOG_IPL;
    refused(P(2), "", "pcrs.events", "a second separator");
    log_remove(&table, "second");
    log_measured(&table, "second", 2, EVENTLOG_SEPARATOR, BS_SPAN(ones, 4));
    refused(P(2), "", "pcrs.events", "a second separator");
    log_remove(&table, "sep2");
    good(P(2), "");
    log_find(&table, "second")->type = EVENTLOG_IPL; /* known by its digest */
    good(P(2), "");
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(failed, 4), log_find(&table, "second")->digest));
    log_find(&table, "second")->type = EVENTLOG_SEPARATOR;
    refused(P(2), "", "pcrs.events", "has no separator");
    assert_null(strstr(scene.verdict.advice, "ignore"));
    log_remove(&table, "second");
    log_boot(&table, &boot);
    boot.mask |= P(2);
    refused_as_it_stands(P(2), "", "pcrs.events", "has no separator");
}

static void what_firmware_says_of_itself_is_known_by_its_digest(void **state)
{
    (void)state;
    struct bs_span out = bs_span_of_string("Exit Boot Services Invocation");
    log_measured(&table, "exit", 5, EVENTLOG_EFI_ACTION, out);
    good(P(5), "");
    log_find(&table, "exit")->data = bs_span_of_string("something else");
    good(P(5), "");
    log_find(&table, "exit")->digest[0] ^= 1; /* data say it, the digest does not */
    log_find(&table, "exit")->data = out;
    refused(P(5), "", "measured", "event 27");
    /* An event that nobody knows is no reason to stop looking at its PCR. */
    assert_null(strstr(scene.verdict.advice, "ignore"));
    reset();
    log_measured(&table, "exit", 2, EVENTLOG_EFI_ACTION, out); /* where it does not belong */
    refused(P(2), "", "measured", "event 27");
    reset();
    log_measured(&table, "weak", 7, EVENTLOG_EFI_ACTION, bs_span_of_string("DMA Protection Disabled"));
    log_measured(&table, "weak", 5, EVENTLOG_EFI_ACTION, bs_span_of_string("DMA Protection Disabled"));
    refused(P(5), "", "measured", "event 28");
}

static void other_events_are_named_by_digest(void **state)
{
    (void)state;
    log_filled(&table, "x", 2, EVENTLOG_BOOT_DRIVER, 0x66);
    refused(P(2), "", "measured", "event 27");
    good(P(2), "measured = ( { pcr = 2; digests = [\"" FILL50 "\", \"" FILL66 "\"]; note = \"card\"; } );");
    refused(P(2) | P(3), "measured = ( { pcr = 3; digests = [\"" FILL66 "\"]; optional = true; } );", "measured",
            "event 27");
    good(P(2), "measured = ( { pcr = 2; digests = [\"" FILL66 "\"]; }, { pcr = 2; digests = [\"" FILL66 "\", \"" FILL50
               "\"]; } );");
    log_remove(&table, "x");
    refused(P(2), "measured = ( { pcr = 2; digests = [\"" FILL66 "\"]; note = \"the card\"; } );", "measured.[0]",
            "the card");
    good(P(2), "measured = ( { pcr = 2; digests = [\"" FILL66 "\"]; optional = true; } );");
}

/* An event that a rule took is not there for the next one's demand. */
/* Which one the command line is no policy says before the boot: policy_parse() sees other overlaps. */
static void an_event_is_taken_by_one_rule_alone(void **state)
{
    (void)state;
    static const char *const line = "initrd = [\"" FILL49 "\"]; command_line: { exact = [\"ro quiet\"]; };";
    char text[1024];
    boot.command_line = LOG_COMMAND_LINE;
    good(P(9), line);
    snprintf(text, sizeof(text), "%s measured = ( { pcr = 9; digests = [\"%s\"]; } );", line,
             log_digest(&base, "options"));
    refused(P(9), text, "measured.[0]", "is missing");
    snprintf(text, sizeof(text), "initrd = [\"" FILL49 "\"]; measured = ( { pcr = 9; digests = [\"%s\"]; } );",
             log_digest(&base, "options"));
    good(P(9), text);
}

static void the_first_rule_that_is_broken_is_named(void **state)
{
    (void)state;
    refused(P(4) | P(9), "tpm = ( { manufacturer = \"IFX\"; } );", "applications", "PCR 4");
    refused(P(9), "tpm = ( { manufacturer = \"IFX\"; } );", "command_line", "PCR 9");
    refused(P(2), "tpm = ( { manufacturer = \"IFX\"; } );", "tpm", "manufacturer");
}

static void the_nearest_reference_is_that_with_most_events_in_common(void **state)
{
    (void)state;
    struct scene_boot far = SCENE_BOOT, near = SCENE_BOOT, valued = SCENE_BOOT;
    far.name = "far";
    near.name = "near";
    valued.name = "valued";
    log_boot(&table, &near);
    log_find(&table, "shim")->digest[0] ^= 1;
    log_find(&table, "uki")->digest[0] ^= 1;
    log_boot(&table, &far);
    log_find(&table, "options")->digest[0] ^= 1; /* in a PCR that the policy does not look at */
    log_boot(&table, &boot);
    scene.references[0] = &near;
    refused(P(4), "", "applications", "PCR 4");
    assert_string_equal(scene.verdict.nearest_name, "near");
    scene.references[1] = &far;
    refused(P(4), "", "applications", "PCR 4");
    assert_string_equal(scene.verdict.nearest_name, "far");
    scene.references[0] = &far;
    scene.references[1] = &near;
    refused(P(4), "", "applications", "PCR 4");
    assert_int_equal(scene.verdict.nearest, 1);
    scene.references[1] = NULL;
    far.bank = CRYPTO_SHA1;
    refused(P(4), "", "applications", "PCR 4");
    assert_false(scene.verdict.has_nearest);
    /* one without a log is known by its values */
    valued.mask = boot.mask;
    memcpy(valued.pcrs, boot.pcrs, sizeof(boot.pcrs));
    scene.references[0] = &valued;
    refused(P(4), "", "applications", "PCR 4");
    assert_string_equal(scene.verdict.nearest_name, "valued");
    scene_boot_free(&far);
    scene_boot_free(&near);
}

static enum bs_err each_fails(void *context, policy_reference_fn row, void *row_context)
{
    (void)context, (void)row, (void)row_context;
    return BS_ERR_BUSY;
}

static enum bs_err find_fails(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    (void)name;
    return each_fails(context, row, row_context);
}

/* A store that cannot be read must not turn into a verdict. */
static void trouble_with_references_is_an_error(void **state)
{
    (void)state;
    static const char *const policies[] = {
        "name = \"p\"; pcrs: { events = [4]; ignore = [0, 1, 2, 3, 5, 6, 7, 9, 11]; };",
        "name = \"p\"; pcrs: { events = [4]; ignore = [0, 1, 2, 3, 5, 6, 7, 9, 11]; }; applications = ( { release = \"r\"; } );",
        "name = \"p\"; pcrs: { whole = [4]; ignore = [0, 1, 2, 3, 5, 6, 7, 9, 11]; }; values = ( { pcr = 4; reference = \"r\"; } );",
    };
    const struct policy_references unsearchable = { NULL, find_fails, each_none },
                                   unlisted = { NULL, find_fails, each_fails };
    scene_judge(&scene, &boot, log_policy(&boot, P(2), " "));
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct policy_file policy;
        struct policy_verdict verdict = { .rule = "untouched" };
        rules_must_parse(bs_span_of_string(policies[i]), &policy);
        assert_err(policy_judge_boot(&policy, &scene.subject, i == 0 ? &unlisted : &unsearchable, &verdict),
                   BS_ERR_BUSY);
        assert_string_equal(verdict.rule, "untouched");
        policy_free(&policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_policy_of_nothing_approves_nothing),
        STAGE_TEST(every_quoted_pcr_has_its_place),
        STAGE_TEST(the_caps_pcr_may_stay_unnamed_while_it_is_untouched),
        STAGE_TEST(the_log_leads_to_the_values),
        STAGE_TEST(a_dynamic_pcr_is_untouched_at_ones),
        STAGE_TEST(a_log_that_is_none_is_refused),
        STAGE_TEST(an_ignored_pcr_may_hold_anything),
        STAGE_TEST(a_pcr_of_the_firmware_has_one_separator),
        STAGE_TEST(what_firmware_says_of_itself_is_known_by_its_digest),
        STAGE_TEST(other_events_are_named_by_digest),
        STAGE_TEST(an_event_is_taken_by_one_rule_alone),
        STAGE_TEST(the_first_rule_that_is_broken_is_named),
        STAGE_TEST(the_nearest_reference_is_that_with_most_events_in_common),
        STAGE_TEST(trouble_with_references_is_an_error),
    };
    return STAGE_RUN(tests);
}
