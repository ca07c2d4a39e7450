#include "log_scene.h"

#include <string.h>

#include "unit/logmaker.h"

char userspace[BS_USERSPACE_LOG_MAX + 1];
size_t userspace_size;
const char *command_line;
const char *note;

static void bend_logs(struct message_attest *m)
{
    m->userspace_log = BS_SPAN(userspace, userspace_size);
}

static void bend(struct message_statement *s)
{
    s->command_line = command_line ? bs_span_of_string(command_line) : BS_SPAN_NONE;
    if (note)
        s->notes[s->note_count++] = bs_span_of_string(note);
}

int log_setup(void **state)
{
    if (evidence_setup(state) != 0)
        return -1;
    request = (struct softtpm_request){ .bend = { .logs = bend_logs, .statement = bend } };
    userspace_size = 0;
    command_line = note = NULL;
    return 0;
}

void put_record(int pcr, const char *digest, const char *text)
{
    BS_SCOPED_BUF struct bs_buf record = BS_BUF(BS_USERSPACE_LOG_MAX);
    put_userspace_record(&record, pcr, bs_span_of_string(digest ? digest : text), text);
    assert_true(record.size <= sizeof(userspace) - userspace_size);
    memcpy(userspace + userspace_size, record.data, record.size);
    userspace_size += record.size;
}

void extend(uint32_t pcr, const char *text)
{
    assert_ok(softtpm_extend(&tpm, pcr, bs_span_of_string(text)));
}

void measure(uint32_t pcr, const char *text)
{
    put_record((int)pcr, NULL, text);
    assert_ok(softtpm_extend(&tpm, pcr, bs_span_of_string(text)));
}

void expect_whole(void **state)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_reason(&talk, MESSAGE_PENDING, BS_REASON_BOOT_NOT_APPROVED);
}

void expect_approved(void **state)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_kind(&talk, MESSAGE_APPROVED);
}
