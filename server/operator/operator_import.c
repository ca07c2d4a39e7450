/*
 * `device import`: an allow-list as CSV (RFC 4180 without line breaks in fields). The first line names the columns; the whole file is
 * taken or nothing of it.
 */
#include "server/operator/operator.h"

#include "core/text.h"
#include "server/audit.h"
#include "server/operator/operator_internal.h"
#include "server/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CSV_LINE_MAX 2048

enum column { COLUMN_EK, COLUMN_SERIAL, COLUMN_PROFILE, COLUMN_LABELS, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = { "ek_sha256", "serial", "profile", "labels" };

struct import {
    struct operator_call *call;
    struct bs_reader rest;
    size_t line;                     /* from 1 */
    enum column order[COLUMN_COUNT]; /* what stands in each column of the file */
    size_t column_count;
    char text[CSV_LINE_MAX];
    char *fields[COLUMN_COUNT]; /* of the present line, into `text` */
    size_t field_count;
    struct operator_imported result;
};

static enum bs_err fail(struct import *import, const char *what, const char *about)
{
    return operator_fail(import->call, BS_ERR_INPUT, "line %zu: %s%.80s; nothing was imported", import->line, what,
                         about);
}

/* The next line that is not empty, without its end. NOT_FOUND at the end of the file. */
static enum bs_err next_line(struct import *import)
{
    size_t length = 0;
    while (length == 0) {
        if (import->rest.left == 0)
            return BS_ERR_NOT_FOUND;
        import->line++;
        const uint8_t *end = memchr(import->rest.at, '\n', import->rest.left);
        size_t size = end ? (size_t)(end - import->rest.at) : import->rest.left;
        struct bs_span line;
        (void)!bs_read_bytes(&import->rest, size, &line);
        if (end)
            (void)!bs_read_bytes(&import->rest, 1, &(struct bs_span){ 0 });
        length = line.size > 0 && line.data[line.size - 1] == '\r' ? line.size - 1 : line.size;
        if (length >= CSV_LINE_MAX || memchr(line.data, '\0', length))
            return fail(import, "is too long, or no text", "");
        memcpy(import->text, line.data, length);
        import->text[length] = '\0';
    }
    return bs_utf8_is_valid(bs_span_of_string(import->text)) ? BS_OK : fail(import, "is not UTF-8", "");
}

/* A field begins at *at, which is moved behind its comma; quotes are taken off in place. NULL when a quote does not close. */
static char *take_field(char **at)
{
    char *start = *at, *out = start, *in = start;
    if (*in == '"') {
        for (in++; *in && !(in[0] == '"' && in[1] != '"'); in++) {
            if (in[0] == '"')
                in++;
            *out++ = *in;
        }
        if (*in != '"' || (in[1] != ',' && in[1] != '\0'))
            return NULL;
        in++;
    } else {
        while (*in && *in != ',')
            *out++ = *in++;
    }
    *at = *in ? in + 1 : NULL;
    *out = '\0';
    return start;
}

static enum bs_err split(struct import *import)
{
    char *at = import->text;
    import->field_count = 0;
    while (at) {
        if (import->field_count == COLUMN_COUNT)
            return fail(import, "has too many columns", "");
        char *field = take_field(&at);
        if (!field)
            return fail(import, "has a quote that does not close", "");
        import->fields[import->field_count++] = field;
    }
    return BS_OK;
}

static enum bs_err read_header(struct import *import)
{
    bool has_ek = false;
    enum bs_err err = next_line(import);
    if (err == BS_ERR_NOT_FOUND)
        return operator_fail(import->call, BS_ERR_INPUT, "the file is empty; its first line names the columns");
    if (err == BS_OK)
        err = split(import);
    if (err != BS_OK)
        return err;
    for (size_t i = 0; i < import->field_count; i++) {
        enum column column = 0;
        while (column < COLUMN_COUNT && strcmp(import->fields[i], column_names[column]) != 0)
            column++;
        if (column == COLUMN_COUNT)
            return fail(import, "unknown column: ", import->fields[i]);
        for (size_t k = 0; k < i; k++)
            if (import->order[k] == column)
                return fail(import, "column is there twice: ", import->fields[i]);
        import->order[i] = column;
        has_ek = has_ek || column == COLUMN_EK;
    }
    import->column_count = import->field_count;
    return has_ek ? BS_OK : fail(import, "the column ek_sha256 is missing", "");
}

static enum bs_err check_profile(struct import *import, const char *name)
{
    struct store_profile profile;
    enum bs_err err = store_profile_get(import->call->server->store, name, &profile, NULL);
    return err == BS_ERR_NOT_FOUND ? fail(import, "there is no profile ", name) : err;
}

/* Labels stand as NAME=VALUE;NAME=VALUE in the file, since a comma ends a field. */
static enum bs_err set_field(struct import *import, enum column column, char *value, struct store_device *device)
{
    size_t size = 0;
    switch (column) {
    case COLUMN_EK:
        if (bs_unhex(value, device->id, WIRE_ID_SIZE, &size) != BS_OK || size != WIRE_ID_SIZE)
            return fail(import, "ek_sha256 must be 64 hexadecimal digits, as bootseal identity prints them: ", value);
        return BS_OK;
    case COLUMN_SERIAL:
        if (strlen(value) >= sizeof(device->serial))
            return fail(import, "the serial is too long: ", value);
        strcpy(device->serial, value);
        return BS_OK;
    case COLUMN_PROFILE:
        if (*value && !profile_name_is_valid(value))
            return fail(import, "no good name of a profile: ", value);
        strcpy(device->profile, value);
        return *value ? check_profile(import, value) : BS_OK;
    case COLUMN_LABELS:
        for (char *at = value; *at; at++)
            if (*at == ';')
                *at = ',';
            else if (*at == ',')
                return fail(import, "labels are separated by semicolons: ", value);
        if (!profile_labels_are_valid(value))
            return fail(import, "labels must be NAME=VALUE;NAME=VALUE: ", value);
        strcpy(device->labels, value);
        return BS_OK;
    case COLUMN_COUNT:
        break;
    }
    return BS_ERR_INPUT;
}

/* Control characters would end up in the files that devices get, and on an operator's terminal. */
static bool is_clean(const char *text)
{
    struct bs_reader reader = BS_READER(bs_span_of_string(text));
    uint32_t character;
    bool is_valid;
    while (bs_utf8_take(&reader, &character, &is_valid))
        if (!is_valid || bs_is_control(character))
            return false;
    return true;
}

static enum bs_err read_row(struct import *import, struct store_device *ret_row)
{
    enum bs_err err = split(import);
    if (err == BS_OK && import->field_count != import->column_count)
        err = fail(import, "has another number of columns than the first line", "");
    for (size_t i = 0; i < import->field_count && err == BS_OK; i++) {
        if (!is_clean(import->fields[i]))
            return fail(import, "holds control characters", "");
        err = set_field(import, import->order[i], import->fields[i], ret_row);
    }
    if (err == BS_OK && ret_row->profile[0] == '\0')
        strcpy(ret_row->profile, import->call->server->config.default_profile);
    return err;
}

/* What it has proven and what was decided about it stays. Registering a device that waits is the approval it waits for. */
static bool merge(const struct store_device *row, struct store_device *device)
{
    struct store_device before = *device;
    if (row->serial[0])
        strcpy(device->serial, row->serial);
    if (row->profile[0])
        strcpy(device->profile, row->profile);
    if (row->labels[0])
        strcpy(device->labels, row->labels);
    if (device->status == STORE_PENDING)
        device->status = STORE_NEW;
    return device->status != before.status || strcmp(device->serial, before.serial) != 0 ||
           strcmp(device->profile, before.profile) != 0 || strcmp(device->labels, before.labels) != 0;
}

static enum bs_err put_row(struct import *import, struct store_device *row)
{
    struct store *store = import->call->server->store;
    struct store_device device;
    enum bs_err err = store_device_get(store, row->id, &device);
    if (err == BS_ERR_NOT_FOUND) {
        row->status = STORE_NEW;
        row->created = import->call->server->now();
        import->result.added++;
        err = store_device_put(store, row);
        return err == BS_OK ? OPERATOR_AUDIT(import->call, "device.import", row->id, "profile %s, serial %s",
                                             row->profile[0] ? row->profile : "(none)", row->serial)
                            : err;
    }
    if (err != BS_OK)
        return err;
    if (!merge(row, &device)) {
        import->result.unchanged++;
        return BS_OK;
    }
    import->result.changed++;
    err = store_device_put(store, &device);
    return err == BS_OK ? OPERATOR_AUDIT(import->call, "device.import", device.id, "changed: profile %s, serial %s",
                                         device.profile[0] ? device.profile : "(none)", device.serial)
                        : err;
}

static enum bs_err import_all(struct import *import)
{
    enum bs_err err = read_header(import);
    while (err == BS_OK) {
        struct store_device row = { 0 };
        err = next_line(import);
        if (err == BS_OK)
            err = read_row(import, &row);
        if (err == BS_OK)
            err = put_row(import, &row);
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err operator_device_import(struct operator_call *call, struct bs_span csv,
                                   struct operator_imported *ret_imported)
{
    struct import import = { .call = call, .rest = BS_READER(csv) };
    call->why[0] = '\0';
    enum bs_err err = store_begin(call->server->store);
    if (err != BS_OK)
        return operator_store(call, err);
    err = operator_end(call, import_all(&import));
    if (err == BS_OK)
        *ret_imported = import.result;
    return err;
}
