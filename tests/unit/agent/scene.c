#include "scene.h"

#include "unit/unit.h"

#include "core/file.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIME 1795000000
#define YEAR (365 * 24 * 3600)

struct scene scene;

static const char base_config[] = "server = { url = \"https://server.example\"; };\n"
                                  "measure = { pcrs = [4, 7, 9]; };\n"
                                  "handover = { unauthenticated_root = true; ramfs = false; };\n";

static void make_cert(struct cert_request request, struct crypto_key *key, struct crypto_key *issuer,
                      struct bs_span issuer_cert, struct bs_buf *out)
{
    struct crypto_point point;
    request.not_before = TIME - YEAR;
    request.not_after = TIME + 50 * (int64_t)YEAR;
    request.serial[0] = 1;
    assert_ok(crypto_key_public(key, &point));
    assert_ok(cert_make(&request, &point, issuer, issuer_cert, out));
}

static void make_server(void)
{
    scene.ca = scene.bundle_cert = scene.device_ca = BS_BUF(BS_CERT_MAX);
    assert_ok(crypto_key_make(&scene.ca_key));
    assert_ok(crypto_key_make(&scene.bundle_key));
    assert_ok(crypto_key_make(&scene.device_ca_key));
    struct cert_request ca = { .common_name = "server CA", .is_ca = true, .path_length = 0 };
    make_cert(ca, scene.ca_key, scene.ca_key, BS_SPAN_NONE, &scene.ca);
    struct cert_request device_ca = { .common_name = "device CA", .is_ca = true, .path_length = 0 };
    make_cert(device_ca, scene.device_ca_key, scene.device_ca_key, BS_SPAN_NONE, &scene.device_ca);
    struct cert_request bundle = { .common_name = "bundles", .path_length = -1, .eku = BS_OID_EKU_BUNDLE };
    make_cert(bundle, scene.bundle_key, scene.ca_key, bs_buf_span(&scene.ca), &scene.bundle_cert);
}

void scene_sign_bundle(struct crypto_key *key, struct bs_span cert, struct bs_buf *out)
{
    static uint8_t device[WIRE_ID_SIZE];
    const struct tpm_ek *ek;
    const TPMT_PUBLIC *public_area;
    const struct wire_name *ak, *srk;
    bool was_released = fake_tpm.is_released, was_open = fake_tpm.is_open;
    fake_tpm.is_open = true;
    fake_tpm.is_released = false;
    assert_ok(tpm_ek(NULL, &ek));
    assert_ok(tpm_ak(NULL, &public_area, &ak));
    assert_ok(tpm_srk(NULL, &public_area, &srk));
    fake_tpm.is_open = was_open;
    fake_tpm.is_released = was_released;
    assert_ok(wire_device_id(&ek->public_area, device));

    BS_SCOPED_BUF struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    struct cert_request request = {
        .common_name = "device", .path_length = -1, .device = device, .profile = "gateway"
    };
    make_cert(request, fake_tpm.device_key, scene.device_ca_key, bs_buf_span(&scene.device_ca), &leaf);
    struct bundle bundle = {
        .device = BS_SPAN(device, sizeof(device)),
        .ak_name = wire_name_span(ak),
        .srk_name = wire_name_span(srk),
        .serial = ++scene.serial,
        .issued = TIME,
        .renew_after = scene.renew_after,
        .profile = bs_span_of_string("gateway"),
        .chain = { bs_buf_span(&leaf), bs_buf_span(&scene.device_ca) },
        .chain_count = 2,
        .items = { { bs_span_of_string("app.key"), BS_ITEM_SECRET, bs_span_of_string("secret") },
                   { bs_span_of_string("net.conf"), BS_ITEM_FILE, bs_span_of_string("dhcp\n") } },
        .item_count = 2,
    };
    if (scene.spoil)
        scene.spoil(&bundle);
    assert_ok(bundle_sign(&bundle, key, cert, out));
}

static uint8_t id_object[34] = { 0, 32 };
static uint8_t encrypted_secret[4] = { 0, 2, 1, 1 };
static struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
static struct bs_buf attest = BS_BUF(BS_REQUEST_MAX);
static struct bs_buf confirmation = BS_BUF(BS_REQUEST_MAX);

