/* What was started: applications, releases, sections. */
#include "policy_stage.h"

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

#define GROUP(name, digest, more) "{ name = \"" name "\"; digests = [\"" digest "\"]; " more "}"
#define FILL66 "sha256:6666666666666666666666666666666666666666666666666666666666666666"

/* What runs can measure what it left out, but not before what it is. */
static void what_is_demanded_was_started_in_the_order_of_the_policy(void **state)
{
    (void)state;
    static const char *const both = "applications = ( " GROUP("shim", FILL41, "") ", " GROUP("uki", FILL42, "") " );",
                             *const turned =
                                 "applications = ( " GROUP("uki", FILL42, "") ", " GROUP("shim", FILL41, "") " );";
    good(P(4), both);
    refused(P(4), turned, "applications.[1]", "shim was started before uki");
    good(P(4), "applications = ( " GROUP("uki", FILL42, "") ", " GROUP("shim", FILL41, "optional = true; ") " );");
    good(P(4), "applications = ( " GROUP("uki", FILL42, "optional = true; ") ", " GROUP("shim", FILL41, "") " );");
    /* The image alone, and shim measured by what it runs. */
    log_remove(&table, "shim");
    log_filled(&table, "shim", 4, EVENTLOG_BOOT_APPLICATION, 0x41);
    refused(P(4), both, "applications.[1]", "uki was started before shim");
    assert_non_null(strstr(scene.verdict.expected, FILL41));
    assert_non_null(strstr(scene.verdict.found, FILL42));
    /* The first time counts: a boot that came back is one, too. */
    reset();
    log_filled(&table, "again", 4, EVENTLOG_BOOT_APPLICATION, 0x41);
    log_filled(&table, "uki again", 4, EVENTLOG_BOOT_APPLICATION, 0x42);
    good(P(4), both);
    refused(P(4), turned, "applications.[1]", "shim was started before uki");
    /* One of three that is not beside the one that it comes before. */
    log_filled(&table, "third", 4, EVENTLOG_BOOT_APPLICATION, 0x66);
    refused(P(4),
            "applications = ( " GROUP("third", FILL66, "") ", " GROUP("uki", FILL42, "optional = true; ") ", " GROUP(
                "shim", FILL41, "") " );",
            "applications.[2]", "shim was started before third");
    /* An event of two groups is in the place of both. */
    good(P(4), "applications = ( " GROUP("a", FILL41 "\", \"" FILL42,
                                         "") ", " GROUP("b", FILL41, "") ", " GROUP("c", FILL66, "") " );");
}

static void a_release_has_its_place_among_what_was_started(void **state)
{
    (void)state;
    static struct log_table image;
    log_copy(&table, &image);
    log_remove(&image, "shim");
    log_boot(&image, &reference);
    scene.references[0] = &reference;
    good(P(4), "applications = ( " GROUP("shim", FILL41, "") ", { release = \"none\"; }, { release = \"gw-1.4\"; } );");
    refused(P(4),
            "applications = ( { release = \"none\"; }, " GROUP("shim", FILL41, "") ", { release = \"gw-1.4\"; } );",
            "applications.[1]", "shim was started before the release");
}

#define SHIM GROUP("shim", FILL41, "")
#define LOADER GROUP("loader", FILL66, "")

/* As `reference learn` pins it: of a boot with all its loaders, which a policy may name beside it. */
static void a_release_of_a_whole_boot_is_in_the_place_of_its_image(void **state)
{
    (void)state;
    static const char *const all = "applications = ( " SHIM ", " LOADER ", { release = \"gw-1.4\"; } );";
    static const char *const early = "applications = ( " SHIM ", { release = \"gw-1.4\"; }, " LOADER " );";
    log_filled(&table, "loader", 4, EVENTLOG_BOOT_APPLICATION, 0x66);
    log_move_before(&table, "uki");
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    good(P(4), all);
    good(P(4), early);
    /* One that the loader is not in: the image has to be behind it all the same. */
    log_remove(&table, "loader");
    log_boot(&table, &reference);
    log_filled(&table, "loader", 4, EVENTLOG_BOOT_APPLICATION, 0x66);
    refused(P(4), all, "applications.[2]", "the release was started before loader");
    assert_non_null(strstr(scene.verdict.found, FILL42));
    good(P(4), early);
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
    good(RELEASE_PCRS, "applications = ( { name = \"shim\"; digests = [\"" FILL41
                       "\"]; }, { release = \"gw-9\"; }, { release = \"gw-1.4\"; } );");
    refused(RELEASE_PCRS, RELEASE, "applications", "something was started");
}

