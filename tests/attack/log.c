/*
 * The event log. "Shown": PCRs and quote are those of the approved boot, and the log is another one. "Booted": the PCRs are what the
 * log leads to, so that only the log's own faults, or a policy, stand in the way.
 */
#include "attack.h"

#include "bootseal/cap.h"
#include "unit/logmaker.h"

#include <string.h>

/* The events of lab_log(), the header first. */
enum { HEADER, SEPARATOR_0, SEPARATOR_4 = 5, SEPARATOR_7 = 8, CALLING, KERNEL, INITRD, CMDLINE, SECTION, EVENTS };

struct pieces {
    struct bs_span at[EVENTS];
};

static struct pieces split(const struct scene *s)
{
    struct pieces p = { 0 };
    struct eventlog log;
    struct eventlog_event event;
    size_t count = 0;
    MUST(eventlog_open(bs_buf_span(&s->tpm.log), &log, NULL));
    struct eventlog_cursor c = eventlog_first(&log);
    for (const uint8_t *at = c.reader.at; eventlog_next(&c, &event); at = c.reader.at) {
        assert_true(count < EVENTS);
        p.at[count++] = BS_SPAN(at, (size_t)(c.reader.at - at));
    }
    assert_int_equal(count, EVENTS);
    return p;
}

static void join(const struct pieces *p, size_t count, struct bs_buf *out)
{
    for (size_t i = 0; i < count; i++)
        MUST(bs_buf_append(out, p->at[i].data, p->at[i].size));
}

/* What becomes of the log between its events; `log` is empty. */
#define LOG(name, use, change)                                      \
    static void name(struct scene *s)                               \
    {                                                               \
        BS_SCOPED_BUF struct bs_buf made = BS_BUF(SOFTTPM_LOG_MAX); \
        struct bs_buf *log = &made;                                 \
        struct pieces p = split(s);                                 \
        (void)p;                                                    \
        change;                                                     \
        use(s, bs_buf_span(log));                                   \
        scene_enroll(s, &s->tpm);                                   \
    }
#define ALL join(&p, EVENTS, log)

static void swap(struct pieces *p, size_t a, size_t b)
{
    struct bs_span kept = p->at[a];
    p->at[a] = p->at[b];
    p->at[b] = kept;
}

/* An event starts with PCR 4, type 4, count 4, algorithm 2, digest 32. */
enum { TYPE_AT = 4, COUNT_AT = 8, ALGORITHM_AT = 12, DIGEST_AT = 14, SIZE_AT = 46, DATA_AT = 50 };

static uint8_t *event_at(struct bs_buf *log, const struct pieces *p, size_t event)
{
    size_t at = 0;
    for (size_t i = 0; i < event; i++)
        at += p->at[i].size;
    return log->data + at;
}

static void set_le32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

LOG(a_log_without_an_event, scene_show_log, p.at[CMDLINE].size = 0; ALL)
LOG(a_log_without_its_first_event, scene_show_log, p.at[SEPARATOR_0].size = 0; ALL)
LOG(a_log_with_an_event_more, scene_show_log, ALL; put_measured(log, 9, EVENTLOG_IPL, bs_span_of_string("more")))
LOG(a_log_with_an_event_twice, scene_show_log, ALL; put_bytes(log, p.at[CMDLINE].data, p.at[CMDLINE].size))
LOG(a_log_in_another_order, scene_show_log, swap(&p, CALLING, KERNEL); ALL)
LOG(a_digest_changed, scene_show_log, ALL; event_at(log, &p, CMDLINE)[DIGEST_AT] ^= 1)
LOG(an_event_of_another_pcr, scene_show_log, ALL; event_at(log, &p, CMDLINE)[0] = 4)
LOG(an_event_that_claims_no_action, scene_show_log, ALL;
    set_le32(event_at(log, &p, CMDLINE) + TYPE_AT, EVENTLOG_NO_ACTION))
