/* attest: a statement and a quote, bound to this connection, and the server's verdict on them. */
#include "agent/machine.h"
#include "agent/steps/steps.h"
#include "agent/steps/userspace.h"
#include "agent/steps/wipe.h"
#include "agent/vault/keys.h"
#include "core/file.h"

#include "bootseal/reason.h"

#include <inttypes.h>
#include <string.h>

#define STATE BS_STATE_ATTEST
#define TPM_STRUCTURE_MAX 4096
#define HTTP_OK 200
#define HTTP_TOO_MANY 429
#define HTTP_UNAVAILABLE 503
#define RETRY_DEFAULT_S 10

/* What a statement points at while it is being made. */
struct evidence {
    uint8_t channel[BS_CHANNEL_SIZE];
    uint8_t server_cert[CRYPTO_SHA256_SIZE];
    uint8_t firmware_log_sha256[CRYPTO_SHA256_SIZE], userspace_log_sha256[CRYPTO_SHA256_SIZE];
    struct tpm_pcrs pcrs;
    struct bs_buf ek, ak, srk, device, counter;
    struct bs_buf device_attest, device_signature;
    struct bs_buf srk_attest, srk_signature;
    struct bs_buf token;
    struct bs_buf userspace_log, command_line;
};

static void evidence_free(struct evidence *e)
{
    struct bs_buf *const all[] = { &e->ek,
                                   &e->ak,
                                   &e->srk,
                                   &e->device,
                                   &e->counter,
                                   &e->device_attest,
                                   &e->device_signature,
                                   &e->srk_attest,
                                   &e->srk_signature,
                                   &e->token,
                                   &e->userspace_log,
                                   &e->command_line };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        bs_buf_free(all[i]);
}
#define SCOPED_EVIDENCE __attribute__((cleanup(evidence_free)))

static void evidence_begin(struct evidence *e)
{
    *e = (struct evidence){ 0 };
    struct bs_buf *const all[] = {
        &e->ek,         &e->ak,           &e->srk, &e->device, &e->counter, &e->device_attest, &e->device_signature,
        &e->srk_attest, &e->srk_signature
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        *all[i] = BS_BUF(TPM_STRUCTURE_MAX);
    e->token = BS_BUF(BS_TOKEN_MAX + 1);
    e->userspace_log = BS_BUF(BS_USERSPACE_LOG_MAX);
    e->command_line = BS_BUF(BS_COMMAND_LINE_MAX + 1); /* with its newline */
}

static enum bs_err encode_keys(struct boot *boot, struct evidence *e)
{
    const struct tpm_ek *ek;
    const TPMT_PUBLIC *ak, *srk;
    const struct wire_name *name;
    enum bs_err err = tpm_ek(boot->tpm, &ek);
    if (err == BS_OK)
        err = wire_public_encode(&ek->public_area, &e->ek);
    if (err == BS_OK)
        err = tpm_ak(boot->tpm, &ak, &name);
    if (err == BS_OK)
        err = wire_public_encode(ak, &e->ak);
    if (err == BS_OK)
        err = tpm_srk(boot->tpm, &srk, &name);
    if (err == BS_OK)
        err = wire_public_encode(srk, &e->srk);
    if (err == BS_OK)
        err = wire_public_encode(&boot->identity.device_key.public_area.publicArea, &e->device);
    if (err == BS_OK)
        err = wire_nv_public_encode(&boot->identity.counter.public_area, &e->counter);
    return err;
}

/* The AK's word for the other two keys, given for this connection. */
static enum bs_err certify(struct boot *boot, struct evidence *e)
{
    uint8_t qualifying[CRYPTO_SHA256_SIZE];
    struct bs_span channel = BS_SPAN(e->channel, sizeof(e->channel));
    enum bs_err err = crypto_labelled(BS_LABEL_CERTIFY_DEVICE, &channel, 1, qualifying);
    if (err == BS_OK)
        err = tpm_device_key_certify(boot->tpm, &boot->identity.device_key, qualifying, &e->device_attest,
                                     &e->device_signature);
    if (err == BS_OK)
        err = crypto_labelled(BS_LABEL_CERTIFY_SRK, &channel, 1, qualifying);
    if (err == BS_OK)
        err = tpm_certify_srk(boot->tpm, qualifying, &e->srk_attest, &e->srk_signature);
    return err;
}

/* A token that is not there is no failure here: the server says whether it wants one. */
static enum bs_err read_token(struct boot *boot, struct evidence *e)
{
    if (*boot->config->token.file == '\0')
        return BS_OK;
    enum bs_err err = machine_read_line(boot->root, boot->config->token.file, &e->token);
    if (err == BS_ERR_NOT_FOUND) {
        bs_info(STATE, "token.file: there is no %s", boot->config->token.file);
        return BS_OK;
    }
    return err;
}

static enum bs_err gather(struct boot *boot, struct evidence *e)
{
    net_channel(boot->exchange.connection, e->channel);
    net_server_cert(boot->exchange.connection, e->server_cert);
    enum bs_err err = read_token(boot, e);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "token.file: %s does not hold one line of at most %d characters",
                         boot->config->token.file, BS_TOKEN_MAX);
    err = encode_keys(boot, e);
    if (err == BS_OK)
        err = certify(boot, e);
    userspace_read(boot, &e->userspace_log, &e->command_line); /* just before the PCRs that it tells of */
    if (err == BS_OK)
        err = tpm_pcr_read(boot->tpm, boot->config->measure.bank,
                           boot->config->measure.pcrs | (UINT32_C(1) << boot->config->cap.pcr), &e->pcrs);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the TPM did not give its evidence (%s)", bs_err_name(err));
    return BS_OK;
}

