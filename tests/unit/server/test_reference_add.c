/* References of boots that nobody has seen: which firmware they are for, and when none can be made. */
#include "unit/server/lab.h"

#include "core/uki.h"
#include "core/userlog.h"
#include "server/policy/policy_reference.h"
#include "unit/logmaker.h"

#define RELEASE_PCRS (1u << 4 | 1u << 9 | 1u << 11)

static void read_log(const char *name, struct bs_buf *out)
{
    *out = BS_BUF(LOGMAKER_MAX);
    read_vector(name, out);
}

/* Events of an image, as bootsealctl sends them; `fill` makes another image. */
static void make_events(uint8_t fill, struct bs_buf *out)
{
    *out = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(out);
    put_event(out, 4, EVENTLOG_BOOT_APPLICATION, fill, BS_SPAN_NONE);
    put_event(out, 11, EVENTLOG_IPL, fill, BS_SPAN("x", 1));
    put_event(out, 4, EVENTLOG_BOOT_APPLICATION, fill, BS_SPAN_NONE);
    put_event(out, 9, EVENTLOG_EVENT_TAG, fill, BS_SPAN("x", 1));
}

/* SHA-256(before ‖ digest). */
static void extend(uint8_t value[32], const uint8_t *digest)
{
    const struct bs_span both[] = { BS_SPAN(value, 32), BS_SPAN(digest, 32) };
    assert_ok(crypto_sha256(both, 2, value));
}

struct added {
    struct store_reference reference;
    struct store_boot boot;
};

static void added_free(struct added *added)
{
    store_boot_free(&added->boot);
}
#define ADDED(name) __attribute__((cleanup(added_free))) struct added name = { .boot = STORE_BOOT_INIT }

static void add(struct lab *lab, const struct operator_prediction *prediction, struct added *ret_added)
{
    store_boot_free(&ret_added->boot);
    if (operator_reference_add(&lab->call, prediction, &ret_added->reference, &ret_added->boot) != BS_OK)
        fail_msg("%s", lab->call.why);
}

static void assert_refused(struct lab *lab, const struct operator_prediction *prediction, enum bs_err expected,
                           const char *why)
{
    struct store_reference reference;
    struct store_boot boot;
    uint64_t rows = lab_audit_rows(lab);
    assert_err(operator_reference_add(&lab->call, prediction, &reference, &boot), expected);
    if (!strstr(lab->call.why, why))
        fail_msg("\"%s\" does not say \"%s\"", lab->call.why, why);
    assert_int_equal(lab_audit_rows(lab), rows);
}

/* The values that the log leads to, and untouched ones where it has no events. */
static void read_boot(struct lab *lab, const struct bs_buf *bytes, struct store_boot *ret_boot)
{
    struct eventlog log;
    struct eventlog_replay replay;
    assert_ok(eventlog_open(bs_buf_span(bytes), &log, NULL));
    assert_ok(eventlog_replay(&log, CRYPTO_SHA256, &replay));
    *ret_boot = STORE_BOOT_INIT;
    ret_boot->bank = CRYPTO_SHA256;
    ret_boot->mask = config_quote_mask(&lab->server->config);
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (replay.mask & ret_boot->mask & 1u << pcr)
            memcpy(ret_boot->pcrs[pcr], replay.values[pcr], 32);
    assert_ok(bs_buf_append(&ret_boot->log, bytes->data, bytes->size));
}

/* Of one PCR fewer than the configuration demands: what was learned decides. */
#define LEARNED_WITHOUT 2

static uint64_t learn(struct lab *lab, const char *log, uint8_t device)
{
    struct store_boot boot;
    struct store_reference reference = { .profile = "sensor", .created_by = "test", .device = { device } };
    uint64_t id;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(0);
    read_log(log, &bytes);
    read_boot(lab, &bytes, &boot);
    boot.mask &= ~(1u << LEARNED_WITHOUT);
    assert_ok(policy_boot_digest(&boot, reference.digest));
    assert_ok(store_begin(lab->server->store));
    assert_ok(store_reference_add(lab->server->store, &reference, &boot, &id));
    assert_ok(store_commit(lab->server->store));
    store_boot_free(&boot);
    return id;
}

