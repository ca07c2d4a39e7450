/* The evidence: statement and attest request (docs/bootseal.cddl: statement, attest). */
#include "core/crypto.h"
#include "core/message_shape.h"

/* In the order of enum message_channel. */
static const char *const channel_words[] = { "tls-exporter", "challenge", "none", NULL };
static const char *const role_words[] = { "attester", NULL };

#define CERTIFIED struct message_certified
static const struct shape_field certified_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(CERTIFIED, public_area), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 2, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(CERTIFIED, attest), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(CERTIFIED, signature), SHAPE_SIZE(1, BS_TPM_MAX) },
};
static const struct shape certified_shape = SHAPE_OF(certified_fields, NULL);

/* The values of the PCRs: a map from PCR to digest, each as long as the bank's hash. */
static void write_values(struct cbor_writer *w, const void *member)
{
    const struct message_pcrs *pcrs = member;
    cbor_write_map(w, (size_t)__builtin_popcount(pcrs->mask));
    for (uint32_t n = 0; n < MESSAGE_PCRS; n++) {
        if (pcrs->mask & (1u << n)) {
            cbor_write_uint(w, n);
            cbor_write_bytes(w, pcrs->values[n]);
        }
    }
}

static void read_values(struct cbor_reader *r, void *member)
{
    struct message_pcrs *pcrs = member;
    const size_t size = crypto_hash_size(pcrs->bank);
    const size_t pairs = cbor_read_map(r, MESSAGE_PCRS);
    uint64_t last = UINT64_MAX;

    if (size == 0 || pairs == 0)
        cbor_read_fail(r);
    for (size_t i = 0; i < pairs && r->err == BS_OK; i++) {
        const uint64_t n = cbor_read_key(r, &last);
        if (n >= MESSAGE_PCRS) {
            cbor_read_fail(r);
            return;
        }
        pcrs->values[n] = cbor_read_bytes(r, size, size);
        pcrs->mask |= 1u << n;
    }
}

/* The second member is the whole struct: its length depends on the first, its values lie in two places. */
static const struct shape_field pcrs_fields[] = {
    { 1, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(struct message_pcrs, bank), SHAPE_SIZE(1, UINT16_MAX) },
    { 2, SHAPE_OWN, SHAPE_REQUIRED, .offset = 0, .write = write_values, .read = read_values },
};
const struct shape message_pcrs_shape = SHAPE_OF(pcrs_fields, NULL);

#define FACTS struct message_facts
static const struct shape_field facts_fields[] = {
    { 1, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(FACTS, serial), SHAPE_SIZE(1, BS_FACT_MAX) },
    { 2, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(FACTS, product), SHAPE_SIZE(1, BS_FACT_MAX) },
    { 3, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(FACTS, firmware), SHAPE_SIZE(1, BS_FACT_MAX) },
    { 4, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(FACTS, kernel), SHAPE_SIZE(1, BS_FACT_MAX) },
    { 5, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(FACTS, agent), SHAPE_SIZE(1, BS_FACT_MAX) },
};
static const struct shape facts_shape = SHAPE_OF(facts_fields, NULL);

/* A value goes with every kind of channel but "none". */
static bool statement_is_sound(const void *from)
{
    const struct message_statement *s = from;
    return (s->channel_kind == MESSAGE_CHANNEL_NONE) == (s->channel.size == 0);
}

