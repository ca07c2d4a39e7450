/* The table of acts as bootsealctl asks for them: each that changes something leaves its row, each that only looks leaves none. */
#include "unit/server/lab.h"

#include "core/share.h"
#include "server/admin/admin_request.h"
#include "server/operator/tpm_vendor.h"
#include "unit/logmaker.h"

#define EK_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define POLICY                                                                \
    "name = \"gateway\"; pcrs: { events = [4]; ignore = [0, 2, 7, 9, 11]; };" \
    "applications = ( { release = \"none\"; } );"

/* Arguments that make each act do its work on the scene of prepare(). "device": its id; "LOG": a log; "SHARE": an open share; all else as it is. */
static const struct scene {
    const char *act;
    struct {
        const char *name, *value;
    } arguments[5];
} scenes[] = {
    { "device list", { { NULL, NULL } } },
    { "device show", { { "ID", "device" } } },
    { "device approve", { { "ID", "device" }, { "learn", "1" }, { "profile", "sensor" } } },
    { "device label", { { "ID", "device" }, { "LABELS", "site=north;nic=eth0" } } },
    { "device move", { { "ID", "device" }, { "profile", "sensor" } } },
    { "device approvals", { { "ID", "device" } } },
    { "device evidence", { { "ID", "device" } } },
    { "device rekey", { { "ID", "device" } } },
    { "device share", { { "ID", "device" } } },
    { "device recover", { { "FILE", "SHARE" } } },
    { "device import", { { "FILE", "ek_sha256\n" EK_A "\n" } } },
    { "token create", { { "profile", "sensor" } } },
    { "token list", { { NULL, NULL } } },
    { "token revoke", { { "ID", "1" } } },
    { "profile apply", { { "FILE", "name = \"other\"; items = ();" } } },
    { "profile list", { { NULL, NULL } } },
    { "profile show", { { "NAME", "sensor" } } },
    { "reference list", { { NULL, NULL } } },
    { "reference show", { { "ID", "1" } } },
    { "reference evidence", { { "ID", "1" } } },
    { "reference learn", { { "ID", "device" }, { "name", "1.0" } } },
    { "policy diff", { { "FILE", POLICY }, { "profile", "sensor" } } },
    { "policy apply", { { "FILE", POLICY } } },
    { "policy show", { { "NAME", "gateway" } } },
    { "policy list", { { NULL, NULL } } },
    { "reference add", { { "NAME", "2.0" }, { "events", "LOG" }, { "firmware", "LOG" }, { "profile", "sensor" } } },
    { "reference release", { { "ID", "1" }, { "name", "1.0" } } },
    { "reference revoke", { { "ID", "1" } } },
    { "audit list", { { "since", "1d" }, { "device", "device" } } },
    { "audit verify", { { NULL, NULL } } },
    { "ca show", { { NULL, NULL } } },
    { "ca crl", { { "days", "3" } } },
    { "backup begin", { { NULL, NULL } } },
    { "backup step", { { NULL, NULL } } },
    { "backup end", { { NULL, NULL } } },
    { "metrics", { { NULL, NULL } } },
    { "device refuse", { { "ID", "device" } } },
    { "device revoke", { { "ID", "device" }, { "because", "stolen" } } },
    { "device wipe", { { "ID", "device" }, { "because", "stolen" } } },
};

/* What `bootsealctl share open` would have made of it. */
static struct bs_buf open_share = BS_BUF(4096);

/* A key that it made, and a share that an operator has to open. */
static void prepare_keys(struct lab *lab, const struct softtpm *tpm)
{
    struct store_key key = {
        .name = "wg", .kind = BS_GENERATED_X25519, .form = BS_FORM_WIREGUARD, .generation = 1, .half_size = 32
    };
    struct store_share share = { .serial = 3, .locked_size = SHARE_LOCKED_SIZE };
    struct share_label label = { .serial = 3 };
    memcpy(label.device, tpm->id, sizeof(label.device));
    assert_ok(store_begin(lab->server->store));
    assert_ok(store_key_put(lab->server->store, tpm->id, &key));
    assert_ok(store_share_put(lab->server->store, tpm->id, &share));
    assert_ok(store_commit(lab->server->store));
    bs_buf_reset(&open_share);
    assert_ok(share_write(&label, false, BS_SPAN(share.value, BS_SHARE_SIZE), &open_share));
}

/* A device that waits. */
static void prepare(struct lab *lab, struct softtpm *tpm)
{
    lab_device(lab, tpm);
    TALK(talk, lab);
    talk_enroll(&talk, tpm, NULL);
    assert_kind(&talk, MESSAGE_PENDING);
    prepare_keys(lab, tpm);
}

