#include "server/ctl/backup.h"
#include "bootseal/exit.h"
#include "core/file.h"
#include "core/log.h"
#include "server/config.h"
#include "server/ctl/client.h"
#include "server/ctl/nodes.h"
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX 65536

/* One act without arguments. *ret_done: its field is_done, if it has one. Returns an exit code. */
static int ask(const char *dir, const char *act, bool *ret_done)
{
    BS_SCOPED_BUF struct bs_buf document = BS_BUF(ANSWER_MAX);
    struct admin_request request = { .act = bs_span_of_string(act) };
    struct render_end end = { 0 };
    struct cbor_reader reader;
    enum document_kind kind = DOCUMENT_SENTENCE;
    enum bs_err err = client_call(dir, &request, &document);

    if (err != BS_OK)
        return bs_err_exit(err);
    cbor_read_begin(&reader, bs_buf_span(&document));
    while (reader.err == BS_OK && kind != DOCUMENT_END) {
        kind = node_next(&reader);
        if (kind == DOCUMENT_FIELD) {
            struct bs_span key = cbor_read_text(&reader, NODE_NAME_SIZE - 1);
            struct node_value value;

            (void)cbor_read_text(&reader, NODE_NAME_SIZE - 1);
            value = node_value(&reader);
            if (bs_span_equal(key, bs_span_of_string("is_done")))
                *ret_done = value.number != 0;
        } else if (kind == DOCUMENT_END) {
            node_end(&reader, &end);
        } else {
            cbor_read_fail(&reader);
        }
    }
    if (reader.err != BS_OK)
        return BS_EXIT_INPUT;
    if (end.exit_code != 0)
        (void)fprintf(stderr, "bootsealctl: %s\n", end.why);
    return end.exit_code;
}

static bool copy(int from, int to)
{
    static char buffer[65536];
    ssize_t got;

    while ((got = read(from, buffer, sizeof(buffer))) > 0)
        for (ssize_t put = 0; put < got;) {
            ssize_t now = write(to, buffer + put, (size_t)(got - put));

            if (now < 0 && errno != EINTR)
                return false;
            put += now > 0 ? now : 0;
        }
    return got == 0 && fsync(to) == 0;
}

/* A new file, durable when this is true; what was there before is left alone. */
static bool take_out(const char *dir, const char *to)
{
    BS_OWN(string) path = NULL;
    BS_OWN_FD int from_fd = -1;
    BS_OWN_FD int to_fd = -1;

    if (server_path(dir, CONFIG_BACKUP, &path) != BS_OK)
        return false;
    from_fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from_fd < 0) {
        (void)fprintf(stderr, "bootsealctl: %s cannot be read: %s\n", path, strerror(errno));
        return false;
    }
    to_fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to_fd < 0) {
        (void)fprintf(stderr, "bootsealctl: %s cannot be made: %s; name a new file\n", to, strerror(errno));
        return false;
    }
    if (copy(from_fd, to_fd))
        return true;
    (void)fprintf(stderr, "bootsealctl: %s cannot be written: %s\n", to, strerror(errno));
    (void)unlink(to);
    return false;
}

int ctl_backup(const char *dir, const char *to)
{
    bool is_done = false;
    bool ignored = false;
    struct stat there;
    int code;

    if (lstat(to, &there) == 0) {
        (void)fprintf(stderr, "bootsealctl: %s is there already; nothing is ever replaced: name a new file\n", to);
        return BS_EXIT_INPUT;
    }
    code = ask(dir, "backup begin", &ignored);
    while (code == 0 && !is_done)
        code = ask(dir, "backup step", &is_done);
    if (code != 0)
        return code;
    code = take_out(dir, to) ? BS_EXIT_DONE : BS_EXIT_LOCAL;
    (void)ask(dir, "backup end", &ignored);
    if (code == BS_EXIT_DONE)
        (void)printf(
            "Wrote %s: the whole database, with its secrets. The keys are not in it: keep %s/keys too, apart from it.\n",
            to, dir);
    return code;
}
