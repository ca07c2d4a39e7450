/*
 * usage: fuzz_seeds FOLDER. Writes FOLDER/TARGET/NAME: inputs for the targets that no file of tests/vectors is one for, made by our own
 * encoders and by the makers of the unit tests.
 */
#include "unit/unit.h"

#include "agent/vault/slot.h"
#include "bootseal/cap.h"
#include "core/file.h"
#include "core/generated.h"
#include "core/uki.h"
#include "fakes/softtpm.h"
#include "server/policy/evidence_file.h"
#include "server/policy/policy_learn.h"
#include "unit/logmaker.h"
#include "unit/pemaker.h"

#include <dirent.h>
#include <sys/stat.h>

static const char *folder;
static unsigned written;

static void give_up(const char *what)
{
    fprintf(stderr, "fuzz_seeds: %s\n", what);
    exit(1);
}

static void good(enum bs_err err)
{
    if (err != BS_OK)
        give_up(bs_err_name(err));
}

static void seed(const char *target, struct bs_span bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, target);
    (void)mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/%s/seed-%03u", folder, target, written++);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0)
        give_up(path);
}

static void fill_unique(TPMT_PUBLIC *area)
{
    memset(area->unique.ecc.x.buffer, 1, 32);
    memset(area->unique.ecc.y.buffer, 2, 32);
    area->unique.ecc.x.size = area->unique.ecc.y.size = 32;
}

/* Slots */

static const struct vault_contents contents = {
    .sign1 = { (const uint8_t *)"bundle", 6 },
    .device_public = { (const uint8_t *)"public", 6 },
    .device_private = { (const uint8_t *)"private", 7 },
    .time_floor = 1795000000,
    .keys = { { { (const uint8_t *)"disk", 4 }, BS_GENERATED_RANDOM, 1, { (const uint8_t *)"sixteen bytes...", 16 } } },
    .key_count = 1,
};

static void slot_of_kind(enum vault_kind kind)
{
    BS_OWN(secret) key = NULL;
    BS_SCOPED_BUF struct bs_buf slot = BS_BUF(SLOT_MAX);
    static uint8_t share_bytes[BS_SHARE_SIZE], device[32];
    const struct vault_share share = { 9, BS_SPAN(share_bytes, sizeof(share_bytes)), BS_SPAN(device, sizeof(device)) };
    struct slot_header header = { .generation = 7,
                                  .policy = { kind, CRYPTO_SHA256, 0x295, 12 },
                                  .counter_index = 0x0180B001,
                                  .counter_name = { .size = 34, .name = { 0x00, 0x0b } } };
    wire_template_srk(&header.srk);
    fill_unique(&header.srk);
    wire_template_device(&header.sealed.public_area.publicArea);
    fill_unique(&header.sealed.public_area.publicArea);
    header.sealed.private_area.size = 20;
    if (kind != VAULT_PCR) {
        wire_template_device(&header.signer.key);
        fill_unique(&header.signer.key);
        header.signer.approvals = BS_SPAN("approvals", 9);
        header.signer.policy_ref = kind == VAULT_SIGNED ? BS_SPAN(device, 32) : BS_SPAN_NONE;
    }
    good(bs_secret_copy(bs_zeros, SLOT_KEY_SIZE, &key));
    const struct slot_keys keys = { key, kind == VAULT_PCR ? NULL : &share };
    good(slot_encode(&header, &keys, &contents, &slot));
    seed("slot", bs_buf_span(&slot));

    struct slot decoded;
    BS_OWN(secret) plain = NULL;
    good(slot_decode(bs_buf_span(&slot), &decoded));
    good(slot_open(&decoded, key, &plain));
    seed("slot", BS_SPAN(bs_secret_view(plain), bs_secret_size(plain)));
}

/* Structures of TPMs */

static void public_area(const TPMT_PUBLIC *area)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(4096);
    BS_SCOPED_BUF struct bs_buf sized = BS_BUF(4096);
    TPM2B_PUBLIC whole = { .publicArea = *area };
    good(wire_public_encode(area, &bytes));
    seed("wire", bs_buf_span(&bytes));
    good(wire_public2b_encode(&whole, &sized));
    seed("wire", bs_buf_span(&sized));
}