LOG(a_log_of_the_header_alone, scene_show_log, join(&p, 1, log))
LOG(a_log_that_is_none, scene_show_log, put_bytes(log, "no log at all", 13))
LOG(a_log_without_its_header, scene_show_log, p.at[HEADER].size = 0; ALL)
LOG(a_log_with_two_headers, scene_show_log, put_bytes(log, p.at[HEADER].data, p.at[HEADER].size); ALL)
LOG(an_event_with_many_digests, scene_show_log, ALL; set_le32(event_at(log, &p, KERNEL) + COUNT_AT, UINT32_MAX))
LOG(an_event_without_digests, scene_show_log, ALL; set_le32(event_at(log, &p, KERNEL) + COUNT_AT, 0))
LOG(an_event_of_a_huge_size, scene_show_log, ALL; set_le32(event_at(log, &p, KERNEL) + SIZE_AT, UINT32_MAX))
LOG(an_event_larger_than_the_log, scene_show_log, ALL; set_le32(event_at(log, &p, SECTION) + SIZE_AT, 4096))
LOG(an_event_of_an_unknown_algorithm, scene_show_log, ALL; event_at(log, &p, KERNEL)[ALGORITHM_AT] = 0x77)
LOG(an_event_of_pcr_24, scene_show_log, ALL; event_at(log, &p, KERNEL)[0] = 24)
/* Of the header: 32 bytes of the old format, then signature and versions 24, then the number of banks. */
LOG(a_header_with_many_banks, scene_show_log, ALL; set_le32(log->data + 32 + 24, UINT32_MAX))
LOG(a_header_of_a_huge_size, scene_show_log, ALL; set_le32(log->data + 28, UINT32_MAX))
LOG(a_header_of_another_digest_size, scene_show_log, ALL; log->data[32 + 24 + 6] = 20)
LOG(bytes_after_a_log, scene_show_log, ALL; put_bytes(log, "more", 4))

/* They extend nothing and have no digests, so that more fit into a statement than are read. */
static void put_claims(struct bs_buf *log, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_le32(log, 0);
        put_le32(log, EVENTLOG_NO_ACTION);
        put_le64(log, 0);
    }
}
LOG(a_log_of_too_many_events, scene_show_log, ALL; put_claims(log, EVENTLOG_EVENTS_MAX))

static const uint16_t sha1_bank[] = { CRYPTO_SHA1, 20, 0 };
static const uint16_t both_banks[] = { CRYPTO_SHA1, 20, CRYPTO_SHA256, 32, 0 };

LOG(a_log_of_another_bank, scene_show_log, put_header(log, sha1_bank))

static void put_sha1_alone(struct bs_buf *log)
{
    put_header(log, both_banks);
    put_le32(log, 4);
    put_le32(log, EVENTLOG_IPL);
    put_le32(log, 1);
    put_le16(log, CRYPTO_SHA1);
    put_bytes(log, "01234567890123456789", 20);
    put_le32(log, 1);
    put_bytes(log, "x", 1);
}
LOG(an_event_without_a_digest_of_the_quoted_bank, scene_show_log, put_sha1_alone(log))

static void put_locality(struct bs_buf *log, uint8_t locality)
{
    uint8_t data[17] = "StartupLocality";
    data[16] = locality;
    put_event(log, 0, EVENTLOG_NO_ACTION, 0, BS_SPAN(data, sizeof(data)));
}
LOG(another_locality, scene_show_log, join(&p, 1, log); put_locality(log, 3);
    for (size_t i = 1; i < EVENTS; i++) put_bytes(log, p.at[i].data, p.at[i].size))
LOG(a_locality_that_there_is_not, scene_show_log, join(&p, 1, log); put_locality(log, 9);
    for (size_t i = 1; i < EVENTS; i++) put_bytes(log, p.at[i].data, p.at[i].size))
LOG(two_localities, scene_show_log, join(&p, 1, log); put_locality(log, 0); put_locality(log, 3);
    for (size_t i = 1; i < EVENTS; i++) put_bytes(log, p.at[i].data, p.at[i].size))
LOG(a_locality_after_the_first_extend, scene_show_log, ALL; put_locality(log, 3))

/* Logs of something else (core/eventlog.h), shown in the place of the firmware's */

