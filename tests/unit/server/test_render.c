/* What a person sees of a document: tables that fit, colours only when asked for, and nothing that moves a terminal's cursor. */
#include "unit/unit.h"

#include "server/admin/document.h"
#include "server/ctl/cell.h"
#include "server/ctl/render.h"

static struct bs_buf bytes = BS_BUF(65536);
static struct bs_buf out = BS_BUF(65536);

static int clean(void **state)
{
    (void)state;
    bs_buf_free(&bytes);
    bs_buf_free(&out);
    return 0;
}

static const char *shown(size_t width, bool is_color)
{
    struct render_end end = { .exit_code = -1 };
    struct render_options options = { width, is_color };
    bs_buf_reset(&out);
    assert_ok(render_text(bs_buf_span(&bytes), &options, &out, &end));
    assert_int_equal(end.exit_code, 0);
    assert_ok(bs_buf_append(&out, "", 1));
    return (const char *)out.data;
}

static void write_table(struct document *document)
{
    static const struct document_column columns[] = {
        { "id", "DEVICE", 0 }, { "status", "STATUS", 0 }, { "serial", "SERIAL", 2 }, { "detail", "DETAIL", 1 }
    };
    static const uint8_t id[32] = { 0xab, 0xcd };
    document_table(document, "rows", columns, 4);
    document_row(document, 4);
    document_cell_hex(document, BS_SPAN(id, sizeof(id)));
    document_cell_text(document, "approved");
    document_cell_text(document, "a serial number of some length");
    document_cell_text(document, "gr\xc3\xbc\xc3\x9f \x1b[2J and \xe2\x80\xae text");
    document_row_end(document);
}

static void begin(struct document *document)
{
    bs_buf_reset(&bytes);
    document_begin(document, &bytes);
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
        char line[512];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
        if (cell_width(line) > longest)
            longest = cell_width(line);
    }
    return longest;
}

static void a_table_is_whole_where_nobody_looks_and_cut_on_a_terminal(void **state)
{
    (void)state;
    struct document document;
    begin(&document);
    write_table(&document);
    assert_ok(document_end(&document, 0, ""));
    const char *text = shown(0, false);
    assert_non_null(strstr(text, "a serial number of some length"));
    assert_null(strstr(text, "\xe2\x80\xa6"));
    assert_true(longest_line(text) > 72);
    text = shown(72, false);
    assert_int_equal(longest_line(text), 72);
    assert_non_null(strstr(text, "a serial numb"));
    assert_non_null(strstr(text, "\xe2\x80\xa6"));
    assert_non_null(strstr(text, "abcd000000000000  approved")); /* rank 0 is never cut */
    text = shown(50, false);
    assert_int_equal(longest_line(text), 50);
    assert_non_null(strstr(text, "a ser\xe2\x80\xa6"));
    text = shown(20, false); /* no room for what must not be cut */
    assert_non_null(strstr(text, "abcd000000000000  approved"));
}

static void what_others_wrote_does_not_move_the_cursor(void **state)
{
    (void)state;
    struct document document;
    begin(&document);
    document_text(&document, "a", "Name", "x\x1b]0;y\x07\xc2\x9b");
    document_say(&document, "said: \x1b[31m");
    write_table(&document);
    assert_ok(document_end(&document, 0, ""));
    const char *text = shown(0, false);
    for (const char *at = text; *at; at++)
        assert_true(*at == '\n' || (unsigned char)*at >= ' ');
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_non_null(strstr(text, "gr\xc3\xbc\xc3\x9f"));
}

static void colours_are_for_those_who_want_them(void **state)
{
    (void)state;
    struct document document;
    begin(&document);
    document_text(&document, "status", "Status", "refused");
    write_table(&document);
    assert_ok(document_end(&document, 0, ""));
    assert_null(strchr(shown(0, false), '\033'));
    const char *text = shown(0, true);
    assert_non_null(strstr(text, "\033[31mrefused\033[0m"));
    assert_non_null(strstr(text, "\033[32mapproved\033[0m"));
    assert_non_null(strstr(text, "\033[1mDEVICE"));
}

static void fields_stand_under_each_other_and_are_folded(void **state)
{
    (void)state;
    struct document document;
    begin(&document);
    document_text(&document, "a", "A", "one two three four five six seven eight nine ten");
    document_text(&document, "b", "Longer", "x");
    document_text(&document, "hidden", "", "for programs");
    document_text(&document, "", "People", "for people");
    document_text(&document, "c", "None", NULL);
    document_say(&document, "eleven twelve thirteen fourteen fifteen sixteen");
    assert_ok(document_end(&document, 0, ""));
    const char *text = shown(40, false);
    assert_string_equal(text, "     A  one two three four five six\n"
                              "        seven eight nine ten\n"
                              "Longer  x\n"
                              "People  for people\n"
                              "eleven twelve thirteen fourteen fifteen\n"
                              "sixteen\n");
}

static void json_has_what_is_for_programs_and_not_what_is_for_people(void **state)
{
    (void)state;
    struct document document;
    struct render_end end;
    static const struct document_column hidden[] = { { "name", "", 0 } };
    begin(&document);
    document_text(&document, "a", "", "x");
    document_text(&document, "", "People", "y");
    document_table(&document, "names", hidden, 1);
    document_row(&document, 1);
    document_cell_text(&document, "z");
    document_row_end(&document);
    document_raw(&document, "raw", BS_SPAN("line\n", 5));
    document_say(&document, "said");
    assert_ok(document_end(&document, 4, "why"));
    bs_buf_reset(&out);
    assert_ok(render_json(bs_buf_span(&bytes), &out, &end));
    assert_int_equal(end.exit_code, 4);
    assert_string_equal(end.why, "why");
    assert_ok(bs_buf_append(&out, "", 1));
    char packed[256];
    size_t size = 0;
    for (const char *at = (const char *)out.data; *at; at++)
        if (*at != ' ' && *at != '\n')
            packed[size++] = *at;
    packed[size] = '\0';
    assert_string_equal(packed, "{\"a\":\"x\",\"names\":[{\"name\":\"z\"}],\"raw\":\"line\\u000a\"}");
}

static void what_is_no_document_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "\x01", "\x81\x09", "\x84\x01\x61x\x61y", "\x83\x00\x00\x60\x00" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct render_end end;
        struct render_options options = { 0, false };
        struct bs_span document = BS_SPAN(wrong[i], i == 4 ? 5 : strlen(wrong[i]));
        bs_buf_reset(&out);
        assert_true(render_text(document, &options, &out, &end) != BS_OK);
        bs_buf_reset(&out);
        assert_true(render_json(document, &out, &end) != BS_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_whole_where_nobody_looks_and_cut_on_a_terminal),
        cmocka_unit_test(what_others_wrote_does_not_move_the_cursor),
        cmocka_unit_test(colours_are_for_those_who_want_them),
        cmocka_unit_test(fields_stand_under_each_other_and_are_folded),
        cmocka_unit_test(json_has_what_is_for_programs_and_not_what_is_for_people),
        cmocka_unit_test(what_is_no_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
