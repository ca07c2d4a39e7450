/* The slots on a block device; a file stands in its place. */
#include "unit/unit.h"

#include "unit/folder.h"

#include "agent/vault/slots.h"
#include "agent/vault/slots_raw.h"
#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (1 << 20)

/* Linked with --wrap: after so many of both every further one fails, as when the power is gone; then nothing else reaches the medium. */
static int left = -1;

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static bool is_cut(void)
{
    if (left == 0) {
        errno = EIO;
        return true;
    }
    left -= left > 0;
    return false;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return is_cut() ? -1 : __real_pwrite(fd, data, size, offset);
}

int __wrap_fsync(int fd)
{
    return is_cut() ? -1 : __real_fsync(fd);
}

static const char *make_device(void **state, off_t size)
{
    const char *path = folder_path(state, "device");
    left = -1;
    (void)unlink(path);
    folder_put(state, "device", "");
    assert_int_equal(truncate(path, size), 0);
    return path;
}

static void open_device(void **state, struct slots *ret_slots)
{
    assert_ok(slots_open_raw(make_device(state, SIZE), ret_slots));
}

static void poke(void **state, off_t offset, const char *bytes, size_t size)
{
    BS_OWN_FD int fd = open(folder_path(state, "device"), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(__real_pwrite(fd, bytes, size, offset), size);
}

static void peek(void **state, struct bs_buf *out)
{
    bs_buf_reset(out);
    assert_ok(bs_file_read(folder_path(state, "device"), out));
    assert_int_equal(out->size, SIZE);
}

static void assert_slot(const struct slots *slots, size_t index, const char *text)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
    if (!text) {
        assert_err(slots_read(slots, index, &bytes), BS_ERR_NOT_FOUND);
        return;
    }
    assert_ok(slots_read(slots, index, &bytes));
    assert_span_text(bs_buf_span(&bytes), text);
}

static enum bs_err put(const struct slots *slots, size_t index, const char *text)
{
    return slots_write(slots, index, bs_span_of_string(text));
}

static void a_blank_device_has_two_empty_slots_that_hold_what_is_written(void **state)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    open_device(state, &slots);
    assert_slot(&slots, 0, NULL);
    assert_slot(&slots, 1, NULL);
    assert_ok(put(&slots, 1, "second"));
    assert_slot(&slots, 0, NULL);
    assert_slot(&slots, 1, "second");
    assert_ok(put(&slots, 0, "first, and longer"));
    assert_ok(put(&slots, 0, "first"));
    slots_close(&slots);
    assert_ok(slots_open_raw(folder_path(state, "device"), &slots));
    assert_slot(&slots, 0, "first");
    assert_slot(&slots, 1, "second");
}

static void the_regions_lie_as_docs_design_draws_them(void **state)
{
    static const uint8_t head[] = { 'B', 'S', 'R', 'E', 'G', 'I', 'O', 'N', 0, 0, 0, 1, 0, 0, 0, 6 };
    SCOPED_SLOTS slots = SLOTS_NONE;
    BS_SCOPED_BUF struct bs_buf disk = BS_BUF(SIZE);
    open_device(state, &slots);
    assert_ok(put(&slots, 1, "second"));
    peek(state, &disk);
    assert_int_equal(RAW_REGION, 266240);
    assert_memory_equal(disk.data + 266240, head, sizeof(head));
    assert_memory_equal(disk.data + 266240 + 4096, "second", 6);
}

static void the_largest_slot_fits_and_a_larger_or_empty_one_is_refused(void **state)
{
    static uint8_t big[SLOT_MAX + 1];
    SCOPED_SLOTS slots = SLOTS_NONE;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
    memset(big, 7, sizeof(big));
    open_device(state, &slots);
    assert_ok(put(&slots, 1, "second"));
    assert_ok(slots_write(&slots, 0, BS_SPAN(big, SLOT_MAX)));
    assert_ok(slots_read(&slots, 0, &bytes));
    assert_true(bs_span_equal(bs_buf_span(&bytes), BS_SPAN(big, SLOT_MAX)));
    assert_slot(&slots, 1, "second");
    assert_err(slots_write(&slots, 0, BS_SPAN(big, SLOT_MAX + 1)), BS_ERR_INPUT);
    assert_err(slots_write(&slots, 0, BS_SPAN_NONE), BS_ERR_INPUT);
}

static void what_is_erased_is_zero(void **state)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    BS_SCOPED_BUF struct bs_buf disk = BS_BUF(SIZE);
    open_device(state, &slots);
    assert_ok(put(&slots, 0, "secret-a"));
    assert_ok(put(&slots, 1, "secret-b"));
    assert_ok(slots_erase(&slots, 0));
    assert_slot(&slots, 0, NULL);
    assert_slot(&slots, 1, "secret-b");
    peek(state, &disk);
    assert_null(memmem(disk.data, disk.size, "secret-a", 8));
    assert_ok(put(&slots, 0, "again"));
    assert_slot(&slots, 0, "again");
}

