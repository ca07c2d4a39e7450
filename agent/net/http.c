/*
 * One POST and its answer (RFC 9112), as strict as our own server allows: a status line, headers, Content-Length bytes,
 * nothing else.
 */
#include "agent/net/connection.h"
#include "bootseal/protocol.h"
#include "core/log.h"

#include <string.h>
#include <strings.h>

#define HEAD_MAX 4096
#define REQUEST_HEAD_MAX 512
#define RETRY_AFTER_MAX 86400

struct head {
    unsigned status;
    bool has_length;
    uint64_t length;
    unsigned retry_after;
    bool is_close;
};

static enum bs_err bad(const char *what)
{
    bs_debug("net", "the server's HTTP answer is not acceptable: %s", what);
    return BS_ERR_PROTOCOL;
}

/* "HTTP/1.1 NNN text" */
static enum bs_err parse_status(const char *line, struct head *head)
{
    char digits[4] = { 0 };
    uint64_t status;

    if (strncmp(line, "HTTP/1.1 ", 9) != 0 || strlen(line) < 12 || (line[12] != ' ' && line[12] != '\0'))
        return bad("status line");
    memcpy(digits, line + 9, 3);
    if (bs_parse_u64(digits, 599, &status) != BS_OK || status < 200)
        return bad("status");
    head->status = (unsigned)status;
    return BS_OK;
}

static enum bs_err parse_length(const char *value, struct head *head)
{
    /* bs_parse_u64 also takes 0x; here only digits count (RFC 9110 §8.6). */
    if (head->has_length || value[strspn(value, "0123456789")] != '\0' ||
        bs_parse_u64(value, BS_ANSWER_MAX, &head->length) != BS_OK)
        return bad("content-length");
    head->has_length = true;
    return BS_OK;
}

static void trim_end(char *text)
{
    for (size_t n = strlen(text); n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'); n--)
        text[n - 1] = '\0';
}

static enum bs_err parse_header(char *line, struct head *head)
{
    char *colon = strchr(line, ':');
    char *value;
    uint64_t number;

    /* A line that begins with a blank would be a folded one; a name with a blank in it is a smuggler's. */
    if (colon == NULL || colon == line || strcspn(line, " \t") < (size_t)(colon - line))
        return bad("header line");
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    trim_end(value);
    if (strcasecmp(line, "transfer-encoding") == 0)
        return bad("transfer-encoding");
    if (strcasecmp(line, "content-length") == 0)
        return parse_length(value, head);
    if (strcasecmp(line, "connection") == 0)
        head->is_close = strcasecmp(value, "close") == 0;
    else if (strcasecmp(line, "retry-after") == 0 && bs_parse_u64(value, RETRY_AFTER_MAX, &number) == BS_OK)
        head->retry_after = (unsigned)number;
    return BS_OK;
}

/* `text` is the head without its last empty line, zero-terminated; it is cut into lines in place. */
static enum bs_err parse_head(char *text, struct head *head)
{
    enum bs_err err = BS_OK;
    bool is_first = true;

    for (char *line = text; line != NULL && err == BS_OK;) {
        char *end = strstr(line, "\r\n");

        if (end != NULL)
            *end = '\0';
        if (strpbrk(line, "\r\n") != NULL)
            return bad("line end");
        err = is_first ? parse_status(line, head) : parse_header(line, head);
        is_first = false;
        line = end != NULL ? end + 2 : NULL;
    }
    if (err == BS_OK && !head->has_length)
        return bad("no content-length");
    return err;
}

/* Reads up to the empty line; what came after it is left at buffer + *ret_head, *ret_used - *ret_head bytes. */
static enum bs_err read_head(struct net_connection *connection, char *buffer, size_t *ret_head, size_t *ret_used)
{
    size_t used = 0;

    for (;;) {
        size_t got = 0;
        char *end;
        enum bs_err err;

        if (used == HEAD_MAX)
            return bad("head too long");
        err = connection_read(connection, (uint8_t *)buffer + used, HEAD_MAX - used, &got);
        if (err != BS_OK)
            return err;
        used += got;
        buffer[used] = '\0';
        end = strstr(buffer, "\r\n\r\n");
        if (end == NULL && strlen(buffer) != used)
            return bad("zero byte in the head");
        if (end != NULL) {
            *end = '\0';
            *ret_head = (size_t)(end - buffer) + 4;
            *ret_used = used;
            return BS_OK;
        }
    }
}

static enum bs_err read_body(struct net_connection *connection, struct bs_span early, size_t length,
                             struct bs_buf *answer)
{
    enum bs_err err;

    if (early.size > length)
        return bad("more than content-length");
    if (length > answer->limit - answer->size)
        return bad("too long");
    err = bs_buf_append(answer, early.data, early.size);
    for (size_t left = length - early.size; err == BS_OK && left > 0;) {
        uint8_t *tail;
        size_t got = 0;

        err = bs_buf_reserve(answer, left, &tail);
        if (err == BS_OK)
            err = connection_read(connection, tail, left, &got);
        bs_buf_grown(answer, got);
        left -= got;
    }
    return err;
}

static enum bs_err send_request(struct net_connection *connection, const char *path, struct bs_span body)
{
    BS_SCOPED_BUF struct bs_buf request = BS_BUF(BS_REQUEST_MAX + REQUEST_HEAD_MAX);
    enum bs_err err;

    if (body.size > BS_REQUEST_MAX)
        return BS_ERR_NOMEM;
    /* Head and body in one write: two would meet Nagle and the delayed acknowledgement. */
    err = bs_buf_printf(&request, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                        path, connection_authority(connection), BS_MEDIA_TYPE, body.size);
    if (err == BS_OK)
        err = bs_buf_append(&request, body.data, body.size);
    if (err == BS_OK)
        err = connection_write(connection, bs_buf_span(&request));
    return err;
}

enum bs_err net_post(struct net_connection *connection, const char *path, struct bs_span body, struct bs_buf *answer,
                     struct net_answer *ret_answer)
{
    char buffer[HEAD_MAX + 1];
    struct head head = { 0 };
    size_t head_size = 0;
    size_t used = 0;
    enum bs_err err = send_request(connection, path, body);

    if (err == BS_OK)
        err = read_head(connection, buffer, &head_size, &used);
    if (err == BS_OK)
        err = parse_head(buffer, &head);
    if (err == BS_OK)
        err = read_body(connection, BS_SPAN(buffer + head_size, used - head_size), (size_t)head.length, answer);
    if (err != BS_OK)
        return err;
    net_count_round_trip();
    *ret_answer =
        (struct net_answer){ .status = head.status, .retry_after = head.retry_after, .is_open = !head.is_close };
    return BS_OK;
}