static void fill_facts(const struct boot *boot, struct message_facts *facts)
{
    const struct device_facts *known = &boot->identity.facts;
    facts->serial = bs_span_of_string(known->serial);
    facts->product = bs_span_of_string(known->product);
    facts->firmware = bs_span_of_string(known->firmware);
    facts->kernel = bs_span_of_string(known->kernel);
    facts->agent = bs_span_of_string(BS_VERSION);
}

static void fill_keys(const struct boot *boot, const struct evidence *e, const struct tpm_ek *ek,
                      struct message_statement *s)
{
    s->ek_public = bs_buf_span(&e->ek);
    for (; s->ek_cert_count < ek->cert_count && s->ek_cert_count < MESSAGE_CERTS_MAX; s->ek_cert_count++)
        s->ek_certs[s->ek_cert_count] = bs_buf_span(&ek->certs[s->ek_cert_count]);
    s->ak_public = bs_buf_span(&e->ak);
    s->device_key = (struct message_certified){ bs_buf_span(&e->device), bs_buf_span(&e->device_attest),
                                                bs_buf_span(&e->device_signature) };
    s->device_csr = bs_buf_span(&boot->identity.csr);
    s->srk =
        (struct message_certified){ bs_buf_span(&e->srk), bs_buf_span(&e->srk_attest), bs_buf_span(&e->srk_signature) };
    s->counter_public = bs_buf_span(&e->counter);
    s->counter_value = boot->identity.counter.value;
}

static void fill_pcrs(const struct tpm_pcrs *pcrs, struct message_pcrs *to)
{
    to->bank = pcrs->bank;
    to->mask = pcrs->mask;
    for (size_t i = 0; i < MESSAGE_PCRS; i++) {
        if (pcrs->mask & (UINT32_C(1) << i))
            to->values[i] = BS_SPAN(pcrs->values[i], pcrs->digest_size);
    }
}

/*
 * Keys in a slot that waits for a value which the counter has not reached: the power was cut before the commit, so nobody ever had them,
 * and others may be made.
 */
static bool has_unused_keys(const struct boot *boot, const struct vault_slot_info *slot)
{
    struct tpm_counter counter;
    return !slot->has_share && tpm_counter_read(boot->tpm, &counter) == BS_OK && slot->generation > counter.value;
}

