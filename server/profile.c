#include "server/profile.h"

#include "core/cert.h"
#include "core/crypto.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct profile_file {
    const char *name;
    const char *description;
    struct conf_list items;
};

static const char *const kind_words[] = { "secret", "generated", "file", "certificate", NULL };
static const char *const encoding_words[] = { "raw", "hex", NULL };

#define ITEM(name, kind, member, ...)                                                                  \
    {                                                                                                  \
        .path = (name), .type = (kind), .offset = offsetof(struct profile_item, member), ##__VA_ARGS__ \
    }
static const struct conf_key item_keys[] = {
    ITEM("name", CONF_STRING, name, .minimum = 1, .maximum = BS_ITEM_NAME_MAX, .is_required = true),
    ITEM("kind", CONF_WORD, kind, .words = kind_words, .is_required = true),
    ITEM("text", CONF_TEXT, text),
    ITEM("hex", CONF_STRING, hex, .maximum = 2 * 8192, .help = "a secret's bytes in hexadecimal"),
    ITEM("size", CONF_INTEGER, size, .minimum = 1, .maximum = PROFILE_SECRET_MAX,
         .help = "bytes of a generated secret"),
    ITEM("encoding", CONF_WORD, encoding, .words = encoding_words),
};
static const struct conf_schema item_schema = { item_keys, sizeof(item_keys) / sizeof(item_keys[0]),
                                                sizeof(struct profile_item), NULL };

#define KEY(name, kind, member, ...)                                                                   \
    {                                                                                                  \
        .path = (name), .type = (kind), .offset = offsetof(struct profile_file, member), ##__VA_ARGS__ \
    }
static const struct conf_key keys[] = {
    KEY("name", CONF_STRING, name, .minimum = 1, .maximum = PROFILE_NAME_MAX, .is_required = true),
    KEY("description", CONF_STRING, description),
    KEY("items", CONF_GROUPS, items, .maximum = BS_ITEMS_MAX, .element = &item_schema),
};
static const struct conf_schema schema = { keys, sizeof(keys) / sizeof(keys[0]), sizeof(struct profile_file), NULL };

bool profile_name_is_valid(const char *name)
{
    return strlen(name) <= PROFILE_NAME_MAX && bundle_item_name_is_valid(bs_span_of_string(name));
}

const char *profile_kind_name(enum profile_kind kind)
{
    return kind_words[kind];
}

/* What a kind needs and what it cannot have: text or hex, size, encoding. */
static const char *item_fault(const struct conf *conf, size_t index, const struct profile_item *item)
{
    char encoding[48];
    snprintf(encoding, sizeof(encoding), "items.[%zu].encoding", index);
    bool has_text = item->text != NULL, has_hex = item->hex != NULL;
    if (item->kind != PROFILE_GENERATED && (item->size > 0 || conf_has(conf, encoding)))
        return "size and encoding are for generated secrets";
    if (item->kind != PROFILE_SECRET && has_hex)
        return "hex is for secrets";
    switch ((enum profile_kind)item->kind) {
    case PROFILE_SECRET:
        if (has_text == has_hex)
            return "a secret needs either text or hex";
        return (has_text && *item->text == '\0') || (has_hex && *item->hex == '\0') ? "a secret cannot be empty" : NULL;
    case PROFILE_GENERATED:
        return has_text ? "a generated secret has no text" : NULL;
    case PROFILE_FILE:
        return has_text ? NULL : "a file needs text";
    case PROFILE_CERTIFICATE:
        return has_text ? NULL : "a certificate needs text: PEM";
    }
    return "unknown kind";
}

static const char *content_fault(const struct profile_item *item, char why[256])
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_ITEM_DATA_MAX);
    if (item->kind == PROFILE_CERTIFICATE &&
        cert_pem_decode(bs_span_of_string(item->text), "CERTIFICATE", &out) != BS_OK)
        return "the text holds no PEM certificate";
    if (item->kind == PROFILE_FILE && profile_expand(item->text, NULL, &out, why) != BS_OK)
        return why;
    uint8_t bytes[8192];
    size_t size = 0;
    bool is_bad = item->hex && bs_unhex(item->hex, bytes, sizeof(bytes), &size) != BS_OK;
    bs_wipe(bytes, sizeof(bytes));
    return is_bad ? "hex must be an even number of hexadecimal digits" : NULL;
}

/* Everything together must fit into a bundle, beside certificates and signature. */
#define PROFILE_TOTAL_MAX (96 * 1024)

static size_t size_of(const struct profile_item *item)
{
    size_t size = strlen(item->name) + 16;
    if (item->kind == PROFILE_GENERATED)
        return size + 2 * (item->size > 0 ? (size_t)item->size : 32);
    return size + strlen(item->text ? item->text : item->hex);
}

static enum bs_err check_item(const struct conf *conf, const struct profile *profile, size_t index,
                              struct conf_problem *problem)
{
    const struct profile_item *item = &profile->items[index];
    char path[48], why[256];
    snprintf(path, sizeof(path), "items.[%zu].name", index);
    if (!bundle_item_name_is_valid(bs_span_of_string(item->name)))
        return conf_refuse(conf, path, problem, "must be letters, digits, '.', '_' and '-', and not begin with a dot");
    for (size_t i = 0; i < index; i++)
        if (strcmp(profile->items[i].name, item->name) == 0)
            return conf_refuse(conf, path, problem, "is there twice");
    const char *fault = item_fault(conf, index, item);
    if (!fault)
        fault = content_fault(item, why);
    return fault ? conf_refuse(conf, path, problem, "\"%s\": %s", item->name, fault) : BS_OK;
}

enum bs_err profile_parse(struct bs_span text, struct profile *ret_profile, struct conf_problem *problem)
{
    struct profile_file file;
    BS_OWN(conf) conf = NULL;
    enum bs_err err = conf_parse("profile", text, &schema, &file, &conf, problem);
    if (err != BS_OK)
        return err;
    struct profile profile = { .name = file.name, .items = file.items.items, .item_count = file.items.count };
    if (!profile_name_is_valid(profile.name))
        return conf_refuse(conf, "name", problem,
                           "must be letters, digits, '.', '_' and '-', and not begin with a dot");
    size_t total = 0;
    for (size_t i = 0; i < profile.item_count && err == BS_OK; i++) {
        err = check_item(conf, &profile, i, problem);
        if (err == BS_OK)
            total += size_of(&profile.items[i]);
    }
    if (err == BS_OK && total > PROFILE_TOTAL_MAX)
        err = conf_refuse(conf, "items", problem, "are too large together; a device gets at most 96 KiB");
    if (err != BS_OK)
        return err;
    profile.conf = BS_TAKE(conf);
    *ret_profile = profile;
    return BS_OK;
}

void profile_free(struct profile *profile)
{
    conf_free(BS_TAKE(profile->conf));
    *profile = (struct profile){ 0 };
}
