/* Messages: the golden vectors, what comes back of each member, and what no encoder writes. */
#include "message_vectors.h"

#include "cbor_edit.h"
#include "core/crypto.h"

/* Encodes, demands the golden bytes, and that what comes back from them is encoded to the same again. */
#define CHECK_GOLDEN(type, name, value)                                       \
    do {                                                                      \
        BS_SCOPED_BUF struct bs_buf golden = BS_BUF(BS_REQUEST_MAX);          \
        BS_SCOPED_BUF struct bs_buf made = BS_BUF(BS_REQUEST_MAX);            \
        struct message_##type in = (value), back;                             \
        vector_read("messages/" name ".cbor", &golden);                       \
        assert_ok(message_##type##_encode(&in, &made));                       \
        assert_true(bs_span_equal(bs_buf_span(&golden), bs_buf_span(&made))); \
        assert_ok(message_##type##_decode(bs_buf_span(&golden), &back));      \
        bs_buf_reset(&made);                                                  \
        assert_ok(message_##type##_encode(&back, &made));                     \
        assert_true(bs_span_equal(bs_buf_span(&golden), bs_buf_span(&made))); \
    } while (0)

static void every_message_is_encoded_as_its_golden_vector(void **state)
{
    (void)state;
    CHECK_GOLDEN(statement, "statement-full", statement_full());
    CHECK_GOLDEN(statement, "statement-minimal", statement_minimal());
    CHECK_GOLDEN(statement, "statement-challenge", statement_challenge());
    CHECK_GOLDEN(statement, "statement-keys", statement_keys());
    CHECK_GOLDEN(statement, "statement-userspace", statement_userspace());

    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
    vector_read("messages/statement-full.cbor", &statement);
    CHECK_GOLDEN(attest, "attest",
                 ((struct message_attest){ .statement = bs_buf_span(&statement),
                                           .quote = fill(0x91, 140),
                                           .signature = fill(0x92, 72),
                                           .firmware_log = fill(0x90, 300) }));
    bs_buf_reset(&statement);
    vector_read("messages/statement-userspace.cbor", &statement);
    CHECK_GOLDEN(attest, "attest-userspace",
                 ((struct message_attest){ .statement = bs_buf_span(&statement),
                                           .quote = fill(0x91, 140),
                                           .signature = fill(0x92, 72),
                                           .userspace_log = bs_span_of_string(USERSPACE_LOG) }));
    CHECK_GOLDEN(answer, "answer-prove", answer_of(MESSAGE_PROVE));
    CHECK_GOLDEN(answer, "answer-pending", answer_of(MESSAGE_PENDING));
    CHECK_GOLDEN(answer, "answer-refused", answer_of(MESSAGE_REFUSED));
    CHECK_GOLDEN(answer, "answer-confirmed", answer_of(MESSAGE_CONFIRMED));
    CHECK_GOLDEN(answer, "answer-busy", answer_of(MESSAGE_BUSY));

    BS_SCOPED_BUF struct bs_buf bundle = BS_BUF(BS_BUNDLE_MAX);
    vector_read("messages/bundle-encrypt0.cbor", &bundle);
    struct message_answer approved = answer_of(MESSAGE_APPROVED);
    approved.bundle = bs_buf_span(&bundle);
    CHECK_GOLDEN(answer, "answer-approved", approved);
}

static void the_members_of_a_statement_come_back_each_in_its_place(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
    struct message_statement s;
    vector_read("messages/statement-full.cbor", &in);
    assert_ok(message_statement_decode(bs_buf_span(&in), &s));
    assert_int_equal(s.channel_kind, MESSAGE_CHANNEL_TLS_EXPORTER);
    assert_true(bs_span_equal(s.channel, fill(0x10, 32)));
    assert_true(bs_span_equal(s.ek_public, fill(0x30, 122)));
    assert_int_equal(s.ek_cert_count, 2);
    assert_true(bs_span_equal(s.ek_certs[1], fill(0x81, 260)));
    assert_true(bs_span_equal(s.device_key.signature, fill(0x42, 72)));
    assert_true(bs_span_equal(s.srk.attest, fill(0x61, 160)));
    assert_int_equal(s.pcrs.bank, CRYPTO_SHA256);
    assert_int_equal(s.pcrs.mask, 0x801aff);
    assert_true(bs_span_equal(s.pcrs.values[23], fill(23, 32)));
    assert_int_equal(s.pcrs.values[8].size, 0);
    assert_span_text(s.facts.product, "Ger\xc3\xa4t 7");
    assert_true(s.counter_value == 4294967296);
    assert_span_text(s.token, "token-0123456789abcdef");
    assert_int_equal(s.held_serial, 41);
    assert_int_equal(s.device_time, TIME);
    assert_int_equal(s.note_count, 2);
    assert_span_text(s.notes[1], "vault-boot-changed");
}

static void assert_keys_of_the_vectors(const struct generated_public *keys, size_t count)
{
    struct generated_public expected[BS_GENERATED_MAX];
    assert_int_equal(count, keys_of_the_vectors(expected));
    for (size_t i = 0; i < count; i++) {
        assert_true(bs_span_equal(keys[i].name, expected[i].name));
        assert_int_equal(keys[i].kind, expected[i].kind);
        assert_int_equal(keys[i].generation, expected[i].generation);
        assert_true(bs_span_equal(keys[i].public_half, expected[i].public_half));
    }
}

static void keys_and_shares_of_a_statement_come_back(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
    struct message_statement s;
    vector_read("messages/statement-keys.cbor", &in);
    assert_ok(message_statement_decode(bs_buf_span(&in), &s));
    assert_keys_of_the_vectors(s.keys, s.key_count);
    assert_int_equal(s.share_count, 2);
    assert_int_equal(s.shares[0], 40);
    assert_int_equal(s.shares[1], 41);
}

/* Every member at its limit, but for the logs, which have one together. */
static void the_largest_request_fits(void **state)
{
    (void)state;
    static uint8_t large[BS_EVENTLOG_MAX];
    static uint8_t letters[BS_TOKEN_MAX];
    static char names[BS_GENERATED_MAX][BS_ITEM_NAME_MAX + 1];
    const struct bs_span tpm_structure = BS_SPAN(large, BS_TPM_MAX);
    const struct message_certified whole = { tpm_structure, tpm_structure, tpm_structure };
    memset(letters, 'a', sizeof(letters));
    const struct bs_span fact = BS_SPAN(letters, BS_FACT_MAX);
    struct message_statement s = statement_challenge();
    s.pcrs.bank = CRYPTO_SHA512;
    for (uint8_t n = 0; n < MESSAGE_PCRS; n++)
        s.pcrs.values[n] = BS_SPAN(large, 64);
    s.ek_public = s.ak_public = s.counter_public = tpm_structure;
    s.device_key = s.srk = whole;
    for (; s.ek_cert_count < MESSAGE_CERTS_MAX; s.ek_cert_count++)
        s.ek_certs[s.ek_cert_count] = BS_SPAN(large, BS_CERT_MAX);
    s.device_csr = BS_SPAN(large, BS_CERT_MAX);
    s.facts = (struct message_facts){ fact, fact, fact, fact, fact };
    s.counter_value = s.held_serial = UINT64_MAX;
    s.device_time = BS_TIME_MAX;
    s.token = BS_SPAN(letters, BS_TOKEN_MAX);
    for (; s.note_count < MESSAGE_NOTES_MAX; s.note_count++)
        s.notes[s.note_count] = BS_SPAN(letters, BS_NAME_MAX);
    for (; s.key_count < BS_GENERATED_MAX; s.key_count++) {
        memset(names[s.key_count], 'a' + (int)s.key_count, BS_ITEM_NAME_MAX);
        s.keys[s.key_count] = (struct generated_public){ bs_span_of_string(names[s.key_count]), BS_GENERATED_SECP256K1,
                                                         INT64_MAX, BS_SPAN(large, GENERATED_PUBLIC_MAX) };
    }
    s.shares[0] = UINT64_MAX - 1;
    s.shares[1] = UINT64_MAX;
    s.share_count = 2;
    s.firmware_log_sha256 = s.userspace_log_sha256 = BS_SPAN(large, CRYPTO_SHA256_SIZE);
    s.command_line = BS_SPAN(large, BS_COMMAND_LINE_MAX);

    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf request = BS_BUF(BS_REQUEST_MAX);
    assert_ok(message_statement_encode(&s, &statement));
    const struct message_attest attest = { .statement = bs_buf_span(&statement),
                                           .quote = tpm_structure,
                                           .signature = tpm_structure,
                                           .firmware_log = BS_SPAN(large, BS_EVENTLOG_MAX),
                                           .userspace_log = BS_SPAN(large, BS_LOGS_MAX - BS_EVENTLOG_MAX) };
    assert_ok(message_attest_encode(&attest, &request));
}

static void what_userspace_says_comes_back(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
    struct message_statement s;
    vector_read("messages/statement-userspace.cbor", &in);
    assert_ok(message_statement_decode(bs_buf_span(&in), &s));
    assert_true(bs_span_equal(s.userspace_log_sha256, statement_userspace().userspace_log_sha256));
    assert_span_text(s.command_line, "root=/dev/vda2 ro quiet");
}

/* Whatever of a key is changed, the MAC is another one. */
static void the_mac_of_a_confirmation_covers_its_keys(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf golden = BS_BUF(1024);
    uint8_t value[32], again[32];
    struct message_confirm m;
    const struct bs_span channel = fill(0x10, 32), key = fill(0x77, 32);
    vector_read("messages/confirm-keys.cbor", &golden);
    assert_ok(message_confirm_decode(bs_buf_span(&golden), &m));
    assert_keys_of_the_vectors(m.keys, m.key_count);
    assert_ok(message_confirm_mac(key, channel, &m, value));

    struct message_confirm changed[6] = { m, m, m, m, m, m };
    changed[0].keys[2].name = bs_span_of_string("wallex");
    changed[1].keys[0].kind = BS_GENERATED_ED25519;
    changed[2].keys[1].generation++;
    changed[3].keys[1].public_half = changed[3].keys[0].public_half;
    changed[4].key_count = 2;
    changed[5].key_count = 0;
    for (size_t i = 0; i < COUNT(changed); i++) {
        assert_ok(message_confirm_mac(key, channel, &changed[i], again));
        assert_memory_not_equal(value, again, 32);
    }
}

static void findings_keep_zero_apart_from_absent(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_ANSWER_MAX);
    struct message_answer m;
    vector_read("messages/answer-refused.cbor", &in);
    assert_ok(message_answer_decode(bs_buf_span(&in), &m));
    assert_int_equal(m.finding_count, 3);
    assert_true(m.findings[0].has_pcr && m.findings[0].has_event && m.findings[0].event == 17);
    assert_true(m.findings[1].has_pcr && m.findings[1].pcr == 0 && !m.findings[1].has_event);
    assert_false(m.findings[2].has_pcr);
    assert_span_text(m.findings[2].text, "two PCRs differ");
}

static void an_answer_has_the_members_of_its_kind_and_no_others(void **state)
{
    (void)state;
    enum {
        CREDENTIAL = 1,
        SECRET = 2,
        BUNDLE = 4,
        RETRY = 8,
        REASON = 16,
        TEXT = 32,
        DEVICE = 64,
        FINDINGS = 128,
        ALL = 256
    };
    static const struct {
        unsigned must, may;
    } kinds[] = {
        [MESSAGE_PROVE] = { CREDENTIAL | SECRET, 0 },
        [MESSAGE_APPROVED] = { CREDENTIAL | SECRET | BUNDLE, 0 },
        [MESSAGE_PENDING] = { RETRY | REASON | TEXT, DEVICE | FINDINGS },
        [MESSAGE_REFUSED] = { REASON | TEXT, DEVICE | FINDINGS },
        [MESSAGE_CONFIRMED] = { 0, 0 },
        [MESSAGE_BUSY] = { RETRY, 0 },
    };
    for (enum message_kind kind = MESSAGE_PROVE; kind <= MESSAGE_BUSY; kind++) {
        for (unsigned members = 0; members < ALL; members++) {
            struct message_answer m = { .kind = kind };
            m.id_object = members & CREDENTIAL ? fill(1, 70) : BS_SPAN_NONE;
            m.encrypted_secret = members & SECRET ? fill(2, 70) : BS_SPAN_NONE;
            m.bundle = members & BUNDLE ? fill(3, 100) : BS_SPAN_NONE;
            m.retry_after = members & RETRY ? 1 : 0;
            m.reason = members & REASON ? bs_span_of_string("capped") : BS_SPAN_NONE;
            m.text = members & TEXT ? bs_span_of_string("no") : BS_SPAN_NONE;
            m.device = members & DEVICE ? fill(4, 32) : BS_SPAN_NONE;
            m.findings[0].text = bs_span_of_string("x");
            m.finding_count = members & FINDINGS ? 1 : 0;

            const bool is_right = (members & ~kinds[kind].may) == kinds[kind].must;
            BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_ANSWER_MAX);
            assert_err(message_answer_encode(&m, &out), is_right ? BS_OK : BS_ERR_INPUT);
            assert_true((out.size > 0) == is_right);
        }
    }
}

static void an_encoder_refuses_what_its_decoder_would_and_appends_nothing(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_REQUEST_MAX);
    assert_ok(bs_buf_append_string(&out, "before"));

    struct message_statement s = statement_full();
    s.facts.product = bs_span_of_string("bell \a");
    assert_err(message_statement_encode(&s, &out), BS_ERR_INPUT);
    s = statement_full();
    s.pcrs.values[4] = fill(4, 20);
    assert_err(message_statement_encode(&s, &out), BS_ERR_INPUT);
    s = statement_full();
    s.ek_public = BS_SPAN_NONE;
    assert_err(message_statement_encode(&s, &out), BS_ERR_INPUT);
    assert_span_text(bs_buf_span(&out), "before");

    BS_SCOPED_BUF struct bs_buf small = BS_BUF(100);
    s = statement_full();
    assert_err(message_statement_encode(&s, &small), BS_ERR_NOMEM);
    assert_int_equal(small.size, 0);
}