static void put_big_endian(struct bs_buf *log)
{
    put_bytes(log, "\0\0\0\4\0\0\0\15", 8);
    for (int i = 0; i < 6; i++)
        put_bytes(log, i == 5 ? "\0\0\0\0" : "\1\1\1\1", 4);
    put_bytes(log, "\0\0\0\0", 4);
}
LOG(the_acpi_table_of_a_confidential_machine, scene_show_log, put_bytes(log, "CCEL8\0\0\0\1", 9))
LOG(a_log_of_open_firmware, scene_show_log, put_big_endian(log))
LOG(a_userspace_log_as_the_firmwares, scene_show_log, put_bytes(log, "{\"pcr\":9}", 9))
LOG(a_log_of_a_tpm_1_2, scene_show_log, put_sha1_event(log, 0, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0\0", 4)))

/* Separators: PFP 1.06 §10.4.1. Type and data may say what they like. */

LOG(no_separator, scene_boot, p.at[SEPARATOR_4].size = 0; ALL)
LOG(a_second_separator, scene_boot, ALL; put_measured(log, 4, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4)))
LOG(a_second_separator_under_another_type, scene_boot, ALL;
    put_measured(log, 4, EVENTLOG_IPL, BS_SPAN("\xff\xff\xff\xff", 4)))
LOG(a_second_separator_of_another_pcr, scene_boot, ALL;
    put_measured(log, 7, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4)))
LOG(the_separator_of_an_error, scene_boot, p.at[SEPARATOR_7].size = 0; ALL;
    put_measured(log, 7, EVENTLOG_SEPARATOR, BS_SPAN("\1\0\0\0", 4)))
LOG(a_separator_of_another_digest, scene_boot, p.at[SEPARATOR_7].size = 0; ALL;
    put_event(log, 7, EVENTLOG_SEPARATOR, 7, BS_SPAN("\0\0\0\0", 4)))

/* PCRs that a server may demand besides */

static void demand(struct scene *s, uint32_t pcr, bool is_on)
{
    uint32_t bit = UINT32_C(1) << pcr;
    uint32_t *mask = &s->lab->server->config.measure_mask;
    *mask = is_on ? *mask | bit : *mask & ~bit;
    s->tpm.mask = is_on ? s->tpm.mask | bit : s->tpm.mask & ~bit;
}

/* TPM2_Startup leaves ones in PCR 17, and TPM2_HashStart zeros. */
static void a_dynamic_launch_that_no_log_tells(struct scene *s)
{
    demand(s, 17, true);
    scene_enroll(s, &s->tpm);
    demand(s, 17, false);
}

static void what_ima_measured(struct scene *s)
{
    demand(s, 10, true);
    MUST(softtpm_extend(&s->tpm, 10, bs_span_of_string("a file")));
    scene_enroll(s, &s->tpm);
    demand(s, 10, false);
}

/* Beside the statement lies another log than the one that was quoted. */

static void leave_out(struct message_attest *request)
{
    request->firmware_log = BS_SPAN_NONE;
}

/* The last event's data are a claim, which no replay misses: only the hash tells. */
static void change_a_claim(struct message_attest *request)
{
    static uint8_t changed[SOFTTPM_LOG_MAX];
    assert_true(request->firmware_log.size <= sizeof(changed));
    memcpy(changed, request->firmware_log.data, request->firmware_log.size);
    changed[request->firmware_log.size - 1] ^= 1;
    request->firmware_log.data = changed;
}

static void state_none(struct message_statement *statement)
{
    statement->firmware_log_sha256 = BS_SPAN_NONE;
}

static void a_log_that_is_quoted_and_not_sent(struct scene *s)
{
    s->request.bend.request = leave_out;
    scene_enroll(s, &s->tpm);
}

static void another_log_than_quoted(struct scene *s)
{
    s->request.bend.request = change_a_claim;
    scene_enroll(s, &s->tpm);
}

static void a_log_that_is_sent_and_not_quoted(struct scene *s)
{
    s->request.bend.statement = state_none;
    scene_enroll(s, &s->tpm);
}

