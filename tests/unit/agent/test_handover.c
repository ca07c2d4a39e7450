#include "unit/unit.h"

#include "unit/folder.h"

#include "agent/handover/handover.h"
#include "agent/handover/placement.h"
#include "core/file.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const everything[] = { "*" };
static const char *const nothing[] = { "" };

static struct bundle bundle_of_two(void)
{
    return (struct bundle){
        .profile = bs_span_of_string("gateway"),
        .items = { { bs_span_of_string("app.key"), BS_ITEM_SECRET, bs_span_of_string("secret") },
                   { bs_span_of_string("net.conf"), BS_ITEM_FILE, bs_span_of_string("dhcp\n") } },
        .item_count = 2,
    };
}

static struct handover_request request_for(void **state, const struct bundle *bundle)
{
    return (struct handover_request){
        .root = *state,
        .bundle = bundle,
        .device_pem = bs_span_of_string("pem"),
        .credstore = { everything, 1 },
        .initrd_credentials = { everything, 1 },
        .key_path = "",
        .chain_path = "",
        .ca_path = "",
        .ready_path = "/run/bootseal/ready",
    };
}

static mode_t mode_of(void **state, const char *name)
{
    struct stat st;
    assert_int_equal(stat(folder_path(state, name), &st), 0);
    return st.st_mode & 07777;
}

static bool has(void **state, const char *name)
{
    struct stat st;
    return lstat(folder_path(state, name), &st) == 0;
}