static void the_image_s_pcrs_are_foretold_and_the_others_are_the_firmware_s(void **state)
{
    struct lab *lab = *state;
    struct store_boot real;
    uint8_t digest[32], pcr4[32] = { 0 }, pcr9[32] = { 0 };
    ADDED(added);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    make_events(0xaa, &events);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    read_boot(lab, &log, &real);
    add(lab,
        &(struct operator_prediction){ .name = "2.0", .events = bs_buf_span(&events), .firmware = bs_buf_span(&log) },
        &added);

    assert_string_equal(added.reference.profile, "sensor");
    assert_string_equal(added.reference.name, "2.0");
    assert_false(added.reference.is_release);
    assert_int_equal(added.boot.bank, real.bank);
    assert_int_equal(added.boot.mask, real.mask);
    assert_true(real.mask & RELEASE_PCRS & 1u << 9);
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (!(RELEASE_PCRS >> pcr & 1))
            assert_memory_equal(added.boot.pcrs[pcr], real.pcrs[pcr], 32);
    memset(digest, 0xaa, 32);
    extend(pcr9, digest);
    assert_memory_equal(added.boot.pcrs[9], pcr9, 32);
    assert_memory_equal(added.boot.pcrs[11], pcr9, 32);
    uint8_t of_firmware[32];
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("Calling EFI Application from Boot Option"), of_firmware));
    extend(pcr4, of_firmware);
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN("\0\0\0", 4), of_firmware));
    extend(pcr4, of_firmware);
    extend(pcr4, digest);
    extend(pcr4, digest);
    assert_memory_equal(added.boot.pcrs[4], pcr4, 32);
    store_boot_free(&real);
}

static void what_nothing_extends_is_foretold_as_it_is_reset(void **state)
{
    struct lab *lab = *state;
    uint8_t zeros[32] = { 0 }, ones[32];
    ADDED(added);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    memset(ones, 0xff, sizeof(ones));
    make_events(0xaa, &events);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    lab->server->config.measure_mask |= 1u << 15 | 1u << 17;
    add(lab,
        &(struct operator_prediction){ .name = "2.0", .events = bs_buf_span(&events), .firmware = bs_buf_span(&log) },
        &added);
    assert_true(added.boot.mask >> 15 & added.boot.mask >> 17 & 1u);
    assert_memory_equal(added.boot.pcrs[15], zeros, 32);
    assert_memory_equal(added.boot.pcrs[17], ones, 32);
    assert_memory_equal(added.boot.pcrs[18], zeros, 32); /* not quoted */
}

static void what_was_foretold_is_good_when_it_comes(void **state)
{
    struct lab *lab = *state;
    struct policy_result result;
    struct refusal refusal = { 0 };
    ADDED(added);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    make_events(0xaa, &events);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    const struct operator_prediction prediction = { .name = "2.0",
                                                    .events = bs_buf_span(&events),
                                                    .firmware = bs_buf_span(&log) };
    add(lab, &prediction, &added);
    uint64_t id = added.reference.id;
    assert_ok(policy_judge(lab->server->store, "sensor", &added.boot, &result, &refusal));
    assert_int_equal(result.verdict, POLICY_GOOD);
    assert_int_equal(result.reference, id);
    add(lab, &prediction, &added);
    assert_int_equal(added.reference.id, id);
    assert_true(lab_audit_rows(lab) >= 2);
}

static void a_release_is_one(void **state)
{
    struct lab *lab = *state;
    struct store_reference found;
    ADDED(added);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    make_events(0xaa, &events);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    struct operator_prediction prediction = { .name = "2.0",
                                              .profile = "sensor",
                                              .is_release = true,
                                              .events = bs_buf_span(&events),
                                              .firmware = bs_buf_span(&log) };
    add(lab, &prediction, &added);
    assert_ok(store_reference_named(lab->server->store, "sensor", "2.0", &found));
    assert_true(found.is_release);
    assert_int_equal(found.id, added.reference.id);
}

