#include "server/evidence.h"

#include "core/cbor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Members of an attest request (docs/bootseal.cddl). */
#define FIRMWARE_LOG_KEY 4
#define USERSPACE_LOG_KEY 5

enum bs_err refuse(struct refusal *refusal, const char *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->text, sizeof(refusal->text), format, args);
    va_end(args);
    refusal->reason = reason;
    return BS_ERR_REFUSED;
}

struct evidence_finding *refusal_finding(struct refusal *refusal)
{
    refusal->finding_total++;
    if (refusal->finding_count < MESSAGE_FINDINGS_MAX)
        refusal->finding_count++;
    struct evidence_finding *finding = &refusal->findings[refusal->finding_count - 1];
    *finding = (struct evidence_finding){ 0 };
    return finding;
}

void refusal_place(const struct evidence_finding *finding, char *ret_text, size_t size)
{
    if (finding->has_pcr && finding->has_event)
        snprintf(ret_text, size, "PCR %u, event %u", finding->pcr, finding->event);
    else if (finding->has_pcr)
        snprintf(ret_text, size, "PCR %u", finding->pcr);
    else
        snprintf(ret_text, size, "the boot as a whole");
}

enum bs_err evidence_new(struct evidence **ret_evidence)
{
    struct evidence *evidence = calloc(1, sizeof(*evidence));
    if (!evidence)
        return BS_ERR_NOMEM;
    evidence->body = BS_BUF(BS_REQUEST_MAX);
    evidence->boot = STORE_BOOT_INIT;
    *ret_evidence = evidence;
    return BS_OK;
}

void evidence_free(struct evidence *evidence)
{
    if (!evidence)
        return;
    bs_buf_free(&evidence->body); /* wipes: it may hold a token */
    store_boot_free(&evidence->boot);
    free(evidence);
}

enum bs_err verify_qualified_name(struct bs_span parent, const struct wire_name *name, struct wire_name *ret_qualified)
{
    uint16_t alg = (uint16_t)(name->name[0] << 8 | name->name[1]);
    struct wire_name qualified = { .size = name->size, .name = { name->name[0], name->name[1] } };
    BS_OWN(digest) digest = NULL;
    enum bs_err err = crypto_digest_hash(alg, &digest);
    if (err == BS_OK)
        err = crypto_digest_update(digest, parent);
    if (err == BS_OK)
        err = crypto_digest_update(digest, wire_name_span(name));
    if (err == BS_OK)
        err = crypto_digest_final(digest, qualified.name + 2, NULL);
    if (err == BS_OK)
        *ret_qualified = qualified;
    return err;
}

/* A later protocol is told apart from garbage: its statement still is a map with the version as member 1. */
static bool is_other_version(struct bs_span statement)
{
    struct cbor_reader reader;
    uint64_t last = UINT64_MAX;
    cbor_read_begin(&reader, statement);
    if (cbor_read_map(&reader, 64) == 0 || cbor_read_key(&reader, &last) != 1)
        return false;
    uint64_t version = cbor_read_uint(&reader, UINT32_MAX);
    return reader.err == BS_OK && version != BS_PROTOCOL_VERSION;
}

/* A log over its limit makes a request that cannot be read; the device is told what it was. */
static bool is_log_too_large(struct bs_span request)
{
    struct cbor_reader reader;
    uint64_t last = UINT64_MAX;
    cbor_read_begin(&reader, request);
    /* Behind what cannot be read there is no key but 0. */
    for (size_t left = cbor_read_map(&reader, 64); left > 0; left--) {
        uint64_t key = cbor_read_key(&reader, &last);
        if (key != FIRMWARE_LOG_KEY && key != USERSPACE_LOG_KEY) {
            cbor_read_skip(&reader);
            continue;
        }
        size_t limit = key == FIRMWARE_LOG_KEY ? BS_EVENTLOG_MAX : BS_USERSPACE_LOG_MAX;
        if (cbor_read_bytes(&reader, 0, BS_REQUEST_MAX).size > limit)
            return true;
    }
    return false;
}

