#include "unit.h"

#include "core/conf.h"
#include "core/text.h"
#include "folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    const char *item;
    uint32_t mode;
};

struct sample {
    bool is_on;
    int64_t deadline_s;
    const char *url;
    const char *note;
    int format;
    struct conf_strings up;
    uint32_t pcrs;
    struct conf_list files;
};

static const char *const formats[] = { "text", "kv", NULL };

static const struct conf_key file_keys[] = {
    CONF_KEY("item", CONF_STRING, struct file, item, .minimum = 1, .maximum = 8, .is_required = true),
    CONF_KEY("mode", CONF_MODE, struct file, mode),
};
static const struct file file_defaults = { NULL, 0600 };
static const struct conf_schema file_schema = { file_keys, COUNT(file_keys), sizeof(struct file), &file_defaults };

static const struct conf_key keys[] = {
    CONF_KEY("url", CONF_STRING, struct sample, url, .minimum = 1, .maximum = 20),
    CONF_KEY("note", CONF_TEXT, struct sample, note),
    CONF_KEY("tpm.deadline", CONF_INTEGER, struct sample, deadline_s, .minimum = 1, .maximum = 600, .help = "seconds"),
    CONF_KEY("tpm.on", CONF_BOOL, struct sample, is_on),
    CONF_KEY("log.format", CONF_WORD, struct sample, format, .words = formats),
    CONF_KEY("net.up", CONF_STRINGS, struct sample, up, .maximum = 3),
    CONF_KEY("measure.pcrs", CONF_PCRS, struct sample, pcrs, .minimum = 1),
    CONF_KEY("handover.files", CONF_GROUPS, struct sample, files, .maximum = 2, .element = &file_schema),
};
static const struct sample defaults = { .deadline_s = 30, .url = "none", .pcrs = 1 << 7 };
static const struct conf_schema schema = { keys, COUNT(keys), sizeof(struct sample), &defaults };

static enum bs_err parse(const char *text, struct sample *sample, struct conf **conf, struct conf_problem *problem)
{
    return conf_parse("a.conf", bs_span_of_string(text), &schema, sample, conf, problem);
}

/* The text is refused, and the complaint is exactly this; the caller's struct is untouched. */
static void assert_refused(const char *text, const char *complaint)
{
    struct sample sample, before;
    struct conf_problem problem;
    BS_OWN(conf) conf = NULL;
    memset(&sample, 0x5a, sizeof(sample));
    memcpy(&before, &sample, sizeof(sample));
    assert_err(parse(text, &sample, &conf, &problem), BS_ERR_CONFIG);
    assert_string_equal(problem.text, complaint);
    assert_null(conf);
    assert_memory_equal(&sample, &before, sizeof(sample));
}

static void every_type_of_value_arrives(void **state)
{
    (void)state;
    struct sample s;
    struct conf_problem problem;
    BS_OWN(conf) conf = NULL;
    assert_ok(parse("url = \"https://x\"; # comment\n"
                    "note = \"one\\n\\ttwo\";\n"
                    "tpm = { on = true; deadline = 600; };\n"
                    "log: { format = \"kv\" }\n"
                    "net = { up = [ \"/sbin/udhcpc\", \"-q\" ]; };\n"
                    "measure = { pcrs = [ 0, 7, 23 ]; };\n"
                    "handover = { files = ( { item = \"wifi\"; mode = \"0644\"; }, { item = \"b\"; } ); };\n",
                    &s, &conf, &problem));
    assert_string_equal(s.url, "https://x");
    assert_string_equal(s.note, "one\n\ttwo");
    assert_true(s.is_on);
    assert_int_equal(s.deadline_s, 600);
    assert_int_equal(s.format, 1);
    assert_int_equal(s.up.count, 2);
    assert_string_equal(s.up.items[0], "/sbin/udhcpc");
    assert_string_equal(s.up.items[1], "-q");
    assert_int_equal(s.pcrs, 1 | 1 << 7 | 1 << 23);
    assert_int_equal(s.files.count, 2);
    const struct file *files = s.files.items;
    assert_string_equal(files[0].item, "wifi");
    assert_int_equal(files[0].mode, 0644);
    assert_int_equal(files[1].mode, 0600);
}

