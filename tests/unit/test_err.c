#include "unit.h"

#include "bootseal/exit.h"

static void every_error_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = BS_OK; a <= BS_ERR_CRYPTO; a++) {
        assert_non_null(bs_err_name(a));
        assert_true(strlen(bs_err_name(a)) > 1);
        for (int b = BS_OK; b < a; b++)
            assert_string_not_equal(bs_err_name(a), bs_err_name(b));
    }
}

static void only_success_blames_nobody_and_exits_with_zero(void **state)
{
    (void)state;
    for (int err = BS_OK; err <= BS_ERR_CRYPTO; err++) {
        assert_int_equal(bs_err_blame(err) == BS_BLAME_NOBODY, err == BS_OK);
        assert_int_equal(bs_err_exit(err) == BS_EXIT_DONE, err == BS_OK);
    }
}

static void what_is_worth_waiting_for_exits_with_retry_and_nothing_else_does(void **state)
{
    (void)state;
    for (int err = BS_OK; err <= BS_ERR_CRYPTO; err++)
        assert_int_equal(bs_err_blame(err) == BS_BLAME_WAIT, bs_err_exit(err) == BS_EXIT_RETRY);
    assert_int_equal(bs_err_blame(BS_ERR_BUSY), BS_BLAME_WAIT);
}

static void blame_and_exit_are_what_scripts_rely_on(void **state)
{
    (void)state;
    assert_int_equal(bs_err_blame(BS_ERR_REFUSED), BS_BLAME_PEER);
    assert_int_equal(bs_err_blame(BS_ERR_TAMPERED), BS_BLAME_LOCAL);
    assert_int_equal(bs_err_exit(BS_ERR_REFUSED), 20);
    assert_int_equal(bs_err_exit(BS_ERR_CAPPED), 20);
    assert_int_equal(bs_err_exit(BS_ERR_TAMPERED), 30);
    assert_int_equal(bs_err_exit(BS_ERR_UNTRUSTED), 30);
    assert_int_equal(bs_err_exit(BS_ERR_INPUT), 4);
    assert_int_equal(bs_err_exit(BS_ERR_CONFIG), 3);
    assert_int_equal(bs_err_exit(BS_ERR_TPM), 40);
    assert_int_equal(bs_err_exit(BS_ERR_KEYS_LOST), 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_of_its_own),
        cmocka_unit_test(only_success_blames_nobody_and_exits_with_zero),
        cmocka_unit_test(what_is_worth_waiting_for_exits_with_retry_and_nothing_else_does),
        cmocka_unit_test(blame_and_exit_are_what_scripts_rely_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