static void structures(void)
{
    TPMT_PUBLIC area;
    TPM2B_PRIVATE private_area = { .size = 20 };
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(4096);
    for (int kind = 0; kind < WIRE_EK_COUNT; kind++)
        public_area(&wire_ek_template((enum wire_ek)kind)->public_area);
    wire_template_srk(&area);
    public_area(&area);
    wire_template_ak(&area);
    public_area(&area);
    wire_template_device(&area);
    public_area(&area);
    good(wire_private_encode(&private_area, &bytes));
    seed("wire", bs_buf_span(&bytes));
}

/* Images and logs */

static void image(const char *stub, const char *cmdline, bool is_signed)
{
    BS_SCOPED_BUF struct bs_buf kernel = BS_BUF(PEMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf uki = BS_BUF(PEMAKER_MAX);
    const struct pemaker_section text = { ".text", bs_span_of_string("code") };
    pemaker_make(&text, 1, &kernel);
    memcpy(kernel.data + 0x202, "HdrS\x0f\x02", 6);
    pemaker_poke16(&kernel, 0x202 + 12, 0x100);
    strcpy((char *)kernel.data + 0x300, "6.1.0-39-cloud-amd64");
    const struct pemaker_section sections[] = {
        text,
        { ".sdmagic", bs_span_of_string(stub) },
        { ".osrel", bs_span_of_string("ID=debian\n") },
        { ".cmdline", bs_span_of_string(cmdline) },
        { ".initrd", bs_span_of_string("initrd") },
        { ".uname", bs_span_of_string("6.1.0-39-cloud-amd64") },
        { ".linux", bs_buf_span(&kernel) },
    };
    pemaker_make(sections, COUNT(sections), &uki);
    if (is_signed)
        pemaker_sign(&uki, 16);
    seed("image", bs_buf_span(&uki));
}

static void splice(struct bs_span firmware)
{
    BS_SCOPED_BUF struct bs_buf both = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&events);
    put_measured(&events, 4, EVENTLOG_BOOT_APPLICATION, bs_span_of_string("image"));
    put_measured(&events, 11, EVENTLOG_IPL, bs_span_of_string(".linux"));
    put_measured(&events, 9, EVENTLOG_EVENT_TAG, bs_span_of_string("options"));
    put_le32(&both, (uint32_t)firmware.size);
    put_bytes(&both, firmware.data, firmware.size);
    put_bytes(&both, events.data, events.size);
    seed("splice", bs_buf_span(&both));
}

static void single_events(struct bs_span bytes)
{
    struct eventlog log;
    struct eventlog_event event;
    good(eventlog_open(bytes, &log, NULL));
    for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);) {
        BS_SCOPED_BUF struct bs_buf single = BS_BUF(LOGMAKER_MAX);
        put_le32(&single, event.type);
        put_le32(&single, event.pcr);
        put_bytes(&single, event.data.data, event.data.size);
        seed("event", bs_buf_span(&single));
    }
}

/* Whole requests, of a device that booted so. */
static void request(struct softtpm *tpm, struct bs_span log)
{
    static const uint8_t channel[32] = { 1 }, cert[32] = { 2 };
    const struct softtpm_request asked = { .channel = channel, .server_cert = cert, .token = "token" };
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
    struct message_attest attest;
    struct message_statement said;
    good(softtpm_boot(tpm, log));
    good(softtpm_attest(tpm, &asked, &body, &statement));
    seed("evidence", bs_buf_span(&body));
    good(message_attest_decode(bs_buf_span(&body), &attest));
    good(message_statement_decode(attest.statement, &said));
    seed("wire", attest.quote);
    seed("wire", attest.signature);
    seed("wire", said.srk.attest);
    seed("wire", said.counter_public);
    seed("cert", said.device_csr);
    seed("cert", said.ek_certs[0]);
}

/* A policy that is learned from a boot, and a boot that it judges. */
static void judged(struct bs_span known, struct bs_span log)
{
    BS_SCOPED_BUF struct bs_buf both = BS_BUF(LOGMAKER_MAX);
    put_le32(&both, (uint32_t)known.size);
    put_bytes(&both, known.data, known.size);
    put_bytes(&both, log.data, log.size);
    seed("judge", bs_buf_span(&both));
}