/* Exit code of the act; `why` as bootsealctl would say it. */
static int run(struct lab *lab, const struct admin_request *request, char why[OPERATOR_WHY_SIZE])
{
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(ADMIN_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(DOCUMENT_MAX);
    assert_ok(admin_request_encode(request, &in));
    BS_OWN(admin_run) run = NULL;
    bool is_done = false;
    assert_ok(admin_run_begin(lab->server, "uid:1000(anna)", bs_buf_span(&in), &out, &run));
    while (!is_done)
        assert_ok(admin_run_step(run, &is_done));
    /* The end node is [0, exit code, text]: the last 0x83 0x00 of the document. */
    for (size_t at = out.size; at-- > 0;)
        if (out.data[at] == 0x83 && at + 2 < out.size && out.data[at + 1] == 0) {
            struct cbor_reader reader;
            cbor_read_begin(&reader, BS_SPAN(out.data + at, out.size - at));
            (void)cbor_read_array(&reader, 3);
            (void)cbor_read_uint(&reader, 0);
            int code = (int)cbor_read_uint(&reader, 255);
            struct bs_span text = cbor_read_text(&reader, OPERATOR_WHY_SIZE - 1);
            if (cbor_read_end(&reader) != BS_OK)
                continue;
            snprintf(why, OPERATOR_WHY_SIZE, "%.*s", (int)text.size, (const char *)text.data);
            return code;
        }
    fail_msg("no end in the document");
    return -1;
}

static int play(struct lab *lab, const struct scene *scene, const struct softtpm *tpm, char why[OPERATOR_WHY_SIZE])
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(LOGMAKER_MAX);
    struct admin_request request = { .act = bs_span_of_string(scene->act) };
    read_vector("ovmf2M-uki-cloud-sha256only.bin", &log);
    for (size_t i = 0; i < COUNT(scene->arguments) && scene->arguments[i].name; i++) {
        const char *value = scene->arguments[i].value;
        request.arguments[request.count++] =
            (struct admin_argument){ bs_span_of_string(scene->arguments[i].name),
                                     strcmp(value, "SHARE") == 0 ? bs_buf_span(&open_share)
                                     : strcmp(value, "LOG") == 0
                                         ? bs_buf_span(&log)
                                         : bs_span_of_string(strcmp(value, "device") == 0 ? lab_id(tpm) : value) };
    }
    return run(lab, &request, why);
}

struct rows {
    uint64_t count, named;
    const char *act;
};

static enum bs_err count_row(void *context, const struct store_audit *row)
{
    struct rows *rows = context;
    rows->count++;
    if (rows->act && strcmp(row->act, rows->act) == 0 && strcmp(row->actor, "uid:1000(anna)") == 0)
        rows->named++;
    return BS_OK;
}

static struct rows rows_of(struct lab *lab, const char *act)
{
    struct rows rows = { .act = act };
    assert_ok(store_audit_each(lab->server->store, 0, 0, NULL, count_row, &rows));
    return rows;
}

static void every_act_that_changes_something_is_a_row_and_looking_is_none(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    size_t acts = 0;
    prepare(lab, &tpm);
    while (admin_entry_at(acts))
        acts++;
    assert_int_equal(acts, COUNT(scenes)); /* an act without a scene is not tested */
    for (size_t i = 0; i < COUNT(scenes); i++) {
        const struct admin_entry *entry = NULL;
        char why[OPERATOR_WHY_SIZE];
        for (size_t k = 0; k < acts; k++)
            if (strcmp(admin_entry_at(k)->act, scenes[i].act) == 0)
                entry = admin_entry_at(k);
        if (!entry)
            fail_msg("no act %s", scenes[i].act);
        struct rows before = rows_of(lab, entry->row);
        int code = play(lab, &scenes[i], &tpm, why);
        if (code != 0)
            fail_msg("%s: %d %s", scenes[i].act, code, why);
        struct rows after = rows_of(lab, entry->row);
        if (entry->row && after.named == before.named)
            fail_msg("%s left no row %s", scenes[i].act, entry->row);
        if (!entry->row && after.count != before.count)
            fail_msg("%s only looks, and left a row", scenes[i].act);
    }
    softtpm_free(&tpm);
}

static void labels_are_set_changed_and_taken_away(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_device device;
    prepare(lab, &tpm);
    static const struct {
        const char *changes, *labels;
    } good[] = {
        { "nic=eth0", "nic=eth0" },
        { "site=north;rack=7", "nic=eth0,site=north,rack=7" },
        { "nic=eth1", "site=north,rack=7,nic=eth1" },
        { "site=", "rack=7,nic=eth1" },
        { "nic=;rack=;none=", "" },
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_ok(operator_device_label(&lab->call, lab_id(&tpm), good[i].changes, &device));
        assert_string_equal(device.labels, good[i].labels);
    }
    static const char *const bad[] = { "", "nic", "=x", "a b=c", "nic=a,b=c", "nic=a\x1b[2J" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_err(operator_device_label(&lab->call, lab_id(&tpm), bad[i], &device), BS_ERR_INPUT);
    char longest[1200];
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "nic=", 4);
    longest[sizeof(longest) - 1] = '\0';
    assert_err(operator_device_label(&lab->call, lab_id(&tpm), longest, &device), BS_ERR_INPUT);
    softtpm_free(&tpm);
}

