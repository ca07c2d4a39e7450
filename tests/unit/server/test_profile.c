#include "unit/unit.h"

#include "server/profile.h"
#include "unit/folder.h"

/* As openssl pkey -pubout writes it. */
#define RECOVERY_KEY                                                      \
    "-----BEGIN PUBLIC KEY-----\\n"                                       \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2dlIlZguGntalpmhbLFH46CJaHhI\\n" \
    "AFoRVwoe0zGPfSrCMKp8YkQ2bjxAuhjCDGTz8Lb6ngQy4BNzk52n0Lsq6g==\\n"     \
    "-----END PUBLIC KEY-----\\n"

static struct store_device device(void)
{
    struct store_device d = { .status = STORE_APPROVED };
    memset(d.id, 0xab, sizeof(d.id));
    strcpy(d.serial, "SN-1");
    strcpy(d.labels, "nic=eth0,site=north hall");
    return d;
}

static void assert_parses(const char *text)
{
    struct profile profile = { 0 };
    struct conf_problem problem = { "" };
    if (profile_parse(bs_span_of_string(text), &profile, &problem) != BS_OK)
        fail_msg("%s", problem.text);
    profile_free(&profile);
}

static void assert_refused(const char *text, const char *because)
{
    struct profile profile = { 0 };
    struct conf_problem problem = { "" };
    assert_err(profile_parse(bs_span_of_string(text), &profile, &problem), BS_ERR_CONFIG);
    if (!strstr(problem.text, because))
        fail_msg("\"%s\" does not say \"%s\"", problem.text, because);
}

static void profiles_of_all_kinds_are_read(void **state)
{
    (void)state;
    assert_parses("name = \"empty\";");
    assert_parses(
        "name = \"p\"; description = \"words\"; items = (\n"
        "{ name = \"a\"; kind = \"secret\"; text = \"x\"; },\n"
        "{ name = \"b\"; kind = \"secret\"; hex = \"00ff\"; },\n"
        "{ name = \"c\"; kind = \"generated\"; size = 16; encoding = \"hex\"; },\n"
        "{ name = \"d\"; kind = \"generated\"; },\n"
        "{ name = \"e\"; kind = \"file\"; text = \"[Match]\\nName=${device.label.nic}\\n\" \"and more\\n\"; },\n"
        "{ name = \"f\"; kind = \"file\"; text = \"\"; } );");
    assert_parses("name = \"p\"; recovery = \"none\"; items = (\n"
                  "{ name = \"a\"; kind = \"generate\"; type = \"random\"; },\n"
                  "{ name = \"b\"; kind = \"generate\"; type = \"random\"; size = 1024; format = \"raw\"; },\n"
                  "{ name = \"c\"; kind = \"generate\"; type = \"random\"; format = \"wireguard\"; },\n"
                  "{ name = \"d\"; kind = \"generate\"; type = \"x25519\"; format = \"wireguard\"; },\n"
                  "{ name = \"e\"; kind = \"generate\"; type = \"ed25519\"; format = \"openssh\"; },\n"
                  "{ name = \"f\"; kind = \"generate\"; type = \"secp256k1\"; format = \"pem\"; } );");
    assert_parses("name = \"p\"; recovery = \"operator\"; recovery_key = \"" RECOVERY_KEY "\";");
}

static void a_key_of_a_device_is_as_the_profile_says(void **state)
{
    (void)state;
    struct profile profile = { 0 };
    struct conf_problem problem;
    assert_ok(profile_parse(
        bs_span_of_string("name = \"p\"; items = (\n"
                          "{ name = \"a\"; kind = \"generate\"; type = \"random\"; },\n"
                          "{ name = \"b\"; kind = \"generate\"; type = \"secp256k1\"; format = \"pem\"; });"),
        &profile, &problem));
    assert_int_equal(profile.recovery, PROFILE_RECOVERY_SERVER);
    assert_int_equal(profile_key_kind(&profile.items[0]), BS_GENERATED_RANDOM);
    assert_int_equal(profile_key_size(&profile.items[0]), 32);
    assert_int_equal(profile_key_form(&profile.items[0]), BS_FORM_RAW);
    assert_int_equal(profile_key_kind(&profile.items[1]), BS_GENERATED_SECP256K1);
    assert_int_equal(profile_key_size(&profile.items[1]), 0);
    assert_int_equal(profile_key_form(&profile.items[1]), BS_FORM_PEM);
    profile_free(&profile);
}