/* A device that somebody else uses, whatever its label says: nothing of it is changed. */
static void what_is_not_ours_is_neither_written_nor_erased(void **state)
{
    static const off_t places[] = { 0, 1024, 4086, 65536, RAW_REGION - 1, RAW_REGION, 2 * RAW_REGION - 1 };
    for (size_t i = 0; i < COUNT(places); i++) {
        SCOPED_SLOTS slots = SLOTS_NONE;
        BS_SCOPED_BUF struct bs_buf before = BS_BUF(SIZE);
        BS_SCOPED_BUF struct bs_buf after = BS_BUF(SIZE);
        open_device(state, &slots);
        poke(state, places[i], "\x53", 1);
        peek(state, &before);
        assert_err(put(&slots, 0, "first"), BS_ERR_INPUT);
        assert_err(put(&slots, 1, "second"), BS_ERR_INPUT);
        assert_ok(slots_erase(&slots, 0));
        assert_ok(slots_erase(&slots, 1));
        peek(state, &after);
        assert_true(bs_span_equal(bs_buf_span(&before), bs_buf_span(&after)));
    }
}

/* One damaged head does not make the device somebody else's. */
static void one_damaged_head_is_a_damaged_slot_and_is_written_over(void **state)
{
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        SCOPED_SLOTS slots = SLOTS_NONE;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
        open_device(state, &slots);
        assert_ok(put(&slots, i, "old"));
        assert_ok(put(&slots, 1 - i, "other"));
        poke(state, (off_t)i * RAW_REGION, "x", 1);
        assert_err(slots_read(&slots, i, &bytes), BS_ERR_INPUT);
        assert_slot(&slots, 1 - i, "other");
        assert_ok(put(&slots, i, "new"));
        assert_slot(&slots, i, "new");
        assert_slot(&slots, 1 - i, "other");
    }
}

static void heads_that_lie_are_refused(void **state)
{
    static const char sizes[][4] = { "\xff\xff\xff\xff", "\x00\x04\x00\x01", "\x80\x00\x00\x00" };
    SCOPED_SLOTS slots = SLOTS_NONE;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
    open_device(state, &slots);
    assert_ok(put(&slots, 0, "first"));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        poke(state, 12, sizes[i], 4);
        assert_err(slots_read(&slots, 0, &bytes), BS_ERR_INPUT);
        assert_int_equal(bytes.size, 0);
    }
    poke(state, 12, "\0\0\0\5", 4);
    assert_slot(&slots, 0, "first");
    poke(state, 11, "\2", 1);
    assert_err(slots_read(&slots, 0, &bytes), BS_ERR_INPUT);
}

/* The power is cut at each write and each fsync: the other slot is whole, this one is the new one or none, and the device stays ours. */
static void a_cut_anywhere_costs_no_more_than_the_slot_that_is_written(void **state)
{
    static const char *const before[] = { NULL, "the old one" };
    for (size_t k = 0; k < COUNT(before); k++) {
        for (int cut = 0;; cut++) {
            SCOPED_SLOTS slots = SLOTS_NONE;
            BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
            open_device(state, &slots);
            if (before[k]) {
                assert_ok(put(&slots, 0, before[k]));
                assert_ok(put(&slots, 1, before[k]));
            }
            left = cut;
            enum bs_err err = put(&slots, 1, "the new one");
            left = -1;
            assert_slot(&slots, 0, before[k]);
            enum bs_err read = slots_read(&slots, 1, &bytes);
            if (read == BS_OK && before[k] && bytes.data[4] == 'o')
                assert_int_equal(cut, 0);
            else if (read == BS_OK)
                assert_span_text(bs_buf_span(&bytes), "the new one");
            else
                assert_int_equal(read, BS_ERR_NOT_FOUND);
            assert_ok(put(&slots, 1, "at last"));
            assert_slot(&slots, 1, "at last");
            if (err == BS_OK) {
                assert_int_equal(cut, before[k] ? 6 : 10);
                break;
            }
        }
    }
}

static void what_is_no_device_or_too_small_is_refused(void **state)
{
    struct slots slots = SLOTS_NONE;
    assert_err(slots_open_raw(make_device(state, 2 * RAW_REGION - 1), &slots), BS_ERR_INPUT);
    assert_err(slots_open_raw(folder_path(state, "nothing"), &slots), BS_ERR_NOT_FOUND);
    /* By its path only a real block device is one: a file in the place of the vault's folder is none. */
    assert_err(slots_open(make_device(state, SIZE), &slots), BS_ERR_INPUT);
    assert_int_equal(symlink("device", folder_path(state, "link")), 0);
    assert_err(slots_open_raw(folder_path(state, "link"), &slots), BS_ERR_IO);
    assert_false(slots_are_open(&slots));
    assert_ok(slots_open_raw(make_device(state, 2 * RAW_REGION), &slots));
    slots_close(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_blank_device_has_two_empty_slots_that_hold_what_is_written),
        FOLDER_TEST(the_regions_lie_as_docs_design_draws_them),
        FOLDER_TEST(the_largest_slot_fits_and_a_larger_or_empty_one_is_refused),
        FOLDER_TEST(what_is_erased_is_zero),
        FOLDER_TEST(what_is_not_ours_is_neither_written_nor_erased),
        FOLDER_TEST(one_damaged_head_is_a_damaged_slot_and_is_written_over),
        FOLDER_TEST(heads_that_lie_are_refused),
        FOLDER_TEST(a_cut_anywhere_costs_no_more_than_the_slot_that_is_written),
        FOLDER_TEST(what_is_no_device_or_too_small_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
