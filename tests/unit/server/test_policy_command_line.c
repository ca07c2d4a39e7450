/* What the kernel got: command_line and initrd, against who can write the log, or measure beside the truth. */
#include "policy_stage.h"

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
    char text[1024];
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
    snprintf(text, sizeof(text), "%s command_line: { forbidden = [\"quiet\"]; };", base_sections());
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

/* The running system measures an approved text, which holds the true one, and claims it. */
static void a_part_of_what_is_measured_later_was_not_judged(void **state)
{
    (void)state;
    static const char good_text[] = GRUB_TEXT " lockdown=integrity";
    log_claimed(&table, "grub", 8, EVENTLOG_IPL, bs_span_of_string(GRUB_TEXT),
                BS_SPAN("kernel_cmdline: " GRUB_TEXT, sizeof("kernel_cmdline: " GRUB_TEXT)));
    log_measured(&table, "later", 8, EVENTLOG_IPL, bs_span_of_string(good_text));
    boot.command_line = good_text;
    refused(P(8), "command_line: { required = [\"lockdown=integrity\"]; };", "command_line.required", GRUB_TEXT "\"");
    reset();
    log_measured(&table, "parameters", 12, EVENTLOG_IPL, log_wide(&table, "init=/bin/sh"));
    log_measured(&table, "later", 12, EVENTLOG_IPL, log_wide(&table, "ro xinit=/bin/sh"));
    boot.command_line = "ro xinit=/bin/sh";
    refused(P(12), "command_line: { forbidden = [\"init=\"]; };", "command_line.forbidden", "\"init=/bin/sh\"");
    /* nor behind what the kernel measured */
    reset();
    log_remove(&table, "options");
    log_measured(&table, "parameters", 12, EVENTLOG_IPL, log_wide(&table, "ro"));
    log_claimed(&table, "later", 9, EVENTLOG_EVENT_TAG, log_wide(&table, "ro quiet"), BS_SPAN_NONE);
    boot.command_line = "ro quiet";
    refused(P(9) | P(12), EXACT, "command_line.exact", "\"ro\"");
    /* and only systemd-stub measures parts */
    reset();
    log_claimed(&table, "grub", 8, EVENTLOG_IPL, bs_span_of_string("ro"), BS_SPAN("kernel_cmdline: ro", 18));
    refused(P(8) | P(9), EXACT, "command_line.exact", "\"ro\"");
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
    boot.command_line = "ro \xf0\x9f\x98\x80"; /* beyond 16 bits */
    static const uint8_t pair[] = { 'r', 0, 'o', 0, ' ', 0, 0x3d, 0xd8, 0x00, 0xde, 0, 0 };
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(pair, sizeof(pair)), log_find(&table, "options")->digest));
    good(P(9), INITRD "command_line: { required = [\"ro\"]; };");
}

/* What GRUB measures beside command lines has other words in front, or none. */
static void another_text_of_grub_is_no_command_line(void **state)
{
    (void)state;
    boot.command_line = NULL;
    log_claimed(&table, "grub", 8, EVENTLOG_IPL, bs_span_of_string("ro"), bs_span_of_string("grub_cmd: linux ro"));
    refused(P(8), "command_line: { required = [\"ro\"]; };", "command_line", "no measurement proves");
    log_find(&table, "grub")->data = bs_span_of_string("ro");
    refused(P(8), "command_line: { required = [\"ro\"]; };", "command_line", "no measurement proves");
}

/* A zero ends a text for one reader and not for another: such a text proves nothing. */
static void a_text_with_a_zero_in_it_proves_nothing(void **state)
{
    (void)state;
    static const char claim[] = "ro quiet\0init=/x";
    boot.command_line = claim;
    boot.command_line_size = sizeof(claim) - 1;
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(claim, sizeof(claim) - 1), log_find(&table, "cmdline")->digest));
    char text[1024];
    snprintf(text, sizeof(text),
             "command_line: { required = [\"ro\"]; }; sections = ( { name = \".linux\"; digests = [\"%s\"]; },"
             "{ name = \".cmdline\"; digests = [\"%s\"]; } );",
             log_digest(&base, "linux"), log_digest(&table, "cmdline"));
    refused(P(11), text, "command_line", "no command line from the device");
    reset();
    boot.command_line = NULL;
    struct bs_span wide = log_wide(&table, "ro");
    struct bs_span rest = log_wide(&table, "init=/x");
    log_measured(&table, "zero", 12, EVENTLOG_IPL, BS_SPAN(wide.data, wide.size + rest.size));
    refused(P(12), "command_line: { required = [\"ro\"]; };", "command_line", "no command line from the device");
}

