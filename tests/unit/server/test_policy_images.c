/* What was started, with which command line and initrd: applications, releases, sections, command_line, initrd. */
#include "policy_log.h"

static struct log_cert cert;
static struct log_table table, base;
static struct scene_boot boot, reference;
static struct scene scene;

#define FILL41 "sha256:4141414141414141414141414141414141414141414141414141414141414141"
#define FILL42 "sha256:4242424242424242424242424242424242424242424242424242424242424242"
#define FILL43 "sha256:4343434343434343434343434343434343434343434343434343434343434343"
#define FILL49 "sha256:4949494949494949494949494949494949494949494949494949494949494949"

static void reset(void)
{
    table = base;
    for (size_t i = 0; i < table.count; i++)
        table.events[i].data.data = table.arena + (base.events[i].data.data - base.arena);
    log_boot(&table, &boot);
}

static int setup(void **state)
{
    (void)state;
    log_base(&base, &cert, &cert);
    memset(&scene, 0, sizeof(scene));
    boot = SCENE_BOOT;
    boot.command_line = LOG_COMMAND_LINE;
    reference = SCENE_BOOT;
    reference.name = "gw-1.4";
    reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scene_boot_free(&boot);
    scene_boot_free(&reference);
    return 0;
}

static void good(uint32_t events, const char *rules)
{
    log_boot(&table, &boot);
    assert_good(&scene, &boot, log_policy(&boot, events, "%s", rules));
}

static void refused(uint32_t events, const char *rules, const char *rule, const char *words)
{
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, log_policy(&boot, events, "%s", rules), rule, words);
}

#define P(pcr) (1u << (pcr))
#define BOTH                                                                                                    \
    "applications = ( { name = \"shim\"; digests = [\"" FILL41 "\"]; }, { name = \"uki\"; digests = [\"" FILL43 \
    "\", \"" FILL42 "\"]; } );"

static void applications_are_known_by_their_digest(void **state)
{
    (void)state;
    good(P(4), BOTH);
    log_find(&table, "uki")->type = EVENTLOG_IPL; /* whatever it calls itself */
    good(P(4), BOTH);
    reset();
    log_find(&table, "uki")->digest[5] ^= 1;
    refused(P(4), BOTH, "applications.[1]", "event 20");
    assert_non_null(strstr(scene.verdict.expected, FILL42));
    assert_non_null(strstr(scene.verdict.found, "sha256:424242424243"));
}

static void an_application_before_ours_is_refused(void **state)
{
    (void)state;
    log_filled(&table, "evil", 4, EVENTLOG_BOOT_APPLICATION, 0x66);
    log_move_before(&table, "shim");
    refused(P(4), BOTH, "applications", "event 19");
    log_find(&table, "evil")->type = EVENTLOG_IPL;
    refused(P(4), BOTH, "applications", "event 19");
    log_find(&table, "evil")->type = EVENTLOG_SEPARATOR;
    refused(P(4), BOTH, "applications", "event 19");
    /* a device path that looks like ours */
    log_find(&table, "evil")->data = log_find(&table, "shim")->data;
    refused(P(4), BOTH, "applications", "event 19");
    refused(P(4), "applications = ( { name = \"shim\"; digests = [\"" FILL41 "\"]; } );", "applications", "event 19");
}

static void every_group_is_demanded_unless_it_is_optional(void **state)
{
    (void)state;
    log_remove(&table, "shim");
    refused(P(4), BOTH, "applications.[0]", "shim of the policy was not started");
    good(P(4), "applications = ( { name = \"shim\"; digests = [\"" FILL41
               "\"]; optional = true; }, { name = \"uki\"; digests = [\"" FILL42 "\"]; } );");
    log_remove(&table, "uki");
    refused(P(4), BOTH, "applications.[0]", "was not started");
    reset();
    log_filled(&table, "again", 4, EVENTLOG_BOOT_APPLICATION, 0x41);
    good(P(4), BOTH); /* started twice is started */
}

static void an_application_of_another_bank_does_not_count(void **state)
{
    (void)state;
    refused(P(4),
            "applications = ( { name = \"a\"; digests = [\"sha1:4141414141414141414141414141414141414141\"]; } );",
            "applications.[0]", "names no digest of it");
}

