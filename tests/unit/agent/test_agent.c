/* Configuration, command line, the count of failures, waiting. */
#include "unit/unit.h"

#include "unit/folder.h"

#include "agent/config.h"
#include "agent/failures.h"
#include "agent/options.h"
#include "agent/wait.h"

#include <sys/stat.h>

static const char minimal[] = "server = { url = \"https://h\"; };\n";

static enum bs_err parse(const char *text, struct agent_config *ret_config, struct conf_problem *problem)
{
    static struct conf *conf;
    conf_free(conf);
    conf = NULL;
    problem->text[0] = '\0';
    return config_parse("b.conf", bs_span_of_string(text), ret_config, &conf, problem);
}

static void the_defaults_are_those_of_the_manual(void **state)
{
    (void)state;
    struct agent_config c;
    struct conf_problem problem;
    assert_ok(parse(minimal, &c, &problem));
    assert_int_equal(c.measure.pcrs, (1 << 0) | (1 << 2) | (1 << 4) | (1 << 7) | (1 << 9) | (1 << 11));
    assert_int_equal(c.measure.bank, CRYPTO_SHA256);
    assert_int_equal(c.measure.boot, CONFIG_MEASURE_REQUIRED);
    assert_int_equal(c.tpm.ak_handle, 0x8101B001);
    assert_int_equal(c.tpm.counter_index, 0x0180B001);
    assert_int_equal(c.cap.pcr, 12);
    assert_int_equal(c.boot.wait_s, 600);
    assert_int_equal(c.boot.on_failure, CONFIG_ON_FAILURE_REBOOT);
    assert_int_equal(c.log.level, BS_LOG_NOTICE);
    assert_string_equal(c.net.up.items[0], "/sbin/bootseal-net");
    assert_string_equal(c.handover.ready, "/run/bootseal/ready");
    assert_false(c.handover.unauthenticated_root);
    assert_true(config_allows(&c, "server") && config_allows(&c, "log") && config_allows(&c, "off"));
    assert_false(config_allows(&c, "token"));
}

static void the_defaults_without_a_file_are_the_same(void **state)
{
    (void)state;
    struct agent_config with, without;
    struct conf_problem problem;
    assert_ok(parse("", &with, &problem));
    config_defaults(&without);
    assert_memory_equal(&with, &without, sizeof(with));
}

static void what_is_wrong_or_not_safe_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *complaint;
    } wrong[] = {
        { "cap = { pcr = 16; };", "b.conf:2: cap.pcr" },
        { "cap = { pcr = 23; };", "cap.pcr" },
        { "cap = { pcr = 10; };", "cap.pcr" },
        { "cap = { pcr = 7; };", "cap.pcr" },
        { "measure = { pcrs = [0, 2, 7]; };", "measure.pcrs: has none of 4, 9 and 11" },
        { "measure = { pcrs = [4, 16]; };", "measure.pcrs: PCR 16 proves nothing" },
        { "measure = { pcrs = [4, 23]; };", "measure.pcrs: PCR 23 proves nothing" },
        { "measure = { pcrs = []; };", "measure.pcrs" },
        { "measure = { pcrs = [4, 24]; };", "measure.pcrs" },
        { "measure = { bank = \"sha1\"; };", "measure.bank" },
        { "seal = { policy = \"none\"; };", "seal.policy" },
        { "boot = { on_failure = \"shell\"; };", "boot.on_failure" },
        { "boot = { wait = \"long\"; };", "boot.wait" },
        { "vault = { dir = \"relative\"; };", "vault.dir" },
        { "measure = { userspace_log = \"relative\"; };", "measure.userspace_log" },
        { "measure = { command_line = \"../cmdline\"; };", "measure.command_line" },
        { "vault = { dir = \"/a/../b\"; };", "vault.dir" },
        { "vault = { partition = \"a-name-of-thirty-seven-characters-xxxx\"; };", "vault.partition" },
        { "vault = { deadline = 601; };", "vault.deadline" },
        { "tpm = { ak_handle = \"0x81800000\"; };", "tpm.ak_handle" },
        { "tpm = { ak_handle = \"0x81000001\"; };", "tpm.ak_handle" },
        { "tpm = { counter_index = \"0x01c00002\"; };", "tpm.counter_index" },
        { "handover = { credstore = [\"a*b\"]; };", "handover.credstore" },
        { "handover = { files = ( { item = \"x\"; path = \"y\"; } ); };", "handover.files.[0].path" },
        { "handover = { files = ( { item = \"x\"; } ); };", "path" },
        { "handover = { files = ( { item = \"x\"; path = \"/y\"; mode = \"0999\"; } ); };", "mode" },
        { "handover = { device_key = { key = \"\"; }; };", "handover.device_key" },
        { "net = { up = [\"dhcp\"]; };", "net.up" },
        { "cmdline = { allow = [\"token\"]; };", "cmdline.allow" },
        { "token = \"abc\";", "token" },
        { "unknown = 1;", "unknown" },
        { "server.url = 1;", "b.conf:2" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char text[512];
        struct agent_config c;
        struct conf_problem problem;
        snprintf(text, sizeof(text), "\n%s\n", wrong[i].text);
        if (parse(text, &c, &problem) != BS_ERR_CONFIG || !strstr(problem.text, wrong[i].complaint))
            fail_msg("%s: \"%s\"", wrong[i].text, problem.text);
    }
}

