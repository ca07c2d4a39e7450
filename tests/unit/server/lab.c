#include "unit/server/lab.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "unit/folder.h"
#include "unit/logmaker.h"

static int64_t clock_ahead;

static int64_t lab_now(void)
{
    return bs_clock_now() + clock_ahead;
}

void lab_set_clock(int64_t ahead)
{
    clock_ahead = ahead;
}

static const char profile[] = "name = \"sensor\";\n"
                              "items = (\n"
                              "  { name = \"wifi.psk\"; kind = \"secret\"; text = \"correct horse\"; },\n"
                              "  { name = \"db.key\"; kind = \"generated\"; size = 16; encoding = \"hex\"; },\n"
                              "  { name = \"app.conf\"; kind = \"file\"; text = \"id=${device.id}\\n\"; }\n"
                              ");\n";

static void open_server(struct lab *lab)
{
    assert_ok(server_open(lab->dir, &lab->server));
    lab->server->now = lab_now;
    lab->call = (struct operator_call){ .server = lab->server, .actor = "uid:0(test)" };
}

static void trust_vendor(struct lab *lab)
{
    BS_OWN(string) path = NULL;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    assert_ok(softtpm_vendor_make(&lab->vendor));
    assert_ok(softtpm_vendor_pem(&lab->vendor, &pem));
    assert_ok(server_path(lab->dir, CONFIG_EK_ROOTS "/vendor.pem", &path));
    assert_ok(bs_file_write(path, bs_buf_span(&pem), NULL));
}

int lab_setup(void **state)
{
    static const char *const names[] = { "localhost" };
    struct lab *lab = calloc(1, sizeof(*lab));
    void *folder = NULL;
    bs_log_set_level(getenv("LAB_LOG") ? BS_LOG_DEBUG : BS_LOG_ERROR);
    if (!lab || folder_setup(&folder) != 0)
        return -1;
    lab->dir = folder;
    clock_ahead = 0;
    assert_ok(server_init(&(struct server_init){ .dir = lab->dir, .names = names, .name_count = 1 }));
    trust_vendor(lab);
    open_server(lab);
    struct store_profile applied;
    assert_ok(operator_profile_apply(&lab->call, bs_span_of_string(profile), &applied));
    *state = lab;
    return 0;
}

int lab_teardown(void **state)
{
    struct lab *lab = *state;
    void *folder = lab->dir;
    server_close(lab->server);
    softtpm_vendor_free(&lab->vendor);
    free(lab);
    return folder_teardown(&folder);
}

void lab_restart(struct lab *lab)
{
    server_close(lab->server);
    open_server(lab);
}

void lab_log(struct bs_buf *log, const char *cmdline, bool has_extra)
{
    put_sha256_header(log);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        put_measured(log, pcr, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
    put_measured(log, 4, EVENTLOG_EFI_ACTION, bs_span_of_string("Calling EFI Application from Boot Option"));
    if (has_extra)
        put_measured(log, 4, EVENTLOG_EFI_ACTION, bs_span_of_string("one application more"));
    put_measured(log, 4, EVENTLOG_EFI_ACTION, bs_span_of_string("the kernel"));
    put_measured(log, 9, EVENTLOG_IPL, bs_span_of_string("initrd"));
    put_measured(log, 9, EVENTLOG_IPL, bs_span_of_string(cmdline));
    put_measured(log, 11, EVENTLOG_IPL, bs_span_of_string("a section"));
}

void lab_device(struct lab *lab, struct softtpm *ret_tpm)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, "good", false);
    assert_ok(softtpm_make(&lab->vendor, NULL, ret_tpm));
    assert_ok(softtpm_boot(ret_tpm, bs_buf_span(&log)));
}

const char *lab_id(const struct softtpm *tpm)
{
    static char ids[4][2 * WIRE_ID_SIZE + 1];
    static unsigned next;
    char *id = ids[next++ % COUNT(ids)];
    bs_hex(BS_SPAN(tpm->id, WIRE_ID_SIZE), id);
    return id;
}