#define RELEASE "applications = ( { release = \"gw-1.4\"; } );"
#define RELEASE_PCRS (P(4) | P(9) | P(11))

static void a_release_is_all_of_its_events(void **state)
{
    (void)state;
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "no reference gw-1.4");
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    good(RELEASE_PCRS, RELEASE);
    good(P(4), RELEASE);
    static const char *const labels[] = { "shim", "uki", "linux", "cmdline.name", "options", "initrd" };
    for (size_t i = 0; i < COUNT(labels); i++) {
        log_find(&table, labels[i])->digest[0] ^= 1;
        refused(RELEASE_PCRS, RELEASE, "applications.[0]", "an event of it is missing");
        reset();
        log_remove(&table, labels[i]);
        refused(RELEASE_PCRS, RELEASE, "applications.[0]", "an event of it is missing");
        reset();
    }
    assert_true(scene.verdict.has_nearest);
    assert_string_equal(scene.verdict.nearest_name, "gw-1.4");
    log_filled(&table, "more", 4, EVENTLOG_BOOT_APPLICATION, 0x66);
    refused(RELEASE_PCRS, RELEASE, "applications", "something was started");
}

static void a_release_keeps_its_order(void **state)
{
    (void)state;
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    log_remove(&table, "shim");
    log_filled(&table, "shim", 4, EVENTLOG_BOOT_APPLICATION, 0x41);
    refused(P(4), RELEASE, "applications.[0]", "an event of it is missing");
}

static void releases_are_alternatives_and_leave_room_for_others(void **state)
{
    (void)state;
    log_remove(&table, "shim");
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    reset();
    good(RELEASE_PCRS,
         "applications = ( { release = \"gw-9\"; }, { release = \"gw-1.4\"; }, { name = \"shim\"; digests = [\"" FILL41
         "\"]; } );");
    refused(RELEASE_PCRS, RELEASE, "applications", "something was started");
}

/* It would fit every boot. */
static void a_reference_without_an_image_is_no_release(void **state)
{
    (void)state;
    static const char *const labels[] = { "shim",         "uki",     "linux.name", "linux",
                                          "cmdline.name", "cmdline", "options",    "initrd" };
    for (size_t i = 0; i < COUNT(labels); i++)
        log_remove(&table, labels[i]);
    log_boot(&table, &reference);
    reference.mask |= RELEASE_PCRS;
    scene.references[0] = &reference;
    boot.mask = reference.mask;
    assert_not_good(&scene, &reference, log_policy(&reference, RELEASE_PCRS, RELEASE), "applications.[0]",
                    "no events of an image");
    reset();
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "no events of an image");
}

static void a_release_counts_only_as_far_as_it_was_quoted(void **state)
{
    (void)state;
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    reference.mask &= ~P(9);
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "says nothing about PCR 9");
    reference.mask |= P(9);
    reference.pcrs[9][0] ^= 1;
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "does not lead to its PCR 9");
    reference.pcrs[9][0] ^= 1;
    reference.bank = CRYPTO_SHA384;
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "another PCR bank");
    reference.bank = CRYPTO_SHA256;
    bs_buf_reset(&reference.log);
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "has no event log");
}

static void phase(struct scene_boot *b)
{
    uint8_t both[64];
    memcpy(both, b->pcrs[11], 32);
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("enter-initrd"), both + 32));
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(both, 64), b->pcrs[11]));
}

static void the_phase_of_an_initrd_is_not_a_part_of_a_release(void **state)
{
    (void)state;
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    phase(&boot);
    assert_good(&scene, &boot, log_policy(&boot, RELEASE_PCRS, RELEASE));
    phase(&reference);
    assert_good(&scene, &boot, log_policy(&boot, RELEASE_PCRS, RELEASE));
    reset();
    good(RELEASE_PCRS, RELEASE);
}

static const char *sections(void)
{
    static char text[512];
    snprintf(text, sizeof(text),
             "sections = ( { name = \".linux\"; digests = [\"%s\"]; }, { name = \".cmdline\"; digests = [\"%s\"]; } );",
             log_digest(&base, "linux"), log_digest(&base, "cmdline"));
    return text;
}

