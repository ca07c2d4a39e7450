#include "unit.h"

#include "core/secret.h"

#include <sys/mman.h>

/* Linked with --wrap=munmap: sees what a secret's pages hold at the moment they are given back. */
static size_t unmapped_size, unmapped_nonzero;

int __real_munmap(void *data, size_t size);
int __wrap_munmap(void *data, size_t size);

int __wrap_munmap(void *data, size_t size)
{
    const uint8_t *bytes = data;
    unmapped_size = size;
    unmapped_nonzero = 0;
    for (size_t i = 0; i < size; i++)
        unmapped_nonzero += bytes[i] != 0;
    return __real_munmap(data, size);
}

static void a_new_secret_is_zeroed_and_has_its_size(void **state)
{
    (void)state;
    BS_OWN(secret) secret = NULL;
    assert_ok(bs_secret_new(5000, &secret));
    assert_int_equal(bs_secret_size(secret), 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(bs_secret_view(secret)[i], 0);
}

static void a_secret_has_a_hard_maximum(void **state)
{
    (void)state;
    BS_OWN(secret) secret = NULL;
    assert_err(bs_secret_new(0, &secret), BS_ERR_NOMEM);
    assert_err(bs_secret_new(BS_SECRET_MAX + 1, &secret), BS_ERR_NOMEM);
    assert_err(bs_secret_new(SIZE_MAX, &secret), BS_ERR_NOMEM);
    assert_null(secret);
    assert_ok(bs_secret_new(BS_SECRET_MAX, &secret));
}

static void a_secret_holds_what_was_copied(void **state)
{
    (void)state;
    BS_OWN(secret) secret = NULL;
    assert_ok(bs_secret_copy("hunter2", 7, &secret));
    assert_int_equal(bs_secret_size(secret), 7);
    assert_memory_equal(bs_secret_view(secret), "hunter2", 7);
}

static void the_pages_of_a_secret_are_zero_before_they_are_unmapped(void **state)
{
    (void)state;
    struct bs_secret *secret = NULL;
    assert_ok(bs_secret_new(4097, &secret));
    memset(bs_secret_data(secret), 0xaa, 4097);
    unmapped_size = 0;
    bs_secret_free(secret);
    assert_true(unmapped_size >= 4097);
    assert_int_equal(unmapped_nonzero, 0);
}

static void leaving_the_scope_wipes_and_unmaps(void **state)
{
    (void)state;
    unmapped_size = 0;
    {
        BS_OWN(secret) secret = NULL;
        assert_ok(bs_secret_copy("key", 3, &secret));
    }
    assert_true(unmapped_size > 0);
    assert_int_equal(unmapped_nonzero, 0);
}

static void a_kept_page_is_wiped_and_used_again(void **state)
{
    (void)state;
    struct bs_secret *secret = NULL, *other = NULL;
    bs_secret_keep_pages(1);
    assert_ok(bs_secret_copy("key", 3, &secret));
    assert_ok(bs_secret_copy("two", 3, &other));
    const uint8_t *page = bs_secret_view(secret);
    unmapped_size = 0;
    bs_secret_free(secret);
    assert_int_equal(unmapped_size, 0);
    bs_secret_free(other); /* one more than are kept */
    assert_int_equal(unmapped_size, 4096);
    assert_ok(bs_secret_new(4096, &secret));
    assert_ptr_equal(bs_secret_view(secret), page);
    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(page[i], 0);
    memset(bs_secret_data(secret), 0xaa, 4096);
    bs_secret_free(secret);
    unmapped_size = 0;
    bs_secret_keep_pages(0);
    assert_int_equal(unmapped_size, 4096);
    assert_int_equal(unmapped_nonzero, 0);
}

static void only_single_pages_are_kept(void **state)
{
    (void)state;
    struct bs_secret *secret = NULL;
    bs_secret_keep_pages(1);
    assert_ok(bs_secret_new(4097, &secret));
    unmapped_size = 0;
    bs_secret_free(secret);
    assert_int_equal(unmapped_size, 8192);
    bs_secret_keep_pages(0);
}

static void a_taken_secret_survives_the_scope(void **state)
{
    (void)state;
    struct bs_secret *kept;
    unmapped_size = 0;
    {
        BS_OWN(secret) secret = NULL;
        assert_ok(bs_secret_copy("key", 3, &secret));
        kept = BS_TAKE(secret);
    }
    assert_int_equal(unmapped_size, 0);
    assert_memory_equal(bs_secret_view(kept), "key", 3);
    bs_secret_free(kept);
}

static void what_is_cut_off_is_wiped(void **state)
{
    (void)state;
    BS_OWN(secret) secret = NULL;
    assert_ok(bs_secret_copy("0123456789", 10, &secret));
    bs_secret_truncate(secret, 4);
    assert_int_equal(bs_secret_size(secret), 4);
    assert_memory_equal(bs_secret_view(secret), "0123\0\0\0\0\0\0", 10);
}

static void freeing_nothing_is_allowed(void **state)
{
    (void)state;
    bs_secret_free(NULL);
    bs_wipe(NULL, 0);
}

static void wiping_zeroes_exactly_its_bytes(void **state)
{
    (void)state;
    char bytes[] = "abcdef";
    bs_wipe(bytes + 1, 4);
    assert_memory_equal(bytes, "a\0\0\0\0f", 6);
}

static void comparing_notices_a_difference_in_any_byte(void **state)
{
    (void)state;
    uint8_t a[33] = { 0 }, b[33] = { 0 };
    assert_true(bs_equal_ct(a, b, sizeof(a)));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] ^= (uint8_t)(1u << (i % 8));
        assert_false(bs_equal_ct(a, b, sizeof(a)));
        b[i] = 0;
    }
    assert_true(bs_equal_ct(a, b, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_secret_is_zeroed_and_has_its_size),
        cmocka_unit_test(a_secret_has_a_hard_maximum),
        cmocka_unit_test(a_secret_holds_what_was_copied),
        cmocka_unit_test(the_pages_of_a_secret_are_zero_before_they_are_unmapped),
        cmocka_unit_test(leaving_the_scope_wipes_and_unmaps),
        cmocka_unit_test(a_kept_page_is_wiped_and_used_again),
        cmocka_unit_test(only_single_pages_are_kept),
        cmocka_unit_test(a_taken_secret_survives_the_scope),
        cmocka_unit_test(what_is_cut_off_is_wiped),
        cmocka_unit_test(freeing_nothing_is_allowed),
        cmocka_unit_test(wiping_zeroes_exactly_its_bytes),
        cmocka_unit_test(comparing_notices_a_difference_in_any_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
