/*
 * What the programs say. On a console: sentences for a person. With the kv format: `level event msg="..."`
 * with stable event names. Never a secret: fingerprints, sizes, names.
 *
 * Modules log at debug only; the step (or command) that decides what an error means logs it once, at error:
 * what was tried, on what, and what the operator can do.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum bs_log_level { BS_LOG_ERROR, BS_LOG_WARNING, BS_LOG_NOTICE, BS_LOG_INFO, BS_LOG_DEBUG };
enum bs_log_format { BS_LOG_TEXT, BS_LOG_KV };

/* Lines go to `stream` (stderr at start), unbuffered, one write a line. `program` stands before each text line. */
void bs_log_setup(const char *program, FILE *stream, enum bs_log_format format, enum bs_log_level level);
void bs_log_set_format(enum bs_log_format format);
void bs_log_set_level(enum bs_log_level level);
bool bs_log_enabled(enum bs_log_level level);

/*
 * One line. `event` is the stable name for kv ("attest", "cap"); the text follows printf. Control characters in
 * the text are written as '?'.
 */
void bs_log(enum bs_log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Name of a level ("error"), and back; false when unknown. */
const char *bs_log_level_name(enum bs_log_level level);
bool bs_log_level_parse(const char *name, enum bs_log_level *ret_level);

#define bs_error(event, ...) bs_log(BS_LOG_ERROR, event, __VA_ARGS__)
#define bs_warning(event, ...) bs_log(BS_LOG_WARNING, event, __VA_ARGS__)
#define bs_notice(event, ...) bs_log(BS_LOG_NOTICE, event, __VA_ARGS__)
#define bs_info(event, ...) bs_log(BS_LOG_INFO, event, __VA_ARGS__)
#define bs_debug(event, ...) bs_log(BS_LOG_DEBUG, event, __VA_ARGS__)
