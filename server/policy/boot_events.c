#include "server/policy/boot_events.h"

#include "core/eventlog_secureboot.h"
#include "core/message.h"

#include <stdio.h>
#include <string.h>

enum bs_err boot_events_open(struct boot_events *events, const struct policy_boot *boot)
{
    events->boot = boot;
    if (boot->firmware_log.size == 0 || eventlog_open(boot->firmware_log, &events->log, NULL) != BS_OK)
        events->log = (struct eventlog){ .event_count = 0 };
    if (boot->userspace_log.size == 0 || userlog_open(boot->userspace_log, &events->userspace, NULL) != BS_OK)
        events->userspace = (struct userlog){ .record_count = 0 };
    size_t count = events->log.event_count + events->userspace.record_count;
    events->records = calloc(events->userspace.record_count + 1, sizeof(*events->records));
    events->events = calloc(count + 1, sizeof(*events->events));
    events->digests = calloc(count + 1, sizeof(*events->digests));
    return events->records && events->events && events->digests ? BS_OK : BS_ERR_NOMEM;
}

void boot_events_free(struct boot_events *events)
{
    free(events->records);
    free(events->events);
    free(events->digests);
}

bool boot_events_are_known(const struct boot_events *events)
{
    return events->log.event_count > 0;
}

static void add_firmware(struct boot_events *events, uint32_t pcr)
{
    struct eventlog_event event;
    for (struct eventlog_cursor c = eventlog_first(&events->log); eventlog_next(&c, &event);) {
        if (event.pcr != pcr || !eventlog_extends(&event))
            continue;
        events->digests[events->count] = eventlog_digest(&event, events->boot->bank);
        events->events[events->count++] = (struct boot_event){ .firmware = event };
    }
}

static void keep_record(const struct boot_events *events, const struct userlog_record *record, struct boot_record *kept)
{
    struct bs_span digest = userlog_digest(record, events->boot->bank);
    *kept = (struct boot_record){ .index = record->index, .digest_size = digest.size };
    memcpy(kept->digest, digest.data ? digest.data : kept->digest, digest.size);
    boot_events_clean(record->has_text ? userlog_text(record) : record->type, kept->words);
}

/* systemd extends after the firmware has ended. */
static void add_userspace(struct boot_events *events, uint32_t pcr)
{
    struct userlog_record record;
    size_t kept = 0;
    for (struct userlog_cursor c = userlog_first(&events->userspace); userlog_next(&c, &record);) {
        if (!record.has_pcr || record.pcr != pcr)
            continue;
        struct boot_record *here = &events->records[kept++];
        keep_record(events, &record, here);
        events->digests[events->count] = BS_SPAN(here->digest, here->digest_size);
        events->events[events->count++] = (struct boot_event){ .is_userspace = true, .record = here };
    }
}

void boot_events_turn_to(struct boot_events *events, uint32_t pcr)
{
    events->count = 0;
    if (events->log.event_count > 0)
        add_firmware(events, pcr);
    if (events->userspace.record_count > 0)
        add_userspace(events, pcr);
}

static bool is_variable(uint32_t type)
{
    switch (type) {
    case EVENTLOG_VARIABLE_DRIVER_CONFIG:
    case EVENTLOG_VARIABLE_BOOT:
    case EVENTLOG_VARIABLE_BOOT2:
    case EVENTLOG_VARIABLE_AUTHORITY:
        return true;
    default:
        return false;
    }
}

static bool is_same_variable(struct bs_span a, struct bs_span b)
{
    struct eventlog_variable left, right;
    return eventlog_decode_variable(a, &left) == BS_OK && eventlog_decode_variable(b, &right) == BS_OK &&
           bs_span_equal(left.name, right.name) && bs_span_equal(left.guid, right.guid);
}

/* systemd's texts name their kind in front: "machine-id:..." */
static size_t kind_length(const char *words)
{
    return strcspn(words, ":");
}

/* systemd-stub's events have a section's name, GRUB's have their kind in front: "grub_cmd: ...". */
static bool is_same_text(struct bs_span a, struct bs_span b)
{
    if (a.size == 0 || b.size == 0 || a.data[0] == '.' || b.data[0] == '.')
        return bs_span_equal(a, b);
    const uint8_t *left = memchr(a.data, ':', a.size), *right = memchr(b.data, ':', b.size);
    if (!left || !right)
        return !left && !right;
    return bs_span_equal(BS_SPAN(a.data, left - a.data), BS_SPAN(b.data, right - b.data));
}

