#include "core/conf_internal.h"

#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct block {
    struct block *next;
    max_align_t data[];
};

struct conf {
    config_t config;
    char *name;
    struct block *blocks;
    struct conf_problem *problem; /* while loading */
};

void *conf_allocate(struct conf *conf, size_t count, size_t size)
{
    struct block *block = calloc(1, sizeof(*block) + count * size);
    if (!block)
        return NULL;
    block->next = conf->blocks;
    conf->blocks = block;
    return block->data;
}

void conf_free(struct conf *conf)
{
    if (!conf)
        return;
    while (conf->blocks) {
        struct block *next = conf->blocks->next;
        free(conf->blocks);
        conf->blocks = next;
    }
    config_destroy(&conf->config);
    free(conf->name);
    free(conf);
}

/* "file:line: reason", "file: reason" where the line is 0. */
__attribute__((format(printf, 4, 5))) static enum bs_err refuse(const struct conf *conf, unsigned line,
                                                                struct conf_problem *problem, const char *format, ...)
{
    char place[16] = "", reason[CONF_PROBLEM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);

    if (line > 0)
        snprintf(place, sizeof(place), ":%u", line);
    int length = snprintf(problem->text, sizeof(problem->text), "%s%s: %s", conf->name, place, reason);
    if ((size_t)length >= sizeof(problem->text)) {
        size_t end = sizeof(problem->text) - sizeof("...");
        while (end > 0 && ((unsigned char)problem->text[end] & 0xc0) == 0x80) /* between characters of UTF-8 */
            end--;
        memcpy(problem->text + end, "...", sizeof("..."));
    }
    return BS_ERR_CONFIG;
}

enum bs_err conf_complain(const struct conf_scope *scope, const config_setting_t *setting, const char *path,
                          const char *format, ...)
{
    char reason[CONF_PROBLEM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return refuse(scope->conf, config_setting_source_line(setting), scope->conf->problem, "%s%s: %s", scope->prefix,
                  path, reason);
}

/* The rest of the key's path below the group `path` ("tpm." or ""), NULL when it is not there. */
static const char *below(const struct conf_key *key, const char *path)
{
    size_t length = strlen(path);
    return strncmp(key->path, path, length) == 0 ? key->path + length : NULL;
}

/* "device, deadline": the names that the group may hold, each once. */
static void list_known(const struct conf_schema *schema, const char *path, char *ret_text, size_t size)
{
    size_t used = 0;
    const char *last = "";
    size_t last_length = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; i < schema->count && used < size; i++) {
        const char *name = below(&schema->keys[i], path);
        size_t length = name ? strcspn(name, ".") : 0;
        if (!name || (length == last_length && strncmp(name, last, length) == 0))
            continue;
        int n = snprintf(ret_text + used, size - used, "%s%.*s", used > 0 ? ", " : "", (int)length, name);
        used += (size_t)n;
        last = name;
        last_length = length;
    }
}

static enum bs_err read_group(struct conf_scope *scope, config_setting_t *group, const char *path);

static enum bs_err read_member(struct conf_scope *scope, config_setting_t *setting, const char *path)
{
    char whole[CONF_PATH_MAX], inner[CONF_PATH_MAX];
    int length = snprintf(whole, sizeof(whole), "%s%s", path, config_setting_name(setting));
    int inner_length = snprintf(inner, sizeof(inner), "%s.", whole);
    bool fits = length > 0 && (size_t)inner_length < sizeof(inner);

    for (size_t i = 0; fits && i < scope->schema->count; i++) {
        const struct conf_key *key = &scope->schema->keys[i];
        if (strcmp(key->path, whole) == 0)
            return conf_read_value(scope, key, setting);
        if (!below(key, inner))
            continue;
        if (!config_setting_is_group(setting))
            return conf_complain(scope, setting, whole, "must be a group: %s { name = value; ... }", whole);
        return read_group(scope, setting, inner);
    }

    char known[CONF_PROBLEM_MAX];
    list_known(scope->schema, path, known, sizeof(known));
    return conf_complain(scope, setting, whole, "unknown key; known here: %s", known);
}