static void without_a_log_the_firmware_is_that_of_the_boot_learned_last(void **state)
{
    struct lab *lab = *state;
    struct store_boot real;
    ADDED(added);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf other = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    make_events(0xaa, &events);
    make_events(0xbb, &other);
    struct operator_prediction prediction = { .name = "2.0", .events = bs_buf_span(&events) };
    assert_refused(lab, &prediction, BS_ERR_INPUT, "--firmware=LOG gives the event log");

    learn(lab, "arm64-aavmf-uki.bin", 1);
    learn(lab, "ovmf2M-uki-cloud-sha256only.bin", 2);
    learn(lab, "ovmf4M-uki-full.bin", 0); /* of nobody: foretold */
    assert_ok(operator_reference_revoke(&lab->call, learn(lab, "ovmf-uki-cloud.bin", 3), &(size_t){ 0 }));
    add(lab, &prediction, &added);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    read_boot(lab, &log, &real);
    assert_true(real.mask >> LEARNED_WITHOUT & 1);
    real.mask &= ~(1u << LEARNED_WITHOUT);
    assert_int_equal(added.boot.mask, real.mask);
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (real.mask & ~RELEASE_PCRS & 1u << pcr)
            assert_memory_equal(added.boot.pcrs[pcr], real.pcrs[pcr], 32);
    store_boot_free(&real);

    /* With a log it is that one. */
    bs_buf_free(&log);
    read_log("arm64-aavmf-uki.bin", &log);
    read_boot(lab, &log, &real);
    prediction =
        (struct operator_prediction){ .name = "2.1", .events = bs_buf_span(&other), .firmware = bs_buf_span(&log) };
    add(lab, &prediction, &added);
    assert_memory_equal(added.boot.pcrs[0], real.pcrs[0], 32);
    store_boot_free(&real);
}

static void a_boot_without_a_log_is_no_firmware(void **state)
{
    struct lab *lab = *state;
    struct store_boot boot = STORE_BOOT_INIT;
    struct store_reference reference = { .profile = "sensor", .created_by = "test", .device = { 1 } };
    uint64_t id;
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    make_events(0xaa, &events);
    learn(lab, "ovmf2M-uki-cloud-sha256only.bin", 2);
    boot.bank = CRYPTO_SHA384;
    assert_ok(store_begin(lab->server->store));
    assert_ok(store_reference_add(lab->server->store, &reference, &boot, &id));
    assert_ok(store_commit(lab->server->store));
    ADDED(added);
    add(lab, &(struct operator_prediction){ .name = "2.0", .events = bs_buf_span(&events) }, &added);
    assert_int_equal(added.boot.bank, CRYPTO_SHA256);
    store_boot_free(&boot);
}

static void names_are_given_once_and_never_again_after_a_revocation(void **state)
{
    struct lab *lab = *state;
    ADDED(added);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf other = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    make_events(0xaa, &events);
    make_events(0xbb, &other);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    struct operator_prediction prediction = { .name = "2.0",
                                              .events = bs_buf_span(&events),
                                              .firmware = bs_buf_span(&log) };
    add(lab, &prediction, &added);
    prediction.events = bs_buf_span(&other);
    assert_refused(lab, &prediction, BS_ERR_REFUSED, "has the name 2.0");
    prediction.events = bs_buf_span(&events);
    assert_ok(operator_reference_revoke(&lab->call, added.reference.id, &(size_t){ 0 }));
    assert_refused(lab, &prediction, BS_ERR_REFUSED, "is revoked");
    prediction.name = ".0";
    assert_refused(lab, &prediction, BS_ERR_INPUT, "begins with no dot");
}

static void what_cannot_be_foretold_is_not_added(void **state)
{
    struct lab *lab = *state;
    static uint8_t large[STORE_LOG_MAX + 1];
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf early = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf sha384 = BS_BUF(LOGMAKER_MAX);
    static const uint16_t header[] = { CRYPTO_SHA384, 48, 0 };
    make_events(0xaa, &events);
    put_header(&sha384, header);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    read_log("ovmf2M-direct-kernel-cloud.bin", &early);
    const struct operator_prediction good = { .name = "2.0",
                                              .events = bs_buf_span(&events),
                                              .firmware = bs_buf_span(&log) };
    struct operator_prediction wrong = good;
    wrong.profile = "nobody";
    assert_refused(lab, &wrong, BS_ERR_NOT_FOUND, "bootsealctl profile list");
    wrong = good;
    wrong.unknown = "the stub is too new";
    assert_refused(lab, &wrong, BS_ERR_INPUT, "PCR 9 cannot be foretold, and it is quoted: the stub is too new");
    wrong = good;
    wrong.firmware = BS_SPAN("no log", 6);
    assert_refused(lab, &wrong, BS_ERR_INPUT, "the firmware's event log cannot be read: event 0 at byte 0");
    wrong.firmware = BS_SPAN(large, sizeof(large));
    assert_refused(lab, &wrong, BS_ERR_INPUT, "larger than 256 KiB");
    wrong.firmware = bs_buf_span(&early);
    assert_refused(lab, &wrong, BS_ERR_INPUT, "before its own part was over");
    wrong = good;
    wrong.events = BS_SPAN("no log", 6);
    assert_refused(lab, &wrong, BS_ERR_INPUT, "what bootsealctl made of the image cannot be read");
    /* An image without digests for the bank that is quoted. */
    put_le32(&sha384, 11);
    put_le32(&sha384, EVENTLOG_IPL);
    put_le32(&sha384, 1);
    put_le16(&sha384, CRYPTO_SHA384);
    put_bytes(&sha384, large, 48);
    put_le32(&sha384, 0);
    wrong.events = bs_buf_span(&sha384);
    assert_refused(lab, &wrong, BS_ERR_INPUT, "is not for the sha256 bank");
}