static void what_makes_no_sense_is_refused_with_a_reason(void **state)
{
    (void)state;
#define ITEM(text) "name = \"p\"; items = ( { " text " } );"
    assert_refused("items = ();", "name");
    assert_refused("name = \"../x\";", "letters");
    assert_refused("name = \"p\"; color = 1;", "color");
    assert_refused(ITEM("name = \".a\"; kind = \"secret\"; text = \"x\";"), "letters");
    assert_refused(ITEM("name = \"a\"; kind = \"magic\"; text = \"x\";"), "kind");
    assert_refused(ITEM("name = \"a\"; kind = \"secret\";"), "either text or hex");
    assert_refused(ITEM("name = \"a\"; kind = \"secret\"; text = \"x\"; hex = \"00\";"), "either text or hex");
    assert_refused(ITEM("name = \"a\"; kind = \"secret\"; text = \"\";"), "empty");
    assert_refused(ITEM("name = \"a\"; kind = \"secret\"; hex = \"0\";"), "hexadecimal");
    assert_refused(ITEM("name = \"a\"; kind = \"generated\"; text = \"x\";"), "no text");
    assert_refused(ITEM("name = \"a\"; kind = \"generated\"; size = 4096;"), "size");
    assert_refused(ITEM("name = \"a\"; kind = \"file\"; text = \"x\"; size = 3;"), "generated");
    assert_refused(ITEM("name = \"a\"; kind = \"file\"; hex = \"00\";"), "hex is for secrets");
    assert_refused(ITEM("name = \"a\"; kind = \"file\"; text = \"${device.color}\";"), "no variable");
    assert_refused(ITEM("name = \"a\"; kind = \"file\"; text = \"${device.id\";"), "no \"}\"");
    assert_refused(ITEM("name = \"a\"; kind = \"certificate\"; text = \"x\";"), "PEM");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\";"), "needs type");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\"; type = \"rsa\";"), "type");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\"; type = \"x25519\"; text = \"x\";"), "no text");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\"; type = \"x25519\"; hex = \"00\";"), "no text");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\"; type = \"x25519\"; size = 32;"), "size");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\"; type = \"random\"; size = 15;"), "at least 16");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\"; type = \"random\"; encoding = \"hex\";"), "format");
    assert_refused(ITEM("name = \"a\"; kind = \"generate\"; type = \"x25519\"; format = \"openssh\";"),
                   "no such format");
    assert_refused(ITEM("name = \"a\"; kind = \"generated\"; type = \"random\";"), "generate");
    assert_refused(ITEM("name = \"a\"; kind = \"secret\"; text = \"x\"; format = \"pem\";"), "generate");
    assert_refused("name = \"p\"; recovery = \"cloud\";", "recovery");
    assert_refused("name = \"p\"; recovery = \"operator\";", "belong together");
    assert_refused("name = \"p\"; recovery_key = \"x\";", "belong together");
    assert_refused("name = \"p\"; recovery = \"operator\"; recovery_key = \"x\";", "P-256");
    BS_SCOPED_BUF struct bs_buf many = BS_BUF(8192);
    assert_ok(bs_buf_append_string(&many, "name = \"p\"; items = ( "));
    for (int i = 0; i <= BS_GENERATED_MAX; i++)
        assert_ok(bs_buf_printf(&many, "%s{ name = \"k%d\"; kind = \"generate\"; type = \"random\"; }",
                                i > 0 ? ", " : "", i));
    assert_ok(bs_buf_append(&many, " );", 4));
    assert_refused((const char *)many.data, "at most 16");
    assert_refused(
        "name = \"p\"; items = ( { name = \"a\"; kind = \"generated\"; }, { name = \"a\"; kind = \"generated\"; } );",
        "twice");
}

static void items_that_fit_into_no_bundle_are_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(65536);
    assert_ok(bs_buf_append_string(&text, "name = \"p\"; items = ( "));
    for (int i = 0; i < 60; i++)
        assert_ok(bs_buf_printf(&text, "%s{ name = \"k%d\"; kind = \"generated\"; size = 1024; encoding = \"hex\"; }",
                                i > 0 ? ", " : "", i));
    assert_ok(bs_buf_append(&text, " );", 4));
    assert_refused((const char *)text.data, "too large together");
}

