/* An operator's acts, and that each is a row. */
#include "unit/server/lab.h"

#include <sqlite3.h>

static void import(struct lab *lab, const char *csv, struct operator_imported *ret_imported)
{
    enum bs_err err = operator_device_import(&lab->call, bs_span_of_string(csv), ret_imported);
    if (err != BS_OK)
        fail_msg("%s", lab->call.why);
}

static void assert_import_fails(struct lab *lab, const char *csv, const char *because)
{
    struct operator_imported imported;
    uint64_t rows = lab_audit_rows(lab);
    assert_err(operator_device_import(&lab->call, bs_span_of_string(csv), &imported), BS_ERR_INPUT);
    if (!strstr(lab->call.why, because))
        fail_msg("\"%s\" does not say \"%s\"", lab->call.why, because);
    assert_int_equal(lab_audit_rows(lab), rows);
}

#define EK_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define EK_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void an_allow_list_is_taken_whole(void **state)
{
    struct lab *lab = *state;
    struct operator_imported imported;
    struct operator_device shown = OPERATOR_DEVICE_INIT;
    static const char csv[] =
        "serial,ek_sha256,labels,profile\r\n\"SN, \"\"1\"\"\"," EK_A ",nic=eth0;site=a,sensor\r\n\r\n,"
        "" EK_B ",,";
    import(lab, csv, &imported);
    assert_int_equal(imported.added, 2);
    assert_ok(operator_device_show(&lab->call, "aaaa", &shown));
    assert_int_equal(shown.device.status, STORE_NEW);
    assert_string_equal(shown.device.serial, "SN, \"1\"");
    assert_string_equal(shown.device.labels, "nic=eth0,site=a");
    assert_string_equal(shown.device.profile, "sensor");
    operator_device_free(&shown);
    import(lab, csv, &imported);
    assert_int_equal(imported.unchanged, 2);
    import(lab, "ek_sha256,serial\n" EK_B ",SN-2\n", &imported);
    assert_int_equal(imported.changed, 1);
}

static void a_wrong_line_imports_nothing_and_is_named(void **state)
{
    struct lab *lab = *state;
    struct store_device device;
    uint8_t id[WIRE_ID_SIZE];
    assert_import_fails(lab, "", "empty");
    assert_import_fails(lab, "serial,profile\nx,y\n", "ek_sha256 is missing");
    assert_import_fails(lab, "ek_sha256,color\n", "unknown column: color");
    assert_import_fails(lab, "ek_sha256,serial,serial\n", "twice");
    assert_import_fails(lab, "ek_sha256,profile\n" EK_A ",sensor\n" EK_B ",nothing\n",
                        "line 3: there is no profile nothing");
    assert_import_fails(lab, "ek_sha256\n" EK_A "\n1234\n", "line 3");
    assert_import_fails(lab, "ek_sha256,serial\n" EK_A "\n", "another number of columns");
    assert_import_fails(lab, "ek_sha256,serial\n" EK_A ",\"x\n", "quote");
    assert_import_fails(lab, "ek_sha256,labels\n" EK_A ",nic\n", "NAME=VALUE");
    assert_import_fails(lab, "ek_sha256,serial\n" EK_A ",a\x1b[2Jb\n", "control");
    memset(id, 0xaa, sizeof(id));
    assert_err(store_device_get(lab->server->store, id, &device), BS_ERR_NOT_FOUND);
}

static void importing_a_device_that_waits_approves_it_but_not_a_blocked_one(void **state)
{
    struct lab *lab = *state;
    struct softtpm known, tpm;
    struct operator_imported imported;
    struct store_device device;
    char csv[256];
    lab_approved_device(lab, &known);
    lab_device(lab, &tpm);
    TALK(first, lab);
    TALK(second, lab);
    TALK(third, lab);
    talk_enroll(&first, &tpm, NULL);
    assert_reason(&first, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE);
    snprintf(csv, sizeof(csv), "ek_sha256,profile,serial\n%s,sensor,X\n", lab_id(&tpm));
    import(lab, csv, &imported);
    talk_enroll(&second, &tpm, NULL);
    assert_kind(&second, MESSAGE_APPROVED);
    assert_ok(operator_device_refuse(&lab->call, lab_id(&tpm), NULL));
    snprintf(csv, sizeof(csv), "ek_sha256,profile,serial\n%s,sensor,Y\n", lab_id(&tpm));
    import(lab, csv, &imported);
    assert_true(lab_has_device(lab, &tpm, &device));
    assert_int_equal(device.status, STORE_REFUSED);
    talk_enroll(&third, &tpm, NULL);
    assert_reason(&third, MESSAGE_REFUSED, BS_REASON_BLOCKED);
    softtpm_free(&known);
    softtpm_free(&tpm);
}

