/* Keys, power, and evidence; the bytes of TPMS_ATTEST and the EK's secret work are in softtpm_bytes.c and softtpm_ek.c. */
#include "fakes/softtpm_internal.h"

#include "bootseal/protocol.h"
#include "core/bundle.h"
#include "core/clock.h"

#include <string.h>

#define YEAR (INT64_C(365) * 86400)

const uint8_t softtpm_endorsement[4] = { 0x40, 0, 0, 0x0b };
const uint8_t softtpm_owner[4] = { 0x40, 0, 0, 0x01 };
const uint8_t softtpm_platform[4] = { 0x40, 0, 0, 0x0c };

enum bs_err softtpm_vendor_make(struct softtpm_vendor *ret_vendor)
{
    struct softtpm_vendor vendor = { .root = BS_BUF(BS_CERT_MAX) };
    struct crypto_point point;
    struct cert_request request = { .common_name = "TPM vendor of the tests",
                                    .is_ca = true,
                                    .path_length = 1,
                                    .not_before = bs_clock_now() - YEAR,
                                    .not_after = bs_clock_now() + 20 * YEAR,
                                    .serial = { 0x11 } };
    enum bs_err err = crypto_key_make(&vendor.key);
    if (err == BS_OK)
        err = crypto_key_public(vendor.key, &point);
    if (err == BS_OK)
        err = crypto_random(request.serial + 1, 15);
    if (err == BS_OK)
        err = cert_make(&request, &point, vendor.key, BS_SPAN_NONE, &vendor.root);
    if (err == BS_OK)
        *ret_vendor = vendor;
    else
        softtpm_vendor_free(&vendor);
    return err;
}

void softtpm_vendor_free(struct softtpm_vendor *vendor)
{
    crypto_key_free(vendor->key);
    bs_buf_free(&vendor->root);
}

enum bs_err softtpm_vendor_pem(const struct softtpm_vendor *vendor, struct bs_buf *out)
{
    return cert_pem_encode(bs_buf_span(&vendor->root), "CERTIFICATE", out);
}

static void set_point(TPMT_PUBLIC *public_area, const struct crypto_point *point)
{
    TPMS_ECC_POINT *unique = &public_area->unique.ecc;
    unique->x.size = unique->y.size = 32;
    memcpy(unique->x.buffer, point->x, 32);
    memcpy(unique->y.buffer, point->y, 32);
}

enum bs_err softtpm_key_rename(struct softtpm_key *key, struct bs_span parent)
{
    enum bs_err err = wire_public_name(&key->public_area, &key->name);
    if (err != BS_OK)
        return err;
    struct bs_span pieces[] = { parent, wire_name_span(&key->name) };
    key->qualified = key->name;
    return crypto_sha256(pieces, 2, key->qualified.name + 2);
}

static enum bs_err make_key(void (*template)(TPMT_PUBLIC *), struct bs_span parent, struct softtpm_key *key)
{
    struct crypto_point point;
    template(&key->public_area);
    enum bs_err err = crypto_key_make(&key->key);
    if (err == BS_OK)
        err = crypto_key_public(key->key, &point);
    if (err != BS_OK)
        return err;
    set_point(&key->public_area, &point);
    return softtpm_key_rename(key, parent);
}

enum bs_err softtpm_device_key_new(struct softtpm *tpm)
{
    crypto_key_free(tpm->device.key);
    tpm->device = (struct softtpm_key){ 0 };
    return make_key(wire_template_device, wire_name_span(&tpm->srk.qualified), &tpm->device);
}

static enum bs_err make_ek(const struct softtpm_vendor *vendor, const char *eku, struct softtpm *tpm)
{
    struct crypto_point point;
    struct cert_request request = { .common_name = "EK",
                                    .path_length = -1,
                                    .eku = eku ? eku : BS_OID_EKU_EK,
                                    .not_before = bs_clock_now() - YEAR,
                                    .not_after = bs_clock_now() + 20 * YEAR,
                                    .serial = { 0x22 } };
    tpm->ek_public = wire_ek_template(WIRE_EK_P256)->public_area;
    enum bs_err err = softtpm_ek_make(&tpm->ek, &point);
    if (err != BS_OK)
        return err;
    set_point(&tpm->ek_public, &point);
    err = crypto_random(request.serial + 1, 15);
    if (err == BS_OK)
        err = cert_make(&request, &point, vendor->key, bs_buf_span(&vendor->root), &tpm->ek_cert);
    return err == BS_OK ? wire_device_id(&tpm->ek_public, tpm->id) : err;
}