static void a_text_that_is_too_long_proves_nothing(void **state)
{
    (void)state;
    static char text[6016] = "kernel_cmdline: ro";
    for (size_t i = strlen(text); i < 6000; i++)
        text[i] = i % 2 ? ' ' : 'a';
    strcpy(text + 6000, " init=/x");
    boot.command_line = NULL;
    log_claimed(&table, "grub", 8, EVENTLOG_IPL, bs_span_of_string(text + 16), bs_span_of_string(text));
    refused(P(8), "command_line: { forbidden = [\"init=\"]; };", "command_line", "event 27");
    log_remove(&table, "grub");
    log_measured(&table, "stub", 12, EVENTLOG_IPL, log_wide(&table, text + 16));
    refused(P(12), "command_line: { forbidden = [\"init=\"]; };", "command_line", "event 27");
}

static void text_in_the_log_counts_only_where_it_was_measured(void **state)
{
    (void)state;
    boot.command_line = NULL;
    log_claimed(&table, "stub", 12, EVENTLOG_IPL, log_wide(&table, "ro init=/x"), log_wide(&table, "ro"));
    refused(P(12), "command_line: { required = [\"ro\"]; };", "command_line", "no measurement proves");
    log_remove(&table, "stub");
    static const uint8_t lone[] = { 'r', 0, 'o', 0, 0, 0xd8, 0, 0 }; /* half of a pair */
    log_measured(&table, "stub", 12, EVENTLOG_IPL, BS_SPAN(lone, sizeof(lone)));
    refused(P(12), "command_line: { required = [\"ro\"]; };", "command_line", "no measurement proves");
    log_remove(&table, "stub");
    /* another PCR has other texts */
    log_measured(&table, "text", 9, EVENTLOG_IPL, log_wide(&table, "splash"));
    refused(P(9), INITRD "command_line: { required = [\"splash\"]; };", "command_line", "no measurement proves");
}

/* Measured beside what PCR 9 proves, and not a part of it. */
static void each_text_that_was_measured_keeps_the_rule(void **state)
{
    (void)state;
    log_measured(&table, "parameters", 12, EVENTLOG_IPL, log_wide(&table, "ro init=/x"));
    refused(P(9) | P(12), EXACT, "command_line.exact", "ro init=/x");
}

static void a_running_system_proves_no_command_line(void **state)
{
    (void)state;
    put_userspace_record(&boot.userspace, 12, log_wide(&table, LOG_COMMAND_LINE), "x");
    refused(P(12), "command_line: { exact = [\"ro quiet\"]; };", "command_line", "no event with its digest");
}

static void a_running_system_proves_no_initrd(void **state)
{
    (void)state;
    struct bs_span initrd = bs_span_of_string("an initrd");
    char rules[256];
    log_remove(&table, "initrd");
    log_measured(&table, "another", 9, EVENTLOG_EVENT_TAG, initrd);
    snprintf(rules, sizeof(rules), "initrd = [\"%s\"]; command_line: { exact = [\"ro quiet\"]; };",
             log_digest(&table, "another"));
    good(P(9), rules);
    log_remove(&table, "another");
    put_userspace_record(&boot.userspace, 9, initrd, "x");
    refused(P(9), rules, "initrd", "none of the initrds");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_command_line_is_exact_or_has_words),
        STAGE_TEST(a_command_line_counts_only_where_a_digest_proves_it),
        STAGE_TEST(a_good_text_beside_the_true_one_proves_nothing),
        STAGE_TEST(a_section_proves_a_command_line),
        STAGE_TEST(grub_measures_a_command_line_in_pcr_8),
        STAGE_TEST(a_stub_measures_parameters_in_pcr_12),
        STAGE_TEST(a_part_of_what_is_measured_later_was_not_judged),
        STAGE_TEST(what_a_device_claims_may_be_anything),
        STAGE_TEST(another_text_of_grub_is_no_command_line),
        STAGE_TEST(a_text_with_a_zero_in_it_proves_nothing),
        STAGE_TEST(a_text_that_is_too_long_proves_nothing),
        STAGE_TEST(text_in_the_log_counts_only_where_it_was_measured),
        STAGE_TEST(each_text_that_was_measured_keeps_the_rule),
        STAGE_TEST(a_running_system_proves_no_command_line),
        STAGE_TEST(a_running_system_proves_no_initrd),
        STAGE_TEST(an_initrd_is_one_of_the_list),
    };
    return STAGE_RUN(tests);
}