static void replay_all(const struct store_boot *boot, struct eventlog_replay *ret_replay)
{
    struct eventlog log;
    struct userlog userlog;
    assert_ok(eventlog_open(bs_buf_span(&boot->log), &log, NULL));
    assert_ok(eventlog_replay(&log, boot->bank, ret_replay));
    assert_ok(userlog_open(bs_buf_span(&boot->userspace_log), &userlog, NULL));
    assert_ok(userlog_replay(&userlog, ret_replay));
}

/* Of a boot that differs by the word alone: in the userspace log, or where there is none. */
static void assert_advised(struct lab *lab, const struct store_boot *boot)
{
    struct policy_result result;
    struct refusal refusal = { 0 };
    assert_ok(policy_judge(lab->server->store, "sensor", boot, &result, &refusal));
    assert_int_equal(result.verdict, POLICY_DIFFERS);
    if (!strstr(refusal.explanation, "reference add --phase=enter-initrd"))
        fail_msg("%s", refusal.explanation);
}

static void systemd_in_the_initrd_is_foretold_where_it_is_said(void **state)
{
    struct lab *lab = *state;
    struct eventlog_replay replay;
    struct policy_result result;
    struct refusal refusal = { 0 };
    uint8_t word[32], pcr11[32];
    ADDED(plain);
    ADDED(added);
    BS_SCOPED_BUF struct bs_buf events = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(0);
    make_events(0xaa, &events);
    read_log("ovmf2M-uki-cloud-sha256only.bin", &log);
    struct operator_prediction prediction = { .name = "2.0",
                                              .events = bs_buf_span(&events),
                                              .firmware = bs_buf_span(&log) };
    add(lab, &prediction, &plain);
    assert_int_equal(plain.boot.userspace_log.size, 0);
    prediction.phase = "leave-initrd";
    assert_refused(lab, &prediction, BS_ERR_INPUT, "leave-initrd is no phase in which a device asks");
    prediction.phase = "enter-initrd";
    prediction.name = "2.0-systemd";
    lab->server->config.measure_mask &= ~(1u << 11);
    assert_refused(lab, &prediction, BS_ERR_INPUT, "PCR 11, which is not quoted");
    lab->server->config.measure_mask |= 1u << 11;

    /* Nobody has said it yet. */
    struct store_boot boot = plain.boot;
    memcpy(pcr11, plain.boot.pcrs[11], 32);
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string("enter-initrd"), word));
    extend(pcr11, word);
    memcpy(boot.pcrs[11], pcr11, 32);
    assert_advised(lab, &boot);
    boot.userspace_log = BS_BUF(4096);
    put_userspace_record(&boot.userspace_log, 11, bs_span_of_string("enter-initrd"), "enter-initrd");
    assert_advised(lab, &boot);

    add(lab, &prediction, &added);
    assert_memory_equal(added.boot.pcrs[11], pcr11, 32);
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (pcr != 11)
            assert_memory_equal(added.boot.pcrs[pcr], plain.boot.pcrs[pcr], 32);
    replay_all(&added.boot, &replay);
    assert_memory_equal(replay.values[11], pcr11, 32); /* its own log says by what */
    assert_ok(policy_judge(lab->server->store, "sensor", &boot, &result, &refusal));
    assert_int_equal(result.verdict, POLICY_GOOD);
    assert_int_equal(result.reference, added.reference.id);
    bs_buf_free(&boot.userspace_log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(the_image_s_pcrs_are_foretold_and_the_others_are_the_firmware_s),
        LAB_TEST(what_nothing_extends_is_foretold_as_it_is_reset),
        LAB_TEST(what_was_foretold_is_good_when_it_comes),
        LAB_TEST(a_release_is_one),
        LAB_TEST(without_a_log_the_firmware_is_that_of_the_boot_learned_last),
        LAB_TEST(a_boot_without_a_log_is_no_firmware),
        LAB_TEST(names_are_given_once_and_never_again_after_a_revocation),
        LAB_TEST(what_cannot_be_foretold_is_not_added),
        LAB_TEST(systemd_in_the_initrd_is_foretold_where_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