enum bs_err softtpm_make(const struct softtpm_vendor *vendor, const char *eku, struct softtpm *ret_tpm)
{
    struct softtpm tpm = { .ek_cert = BS_BUF(BS_CERT_MAX),
                           .log = BS_BUF(SOFTTPM_LOG_MAX),
                           .reset_count = 7,
                           .firmware_version = 0x20240102030405,
                           .bank = CRYPTO_SHA256,
                           .mask = 1u << 0 | 1u << 2 | 1u << 4 | 1u << 7 | 1u << 9 | 1u << 11 | 1u << 12 };
    tpm.counter =
        (TPMS_NV_PUBLIC){ .nvIndex = 0x0180b001,
                          .nameAlg = TPM2_ALG_SHA256,
                          .attributes = (TPMA_NV)(TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_AUTHREAD |
                                        TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA | TPMA_NV_WRITTEN,
                          .dataSize = 8 };
    enum bs_err err = make_ek(vendor, eku, &tpm);
    if (err == BS_OK)
        err = make_key(wire_template_ak, BS_SPAN(softtpm_endorsement, 4), &tpm.ak);
    if (err == BS_OK)
        err = make_key(wire_template_srk, BS_SPAN(softtpm_owner, 4), &tpm.srk);
    if (err == BS_OK)
        err = softtpm_device_key_new(&tpm);
    if (err == BS_OK)
        *ret_tpm = tpm;
    else
        softtpm_free(&tpm);
    return err;
}

void softtpm_free(struct softtpm *tpm)
{
    softtpm_ek_free(tpm->ek);
    crypto_key_free(tpm->ak.key);
    crypto_key_free(tpm->srk.key);
    crypto_key_free(tpm->device.key);
    bs_buf_free(&tpm->ek_cert);
    bs_buf_free(&tpm->log);
    *tpm = (struct softtpm){ 0 };
}

enum bs_err softtpm_boot(struct softtpm *tpm, struct bs_span log)
{
    memset(tpm->pcrs, 0, sizeof(tpm->pcrs));
    bs_buf_reset(&tpm->log);
    if (log.size == 0)
        return BS_OK;
    struct eventlog parsed;
    struct eventlog_replay replay;
    enum bs_err err = eventlog_open(log, &parsed, NULL);
    if (err == BS_OK)
        err = eventlog_replay(&parsed, tpm->bank, &replay);
    if (err != BS_OK)
        return err;
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if (replay.mask & (1u << pcr))
            memcpy(tpm->pcrs[pcr], replay.values[pcr], replay.size);
    return bs_buf_append(&tpm->log, log.data, log.size);
}

enum bs_err softtpm_extend(struct softtpm *tpm, uint32_t pcr, struct bs_span event)
{
    size_t size = crypto_hash_size(tpm->bank);
    uint8_t both[2 * CRYPTO_HASH_MAX];
    memcpy(both, tpm->pcrs[pcr], size);
    enum bs_err err = crypto_hash(tpm->bank, event, both + size);
    return err == BS_OK ? crypto_hash(tpm->bank, BS_SPAN(both, 2 * size), tpm->pcrs[pcr]) : err;
}

static enum bs_err csr_sign(void *context, const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    return crypto_key_sign(context, digest, ret_signature);
}

/* What TPM2_Certify gives: attest and signature, encoded. */
struct certified {
    struct bs_buf public_area, attest, signature;
};

static void certified_free(struct certified *c)
{
    bs_buf_free(&c->public_area);
    bs_buf_free(&c->attest);
    bs_buf_free(&c->signature);
}

static enum bs_err certify(struct softtpm *tpm, const struct softtpm_request *request, const struct softtpm_key *key,
                           struct certified *c)
{
    bool is_device = key == &tpm->device;
    struct softtpm_attest attest = { .magic = TPM2_GENERATED_VALUE,
                                     .type = TPM2_ST_ATTEST_CERTIFY,
                                     .signer = tpm->ak.qualified,
                                     .reset_count = tpm->reset_count,
                                     .name = key->name,
                                     .qualified = key->qualified };
    void (*bend)(struct softtpm_attest *) = is_device ? request->bend.certify_device : request->bend.certify_srk;
    struct bs_span channel = BS_SPAN(request->channel, BS_CHANNEL_SIZE);
    enum bs_err err =
        crypto_labelled(is_device ? BS_LABEL_CERTIFY_DEVICE : BS_LABEL_CERTIFY_SRK, &channel, 1, attest.extra);
    if (err == BS_OK)
        err = wire_public_encode(&key->public_area, &c->public_area);
    if (err != BS_OK)
        return err;
    if (bend)
        bend(&attest);
    err = softtpm_attest_write(tpm, &attest, &c->attest);
    if (err != BS_OK)
        return err;
    if (is_device && request->bend.device_bytes)
        request->bend.device_bytes(&c->attest);
    return softtpm_attest_sign(bs_buf_span(&c->attest),
                               request->bend.certify_key ? request->bend.certify_key : tpm->ak.key, &c->signature);
}

static struct message_certified span_of(const struct certified *c)
{
    return (struct message_certified){ bs_buf_span(&c->public_area), bs_buf_span(&c->attest),
                                       bs_buf_span(&c->signature) };
}

struct parts {
    struct bs_buf ek, ak, csr, counter;
    struct certified device, srk;
    uint8_t firmware_log_sha256[CRYPTO_SHA256_SIZE], userspace_log_sha256[CRYPTO_SHA256_SIZE];
};

static enum bs_err make_parts(struct softtpm *tpm, const struct softtpm_request *request, struct parts *p)
{
    struct crypto_key *csr_key = request->bend.csr_key ? request->bend.csr_key : tpm->device.key;
    enum bs_err err = wire_public_encode(&tpm->ek_public, &p->ek);
    if (err == BS_OK)
        err = wire_public_encode(&tpm->ak.public_area, &p->ak);
    if (err == BS_OK)
        err = wire_nv_public_encode(&tpm->counter, &p->counter);
    if (err == BS_OK)
        err = cert_csr_make(&tpm->device.public_area, "device", csr_sign, csr_key, &p->csr);
    if (err == BS_OK)
        err = certify(tpm, request, &tpm->device, &p->device);
    return err == BS_OK ? certify(tpm, request, &tpm->srk, &p->srk) : err;
}

static struct bs_span hash_span(struct bs_span log, const uint8_t sha256[CRYPTO_SHA256_SIZE])
{
    return log.size > 0 ? BS_SPAN(sha256, CRYPTO_SHA256_SIZE) : BS_SPAN_NONE;
}

static enum bs_err hash_logs(const struct message_attest *message, struct parts *p)
{
    enum bs_err err = crypto_sha256(&message->firmware_log, 1, p->firmware_log_sha256);
    return err == BS_OK ? crypto_sha256(&message->userspace_log, 1, p->userspace_log_sha256) : err;
}

static void fill_statement(struct softtpm *tpm, const struct softtpm_request *request,
                           const struct message_attest *message, const struct parts *p, struct message_statement *s)
{
    *s = (struct message_statement){ .channel_kind = MESSAGE_CHANNEL_TLS_EXPORTER,
                                     .channel = BS_SPAN(request->channel, BS_CHANNEL_SIZE),
                                     .server_cert_sha256 = BS_SPAN(request->server_cert, 32),
                                     .ek_public = bs_buf_span(&p->ek),
                                     .ek_certs = { bs_buf_span(&tpm->ek_cert) },
                                     .ek_cert_count = tpm->ek_cert.size > 0,
                                     .ak_public = bs_buf_span(&p->ak),
                                     .device_key = span_of(&p->device),
                                     .device_csr = bs_buf_span(&p->csr),
                                     .srk = span_of(&p->srk),
                                     .pcrs = { .bank = tpm->bank, .mask = tpm->mask },
                                     .firmware_log_sha256 = hash_span(message->firmware_log, p->firmware_log_sha256),
                                     .userspace_log_sha256 = hash_span(message->userspace_log, p->userspace_log_sha256),
                                     .facts = { .serial = bs_span_of_string("SN-4711"),
                                                .product = bs_span_of_string("Soft board") },
                                     .counter_public = bs_buf_span(&p->counter),
                                     .counter_value = 3,
                                     .token = request->token ? bs_span_of_string(request->token) : BS_SPAN_NONE,
                                     .held_serial = request->held_serial,
                                     .device_time = (uint64_t)bs_clock_now() };
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if (tpm->mask & (1u << pcr))
            s->pcrs.values[pcr] = BS_SPAN(tpm->pcrs[pcr], crypto_hash_size(tpm->bank));
    if (request->bend.statement)
        request->bend.statement(s);
}

static enum bs_err quote(struct softtpm *tpm, const struct softtpm_request *request, struct bs_span statement,
                         struct bs_buf *ret_attest, struct bs_buf *ret_signature)
{
    struct softtpm_attest attest = { .magic = TPM2_GENERATED_VALUE,
                                     .type = TPM2_ST_ATTEST_QUOTE,
                                     .signer = tpm->ak.qualified,
                                     .reset_count = tpm->reset_count,
                                     .banks = { tpm->bank },
                                     .masks = { tpm->mask } };
    struct bs_span values[MESSAGE_PCRS];
    size_t count = 0;
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if (tpm->mask & (1u << pcr))
            values[count++] = BS_SPAN(tpm->pcrs[pcr], crypto_hash_size(tpm->bank));
    enum bs_err err = crypto_sha256(values, count, attest.digest);
    if (err == BS_OK)
        err = message_quote_data(statement, attest.extra);
    if (err != BS_OK)
        return err;
    if (request->bend.quote)
        request->bend.quote(&attest);
    err = softtpm_attest_write(tpm, &attest, ret_attest);
    if (err == BS_OK && request->bend.quote_bytes)
        request->bend.quote_bytes(ret_attest);
    if (err == BS_OK)
        err = softtpm_attest_sign(bs_buf_span(ret_attest),
                                  request->bend.quote_key ? request->bend.quote_key : tpm->ak.key, ret_signature);
    if (err == BS_OK && request->bend.quote_signature)
        request->bend.quote_signature(ret_signature);
    return err;
}

enum bs_err softtpm_attest(struct softtpm *tpm, const struct softtpm_request *request, struct bs_buf *out,
                           struct bs_buf *ret_statement)
{
#define SMALL BS_BUF(4096)
    struct parts p = { .ek = SMALL,
                       .ak = SMALL,
                       .csr = SMALL,
                       .counter = SMALL,
                       .device = { SMALL, SMALL, SMALL },
                       .srk = { SMALL, SMALL, SMALL } };
    BS_SCOPED_BUF struct bs_buf attest = SMALL;
    BS_SCOPED_BUF struct bs_buf signature = SMALL;
    struct message_statement statement;
    struct message_attest message = { .firmware_log = bs_buf_span(&tpm->log) };
    if (request->bend.logs)
        request->bend.logs(&message);
    enum bs_err err = make_parts(tpm, request, &p);
    if (err == BS_OK)
        err = hash_logs(&message, &p);
    if (err == BS_OK) {
        fill_statement(tpm, request, &message, &p, &statement);
        err = message_statement_encode(&statement, ret_statement);
    }
    if (err == BS_OK && request->bend.statement_bytes)
        request->bend.statement_bytes(ret_statement);
    if (err == BS_OK)
        err = quote(tpm, request, bs_buf_span(ret_statement), &attest, &signature);
    message.statement = bs_buf_span(ret_statement);
    message.quote = bs_buf_span(&attest);
    message.signature = bs_buf_span(&signature);
    if (request->bend.request)
        request->bend.request(&message);
    if (err == BS_OK)
        err = message_attest_encode(&message, out);
    bs_buf_free(&p.ek);
    bs_buf_free(&p.ak);
    bs_buf_free(&p.csr);
    bs_buf_free(&p.counter);
    certified_free(&p.device);
    certified_free(&p.srk);
    return err;
}

enum bs_err softtpm_prove(const uint8_t secret[32], const uint8_t channel[32], struct bs_span statement,
                          struct bs_buf *out)
{
    uint8_t mac[CRYPTO_SHA256_SIZE];
    struct message_prove message = { BS_SPAN(mac, sizeof(mac)) };
    enum bs_err err = message_prove_mac(BS_SPAN(secret, 32), BS_SPAN(channel, 32), statement, mac);
    return err == BS_OK ? message_prove_encode(&message, out) : err;
}

enum bs_err softtpm_confirm(struct softtpm *tpm, const uint8_t secret[32], const uint8_t channel[32], uint64_t serial,
                            struct bs_buf *out)
{
    uint8_t key[32], mac[CRYPTO_SHA256_SIZE];
    struct message_confirm message = { .device = BS_SPAN(tpm->id, 32),
                                       .serial = serial,
                                       .mac = BS_SPAN(mac, sizeof(mac)) };
    enum bs_err err = bundle_confirm_key(BS_SPAN(secret, 32), BS_SPAN(channel, 32), key);
    if (err == BS_OK)
        err = message_confirm_mac(BS_SPAN(key, 32), BS_SPAN(channel, 32), &message, mac);
    return err == BS_OK ? message_confirm_encode(&message, out) : err;
}