static void a_failed_decoder_leaves_its_output_alone(void **state)
{
    (void)state;
    struct message_confirm m = { .serial = 77 };
    assert_err(message_confirm_decode(BS_SPAN("\xa1\1\0", 3), &m), BS_ERR_PROTOCOL);
    assert_int_equal(m.serial, 77);
}

/* A value of bindings.json. */
static struct bs_span binding(const char *name, uint8_t room[32])
{
    BS_SCOPED_BUF struct bs_buf json = BS_BUF(4096);
    char wanted[64], hex[65];
    size_t size;
    vector_read("messages/bindings.json", &json);
    assert_ok(bs_buf_append(&json, "", 1));
    snprintf(wanted, sizeof(wanted), "\"%s\": \"", name);
    const char *at = strstr((const char *)json.data, wanted);
    assert_non_null(at);
    memcpy(hex, at + strlen(wanted), 64);
    hex[64] = '\0';
    assert_ok(bs_unhex(hex, room, 32, &size));
    return BS_SPAN(room, size);
}

static void hashes_and_macs_are_those_of_the_vectors(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
    uint8_t room[32], value[32];
    const struct bs_span channel = fill(0x10, 32), secret = fill(0xa0, 32), made = BS_SPAN(value, 32);
    vector_read("messages/statement-full.cbor", &statement);

    assert_ok(message_quote_data(bs_buf_span(&statement), value));
    assert_true(bs_span_equal(made, binding("quote_data", room)));
    assert_ok(message_prove_mac(secret, channel, bs_buf_span(&statement), value));
    assert_true(bs_span_equal(made, binding("prove_mac", room)));
    assert_ok(crypto_labelled(BS_LABEL_CERTIFY_DEVICE, &channel, 1, value));
    assert_true(bs_span_equal(made, binding("certify_device", room)));
    assert_ok(crypto_labelled(BS_LABEL_CERTIFY_SRK, &channel, 1, value));
    assert_true(bs_span_equal(made, binding("certify_srk", room)));

    BS_SCOPED_BUF struct bs_buf golden = BS_BUF(256);
    struct message_prove prove;
    vector_read("messages/prove.cbor", &golden);
    assert_ok(message_prove_decode(bs_buf_span(&golden), &prove));
    assert_true(bs_span_equal(prove.mac, binding("prove_mac", room)));

    struct message_confirm confirm;
    vector_read("messages/confirm.cbor", &golden);
    assert_ok(message_confirm_decode(bs_buf_span(&golden), &confirm));
    assert_int_equal(confirm.serial, 42);
    assert_ok(message_confirm_mac(binding("confirm_key", room), channel, &confirm, value));
    assert_true(bs_span_equal(made, confirm.mac));

    BS_SCOPED_BUF struct bs_buf with_keys = BS_BUF(1024);
    vector_read("messages/confirm-keys.cbor", &with_keys);
    assert_ok(message_confirm_decode(bs_buf_span(&with_keys), &confirm));
    assert_ok(message_confirm_mac(binding("confirm_key", room), channel, &confirm, value));
    assert_true(bs_span_equal(made, confirm.mac));
}