static void sections_are_pairs_of_name_and_contents(void **state)
{
    (void)state;
    good(P(11), sections());
    log_find(&table, "linux")->type = EVENTLOG_EFI_ACTION;
    log_find(&table, "linux")->data = BS_SPAN(table.arena, 0);
    good(P(11), sections());
    log_find(&table, "linux")->digest[0] ^= 1;
    refused(P(11), sections(), "sections.[0]", "other contents");
    reset();
    log_remove(&table, "cmdline");
    refused(P(11), sections(), "sections.[1]", "other contents");
    log_remove(&table, "cmdline.name");
    refused(P(11), sections(), "sections.[1]", ".cmdline was not measured");
    reset();
    log_filled(&table, "more", 11, EVENTLOG_IPL, 0x66);
    refused(P(11), sections(), "sections", "event 27");
}

/* The contents of one section are measured as if they were another's, or look like a name. */
static void contents_do_not_stand_for_another_section(void **state)
{
    (void)state;
    struct log_event *linux_event = log_find(&table, "linux"), *cmdline = log_find(&table, "cmdline"),
                     swap = *linux_event;
    memcpy(linux_event->digest, cmdline->digest, 32);
    memcpy(cmdline->digest, swap.digest, 32);
    refused(P(11), sections(), "sections.[0]", "other contents");
    reset();
    log_measured(&table, "fake", 11, EVENTLOG_IPL, BS_SPAN(".linux", 7));
    refused(P(11), sections(), "sections.[0]", "twice");
    log_remove(&table, "fake");
    /* behind the name stands something else, and the approved contents somewhere later */
    log_filled(&table, "evil", 11, EVENTLOG_IPL, 0x66);
    log_move_before(&table, "linux");
    refused(P(11), sections(), "sections.[0]", "other contents");
    reset();
    /* the section is missing, and its contents stand behind another name */
    log_remove(&table, "linux.name");
    refused(P(11), sections(), "sections.[0]", ".linux was not measured");
}

static void a_section_may_be_optional(void **state)
{
    (void)state;
    char text[512];
    snprintf(
        text, sizeof(text),
        "sections = ( { name = \".linux\"; digests = [\"%s\"]; }, { name = \".dtb\"; digests = [\"%s\"]; optional = true; },"
        "{ name = \".cmdline\"; digests = [\"%s\"]; } );",
        log_digest(&base, "linux"), FILL41, log_digest(&base, "cmdline"));
    good(P(11), text);
}

#define INITRD "initrd = [\"" FILL41 "\", \"" FILL49 "\"];"
#define EXACT INITRD "command_line: { exact = [\"ro quiet\"]; };"

static void a_command_line_is_exact_or_has_words(void **state)
{
    (void)state;
    good(P(9), EXACT);
    good(P(9), INITRD "command_line: { exact = [\"other\", \"ro quiet\"]; };");
    good(P(9), INITRD "command_line: { required = [\"ro\", \"quiet\"]; forbidden = [\"init=\", \"rw\"]; };");
    refused(P(9), INITRD "command_line: { exact = [\"ro\"]; };", "command_line.exact", "\"ro quiet\"");
    refused(P(9), INITRD "command_line: { required = [\"splash\"]; };", "command_line.required", "the word \"splash\"");
    refused(P(9), INITRD "command_line: { forbidden = [\"quiet\"]; };", "command_line.forbidden", "no word \"quiet\"");
    refused(P(9), INITRD, "command_line", "event 25");
}

static void change_options(const char *text, const char *claim)
{
    reset();
    boot.command_line = claim;
    struct bs_span wide = log_wide(&table, text);
    assert_ok(crypto_hash(CRYPTO_SHA256, wide, log_find(&table, "options")->digest));
}

static void a_command_line_counts_only_where_a_digest_proves_it(void **state)
{
    (void)state;
    change_options("ro quiet init=/bin/sh", "ro quiet init=/bin/sh");
    refused(P(9), EXACT, "command_line.exact", "init=/bin/sh");
    change_options("ro quiet init=/bin/sh", "ro quiet"); /* a lie */
    refused(P(9), EXACT, "command_line", "no measurement proves");
    change_options("ro quiet", NULL);
    refused(P(9), EXACT, "command_line", "no command line from the device");
    change_options("ro quiet", "");
    refused(P(9), EXACT, "command_line", "no command line from the device");
    reset();
    boot.command_line = LOG_COMMAND_LINE;
    log_remove(&table, "options");
    refused(P(9), EXACT, "command_line", "no event with its digest");
}

