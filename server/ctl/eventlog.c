#include "server/ctl/eventlog.h"

#include "bootseal/exit.h"
#include "core/bootlog.h"
#include "core/eventlog_hash.h"
#include "core/eventlog_print.h"
#include "server/ctl/streams.h"
#include "server/policy/evidence_file.h"

#include <stdio.h>
#include <string.h>

static int fail(const char *path, const char *why)
{
    (void)fprintf(stderr, "bootsealctl: %s: %s\n", path, why);
    return BS_EXIT_INPUT;
}

struct files {
    struct bs_buf log;
    struct bs_buf userspace;
    struct evidence_file evidence; /* where that is what `log` holds: its logs */
};
#define FILES_INIT ((struct files){ BS_BUF(BOOTLOG_FILE_SIZE_MAX), BS_BUF(BOOTLOG_FILE_SIZE_MAX), EVIDENCE_FILE_INIT })

static bool has_text(struct bs_span bytes, const char *text)
{
    return bytes.size > 0 && memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

/* The file that `device evidence` writes has the logs in it. */
static int open_evidence(const struct ctl_eventlog *request, struct files *files, struct bootlog *ret_log)
{
    char why[BOOTLOG_WHY_MAX];
    struct evidence_file_fault fault = { "" };
    const struct store_boot *boot = &files->evidence.boot;
    if (request->userspace_path) {
        (void)fputs("bootsealctl: an evidence file has the userspace's log in it: leave out --userspace\n", stderr);
        return BS_EXIT_USAGE;
    }
    if (evidence_file_read(bs_buf_span(&files->log), &files->evidence, &fault) != BS_OK)
        return fail(request->path, fault.text[0] ? fault.text : "the evidence file cannot be read");
    struct bs_span records = bs_buf_span(&boot->userspace_log);
    if (bootlog_open(bs_buf_span(&boot->log), records.size > 0 ? &records : NULL, ret_log, why) != BS_OK)
        return fail(request->path, why);
    return 0;
}

/* Text that speaks of a log and is none. */
static const char *name_text(struct bs_span bytes)
{
    if (has_text(bytes, "{\"format\":\"") || has_text(bytes, "event PCR  type"))
        return "this is what eventlog show printed of an event log; the log itself is wanted";
    return NULL;
}

static int open_logs(const struct ctl_eventlog *request, struct files *files, struct bootlog *ret_log)
{
    char why[BOOTLOG_WHY_MAX];
    const char *userspace = request->userspace_path;

    if (userspace && strcmp(request->path, "-") == 0 && strcmp(userspace, "-") == 0) {
        (void)fputs("bootsealctl: the two logs cannot both be the standard input\n", stderr);
        return BS_EXIT_USAGE;
    }
    if (bootlog_read(request->path, &files->log, why) != BS_OK)
        return fail(request->path, why);
    if (userspace && bootlog_read(userspace, &files->userspace, why) != BS_OK)
        return fail(userspace, why);
    struct bs_span records = bs_buf_span(&files->userspace);
    if (bootlog_open(bs_buf_span(&files->log), userspace ? &records : NULL, ret_log, why) == BS_OK)
        return 0;
    if (has_text(bs_buf_span(&files->log), "\"" EVIDENCE_FILE_FORMAT "\""))
        return open_evidence(request, files, ret_log);
    const char *text = name_text(bs_buf_span(&files->log));
    return fail(request->path, text ? text : why);
}

static void close_files(struct files *files)
{
    bs_buf_free(&files->log);
    bs_buf_free(&files->userspace);
    evidence_file_free(&files->evidence);
}

static int print(enum bs_err err, const struct bs_buf *out)
{
    if (err != BS_OK) {
        (void)fprintf(stderr, "bootsealctl: the event log cannot be shown: %s\n", bs_err_name(err));
        return BS_EXIT_LOCAL;
    }
    return streams_write(bs_buf_span(out));
}

static int show(const struct ctl_eventlog *request, struct files *files)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BOOTLOG_SHOWN_MAX);
    struct bootlog log;
    int code = open_logs(request, files, &log);
    if (code != 0)
        return code;
    return print(request->is_json ? bootlog_show_json(&log, &out) : bootlog_show(&log, &out), &out);
}