static void what_the_file_does_not_say_stays_at_its_default(void **state)
{
    (void)state;
    struct sample s;
    struct conf_problem problem;
    BS_OWN(conf) conf = NULL;
    assert_ok(parse("tpm = { on = true; };", &s, &conf, &problem));
    assert_int_equal(s.deadline_s, 30);
    assert_string_equal(s.url, "none");
    assert_int_equal(s.files.count, 0);
    assert_true(conf_has(conf, "tpm.on"));
    assert_false(conf_has(conf, "tpm.deadline"));
}

static void an_unknown_key_is_refused_and_the_known_ones_named(void **state)
{
    (void)state;
    assert_refused("\ntpm = { dedline = 3; };", "a.conf:2: tpm.dedline: unknown key; known here: deadline, on");
    assert_refused("tmp = { deadline = 3; };",
                   "a.conf:1: tmp: unknown key; known here: url, note, tpm, log, net, measure, handover");
    assert_refused("handover = { files = ( { item = \"a\"; },\n { item = \"b\"; path = \"c\"; } ); };",
                   "a.conf:2: handover.files.[1].path: unknown key; known here: item, mode");
    assert_refused("url = \"x\";\ntpm = 5;", "a.conf:2: tpm: must be a group: tpm { name = value; ... }");
    assert_refused("url = { a = 1; };", "a.conf:1: url: must be a string in double quotes");
}

static void a_wrong_type_is_refused(void **state)
{
    (void)state;
    assert_refused("tpm = { on = 1; };", "a.conf:1: tpm.on: must be true or false");
    assert_refused("tpm = { deadline = \"3\"; };",
                   "a.conf:1: tpm.deadline: must be a decimal number from 1 to 600 (seconds)");
    assert_refused("tpm = { deadline = 3.0; };",
                   "a.conf:1: tpm.deadline: must be a decimal number from 1 to 600 (seconds)");
    assert_refused("tpm = { deadline = 0x10; };",
                   "a.conf:1: tpm.deadline: must be a decimal number from 1 to 600 (seconds)");
    assert_refused("log = { format = 1; };", "a.conf:1: log.format: must be one of \"text\", \"kv\"");
    assert_refused("net = { up = \"x\"; };", "a.conf:1: net.up: must be a list in [ ... ]");
    assert_refused("net = { up = ( \"x\", 1 ); };", "a.conf:1: net.up: must be a string in double quotes");
    assert_refused("handover = { files = { item = \"a\"; }; };",
                   "a.conf:1: handover.files: must be a list in ( { ... }, { ... } )");
    assert_refused("handover = { files = ( \"a\" ); };",
                   "a.conf:1: handover.files: must be a list of groups { name = value; ... }");
}

static void a_value_out_of_range_is_refused(void **state)
{
    (void)state;
    const char *seconds = "a.conf:1: tpm.deadline: must be a decimal number from 1 to 600 (seconds)";
    assert_refused("tpm = { deadline = 0; };", seconds);
    assert_refused("tpm = { deadline = 601; };", seconds);
    assert_refused("tpm = { deadline = -1; };", seconds);
    assert_refused("tpm = { deadline = 4294967297; };", seconds);
    assert_refused("tpm = { deadline = 4294967297L; };", seconds);
    assert_refused("url = \"\";", "a.conf:1: url: must be 1 characters or more");
    assert_refused("url = \"123456789012345678901\";", "a.conf:1: url: must be at most 20 bytes long");
    assert_refused("log = { format = \"KV\"; };", "a.conf:1: log.format: must be one of \"text\", \"kv\"");
    assert_refused("net = { up = [ \"a\", \"b\", \"c\", \"d\" ]; };",
                   "a.conf:1: net.up: must be a list of 0 to 3 elements");
    assert_refused("handover = { files = ( { item = \"a\"; }, { item = \"a\"; }, { item = \"a\"; } ); };",
                   "a.conf:1: handover.files: must be a list of 0 to 2 elements");
}

