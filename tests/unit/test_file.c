#include "unit.h"

#include "core/file.h"
#include "folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linked with --wrap for the system calls that make a write durable: their order is noted, any one can be made to fail. */
static char calls[200];
static const char *failing = "";

static bool note(const char *call)
{
    strncat(calls, call, sizeof(calls) - strlen(calls) - 1);
    strncat(calls, " ", sizeof(calls) - strlen(calls) - 1);
    errno = EIO;
    return strcmp(call, failing) != 0;
}

static const char *fsync_name(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return S_ISDIR(st.st_mode) ? "fsync-folder" : "fsync-file";
}

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    return note("write") ? __real_write(fd, data, size) : -1;
}

int __wrap_fsync(int fd)
{
    return note(fsync_name(fd)) ? __real_fsync(fd) : -1;
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return note("fchmod") ? __real_fchmod(fd, mode) : -1;
}

int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    return note("rename") ? __real_renameat(a, from, b, to) : -1;
}

static int setup(void **state)
{
    failing = "";
    calls[0] = '\0';
    return folder_setup(state);
}

static void assert_holds(const char *path, const char *text)
{
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(100000);
    assert_ok(bs_file_read(path, &buf));
    assert_span_text(bs_buf_span(&buf), text);
}

static void a_file_is_read_whole_and_appended(void **state)
{
    folder_put(state, "a", "contents");
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(100);
    assert_ok(bs_buf_append_string(&buf, "before "));
    assert_ok(bs_file_read(folder_path(state, "a"), &buf));
    assert_span_text(bs_buf_span(&buf), "before contents");
}

static void a_file_that_stat_calls_empty_is_read_to_its_end(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(100000);
    assert_ok(bs_file_read("/proc/version", &buf));
    assert_true(buf.size > 10);
}

static void a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not(void **state)
{
    folder_put(state, "a", "12345");
    BS_SCOPED_BUF struct bs_buf exact = BS_BUF(5);
    assert_ok(bs_file_read(folder_path(state, "a"), &exact));
    assert_int_equal(exact.size, 5);

    BS_SCOPED_BUF struct bs_buf small = BS_BUF(6);
    assert_ok(bs_buf_append_string(&small, "ab"));
    assert_err(bs_file_read(folder_path(state, "a"), &small), BS_ERR_INPUT);
    assert_span_text(bs_buf_span(&small), "ab");
}

static void links_folders_and_pipes_are_not_read(void **state)
{
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(100);
    folder_put(state, "a", "x");
    assert_int_equal(symlink("a", folder_path(state, "link")), 0);
    assert_int_equal(mkfifo(folder_path(state, "pipe"), 0600), 0);
    assert_err(bs_file_read(folder_path(state, "link"), &buf), BS_ERR_INPUT);
    assert_err(bs_file_read(folder_path(state, "pipe"), &buf), BS_ERR_INPUT);
    assert_err(bs_file_read(*state, &buf), BS_ERR_INPUT);
    assert_err(bs_file_read(folder_path(state, "missing"), &buf), BS_ERR_NOT_FOUND);
    assert_err(bs_file_read(folder_path(state, "a/b"), &buf), BS_ERR_NOT_FOUND);
}

static void the_rest_of_an_open_file_is_read(void **state)
{
    folder_put(state, "a", "12345");
    BS_OWN_FD int fd = open(folder_path(state, "a"), O_RDONLY | O_CLOEXEC);
    BS_SCOPED_BUF struct bs_buf buf = BS_BUF(3);
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    assert_ok(bs_file_read_fd(fd, &buf));
    assert_span_text(bs_buf_span(&buf), "345");
    assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
    bs_buf_reset(&buf);
    assert_err(bs_file_read_fd(fd, &buf), BS_ERR_INPUT);
}

static void a_secret_is_read_within_its_maximum(void **state)
{
    BS_OWN(secret) secret = NULL;
    folder_put(state, "key", "hunter2");
    folder_put(state, "empty", "");
    assert_err(bs_file_read_secret(folder_path(state, "key"), 6, &secret), BS_ERR_INPUT);
    assert_err(bs_file_read_secret(folder_path(state, "empty"), 6, &secret), BS_ERR_INPUT);
    assert_null(secret);
    assert_ok(bs_file_read_secret(folder_path(state, "key"), 7, &secret));
    assert_int_equal(bs_secret_size(secret), 7);
    assert_memory_equal(bs_secret_view(secret), "hunter2", 7);
}

