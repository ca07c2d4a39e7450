/* What is learned from a boot approves that boot, and none of the others. */
#include "policy_log.h"

#include "server/policy/policy_learn.h"

static void learn(struct scene *scene, const struct scene_boot *boot, struct bs_buf *out)
{
    char why[POLICY_WORDS_SIZE];
    scene_judge(scene, boot, "name = \"x\"; pcrs: { events = [22]; };"); /* fills in the subject */
    if (policy_learn("learned", &scene->subject, out, why) != BS_OK)
        fail_msg("%s", why);
    assert_ok(bs_buf_append(out, "", 1));
}

/* Of two vectors the events are the same; only a TPM's banks or its bus differ. */
static bool is_same_boot(const struct scene_boot *a, const struct scene_boot *b)
{
    return a->mask == b->mask && memcmp(a->pcrs, b->pcrs, sizeof(a->pcrs)) == 0;
}

static void what_is_learned_approves_this_boot_alone(void **state)
{
    (void)state;
    struct scene scene = { .verdict = { .is_good = false } };
    struct scene_boot boots[VECTORS];
    size_t others = 0;
    for (size_t i = 0; i < VECTORS; i++) {
        boots[i] = SCENE_BOOT;
        scene_read(vector_names[i], &boots[i]);
    }
    for (size_t i = 0; i < VECTORS; i++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000);
        learn(&scene, &boots[i], &text);
        for (size_t k = 0; k < VECTORS; k++) {
            bool is_good = scene_judge(&scene, &boots[k], (const char *)text.data)->is_good;
            if (is_good != is_same_boot(&boots[i], &boots[k]))
                fail_msg("the policy of %s says %d of %s: %s", vector_names[i], is_good, vector_names[k],
                         scene.verdict.text);
            others += !is_good;
        }
    }
    assert_true(others > 100);
    for (size_t i = 0; i < VECTORS; i++)
        scene_boot_free(&boots[i]);
}

/* Whoever writes a log chooses words that stand in comments and notes: they stay there. */
static void words_of_a_log_do_not_become_rules(void **state)
{
    (void)state;
    static const char *const words[] = {
        "say \"x",
        "back\\slash\\",
        "@include \"/etc/passwd\"",
        "/* open",
        "*/ close",
        "# hash",
        "// slashes",
        "two\nlines\n};",
        "\x1b[31mred",
        "\"]; }, { pcr = 9; digests = [\"",
        "\xff\xfe\xfd",
        "\xe2\x80\xae"
        "right",
        "",
        "0x12345678901234567890",
    };
    struct log_cert cert;
    static struct log_table table, other;
    struct scene scene = { .verdict = { .is_good = false } };
    struct scene_boot boot = SCENE_BOOT, changed = SCENE_BOOT;
    log_cert_read("leaf.pem", &cert);
    log_base(&table, &cert, &cert);
    boot.command_line = LOG_COMMAND_LINE;
    log_measured(&table, "free", 23, EVENTLOG_IPL, bs_span_of_string("x"));
    for (size_t i = 0; i < COUNT(words); i++) {
        log_measured(&table, "text", (uint32_t)i % 16, EVENTLOG_IPL, bs_span_of_string(words[i]));
        log_claimed(&table, "text", 8, EVENTLOG_IPL, bs_span_of_string("x"), bs_span_of_string(words[i]));
    }
    log_boot(&table, &boot);
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000);
    learn(&scene, &boot, &text);
    assert_good(&scene, &boot, (const char *)text.data);
    assert_non_null(strstr((const char *)text.data, "command_line: { exact = [\"ro quiet\"]; };"));
    /* each event is demanded, and no other allowed */
    for (size_t i = 0; i < table.count; i++) {
        log_copy(&table, &other);
        other.events[i].digest[0] ^= 1;
        log_boot(&other, &changed);
        changed.command_line = LOG_COMMAND_LINE;
        if (scene_judge(&scene, &changed, (const char *)text.data)->is_good != (other.events[i].pcr == 23))
            fail_msg("event %zu may be another one", i);
    }
    scene_boot_free(&boot);
    scene_boot_free(&changed);
    bs_buf_free(&cert.der);
}

/* What no policy can approve is no policy. */
static void a_boot_that_its_log_does_not_explain_teaches_nothing(void **state)
{
    (void)state;
    char why[POLICY_WORDS_SIZE];
    struct scene scene = { .verdict = { .is_good = false } };
    struct scene_boot boot = SCENE_BOOT;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000);
    scene_read(vector_names[4], &boot);
    boot.pcrs[4][0] ^= 1;
    scene_judge(&scene, &boot, "name = \"x\"; pcrs: { events = [22]; };");
    assert_err(policy_learn("learned", &scene.subject, &text, why), BS_ERR_INPUT);
    assert_non_null(strstr(why, "lead to another value"));
    assert_int_equal(text.size, 0);
    scene_boot_free(&boot);
}