static unsigned entries(void **state, const char *name)
{
    unsigned count = 0;
    DIR *dir = opendir(folder_path(state, name));
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void items_become_credentials_with_tight_modes(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    struct handover_problem problem;
    size_t count;
    assert_ok(handover_place(&request, &count, &problem));
    assert_int_equal(count, 4);
    assert_int_equal(mode_of(state, "run/credstore"), 0700);
    assert_int_equal(mode_of(state, "run/credstore/app.key"), 0600);
    assert_int_equal(mode_of(state, "run/credentials/@initrd"), 0700);
    assert_int_equal(mode_of(state, "run/credentials/@initrd/net.conf"), 0400);
    assert_int_equal(mode_of(state, "run"), 0755);
    assert_true(has(state, "run/bootseal/ready"));
    assert_int_equal(entries(state, "run/credstore"), 2);
}

static void files_go_where_the_configuration_says(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    const struct handover_file files[] = { { "net.conf", "/etc/systemd/network/10.network", geteuid(), getegid(),
                                             0640 } };
    struct handover_problem problem;
    size_t count;
    request.files = files;
    request.file_count = 1;
    request.credstore = (struct handover_patterns){ nothing, 0 };
    request.initrd_credentials = (struct handover_patterns){ nothing, 0 };
    request.key_path = "/run/credstore/device.key";
    assert_ok(handover_place(&request, &count, &problem));
    assert_int_equal(count, 2);
    assert_int_equal(mode_of(state, "etc/systemd/network/10.network"), 0640);
    assert_int_equal(mode_of(state, "etc/systemd/network"), 0755);
    assert_int_equal(mode_of(state, "run/credstore/device.key"), 0600);
    assert_false(has(state, "run/credstore/app.key"));
}

/* Each folder is walked to once, so one is told from the other by its whole name. */
static void files_of_folders_with_like_names_are_kept_apart(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    const char *const paths[] = { "/etc/a/inner/file", "/etc/a/file", "/etc/b/file", "/etc/a/other" };
    struct handover_file files[4];
    struct handover_problem problem;
    size_t count;
    for (size_t i = 0; i < 4; i++)
        files[i] = (struct handover_file){ "net.conf", paths[i], geteuid(), getegid(), 0640 };
    request.files = files;
    request.file_count = 4;
    assert_ok(handover_place(&request, &count, &problem));
    for (size_t i = 0; i < 4; i++)
        assert_true(has(state, paths[i] + 1));
    assert_int_equal(entries(state, "etc/a"), 3);
    assert_int_equal(entries(state, "etc/b"), 1);
}

static void a_second_handover_replaces_the_first(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    struct handover_problem problem;
    size_t count;
    assert_ok(handover_place(&request, &count, &problem));
    bundle.items[0].data = bs_span_of_string("newer");
    assert_ok(handover_place(&request, &count, &problem));
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(100);
    assert_ok(bs_file_read(folder_path(state, "run/credstore/app.key"), &bytes));
    assert_span_text(bs_buf_span(&bytes), "newer");
}

static void when_one_file_cannot_be_written_none_is_there(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    const struct handover_file files[] = { { "net.conf", "/blocked/net.conf", geteuid(), getegid(), 0640 } };
    struct handover_problem problem;
    size_t count;
    folder_put(state, "blocked", "a file where a folder should be");
    request.files = files;
    request.file_count = 1;
    assert_err(handover_place(&request, &count, &problem), BS_ERR_INPUT);
    assert_non_null(strstr(problem.text, "/blocked/net.conf"));
    assert_int_equal(entries(state, "run/credstore"), 0);
    assert_int_equal(entries(state, "run/credentials/@initrd"), 0);
    assert_false(has(state, "run/bootseal/ready"));
}

static void when_a_rename_fails_what_was_renamed_is_taken_back(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    struct handover_problem problem;
    size_t count;
    assert_ok(bs_dir_make(folder_path(state, "run/credentials/@initrd/net.conf/full"), 0755));
    assert_err(handover_place(&request, &count, &problem), BS_ERR_IO);
    assert_int_equal(entries(state, "run/credstore"), 0);
    assert_int_equal(entries(state, "run/credentials/@initrd"), 1);
}

static void links_on_the_way_are_not_followed(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    struct handover_problem problem;
    size_t count;
    assert_ok(bs_dir_make(folder_path(state, "elsewhere"), 0755));
    assert_int_equal(symlink("elsewhere", folder_path(state, "run")), 0);
    assert_err(handover_place(&request, &count, &problem), BS_ERR_INPUT);
    assert_int_equal(entries(state, "elsewhere"), 0);
}

static void a_link_in_the_place_of_a_file_is_replaced_not_followed(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    struct handover_problem problem;
    size_t count;
    folder_put(state, "victim", "untouched");
    assert_ok(bs_dir_make(folder_path(state, "run/credstore"), 0700));
    assert_int_equal(symlink("../../victim", folder_path(state, "run/credstore/app.key")), 0);
    assert_ok(handover_place(&request, &count, &problem));
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(100);
    assert_ok(bs_file_read(folder_path(state, "victim"), &bytes));
    assert_span_text(bs_buf_span(&bytes), "untouched");
}

static void two_things_for_one_path_are_refused(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    struct handover_problem problem;
    size_t count;
    request.key_path = "/run/credstore/app.key";
    assert_err(handover_place(&request, &count, &problem), BS_ERR_CONFIG);
    assert_non_null(strstr(problem.text, "/run/credstore/app.key"));
    assert_false(has(state, "run"));
}

static void an_item_that_the_profile_lacks_is_refused_by_name(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    const struct handover_file files[] = { { "absent", "/etc/absent", 0, 0, 0644 } };
    struct handover_problem problem;
    size_t count;
    request.files = files;
    request.file_count = 1;
    assert_err(handover_place(&request, &count, &problem), BS_ERR_CONFIG);
    assert_non_null(strstr(problem.text, "\"absent\""));
}

static void an_item_name_that_is_a_path_is_refused(void **state)
{
    struct bundle bundle = bundle_of_two();
    struct handover_request request = request_for(state, &bundle);
    struct handover_problem problem;
    size_t count;
    bundle.items[1].name = bs_span_of_string("../../etc/shadow");
    assert_err(handover_place(&request, &count, &problem), BS_ERR_INPUT);
    assert_false(has(state, "run/credstore/app.key"));
}

static void patterns_take_whole_names_or_beginnings(void **state)
{
    (void)state;
    const char *const items[] = { "app.*", "exact" };
    struct handover_patterns patterns = { items, 2 };
    assert_true(handover_matches(&patterns, bs_span_of_string("app.key")));
    assert_true(handover_matches(&patterns, bs_span_of_string("app.")));
    assert_true(handover_matches(&patterns, bs_span_of_string("exact")));
    assert_false(handover_matches(&patterns, bs_span_of_string("app")));
    assert_false(handover_matches(&patterns, bs_span_of_string("exactly")));
    assert_false(handover_matches(&patterns, bs_span_of_string("my.app.key")));
}

static void only_a_root_hash_on_the_command_line_authenticates_the_root(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
    } lines[] = {
        { "roothash=abcd quiet\n", true },
        { "quiet roothash=abcd\n", true },
        { "quiet xroothash=abcd\n", false },
        { "roothash= quiet\n", false },
        { "roothash=", false },
        { "root=/dev/vda roothashsig=x\n", false },
        { "usrhash=abcd\n", false },
        { "dm-mod.create=\"root,,,ro,0 8 verity 1 /dev/vda /dev/vda 4096 4096 1 1 sha256 ab cd\" root=/dev/dm-0\n",
          true },
        { "\"dm-mod.create=root,,,ro,0 8 verity 1 /dev/vda /dev/vda 4096 4096 1 1 sha256 ab cd\"\n", true },
        { "dm-mod.create=\"root,,,ro,0 8 linear /dev/vda 0\"\n", false },
        { "quiet verity dm-mod.create=\"root,,,ro,0 8 linear /dev/vda 0\"\n", false },
        { "", false },
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_int_equal(handover_root_is_authenticated(bs_span_of_string(lines[i].text)), lines[i].is_good);
}

#define folder_test(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(items_become_credentials_with_tight_modes),
        folder_test(files_go_where_the_configuration_says),
        folder_test(files_of_folders_with_like_names_are_kept_apart),
        folder_test(a_second_handover_replaces_the_first),
        folder_test(when_one_file_cannot_be_written_none_is_there),
        folder_test(when_a_rename_fails_what_was_renamed_is_taken_back),
        folder_test(links_on_the_way_are_not_followed),
        folder_test(a_link_in_the_place_of_a_file_is_replaced_not_followed),
        folder_test(two_things_for_one_path_are_refused),
        folder_test(an_item_that_the_profile_lacks_is_refused_by_name),
        folder_test(an_item_name_that_is_a_path_is_refused),
        cmocka_unit_test(patterns_take_whole_names_or_beginnings),
        cmocka_unit_test(only_a_root_hash_on_the_command_line_authenticates_the_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