static enum bs_err refuse_request(struct bs_span request, struct refusal *refusal)
{
    if (is_log_too_large(request))
        return refuse(refusal, BS_REASON_LOG_TOO_LARGE,
                      "an event log is larger than can be sent: %d bytes of the firmware's, %d of userspace's",
                      BS_EVENTLOG_MAX, BS_USERSPACE_LOG_MAX);
    return refuse(refusal, BS_REASON_MALFORMED, "the request is not a message of this protocol");
}

static enum bs_err refuse_statement(struct bs_span statement, struct refusal *refusal)
{
    if (is_other_version(statement))
        return refuse(refusal, BS_REASON_VERSION,
                      "this server speaks version %d of the protocol alone; bring agent and server together",
                      BS_PROTOCOL_VERSION);
    return refuse(refusal, BS_REASON_MALFORMED, "the statement is not one of this protocol");
}

static enum bs_err decode(struct bs_span body, struct evidence *evidence, struct refusal *refusal)
{
    if (body.size > BS_REQUEST_MAX)
        return refuse(refusal, BS_REASON_MALFORMED, "the request is larger than %d bytes", BS_REQUEST_MAX);
    enum bs_err err = bs_buf_append(&evidence->body, body.data, body.size);
    if (err != BS_OK)
        return err;
    if (message_attest_decode(bs_buf_span(&evidence->body), &evidence->request) != BS_OK)
        return refuse_request(bs_buf_span(&evidence->body), refusal);
    if (message_statement_decode(evidence->request.statement, &evidence->statement) != BS_OK)
        return refuse_statement(evidence->request.statement, refusal);
    return BS_OK;
}

static enum bs_err verify_channel(const struct evidence_channel *channel, const struct message_statement *statement,
                                  struct refusal *refusal)
{
    if (statement->channel_kind != MESSAGE_CHANNEL_TLS_EXPORTER)
        return refuse(refusal, BS_REASON_BAD_CHANNEL, "only statements bound to the TLS connection are taken here");
    if (!bs_span_equal(statement->channel, BS_SPAN(channel->channel, BS_CHANNEL_SIZE)))
        return refuse(refusal, BS_REASON_BAD_CHANNEL, "the statement was made for another connection");
    if (!bs_span_equal(statement->server_cert_sha256, BS_SPAN(channel->server_cert_sha256, CRYPTO_SHA256_SIZE)))
        return refuse(refusal, BS_REASON_BAD_SERVER_CERT,
                      "the device saw another server certificate than this server's; something between them opens TLS");
    return BS_OK;
}

static enum bs_err keep_boot(struct evidence *evidence)
{
    const struct message_pcrs *pcrs = &evidence->statement.pcrs;
    struct store_boot *boot = &evidence->boot;
    boot->bank = pcrs->bank;
    boot->mask = pcrs->mask;
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if (pcrs->mask & (1u << pcr))
            memcpy(boot->pcrs[pcr], pcrs->values[pcr].data, pcrs->values[pcr].size);
    const struct message_attest *sent = &evidence->request;
    const struct bs_span command_line = evidence->statement.command_line;
    enum bs_err err = bs_buf_append(&boot->log, sent->firmware_log.data, sent->firmware_log.size);
    if (err == BS_OK)
        err = bs_buf_append(&boot->userspace_log, sent->userspace_log.data, sent->userspace_log.size);
    if (err == BS_OK)
        err = bs_buf_append(&boot->command_line, command_line.data, command_line.size);
    return err == BS_OK ? evidence_question(evidence) : err;
}

enum bs_err evidence_verify(const struct server *server, const struct evidence_channel *channel, struct bs_span body,
                            struct evidence *evidence, struct refusal *refusal)
{
    enum bs_err err = decode(body, evidence, refusal);
    if (err == BS_OK)
        err = verify_channel(channel, &evidence->statement, refusal);
    if (err == BS_OK)
        err = verify_ek(server, evidence, refusal);
    if (err == BS_OK)
        err = verify_keys(evidence, refusal);
    if (err == BS_OK)
        err = verify_quote(&server->config, evidence, refusal);
    if (err == BS_OK)
        err = verify_log_hashes(evidence, refusal);
    if (err == BS_OK)
        err = verify_log(&server->config, evidence, refusal);
    return err == BS_OK ? keep_boot(evidence) : err;
}