static void assert_expands(const char *text, const char *expected)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(4096);
    struct store_device d = device();
    char why[256] = "";
    assert_ok(profile_expand(text, &d, &out, why));
    assert_span_text(bs_buf_span(&out), expected);
}

static void variables_are_replaced_and_nothing_else(void **state)
{
    (void)state;
    assert_expands("", "");
    assert_expands("cost: 5$, $HOME, $$", "cost: 5$, $HOME, $$");
    assert_expands("$${device.id}", "${device.id}");
    assert_expands("${device.serial}:${device.label.site}", "SN-1:north hall");
    assert_expands("${device.id}", "abababababababababababababababababababababababababababababababab");
}

static void a_variable_without_a_value_is_an_error(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(4096);
    struct store_device d = device();
    char why[256] = "";
    assert_err(profile_expand("${device.label.rack}", &d, &out, why), BS_ERR_INPUT);
    assert_non_null(strstr(why, "device.label.rack"));
    d.serial[0] = '\0';
    assert_err(profile_expand("${device.serial}", &d, &out, why), BS_ERR_INPUT);
}

static void labels_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = { "", "a=b", "a=b,c=d e/f:g", "nic.0=eth0", "a=b=c" };
    static const char *const bad[] = { "a",     "a=",   "=b",         "a=b,",   ",a=b", "a=b,,c=d",
                                       "a b=c", "a=\n", "a=\x1b[31m", "a=\xff", ".a=b" };
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(profile_labels_are_valid(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(profile_labels_are_valid(bad[i]));
}

static void generated_secrets_are_made_once_for_a_device(void **state)
{
    BS_OWN(store) store = NULL;
    struct store_device a = device(), b = device();
    struct profile profile = { 0 };
    struct conf_problem problem;
    struct profile_items items[3];
    char why[256];
    b.id[0] = 1;
    assert_ok(store_open(folder_path(state, "db"), &store));
    assert_ok(profile_parse(bs_span_of_string("name = \"p\"; items = ( { name = \"k\"; kind = \"generated\"; } );"),
                            &profile, &problem));
    assert_ok(store_begin(store));
    assert_ok(store_device_put(store, &a));
    assert_ok(store_device_put(store, &b));
    const struct store_device *order[] = { &a, &a, &b };
    for (size_t i = 0; i < 3; i++)
        assert_ok(profile_items_make(store, &profile, order[i], 1, &items[i], why));
    assert_ok(store_commit(store));
    assert_int_equal(items[0].items[0].data.size, 32);
    assert_true(bs_span_equal(items[0].items[0].data, items[1].items[0].data));
    assert_false(bs_span_equal(items[0].items[0].data, items[2].items[0].data));
    for (size_t i = 0; i < 3; i++)
        profile_items_free(&items[i]);
    profile_free(&profile);
}

/* Between .Bd and .Ed; "\\e" is mdoc's backslash. */
static void read_example(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool is_inside = false;
    assert_non_null(file);
    ret_text[0] = '\0';
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, ".Bd", 3) == 0 || strncmp(line, ".Ed", 3) == 0) {
            is_inside = line[1] == 'B';
            continue;
        }
        for (char *e = strstr(line, "\\e"); e; e = strstr(e + 1, "\\e"))
            memmove(e + 1, e + 2, strlen(e + 1));
        if (is_inside && strlen(ret_text) + strlen(line) < size)
            strcat(ret_text, line);
    }
    fclose(file);
}

static void the_manual_s_example_is_a_good_profile(void **state)
{
    (void)state;
    char text[4096];
    read_example(BS_MANUALS "/bootseal-profile.5", text, sizeof(text));
    assert_non_null(strstr(text, "${device.label.nic}\\n"));
    assert_parses(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_of_all_kinds_are_read),
        cmocka_unit_test(a_key_of_a_device_is_as_the_profile_says),
        cmocka_unit_test(what_makes_no_sense_is_refused_with_a_reason),
        cmocka_unit_test(items_that_fit_into_no_bundle_are_refused),
        cmocka_unit_test(variables_are_replaced_and_nothing_else),
        cmocka_unit_test(a_variable_without_a_value_is_an_error),
        cmocka_unit_test(labels_are_checked),
        cmocka_unit_test(the_manual_s_example_is_a_good_profile),
        FOLDER_TEST(generated_secrets_are_made_once_for_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