static void pcrs_are_numbers_from_0_to_23_each_once_and_not_none(void **state)
{
    (void)state;
    assert_refused("measure = { pcrs = [ 24 ]; };",
                   "a.conf:1: measure.pcrs: must be a list of PCR numbers from 0 to 23");
    assert_refused("measure = { pcrs = [ -1 ]; };",
                   "a.conf:1: measure.pcrs: must be a list of PCR numbers from 0 to 23");
    assert_refused("measure = { pcrs = [ \"4\" ]; };",
                   "a.conf:1: measure.pcrs: must be a list of PCR numbers from 0 to 23");
    assert_refused("measure = { pcrs = [ 4, 9, 4 ]; };", "a.conf:1: measure.pcrs: PCR 4 is named twice; name it once");
    assert_refused("measure = { pcrs = [ ]; };", "a.conf:1: measure.pcrs: must be a list of 1 to 24 elements");
}

static void modes_are_three_or_four_octal_digits(void **state)
{
    (void)state;
    static const char *const wrong[] = { "\"8\"", "\"64\"", "\"0648\"", "\"00640\"", "\"+640\"", "640", "\"\"" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char text[100];
        snprintf(text, sizeof(text), "handover = { files = ( { item = \"a\"; mode = %s; } ); };", wrong[i]);
        assert_refused(text, "a.conf:1: handover.files.[0].mode: must be a string of octal digits such as \"0640\"");
    }
}

static void a_required_key_is_missed(void **state)
{
    (void)state;
    assert_refused("handover = { files = (\n{ mode = \"0600\"; } ); };",
                   "a.conf:2: handover.files.[0].item: is missing (required)");
}

static void strings_hold_no_control_characters_and_are_utf8(void **state)
{
    (void)state;
    assert_refused("url = \"a\\nb\";", "a.conf:1: url: must be UTF-8 without control characters");
    assert_refused("url = \"a\\x1bb\";", "a.conf:1: url: must be UTF-8 without control characters");
    assert_refused("url = \"a\xff\";", "a.conf:1: url: must be UTF-8 without control characters");
    assert_refused("note = \"a\\rb\";", "a.conf:1: note: must be UTF-8 without control characters");
    assert_refused("\nurl = \"a\\x00b\";", "a.conf:2: a string must not hold a zero byte");
    assert_refused("\nurl = \"a\\\\\\X00b\";", "a.conf:2: a string must not hold a zero byte");
}

static void a_file_with_a_zero_byte_is_refused(void **state)
{
    (void)state;
    struct sample s;
    struct conf_problem problem;
    BS_OWN(conf) conf = NULL;
    assert_err(conf_parse("a.conf", BS_SPAN("# a\0\nurl = 1;", 14), &schema, &s, &conf, &problem), BS_ERR_CONFIG);
    assert_string_equal(problem.text, "a.conf: holds a zero byte; it must be text");
}

static void what_editors_make_of_text_is_named(void **state)
{
    (void)state;
    static const char other[] = "a character outside of quotes that is not ASCII, such as a byte order mark or a "
                                "typographic quote";
    char expected[160];
    snprintf(expected, sizeof(expected), "a.conf:1: %s", other);
    assert_refused("\xef\xbb\xbfurl = \"a\";", expected);
    snprintf(expected, sizeof(expected), "a.conf:2: %s", other);
    assert_refused("\nurl = \xe2\x80\x9cx\xe2\x80\x9d;", expected);
    assert_refused("\nurl = 'a';", "a.conf:2: a string stands in double quotes");
}

static void numbers_that_the_parser_would_misread_are_refused(void **state)
{
    (void)state;
    const char *zero =
        "a.conf:2: a number must not begin with 0, for that means octal to some; write modes as \"0640\"";
    assert_refused("/* 010\n*/ tpm = { deadline = 010; };", zero);
    assert_refused("# 010 \"\ntpm = { deadline = -010; };", zero);
    assert_refused("tpm = { deadline = 18446744073709551617L; };", "a.conf:1: a number of more than 18 digits");
    assert_refused("tpm = { deadline = 9999999999999999999; };", "a.conf:1: a number of more than 18 digits");
}

