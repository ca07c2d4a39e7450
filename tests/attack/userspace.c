/* Userspace's log, behind the firmware's: what systemd measured before bootseal ran. */
#include "attack.h"

#include "bootseal/cap.h"
#include "bootseal/report.h"
#include "unit/cbor_edit.h"
#include "unit/logmaker.h"

#include <string.h>

static struct bs_buf records = BS_BUF(SOFTTPM_LOG_MAX);
static bool is_left_out; /* says the statement */

static void bend_logs(struct message_attest *request)
{
    request->userspace_log = bs_buf_span(&records);
}

static void bend(struct message_statement *st)
{
    if (is_left_out)
        st->notes[st->note_count++] = bs_span_of_string(BS_NOTE_USERSPACE_LOG_TOO_LARGE);
}

static void record(int pcr, const char *text)
{
    put_userspace_record(&records, pcr, bs_span_of_string(text), text);
}

static void extend(struct scene *s, uint32_t pcr, const char *text)
{
    MUST(softtpm_extend(&s->tpm, pcr, bs_span_of_string(text)));
}

/* Both. */
static void measure(struct scene *s, uint32_t pcr, const char *text)
{
    record((int)pcr, text);
    extend(s, pcr, text);
}

/* With records that hold, so that only what is meant does not; what the profile knows is this boot without them. */
#define USERSPACE(name, change)           \
    static void name(struct scene *s)     \
    {                                     \
        bs_buf_reset(&records);           \
        is_left_out = false;              \
        s->request.bend.logs = bend_logs; \
        s->request.bend.statement = bend; \
        change;                           \
        scene_enroll(s, &s->tpm);         \
    }

static void cut(size_t bytes)
{
    records.size -= bytes;
}

static void put(const char *text)
{
    MUST(bs_buf_append_string(&records, text));
}

#define RECORD_START "{\"pcr\":11,\"digests\":[{\"hashAlg\":"
#define DIGEST_32 "\"digest\":\"0000000000000000000000000000000000000000000000000000000000000000\""
#define RECORD_END "}],\"content_type\":\"systemd\",\"content\":{\"string\":\"x\"}}\n"

USERSPACE(a_record_left_out, measure(s, 11, "enter-initrd"); extend(s, 11, "leave-initrd"))
USERSPACE(a_record_more, measure(s, 11, "enter-initrd"); record(11, "leave-initrd"))
USERSPACE(records_in_another_order, record(11, "two"); record(11, "one"); extend(s, 11, "one"); extend(s, 11, "two"))
USERSPACE(a_record_of_another_pcr, record(9, "enter-initrd"); extend(s, 11, "enter-initrd"))
USERSPACE(a_record_of_another_digest, put_userspace_record(&records, 11, bs_span_of_string("y"), "x");
          extend(s, 11, "x"))
USERSPACE(the_phase_of_the_initrd_beside_a_log_without_it, record(15, "not quoted"); extend(s, 11, "enter-initrd"))
USERSPACE(a_record_that_is_none, put("{\"pcr\":11}\n"))
USERSPACE(a_userspace_log_that_is_none, put("no log at all"))
USERSPACE(a_userspace_log_that_ends_early, measure(s, 11, "enter-initrd"); cut(8))
USERSPACE(a_record_of_pcr_24, record(24, "x"))
USERSPACE(a_record_without_a_digest_of_the_bank,
          put(RECORD_START "\"sha1\",\"digest\":\"0000000000000000000000000000000000000000\"" RECORD_END))
USERSPACE(a_record_with_a_digest_of_another_size, put(RECORD_START "\"sha384\"," DIGEST_32 RECORD_END))
USERSPACE(more_records_than_are_read, for (int i = 0; i < 600; i++) put("{\"pcr\":15,\"digests\":[],\"content\":{}}\n"))
USERSPACE(a_log_that_was_left_out, is_left_out = true; extend(s, 9, "hidden"))
USERSPACE(the_cap_in_userspaces_log, measure(s, BS_CAP_PCR_DEFAULT, BS_CAP_EVENT); measure(s, BS_CAP_PCR_DEFAULT, "x"))
USERSPACE(the_cap_after_userspaces_log, measure(s, BS_CAP_PCR_DEFAULT, "x");
          extend(s, BS_CAP_PCR_DEFAULT, BS_CAP_EVENT))