/* Then the boot is the larger one, in whatever order they are named: what it has more would be nobody's. */
static void of_two_releases_that_fit_the_larger_one_counts(void **state)
{
    (void)state;
    struct scene_boot part = SCENE_BOOT;
    part.name = "part";
    log_boot(&table, &reference);
    log_remove(&table, "uki");
    log_remove(&table, "initrd");
    log_boot(&table, &part);
    reset();
    scene.references[0] = &reference;
    scene.references[1] = &part;
    good(RELEASE_PCRS, "applications = ( { release = \"gw-1.4\"; }, { release = \"part\"; } );");
    good(RELEASE_PCRS, "applications = ( { release = \"part\"; }, { release = \"gw-1.4\"; } );");
    /* One that fits beside a larger one that does not, though more of that is there. */
    static const char *const uki = "{ name = \"uki\"; digests = [\"" FILL42 "\"]; }";
    char text[600];
    log_remove(&table, "initrd");
    log_boot(&table, &boot);
    snprintf(text, sizeof(text), "applications = ( { release = \"gw-1.4\"; }, { release = \"part\"; }, %s );", uki);
    good(RELEASE_PCRS, text);
    snprintf(text, sizeof(text), "applications = ( { release = \"part\"; }, { release = \"gw-1.4\"; }, %s );", uki);
    good(RELEASE_PCRS, text);
    log_remove(&table, "uki");
    log_boot(&table, &boot);
    good(RELEASE_PCRS, "applications = ( { release = \"gw-1.4\"; }, { release = \"part\"; } );");
    good(RELEASE_PCRS, "applications = ( { release = \"part\"; }, { release = \"gw-1.4\"; } );");
    refused(RELEASE_PCRS, "applications = ( { release = \"gw-1.4\"; } );", "applications.[0]",
            "is not the release gw-1.4");
    scene_boot_free(&part);
}

/* It would fit every boot. */
/* Each leaves another event to the rules behind it, which take one of the two: `policy diff` has no line for an order. */
static void the_order_of_releases_is_no_rule(void **state)
{
    (void)state;
    struct scene_boot first = SCENE_BOOT, second = SCENE_BOOT;
    static const char *const taken[] = { FILL41, FILL42 }; /* shim, uki */
    char text[600];
    first.name = "gw-1";
    second.name = "gw-2";
    log_remove(&table, "uki");
    log_boot(&table, &first);
    reset();
    log_remove(&table, "shim");
    log_boot(&table, &second);
    reset();
    scene.references[0] = &second;
    scene.references[1] = &first;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++) {
            snprintf(
                text, sizeof(text),
                "applications = ( { release = \"%s\"; }, { release = \"%s\"; }, { name = \"a\"; digests = [\"%s\"]; "
                "optional = true; } );",
                k == 0 ? "gw-1" : "gw-2", k == 0 ? "gw-2" : "gw-1", taken[i]);
            if (i == 1) /* gw-1 counts, and leaves the uki */
                good(RELEASE_PCRS, text);
            else
                refused(RELEASE_PCRS, text, "applications", "something was started");
        }
    scene_boot_free(&first);
    scene_boot_free(&second);
}

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
    extend_words(&boot, "enter-initrd");
    assert_good(&scene, &boot, log_policy(&boot, RELEASE_PCRS, RELEASE));
    extend_words(&reference, "enter-initrd");
    assert_good(&scene, &boot, log_policy(&boot, RELEASE_PCRS, RELEASE));
    reset();
    good(RELEASE_PCRS, RELEASE);
}