static void a_write_is_made_durable_in_this_order(void **state)
{
    const char *path = folder_path(state, "a");
    assert_ok(bs_file_write(path, bs_span_of_string("new"), NULL));
    assert_string_equal(calls, "write fchmod fsync-file rename fsync-folder ");
    assert_holds(path, "new");
}

static void attributes_are_those_asked_for_and_private_without(void **state)
{
    struct bs_file_attr attr = { .mode = 0644, .uid = (uid_t)-1, .gid = getgid() };
    struct stat st;
    mode_t before = umask(0077);
    assert_ok(bs_file_write(folder_path(state, "public"), bs_span_of_string("x"), &attr));
    umask(0);
    assert_ok(bs_file_write(folder_path(state, "private"), bs_span_of_string("x"), NULL));
    umask(before);
    assert_int_equal(stat(folder_path(state, "public"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(stat(folder_path(state, "private"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_failed_write_leaves_the_old_file_and_no_other(void **state)
{
    static const char *const places[] = { "write", "fchmod", "fsync-file", "rename" };
    for (size_t i = 0; i < COUNT(places); i++) {
        folder_put(state, "a", "old");
        failing = places[i];
        assert_err(bs_file_write(folder_path(state, "a"), bs_span_of_string("new"), NULL), BS_ERR_IO);
        failing = "";
        assert_holds(folder_path(state, "a"), "old");
        assert_int_equal(access(folder_path(state, ".a.new"), F_OK), -1);
    }
    failing = "fsync-folder";
    assert_err(bs_file_write(folder_path(state, "a"), bs_span_of_string("new"), NULL), BS_ERR_IO);
}

static void what_a_power_cut_left_behind_is_replaced(void **state)
{
    folder_put(state, ".a.new", "half of something longer");
    assert_ok(bs_file_write(folder_path(state, "a"), bs_span_of_string("new"), NULL));
    assert_holds(folder_path(state, "a"), "new");
    assert_int_equal(access(folder_path(state, ".a.new"), F_OK), -1);
}

static void a_write_replaces_a_link_and_does_not_follow_it(void **state)
{
    folder_put(state, "victim", "untouched");
    assert_int_equal(symlink("victim", folder_path(state, "a")), 0);
    assert_int_equal(symlink("victim", folder_path(state, ".a.new")), 0);
    assert_ok(bs_file_write(folder_path(state, "a"), bs_span_of_string("new"), NULL));
    assert_holds(folder_path(state, "victim"), "untouched");
    assert_holds(folder_path(state, "a"), "new");
}

static void an_erased_file_was_zero_before_it_went(void **state)
{
    BS_OWN_FD int dir_fd = -1;
    char bytes[5001];
    memset(bytes, 'x', sizeof(bytes) - 1);
    bytes[sizeof(bytes) - 1] = '\0';
    folder_put(state, "slot", bytes);
    folder_put(state, ".slot.new", "next");
    folder_put(state, "other", "other");
    assert_ok(bs_dir_open(*state, &dir_fd));
    BS_OWN_FD int old = openat(dir_fd, "slot", O_RDONLY | O_CLOEXEC);
    assert_true(old >= 0);
    calls[0] = '\0';
    assert_ok(bs_file_erase_at(dir_fd, "slot", 4097));
    assert_string_equal(calls, "write write fsync-file write fsync-file fsync-folder ");
    assert_int_equal(pread(old, bytes, sizeof(bytes), 0), 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(bytes[i], i < 4097 ? 0 : 'x');
    assert_int_equal(faccessat(dir_fd, "slot", F_OK, 0), -1);
    assert_int_equal(faccessat(dir_fd, ".slot.new", F_OK, 0), -1);
    assert_int_equal(faccessat(dir_fd, "other", F_OK, 0), 0);
    assert_ok(bs_file_erase_at(dir_fd, "slot", 4097));
    failing = "fsync-folder";
    assert_err(bs_file_erase_at(dir_fd, "slot", 4097), BS_ERR_IO);
}

static void erasing_a_link_spares_what_it_leads_to(void **state)
{
    BS_OWN_FD int dir_fd = -1;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(16);
    folder_put(state, "other", "other");
    assert_ok(bs_dir_open(*state, &dir_fd));
    assert_int_equal(symlinkat("other", dir_fd, "slot"), 0);
    assert_ok(bs_file_erase_at(dir_fd, "slot", 100));
    assert_ok(bs_file_read_at(dir_fd, "other", &text));
    assert_span_text(bs_buf_span(&text), "other");
    assert_int_equal(mkdirat(dir_fd, "slot", 0700), 0);
    assert_err(bs_file_erase_at(dir_fd, "slot", 100), BS_ERR_IO);
}

static void a_write_without_a_folder_or_name_fails(void **state)
{
    assert_err(bs_file_write(folder_path(state, "missing/a"), BS_SPAN("x", 1), NULL), BS_ERR_NOT_FOUND);
    assert_err(bs_file_write(folder_path(state, ""), BS_SPAN("x", 1), NULL), BS_ERR_INPUT);
}

static void folders_are_made_with_their_parents(void **state)
{
    struct stat st;
    mode_t before = umask(0077);
    assert_ok(bs_dir_make(folder_path(state, "a/b/c"), 0750));
    umask(before);
    assert_int_equal(stat(folder_path(state, "a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(stat(folder_path(state, "a/b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_string_equal(calls, "fchmod fsync-folder fchmod fsync-folder fchmod fsync-folder ");
    assert_ok(bs_dir_make(folder_path(state, "a/b/c/"), 0700));
    assert_int_equal(stat(folder_path(state, "a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
}

static void a_file_or_link_in_the_place_of_a_folder_is_an_error(void **state)
{
    int fd = -1;
    folder_put(state, "file", "x");
    assert_ok(bs_dir_make(folder_path(state, "folder"), 0700));
    assert_int_equal(symlink("folder", folder_path(state, "link")), 0);
    assert_err(bs_dir_make(folder_path(state, "file"), 0700), BS_ERR_IO);
    assert_err(bs_dir_make(folder_path(state, "file/x"), 0700), BS_ERR_IO);
    assert_err(bs_dir_make(folder_path(state, "link"), 0700), BS_ERR_IO);
    assert_err(bs_dir_open(folder_path(state, "link"), &fd), BS_ERR_INPUT);
    assert_err(bs_dir_open(folder_path(state, "file"), &fd), BS_ERR_INPUT);
    assert_err(bs_dir_open(folder_path(state, "missing"), &fd), BS_ERR_NOT_FOUND);
    assert_int_equal(fd, -1);
    assert_ok(bs_dir_open(folder_path(state, "folder"), &fd));
    bs_own_release_fd(&fd);
    assert_int_equal(fd, -1);
}

static void assert_path(const char *root, const char *path, const char *expected)
{
    BS_OWN(string) joined = NULL;
    assert_ok(bs_path_under(root, path, &joined));
    assert_string_equal(joined, expected);
}

static void paths_are_put_under_the_root(void **state)
{
    assert_path(NULL, "/etc/a", "/etc/a");
    assert_path("/", "/etc/a", "/etc/a");
    assert_path("/tmp/root", "/etc/a..b/...", "/tmp/root/etc/a..b/...");
    assert_int_equal(chdir(*state), 0);
    char cwd[4000], expected[4096];
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    snprintf(expected, sizeof(expected), "%s/root/etc/a", cwd);
    assert_path("root", "/etc/a", expected);
    assert_int_equal(chdir("/"), 0);
}

static void paths_that_could_leave_the_root_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "etc/a", "/..", "/../a", "/a/../b", "/a/..", "//..//a", "../a" };
    BS_OWN(string) joined = NULL;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_err(bs_path_under("/r", wrong[i], &joined), BS_ERR_INPUT);
    assert_null(joined);
}

#define file_test(f) cmocka_unit_test_setup_teardown(f, setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_file_is_read_whole_and_appended),
        file_test(a_file_that_stat_calls_empty_is_read_to_its_end),
        file_test(a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not),
        file_test(links_folders_and_pipes_are_not_read),
        file_test(the_rest_of_an_open_file_is_read),
        file_test(a_secret_is_read_within_its_maximum),
        file_test(a_write_is_made_durable_in_this_order),
        file_test(attributes_are_those_asked_for_and_private_without),
        file_test(a_failed_write_leaves_the_old_file_and_no_other),
        file_test(what_a_power_cut_left_behind_is_replaced),
        file_test(a_write_replaces_a_link_and_does_not_follow_it),
        file_test(an_erased_file_was_zero_before_it_went),
        file_test(erasing_a_link_spares_what_it_leads_to),
        file_test(a_write_without_a_folder_or_name_fails),
        file_test(folders_are_made_with_their_parents),
        file_test(a_file_or_link_in_the_place_of_a_folder_is_an_error),
        file_test(paths_are_put_under_the_root),
        file_test(paths_that_could_leave_the_root_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
