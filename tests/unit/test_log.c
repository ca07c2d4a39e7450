#include "unit.h"

#include "core/log.h"

static char *said;
static size_t said_size;
static FILE *stream;

static int begin(void **state)
{
    (void)state;
    stream = open_memstream(&said, &said_size);
    bs_log_setup("bootseal", stream, BS_LOG_TEXT, BS_LOG_INFO);
    return stream ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    bs_log_setup("bootseal", NULL, BS_LOG_TEXT, BS_LOG_NOTICE);
    fclose(stream);
    free(said);
    said = NULL;
    return 0;
}

static void text_is_a_sentence_after_the_program(void **state)
{
    (void)state;
    bs_notice("attest", "waiting for %s, %d s", "approval", 30);
    assert_string_equal(said, "bootseal: waiting for approval, 30 s\n");
}

static void kv_begins_with_level_and_event_and_quotes_the_text(void **state)
{
    (void)state;
    bs_log_set_format(BS_LOG_KV);
    bs_error("attest", "the server said \"no\\never\"");
    assert_string_equal(said, "error attest msg=\"the server said \\\"no\\\\never\\\"\"\n");
}

static void what_is_below_the_level_is_not_said(void **state)
{
    (void)state;
    bs_debug("x", "silent");
    assert_int_equal(fflush(stream), 0);
    assert_string_equal(said, "");
    assert_false(bs_log_enabled(BS_LOG_DEBUG));
    bs_log_set_level(BS_LOG_ERROR);
    bs_warning("x", "silent");
    bs_error("x", "loud");
    assert_string_equal(said, "bootseal: loud\n");
}

static void control_characters_of_others_do_not_reach_the_console(void **state)
{
    (void)state;
    bs_notice("x", "%s", "a\033[2Jb\nc\rd\x7f-\xc2\x9b-\xff-\xe2\x80\xae-\xc3\xa9");
    assert_string_equal(said, "bootseal: a?[2Jb?c?d?-?-?-?-\xc3\xa9\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    bs_notice("x", "%s", text);
    assert_true(strlen(said) <= 1024);
    assert_int_equal(said[strlen(said) - 1], '\n');
}

static void a_cut_kv_line_keeps_its_closing_quote(void **state)
{
    (void)state;
    char text[1020];
    bs_log_set_format(BS_LOG_KV);
    for (size_t length = 960; length < sizeof(text); length++) {
        memset(text, '"', length);
        text[length] = '\0';
        rewind(stream);
        bs_notice("x", "%s", text);
        size_t size = (size_t)ftell(stream);
        assert_true(size <= 1024);
        assert_memory_equal(said + size - 4, "\\\"\"\n", 4);
    }
}

static void logging_keeps_errno(void **state)
{
    (void)state;
    errno = ENOENT;
    bs_notice("x", "%m");
    assert_int_equal(errno, ENOENT);
    assert_string_equal(said, "bootseal: No such file or directory\n");

    FILE *full = fopen("/dev/full", "we");
    assert_non_null(full);
    bs_log_setup("bootseal", full, BS_LOG_TEXT, BS_LOG_INFO);
    errno = ENOENT;
    bs_notice("x", "nowhere to go");
    assert_int_equal(errno, ENOENT);
    fclose(full);
}

static void level_names_go_there_and_back(void **state)
{
    (void)state;
    enum bs_log_level level;
    for (int i = BS_LOG_ERROR; i <= BS_LOG_DEBUG; i++) {
        assert_true(bs_log_level_parse(bs_log_level_name(i), &level));
        assert_int_equal(level, i);
    }
    assert_false(bs_log_level_parse("loud", &level));
    assert_false(bs_log_level_parse("", &level));
}

#define log_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        log_test(text_is_a_sentence_after_the_program),
        log_test(kv_begins_with_level_and_event_and_quotes_the_text),
        log_test(what_is_below_the_level_is_not_said),
        log_test(control_characters_of_others_do_not_reach_the_console),
        log_test(a_long_line_is_cut_and_still_ends),
        log_test(a_cut_kv_line_keeps_its_closing_quote),
        log_test(logging_keeps_errno),
        log_test(level_names_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