static void sections_are_pairs_of_name_and_contents(void **state)
{
    (void)state;
    good(P(11), base_sections());
    log_find(&table, "linux")->type = EVENTLOG_EFI_ACTION;
    log_find(&table, "linux")->data = BS_SPAN(table.arena, 0);
    good(P(11), base_sections());
    log_find(&table, "linux")->digest[0] ^= 1;
    refused(P(11), base_sections(), "sections.[0]", "other contents");
    reset();
    log_remove(&table, "cmdline");
    refused(P(11), base_sections(), "sections.[1]", "other contents");
    log_remove(&table, "cmdline.name");
    refused(P(11), base_sections(), "sections.[1]", ".cmdline was not measured");
    reset();
    log_filled(&table, "more", 11, EVENTLOG_IPL, 0x66);
    refused(P(11), base_sections(), "sections", "event 27");
}

/* The contents of one section are measured as if they were another's, or look like a name. */
static void contents_do_not_stand_for_another_section(void **state)
{
    (void)state;
    struct log_event *linux_event = log_find(&table, "linux"), *cmdline = log_find(&table, "cmdline"),
                     swap = *linux_event;
    memcpy(linux_event->digest, cmdline->digest, 32);
    memcpy(cmdline->digest, swap.digest, 32);
    refused(P(11), base_sections(), "sections.[0]", "other contents");
    reset();
    log_measured(&table, "fake", 11, EVENTLOG_IPL, BS_SPAN(".linux", 7));
    refused(P(11), base_sections(), "sections.[0]", "twice");
    log_remove(&table, "fake");
    /* behind the name stands something else, and the approved contents somewhere later */
    log_filled(&table, "evil", 11, EVENTLOG_IPL, 0x66);
    log_move_before(&table, "linux");
    refused(P(11), base_sections(), "sections.[0]", "other contents");
    reset();
    /* the section is missing, and its contents stand behind another name */
    log_remove(&table, "linux.name");
    refused(P(11), base_sections(), "sections.[0]", ".linux was not measured");
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

/* It leads to the reference's PCR 11, and is not a part of the release. */
static void a_release_may_have_a_userspace_log(void **state)
{
    (void)state;
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    put_userspace_record(&reference.userspace, 11, bs_span_of_string("machine-id:1"), "machine-id:1");
    scene_replay(&reference);
    good(RELEASE_PCRS, RELEASE);
    reference.userspace.data[9] ^= 1; /* another PCR than it was */
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "gw-1.4");
    bs_buf_reset(&reference.userspace);
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "does not lead to its PCR 11");
    put_bytes(&reference.userspace, "{", 1);
    refused(RELEASE_PCRS, RELEASE, "applications.[0]", "has no event log");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(applications_are_known_by_their_digest),
        STAGE_TEST(an_application_before_ours_is_refused),
        STAGE_TEST(every_group_is_demanded_unless_it_is_optional),
        STAGE_TEST(what_is_demanded_was_started_in_the_order_of_the_policy),
        STAGE_TEST(a_release_has_its_place_among_what_was_started),
        STAGE_TEST(a_release_of_a_whole_boot_is_in_the_place_of_its_image),
        STAGE_TEST(an_application_of_another_bank_does_not_count),
        STAGE_TEST(a_release_is_all_of_its_events),
        STAGE_TEST(a_release_keeps_its_order),
        STAGE_TEST(releases_are_alternatives_and_leave_room_for_others),
        STAGE_TEST(of_two_releases_that_fit_the_larger_one_counts),
        STAGE_TEST(the_order_of_releases_is_no_rule),
        STAGE_TEST(a_reference_without_an_image_is_no_release),
        STAGE_TEST(a_release_counts_only_as_far_as_it_was_quoted),
        STAGE_TEST(of_a_release_only_what_extended_its_pcrs_counts),
        STAGE_TEST(a_release_may_have_a_userspace_log),
        STAGE_TEST(the_phase_of_an_initrd_is_not_a_part_of_a_release),
        STAGE_TEST(sections_are_pairs_of_name_and_contents),
        STAGE_TEST(contents_do_not_stand_for_another_section),
        STAGE_TEST(a_section_may_be_optional),
    };
    return STAGE_RUN(tests);
}
