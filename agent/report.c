#include "agent/report.h"

#include "core/file.h"
#include "core/json.h"

#include <assert.h>
#include <string.h>

#define REPORT_VERSION 1
#define REPORT_FOLDER "/run/bootseal"

void report_begin(struct report *report)
{
    *report = (struct report){ .source = "none" };
}

void report_note(struct report *report, const char *note)
{
    for (size_t i = 0; i < report->note_count; i++) {
        if (strcmp(report->notes[i], note) == 0)
            return;
    }
    assert(report->note_count < REPORT_NOTES_MAX);
    report->notes[report->note_count++] = note;
}

static void copy_text(char *to, size_t size, struct bs_span from)
{
    size_t length = from.size < size ? from.size : size - 1;
    if (length > 0)
        memcpy(to, from.data, length);
    to[length] = '\0';
}

void report_reason(struct report *report, struct bs_span reason, struct bs_span message)
{
    copy_text(report->reason, sizeof(report->reason), reason);
    copy_text(report->message, sizeof(report->message), message);
}

static struct report_step *step_of(struct report *report, const char *state)
{
    for (size_t i = 0; i < report->step_count; i++) {
        if (strcmp(report->steps[i].state, state) == 0)
            return &report->steps[i];
    }
    assert(report->step_count < REPORT_STEPS_MAX);
    struct report_step *step = &report->steps[report->step_count++];
    *step = (struct report_step){ .state = state };
    return step;
}

void report_step(struct report *report, const char *state, enum bs_err err, const struct report_meter *before,
                 const struct report_meter *after)
{
    struct report_step *step = step_of(report, state);
    step->tries++;
    step->err = err;
    step->used.ms += after->ms - before->ms;
    step->used.tpm_commands += after->tpm_commands - before->tpm_commands;
    step->used.sent += after->sent - before->sent;
    step->used.received += after->received - before->received;
    step->used.round_trips += after->round_trips - before->round_trips;
}

struct report_meter report_total(const struct report *report)
{
    struct report_meter total = { 0 };
    for (size_t i = 0; i < report->step_count; i++) {
        const struct report_meter *used = &report->steps[i].used;
        total.ms += used->ms;
        total.tpm_commands += used->tpm_commands;
        total.sent += used->sent;
        total.received += used->received;
        total.round_trips += used->round_trips;
    }
    return total;
}

static void put_steps(const struct report *report, struct bs_json *json)
{
    bs_json_array(json, BS_REPORT_STEPS);
    for (size_t i = 0; i < report->step_count; i++) {
        const struct report_step *step = &report->steps[i];
        bs_json_object(json, NULL);
        bs_json_string(json, "state", step->state);
        bs_json_u64(json, "tries", step->tries);
        bs_json_string(json, "error", step->err == BS_OK ? NULL : bs_err_name(step->err));
        bs_json_i64(json, "ms", step->used.ms);
        bs_json_u64(json, "tpm_commands", step->used.tpm_commands);
        bs_json_u64(json, "sent", step->used.sent);
        bs_json_u64(json, "received", step->used.received);
        bs_json_u64(json, "round_trips", step->used.round_trips);
        bs_json_close_object(json);
    }
    bs_json_close_array(json);
}

static void put_outcome(const struct report *report, struct bs_json *json)
{
    bs_json_u64(json, BS_REPORT_VERSION, REPORT_VERSION);
    bs_json_string(json, BS_REPORT_RESULT, report->is_done ? BS_STATE_DONE : BS_STATE_FAILED);
    bs_json_string(json, BS_REPORT_SOURCE, report->source);
    bs_json_string(json, BS_REPORT_REASON, report->reason[0] ? report->reason : NULL);
    bs_json_string(json, BS_REPORT_MESSAGE, report->message[0] ? report->message : NULL);
    bs_json_string(json, BS_REPORT_DEVICE, report->device[0] ? report->device : NULL);
    bs_json_u64(json, BS_REPORT_SERIAL, report->serial);
    bs_json_bool(json, BS_REPORT_CAPPED, report->is_capped);
    bs_json_array(json, BS_REPORT_NOTES);
    for (size_t i = 0; i < report->note_count; i++)
        bs_json_string(json, NULL, report->notes[i]);
    bs_json_close_array(json);
}

enum bs_err report_encode(const struct report *report, struct bs_buf *out)
{
    struct report_meter total = report_total(report);
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    put_outcome(report, &json);
    put_steps(report, &json);
    bs_json_i64(&json, BS_REPORT_TOTAL_MS, total.ms);
    bs_json_u64(&json, BS_REPORT_TPM_COMMANDS, total.tpm_commands);
    bs_json_u64(&json, BS_REPORT_ROUND_TRIPS, total.round_trips);
    bs_json_u64(&json, BS_REPORT_SENT, total.sent);
    bs_json_u64(&json, BS_REPORT_RECEIVED, total.received);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

enum bs_err report_write(const struct report *report, const char *root)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(REPORT_SIZE_MAX);
    enum bs_err err = report_encode(report, &text);
    BS_OWN(string) folder = NULL;
    BS_OWN(string) path = NULL;
    if (err == BS_OK)
        err = bs_path_under(root, REPORT_FOLDER, &folder);
    if (err == BS_OK)
        err = bs_path_under(root, REPORT_PATH, &path);
    if (err == BS_OK)
        err = bs_dir_make(folder, 0755);
    if (err != BS_OK)
        return err;
    static const struct bs_file_attr readable = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
    return bs_file_write(path, bs_buf_span(&text), &readable);
}
