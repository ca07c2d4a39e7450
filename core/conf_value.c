#include "core/conf_internal.h"

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STRING_MAX 1023
#define COUNT_MAX 64
#define PCR_COUNT 24

/* "must be ... (help)" */
__attribute__((format(printf, 4, 5))) static enum bs_err refuse(struct conf_scope *scope, const struct conf_key *key,
                                                                config_setting_t *setting, const char *format, ...)
{
    char must[CONF_PROBLEM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(must, sizeof(must), format, args);
    va_end(args);

    if (key->help)
        return conf_complain(scope, setting, key->path, "must be %s (%s)", must, key->help);
    return conf_complain(scope, setting, key->path, "must be %s", must);
}

static enum bs_err read_bool(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                             void *ret_value)
{
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
        return refuse(scope, key, setting, "true or false");
    *(bool *)ret_value = config_setting_get_bool(setting) != 0;
    return BS_OK;
}

/* Hexadecimal is refused because the parser cuts it to 32 bits without a word. */
static bool get_integer(config_setting_t *setting, int64_t *ret_value)
{
    int type = config_setting_type(setting);
    if ((type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) ||
        config_setting_get_format(setting) == CONFIG_FORMAT_HEX)
        return false;
    *ret_value = type == CONFIG_TYPE_INT ? config_setting_get_int(setting) : config_setting_get_int64(setting);
    return true;
}

static enum bs_err read_integer(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                                void *ret_value)
{
    int64_t value;
    if (!get_integer(setting, &value) || value < key->minimum || value > key->maximum)
        return refuse(scope, key, setting, "a decimal number from %lld to %lld", (long long)key->minimum,
                      (long long)key->maximum);
    *(int64_t *)ret_value = value;
    return BS_OK;
}

static bool is_clean(const char *text, bool with_lines)
{
    struct bs_reader r = BS_READER(bs_span_of_string(text));
    uint32_t character;
    bool valid;

    while (bs_utf8_take(&r, &character, &valid)) {
        bool is_line = with_lines && (character == '\n' || character == '\t');
        if (!valid || (bs_is_control(character) && !is_line))
            return false;
    }
    return true;
}

static enum bs_err read_string(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                               void *ret_value)
{
    bool is_text = key->type == CONF_TEXT;
    int64_t maximum = key->maximum > 0 ? key->maximum : is_text ? CONF_SIZE_MAX : STRING_MAX;
    if (config_setting_type(setting) != CONFIG_TYPE_STRING)
        return refuse(scope, key, setting, "a string in double quotes");

    const char *text = config_setting_get_string(setting);
    int64_t length = (int64_t)strlen(text);
    if (length < key->minimum)
        return refuse(scope, key, setting, "%lld characters or more", (long long)key->minimum);
    if (length > maximum)
        return refuse(scope, key, setting, "at most %lld bytes long", (long long)maximum);
    if (!is_clean(text, is_text))
        return refuse(scope, key, setting, "UTF-8 without control characters");
    *(const char **)ret_value = text;
    return BS_OK;
}

static enum bs_err read_word(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                             void *ret_value)
{
    const char *text = config_setting_type(setting) == CONFIG_TYPE_STRING ? config_setting_get_string(setting) : "";
    char known[CONF_PATH_MAX] = "";
    for (int i = 0; key->words[i]; i++) {
        if (strcmp(text, key->words[i]) == 0) {
            *(int *)ret_value = i;
            return BS_OK;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s\"%s\"", i > 0 ? ", " : "", key->words[i]);
    }
    return refuse(scope, key, setting, "one of %s", known);
}

static enum bs_err read_mode(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                             void *ret_value)
{
    const char *text = config_setting_type(setting) == CONFIG_TYPE_STRING ? config_setting_get_string(setting) : "";
    size_t length = strlen(text);
    uint32_t mode = 0;
    if (length != 3 && length != 4)
        return refuse(scope, key, setting, "a string of octal digits such as \"0640\"");
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '7')
            return refuse(scope, key, setting, "a string of octal digits such as \"0640\"");
        mode = mode * 8 + (uint32_t)(text[i] - '0');
    }
    *(uint32_t *)ret_value = mode;
    return BS_OK;
}