static void a_device_lacking_a_label_waits_until_it_is_imported_with_one(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_profile profile;
    struct operator_imported imported;
    char csv[256];
    lab_approved_device(lab, &tpm);
    assert_ok(operator_profile_apply(
        &lab->call,
        bs_span_of_string("name = \"sensor\"; items = ( { name = \"net\"; kind = \"file\"; text = "
                          "\"${device.label.nic}\"; } );"),
        &profile));
    assert_int_equal(profile.version, 2);
    TALK(first, lab);
    TALK(second, lab);
    talk_enroll(&first, &tpm, NULL);
    assert_reason(&first, MESSAGE_PENDING, BS_REASON_AWAITING_OPERATOR);
    snprintf(csv, sizeof(csv), "ek_sha256,labels\n%s,nic=eth7\n", lab_id(&tpm));
    import(lab, csv, &imported);
    talk_enroll(&second, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    talk_bundle(&second, &tpm, &plain, &bundle);
    assert_span_text(lab_item(&bundle, "net"), "eth7");
    softtpm_free(&tpm);
}

static void approving_says_what_is_missing(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct operator_approved approved;
    struct operator_approve request = { .device = "00" };
    assert_err(operator_device_approve(&lab->call, &request, &approved), BS_ERR_INPUT);
    request.device = "0000";
    assert_err(operator_device_approve(&lab->call, &request, &approved), BS_ERR_NOT_FOUND);
    lab_device(lab, &tpm);
    TALK(talk, lab);
    talk_enroll(&talk, &tpm, NULL);
    request.device = lab_id(&tpm);
    request.profile = "nothing";
    assert_err(operator_device_approve(&lab->call, &request, &approved), BS_ERR_NOT_FOUND);
    request.profile = NULL; /* the only one there is */
    assert_ok(operator_device_approve(&lab->call, &request, &approved));
    assert_string_equal(approved.profile, "sensor");
    assert_true(approved.needs_reference);
    assert_int_equal(approved.reference, 0);
    request.learn = true;
    assert_ok(operator_device_approve(&lab->call, &request, &approved));
    assert_false(approved.needs_reference);
    assert_true(approved.reference > 0);
    softtpm_free(&tpm);
}

static void learning_needs_a_boot(void **state)
{
    struct lab *lab = *state;
    struct operator_imported imported;
    struct operator_approved approved;
    struct operator_approve request = { .device = EK_A, .learn = true };
    import(lab, "ek_sha256\n" EK_A "\n", &imported);
    assert_err(operator_device_approve(&lab->call, &request, &approved), BS_ERR_REFUSED);
}

static void a_token_is_shown_once_and_stored_hashed(void **state)
{
    struct lab *lab = *state;
    char token[OPERATOR_TOKEN_SIZE], other[OPERATOR_TOKEN_SIZE], path[4096], buffer[65536];
    lab_token(lab, 1, token);
    lab_token(lab, 1, other);
    assert_string_not_equal(token, other);
    assert_int_equal(strlen(token), 35);
    static const char *const files[] = { "bootseal.db", "bootseal.db-wal" };
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", lab->dir, files[i]);
        FILE *file = fopen(path, "rbe");
        assert_non_null(file);
        size_t size;
        while ((size = fread(buffer, 1, sizeof(buffer), file)) > 0)
            assert_null(memmem(buffer, size, token, strlen(token)));
        fclose(file);
    }
    struct operator_token bad = { .profile = "nothing", .uses = 1, .valid_for = 1 };
    uint64_t id;
    int64_t expires;
    assert_err(operator_token_create(&lab->call, &bad, &id, &expires, token), BS_ERR_NOT_FOUND);
    bad = (struct operator_token){ .profile = "sensor", .uses = 0, .valid_for = 1 };
    assert_err(operator_token_create(&lab->call, &bad, &id, &expires, token), BS_ERR_INPUT);
}