#define STATEMENT struct message_statement
static const struct shape_field statement_fields[] = {
    { 1, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_SIZE(BS_PROTOCOL_VERSION, BS_PROTOCOL_VERSION) },
    { 2, SHAPE_WORD, SHAPE_REQUIRED, .words = role_words },
    { 3, SHAPE_WORD, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, channel_kind), .words = channel_words },
    { 4, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(STATEMENT, channel), SHAPE_SIZE(BS_CHANNEL_SIZE, BS_CHANNEL_SIZE) },
    { 5, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, server_cert_sha256), SHAPE_SIZE(32, 32) },
    { 6, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, ek_public), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 7, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_LIST(STATEMENT, ek_certs, ek_cert_count), SHAPE_SIZE(1, BS_CERT_MAX) },
    { 8, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, ak_public), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 9, SHAPE_MAP, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, device_key), .shape = &certified_shape },
    { 10, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, device_csr), SHAPE_SIZE(1, BS_CERT_MAX) },
    { 11, SHAPE_MAP, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, srk), .shape = &certified_shape },
    { 12, SHAPE_MAP, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, pcrs), .shape = &message_pcrs_shape },
    { 13, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(STATEMENT, firmware_log_sha256), SHAPE_SIZE(32, 32) },
    { 14, SHAPE_MAP, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, facts), .shape = &facts_shape },
    { 15, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, counter_public), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 16, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, counter_value), SHAPE_SIZE(0, UINT64_MAX) },
    { 17, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(STATEMENT, token), SHAPE_SIZE(1, BS_TOKEN_MAX) },
    { 18, SHAPE_UINT, SHAPE_OPTIONAL, SHAPE_MEMBER(STATEMENT, held_serial), SHAPE_SIZE(1, UINT64_MAX) },
    { 19, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(STATEMENT, device_time), SHAPE_SIZE(0, BS_TIME_MAX) },
    { 20, SHAPE_NAME, SHAPE_OPTIONAL, SHAPE_LIST(STATEMENT, notes, note_count), SHAPE_SIZE(1, BS_NAME_MAX) },
    { 21, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(STATEMENT, userspace_log_sha256), SHAPE_SIZE(32, 32) },
    { 22, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(STATEMENT, keys, key_count), .shape = &message_generated_shape },
    { 23, SHAPE_UINT, SHAPE_OPTIONAL, SHAPE_LIST(STATEMENT, shares, share_count), SHAPE_SIZE(1, UINT64_MAX) },
    { 24, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(STATEMENT, command_line), SHAPE_SIZE(1, BS_COMMAND_LINE_MAX) },
};
static const struct shape statement_shape = SHAPE_OF(statement_fields, statement_is_sound);

enum bs_err message_statement_encode(const struct message_statement *s, struct bs_buf *out)
{
    struct message_statement scratch = { 0 };
    return shape_encode(&statement_shape, s, BS_REQUEST_MAX, out, &scratch);
}

enum bs_err message_statement_decode(struct bs_span in, struct message_statement *ret_s)
{
    struct message_statement s = { 0 };
    enum bs_err err = shape_decode(&statement_shape, in, BS_REQUEST_MAX, &s);
    if (err == BS_OK)
        *ret_s = s;
    return err;
}

#define ATTEST struct message_attest
static const struct shape_field attest_fields[] = {
    { 1, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(ATTEST, statement), SHAPE_SIZE(1, BS_REQUEST_MAX) },
    { 2, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(ATTEST, quote), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 3, SHAPE_BYTES, SHAPE_REQUIRED, SHAPE_MEMBER(ATTEST, signature), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 4, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(ATTEST, firmware_log), SHAPE_SIZE(1, BS_EVENTLOG_MAX) },
    { 5, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(ATTEST, userspace_log), SHAPE_SIZE(1, BS_USERSPACE_LOG_MAX) },
};
static const struct shape attest_shape = SHAPE_OF(attest_fields, NULL);

enum bs_err message_attest_encode(const struct message_attest *m, struct bs_buf *out)
{
    struct message_attest scratch = { 0 };
    return shape_encode(&attest_shape, m, BS_REQUEST_MAX, out, &scratch);
}

enum bs_err message_attest_decode(struct bs_span in, struct message_attest *ret_m)
{
    struct message_attest m = { 0 };
    enum bs_err err = shape_decode(&attest_shape, in, BS_REQUEST_MAX, &m);
    if (err == BS_OK)
        *ret_m = m;
    return err;
}
