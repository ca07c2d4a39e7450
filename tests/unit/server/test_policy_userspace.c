/* What is measured behind the firmware: the phase of the initrd, which needs no log, and the log of userspace. */
#include "policy_stage.h"

static const char *uki_policy(void)
{
    return log_policy(&boot, P(11), "%s", base_sections());
}

static void the_phase_of_the_initrd_needs_no_log(void **state)
{
    (void)state;
    extend_words(&boot, "enter-initrd");
    assert_good(&scene, &boot, uki_policy());
    boot.pcrs[4][0] ^= 1; /* which it excuses in no other PCR */
    assert_not_good(&scene, &boot, log_policy(&boot, P(4) | P(11), "%s", base_sections()), "pcrs", "PCR 4");
    extend_words(&boot, "leave-initrd");
    assert_not_good(&scene, &boot, uki_policy(), "pcrs", "lead to another value");
    reset();
    log_measured(&table, "phase", 11, EVENTLOG_IPL, bs_span_of_string("enter-initrd"));
    log_boot(&table, &boot);
    assert_good(&scene, &boot, uki_policy());
    log_measured(&table, "more", 11, EVENTLOG_IPL, bs_span_of_string("enter-initrd"));
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, uki_policy(), "sections", "event 27"); /* once, and last */
    static const char *const labels[] = { "phase", "more", "linux.name", "linux", "cmdline.name", "cmdline" };
    for (size_t i = 0; i < COUNT(labels); i++)
        log_remove(&table, labels[i]);
    log_boot(&table, &boot);
    boot.mask |= P(11);
    extend_words(&boot, "enter-initrd"); /* and nothing else */
    refused_as_it_stands(P(11), "", "pcrs", "no event for it");
}

static void record_phase(const char *words)
{
    put_userspace_record(&boot.userspace, 11, bs_span_of_string(words), words);
    scene_replay(&boot);
}

static void events_of_userspace_are_judged_like_all_others(void **state)
{
    (void)state;
    char text[2048];
    record_phase("enter-initrd");
    assert_good(&scene, &boot, uki_policy());
    record_phase("leave-initrd");
    assert_not_good(&scene, &boot, uki_policy(), "measured", "enter-initrd"); /* which is not the last one any more */
    assert_true(scene.verdict.is_userspace);
    assert_int_equal(scene.verdict.event, 0);
    uint8_t digests[2][32];
    char hex[2][65];
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("enter-initrd"), digests[0]));
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("leave-initrd"), digests[1]));
    for (size_t i = 0; i < 2; i++)
        bs_hex(BS_SPAN(digests[i], 32), hex[i]);
    snprintf(text, sizeof(text),
             "%s measured = ( { pcr = 11; digests = [\"sha256:%s\"]; }, { pcr = 11; digests = [\"sha256:%s\"]; } );",
             uki_policy(), hex[0], hex[1]);
    assert_good(&scene, &boot, text);
    /* what did not extend a PCR of the policy is none of its events */
    static const char other[] = "{\"pcr\":15,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":"
                                "\"1111111111111111111111111111111111111111111111111111111111111111\"}],"
                                "\"content_type\":\"systemd\",\"content\":{\"string\":\"x\"}}\n"
                                "{\"nv_index\":25198592,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":"
                                "\"1111111111111111111111111111111111111111111111111111111111111111\"}],"
                                "\"content_type\":\"systemd\",\"content\":{\"string\":\"x\"}}\n";
    put_bytes(&boot.userspace, other, sizeof(other) - 1);
    assert_good(&scene, &boot, text);
    assert_good(&scene, &boot, log_policy(&boot, P(2) | P(3), " "));
    /* a log that says nothing of what is in the PCR */
    extend_words(&boot, "sysinit");
    assert_not_good(&scene, &boot, text, "pcrs", "lead to another value");
    put_bytes(&boot.userspace, "{", 1);
    assert_not_good(&scene, &boot, text, "pcrs", "userspace log cannot be read");
}

/* A running system measures what it likes, where it likes; what was started before it only the firmware's log tells. */
static void userspace_proves_nothing_about_what_was_started(void **state)
{
    (void)state;
    uint8_t digest[32], ones[4] = { 0xff, 0xff, 0xff, 0xff };
    char hex[65], text[512];
    log_remove(&table, "uki");
    log_remove(&table, "sep2");
    log_boot(&table, &boot);
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(ones, 4), digest));
    bs_hex(BS_SPAN(digest, 32), hex);
    static const char shim[] =
        "applications = ( { name = \"shim\"; digests = [\"sha256:4141414141414141414141414141414141414141414141414141"
        "414141414141\"]; }, { name = \"uki\"; digests = [\"sha256:42424242424242424242424242424242424242424242"
        "42424242424242424242\"]; } );";
    int size = snprintf(
        text, sizeof(text),
        "{\"pcr\":4,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"4242424242424242424242424242424242424242424242424242"
        "424242424242\"}],\"content_type\":\"systemd\",\"content\":{\"string\":\"x\"}}\n"
        "{\"pcr\":2,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],\"content_type\":\"systemd\",\"content\":{"
        "\"string\":\"y\"}}\n",
        hex);
    put_bytes(&boot.userspace, text, (size_t)size);
    scene_replay(&boot);
    refused(P(4), shim, "applications.[1]", "uki of the policy was not started");
    refused(P(2), "", "pcrs.events", "has no separator");
}

/* A log of userspace that leaves the last record out is not helped by the phase that needs no log. */
static void who_sends_a_userspace_log_sends_all_of_it(void **state)
{
    (void)state;
    record_phase("other");
    extend_words(&boot, "enter-initrd");
    assert_not_good(&scene, &boot, uki_policy(), "pcrs", "lead to another value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(the_phase_of_the_initrd_needs_no_log),
        STAGE_TEST(events_of_userspace_are_judged_like_all_others),
        STAGE_TEST(userspace_proves_nothing_about_what_was_started),
        STAGE_TEST(who_sends_a_userspace_log_sends_all_of_it),
    };
    return STAGE_RUN(tests);
}