/* As an event of the firmware that extends nothing (CEL 1.0 §5.3), with the digest of "x". */
#define NO_ACTION(type)                                                                                         \
    "{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":"                                              \
    "\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}],\"content_type\":\"pcclient_std\"," \
    "\"content\":{\"event_type\":" type ",\"event_data\":\"78\"}}\n"
USERSPACE(a_record_that_claims_no_action, put(NO_ACTION("\"EV_NO_ACTION\"")); extend(s, 11, "x"))
USERSPACE(a_record_that_claims_no_action_by_number, put(NO_ACTION("3")); extend(s, 11, "x"))

static void measure_separator(struct scene *s, struct bs_span separator)
{
    put_userspace_record(&records, 4, separator, "x");
    MUST(softtpm_extend(&s->tpm, 4, separator));
}
USERSPACE(a_separator_of_zeros_by_userspace, measure_separator(s, BS_SPAN("\0\0\0\0", 4)))
USERSPACE(a_separator_of_ones_by_userspace, measure_separator(s, BS_SPAN("\xff\xff\xff\xff", 4)))
USERSPACE(a_separator_of_an_error_by_userspace, measure_separator(s, BS_SPAN("\1\0\0\0", 4)))
/* Firmware closed nothing, and userspace does it in its name. */
static void boot_without_separator(struct scene *s)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    put_sha256_header(&log);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        if (pcr == 4)
            put_measured(&log, pcr, EVENTLOG_EFI_ACTION, bs_span_of_string("the kernel"));
        else
            put_measured(&log, pcr, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
    scene_boot(s, bs_buf_span(&log));
}
USERSPACE(the_only_separator_by_userspace, boot_without_separator(s); measure_separator(s, BS_SPAN("\0\0\0\0", 4)))
USERSPACE(a_phase_more_than_approved, measure(s, 11, "enter-initrd"); measure(s, 11, "leave-initrd"))

/* Beside the statement lies another log than the one that was quoted. */

static void leave_out(struct message_attest *request)
{
    request->userspace_log = BS_SPAN_NONE;
}

static void shorten(struct message_attest *request)
{
    request->userspace_log.size--;
}

static void state_none(struct message_statement *st)
{
    st->userspace_log_sha256 = BS_SPAN_NONE;
}
USERSPACE(a_userspace_log_that_is_quoted_and_not_sent, record(15, "not quoted"); s->request.bend.request = leave_out)
USERSPACE(another_userspace_log_than_quoted, record(15, "not quoted"); put("\n"); s->request.bend.request = shorten)
USERSPACE(a_userspace_log_that_is_sent_and_not_quoted, record(15, "not quoted"); s->request.bend.statement = state_none)

/* Of nothing; which is no log, and has no hash. */
static void state_nothing(struct message_statement *st)
{
    static uint8_t hash[CRYPTO_SHA256_SIZE];
    MUST(crypto_sha256(NULL, 0, hash));
    st->userspace_log_sha256 = BS_SPAN(hash, sizeof(hash));
}
USERSPACE(the_hash_of_an_empty_userspace_log, s->request.bend.statement = state_nothing)

/* Each log under the member of the other, before they are quoted and after it, and one of them under both. */

static void swap_logs(struct message_attest *request)
{
    const struct bs_span firmware = request->firmware_log;
    request->firmware_log = bs_buf_span(&records);
    request->userspace_log = firmware;
}

static void swap_hashes(struct message_statement *st)
{
    const struct bs_span firmware = st->firmware_log_sha256;
    st->firmware_log_sha256 = st->userspace_log_sha256;
    st->userspace_log_sha256 = firmware;
}

static void repeat_log(struct message_attest *request)
{
    request->userspace_log = request->firmware_log;
}
USERSPACE(logs_that_change_places, record(15, "not quoted"); s->request.bend.request = swap_logs)
USERSPACE(hashes_of_logs_that_change_places, record(15, "not quoted"); s->request.bend.statement = swap_hashes)
USERSPACE(logs_that_are_quoted_as_each_other, record(15, "not quoted"); s->request.bend.logs = swap_logs)
USERSPACE(the_firmwares_log_as_userspaces_too, s->request.bend.logs = repeat_log)