static void what_only_looks_like_a_pitfall_is_not_one(void **state)
{
    (void)state;
    struct sample s;
    struct conf_problem problem = { "" };
    BS_OWN(conf) conf = NULL;
    enum bs_err err = parse("# 010 @include \"x\"\n// 010 \"\n/* 010\n@include \"x\" */\n"
                            "url = \"010 @\\\\x00 \\\" 0\"; note = \"\n@include # 010\";",
                            &s, &conf, &problem);
    assert_string_equal(problem.text, "");
    assert_ok(err);
    assert_string_equal(s.url, "010 @\\x00 \" 0");
    assert_string_equal(s.note, "\n@include # 010");
}

static void duplicates_and_bad_syntax_are_refused_with_their_line(void **state)
{
    (void)state;
    assert_refused("url = \"a\";\nurl = \"b\";",
                   "a.conf:2: duplicate setting name; correct this line or the one before");
    assert_refused("tpm = { on = true; };\ntpm = { deadline = 3; };",
                   "a.conf:2: duplicate setting name; correct this line or the one before");
    assert_refused("url = \"a\";\n\ntpm = { on true };", "a.conf:3: syntax error; correct this line or the one before");
}

static void other_files_are_not_included(void **state)
{
    (void)state;
    assert_refused("url = \"a\";\n \t@include \"/etc/passwd\"\n",
                   "a.conf:2: @include is not supported; write everything into one file");
    assert_refused("@include \"b\"", "a.conf:1: @include is not supported; write everything into one file");
}

static void a_check_of_the_caller_names_the_line(void **state)
{
    (void)state;
    struct sample s;
    struct conf_problem problem;
    BS_OWN(conf) conf = NULL;
    assert_ok(
        parse("url = \"a\";\nhandover = { files = ( { item = \"a\"; },\n{ item = \"a\"; } ); };", &s, &conf, &problem));
    assert_err(conf_refuse(conf, "handover.files.[1].item", &problem, "\"%s\" is given twice", "a"), BS_ERR_CONFIG);
    assert_string_equal(problem.text, "a.conf:3: handover.files.[1].item: \"a\" is given twice");
    assert_err(conf_refuse(conf, "tpm.deadline", &problem, "is needed"), BS_ERR_CONFIG);
    assert_string_equal(problem.text, "a.conf: tpm.deadline: is needed");
}

static void a_long_complaint_is_cut(void **state)
{
    (void)state;
    struct sample s;
    struct conf_problem problem;
    BS_OWN(conf) conf = NULL;
    char name[1000];
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_err(conf_parse(name, bs_span_of_string("x = 1;"), &schema, &s, &conf, &problem), BS_ERR_CONFIG);
    assert_int_equal(strlen(problem.text), CONF_PROBLEM_MAX - 1);
    char text[1100];
    snprintf(text, sizeof(text), "tpm = { %s = 1; };", name);
    assert_err(parse(text, &s, &conf, &problem), BS_ERR_CONFIG);

    /* Between characters, wherever the end falls: of three bytes each, behind one to three others. */
    for (size_t i = 0; i + 3 < sizeof(name); i += 3)
        memcpy(name + i, "\xe2\x82\xac", 3);
    for (size_t shift = 0; shift < 3; shift++) {
        snprintf(text, sizeof(text), "%.*s%s", (int)shift, "ab", name);
        text[CONF_PROBLEM_MAX * 3] = '\0';
        assert_err(conf_parse(text, bs_span_of_string("x = 1;"), &schema, &s, &conf, &problem), BS_ERR_CONFIG);
        assert_true(bs_utf8_is_valid(bs_span_of_string(problem.text)));
        assert_string_equal(problem.text + strlen(problem.text) - 3, "...");
    }
}

static enum bs_err load(const char *path, struct conf_problem *problem)
{
    struct sample s;
    BS_OWN(conf) conf = NULL;
    return conf_load(path, &schema, &s, &conf, problem);
}

static void a_file_is_loaded_also_through_a_link(void **state)
{
    struct conf_problem problem;
    folder_put(state, "a.conf", "url = \"x\";");
    assert_ok(load(folder_path(state, "a.conf"), &problem));
    assert_int_equal(symlink("a.conf", folder_path(state, "link")), 0);
    assert_ok(load(folder_path(state, "link"), &problem));
}