static void no_log(struct scene *s)
{
    scene_show_log(s, BS_SPAN_NONE);
    scene_enroll(s, &s->tpm);
}

/* Zeros after the last event are padding, as firmware leaves it. */
static bool is_padding(struct bs_span tail)
{
    bool is_zero = true;
    for (size_t i = 0; i < tail.size; i++)
        is_zero = is_zero && tail.data[i] == 0;
    return is_zero;
}

static void cut(struct scene *s, bool is_between)
{
    BS_SCOPED_BUF struct bs_buf whole = BS_BUF(SOFTTPM_LOG_MAX);
    struct pieces p = split(s);
    join(&p, EVENTS, &whole);
    size_t at = 0;
    for (size_t event = 0; event < EVENTS; at += p.at[event++].size) {
        for (size_t size = 0; size < p.at[event].size; size++) {
            bool is_end = event != HEADER && is_padding(BS_SPAN(whole.data + at, size));
            if (at + size == 0 || is_end != is_between)
                continue;
            scene_show_log(s, BS_SPAN(whole.data, at + size));
            scene_again(s);
            scene_enroll(s, &s->tpm);
            if (!scene_is_refused(s))
                return;
        }
    }
}

static void a_log_cut_within_an_event_at_every_byte(struct scene *s)
{
    cut(s, false);
}

static void a_log_cut_between_events_at_each(struct scene *s)
{
    cut(s, true);
}

/* PCRs that the log does not tell of */

#define EXTEND(name, pcr, text)                                      \
    static void name(struct scene *s)                                \
    {                                                                \
        MUST(softtpm_extend(&s->tpm, pcr, bs_span_of_string(text))); \
        scene_enroll(s, &s->tpm);                                    \
    }
EXTEND(something_measured_that_the_log_does_not_tell, 9, "hidden")
EXTEND(the_caps_pcr_extended_by_something_else, BS_CAP_PCR_DEFAULT, "hidden")
EXTEND(a_capped_boot, BS_CAP_PCR_DEFAULT, BS_CAP_EVENT)
EXTEND(the_phase_of_the_initrd_in_another_pcr, 9, "enter-initrd")
EXTEND(a_later_phase, 11, "leave-initrd")

/* That of the initrd needs no event, in its own PCR; what is beside it does. */
static void something_hidden_beside_the_phase_of_the_initrd(struct scene *s)
{
    MUST(softtpm_extend(&s->tpm, 11, bs_span_of_string("enter-initrd")));
    MUST(softtpm_extend(&s->tpm, 9, bs_span_of_string("hidden")));
    scene_enroll(s, &s->tpm);
}