void talk_open(struct lab *lab, struct talk *ret_talk)
{
    struct talk talk = {
        .lab = lab, .body = BS_BUF(BS_REQUEST_MAX), .statement = BS_BUF(BS_REQUEST_MAX), .bytes = BS_BUF(BS_ANSWER_MAX)
    };
    struct enroll_peer peer = { .address = "192.0.2.1", .may_hold = lab->may_hold };
    struct ca_tls tls;
    assert_ok(crypto_random(talk.channel, sizeof(talk.channel)));
    assert_ok(ca_tls(lab->server->ca, &tls));
    memcpy(talk.server_cert, tls.cert_sha256, 32);
    ca_tls_free(&tls);
    memcpy(peer.channel, talk.channel, 32);
    memcpy(peer.server_cert_sha256, talk.server_cert, 32);
    assert_ok(enroll_session_new(&peer, &talk.session));
    *ret_talk = talk;
}

void talk_close(struct talk *talk)
{
    enroll_session_free(talk->session);
    bs_buf_free(&talk->body);
    bs_buf_free(&talk->statement);
    bs_buf_free(&talk->bytes);
}

typedef void (*exchange_fn)(struct server *server, struct enroll_session *session, struct bs_span body,
                            struct bs_buf *answer, struct enroll_result *ret_result);

static void send(struct talk *talk, exchange_fn exchange)
{
    bs_buf_reset(&talk->bytes);
    exchange(talk->lab->server, talk->session, bs_buf_span(&talk->body), &talk->bytes, &talk->result);
    assert_ok(message_answer_decode(bs_buf_span(&talk->bytes), &talk->answer));
}

void talk_settle(struct talk *talk)
{
    store_settle(talk->lab->server->store);
    enroll_settled(talk->session, &talk->bytes, &talk->result);
    assert_ok(message_answer_decode(bs_buf_span(&talk->bytes), &talk->answer));
}

void talk_send_attest(struct talk *talk)
{
    send(talk, enroll_attest);
}

void talk_send_confirm(struct talk *talk)
{
    send(talk, enroll_confirm);
}

void talk_attest(struct talk *talk, struct softtpm *tpm, const struct softtpm_request *request)
{
    struct softtpm_request full = request ? *request : (struct softtpm_request){ .channel = NULL };
    if (!full.channel)
        full.channel = talk->channel;
    full.server_cert = talk->server_cert;
    bs_buf_reset(&talk->body);
    bs_buf_reset(&talk->statement);
    assert_ok(softtpm_attest(tpm, &full, &talk->body, &talk->statement));
    send(talk, enroll_attest);
}

void talk_prove(struct talk *talk, struct softtpm *tpm)
{
    assert_ok(softtpm_activate(tpm, talk->answer.id_object, talk->answer.encrypted_secret, talk->secret));
    bs_buf_reset(&talk->body);
    assert_ok(softtpm_prove(talk->secret, talk->channel, bs_buf_span(&talk->statement), &talk->body));
    send(talk, enroll_prove);
}

void talk_confirm(struct talk *talk, struct softtpm *tpm, uint64_t serial)
{
    bs_buf_reset(&talk->body);
    assert_ok(softtpm_confirm(tpm, talk->secret, talk->channel, serial, &talk->body));
    send(talk, enroll_confirm);
}

void talk_enroll(struct talk *talk, struct softtpm *tpm, const struct softtpm_request *request)
{
    talk_attest(talk, tpm, request);
    if (talk->answer.kind == MESSAGE_PROVE)
        talk_prove(talk, tpm);
}

void talk_bundle(struct talk *talk, struct softtpm *tpm, struct bs_secret **ret_plain, struct bundle *ret_bundle)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_OWN(roots) roots = NULL;
    assert_kind(talk, MESSAGE_APPROVED);
    assert_ok(softtpm_activate(tpm, talk->answer.id_object, talk->answer.encrypted_secret, talk->secret));
    assert_ok(bundle_decrypt(BS_SPAN(talk->secret, 32), BS_SPAN(talk->channel, 32), bs_buf_span(&talk->statement),
                             talk->answer.bundle, ret_plain));
    assert_ok(cert_pem_encode(ca_cert(talk->lab->server->ca, CA_SERVER_ROOT), "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &roots));
    assert_ok(bundle_verify(BS_SPAN(bs_secret_view(*ret_plain), bs_secret_size(*ret_plain)), roots, ret_bundle));
}

struct bs_span lab_item(const struct bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->item_count; i++)
        if (bs_span_equal(bundle->items[i].name, bs_span_of_string(name)))
            return bundle->items[i].data;
    fail_msg("no item %s", name);
    return BS_SPAN_NONE;
}