/* One boot of lab_log()'s kind, and what a policy says that was learned from it. */
static void small_boots(void)
{
    BS_SCOPED_BUF struct bs_buf known = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf other = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf policy = BS_BUF(CONF_SIZE_MAX);
    char why[POLICY_WORDS_SIZE];
    struct eventlog log;
    struct eventlog_replay replay;
    put_sha256_header(&known);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        put_measured(&known, pcr, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
    put_measured(&known, 4, EVENTLOG_EFI_ACTION, bs_span_of_string("Calling EFI Application from Boot Option"));
    put_measured(&known, 9, EVENTLOG_IPL, bs_span_of_string("initrd"));
    put_measured(&known, 11, EVENTLOG_IPL, bs_span_of_string(".linux"));
    put_bytes(&other, known.data, known.size);
    put_measured(&other, 9, EVENTLOG_IPL, bs_span_of_string("kernel_cmdline: ro"));
    judged(bs_buf_span(&known), bs_buf_span(&known));
    judged(bs_buf_span(&known), bs_buf_span(&other));
    good(eventlog_open(bs_buf_span(&known), &log, NULL));
    good(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    const struct policy_subject subject = { .boot = { .bank = CRYPTO_SHA256,
                                                      .mask = replay.mask,
                                                      .pcrs = (const uint8_t(*)[CRYPTO_HASH_MAX])replay.values,
                                                      .firmware_log = bs_buf_span(&known) },
                                            .cap_pcr = POLICY_NO_PCR,
                                            .tpm_manufacturer = "" };
    good(policy_learn("learned", &subject, &policy, why));
    seed("policy", bs_buf_span(&policy));
    judged(bs_buf_span(&policy), bs_buf_span(&known));
    judged(bs_buf_span(&policy), bs_buf_span(&other));
}

static void evidence_file(struct bs_span log)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVIDENCE_FILE_SIZE_MAX);
    struct evidence_file file = EVIDENCE_FILE_INIT;
    struct evidence_file_fault fault;
    good(evidence_file_read(log, &file, &fault));
    good(bs_buf_append_string(&file.boot.command_line, "ro quiet"));
    file.firmware_version = 7;
    good(evidence_file_write(&file, &text));
    seed("evidence_file", bs_buf_span(&text));
    evidence_file_free(&file);
}

static void each_log(struct softtpm *tpm)
{
    const char *path = BS_TEST_VECTORS "/eventlogs";
    DIR *logs = opendir(path);
    if (!logs)
        give_up(path);
    for (const struct dirent *entry = readdir(logs); entry; entry = readdir(logs)) {
        BS_SCOPED_BUF struct bs_buf log = BS_BUF(LOGMAKER_MAX);
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".bin") != 0)
            continue;
        char name[4096];
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        good(bs_file_read(name, &log));
        single_events(bs_buf_span(&log));
        splice(bs_buf_span(&log));
        evidence_file(bs_buf_span(&log));
        judged(bs_buf_span(&log), bs_buf_span(&log));
        request(tpm, bs_buf_span(&log));
    }
    (void)closedir(logs);
}

/* Of every bank that has a name, as the firmware and as the userspace write it down. */
static void every_bank(void)
{
    static const uint16_t banks[] = {
        0x04, 20, 0x0b, 32, 0x0c, 48, 0x0d, 64, 0x12, 32, 0x27, 32, 0x28, 48, 0x29, 64, 0
    };
    static const uint16_t hashes[] = { 0x04, 0x0b, 0x0c, 0x0d, 0x12, 0x27, 0x28, 0x29, 0 };
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(LOGMAKER_MAX);
    put_header(&log, banks);
    put_with_hashes(&log, 0, EVENTLOG_SEPARATOR, hashes, BS_SPAN("\0\0\0\0", 4));
    put_with_hashes(&log, 23, EVENTLOG_IPL, hashes, bs_span_of_string("grub_cmd: boot"));
    seed("eventlog", bs_buf_span(&log));
}

/* Of a confidential machine that td-shim started. */
static void td_shim(void)
{
    static const uint16_t bank[] = { CRYPTO_SHA384, 48, 0 }, hash[] = { CRYPTO_SHA384, 0 };
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(LOGMAKER_MAX);
    put_header(&log, bank);
    put_with_hashes(&log, 1, EVENTLOG_PLATFORM_CONFIG_FLAGS, hash,
                    BS_SPAN("td_hob\0\0\0\0\0\0\0\0\0\0\4\0\0\0list", 24));
    put_with_hashes(&log, 2, EVENTLOG_SEPARATOR, hash, BS_SPAN("\0\0\0\0", 4));
    seed("eventlog", bs_buf_span(&log));
}