/* Both [ ] and ( ) are taken: an empty or a one-element list looks the same to whoever writes it. */
static enum bs_err list_length(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                               size_t standard, size_t *ret_length)
{
    int64_t maximum = key->maximum > 0 ? key->maximum : (int64_t)standard;
    int type = config_setting_type(setting);
    if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
        return refuse(scope, key, setting, "a list in %s",
                      key->type == CONF_GROUPS ? "( { ... }, { ... } )" : "[ ... ]");

    int length = config_setting_length(setting);
    if (length < key->minimum || length > maximum)
        return refuse(scope, key, setting, "a list of %lld to %lld elements", (long long)key->minimum,
                      (long long)maximum);
    *ret_length = (size_t)length;
    return BS_OK;
}

static enum bs_err read_strings(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                                void *ret_value)
{
    const struct conf_key element = { .path = key->path, .type = CONF_STRING, .help = key->help };

    size_t count = 0;
    enum bs_err err = list_length(scope, key, setting, COUNT_MAX, &count);
    if (err != BS_OK)
        return err;
    const char **items = conf_allocate(scope->conf, count, sizeof(*items));
    if (!items)
        return BS_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        err = read_string(scope, &element, config_setting_get_elem(setting, (unsigned)i), &items[i]);
        if (err != BS_OK)
            return err;
    }
    *(struct conf_strings *)ret_value = (struct conf_strings){ items, count };
    return BS_OK;
}

static enum bs_err read_pcrs(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                             void *ret_value)
{
    size_t count = 0;
    enum bs_err err = list_length(scope, key, setting, PCR_COUNT, &count);
    if (err != BS_OK)
        return err;

    uint32_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t pcr;
        config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        if (!get_integer(element, &pcr) || pcr < 0 || pcr >= PCR_COUNT)
            return refuse(scope, key, element, "a list of PCR numbers from 0 to %d", PCR_COUNT - 1);
        if (mask & UINT32_C(1) << pcr)
            return conf_complain(scope, element, key->path, "PCR %d is named twice; name it once", (int)pcr);
        mask |= UINT32_C(1) << pcr;
    }
    *(uint32_t *)ret_value = mask;
    return BS_OK;
}

static enum bs_err read_groups(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting,
                               void *ret_value)
{
    const struct conf_schema *schema = key->element;
    size_t count = 0;
    enum bs_err err = list_length(scope, key, setting, COUNT_MAX, &count);
    if (err != BS_OK)
        return err;
    uint8_t *items = conf_allocate(scope->conf, count, schema->size);
    if (!items)
        return BS_ERR_NOMEM;

    for (size_t i = 0; i < count; i++) {
        struct conf_scope inner = { .conf = scope->conf, .schema = schema, .target = items + i * schema->size };
        inner.group = config_setting_get_elem(setting, (unsigned)i);
        if (!config_setting_is_group(inner.group))
            return refuse(scope, key, inner.group, "a list of groups { name = value; ... }");
        int length = snprintf(inner.prefix, sizeof(inner.prefix), "%s%s.[%zu].", scope->prefix, key->path, i);
        if (length < 0 || (size_t)length >= sizeof(inner.prefix))
            return conf_complain(scope, inner.group, key->path, "is nested too deeply");
        err = conf_read_scope(&inner);
        if (err != BS_OK)
            return err;
    }
    *(struct conf_list *)ret_value = (struct conf_list){ items, count };
    return BS_OK;
}

enum bs_err conf_read_value(struct conf_scope *scope, const struct conf_key *key, config_setting_t *setting)
{
    void *value = scope->target + key->offset;
    switch (key->type) {
    case CONF_BOOL:
        return read_bool(scope, key, setting, value);
    case CONF_INTEGER:
        return read_integer(scope, key, setting, value);
    case CONF_STRING:
    case CONF_TEXT:
        return read_string(scope, key, setting, value);
    case CONF_WORD:
        return read_word(scope, key, setting, value);
    case CONF_MODE:
        return read_mode(scope, key, setting, value);
    case CONF_STRINGS:
        return read_strings(scope, key, setting, value);
    case CONF_PCRS:
        return read_pcrs(scope, key, setting, value);
    case CONF_GROUPS:
        return read_groups(scope, key, setting, value);
    }
    return BS_ERR_CONFIG;
}