static void challenge(uint8_t seed, struct message_answer *answer, uint8_t ret_secret[32])
{
    memset(id_object + 2, seed, 32);
    answer->id_object = BS_SPAN(id_object, sizeof(id_object));
    answer->encrypted_secret = BS_SPAN(encrypted_secret, sizeof(encrypted_secret));
    fake_tpm_activation(answer->id_object, ret_secret);
}

void scene_other_signer(struct crypto_key **ret_key, struct bs_buf *ret_cert)
{
    struct cert_request request = { .common_name = "bundles", .path_length = -1, .eku = BS_OID_EKU_BUNDLE };
    assert_ok(crypto_key_make(ret_key));
    make_cert(request, *ret_key, *ret_key, BS_SPAN_NONE, ret_cert);
}

static void channel_now(uint8_t ret_channel[32])
{
    memset(ret_channel, fake_net.channel, 32);
}

static void approve(struct message_answer *answer, struct bs_buf *encrypted)
{
    uint8_t secret[32], channel[32];
    channel_now(channel);
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf other_cert = BS_BUF(BS_CERT_MAX);
    BS_OWN(key) other = NULL;
    scene_other_signer(&other, &other_cert);
    if (scene.signs_wrongly)
        scene_sign_bundle(other, bs_buf_span(&other_cert), &sign1);
    else
        scene_sign_bundle(scene.bundle_key, bs_buf_span(&scene.bundle_cert), &sign1);
    challenge(0x33, answer, secret);
    assert_ok(bundle_encrypt(BS_SPAN(secret, 32), BS_SPAN(channel, 32), bs_buf_span(&statement), bs_buf_span(&sign1),
                             encrypted));
    answer->kind = MESSAGE_APPROVED;
    answer->bundle = bs_buf_span(encrypted);
}

static void sign_order(void)
{
    static uint8_t device[WIRE_ID_SIZE];
    uint8_t hash[CRYPTO_SHA256_SIZE];
    const struct tpm_ek *ek;
    const TPMT_PUBLIC *public_area;
    const struct wire_name *ak;
    BS_SCOPED_BUF struct bs_buf other_cert = BS_BUF(BS_CERT_MAX);
    BS_OWN(key) other = NULL;
    scene_other_signer(&other, &other_cert);
    bool was_released = fake_tpm.is_released;
    fake_tpm.is_released = false;
    assert_ok(tpm_ek(NULL, &ek));
    assert_ok(tpm_ak(NULL, &public_area, &ak));
    fake_tpm.is_released = was_released;
    assert_ok(wire_device_id(&ek->public_area, device));
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_buf_span(&statement), hash));
    struct wipe_order order = { .device = BS_SPAN(device, sizeof(device)),
                                .ak_name = wire_name_span(ak),
                                .statement_sha256 = BS_SPAN(hash, sizeof(hash)),
                                .serial = ++scene.serial };
    if (scene.spoil_order)
        scene.spoil_order(&order);
    bs_buf_reset(&scene.last_order);
    if (scene.signs_wrongly)
        assert_ok(wipe_sign(&order, other, bs_buf_span(&other_cert), &scene.last_order));
    else
        assert_ok(wipe_sign(&order, scene.bundle_key, bs_buf_span(&scene.bundle_cert), &scene.last_order));
}

static void order_wipe(struct message_answer *answer)
{
    uint8_t secret[32];
    if (!scene.repeats_order)
        sign_order();
    challenge(0x44, answer, secret);
    answer->kind = MESSAGE_WIPE;
    answer->reason = bs_span_of_string("wiped");
    answer->text = bs_span_of_string("An operator ordered this device to forget.");
    answer->order = bs_buf_span(&scene.last_order);
}

static void take_wiped(struct bs_span body)
{
    struct message_confirm m;
    struct message_answer dummy;
    uint8_t secret[32], channel[32], key[32], mac[32];
    assert_ok(message_confirm_decode(body, &m));
    channel_now(channel);
    challenge(0x44, &dummy, secret);
    assert_ok(wipe_confirm_key(BS_SPAN(secret, 32), BS_SPAN(channel, 32), key));
    assert_ok(message_confirm_mac(BS_SPAN(key, 32), BS_SPAN(channel, 32), &m, mac));
    assert_memory_equal(m.mac.data, mac, 32);
    assert_int_equal(m.serial, scene.serial);
    scene.wiped++;
}