/* Goes no deeper than the table does: a group that the table does not know is not entered. */
static enum bs_err read_group(struct conf_scope *scope, config_setting_t *group, const char *path)
{
    int count = config_setting_length(group);
    for (int i = 0; i < count; i++) {
        enum bs_err err = read_member(scope, config_setting_get_elem(group, (unsigned)i), path);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

enum bs_err conf_read_scope(struct conf_scope *scope)
{
    const struct conf_schema *schema = scope->schema;
    if (schema->defaults)
        memcpy(scope->target, schema->defaults, schema->size);
    else
        memset(scope->target, 0, schema->size);

    enum bs_err err = read_group(scope, scope->group, "");
    if (err != BS_OK)
        return err;
    for (size_t i = 0; i < schema->count; i++) {
        const struct conf_key *key = &schema->keys[i];
        if (key->is_required && !config_setting_lookup(scope->group, key->path))
            return conf_complain(scope, scope->group, key->path, "is missing (%s)", key->help ? key->help : "required");
    }
    return BS_OK;
}

static enum bs_err parse(struct conf *conf, struct bs_span text)
{
    unsigned line;
    const char *fault = conf_check_text(text, &line);
    if (fault)
        return refuse(conf, line, conf->problem, "%s", fault);

    BS_SCOPED_BUF struct bs_buf terminated = BS_BUF(CONF_SIZE_MAX + 1);
    enum bs_err err = bs_buf_append(&terminated, text.data, text.size);
    if (err == BS_OK)
        err = bs_buf_append(&terminated, "", 1);
    if (err != BS_OK)
        return refuse(conf, 0, conf->problem, "is larger than %d bytes", CONF_SIZE_MAX);

    if (!config_read_string(&conf->config, (const char *)terminated.data))
        return refuse(conf, (unsigned)config_error_line(&conf->config), conf->problem,
                      "%s; correct this line or the one before", config_error_text(&conf->config));
    return BS_OK;
}

static enum bs_err fill(struct conf *conf, const struct conf_schema *schema, void *ret_target)
{
    /* The caller's struct stays as it was if anything is wrong. */
    struct conf_scope scope = { .conf = conf, .schema = schema, .group = config_root_setting(&conf->config) };
    scope.target = conf_allocate(conf, 1, schema->size);
    if (!scope.target)
        return BS_ERR_NOMEM;

    enum bs_err err = conf_read_scope(&scope);
    if (err == BS_OK)
        memcpy(ret_target, scope.target, schema->size);
    return err;
}

enum bs_err conf_parse(const char *name, struct bs_span text, const struct conf_schema *schema, void *ret_target,
                       struct conf **ret_conf, struct conf_problem *problem)
{
    snprintf(problem->text, sizeof(problem->text), "%s: no memory", name);
    BS_OWN(conf) conf = calloc(1, sizeof(*conf));
    if (!conf)
        return BS_ERR_NOMEM;
    config_init(&conf->config);
    conf->problem = problem;
    conf->name = strdup(name);
    if (!conf->name)
        return BS_ERR_NOMEM;

    enum bs_err err = parse(conf, text);
    if (err == BS_OK)
        err = fill(conf, schema, ret_target);
    if (err != BS_OK)
        return err;
    problem->text[0] = '\0';
    conf->problem = NULL;
    *ret_conf = BS_TAKE(conf);
    return BS_OK;
}

static enum bs_err read_trusted(const char *path, struct bs_buf *buf, const char **ret_reason)
{
    BS_OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0) {
        bool is_absent = errno == ENOENT || errno == ENOTDIR;
        *ret_reason = strerror(errno);
        return is_absent ? BS_ERR_NOT_FOUND : BS_ERR_CONFIG;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        *ret_reason = "is not a regular file";
    else if (st.st_uid != 0 && st.st_uid != geteuid())
        *ret_reason = "belongs to another user; chown it to root";
    else if (st.st_mode & S_IWOTH)
        *ret_reason = "is writable for everybody; chmod o-w";
    else if ((st.st_mode & S_IWGRP) && st.st_gid != 0 && st.st_gid != getegid())
        *ret_reason = "is writable for a group of others; chmod g-w";
    else if (bs_file_read_fd(fd, buf) != BS_OK)
        *ret_reason = "cannot be read, or is larger than 64 KiB";
    else
        return BS_OK;
    return BS_ERR_CONFIG;
}

enum bs_err conf_load(const char *path, const struct conf_schema *schema, void *ret_target, struct conf **ret_conf,
                      struct conf_problem *problem)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
    const char *reason = NULL;
    enum bs_err err = read_trusted(path, &text, &reason);
    if (err != BS_OK) {
        snprintf(problem->text, sizeof(problem->text), "%s: %s", path, reason);
        return err;
    }
    return conf_parse(path, bs_buf_span(&text), schema, ret_target, ret_conf, problem);
}

enum bs_err conf_refuse(const struct conf *conf, const char *path, struct conf_problem *problem, const char *format,
                        ...)
{
    char reason[CONF_PROBLEM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);

    const config_setting_t *setting = config_lookup(&conf->config, path);
    unsigned line = setting ? config_setting_source_line(setting) : 0;
    return refuse(conf, line, problem, "%s: %s", path, reason);
}

bool conf_has(const struct conf *conf, const char *path)
{
    return config_lookup(&conf->config, path) != NULL;
}
