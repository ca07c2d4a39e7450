/*
 * Bad requests over a real line, one of each family of the attack suite (tests/attack/README.md), which has all of them in its own process:
 * that they are refused is known there, and what becomes of a refusal behind the listener is tested here. The device is known and approved,
 * so that nothing but the check that is meant stands between request and secrets; a good request before and after says so.
 *
 * Says `waiting ID` and reads a line: by then an operator has approved the device and its boot. Then one line each:
 * `NAME EXPECTED FOUND STATUS`.
 */
#include "load_client.h"

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
    struct softtpm tpm, fresh; /* approved; made by a row */
    struct softtpm_request request;
};

static void enroll(struct scene *s)
{
    MUST(load_enroll(&s->line, &s->tpm, &s->request));
}

/* Another device, made for one row. */
static void enroll_fresh(struct scene *s, const struct softtpm_vendor *vendor)
{
    MUST(softtpm_make(vendor, NULL, &s->fresh));
    MUST(softtpm_boot(&s->fresh, s->log));
    MUST(load_enroll(&s->line, &s->fresh, &s->request));
}

/* message */

static void garbage(struct scene *s)
{
    static const char body[] = "garbage";
    MUST(bs_buf_append(&s->line.body, body, strlen(body)));
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

/* sequence */

static void second_statement(struct scene *s)
{
    enroll(s);
    enroll(s);
}

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

/* certificates */

static void unknown_maker(struct scene *s)
{
    struct softtpm_vendor stranger;
    MUST(softtpm_vendor_make(&stranger));
    enroll_fresh(s, &stranger);
    softtpm_vendor_free(&stranger);
}

/* keys */

static void unrestricted_ak(struct scene *s)
{
    s->tpm.ak.public_area.objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
    MUST(softtpm_key_rename(&s->tpm.ak, BS_SPAN(softtpm_endorsement, 4)));
    enroll(s);
}

/* quote */

static void quote_by_another(struct scene *s)
{
    MUST(softtpm_make(s->vendor, NULL, &s->fresh));
    s->request.bend.quote_key = s->fresh.ak.key;
    enroll(s);
}

/* log */

static void hidden_event(struct scene *s)
{
    MUST(softtpm_extend(&s->tpm, 9, bs_span_of_string("hidden")));
    enroll(s);
}

/* devices */

static void bad_token(struct scene *s)
{
    s->request.token = "nonsense";
    enroll_fresh(s, s->vendor);
}

/* confirmations */

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
    ROW(version, BS_REASON_VERSION),
    ROW(second_statement, BS_REASON_OUT_OF_ORDER),
    ROW(software_ak, BS_REASON_PROOF_FAILED),
    ROW(unknown_maker, BS_REASON_EK_UNTRUSTED),
    ROW(unrestricted_ak, BS_REASON_AK_ATTRIBUTES),
    ROW(quote_by_another, BS_REASON_QUOTE_SIGNATURE),
    ROW(hidden_event, BS_REASON_LOG_MISMATCH),
    ROW(bad_token, BS_REASON_TOKEN_INVALID),
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

static void prepare(struct scene *s)
{
    LOAD_LINE line = { .fd = -1 };
    char id[2 * WIRE_ID_SIZE + 1];
    MUST(softtpm_make(s->vendor, NULL, &s->tpm));
    MUST(softtpm_boot(&s->tpm, s->log));
    MUST(load_line_open(s->target, &line));
    MUST(load_enroll(&line, &s->tpm, &s->request));
    bs_hex(BS_SPAN(s->tpm.id, WIRE_ID_SIZE), id);
    printf("waiting %s\n", id);
    (void)fflush(stdout);
    while (getchar() != '\n')
        ;
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
    return 0;
}