static void files_have_owner_and_mode(void **state)
{
    (void)state;
    struct agent_config c;
    struct conf_problem problem;
    assert_ok(parse("handover = { files = ( { item = \"a\"; path = \"/x\"; owner = 5; mode = \"0600\"; }, "
                    "{ item = \"b\"; path = \"/y\"; } ); };",
                    &c, &problem));
    const struct config_file *files = c.handover.files.items;
    assert_int_equal(c.handover.files.count, 2);
    assert_int_equal(files[0].owner, 5);
    assert_int_equal(files[0].mode, 0600);
    assert_int_equal(files[1].mode, 0644);
}

static bool options(struct options *ret_options, char *ret_problem, int argc, ...)
{
    char *argv[10] = { "bootseal" };
    va_list args;
    va_start(args, argc);
    for (int i = 1; i <= argc; i++)
        argv[i] = va_arg(args, char *);
    va_end(args);
    return options_parse(argc + 1, argv, ret_options, ret_problem);
}

static void options_stand_anywhere_and_once(void **state)
{
    (void)state;
    struct options o;
    char problem[OPTIONS_PROBLEM_MAX];
    assert_true(options(&o, problem, 5, "--root=/r", "eventlog", "--json", "--config", "/c"));
    assert_string_equal(o.root, "/r");
    assert_string_equal(o.config, "/c");
    assert_true(o.json);
    assert_string_equal(o.verb, "eventlog");
    assert_null(o.argument);
    assert_true(options(&o, problem, 2, "eventlog", "file"));
    assert_string_equal(o.argument, "file");
    assert_true(options(&o, problem, 3, "eventlog", "-", "--userspace=/u"));
    assert_string_equal(o.argument, "-");
    assert_string_equal(o.userspace, "/u");
    assert_true(options(&o, problem, 1, "--version"));
    assert_int_equal(o.mode, OPTIONS_VERSION);
}

static void what_is_not_an_option_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[][3] = {
        { "--rot=/r", "boot", "" },   { "--root", NULL, NULL }, { "--root=", "boot", "" },
        { "--json=yes", "boot", "" }, { "-j", "boot", "" },     { "--root=/a", "--root=/b", "boot" },
        { "boot", "one", "two" },     { "--", "boot", "" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct options o;
        char problem[OPTIONS_PROBLEM_MAX] = "";
        int count = !wrong[i][1] ? 1 : *wrong[i][2] ? 3 : 2;
        assert_false(options(&o, problem, count, wrong[i][0], wrong[i][1], wrong[i][2]));
        assert_true(strlen(problem) > 0);
    }
}

static void failures_count_up_and_are_forgotten(void **state)
{
    uint64_t count;
    const char *dir = folder_path(state, "vault");
    assert_int_equal(failures_read(dir), 0);
    assert_ok(failures_forget(dir));
    assert_ok(failures_add(dir, &count));
    assert_ok(failures_add(dir, &count));
    assert_int_equal(count, 2);
    assert_int_equal(failures_read(dir), 2);
    assert_ok(failures_forget(dir));
    assert_int_equal(failures_read(dir), 0);
    assert_ok(failures_forget(dir));
}

static void a_damaged_count_begins_anew(void **state)
{
    static const char *const damaged[] = {
        "", "x", "-1", "1 2", "99999999999999999999", "0x", "11111111111111111111111"
    };
    assert_int_equal(mkdir(folder_path(state, "vault"), 0700), 0);
    for (size_t i = 0; i < COUNT(damaged); i++) {
        folder_put(state, "vault/failures", damaged[i]);
        assert_int_equal(failures_read(folder_path(state, "vault")), 0);
    }
}

static void the_action_is_one_word_that_goes_away(void **state)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(100);
    assert_ok(failures_action(*state, NULL));
    assert_ok(failures_action(*state, "halt"));
    FILE *file = fopen(folder_path(state, "run/bootseal/action"), "re");
    char line[16] = "";
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_string_equal(line, "halt\n");
    assert_ok(failures_action(*state, NULL));
    struct stat st;
    assert_int_equal(stat(folder_path(state, "run/bootseal/action"), &st), -1);
}

static void retries_follow_the_server_else_double_with_jitter(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct boot_waiting told = { .told_ms = 8000, .failures = 3 };
        int64_t ms = wait_before_retry(&told);
        assert_true(ms >= 8000 && ms <= 10000);
        struct boot_waiting first = { .failures = 1 };
        assert_true(wait_before_retry(&first) <= 2000);
        struct boot_waiting many = { .failures = 1000 };
        assert_true(wait_before_retry(&many) <= 60000);
    }
}

#define folder_test(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_manual),
        cmocka_unit_test(the_defaults_without_a_file_are_the_same),
        cmocka_unit_test(what_is_wrong_or_not_safe_is_refused_with_its_line),
        cmocka_unit_test(files_have_owner_and_mode),
        cmocka_unit_test(options_stand_anywhere_and_once),
        cmocka_unit_test(what_is_not_an_option_is_refused),
        folder_test(failures_count_up_and_are_forgotten),
        folder_test(a_damaged_count_begins_anew),
        folder_test(the_action_is_one_word_that_goes_away),
        cmocka_unit_test(retries_follow_the_server_else_double_with_jitter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