static void a_boot_capped_many_times(struct scene *s)
{
    for (int i = 0; i < 16; i++)
        MUST(softtpm_extend(&s->tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    scene_enroll(s, &s->tpm);
}

static void a_capped_boot_without_a_log(struct scene *s)
{
    scene_boot(s, BS_SPAN_NONE);
    MUST(softtpm_extend(&s->tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    scene_enroll(s, &s->tpm);
}

static void a_boot_that_nobody_measured(struct scene *s)
{
    scene_boot(s, BS_SPAN_NONE);
    scene_enroll(s, &s->tpm);
}

/* The firmware measured nothing, what came after it did: its log is a good one. */
static void put_software(struct bs_buf *log)
{
    put_sha256_header(log);
    put_measured(log, 9, EVENTLOG_IPL, bs_span_of_string("initrd"));
    put_measured(log, 11, EVENTLOG_IPL, bs_span_of_string("a section"));
}
LOG(a_boot_that_only_software_measured, scene_boot, put_software(log))

/* One firmware PCR is untouched, and the log has no event for it. */
LOG(a_firmware_pcr_at_its_reset_value, scene_boot, p.at[3].size = 0; ALL)

/* A value at reset whose events the log tells: the other way round. */
static void a_pcr_at_its_reset_value_with_events(struct scene *s)
{
    memset(s->tpm.pcrs[9], 0, sizeof(s->tpm.pcrs[9]));
    scene_enroll(s, &s->tpm);
}

/* Under a name that means nothing, and with something behind it: log and quote agree. */
LOG(a_log_with_the_cap_in_it, scene_boot, ALL;
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string(BS_CAP_EVENT));
    put_measured(log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string("more")))

static void the_cap_after_other_events_of_its_pcr(struct scene *s)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    struct pieces p = split(s);
    join(&p, EVENTS, &log);
    put_measured(&log, BS_CAP_PCR_DEFAULT, EVENTLOG_IPL, bs_span_of_string("a credential of systemd-stub"));
    scene_boot(s, bs_buf_span(&log));
    MUST(softtpm_extend(&s->tpm, BS_CAP_PCR_DEFAULT, bs_span_of_string(BS_CAP_EVENT)));
    scene_enroll(s, &s->tpm);
}

/* Boots that are whole, and not the approved one */

LOG(another_command_line, scene_boot, p.at[CMDLINE].size = 0; ALL;
    put_measured(log, 9, EVENTLOG_IPL, bs_span_of_string("init=/bin/sh")))
LOG(an_application_before_ours, scene_boot, swap(&p, KERNEL, SECTION); join(&p, KERNEL, log);
    put_measured(log, 4, EVENTLOG_BOOT_APPLICATION, bs_span_of_string("another"));
    for (size_t i = KERNEL; i < EVENTS; i++) put_bytes(log, p.at[i].data, p.at[i].size))
/* Type and data of the command line that was approved; what was measured is something else. */
static void put_disguised(struct bs_buf *log)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    MUST(crypto_hash(CRYPTO_SHA256, bs_span_of_string("init=/bin/sh"), digest));
    put_le32(log, 9);
    put_le32(log, EVENTLOG_IPL);
    put_le32(log, 1);
    put_le16(log, CRYPTO_SHA256);
    put_bytes(log, digest, sizeof(digest));
    put_le32(log, 4);
    put_bytes(log, "good", 4);
}
LOG(another_command_line_under_the_data_of_the_approved_one, scene_boot, p.at[CMDLINE].size = 0; ALL;
    put_disguised(log))
LOG(a_measured_event_taken_away_in_truth, scene_boot, p.at[CMDLINE].size = 0; ALL)
LOG(measurements_in_another_order, scene_boot, swap(&p, CALLING, KERNEL); ALL)

static const struct attack attacks[] = {
    ATTACK(a_log_that_is_quoted_and_not_sent, BS_REASON_LOG_HASH),
    ATTACK(another_log_than_quoted, BS_REASON_LOG_HASH),
    ATTACK(a_log_that_is_sent_and_not_quoted, BS_REASON_LOG_HASH),
    ATTACK(no_log, BS_REASON_LOG_MISSING),
    ATTACK(a_log_that_is_none, BS_REASON_LOG_MALFORMED),
    ATTACK(a_log_without_its_header, BS_REASON_LOG_MALFORMED),
    ATTACK(a_log_with_two_headers, BS_REASON_LOG_MALFORMED),
    ATTACK(an_event_with_many_digests, BS_REASON_LOG_MALFORMED),
    ATTACK(an_event_without_digests, BS_REASON_LOG_MALFORMED),
    ATTACK(an_event_of_a_huge_size, BS_REASON_LOG_MALFORMED),
    ATTACK(an_event_larger_than_the_log, BS_REASON_LOG_MALFORMED),
    ATTACK(an_event_of_an_unknown_algorithm, BS_REASON_LOG_MALFORMED),
    ATTACK(an_event_of_pcr_24, BS_REASON_LOG_MALFORMED),
    ATTACK(a_header_with_many_banks, BS_REASON_LOG_MALFORMED),
    ATTACK(a_header_of_a_huge_size, BS_REASON_LOG_MALFORMED),
    ATTACK(a_header_of_another_digest_size, BS_REASON_LOG_MALFORMED),
    ATTACK(bytes_after_a_log, BS_REASON_LOG_MALFORMED),
    ATTACK(a_log_of_too_many_events, BS_REASON_LOG_TOO_LARGE),
    ATTACK(an_event_without_a_digest_of_the_quoted_bank, BS_REASON_LOG_MALFORMED),
    ATTACK(a_locality_that_there_is_not, BS_REASON_LOG_MALFORMED),
    ATTACK(two_localities, BS_REASON_LOG_MALFORMED),
    ATTACK(a_locality_after_the_first_extend, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_cut_within_an_event_at_every_byte, BS_REASON_LOG_MALFORMED),
    ATTACK(a_log_cut_between_events_at_each, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_of_the_header_alone, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_of_another_bank, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_without_an_event, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_without_its_first_event, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_with_an_event_more, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_with_an_event_twice, BS_REASON_LOG_MISMATCH),
    ATTACK(a_log_in_another_order, BS_REASON_LOG_MISMATCH),
    ATTACK(a_digest_changed, BS_REASON_LOG_MISMATCH),
    ATTACK(an_event_of_another_pcr, BS_REASON_LOG_MISMATCH),
    ATTACK(an_event_that_claims_no_action, BS_REASON_LOG_MISMATCH),
    ATTACK(another_locality, BS_REASON_LOG_MISMATCH),
    ATTACK(something_measured_that_the_log_does_not_tell, BS_REASON_LOG_MISMATCH),
    ATTACK(the_caps_pcr_extended_by_something_else, BS_REASON_LOG_MISMATCH),
    ATTACK(the_phase_of_the_initrd_in_another_pcr, BS_REASON_LOG_MISMATCH),
    ATTACK(something_hidden_beside_the_phase_of_the_initrd, BS_REASON_LOG_MISMATCH),
    ATTACK(a_later_phase, BS_REASON_LOG_MISMATCH),
    ATTACK(a_pcr_at_its_reset_value_with_events, BS_REASON_LOG_MISMATCH),
    ATTACK(a_dynamic_launch_that_no_log_tells, BS_REASON_LOG_MISMATCH),
    ATTACK(what_ima_measured, BS_REASON_LOG_MISMATCH),
    ATTACK(the_acpi_table_of_a_confidential_machine, BS_REASON_LOG_KIND),
    ATTACK(a_log_of_open_firmware, BS_REASON_LOG_KIND),
    ATTACK(a_userspace_log_as_the_firmwares, BS_REASON_LOG_KIND),
    ATTACK(a_log_of_a_tpm_1_2, BS_REASON_LOG_KIND),
    ATTACK(no_separator, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_second_separator, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_second_separator_under_another_type, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_second_separator_of_another_pcr, BS_REASON_LOG_SEPARATOR),
    ATTACK(the_separator_of_an_error, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_separator_of_another_digest, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_capped_boot, BS_REASON_CAPPED),
    ATTACK(a_boot_capped_many_times, BS_REASON_CAPPED),
    ATTACK(a_capped_boot_without_a_log, BS_REASON_CAPPED),
    ATTACK(a_log_with_the_cap_in_it, BS_REASON_CAPPED),
    ATTACK(the_cap_after_other_events_of_its_pcr, BS_REASON_CAPPED),
    ATTACK(a_boot_that_nobody_measured, BS_REASON_UNMEASURED),
    ATTACK(a_boot_that_only_software_measured, BS_REASON_UNMEASURED),
    ATTACK(a_firmware_pcr_at_its_reset_value, BS_REASON_UNMEASURED),
    ATTACK(another_command_line, BS_REASON_BOOT_NOT_APPROVED, .kind = MESSAGE_PENDING),
    ATTACK(another_command_line_under_the_data_of_the_approved_one, BS_REASON_BOOT_NOT_APPROVED,
           .kind = MESSAGE_PENDING),
    ATTACK(an_application_before_ours, BS_REASON_BOOT_NOT_APPROVED, .kind = MESSAGE_PENDING),
    ATTACK(a_measured_event_taken_away_in_truth, BS_REASON_BOOT_NOT_APPROVED, .kind = MESSAGE_PENDING),
    ATTACK(measurements_in_another_order, BS_REASON_BOOT_NOT_APPROVED, .kind = MESSAGE_PENDING),
};

const struct attack_family attack_log = ATTACK_FAMILY("log", attacks);
