/*
 * Boots before a policy (server/policy/policy_judge.h). The policy is the one that is learned from a boot of tests/vectors/eventlogs; what
 * is changed was truly measured: PCRs and log agree, and what the log says of it beside its digest is the attacker's.
 */
#include "attack.h"

#include "server/policy/policy_judge.h"
#include "server/policy/policy_learn.h"
#include "unit/logmaker.h"

#include <string.h>

#define VECTOR "ovmf4Msecboot-signed-uki.bin"
#define EVENTS_MAX 256

static struct bs_buf approved_log = BS_BUF(SOFTTPM_LOG_MAX);
static struct bs_buf learned = BS_BUF(1 << 20);

/* The events of the approved boot, as they lie in its log. */
static struct {
    struct bs_span bytes;
    uint32_t pcr;
    bool is_judged;   /* in a quoted PCR, measured, and no separator: those have checks of their own */
    bool is_sentence; /* that firmware says about its own course: it may, and need not */
    bool is_secure_boot;
} events[EVENTS_MAX];
static size_t event_count;

static const uint32_t types[] = {
    EVENTLOG_POST_CODE,
    EVENTLOG_SEPARATOR,
    EVENTLOG_ACTION,
    EVENTLOG_EVENT_TAG,
    EVENTLOG_CRTM_VERSION,
    EVENTLOG_IPL,
    EVENTLOG_VARIABLE_DRIVER_CONFIG,
    EVENTLOG_VARIABLE_BOOT,
    EVENTLOG_BOOT_APPLICATION,
    EVENTLOG_BOOT_DRIVER,
    EVENTLOG_EFI_ACTION,
    EVENTLOG_FIRMWARE_BLOB2,
    EVENTLOG_VARIABLE_BOOT2,
    EVENTLOG_VARIABLE_AUTHORITY,
};

static bool is_variable(const struct eventlog_event *event, const char *utf16, size_t size)
{
    return event->type == EVENTLOG_VARIABLE_DRIVER_CONFIG && memmem(event->data.data, event->data.size, utf16, size);
}

static bool is_separator(const struct eventlog_event *event)
{
    return event->type == EVENTLOG_SEPARATOR;
}

static void read_events(struct scene *s)
{
    static const char secure_boot[] = "S\0e\0c\0u\0r\0e\0B\0o\0o\0t";
    struct eventlog log;
    struct eventlog_event event;
    read_vector(VECTOR, &approved_log);
    MUST(eventlog_open(bs_buf_span(&approved_log), &log, NULL));
    struct eventlog_cursor c = eventlog_first(&log);
    for (const uint8_t *at = c.reader.at; eventlog_next(&c, &event); at = c.reader.at) {
        assert_true(event_count < EVENTS_MAX);
        events[event_count].bytes = BS_SPAN(at, (size_t)(c.reader.at - at));
        events[event_count].pcr = event.pcr;
        events[event_count].is_judged =
            eventlog_extends(&event) && (s->tpm.mask & (1u << event.pcr)) && !is_separator(&event);
        events[event_count].is_sentence = event.type == EVENTLOG_EFI_ACTION;
        events[event_count++].is_secure_boot = is_variable(&event, secure_boot, sizeof(secure_boot));
    }
}

static struct policy_subject subject(const struct scene *s)
{
    return (struct policy_subject){ .boot = { .bank = s->tpm.bank,
                                              .mask = s->tpm.mask,
                                              .pcrs = s->tpm.pcrs,
                                              .firmware_log = bs_buf_span(&s->tpm.log) },
                                    .cap_pcr = s->lab->server->config.measure_cap_pcr,
                                    .tpm_manufacturer = "",
                                    .tpm_firmware = s->tpm.firmware_version };
}

static void prepare(struct scene *s)
{
    char why[POLICY_WORDS_SIZE];
    if (event_count > 0)
        return;
    read_events(s);
    scene_boot(s, bs_buf_span(&approved_log));
    struct policy_subject boot = subject(s);
    enum bs_err err = policy_learn("learned", &boot, &learned, why);
    if (err != BS_OK)
        fail_msg("%s", why);
}

static enum bs_err no_reference(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    (void)context, (void)name, (void)row, (void)row_context;
    return BS_ERR_NOT_FOUND;
}

static enum bs_err no_references(void *context, policy_reference_fn row, void *row_context)
{
    (void)context, (void)row, (void)row_context;
    return BS_OK;
}

/* What the profile would be told about the boot of `tpm`; the reason is the rule. */
static void judge_by(struct scene *s, struct bs_span text)
{
    const struct policy_references references = { NULL, no_reference, no_references };
    struct policy_verdict verdict;
    struct policy_file policy;
    struct conf_problem problem;
    struct policy_subject boot = subject(s);
    MUST(policy_parse_rules(text, &policy, &problem));
    MUST(policy_judge_boot(&policy, &boot, &references, &verdict));
    policy_free(&policy);
    s->outcome = (struct outcome){ .kind = verdict.is_good ? MESSAGE_APPROVED : MESSAGE_PENDING,
                                   .status = verdict.is_good ? 200 : 202 };
    snprintf(s->outcome.reason, sizeof(s->outcome.reason), "%s", verdict.is_good ? "" : verdict.rule);
}

