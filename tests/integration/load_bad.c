/*
 * Bad requests over a real line, one thing wrong at a time. The device is known and approved, so that nothing but the check that is
 * meant stands between request and secrets; a good request before and after each says so.
 *
 * Says `waiting ID` and reads a line: by then an operator has approved the device and its boot. Then one line each:
 * `NAME EXPECTED FOUND STATUS`.
 */
#include "load_client.h"

#include "bootseal/cap.h"
#include "bootseal/protocol.h"
#include "bootseal/reason.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(expression)                                                        \
    do {                                                                        \
        enum bs_err must_ = (expression);                                       \
        if (must_ != BS_OK) {                                                   \
            (void)fprintf(stderr, "%s: %s\n", #expression, bs_err_name(must_)); \
            exit(7);                                                            \
        }                                                                       \
    } while (0)

/* What a row works with: `tpm` and `request` are good when it begins, and are made good again after it. */
struct scene {
    const struct load_target *target;
    const struct softtpm_vendor *vendor;
    struct bs_span log;
    struct load_line line;
    struct softtpm tpm, other, fresh; /* approved; proven and waiting; made by a row */
    struct softtpm_request request;
};

static void enroll(struct scene *s)
{
    MUST(load_enroll(&s->line, &s->tpm, &s->request));
}

static void raw(struct scene *s, const char *path, struct bs_span body)
{
    bs_buf_reset(&s->line.body);
    MUST(bs_buf_append(&s->line.body, body.data, body.size));
    MUST(load_post(&s->line, path));
}

/* Another device, made for one row. */
static void enroll_fresh(struct scene *s)
{
    MUST(softtpm_boot(&s->fresh, s->log));
    MUST(load_enroll(&s->line, &s->fresh, &s->request));
}

/* The request itself */

static void garbage(struct scene *s)
{
    raw(s, BS_PATH_ATTEST, bs_span_of_string("garbage"));
}

static void trailing(struct scene *s)
{
    s->request.channel = s->line.channel;
    s->request.server_cert = s->line.server_cert;
    MUST(softtpm_attest(&s->tpm, &s->request, &s->line.body, &s->line.statement));
    MUST(bs_buf_append(&s->line.body, "", 1));
    MUST(load_post(&s->line, BS_PATH_ATTEST));
}

static void version(struct scene *s)
{
    static const uint8_t statement[] = { 0xa1, 0x01, 0x02 }; /* {1: 2} */
    struct message_attest message = { .statement = BS_SPAN(statement, 3),
                                      .quote = BS_SPAN("q", 1),
                                      .signature = BS_SPAN("s", 1) };
    MUST(message_attest_encode(&message, &s->line.body));
    MUST(load_post(&s->line, BS_PATH_ATTEST));
}

static void second_statement(struct scene *s)
{
    enroll(s);
    enroll(s);
}

static void prove_first(struct scene *s)
{
    MUST(softtpm_prove(s->line.secret, s->line.channel, BS_SPAN("x", 1), &s->line.body));
    MUST(load_post(&s->line, BS_PATH_PROVE));
}

static void other_channel(struct scene *s)
{
    static const uint8_t channel[32] = { 1 };
    s->request.channel = channel;
    enroll(s);
}

static void replay(struct scene *s)
{
    LOAD_LINE second = { .fd = -1 };
    enroll(s);
    MUST(load_line_open(s->target, &second));
    s->request.channel = s->line.channel; /* of the first one */
    MUST(load_attest(&second, &s->tpm, &s->request));
    s->line.answer.reason = BS_SPAN_NONE;
    bs_buf_reset(&s->line.bytes);
    MUST(bs_buf_append(&s->line.bytes, second.bytes.data, second.bytes.size));
    MUST(message_answer_decode(bs_buf_span(&s->line.bytes), &s->line.answer));
    s->line.status = second.status;
}

#define BEND_STATEMENT(name, change)                      \
    static void bend_##name(struct message_statement *st) \
    {                                                     \
        change;                                           \
    }                                                     \
    static void name(struct scene *s)                     \
    {                                                     \
        s->request.bend.statement = bend_##name;          \
        enroll(s);                                        \
    }
static const uint8_t zeros[32];
BEND_STATEMENT(channel_kind, st->channel_kind = MESSAGE_CHANNEL_CHALLENGE)
BEND_STATEMENT(server_cert, st->server_cert_sha256 = BS_SPAN(zeros, 32))
BEND_STATEMENT(ek_cert_garbage, st->ek_certs[0] = BS_SPAN("garbage", 7))

#define BEND_LOGS(name, change)                             \
    static void bend_##name(struct message_attest *request) \
    {                                                       \
        change;                                             \
    }                                                       \
    static void name(struct scene *s)                       \
    {                                                       \
        s->request.bend.logs = bend_##name;                 \
        enroll(s);                                          \
    }
BEND_LOGS(log_missing, request->firmware_log = BS_SPAN_NONE)
BEND_LOGS(log_cut, request->firmware_log.size -= 3)

/* The TPM and its keys */

static void ek_template(struct scene *s)
{
    s->tpm.ek_public.objectAttributes &= ~TPMA_OBJECT_FIXEDTPM;
    enroll(s);
}

static void ek_cert_of_another(struct scene *s)
{
    s->tpm.ek_cert = s->other.ek_cert;
    enroll(s);
}

static void ek_cert_without_eku(struct scene *s)
{
    MUST(softtpm_make(s->vendor, "1.3.6.1.5.5.7.3.2", &s->fresh));
    enroll_fresh(s);
}

static void unknown_maker(struct scene *s)
{
    struct softtpm_vendor stranger;
    MUST(softtpm_vendor_make(&stranger));
    MUST(softtpm_make(&stranger, NULL, &s->fresh));
    softtpm_vendor_free(&stranger);
    enroll_fresh(s);
}

static void no_ek_cert(struct scene *s)
{
    MUST(softtpm_make(s->vendor, NULL, &s->fresh));
    bs_buf_reset(&s->fresh.ek_cert);
    enroll_fresh(s);
}

static void unrestricted_ak(struct scene *s)
{
    s->tpm.ak.public_area.objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
    MUST(softtpm_key_rename(&s->tpm.ak, BS_SPAN(softtpm_endorsement, 4)));
    enroll(s);
}

static void other_srk(struct scene *s)
{
    s->tpm.srk.public_area.objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
    MUST(softtpm_key_rename(&s->tpm.srk, BS_SPAN(softtpm_owner, 4)));
    enroll(s);
}

static void imported_device_key(struct scene *s)
{
    s->tpm.device.public_area.objectAttributes &= ~TPMA_OBJECT_SENSITIVEDATAORIGIN;
    MUST(softtpm_key_rename(&s->tpm.device, wire_name_span(&s->tpm.srk.qualified)));
    enroll(s);
}

static void key_of_another_device(struct scene *s)
{
    s->tpm.device = s->other.device;
    MUST(softtpm_key_rename(&s->tpm.device, wire_name_span(&s->tpm.srk.qualified)));
    enroll(s);
}

static void certified_by_another(struct scene *s)
{
    s->request.bend.certify_key = s->other.ak.key;
    enroll(s);
}

static void csr_by_another(struct scene *s)
{
    s->request.bend.csr_key = s->other.device.key;
    enroll(s);
}

static void counter(struct scene *s)
{
    s->tpm.counter.attributes |= TPMA_NV_ORDERLY;
    enroll(s);
}

/* The quote */

static void quote_by_another(struct scene *s)
{
    s->request.bend.quote_key = s->other.ak.key;
    enroll(s);
}

#define BEND_ATTEST(name, member, change)              \
    static void bend_##name(struct softtpm_attest *at) \
    {                                                  \
        change;                                        \
    }                                                  \
    static void name(struct scene *s)                  \
    {                                                  \
        s->request.bend.member = bend_##name;          \
        enroll(s);                                     \
    }
BEND_ATTEST(certify_nonce, certify_device, at->extra[31] ^= 1)
BEND_ATTEST(certify_name, certify_srk, at->name.name[33] ^= 1)
BEND_ATTEST(quote_magic, quote, at->magic = 0xff544348)
BEND_ATTEST(quote_type, quote, at->type = TPM2_ST_ATTEST_CERTIFY)
BEND_ATTEST(quote_nonce, quote, at->extra[31] ^= 1)
BEND_ATTEST(quote_hierarchy, quote, at->signer.name[33] ^= 1)
BEND_ATTEST(quote_fewer_pcrs, quote, at->masks[0] &= ~(1u << 9))
BEND_ATTEST(quote_no_pcrs, quote, at->masks[0] = 0)
BEND_ATTEST(quote_other_bank, quote, at->banks[0] = CRYPTO_SHA384)
BEND_ATTEST(quote_digest, quote, at->digest[0] ^= 1)

/* The boot */

static void capped(struct scene *s)
{
    MUST(softtpm_extend(&s->tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    enroll(s);
}

static void hidden_event(struct scene *s)
{
    MUST(softtpm_extend(&s->tpm, 9, bs_span_of_string("hidden")));
    enroll(s);
}

static void unmeasured(struct scene *s)
{
    memset(s->tpm.pcrs, 0, sizeof(s->tpm.pcrs));
    s->tpm.log = BS_BUF(1);
    enroll(s);
}

static void fewer_resets(struct scene *s)
{
    s->tpm.reset_count = 1;
    enroll(s);
}

/* Who is it? */

static void software_ak(struct scene *s)
{
    MUST(softtpm_make(s->vendor, NULL, &s->fresh));
    s->tpm.ak = s->fresh.ak;
    MUST(load_attest(&s->line, &s->tpm, &s->request));
    if (s->line.answer.kind != MESSAGE_PROVE)
        return;
    memset(s->line.secret, 0, sizeof(s->line.secret)); /* what only the TPM would know */
    bs_buf_reset(&s->line.body);
    MUST(softtpm_prove(s->line.secret, s->line.channel, bs_buf_span(&s->line.statement), &s->line.body));
    MUST(load_post(&s->line, BS_PATH_PROVE));
}

static void ak_of_one_ek_of_another(struct scene *s)
{
    s->tpm.ek_public = s->other.ek_public;
    s->tpm.ek_cert = s->other.ek_cert;
    enroll(s);
}

static void bad_token(struct scene *s)
{
    MUST(softtpm_make(s->vendor, NULL, &s->fresh));
    s->request.token = "nonsense";
    enroll_fresh(s);
}

static void confirm_of_nothing(struct scene *s)
{
    MUST(load_confirm(&s->line, &s->tpm, 1));
}

static void confirm_with_another_key(struct scene *s)
{
    struct load_bundle bundle;
    enroll(s);
    MUST(load_open(s->target, &s->line, &s->tpm, &bundle));
    s->line.secret[0] ^= 1;
    MUST(load_confirm(&s->line, &s->tpm, bundle.serial));
}

static const struct {
    const char *name;
    void (*run)(struct scene *s);
    const char *reason;
} rows[] = {
#define ROW(name, reason)   \
    {                       \
#name, name, reason \
    }
    ROW(garbage, BS_REASON_MALFORMED),
    ROW(trailing, BS_REASON_MALFORMED),
    ROW(version, BS_REASON_VERSION),
    ROW(second_statement, BS_REASON_OUT_OF_ORDER),
    ROW(prove_first, BS_REASON_OUT_OF_ORDER),
    ROW(other_channel, BS_REASON_BAD_CHANNEL),
    ROW(channel_kind, BS_REASON_BAD_CHANNEL),
    ROW(replay, BS_REASON_BAD_CHANNEL),
    ROW(server_cert, BS_REASON_BAD_SERVER_CERT),
    ROW(ek_template, BS_REASON_EK_TEMPLATE),
    ROW(ek_cert_garbage, BS_REASON_EK_CERT),
    ROW(ek_cert_without_eku, BS_REASON_EK_CERT),
    ROW(ek_cert_of_another, BS_REASON_EK_KEY_MISMATCH),
    ROW(unknown_maker, BS_REASON_EK_UNTRUSTED),
    ROW(no_ek_cert, BS_REASON_EK_NO_CERT),
    ROW(unrestricted_ak, BS_REASON_AK_ATTRIBUTES),
    ROW(other_srk, BS_REASON_SRK_ATTRIBUTES),
    ROW(imported_device_key, BS_REASON_DEVICE_KEY_ATTRIBUTES),
    ROW(key_of_another_device, BS_REASON_KEY_REUSED),
    ROW(certified_by_another, BS_REASON_CERTIFY_MISMATCH),
    ROW(certify_nonce, BS_REASON_CERTIFY_MISMATCH),
    ROW(certify_name, BS_REASON_CERTIFY_MISMATCH),
    ROW(csr_by_another, BS_REASON_CSR_MISMATCH),
    ROW(counter, BS_REASON_COUNTER_ATTRIBUTES),
    ROW(quote_by_another, BS_REASON_QUOTE_SIGNATURE),
    ROW(quote_hierarchy, BS_REASON_QUOTE_SIGNATURE),
    ROW(quote_magic, BS_REASON_QUOTE_MAGIC),
    ROW(quote_type, BS_REASON_QUOTE_TYPE),
    ROW(quote_nonce, BS_REASON_QUOTE_NONCE),
    ROW(quote_fewer_pcrs, BS_REASON_QUOTE_SELECTION),
    ROW(quote_no_pcrs, BS_REASON_QUOTE_SELECTION),
    ROW(quote_other_bank, BS_REASON_QUOTE_SELECTION),
    ROW(quote_digest, BS_REASON_QUOTE_DIGEST),
    ROW(capped, BS_REASON_CAPPED),
    ROW(unmeasured, BS_REASON_UNMEASURED),
    ROW(log_missing, BS_REASON_LOG_MISSING),
    ROW(log_cut, BS_REASON_LOG_MALFORMED),
    ROW(hidden_event, BS_REASON_LOG_MISMATCH),
    ROW(fewer_resets, BS_REASON_RESET_COUNT),
    ROW(software_ak, BS_REASON_PROOF_FAILED),
    ROW(ak_of_one_ek_of_another, BS_REASON_PAIR_MISMATCH),
    ROW(bad_token, BS_REASON_TOKEN_INVALID),
    ROW(confirm_of_nothing, BS_REASON_CONFIRM_UNKNOWN),
    ROW(confirm_with_another_key, BS_REASON_CONFIRM_MAC),
};

/* One row on a line of its own, with copies that it may change; buffers stay those of the scene. */
static void play(const struct scene *scene, size_t row)
{
    struct scene s = *scene;
    MUST(load_line_open(s.target, &s.line));
    rows[row].run(&s);
    printf("%s %s %.*s %d\n", rows[row].name, rows[row].reason, (int)s.line.answer.reason.size,
           s.line.answer.reason.size > 0 ? (const char *)s.line.answer.reason.data : "", s.line.status);
    (void)fflush(stdout);
    load_line_close(&s.line);
    softtpm_free(&s.fresh);
}

static void play_good(const struct scene *scene)
{
    struct scene s = *scene;
    MUST(load_line_open(s.target, &s.line));
    enroll(&s);
    if (s.line.answer.kind != MESSAGE_APPROVED) {
        (void)fprintf(stderr, "a good request is answered with %d\n", s.line.answer.kind);
        exit(8);
    }
    load_line_close(&s.line);
}

/* Both are approved: what the other one holds must be known as its own. */
static void prepare(struct scene *s)
{
    struct softtpm *tpms[] = { &s->tpm, &s->other };
    char id[2 * WIRE_ID_SIZE + 1];
    for (size_t i = 0; i < 2; i++) {
        LOAD_LINE line = { .fd = -1 };
        MUST(softtpm_make(s->vendor, NULL, tpms[i]));
        MUST(softtpm_boot(tpms[i], s->log));
        MUST(load_line_open(s->target, &line));
        MUST(load_enroll(&line, tpms[i], &s->request));
        bs_hex(BS_SPAN(tpms[i]->id, WIRE_ID_SIZE), id);
        printf("waiting %s\n", id);
    }
    (void)fflush(stdout);
    while (getchar() != '\n')
        ;
    LOAD_LINE line = { .fd = -1 };
    MUST(load_line_open(s->target, &line));
    MUST(load_enroll(&line, &s->other, &s->request));
}

int load_bad(const struct load_target *target, const struct softtpm_vendor *vendor, struct bs_span log)
{
    struct scene scene = { .target = target, .vendor = vendor, .log = log, .line = { .fd = -1 } };
    prepare(&scene);
    play_good(&scene);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        play(&scene, i);
    play_good(&scene);
    softtpm_free(&scene.tpm);
    softtpm_free(&scene.other);
    return 0;
}