static void a_userspace_log_over_its_limit(struct scene *s)
{
    static const uint8_t zeros[BS_USERSPACE_LOG_MAX + 1];
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(BS_REQUEST_MAX);
    BS_SCOPED_BUF struct bs_buf member = BS_BUF(BS_REQUEST_MAX);
    bs_buf_reset(&records);
    record(15, "not quoted");
    s->request.bend.logs = bend_logs;
    scene_write(s, &s->tpm);
    MUST(bs_buf_append(&before, s->talk.body.data, s->talk.body.size));
    bs_buf_reset(&s->talk.body);
    edit_put_head(&member, 2, sizeof(zeros), sizeof(zeros) > UINT16_MAX ? 4 : 2);
    MUST(bs_buf_append(&member, zeros, sizeof(zeros)));
    edit_replace(bs_buf_span(&before), EDIT_PATH(5), bs_buf_span(&member), &s->talk.body);
    talk_send_attest(&s->talk);
    scene_note(s);
}

/* Records of what is not quoted, and of NV indices, change nothing. */
static void good(struct scene *s)
{
    bs_buf_reset(&records);
    is_left_out = false;
    record(15, "not quoted");
    record(-1, "no PCR");
    s->request.bend.logs = bend_logs;
    scene_enroll(s, &s->tpm);
}

static const struct attack attacks[] = {
    ATTACK(a_record_left_out, BS_REASON_LOG_MISMATCH),
    ATTACK(a_record_more, BS_REASON_LOG_MISMATCH),
    ATTACK(records_in_another_order, BS_REASON_LOG_MISMATCH),
    ATTACK(a_record_of_another_pcr, BS_REASON_LOG_MISMATCH),
    ATTACK(a_record_of_another_digest, BS_REASON_LOG_MISMATCH),
    ATTACK(a_record_that_claims_no_action, BS_REASON_LOG_MISMATCH),
    ATTACK(a_record_that_claims_no_action_by_number, BS_REASON_LOG_MISMATCH),
    ATTACK(the_phase_of_the_initrd_beside_a_log_without_it, BS_REASON_LOG_MISMATCH),
    ATTACK(a_record_that_is_none, BS_REASON_LOG_MALFORMED),
    ATTACK(a_userspace_log_that_is_none, BS_REASON_LOG_MALFORMED),
    ATTACK(a_userspace_log_that_ends_early, BS_REASON_LOG_MALFORMED),
    ATTACK(a_record_of_pcr_24, BS_REASON_LOG_MALFORMED),
    ATTACK(a_record_without_a_digest_of_the_bank, BS_REASON_LOG_MALFORMED),
    ATTACK(a_record_with_a_digest_of_another_size, BS_REASON_LOG_MALFORMED),
    ATTACK(more_records_than_are_read, BS_REASON_LOG_TOO_LARGE),
    ATTACK(a_userspace_log_over_its_limit, BS_REASON_LOG_TOO_LARGE),
    ATTACK(a_userspace_log_that_is_quoted_and_not_sent, BS_REASON_LOG_HASH),
    ATTACK(another_userspace_log_than_quoted, BS_REASON_LOG_HASH),
    ATTACK(a_userspace_log_that_is_sent_and_not_quoted, BS_REASON_LOG_HASH),
    ATTACK(the_hash_of_an_empty_userspace_log, BS_REASON_LOG_HASH),
    ATTACK(logs_that_change_places, BS_REASON_LOG_HASH),
    ATTACK(hashes_of_logs_that_change_places, BS_REASON_LOG_HASH),
    ATTACK(logs_that_are_quoted_as_each_other, BS_REASON_LOG_KIND),
    ATTACK(the_firmwares_log_as_userspaces_too, BS_REASON_LOG_MALFORMED),
    ATTACK(a_log_that_was_left_out, BS_REASON_LOG_TOO_LARGE),
    ATTACK(the_cap_in_userspaces_log, BS_REASON_CAPPED),
    ATTACK(the_cap_after_userspaces_log, BS_REASON_CAPPED),
    ATTACK(a_separator_of_zeros_by_userspace, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_separator_of_ones_by_userspace, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_separator_of_an_error_by_userspace, BS_REASON_LOG_SEPARATOR),
    ATTACK(the_only_separator_by_userspace, BS_REASON_LOG_SEPARATOR),
    ATTACK(a_phase_more_than_approved, BS_REASON_BOOT_NOT_APPROVED, .kind = MESSAGE_PENDING),
};

const struct attack_family attack_userspace = ATTACK_FAMILY("userspace", attacks, .good = good);