/* Any rule may be the first that says no. */
static void judge_any(struct scene *s)
{
    judge_by(s, bs_buf_span(&learned));
    if (s->outcome.kind == MESSAGE_PENDING)
        snprintf(s->outcome.reason, sizeof(s->outcome.reason), "%s", BS_REASON_BOOT_NOT_APPROVED);
}

/* Part of an event of one bank: PCR 4, type 4, count 4, algorithm 2, digest 32. */
enum { TYPE_AT = 4, DIGEST_AT = 14, DIGEST_END = 46 };

static void set_le32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* Boots with the approved events, of which event `number` was handed to `change`; judged by whatever rule. */
static void boot_changed(struct scene *s, size_t number,
                         void (*change)(struct bs_buf *log, size_t event, uint32_t type), uint32_t type)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    for (size_t i = 0; i < event_count; i++)
        if (i == number)
            change(&log, i, type);
        else
            put_bytes(&log, events[i].bytes.data, events[i].bytes.size);
    scene_boot(s, bs_buf_span(&log));
}

static void forge(struct bs_buf *log, size_t event, uint32_t type)
{
    size_t at = log->size;
    put_bytes(log, events[event].bytes.data, events[event].bytes.size);
    /* Where the log has several banks the one that is quoted is not always the first: all of them are others. */
    log->data[at + DIGEST_AT] ^= 1;
    log->data[at + DIGEST_END - 1] ^= 1;
    if (type != 0)
        set_le32(log->data + at + TYPE_AT, type);
}

static void take_away(struct bs_buf *log, size_t event, uint32_t type)
{
    (void)log, (void)event, (void)type;
}

static void put_before(struct bs_buf *log, size_t event, uint32_t type)
{
    put_measured(log, events[event].pcr, type, bs_span_of_string("what nobody approved"));
    put_bytes(log, events[event].bytes.data, events[event].bytes.size);
}

static void each(struct scene *s, void (*change)(struct bs_buf *log, size_t event, uint32_t type), size_t type_count,
                 const uint32_t *with)
{
    prepare(s);
    for (size_t i = 0; i < event_count; i++)
        for (size_t t = 0; events[i].is_judged && t < type_count; t++) {
            if (change == take_away && events[i].is_sentence)
                continue;
            boot_changed(s, i, change, with[t]);
            judge_any(s);
            if (!scene_is_refused(s))
                return;
        }
}

/* Data and type of what is approved; what was measured is something else. */
static void each_event_measured_as_something_else(struct scene *s)
{
    static const uint32_t same[] = { 0 };
    each(s, forge, 1, same);
}

static void each_event_measured_as_something_else_under_each_type(struct scene *s)
{
    each(s, forge, COUNT(types), types);
}

static void each_event_taken_away(struct scene *s)
{
    static const uint32_t same[] = { 0 };
    each(s, take_away, 1, same);
}

static void something_before_each_event_under_each_type(struct scene *s)
{
    each(s, put_before, COUNT(types), types);
}

static size_t find_secure_boot(void)
{
    size_t i = 0;
    while (i < event_count && !events[i].is_secure_boot)
        i++;
    assert_true(i < event_count);
    return i;
}

/* The value is the last byte of the data; the digest is that of the data. */
static void put_secure_boot_off(struct bs_buf *log, size_t event, uint32_t type)
{
    size_t at = log->size;
    struct eventlog whole;
    struct eventlog_event found;
    put_bytes(log, events[event].bytes.data, events[event].bytes.size);
    MUST(eventlog_open(bs_buf_span(&approved_log), &whole, NULL));
    struct eventlog_cursor c = eventlog_first(&whole);
    for (size_t i = 0; i <= event; i++)
        assert_true(eventlog_next(&c, &found));
    BS_SCOPED_BUF struct bs_buf off = BS_BUF(4096);
    MUST(bs_buf_append(&off, found.data.data, found.data.size));
    off.data[off.size - 1] = 0;
    MUST(crypto_hash(CRYPTO_SHA256, bs_buf_span(&off), log->data + at + DIGEST_AT));
    if (type != 0) /* the data tell it, too */
        log->data[log->size - 1] = 0;
}

static void secure_boot_off(struct scene *s)
{
    prepare(s);
    boot_changed(s, find_secure_boot(), put_secure_boot_off, 1);
    judge_by(s, bs_buf_span(&learned));
}

static void secure_boot_off_under_data_that_say_on(struct scene *s)
{
    prepare(s);
    boot_changed(s, find_secure_boot(), put_secure_boot_off, 0);
    judge_by(s, bs_buf_span(&learned));
}

static void put_twice(struct bs_buf *log, size_t event, uint32_t type)
{
    (void)type;
    for (int i = 0; i < 2; i++)
        put_bytes(log, events[event].bytes.data, events[event].bytes.size);
}