static enum bs_err find_text(void *context, const struct operator_item *item)
{
    unsigned *seen = context;
    (*seen)++;
    if (strcmp(item->kind, "secret") == 0 || strcmp(item->kind, "generated") == 0)
        assert_int_equal(item->text.size, 0);
    return BS_OK;
}

static void a_profile_is_shown_without_its_secrets(void **state)
{
    struct lab *lab = *state;
    struct store_profile profile;
    unsigned seen = 0;
    assert_ok(operator_profile_show(&lab->call, "sensor", &profile, find_text, &seen));
    assert_int_equal(seen, 3);
    assert_int_equal(profile.version, 1);
    assert_string_equal(profile.applied_by, "uid:0(test)");
}

static void a_wrong_profile_changes_nothing(void **state)
{
    struct lab *lab = *state;
    struct store_profile profile;
    uint64_t rows = lab_audit_rows(lab);
    assert_err(operator_profile_apply(&lab->call, bs_span_of_string("name = \"sensor\";\ncolor = 3;"), &profile),
               BS_ERR_INPUT);
    assert_non_null(strstr(lab->call.why, ":2:"));
    assert_int_equal(lab_audit_rows(lab), rows);
}

struct last_row {
    char actor[64], act[64], reason[64];
    bool has_device;
};

static enum bs_err keep_row(void *context, const struct store_audit *row)
{
    struct last_row *last = context;
    snprintf(last->actor, sizeof(last->actor), "%s", row->actor);
    snprintf(last->act, sizeof(last->act), "%s", row->act);
    snprintf(last->reason, sizeof(last->reason), "%s", row->reason);
    last->has_device = row->device != NULL;
    return BS_OK;
}

static void acts_and_verdicts_are_rows(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct last_row last;
    lab_device(lab, &tpm);
    TALK(talk, lab);
    talk_enroll(&talk, &tpm, NULL);
    assert_ok(operator_audit_list(&lab->call, &(struct operator_audit){ .device = lab_id(&tpm) }, keep_row, &last));
    assert_string_equal(last.actor, "device");
    assert_string_equal(last.act, "verdict.pending");
    assert_string_equal(last.reason, BS_REASON_UNKNOWN_DEVICE);
    assert_ok(operator_device_refuse(&lab->call, lab_id(&tpm), "lost"));
    assert_ok(operator_audit_list(&lab->call, &(struct operator_audit){ .limit = 0 }, keep_row, &last));
    assert_string_equal(last.actor, "uid:0(test)");
    assert_string_equal(last.act, "device.refuse");
    assert_true(last.has_device);
    softtpm_free(&tpm);
}

static void a_changed_row_of_the_audit_log_is_found(void **state)
{
    struct lab *lab = *state;
    char path[4096];
    sqlite3 *db = NULL;
    uint64_t rows, wrong;
    char token[OPERATOR_TOKEN_SIZE];
    for (int i = 0; i < 3; i++)
        lab_token(lab, 1, token);
    snprintf(path, sizeof(path), "%s/bootseal.db", lab->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE audit SET actor = 'nobody' WHERE sequence = 2", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_err(operator_audit_verify(&lab->call, &rows, &wrong), BS_ERR_TAMPERED);
    assert_int_equal(wrong, 2);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM audit WHERE sequence = 2", NULL, NULL, NULL), SQLITE_OK);
    assert_err(operator_audit_verify(&lab->call, &rows, &wrong), BS_ERR_TAMPERED);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(an_allow_list_is_taken_whole),
        LAB_TEST(a_wrong_line_imports_nothing_and_is_named),
        LAB_TEST(importing_a_device_that_waits_approves_it_but_not_a_blocked_one),
        LAB_TEST(a_device_lacking_a_label_waits_until_it_is_imported_with_one),
        LAB_TEST(approving_says_what_is_missing),
        LAB_TEST(learning_needs_a_boot),
        LAB_TEST(a_token_is_shown_once_and_stored_hashed),
        LAB_TEST(a_profile_is_shown_without_its_secrets),
        LAB_TEST(a_wrong_profile_changes_nothing),
        LAB_TEST(acts_and_verdicts_are_rows),
        LAB_TEST(a_changed_row_of_the_audit_log_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
