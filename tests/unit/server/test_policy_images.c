/* What was started: applications, releases, sections. */
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
    log_copy(&base, &table);
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

static void of_a_release_only_what_extended_its_pcrs_counts(void **state)
{
    (void)state;
    log_filled(&table, "note", 4, EVENTLOG_NO_ACTION, 0x66);
    log_move_before(&table, "shim");
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    reset();
    good(RELEASE_PCRS, RELEASE);
    reference.pcrs[5][0] ^= 1; /* which no release is made of */
    good(RELEASE_PCRS, RELEASE);
    good(RELEASE_PCRS, "applications = ( { release = \"gw-9\"; }, { release = \"gw-1.4\"; } );");
    log_remove(&table, "initrd");
    refused(RELEASE_PCRS,
            "applications = ( { release = \"gw-9\"; }, { release = \"gw-1.4\"; }, { release = \"gw-0\"; } );",
            "applications.[1]", "is not the release gw-1.4");
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

static void put_record(uint32_t pcr, const uint8_t *digest)
{
    char hex[65], text[512];
    bs_hex(BS_SPAN(digest, 32), hex);
    int size =
        snprintf(text, sizeof(text),
                 "{\"pcr\":%u,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],\"content_type\":\"systemd\","
                 "\"content\":{\"string\":\"x\"}}\n",
                 pcr, hex);
    put_bytes(&boot.userspace, text, (size_t)size);
}

/* It leads to the reference's PCR 11, and is not a part of the release. */
static void a_release_may_have_a_userspace_log(void **state)
{
    (void)state;
    uint8_t phase_digest[32];
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("machine-id:1"), phase_digest));
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    put_record(11, phase_digest);
    assert_ok(bs_buf_append(&reference.userspace, boot.userspace.data, boot.userspace.size));
    bs_buf_reset(&boot.userspace);
    scene_replay(&reference);
    good(RELEASE_PCRS, RELEASE);
    reference.userspace.data[8] ^= 1; /* another PCR than it was */
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "gw-1.4");
    bs_buf_reset(&reference.userspace);
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "does not lead to its PCR 11");
    put_bytes(&reference.userspace, "{", 1);
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "has no event log");
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
        TEST(of_a_release_only_what_extended_its_pcrs_counts),
        TEST(a_release_may_have_a_userspace_log),
        TEST(the_phase_of_an_initrd_is_not_a_part_of_a_release),
        TEST(sections_are_pairs_of_name_and_contents),
        TEST(contents_do_not_stand_for_another_section),
        TEST(a_section_may_be_optional),
    };
    log_cert_read("leaf.pem", &cert);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bs_buf_free(&cert.der);
    return failed;
}
