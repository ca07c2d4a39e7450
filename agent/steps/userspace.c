#include "agent/steps/userspace.h"

#include "core/file.h"

#define STATE BS_STATE_ATTEST

/* One of the two, and what is said of it. */
struct source {
    const char *key; /* of the configuration */
    const char *path;
    const char *note; /* where it is too large */
    size_t limit;
    bool is_line; /* its newline is not sent */
};

static void leave_out(struct boot *boot, const struct source *source, struct bs_buf *buf)
{
    bs_buf_reset(buf);
    report_note(&boot->report, source->note);
    bs_warning(STATE, "%s: %s is no file, or has more than the %zu bytes that can be sent, and is left out",
               source->key, source->path, source->limit);
}

static void read_source(struct boot *boot, const struct source *source, struct bs_buf *buf)
{
    bs_buf_reset(buf);
    if (*source->path == '\0')
        return;
    BS_OWN(string) path = NULL;
    enum bs_err err = bs_path_under(boot->root, source->path, &path);
    if (err == BS_OK)
        err = bs_file_read(path, buf);
    if (source->is_line && buf->size > 0 && buf->data[buf->size - 1] == '\n')
        buf->size--;
    if (err == BS_ERR_INPUT || (err == BS_OK && buf->size > source->limit))
        leave_out(boot, source, buf);
    else if (err == BS_ERR_NOT_FOUND)
        bs_info(STATE, "%s: there is no %s", source->key, source->path);
    else if (err != BS_OK)
        bs_warning(STATE, "%s: %s cannot be read (%s), and is left out", source->key, source->path, bs_err_name(err));
}

void userspace_read(struct boot *boot, struct bs_buf *log, struct bs_buf *command_line)
{
    size_t room = BS_LOGS_MAX - boot->eventlog.size;
    const struct source measured = { .key = "measure.userspace_log",
                                     .path = boot->config->measure.userspace_log,
                                     .note = BS_NOTE_USERSPACE_LOG_TOO_LARGE,
                                     .limit = room < BS_USERSPACE_LOG_MAX ? room : BS_USERSPACE_LOG_MAX };
    const struct source said = { .key = "measure.command_line",
                                 .path = boot->config->measure.command_line,
                                 .note = BS_NOTE_COMMAND_LINE_TOO_LARGE,
                                 .limit = BS_COMMAND_LINE_MAX,
                                 .is_line = true };
    read_source(boot, &measured, log);
    read_source(boot, &said, command_line);
}