static void decide(struct message_answer *answer, struct bs_buf *encrypted)
{
    static const char device[32] = "device";
    if (scene.wipes && !scene.refuses) {
        order_wipe(answer);
    } else if (scene.refuses) {
        answer->kind = MESSAGE_REFUSED;
        answer->reason = bs_span_of_string(scene.refuse_reason ? scene.refuse_reason : "boot-not-approved");
        answer->text = bs_span_of_string("This boot equals no reference.");
        answer->device = BS_SPAN(device, 32);
    } else if (scene.pending > 0) {
        scene.pending--;
        answer->kind = MESSAGE_PENDING;
        answer->reason = bs_span_of_string("unknown-device");
        answer->text = bs_span_of_string("Nobody registered this device.");
        answer->device = BS_SPAN(device, 32);
        answer->retry_after = 5;
    } else {
        approve(answer, encrypted);
    }
}

static void assert_hash(struct bs_span log, struct bs_span sha256)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    assert_ok(crypto_sha256(&log, 1, digest));
    assert_true(bs_span_equal(sha256, log.size > 0 ? BS_SPAN(digest, sizeof(digest)) : BS_SPAN_NONE));
}

static void take_statement(struct bs_span body)
{
    struct message_attest m;
    struct message_statement s;
    assert_ok(message_attest_decode(body, &m));
    assert_ok(message_statement_decode(m.statement, &s));
    bs_buf_reset(&statement);
    assert_ok(bs_buf_append(&statement, m.statement.data, m.statement.size));
    scene.statement_notes = (uint32_t)s.note_count;
    scene.held_serial = s.held_serial;
    if (s.held_serial == scene.serial)
        scene.confirmed_serial = scene.serial;
    assert_ok(message_statement_decode(bs_buf_span(&statement), &scene.said));
    bs_buf_reset(&attest);
    assert_ok(bs_buf_append(&attest, body.data, body.size));
    assert_ok(message_attest_decode(bs_buf_span(&attest), &scene.sent));
    assert_hash(scene.sent.firmware_log, scene.said.firmware_log_sha256);
    assert_hash(scene.sent.userspace_log, scene.said.userspace_log_sha256);
}

/* Made with the key of the bundle that was sent on this connection. */
static void take_confirm(struct bs_span body)
{
    uint8_t secret[32], channel[32], key[32], mac[32];
    struct message_answer dummy;
    channel_now(channel);
    bs_buf_reset(&confirmation);
    assert_ok(bs_buf_append(&confirmation, body.data, body.size));
    assert_ok(message_confirm_decode(bs_buf_span(&confirmation), &scene.kept));
    challenge(0x33, &dummy, secret);
    assert_ok(bundle_confirm_key(BS_SPAN(secret, 32), BS_SPAN(channel, 32), key));
    assert_ok(message_confirm_mac(BS_SPAN(key, 32), BS_SPAN(channel, 32), &scene.kept, mac));
    assert_memory_equal(scene.kept.mac.data, mac, 32);
}

static void check_proof(struct bs_span body)
{
    struct message_prove m;
    struct message_answer dummy;
    uint8_t secret[32], channel[32], mac[32];
    channel_now(channel);
    assert_ok(message_prove_decode(body, &m));
    challenge(0x22, &dummy, secret);
    assert_ok(message_prove_mac(BS_SPAN(secret, 32), BS_SPAN(channel, 32), bs_buf_span(&statement), mac));
    assert_memory_equal(m.mac.data, mac, 32);
}