static void text_of_others_is_cleaned_and_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        size_t max;
        const char *to;
    } cases[] = {
        { "", 8, "" },
        { "plain", 8, "plain" },
        { "plain", 5, "plain" },
        { "plain", 4, "plai" },
        { "plain", 0, "" },
        { "a\xc3\xa4", 3, "a\xc3\xa4" },
        { "a\xc3\xa4", 2, "a" },
        { "a\tb\nc\x1b[0m", 32, "a?b?c?[0m" },
        { "\xff\xc3x", 8, "??x" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t room[32];
        assert_span_text(message_text_clean(bs_span_of_string(cases[i].from), room, cases[i].max), cases[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_encoded_as_its_golden_vector),
        cmocka_unit_test(the_members_of_a_statement_come_back_each_in_its_place),
        cmocka_unit_test(keys_and_shares_of_a_statement_come_back),
        cmocka_unit_test(what_userspace_says_comes_back),
        cmocka_unit_test(the_largest_request_fits),
        cmocka_unit_test(the_mac_of_a_confirmation_covers_its_keys),
        cmocka_unit_test(findings_keep_zero_apart_from_absent),
        cmocka_unit_test(an_answer_has_the_members_of_its_kind_and_no_others),
        cmocka_unit_test(an_encoder_refuses_what_its_decoder_would_and_appends_nothing),
        cmocka_unit_test(a_failed_decoder_leaves_its_output_alone),
        cmocka_unit_test(hashes_and_macs_are_those_of_the_vectors),
        cmocka_unit_test(text_of_others_is_cleaned_and_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
