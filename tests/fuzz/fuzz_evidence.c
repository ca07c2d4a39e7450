/*
 * A device's request, through all checks of the server that need no proof. Signatures, and digests that no mutation would ever meet,
 * hold here whatever they say (--wrap), so that what stands behind them is reached.
 */
#include "fuzz/fuzz.h"
#include "server/evidence.h"

#include <string.h>

/* Of the request that is being judged. */
static TPMS_ATTEST quote;
static bool has_quote;

enum bs_err __wrap_wire_attest_verify(const TPMT_PUBLIC *key, struct bs_span attest, const TPMT_SIGNATURE *signature);
enum bs_err __wrap_wire_attest_verify(const TPMT_PUBLIC *key, struct bs_span attest, const TPMT_SIGNATURE *signature)
{
    (void)key;
    (void)attest;
    (void)signature;
    return BS_OK;
}

enum bs_err __real_cert_csr_verify(struct bs_span csr, const TPMT_PUBLIC *key);
enum bs_err __wrap_cert_csr_verify(struct bs_span csr, const TPMT_PUBLIC *key);
enum bs_err __wrap_cert_csr_verify(struct bs_span csr, const TPMT_PUBLIC *key)
{
    enum bs_err err = __real_cert_csr_verify(csr, key);
    return err == BS_ERR_UNTRUSTED ? BS_OK : err;
}

enum bs_err __real_message_quote_data(struct bs_span statement, uint8_t ret_data[32]);
enum bs_err __wrap_message_quote_data(struct bs_span statement, uint8_t ret_data[32]);
enum bs_err __wrap_message_quote_data(struct bs_span statement, uint8_t ret_data[32])
{
    if (!has_quote || quote.extraData.size != 32)
        return __real_message_quote_data(statement, ret_data);
    memcpy(ret_data, quote.extraData.buffer, 32);
    return BS_OK;
}

enum bs_err __real_wire_pcr_digest(uint16_t hash, const struct bs_span *values, size_t count, uint8_t *ret_digest);
enum bs_err __wrap_wire_pcr_digest(uint16_t hash, const struct bs_span *values, size_t count, uint8_t *ret_digest);
enum bs_err __wrap_wire_pcr_digest(uint16_t hash, const struct bs_span *values, size_t count, uint8_t *ret_digest)
{
    if (!has_quote || quote.attested.quote.pcrDigest.size != 32)
        return __real_wire_pcr_digest(hash, values, count, ret_digest);
    memcpy(ret_digest, quote.attested.quote.pcrDigest.buffer, 32);
    return BS_OK;
}

enum bs_err __real_verify_log_hashes(const struct evidence *evidence, struct refusal *refusal);
enum bs_err __wrap_verify_log_hashes(const struct evidence *evidence, struct refusal *refusal);
enum bs_err __wrap_verify_log_hashes(const struct evidence *evidence, struct refusal *refusal)
{
    enum bs_err err = __real_verify_log_hashes(evidence, refusal);
    if (err == BS_ERR_REFUSED)
        *refusal = (struct refusal){ 0 };
    return err == BS_ERR_REFUSED ? BS_OK : err;
}

/* A server that demands what this device offers, and the connection that its statement is bound to. */
static void meet(struct bs_span body, struct server *server, struct evidence_channel *channel)
{
    static uint8_t none[32];
    struct message_attest request;
    static struct message_statement statement;
    *channel = (struct evidence_channel){ none, none };
    has_quote = false;
    config_defaults(&server->config);
    if (message_attest_decode(body, &request) != BS_OK)
        return;
    has_quote = wire_attest_decode(request.quote, &quote) == BS_OK && quote.type == TPM2_ST_ATTEST_QUOTE;
    if (message_statement_decode(request.statement, &statement) != BS_OK)
        return;
    if (statement.channel.size == 32)
        channel->channel = statement.channel.data;
    channel->server_cert_sha256 = statement.server_cert_sha256.data;
    server->config.measure_bank = statement.pcrs.bank;
    server->config.measure_mask = statement.pcrs.mask & ~(UINT32_C(1) << server->config.measure_cap_pcr);
}

static enum bs_err judge(const struct server *server, const struct evidence_channel *channel, struct bs_span body,
                         struct refusal *refusal, uint8_t ret_question[STORE_DIGEST])
{
    BS_OWN(evidence) evidence = NULL;
    FUZZ_CLAIM(evidence_new(&evidence) == BS_OK);
    enum bs_err err = evidence_verify(server, channel, body, evidence, refusal);
    memcpy(ret_question, evidence->question, STORE_DIGEST);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server server;
    static struct refusal first, second;
    uint8_t question[STORE_DIGEST], again[STORE_DIGEST];
    struct bs_span body = BS_SPAN(data, size);
    struct evidence_channel channel;
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    meet(body, &server, &channel);
    enum bs_err err = judge(&server, &channel, body, &first, question);
    FUZZ_CLAIM(err == judge(&server, &channel, body, &second, again));
    FUZZ_CLAIM(memcmp(question, again, sizeof(question)) == 0);
    if (err == BS_OK) {
        FUZZ_CLAIM(first.reason == NULL);
        return 0;
    }
    FUZZ_CLAIM(err == BS_ERR_REFUSED);
    FUZZ_CLAIM(first.reason && second.reason && strcmp(first.reason, second.reason) == 0);
    FUZZ_CLAIM(strcmp(first.text, second.text) == 0 && first.finding_count <= MESSAGE_FINDINGS_MAX);
    FUZZ_CLAIM_TEXT(bs_span_of_string(first.text));
    for (size_t i = 0; i < first.finding_count; i++) {
        FUZZ_CLAIM_TEXT(bs_span_of_string(first.findings[i].text));
        FUZZ_CLAIM_TEXT(bs_span_of_string(first.findings[i].found));
        FUZZ_CLAIM_TEXT(bs_span_of_string(first.findings[i].expected));
    }
    return 0;
}
