#include "message_vectors.h"

#include "cbor_edit.h"
#include "core/crypto.h"

static struct message_certified certified(uint8_t seed)
{
    return (struct message_certified){ fill(seed, 90), fill((uint8_t)(seed + 1), 160), fill((uint8_t)(seed + 2), 72) };
}

struct message_statement statement_minimal(void)
{
    struct message_statement s = {
        .channel_kind = MESSAGE_CHANNEL_NONE,
        .server_cert_sha256 = fill(0x20, 32),
        .ek_public = fill(0x30, 122),
        .ak_public = fill(0x31, 90),
        .device_key = certified(0x40),
        .device_csr = fill(0x50, 250),
        .srk = certified(0x60),
        .pcrs = { .bank = CRYPTO_SHA256, .mask = 1u << 7 },
        .counter_public = fill(0x70, 46),
    };
    s.pcrs.values[7] = fill(0x77, 32);
    return s;
}

struct message_statement statement_challenge(void)
{
    struct message_statement s = statement_minimal();
    s.channel_kind = MESSAGE_CHANNEL_CHALLENGE;
    s.channel = fill(0x10, 32);
    s.pcrs = (struct message_pcrs){ .bank = CRYPTO_SHA384, .mask = 0xffffff };
    static uint8_t values[MESSAGE_PCRS][48];
    for (uint8_t n = 0; n < MESSAGE_PCRS; n++) {
        memcpy(values[n], fill(n, 48).data, 48);
        s.pcrs.values[n] = BS_SPAN(values[n], 48);
    }
    return s;
}

struct message_statement statement_full(void)
{
    struct message_statement s = statement_minimal();
    s.channel_kind = MESSAGE_CHANNEL_TLS_EXPORTER;
    s.channel = fill(0x10, 32);
    s.ek_certs[0] = fill(0x80, 300);
    s.ek_certs[1] = fill(0x81, 260);
    s.ek_cert_count = 2;
    s.pcrs.mask = 0x801aff;
    for (uint8_t n = 0; n < MESSAGE_PCRS; n++)
        s.pcrs.values[n] = s.pcrs.mask & (1u << n) ? fill(n, 32) : BS_SPAN_NONE;
    static uint8_t digest[CRYPTO_SHA256_SIZE];
    const struct bs_span log = fill(0x90, 300);
    assert_ok(crypto_sha256(&log, 1, digest));
    s.firmware_log_sha256 = BS_SPAN(digest, sizeof(digest));
    s.facts.serial = bs_span_of_string("BS-0001");
    s.facts.product = bs_span_of_string("Ger\xc3\xa4t 7");
    s.facts.firmware = bs_span_of_string("1.2.3");
    s.facts.kernel = bs_span_of_string("6.12.0-test");
    s.facts.agent = bs_span_of_string("0.1.0");
    s.counter_value = 4294967296;
    s.token = bs_span_of_string("token-0123456789abcdef");
    s.held_serial = 41;
    s.device_time = TIME;
    s.notes[0] = bs_span_of_string("clock-unknown");
    s.notes[1] = bs_span_of_string("vault-boot-changed");
    s.note_count = 2;
    return s;
}

size_t keys_of_the_vectors(struct generated_public ret_keys[BS_GENERATED_MAX])
{
    ret_keys[0] = (struct generated_public){ bs_span_of_string("wg0.key"), BS_GENERATED_X25519, 1, fill(0xa1, 32) };
    ret_keys[1] = (struct generated_public){ bs_span_of_string("disk"), BS_GENERATED_RANDOM, 3, fill(0xa2, 32) };
    ret_keys[2] = (struct generated_public){ bs_span_of_string("wallet"), BS_GENERATED_SECP256K1, 1, fill(0x04, 65) };
    return 3;
}

struct message_statement statement_keys(void)
{
    struct message_statement s = statement_minimal();
    s.key_count = keys_of_the_vectors(s.keys);
    s.shares[0] = 40;
    s.shares[1] = 41;
    s.share_count = 2;
    return s;
}

struct message_statement statement_userspace(void)
{
    struct message_statement s = statement_minimal();
    static uint8_t digest[CRYPTO_SHA256_SIZE];
    const struct bs_span log = bs_span_of_string(USERSPACE_LOG);
    assert_ok(crypto_sha256(&log, 1, digest));
    s.userspace_log_sha256 = BS_SPAN(digest, sizeof(digest));
    s.command_line = bs_span_of_string("root=/dev/vda2 ro quiet");
    return s;
}

struct message_answer answer_of(enum message_kind kind)
{
    struct message_answer m = { .kind = kind, .time = TIME };
    if (kind == MESSAGE_PROVE || kind == MESSAGE_APPROVED) {
        m.id_object = fill(0xb0, 70);
        m.encrypted_secret = fill(0xb8, 70);
    }
    if (kind == MESSAGE_BUSY)
        m.retry_after = 86400;
    if (kind == MESSAGE_PENDING) {
        m.retry_after = 30;
        m.reason = bs_span_of_string("unknown-device");
        m.text = bs_span_of_string("nobody has registered this device");
    }
    if (kind == MESSAGE_REFUSED) {
        m.reason = bs_span_of_string("boot-not-approved");
        m.text = bs_span_of_string("this boot equals no reference\nask an operator");
        m.device = fill(0xd0, 32);
        m.findings[0] = (struct message_finding){
            .has_pcr = true,
            .pcr = 4,
            .has_event = true,
            .event = 17,
            .text = bs_span_of_string("PCR 4: event 17 is not the one of the reference"),
            .found = bs_span_of_string("boot application a1b2"),
            .expected = bs_span_of_string("boot application c3d4"),
        };
        m.findings[1] = (struct message_finding){ .has_pcr = true, .text = bs_span_of_string("PCR 0 differs") };
        m.findings[2] = (struct message_finding){ .text = bs_span_of_string("two PCRs differ") };
        m.finding_count = 3;
    }
    return m;
}
