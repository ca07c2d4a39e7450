#include "unit.h"

#include "agent/device/device.h"
#include "core/own.h"
#include "folder.h"

#include <sys/stat.h>
#include <unistd.h>

static struct device_cmdline parse(void **state, const char *text)
{
    struct device_cmdline cmdline;

    folder_put(state, "cmdline", text);
    assert_ok(device_cmdline(folder_path(state, "cmdline"), &cmdline));
    return cmdline;
}

static void cmdline_without_our_words_asks_for_nothing(void **state)
{
    struct device_cmdline cmdline = parse(state, "root=/dev/vda ro quiet\n");

    assert_string_equal(cmdline.server, "");
    assert_string_equal(cmdline.log, "");
    assert_string_equal(cmdline.unknown, "");
    assert_false(cmdline.is_off);
}

static void cmdline_words_are_taken(void **state)
{
    struct device_cmdline cmdline = parse(state, "quiet bootseal.server=https://a:1 bootseal.log=debug bootseal=0");

    assert_string_equal(cmdline.server, "https://a:1");
    assert_string_equal(cmdline.log, "debug");
    assert_true(cmdline.is_off);
    assert_string_equal(cmdline.unknown, "");
}

static void cmdline_unknown_word_is_named_without_its_value(void **state)
{
    assert_string_equal(parse(state, "bootseal.token=secret").unknown, "bootseal.token");
    assert_string_equal(parse(state, "bootseal=1").unknown, "bootseal");
    assert_string_equal(parse(state, "bootsealx").unknown, "bootsealx");
}

static void cmdline_value_too_long_is_unknown_not_cut(void **state)
{
    char text[400] = "bootseal.server=https://";
    struct device_cmdline cmdline;

    memset(text + strlen(text), 'a', sizeof(text) - strlen(text) - 1);
    cmdline = parse(state, text);
    assert_string_equal(cmdline.server, "");
    assert_string_equal(cmdline.unknown, "bootseal.server");
}

static void cmdline_after_two_dashes_belongs_to_init(void **state)
{
    assert_false(parse(state, "quiet -- bootseal=0").is_off);
}

static void cmdline_that_is_not_there_is_not_found(void **state)
{
    struct device_cmdline cmdline;

    assert_err(device_cmdline(folder_path(state, "none"), &cmdline), BS_ERR_NOT_FOUND);
}

static void find_takes_a_software_tpm_at_its_word(void **state)
{
    BS_OWN(string) path = NULL;

    (void)state;
    assert_ok(device_find_tpm("swtpm:path=/x", true, bs_deadline_in(0), &path));
    assert_string_equal(path, "swtpm:path=/x");
}

static void find_takes_a_character_device_that_is_there(void **state)
{
    BS_OWN(string) path = NULL;

    (void)state;
    assert_ok(device_find_tpm("/dev/null", true, bs_deadline_in(0), &path));
    assert_string_equal(path, "/dev/null");
}

static void find_says_at_once_that_there_is_no_tpm(void **state)
{
    BS_OWN(string) path = NULL;
    enum bs_err err;

    (void)state;
    if (access("/sys/class/tpm/tpm0", F_OK) == 0)
        return; /* this machine has one: nothing to see */
    err = device_find_tpm("/dev/tpm-none", true, bs_deadline_in(300), &path);
    /* A machine whose firmware announces a TPM without a driver for it is waited for. */
    assert_true(err == BS_ERR_NO_TPM || err == BS_ERR_TPM_TIMEOUT);
    assert_null(path);
}

/* Makes the folder NAME below the test's and gives it this `compatible` property. */
static void put_node(void **state, const char *name, const char *compatible)
{
    char path[512];

    assert_int_equal(mkdir(folder_path(state, name), 0755), 0);
    snprintf(path, sizeof(path), "%s/compatible", name);
    folder_put(state, path, compatible);
}

static void tree_announces_a_tpm_by_what_it_is_compatible_with(void **state)
{
    put_node(state, "soc", "simple-bus");
    put_node(state, "soc/spi@7e204000", "brcm,bcm2835-spi");
    put_node(state, "soc/tpm-lookalike@0", "vendor,led");
    assert_false(device_tree_has_tpm(*state));
    put_node(state, "soc/spi@7e204000/slb9670@1", "infineon,slb9670");
    assert_true(device_tree_has_tpm(*state));
}

static void tree_announces_a_firmware_tpm(void **state)
{
    put_node(state, "firmware", "vendor,thing");
    put_node(state, "firmware/x", "microsoft,ftpm");
    assert_true(device_tree_has_tpm(*state));
}

static void tree_that_is_not_there_announces_nothing(void **state)
{
    assert_false(device_tree_has_tpm(folder_path(state, "none")));
}

static void facts_are_printable(void **state)
{
    struct device_facts facts;
    const char *const all[] = { facts.serial, facts.product, facts.firmware, facts.kernel };

    (void)state;
    device_facts(&facts);
    assert_true(strlen(facts.kernel) > 0);
    for (size_t i = 0; i < COUNT(all); i++)
        for (const char *c = all[i]; *c != '\0'; c++)
            assert_true(*c >= 0x20 && *c < 0x7f);
}

static void watchdog_is_fed_and_disarmed(void **state)
{
    char text[8] = { 0 };
    FILE *file;

    folder_put(state, "watchdog", "");
    device_watchdog_feed(NULL);
    device_watchdog_feed(folder_path(state, "watchdog"));
    device_watchdog_feed(folder_path(state, "watchdog"));
    device_watchdog_close();
    file = fopen(folder_path(state, "watchdog"), "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof(text), file), 3);
    assert_memory_equal(text, "\0\0V", 3);
    (void)fclose(file);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(cmdline_without_our_words_asks_for_nothing),
        IN_FOLDER(cmdline_words_are_taken),
        IN_FOLDER(cmdline_unknown_word_is_named_without_its_value),
        IN_FOLDER(cmdline_value_too_long_is_unknown_not_cut),
        IN_FOLDER(cmdline_after_two_dashes_belongs_to_init),
        IN_FOLDER(cmdline_that_is_not_there_is_not_found),
        cmocka_unit_test(find_takes_a_software_tpm_at_its_word),
        cmocka_unit_test(find_takes_a_character_device_that_is_there),
        cmocka_unit_test(find_says_at_once_that_there_is_no_tpm),
        IN_FOLDER(tree_announces_a_tpm_by_what_it_is_compatible_with),
        IN_FOLDER(tree_announces_a_firmware_tpm),
        IN_FOLDER(tree_that_is_not_there_announces_nothing),
        cmocka_unit_test(facts_are_printable),
        IN_FOLDER(watchdog_is_fed_and_disarmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
