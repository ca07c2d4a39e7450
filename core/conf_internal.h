/* What conf.c (files, keys, groups), conf_text.c (pitfalls of the syntax) and conf_value.c (types of values) share; nobody else includes it. */
#pragma once

#include "core/conf.h"

#include <libconfig.h>

#define CONF_PATH_MAX 160

/* One group that is being read: the file's, or an element of a list. */
struct conf_scope {
    struct conf *conf;
    config_setting_t *group;
    const struct conf_schema *schema;
    char prefix[CONF_PATH_MAX]; /* "" or "handover.files.[2]." */
    uint8_t *target;
};

/* Reads all of scope->group into scope->target. */
enum bs_err conf_read_scope(struct conf_scope *scope) BS_MUST_USE;

/* Reads one value to its place in scope->target. */
enum bs_err conf_read_value(struct conf_scope *scope, const struct conf_key *key,
                            config_setting_t *setting) BS_MUST_USE;

/* What libconfig would misread, as a complaint; NULL when there is nothing. The line is 0 for the whole file. */
const char *conf_check_text(struct bs_span text, unsigned *ret_line);

/* Zeroed memory that lives as long as the conf; NULL when there is none. */
void *conf_allocate(struct conf *conf, size_t count, size_t size);

/* Writes the complaint "file:line: prefix path: ..." and returns BS_ERR_CONFIG. */
enum bs_err conf_complain(const struct conf_scope *scope, const config_setting_t *setting, const char *path,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