static void generated(void)
{
    for (uint8_t kind = BS_GENERATED_RANDOM; kind <= BS_GENERATED_SECP256K1; kind++)
        for (uint8_t form = BS_FORM_RAW; form <= BS_FORM_OPENSSH; form++) {
            uint8_t bytes[34] = { kind, form, 9, 9, 9 };
            if (generated_has_form((enum bs_generated_kind)kind, 32, (enum bs_generated_form)form))
                seed("generated", BS_SPAN(bytes, sizeof(bytes)));
        }
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const texts[][2] = {
    { "http_server",
      "POST /v1/attest HTTP/1.1\r\nHost: h\r\nContent-Type: application/cbor\r\nContent-Length: 4\r\n\r\nbody"
      "GET /v1/crl HTTP/1.1\r\nConnection: close\r\n\r\n" },
    { "http_server",
      "GET /metrics?x=1 HTTP/1.0\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" },
    { "http_agent",
      "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody" },
    { "http_agent", "HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n" },
    { "import", "ek_sha256,serial,profile,labels\n"
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,\"SN, 1\",sensor,site=a;nic=eth0\r\n"
                "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,SN2,,\n" },
    { "import",
      "serial,ek_sha256\n\"say \"\"x\"\"\",1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n" },
    { "conf_agent", "https://host.example:8443/" },
    { "conf_agent", "https://[2001:db8::1]:1" },
    { "conf_agent", "http://proxy.example:3128" },
    { "conf_agent",
      "server: { url = \"https://host.example\"; ca = \"/etc/ca.pem\"; };\ntls: { pq = \"prefer\"; };\n"
      "tpm: { device = \"/dev/tpmrm0\"; deadline = 10; };\nmeasure: { boot = \"required\"; bank = \"sha256\"; pcrs = [0, 2, 4, 7]; };\n"
      "seal: { policy = \"pcr\"; };\ncap: { pcr = 12; };\nnet: { up = [\"/sbin/up\", \"-q\"]; proxy = \"http://p:1\"; };\n"
      "handover: { files = ( { item = \"a\"; path = \"/run/a\"; mode = \"0400\"; owner = 0; } ); };\n" },
    { "conf_server",
      "listen = \"[::]:8443\";\nnames = [\"host.example\", \"192.0.2.1\"];\nek: { require_certificate = true; };\n"
      "measure: { boot = \"required\"; bank = \"sha256\"; pcrs = [0, 2, 4, 7]; };\ncap: { pcr = 12; };\n"
      "enroll: { retry_after = 10; pending_max = 5; };\ncertificates: { device_days = 365; };\nlimits: { threads = 2; };\n" },
    { "conf_server",
      "name = \"sensor\";\nitems = (\n{ name = \"wifi.psk\"; kind = \"secret\"; text = \"correct horse\"; },\n"
      "{ name = \"k\"; kind = \"secret\"; hex = \"00ff\"; },\n{ name = \"d\"; kind = \"generated\"; size = 32; encoding = \"hex\"; },\n"
      "{ name = \"wg\"; kind = \"generate\"; type = \"x25519\"; format = \"wireguard\"; },\n"
      "{ name = \"f\"; kind = \"file\"; text = \"n=${device.label.nic} $${x}\"; } );\n" },
    { "userlog",
      "\x1e{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha3-256\",\"digest\":\"" DIGEST
      "\"},{\"hashAlg\":\"TPM_ALG_SM3_256\",\"digest\":\"" DIGEST "\"}],\"content\":{\"string\":\"enter-initrd\"}}\n" },
    { "json",
      "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"00\",\"pol\":\"11\",\"sig\":\"AAAA\"}],\"x\":[true,false,null,-1.5e3,\"\\u00e4\"]}" },
};

int main(int argc, char **argv)
{
    struct softtpm_vendor vendor;
    struct softtpm tpm;
    if (argc != 2)
        give_up("name the folder to write to");
    folder = argv[1];
    for (int kind = VAULT_PCR; kind <= VAULT_SIGNED_UKI; kind++)
        slot_of_kind((enum vault_kind)kind);
    structures();
    image("#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####", "quiet", false);
    image("#### LoaderInfo: systemd-stub 257.13-1~deb13u1 ####", "ro quiet", true);
    every_bank();
    td_shim();
    generated();
    small_boots();
    for (size_t i = 0; i < COUNT(texts); i++)
        seed(texts[i][0], bs_span_of_string(texts[i][1]));
    good(softtpm_vendor_make(&vendor));
    good(softtpm_make(&vendor, NULL, &tpm));
    each_log(&tpm);
    softtpm_free(&tpm);
    softtpm_vendor_free(&vendor);
    printf("%u seeds\n", written);
    return 0;
}