/* SeaBIOS was handed a kernel, and says nothing of it: that is a value, for nothing can be demanded of PCR 4. */
static void where_nothing_was_started_the_value_is_taken(void **state)
{
    (void)state;
    char why[POLICY_WORDS_SIZE];
    struct scene scene = { .verdict = { .is_good = false } };
    struct scene_boot boot = SCENE_BOOT;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000), none = BS_BUF(1000000);
    scene_read("direct-kernel-cloud", &boot);
    learn(&scene, &boot, &text);
    assert_non_null(strstr((const char *)text.data, "whole = [4];"));
    assert_good(&scene, &boot, (const char *)text.data);
    boot.mask &= ~(UINT32_C(1) << 4 | UINT32_C(1) << 7);
    scene.subject.boot.mask = boot.mask;
    assert_err(policy_learn("learned", &scene.subject, &none, why), BS_ERR_INPUT);
    assert_non_null(strstr(why, "nothing says what may be started"));
    scene_boot_free(&boot);
}

/* What the rules of their names would not get, or not alone. */
static void events_that_are_like_a_rule_s_are_measured(void **state)
{
    (void)state;
    struct log_cert cert;
    static struct log_table table;
    struct scene scene = { .verdict = { .is_good = false } };
    struct scene_boot boot = SCENE_BOOT;
    log_cert_read("leaf.pem", &cert);
    log_base(&table, &cert, &cert);
    /* Another variable with the same contents, which alone were measured. */
    log_measured(&table, "other", 1, EVENTLOG_VARIABLE_BOOT, log_variable(&table, "Boot0000", bs_span_of_string("x")));
    memcpy(log_find(&table, "other")->digest, log_find(&table, "order")->digest, CRYPTO_SHA256_SIZE);
    log_move_before(&table, "sep1");
    log_claimed(&table, "name", 11, EVENTLOG_IPL, BS_SPAN(".initramfs", 11), log_wide(&table, ".initramfs"));
    log_claimed(&table, "contents", 11, EVENTLOG_IPL, bs_span_of_string("cpio"), log_wide(&table, ".initramfs"));
    log_boot(&table, &boot);
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000);
    learn(&scene, &boot, &text);
    assert_good(&scene, &boot, (const char *)text.data);
    scene_boot_free(&boot);
    bs_buf_free(&cert.der);
}

/* The image by itself, and what it was started by measured when it runs. */
static void the_order_of_what_was_started_is_learned(void **state)
{
    (void)state;
    struct log_cert cert;
    static struct log_table table;
    struct scene scene = { .verdict = { .is_good = false } };
    struct scene_boot boot = SCENE_BOOT;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000);
    log_cert_read("leaf.pem", &cert);
    log_base(&table, &cert, &cert);
    log_boot(&table, &boot);
    learn(&scene, &boot, &text);
    assert_good(&scene, &boot, (const char *)text.data);
    log_remove(&table, "shim");
    log_filled(&table, "shim", 4, EVENTLOG_BOOT_APPLICATION, 0x41);
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, (const char *)text.data, "applications.[1]", "was started before started 1");
    scene_boot_free(&boot);
    bs_buf_free(&cert.der);
}

/* Ones are what a reset leaves in PCR 17, so that nothing was measured there, cap or not. */
static void a_pcr_as_a_reset_left_it_is_of_no_cap(void **state)
{
    (void)state;
    struct scene scene = { .subject.cap_pcr = 17 };
    struct scene_boot boot = SCENE_BOOT;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000), other = BS_BUF(1000000);
    scene_read("ovmf-uki-cloud", &boot);
    boot.mask |= UINT32_C(1) << 17;
    memset(boot.pcrs[17], 0xff, 32);
    learn(&scene, &boot, &text);
    assert_null(strstr((const char *)text.data, ", 17];"));
    assert_good(&scene, &boot, (const char *)text.data);
    scene.subject.cap_pcr = 12;
    learn(&scene, &boot, &other);
    assert_non_null(strstr((const char *)other.data, ", 17];")); /* no event may come to it */
    assert_good(&scene, &boot, (const char *)other.data);
    scene_boot_free(&boot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_learned_approves_this_boot_alone),
        cmocka_unit_test(words_of_a_log_do_not_become_rules),
        cmocka_unit_test(a_boot_that_its_log_does_not_explain_teaches_nothing),
        cmocka_unit_test(where_nothing_was_started_the_value_is_taken),
        cmocka_unit_test(events_that_are_like_a_rule_s_are_measured),
        cmocka_unit_test(the_order_of_what_was_started_is_learned),
        cmocka_unit_test(a_pcr_as_a_reset_left_it_is_of_no_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
