#include "core/log.h"

#include "core/text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* A serial console shows no more at a glance, and the line fits the stack of any thread. */
#define LINE_MAX_SIZE 1024

static const char *log_program = "bootseal";
static FILE *log_stream; /* NULL: stderr, which is no constant expression */
static enum bs_log_format log_format = BS_LOG_TEXT;
static enum bs_log_level log_level = BS_LOG_NOTICE;

static const char *const level_names[] = {
    [BS_LOG_ERROR] = "error", [BS_LOG_WARNING] = "warning", [BS_LOG_NOTICE] = "notice",
    [BS_LOG_INFO] = "info",   [BS_LOG_DEBUG] = "debug",
};

void bs_log_setup(const char *program, FILE *stream, enum bs_log_format format, enum bs_log_level level)
{
    log_program = program;
    log_stream = stream;
    log_format = format;
    log_level = level;
}

void bs_log_set_format(enum bs_log_format format)
{
    log_format = format;
}

void bs_log_set_level(enum bs_log_level level)
{
    log_level = level;
}

bool bs_log_enabled(enum bs_log_level level)
{
    return level <= log_level;
}

const char *bs_log_level_name(enum bs_log_level level)
{
    return level_names[level];
}

bool bs_log_level_parse(const char *name, enum bs_log_level *ret_level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum bs_log_level)i;
            return true;
        }
    return false;
}

struct line {
    char text[LINE_MAX_SIZE];
    size_t size;
};

static void put(struct line *line, const void *data, size_t size)
{
    /* Room is kept for the closing quote and the newline. */
    if (size <= sizeof(line->text) - 2 - line->size) {
        memcpy(line->text + line->size, data, size);
        line->size += size;
    }
}

/* What comes from a server, a variable or a file name must not move the cursor of the console. */
static void put_clean(struct line *line, const char *text, bool in_quotes)
{
    struct bs_reader r = BS_READER(bs_span_of_string(text));
    uint32_t character;
    bool valid;

    while (bs_utf8_take(&r, &character, &valid)) {
        uint8_t bytes[5] = "\\";
        bool is_escaped = in_quotes && (character == '"' || character == '\\');
        if (!valid || bs_is_control(character))
            character = '?';
        size_t size = bs_utf8_encode(character, bytes + 1);
        put(line, bytes + !is_escaped, is_escaped + size);
    }
}

void bs_log(enum bs_log_level level, const char *event, const char *format, ...)
{
    if (!bs_log_enabled(level))
        return;

    int saved = errno; /* for %m, and for the caller */
    char text[LINE_MAX_SIZE];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert(length >= 0);
    if ((size_t)length >= sizeof(text))
        memcpy(text + sizeof(text) - 4, "...", 4);

    struct line line = { .size = 0 };
    if (log_format == BS_LOG_KV) {
        const char *name = bs_log_level_name(level);
        put(&line, name, strlen(name));
        put(&line, " ", 1);
        put_clean(&line, event, false);
        put(&line, " msg=\"", 6);
        put_clean(&line, text, true);
        line.text[line.size++] = '"';
    } else {
        put_clean(&line, log_program, false);
        put(&line, ": ", 2);
        put_clean(&line, text, false);
    }
    line.text[line.size++] = '\n';

    FILE *stream = log_stream ? log_stream : stderr;
    (void)fwrite(line.text, 1, line.size, stream);
    (void)fflush(stream);
    errno = saved;
}