/* The good text is measured beside the bad one, or the file system has a file of this text that GRUB reads. */
static void a_good_text_beside_the_true_one_proves_nothing(void **state)
{
    (void)state;
    struct bs_span wide = log_wide(&table, "init=/bin/sh");
    log_claimed(&table, "evil", 9, EVENTLOG_EVENT_TAG, wide, log_find(&table, "options")->data);
    refused(P(9), EXACT, "command_line", "event 27");
    reset();
    log_claimed(&table, "file", 9, EVENTLOG_IPL, bs_span_of_string("ro quiet"), bs_span_of_string("(hd0)/file"));
    refused(P(9), EXACT, "measured", "event 27");
    log_remove(&table, "options");
    refused(P(9), EXACT, "command_line", "no measurement proves");
    reset();
    /* a section that holds the text without being .cmdline */
    log_claimed(&table, "osrel", 11, EVENTLOG_IPL, BS_SPAN(".osrel", 7), BS_SPAN_NONE);
    log_claimed(&table, "text", 11, EVENTLOG_IPL, bs_span_of_string("ro quiet"), BS_SPAN_NONE);
    log_remove(&table, "cmdline");
    log_remove(&table, "cmdline.name");
    char text[1024];
    snprintf(text, sizeof(text),
             "command_line: { required = [\"ro\"]; }; sections = ( { name = \".linux\"; digests = [\"%s\"]; },"
             "{ name = \".osrel\"; digests = [\"%s\"]; } );",
             log_digest(&base, "linux"), log_digest(&table, "text"));
    refused(P(11), text, "command_line", "no measurement proves");
}

static void a_section_proves_a_command_line(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof(text),
             "command_line: { required = [\"ro\"]; }; sections = ( { name = \".linux\"; digests = [\"%s\"]; } );",
             log_digest(&base, "linux"));
    good(P(11), text);
    boot.command_line = "rw";
    refused(P(11), text, "sections", "event 23"); /* nobody takes the section .cmdline */
    boot.command_line = LOG_COMMAND_LINE;
    static const char *const ends[] = { "\n", "\0", "\n\0" };
    static const size_t sizes[] = { 1, 1, 2 };
    for (size_t i = 0; i < COUNT(ends); i++) {
        char contents[16];
        memcpy(contents, "ro quiet", 8);
        memcpy(contents + 8, ends[i], sizes[i]);
        assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(contents, 8 + sizes[i]), log_find(&table, "cmdline")->digest));
        good(P(11), text);
    }
    /* taken by sections, it proves the text all the same */
    reset();
    snprintf(text, sizeof(text), "%s command_line: { forbidden = [\"quiet\"]; };", sections());
    refused(P(11), text, "command_line.forbidden", "\"ro quiet\"");
}

#define GRUB_TEXT "(hd0,gpt2)/vmlinuz root=/dev/sda2 ro"

static void grub_measures_a_command_line_in_pcr_8(void **state)
{
    (void)state;
    log_claimed(&table, "grub", 8, EVENTLOG_IPL, bs_span_of_string(GRUB_TEXT),
                BS_SPAN("kernel_cmdline: " GRUB_TEXT, sizeof("kernel_cmdline: " GRUB_TEXT)));
    boot.command_line = "BOOT_IMAGE=" GRUB_TEXT;
    good(P(8), "command_line: { exact = [\"BOOT_IMAGE=" GRUB_TEXT "\"]; };");
    good(P(8), "command_line: { required = [\"root=/dev/sda2\"]; };");
    boot.command_line = "good"; /* the text in the log is measured, the claim is not */
    good(P(8), "command_line: { exact = [\"" GRUB_TEXT "\"]; };");
    refused(P(8), "command_line: { exact = [\"good\"]; };", "command_line.exact", "vmlinuz");
    refused(P(8), "command_line: { forbidden = [\"ro\"]; };", "command_line.forbidden", "vmlinuz");
    /* other data than were measured */
    struct log_event *grub = log_find(&table, "grub");
    grub->data = BS_SPAN("kernel_cmdline: good", 20);
    refused(P(8), "command_line: { exact = [\"good\"]; };", "command_line", "no measurement proves");
    refused(P(8), "command_line: { required = [\"good\"]; };", "command_line", "event 27");
    static const char zero[] = "kernel_cmdline: good\0init=/x";
    log_claimed(&table, "zero", 8, EVENTLOG_IPL, BS_SPAN(zero + 16, sizeof(zero) - 17), BS_SPAN(zero, sizeof(zero)));
    refused(P(8), "command_line: { required = [\"good\"]; };", "command_line", "no measurement proves");
}