/* The keys that it holds; or, where no vault opened, whose recovery shares would open one, or whose keys may lie in it. */
static enum bs_err fill_vault(const struct boot *boot, struct vault_key_list *list, struct message_statement *s)
{
    if (boot->is_held) {
        enum bs_err err = vault_keys_list(&boot->held.contents, boot->held.bundle.device, list);
        s->key_count = err == BS_OK ? list->count : 0;
        memcpy(s->keys, list->keys, s->key_count * sizeof(list->keys[0]));
        return err;
    }
    struct vault_slot_info slots[VAULT_SLOTS];
    BS_OWN(string) dir = NULL;
    if (machine_vault(boot->config, boot->root, 0, &dir) != BS_OK)
        return BS_OK; /* no vault, no shares */
    vault_look(dir, slots);
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        uint64_t serial = slots[i].share_serial;
        bool is_said = s->share_count > 0 && s->shares[0] == serial;
        if (serial != 0 && !is_said && !has_unused_keys(boot, &slots[i]))
            s->shares[s->share_count++] = serial;
    }
    return BS_OK;
}

/* A log that is there has its hash in the statement. */
static enum bs_err hash_log(const struct bs_buf *log, uint8_t room[CRYPTO_SHA256_SIZE], struct bs_span *ret_sha256)
{
    const struct bs_span bytes = bs_buf_span(log);
    if (bytes.size == 0)
        return BS_OK;
    *ret_sha256 = BS_SPAN(room, CRYPTO_SHA256_SIZE);
    return crypto_sha256(&bytes, 1, room);
}

static enum bs_err encode_statement(struct boot *boot, struct evidence *e)
{
    const struct tpm_ek *ek;
    enum bs_err err = tpm_ek(boot->tpm, &ek);
    if (err != BS_OK)
        return err;

    struct message_statement s = {
        .channel_kind = MESSAGE_CHANNEL_TLS_EXPORTER,
        .channel = BS_SPAN(e->channel, sizeof(e->channel)),
        .server_cert_sha256 = BS_SPAN(e->server_cert, sizeof(e->server_cert)),
        .command_line = bs_buf_span(&e->command_line),
        .token = bs_buf_span(&e->token),
        .held_serial = boot->is_held ? boot->held.bundle.serial : 0,
        .device_time = (uint64_t)bs_clock_now(),
    };
    struct vault_key_list list;
    err = fill_vault(boot, &list, &s);
    if (err == BS_OK)
        err = hash_log(&boot->eventlog, e->firmware_log_sha256, &s.firmware_log_sha256);
    if (err == BS_OK)
        err = hash_log(&e->userspace_log, e->userspace_log_sha256, &s.userspace_log_sha256);
    if (err != BS_OK)
        return err;
    fill_keys(boot, e, ek, &s);
    fill_pcrs(&e->pcrs, &s.pcrs);
    fill_facts(boot, &s.facts);
    for (size_t i = 0; i < boot->report.note_count && s.note_count < MESSAGE_NOTES_MAX; i++)
        s.notes[s.note_count++] = bs_span_of_string(boot->report.notes[i]);
    bs_buf_reset(&boot->exchange.statement);
    return message_statement_encode(&s, &boot->exchange.statement);
}

/* The statement is hashed into the quote, and the logs into it, so the TPM vouches for every byte of them. */
static enum bs_err make_request(struct boot *boot, struct evidence *e, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf quote = BS_BUF(TPM_STRUCTURE_MAX);
    BS_SCOPED_BUF struct bs_buf signature = BS_BUF(TPM_STRUCTURE_MAX);
    uint8_t qualifying[CRYPTO_SHA256_SIZE];
    enum bs_err err = encode_statement(boot, e);
    if (err == BS_OK)
        err = message_quote_data(bs_buf_span(&boot->exchange.statement), qualifying);
    if (err == BS_OK)
        err = tpm_quote(boot->tpm, qualifying, e->pcrs.bank, e->pcrs.mask, &quote, &signature);
    const struct message_attest m = { .statement = bs_buf_span(&boot->exchange.statement),
                                      .quote = bs_buf_span(&quote),
                                      .signature = bs_buf_span(&signature),
                                      .firmware_log = bs_buf_span(&boot->eventlog),
                                      .userspace_log = bs_buf_span(&e->userspace_log) };
    if (err == BS_OK)
        err = message_attest_encode(&m, out);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "no statement and quote could be made (%s); the event log has %zu bytes",
                         bs_err_name(err), boot->eventlog.size);
    return BS_OK;
}