static enum bs_err serve(const char *path, struct bs_span body, struct bs_buf *answer_bytes,
                         struct net_answer *ret_answer)
{
    (void)ret_answer;
    BS_SCOPED_BUF struct bs_buf encrypted = BS_BUF(BS_BUNDLE_MAX);
    struct message_answer answer = { .time = scene.time ? scene.time : TIME };
    uint8_t secret[32];
    if (strcmp(path, BS_PATH_ATTEST) == 0) {
        scene.attests++;
        take_statement(body);
        answer.kind = MESSAGE_PROVE;
        if (scene.is_known)
            decide(&answer, &encrypted);
        else
            challenge(0x22, &answer, secret);
    } else if (strcmp(path, BS_PATH_PROVE) == 0) {
        scene.proves++;
        check_proof(body);
        decide(&answer, &encrypted);
    } else if (scene.loses_confirms) {
        return BS_ERR_UNREACHABLE;
    } else {
        scene.confirms++;
        scene.confirmed_serial = scene.serial;
        if (scene.wipes)
            take_wiped(body);
        else
            take_confirm(body);
        answer.kind = MESSAGE_CONFIRMED;
    }
    assert_ok(message_answer_encode(&answer, answer_bytes));
    return BS_OK;
}

static void put_ca(void)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_OWN(string) path = NULL;
    assert_ok(cert_pem_encode(bs_buf_span(&scene.ca), "CERTIFICATE", &pem));
    assert_ok(bs_dir_make(scene_path("/etc/bootseal"), 0755));
    assert_ok(bs_file_write(scene_path("/etc/bootseal/server-ca.pem"), bs_buf_span(&pem), NULL));
}

int scene_setup(void **state)
{
    (void)state;
    scene = (struct scene){ .last_order = BS_BUF(BS_ORDER_MAX) };
    /* In memory where possible: every commit and handover waits for its disk. */
    snprintf(scene.root, sizeof(scene.root), "%s/bootseal-scene-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(scene.root))
        return -1;
    fake_tpm_new();
    fake_net_new();
    fake_device_new();
    fake_net.serve = serve;
    make_server();
    put_ca();
    scene_configure("");
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int scene_teardown(void **state)
{
    (void)state;
    crypto_key_free(scene.ca_key);
    crypto_key_free(scene.bundle_key);
    crypto_key_free(scene.device_ca_key);
    bs_buf_free(&scene.ca);
    bs_buf_free(&scene.bundle_cert);
    bs_buf_free(&scene.device_ca);
    bs_buf_free(&statement);
    bs_buf_free(&attest);
    bs_buf_free(&confirmation);
    bs_buf_free(&scene.last_order);
    conf_free(scene.conf);
    fake_tpm_free();
    return nftw(scene.root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void scene_configure(const char *more)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(8192);
    struct conf_problem problem = { "" };
    conf_free(scene.conf);
    scene.conf = NULL;
    assert_ok(bs_buf_append_string(&text, base_config));
    assert_ok(bs_buf_append_string(&text, more));
    if (config_parse("test.conf", bs_buf_span(&text), &scene.config, &scene.conf, &problem) != BS_OK)
        fail_msg("%s", problem.text);
}

enum bs_err scene_boot(void)
{
    boot_begin(&scene.boot, &scene.config, scene.root);
    enum bs_err err = flow_run(&scene.boot);
    boot_end(&scene.boot);
    assert_false(fake_tpm.is_open);
    assert_false(fake_net.is_connected);
    return err;
}

void scene_reboot(uint8_t variant)
{
    fake_tpm_reboot(variant);
    scene.attests = scene.proves = scene.confirms = 0;
    fake_net.connects = fake_net.ups = 0;
}

const char *scene_path(const char *path)
{
    static char paths[4][256];
    static unsigned next;
    char *whole = paths[next++ % COUNT(paths)];
    snprintf(whole, sizeof(paths[0]), "%s%s", scene.root, path);
    return whole;
}

bool scene_has(const char *path)
{
    return access(scene_path(path), F_OK) == 0;
}

void scene_assert_file(const char *path, const char *text)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(65536);
    assert_ok(bs_file_read(scene_path(path), &bytes));
    assert_span_text(bs_buf_span(&bytes), text);
}

bool scene_has_note(const char *note)
{
    for (size_t i = 0; i < scene.boot.report.note_count; i++) {
        if (strcmp(scene.boot.report.notes[i], note) == 0)
            return true;
    }
    return false;
}

const struct report_step *scene_step(const char *state)
{
    for (size_t i = 0; i < scene.boot.report.step_count; i++) {
        if (strcmp(scene.boot.report.steps[i].state, state) == 0)
            return &scene.boot.report.steps[i];
    }
    return NULL;
}