static void a_stub_measures_parameters_in_pcr_12(void **state)
{
    (void)state;
    log_measured(&table, "parameters", 12, EVENTLOG_IPL, log_wide(&table, "ro splash"));
    boot.command_line = NULL;
    good(P(12), "command_line: { exact = [\"ro splash\"]; };");
    refused(P(12), "command_line: { exact = [\"ro\"]; };", "command_line.exact", "ro splash");
    boot.command_line = "ro splash more";
    refused(P(12), "command_line: { required = [\"more\"]; };", "command_line.required", "\"ro splash\"");
    /* a part of what PCR 9 proves was judged there */
    change_options("ro splash more", "ro splash more");
    log_measured(&table, "parameters", 12, EVENTLOG_IPL, log_wide(&table, "splash more"));
    good(P(9) | P(12), INITRD "command_line: { required = [\"ro\"]; };");
    log_find(&table, "parameters")->data = BS_SPAN(table.arena, 0);
    refused(P(9) | P(12), INITRD "command_line: { required = [\"ro\"]; };", "measured", "event 27");
}

static void what_a_device_claims_may_be_anything(void **state)
{
    (void)state;
    static char large[6000];
    memset(large, 'a', sizeof(large) - 1);
    boot.command_line = large;
    refused(P(9), EXACT, "command_line", "no measurement proves");
    boot.command_line = "\xff\xfe init=/x\n";
    refused(P(9), EXACT, "command_line", "no measurement proves");
    change_options("ro \xe2\x82\xac", "ro \xe2\x82\xac");
    static const uint8_t euro[] = { 'r', 0, 'o', 0, ' ', 0, 0xac, 0x20, 0, 0 };
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(euro, sizeof(euro)), log_find(&table, "options")->digest));
    good(P(9), INITRD "command_line: { required = [\"ro\"]; };");
}

static void an_initrd_is_one_of_the_list(void **state)
{
    (void)state;
    good(P(9), EXACT);
    log_find(&table, "initrd")->digest[0] ^= 1;
    refused(P(9), EXACT, "initrd", "event 26");
    assert_non_null(strstr(scene.verdict.expected, FILL49));
    log_remove(&table, "initrd");
    refused(P(9), EXACT, "initrd", "none of the initrds");
    reset();
    refused(P(9), "command_line: { exact = [\"ro quiet\"]; };", "initrd", "event 26");
    log_filled(&table, "second", 9, EVENTLOG_EVENT_TAG, 0x66);
    refused(P(9), EXACT, "measured", "event 27");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(applications_are_known_by_their_digest),
        TEST(an_application_before_ours_is_refused),
        TEST(every_group_is_demanded_unless_it_is_optional),
        TEST(an_application_of_another_bank_does_not_count),
        TEST(a_release_is_all_of_its_events),
        TEST(a_release_keeps_its_order),
        TEST(releases_are_alternatives_and_leave_room_for_others),
        TEST(a_reference_without_an_image_is_no_release),
        TEST(a_release_counts_only_as_far_as_it_was_quoted),
        TEST(the_phase_of_an_initrd_is_not_a_part_of_a_release),
        TEST(sections_are_pairs_of_name_and_contents),
        TEST(contents_do_not_stand_for_another_section),
        TEST(a_section_may_be_optional),
        TEST(a_command_line_is_exact_or_has_words),
        TEST(a_command_line_counts_only_where_a_digest_proves_it),
        TEST(a_good_text_beside_the_true_one_proves_nothing),
        TEST(a_section_proves_a_command_line),
        TEST(grub_measures_a_command_line_in_pcr_8),
        TEST(a_stub_measures_parameters_in_pcr_12),
        TEST(what_a_device_claims_may_be_anything),
        TEST(an_initrd_is_one_of_the_list),
    };
    log_cert_read("leaf.pem", &cert);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bs_buf_free(&cert.der);
    return failed;
}