static void a_device_that_was_moved_gets_the_other_profile_when_its_boot_is_good_there(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct store_profile profile;
    struct operator_moved moved;
    lab_approved_device(lab, &tpm);
    {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_kind(&talk, MESSAGE_APPROVED);
    }
    assert_err(operator_device_move(&lab->call, lab_id(&tpm), "nothing", &moved), BS_ERR_NOT_FOUND);
    assert_ok(operator_profile_apply(
        &lab->call, bs_span_of_string("name = \"gate\"; items = ({ name = \"x\"; kind = \"secret\"; text = \"y\"; });"),
        &profile));
    assert_ok(operator_device_move(&lab->call, lab_id(&tpm), "gate", &moved));
    assert_string_equal(moved.from, "sensor");
    {
        TALK(talk, lab); /* the boot of one profile is no reference of another */
        talk_attest(&talk, &tpm, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_NO_REFERENCE);
    }
    struct operator_approve request = { .device = lab_id(&tpm), .learn = true };
    struct operator_approved approved;
    assert_ok(operator_device_approve(&lab->call, &request, &approved));
    assert_string_equal(approved.profile, "gate");
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    struct cert_info info;
    talk_bundle(&talk, &tpm, &plain, &bundle);
    assert_span_text(lab_item(&bundle, "x"), "y");
    assert_ok(cert_parse(bundle.chain[0], &info));
    assert_string_equal(info.profile, "gate");
    softtpm_free(&tpm);
}

static void a_revoked_reference_approves_nobody_until_it_is_learned_again(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    size_t left = 9;
    lab_approved_device(lab, &tpm);
    assert_ok(operator_reference_revoke(&lab->call, 1, &left));
    assert_int_equal(left, 0);
    assert_err(operator_reference_revoke(&lab->call, 1, &left), BS_ERR_REFUSED);
    assert_err(operator_reference_revoke(&lab->call, 77, &left), BS_ERR_NOT_FOUND);
    {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_reason(&talk, MESSAGE_PENDING, BS_REASON_NO_REFERENCE);
    }
    lab_approve(lab, &tpm, true);
    TALK(talk, lab);
    talk_attest(&talk, &tpm, NULL);
    assert_kind(&talk, MESSAGE_APPROVED);
    softtpm_free(&tpm);
}

static void a_device_is_shown_with_what_it_holds_and_why(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    struct operator_device shown = OPERATOR_DEVICE_INIT;
    lab_approved_device(lab, &tpm);
    {
        TALK(talk, lab);
        talk_attest(&talk, &tpm, NULL);
        assert_kind(&talk, MESSAGE_APPROVED);
    }
    assert_ok(operator_device_show(&lab->call, lab_id(&tpm), &shown));
    assert_string_equal(shown.items, "wifi.psk,db.key,app.conf");
    assert_true(shown.bundle_issued > 0);
    assert_int_equal(shown.bundle_confirmed, 0);
    assert_true(shown.boot_is_known);
    assert_int_equal(shown.reference, 1);
    assert_int_equal(shown.profile_version, 1);
    assert_non_null(strstr(shown.why, "bundle 1"));
    operator_device_free(&shown);
    softtpm_free(&tpm);
}

static enum bs_err keep_sequence(void *context, const struct store_audit *row)
{
    uint64_t *span = context;
    if (span[0] == 0)
        span[0] = row->sequence;
    span[1] = row->sequence;
    return BS_OK;
}

static void the_audit_is_shown_from_its_end_or_from_a_time_on(void **state)
{
    struct lab *lab = *state;
    char token[OPERATOR_TOKEN_SIZE];
    uint64_t last[2] = { 0 }, since[2] = { 0 }, after[2] = { 0 }, none[2] = { 0 };
    int64_t now = lab->server->now();
    for (int i = 0; i < 10; i++)
        lab_token(lab, 1, token);
    uint64_t rows = lab_audit_rows(lab);
    lab_set_clock(7200);
    for (int i = 0; i < 3; i++)
        lab_token(lab, 1, token);
    assert_ok(operator_audit_list(&lab->call, &(struct operator_audit){ .limit = 4 }, keep_sequence, last));
    assert_int_equal(last[0], rows + 3 - 3);
    assert_int_equal(last[1], rows + 3);
    assert_ok(operator_audit_list(&lab->call, &(struct operator_audit){ .since = now + 3600, .limit = 99 },
                                  keep_sequence, since));
    assert_int_equal(since[0], rows + 1);
    assert_ok(operator_audit_list(&lab->call, &(struct operator_audit){ .has_after = true, .after = 2, .limit = 1 },
                                  keep_sequence, after));
    assert_int_equal(after[1], 3);
    assert_ok(operator_audit_list(&lab->call, &(struct operator_audit){ .since = now + 99999 }, keep_sequence, none));
    assert_int_equal(none[1], 0);
}