/* "Not now": said when it begins, remembered for the next try. */
static enum bs_err come_back(struct boot *boot, unsigned seconds, enum bs_err err)
{
    boot->waiting.told_ms = (int64_t)seconds * 1000;
    boot->waiting.last = err;
    return err;
}

static enum bs_err busy(struct boot *boot, unsigned retry_after)
{
    boot_not_now(boot, BS_ERR_BUSY, STATE, "the server is busy (%u s, it says); nothing is to be done here",
                 retry_after);
    return come_back(boot, retry_after ? retry_after : RETRY_DEFAULT_S, BS_ERR_BUSY);
}

static enum bs_err unreadable(struct boot *boot, const struct net_answer *http)
{
    if (http->status == HTTP_TOO_MANY || http->status == HTTP_UNAVAILABLE)
        return busy(boot, http->retry_after);
    return boot_fail(
        boot, BS_ERR_PROTOCOL, STATE,
        "the server's answer (HTTP %u) is not one of this protocol; are agent and server of matching versions?",
        http->status);
}

static enum bs_err post(struct boot *boot, const char *path, struct bs_span body)
{
    struct boot_exchange *exchange = &boot->exchange;
    struct net_answer http;
    bs_buf_reset(&exchange->answer_bytes);
    exchange->answer_bytes.limit = BS_ANSWER_MAX;
    enum bs_err err = net_post(exchange->connection, path, body, &exchange->answer_bytes, &http);
    if (err != BS_OK) {
        exchange->is_open = false;
        if (bs_err_blame(err) == BS_BLAME_WAIT)
            return boot_not_now(boot, err, STATE, "the server hung up or was silent (%s)", bs_err_name(err));
        return boot_fail(boot, err, STATE, "the server's answer is not to be used (%s)", bs_err_name(err));
    }
    exchange->is_open = http.is_open;
    if (message_answer_decode(bs_buf_span(&exchange->answer_bytes), &exchange->answer) != BS_OK)
        return unreadable(boot, &http);
    return BS_OK;
}

/* Answers the challenge: only a TPM that holds both EK and AK recovers the secret. */
static enum bs_err prove(struct boot *boot, const uint8_t channel[BS_CHANNEL_SIZE])
{
    const struct message_answer *answer = &boot->exchange.answer;
    BS_OWN(secret) secret = NULL;
    uint8_t mac[CRYPTO_SHA256_SIZE];
    enum bs_err err = tpm_activate(boot->tpm, answer->id_object, answer->encrypted_secret, &secret);
    if (err == BS_OK)
        err = message_prove_mac(BS_SPAN(bs_secret_view(secret), bs_secret_size(secret)),
                                BS_SPAN(channel, BS_CHANNEL_SIZE), bs_buf_span(&boot->exchange.statement), mac);
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(BS_REQUEST_MAX);
    const struct message_prove m = { BS_SPAN(mac, sizeof(mac)) };
    if (err == BS_OK)
        err = message_prove_encode(&m, &body);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the server's challenge could not be answered (%s)", bs_err_name(err));
    return post(boot, BS_PATH_PROVE, bs_buf_span(&body));
}

static void say_findings(enum bs_log_level level, const struct message_answer *answer)
{
    for (size_t i = 0; i < answer->finding_count; i++) {
        const struct message_finding *f = &answer->findings[i];
        char place[48] = "";
        if (f->has_pcr && f->has_event)
            snprintf(place, sizeof(place), "PCR %" PRIu32 ", event %" PRIu32 ": ", f->pcr, f->event);
        else if (f->has_pcr)
            snprintf(place, sizeof(place), "PCR %" PRIu32 ": ", f->pcr);
        bs_log(level, STATE, "  %s%.*s", place, (int)f->text.size, (const char *)f->text.data);
        if (f->found.size > 0)
            bs_log(level, STATE, "    found:    %.*s", (int)f->found.size, (const char *)f->found.data);
        if (f->expected.size > 0)
            bs_log(level, STATE, "    expected: %.*s", (int)f->expected.size, (const char *)f->expected.data);
    }
}

