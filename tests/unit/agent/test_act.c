#include "../folder.h"
#include "../unit.h"
#include "agent/cmd.h"
#include "bootseal/exit.h"

#include <sys/reboot.h>

/* Linked with --wrap: nothing here restarts the machine that runs the test. */
static int asked[4];
static unsigned asked_count;

int __wrap_reboot(int how);
void __wrap_sync(void);

int __wrap_reboot(int how)
{
    asked[asked_count++ % COUNT(asked)] = how;
    errno = EPERM;
    return -1;
}

void __wrap_sync(void)
{
}

static int boot(void **state, bool act)
{
    const struct options options = {
        .config = folder_path(state, "none.conf"), .root = *state, .verb = "boot", .act = act
    };
    asked_count = 0;
    return cmd_boot(&options);
}

static void failure_is_left_to_the_caller(void **state)
{
    assert_int_equal(boot(state, false), BS_EXIT_CONFIG);
    assert_int_equal(asked_count, 0);
}

static void failure_is_carried_out_when_asked_for_and_restarting_ends(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(boot(state, true), BS_EXIT_CONFIG);
        assert_int_equal(asked_count, 1);
        assert_int_equal((unsigned)asked[0], i < 3 ? (unsigned)RB_AUTOBOOT : (unsigned)RB_HALT_SYSTEM);
    }
}

#define folder_test(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(failure_is_left_to_the_caller),
        folder_test(failure_is_carried_out_when_asked_for_and_restarting_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