static void errors_name_the_next_command(void **state)
{
    struct lab *lab = *state;
    struct softtpm tpm;
    char why[OPERATOR_WHY_SIZE];
    prepare(lab, &tpm);
    static const struct {
        struct scene scene;
        int code;
        const char *says;
    } wrong[] = {
        { { "device show", { { "ID", "ffffffff" } } }, 4, "bootsealctl device list" },
        { { "device move", { { "ID", "device" }, { "profile", "x" } } }, 4, "bootsealctl profile list" },
        { { "device label", { { "ID", "device" }, { "LABELS", "x" } } }, 4, "NAME=VALUE" },
        { { "token create", { { "profile", "x" } } }, 4, "bootsealctl profile list" },
        { { "token revoke", { { "ID", "99" } } }, 4, "bootsealctl token list" },
        { { "profile show", { { "NAME", "x" } } }, 4, "bootsealctl profile list" },
        { { "reference show", { { "ID", "99" } } }, 4, "bootsealctl reference list" },
        { { "reference revoke", { { "ID", "99" } } }, 4, "bootsealctl reference list" },
        { { "reference release", { { "ID", "99" }, { "name", "1.0" } } }, 4, "bootsealctl reference list" },
        { { "reference release", { { "ID", "1" }, { "name", ".1" } } }, 4, "begins with no dot" },
        { { "backup step", { { NULL, NULL } } }, 20, "bootsealctl backup FILE" },
        { { "audit list", { { "since", "yesterday" } } }, 4, "2026-11-22" },
        { { "audit list", { { "limit", "0" } } }, 4, "from 1 to 10000" },
        { { "ca crl", { { "days", "0" } } }, 4, "from 1 to 3650" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int code = play(lab, &wrong[i].scene, &tpm, why);
        if (code != wrong[i].code || !strstr(why, wrong[i].says))
            fail_msg("%s: %d \"%s\" does not say \"%s\"", wrong[i].scene.act, code, why, wrong[i].says);
    }
    softtpm_free(&tpm);
}

static void makers_of_tpms_have_names(void **state)
{
    (void)state;
    static const struct {
        const char *id, *name;
    } makers[] = {
        { "id:49465800", "Infineon" },
        { "id:53544D20", "STMicroelectronics" },
        { "id:4e544300", "Nuvoton" },
        { "id:494E5443", "Intel" },
        { "id:414D4400", "AMD" },
        { "id:00001014", "swtpm (software)" },
        { "id:41424344", "unknown maker 41424344" },
        { "id:zz", "id:zz" },
        { "", "" },
    };
    for (size_t i = 0; i < COUNT(makers); i++) {
        char name[TPM_VENDOR_SIZE];
        tpm_vendor_name(makers[i].id, name, sizeof(name));
        assert_string_equal(name, makers[i].name);
    }
}

static void strangers_leave_one_row_an_hour_for_each_reason_and_no_name(void **state)
{
    struct lab *lab = *state;
    struct rows before = rows_of(lab, NULL);
    for (int i = 0; i < 50; i++) {
        TALK(talk, lab);
        assert_ok(bs_buf_append_string(&talk.body, "garbage"));
        talk_send_attest(&talk);
        assert_reason(&talk, MESSAGE_REFUSED, BS_REASON_MALFORMED);
    }
    assert_int_equal(rows_of(lab, NULL).count, before.count + 1);
    lab_set_clock(3601);
    TALK(talk, lab);
    assert_ok(bs_buf_append_string(&talk.body, "garbage"));
    talk_send_attest(&talk);
    assert_int_equal(rows_of(lab, NULL).count, before.count + 2);
    assert_int_equal(lab_audit_rows(lab), before.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(every_act_that_changes_something_is_a_row_and_looking_is_none),
        LAB_TEST(labels_are_set_changed_and_taken_away),
        LAB_TEST(a_device_that_was_moved_gets_the_other_profile_when_its_boot_is_good_there),
        LAB_TEST(a_revoked_reference_approves_nobody_until_it_is_learned_again),
        LAB_TEST(a_device_is_shown_with_what_it_holds_and_why),
        LAB_TEST(the_audit_is_shown_from_its_end_or_from_a_time_on),
        LAB_TEST(errors_name_the_next_command),
        LAB_TEST(strangers_leave_one_row_an_hour_for_each_reason_and_no_name),
        cmocka_unit_test(makers_of_tpms_have_names),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bs_buf_free(&open_share);
    return failed;
}