bool boot_event_is_like(const struct boot_event *a, const struct boot_event *b)
{
    if (a->is_userspace != b->is_userspace)
        return false;
    if (a->is_userspace)
        return kind_length(a->record->words) == kind_length(b->record->words) &&
               memcmp(a->record->words, b->record->words, kind_length(a->record->words)) == 0;
    const struct eventlog_event *left = &a->firmware, *right = &b->firmware;
    if (left->type != right->type)
        return false;
    if (is_variable(left->type))
        return is_same_variable(left->data, right->data);
    if (left->type == EVENTLOG_EVENT_TAG)
        return bs_span_equal(left->data, right->data);
    return left->type != EVENTLOG_IPL || is_same_text(left->data, right->data);
}

void boot_events_clean(struct bs_span text, char ret_text[BOOT_DIFF_TEXT])
{
    uint8_t room[BOOT_DIFF_TEXT];
    struct bs_span cleaned = message_text_clean(text, room, sizeof(room) - 1);
    memcpy(ret_text, cleaned.data, cleaned.size);
    ret_text[cleaned.size] = '\0';
}

void boot_events_digest(uint16_t bank, struct bs_span digest, char ret_text[BOOT_DIFF_DIGEST])
{
    char hex[2 * CRYPTO_HASH_MAX + 1];
    bs_hex(BS_SPAN(digest.data, digest.size < CRYPTO_HASH_MAX ? digest.size : CRYPTO_HASH_MAX), hex);
    snprintf(ret_text, BOOT_DIFF_DIGEST, "%s:%s", crypto_hash_name(bank), hex);
}

static void say_signer(const struct eventlog_entry *entry, const char *word, struct bs_buf *out)
{
    struct eventlog_signer signer;
    if (entry->kind == EVENTLOG_ENTRY_X509 && eventlog_entry_signer(entry, &signer) == BS_OK)
        (void)!bs_buf_printf(out, "%s%s", word, signer.subject);
}

/* Who may sign, of a variable of signature lists, and who has, of the entry that admitted an image. What does not fit is left out. */
static void say_signers(const struct eventlog_event *event, struct bs_buf *out)
{
    struct eventlog_variable variable;
    struct eventlog_entry entry;
    bool is_first = true;
    if (!is_variable(event->type) || eventlog_decode_variable(event->data, &variable) != BS_OK)
        return;
    if (event->type == EVENTLOG_VARIABLE_AUTHORITY) {
        if (eventlog_authority_entry(variable.data, &entry) == BS_OK)
            say_signer(&entry, ": ", out);
        return;
    }
    for (struct eventlog_entries e = eventlog_entries_first(variable.data); eventlog_entries_next(&e, &entry);) {
        say_signer(&entry, is_first ? ", of " : "; of ", out);
        is_first = false;
    }
}

static void say_doubt(const struct eventlog_event *event, uint16_t bank, struct bs_buf *out)
{
    if (eventlog_measured(event, bank, NULL) == EVENTLOG_DATA_WRONG)
        (void)!bs_buf_printf(out, "; not what was measured");
    else if (event->type == EVENTLOG_BOOT_APPLICATION)
        (void)!bs_buf_printf(out, "; where it lay is not verified");
}

void boot_events_describe(const struct boot_events *events, size_t at, struct boot_diff_event *ret_event)
{
    const struct boot_event *event = &events->events[at];
    *ret_event = (struct boot_diff_event){ .is_there = true, .is_userspace = event->is_userspace };
    boot_events_digest(events->boot->bank, events->digests[at], ret_event->digest);
    if (event->is_userspace) {
        ret_event->index = event->record->index;
        memcpy(ret_event->words, event->record->words, sizeof(ret_event->words));
        return;
    }
    BS_SCOPED_BUF struct bs_buf words = BS_BUF(EVENTLOG_DESCRIPTION_MAX + 2 * CERT_TEXT_MAX);
    ret_event->index = event->firmware.index;
    ret_event->type = event->firmware.type;
    if (eventlog_describe(&event->firmware, &words) != BS_OK)
        bs_buf_reset(&words);
    say_signers(&event->firmware, &words);
    say_doubt(&event->firmware, events->boot->bank, &words);
    boot_events_clean(bs_buf_span(&words), ret_event->words);
}