/* What an operator would type: the verb before the device's id, and what comes after it. */
struct advice {
    const char *verb;
    const char *option;
};

static struct advice advice_for(const char *reason)
{
    if (strcmp(reason, BS_REASON_UNKNOWN_DEVICE) == 0)
        return (struct advice){ "approve", "" };
    if (strcmp(reason, BS_REASON_NO_REFERENCE) == 0)
        return (struct advice){ "approve", " --learn" };
    /* For a boot that is not approved as well: there it says how it differs, and what helps, a reference or a policy. */
    return (struct advice){ "show", "" };
}

/* Said when it begins or when the reason is another one, not with each try. */
static enum bs_err pending(struct boot *boot)
{
    const struct message_answer *answer = &boot->exchange.answer;
    char reason[sizeof(boot->report.reason)];
    snprintf(reason, sizeof(reason), "%.*s", (int)answer->reason.size, (const char *)answer->reason.data);
    if (!boot->waiting.is_pending_said || strcmp(reason, boot->report.reason) != 0) {
        struct advice advice = advice_for(reason);
        bs_notice("pending", "pending (%s): %.*s; waiting up to %d s; for an operator: bootsealctl device %s %s%s",
                  reason, (int)answer->text.size, (const char *)answer->text.data,
                  bs_deadline_left_ms(boot->deadline) / 1000, advice.verb, boot->report.device, advice.option);
        say_findings(BS_LOG_NOTICE, answer);
    }
    report_reason(&boot->report, answer->reason, answer->text);
    boot->waiting.is_pending_said = true;
    return come_back(boot, answer->retry_after ? answer->retry_after : RETRY_DEFAULT_S, BS_ERR_BUSY);
}

static enum bs_err refused(struct boot *boot)
{
    const struct message_answer *answer = &boot->exchange.answer;
    bool is_lost = bs_span_equal(answer->reason, bs_span_of_string(BS_REASON_KEYS_LOST));
    enum bs_err err = is_lost ? BS_ERR_KEYS_LOST : BS_ERR_REFUSED;
    boot_fail(boot, err, STATE, "the server refuses (%.*s): %.*s", (int)answer->reason.size,
              (const char *)answer->reason.data, (int)answer->text.size, (const char *)answer->text.data);
    say_findings(BS_LOG_ERROR, answer);
    report_reason(&boot->report, answer->reason, answer->text);
    return err;
}

static enum bs_err verdict(struct boot *boot)
{
    switch (boot->exchange.answer.kind) {
    case MESSAGE_APPROVED:
        boot->waiting.last = BS_OK;
        return BS_OK;
    case MESSAGE_PENDING:
        return pending(boot);
    case MESSAGE_BUSY:
        return busy(boot, boot->exchange.answer.retry_after);
    case MESSAGE_REFUSED:
        return refused(boot);
    case MESSAGE_WIPE:
        return wipe_obey(boot);
    case MESSAGE_PROVE:
    case MESSAGE_CONFIRMED:
        break;
    }
    return boot_fail(boot, BS_ERR_PROTOCOL, STATE, "the server answered what does not fit here");
}

enum bs_err step_attest(struct boot *boot)
{
    SCOPED_EVIDENCE struct evidence e;
    evidence_begin(&e);
    BS_SCOPED_BUF struct bs_buf request = BS_BUF(BS_REQUEST_MAX);
    enum bs_err err = gather(boot, &e);
    if (err == BS_OK)
        err = make_request(boot, &e, &request);
    if (err == BS_OK)
        err = post(boot, BS_PATH_ATTEST, bs_buf_span(&request));
    if (err == BS_OK && boot->exchange.answer.kind == MESSAGE_PROVE)
        err = prove(boot, e.channel);
    if (err == BS_OK)
        err = verdict(boot);
    return err;
}
