/*
 * Strict configuration files: a table says which keys exist, of what type and range, and where each value goes in
 * the caller's struct. Whatever the table does not know is refused with file, line and what to do.
 *
 * The syntax is libconfig's, without @include, floats and hexadecimal numbers. This module alone knows libconfig.
 *
 *     static const char *const formats[] = { "text", "kv", NULL };
 *     static const struct conf_key keys[] = {
 *         CONF_KEY("log.format", CONF_WORD, struct agent_conf, log_format, .words = formats),
 *         CONF_KEY("tpm.deadline", CONF_INTEGER, struct agent_conf, tpm_deadline_s, .minimum = 1, .maximum = 600,
 *                  .help = "seconds"),
 *     };
 *     static const struct conf_schema schema = { keys, 2, sizeof(struct agent_conf), &defaults };
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/own.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_SIZE_MAX (64 * 1024)
#define CONF_PROBLEM_MAX 320

enum conf_type {
    CONF_BOOL,    /* bool */
    CONF_INTEGER, /* int64_t, from minimum to maximum */
    CONF_STRING,  /* const char *: one line of UTF-8, minimum to maximum bytes (maximum 0: 1023) */
    CONF_TEXT,    /* const char *: as CONF_STRING, with line feeds and tabs (maximum 0: no limit but the file's) */
    CONF_WORD,    /* int: index into words */
    CONF_MODE,    /* uint32_t: file mode, written as a string of three or four octal digits */
    CONF_STRINGS, /* struct conf_strings: minimum to maximum strings (maximum 0: 64) */
    CONF_PCRS,    /* uint32_t: mask of PCRs 0 to 23, each once, minimum to maximum of them (maximum 0: 24) */
    CONF_GROUPS,  /* struct conf_list: minimum to maximum groups (maximum 0: 64), each read by `element` */
};

struct conf_strings {
    const char *const *items;
    size_t count;
};

struct conf_list {
    const void *items; /* array of the element schema's struct */
    size_t count;
};

struct conf_schema;

struct conf_key {
    const char *path; /* "tpm.deadline": groups before the dots */
    enum conf_type type;
    size_t offset; /* of the value in the struct */
    int64_t minimum;
    int64_t maximum;
    const char *const *words; /* ends with NULL */
    const struct conf_schema *element;
    bool is_required;
    const char *help; /* a few words in parentheses after a complaint: unit, or what the key is for */
};

#define CONF_KEY(path_, type_, struct_, member_, ...)                                     \
    {                                                                                     \
        .path = path_, .type = type_, .offset = offsetof(struct_, member_), ##__VA_ARGS__ \
    }

struct conf_schema {
    const struct conf_key *keys;
    size_t count;
    size_t size;          /* of the struct that the offsets are in */
    const void *defaults; /* such a struct, or NULL for zeros: what stays where the file says nothing */
};

/* One line for a person: "file:line: key: what is wrong; what to do". */
struct conf_problem {
    char text[CONF_PROBLEM_MAX];
};

/* A loaded file. It owns the strings and lists that the filled struct points at. */
struct conf;

/*
 * Reads `path` and fills *ret_target, a struct of schema->size. The file must be a regular one of at most CONF_SIZE_MAX
 * bytes, owned by root or this user and not writable for everybody; links are followed, since images link into /usr.
 * NOT_FOUND when absent, CONFIG when it is wrong, and *problem says why.
 */
enum bs_err conf_load(const char *path, const struct conf_schema *schema, void *ret_target, struct conf **ret_conf,
                      struct conf_problem *problem) BS_MUST_USE;

/* As conf_load, from memory; `name` stands for the file in complaints. */
enum bs_err conf_parse(const char *name, struct bs_span text, const struct conf_schema *schema, void *ret_target,
                       struct conf **ret_conf, struct conf_problem *problem) BS_MUST_USE;

/*
 * For checks that a table cannot say: writes a complaint about the key at `path` ("cap.pcr",
 * "handover.files.[2].path"), with its line where the file has it. Returns BS_ERR_CONFIG.
 */
enum bs_err conf_refuse(const struct conf *conf, const char *path, struct conf_problem *problem, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

/* True when the file itself gives this key. */
bool conf_has(const struct conf *conf, const char *path);

void conf_free(struct conf *conf);

BS_DEFINE_OWN(conf, struct conf, conf_free)