static void a_file_that_others_could_have_written_is_refused(void **state)
{
    struct conf_problem problem;
    const char *path = folder_path(state, "a.conf");
    folder_put(state, "a.conf", "url = \"x\";");
    assert_int_equal(chmod(path, 0646), 0);
    assert_err(load(path, &problem), BS_ERR_CONFIG);
    assert_non_null(strstr(problem.text, "a.conf: is writable for everybody; chmod o-w"));
    assert_int_equal(chmod(path, 0644), 0);
    assert_ok(load(path, &problem));
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_err(load(path, &problem), BS_ERR_CONFIG);
        assert_non_null(strstr(problem.text, "belongs to another user"));
        assert_int_equal(chown(path, 0, 12345), 0);
        assert_int_equal(chmod(path, 0664), 0);
        assert_err(load(path, &problem), BS_ERR_CONFIG);
        assert_non_null(strstr(problem.text, "a.conf: is writable for a group of others; chmod g-w"));
        assert_int_equal(chown(path, 0, 0), 0); /* a umask of 002 makes such files */
        assert_int_equal(chmod(path, 0664), 0);
        assert_ok(load(path, &problem));
    }
}

static void what_is_no_file_or_too_large_is_refused(void **state)
{
    struct conf_problem problem;
    assert_err(load(folder_path(state, "missing"), &problem), BS_ERR_NOT_FOUND);
    assert_err(load(*state, &problem), BS_ERR_CONFIG);
    assert_int_equal(mkfifo(folder_path(state, "pipe"), 0600), 0);
    assert_err(load(folder_path(state, "pipe"), &problem), BS_ERR_CONFIG);

    char text[CONF_SIZE_MAX + 2];
    memset(text, '\n', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    folder_put(state, "large", text);
    assert_err(load(folder_path(state, "large"), &problem), BS_ERR_CONFIG);
    folder_put(state, "fits", text + 1);
    assert_ok(load(folder_path(state, "fits"), &problem));
}

static void deep_nesting_ends_in_a_complaint(void **state)
{
    (void)state;
    struct sample s;
    struct conf_problem problem;
    BS_OWN(conf) conf = NULL;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
    for (int i = 0; i < 15000; i++)
        assert_ok(bs_buf_append_string(&text, "a={"));
    assert_err(conf_parse("a.conf", bs_buf_span(&text), &schema, &s, &conf, &problem), BS_ERR_CONFIG);
}

#define folder_test(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_value_arrives),
        cmocka_unit_test(what_the_file_does_not_say_stays_at_its_default),
        cmocka_unit_test(an_unknown_key_is_refused_and_the_known_ones_named),
        cmocka_unit_test(a_wrong_type_is_refused),
        cmocka_unit_test(a_value_out_of_range_is_refused),
        cmocka_unit_test(pcrs_are_numbers_from_0_to_23_each_once_and_not_none),
        cmocka_unit_test(modes_are_three_or_four_octal_digits),
        cmocka_unit_test(a_required_key_is_missed),
        cmocka_unit_test(strings_hold_no_control_characters_and_are_utf8),
        cmocka_unit_test(a_file_with_a_zero_byte_is_refused),
        cmocka_unit_test(what_editors_make_of_text_is_named),
        cmocka_unit_test(numbers_that_the_parser_would_misread_are_refused),
        cmocka_unit_test(what_only_looks_like_a_pitfall_is_not_one),
        cmocka_unit_test(duplicates_and_bad_syntax_are_refused_with_their_line),
        cmocka_unit_test(other_files_are_not_included),
        cmocka_unit_test(a_check_of_the_caller_names_the_line),
        cmocka_unit_test(a_long_complaint_is_cut),
        folder_test(a_file_is_loaded_also_through_a_link),
        folder_test(a_file_that_others_could_have_written_is_refused),
        folder_test(what_is_no_file_or_too_large_is_refused),
        cmocka_unit_test(deep_nesting_ends_in_a_complaint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