int ctl_eventlog_show(const struct ctl_eventlog *request)
{
    struct files files = FILES_INIT;
    int code = show(request, &files);
    close_files(&files);
    return code;
}

static void warn(const struct bootlog_missing *missing, uint16_t bank)
{
    size_t count = missing->events + missing->records;
    if (count > 0)
        (void)fprintf(stderr, "bootsealctl: %zu %s no digest of the %s bank, and %s taken not to have extended it\n",
                      count, count == 1 ? "event has" : "events have", eventlog_bank_name(bank).text,
                      count == 1 ? "is" : "are");
}

/* Names of the banks that can be replayed, for a complaint. */
static void name_banks(const struct bootlog *log, char *ret_text, size_t size)
{
    uint16_t banks[BOOTLOG_BANKS_MAX];
    size_t count = bootlog_banks(log, banks), used = 0;
    struct eventlog_replay replay;
    struct bootlog_missing missing;

    ret_text[0] = '\0';
    for (size_t i = 0; i < count && used + 20 < size; i++)
        if (bootlog_replay(log, banks[i], &replay, &missing) == BS_OK)
            used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     eventlog_bank_name(banks[i]).text);
}

static int fail_bank(const struct ctl_eventlog *request, const struct bootlog *log)
{
    char names[128], why[256];
    name_banks(log, names, sizeof(names));
    if (names[0] == '\0')
        return fail(request->path, "the events of this log have no digest of a hash that is known here");
    snprintf(why, sizeof(why), "the events of this log have no digest of the %s bank, but of: %s", request->bank,
             names);
    return fail(request->path, why);
}

/* One bank: the one that was asked for, or the log's main one. */
static int replay_bank(const struct ctl_eventlog *request, const struct bootlog *log, uint16_t bank)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BOOTLOG_SHOWN_MAX);
    struct eventlog_replay replay;
    struct bootlog_missing missing;

    if (bootlog_replay(log, bank, &replay, &missing) != BS_OK)
        return fail_bank(request, log);
    warn(&missing, bank);
    return print(request->is_json ? bootlog_replay_json(log, &bank, 1, &out) : bootlog_print_replay(&replay, &out),
                 &out);
}

static int replay_all(const struct bootlog *log)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BOOTLOG_SHOWN_MAX);
    uint16_t banks[BOOTLOG_BANKS_MAX];
    struct eventlog_replay replay;
    struct bootlog_missing missing;
    size_t count = bootlog_banks(log, banks);

    for (size_t i = 0; i < count; i++)
        if (bootlog_replay(log, banks[i], &replay, &missing) == BS_OK)
            warn(&missing, banks[i]);
    return print(bootlog_replay_json(log, banks, count, &out), &out);
}

static int replay(const struct ctl_eventlog *request, struct files *files)
{
    struct bootlog log;
    uint16_t bank = request->bank ? eventlog_hash_by_name(request->bank) : 0;

    if (request->bank && bank == 0) {
        (void)fprintf(
            stderr,
            "bootsealctl: --bank wants sha1, sha256, sha384, sha512, sha3_256, sha3_384, sha3_512 or sm3_256, not %s\n",
            request->bank);
        return BS_EXIT_USAGE;
    }
    int code = open_logs(request, files, &log);
    if (code != 0)
        return code;
    if (request->is_json && bank == 0)
        return replay_all(&log);
    return replay_bank(request, &log, bank != 0 ? bank : bootlog_main_bank(&log));
}

int ctl_eventlog_replay(const struct ctl_eventlog *request)
{
    struct files files = FILES_INIT;
    int code = replay(request, &files);
    close_files(&files);
    return code;
}