static void a_variable_twice(struct scene *s)
{
    prepare(s);
    boot_changed(s, find_secure_boot(), put_twice, 0);
    judge_by(s, bs_buf_span(&learned));
}

/* Where the boot loader measures, and anybody may. */
static void a_variable_behind_the_separator(struct scene *s)
{
    prepare(s);
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    size_t moved = find_secure_boot();
    for (size_t i = 0; i < event_count; i++)
        if (i != moved)
            put_bytes(&log, events[i].bytes.data, events[i].bytes.size);
    put_bytes(&log, events[moved].bytes.data, events[moved].bytes.size);
    scene_boot(s, bs_buf_span(&log));
    judge_by(s, bs_buf_span(&learned));
}

static void an_empty_policy(struct scene *s)
{
    prepare(s);
    scene_boot(s, bs_buf_span(&approved_log));
    judge_by(s, bs_span_of_string("name = \"empty\"; pcrs: { events = [0, 2, 4, 7, 9, 11]; };"));
}

static void a_pcr_that_the_policy_does_not_know(struct scene *s)
{
    prepare(s);
    scene_boot(s, bs_buf_span(&approved_log));
    judge_by(s, bs_span_of_string("name = \"some\"; pcrs: { events = [4]; };"));
}

/* Through the server: a newcomer whose profile names the policy, let in with the boot that it was learned from. */

static const char profile[] = "name = \"judged\"; policy = \"learned\";\n"
                              "items = ( { name = \"a\"; kind = \"file\"; text = \"a\\n\"; } );\n";

static void approve(struct scene *s, bool learn)
{
    struct operator_approve request = { .device = lab_id(&s->fresh), .profile = "judged", .learn = learn };
    struct operator_approved approved;
    MUST(operator_device_approve(&s->lab->call, &request, &approved));
    scene_again(s);
    scene_enroll(s, &s->fresh);
}

static void enroll_judged(struct scene *s)
{
    static struct operator_policy applied;
    struct store_profile row;
    prepare(s);
    MUST(operator_policy_apply(&s->lab->call, bs_buf_span(&learned), &applied));
    MUST(operator_profile_apply(&s->lab->call, bs_span_of_string(profile), &row));
    scene_newcomer(s);
    MUST(softtpm_boot(&s->fresh, bs_buf_span(&approved_log)));
    scene_enroll(s, &s->fresh);
    approve(s, false);
}

/* Once it is let in: Secure Boot is off, and the log says on. */
static void boot_insecure(struct scene *s)
{
    if (s->outcome.kind != MESSAGE_APPROVED)
        fail_msg("the boot that the policy was learned from is not approved: %s", s->outcome.reason);
    boot_changed(s, find_secure_boot(), put_secure_boot_off, 0);
    MUST(softtpm_boot(&s->fresh, bs_buf_span(&s->tpm.log)));
    scene_again(s);
    scene_enroll(s, &s->fresh);
}

static void another_boot_of_a_profile_with_a_policy(struct scene *s)
{
    enroll_judged(s);
    boot_insecure(s);
}

/* References approve nothing beside a policy. */
static void a_reference_of_a_profile_with_a_policy(struct scene *s)
{
    enroll_judged(s);
    boot_insecure(s);
    approve(s, true);
}

static void good(struct scene *s)
{
    prepare(s);
    scene_boot(s, bs_buf_span(&approved_log));
    judge_by(s, bs_buf_span(&learned));
}

#define NOT_APPROVED(function, why) ATTACK(function, why, .kind = MESSAGE_PENDING)

/* By the rule that is named, or by whatever rule comes first. */
static const struct attack attacks[] = {
    NOT_APPROVED(each_event_measured_as_something_else, BS_REASON_BOOT_NOT_APPROVED),
    NOT_APPROVED(each_event_measured_as_something_else_under_each_type, BS_REASON_BOOT_NOT_APPROVED),
    NOT_APPROVED(each_event_taken_away, BS_REASON_BOOT_NOT_APPROVED),
    NOT_APPROVED(something_before_each_event_under_each_type, BS_REASON_BOOT_NOT_APPROVED),
    NOT_APPROVED(another_boot_of_a_profile_with_a_policy, BS_REASON_BOOT_NOT_APPROVED),
    NOT_APPROVED(a_reference_of_a_profile_with_a_policy, BS_REASON_BOOT_NOT_APPROVED),
    NOT_APPROVED(secure_boot_off, "secure_boot"),
    NOT_APPROVED(secure_boot_off_under_data_that_say_on, "secure_boot"),
    NOT_APPROVED(a_variable_twice, "secure_boot"),
    NOT_APPROVED(a_variable_behind_the_separator, "secure_boot"),
    NOT_APPROVED(an_empty_policy, "variables"),
    NOT_APPROVED(a_pcr_that_the_policy_does_not_know, "pcrs"),
};

const struct attack_family attack_policy = ATTACK_FAMILY("policy", attacks, .good = good);
