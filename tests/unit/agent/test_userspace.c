/* What a statement says of userspace: its log and the command line, as they lie there. */
#include "scene.h"

#include "unit/unit.h"

#include "core/file.h"

#define LOG "/run/log/systemd/tpm2-measure.log"
#define CMDLINE "/proc/cmdline"

static uint8_t large[BS_EVENTLOG_MAX];

static void put(const char *path, struct bs_span data)
{
    assert_ok(bs_dir_make(scene_path("/run/log/systemd"), 0755));
    assert_ok(bs_dir_make(scene_path("/proc"), 0755));
    assert_ok(bs_file_write(scene_path(path), data, NULL));
}

static void put_text(const char *path, const char *text)
{
    put(path, bs_span_of_string(text));
}

static void assert_said(const char *log, const char *command_line)
{
    assert_true(bs_span_equal(scene.sent.userspace_log, bs_span_of_string(log)));
    assert_true(bs_span_equal(scene.said.command_line, bs_span_of_string(command_line)));
}

static void log_and_command_line_are_sent_as_they_are(void **state)
{
    (void)state;
    put_text(LOG, "\x1e{\"pcr\":11}\n\n");
    put_text(CMDLINE, "root=/dev/vda quiet \n\n");
    assert_ok(scene_boot());
    assert_said("\x1e{\"pcr\":11}\n\n", "root=/dev/vda quiet \n");
    assert_int_equal(scene.statement_notes, 0);
}

static void what_is_not_there_or_empty_is_not_sent(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    assert_said("", "");
    scene_reboot(1);
    put_text(LOG, "");
    put_text(CMDLINE, "\n");
    assert_ok(scene_boot());
    assert_int_equal(scene.attests, 1);
    assert_said("", "");
    assert_false(scene_has_note(BS_NOTE_USERSPACE_LOG_TOO_LARGE));
}

static void the_configuration_says_where_they_are(void **state)
{
    (void)state;
    scene.config.measure.userspace_log = "/etc/a";
    scene.config.measure.command_line = "";
    put_text(LOG, "no");
    put_text(CMDLINE, "no\n");
    assert_ok(bs_dir_make(scene_path("/etc"), 0755));
    put_text("/etc/a", "yes");
    assert_ok(scene_boot());
    assert_said("yes", "");
}

static void what_is_too_large_is_left_out_and_noted(void **state)
{
    (void)state;
    memset(large, 'x', sizeof(large));
    put(LOG, BS_SPAN(large, BS_USERSPACE_LOG_MAX + 1));
    put(CMDLINE, BS_SPAN(large, BS_COMMAND_LINE_MAX + 1));
    assert_ok(scene_boot());
    assert_said("", "");
    assert_true(scene_has_note(BS_NOTE_USERSPACE_LOG_TOO_LARGE));
    assert_true(scene_has_note(BS_NOTE_COMMAND_LINE_TOO_LARGE));
    assert_int_equal(scene.statement_notes, 2);
}

static void what_just_fits_is_sent(void **state)
{
    (void)state;
    memset(large, 'x', sizeof(large));
    put(LOG, BS_SPAN(large, BS_USERSPACE_LOG_MAX));
    large[BS_COMMAND_LINE_MAX] = '\n';
    put(CMDLINE, BS_SPAN(large, BS_COMMAND_LINE_MAX + 1));
    assert_ok(scene_boot());
    assert_int_equal(scene.sent.userspace_log.size, BS_USERSPACE_LOG_MAX);
    assert_int_equal(scene.said.command_line.size, BS_COMMAND_LINE_MAX);
    assert_int_equal(scene.statement_notes, 0);
}

/* The firmware's log comes first: what remains is userspace's. */
static void both_logs_share_a_limit(void **state)
{
    (void)state;
    memset(large, 'x', sizeof(large));
    fake_device.eventlog = (const char *)large;
    fake_device.eventlog_size = BS_EVENTLOG_MAX;
    put(LOG, BS_SPAN(large, BS_LOGS_MAX - BS_EVENTLOG_MAX));
    assert_ok(scene_boot());
    assert_int_equal(scene.sent.userspace_log.size, BS_LOGS_MAX - BS_EVENTLOG_MAX);
    scene_reboot(1);
    fake_device.eventlog = (const char *)large;
    fake_device.eventlog_size = BS_EVENTLOG_MAX;
    put(LOG, BS_SPAN(large, BS_LOGS_MAX - BS_EVENTLOG_MAX + 1));
    assert_ok(scene_boot());
    assert_int_equal(scene.sent.firmware_log.size, BS_EVENTLOG_MAX);
    assert_int_equal(scene.sent.userspace_log.size, 0);
    assert_true(scene_has_note(BS_NOTE_USERSPACE_LOG_TOO_LARGE));
}

/* Nothing that opens the vault depends on them. */
static void a_vault_opens_whatever_they_are(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(0);
    fake_net.serve = NULL;
    put(LOG, BS_SPAN(large, BS_USERSPACE_LOG_MAX + 1));
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
}

/* What the disk's owner, the bus and the firmware can bring about together. */
static void a_boot_may_have_every_note(void **state)
{
    static const char *const notes[] = { BS_NOTE_VAULT_TAMPERED,
                                         BS_NOTE_VAULT_CORRUPT,
                                         BS_NOTE_VAULT_BOOT_CHANGED,
                                         BS_NOTE_VAULT_FORGOTTEN,
                                         BS_NOTE_TPM_ANSWER_CHANGED,
                                         BS_NOTE_CLOCK_UNKNOWN,
                                         BS_NOTE_LOCKOUT,
                                         BS_NOTE_UNAUTHENTICATED_ROOT,
                                         BS_NOTE_USERSPACE_LOG_TOO_LARGE,
                                         BS_NOTE_COMMAND_LINE_TOO_LARGE };
    (void)state;
    struct report report;
    report_begin(&report);
    for (size_t i = 0; i < COUNT(notes); i++)
        report_note(&report, notes[i]);
    assert_int_equal(report.note_count, COUNT(notes));
    report_note(&report, notes[0]);
    assert_int_equal(report.note_count, COUNT(notes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(log_and_command_line_are_sent_as_they_are),
        scene_test(what_is_not_there_or_empty_is_not_sent),
        scene_test(the_configuration_says_where_they_are),
        scene_test(what_is_too_large_is_left_out_and_noted),
        scene_test(what_just_fits_is_sent),
        scene_test(both_logs_share_a_limit),
        scene_test(a_vault_opens_whatever_they_are),
        cmocka_unit_test(a_boot_may_have_every_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