void assert_kind(const struct talk *talk, enum message_kind kind)
{
    if (talk->answer.kind != kind)
        fail_msg("kind %d instead of %d: %.*s: %.*s", talk->answer.kind, kind, (int)talk->answer.reason.size,
                 (const char *)talk->answer.reason.data, (int)talk->answer.text.size,
                 (const char *)talk->answer.text.data);
}

void assert_reason(const struct talk *talk, enum message_kind kind, const char *reason)
{
    assert_kind(talk, kind);
    if (!bs_span_equal(talk->answer.reason, bs_span_of_string(reason)))
        fail_msg("reason %.*s instead of %s: %.*s", (int)talk->answer.reason.size,
                 (const char *)talk->answer.reason.data, reason, (int)talk->answer.text.size,
                 (const char *)talk->answer.text.data);
    assert_int_equal(talk->answer.bundle.size, 0);
}

bool lab_has_device(struct lab *lab, const struct softtpm *tpm, struct store_device *ret_device)
{
    struct store_device device;
    enum bs_err err = store_device_get(lab->server->store, tpm->id, &device);
    if (err == BS_OK && ret_device)
        *ret_device = device;
    assert_true(err == BS_OK || err == BS_ERR_NOT_FOUND);
    return err == BS_OK;
}

static enum bs_err count_stranger(void *context, const struct store_audit *row)
{
    bool is_stranger = strcmp(row->actor, "stranger") == 0;
    assert_false(is_stranger && row->device);
    *(uint64_t *)context += is_stranger;
    return BS_OK;
}

uint64_t lab_audit_rows(struct lab *lab)
{
    uint64_t rows = 0, wrong = 0, strangers = 0;
    assert_ok(operator_audit_verify(&lab->call, &rows, &wrong));
    assert_ok(store_audit_each(lab->server->store, 0, 0, NULL, count_stranger, &strangers));
    return rows - strangers;
}

struct wanted_row {
    const char *reason;
    bool is_there;
};

static enum bs_err find_row(void *context, const struct store_audit *row)
{
    struct wanted_row *wanted = context;
    if (strcmp(row->act, "verdict.refused") == 0 && strcmp(row->reason, wanted->reason) == 0)
        wanted->is_there = true;
    return BS_OK;
}

bool lab_has_row(struct lab *lab, const char *reason)
{
    struct wanted_row wanted = { .reason = reason };
    assert_ok(store_audit_each(lab->server->store, 0, 0, NULL, find_row, &wanted));
    return wanted.is_there;
}

void lab_approve(struct lab *lab, const struct softtpm *tpm, bool learn)
{
    struct operator_approve request = { .device = lab_id(tpm), .profile = "sensor", .learn = learn };
    struct operator_approved approved;
    enum bs_err err = operator_device_approve(&lab->call, &request, &approved);
    if (err != BS_OK)
        fail_msg("approve: %s", lab->call.why);
}

void lab_approved_device(struct lab *lab, struct softtpm *ret_tpm)
{
    lab_device(lab, ret_tpm);
    TALK(talk, lab);
    talk_enroll(&talk, ret_tpm, NULL);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_UNKNOWN_DEVICE);
    lab_approve(lab, ret_tpm, true);
}

void lab_token(struct lab *lab, uint32_t uses, char ret_text[OPERATOR_TOKEN_SIZE])
{
    struct operator_token request = { .profile = "sensor", .uses = uses, .valid_for = 3600 };
    uint64_t id;
    int64_t expires;
    assert_ok(operator_token_create(&lab->call, &request, &id, &expires, ret_text));
}
